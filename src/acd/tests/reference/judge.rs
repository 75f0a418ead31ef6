//! What must hold of every offer, and of the engine between inputs.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Reference, Seen, Waiting};
use crate::acd::strategy::Ring;
use crate::acd::tests::naive::{Band, Caller};
use crate::acd::*;
use crate::base::{AgentId, CallId, Instant, QueueId};

impl Reference {
    /// After timers have fired, every wait beyond the threshold has been told.
    pub(in crate::acd::tests) fn judge_waits(&self, now: Instant) {
        for (call, visit) in &self.waiting {
            let wait = now.since(visit.caller.since);
            let threshold = self.rules.queues[&visit.caller.queue].threshold;
            assert!(visit.missed || wait <= threshold, "{call} is late, and nobody knows");
        }
    }

    /// The call was the first of all that the agent may take, and the agent the first of all who may take the call.
    pub(super) fn on_offer_made(&mut self, call: CallId, queue: QueueId, offer: (AgentId, u32), seen: &mut Seen) {
        let (agent, epoch) = offer;
        let visit = &self.waiting[&call];
        seen.taken_by_preferred += u64::from(visit.caller.awaits == Some(agent));
        assert!(visit.caller.queue == queue);
        let views = visit.views(self.firing);
        let may = |agent, caller: &Caller| self.may_take(agent, visit, caller, Held::AtMost);
        assert!(views.iter().any(|caller| may(agent, caller)), "{agent} may not take {call}");
        for (other, rival) in &self.waiting {
            let ahead = |caller: &Caller, of: &Caller| {
                self.may_take(agent, rival, caller, Held::Surely)
                    && self.rules.place_for(agent, caller) < self.rules.place_for(agent, of)
            };
            // While timers fire, each of the two may or may not have looked already.
            let rivals = rival.views(self.firing);
            let overtaken = rivals.iter().all(|rival| views.iter().all(|caller| ahead(rival, caller)));
            assert!(!self.wants_more(rival) || *other == call || !overtaken, "{call} was offered ahead of {other}");
        }
        let past = |agent: AgentId| (agent, &self.agents[&agent].past);
        for &other in self.agents.keys().filter(|other| **other != agent && self.is_idle(**other)) {
            let ahead = |caller: &Caller| {
                self.may_take(other, visit, caller, Held::Surely)
                    && (!may(agent, caller) || self.rules.prefers(caller, past(other), past(agent), self.at).is_lt())
            };
            assert!(!views.iter().all(ahead), "{agent} was offered {call} ahead of {other}");
        }
        let most = views.iter().map(|caller| match caller.awaits {
            Some(_) => 0,
            None => self.most(visit, self.rules.ring(caller)),
        });
        let (most, at) = (most.max(), self.at);
        let band = self.band(visit, agent, &views);
        let visit = self.waiting.get_mut(&call).expect("only waiting calls are offered");
        assert!(!visit.done, "{call} was offered often enough");
        assert!(visit.rests.take().is_none_or(|until| until <= at), "{call} rests");
        visit.rung.get_or_insert(at);
        assert!(Some(visit.agents.len()) <= most, "{call} rings too many");
        visit.band = match (visit.band, band) {
            // Perhaps it was held to none yet, and this agent decides.
            (Some([surely, OPEN]), Some([least, _])) => Some([surely.min(least), OPEN]),
            (held, first) => held.or(first),
        };
        seen.banded += u64::from(visit.band.is_some() && visit.agents.len() > 1);
        // The agent was rung before the call looked further, to where he does not suit: it is his as long as he rings.
        if self.firing && visit.before.awaits == Some(agent) && visit.alone_until > at {
            visit.caller.awaits = Some(agent);
        }
        assert!(visit.agents.insert(agent));
        assert!(self.worker(agent).offer.replace(epoch).is_none(), "reserved twice");
    }

    /// The band that a call is held to when this agent rings for it and it is held to none.
    fn band(&self, visit: &Waiting, agent: AgentId, views: &[Caller]) -> Option<[Band; 2]> {
        let bands = views.iter().filter(|caller| caller.awaits.is_none() && self.rules.ring(caller) == Ring::Best);
        let bands: Vec<_> = bands.map(|caller| self.rules.band(agent, caller)).collect();
        let least = *bands.iter().min()?;
        let most = if bands.len() == views.len() { bands.iter().max().copied() } else { None };
        let most = most.filter(|_| !visit.changed || visit.agents.is_empty());
        Some([least, most.unwrap_or(OPEN)])
    }

    /// As [`Rules::may_take`], for a call that may be held to a band.
    fn may_take(&self, agent: AgentId, visit: &Waiting, caller: &Caller, held: Held) -> bool {
        let band = visit.band.map(|[surely, at_most]| match held {
            Held::Surely => surely,
            Held::AtMost => at_most,
        });
        self.rules.may_take(agent, caller) && band.is_none_or(|band| self.rules.band(agent, caller) <= band)
    }

    /// How many may ring when one more is rung.
    fn most(&self, visit: &Waiting, ring: Ring) -> usize {
        match ring {
            Ring::One => 0,
            Ring::All | Ring::Best => 63,
            Ring::Progressively if visit.changed => 63,
            Ring::Progressively => {
                let rung = self.at.since(visit.rung.unwrap_or(self.at));
                (rung.as_micros() / visit.rule.1.as_micros()) as usize
            }
        }
    }

    /// True when the call surely wishes one more agent.
    fn wants_more(&self, visit: &Waiting) -> bool {
        let rests = visit.done || visit.rests.is_some_and(|until| self.timed < until);
        let all = [&visit.caller, &visit.before]
            .iter()
            .all(|caller| caller.awaits.is_none() && matches!(self.rules.ring(caller), Ring::All | Ring::Best));
        !rests && (visit.agents.is_empty() || (all && visit.agents.len() < 64))
    }

    fn is_idle(&self, agent: AgentId) -> bool {
        let worker = &self.agents[&agent];
        let held = worker.faulted.is_some_and(|since| self.timed < since + Duration::from_secs(1));
        worker.state == AgentState::Ready && worker.offer.is_none() && !held
    }

    pub(in crate::acd::tests) fn judge(&self, engine: &Engine) {
        let mut waiting = BTreeMap::<QueueId, u64>::new();
        let mut oldest = BTreeMap::<QueueId, Instant>::new();
        for (call, visit) in &self.waiting {
            let caller = &visit.caller;
            *waiting.entry(caller.queue).or_default() += 1;
            let head = oldest.entry(caller.queue).or_insert(caller.since);
            *head = caller.since.min(*head);
            assert_eq!(engine.call_since(*call), Some(caller.since));
            let ahead = self.waiting.values().filter(|other| {
                other.caller.queue == caller.queue && self.rules.place(&other.caller) < self.rules.place(caller)
            });
            assert_eq!(engine.position(*call), Some(ahead.count() as u32 + 1));
            let alone = caller.awaits.map(|agent| (agent, visit.alone_until));
            assert_eq!(engine.waits_for(*call), alone, "{call} waits for another");
            if self.wants_more(visit) {
                let may = |agent| self.may_take(agent, visit, caller, Held::Surely);
                let idle = self.agents.keys().find(|agent| self.is_idle(**agent) && may(**agent));
                assert_eq!(idle, None, "{call} waits");
            }
        }
        for (queue, [offered, answered, abandoned, flowed_out]) in &self.counts {
            let still = waiting.get(queue).copied().unwrap_or(0);
            assert_eq!(*offered, answered + abandoned + flowed_out + still);
            assert_eq!(engine.waiting(*queue) as u64, still);
            assert_eq!(self.oldest.get(queue).copied().flatten(), oldest.get(queue).copied());
            let expected = engine.reserve_of(*queue).and_then(|reserve| reserve.estimate);
            let crowd = self.crowd(*queue);
            self.watches.judge_reserve(&self.rules, *queue, crowd, expected, (self.at, self.timed));
        }
        self.judge_unreachable();
        for (id, worker) in &self.agents {
            let state = engine.agent(*id).map_or(AgentState::LoggedOut, |status| status.state);
            assert_eq!(state, worker.state);
        }
    }
}

/// After all others: perhaps a call is held to none.
const OPEN: Band = (true, u32::MAX, u32::MAX);

/// How sure the band is that a call is held to.
#[derive(Clone, Copy)]
enum Held {
    Surely,
    AtMost,
}
