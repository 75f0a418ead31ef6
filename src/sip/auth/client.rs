//! Our credentials for who asks for them (RFC 7616 3.4, RFC 3261 22.2). A request is repeated once for each realm's challenge,
//! and once more when its nonce was stale: what was refused with good credentials is not tried again.

use super::fields::Fields;
use super::proof::{Algorithm, Claim, Credentials};
use crate::base::digits::padded_hex;
use crate::sip::message::Message;
use crate::sip::name::Name;

/// Challenges in one response that are looked at.
const LINES_MAX: usize = 8;
/// `nc` of the first use of a nonce; each of ours is used once.
const COUNT: &[u8] = b"00000001";

/// Credentials to put into the request that is repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// `Authorization` or `Proxy-Authorization`; it takes the place of a line of this name.
    pub name: Name,
    /// Its value.
    pub value: Vec<u8>,
}

/// The answer to a 401 or 407 that `request` got; `None` when none can be given, or one was refused. `random` goes into the
/// client's nonce.
pub fn answer(response: &Message, request: &Message, credentials: &Credentials, random: u64) -> Option<Answer> {
    let (ask, name) = match response.status() {
        401 => (Name::WwwAuthenticate, Name::Authorization),
        407 => (Name::ProxyAuthenticate, Name::ProxyAuthorization),
        _ => return None,
    };
    let password = credentials.secret()?;
    let (fields, algorithm) = response.values(ask).take(LINES_MAX).find_map(usable)?;
    let attempt = match request.value(name) {
        None => b'1',
        Some(before) if fields.says("stale", "true") && attempt_of(before)? == b'1' => b'2',
        Some(_) => return None,
    };
    let (realm, nonce) = (fields.get("realm")?, fields.get("nonce")?);
    let mut cnonce = [attempt; 17];
    cnonce[1..].copy_from_slice(&padded_hex(random));
    // A server of RFC 2069 offers no qop, and knows neither count nor cnonce.
    let counted = fields.get("qop").map(|_| (COUNT, &cnonce[..]));
    let claim = Claim {
        algorithm,
        username: credentials.username.as_bytes(),
        realm: &realm,
        method: request.method_text(),
        uri: request.uri(),
        nonce: &nonce,
        counted,
    };
    let mut value = Vec::with_capacity(320);
    for (before, text) in [
        (&b"Digest username="[..], claim.username),
        (b",realm=", claim.realm),
        (b",nonce=", claim.nonce),
        (b",uri=", claim.uri),
        (b",response=", claim.response(password).as_bytes()),
    ] {
        value.extend_from_slice(before);
        quote(&mut value, text);
    }
    value.extend_from_slice(b",algorithm=");
    value.extend_from_slice(algorithm.as_str().as_bytes());
    if let Some((count, cnonce)) = counted {
        value.extend_from_slice(b",qop=auth,nc=");
        value.extend_from_slice(count);
        value.extend_from_slice(b",cnonce=");
        quote(&mut value, cnonce);
    }
    if let Some(opaque) = fields.get("opaque") {
        value.extend_from_slice(b",opaque=");
        quote(&mut value, &opaque);
    }
    Some(Answer { name, value })
}

/// A challenge that we can answer: the topmost of them is taken (RFC 8760 2.4).
fn usable(value: &[u8]) -> Option<(Fields<'_>, Algorithm)> {
    let fields = Fields::parse(value).ok()??;
    let algorithm = fields.get("algorithm").map_or(Some(Algorithm::Md5), |text| Algorithm::from_bytes(&text))?;
    let auth = |qop: &[u8]| qop.split(|byte| *byte == b',').any(|one| one.trim_ascii().eq_ignore_ascii_case(b"auth"));
    let fits = fields.get("qop").is_none_or(|qop| auth(&qop));
    fits.then_some((fields, algorithm))
}

/// Which attempt credentials of ours are: the first character of their cnonce says it, so that nothing is kept.
fn attempt_of(value: &[u8]) -> Option<u8> {
    let fields = Fields::parse(value).ok()??;
    Some(fields.get("cnonce")?.first().copied().unwrap_or_default())
}

fn quote(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out.push(b'"');
}
