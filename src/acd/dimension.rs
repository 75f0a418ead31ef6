//! By what figures tell contacts apart beside their queue: the group of the called number, its campaign, the caller's region,
//! the trunk. Resolved once, when the contact comes, into small numbers; who keeps figures has the names. The engine carries
//! them and decides nothing by them. No number of a person is among them.

/// What contacts are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimension {
    /// The group of the called number (DNIS group).
    Number,
    /// The campaign, or advertising medium, that the called number belongs to.
    Campaign,
    /// The region that the caller's number is of.
    Region,
    /// The neighbour that the call came from.
    Trunk,
}

impl Dimension {
    /// Every dimension, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Number, Self::Campaign, Self::Region, Self::Trunk];

    /// The name of its label in metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Number => "dnis_group",
            Self::Campaign => "campaign",
            Self::Region => "region",
            Self::Trunk => "trunk",
        }
    }

    /// The word for it in questions.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Campaign => "campaign",
            Self::Region => "region",
            Self::Trunk => "trunk",
        }
    }

    /// What stands where a contact has no value: a number in no campaign, a caller of whom no region is known.
    pub const fn none(self) -> &'static str {
        match self {
            Self::Number | Self::Campaign | Self::Trunk => "",
            Self::Region => "unknown",
        }
    }
}

/// A value of a dimension: 0 is none, the others are given in the order in which names come, and never to another name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ValueId(pub u16);

/// The values of one contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Dimensions([ValueId; Dimension::ALL.len()]);

impl Dimensions {
    /// The same with another value of one dimension.
    pub const fn with(mut self, dimension: Dimension, value: ValueId) -> Self {
        self.0[dimension as usize] = value;
        self
    }

    /// The value of a dimension.
    pub const fn of(self, dimension: Dimension) -> ValueId {
        self.0[dimension as usize]
    }
}
