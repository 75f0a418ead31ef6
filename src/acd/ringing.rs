//! [`Ringing`]: the agents who are rung for one call, and how many it wishes. A call that wishes more than it has stands in
//! the index of those who wait for an agent, also while others ring.

use crate::acd::outcome::OfferCause;
use crate::acd::rank::Band;
use crate::acd::strategy::Ring;
use crate::base::limits::OFFERS_OPEN_MAX;
use crate::base::{AgentId, TimerKey};

/// See the module. Most calls have one offer at most, which costs no memory of its own.
#[derive(Debug)]
pub(super) struct Ringing {
    rule: Ring,
    /// How many are to ring at once.
    wanted: u8,
    /// The call stands in the index of those who wait for an agent.
    pub(super) listed: bool,
    /// It waits for one agent alone, and wishes nobody beside.
    pub(super) alone: bool,
    first: Option<AgentId>,
    /// When one more is to ring.
    more: Option<TimerKey>,
    /// What most calls never have.
    rare: Option<Box<Rare>>,
}

#[derive(Debug, Default)]
struct Rare {
    others: Vec<AgentId>,
    /// Until then the call rests after an offer that found nobody.
    rest: Option<TimerKey>,
    /// Offers that found nobody.
    attempts: u32,
    /// Agents of higher bands are not to ring while somebody does.
    band: Option<Band>,
    /// The last offer that failed by the agent or the network.
    failed: Option<OfferCause>,
}

/// [`OFFERS_OPEN_MAX`], as it is counted here.
const MOST: u8 = {
    assert!(OFFERS_OPEN_MAX <= u8::MAX as usize);
    OFFERS_OPEN_MAX as u8
};

impl Ringing {
    /// Nobody rings yet.
    pub(super) const fn new(ring: Ring) -> Self {
        Self { rule: ring, wanted: wanted(ring), listed: false, alone: false, first: None, more: None, rare: None }
    }

    /// Another rule is in force. Who rings goes on.
    pub(super) fn follow(&mut self, ring: Ring) {
        if self.rule == ring || self.wanted == 0 {
            return;
        }
        self.rule = ring;
        self.free_band();
        self.wanted = match ring {
            Ring::One | Ring::All | Ring::Best => wanted(ring),
            Ring::Progressively => u8::try_from(self.len()).unwrap_or(MOST).max(1),
        };
    }

    /// A step has passed: one more is to ring, where that is the rule.
    pub(super) fn wish_more(&mut self) {
        self.more = None;
        if self.rule == Ring::Progressively && self.wanted > 0 {
            self.wanted = (self.wanted + 1).min(MOST);
        }
    }

    pub(super) fn wants_more(&self) -> bool {
        let most = if self.alone { self.wanted.min(1) } else { self.wanted };
        self.len() < usize::from(most) && !self.rests()
    }

    /// True when the next agent who rings decides of which band others may be.
    pub(super) fn wants_band(&self) -> bool {
        self.rule == Ring::Best && !self.alone && self.band().is_none()
    }

    /// Agents of higher bands are out until [`Ringing::free_band`].
    pub(super) fn hold_to(&mut self, band: Band) {
        self.rare().band = Some(band);
    }

    /// The band to which the call is held.
    pub(super) fn band(&self) -> Option<Band> {
        self.rare.as_ref()?.band
    }

    /// Agents of all bands may ring. True when the call was held to one.
    pub(super) fn free_band(&mut self) -> bool {
        self.rare.as_mut().is_some_and(|rare| rare.band.take().is_some())
    }

    /// Nobody else is to ring, whatever becomes of those who do.
    pub(super) const fn exhaust(&mut self) {
        self.wanted = 0;
    }

    /// True when nobody rings, and nobody else is to.
    pub(super) fn is_exhausted(&self) -> bool {
        self.wanted == 0 && self.len() == 0
    }

    /// True when a step is to be waited for.
    pub(super) fn wants_step(&self) -> bool {
        let more = self.rule == Ring::Progressively && (1..MOST).contains(&self.wanted);
        more && !self.alone && self.len() > 0 && self.more.is_none()
    }

    /// The step to one more agent fires by this timer.
    pub(super) const fn arm_step(&mut self, timer: TimerKey) {
        self.more = Some(timer);
    }

    /// The call rests until this timer fires.
    pub(super) fn rest(&mut self, timer: TimerKey) {
        self.rare().rest = Some(timer);
    }

    /// The call has rested; the timer that says so, which may not have fired.
    pub(super) fn rested(&mut self) -> Option<TimerKey> {
        self.rare.as_mut()?.rest.take()
    }

    pub(super) fn rests(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.rest.is_some())
    }

    /// One more offer found nobody. How many have.
    pub(super) fn count_attempt(&mut self) -> u32 {
        let rare = self.rare();
        rare.attempts += 1;
        rare.attempts
    }

    /// An offer failed by the agent or the network.
    pub(super) fn note_failure(&mut self, cause: OfferCause) {
        self.rare().failed = Some(cause);
    }

    /// The last offer that did.
    pub(super) fn failed(&self) -> Option<OfferCause> {
        self.rare.as_ref().and_then(|rare| rare.failed)
    }

    /// The timers that are armed.
    pub(super) fn timers(&self) -> impl Iterator<Item = TimerKey> {
        [self.more, self.rare.as_ref().and_then(|rare| rare.rest)].into_iter().flatten()
    }

    pub(super) fn add(&mut self, agent: AgentId) {
        match self.first {
            None => self.first = Some(agent),
            Some(_) => self.rare().others.push(agent),
        }
    }

    pub(super) fn remove(&mut self, agent: AgentId) {
        let others = self.rare.as_mut().map(|rare| &mut rare.others);
        if self.first == Some(agent) {
            self.first = others.filter(|others| !others.is_empty()).map(|others| others.remove(0));
        } else if let Some(others) = others {
            others.retain(|other| *other != agent);
        }
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.rare.as_ref().map_or(0, |rare| rare.others.len())
    }

    /// Who has rung the longest.
    pub(super) const fn first(&self) -> Option<AgentId> {
        self.first
    }

    /// Everybody, who has rung the longest first.
    pub(super) fn agents(&self) -> impl Iterator<Item = AgentId> {
        self.first.into_iter().chain(self.rare.iter().flat_map(|rare| rare.others.iter().copied()))
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }
}

const fn wanted(ring: Ring) -> u8 {
    match ring {
        Ring::One | Ring::Progressively => 1,
        Ring::All | Ring::Best => MOST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_wishes_its_number_and_who_rang_first_stays_first() {
        let mut one = Ringing::new(Ring::One);
        assert!(one.wants_more());
        one.add(AgentId(3));
        one.wish_more();
        assert!(!one.wants_more() && !one.wants_step());
        one.follow(Ring::Progressively);
        assert!(!one.wants_more() && one.wants_step());
        one.wish_more();
        assert!(one.wants_more());
        one.add(AgentId(1));
        one.add(AgentId(2));
        one.remove(AgentId(3));
        assert_eq!(one.agents().collect::<Vec<_>>(), [AgentId(1), AgentId(2)]);
        one.remove(AgentId(2));
        one.remove(AgentId(9));
        assert_eq!((one.first(), one.len()), (Some(AgentId(1)), 1));
        one.follow(Ring::One);
        assert!(!one.wants_more());
        one.follow(Ring::Progressively);
        one.alone = true;
        assert!(!one.wants_step());
        one.remove(AgentId(1));
        one.wish_more();
        assert!(one.wants_more());
        one.add(AgentId(1));
        assert!(!one.wants_more(), "who waits for one agent alone wishes one");
        one.alone = false;
        assert!(one.wants_more() && one.wants_step());
        let mut all = Ringing::new(Ring::All);
        (0..OFFERS_OPEN_MAX as u32).for_each(|agent| all.add(AgentId(agent)));
        assert!(!all.wants_more() && !all.wants_step());
    }
}
