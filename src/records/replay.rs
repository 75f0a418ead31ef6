//! [`Replay`]: reads the lines of one run back in their order, each fact once, and none left out.

use crate::acd::Stamped;
use crate::base::Instant;
use crate::records::line::{Line, read};
use crate::records::unreadable::Unreadable;

/// Why lines are not the facts of one run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// One of them cannot be read.
    #[error("the fact after number {}: {why}", .before.map_or_else(|| "none".to_string(), |before| before.to_string()))]
    Unreadable {
        /// The number of the last fact that was read.
        before: Option<u64>,
        /// Why.
        why: Unreadable,
    },
    /// Facts are missing.
    #[error("fact {expected} is missing: number {found} comes in its place")]
    Gap {
        /// The number that should come.
        expected: u64,
        /// The one that came.
        found: u64,
    },
    /// A fact is older than the one before it.
    #[error("fact {seq} is of {at}, earlier than the fact before it")]
    Earlier {
        /// Its number.
        seq: u64,
        /// Its time.
        at: Instant,
    },
}

/// Reads facts in their order; see the module.
#[derive(Debug, Default)]
pub struct Replay {
    next: u64,
    latest: Instant,
}

impl Replay {
    /// A reader that begins with the first fact of a run.
    pub fn new() -> Self {
        Self::default()
    }

    /// The fact of the next line; `None` for one that has been read before.
    ///
    /// # Errors
    /// What is wrong with the line, or with its place. The reader stays where it was.
    pub fn take(&mut self, text: &str) -> Result<Option<Stamped>, Broken> {
        let before = self.next.checked_sub(1);
        let Line { seq, stamped, .. } = read(text).map_err(|why| Broken::Unreadable { before, why })?;
        if seq < self.next {
            return Ok(None);
        }
        if seq > self.next {
            return Err(Broken::Gap { expected: self.next, found: seq });
        }
        if stamped.at < self.latest {
            return Err(Broken::Earlier { seq, at: stamped.at });
        }
        self.next += 1;
        self.latest = stamped.at;
        Ok(Some(stamped))
    }
}
