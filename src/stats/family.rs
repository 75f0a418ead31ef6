//! What a metric family is: [`Family`] names each for the code that fills it, [`Row`] describes it. The rows are in `table`.

use crate::acd::Dimension;

/// What kind of series a family has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows while the process lives.
    Counter,
    /// Goes up and down.
    Gauge,
    /// `NAME_bucket{le}`, `NAME_sum`, `NAME_count`.
    Histogram,
    /// `NAME_sum` and `NAME_count`, no quantiles.
    Summary,
}

impl Kind {
    /// The word after `# TYPE`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
        }
    }
}

/// One metric family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Which it is, for the code that fills it.
    pub family: Family,
    /// Its name, with its unit at the end (before `_total`).
    pub name: &'static str,
    /// What kind of series it has.
    pub kind: Kind,
    /// The names of its labels, in order.
    pub labels: &'static [&'static str],
    /// What it counts, to the letter.
    pub help: &'static str,
}

/// Every family, in the order of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// `acd_calls_offered_total`
    Offered,
    /// `acd_calls_answered_total`
    Answered,
    /// `acd_calls_abandoned_total`
    Abandoned,
    /// `acd_calls_flowout_total`
    FlowOut,
    /// `acd_calls_lost_total`
    Lost,
    /// `acd_calls_cut_short_total`
    CutShort,
    /// `acd_calls_refused_total`
    Refused,
    /// `acd_calls_untargeted_total`
    Untargeted,
    /// `acd_contacts_offered_total`
    Contacts,
    /// `acd_contacts_served_total`
    ContactsServed,
    /// `acd_contacts_lost_total`
    ContactsLost,
    /// `acd_contacts_untargeted_total`
    ContactsUntargeted,
    /// `acd_contacts_in_progress`
    ContactsInProgress,
    /// The same five by a dimension: `acd_number_contacts_*`, `acd_campaign_contacts_*`, `acd_region_contacts_*`,
    /// `acd_trunk_contacts_*`
    By(Dimension, Tally),
    /// `acd_calls_flowout_served_later_total`
    ServedLater,
    /// `acd_answer_wait_seconds`
    AnswerWait,
    /// `acd_abandon_wait_seconds`
    AbandonWait,
    /// `acd_handle_seconds`
    Handle,
    /// `acd_talk_seconds`
    Talk,
    /// `acd_hold_seconds`
    Hold,
    /// `acd_wrapup_seconds`
    WrapUp,
    /// `acd_sl_events_total`
    ServiceLevelEvents,
    /// `acd_sl_missed_flowouts_total`
    MissedFlowOuts,
    /// `acd_queue_waiting`
    Waiting,
    /// `acd_queue_longest_wait_seconds`
    LongestWait,
    /// `acd_queue_oldest_enqueue_timestamp_seconds`
    OldestEnqueue,
    /// `acd_queue_reserve_active`
    Reserve,
    /// `acd_queue_lends`
    Lends,
    /// `acd_ewt_seconds`
    ExpectedWait,
    /// `acd_ewt_error_seconds`
    ExpectedWaitError,
    /// `acd_queue_agents`
    QueueAgents,
    /// `acd_agent_state_seconds_total`
    AgentSeconds,
    /// `acd_team_talk_seconds`
    TeamTalk,
    /// `acd_agent_state`
    AgentState,
    /// `acd_agent_seconds_total`
    AgentOwnSeconds,
    /// `acd_agent_talk_seconds`
    AgentTalk,
    /// `acd_agent_offers_total`
    AgentOffers,
    /// `acd_series_overflow_total`
    Overflow,
    /// `acd_offers_total`
    Offers,
    /// `acd_offer_ring_seconds`
    Ring,
    /// `acd_instant_answers_total`
    InstantAnswers,
    /// `acd_agent_state_disagreement`
    Disagreement,
    /// `acd_transfers_total`
    Transfers,
    /// `acd_repaired_total`
    Repaired,
    /// `acd_peer_up`
    PeerUp,
    /// `acd_datagram_wait_seconds`
    DatagramWait,
    /// `acd_decision_seconds`
    Decision,
    /// `acd_decision_slowest_seconds`
    SlowestDecision,
    /// `acd_gate_silent_total`
    Silent,
    /// `acd_sip_auth_failures_total`
    AuthFailures,
    /// `acd_tls_handshakes_total`
    TlsHandshakes,
    /// `acd_srtp_dropped_total`
    SrtpDropped,
    /// `acd_channel_delay_seconds`
    ChannelDelay,
    /// `acd_invariant_violations_total`
    Violations,
    /// `acd_build_info`
    BuildInfo,
}

/// What is counted of contacts by a dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tally {
    /// Those that came.
    Offered,
    /// Those that talked to an agent.
    Served,
    /// Those that were lost, by cause.
    Lost,
    /// Those outside every rate.
    Untargeted,
    /// Those that have not come to anything yet.
    InProgress,
}
