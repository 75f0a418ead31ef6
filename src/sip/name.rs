//! Methods and header field names as closed sets, each with one table row: canonical text, compact form (RFC 3261 7.3.3 and
//! the IANA registry), and whether several values may share a line separated by commas.
//! Recognising a name costs one table look-up and one comparison; nothing here allocates.

/// A request method (RFC 3261 7.1 and the extensions the trade uses). Methods compare case-sensitively.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// RFC 3261 13.
    Invite,
    /// RFC 3261 13.2.2.4 and 17.1.1.3.
    Ack,
    /// RFC 3261 15.
    Bye,
    /// RFC 3261 9.
    Cancel,
    /// RFC 3261 11.
    Options,
    /// RFC 3261 10.
    Register,
    /// RFC 6086.
    Info,
    /// RFC 3311.
    Update,
    /// RFC 3262.
    Prack,
    /// RFC 3515.
    Refer,
    /// RFC 6665.
    Notify,
    /// RFC 6665.
    Subscribe,
    /// RFC 3428.
    Message,
    /// RFC 3903.
    Publish,
    /// A method not listed here; its text is in the message.
    Other,
}

impl Method {
    /// The method of a start line's or CSeq's text; [`Method::Other`] for anything unknown, other letter case included.
    pub fn from_bytes(text: &[u8]) -> Self {
        match text {
            b"INVITE" => Self::Invite,
            b"ACK" => Self::Ack,
            b"BYE" => Self::Bye,
            b"CANCEL" => Self::Cancel,
            b"OPTIONS" => Self::Options,
            b"REGISTER" => Self::Register,
            b"INFO" => Self::Info,
            b"UPDATE" => Self::Update,
            b"PRACK" => Self::Prack,
            b"REFER" => Self::Refer,
            b"NOTIFY" => Self::Notify,
            b"SUBSCRIBE" => Self::Subscribe,
            b"MESSAGE" => Self::Message,
            b"PUBLISH" => Self::Publish,
            _ => Self::Other,
        }
    }

    /// The text on the wire; `UNKNOWN` for [`Method::Other`], whose text only the message knows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invite => "INVITE",
            Self::Ack => "ACK",
            Self::Bye => "BYE",
            Self::Cancel => "CANCEL",
            Self::Options => "OPTIONS",
            Self::Register => "REGISTER",
            Self::Info => "INFO",
            Self::Update => "UPDATE",
            Self::Prack => "PRACK",
            Self::Refer => "REFER",
            Self::Notify => "NOTIFY",
            Self::Subscribe => "SUBSCRIBE",
            Self::Message => "MESSAGE",
            Self::Publish => "PUBLISH",
            Self::Other => "UNKNOWN",
        }
    }
}

/// What one header field's line may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// One value; commas belong to it.
    Single,
    /// Values separated by commas, equal to as many lines (RFC 3261 7.3.1).
    List,
}

/// One header field name's row.
struct Row {
    name: Name,
    text: &'static str,
    /// How its line begins.
    head: &'static str,
    /// The compact letter, 0 when there is none.
    compact: u8,
    form: Form,
}

macro_rules! names {
    ($($name:ident $text:literal $compact:literal $form:ident;)*) => {
        /// A header field name. Names compare without regard to case, and a compact form is the same name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Name {
            $(#[doc = concat!("`", $text, "`")] $name,)*
            /// A name not listed here; its text is in the message.
            Other,
        }

        /// In the order of [`Name`], so that a name is its row's index.
        const ROWS: &[Row] =
            &[$(Row { name: Name::$name, text: $text, head: concat!($text, ": "), compact: $compact, form: Form::$form },)*];
    };
}

names! {
    Via "Via" b'v' List;
    From "From" b'f' Single;
    To "To" b't' Single;
    CallId "Call-ID" b'i' Single;
    CSeq "CSeq" 0 Single;
    Contact "Contact" b'm' List;
    MaxForwards "Max-Forwards" 0 Single;
    Route "Route" 0 List;
    RecordRoute "Record-Route" 0 List;
    ContentType "Content-Type" b'c' Single;
    ContentLength "Content-Length" b'l' Single;
    Expires "Expires" 0 Single;
    Require "Require" 0 List;
    ProxyRequire "Proxy-Require" 0 List;
    Supported "Supported" b'k' List;
    Unsupported "Unsupported" 0 List;
    Allow "Allow" 0 List;
    Accept "Accept" 0 List;
    RetryAfter "Retry-After" 0 Single;
    Reason "Reason" 0 List;
    UserAgent "User-Agent" 0 Single;
    Server "Server" 0 Single;
    PAssertedIdentity "P-Asserted-Identity" 0 List;
    PPreferredIdentity "P-Preferred-Identity" 0 List;
    PCalledPartyId "P-Called-Party-ID" 0 Single;
    Privacy "Privacy" 0 Single;
    Diversion "Diversion" 0 List;
    HistoryInfo "History-Info" 0 List;
    SessionExpires "Session-Expires" b'x' Single;
    MinSe "Min-SE" 0 Single;
    Timestamp "Timestamp" 0 Single;
    Date "Date" 0 Single;
    Warning "Warning" 0 List;
    WwwAuthenticate "WWW-Authenticate" 0 Single;
    ProxyAuthenticate "Proxy-Authenticate" 0 Single;
    Authorization "Authorization" 0 Single;
    ProxyAuthorization "Proxy-Authorization" 0 Single;
    ContentEncoding "Content-Encoding" b'e' List;
    ContentDisposition "Content-Disposition" 0 Single;
    Subject "Subject" b's' Single;
    AlertInfo "Alert-Info" 0 List;
    CallInfo "Call-Info" 0 List;
    AcceptEncoding "Accept-Encoding" 0 List;
    AcceptLanguage "Accept-Language" 0 List;
    InReplyTo "In-Reply-To" 0 List;
    ReferTo "Refer-To" b'r' Single;
    ReferredBy "Referred-By" b'b' Single;
    Replaces "Replaces" 0 Single;
    RAck "RAck" 0 Single;
    RSeq "RSeq" 0 Single;
    Event "Event" b'o' Single;
}

impl Name {
    /// The name of a header field's text, long or compact, in any letter case; [`Name::Other`] for anything unknown.
    pub fn parse(text: &[u8]) -> Self {
        let (Some(&first), Some(&last)) = (text.first(), text.last()) else { return Self::Other };
        if text.len() == 1 {
            let row = COMPACT.get(usize::from(first)).and_then(|row| ROWS.get(usize::from(*row)));
            return row.map_or(Self::Other, |row| row.name);
        }
        let mut slot = slot(text.len(), first, last);
        while let Some(row) = ROWS.get(usize::from(SLOTS[slot])) {
            if text == row.text.as_bytes() || text.eq_ignore_ascii_case(row.text.as_bytes()) {
                return row.name;
            }
            slot = (slot + 1) % SLOTS.len();
        }
        Self::Other
    }

    /// The name that a header line begins with and where its colon stands, when that is a name that nearly every message has, as
    /// nearly everybody writes it. Anything else is for [`Name::parse`].
    pub(super) fn begins(line: &[u8]) -> Option<(Self, usize)> {
        let is = |name: Self, head: &[u8]| line.starts_with(head).then_some((name, head.len() - 1));
        match line {
            [b'V', ..] => is(Self::Via, b"Via:"),
            [b'F', ..] => is(Self::From, b"From:"),
            [b'T', ..] => is(Self::To, b"To:"),
            [b'M', ..] => is(Self::MaxForwards, b"Max-Forwards:"),
            [b'A', ..] => is(Self::Allow, b"Allow:"),
            [b'U', ..] => is(Self::UserAgent, b"User-Agent:"),
            [b'S', b'u', ..] => is(Self::Supported, b"Supported:"),
            [b'S', b'e', ..] => is(Self::Server, b"Server:"),
            [b'C', b'a', ..] => is(Self::CallId, b"Call-ID:"),
            [b'C', b'S', ..] => is(Self::CSeq, b"CSeq:"),
            [b'C', b'o', b'n', b't', b'a', ..] => is(Self::Contact, b"Contact:"),
            [b'C', b'o', _, _, _, _, _, _, b'L', ..] => is(Self::ContentLength, b"Content-Length:"),
            [b'C', b'o', ..] => is(Self::ContentType, b"Content-Type:"),
            _ => None,
        }
    }

    /// The canonical text; empty for [`Name::Other`].
    pub fn as_str(self) -> &'static str {
        ROWS.get(self as usize).map_or("", |row| row.text)
    }

    /// How a line of this name begins, `Via: `; empty for [`Name::Other`].
    pub(super) fn head(self) -> &'static str {
        ROWS.get(self as usize).map_or("", |row| row.head)
    }

    /// The compact form, where there is one.
    pub fn compact(self) -> Option<char> {
        ROWS.get(self as usize).filter(|row| row.compact != 0).map(|row| char::from(row.compact))
    }

    /// True when one line may hold several values separated by commas.
    pub fn is_list(self) -> bool {
        ROWS.get(self as usize).is_some_and(|row| row.form == Form::List)
    }
}

/// Where a name of this length and these outer letters is looked for first.
const fn slot(len: usize, first: u8, last: u8) -> usize {
    (len * 7 + (first | 0x20) as usize * 31 + (last | 0x20) as usize * 13) % 256
}

// A message keeps the names it has in the bits of one word.
const _: () = assert!(ROWS.len() < 64);

/// No row.
const NONE: u8 = u8::MAX;

/// Row numbers by [`slot`], with linear probing; less than a quarter full, so that a search ends at once.
static SLOTS: [u8; 256] = {
    let mut slots = [NONE; 256];
    let mut row = 0;
    while row < ROWS.len() {
        let text = ROWS[row].text.as_bytes();
        let mut at = slot(text.len(), text[0], text[text.len() - 1]);
        while slots[at] != NONE {
            at = (at + 1) % 256;
        }
        slots[at] = row as u8;
        row += 1;
    }
    slots
};

/// Row numbers by compact letter, either case.
static COMPACT: [u8; 128] = {
    let mut rows = [NONE; 128];
    let mut row = 0;
    while row < ROWS.len() {
        let letter = ROWS[row].compact;
        if letter != 0 {
            rows[letter as usize] = row as u8;
            rows[letter.to_ascii_uppercase() as usize] = row as u8;
        }
        row += 1;
    }
    rows
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_beyond_ascii_is_no_compact_name() {
        assert_eq!(Name::parse(b"i"), Name::CallId);
        assert_eq!(Name::parse(&[b'i' | 0x80]), Name::Other);
    }

    #[test]
    fn every_name_is_found_in_any_case_and_by_its_compact_form() {
        for (index, row) in ROWS.iter().enumerate() {
            assert_eq!(row.name as usize, index);
            assert_eq!(Name::parse(row.text.as_bytes()), row.name);
            assert_eq!(Name::parse(row.text.to_ascii_uppercase().as_bytes()), row.name);
            assert_eq!(Name::parse(row.text.to_ascii_lowercase().as_bytes()), row.name);
            if let Some(letter) = row.name.compact() {
                assert_eq!(Name::parse(letter.to_string().as_bytes()), row.name);
                assert_eq!(Name::parse(letter.to_uppercase().to_string().as_bytes()), row.name);
            }
        }
    }

    #[test]
    fn unknown_names_are_other() {
        for text in ["", "z", "Viaa", "Xyzzy", "C%6Fntact", "\u{fc}", "Call_ID", "\x16"] {
            assert_eq!(Name::parse(text.as_bytes()), Name::Other, "{text}");
        }
        assert_eq!(Name::Other.as_str(), "");
        assert!(!Name::Other.is_list());
        assert_eq!(Name::Other.compact(), None);
    }

    #[test]
    fn methods_compare_with_regard_to_case() {
        for method in [
            Method::Invite,
            Method::Ack,
            Method::Bye,
            Method::Cancel,
            Method::Options,
            Method::Register,
            Method::Info,
            Method::Update,
            Method::Prack,
            Method::Refer,
            Method::Notify,
            Method::Subscribe,
            Method::Message,
            Method::Publish,
        ] {
            assert_eq!(Method::from_bytes(method.as_str().as_bytes()), method);
            assert_eq!(Method::from_bytes(method.as_str().to_ascii_lowercase().as_bytes()), Method::Other);
        }
    }
}
