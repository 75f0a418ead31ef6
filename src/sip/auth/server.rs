//! [`Guard`]: asks for credentials and judges them. A challenge costs no memory; credentials are looked at only as far as
//! they are whole.

use std::net::IpAddr;

use super::fields::Fields;
use super::nonces::Nonces;
use super::proof::{Algorithm, Claim, Credentials};
use crate::base::digits::hexadecimal;
use crate::base::secret::same;
use crate::base::{Instant, Rng};
use crate::sip::message::Message;
use crate::sip::name::Name;
use crate::sip::uri::{Uri, decode};
use crate::sip::write::Writer;

/// Header lines with credentials that are looked at: one for each realm on the way.
const LINES_MAX: usize = 8;

/// See the module.
#[derive(Debug)]
pub struct Guard {
    realm: Box<str>,
    nonces: Nonces,
}

/// What a request's credentials are worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The user knows the password.
    Good,
    /// There are none for our realm: a challenge is due.
    Missing,
    /// The nonce is too old, not ours, another source's, or was used like this before: a challenge that says so is due. But in
    /// the last case it was not looked at whether the user knows the password.
    Stale,
    /// Wrong user or password, made with a nonce that was sent to this source: no one else has written this.
    Wrong,
    /// They cannot be read: 400, with this reason.
    Bad(&'static str),
}

impl Guard {
    /// A guard of this realm, with a key of its own for its nonces.
    pub fn new(realm: &str, rng: &mut Rng) -> Self {
        Self { realm: realm.into(), nonces: Nonces::new(rng) }
    }

    /// Writes a challenge, one line for each algorithm (RFC 8760 2.3), into a 401 to this source.
    pub fn challenge(
        &mut self,
        now: Instant,
        source: IpAddr,
        writer: &mut Writer,
        algorithms: &[Algorithm],
        verdict: Verdict,
    ) {
        let nonce = self.nonces.make(now, source);
        let stale: &[u8] = if verdict == Verdict::Stale { b",stale=true" } else { b"" };
        for algorithm in algorithms {
            let parts = [
                b"Digest realm=\"",
                self.realm.as_bytes(),
                b"\",nonce=\"",
                &nonce,
                b"\",algorithm=",
                algorithm.as_str().as_bytes(),
                b",qop=\"auth\"",
                stale,
            ];
            writer.line_of(Name::WwwAuthenticate, &parts);
        }
    }

    /// Judges the Authorization of a request from this source. `find` gives the credentials of a user name.
    pub fn judge<'c>(
        &mut self,
        now: Instant,
        source: IpAddr,
        request: &Message,
        algorithms: &[Algorithm],
        find: impl FnOnce(&[u8]) -> Option<&'c Credentials>,
    ) -> Verdict {
        for value in request.values(Name::Authorization).take(LINES_MAX) {
            match Fields::parse(value) {
                Err(_) => return Verdict::Bad("Unreadable credentials"),
                Ok(Some(fields)) if fields.get("realm").is_some_and(|realm| *realm == *self.realm.as_bytes()) => {
                    return self.judge_fields(now, source, request, &fields, algorithms, find);
                }
                Ok(_) => {}
            }
        }
        Verdict::Missing
    }

    fn judge_fields<'c>(
        &mut self,
        now: Instant,
        source: IpAddr,
        request: &Message,
        fields: &Fields<'_>,
        algorithms: &[Algorithm],
        find: impl FnOnce(&[u8]) -> Option<&'c Credentials>,
    ) -> Verdict {
        let known = |text: &[u8]| Algorithm::from_bytes(text).filter(|one| algorithms.contains(one));
        let algorithm = fields.get("algorithm").map_or_else(|| known(b"MD5"), |text| known(&text));
        let Some(algorithm) = algorithm else { return Verdict::Missing };
        let (Some(username), Some(nonce), Some(uri), Some(response)) =
            (fields.get("username"), fields.get("nonce"), fields.get("uri"), fields.get("response"))
        else {
            return Verdict::Bad("Incomplete credentials");
        };
        let (Some(count), Some(cnonce)) = (fields.get("nc"), fields.get("cnonce")) else {
            return Verdict::Bad("Credentials without nc and cnonce");
        };
        let number = hexadecimal(&count).filter(|_| count.len() == 8).and_then(|number| u32::try_from(number).ok());
        let Some(number) = number.filter(|number| *number > 0 && !cnonce.is_empty() && fields.says("qop", "auth"))
        else {
            return Verdict::Bad("Bad qop, nc or cnonce");
        };
        if !is_meant(&uri, request.uri()) {
            return Verdict::Bad("Credentials for another URI");
        }
        // Before the password: what anybody can write under another's address shall not count as that one's tries.
        if !self.nonces.is_fresh(now, source, &nonce) {
            return Verdict::Stale;
        }
        let claim = Claim {
            algorithm,
            username: &username,
            realm: self.realm.as_bytes(),
            method: request.method_text(),
            uri: &uri,
            nonce: &nonce,
            counted: Some((&count, &cnonce)),
        };
        let credentials = find(&username).filter(|known| same(known.username.as_bytes(), &username));
        // As much work for a user who does not exist.
        let expected = claim.response(credentials.and_then(Credentials::secret).unwrap_or_default());
        let proven = same(expected.as_bytes(), &response.to_ascii_lowercase());
        if !proven || credentials.and_then(Credentials::secret).is_none() {
            return Verdict::Wrong;
        }
        if self.nonces.accept(now, source, &nonce, number) { Verdict::Good } else { Verdict::Stale }
    }

    /// Nonces remembered.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.nonces.len()
    }
}

/// Whether credentials for this URI are meant for a request to that one. On the way a URI's host and parameters may change
/// (RFC 7616 3.4.6), and some senders name their server without a user; but whom the request is for stays.
fn is_meant(uri: &[u8], requested: &[u8]) -> bool {
    if uri == requested {
        return true;
    }
    let (Ok(uri), Ok(requested)) = (Uri::parse(uri), Uri::parse(requested)) else { return false };
    uri.user.is_none_or(|user| requested.user.is_some_and(|other| decode(user) == decode(other)))
}
