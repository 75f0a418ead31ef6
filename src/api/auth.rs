//! Who asks: the user a bearer token belongs to, or `local` where the configuration has no tokens (loopback only). Tokens are
//! compared in constant time.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, HOST};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};

use crate::api::handle::Handle;
use crate::api::problem::Problem;
use crate::base::secret::same;

/// The user's name. As an extractor it refuses requests without a valid token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Who(pub(super) Arc<str>);

/// The user's name where no token is asked for.
const LOCAL: &str = "local";

impl FromRequestParts<Handle> for Who {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, handle: &Handle) -> Result<Self, Problem> {
        let header = |name| parts.headers.get(name).map(HeaderValue::as_bytes);
        let tokens = handle.tokens();
        if tokens.is_empty() && !header(HOST).is_none_or(is_local_name) {
            return Err(Problem::new(StatusCode::FORBIDDEN, "without tokens, only names of this machine are served"));
        }
        identify(&tokens, header(AUTHORIZATION)).map(Self)
    }
}

fn identify(tokens: &[(String, String)], header: Option<&[u8]>) -> Result<Arc<str>, Problem> {
    if tokens.is_empty() {
        return Ok(LOCAL.into());
    }
    let Some(header) = header else { return Err(Problem::unauthorized("a bearer token is required")) };
    let Some((scheme, token)) = header.split_at_checked(BEARER.len()) else {
        return Err(Problem::unauthorized("the Authorization header is no bearer token"));
    };
    if !scheme.eq_ignore_ascii_case(BEARER) {
        return Err(Problem::unauthorized("the Authorization header is no bearer token"));
    }
    let mut found = None;
    for (name, secret) in tokens {
        if !secret.is_empty() && same(secret.as_bytes(), token.trim_ascii()) {
            found = Some(name.as_str().into());
        }
    }
    found.ok_or_else(|| Problem::unauthorized("this token is not known"))
}

/// A web page may point a name of its own at this machine and so speak to us from a browser here (DNS rebinding); it cannot
/// make the browser say `localhost` or an address.
fn is_local_name(host: &[u8]) -> bool {
    let Ok(host) = std::str::from_utf8(host) else { return false };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    };
    name.eq_ignore_ascii_case("localhost") || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
}

/// The scheme of RFC 6750 2.1 with its space.
const BEARER: &[u8] = b"Bearer ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_user() {
        let tokens = vec![("ann".to_string(), "s3cret".to_string()), ("bob".to_string(), "other!".to_string())];
        assert_eq!(identify(&tokens, Some(b"Bearer other!")).as_deref(), Ok("bob"));
        assert_eq!(identify(&tokens, Some(b"bearer s3cret")).as_deref(), Ok("ann"));
        for wrong in [&b"Bearer s3cre"[..], b"Bearer ", b"Basic s3cret", b"B", b"Bearer s3cretx"] {
            assert!(identify(&tokens, Some(wrong)).is_err());
        }
        assert!(identify(&tokens, None).is_err());
    }

    #[test]
    fn names_of_others_are_not_local() {
        for local in ["127.0.0.1:8080", "localhost", "LOCALHOST:80", "[::1]:8080"] {
            assert!(is_local_name(local.as_bytes()), "{local}");
        }
        for other in ["example.com", "example.com:8080", "localhost.example.com", "", "127.0.0.1.example.com"] {
            assert!(!is_local_name(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn without_tokens_everybody_is_local() {
        assert_eq!(identify(&[], None).as_deref(), Ok("local"));
    }
}
