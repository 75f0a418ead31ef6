//! [`Residual`]: what is left of a requirement when a call's attributes are filled in, over skills only and in a normal form,
//! so that equal ones can be kept once.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::attributes::{Attributes, Value};
use super::expression::{Bound, Node, Operator, Requirement};
use super::skills::LEVEL_MAX;

/// A condition on an agent's skills. In normal form: negation is pushed into the levels, lists are flat, sorted and without
/// constants, and speak of each skill once at their own level. Equal up to order and spelling means equal as a value; two
/// conditions may still mean the same and differ (`a && (a || b)` is not folded into `a`). Printed, it reads back to an equal
/// one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Residual {
    /// Nobody fits.
    Never,
    /// Everybody fits.
    Always,
    /// The level of one skill is among these.
    Skill(Arc<str>, Levels),
    /// All of two or more.
    All(Vec<Self>),
    /// Any of two or more.
    Any(Vec<Self>),
}

/// A set of levels, 0 to [`LEVEL_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Levels(u16);

impl Levels {
    const ALL: Self = Self((1 << (LEVEL_MAX + 1)) - 1);

    /// True when the level is among them.
    pub const fn contains(self, level: u8) -> bool {
        self.0 >> level & 1 == 1
    }

    pub(super) const fn bits(self) -> u16 {
        self.0
    }

    fn which(operator: Operator, bound: i64) -> Self {
        let bits = (0..=LEVEL_MAX).filter(|level| operator.holds(i64::from(*level), bound));
        Self(bits.fold(0, |bits, level| bits | 1 << level))
    }

    const fn opposite(self) -> Self {
        Self(Self::ALL.0 & !self.0)
    }

    /// The ranges it consists of, first and last level, in order.
    fn ranges(self) -> Vec<(u8, u8)> {
        let mut ranges: Vec<(u8, u8)> = Vec::new();
        for level in (0..=LEVEL_MAX).filter(|level| self.contains(*level)) {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == level => *last = level,
                Some(_) | None => ranges.push((level, level)),
            }
        }
        ranges
    }
}

/// A part of a requirement that an agent does not meet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Unmet {
    /// The part.
    pub part: Residual,
    /// The agent's level, where the part asks for one skill.
    pub level: Option<u8>,
}

/// Parts named at most when an agent does not fit: enough to see why.
const UNMET_MAX: usize = 8;

impl Requirement {
    /// Fills in the attributes of a call.
    pub fn residual(&self, attributes: &Attributes) -> Residual {
        residual(&self.root, attributes, true)
    }
}

impl Residual {
    /// True when an agent with these levels fits; the plain reading, for questions that are not hot.
    pub fn holds(&self, level: &impl Fn(&str) -> u8) -> bool {
        match self {
            Self::Never => false,
            Self::Always => true,
            Self::Skill(name, levels) => levels.contains(level(name)),
            Self::All(parts) => parts.iter().all(|part| part.holds(level)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(level)),
        }
    }

    /// The first parts that an agent with these levels does not meet; empty when it fits.
    pub fn why_not(&self, level: &impl Fn(&str) -> u8) -> Vec<Unmet> {
        let parts = if let Self::All(parts) = self { parts.as_slice() } else { std::slice::from_ref(self) };
        let unmet = parts.iter().filter(|part| !part.holds(level)).take(UNMET_MAX);
        let describe = |part: &Self| Unmet {
            part: part.clone(),
            level: if let Self::Skill(name, _) = part { Some(level(name)) } else { None },
        };
        unmet.map(describe).collect()
    }
}

/// `node` when `wanted`, else its opposite.
fn residual(node: &Node, attributes: &Attributes, wanted: bool) -> Residual {
    let constant = |value: bool| if value == wanted { Residual::Always } else { Residual::Never };
    match node {
        Node::Constant(value) => constant(*value),
        Node::Skill { name, operator, level } => {
            let bound = match level {
                Bound::Fixed(level) => Some(i64::from(*level)),
                Bound::Attribute(from) => number(attributes, from),
            };
            let Some(bound) = bound else { return constant(*operator == Operator::Unequal) };
            let levels = Levels::which(*operator, bound);
            skill(name, if wanted { levels } else { levels.opposite() })
        }
        Node::Number { name, operator, value } => constant(
            number(attributes, name).map_or(*operator == Operator::Unequal, |number| operator.holds(number, *value)),
        ),
        Node::Text { name, equal, value } => constant(is_text(attributes.get(name), value) == *equal),
        Node::Given { name } => constant(attributes.get(name).is_some()),
        Node::Not(inner) => residual(inner, attributes, !wanted),
        Node::All(parts) | Node::Any(parts) => {
            let parts = parts.iter().map(|part| residual(part, attributes, wanted)).collect();
            let is_all = matches!(node, Node::All(_)) == wanted;
            if is_all { all(parts) } else { any(parts) }
        }
    }
}

fn number(attributes: &Attributes, name: &str) -> Option<i64> {
    match attributes.get(name)? {
        Value::Number(number) => Some(*number),
        Value::Text(_) => None,
    }
}

/// A number that is compared with a text is taken as it is written.
fn is_text(value: Option<&Value>, text: &str) -> bool {
    match value {
        Some(Value::Text(value)) => **value == *text,
        Some(Value::Number(number)) => number.to_string() == text,
        None => false,
    }
}

fn skill(name: &Arc<str>, levels: Levels) -> Residual {
    match levels {
        Levels(0) => Residual::Never,
        Levels::ALL => Residual::Always,
        some => Residual::Skill(Arc::clone(name), some),
    }
}

fn all(parts: Vec<Residual>) -> Residual {
    let flat = parts.into_iter().flat_map(|part| if let Residual::All(inner) = part { inner } else { vec![part] });
    normal(flat.collect(), &Residual::Never, &Residual::Always, |a, b| Levels(a.0 & b.0), Residual::All)
}

fn any(parts: Vec<Residual>) -> Residual {
    let flat = parts.into_iter().flat_map(|part| if let Residual::Any(inner) = part { inner } else { vec![part] });
    normal(flat.collect(), &Residual::Always, &Residual::Never, |a, b| Levels(a.0 | b.0), Residual::Any)
}

/// The list without constants, each skill once, sorted. `decides` makes the whole list itself, `nothing` says nothing in it.
fn normal(
    parts: Vec<Residual>,
    decides: &Residual,
    nothing: &Residual,
    merge: fn(Levels, Levels) -> Levels,
    list: fn(Vec<Residual>) -> Residual,
) -> Residual {
    let mut skills: BTreeMap<Arc<str>, Levels> = BTreeMap::new();
    let mut others = Vec::new();
    for part in parts {
        if let Residual::Skill(name, levels) = part {
            skills.entry(name).and_modify(|held| *held = merge(*held, levels)).or_insert(levels);
        } else {
            others.push(part);
        }
    }
    others.extend(skills.iter().map(|(name, levels)| skill(name, *levels)));
    if others.contains(decides) {
        return decides.clone();
    }
    others.retain(|part| part != nothing);
    others.sort();
    others.dedup();
    match (others.pop(), others.is_empty()) {
        (None, _) => nothing.clone(),
        (Some(only), true) => only,
        (Some(last), false) => {
            others.push(last);
            list(others)
        }
    }
}

impl fmt::Display for Residual {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("false"),
            Self::Always => f.write_str("true"),
            Self::Skill(name, levels) => f.write_str(&describe(name, *levels, false)),
            Self::All(parts) => join(f, parts, " && "),
            Self::Any(parts) => join(f, parts, " || "),
        }
    }
}

fn join(f: &mut fmt::Formatter<'_>, parts: &[Residual], between: &str) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        f.write_str(if index > 0 { between } else { "" })?;
        match part {
            Residual::Skill(name, levels) => f.write_str(&describe(name, *levels, true))?,
            Residual::All(_) | Residual::Any(_) => write!(f, "({part})")?,
            Residual::Never | Residual::Always => write!(f, "{part}")?,
        }
    }
    Ok(())
}

/// The shortest comparisons that say which levels; in parentheses when there are several and they are `inside` of others.
fn describe(name: &str, levels: Levels, inside: bool) -> String {
    let without = levels.opposite().ranges();
    let range = |(first, last): &(u8, u8)| match (*first, *last) {
        (0, 0) => format!("!{name}"),
        (1, LEVEL_MAX) => name.to_string(),
        (first, last) if first == last => format!("{name} == {first}"),
        (0, last) => format!("{name} <= {last}"),
        (first, LEVEL_MAX) => format!("{name} >= {first}"),
        (first, last) => format!("{name} >= {first} && {name} <= {last}"),
    };
    let (parts, between) = match without.as_slice() {
        [(first, last)] if first == last && *first > 0 => (vec![format!("{name} != {first}")], ""),
        _ => (levels.ranges().iter().map(range).collect::<Vec<_>>(), " || "),
    };
    let several = parts.len() > 1;
    let wrap = |part: String| if several && part.contains("&&") { format!("({part})") } else { part };
    let text = parts.into_iter().map(wrap).collect::<Vec<_>>().join(between);
    if inside && (several || text.contains("&&")) { format!("({text})") } else { text }
}
