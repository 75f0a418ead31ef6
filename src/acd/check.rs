//! The invariants, each asserted from the run-time state alone. For tests and the simulator's oracle: it walks everything.

use crate::acd::agent::{Agent, Contract, Duty, Offer, Phase, Standing, Way};
use crate::acd::engine::Engine;
use crate::acd::lost::Presence;
use crate::acd::queue::Visit;
use crate::base::{AgentId, CallId};

impl Engine {
    /// Checks everything that must hold between two inputs.
    ///
    /// # Errors
    /// The first broken rule, in words.
    pub fn check(&self) -> Result<(), String> {
        let mut armed = 0;
        let mut waiting = 0;
        let mut offered = 0;
        let mut wishing = 0;
        for (id, queue) in self.queues.iter() {
            queue.check()?;
            self.check_watches(id, queue)?;
            armed += queue.alarms().count() + queue.watches().count();
            waiting += queue.len();
            let mut rung = 0;
            for place in queue.order.walk() {
                let visit =
                    self.calls.get(&place.call).ok_or_else(|| format!("{}: in {id}, yet unknown", place.call))?;
                let is_early = visit.reach > queue.reach(visit.claim.since, self.now);
                if visit.place != *place || place.queue != id || is_early {
                    return Err(format!("{}: its place in {id} is not its own", place.call));
                }
                let ringing = &visit.ringing;
                if ringing.listed != ringing.wants_more() {
                    return Err(format!("{}: {ringing:?} in the wrong index", place.call));
                }
                if ringing.listed && !self.matching.is_waiting(&visit.spot()) {
                    return Err(format!("{}: waits in no index", place.call));
                }
                self.check_wait(visit)?;
                wishing += usize::from(ringing.listed);
                offered += ringing.len();
                rung += usize::from(ringing.len() > 0);
                armed += ringing.timers().count() + usize::from(visit.awaits().is_some());
                if ringing.is_exhausted() {
                    return Err(format!("{}: nobody rings, and nobody else is to", place.call));
                }
                ringing.agents().try_for_each(|agent| self.check_bond(place.call, agent))?;
            }
            if queue.rung != rung || queue.stirred {
                return Err(format!("{id}: {} are rung for, {rung} are", queue.rung));
            }
        }
        if waiting != self.calls.len() {
            return Err(format!("{waiting} wait in queues, {} in all", self.calls.len()));
        }
        let mut open_offers = 0;
        let mut listed = 0;
        for (id, agent) in self.agents.iter() {
            armed += usize::from(agent.timer.is_some()) + usize::from(agent.grace.is_some());
            armed += usize::from(agent.absent.is_some());
            let is_of_queue = |offer: &Offer| offer.phase == Phase::Open && offer.way == Way::Queue;
            open_offers += usize::from(matches!(&agent.duty, Duty::Offering(offer) if is_of_queue(offer)));
            if matches!(agent.duty, Duty::Ready(Standing::Listed)) {
                listed += self.matching.seats(id);
            }
            self.check_agent(id, agent)?;
        }
        if offered != open_offers {
            return Err(format!("{offered} offers are open, {open_offers} agents reserved"));
        }
        let entries = self.matching.entries()?;
        if entries != [listed, wishing, waiting] {
            return Err(format!("the indexes hold {entries:?}, not {:?}", [listed, wishing, waiting]));
        }
        if let Some((call, agent)) = self.matching.unmatched() {
            return Err(format!("{call} waits while {agent} is idle"));
        }
        if armed != self.timers.len() {
            return Err(format!("{armed} timers known, {} armed", self.timers.len()));
        }
        Ok(())
    }

    /// Who waits for one agent alone waits for one who is worth it and not ready.
    fn check_wait(&self, visit: &Visit) -> Result<(), String> {
        let call = visit.place.call;
        if visit.ringing.alone != visit.awaits().is_some() {
            return Err(format!("{call}: is wrong about waiting for one agent alone"));
        }
        let Some(wait) = visit.awaits().filter(|_| visit.ringing.listed) else { return Ok(()) };
        if self.is_listed(wait.agent) {
            return Err(format!("{call} waits for {}, who is idle", wait.agent));
        }
        if !self.is_worth_waiting(wait.agent) || !self.matching.suits(visit.line, wait.agent) {
            return Err(format!("{call} waits for {} in vain", wait.agent));
        }
        Ok(())
    }

    fn check_bond(&self, call: CallId, id: AgentId) -> Result<(), String> {
        let agent = self.agents.get(id).ok_or_else(|| format!("{call}: offered to {id}, who is unknown"))?;
        if matches!(agent.duty, Duty::Offering(offer) if offer.call == call && offer.phase == Phase::Open) {
            return Ok(());
        }
        Err(format!("{call}: offered to {id}, who is {:?}", agent.duty))
    }

    fn check_agent(&self, id: AgentId, agent: &Agent) -> Result<(), String> {
        let timed = agent.timer.is_some();
        let is_employed = agent.contract == Contract::Employed;
        let presence = if is_employed { agent.duty.presence() } else { Presence::Out };
        if self.matching.presence_of(id) != presence {
            return Err(format!("{id}: {:?}, and the halls do not know", agent.duty));
        }
        let fits = match &agent.duty {
            Duty::LoggedOut | Duty::Unreachable | Duty::Elsewhere(_) | Duty::Talking(_) => !timed,
            // What the engine set ends by itself; what somebody wished may.
            Duty::NotReady(reason) => timed || !reason.is_automatic(),
            Duty::Ready(Standing::Listed) => !timed && self.matching.is_listed(id),
            Duty::Ready(Standing::Aside) | Duty::Offering(_) | Duty::WrapUp { .. } => timed,
        };
        if !fits {
            return Err(format!("{id}: {:?} with timer {:?}", agent.duty, agent.timer));
        }
        if !self.peers.get(&agent.peer).is_some_and(|peer| peer.agents.contains(&id)) {
            return Err(format!("{id}: its neighbour does not know it"));
        }
        let wishes = matches!(agent.duty, Duty::Ready(_) | Duty::Unreachable | Duty::Elsewhere(_));
        if wishes && self.wishing(agent).state() != agent.duty.state() {
            return Err(format!("{id}: {:?} against its link or device", agent.duty));
        }
        if agent.disagrees != agent.disagrees_now() {
            return Err(format!("{id}: {:?} beside {:?}, not told", agent.duty, agent.device));
        }
        let busy = matches!(agent.duty, Duty::Offering(_) | Duty::Talking(_) | Duty::WrapUp { .. });
        if !busy && (agent.wish.is_some() || agent.contract == Contract::Leaving) {
            return Err(format!("{id}: nothing keeps it from {:?}", agent.wish));
        }
        Ok(())
    }
}
