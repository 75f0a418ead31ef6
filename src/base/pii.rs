//! [`Pii`]: a value that tells who a person is (a caller's number, a URI). Printing masks it; reading it is a visible act.

use std::fmt;

/// A personal value. `Display` and `Debug` mask it; [`Pii::expose`] gives it, and is easy to search for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Pii<T>(T);

impl<T> Pii<T> {
    /// Wraps a personal value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself, for the wire and for those whose role allows it.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: AsRef<str>> fmt::Display for Pii<T> {
    /// The first three characters and the count of the rest: enough to tell calls apart by region, not by person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.as_ref();
        let count = text.chars().count();
        if count <= 4 {
            return f.write_str("***");
        }
        for c in text.chars().take(3) {
            write!(f, "{c}")?;
        }
        write!(f, "***({})", count - 3)
    }
}

impl<T> fmt::Debug for Pii<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pii(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printing_masks_the_value() {
        let number = Pii::new("+8613800138000".to_string());
        assert_eq!(number.to_string(), "+86***(11)");
        assert_eq!(format!("{number:?}"), "Pii(***)");
        assert_eq!(Pii::new("1001".to_string()).to_string(), "***");
        assert_eq!(number.expose(), "+8613800138000");
    }
}
