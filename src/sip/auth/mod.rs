//! Digest authentication (RFC 7616, RFC 8760), both sides: [`Guard`] asks for credentials and judges them, [`answer`] gives ours.
//! Pure: time and randomness come in. SHA-256 and MD5, `qop=auth`; neither `auth-int` nor `-sess` nor `userhash`.

mod client;
mod fields;
mod nonces;
mod proof;
mod server;
#[cfg(test)]
mod tests;

pub use client::{Answer, answer};
pub use proof::{Algorithm, Credentials, Password};
pub use server::{Guard, Verdict};
