//! [`Bond`]: what the engine and the legs must agree on, one by one. The engine lists its own, says whether it knows one that
//! somebody else holds, and lets go of one that nobody else does. Who compares, and when, is not its matter.

use crate::acd::agent::{Duty, Offer, Phase, Talk};
use crate::acd::engine::Engine;
use crate::acd::fact::Repair;
use crate::acd::outcome::{EndedBy, FlowOut, OfferCause};
use crate::acd::place::Place;
use crate::base::{AgentId, CallId, Instant, QueueId};

/// One thing that engine and legs both hold, or neither does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bond {
    /// The call is in a queue.
    Waiting {
        /// The call.
        call: CallId,
    },
    /// The agent is rung for the call.
    Offer {
        /// The call.
        call: CallId,
        /// The agent.
        agent: AgentId,
        /// The offer's epoch.
        epoch: u32,
    },
    /// The offer was taken back, and the agent's leg is being given up.
    Release {
        /// The call.
        call: CallId,
        /// The agent.
        agent: AgentId,
        /// The offer's epoch.
        epoch: u32,
    },
    /// The agent talks with the caller.
    Talk {
        /// The call.
        call: CallId,
        /// The agent.
        agent: AgentId,
        /// The epoch of the offer that it began with.
        epoch: u32,
    },
}

impl Bond {
    /// The call.
    pub const fn call(&self) -> CallId {
        match self {
            Self::Waiting { call }
            | Self::Offer { call, .. }
            | Self::Release { call, .. }
            | Self::Talk { call, .. } => *call,
        }
    }

    /// The agent, if there is one.
    pub const fn agent(&self) -> Option<AgentId> {
        match self {
            Self::Waiting { .. } => None,
            Self::Offer { agent, .. } | Self::Release { agent, .. } | Self::Talk { agent, .. } => Some(*agent),
        }
    }
}

/// How far a walk over the bonds of an engine is: those who wait, queue by queue, then the agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Walk(Next);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Callers(QueueId, Option<Place>),
    Agents(AgentId),
    Over,
}

impl Walk {
    /// The beginning.
    pub const START: Self = Self(Next::Callers(QueueId(0), None));

    /// True when nothing is left.
    pub fn is_over(&self) -> bool {
        self.0 == Next::Over
    }
}

impl Engine {
    /// The next bonds, and the walk from there. Looks at `most` callers, agents and queues together, which bounds its time.
    pub fn bonds(&self, walk: Walk, most: usize) -> (Vec<Bond>, Walk) {
        let (mut next, mut left, mut bonds) = (walk.0, most, Vec::new());
        while left > 0 {
            let looked_at = match next {
                Next::Callers(queue, from) => {
                    let Some((id, row)) = self.queues.from(queue).next() else {
                        next = Next::Agents(AgentId(0));
                        continue;
                    };
                    let from = from.filter(|_| id == queue).or_else(|| row.order.first());
                    let places = from.into_iter().flat_map(|from| row.order.between(from..Place::LAST)).take(left);
                    let before = bonds.len();
                    let mut last = None;
                    bonds.extend(places.inspect(|place| last = Some(*place)).map(|p| Bond::Waiting { call: p.call }));
                    let count = bonds.len() - before;
                    next = match last {
                        Some(last) if count == left => Next::Callers(id, Some(last.just_after())),
                        Some(_) | None => Next::Callers(QueueId(id.0 + 1), None),
                    };
                    count.max(1)
                }
                Next::Agents(from) => {
                    let mut rows = self.agents.from(from);
                    bonds.extend(rows.by_ref().take(left).filter_map(|(id, agent)| bond_of(id, &agent.duty)));
                    next = rows.next().map_or(Next::Over, |(id, _)| Next::Agents(id));
                    left
                }
                Next::Over => left,
            };
            left -= looked_at;
        }
        (bonds, Walk(next))
    }

    /// True when the engine holds this bond itself.
    pub fn holds(&self, bond: &Bond) -> bool {
        match bond {
            Bond::Waiting { call } => self.calls.contains_key(call),
            Bond::Offer { agent, .. } | Bond::Release { agent, .. } | Bond::Talk { agent, .. } => {
                self.agents.get(*agent).and_then(|row| bond_of(*agent, &row.duty)) == Some(*bond)
            }
        }
    }

    /// True when the engine holds what belongs to this bond of a leg: one that rings may have won the call already.
    pub fn knows(&self, bond: &Bond) -> bool {
        match *bond {
            Bond::Offer { call, agent, epoch } => self.holds(bond) || self.holds(&Bond::Talk { call, agent, epoch }),
            Bond::Waiting { .. } | Bond::Release { .. } | Bond::Talk { .. } => self.holds(bond),
        }
    }

    /// Lets go of a bond that has no counterpart in the legs: the agent is freed, the caller flows out.
    pub fn handle_unmatched(&mut self, now: Instant, bond: &Bond) {
        if !self.holds(bond) {
            return;
        }
        self.advance(now);
        let kind = match bond {
            Bond::Waiting { .. } => Repair::GhostCall,
            Bond::Offer { .. } => Repair::Offer,
            Bond::Release { .. } => Repair::Release,
            Bond::Talk { .. } => Repair::Talk,
        };
        self.tell_repair(kind, bond.agent(), Some(bond.call()));
        match *bond {
            Bond::Waiting { call } => self.flow_out(call, FlowOut::System),
            Bond::Offer { call, agent, epoch } => self.on_failed(call, agent, epoch, OfferCause::Withdrawn),
            Bond::Release { agent, epoch, .. } => self.on_released(agent, epoch),
            Bond::Talk { call, agent, epoch } => self.on_talk_ended(call, agent, epoch, EndedBy::System),
        }
        self.settle_halls();
    }

    /// Counts a bond of the legs that has no counterpart here and is being given up there.
    pub fn handle_orphan(&mut self, now: Instant, bond: &Bond) {
        self.advance(now);
        let kind = match bond {
            Bond::Waiting { .. } => Repair::OrphanCall,
            Bond::Offer { .. } | Bond::Release { .. } | Bond::Talk { .. } => Repair::OrphanLeg,
        };
        self.tell_repair(kind, bond.agent(), Some(bond.call()));
    }
}

const fn bond_of(agent: AgentId, duty: &Duty) -> Option<Bond> {
    match duty {
        Duty::Offering(Offer { call, epoch, phase: Phase::Open, .. }) => {
            Some(Bond::Offer { call: *call, agent, epoch: *epoch })
        }
        Duty::Offering(Offer { call, epoch, phase: Phase::Releasing(_), .. }) => {
            Some(Bond::Release { call: *call, agent, epoch: *epoch })
        }
        Duty::Talking(Talk { call, epoch, .. }) => Some(Bond::Talk { call: *call, agent, epoch: *epoch }),
        Duty::LoggedOut
        | Duty::NotReady(_)
        | Duty::Ready(_)
        | Duty::Unreachable
        | Duty::Elsewhere(_)
        | Duty::WrapUp { .. } => None,
    }
}
