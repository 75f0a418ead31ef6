//! Who calls, and which number was called: read from the INVITE, by the trunk's ordered source list, and written for the
//! agent's phone.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::base::{CallId, CallerKey, Pii};
use crate::config::{CallerPrivacy, DnisSource, NumberingConfig, QueueConfig};
use crate::node::numbering::International;
use crate::sip::message::Message;
use crate::sip::name::Name;
use crate::sip::transaction::Secret;
use crate::sip::uri::Uri;
use crate::sip::value::NameAddr;

/// The longest number or name taken from the outside.
const TEXT_MAX: usize = 128;

/// The caller as the INVITE tells.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) number: Pii<String>,
    display: Option<Pii<String>>,
}

/// What stands before the caller's name on the agent's phone.
#[derive(Debug, Clone, Copy)]
enum Title<'a> {
    None,
    /// With a colon between; alone where there is no name.
    Label(&'a str),
    /// As written; where there is no name, the number follows.
    Prefix(&'a str),
}

/// A name-addr as it is written; most are no longer.
pub(super) type Address = SmallVec<[u8; 96]>;

/// The value of a header as a name; `None` where it is empty or not there.
pub(super) fn named(request: &Message, header: &str) -> Option<String> {
    Some(text_of(request.other(header)?)).filter(|text| !text.is_empty())
}

/// The called number by the first source that has one; empty when none has.
pub(super) fn called_number(request: &Message, sources: &[DnisSource]) -> String {
    sources.iter().find_map(|source| from_source(request, source)).unwrap_or_default()
}

impl Caller {
    /// P-Asserted-Identity of the trusted trunk, else From.
    pub(super) fn of(request: &Message, privacy: CallerPrivacy) -> Self {
        if privacy == CallerPrivacy::Keep && wants_privacy(request) {
            return Self::unknown();
        }
        let asserted = request.elements(Name::PAssertedIdentity).next().and_then(NameAddr::parse);
        let Some(party) = asserted.or_else(|| request.from()).filter(|party| !is_anonymous(party.uri)) else {
            return Self::unknown();
        };
        let number = number_of(party.uri).unwrap_or_default();
        let display = party.display.map(text_of).filter(|text| !text.is_empty());
        Self { number: Pii::new(number), display: display.map(Pii::new) }
    }

    /// One who shows neither number nor name.
    const fn unknown() -> Self {
        Self { number: Pii::new(String::new()), display: None }
    }

    /// True for one who shows no number.
    pub(super) const fn is_unknown(&self) -> bool {
        self.number.expose().is_empty()
    }

    /// Under what the caller is known again, whoever writes the number how. `None` for who shows none, and for what is no
    /// plausible number: nobody is to be taken for another who hides, too.
    pub(super) fn key(&self, secret: Secret, numbering: &NumberingConfig) -> Option<CallerKey> {
        let mut shown = self.number.expose().bytes().filter(u8::is_ascii_digit);
        let first = shown.next()?;
        let is_plausible = shown.clone().count() >= 2 && shown.any(|digit| digit != first);
        let number = International::of(self.number.expose(), numbering).filter(|_| is_plausible)?;
        let (mut digits, mut count) = ([0; 20], 0);
        for (place, digit) in digits.iter_mut().zip(number.digits()) {
            *place = digit;
            count += 1;
        }
        Some(CallerKey(secret.digest(&digits[..count])))
    }

    /// The caller's name-addr, without a tag.
    pub(super) fn name_addr(&self, host: &str) -> Address {
        self.name_addr_titled(host, Title::None)
    }

    /// The same with what the queue writes before the name; `None` when it writes nothing.
    pub(super) fn titled(&self, host: &str, queue: &QueueConfig, wait: u64, call: CallId) -> Option<Address> {
        if let Some(prefix) = &queue.caller_prefix {
            let prefix = prefix.replace("{queue}", &queue.name).replace("{wait}", &wait.to_string());
            let prefix = prefix.replace("{call}", &call.to_string());
            return Some(self.name_addr_titled(host, Title::Prefix(&prefix)));
        }
        queue.label.as_ref().map(|label| self.name_addr_titled(host, Title::Label(label)))
    }

    fn name_addr_titled(&self, host: &str, title: Title<'_>) -> Address {
        let mut out = Address::new();
        let display = self.display.as_ref().map(|display| display.expose().as_str());
        let (before, between, name) = match title {
            Title::None => ("", "", display),
            Title::Label(label) => (label, ": ", display),
            Title::Prefix(prefix) => (prefix, "", display.or(Some(self.number.expose()))),
        };
        if !before.is_empty() || name.is_some_and(|name| !name.is_empty()) {
            let name = name.unwrap_or_default();
            let between = if before.is_empty() || name.is_empty() { "" } else { between };
            out.push(b'"');
            for text in [before, between, name] {
                match memchr::memchr2(b'"', b'\\', text.as_bytes()) {
                    None => out.extend_from_slice(text.as_bytes()),
                    Some(_) => out.extend(text.bytes().filter(|byte| !matches!(byte, b'"' | b'\\'))),
                }
            }
            while out.last() == Some(&b' ') {
                out.pop();
            }
            out.extend_from_slice(b"\" ");
        }
        out.extend_from_slice(b"<sip:");
        if self.number.expose().is_empty() {
            out.extend_from_slice(b"anonymous@anonymous.invalid>");
            return out;
        }
        let number = self.number.expose().as_bytes();
        let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.' | b'_' | b'*');
        for part in number.chunk_by(|one, next| is_plain(one) && is_plain(next)) {
            match part {
                [other] if !is_plain(other) => out.extend_from_slice(format!("%{other:02X}").as_bytes()),
                plain => out.extend_from_slice(plain),
            }
        }
        out.push(b'@');
        out.extend_from_slice(host.as_bytes());
        out.push(b'>');
        out
    }
}

/// A user or host that says nothing about who it is (RFC 3323 4.1.1.3).
fn is_anonymous(uri: &[u8]) -> bool {
    let Ok(uri) = Uri::parse(uri) else { return false };
    let users = ["anonymous", "unknown", "unavailable", "restricted", "private"];
    let user = uri.number();
    users.iter().any(|known| user.eq_ignore_ascii_case(known.as_bytes()))
        || uri.host.eq_ignore_ascii_case(b"anonymous.invalid")
}

/// The caller's number is not for the agent's eyes (RFC 3323 4.2, RFC 3325 9.3).
fn wants_privacy(request: &Message) -> bool {
    let values = request.value(Name::Privacy).unwrap_or_default().split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let asks = |value: &[u8]| [&b"id"[..], b"user", b"header"].iter().any(|asked| value.eq_ignore_ascii_case(asked));
    values.into_iter().any(asks)
}

fn from_source(request: &Message, source: &DnisSource) -> Option<String> {
    match source {
        DnisSource::Header(name) => number_of_value(request.other(name)?),
        DnisSource::PCalledPartyId => number_of_value(request.value(Name::PCalledPartyId)?),
        DnisSource::HistoryInfo => number_of_value(oldest(request)?),
        DnisSource::Diversion => number_of_value(request.elements(Name::Diversion).last()?),
        DnisSource::To => number_of(request.to()?.uri),
        DnisSource::RequestUri => number_of(request.uri()),
    }
    .filter(|number| !number.is_empty())
}

/// The History-Info entry of the lowest index (RFC 7044 9.1), which is the first where entries have none.
fn oldest(request: &Message) -> Option<&[u8]> {
    let index = |value: &[u8]| -> Vec<u32> {
        let text = NameAddr::parse(value).and_then(|entry| entry.param("index")).unwrap_or_default();
        text.split(|byte| *byte == b'.').filter_map(|part| std::str::from_utf8(part).ok()?.parse().ok()).collect()
    };
    request.elements(Name::HistoryInfo).min_by_key(|value| index(value))
}

/// A bare number, or a name-addr.
fn number_of_value(value: &[u8]) -> Option<String> {
    if let Some(number) = NameAddr::parse(value).and_then(|party| number_of(party.uri)) {
        return Some(number);
    }
    Some(text_of(value))
}

fn number_of(uri: &[u8]) -> Option<String> {
    let uri = Uri::parse(uri).ok()?;
    let number = uri.number();
    Some(text_of(&number))
}

fn text_of(bytes: &[u8]) -> String {
    let text = readable(bytes);
    // Printable ASCII of a usual length needs no look at each character.
    if text.len() <= TEXT_MAX && text.bytes().all(|b| matches!(b, b' '..=b'~')) {
        return text.trim().trim_matches('"').into();
    }
    text.trim().trim_matches('"').chars().filter(|c| !c.is_control()).take(TEXT_MAX).collect()
}

/// Bytes as text. Those that are no UTF-8 stand as `%FC`, which phones show and programs can read back: no charset is guessed.
fn readable(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.into();
    }
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            let digit = |value: u8| char::from(b"0123456789ABCDEF"[usize::from(value & 15)]);
            text.extend(['%', digit(byte >> 4), digit(*byte)]);
        }
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;

    fn key(number: &str, country: Option<&str>, seed: u64) -> Option<CallerKey> {
        let numbering = NumberingConfig { country_code: country.map(Into::into), ..NumberingConfig::default() };
        let caller = Caller { number: Pii::new(number.to_string()), display: None };
        caller.key(Secret::draw(&mut Rng::from_u64(seed)), &numbering)
    }

    #[test]
    fn one_number_has_one_key_however_it_is_written() {
        let full = key("+49 (30) 123-456", None, 1);
        assert!(full.is_some());
        assert_eq!(full, key("4930123456", None, 1));
        assert_eq!(full, key("030123456", Some("49"), 1), "as the trunk means it");
        assert_ne!(full, key("4930123457", None, 1));
        assert_ne!(full, key("4930123456", None, 2), "under another secret");
        assert!(key("100", None, 1).is_some(), "an extension");
    }

    #[test]
    fn nobody_is_taken_for_another_who_hides_too() {
        for hidden in ["", "anonymous", "Unknown", "restricted", "0", "10", "000000", "9999999", "1+23456", "*67123"] {
            for country in [None, Some("49")] {
                assert_eq!(key(hidden, country, 1), None, "{hidden}");
            }
        }
        assert_eq!(key("12345678901234567890", None, 1), None, "longer than any number");
    }
}
