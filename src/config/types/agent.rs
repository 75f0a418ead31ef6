//! The types of `[agents.NAME]` and `[teams.NAME]`.

use std::sync::Arc;
use std::time::Duration;

use crate::acd::requirement::LEVEL_MAX;
use crate::acd::{AgentPolicy, AgentState};
use crate::base::WallTime;
use crate::media::Srtp;
use crate::sip::auth::Credentials;

/// The key by which an agent takes a call after answering, for lines where anything may answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirm {
    /// 0 to 9, `*` or `#`.
    pub digit: char,
    /// Else the offer counts as not answered.
    pub within: Duration,
}

/// `[agents.NAME]`
#[derive(Debug, Clone, PartialEq)]
pub struct AgentConfig {
    /// The table's name, usually the extension.
    pub name: Arc<str>,
    /// `uri = "sip:1001@192.0.2.9:5060"`: the device; default `sip:NAME@PEER`.
    pub uri: String,
    /// `peer = "pbx"`: the neighbour the INVITE is sent to. Default: the URI's host, which is then a neighbour by itself.
    pub peer: Option<Arc<str>>,
    /// `skills = ["support"]` (level 10 each) or `skills = { support = 5, sales = { level = 3, enabled = false } }`.
    pub skills: Vec<SkillConfig>,
    /// `initial = "ready" | "not-ready" | "logged-out"`. Default `ready`.
    pub initial: AgentState,
    /// `return_after = "60s"`: the end of automatic not-ready states.
    pub return_after: Duration,
    /// `busy_pause = "5s"`: the pause after busy or a failed device.
    pub busy_pause: Duration,
    /// `wrap_up = "30s"`: in place of the queue's. `no_answer_max`: in place of the queue's. `no_answer_pause = "5s"`: after an
    /// unanswered offer that is not the last allowed. `reject_pause`: after a refusal, default `return_after`.
    /// `auto_answer = true`: the INVITE asks the phone to answer by itself. `answer_min = "0s"`: a faster answer of another
    /// phone is counted as suspicious; 0 turns that off.
    pub policy: AgentPolicy,
    /// `device_state = "off"`: the peer is not asked what this device does, though it is asked of others. Default `peer`.
    pub watched: bool,
    /// `confirm = "1"`, `confirm_within = "10s"`: who answers must press this key to get the call.
    pub confirm: Option<Confirm>,
    /// `register = true`, `password = "secret"`: its phone registers here, under its name, in place of `uri` and `peer`. As for
    /// peers, `password_file` or `password_env` may stand in place of `password`.
    pub register: Option<Arc<Credentials>>,
    /// `srtp`: as for peers, of a phone that registers or has a URI by TLS. One for which it is `required` registers by TLS
    /// alone.
    pub srtp: Srtp,
}

/// A skill of an agent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SkillConfig {
    /// Its name.
    pub name: Arc<str>,
    /// 1 to 10.
    pub level: u8,
    /// A disabled skill counts as none until a supervisor enables it.
    pub enabled: bool,
}

impl SkillConfig {
    /// A skill that is named alone: enabled, at level 10. Who has no levels has experts.
    pub fn plain(name: Arc<str>) -> Self {
        Self { name, level: LEVEL_MAX, enabled: true }
    }
}

/// `[teams.NAME]`: agents under one head, for bulk control and figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamConfig {
    /// The table's name.
    pub name: Arc<str>,
    /// `parent = "sales"`: the team that it is a part of.
    pub parent: Option<Arc<str>>,
    /// `agents = ["1001-1010", "anna"]`, and agents that say `team = "NAME"`: those in it before any date. Each agent is in
    /// one team at most.
    pub agents: Vec<Arc<str>>,
    /// `time_zone = "America/New_York"`: whose days count when agents enter it at a date; else that of the team above, else that
    /// of `[figures]`.
    pub time_zone: Option<Arc<str>>,
}

/// An agent's change of team at a date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamMove {
    /// Whose.
    pub agent: Arc<str>,
    /// The team entered; `None`: in none from then on.
    pub team: Option<Arc<str>>,
    /// When the date begins in the zone of the team entered.
    pub from: WallTime,
}
