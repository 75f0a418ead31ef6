//! Reads users with their passwords, `{ username = "trunk", password = "secret" }`. A password may also stand in a file or in
//! an environment variable, which the shell reads.

use std::sync::Arc;

use crate::sip::auth::{Algorithm, Credentials, Password};

use super::error::Report;
use super::peer_manners::PeerAuth;
use super::reader::{Section, string};
use super::values;

const CREDENTIAL_KEYS: [&str; 4] = ["username", "password", "password_file", "password_env"];
/// The ways to give a password.
pub(super) const PASSWORD_KEYS: [&str; 3] = ["password", "password_file", "password_env"];
/// Longest user name and password: more than any phone takes.
const SECRET_BYTES_MAX: usize = 128;

/// `outbound_auth` of a peer.
pub(super) fn outbound_auth(peer: &Section<'_, '_>, report: &mut Report<'_>) -> Option<Arc<Credentials>> {
    let item = peer.get("outbound_auth")?;
    credentials(&Section::open(&item, &CREDENTIAL_KEYS, report)?, report).map(Arc::new)
}

/// `auth` of a peer.
pub(super) fn auth(peer: &Section<'_, '_>, report: &mut Report<'_>) -> Option<Arc<PeerAuth>> {
    let item = peer.get("auth")?;
    let keys = [&CREDENTIAL_KEYS[..], &["algorithms"]].concat();
    let section = Section::open(&item, &keys, report)?;
    let algorithms = algorithms(&section, report);
    Some(Arc::new(PeerAuth { credentials: credentials(&section, report)?, algorithms }))
}

/// `algorithms` of a table.
pub(super) fn algorithms(section: &Section<'_, '_>, report: &mut Report<'_>) -> Vec<Algorithm> {
    let choices = Algorithm::ALL.map(|one| (one.as_str(), one));
    let wrote = section.list("algorithms", report, |value| values::choice(value, &choices));
    let Some(wrote) = wrote else { return Algorithm::ALL.to_vec() };
    if let Some(item) = section.get("algorithms")
        && item.value.as_array().is_some_and(|list| list.is_empty())
    {
        report.value(item.at, &item.path, "is empty; leave it out for [\"SHA-256\", \"MD5\"]");
    }
    let mut algorithms = Vec::new();
    for (algorithm, _) in wrote {
        if !algorithms.contains(&algorithm) {
            algorithms.push(algorithm);
        }
    }
    algorithms
}

fn credentials(section: &Section<'_, '_>, report: &mut Report<'_>) -> Option<Credentials> {
    let username = section.required("username", "\"trunk\"", report, secret)?;
    Some(Credentials { username, password: password(section, report)? })
}

/// The password of a table, whichever way it is given.
pub(super) fn password(section: &Section<'_, '_>, report: &mut Report<'_>) -> Option<Password> {
    if PASSWORD_KEYS.iter().filter(|key| section.get(key).is_some()).count() != 1 {
        let message = "needs one of password, password_file and password_env";
        report.whole(section.at, &section.path, message);
        return None;
    }
    let text = section.read("password", report, secret).map(Password::Text);
    let file = section.read("password_file", report, values::path).map(Password::File);
    let variable = section.read("password_env", report, secret).map(Password::Variable);
    text.or(file).or(variable)
}

/// A text of visible characters, in quotes.
fn secret(value: &toml::de::DeValue<'_>) -> Result<String, String> {
    let text = string(value)?;
    is_secret(text).map(|()| text.to_string())
}

/// Whether a text may be a user name or a password.
///
/// # Errors
/// What is wrong with it.
pub fn is_secret(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("is empty".to_string());
    }
    if text.len() > SECRET_BYTES_MAX {
        return Err(format!("is longer than {SECRET_BYTES_MAX} bytes"));
    }
    if text.chars().any(char::is_control) {
        return Err("holds a control character".to_string());
    }
    Ok(())
}
