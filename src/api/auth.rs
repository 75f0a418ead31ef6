//! Who asks: the user a bearer token belongs to, or `local` where the configuration has no tokens (loopback only). Tokens are
//! compared in constant time.

use std::hint::black_box;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use crate::api::handle::Handle;
use crate::api::problem::Problem;

/// The user's name. As an extractor it refuses requests without a valid token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Who(pub(super) Arc<str>);

/// The user's name where no token is asked for.
const LOCAL: &str = "local";

impl FromRequestParts<Handle> for Who {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, handle: &Handle) -> Result<Self, Problem> {
        let header = parts.headers.get(AUTHORIZATION).map(|value| value.as_bytes());
        identify(&handle.tokens(), header).map(Self)
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
        if is_same(secret.as_bytes(), token.trim_ascii()) {
            found = Some(name.as_str().into());
        }
    }
    found.ok_or_else(|| Problem::unauthorized("this token is not known"))
}

/// The scheme of RFC 6750 2.1 with its space.
const BEARER: &[u8] = b"Bearer ";

/// Compares in a time that depends on the lengths only.
fn is_same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() || a.is_empty() {
        return false;
    }
    let difference = a.iter().zip(b).fold(0, |difference, (x, y)| black_box(difference | (x ^ y)));
    difference == 0
}

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
    fn without_tokens_everybody_is_local() {
        assert_eq!(identify(&[], None).as_deref(), Ok("local"));
    }
}
