//! The text of a scenario: comments, a configuration, steps with their times, expectations, and after `----` the ladder that
//! must come out. Reads only; [`super::scenario`] runs it.
//!
//! ```text
//! # One caller, one agent; the caller hangs up.
//! config
//!   [queues.support]
//!   numbers = ["800"]
//!   [agents.1001]
//!   peer = "pbx"
//! end
//! agent 1001 answers after 2s
//! at 1s a dials 800
//! at 9s a hangs up
//! expect support answered 1
//! ----
//! ```

use std::sync::Arc;
use std::time::Duration;

use crate::acd::strategy;
use crate::base::limits::SHARDS_MAX;
use crate::base::{Instant, WallTime};
use crate::config::{self, Config};
use crate::sim::act::Act;
use crate::sim::agent_phone::Manner;
use crate::sim::ladder::Detail;
use crate::sim::network::Weather;
use crate::sim::script_step::{manner, step};
use crate::sim::town::Audio;
use crate::sim::words::{duration, names, number};

/// A scenario, read.
#[derive(Debug, Clone)]
pub struct Script {
    /// The node's configuration.
    pub config: Arc<Config>,
    /// What the ladder shows.
    pub detail: Detail,
    /// The seed.
    pub seed: u64,
    /// The network at the start.
    pub weather: Weather,
    /// Ports the node may lease.
    pub ports: u32,
    /// How agents' phones behave unless told otherwise.
    pub manner: Manner,
    /// Signalling shards of the node (`shards 2`); their letters take up to a millisecond.
    pub shards: u8,
    /// Whether there is audio (`with audio`).
    pub audio: Audio,
    /// The calendar's time at the start (`starts 2026-11-30T23:59:00+08:00`).
    pub origin: WallTime,
    /// Runs at least until then.
    pub until: Instant,
    /// What is done, in the order of time, each with its line.
    pub steps: Vec<Step>,
    /// What must hold at the end.
    pub expects: Vec<Expect>,
    /// All before the line `----`, as written.
    pub head: String,
    /// All after it.
    pub ladder: String,
}

/// One step.
#[derive(Debug, Clone)]
pub struct Step {
    /// When.
    pub at: Instant,
    /// The line, for the ladder.
    pub text: String,
    /// What.
    pub act: Act,
}

/// Something that must hold at the end, whatever the ladder says: rewriting never changes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// `expect QUEUE offered|answered|abandoned|flowed_out N`
    Count {
        /// The queue's name.
        queue: String,
        /// Which figure.
        figure: Figure,
        /// Its value.
        value: u64,
    },
    /// `expect agent NAME STATE`; a range names several.
    Agents {
        /// Their names.
        names: Vec<String>,
        /// A label of the agent states, with its reason in brackets.
        state: String,
    },
    /// `expect never TEXT`: no line of the ladder contains the text.
    Never(String),
    /// `expect refused N`
    Refused(u64),
}

/// A figure of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// Visits begun.
    Offered,
    /// Visits that ended with an agent.
    Answered,
    /// Visits the caller ended.
    Abandoned,
    /// Visits that ended otherwise.
    FlowedOut,
}

/// What every configuration of a scenario begins with; `[peers.trunk]` and `[peers.pbx]` are added unless it has them.
const PREAMBLE: &str = "[sip]\nlisten = \"10.0.0.1:5060\"\n[media]\nports = \"20000-29999\"\n";
const TRUNK: &str = "[peers.trunk]\naddress = \"10.0.1.1:5060\"\nqualify = \"0s\"\n";
const PBX: &str = "[peers.pbx]\naddress = \"10.0.2.1:5060\"\nqualify = \"0s\"\ninbound = false\n";

impl Script {
    /// Reads a scenario.
    ///
    /// # Errors
    /// The first line that cannot be read, with its number and why.
    pub fn read(text: &str) -> Result<Self, String> {
        let (head, ladder) = text.split_once("\n----\n").unwrap_or((text, ""));
        let mut script = Self {
            config: Arc::new(config::built_in()),
            detail: Detail::Everything,
            seed: 1,
            weather: Weather::fair(),
            ports: 200,
            manner: Manner::answers(Duration::from_secs(1)),
            shards: 1,
            audio: Audio::Off,
            origin: ORIGIN,
            until: Instant::ZERO,
            steps: Vec::new(),
            expects: Vec::new(),
            head: head.to_string(),
            ladder: ladder.to_string(),
        };
        let mut configured = false;
        let mut lines = (1..).zip(head.lines());
        while let Some((number, line)) = lines.next() {
            let located = |error: String| format!("line {number}: {error}: `{line}`");
            let text = line.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let block = if text == "config" || text.ends_with(" reload") {
                let lines: Vec<&str> =
                    lines.by_ref().map(|(_, line)| line).take_while(|line| line.trim() != "end").collect();
                Some(Arc::new(read_config(&lines.join("\n")).map_err(located)?))
            } else {
                None
            };
            match block {
                Some(config) if text == "config" => {
                    script.config = config;
                    configured = true;
                }
                block => script.line(text, block).map_err(located)?,
            }
        }
        script.steps.sort_by_key(|step| step.at);
        if configured { Ok(script) } else { Err("a scenario needs its `config` ... `end`".to_string()) }
    }

    fn line(&mut self, text: &str, block: Option<Arc<Config>>) -> Result<(), String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            ["show", "everything"] => self.detail = Detail::Everything,
            ["show", "counts"] => self.detail = Detail::Counts,
            ["with", "audio"] => self.audio = Audio::On,
            ["seed", seed] => self.seed = number(seed)?,
            ["starts", at] => self.origin = wall(at)?,
            ["shards", shards] => {
                self.shards = number(shards)?;
                if !(1..=SHARDS_MAX).contains(&self.shards) {
                    return Err(format!("a node has 1 to {SHARDS_MAX} shards"));
                }
            }
            ["ports", ports] => self.ports = number(ports)?,
            ["until", until] => self.until = Instant::ZERO + duration(until)?,
            ["delay", delay] => self.weather.delay = duration(delay)?,
            ["jitter", jitter] => self.weather.jitter = duration(jitter)?,
            ["loss", percent] => self.weather.loss = number::<f64>(percent.trim_end_matches('%'))? / 100.0,
            ["doubled", percent] => self.weather.doubled = number::<f64>(percent.trim_end_matches('%'))? / 100.0,
            ["reordered", percent] => self.weather.reordered = number::<f64>(percent.trim_end_matches('%'))? / 100.0,
            ["every", "agent", rest @ ..] => self.manner = manner(rest)?,
            ["expect", rest @ ..] => self.expects.push(expect(rest)?),
            ["at", at, rest @ ..] => {
                let at = Instant::ZERO + duration(at)?;
                self.until = self.until.max(at);
                self.push(at, rest, block)?;
            }
            rest => self.push(Instant::ZERO, rest, block)?,
        }
        Ok(())
    }

    fn push(&mut self, at: Instant, words: &[&str], block: Option<Arc<Config>>) -> Result<(), String> {
        let text = words.join(" ");
        if let Some(config) = block {
            self.steps.push(Step { at, text, act: Act::Reload(config) });
            return Ok(());
        }
        for act in step(words)? {
            self.steps.push(Step { at, text: text.clone(), act });
        }
        Ok(())
    }
}

/// Reads the configuration of a scenario, completed by the address of the node, a trunk and a PBX.
///
/// # Errors
/// All errors of the configuration, one a line.
pub fn read_config(text: &str) -> Result<Config, String> {
    let mut whole = String::new();
    if !text.contains("[sip]") {
        whole.push_str(PREAMBLE);
    }
    for (name, table) in [("[peers.trunk]", TRUNK), ("[peers.pbx]", PBX)] {
        if !text.contains(name) {
            whole.push_str(table);
        }
    }
    whole.push_str(text);
    config::parse(&whole, "scenario", &strategy::names().collect::<Vec<_>>()).map_err(|errors| {
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        errors.join("\n")
    })
}

/// When a scenario begins that says nothing of it: on a Monday morning, 2026-11-23T08:00:00Z.
pub const ORIGIN: WallTime = WallTime::from_micros(1_795_420_800_000_000);

fn wall(text: &str) -> Result<WallTime, String> {
    let at: jiff::Timestamp = text.parse().map_err(|_| format!("`{text}` is no moment with its offset"))?;
    Ok(WallTime::from_micros(at.as_microsecond()))
}

fn expect(words: &[&str]) -> Result<Expect, String> {
    match words {
        ["agent", agents, state] => Ok(Expect::Agents { names: names(agents)?, state: (*state).to_string() }),
        ["never", rest @ ..] => Ok(Expect::Never(rest.join(" "))),
        ["refused", value] => Ok(Expect::Refused(number(value)?)),
        [queue, figure, value] => {
            let figure = match *figure {
                "offered" => Figure::Offered,
                "answered" => Figure::Answered,
                "abandoned" => Figure::Abandoned,
                "flowed_out" => Figure::FlowedOut,
                other => return Err(format!("`{other}` is no figure of a queue")),
            };
            Ok(Expect::Count { queue: (*queue).to_string(), figure, value: number(value)? })
        }
        _ => Err("cannot be expected".to_string()),
    }
}
