//! A REFER inside a dialog (RFC 3515) as it is read, and who is told how it goes; `notify` answers and tells.

use std::net::SocketAddr;

use crate::base::LegId;
use crate::sip::dialog::Dialog;
use crate::sip::grammar::{self, GrammarError};
use crate::sip::message::Message;
use crate::sip::name::Name;
use crate::sip::replaces::Replaces;
use crate::sip::transaction::ServerKey;
use crate::sip::uri::{Uri, UriError, decode};

/// A REFER that waits for `accept_refer` or `refuse_refer`, one of which must follow at once.
#[derive(Debug, Clone)]
pub struct Refer {
    pub(super) leg: LegId,
    pub(super) key: ServerKey,
    pub(super) source: SocketAddr,
    /// Holds its datagram's memory.
    pub(super) request: Message,
    /// What stands before the @ of Refer-To, its escapes decoded.
    pub(super) to: String,
    /// Refer-To names a dialog to be replaced (RFC 3891).
    pub(super) replaces: Option<Box<InPlace>>,
    /// The asker wishes to hear how it goes (RFC 4488).
    pub(super) subscribes: bool,
}

/// Whom a call is to be made to, and in whose place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct InPlace {
    /// The URI of Refer-To without its headers.
    pub(super) uri: Box<[u8]>,
    /// The value of Replaces, which has been read once.
    pub(super) dialog: Box<[u8]>,
}

/// Who is told how a transfer goes.
#[derive(Debug)]
pub(super) struct Notifier {
    /// The dialog, once its leg is gone.
    pub(super) dialog: Option<Dialog>,
    /// Which REFER: from the second of a dialog on it must be said (RFC 3515 2.4.6).
    pub(super) id: Option<u32>,
    /// A NOTIFY waits for its answer.
    pub(super) under_way: bool,
    /// What was told last, or is to be told next.
    pub(super) status: u16,
    pub(super) next: Option<u16>,
}

impl Refer {
    /// Whom the call is to be handed to: what stands before the @ of Refer-To.
    pub fn to(&self) -> &str {
        &self.to
    }

    /// The dialog that Refer-To names to be replaced, and the URI it stands beside: an attended transfer.
    pub fn replaces(&self) -> Option<(&[u8], Replaces<'_>)> {
        let InPlace { uri, dialog } = self.replaces.as_deref()?;
        Some((uri, Replaces::parse(dialog)?))
    }
}

/// How the header of a Refer-To begins that names a dialog.
const NAMED: &[u8] = b"replaces=";

/// Whom a REFER names, and whether in place of somebody.
///
/// # Errors
/// The status that refuses it: not one Refer-To (RFC 3515 2.4.2), an address that cannot be read or is of no SIP, another
/// request than an INVITE, or a Replaces that names no dialog.
pub(super) fn asked(request: &Message) -> Result<(String, Option<Box<InPlace>>), u16> {
    let mut values = request.values(Name::ReferTo);
    let (Some(value), None) = (values.next(), values.next()) else { return Err(400) };
    let address = grammar::refer_address(value).map_err(|error| match error {
        GrammarError::Scheme | GrammarError::Uri(UriError::Scheme) => 416_u16,
        GrammarError::Uri(_) | GrammarError::User | GrammarError::Address => 400,
    })?;
    let uri = Uri::parse(address.uri.as_bytes()).map_err(|_| 400_u16)?;
    if uri.param("method").is_some_and(|method| method != b"INVITE") {
        return Err(403);
    }
    let mut headers = uri.headers.split(|byte| *byte == b'&');
    let named = headers.find_map(|header| {
        let (name, value) = header.split_at_checked(NAMED.len())?;
        name.eq_ignore_ascii_case(NAMED).then_some(value)
    });
    let replaces = match named {
        Some(value) => {
            let dialog = decode(value);
            Replaces::parse(&dialog).ok_or(400_u16)?;
            let bare = &address.uri.as_bytes()[..address.uri.len() - uri.headers.len() - 1];
            Some(Box::new(InPlace { uri: bare.into(), dialog: dialog.into() }))
        }
        None => None,
    };
    Ok((String::from_utf8_lossy(&uri.number()).into_owned(), replaces))
}
