//! What a datagram is, told from its bytes without reading the message: no more work for what may be refused.

/// A look at a datagram.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peek<'a> {
    pub(super) kind: Kind,
    /// The top Via's line, which has the branch; everything when it stands behind To.
    via: &'a [u8],
}

/// What a datagram is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A response, or a request inside a dialog.
    Within,
    /// An INVITE that begins a call.
    Call,
    /// The CANCEL of one, which must not overtake it.
    Cancel,
    /// Another request outside any dialog: OPTIONS ... and what is no SIP.
    Opening,
}

impl<'a> Peek<'a> {
    /// In doubt (a folded or repeated To) a request counts as one inside a dialog, which is harmless.
    pub(super) fn new(payload: &'a [u8]) -> Self {
        if payload.starts_with(b"SIP/2.0 ") {
            return Self { kind: Kind::Within, via: payload };
        }
        let (to, via) = lines(payload);
        let kind = if to.is_some_and(has_tag) {
            Kind::Within
        } else if payload.starts_with(b"INVITE ") {
            Kind::Call
        } else if payload.starts_with(b"CANCEL ") {
            Kind::Cancel
        } else {
            Kind::Opening
        };
        Self { kind, via: via.unwrap_or(payload) }
    }

    /// A number that a repeated request has again and another hardly. The hash has no key: who finds two calls with one mark
    /// has but one of his own calls turned away.
    pub(super) fn mark(&self) -> u64 {
        let (words, rest) = self.via.as_chunks::<8>();
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        let words = words.iter().chain([&last]);
        words.fold(0, |hash: u64, word| mix(hash ^ u64::from_le_bytes(*word)))
    }
}

/// Spreads every bit over the upper ones (the finalizer of MurmurHash3, cut to what the fold needs).
const fn mix(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 29)
}

/// The lines of To and of the first Via, this one only when it stands before To.
fn lines(payload: &[u8]) -> (Option<&[u8]>, Option<&[u8]>) {
    let mut rest = payload;
    let mut via = None;
    while let Some(end) = memchr::memchr(b'\n', rest) {
        rest = &rest[end + 1..];
        match rest {
            [b't' | b'T', b'o' | b'O', after @ ..] | [b't' | b'T', after @ ..] if is_value(after) => {
                return (Some(line(rest)), via);
            }
            [b'v' | b'V', b'i' | b'I', b'a' | b'A', after @ ..] | [b'v' | b'V', after @ ..]
                if via.is_none() && is_value(after) =>
            {
                via = Some(line(rest));
            }
            _ => {}
        }
    }
    (None, via)
}

/// Whether a header's name has ended here.
fn is_value(after_name: &[u8]) -> bool {
    after_name.trim_ascii_start().starts_with(b":")
}

fn line(rest: &[u8]) -> &[u8] {
    &rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len())]
}

fn has_tag(line: &[u8]) -> bool {
    memchr::memchr_iter(b';', line).any(|at| line[at..].len() >= 5 && line[at..at + 5].eq_ignore_ascii_case(b";tag="))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(payload: &[u8]) -> Kind {
        Peek::new(payload).kind
    }

    #[test]
    fn a_new_call_is_told_by_its_first_line_and_the_missing_tag() {
        assert_eq!(kind(b"INVITE sip:x SIP/2.0\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:x>\r\n\r\n"), Kind::Call);
        assert_eq!(kind(b"INVITE sip:x SIP/2.0\r\nTimestamp: 1\r\nt : <sip:x>\r\n"), Kind::Call);
        assert_eq!(kind(b"INVITE sip:x SIP/2.0\r\nTo: <sip:x>;a=b;TAG=2\r\n"), Kind::Within);
        assert_eq!(kind(b"SIP/2.0 200 OK\r\nTo: <sip:x>\r\n"), Kind::Within);
        assert_eq!(kind(b"BYE sip:x SIP/2.0\r\nTo: <sip:x>;tag=2\r\n"), Kind::Within);
        assert_eq!(kind(b"CANCEL sip:x SIP/2.0\r\nTo: <sip:x>\r\n"), Kind::Cancel);
        assert_eq!(kind(b"OPTIONS sip:x SIP/2.0\r\nTo: <sip:x>\r\n"), Kind::Opening);
        assert_eq!((kind(b"INVITE"), kind(b""), kind(b"\r\n\r\n")), (Kind::Opening, Kind::Opening, Kind::Opening));
        assert_eq!(kind(b"INVITE sip:x SIP/2.0\r\n"), Kind::Call);
    }

    #[test]
    fn a_repeat_has_the_same_mark_and_another_branch_has_not() {
        let mark = |via: &str, to: &str| {
            let text = format!("INVITE sip:x SIP/2.0\r\n{via}\r\nTo: <sip:{to}>\r\nv: SIP/2.0/UDP z\r\n\r\n");
            Peek::new(text.as_bytes()).mark()
        };
        let of = |via| mark(via, "x");
        assert_eq!(of("Via: SIP/2.0/UDP a;branch=z9hG4bK1"), of("Via: SIP/2.0/UDP a;branch=z9hG4bK1"));
        assert_eq!(of("v: a;branch=1"), mark("v: a;branch=1", "y"), "of the top Via alone");
        assert_ne!(of("Via: SIP/2.0/UDP a;branch=z9hG4bK1"), of("Via: SIP/2.0/UDP a;branch=z9hG4bK2"));
        assert_ne!(of("X: 1"), of("X: 2"), "without a Via before To everything counts");
    }
}
