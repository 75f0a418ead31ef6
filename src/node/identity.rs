//! Who calls, and which number was called: read from the INVITE, by the trunk's ordered source list, and written for the
//! agent's phone.

use crate::base::Pii;
use crate::config::DnisSource;
use crate::sip::message::Message;
use crate::sip::name::Name;
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
