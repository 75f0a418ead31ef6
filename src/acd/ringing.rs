//! [`Ringing`]: the agents who are rung for one call, and how many it wishes. A call that wishes more than it has stands in
//! the index of those who wait for an agent, also while others ring.

use crate::acd::strategy::Ring;
use crate::base::limits::OFFERS_OPEN_MAX;
use crate::base::{AgentId, TimerKey};

/// See the module. Most calls have one offer at most, which costs no memory of its own.
#[derive(Debug)]
pub(super) struct Ringing {
    rule: Ring,
    first: Option<AgentId>,
    others: Vec<AgentId>,
    /// How many are to ring at once.
    wanted: usize,
    /// The call stands in the index of those who wait for an agent.
    pub(super) listed: bool,
    /// When one more is to ring.
    pub(super) more: Option<TimerKey>,
    /// Until then the call rests after an offer that found nobody.
    pub(super) rest: Option<TimerKey>,
    /// Offers that found nobody.
    pub(super) attempts: u32,
}

impl Ringing {
    /// Nobody rings yet.
    pub(super) const fn new(ring: Ring) -> Self {
        Self {
            rule: ring,
            first: None,
            others: Vec::new(),
            wanted: wanted(ring),
            listed: false,
            more: None,
            rest: None,
            attempts: 0,
        }
    }

    /// Another rule is in force. Who rings goes on.
    pub(super) fn follow(&mut self, ring: Ring) {
        if self.rule == ring || self.wanted == 0 {
            return;
        }
        self.rule = ring;
        self.wanted = match ring {
            Ring::One | Ring::All => wanted(ring),
            Ring::Progressively => self.len().max(1),
        };
    }

    /// A step has passed: one more is to ring, where that is the rule.
    pub(super) fn wish_more(&mut self) {
        if self.rule == Ring::Progressively && self.wanted > 0 {
            self.wanted = (self.wanted + 1).min(OFFERS_OPEN_MAX);
        }
    }

    pub(super) fn wants_more(&self) -> bool {
        self.len() < self.wanted && self.rest.is_none()
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
        let more = self.rule == Ring::Progressively && (1..OFFERS_OPEN_MAX).contains(&self.wanted);
        more && self.more.is_none() && self.len() > 0
    }

    pub(super) fn add(&mut self, agent: AgentId) {
        match self.first {
            None => self.first = Some(agent),
            Some(_) => self.others.push(agent),
        }
    }

    pub(super) fn remove(&mut self, agent: AgentId) {
        if self.first == Some(agent) {
            self.first = if self.others.is_empty() { None } else { Some(self.others.remove(0)) };
            return;
        }
        self.others.retain(|other| *other != agent);
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.others.len()
    }

    /// Who has rung the longest.
    pub(super) const fn first(&self) -> Option<AgentId> {
        self.first
    }

    /// Everybody, who has rung the longest first.
    pub(super) fn agents(&self) -> impl Iterator<Item = AgentId> {
        self.first.into_iter().chain(self.others.iter().copied())
    }
}

const fn wanted(ring: Ring) -> usize {
    match ring {
        Ring::One | Ring::Progressively => 1,
        Ring::All => OFFERS_OPEN_MAX,
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
        let mut all = Ringing::new(Ring::All);
        (0..OFFERS_OPEN_MAX as u32).for_each(|agent| all.add(AgentId(agent)));
        assert!(!all.wants_more() && !all.wants_step());
    }
}
