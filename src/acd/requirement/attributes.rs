//! [`Attributes`]: what a call brings (its tier, a level, a language), by name, for requirements to ask about.

use std::fmt;
use std::sync::Arc;

use crate::base::limits::ATTRIBUTES_MAX;

/// The attributes of one call, sorted by name. Cheap to copy when shared behind an `Arc`; ordered, so that it can be a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Attributes(Vec<(Arc<str>, Value)>);

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// A whole number.
    Number(i64),
    /// Any other text.
    Text(Arc<str>),
}

impl Attributes {
    /// Sets an attribute; an earlier value is replaced. False, and nothing is changed, when there are
    /// [`ATTRIBUTES_MAX`] others already.
    pub fn set(&mut self, name: Arc<str>, value: Value) -> bool {
        match self.0.binary_search_by(|(other, _)| other.cmp(&name)) {
            Ok(at) => self.0[at].1 = value,
            Err(_) if self.0.len() >= ATTRIBUTES_MAX => return false,
            Err(at) => self.0.insert(at, (name, value)),
        }
        true
    }

    /// The value of an attribute.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let at = self.0.binary_search_by(|(other, _)| (**other).cmp(name)).ok()?;
        Some(&self.0[at].1)
    }

    /// All of them in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Value)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    /// True when the call brings none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(Arc<str>, Value)> for Attributes {
    /// Takes the first [`ATTRIBUTES_MAX`] names.
    fn from_iter<I: IntoIterator<Item = (Arc<str>, Value)>>(entries: I) -> Self {
        let mut attributes = Self::default();
        for (name, value) in entries {
            attributes.set(name, value);
        }
        attributes
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Value {
    /// A text that is a whole number is a number: what comes in a header has no other way to say so.
    fn from(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::Text(text.into()), Self::Number)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_of_a_name_counts_and_names_are_bounded() {
        let mut attributes = Attributes::default();
        assert!(attributes.set("tier".into(), "gold".into()));
        assert!(attributes.set("tier".into(), "7".into()));
        assert_eq!(attributes.get("tier"), Some(&Value::Number(7)));
        for n in 1..ATTRIBUTES_MAX {
            assert!(attributes.set(format!("n{n}").into(), Value::Number(0)));
        }
        assert!(!attributes.set("more".into(), Value::Number(0)));
        assert!(attributes.set("tier".into(), Value::Number(8)), "a known name may change at the bound");
        assert_eq!(attributes.get("more"), None);
        assert_eq!(attributes.iter().count(), ATTRIBUTES_MAX);
    }
}
