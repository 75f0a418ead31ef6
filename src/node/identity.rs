//! Who calls, and which number was called: read from the INVITE, by the trunk's ordered source list, and written for the
//! agent's phone.

use crate::base::{CallerKey, Pii};
use crate::config::{DnisSource, NumberingConfig};
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
    pub(super) fn of(request: &Message) -> Self {
        if wants_privacy(request) {
            return Self { number: Pii::new(String::new()), display: None };
        }
        let asserted = request.elements(Name::PAssertedIdentity).next().and_then(NameAddr::parse);
        let Some(party) = asserted.or_else(|| request.from()) else {
            return Self { number: Pii::new(String::new()), display: None };
        };
        let number = number_of(party.uri).unwrap_or_default();
        let display = party.display.map(text_of).filter(|text| !text.is_empty());
        Self { number: Pii::new(number), display: display.map(Pii::new) }
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

    /// The name-addr shown to the agent, without a tag; a label stands before the caller's name.
    pub(super) fn name_addr(&self, host: &str, label: Option<&str>) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        let display = self.display.as_ref().map(|display| display.expose().as_str());
        if label.is_some() || display.is_some() {
            out.push(b'"');
            for text in label.into_iter().chain(display) {
                if out.len() > 1 {
                    out.extend_from_slice(b": ");
                }
                out.extend(text.bytes().filter(|byte| !matches!(byte, b'"' | b'\\')));
            }
            out.extend_from_slice(b"\" ");
        }
        out.extend_from_slice(b"<sip:");
        if self.number.expose().is_empty() {
            out.extend_from_slice(b"anonymous@anonymous.invalid>");
            return out;
        }
        for byte in self.number.expose().bytes() {
            match byte {
                b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'+' | b'-' | b'.' | b'_' | b'*' => out.push(byte),
                other => out.extend_from_slice(format!("%{other:02X}").as_bytes()),
            }
        }
        out.push(b'@');
        out.extend_from_slice(host.as_bytes());
        out.push(b'>');
        out
    }
}

/// The caller's number is not for the agent's eyes (RFC 3323 4.2, RFC 3325 9.3).
fn wants_privacy(request: &Message) -> bool {
    let values = request.value(Name::Privacy).unwrap_or_default().split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    values.into_iter().any(|value| value.eq_ignore_ascii_case(b"id") || value.eq_ignore_ascii_case(b"user"))
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
    let text = String::from_utf8_lossy(bytes);
    // Printable ASCII of a usual length needs no look at each character.
    if text.len() <= TEXT_MAX && text.bytes().all(|b| matches!(b, b' '..=b'~')) {
        return text.trim().trim_matches('"').into();
    }
    text.trim().trim_matches('"').chars().filter(|c| !c.is_control()).take(TEXT_MAX).collect()
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
