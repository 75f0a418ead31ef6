//! Cuts the bytes of a stream connection into SIP messages (RFC 3261 18.3): header lines up to the empty one, then as many bytes
//! of body as Content-Length says. A pure machine: bytes in, messages out. It never holds more than one message and what was
//! read behind it; whatever cannot be cut ends the connection, since nobody knows where the next message begins.

use bytes::{Buf, Bytes, BytesMut};

use super::message::{Length, Malformed, Message};
use crate::base::limits::{MESSAGE_BYTES_MAX, STREAM_HEADER_BYTES_MAX};

/// What stands between header lines and body.
const END: &[u8] = b"\r\n\r\n";

/// What has come whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A message with its body.
    Message(Bytes),
    /// A keep-alive's ping, to be answered with one line break (RFC 5626 4.4.1).
    Ping,
    /// The header of a message whose end cannot be found: it is answered if it can be, and nothing is read any more.
    Last(Bytes),
    /// No SIP, or more than may be: the connection is closed.
    Broken(Fault),
}

/// Why a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// What came does not begin like a message.
    #[error("no SIP")]
    NotSip,
    /// The header does not end in time.
    #[error("header too long")]
    HeaderTooLong,
    /// The body is longer than a message may be.
    #[error("message too long")]
    TooLong,
    /// There is no Content-Length, which a stream needs (RFC 3261 20.14).
    #[error("no Content-Length")]
    NoLength,
}

/// See the module. Fill it by [`Framer::push`], then drain [`Framer::poll`] until `None`.
#[derive(Debug, Default)]
pub struct Framer {
    held: BytesMut,
    /// So many bytes of `held` have no end of a header in them.
    looked: usize,
    /// The length of the message whose header is whole.
    message: Option<usize>,
    over: bool,
}

impl Framer {
    /// Takes bytes in. After [`Frame::Last`] and [`Frame::Broken`] they are dropped.
    pub fn push(&mut self, bytes: &[u8]) {
        if !self.over {
            self.held.extend_from_slice(bytes);
        }
    }

    /// True while a message has begun and is not whole: the sender may not take long over it.
    pub fn is_partial(&self) -> bool {
        // A line break may be the first half of a ping, but holds nothing that could be late.
        !END.starts_with(&self.held)
    }

    /// The next thing that has come whole.
    pub fn poll(&mut self) -> Option<Frame> {
        if self.over {
            return None;
        }
        let length = match self.message {
            Some(length) => length,
            None => match self.poll_header()? {
                Ok(length) => *self.message.insert(length),
                Err(frame) => return Some(frame),
            },
        };
        if self.held.len() < length {
            return None;
        }
        self.message = None;
        self.looked = 0;
        Some(Frame::Message(self.held.split_to(length).freeze()))
    }

    /// The length of the message in hand once its header is whole, or what comes instead of it.
    fn poll_header(&mut self) -> Option<Result<usize, Frame>> {
        if self.held.starts_with(END) {
            self.held.advance(END.len());
            return Some(Err(Frame::Ping));
        }
        // A single line break answers a ping of ours, or stands behind a body (RFC 3261 7.5).
        while self.held.starts_with(b"\r\n") && !END.starts_with(&self.held) {
            self.held.advance(2);
        }
        if END.starts_with(&self.held) {
            return None;
        }
        if !begins_well(&self.held) {
            return Some(Err(self.end(Frame::Broken(Fault::NotSip))));
        }
        let from = self.looked.saturating_sub(END.len() - 1);
        let found = memchr::memmem::find(&self.held[from..], END).map(|at| from + at + END.len());
        self.looked = self.held.len();
        let header = match found {
            Some(header) if header <= STREAM_HEADER_BYTES_MAX => header,
            None if self.held.len() <= STREAM_HEADER_BYTES_MAX => return None,
            Some(_) | None => return Some(Err(self.end(Frame::Broken(Fault::HeaderTooLong)))),
        };
        Some(self.judge(header))
    }

    /// What Content-Length says of the message whose header has so many bytes.
    fn judge(&mut self, header: usize) -> Result<usize, Frame> {
        let head = Bytes::copy_from_slice(&self.held[..header]);
        let fault = match Message::parse(head.clone()) {
            Ok(message) => match message.length() {
                Length::Fits => return Ok(header),
                Length::Short { missing } => match usize::try_from(missing) {
                    Ok(body) if body <= MESSAGE_BYTES_MAX - header => return Ok(header + body),
                    Ok(_) | Err(_) => Fault::TooLong,
                },
                Length::Absent => Fault::NoLength,
                Length::Unreadable | Length::Repeated => return Err(self.end(Frame::Last(head))),
            },
            Err(Malformed::TooLong) => Fault::TooLong,
            Err(Malformed::Empty | Malformed::StartLine | Malformed::NotSip) => Fault::NotSip,
        };
        Err(self.end(Frame::Broken(fault)))
    }

    fn end(&mut self, frame: Frame) -> Frame {
        self.over = true;
        self.held = BytesMut::new();
        frame
    }
}

/// Whether bytes may be the beginning of a start line: a method's token or the version, and nothing binary before it ends.
fn begins_well(bytes: &[u8]) -> bool {
    let word = &bytes[..memchr::memchr(b' ', bytes).unwrap_or(bytes.len())];
    !word.is_empty() && word.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: &str = "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP h\r\nContent-Length: 4\r\n\r\nbody";

    fn frames(framer: &mut Framer, bytes: &[u8]) -> Vec<Frame> {
        framer.push(bytes);
        std::iter::from_fn(|| framer.poll()).collect()
    }

    fn message(text: &str) -> Frame {
        Frame::Message(Bytes::copy_from_slice(text.as_bytes()))
    }

    fn alone(bytes: &[u8]) -> Vec<Frame> {
        frames(&mut Framer::default(), bytes)
    }

    #[test]
    fn messages_are_cut_wherever_the_stream_is() {
        let compact = "SIP/2.0 200 OK\r\nl : 0\r\n\r\n";
        let text = format!("{OPTIONS}\r\n{compact}{OPTIONS}");
        let whole = vec![message(OPTIONS), message(compact), message(OPTIONS)];
        assert_eq!(alone(text.as_bytes()), whole);
        for size in 1..text.len() {
            let mut framer = Framer::default();
            let cut: Vec<_> = text.as_bytes().chunks(size).flat_map(|piece| frames(&mut framer, piece)).collect();
            assert_eq!(cut, whole, "pieces of {size}");
            assert!(!framer.is_partial());
        }
    }

    #[test]
    fn keep_alives_are_told_from_messages() {
        assert_eq!(alone(b"\r\n\r\n"), [Frame::Ping]);
        assert_eq!(alone(b"\r\n"), []);
        assert_eq!(
            alone(format!("\r\n{OPTIONS}\r\n\r\n\r\n\r\n").as_bytes()),
            [message(OPTIONS), Frame::Ping, Frame::Ping]
        );
        let mut framer = Framer::default();
        assert_eq!(frames(&mut framer, b"\r\n"), []);
        assert!(!framer.is_partial(), "a line break is no message that could be late");
        assert_eq!(frames(&mut framer, OPTIONS.as_bytes()), [message(OPTIONS)]);
        framer.push(b"OPT");
        assert!(framer.is_partial());
    }

    #[test]
    fn what_cannot_be_cut_ends_the_connection() {
        let broken = |bytes: &[u8]| match &alone(bytes)[..] {
            [Frame::Broken(fault)] => *fault,
            other => panic!("{other:?}"),
        };
        assert_eq!(broken(b"\x16\x03\x01\x02\x00"), Fault::NotSip);
        assert_eq!(broken(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), Fault::NotSip);
        assert_eq!(broken(b"OPTIONS sip:a SIP/2.0\r\nTo: a\r\n\r\n"), Fault::NoLength);
        assert_eq!(broken(b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 65536\r\n\r\n"), Fault::TooLong);
        let endless = format!("OPTIONS sip:a SIP/2.0\r\n{}", "X: y\r\n".repeat(STREAM_HEADER_BYTES_MAX / 6));
        assert_eq!(broken(endless.as_bytes()), Fault::HeaderTooLong);
        for length in ["Content-Length: -1", "Content-Length: 99999999999999999999", "Content-Length: 1\r\nl: 2"] {
            let head = format!("OPTIONS sip:a SIP/2.0\r\n{length}\r\n\r\n");
            let mut framer = Framer::default();
            assert_eq!(frames(&mut framer, head.as_bytes()), [Frame::Last(head.clone().into())]);
            assert_eq!(frames(&mut framer, OPTIONS.as_bytes()), [], "nothing is read any more");
        }
    }

    #[test]
    fn a_sender_cannot_make_it_hold_more_than_a_message() {
        let mut framer = Framer::default();
        for _ in 0..1_000 {
            framer.push(&[b'A'; 4_096]);
            while framer.poll().is_some() {}
        }
        assert!(framer.held.capacity() <= 2 * MESSAGE_BYTES_MAX && !framer.is_partial());
    }
}
