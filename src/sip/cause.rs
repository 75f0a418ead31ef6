//! Why the telephone network or a PBX ended a call, as the Reason header says it (RFC 3326) by the numbers of ITU-T Q.850.

use super::message::Message;
use super::name::Name;
use super::value::{Params, decimal};

/// The Q.850 cause that a message names first; `None`: it names none that can be read.
pub fn q850(message: &Message) -> Option<u8> {
    let causes = message.elements(Name::Reason).filter_map(|element| {
        let (protocol, params) = element.split_at(element.iter().position(|byte| *byte == b';')?);
        let is_q850 = protocol.trim_ascii().eq_ignore_ascii_case(b"Q.850");
        decimal(Params::find(params, "cause").filter(|_| is_q850)?)
    });
    causes.filter_map(|cause| u8::try_from(cause).ok()).next()
}

/// True when the cause says that calls do not reach the device: unallocated number, no route to it, subscriber absent, or out of
/// order.
pub const fn is_absence(cause: u8) -> bool {
    matches!(cause, 1 | 3 | 20 | 27)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn cause(lines: &str) -> Option<u8> {
        let text = format!("SIP/2.0 480 Gone\r\nCall-ID: a\r\n{lines}\r\n");
        q850(&Message::parse(Bytes::from(text)).unwrap())
    }

    #[test]
    fn the_first_q850_cause_is_read() {
        assert_eq!(cause("Reason: Q.850;cause=20\r\n"), Some(20));
        assert_eq!(cause("reason: q.850 ; cause=3;text=\"No route; to, it\"\r\n"), Some(3));
        assert_eq!(cause("Reason: SIP;cause=480;text=\"a, b\", Q.850;cause=19\r\n"), Some(19));
        assert_eq!(cause("Reason: SIP;cause=480\r\nReason: Q.850;text=\"x\";cause=27\r\n"), Some(27));
    }

    #[test]
    fn what_cannot_be_read_is_no_cause() {
        for lines in ["", "Reason: SIP;cause=20\r\n", "Reason: Q.850\r\n", "Reason: Q.850;cause=606\r\n"] {
            assert_eq!(cause(lines), None, "{lines}");
        }
        for lines in ["Reason: \r\n", "Reason: Q.850;cause=-1\r\n", "Reason: Q.850;cause=\"20\r\n"] {
            assert_eq!(cause(lines), None, "{lines}");
        }
    }
}
