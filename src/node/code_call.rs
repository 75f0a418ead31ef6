//! A call of an agent's phone to a feature code: how far it is and what has been keyed in. Data only; `journey::code` moves it.

use crate::base::{PeerId, TimerKey};
use crate::config::Feature;
use crate::media::Signal;
use crate::node::contact::Stream;

/// A call of an agent's phone to a code.
#[derive(Debug)]
pub(super) struct CodeCall {
    pub(super) stream: Stream,
    pub(super) peer: PeerId,
    pub(super) code: Box<str>,
    pub(super) feature: Feature,
    pub(super) stage: Stage,
    pub(super) timer: TimerKey,
    /// Our 200 is acknowledged, and the far end's audio known.
    pub(super) open: bool,
}

/// How far it is.
#[derive(Debug)]
pub(super) enum Stage {
    /// The hub has been asked; whether the call has been answered.
    Asked { answered: bool },
    /// Who dials keys in its number and its PIN.
    Typing(Typed),
    /// It is told what became of it.
    Telling(Signal),
}

/// What has been keyed in.
#[derive(Debug, Default)]
pub(super) struct Typed {
    pub(super) agent: Option<String>,
    pub(super) keys: String,
    pub(super) wrong: u8,
}

/// Longest number and PIN that is keyed in.
const KEYS_MAX: usize = 32;

impl Typed {
    /// A key more; number and PIN once both are whole.
    pub(super) fn press(&mut self, key: char) -> Option<(String, String)> {
        match key {
            '0'..='9' if self.keys.len() < KEYS_MAX => self.keys.push(key),
            '#' => {
                let keys = std::mem::take(&mut self.keys);
                match self.agent.take() {
                    Some(agent) => return Some((agent, keys)),
                    None => self.agent = Some(keys),
                }
            }
            // Anew.
            '*' => (self.agent, self.keys) = (None, String::new()),
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_and_pin_end_with_a_hash_and_a_star_begins_anew() {
        let typed = |keys: &str| {
            let mut typed = Typed::default();
            keys.chars().filter_map(|key| typed.press(key)).collect::<Vec<_>>()
        };
        let pair = |number: &str, pin: &str| (number.to_string(), pin.to_string());
        assert_eq!(typed("1001#4711#"), [pair("1001", "4711")]);
        assert_eq!(typed("10*1001#4711#12#34#"), [pair("1001", "4711"), pair("12", "34")]);
        assert_eq!(typed("1001#47*1001#4711"), []);
        assert_eq!(typed("##"), [pair("", "")]);
        let long = typed(&format!("{}#1#", "7".repeat(100)));
        assert_eq!(long[0].0.len(), KEYS_MAX);
    }
}
