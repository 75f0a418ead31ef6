//! The parameters of a digest challenge or of credentials, `Digest name=value, ...`, read in place (RFC 3261 25.1, RFC 7616
//! 3.3 and 3.4).

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::sip::value::{split_commas, unquote};

/// More parameters than these no side sends.
const FIELDS_MAX: usize = 32;

/// The parameters in their order; values still quoted.
#[derive(Debug, Clone)]
pub(super) struct Fields<'a>(SmallVec<[(&'a [u8], &'a [u8]); 12]>);

/// The value is of the Digest scheme, and cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unreadable;

impl<'a> Fields<'a> {
    /// Reads a header field's value; `None` when it is of another scheme.
    pub(super) fn parse(value: &'a [u8]) -> Result<Option<Self>, Unreadable> {
        let value = value.trim_ascii();
        let space = value.iter().position(u8::is_ascii_whitespace).unwrap_or(value.len());
        let (scheme, rest) = value.split_at(space);
        if !scheme.eq_ignore_ascii_case(b"Digest") {
            return Ok(None);
        }
        let mut fields = SmallVec::new();
        for element in split_commas(rest) {
            let equals = memchr::memchr(b'=', element).ok_or(Unreadable)?;
            let (name, value) = (element[..equals].trim_ascii(), element[equals + 1..].trim_ascii());
            let repeated = fields.iter().any(|(known, _): &(&[u8], &[u8])| known.eq_ignore_ascii_case(name));
            // A quoted text ends where its element does, and the other way round.
            let quotes = (value.first() == Some(&b'"'), value.len() > 1 && value.last() == Some(&b'"'));
            if name.is_empty() || repeated || quotes.0 != quotes.1 || fields.len() == FIELDS_MAX {
                return Err(Unreadable);
            }
            fields.push((name, value));
        }
        Ok(Some(Self(fields)))
    }

    /// The value of a parameter, without quotes.
    pub(super) fn get(&self, name: &str) -> Option<Cow<'a, [u8]>> {
        let known = self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()));
        known.map(|(_, value)| unquote(value))
    }

    /// True when the parameter is there and says this, in any letter case.
    pub(super) fn says(&self, name: &str, text: &str) -> bool {
        self.get(name).is_some_and(|value| value.eq_ignore_ascii_case(text.as_bytes()))
    }
}
