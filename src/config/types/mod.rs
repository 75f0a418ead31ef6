//! The typed configuration: what the rest of the node reads. Every field documents its effect, its unit and its default.

mod family;
mod feature_codes;
mod figures;
mod media;
mod transfer;

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::acd::requirement::{Attributes, LEVEL_MAX, Requirement};
use crate::acd::{AgentPolicy, AgentState, OfferPolicy, QueueState, ReserveThresholds};
use crate::base::WallTime;
use crate::call::SessionTerms;
use crate::media::{Codecs, Srtp};
use crate::sip::auth::{Algorithm, Credentials};
use crate::sip::registrar::Times;
use crate::sip::transaction::LocalNetworks;

use super::endpoint::{Endpoint, PeerAddress};
use super::peer_manners::{CallerPrivacy, ConnectedLine, DeviceWatch, FaxPolicy, NumberingConfig, PeerAuth};
use super::transport::{PeerTls, TlsConfig, Transport};

pub use self::family::OtherFamily;
pub(super) use self::feature_codes::PIN_DIGITS;
pub use self::feature_codes::{Feature, FeatureCodesConfig, PhoneIdentity, Pin};
pub use self::figures::{AgentSeries, FiguresConfig, RegionsConfig};
pub use self::media::MediaConfig;
pub(super) use self::transfer::RING_TIMEOUT;
pub use self::transfer::{Codes, OnHangUp, OutsideConfig, TransferConfig};

/// A whole, valid configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `[sip]`
    pub sip: SipConfig,
    /// `[media]`
    pub media: MediaConfig,
    /// `[http]`
    pub http: HttpConfig,
    /// `[drain]`
    pub drain: DrainConfig,
    /// `[registrar]`
    pub registrar: RegistrarConfig,
    /// `[peers.NAME]`, in the order of the file.
    pub peers: Vec<PeerConfig>,
    /// `[queues.NAME]`, in the order of the file.
    pub queues: Vec<QueueConfig>,
    /// `[agents.NAME]`, in the order of the file (`[agents."1001-1050"]` is expanded).
    pub agents: Vec<AgentConfig>,
    /// `[teams.NAME]`, in the order of the file.
    pub teams: Vec<TeamConfig>,
    /// Agents that change their team at a date (`team` of `[agents.NAME]`), by the moment.
    pub moves: Vec<TeamMove>,
    /// `[not_ready] reasons = ["lunch", "meeting"]`: what people may be not ready for. Empty, the default: anything.
    pub reasons: Vec<Arc<str>>,
    /// `[figures]`
    pub figures: FiguresConfig,
    /// `[routing] occupancy_window = "30m"`: how fast occupancy fades for the strategy `least-occupied`: what was so long ago
    /// counts for about a third (e^-1). From a minute to a day.
    pub occupancy_window: Duration,
    /// `[transfer]`
    pub transfer: TransferConfig,
    /// `[feature_codes]`
    pub feature_codes: FeatureCodesConfig,
}

impl Config {
    /// The skills that agents have or queues ask about.
    pub fn skill_names(&self) -> BTreeSet<Arc<str>> {
        let of_agents = self.agents.iter().flat_map(|agent| &agent.skills).map(|skill| Arc::clone(&skill.name));
        let asked = self.queues.iter().flat_map(|queue| {
            let steps = queue.routing.steps.iter().filter_map(|step| step.requirement.as_ref());
            steps.chain([&queue.routing.requirement]).flat_map(Requirement::skills)
        });
        of_agents.chain(asked).collect()
    }
}

/// `[sip]`: where SIP is spoken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SipConfig {
    /// `listen = "127.0.0.1:5060"`: the UDP address; of two, the first. Cannot change at run time.
    pub listen: SocketAddr,
    /// `listen = ["192.0.2.5:5060", "[2001:db8::5]:5060"]`: the other address family.
    pub other: Option<OtherFamily>,
    /// `advertise = "203.0.113.5"`: the host written into Via, Contact and SDP when `listen` is unspecified or behind NAT;
    /// default the listen address.
    pub advertise: Option<IpAddr>,
    /// `local_networks = ["10.0.0.0/8"]`: to these, Via, Contact and SDP say `local_address` (default that of `listen`) in place
    /// of `advertise`: phones and PBXs on our own side of the NAT.
    pub local: Option<Arc<LocalNetworks>>,
    /// `tcp = false`: SIP over TCP too, on the address and port of `listen`, and for each further shard on its own. Default
    /// false. Cannot change at run time.
    pub tcp: bool,
    /// `tls = "0.0.0.0:5061"` and the keys that begin with `tls_`: SIP over TLS too.
    pub tls: Option<TlsConfig>,
    /// `shards = 1`: signalling threads, 1 to `limits::SHARDS_MAX`. The first has the port of `listen`, where calls come in;
    /// each other one has the next port, which peers and phones must reach too. Cannot change at run time.
    pub shards: u8,
    /// `unknown_source = "reject" | "silent"`: what an INVITE from no peer gets. Default `reject` (403).
    pub unknown_source: UnknownSource,
    /// `session_expires = "30m"`, `min_se = "90s"`: session timers (RFC 4028), which notice that a far end is gone where no audio
    /// tells. We ask for the first on agents' legs, and on callers' that can (default `"0s"`: we never ask), and refuse
    /// shorter ones than the second (422; at least 90 s, the default). Longer ones than the first are cut to it. A change is
    /// for the next call.
    pub session: SessionTerms,
}

/// What an INVITE from an untrusted source gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownSource {
    /// 403.
    Reject,
    /// Nothing.
    Silent,
}

/// `[http]`: control plane and metrics.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpConfig {
    /// `listen = "127.0.0.1:8080"`. Cannot change at run time.
    pub listen: SocketAddr,
    /// `tokens = { NAME = "secret" }`: bearer tokens by the user's name. These or `token_files` are required when `listen` is
    /// not loopback.
    pub tokens: Vec<(String, String)>,
    /// `token_files = { NAME = "path" }`: files that hold a token each, read by the shell; relative to the configuration's
    /// directory.
    pub token_files: Vec<(String, PathBuf)>,
    /// `numbers = ["NAME"]`: users of tokens who may see callers' numbers in full, where they ask for them. Default nobody; without
    /// tokens everybody on this machine.
    pub numbers: Vec<String>,
}

impl fmt::Debug for HttpConfig {
    /// Names whom the tokens belong to, never a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.tokens.iter().map(|(name, _)| name).collect();
        f.debug_struct("HttpConfig")
            .field("listen", &self.listen)
            .field("tokens", &names)
            .field("token_files", &self.token_files)
            .field("numbers", &self.numbers)
            .finish()
    }
}

/// `[registrar]`: how agents' phones register here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrarConfig {
    /// `min_expires = "60s"`, `max_expires = "1h"`: for how long. Less is refused (423), more is cut down.
    pub times: Times,
    /// `keep_alive = "30s"`: OPTIONS this often to each registered phone, which also keeps its NAT open; one that does not
    /// answer is unreachable. `"0s"`: never.
    pub keep_alive: Duration,
    /// `algorithms = ["SHA-256", "MD5"]`: what phones are asked for.
    pub algorithms: Vec<Algorithm>,
}

/// `[drain]`: how the node ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrainConfig {
    /// `limit = "300s"`: how long waiting callers are still offered after SIGTERM before they flow out.
    pub limit: Duration,
}

/// `[peers.NAME]`: a SIP neighbour, a trunk or a PBX.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerConfig {
    /// The table's name.
    pub name: Arc<str>,
    /// `address = "pbx.example:5060"`: host and port it is reached at; the first of `addresses`.
    pub address: Endpoint,
    /// `addresses = [{ address = "pbx1:5060", priority = 0, weight = 1 }, "pbx2:5060"]` in place of `address`: several, the lowest
    /// priority first, by weight among equals; one that is down is left out until it answers OPTIONS. In the order of
    /// priority, never empty; requests come from all of them.
    pub addresses: Vec<PeerAddress>,
    /// `sources = ["192.0.2.0/24", "192.0.2.7"]`: where its requests come from, as networks (address, prefix length);
    /// default the address itself; empty when that is a name, which the shell looks up. No two inbound peers overlap; a peer
    /// with `inbound = false` may share addresses with one that sends calls.
    pub sources: Vec<(IpAddr, u8)>,
    /// `inbound = true`: INVITEs from it are calls. Default true.
    pub inbound: bool,
    /// `dnis = ["header:X-DNIS", "p-called-party-id", "history-info", "diversion", "to", "request-uri"]`: where the called
    /// number is looked for, first hit wins. Default `["request-uri"]`.
    pub dnis: Vec<DnisSource>,
    /// `symmetric_rtp = false`: its phones may be behind NAT: when audio comes from elsewhere than they said, three packets in
    /// a row, that is where it goes (RFC 4961), until a re-INVITE says another address. Whoever guesses a port in time can
    /// take a call's audio over, so only for peers that need it. Default false.
    pub symmetric_rtp: bool,
    /// `srtp = "no" | "optional" | "required"`: whether its audio is encrypted, by keys in SDP (RFC 4568), for which it must be a peer
    /// by TLS. Default `no`. Calls whose audio does not pass here (`media = "none"`) are left to both ends.
    pub srtp: Srtp,
    /// `codecs = ["pcma"]`: what may be used with it, the preferred one first. Default: `media.codecs`.
    pub codecs: Option<Codecs>,
    /// `transport = "udp" | "tcp" | "tls"`: how it is reached; with a stream its connections are used as well as those opened to
    /// it. Default `udp`. Its requests are taken either way, but those of a peer by TLS over TLS alone.
    pub transport: Transport,
    /// The keys that begin with `tls_`.
    pub tls: PeerTls,
    /// `connected_line = "transfer" | "ignore"`: what it means when a re-INVITE or UPDATE of its names another party on an agent's
    /// leg. Default `transfer`: as Asterisk does it with `send_connected_line`. Harmless where it never says so.
    pub connected_line: ConnectedLine,
    /// `device_state`, `device_state_expires`, `device_state_stale`: how it tells what its phones do. Default: it is not asked.
    pub device_state: Option<DeviceWatch>,
    /// `qualify = "30s"`: OPTIONS this often while it is up (`"0s"`: never); a peer that is down is asked every 2 s.
    pub qualify: Duration,
    /// How it writes callers' numbers.
    pub numbering: NumberingConfig,
    /// `auth = { username = "trunk", password = "secret" }`: by what it proves itself (digest). Its calls, and all else that it
    /// asks outside a dialog but OPTIONS, are challenged (401). Default: its address is proof enough.
    pub auth: Option<Arc<PeerAuth>>,
    /// `outbound_auth = { username = "strowger", password = "secret" }`: what we prove ourselves by when it asks (401, 407).
    pub outbound_auth: Option<Arc<Credentials>>,
    /// `privacy = "keep" | "ignore"`: what becomes of a caller who asks not to be known. Default `keep`.
    pub privacy: CallerPrivacy,
    /// `carry_headers = ["X-PBX-*", "Diversion", "History-Info"]`: header fields of its callers' INVITEs and BYEs that go on to
    /// the agent's phone as they came, and of the phone's 200 and BYE that go on to its caller; a `*` at the end stands for the
    /// rest of a name. Default none. In each message at most `limits::CARRIED_HEADERS_MAX` lines of
    /// `limits::CARRIED_BYTES_MAX` bytes in all; what is more is left out.
    pub carry_headers: Vec<Arc<str>>,
}

/// A place where the called number may stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DnisSource {
    /// `header:NAME`: the value of the named header, a bare number or a URI.
    Header(String),
    /// P-Called-Party-ID (RFC 7315).
    PCalledPartyId,
    /// The oldest entry of History-Info (RFC 7044).
    HistoryInfo,
    /// The oldest Diversion (RFC 5806: the last one).
    Diversion,
    /// The To header's user part.
    To,
    /// The Request-URI's user part.
    RequestUri,
}

/// `[queues.NAME]`
#[derive(Debug, Clone, PartialEq)]
pub struct QueueConfig {
    /// The table's name.
    pub name: Arc<str>,
    /// `numbers = ["800", { number = "801", priority = 5, attributes = { tier = "gold" }, group = "hotline", campaign =
    /// "spring" }]`: the called numbers that lead here.
    pub numbers: Vec<NumberConfig>,
    /// Which agents fit, who is asked first, and in which order callers go.
    pub routing: RoutingConfig,
    /// `strategy = "longest-idle"`: a row of the strategy table.
    pub strategy: &'static str,
    /// `priority = 0`: of its callers; higher goes first.
    pub priority: i32,
    /// `answer = "on_queue" | "on_agent" | "early"`. Default `on_queue`.
    pub answer: AnswerPolicy,
    /// `media = "anchor" | "none"`. Default `anchor`.
    pub media: MediaPolicy,
    /// `music = "file.wav"`: repeated while waiting; default a built-in tune.
    pub music: Option<PathBuf>,
    /// `prompt = "file.wav"`: played once before the music; default none.
    pub prompt: Option<PathBuf>,
    /// `fax = "ignore" | "detect"`: what becomes of fax machines. Default `ignore`.
    pub fax: FaxPolicy,
    /// `waiting_max = 100`; default unlimited (within the node's bound).
    pub waiting_max: Option<u32>,
    /// `wait_max = "10m"`; default for ever.
    pub wait_max: Option<Duration>,
    /// `unanswered_max = "170s"`: how long a call may wait unanswered (`on_agent`, `early`). Default 170 s: below the
    /// 180 s after which proxies may give up (RFC 3261 16.6, timer C).
    pub unanswered_max: Duration,
    /// `ring_timeout = "20s"`.
    pub ring_timeout: Duration,
    /// `ring_step = "5s"`: with `ring-progressively`, the time from one agent to the next.
    pub ring_step: Duration,
    /// `offers_max = 10`: after so many offers that found nobody the call flows out; default no bound. `retry = "0s"`: how long
    /// it rests after one. `no_answer_max = 1`: so many unanswered offers in a row make an agent not ready.
    pub offers: OfferPolicy,
    /// `label = "Support"`: stands before the caller's name on the agent's phone. The INVITE says the queue's name and the
    /// seconds waited in `X-Strowger-Queue` and `X-Strowger-Wait` in any case.
    pub label: Option<Arc<str>>,
    /// `caller_prefix = "{queue} {wait}s "`: stands before the caller's name, or number where there is no name, on the agent's
    /// phone. `{queue}` is the queue's name, `{wait}` the seconds waited, `{call}` the call's id. Instead of `label`.
    pub caller_prefix: Option<Arc<str>>,
    /// `alert_info = "<http://pbx/sales.wav>;info=sales"`: the Alert-Info of its INVITEs to agents' phones, by which they choose
    /// a ring tone (RFC 3261 20.4). A phone that is to answer by itself is told that instead. Default none.
    pub alert_info: Option<Arc<str>>,
    /// `wrap_up = "10s"`.
    pub wrap_up: Duration,
    /// `threshold = "20s"`: the service level's T.
    pub threshold: Duration,
    /// `target = 0.8`: the service level aimed at, a fraction.
    pub target: f64,
    /// `short_abandon = "5s"`.
    pub short_abandon: Duration,
    /// `open = true`: takes callers. `emergency = true`, default false: nor may anybody wait, whatever `open` says.
    pub state: QueueState,
}

impl QueueConfig {
    /// Its strategy, and those of its steps.
    pub(super) fn strategies(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.strategy).chain(self.routing.steps.iter().filter_map(|step| step.strategy))
    }
}

/// A called number, and what its calls bring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberConfig {
    /// The number.
    pub number: String,
    /// `priority = 5`: of its calls; default the queue's.
    pub priority: Option<i32>,
    /// `group = "hotline"`: numbers that figures count together; default the number itself.
    pub group: Option<Arc<str>>,
    /// `campaign = "spring"`: the campaign or advertising medium that it stands in; default none.
    pub campaign: Option<Arc<str>>,
    /// `attributes = { tier = "gold", lvl = 3 }`: what requirements may ask about.
    pub attributes: Arc<Attributes>,
    /// `preferred = "1001"`: the agent whom its calls wait for alone at first, for the queue's `preferred_for`.
    pub preferred: Option<Arc<str>>,
}

/// How a queue chooses: the keys of `[queues.NAME]` about callers' order and agents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutingConfig {
    /// `skills = ["support"]` (each at any level) or `requirement = 'spanish >= 5 && (billing || tier == "gold")'`: what an agent
    /// must have. Default nothing: every agent fits.
    pub requirement: Requirement,
    /// `steps = [{ after = "30s", requirement = 'spanish' }]`: what changes for a call that has waited so long, in the order of
    /// time. Default none.
    pub steps: Vec<StepConfig>,
    /// `weight = 0`: for an agent of several queues, callers of the queue of higher weight go first, whatever their priority.
    pub weight: i32,
    /// `order = "priority" | "ageing" | "objective"` with `ageing_step = "60s"` and `objective` (default the threshold): which
    /// caller of a weight goes first. Default `priority`.
    pub order: OrderConfig,
    /// `members = ["1001-1010", { team = "sales", tier = 2, delay = "30s" }]`: whom the queue may ask, each once, fitting the
    /// requirement too. `None`: everybody who fits.
    pub members: Option<Vec<MemberConfig>>,
    /// `tier_wait = "30s"` with `tier_wait_by_level` and `tier_skip_empty`: when tiers 2 and above see a caller. `None`: at once.
    pub tiers: Option<TierConfig>,
    /// `penalty_steps = [{ after = "30s", max = 5 }]`: which penalties are in after a wait, in the order of time. Default all.
    pub penalty_steps: Vec<PenaltyStepConfig>,
    /// `penalty_members_limit = 0`: while no more members than this are logged in, penalties count for nothing.
    pub penalty_members_limit: u32,
    /// `skill_weights = { spanish = 3 }`: what a level counts for in `most-skilled` and `least-skilled`.
    pub skill_weights: Vec<(Arc<str>, u32)>,
    /// Whom calls wait for alone at first.
    pub preferred: PreferredConfig,
    /// `reserve = { waiting = 5, wait = "60s", estimate = "2m", leave_waiting = 5, leave_wait = "60s", leave_estimate = "2m", at_least =
    /// "30s" }`: members in reserve join while more than `waiting` callers wait, when one has waited for `wait`, or when the last of them
    /// is to expect more than `estimate`; and leave when no more than `leave_waiting` wait (default `waiting`), nobody for `leave_wait`
    /// (default `wait`) and nobody is to expect more than `leave_estimate` (default `estimate`), `at_least` so long after. `None`: never.
    pub reserve: Option<ReserveThresholds>,
    /// `lends_to = ["billing", { queue = "support", tier = 2 }]`: to whom it lends its members. Default nobody.
    pub lending: LendingConfig,
}

/// Whom a queue's calls wait for alone at first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreferredConfig {
    /// `preferred_for = "20s"`: for so long, from joining on; default not at all.
    pub wait: Duration,
    /// `preferred_by = ["header:X-Agent", "attribute:agent", "last"]`: where he is named, the first that names an agent wins. A
    /// number's `preferred` comes before them. Default nowhere.
    pub by: Vec<PreferredSource>,
    /// `preferred_within = "24h"`: how long ago `last` may be.
    pub within: Duration,
}

impl Default for PreferredConfig {
    fn default() -> Self {
        Self { wait: Duration::ZERO, by: Vec::new(), within: Duration::from_secs(24 * 3_600) }
    }
}

/// Where the agent is named whom a call prefers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PreferredSource {
    /// `header:NAME`: the value of this header of the INVITE.
    Header(String),
    /// `attribute:NAME`: what the call brings under this name.
    Attribute(Arc<str>),
    /// `last`: who served this caller last. Callers who show no plausible number are never taken for each other.
    Last,
}

/// How a queue lends its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LendingConfig {
    /// `lends_to`: other queues that list members, each once.
    pub to: Vec<LoanConfig>,
    /// `lend_window = "30m"`: it lends while its `target` of the visits decided in these minutes was answered in time; whole
    /// minutes, up to an hour.
    pub window: Duration,
    /// `lend_pause = "60s"`: how long it lends nobody at least, when that has ceased to hold.
    pub pause: Duration,
}

/// The terms on which a queue's members serve another: as those of a member, behind its own members of any tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoanConfig {
    /// `queue = "support"`: the other queue.
    pub queue: Arc<str>,
    /// `tier = 1`: by the other queue's rules.
    pub tier: u32,
    /// `penalty = 0`: by the other queue's rules.
    pub penalty: u32,
    /// `delay = "20s"`: how long a call must have waited. Default none.
    pub delay: Duration,
}

/// When further tiers see a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TierConfig {
    /// `tier_wait = "30s"`: tiers 2 and above.
    pub wait: Duration,
    /// `tier_wait_by_level = true`: tier n after n times the wait. Default false.
    pub by_level: bool,
    /// `tier_skip_empty = true`: while nobody of the tiers that see the caller is logged in, the next tier does. Default false.
    pub skip_empty: bool,
}

/// Which penalties are in after a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PenaltyStepConfig {
    /// Since the caller joined.
    pub after: Duration,
    /// `min = 0`: agents below are out.
    pub min: u32,
    /// `max`: agents above are out; default none.
    pub max: u32,
    /// `raise = 0`: agents below count as this.
    pub raise: u32,
}

/// Which caller goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderConfig {
    /// The higher priority, then the longer wait.
    Priority,
    /// The longer wait, where each step of priority is worth so much waiting.
    Ageing(Duration),
    /// The least time left to the objective.
    Objective(Duration),
}

/// What changes for a call after a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepConfig {
    /// Since it joined.
    pub after: Duration,
    /// `requirement = '...'` or `skills = [...]`: another requirement.
    pub requirement: Option<Requirement>,
    /// `strategy = "..."`: another choice among the agents.
    pub strategy: Option<&'static str>,
    /// `priority = 5`: added to the priority of the call.
    pub priority: i32,
}

/// An agent that a queue may ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberConfig {
    /// Its name.
    pub agent: Arc<str>,
    /// `tier = 1`: a lower one is asked first.
    pub tier: u32,
    /// `position = 1`: within a tier, for strategies that keep an order; default the place in the list.
    pub position: u32,
    /// `penalty = 0`: within a tier, a lower one is asked first; the weight of `weighted-random`.
    pub penalty: u32,
    /// `delay = "30s"`: how long a call must have waited before the agent sees it, whatever the tier. Default none.
    pub delay: Duration,
    /// `reserve = true`: it takes calls only while the queue's reserve is in. Default false.
    pub reserve: bool,
}

/// When the caller's INVITE is answered (FEATURES A2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerPolicy {
    /// 200, then music.
    OnQueue,
    /// 180 until an agent answers.
    OnAgent,
    /// 183 with music until an agent answers.
    Early,
}

/// Whether audio passes through the engine (FEATURES A5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaPolicy {
    /// The engine's relay joins the legs.
    Anchor,
    /// Signalling only: the caller's SDP goes to the agent and the agent's back.
    None,
}

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
    /// `srtp`: as for peers, of a phone that registers or has a URI by TLS. One for which it is `required` registers by TLS alone.
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
