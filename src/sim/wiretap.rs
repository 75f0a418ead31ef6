//! Watches the SIP messages between the node and each agent's phone: never two calls at once, and after a CANCEL nothing new
//! before its INVITE has a final response or 4 s have passed. Judges by what the node itself has sent and received.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::Instant;
use crate::sim::wire::{Wire, uri_of, user_of};

/// After so long without a provisional response an INVITE no longer binds the agent: the peer is at fault.
const DEAF: Duration = Duration::from_secs(2);
/// After a CANCEL the agent is free again at the latest after so long.
const RELEASE: Duration = Duration::from_secs(4);

/// See the module.
#[derive(Debug, Default)]
pub struct Wiretap {
    /// By agent and Call-ID.
    calls: BTreeMap<String, BTreeMap<String, Call>>,
    /// When a call's first INVITE was sent, and the number of its newest, which differ where a PBX wanted to know who calls.
    invites: BTreeMap<String, (Instant, u32)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Invited(Instant),
    Ringing,
    Talking,
    Cancelled(Instant),
}

impl Wiretap {
    /// The node sends a message to an agent's phone.
    ///
    /// # Errors
    /// A second call at once, in words.
    pub fn on_sent(&mut self, now: Instant, agent: &str, message: &Wire) -> Result<(), String> {
        let calls = self.calls.entry(agent.to_string()).or_default();
        match message.method() {
            Some("INVITE") if message.to_tag().is_none() => {
                // A number outside that is handed a caller is no agent of ours, whoever was one before a reload.
                let is_offer = message.header("X-Strowger-Queue").is_some();
                if !is_offer || calls.contains_key(message.call_id()) {
                    return Ok(());
                }
                let free = |call: &Call| match call {
                    Call::Invited(at) => now - *at >= DEAF,
                    Call::Ringing | Call::Talking => false,
                    Call::Cancelled(at) => now - *at >= RELEASE,
                };
                if let Some((other, call)) = calls.iter().find(|(_, call)| !free(call)) {
                    return Err(format!("agent {agent} is offered {} while {other} is {call:?}", message.call_id()));
                }
                let number = message.cseq().map_or(0, |(number, _)| number);
                let (since, newest) = self.invites.entry(message.call_id().to_string()).or_insert((now, number));
                *newest = number;
                calls.insert(message.call_id().to_string(), Call::Invited(*since));
            }
            Some("CANCEL") => {
                // One that was met with silence binds the agent no more, even when it rings at last.
                let deaf = |call: &Call| matches!(call, Call::Invited(at) if now - *at >= DEAF);
                match calls.get_mut(message.call_id()) {
                    Some(call) if deaf(call) => drop(calls.remove(message.call_id())),
                    Some(call) if !matches!(call, Call::Cancelled(_)) => *call = Call::Cancelled(now),
                    Some(_) | None => {}
                }
            }
            Some("BYE") => drop(calls.remove(message.call_id())),
            _ => {}
        }
        Ok(())
    }

    /// The node hears from the PBX that an agent's phone is in no call: it has handed on what was one, whose leg lives on.
    /// Or it hears from the PBX itself that an INVITE has failed: it wants to know first who calls.
    fn on_told(&mut self, message: &Wire) {
        // A refusal of an earlier INVITE that comes again says nothing of the newest.
        let is_newest = |number| self.invites.get(message.call_id()).is_some_and(|(_, newest)| *newest == number);
        if message.code().is_some_and(|code| code >= 300)
            && message.cseq().is_some_and(|(number, method)| method == "INVITE" && is_newest(number))
        {
            self.calls.values_mut().for_each(|calls| calls.retain(|call, _| call != message.call_id()));
        }
        let after = |mark: &str| message.body.split_once(mark).and_then(|(_, rest)| rest.split_once('"'));
        let id = after("<dialog id=\"").or_else(|| after("<tuple id=\""));
        let is_idle = message.body.contains("<state>terminated</state>") || message.body.contains("<note>Ready</note>");
        if let Some((user, _)) = id
            && is_idle
            && let Some(calls) = self.calls.get_mut(user)
        {
            calls.retain(|_, call| *call != Call::Talking);
        }
    }

    /// The node receives a message from an agent's phone, or from its PBX itself.
    pub fn on_received(&mut self, now: Instant, agent: Option<&str>, message: &Wire) {
        let Some(agent) = agent else { return self.on_told(message) };
        let Some(calls) = self.calls.get_mut(agent) else { return };
        if message.method() == Some("BYE") {
            calls.remove(message.call_id());
            return;
        }
        // The PBX has put somebody else on its end of this call: the agent is free.
        let connected = message.header("P-Asserted-Identity").map(|value| user_of(uri_of(value)));
        if message.method().is_some() && message.to_tag().is_some() && connected.is_some_and(|user| user != agent) {
            calls.remove(message.call_id());
            return;
        }
        let (Some(code), Some((_, method))) = (message.code(), message.cseq()) else { return };
        let Some(call) = calls.get_mut(message.call_id()) else { return };
        let ends = matches!(code, 408 | 481) || (code >= 300 && method == "INVITE" && *call != Call::Talking);
        if ends {
            calls.remove(message.call_id());
        } else if method == "INVITE" && matches!(call, Call::Invited(at) if now - *at >= DEAF) {
            // Too late: given up already.
        } else if method == "INVITE" && matches!(call, Call::Invited(_) | Call::Ringing) {
            *call = if code < 200 { Call::Ringing } else { Call::Talking };
        }
    }
}
