//! The two requests a client transaction derives from its INVITE: the ACK of a non-2xx response and the CANCEL. Bytes to
//! bytes; keeps nothing.

use bytes::Bytes;

use crate::base::Digits;
use crate::sip::message::Message;
use crate::sip::name::{Method, Name};
use crate::sip::write::Writer;

/// The ACK of a non-2xx final response (RFC 3261 17.1.1.3). `None` when the INVITE cannot be read back.
pub(super) fn ack(invite: &Bytes, response: &Message) -> Option<Bytes> {
    let invite = Message::parse(invite.clone()).ok()?;
    Some(derive(&invite, Method::Ack, response)?.finish())
}

/// The CANCEL of an INVITE (RFC 3261 9.1), with a Reason (RFC 3326) where there is one to tell. `None` when the INVITE cannot be
/// read back.
pub(super) fn cancel(invite: &Bytes, reason: Option<&[u8]>) -> Option<Bytes> {
    let invite = Message::parse(invite.clone()).ok()?;
    let mut writer = derive(&invite, Method::Cancel, &invite)?;
    if let Some(reason) = reason {
        writer.line(Name::Reason, reason);
    }
    Some(writer.finish())
}

/// Request-URI, the only Via, Route, From, Call-ID and CSeq number of the INVITE; To from `to_of`.
fn derive(invite: &Message, method: Method, to_of: &Message) -> Option<Writer> {
    let number = invite.cseq()?.number;
    let mut writer = Writer::request(method, invite.uri());
    writer.copy(invite, Name::Via);
    writer.line(Name::MaxForwards, b"70");
    writer.copy(invite, Name::Route);
    writer.copy(invite, Name::From);
    writer.copy(to_of, Name::To);
    writer.copy(invite, Name::CallId);
    writer.line_of(Name::CSeq, &[Digits::decimal(number.into()).as_bytes(), b" ", method.as_str().as_bytes()]);
    Some(writer)
}
