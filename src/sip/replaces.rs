//! Replaces (RFC 3891 6.1): the dialog whose place a new call is to take, as whoever is called sees it. Read in place; written
//! again only from what was read, so that nothing else gets into a message of ours.

use super::value::Params;

/// The dialog that a Replaces value names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replaces<'a> {
    /// Its Call-ID.
    pub call_id: &'a [u8],
    /// The tag of whoever is asked to replace it.
    pub to_tag: &'a [u8],
    /// The tag of the other end.
    pub from_tag: &'a [u8],
    /// Only while it is not answered.
    pub early_only: bool,
}

impl<'a> Replaces<'a> {
    /// Reads a value: Call-ID, both tags, and what the RFC does not know is passed over. `None` when a part is missing or holds
    /// what no Call-ID and no tag may hold.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let end = memchr::memchr(b';', value)?;
        let (call_id, params) = (value[..end].trim_ascii(), &value[end..]);
        let tag = |name| Params::find(params, name).filter(|tag| is_word(tag));
        let early_only = Params::find(params, "early-only").is_some();
        is_word(call_id).then_some(())?;
        Some(Self { call_id, to_tag: tag("to-tag")?, from_tag: tag("from-tag")?, early_only })
    }

    /// The header's value.
    pub fn write(&self) -> Vec<u8> {
        let early: &[u8] = if self.early_only { b";early-only" } else { b"" };
        [self.call_id, b";to-tag=", self.to_tag, b";from-tag=", self.from_tag, early].concat()
    }
}

/// One word of what Call-IDs and tags are made of.
fn is_word(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b';' | b','))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialog_is_named_by_its_call_id_and_both_tags() {
        let value = b"12adf2f34456gs5@192.0.2.9 ; x=y;from-tag=6472 ;To-Tag=12345;early-only";
        let read = Replaces::parse(value).unwrap();
        assert_eq!((read.call_id, read.to_tag), (&b"12adf2f34456gs5@192.0.2.9"[..], &b"12345"[..]));
        assert_eq!((read.from_tag, read.early_only), (&b"6472"[..], true));
        assert_eq!(read.write(), b"12adf2f34456gs5@192.0.2.9;to-tag=12345;from-tag=6472;early-only");
        assert_eq!(Replaces::parse(&read.write()), Some(read));
    }

    #[test]
    fn what_lacks_a_part_or_would_break_a_line_is_no_dialog() {
        let values: [&[u8]; 9] = [
            b"",
            b"a@b",
            b"a@b;to-tag=1",
            b"a@b;from-tag=1",
            b";to-tag=1;from-tag=2",
            b"a@b;to-tag=;from-tag=2",
            b"a b;to-tag=1;from-tag=2",
            b"a@b;to-tag=1\r\nX: y;from-tag=2",
            b"a@b,c@d;to-tag=1;from-tag=2",
        ];
        for value in values {
            assert_eq!(Replaces::parse(value), None, "{}", String::from_utf8_lossy(value));
        }
    }
}
