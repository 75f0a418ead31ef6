//! Random worlds from seeds: queues, agents and callers of every behaviour, weather, outages, reloads, supervisors, a drain.
//! The same seed makes the same world.

mod changes;
mod people;
mod transfers;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use crate::acd::TransferOutcome;
use crate::base::{Instant, Rng, WallTime};
use crate::call::SessionTerms;
use crate::config::{Config, Transport};
use crate::sim::act::Act;
use crate::sim::flows::Flow;
use crate::sim::ladder::Detail;
use crate::sim::network::Weather;
use crate::sim::scenario::settle;
use crate::sim::script::read_config;
use crate::sim::town::Audio;
use crate::sim::world::{World, WorldSetup};

/// What became of a random world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What went wrong; empty when all is well.
    pub wrong: Vec<String>,
    /// The hash over every byte and fact.
    pub hash: u64,
    /// Queue visits.
    pub offered: u64,
    /// Those answered.
    pub answered: u64,
    /// Transfers by how they ended, in the order of [`TransferOutcome::ALL`].
    pub transfers: [u64; TransferOutcome::ALL.len()],
    /// Successes on the wire, repeats counted in, by method.
    pub succeeded: BTreeMap<String, u64>,
    /// Stream connections that broke.
    pub broken: u64,
    /// What happened, and how often.
    pub flows: BTreeMap<Flow, u64>,
    /// The ladder, when it was asked for.
    pub ladder: String,
}

/// Of a hundred datagrams ten are lost, two come twice, ten come late.
pub const fn hostile() -> Weather {
    Weather { loss: 0.1, doubled: 0.02, reordered: 0.1, ..Weather::fair() }
}

/// Everybody speaks TCP, and with one message of fifty its connection breaks.
pub const fn breaking() -> Weather {
    Weather { jitter: Duration::from_millis(15), broken: 0.02, ..Weather::fair() }
}

/// Runs the world of a seed; `detail` tells whether to keep its ladder.
pub fn run(seed: u64, detail: Detail) -> Verdict {
    judged(live_through(seed, detail, false))
}

/// Runs the world of a seed in this weather.
pub fn run_in(seed: u64, detail: Detail, weather: Weather) -> Verdict {
    judged(live(seed, detail, false, Some(weather)))
}

fn judged((world, wrong): (World, Vec<String>)) -> Verdict {
    let sum = |figure: fn(&crate::sim::oracle::Tally) -> u64| world.oracle().tallies().values().map(figure).sum();
    Verdict {
        wrong,
        hash: world.ladder.hash(),
        offered: sum(|tally| tally.offered),
        answered: sum(|tally| tally.answered),
        transfers: TransferOutcome::ALL.map(|outcome| world.oracle().transfers(outcome)),
        succeeded: world.network.succeeded().clone(),
        broken: world.broken_lines(),
        flows: world.flows.counts().clone(),
        ladder: world.ladder.text(),
    }
}

/// The world of a seed after its end, and what went wrong in it.
pub fn live_through(seed: u64, detail: Detail, keeps_notes: bool) -> (World, Vec<String>) {
    live(seed, detail, keeps_notes, None)
}

fn live(seed: u64, detail: Detail, keeps_notes: bool, weather: Option<Weather>) -> (World, Vec<String>) {
    let mut draw = Draw { rng: Rng::from_u64(seed ^ SALT), shape: Shape::default() };
    draw.shape = draw.shape();
    draw.shape.by_tcp = weather.as_ref().is_some_and(|weather| weather.broken > 0.0);
    let acts = draw.acts();
    let (shards, lag) = parts(seed);
    let setup = WorldSetup {
        config: draw.config(0),
        seed,
        weather: weather.unwrap_or_else(|| draw.shape.weather.clone()),
        detail,
        ports: draw.shape.ports,
        manner: draw.manner(),
        audio: draw.shape.audio,
        shards,
        lag,
        origin: origin(seed),
        keeps_notes,
    };
    let mut world = match World::new(setup) {
        Ok(world) => world,
        Err(error) => panic!("seed {seed}: a world that cannot be built: {error}"),
    };
    for (at, act) in acts {
        world.run_until(at);
        if world.error().is_some() {
            break;
        }
        world.ladder.note(at, "--", &describe(&act));
        // A supervisor may name a call that is gone by now: refused, and nothing more.
        drop(act.apply(&mut world));
    }
    let wrong = settle(&mut world);
    if world.flows.counts().contains_key(&Flow::Answered) {
        let parts = [Flow::OneShard, Flow::TwoShards, Flow::ThreeShards, Flow::FourShards];
        world.flows.note(parts[usize::from(shards.clamp(1, 4)) - 1]);
    }
    (world, wrong)
}

/// Worlds begin minutes before a midnight of UTC, the calendar of a configuration that names no other.
fn origin(seed: u64) -> WallTime {
    let before = Rng::from_u64(seed ^ ORIGINS).below(1_200);
    WallTime::from_micros((MIDNIGHT - i64::from(before)) * 1_000_000)
}

/// 2026-12-01T00:00:00Z.
const MIDNIGHT: i64 = 1_796_083_200;

/// Keeps the origins of worlds apart from the rest.
const ORIGINS: u64 = 0x5eed_0000_0000_0004;

/// Of how many shards the node is, and how long their letters take: half of the nodes are whole; the others' letters take up
/// to 1 ms, as between threads of a busy machine, or so long that every race happens.
fn parts(seed: u64) -> (u8, Duration) {
    let mut rng = Rng::from_u64(seed ^ PARTS);
    let shards = if rng.chance(0.5) { 1 } else { 2 + rng.below(3) as u8 };
    let lag = [1, 1, 30, 300, 1_000][rng.below(5) as usize];
    (shards, Duration::from_millis(lag))
}

fn reach_by_tcp(config: &mut Config) {
    config.sip.tcp = true;
    for peer in &mut config.peers {
        peer.transport = Transport::Tcp;
    }
    for agent in config.agents.iter_mut().filter(|agent| agent.peer.is_none() && agent.register.is_none()) {
        agent.uri.push_str(";transport=tcp");
    }
}

fn describe(act: &Act) -> String {
    if matches!(act, Act::Reload(_)) { "reload".to_string() } else { format!("{act:?}") }
}

/// The interval of session timers.
const SESSION: Duration = Duration::from_secs(20);

/// Numbers that callers may be handed to; nobody has the last one.
const OUTSIDE: [&str; 3] = ["4420", "4421", "4422"];

/// Keeps the draws of a world apart from those of its node and network.
const SALT: u64 = 0x5eed_0000_0000_0001;

/// Keeps the shape of a node apart from the rest.
const PARTS: u64 = 0x5eed_0000_0000_0003;

/// What numbers belong to; another after a reload.
const NAMED: [&str; 4] =
    [", group = \"hotline\"", ", group = \"hotline\", campaign = \"spring\"", "", ", campaign = \"autumn\""];
/// Regions of callers; others after a reload.
const REGIONS: [&str; 2] =
    ["130 = \"north\", 13 = \"south\", 1311 = \"east\"", "13 = \"west\", 132 = \"north\", 133 = \"east\""];
/// Fewer places than values.
const SERIES_MAX: &str = "series_max = { number = 2, campaign = 1, region = 2, agent = 3 }";

/// What agents dial.
const FEATURE_CODES: &str = "[feature_codes]\npeers = [\"pbx\"]\nlogin = \"*45\"\nlogout = \"*46\"\nready = \"*47\"\nnot_ready = \"*48\"\n\
    end_wrap_up = \"*49\"\n";

/// The fixed traits of one world.
#[derive(Debug, Clone)]
struct Shape {
    weather: Weather,
    queues: u32,
    agents: u32,
    behind_pbx: bool,
    /// Everybody speaks TCP.
    by_tcp: bool,
    /// Phones that are not behind the PBX register.
    registered: bool,
    /// Agents dial feature codes at the PBX.
    codes: bool,
    calls: u32,
    /// Mean time between calls.
    pace: Duration,
    ports: u32,
    qualify: bool,
    queue_lines: Vec<String>,
    /// Queues that list their members: some in reserve, all lent to the others.
    listing: Vec<bool>,
    reloads: u32,
    audio: Audio,
    media_workers: u8,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            weather: Weather::fair(),
            queues: 1,
            agents: 1,
            behind_pbx: true,
            by_tcp: false,
            registered: false,
            codes: false,
            calls: 1,
            pace: Duration::from_secs(1),
            ports: 200,
            qualify: false,
            queue_lines: Vec::new(),
            listing: Vec::new(),
            reloads: 0,
            audio: Audio::Off,
            media_workers: 1,
        }
    }
}

impl Shape {
    /// Where the PBX is, and by whom it knows us. One that tells what its phones do has one address, as it tells it there.
    const fn addresses(&self) -> &'static str {
        match self.calls % 6 {
            1 => "addresses = [\"10.0.2.1:5060\", { address = \"10.0.2.2:5060\", priority = 1 }]\n",
            2 => "address = \"10.0.2.1:5060\"\noutbound_auth = { username = \"we\", password = \"ours\" }\n",
            3 => "address = \"10.0.2.1:5060\"\noutbound_auth = { username = \"proxy\", password = \"ours\" }\n",
            _ => "address = \"10.0.2.1:5060\"\n",
        }
    }

    /// The trunk, where it has to prove itself.
    const fn proofs(&self) -> &'static str {
        if self.calls.is_multiple_of(5) {
            "[peers.trunk]\naddress = \"10.0.1.1:5060\"\nqualify = \"0s\"\nauth = { username = \"trunk\", password = \"theirs\" }\n"
        } else {
            ""
        }
    }

    /// The PBX tells what its phones do.
    const fn tells_devices(&self) -> bool {
        self.calls.is_multiple_of(4)
    }
}

struct Draw {
    rng: Rng,
    shape: Shape,
}

impl Draw {
    fn between(&mut self, from: u32, to: u32) -> u32 {
        from + self.rng.below(to - from + 1)
    }

    fn seconds(&mut self, mean: f64) -> Duration {
        // What the engine reckons in.
        Duration::from_micros((self.rng.exponential(mean).min(20.0 * mean) * 1e6) as u64)
    }

    fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.rng.below(u32::try_from(choices.len()).unwrap_or(1)) as usize].clone()
    }

    fn shape(&mut self) -> Shape {
        let queues = self.between(1, 3);
        Shape {
            weather: self.weather(),
            queues,
            agents: self.between(1, 7),
            behind_pbx: self.rng.chance(0.5),
            by_tcp: false,
            registered: self.rng.chance(0.4),
            codes: self.rng.chance(0.3),
            calls: self.between(3, 25),
            pace: self.seconds(4.0) + Duration::from_millis(20),
            ports: if self.rng.chance(0.1) { self.between(2, 12) } else { 200 },
            qualify: self.rng.chance(0.3),
            queue_lines: (0..queues).map(|_| self.queue_lines()).collect(),
            listing: (0..queues).map(|_| self.rng.chance(0.4)).collect(),
            audio: if self.rng.chance(0.01) { Audio::On } else { Audio::Off },
            reloads: if self.rng.chance(0.25) { self.between(1, 2) } else { 0 },
            media_workers: self.between(1, 3) as u8,
        }
    }

    fn weather(&mut self) -> Weather {
        let fair = Weather::fair();
        match self.rng.below(5) {
            0 => fair,
            1 => Weather { jitter: Duration::from_millis(u64::from(self.between(1, 60))), ..fair },
            2 => Weather { loss: 0.02, doubled: 0.02, jitter: Duration::from_millis(15), ..fair },
            3 => hostile(),
            _ => Weather {
                loss: self.rng.fraction() * 0.15,
                doubled: self.rng.fraction() * 0.1,
                jitter: Duration::from_millis(u64::from(self.between(0, 300))),
                ..fair
            },
        }
    }

    /// The keys of a queue but its numbers.
    fn queue_lines(&mut self) -> String {
        let mut lines = String::new();
        let mut line = |text: String| writeln!(lines, "{text}").expect("writing to a string succeeds");
        let answer = self.pick(&["on_queue", "on_queue", "on_agent", "early"]);
        line(format!("answer = \"{answer}\""));
        let signalling_only = self.rng.chance(0.2);
        if signalling_only {
            line("media = \"none\"".to_string());
        }
        let strategy = self.pick(&["longest-idle", "longest-idle", "ring-all", "ring-best", "ring-progressively"]);
        line(format!("strategy = \"{strategy}\"\nring_step = \"{}s\"", self.between(1, 6)));
        if self.rng.chance(0.2) {
            line(format!("offers_max = {}", self.between(1, 6)));
        }
        if self.rng.chance(0.2) {
            line(format!("no_answer_max = {}", self.between(1, 3)));
        }
        line(format!("ring_timeout = \"{}s\"", self.between(3, 20)));
        line(format!("wrap_up = \"{}s\"", self.pick(&[0, 0, 1, 5])));
        line(format!("priority = {}", self.pick(&[0, 0, 0, 5])));
        if self.rng.chance(0.3) {
            line(format!("waiting_max = {}", self.between(1, 6)));
        }
        // Without media nobody notices that a waiting caller is gone, so these must have a bound.
        if signalling_only || self.rng.chance(0.3) {
            line(format!("wait_max = \"{}s\"", self.between(5, 60)));
        }
        if self.rng.chance(0.4) {
            let wait = self.between(1, 20);
            line(format!("preferred_for = \"{wait}s\"\npreferred_by = [\"header:X-Agent\", \"last\"]"));
        }
        if self.rng.chance(0.2) {
            line("unanswered_max = \"30s\"".to_string());
        }
        if self.rng.chance(0.3) {
            line("fax = \"detect\"".to_string());
        }
        if self.rng.chance(0.3) {
            line("skills = [\"special\"]".to_string());
        }
        lines
    }

    /// The configuration after so many reloads: the first has everything, later ones lack or add something.
    fn config(&mut self, reload: u32) -> Arc<Config> {
        let mut text = String::new();
        let qualify = if self.shape.qualify { "10s" } else { "0s" };
        let codes = self.shape.codes;
        let (addresses, proof) = (self.shape.addresses(), self.shape.proofs());
        writeln!(text, "{proof}[peers.pbx]\n{addresses}inbound = {codes}\nqualify = \"{qualify}\"")
            .expect("writing to a string succeeds");
        if self.shape.tells_devices() {
            let package = if self.shape.agents.is_multiple_of(2) { "presence" } else { "dialog-info" };
            let stale = if self.shape.calls.is_multiple_of(8) { "unroutable" } else { "routable" };
            writeln!(
                text,
                "device_state = \"{package}\"\ndevice_state_expires = \"1m\"\ndevice_state_stale = \"{stale}\""
            )
            .expect("writing to a string succeeds");
        }
        if codes {
            text.push_str(FEATURE_CODES);
        }
        writeln!(text, "[registrar]\nmin_expires = \"5s\"\nkeep_alive = \"{qualify}\"")
            .expect("writing to a string succeeds");
        text.push_str("[teams.floor]\n[teams.east]\nparent = \"floor\"\n[teams.west]\nparent = \"floor\"\n");
        let on_hang_up = if self.shape.calls.is_multiple_of(3) { "requeue" } else { "complete" };
        let codes = "blind = \"*3\"\nconsult = \"*2\"\ncomplete = \"*4\"\ncancel = \"*1\"";
        writeln!(text, "[transfer]\npeer = \"pbx\"\nring_timeout = \"8s\"\non_hang_up = \"{on_hang_up}\"\n{codes}")
            .expect("writing to a string succeeds");
        // Ports are reserved by the number of agents: where they are scarce, no agent comes by a reload.
        let all = self.shape.agents + if self.shape.ports < 200 { 0 } else { reload };
        let agents: Vec<u32> = (0..all).filter(|_| reload == 0 || all == 1 || !self.rng.chance(0.2)).collect();
        let queues: Vec<u32> =
            (0..self.shape.queues).filter(|queue| reload == 0 || *queue == 0 || !self.rng.chance(0.3)).collect();
        for &queue in &queues {
            let lines = &self.shape.queue_lines[queue as usize];
            let open = if reload > 0 && self.rng.chance(0.1) { "open = false\n" } else { "" };
            let help = self.help_lines(queue, &queues, &agents);
            let named = NAMED[(queue + reload) as usize % NAMED.len()];
            writeln!(text, "[queues.q{queue}]\nnumbers = [{{ number = \"80{queue}\"{named} }}]\n{lines}{open}{help}")
                .expect("writing to a string succeeds");
        }
        // Few places, so that some values share those of the others.
        let regions = REGIONS[reload as usize % REGIONS.len()];
        writeln!(text, "[figures]\nregions = {{ {regions} }}\nagent_series = true\n{SERIES_MAX}")
            .expect("writing to a string succeeds");
        for agent in agents {
            let name = 1001 + agent;
            let place = if self.shape.behind_pbx {
                "peer = \"pbx\"".to_string()
            } else if self.shape.registered {
                format!("register = true\npassword = \"word of {name}\"")
            } else {
                format!("uri = \"sip:{name}@10.0.3.{}:5060\"", agent + 1)
            };
            let skills = if agent % 2 == 0 { "skills = [\"special\"]" } else { "" };
            let extra = self.agent_lines(agent);
            let initial = if agent % 5 == 4 { "initial = \"not-ready\"" } else { "" };
            writeln!(
                text,
                "[agents.{name}]\n{place}\n{skills}\n{initial}\nreturn_after = \"15s\"\nbusy_pause = \"2s\"\n{extra}"
            )
            .expect("writing to a string succeeds");
        }
        match read_config(&text) {
            Ok(mut config) => {
                config.media.workers = Some(self.shape.media_workers);
                // Shorter than can be configured: calls of a world last some seconds.
                let expires = self.shape.calls.is_multiple_of(2).then_some(SESSION);
                config.sip.session = SessionTerms { expires, min: SESSION / 2 };
                if self.shape.by_tcp {
                    reach_by_tcp(&mut config);
                }
                Arc::new(config)
            }
            Err(error) => panic!("the workload writes a wrong configuration: {error}\n{text}"),
        }
    }

    /// Whom a queue lists as its members, when its reserve joins, and to whom it lends.
    fn help_lines(&self, queue: u32, queues: &[u32], agents: &[u32]) -> String {
        let lists = |queue: u32| self.shape.listing[queue as usize] && !agents.is_empty();
        if !lists(queue) {
            return String::new();
        }
        let member = |agent: &u32| match (agent + queue) % 3 {
            0 => None,
            1 => Some(format!("\"{}\"", 1001 + agent)),
            _ => Some(format!("{{ agents = [\"{}\"], reserve = true }}", 1001 + agent)),
        };
        let members: Vec<_> = agents.iter().filter_map(member).collect();
        let others = queues.iter().filter(|other| **other != queue && lists(**other));
        let others: Vec<_> = others.map(|other| format!("\"q{other}\"")).collect();
        let (waiting, wait, at_least) = (self.shape.calls % 3, 2 + self.shape.calls % 9, self.shape.calls % 5);
        format!(
            "members = [{}]\nreserve = {{ waiting = {waiting}, wait = \"{wait}s\", at_least = \"{at_least}s\" }}\n\
             lends_to = [{}]\nlend_window = \"1m\"\nlend_pause = \"{at_least}s\"\n",
            members.join(", "),
            others.join(", ")
        )
    }

    /// What an agent has of its own; the same after a reload.
    fn agent_lines(&self, agent: u32) -> String {
        let team = match agent % 4 {
            0 => "team = \"east\"\n",
            1 => "team = [{ name = \"east\" }, { name = \"west\", from = \"2026-12-01\" }]\n",
            2 => "team = [{ name = \"west\", from = \"2026-12-01\" }, { from = \"2027-01-01\" }]\n",
            _ => "",
        };
        let own = match (agent + self.shape.calls) % 8 {
            0 => "confirm = \"1\"\nconfirm_within = \"6s\"\n",
            1 => "auto_answer = true\nwrap_up = \"3s\"\n",
            2 => "answer_min = \"800ms\"\nreject_pause = \"1s\"\n",
            3 => "no_answer_max = 2\nno_answer_pause = \"1s\"\n",
            _ => "",
        };
        format!("{own}{team}")
    }

    /// Everything that happens, in the order of time.
    fn acts(&mut self) -> Vec<(Instant, Act)> {
        let mut acts = Vec::new();
        for agent in 0..self.shape.agents {
            let manner = self.manner();
            acts.push((Instant::ZERO, Act::Manner((1001 + agent).to_string(), manner)));
        }
        for number in &OUTSIDE[..2] {
            acts.push((Instant::ZERO, Act::Phone(number.to_string(), "pbx".to_string(), self.manner())));
        }
        let mut at = Instant::from_micros(500_000);
        for call in 0..self.shape.calls {
            at += self.seconds(self.shape.pace.as_secs_f64());
            // Some withhold their number, as it is no number.
            let caller = if call % 5 == 4 { format!("c{call}") } else { format!("13{}{call}", call % 4) };
            let act = self.dial(&caller);
            acts.push((at, act));
            self.meddle(at, &caller, &mut acts);
        }
        let end = at;
        for reload in 1..=self.shape.reloads {
            let when = Instant::ZERO + (end - Instant::ZERO).mul_f64(self.rng.fraction());
            acts.push((when, Act::Reload(self.config(reload))));
        }
        if self.rng.chance(0.2) {
            self.outage(end, &mut acts);
        }
        if self.rng.chance(0.15) {
            let when = Instant::ZERO + (end - Instant::ZERO).mul_f64(0.5 + self.rng.fraction());
            let limit = self.seconds(15.0);
            acts.push((when, Act::Drain(limit)));
        }
        acts.sort_by_key(|(at, _)| *at);
        acts
    }
}
