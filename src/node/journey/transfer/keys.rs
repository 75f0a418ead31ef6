//! The keys by which an agent hands its caller on: a code, and after `blind` and `consult` the target's digits and `#`. An
//! agent's name and a queue's number are taken for these, everything else for a number outside.
//!
//! While codes are configured, what an agent presses is kept from the caller; a number that is consulted hears it, for it may
//! ask for keys. Pressing them again after a pause begins anew.

use std::sync::Arc;
use std::time::Duration;

use crate::acd::TransferKind;
use crate::base::{CallId, Instant};
use crate::config::Codes;
use crate::media;
use crate::node::contact::{Keys, Phase, Reach};
use crate::node::outside::NUMBER_MAX;
use crate::node::shard::{Shard, Side};

/// Keys further apart than this do not belong together.
const WITHIN: Duration = Duration::from_secs(8);

/// What a code asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asks {
    Target(TransferKind),
    Complete,
    Cancel,
}

/// What has been keyed in by now.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Typed {
    /// Nothing whole.
    More,
    /// A target, to be handed the caller.
    To(TransferKind, String),
    /// A code that needs no target.
    Code(Asks),
}

impl Shard {
    /// An agent who talks has pressed a key.
    pub(in crate::node) fn on_talker_key(&mut self, now: Instant, call: CallId, key: char) {
        let config = Arc::clone(&self.directory.transfer);
        if !config.codes.is_on() {
            return;
        }
        let Some(contact) = self.contact(call) else { return };
        let consults = contact.handover.is_some();
        match contact.keys.get_or_insert_default().press(now, key, &config.codes, consults) {
            Typed::More => {}
            Typed::To(kind, digits) => {
                let begun = match self.directory.target_of_keys(&digits) {
                    Some(target) => self.transfer(now, call, (kind, target), None),
                    None => Err("no such target".to_string()),
                };
                if let Err(why) = begun {
                    tracing::info!(%call, %why, "what an agent keyed in cannot be done");
                }
            }
            Typed::Code(Asks::Complete) => drop(self.complete(now, call)),
            Typed::Code(Asks::Cancel) => drop(self.cancel(now, call)),
            Typed::Code(Asks::Target(_)) => {}
        }
    }

    /// Whether what the talking agent presses is passed on, as the codes and the other end ask.
    pub(in crate::node) fn mind_digits(&mut self, call: CallId) {
        let Some(contact) = self.contacts.get(call.0) else { return };
        let Phase::Talking { agent, .. } = &contact.phase else { return };
        let asks_for_keys = matches!(contact.handover.as_ref().map(|it| &it.reach), Some(Reach::Number(_)));
        let passed = asks_for_keys || !self.directory.transfer.codes.is_on();
        let Some(stream) = self.audio_of(call, Side::Agent(agent.leg)).and_then(|audio| audio.stream()) else { return };
        if stream.digits_passed != passed {
            let (leg, stream) = (agent.leg, stream.id);
            self.media.push_back(media::Command::Digits { stream, passed });
            let audio = self.contact(call).and_then(|contact| contact.audio_on_mut(leg));
            if let Some(stream) = audio.and_then(|audio| audio.stream_mut()) {
                stream.digits_passed = passed;
            }
        }
    }

    /// True when a key that comes by SIP INFO is to be kept from the other end.
    pub(in crate::node) fn keeps_key(&self, call: CallId, side: Side) -> bool {
        let Side::Agent(leg) = side else { return false };
        let audio = self
            .contacts
            .get(call.0)
            .filter(|contact| contact.talking() == Some(leg))
            .map(|contact| contact.audio_on(leg));
        let stream = audio.flatten().and_then(|(audio, _)| audio.stream());
        stream.map_or_else(|| self.directory.transfer.codes.is_on(), |stream| !stream.digits_passed)
    }
}

impl Keys {
    fn press(&mut self, now: Instant, key: char, codes: &Codes, consults: bool) -> Typed {
        if now.since(self.at) > WITHIN {
            self.typed.clear();
            self.target_for = None;
        }
        self.at = now;
        match self.target_for {
            Some(kind) => self.press_target(key, kind),
            None => self.press_code(key, codes, consults),
        }
    }

    fn press_target(&mut self, key: char, kind: TransferKind) -> Typed {
        match key {
            '0'..='9' if self.typed.len() < NUMBER_MAX => {
                self.typed.push(key);
                Typed::More
            }
            '#' if !self.typed.is_empty() => {
                self.target_for = None;
                Typed::To(kind, std::mem::take(&mut self.typed))
            }
            // Nothing that a target has: given up.
            _ => {
                self.typed.clear();
                self.target_for = None;
                Typed::More
            }
        }
    }

    fn press_code(&mut self, key: char, codes: &Codes, consults: bool) -> Typed {
        let known = match consults {
            false => [
                (&codes.blind, Asks::Target(TransferKind::Blind)),
                (&codes.consult, Asks::Target(TransferKind::Consult)),
            ],
            true => [(&codes.complete, Asks::Complete), (&codes.cancel, Asks::Cancel)],
        };
        let begins =
            |typed: &str| known.iter().any(|(code, _)| code.as_ref().is_some_and(|code| code.starts_with(typed)));
        self.typed.push(key);
        if !begins(&self.typed) {
            self.typed.clear();
            self.typed.push(key);
        }
        let whole = known.iter().find(|(code, _)| code.as_deref() == Some(self.typed.as_str())).map(|(_, asks)| *asks);
        if whole.is_some() || !begins(&self.typed) {
            self.typed.clear();
        }
        match whole {
            Some(Asks::Target(kind)) => {
                self.target_for = Some(kind);
                Typed::More
            }
            Some(asks @ (Asks::Complete | Asks::Cancel)) => Typed::Code(asks),
            None => Typed::More,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes() -> Codes {
        let code = |text: &str| Some(text.into());
        Codes { blind: code("*3"), consult: code("*22"), complete: code("*4"), cancel: code("*1") }
    }

    fn press(keys: &mut Keys, text: &str, consults: bool) -> Typed {
        let mut told = Typed::More;
        for key in text.chars() {
            assert_eq!(told, Typed::More, "before {key} of {text}");
            told = keys.press(Instant::from_micros(1), key, &codes(), consults);
        }
        told
    }

    #[test]
    fn a_code_takes_a_target_and_what_leads_nowhere_begins_anew() {
        let mut keys = Keys::default();
        assert_eq!(press(&mut keys, "*3", false), Typed::More);
        assert_eq!(press(&mut keys, "1002#", false), Typed::To(TransferKind::Blind, "1002".to_string()));
        assert_eq!(press(&mut keys, "5**2*221#", false), Typed::To(TransferKind::Consult, "1".to_string()));
        assert_eq!(press(&mut keys, "*3#", false), Typed::More, "no target");
        assert_eq!(press(&mut keys, "*312*", false), Typed::More, "given up");
        assert_eq!(press(&mut keys, "7#", false), Typed::More);
        assert_eq!(press(&mut keys, "*4", false), Typed::More, "nobody is consulted");
        assert_eq!(press(&mut keys, "*4", true), Typed::Code(Asks::Complete));
        assert_eq!(press(&mut keys, "**1", true), Typed::Code(Asks::Cancel));
        assert_eq!(press(&mut keys, "*3", true), Typed::More);
        assert_eq!(press(&mut keys, "9", true), Typed::More);
    }

    #[test]
    fn keys_far_apart_do_not_belong_together_and_a_number_has_a_bound() {
        let mut keys = Keys::default();
        press(&mut keys, "*3100", false);
        let later = Instant::from_micros(20_000_000);
        assert_eq!(keys.press(later, '#', &codes(), false), Typed::More);
        let mut keys = Keys::default();
        press(&mut keys, "*3", false);
        assert_eq!(press(&mut keys, &"7".repeat(NUMBER_MAX + 1), false), Typed::More);
        assert_eq!(press(&mut keys, "#", false), Typed::More, "given up");
    }
}
