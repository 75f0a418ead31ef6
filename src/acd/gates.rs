//! [`Gates`]: which groups of a hall are held back for now. Its ordinary members come in as they are; those in reserve and
//! those of another queue stand behind a gate, open or closed for all of them at once. A gate that turns costs what stands
//! behind it, and nothing else in the hall is looked at.

use std::collections::BTreeMap;

use crate::acd::bits::Bits;
use crate::base::QueueId;

/// How the agents of a group come to a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    /// They belong to it.
    Own,
    /// They belong to it, in reserve.
    Reserve,
    /// This queue lends them.
    Lent(QueueId),
}

impl Way {
    pub(super) const fn is_lent(self) -> bool {
        match self {
            Self::Lent(_) => true,
            Self::Own | Self::Reserve => false,
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Gates {
    /// By group.
    ways: Vec<Way>,
    gates: BTreeMap<Way, Gate>,
    /// Groups behind a closed gate.
    closed: Bits,
}

#[derive(Debug, Default)]
struct Gate {
    is_open: bool,
    groups: Vec<usize>,
}

impl Gates {
    /// One more group.
    pub(super) fn add_group(&mut self, way: Way) {
        let group = self.ways.len();
        self.ways.push(way);
        if way != Way::Own {
            let gate = self.gates.entry(way).or_default();
            gate.groups.push(group);
            self.closed.put(group, !gate.is_open);
        }
    }

    /// Opens or closes a gate.
    pub(super) fn turn(&mut self, way: Way, open: bool) {
        let gate = self.gates.entry(way).or_default();
        gate.is_open = open;
        for &group in &gate.groups {
            self.closed.put(group, !open);
        }
    }

    /// The groups behind a gate, by number.
    pub(super) fn behind(&self, way: Way, index: usize) -> Option<usize> {
        self.gates.get(&way)?.groups.get(index).copied()
    }

    /// True when the gate is so, or nobody stands behind it.
    pub(super) fn is_turned(&self, way: Way, open: bool) -> bool {
        self.gates.get(&way).is_none_or(|gate| {
            let is_held = |group: &usize| self.closed.has(*group) != open;
            gate.groups.is_empty() || (gate.is_open == open && gate.groups.iter().all(is_held))
        })
    }

    pub(super) fn is_open(&self, group: usize) -> bool {
        !self.closed.has(group)
    }

    pub(super) fn way(&self, group: usize) -> Way {
        self.ways[group]
    }
}
