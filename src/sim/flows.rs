//! Counts which flows of calls a world has gone through: by what was said on the wire and answered, and by the facts. A test over
//! many random worlds fails where a flow never happened, so that nobody believes it tested when it is not.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::acd::{
    Actor, AgentState, DeviceState, Fact, FlowOut, OfferCause, Target, Transfer, TransferKind, TransferStep,
};
use crate::base::Instant;
use crate::sim::terms::{Direction, Terms};
use crate::sim::wire::Wire;

macro_rules! flows {
    ($($name:ident: $text:literal,)*) => {
        /// Something that can happen to a call, or around it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Flow {
            $(#[doc = $text] $name,)*
        }

        impl Flow {
            /// Every flow.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// In words.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

flows! {
    Answered: "an agent answers",
    AbandonedWaiting: "the caller hangs up while nobody rings",
    AbandonedRinging: "the caller hangs up while an agent rings",
    CallerCancels: "the caller cancels its INVITE",
    OfferCancelled: "an agent's phone is told to ring no more",
    NoAnswer: "an agent rings and does not answer",
    Busy: "an agent's phone is busy",
    Declined: "an agent declines",
    PeerFault: "an agent's phone says nothing, or 408 or 503",
    WaitedTooLong: "a caller leaves the queue by its limit",
    FaxTone: "a caller is a fax machine by its tone",
    FaxRefused: "T.38 is refused",
    LateOffer: "the caller's offer comes with the ACK",
    PrackOfCaller: "a caller acknowledges a provisional",
    PrackToAgent: "we acknowledge a provisional of an agent's phone",
    Forked: "two phones answer one INVITE of ours",
    NoCodecShared: "a caller shares no codec",
    WideBand: "an agent's phone answers in wide band",
    HoldByCaller: "the caller holds",
    ResumeByCaller: "the caller resumes",
    HoldByAgent: "the agent holds",
    ResumeByAgent: "the agent resumes",
    Glare: "two re-INVITEs meet and get 491",
    RefreshByUs: "we refresh a session",
    RefreshByThem: "a phone refreshes a session",
    RefreshLost: "the refresh of a session is lost",
    DialogInfo: "a PBX tells by dialog-info what a phone does",
    Presence: "a PBX tells by presence what a phone does",
    PresenceClosed: "a PBX tells by presence that a phone is not there",
    DialogInfoLost: "such a NOTIFY is lost",
    Subscribed: "a PBX takes a subscription",
    Resubscribed: "a subscription is renewed in its dialog",
    SubscriptionRefused: "a PBX refuses a subscription or has forgotten it",
    DeviceStale: "nobody knows any more what a device does",
    AgentElsewhere: "an agent is in a call of its own",
    ConnectedByUpdate: "a PBX tells by UPDATE who is connected",
    ConnectedByReInvite: "a PBX tells by re-INVITE who is connected",
    ReferBlind: "an agent's phone hands a caller on by REFER",
    ReferAttended: "an agent's phone hands a caller on by REFER with Replaces",
    ReferNews: "a phone is told what became of its REFER",
    ReplacedByInvite: "an INVITE with Replaces takes somebody's place",
    ReplacesOutside: "our INVITE with Replaces takes somebody's place outside",
    TransferAgent: "the control plane hands a caller to an agent",
    TransferQueue: "the control plane hands a caller to a queue",
    TransferNumber: "the control plane hands a caller to a number",
    ConsultAgent: "the control plane has an agent asked",
    ConsultQueue: "the control plane has a queue asked",
    ConsultNumber: "the control plane has a number asked",
    ByKeysOrPhone: "an agent begins a transfer at the phone",
    TransferCompleted: "a blind transfer reaches its target",
    ConsultCompleted: "a consultation ends with the caller at its target",
    ConsultCancelled: "a consultation is cancelled",
    TransferFailed: "a transfer fails",
    CodeReady: "an agent is made ready by a feature code",
    CodePause: "an agent is made not ready by a feature code",
    CodeLogout: "an agent is logged out by a feature code",
    Registered: "a phone registers by digest",
    Unregistered: "a phone takes its registration back",
    SeveralContacts: "an account has several contacts",
    RegistrationRanOut: "a registration runs out",
    WeProve401: "we prove ourselves to a neighbour's 401",
    WeProve407: "we prove ourselves to a neighbour's 407",
    CallerProves: "a caller proves itself to our 401",
    PeerDown: "a neighbour goes down",
    PeerUp: "a neighbour comes back",
    NextAddress: "an agent is rung at a further address of its PBX",
    OneShard: "a node of one shard answers a call",
    TwoShards: "a node of two shards answers a call",
    ThreeShards: "a node of three shards answers a call",
    FourShards: "a node of four shards answers a call",
}

/// Who sends a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sender {
    /// The node.
    Node,
    /// A phone that makes calls.
    Caller,
    /// A phone that takes calls.
    Agent,
    /// An exchange itself.
    Exchange,
}

/// Branch and method.
type Key = (String, String);

/// What has been counted; see the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flows {
    counts: BTreeMap<Flow, u64>,
    /// What requests under way begin, by which answers; `None` once it was counted.
    asked: BTreeMap<Key, Option<(Flow, RangeInclusive<u16>)>>,
    /// Whether a dialog is held by who sends, by Call-ID.
    held: BTreeMap<String, bool>,
    /// Who answered an INVITE of the node first: its tag, by branch.
    answered: BTreeMap<String, String>,
    /// When the registrations run out, by Call-ID.
    registered: BTreeMap<String, Instant>,
}

impl Flows {
    /// How often each happened; those that never did are missing.
    pub const fn counts(&self) -> &BTreeMap<Flow, u64> {
        &self.counts
    }

    /// It happened.
    pub(super) fn note(&mut self, flow: Flow) {
        *self.counts.entry(flow).or_default() += 1;
    }

    /// A message is sent, and arrives or does not.
    pub(super) fn on_message(&mut self, now: Instant, sender: Sender, message: &Wire, arrives: bool) {
        let (Some(branch), Some((_, method))) = (message.branch(), message.cseq()) else { return };
        let key = (branch.to_string(), method.to_string());
        match message.code() {
            Some(code) => self.on_response(now, sender, message, (key, code)),
            None => {
                let Some((flow, codes)) = self.begins(sender, message) else { return };
                if !arrives && matches!(flow, Flow::RefreshByUs | Flow::RefreshByThem) {
                    self.note(Flow::RefreshLost);
                } else if !arrives && flow == Flow::DialogInfo {
                    self.note(Flow::DialogInfoLost);
                }
                self.asked.entry(key).or_insert(Some((flow, codes)));
            }
        }
    }

    fn on_response(&mut self, now: Instant, sender: Sender, response: &Wire, (key, code): (Key, u16)) {
        let is_invite = key.1 == "INVITE";
        match (sender, code) {
            (Sender::Node, 487) if is_invite => self.note(Flow::CallerCancels),
            (Sender::Agent, 487) if is_invite => self.note(Flow::OfferCancelled),
            (_, 491) => self.note(Flow::Glare),
            (Sender::Node, 488) if is_invite && !self.asked.contains_key(&key) => self.note(Flow::NoCodecShared),
            (Sender::Exchange, 300..) if key.1 == "SUBSCRIBE" => self.note(Flow::SubscriptionRefused),
            (Sender::Node, 200) if key.1 == "REGISTER" => self.on_registered(now, response),
            (Sender::Agent, 200..300) if is_invite => self.on_answer(response, &key.0),
            _ => {}
        }
        if let Some(asked) = self.asked.get_mut(&key)
            && let Some((flow, _)) = asked.take_if(|(_, codes)| codes.contains(&code))
        {
            self.note(flow);
        }
    }

    fn on_answer(&mut self, response: &Wire, branch: &str) {
        let tag = response.to_tag().unwrap_or_default();
        match self.answered.get(branch) {
            Some(first) if first != tag => self.note(Flow::Forked),
            Some(_) => {}
            None => {
                self.answered.insert(branch.to_string(), tag.to_string());
                if Terms::read(&response.body).is_some_and(|terms| terms.formats.first() == Some(&9)) {
                    self.note(Flow::WideBand);
                }
            }
        }
    }

    fn on_registered(&mut self, now: Instant, response: &Wire) {
        if response.all("Contact").count() > 1 {
            self.note(Flow::SeveralContacts);
        }
        let seconds =
            response.all("Contact").filter_map(|contact| contact.rsplit_once("expires=")?.1.parse().ok()).max();
        match seconds {
            Some(seconds) => {
                let until = now + Duration::from_secs(seconds);
                self.registered.insert(response.call_id().to_string(), until);
            }
            None => drop(self.registered.remove(response.call_id())),
        }
    }

    /// What a request begins, when it is answered so.
    fn begins(&mut self, sender: Sender, request: &Wire) -> Option<(Flow, RangeInclusive<u16>)> {
        let in_dialog = request.to_tag().is_some();
        let flow = match (sender, request.method()?) {
            (Sender::Caller | Sender::Agent, "INVITE") if request.body.contains("m=image") => {
                return Some((Flow::FaxRefused, 488..=488));
            }
            (Sender::Caller, "INVITE") if !in_dialog => dialled(request)?,
            (Sender::Node, "INVITE") if !in_dialog => called(request)?,
            (Sender::Agent | Sender::Caller, "INVITE") if identified(request) => Flow::ConnectedByReInvite,
            (Sender::Agent | Sender::Caller, "INVITE") => self.directed(sender, request)?,
            (Sender::Node, "INVITE" | "UPDATE") if expires(request) => Flow::RefreshByUs,
            (Sender::Agent | Sender::Caller, "UPDATE") if identified(request) => Flow::ConnectedByUpdate,
            (Sender::Agent | Sender::Caller, "UPDATE") if expires(request) => Flow::RefreshByThem,
            (Sender::Node, "PRACK") => Flow::PrackToAgent,
            (_, "PRACK") => Flow::PrackOfCaller,
            (_, "REFER") if request.header("Refer-To").is_some_and(|to| to.contains("Replaces=")) => {
                Flow::ReferAttended
            }
            (_, "REFER") => Flow::ReferBlind,
            (Sender::Exchange, "NOTIFY") if request.body.contains("<basic>closed<") => Flow::PresenceClosed,
            (Sender::Exchange, "NOTIFY") if request.header("Event") == Some("presence") => Flow::Presence,
            (Sender::Exchange, "NOTIFY") => Flow::DialogInfo,
            (Sender::Node, "NOTIFY") => Flow::ReferNews,
            (Sender::Node, "SUBSCRIBE") if in_dialog => Flow::Resubscribed,
            (Sender::Node, "SUBSCRIBE") => Flow::Subscribed,
            (_, "REGISTER") if request.header("Authorization").is_some() => match request.header("Expires") {
                Some("0") => Flow::Unregistered,
                Some(_) | None => Flow::Registered,
            },
            _ => return None,
        };
        Some((flow, 200..=299))
    }

    /// A re-INVITE of a phone: it holds, resumes, or neither.
    fn directed(&mut self, sender: Sender, request: &Wire) -> Option<Flow> {
        let holds = Terms::read(&request.body)?.direction != Direction::SendRecv;
        let before = self.held.insert(request.call_id().to_string(), holds).unwrap_or_default();
        match (sender, before, holds) {
            (Sender::Caller, _, true) => Some(Flow::HoldByCaller),
            (Sender::Caller, true, false) => Some(Flow::ResumeByCaller),
            (_, _, true) => Some(Flow::HoldByAgent),
            (_, true, false) => Some(Flow::ResumeByAgent),
            (_, false, false) => None,
        }
    }

    /// A fact was emitted.
    pub(super) fn on_fact(&mut self, at: Instant, fact: &Fact) {
        let flow = match fact {
            Fact::Answered { .. } => Flow::Answered,
            Fact::Abandoned { while_ringing: false, .. } => Flow::AbandonedWaiting,
            Fact::Abandoned { while_ringing: true, .. } => Flow::AbandonedRinging,
            Fact::FlowedOut { reason: FlowOut::Timeout, .. } => Flow::WaitedTooLong,
            Fact::FlowedOut { reason: FlowOut::Fax, .. } => Flow::FaxTone,
            Fact::OfferEnded { cause: OfferCause::NoAnswer, .. } => Flow::NoAnswer,
            Fact::OfferEnded { cause: OfferCause::Busy, .. } => Flow::Busy,
            Fact::OfferEnded { cause: OfferCause::Declined, .. } => Flow::Declined,
            Fact::OfferEnded { cause: OfferCause::PeerFault, .. } => Flow::PeerFault,
            Fact::Transfer(transfer) => match step_of(transfer) {
                Some(flow) => flow,
                None => return,
            },
            Fact::AgentState { to: AgentState::OtherCall(_), .. } => Flow::AgentElsewhere,
            Fact::AgentState { to, by: Actor::User(by), .. } if by.contains("by phone (") => {
                if *to == AgentState::LoggedOut {
                    Flow::CodeLogout
                } else if matches!(to, AgentState::NotReady(_)) {
                    Flow::CodePause
                } else {
                    Flow::CodeReady
                }
            }
            Fact::Device { device: DeviceState::Stale, .. } => Flow::DeviceStale,
            Fact::PeerState { up: true, .. } => Flow::PeerUp,
            Fact::PeerState { up: false, .. } => {
                let left = self.registered.len();
                self.registered.retain(|_, until| *until != at);
                if self.registered.len() < left {
                    self.note(Flow::RegistrationRanOut);
                }
                Flow::PeerDown
            }
            Fact::FlowedOut { .. }
            | Fact::OfferEnded { .. }
            | Fact::AgentState { .. }
            | Fact::Device { .. }
            | Fact::Offered { .. }
            | Fact::Missed { .. }
            | Fact::Oldest { .. }
            | Fact::Preferred { .. }
            | Fact::PreferenceSet { .. }
            | Fact::Reserve { .. }
            | Fact::Lending { .. }
            | Fact::OfferMade { .. }
            | Fact::TalkEnded { .. }
            | Fact::Reached { .. }
            | Fact::OutsideEnded { .. }
            | Fact::WrapUpEnded { .. }
            | Fact::WrapUpExtended { .. }
            | Fact::InstantAnswer { .. }
            | Fact::Disagreement { .. }
            | Fact::Repaired { .. }
            | Fact::AgentTeam { .. }
            | Fact::AgentSet { .. }
            | Fact::QueueSet { .. }
            | Fact::PrioritySet { .. }
            | Fact::Supervised { .. }
            | Fact::CallerAnswered { .. }
            | Fact::Digit { .. }
            | Fact::Refused { .. } => return,
        };
        self.note(flow);
    }
}

fn dialled(invite: &Wire) -> Option<Flow> {
    if invite.header("Replaces").is_some() {
        Some(Flow::ReplacedByInvite)
    } else if invite.header("Authorization").is_some() {
        Some(Flow::CallerProves)
    } else {
        invite.body.is_empty().then_some(Flow::LateOffer)
    }
}

fn called(invite: &Wire) -> Option<Flow> {
    // The random worlds' PBX has no further address but this.
    if invite.uri().contains("@10.0.2.2:") {
        return Some(Flow::NextAddress);
    }
    let known = [
        ("Replaces", Flow::ReplacesOutside),
        ("Authorization", Flow::WeProve401),
        ("Proxy-Authorization", Flow::WeProve407),
    ];
    known.into_iter().find(|(name, _)| invite.header(name).is_some()).map(|(_, flow)| flow)
}

fn identified(request: &Wire) -> bool {
    request.header("P-Asserted-Identity").is_some()
}

fn expires(request: &Wire) -> bool {
    request.to_tag().is_some() && request.header("Session-Expires").is_some()
}

fn step_of(transfer: &Transfer) -> Option<Flow> {
    let flow = match (&transfer.step, transfer.kind, &transfer.target) {
        (TransferStep::Begun(None), ..) => Flow::ByKeysOrPhone,
        (TransferStep::Begun(Some(_)), TransferKind::Blind, Target::Agent(_)) => Flow::TransferAgent,
        (TransferStep::Begun(Some(_)), TransferKind::Blind, Target::Queue(_)) => Flow::TransferQueue,
        (TransferStep::Begun(Some(_)), TransferKind::Blind, Target::Number(_)) => Flow::TransferNumber,
        (TransferStep::Begun(Some(_)), TransferKind::Consult, Target::Agent(_)) => Flow::ConsultAgent,
        (TransferStep::Begun(Some(_)), TransferKind::Consult, Target::Queue(_)) => Flow::ConsultQueue,
        (TransferStep::Begun(Some(_)), TransferKind::Consult, Target::Number(_)) => Flow::ConsultNumber,
        (TransferStep::Completed, TransferKind::Blind, _) => Flow::TransferCompleted,
        (TransferStep::Completed, TransferKind::Consult, _) => Flow::ConsultCompleted,
        (TransferStep::Cancelled, ..) => Flow::ConsultCancelled,
        (TransferStep::Failed(_), ..) => Flow::TransferFailed,
        (TransferStep::Answered, ..) => return None,
    };
    Some(flow)
}
