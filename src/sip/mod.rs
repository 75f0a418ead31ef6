//! RFC 3261 mechanism, bytes in and bytes out: messages, header grammar, transactions, dialogs. Knows nothing of calls' meaning.

pub mod auth;
pub mod cause;
pub mod check;
pub mod dialog;
pub mod dialog_info;
pub mod framing;
pub mod glance;
pub mod grammar;
pub mod message;
pub mod name;
pub mod package;
pub mod pidf;
pub mod registrar;
pub mod replaces;
mod span;
pub mod transaction;
pub mod uri;
pub mod value;
pub mod write;
pub mod xml;

#[cfg(test)]
mod tests;
