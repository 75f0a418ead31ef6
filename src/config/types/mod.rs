//! The typed configuration: what the rest of the node reads. Every field documents its effect, its unit and its default.

mod agent;
mod family;
mod feature_codes;
mod figures;
mod media;
mod queue;
mod transfer;

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::acd::requirement::Requirement;
use crate::call::SessionTerms;
use crate::media::{Codecs, Srtp};
use crate::sip::auth::{Algorithm, Credentials};
use crate::sip::registrar::Times;
use crate::sip::transaction::LocalNetworks;

use super::endpoint::{Endpoint, PeerAddress};
use super::peer_manners::{CallerPrivacy, ConnectedLine, DeviceWatch, NumberingConfig, PeerAuth};
use super::transport::{PeerTls, TlsConfig, Transport};

pub use self::agent::{AgentConfig, Confirm, SkillConfig, TeamConfig, TeamMove};
pub use self::family::OtherFamily;
pub(super) use self::feature_codes::PIN_DIGITS;
pub use self::feature_codes::{Feature, FeatureCodesConfig, PhoneIdentity, Pin};
pub use self::figures::{AgentSeries, FiguresConfig, RegionsConfig};
pub use self::media::MediaConfig;
pub use self::queue::{
    AnswerPolicy, LendingConfig, LoanConfig, MediaPolicy, MemberConfig, NumberConfig, OrderConfig, PenaltyStepConfig,
    PreferredConfig, PreferredSource, QueueConfig, RoutingConfig, StepConfig, TierConfig,
};
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
    /// `numbers = ["NAME"]`: users of tokens who may see callers' numbers in full, where they ask for them. Default nobody;
    /// without tokens everybody on this machine.
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
    /// `addresses = [{ address = "pbx1:5060", priority = 0, weight = 1 }, "pbx2:5060"]` in place of `address`: several, the
    /// lowest priority first, by weight among equals; one that is down is left out until it answers OPTIONS. In the order of
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
    /// `srtp = "no" | "optional" | "required"`: whether its audio is encrypted, by keys in SDP (RFC 4568), for which it must be
    /// a peer by TLS. Default `no`. Calls whose audio does not pass here (`media = "none"`) are left to both ends.
    pub srtp: Srtp,
    /// `codecs = ["pcma"]`: what may be used with it, the preferred one first. Default: `media.codecs`.
    pub codecs: Option<Codecs>,
    /// `transport = "udp" | "tcp" | "tls"`: how it is reached; with a stream its connections are used as well as those opened to
    /// it. Default `udp`. Its requests are taken either way, but those of a peer by TLS over TLS alone.
    pub transport: Transport,
    /// The keys that begin with `tls_`.
    pub tls: PeerTls,
    /// `connected_line = "transfer" | "ignore"`: what it means when a re-INVITE or UPDATE of its names another party on an
    /// agent's leg. Default `transfer`: as Asterisk does it with `send_connected_line`. Harmless where it never says so.
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
