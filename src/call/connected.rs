//! Who is connected on a leg, as the far end says: in the 2xx to our INVITE, and in re-INVITE and UPDATE when that changes. By
//! P-Asserted-Identity (RFC 3325, RFC 5876), by Remote-Party-ID, which is older, or by the From of one who says that it may
//! change (RFC 4916).

use bytes::Bytes;

use crate::base::LegId;
use crate::call::event::Event;
use crate::call::legs::Legs;
use crate::sip::message::Message;
use crate::sip::name::Name;
use crate::sip::value::{NameAddr, split_commas};

/// The longest identity that is looked at.
const IDENTITY_BYTES_MAX: usize = 512;

impl Legs {
    /// Tells who is connected, where the message says it.
    pub(super) fn tell_connected(&mut self, id: LegId, message: &Message) {
        if let Some(identity) = identity(message) {
            self.events.push_back(Event::Connected { leg: id, identity });
        }
    }
}

/// The URI of who is connected; `None` for who hides, too.
fn identity(message: &Message) -> Option<Bytes> {
    let has = |name, token: &[u8]| message.elements(name).any(|value| value.eq_ignore_ascii_case(token));
    let hides = message.value(Name::Privacy).is_some_and(|value| {
        let mut wishes = value.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        wishes.any(|wish| wish.eq_ignore_ascii_case(b"id") || wish.eq_ignore_ascii_case(b"user"))
    });
    if hides {
        return None;
    }
    let asserted = || message.elements(Name::PAssertedIdentity).next().and_then(NameAddr::parse);
    let older = || {
        let party = NameAddr::parse(split_commas(message.other("Remote-Party-ID")?).next()?)?;
        let shown = party.param("privacy").is_none_or(|privacy| privacy.eq_ignore_ascii_case(b"off"));
        shown.then_some(party)
    };
    let changes = || message.is_request() && [Name::Supported, Name::Require].iter().any(|it| has(*it, b"from-change"));
    let from = || message.from().filter(|_| changes());
    let uri = asserted().or_else(older).or_else(from)?.uri;
    (uri.len() <= IDENTITY_BYTES_MAX).then(|| Bytes::copy_from_slice(uri))
}
