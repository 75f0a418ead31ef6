//! How callers are handed on in random worlds: by the control plane, by keys, by REFER with Replaces, and by phones that take
//! another's place.

use crate::acd::TransferKind;
use crate::base::Instant;
use crate::node::Consulted;
use crate::sim::act::Act;
use crate::sim::caller::Dial;
use crate::sim::workload::{Draw, OUTSIDE};

impl Draw {
    /// Somebody takes another's place, by a REFER of an agent's phone or by an INVITE.
    pub(super) fn replace(&mut self, at: Instant, caller: &str, acts: &mut Vec<(Instant, Act)>) {
        let name = (1001 + self.rng.below(self.shape.agents)).to_string();
        let refer = |to: &str, who: &str| Act::Refer {
            name: name.clone(),
            to: format!("sip:{to}@10.0.2.1"),
            replaces: Some(who.to_string()),
            news: true,
        };
        match self.rng.below(4) {
            0 => acts.push((at, refer(self.pick(&OUTSIDE), "nobody"))),
            1 => {
                let line = format!("l{name}");
                acts.push((at, self.dial(&line)));
                acts.push((at + self.seconds(2.0), refer("801", &line)));
            }
            _ => {
                let who = if self.rng.chance(0.5) { caller.to_string() } else { name };
                if let Act::Dial { caller, via, formats, dial } = self.dial(&format!("r{caller}")) {
                    let dial = Dial { replaces: Some(who), ..dial };
                    acts.push((at, Act::Dial { caller, via, formats, dial }));
                }
            }
        }
    }

    /// A caller is handed on, perhaps in vain, and somebody may put an end to it.
    pub(super) fn hand_on(&mut self, at: Instant, caller: &str, acts: &mut Vec<(Instant, Act)>) {
        let agent = 1001 + self.rng.below(self.shape.agents);
        let target = match self.rng.below(4) {
            0 | 1 => format!("agent:{agent}"),
            2 => format!("queue:q{}", self.rng.below(self.shape.queues)),
            _ => format!("number:{}", self.pick(&OUTSIDE)),
        };
        let kind = self.pick(&[TransferKind::Blind, TransferKind::Consult, TransferKind::Consult]);
        acts.push((at, Act::Transfer(caller.to_string(), kind, target)));
        let later = at + self.seconds(3.0);
        match self.rng.below(8) {
            0..=2 => acts.push((later, Act::Consultation(caller.to_string(), Consulted::Complete))),
            3 => acts.push((later, Act::Consultation(caller.to_string(), Consulted::Cancel))),
            4 => acts.push((later, Act::Requeue(caller.to_string(), None))),
            5 => acts.push((later, Act::Withdraw(caller.to_string()))),
            6 => {
                for key in "*21001#".chars() {
                    acts.push((at, Act::Press(agent.to_string(), key)));
                }
            }
            _ => {}
        }
    }
}
