//! [`Glance`]: the little of a datagram that tells whose it is, read from its first lines by the same rules as
//! [`Message`](super::message::Message), which reads all of them. A datagram that is only passed on, or that is refused
//! unread, costs no more than this.

use super::message::{Start, first_line, header, header_end, start};
use super::name::{Method, Name};
use super::value::{NameAddr, Via, split_commas};
use crate::base::limits::{HEADERS_MAX, MESSAGE_BYTES_MAX};

/// See the module. What it says of a message that [`check`](super::check::check) refuses may be less than a message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Glance<'a> {
    /// A request.
    Request {
        /// Its method.
        method: Method,
        /// The tag of To.
        to_tag: Option<&'a [u8]>,
        /// The Call-ID.
        call_id: Option<&'a [u8]>,
        /// Of an INVITE: the dialog that it says it replaces (RFC 3891), as written.
        replaces: Option<&'a [u8]>,
    },
    /// A response.
    Response {
        /// The branch of the topmost Via, when that can be read.
        branch: Option<&'a [u8]>,
    },
}

impl<'a> Glance<'a> {
    /// Looks at a datagram; `None` for what is no SIP message.
    pub fn new(raw: &'a [u8]) -> Option<Self> {
        if raw.len() > MESSAGE_BYTES_MAX {
            return None;
        }
        let (begin, end, after) = first_line(raw).ok()?;
        Some(match start(raw, begin, end).ok()?.0 {
            Start::Request { method, .. } => {
                let [to, call_id, replaces] = if method == Method::Invite {
                    // Hardly any has it: all lines are looked at.
                    values(raw, after, b"tcir", [Name::To, Name::CallId, Name::Replaces])
                } else {
                    let [to, call_id] = values(raw, after, b"tci", [Name::To, Name::CallId]);
                    [to, call_id, None]
                };
                let to_tag = to.and_then(NameAddr::parse).and_then(|to| to.tag());
                Self::Request { method, to_tag, call_id, replaces }
            }
            Start::Response { .. } => {
                let [via] = values(raw, after, b"v", [Name::Via]);
                let via = Via::parse(split_commas(via.unwrap_or_default()).next().unwrap_or_default());
                Self::Response { branch: via.and_then(|via| via.branch) }
            }
        })
    }
}

/// The values of the first lines of these names, from `at` on; `letters` begin them, long or compact.
fn values<'a, const N: usize>(raw: &'a [u8], mut at: usize, letters: &[u8], names: [Name; N]) -> [Option<&'a [u8]>; N] {
    let mut found = [None; N];
    for _ in 0..HEADERS_MAX {
        if at >= raw.len() || found.iter().all(Option::is_some) {
            break;
        }
        let (end, next) = header_end(raw, at);
        if end == at {
            break;
        }
        if letters.contains(&(raw[at] | 0x20))
            && let Some(line) = header(raw, at, end)
            && let Some(place) = names.iter().position(|name| *name == line.name)
        {
            found[place] = found[place].or_else(|| Some(line.value.of(raw)));
        }
        at = next;
    }
    found
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::base::Rng;
    use crate::sip::message::Message;

    const REQUEST: &str = "INVITE sip:800@acd SIP/2.0\r\nv: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1 , SIP/2.0/UDP h\r\n\
                           Via: SIP/2.0/UDP g\r\nFrom: \"To: ;tag=0\" <sip:a@b>;tag=1\r\n\
                           t : \"A \\\"B\\\" <;tag=2\" <sip:800@acd;tag=3>\r\n ;x=y;TAG=4\r\nTo: <sip:c>;tag=5\r\n\
                           Call-ID:\r\n  one@two \r\ni: three\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\nTo: no";
    const RESPONSE: &str = "SIP/2.0 200 OK\nVia: SIP/2.0/UDP 192.0.2.2\n\t;rport;branch=z9hG4bK2\n\
                            To: <sip:a@b>;tag=1\nCSeq: 1 BYE\n\n";

    /// What a message says, in the words of a glance.
    fn of_message(message: &Message) -> Glance<'_> {
        match message.is_request() {
            true => {
                let (method, to_tag, call_id) = (message.method(), message.to_tag(), message.call_id());
                let replaces = message.value(Name::Replaces).filter(|_| method == Method::Invite);
                Glance::Request { method, to_tag, call_id, replaces }
            }
            false => Glance::Response { branch: message.top_via().and_then(|via| via.branch) },
        }
    }

    #[test]
    fn what_is_seen_is_what_a_message_says() {
        let seen = Glance::new(REQUEST.as_bytes()).unwrap();
        let (to_tag, call_id) = (Some(&b"4"[..]), Some(&b"one@two"[..]));
        assert_eq!(seen, Glance::Request { method: Method::Invite, to_tag, call_id, replaces: None });
        assert_eq!(Glance::new(RESPONSE.as_bytes()), Some(Glance::Response { branch: Some(b"z9hG4bK2") }));
    }

    /// Bytes taken out, put in, doubled and changed: the two readers agree on all that is not refused anyway.
    #[test]
    fn it_agrees_with_the_whole_reader_on_damaged_messages() {
        let mut rng = Rng::from_u64(7);
        let marks = b"\r\n :;,<>\"\\=tTvVi\t";
        let mut compared = 0;
        for round in 0..20_000 {
            let mut text = if round % 2 == 0 { REQUEST } else { RESPONSE }.as_bytes().to_vec();
            for _ in 0..=rng.below(3) {
                let at = rng.below(text.len() as u32) as usize;
                let mark = marks[rng.below(marks.len() as u32) as usize];
                match rng.below(8) {
                    0..3 => drop(text.remove(at)),
                    3..5 => text.insert(at, mark),
                    5..7 => text[at] = mark,
                    _ => text.truncate(at.max(1)),
                }
                text.push(b'.');
            }
            match Message::parse(Bytes::from(text.clone())) {
                Ok(message) if message.is_crowded() || message.has_stray_line() => {}
                Ok(message) => {
                    compared += 1;
                    assert_eq!(Glance::new(&text), Some(of_message(&message)), "{}", String::from_utf8_lossy(&text));
                }
                Err(_) => assert_eq!(Glance::new(&text), None, "{}", String::from_utf8_lossy(&text)),
            }
        }
        assert!(compared > 10_000, "{compared}");
    }

    #[test]
    fn it_looks_at_no_more_lines_than_a_message_may_have() {
        let crowd = format!("BYE sip:a SIP/2.0\r\n{}To: <sip:a>;tag=1\r\n\r\n", "X: y\r\n".repeat(HEADERS_MAX));
        let nothing = Glance::Request { method: Method::Bye, to_tag: None, call_id: None, replaces: None };
        assert_eq!(Glance::new(crowd.as_bytes()), Some(nothing));
        assert_eq!(Glance::new(&vec![b'a'; MESSAGE_BYTES_MAX + 1]), None);
        assert_eq!((Glance::new(b""), Glance::new(b"\r\n\r\n"), Glance::new(b"hello")), (None, None, None));
    }
}
