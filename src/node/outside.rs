//! Numbers outside, and whom an agent means who keys digits in.

use crate::acd::Target;
use crate::base::{PeerId, Pii};
use crate::node::directory::Directory;

/// The longest number outside.
pub(super) const NUMBER_MAX: usize = 32;

impl Directory {
    /// How a number outside is called: by way of which neighbour, under which URI.
    ///
    /// # Errors
    /// Why it is not called, in words.
    pub(super) fn outside(&self, number: &str) -> Result<(PeerId, String), String> {
        let digits = number.strip_prefix('+').unwrap_or(number);
        let is_number = !digits.is_empty() && number.len() <= NUMBER_MAX && digits.bytes().all(|b| b.is_ascii_digit());
        if !is_number {
            return Err("it is no number; write digits, with + before them or not".to_string());
        }
        let Some(outside) = &self.transfer.outside else {
            return Err("no transfer.peer is configured, so no number is called".to_string());
        };
        if !outside.numbers.is_empty() && !outside.numbers.iter().any(|begins| number.starts_with(begins.as_str())) {
            return Err("transfer.numbers does not allow this number".to_string());
        }
        let peer = self.peer_of_name(&outside.peer);
        let peer = peer.ok_or_else(|| "the peer of transfers is gone".to_string())?;
        Ok((peer, outside.uri.replace("{number}", number)))
    }

    /// Whom an agent means who keys these digits in.
    pub(super) fn target_of_keys(&self, digits: &str) -> Option<Target> {
        let agent = self.agent_of_name(digits).map(Target::Agent);
        let queue = || self.called(digits).map(|called| Target::Queue(called.queue));
        let number = || self.outside(digits).ok().map(|_| Target::Number(Pii::new(digits.into())));
        agent.or_else(queue).or_else(number)
    }
}
