//! Why a visit was lost (呼损): exactly one cause for each visit that ended without an agent (FEATURES K1), decided in the moment
//! when it ends, from what is known then.
//!
//! A visit that left a closed queue, or one in an emergency, or was a fax machine's, is untargeted ("Decisions" 2), and one that
//! was requeued goes on in another visit: neither is a loss. So for each queue
//! `lost = abandoned + flowed out - closed - emergency - fax - requeued`.

use std::time::Duration;

use crate::acd::outcome::{EndedBy, FlowOut, Gone, OfferCause, OfferResult};
use crate::acd::refusal::Refusal;

/// The cause of a lost visit, or of a contact refused before it joined a queue. Where several fit, the first of the list counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LostCause {
    /// The caller hung up within the short-abandon limit.
    CallerShort,
    /// The network between: the caller's leg was lost, the last offer failed on its way, or no agent could be reached.
    TrunkFault,
    /// The caller hung up while an agent rang.
    CallerWhileRinging,
    /// The caller hung up during the prompt.
    CallerInPrompt,
    /// An agent had refused the call, and nobody rang any more.
    AgentRejected,
    /// An agent had let it ring, and nobody rang any more.
    AgentNoAnswer,
    /// Nobody who may take the call was logged in.
    NoAgentOnDuty,
    /// All who were logged in were not ready.
    AllAgentsNotReady,
    /// The caller hung up while the agents were busy.
    CallerInQueue,
    /// The queue was full.
    QueueFull,
    /// The longest wait passed.
    Timeout,
    /// The node drained, and took nobody any more.
    Draining,
    /// The node ended.
    EngineRestart,
    /// The node had no room.
    Overload,
    /// A supervisor took the call out.
    Withdrawn,
    /// The call may not wait unanswered any longer.
    Unanswered,
    /// It was offered often enough, and nobody took it.
    OffersMax,
    /// The queue was removed, or an internal fault.
    System,
}

/// Who could have taken a call, by the best of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) enum Presence {
    /// Nobody is logged in.
    #[default]
    Out,
    /// Logged in, and not ready.
    Paused,
    /// Wishes calls, but the device or its neighbour does not answer.
    Unreachable,
    /// Takes calls, now or after the one in hand.
    AtWork,
}

/// What is known of a visit that the caller ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scene {
    /// The wait was within the short-abandon limit.
    pub(super) short: bool,
    pub(super) how: Gone,
    pub(super) while_ringing: bool,
    /// The last offer that failed by the agent or the network.
    pub(super) failed: Option<OfferCause>,
    pub(super) presence: Presence,
}

impl LostCause {
    /// Every cause, in the order of the metric table, which is also the order in which they count.
    pub const ALL: [Self; 18] = [
        Self::CallerShort,
        Self::TrunkFault,
        Self::CallerWhileRinging,
        Self::CallerInPrompt,
        Self::AgentRejected,
        Self::AgentNoAnswer,
        Self::NoAgentOnDuty,
        Self::AllAgentsNotReady,
        Self::CallerInQueue,
        Self::QueueFull,
        Self::Timeout,
        Self::Draining,
        Self::EngineRestart,
        Self::Overload,
        Self::Withdrawn,
        Self::Unanswered,
        Self::OffersMax,
        Self::System,
    ];

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CallerShort => "caller_short",
            Self::TrunkFault => "trunk_fault",
            Self::CallerWhileRinging => "caller_while_ringing",
            Self::CallerInPrompt => "caller_in_prompt",
            Self::AgentRejected => "agent_rejected",
            Self::AgentNoAnswer => "agent_no_answer",
            Self::NoAgentOnDuty => "no_agent_on_duty",
            Self::AllAgentsNotReady => "all_agents_notready",
            Self::CallerInQueue => "caller_in_queue",
            Self::QueueFull => "queue_full",
            Self::Timeout => "timeout",
            Self::Draining => "draining",
            Self::EngineRestart => "engine_restart",
            Self::Overload => "overload",
            Self::Withdrawn => "withdrawn",
            Self::Unanswered => "unanswered",
            Self::OffersMax => "offers_max",
            Self::System => "system",
        }
    }

    /// When it is chosen, for people who read figures.
    pub const fn chosen_when(self) -> &'static str {
        match self {
            Self::CallerShort => "the caller hung up within `short_abandon`, whatever happened meanwhile",
            Self::TrunkFault => {
                "the caller's leg was lost (no ACK, no answer to a probe); or the caller gave up after the last offer had \
                 failed on its way to the agent; or the caller gave up, or the longest wait passed, while all agents who \
                 wished calls were unreachable"
            }
            Self::CallerWhileRinging => "the caller hung up while an agent rang",
            Self::CallerInPrompt => "the caller hung up before the queue's prompt was over",
            Self::AgentRejected => "the caller gave up after the last offer had been refused, or found the agent busy",
            Self::AgentNoAnswer => "the caller gave up after the last offer had rung unanswered",
            Self::NoAgentOnDuty => {
                "the caller gave up, or the longest wait passed, while nobody of the queue's own was logged in who may take the call in any step"
            }
            Self::AllAgentsNotReady => "the same, while all who were logged in were not ready",
            Self::CallerInQueue => "the caller gave up while agents were at work",
            Self::QueueFull => "`waiting_max` was reached when the call came",
            Self::Timeout => "`wait_max` passed while agents were at work",
            Self::Draining => "the call came while the node drained",
            Self::EngineRestart => "the call still waited when `drain.limit` passed and the node was to end",
            Self::Overload => "the node had no room, or refused the call to protect those it has",
            Self::Withdrawn => "a supervisor took the call out or hung it up",
            Self::Unanswered => "`unanswered_max` passed while agents were at work",
            Self::OffersMax => "it was offered `offers_max` times",
            Self::System => "the queue was removed, the caller's audio cannot be served, or an internal fault",
        }
    }

    /// The loss that a refusal before any queue is; `None` for the untargeted ("Decisions" 2).
    pub const fn of_refusal(cause: Refusal) -> Option<Self> {
        match cause {
            Refusal::Draining => Some(Self::Draining),
            Refusal::Overload => Some(Self::Overload),
            Refusal::UnknownNumber
            | Refusal::Closed
            | Refusal::Emergency
            | Refusal::Fax
            | Refusal::Untrusted
            | Refusal::Unusable => None,
        }
    }

    /// The loss that a flow-out is; `None` for those that are no loss.
    pub(super) const fn of_flow_out(reason: FlowOut, presence: Presence) -> Option<Self> {
        match reason {
            FlowOut::Full => Some(Self::QueueFull),
            FlowOut::Timeout => Some(Self::of_presence(presence, Self::Timeout)),
            FlowOut::Draining => Some(Self::Draining),
            FlowOut::EngineRestart => Some(Self::EngineRestart),
            FlowOut::Overload => Some(Self::Overload),
            FlowOut::Withdrawn => Some(Self::Withdrawn),
            FlowOut::Unanswered => Some(Self::of_presence(presence, Self::Unanswered)),
            FlowOut::OffersMax => Some(Self::OffersMax),
            FlowOut::System => Some(Self::System),
            FlowOut::Closed | FlowOut::Emergency | FlowOut::Fax | FlowOut::Requeued => None,
        }
    }

    /// Why the visit of a caller who went was lost.
    pub(super) const fn of_abandon(scene: Scene) -> Self {
        if scene.short {
            return Self::CallerShort;
        }
        match (scene.how, scene.while_ringing) {
            (Gone::Lost, _) => return Self::TrunkFault,
            (Gone::HungUp | Gone::InPrompt, true) => return Self::CallerWhileRinging,
            (Gone::InPrompt, false) => return Self::CallerInPrompt,
            (Gone::HungUp, false) => {}
        }
        let Some(failed) = scene.failed else { return Self::of_presence(scene.presence, Self::CallerInQueue) };
        match failed.result() {
            OfferResult::Rejected => Self::AgentRejected,
            OfferResult::TimedOut => Self::AgentNoAnswer,
            OfferResult::Failed => Self::TrunkFault,
            OfferResult::Accepted | OfferResult::Canceled | OfferResult::Rescinded => {
                Self::of_presence(scene.presence, Self::CallerInQueue)
            }
        }
    }

    const fn of_presence(presence: Presence, at_work: Self) -> Self {
        match presence {
            Presence::Out => Self::NoAgentOnDuty,
            Presence::Paused => Self::AllAgentsNotReady,
            Presence::Unreachable => Self::TrunkFault,
            Presence::AtWork => at_work,
        }
    }
}

/// A talk that ended before anybody can have been helped. The visit was answered, so that it is no loss; it is counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CutShort {
    /// The agent hung up on answering.
    Agent,
    /// The caller hung up on being answered.
    Caller,
    /// The two never heard each other: no usable audio, or a leg was lost.
    WithoutTalk,
}

/// No greeting is shorter.
const TALK_MIN: Duration = Duration::from_secs(3);

impl CutShort {
    /// Every kind, in the order of the metric table.
    pub const ALL: [Self; 3] = [Self::Agent, Self::Caller, Self::WithoutTalk];

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent_hangup_on_answer",
            Self::Caller => "caller_hangup_on_answer",
            Self::WithoutTalk => "answered_without_talk",
        }
    }

    /// What a talk of this length is; `None` when it was long enough, or a supervisor ended it.
    pub fn of(talk: Duration, by: EndedBy) -> Option<Self> {
        if talk >= TALK_MIN {
            return None;
        }
        match by {
            EndedBy::Agent => Some(Self::Agent),
            EndedBy::Caller => Some(Self::Caller),
            EndedBy::System => Some(Self::WithoutTalk),
            EndedBy::Supervisor | EndedBy::Transfer => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCENE: Scene =
        Scene { short: false, how: Gone::HungUp, while_ringing: false, failed: None, presence: Presence::AtWork };

    #[test]
    fn an_enum_s_number_is_its_place_in_its_list() {
        assert!(LostCause::ALL.iter().enumerate().all(|(place, cause)| *cause as usize == place));
        assert!(CutShort::ALL.iter().enumerate().all(|(place, kind)| *kind as usize == place));
    }

    #[test]
    fn the_first_cause_that_fits_counts() {
        use LostCause::*;
        use Presence::{Out, Paused, Unreachable};
        let no_answer = Some(OfferCause::NoAnswer);
        for (scene, cause) in [
            (SCENE, CallerInQueue),
            (Scene { presence: Paused, ..SCENE }, AllAgentsNotReady),
            (Scene { presence: Unreachable, ..SCENE }, TrunkFault),
            (Scene { presence: Out, ..SCENE }, NoAgentOnDuty),
            (Scene { presence: Out, failed: no_answer, ..SCENE }, AgentNoAnswer),
            (Scene { presence: Paused, failed: Some(OfferCause::Declined), ..SCENE }, AgentRejected),
            (Scene { presence: Paused, failed: Some(OfferCause::Busy), ..SCENE }, AgentRejected),
            (Scene { failed: Some(OfferCause::PeerFault), ..SCENE }, TrunkFault),
            (Scene { failed: Some(OfferCause::NeverRang), ..SCENE }, TrunkFault),
            (Scene { failed: no_answer, how: Gone::InPrompt, ..SCENE }, CallerInPrompt),
            (Scene { failed: no_answer, how: Gone::InPrompt, while_ringing: true, ..SCENE }, CallerWhileRinging),
            (Scene { how: Gone::Lost, while_ringing: true, ..SCENE }, TrunkFault),
            (Scene { how: Gone::Lost, while_ringing: true, short: true, ..SCENE }, CallerShort),
        ] {
            assert_eq!(LostCause::of_abandon(scene), cause, "{scene:?}");
        }
        let out = |reason, presence| LostCause::of_flow_out(reason, presence);
        assert_eq!(out(FlowOut::Timeout, Out), Some(NoAgentOnDuty));
        assert_eq!(out(FlowOut::Timeout, Paused), Some(AllAgentsNotReady));
        assert_eq!(out(FlowOut::Unanswered, Unreachable), Some(TrunkFault));
        assert_eq!(out(FlowOut::Unanswered, Presence::AtWork), Some(Unanswered));
        assert_eq!(out(FlowOut::Full, Out), Some(QueueFull), "what decides is said");
    }

    #[test]
    fn every_flow_out_but_the_untargeted_and_requeued_is_one_loss() {
        for reason in FlowOut::ALL {
            let is_loss = LostCause::of_flow_out(reason, Presence::AtWork).is_some();
            assert_eq!(is_loss, reason.untargeted().is_none() && reason != FlowOut::Requeued, "{}", reason.as_str());
        }
    }

    #[test]
    fn a_talk_is_cut_short_by_who_ended_it() {
        let of = |ms, by| CutShort::of(Duration::from_millis(ms), by);
        assert_eq!(of(2_999, EndedBy::Agent), Some(CutShort::Agent));
        assert_eq!(of(3_000, EndedBy::Agent), None);
        assert_eq!(of(0, EndedBy::System), Some(CutShort::WithoutTalk));
        assert_eq!(of(1, EndedBy::Caller), Some(CutShort::Caller));
        assert_eq!(of(1, EndedBy::Supervisor), None);
    }
}
