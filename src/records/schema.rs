//! The one list of kinds and fields. The encoding, the decoding, the table behind the page and the tests' generator are made of
//! it; each pattern names every field, so that a fact or a field without its line does not build.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value as Json};

use crate::acd::{
    Actor, AgentSetting, AgentState, DeviceState, Dimensions, EndedBy, Fact, FlowOut, Intervention, LostCause,
    OfferCause, QueueSetting, Refusal, Repair, Target, Transfer, TransferKind, TransferStep,
};
use crate::base::{AgentId, CallId, Instant, PeerId, Pii, QueueId};
use crate::records::unreadable::Unreadable;
use crate::records::value::Value;
use crate::records::writer::Writer;

/// One kind of fact.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Which.
    pub kind: Kind,
    /// What happened.
    pub meaning: &'static str,
    /// Its fields, in the order of the line.
    pub fields: &'static [Field],
}

/// One field of a kind.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name, with the unit at its end where it has one.
    pub name: &'static str,
    /// What stands there.
    pub form: &'static str,
    /// What it tells.
    pub meaning: &'static str,
    keys: fn(&str) -> Vec<String>,
}

impl Field {
    /// The keys under which it stands; only the first is read.
    pub fn keys(&self) -> Vec<String> {
        (self.keys)(self.name)
    }
}

/// A fact with its fields, as a pattern or as a value: some have them in a struct of their own.
macro_rules! fact {
    ($kind:ident { $($fields:tt)* }) => { Fact::$kind { $($fields)* } };
    ($kind:ident $inner:ident { $($fields:tt)* }) => { Fact::$kind($inner { $($fields)* }) };
}

macro_rules! facts {
    ($($kind:ident $(($inner:ident))? $word:literal $meaning:literal {
        $($field:ident: $type:ty = $name:literal $help:literal,)*
    })*) => {
        /// What sort of fact it is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Kind {
            $(#[doc = $meaning] $kind,)*
        }

        impl Kind {
            /// Every kind, in the order of [`TABLE`].
            pub const ALL: &'static [Self] = &[$(Self::$kind),*];

            /// The word of the line.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $word,)*
                }
            }

            /// The kind of a fact.
            pub const fn of(fact: &Fact) -> Self {
                match fact {
                    $(Fact::$kind { .. } => Self::$kind,)*
                }
            }
        }

        /// Every kind with its fields.
        pub const TABLE: &[Row] = &[$(Row {
            kind: Kind::$kind,
            meaning: $meaning,
            fields: &[$(Field {
                name: $name,
                form: <$type as Value>::FORM,
                meaning: $help,
                keys: <$type as Value>::keys,
            },)*],
        },)*];

        /// Writes the fields of a fact.
        pub(super) fn write(fact: &Fact, to: &mut Writer<'_>) {
            match fact {
                $(fact!($kind $($inner)? { $($field),* }) => {
                    $(<$type as Value>::write($field, $name, to);)*
                })*
            }
        }

        /// Reads the fields of a fact of this kind.
        pub(super) fn read(kind: Kind, from: &Map<String, Json>) -> Result<Fact, Unreadable> {
            Ok(match kind {
                $(Kind::$kind => fact!($kind $($inner)? { $($field: <$type as Value>::read($name, from)?),* }),)*
            })
        }

        /// A fact of this kind with drawn fields.
        #[cfg(test)]
        pub(super) fn draw(kind: Kind, rng: &mut crate::base::Rng) -> Fact {
            use crate::records::tests::Draw;
            match kind {
                $(Kind::$kind => fact!($kind $($inner)? { $($field: <$type as Draw>::draw(rng)),* }),)*
            }
        }
    };
}

impl Kind {
    /// The kind of a word.
    pub fn of_str(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == word)
    }
}

facts! {
    Offered "offered" "A queue visit began." {
        call: CallId = "call" "The call; one contact keeps it over all its visits.",
        queue: QueueId = "queue" "The queue.",
        dimensions: Dimensions = "dimensions" "What figures tell the contact apart by, the same in each of its visits.",
    }
    Answered "answered" "The visit ended with an agent." {
        call: CallId = "call" "The call.",
        queue: QueueId = "queue" "The queue.",
        agent: AgentId = "agent" "Who answered.",
        wait: Duration = "wait_us" "From joining (the original moment after a requeue) to the answer.",
        since: Instant = "since_us" "When this visit began to wait.",
    }
    Abandoned "abandoned" "The visit ended because the caller hung up." {
        call: CallId = "call" "The call.",
        queue: QueueId = "queue" "The queue.",
        wait: Duration = "wait_us" "From joining to hanging up.",
        while_ringing: bool = "while_ringing" "An agent was ringing.",
        cause: LostCause = "cause" "Why the visit was lost.",
    }
    FlowedOut "flowed_out" "The visit ended for another reason." {
        call: CallId = "call" "The call.",
        queue: QueueId = "queue" "The queue.",
        wait: Duration = "wait_us" "From joining to leaving.",
        reason: FlowOut = "reason" "Why.",
        cause: Option<LostCause> = "cause" "Why the visit was lost; `null`: it was not.",
    }
    Missed "missed" "The wait passed the queue's threshold, undecided. At most once a visit." {
        call: CallId = "call" "The call.",
        queue: QueueId = "queue" "The queue.",
    }
    Oldest "oldest" "Another caller has waited longest in a queue, or nobody waits any more." {
        queue: QueueId = "queue" "The queue.",
        since: Option<Instant> = "since_us" "When that caller joined; `null`: nobody waits.",
    }
    Preferred "preferred" "A call waits for one agent alone, or no longer." {
        call: CallId = "call" "The call.",
        queue: QueueId = "queue" "The queue.",
        agent: AgentId = "agent" "The agent.",
        until: Option<Instant> = "until_us" "Until then at most; `null`: it is everybody's.",
    }
    OfferMade "offer_made" "An agent was reserved for a call and rings, or soon will." {
        call: CallId = "call" "The call.",
        queue: QueueId = "queue" "The queue.",
        agent: AgentId = "agent" "The agent.",
        epoch: u32 = "epoch" "The offer's number.",
    }
    OfferEnded "offer_ended" "The offer ended." {
        call: CallId = "call" "The call.",
        queue: QueueId = "queue" "The queue.",
        agent: AgentId = "agent" "The agent.",
        epoch: u32 = "epoch" "The offer's number.",
        cause: OfferCause = "cause" "How.",
        ring: Duration = "ring_us" "From the offer to its end.",
    }
    TalkEnded "talk_ended" "Caller and agent parted." {
        call: CallId = "call" "The call.",
        queue: QueueId = "queue" "The queue it was answered from.",
        agent: AgentId = "agent" "The agent.",
        talk: Duration = "talk_us" "How long they were joined.",
        hold: Duration = "hold_us" "How much of that one of both held.",
        by: EndedBy = "ended_by" "Which side ended it.",
    }
    Reached "reached" "An agent who was rung by name for a call that is handed on has answered: they talk. No visit is part of it." {
        call: CallId = "call" "The call.",
        queue: QueueId = "queue" "The queue that the caller was answered from.",
        agent: AgentId = "agent" "Who answered.",
    }
    Transfer(Transfer) "transfer" "A caller is handed on, or somebody is consulted: how far that is." {
        call: CallId = "call" "The call.",
        queue: QueueId = "queue" "The queue that the caller was answered from.",
        agent: AgentId = "agent" "Who hands the caller on.",
        kind: TransferKind = "how" "Whether somebody is consulted first.",
        target: Target = "target" "To whom.",
        step: TransferStep = "step" "How far it is.",
    }
    OutsideEnded "outside_ended" "A caller who was handed to a number outside, and whoever is there, have parted." {
        call: CallId = "call" "The call.",
        talk: Duration = "talk_us" "How long they were joined.",
        by: EndedBy = "ended_by" "Which side ended it; the agent's is that of the number. `transfer`: the caller goes on in another call.",
    }
    WrapUpEnded "wrap_up_ended" "An agent's wrap-up after a talk ended." {
        queue: QueueId = "queue" "The queue the talk belonged to.",
        agent: AgentId = "agent" "The agent.",
        wrap_up: Duration = "wrap_up_us" "How long it took.",
    }
    WrapUpExtended "wrap_up_extended" "Somebody made a wrap-up longer." {
        queue: QueueId = "queue" "The queue the talk belonged to.",
        agent: AgentId = "agent" "The agent.",
        more: Duration = "more_us" "By so much.",
        by: Actor = "by" "By whom.",
    }
    InstantAnswer "instant_answer" "An offer was answered faster than a person can; it is accepted all the same." {
        call: CallId = "call" "The call.",
        queue: QueueId = "queue" "The queue.",
        agent: AgentId = "agent" "The agent.",
        after: Duration = "after_us" "From the offer to the answer.",
    }
    Disagreement "disagreement" "What an agent's device does began or ceased to contradict the agent's state." {
        agent: AgentId = "agent" "The agent.",
        device: DeviceState = "device" "What the device does.",
        disagrees: bool = "disagrees" "True when it contradicts from now on.",
    }
    Repaired "repaired" "Engine and legs did not agree, and it was put right." {
        kind: Repair = "what" "What was wrong.",
        agent: Option<AgentId> = "agent" "The agent it concerned.",
        call: Option<CallId> = "call" "The call it concerned.",
    }
    AgentState "agent_state" "An agent's state changed." {
        agent: AgentId = "agent" "The agent.",
        from: AgentState = "from" "The state left.",
        to: AgentState = "to" "The state entered.",
        spent: Duration = "spent_us" "How long the left state lasted.",
        by: Actor = "by" "By whom.",
    }
    AgentTeam "agent_team" "From now on the agent is in another team; what it did before stays with the team it was in." {
        agent: AgentId = "agent" "The agent.",
        team: Option<Arc<str>> = "team" "The team by its path from the root (`sales/east`); `null`: in none.",
        by: Actor = "by" "By whom; the engine where the configuration says so.",
    }
    AgentSet "agent_set" "Somebody set something of an agent's place in the plan." {
        agent: AgentId = "agent" "The agent.",
        setting: AgentSetting = "setting" "What.",
        by: Actor = "by" "By whom.",
    }
    QueueSet "queue_set" "Somebody set something of a queue." {
        queue: QueueId = "queue" "The queue.",
        setting: QueueSetting = "setting" "What.",
        by: Actor = "by" "By whom.",
    }
    PrioritySet "priority_set" "Somebody set the priority of a waiting call." {
        call: CallId = "call" "The call.",
        priority: i32 = "priority" "Higher goes first.",
        by: Actor = "by" "By whom.",
    }
    PreferenceSet "preference_set" "Somebody set whom a waiting call prefers." {
        call: CallId = "call" "The call.",
        agent: Option<AgentId> = "agent" "The agent; `null`: nobody.",
        by: Actor = "by" "By whom.",
    }
    Supervised "supervised" "A supervisor took a hand in a call. What came of it follows." {
        call: CallId = "call" "The call.",
        what: Intervention = "what" "What was done.",
        by: Actor = "by" "By whom.",
    }
    Device "device" "An agent's device does something else, as somebody outside says." {
        agent: AgentId = "agent" "The agent.",
        device: DeviceState = "device" "What it does.",
        by: Actor = "by" "Who says so.",
    }
    Reserve "reserve" "A queue's reserve joined its agents, or left them." {
        queue: QueueId = "queue" "The queue.",
        active: bool = "active" "True when it joined.",
    }
    Lending "lending" "A queue began to lend its members, or ceased to." {
        queue: QueueId = "queue" "The queue.",
        lends: bool = "lends" "True when it began.",
    }
    PeerState "peer_state" "A SIP neighbour went down or came back." {
        peer: PeerId = "peer" "The neighbour.",
        up: bool = "up" "True when it answers.",
    }
    CallerAnswered "caller_answered" "The caller's INVITE was answered with 200: billing begins here." {
        call: CallId = "call" "The call.",
    }
    Digit "digit" "The caller pressed a key." {
        call: CallId = "call" "The call.",
        digit: Pii<char> = "digit" "The key.",
    }
    Refused "refused" "A contact was refused before it joined a queue." {
        queue: Option<QueueId> = "queue" "The queue its number named.",
        cause: Refusal = "cause" "Why.",
        dimensions: Dimensions = "dimensions" "What figures tell it apart by.",
    }
}
