//! The one table of metric families: name, kind, labels and help. The names are those of FEATURES 7.2; the exposition emits
//! exactly these rows, and `configs/prometheus/METRICS.md` is written from them.
//!
//! No label ever holds a caller or a call. Visits are told apart by queue and group of called numbers as in 7.2; contacts by
//! queue, and once more by each of the dimensions (number group, campaign, region, trunk). The families that 7.2 does not name
//! are `acd_calls_cut_short_total`, `acd_sl_missed_flowouts_total`, which SL-F3 needs ("Decisions" 3),
//! `acd_calls_refused_total` and `acd_calls_untargeted_total` ("Decisions" 2), `acd_transfers_total`, `acd_peer_up`,
//! `acd_instant_answers_total`, `acd_build_info`, and those about the engine's own working (`acd_gate_silent_total`,
//! `acd_datagram_wait_seconds`, `acd_decision_*`, `acd_channel_delay_seconds`).

use crate::acd::Dimension;
use crate::stats::family::{Family, Kind, Row, Tally};

/// The names of the families of contacts by a dimension, in the order of [`Tally`].
macro_rules! names {
    ($dimension:literal) => {
        [
            concat!("acd_", $dimension, "_contacts_offered_total"),
            concat!("acd_", $dimension, "_contacts_served_total"),
            concat!("acd_", $dimension, "_contacts_lost_total"),
            concat!("acd_", $dimension, "_contacts_untargeted_total"),
            concat!("acd_", $dimension, "_contacts_in_progress"),
        ]
    };
}

const NUMBER: [&str; 5] = names!("number");
const CAMPAIGN: [&str; 5] = names!("campaign");
const REGION: [&str; 5] = names!("region");
const TRUNK: [&str; 5] = names!("trunk");

/// Contacts by a dimension. `labels` are that of the dimension alone, and with the cause.
const fn by(dimension: Dimension, tally: Tally, names: [&'static str; 5], labels: [&'static [&'static str]; 2]) -> Row {
    let (kind, help) = match tally {
        Tally::Offered => (
            Kind::Counter,
            "Contacts by what the label names, each in one value of it. For each value and in each scrape: offered = served + \
             lost + untargeted + in_progress; their sums are those over the queues.",
        ),
        Tally::Served => (Kind::Counter, "Of them, those that talked to an agent."),
        Tally::Lost => {
            (Kind::Counter, "Of them, those lost before they talked to an agent, each with exactly one cause.")
        }
        Tally::Untargeted => (Kind::Counter, "Of them, those outside every rate."),
        Tally::InProgress => (Kind::Gauge, "Of them, those that have not come to anything yet."),
    };
    let labels = match tally {
        Tally::Lost => labels[1],
        Tally::Offered | Tally::Served | Tally::Untargeted | Tally::InProgress => labels[0],
    };
    Row { family: Family::By(dimension, tally), name: names[tally as usize], kind, labels, help }
}

/// Every family that is emitted, and nothing else.
pub const TABLE: [Row; 74] = [
    Row {
        family: Family::Offered,
        name: "acd_calls_offered_total",
        kind: Kind::Counter,
        labels: &["queue", "dnis_group"],
        help: "Queue visits begun, by the group of the called number. For each queue and in each scrape: offered = answered + \
               abandoned + flowout + waiting.",
    },
    Row {
        family: Family::Answered,
        name: "acd_calls_answered_total",
        kind: Kind::Counter,
        labels: &["queue", "dnis_group"],
        help: "Queue visits that ended with an agent.",
    },
    Row {
        family: Family::Abandoned,
        name: "acd_calls_abandoned_total",
        kind: Kind::Counter,
        labels: &["queue", "dnis_group"],
        help: "Queue visits that ended because the caller hung up, short ones included; acd_calls_lost_total tells them apart.",
    },
    Row {
        family: Family::FlowOut,
        name: "acd_calls_flowout_total",
        kind: Kind::Counter,
        labels: &["queue", "dnis_group", "reason"],
        help: "Queue visits that ended neither with an agent nor by the caller, by reason.",
    },
    Row {
        family: Family::Lost,
        name: "acd_calls_lost_total",
        kind: Kind::Counter,
        labels: &["queue", "dnis_group", "cause"],
        help: "Lost queue visits, each with exactly one cause: the abandoned and the flowed out, except closed, \
               emergency and fax (untargeted) and requeued (goes on in another visit). What is refused before a queue is in acd_calls_refused_total.",
    },
    Row {
        family: Family::CutShort,
        name: "acd_calls_cut_short_total",
        kind: Kind::Counter,
        labels: &["queue", "cause"],
        help: "Talks of less than 3 s, by who ended them: answered in every figure, and yet nobody was helped. Those that a \
               supervisor ended are not counted.",
    },
    Row {
        family: Family::Refused,
        name: "acd_calls_refused_total",
        kind: Kind::Counter,
        labels: &["cause"],
        help: "Contacts refused before they joined a queue, by cause; draining and overload are losses, the others untargeted.",
    },
    Row {
        family: Family::Untargeted,
        name: "acd_calls_untargeted_total",
        kind: Kind::Counter,
        labels: &["reason"],
        help: "Contacts outside every rate: refused for an untargeted cause, or flowed out of a queue that was closed or in an \
               emergency, or as a fax machine.",
    },
    Row {
        family: Family::Contacts,
        name: "acd_contacts_offered_total",
        kind: Kind::Counter,
        labels: &["queue"],
        help: "Contacts (a caller's journey over all the queues it visits) by the queue they joined first or were refused for. \
               For each queue and in each scrape: offered = served + lost + untargeted + in_progress.",
    },
    Row {
        family: Family::ContactsServed,
        name: "acd_contacts_served_total",
        kind: Kind::Counter,
        labels: &["queue"],
        help: "Contacts that talked to an agent, in whatever queue, counted once in the queue they joined first.",
    },
    Row {
        family: Family::ContactsLost,
        name: "acd_contacts_lost_total",
        kind: Kind::Counter,
        labels: &["queue", "cause"],
        help: "Contacts lost before they talked to an agent, each with exactly one cause, in the queue they joined first or \
               were refused for.",
    },
    Row {
        family: Family::ContactsUntargeted,
        name: "acd_contacts_untargeted_total",
        kind: Kind::Counter,
        labels: &["queue", "reason"],
        help: "Contacts outside every rate, in the queue that their number named.",
    },
    Row {
        family: Family::ContactsInProgress,
        name: "acd_contacts_in_progress",
        kind: Kind::Gauge,
        labels: &["queue"],
        help: "Contacts that have not come to anything yet: they wait, or are between two queues.",
    },
    by(Dimension::Number, Tally::Offered, NUMBER, [&["dnis_group"], &["dnis_group", "cause"]]),
    by(Dimension::Number, Tally::Served, NUMBER, [&["dnis_group"], &["dnis_group", "cause"]]),
    by(Dimension::Number, Tally::Lost, NUMBER, [&["dnis_group"], &["dnis_group", "cause"]]),
    by(Dimension::Number, Tally::Untargeted, NUMBER, [&["dnis_group"], &["dnis_group", "cause"]]),
    by(Dimension::Number, Tally::InProgress, NUMBER, [&["dnis_group"], &["dnis_group", "cause"]]),
    by(Dimension::Campaign, Tally::Offered, CAMPAIGN, [&["campaign"], &["campaign", "cause"]]),
    by(Dimension::Campaign, Tally::Served, CAMPAIGN, [&["campaign"], &["campaign", "cause"]]),
    by(Dimension::Campaign, Tally::Lost, CAMPAIGN, [&["campaign"], &["campaign", "cause"]]),
    by(Dimension::Campaign, Tally::Untargeted, CAMPAIGN, [&["campaign"], &["campaign", "cause"]]),
    by(Dimension::Campaign, Tally::InProgress, CAMPAIGN, [&["campaign"], &["campaign", "cause"]]),
    by(Dimension::Region, Tally::Offered, REGION, [&["region"], &["region", "cause"]]),
    by(Dimension::Region, Tally::Served, REGION, [&["region"], &["region", "cause"]]),
    by(Dimension::Region, Tally::Lost, REGION, [&["region"], &["region", "cause"]]),
    by(Dimension::Region, Tally::Untargeted, REGION, [&["region"], &["region", "cause"]]),
    by(Dimension::Region, Tally::InProgress, REGION, [&["region"], &["region", "cause"]]),
    by(Dimension::Trunk, Tally::Offered, TRUNK, [&["trunk"], &["trunk", "cause"]]),
    by(Dimension::Trunk, Tally::Served, TRUNK, [&["trunk"], &["trunk", "cause"]]),
    by(Dimension::Trunk, Tally::Lost, TRUNK, [&["trunk"], &["trunk", "cause"]]),
    by(Dimension::Trunk, Tally::Untargeted, TRUNK, [&["trunk"], &["trunk", "cause"]]),
    by(Dimension::Trunk, Tally::InProgress, TRUNK, [&["trunk"], &["trunk", "cause"]]),
    Row {
        family: Family::ServedLater,
        name: "acd_calls_flowout_served_later_total",
        kind: Kind::Counter,
        labels: &["queue", "reason"],
        help: "Of acd_calls_flowout_total, the visits whose contact was served in a later visit; counted when it is.",
    },
    Row {
        family: Family::AnswerWait,
        name: "acd_answer_wait_seconds",
        kind: Kind::Histogram,
        labels: &["queue"],
        help: "Wait of the answered, from joining the queue to the agent; a wait of exactly le is in.",
    },
    Row {
        family: Family::AbandonWait,
        name: "acd_abandon_wait_seconds",
        kind: Kind::Histogram,
        labels: &["queue"],
        help: "Wait of the abandoned, from joining the queue to hanging up; the same bounds.",
    },
    Row {
        family: Family::Handle,
        name: "acd_handle_seconds",
        kind: Kind::Histogram,
        labels: &["queue"],
        help: "Talk and wrap-up of a handled call, counted when the wrap-up ends.",
    },
    Row {
        family: Family::Talk,
        name: "acd_talk_seconds",
        kind: Kind::Summary,
        labels: &["queue"],
        help: "Time that caller and agent were joined, counted when they part.",
    },
    Row {
        family: Family::Hold,
        name: "acd_hold_seconds",
        kind: Kind::Summary,
        labels: &["queue"],
        help: "Time of talks in which caller or agent held, or the agent consulted somebody; only talks in which somebody did. \
               Not in acd_talk_seconds.",
    },
    Row {
        family: Family::WrapUp,
        name: "acd_wrapup_seconds",
        kind: Kind::Summary,
        labels: &["queue"],
        help: "Time of agents' wrap-up, counted when it ends.",
    },
    Row {
        family: Family::ServiceLevelEvents,
        name: "acd_sl_events_total",
        kind: Kind::Counter,
        labels: &["queue", "threshold", "outcome"],
        help: "One event for each queue visit, the moment it is decided: its outcome within the threshold (seconds, inclusive), \
               or missed when the wait passes it. A visit that left a closed queue, or one in an emergency, or a fax \
               machine's, within it gives none. Another threshold starts another series.",
    },
    Row {
        family: Family::MissedFlowOuts,
        name: "acd_sl_missed_flowouts_total",
        kind: Kind::Counter,
        labels: &["queue", "threshold"],
        help: "Of the missed events, the visits that flowed out in the end: SL-F3 leaves them out of its denominator.",
    },
    Row {
        family: Family::Waiting,
        name: "acd_queue_waiting",
        kind: Kind::Gauge,
        labels: &["queue"],
        help: "Queue visits not ended: callers who wait, while an agent rings too.",
    },
    Row {
        family: Family::LongestWait,
        name: "acd_queue_longest_wait_seconds",
        kind: Kind::Gauge,
        labels: &["queue"],
        help: "How long the longest waiting caller has waited; 0 when nobody waits.",
    },
    Row {
        family: Family::OldestEnqueue,
        name: "acd_queue_oldest_enqueue_timestamp_seconds",
        kind: Kind::Gauge,
        labels: &["queue"],
        help: "Unix time when the longest waiting caller joined; 0 when nobody waits.",
    },
    Row {
        family: Family::Reserve,
        name: "acd_queue_reserve_active",
        kind: Kind::Gauge,
        labels: &["queue"],
        help: "1 while the members that the queue holds in reserve take its callers, else 0.",
    },
    Row {
        family: Family::Lends,
        name: "acd_queue_lends",
        kind: Kind::Gauge,
        labels: &["queue"],
        help: "1 while the queue lends its members to others, else 0.",
    },
    Row {
        family: Family::ExpectedWait,
        name: "acd_ewt_seconds",
        kind: Kind::Gauge,
        labels: &["queue", "quantile"],
        help: "Expected wait of a caller who joins now, half and nine in ten wait less; no series while it is unknown.",
    },
    Row {
        family: Family::ExpectedWaitError,
        name: "acd_ewt_error_seconds",
        kind: Kind::Histogram,
        labels: &["queue", "direction"],
        help: "How far the answered waited from the mean that was expected when they joined: longer or shorter. Expected with \
               the agents at work at the scrape before.",
    },
    Row {
        family: Family::QueueAgents,
        name: "acd_queue_agents",
        kind: Kind::Gauge,
        labels: &["queue", "state"],
        help: "Agents with the queue's skills, by state. An agent counts in each queue that it serves.",
    },
    Row {
        family: Family::AgentSeconds,
        name: "acd_agent_state_seconds_total",
        kind: Kind::Counter,
        labels: &["team", "state", "reason"],
        help: "Time of agents by state and by the path of the team they were in then (a department is team=~\"sales(/.*)?\"), \
               running states up to the scrape included; reasons that people give are custom.",
    },
    Row {
        family: Family::TeamTalk,
        name: "acd_team_talk_seconds",
        kind: Kind::Summary,
        labels: &["team"],
        help: "Talks that ended, by the path of the team that the agent was in when they began.",
    },
    Row {
        family: Family::AgentState,
        name: "acd_agent_state",
        kind: Kind::Gauge,
        labels: &["agent", "state"],
        help: "1 for the state that the agent is in, 0 for each other; only of agents listed by figures.agent_series. Of other: \
               how many are in the state.",
    },
    Row {
        family: Family::AgentOwnSeconds,
        name: "acd_agent_seconds_total",
        kind: Kind::Counter,
        labels: &["agent", "state", "reason"],
        help: "As acd_agent_state_seconds_total, of each agent listed by figures.agent_series since it is.",
    },
    Row {
        family: Family::AgentTalk,
        name: "acd_agent_talk_seconds",
        kind: Kind::Summary,
        labels: &["agent"],
        help: "Talks of each agent listed by figures.agent_series, counted when they end.",
    },
    Row {
        family: Family::AgentOffers,
        name: "acd_agent_offers_total",
        kind: Kind::Counter,
        labels: &["agent", "result"],
        help: "Offers to each agent listed by figures.agent_series that have ended, by result; timed_out is no answer.",
    },
    Row {
        family: Family::Overflow,
        name: "acd_series_overflow_total",
        kind: Kind::Counter,
        labels: &["label"],
        help: "Values of the label that have no series of their own, as there are too many: they count in other.",
    },
    Row {
        family: Family::Offers,
        name: "acd_offers_total",
        kind: Kind::Counter,
        labels: &["queue", "result"],
        help: "Offers of a call to an agent that have ended, by result.",
    },
    Row {
        family: Family::Ring,
        name: "acd_offer_ring_seconds",
        kind: Kind::Histogram,
        labels: &["queue"],
        help: "From an offer to its end, whatever its result; the same bounds.",
    },
    Row {
        family: Family::InstantAnswers,
        name: "acd_instant_answers_total",
        kind: Kind::Counter,
        labels: &["queue"],
        help: "Offers answered faster than answer_min by agents whose phone does not answer by itself.",
    },
    Row {
        family: Family::Disagreement,
        name: "acd_agent_state_disagreement",
        kind: Kind::Gauge,
        labels: &[],
        help: "Agents whose device is taken or gone while they wait for calls, or free while they talk.",
    },
    Row {
        family: Family::Transfers,
        name: "acd_transfers_total",
        kind: Kind::Counter,
        labels: &["queue", "kind", "target", "outcome"],
        help: "Transfers that ended, by the queue the caller was answered from: blind, or after a consultation; to an agent, a \
               queue or a number; completed, cancelled (the agent is back with the caller) or failed.",
    },
    Row {
        family: Family::Repaired,
        name: "acd_repaired_total",
        kind: Kind::Counter,
        labels: &["kind"],
        help: "What engine and legs did not agree on and was put right, by what was wrong. Anything but 0 is a bug.",
    },
    Row {
        family: Family::PeerUp,
        name: "acd_peer_up",
        kind: Kind::Gauge,
        labels: &["peer"],
        help: "1 while the SIP neighbour answers, else 0.",
    },
    Row {
        family: Family::DatagramWait,
        name: "acd_datagram_wait_seconds",
        kind: Kind::Histogram,
        labels: &[],
        help: "From reading a SIP datagram to handling it. New calls that wait longer than 0.05 s while that lasts are refused.",
    },
    Row {
        family: Family::Decision,
        name: "acd_decision_seconds",
        kind: Kind::Histogram,
        labels: &[],
        help: "Handling one SIP datagram, with all that follows from it.",
    },
    Row {
        family: Family::SlowestDecision,
        name: "acd_decision_slowest_seconds",
        kind: Kind::Gauge,
        labels: &[],
        help: "The longest of acd_decision_seconds since the start.",
    },
    Row {
        family: Family::Silent,
        name: "acd_gate_silent_total",
        kind: Kind::Counter,
        labels: &["kind"],
        help: "Messages that admission under overload left without an answer: INVITEs refused (their repeats count again), what \
               strangers send beyond the rates that are looked at, answers to them that would be more bytes than came from there \
               (`answer`), and what found its line full. Refusals that were told are \
               in acd_calls_refused_total.",
    },
    Row {
        family: Family::AuthFailures,
        name: "acd_sip_auth_failures_total",
        kind: Kind::Counter,
        labels: &["kind", "reason"],
        help: "Requests whose credentials were not good, by what they were for: REGISTERs of phones (`register`) and requests of \
               peers with `auth` (`peer`). `locked` were not believed, good or not, after too many wrong ones for the account or \
               from the source. Requests that have no credentials yet are not among them.",
    },
    Row {
        family: Family::TlsHandshakes,
        name: "acd_tls_handshakes_total",
        kind: Kind::Counter,
        labels: &["direction", "result"],
        help: "TLS handshakes of SIP connections: those that came (`in`) and those that we began (`out`), by how they ended. The \
               log tells why one with a peer failed.",
    },
    Row {
        family: Family::SrtpDropped,
        name: "acd_srtp_dropped_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Encrypted RTP and RTCP packets that were dropped: not authentic, or seen before. A few are packets under way while a \
               key changes; many are a far end that encrypts otherwise than it said, or somebody who sends in its place.",
    },
    Row {
        family: Family::ChannelDelay,
        name: "acd_channel_delay_seconds",
        kind: Kind::Histogram,
        labels: &["channel"],
        help: "From giving a message to another thread to its being taken: media_commands, media_events, requests.",
    },
    Row {
        family: Family::Violations,
        name: "acd_invariant_violations_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Broken invariants noticed: contradicting facts, and in each scrape every queue and value that does not add up. \
               Anything but 0 is a bug.",
    },
    Row {
        family: Family::BuildInfo,
        name: "acd_build_info",
        kind: Kind::Gauge,
        labels: &["version"],
        help: "1, with the version that runs.",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_family_has_one_row_and_names_carry_their_unit() {
        for (place, row) in TABLE.iter().enumerate() {
            assert!(TABLE[..place].iter().all(|other| other.family != row.family), "{}", row.name);
            assert!(row.name.starts_with("acd_"), "{}", row.name);
            assert_eq!(row.name.ends_with("_total"), row.kind == Kind::Counter, "{}", row.name);
            if matches!(row.kind, Kind::Histogram | Kind::Summary) {
                assert!(row.name.ends_with("_seconds"), "{}", row.name);
            }
            assert!(row.help.ends_with('.') && !row.help.contains("  "), "{}", row.name);
            assert!(row.labels.iter().all(|label| !["caller", "call", "number"].contains(label)), "{}", row.name);
        }
        let names: BTreeSet<_> = TABLE.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), TABLE.len());
    }
}
