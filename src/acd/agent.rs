//! [`Agent`]: one agent at run time. Its [`Duty`] owns exactly the data of what it does; the state that the world sees is
//! derived from it. Nothing here emits or arms; the engine does.
//!
//! ```text
//! LoggedOut, NotReady <-> Ready <-> Unreachable
//! Ready <-> Elsewhere                                                   (its device is in a call of its own)
//! Ready -> Offering(open) -> Talking -> WrapUp -> Ready
//!          Offering(open) -> Offering(releasing) -> Ready, NotReady     (cancelled by us; the leg is still there)
//!          Offering(open) -> NotReady, Ready                            (failed by itself; the leg is gone)
//! ```

use std::time::Duration;

use crate::acd::lost::Presence;
use crate::acd::message::{Actor, AgentTarget};
use crate::acd::outcome::OfferCause;
use crate::acd::plan::{AgentPlan, AgentPolicy, AgentState, DeviceState, Direction, Reason};
use crate::acd::strategy::History;
use crate::acd::workday::Workday;
use crate::base::{CallId, Instant, PeerId, QueueId, TimerKey};

/// What an agent does.
#[derive(Debug)]
pub(super) enum Duty {
    LoggedOut,
    NotReady(Reason),
    Ready(Standing),
    Unreachable,
    /// Wishes calls, but its device is in another call.
    Elsewhere(Direction),
    Offering(Offer),
    Talking(Talk),
    WrapUp {
        queue: QueueId,
        until: Instant,
    },
}

/// Where a ready agent stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// In the index of those who wait for a call.
    Listed,
    /// Outside it: about to be matched, or held off for a moment after a fault of its peer.
    Aside,
}

/// A reservation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Offer {
    pub(super) call: CallId,
    pub(super) queue: QueueId,
    pub(super) epoch: u32,
    pub(super) made: Instant,
    /// By then the agent is free, whatever became of the leg.
    pub(super) free_by: Instant,
    pub(super) device: Device,
    pub(super) phase: Phase,
    pub(super) way: Way,
}

/// How a call came to be offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// From the queue that it waits in.
    Queue,
    /// By the agent's name; it waits in no queue.
    Direct,
}

/// What the agent's device has said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Device {
    Silent,
    Rings,
}

/// Whether the offer still stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The call is bound to the agent.
    Open,
    /// Cancelled for this cause: the call has gone on, the agent's leg has not ended yet.
    Releasing(OfferCause),
}

/// A talk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Talk {
    pub(super) call: CallId,
    pub(super) queue: QueueId,
    pub(super) epoch: u32,
    pub(super) since: Instant,
    /// Kept from the answer on: the queue may be gone when the talk ends.
    pub(super) wrap_up: Duration,
    /// One of both holds.
    pub(super) held: bool,
    /// The agent consults somebody about the caller.
    pub(super) consults: bool,
    /// Since when they hear each other no more, for one of the two reasons or the other.
    pub(super) apart: Option<Instant>,
    /// How long they did not before.
    pub(super) hold: Duration,
}

impl Talk {
    /// A talk that begins.
    pub(super) const fn new(call: CallId, queue: QueueId, epoch: u32, since: Instant, wrap_up: Duration) -> Self {
        let (apart, hold) = (None, Duration::ZERO);
        Self { call, queue, epoch, since, wrap_up, held: false, consults: false, apart, hold }
    }

    /// How long they have not heard each other until then.
    pub(super) fn hold_until(&self, now: Instant) -> Duration {
        self.hold + self.apart.map_or(Duration::ZERO, |since| now.since(since))
    }
}

impl Duty {
    /// What a configured initial state means. Nobody begins amid a call.
    pub(super) fn initial(state: &AgentState) -> Self {
        match state {
            AgentState::NotReady(reason) => Self::NotReady(reason.clone()),
            AgentState::Ready | AgentState::Unreachable => Self::Ready(Standing::Aside),
            AgentState::LoggedOut
            | AgentState::Reserved
            | AgentState::Ringing
            | AgentState::Talking
            | AgentState::Hold
            | AgentState::Consult
            | AgentState::OtherCall(_)
            | AgentState::WrapUp => Self::LoggedOut,
        }
    }

    /// The state that the world sees.
    pub(super) fn state(&self) -> AgentState {
        match self {
            Self::LoggedOut => AgentState::LoggedOut,
            Self::NotReady(reason) => AgentState::NotReady(reason.clone()),
            Self::Ready(_) => AgentState::Ready,
            Self::Unreachable => AgentState::Unreachable,
            Self::Elsewhere(direction) => AgentState::OtherCall(*direction),
            Self::Offering(offer) => match offer.device {
                Device::Silent => AgentState::Reserved,
                Device::Rings => AgentState::Ringing,
            },
            Self::Talking(Talk { consults: true, .. }) => AgentState::Consult,
            Self::Talking(Talk { held: true, .. }) => AgentState::Hold,
            Self::Talking(_) => AgentState::Talking,
            Self::WrapUp { .. } => AgentState::WrapUp,
        }
    }

    /// How present that is, for who asks why nobody took a call.
    pub(super) const fn presence(&self) -> Presence {
        match self {
            Self::LoggedOut => Presence::Out,
            Self::NotReady(_) => Presence::Paused,
            Self::Unreachable => Presence::Unreachable,
            Self::Ready(_) | Self::Elsewhere(_) | Self::Offering(_) | Self::Talking(_) | Self::WrapUp { .. } => {
                Presence::AtWork
            }
        }
    }

    /// What we do with the device.
    pub(super) const fn hold(&self) -> Hold {
        match self {
            Self::Offering(_) => Hold::Rings,
            Self::Talking(_) => Hold::Talks,
            Self::LoggedOut
            | Self::NotReady(_)
            | Self::Ready(_)
            | Self::Unreachable
            | Self::Elsewhere(_)
            | Self::WrapUp { .. } => Hold::Nothing,
        }
    }

    /// True when the device says what cannot be: it is taken while the agent waits for calls, or free while the agent talks.
    pub(super) const fn contradicts(&self, device: DeviceState) -> bool {
        match self {
            Self::Ready(_) | Self::Unreachable | Self::Elsewhere(_) => {
                matches!(device, DeviceState::Ringing | DeviceState::Busy(_) | DeviceState::Offline)
            }
            Self::Talking(_) => matches!(device, DeviceState::Idle | DeviceState::Offline),
            Self::LoggedOut | Self::NotReady(_) | Self::Offering(_) | Self::WrapUp { .. } => false,
        }
    }
}

/// Calls are taken not to reach a device.
#[derive(Debug, Clone, Copy)]
pub(super) struct Absence {
    pub(super) since: Instant,
    /// When one is tried, without a sign of life before.
    pub(super) until: Instant,
    pub(super) timer: TimerKey,
}

/// What we do with an agent's device: while we do anything, what it does is our own doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    Nothing,
    Rings,
    Talks,
}

/// Whether an agent is in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contract {
    /// In the plan.
    Employed,
    /// Removed by a reload; finishes the call and is forgotten.
    Leaving,
}

/// A state that somebody wishes an agent to be in.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    pub(super) target: AgentTarget,
    pub(super) by: Actor,
    /// A not-ready ends by itself after so long.
    pub(super) lasts: Option<Duration>,
}

/// One agent at run time.
#[derive(Debug)]
pub(super) struct Agent {
    pub(super) contract: Contract,
    pub(super) peer: PeerId,
    pub(super) return_after: Duration,
    pub(super) busy_pause: Duration,
    pub(super) duty: Duty,
    /// When the visible state began.
    pub(super) since: Instant,
    /// Who made it so.
    pub(super) by: Actor,
    /// When what the timer waits for comes; of no meaning without a timer.
    pub(super) until: Instant,
    /// What somebody wished while a call kept the agent.
    pub(super) wish: Option<Wish>,
    pub(super) policy: AgentPolicy,
    /// What its device does, as far as somebody has said.
    pub(super) device: DeviceState,
    /// Runs for a moment after our call with the device has begun or ended: who tells of it needs as long, and what is told
    /// meanwhile may be of before.
    pub(super) grace: Option<TimerKey>,
    pub(super) absent: Option<Absence>,
    /// Offers in a row that did not reach the device.
    pub(super) absences: u32,
    /// That it contradicts the agent's state has been told.
    pub(super) disagrees: bool,
    /// Offers in a row that nobody answered.
    pub(super) no_answers: u32,
    pub(super) history: History,
    /// The states that have ended since it logged in.
    pub(super) workday: Workday,
    /// The one timer of what it does.
    pub(super) timer: Option<TimerKey>,
}

impl Agent {
    pub(super) fn new(now: Instant, plan: &AgentPlan) -> Self {
        Self {
            contract: Contract::Employed,
            peer: plan.peer,
            return_after: plan.return_after,
            busy_pause: plan.busy_pause,
            duty: Duty::LoggedOut,
            since: now,
            by: Actor::Engine,
            until: now,
            wish: None,
            policy: plan.policy.clone(),
            device: DeviceState::Unknown,
            grace: None,
            absent: None,
            absences: 0,
            disagrees: false,
            no_answers: 0,
            history: History::default(),
            workday: Workday::default(),
            timer: None,
        }
    }

    /// The offer it is reserved by, where the epoch is that offer's.
    pub(super) fn offer(&self, epoch: u32) -> Option<&Offer> {
        let Duty::Offering(offer) = &self.duty else { return None };
        (offer.epoch == epoch).then_some(offer)
    }

    /// The talk it is in, where call and epoch are that talk's.
    pub(super) fn talk(&self, call: CallId, epoch: u32) -> Option<Talk> {
        let Duty::Talking(talk) = self.duty else { return None };
        (talk.call == call && talk.epoch == epoch).then_some(talk)
    }

    /// What its device does and whether that contradicts the state, where it has begun or ceased to.
    pub(super) fn new_disagreement(&mut self) -> Option<(DeviceState, bool)> {
        let disagrees = self.disagrees_now();
        (std::mem::replace(&mut self.disagrees, disagrees) != disagrees).then_some((self.device, disagrees))
    }

    /// True when the device contradicts the state, and not for the moment alone.
    pub(super) const fn disagrees_now(&self) -> bool {
        self.grace.is_none() && self.duty.contradicts(self.device)
    }

    /// What the device does by itself, as far as that is known: nothing, while we hold a call with it or have just let it go.
    pub(super) fn own_device(&self) -> DeviceState {
        let is_ours = self.grace.is_some() || self.duty.hold() != Hold::Nothing;
        if is_ours && self.device.is_taken() { DeviceState::Idle } else { self.device }
    }

    /// True when something else follows than being ready or paused.
    pub(super) fn wants_out(&self) -> bool {
        self.wish.is_some() || self.contract == Contract::Leaving
    }

    /// What the control plane sees.
    pub(super) fn status(&self) -> AgentStatus {
        let (call, epoch, queue) = match &self.duty {
            Duty::Offering(Offer { call, epoch, queue, .. }) | Duty::Talking(Talk { call, epoch, queue, .. }) => {
                (Some(*call), Some(*epoch), Some(*queue))
            }
            Duty::WrapUp { queue, .. } => (None, None, Some(*queue)),
            Duty::LoggedOut | Duty::NotReady(_) | Duty::Ready(_) | Duty::Unreachable | Duty::Elsewhere(_) => {
                (None, None, None)
            }
        };
        // Whom another reason keeps unreachable is not tried when the pause is over.
        let is_alone =
            matches!((&self.duty, self.own_device()), (Duty::Unreachable, DeviceState::Unknown | DeviceState::Idle));
        let absent = self.absent.filter(|_| is_alone);
        let until = match &self.duty {
            Duty::WrapUp { until, .. } => Some(*until),
            Duty::NotReady(_) => self.timer.map(|_| self.until),
            Duty::Unreachable => absent.map(|absence| absence.until),
            Duty::LoggedOut | Duty::Ready(_) | Duty::Elsewhere(_) | Duty::Offering(_) | Duty::Talking(_) => None,
        };
        AgentStatus {
            state: self.duty.state(),
            since: self.since,
            by: self.by.clone(),
            until,
            next: self.wish.as_ref().map(|wish| wish.target.clone()),
            call,
            epoch,
            queue,
            talks: self.history.calls,
            workday: self.workday,
            device: self.device,
            disagrees: self.disagrees,
            is_absent: absent.is_some(),
        }
    }
}

/// An agent as others may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentStatus {
    /// Its state.
    pub state: AgentState,
    /// When the state began.
    pub since: Instant,
    /// Who made it so; of one who wishes calls, who had it wish them, whatever its device has done since.
    pub by: Actor,
    /// When it ends by itself: a wrap-up, a not-ready that is timed, and how long calls are taken not to reach the device.
    pub until: Option<Instant>,
    /// What somebody wishes for the time after the call.
    pub next: Option<AgentTarget>,
    /// The call it is offered, is being freed from, or talks with.
    pub call: Option<CallId>,
    /// The epoch of that offer.
    pub epoch: Option<u32>,
    /// The queue of that call, or of the one whose wrap-up runs.
    pub queue: Option<QueueId>,
    /// Calls answered since it logged in.
    pub talks: u64,
    /// The states that have ended since it logged in; the present one is not in it.
    pub workday: Workday,
    /// What its device does, as far as somebody has said.
    pub device: DeviceState,
    /// That contradicts the state.
    pub disagrees: bool,
    /// Calls are taken not to reach the device.
    pub is_absent: bool,
}
