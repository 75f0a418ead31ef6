//! What else happens in a random world about the time of a call: supervisors, transfers, devices, power cuts, outages.

use std::time::Duration;

use super::{Draw, OUTSIDE};
use crate::acd::{self, AgentTarget, DeviceState, Reason, TransferKind};
use crate::base::Instant;
use crate::node::{AgentChange, Consulted};
use crate::sim::act::{Act, Telling};
use crate::sim::agent_phone::Own;
use crate::sim::caller::Dial;
use crate::sim::session::Told;
use crate::sim::terms::Direction;
use crate::sim::world::TRUNK;

impl Draw {
    /// A wished state: sometimes for a while, sometimes forced.
    fn set(&mut self, agent: String, target: AgentTarget) -> Act {
        let lasts = self.rng.chance(0.5).then(|| self.seconds(10.0) + Duration::from_millis(1));
        let why = self.rng.chance(0.3).then(|| "needed elsewhere".into());
        Act::SetAgent { agent, target, lasts, why }
    }

    /// What else happens about the time of a call.
    pub(super) fn meddle(&mut self, at: Instant, caller: &str, acts: &mut Vec<(Instant, Act)>) {
        let later = at + self.seconds(5.0);
        let agent = (1001 + self.rng.below(self.shape.agents)).to_string();
        match self.rng.below(50) {
            0 => acts.push((later, Act::Withdraw(caller.to_string()))),
            1 => acts.push((later, Act::Requeue(caller.to_string(), None))),
            2 => {
                let queue = format!("q{}", self.rng.below(self.shape.queues));
                acts.push((later, Act::Requeue(caller.to_string(), Some(queue))));
            }
            3 => acts.push((later, self.set(agent, AgentTarget::NotReady(Reason::Custom("break".into()))))),
            4 => acts.push((later, self.set(agent, AgentTarget::LoggedOut))),
            5 | 6 => acts.push((later, self.set(agent, AgentTarget::Ready))),
            7 => acts.push((later, Act::Vanish(caller.to_string()))),
            8 => {
                let back = later + self.seconds(20.0);
                acts.push((later, Act::Vanish(agent.clone())));
                acts.push((back, Act::Return(agent)));
            }
            9 => acts.push((later, Act::Manner(agent, self.manner()))),
            10 => acts.push((later, Act::NextManner(agent, self.manner()))),
            11 | 48 => {
                // Both hold in the same moment.
                acts.push((later, Act::Change(caller.to_string(), Direction::SendOnly)));
                acts.push((later, Act::Change(agent, Direction::SendOnly)));
            }
            12 => acts.push((later, Act::HangUp(caller.to_string()))),
            13 => acts.push((later, Act::HangUp(agent))),
            14 => acts.push((later, Act::Change(caller.to_string(), Direction::Inactive))),
            15 if self.shape.tells_devices() => {
                let own = if self.shape.calls.is_multiple_of(8) { Own::Talks } else { Own::Left };
                self.is_for_itself(later, agent, own, acts);
            }
            15 => {
                let states = [DeviceState::Ringing, DeviceState::Busy(acd::Direction::Out), DeviceState::Offline];
                let free = later + self.seconds(10.0);
                acts.push((later, Act::Device(agent.clone(), self.pick(&states))));
                acts.push((free, Act::Device(agent, DeviceState::Idle)));
            }
            28..=37 => {
                for attempt in 0..4 {
                    self.hand_on(later + Duration::from_secs(2) * attempt, caller, acts);
                }
            }
            22..=27 => {
                for attempt in 0..6 {
                    self.ask(later + Duration::from_secs(1) * attempt, &agent, acts);
                }
            }
            38 | 39 => self.dial_code(later, &agent, acts),
            40..=43 => {
                for attempt in 0..4 {
                    self.replace(later + Duration::from_secs(2) * attempt, caller, acts);
                }
            }
            16 => acts.push((later, Act::ExtendWrapUp(agent, self.seconds(5.0)))),
            17 => acts.push((later, Act::EndWrapUp(agent))),
            18 => acts.push((later, Act::Assign(agent, AgentChange::Team(Some("floor".to_string()))))),
            19 => acts.push((later, Act::Assign(agent, AgentChange::Team(None)))),
            20 => acts.push((later, Act::Assign(agent, AgentChange::Defaults(None)))),
            21 => acts.push((later, Act::Prefer(caller.to_string(), Some(agent)))),
            44 | 45 => acts.push((at, Act::FaxTone(caller.to_string()))),
            46 | 47 if self.shape.tells_devices() && self.shape.behind_pbx => {
                self.is_for_itself(later, agent, Own::Away, acts);
            }
            46 => acts.push((later, Act::Unregister(agent))),
            47 => acts.push((later, Act::RegisterTwice(agent))),
            49 if self.shape.tells_devices() => self.tell(later, acts),
            _ => {}
        }
    }

    /// A phone does something besides for a while, or is not there.
    fn is_for_itself(&mut self, at: Instant, agent: String, own: Own, acts: &mut Vec<(Instant, Act)>) {
        let free = at + self.seconds(10.0);
        acts.push((at, Act::OwnCall(agent.clone(), own)));
        acts.push((free, Act::OwnCall(agent, Own::Nothing)));
    }

    /// The PBX forgets who has subscribed, ends it, or refuses it for a while.
    fn tell(&mut self, at: Instant, acts: &mut Vec<(Instant, Act)>) {
        let statuses = self.pick(&[403, 489, 500, 503]);
        let ended = self.pick(&["deactivated", "probation", "rejected"]).to_string();
        let telling = self.pick(&[Telling::Forgets, Telling::Refuses(statuses), Telling::Ends(ended)]);
        let refuses = matches!(telling, Telling::Refuses(_));
        acts.push((at, Act::Hints("pbx".to_string(), telling)));
        if refuses {
            acts.push((at + Duration::from_secs(20), Act::Hints("pbx".to_string(), Telling::Tells)));
        }
    }

    /// A caller is handed on, perhaps in vain, and somebody may put an end to it.
    fn hand_on(&mut self, at: Instant, caller: &str, acts: &mut Vec<(Instant, Act)>) {
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

    /// An agent's phone, or the PBX in its name, asks for something in the talk: that the caller be handed on, that somebody else
    /// is there now, fax.
    fn ask(&mut self, at: Instant, agent: &str, acts: &mut Vec<(Instant, Act)>) {
        let other = (1001 + self.rng.below(self.shape.agents)).to_string();
        let act = match self.rng.below(8) {
            0..=3 => {
                let queue = format!("80{}", self.rng.below(self.shape.queues));
                let to = self.pick(&[other, queue, OUTSIDE[0].to_string(), OUTSIDE[2].to_string()]);
                Act::Refer {
                    name: agent.to_string(),
                    to: format!("sip:{to}@10.0.2.1"),
                    replaces: None,
                    news: self.rng.chance(0.8),
                }
            }
            4 | 5 => Act::Connect(agent.to_string(), OUTSIDE[1].to_string(), Told::ByUpdate),
            6 => Act::Connect(agent.to_string(), other, Told::ByReInvite),
            _ => Act::Fax(agent.to_string()),
        };
        acts.push((at, act));
    }

    /// An agent dials a feature code at the PBX, from another line than that of the calls.
    fn dial_code(&mut self, at: Instant, agent: &str, acts: &mut Vec<(Instant, Act)>) {
        let mut dial = Dial::to(self.pick(&["*45", "*46", "*47", "*48", "*481", "*49"]));
        dial.asserts = Some(agent.to_string());
        dial.habits = self.habits();
        dial.patience = Some(Duration::from_secs(30));
        let dial = Act::Dial { caller: format!("code{agent}"), via: "pbx".to_string(), formats: Vec::new(), dial };
        acts.push((at, dial));
    }

    /// A host is cut off and joined again.
    pub(super) fn outage(&mut self, end: Instant, acts: &mut Vec<(Instant, Act)>) {
        let host = if self.rng.chance(0.3) {
            TRUNK.to_string()
        } else if self.shape.behind_pbx {
            "pbx".to_string()
        } else {
            (1001 + self.rng.below(self.shape.agents)).to_string()
        };
        let from = Instant::ZERO + (end - Instant::ZERO).mul_f64(self.rng.fraction());
        let back = from + self.seconds(20.0);
        acts.push((from, Act::Cut(host.clone())));
        acts.push((back, Act::Mend(host)));
    }
}
