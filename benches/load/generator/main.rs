//! Open-loop load for an automatic call distributor, over real sockets on loopback: callers on one UDP socket, agents on
//! another, audio on a few more. Calls begin when they are due, whether or not earlier ones are answered (RFC 7501's
//! session attempt rate), and one JSON object says what became of them. `benches/load/run` starts it beside an engine.

mod agents;
mod callers;
mod histogram;
mod message;
mod rtp;
mod socket;
mod system;

use std::net::SocketAddrV4;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use serde_json::{Map, Value, json};
use strowger::base::Rng;

use agents::{Agents, Voice};
use callers::{Callers, Figures, Habits, Kind};
use rtp::{Heard, Rtp};
use socket::Reader;
use system::Process;

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;
/// Packets of 20 ms.
const PACKETS_PER_SECOND: u64 = 50;
/// Calls begun before sockets are looked at again.
const BURST: usize = 32;

/// What to do.
#[derive(Debug, Parser)]
struct Options {
    /// Where the engine speaks SIP.
    #[arg(long)]
    engine: SocketAddrV4,
    /// The engine's process, for its CPU time and memory.
    #[arg(long)]
    engine_pid: i32,
    /// The agents' port.
    #[arg(long)]
    agent_port: u16,
    /// Calls a second.
    #[arg(long)]
    rate: f64,
    /// For so long.
    #[arg(long)]
    seconds: u64,
    /// How calls are spread.
    #[arg(long, value_enum, default_value_t = Spread::Poisson)]
    arrivals: Spread,
    /// How long a call talks.
    #[arg(long, default_value_t = 200)]
    talk_ms: u64,
    /// How long a caller waits for an answer.
    #[arg(long, default_value_t = 5_000)]
    patience_ms: u64,
    /// Calls before anything is measured, 200 a second.
    #[arg(long, default_value_t = 200)]
    warm: u64,
    /// Callers that wait without media.
    #[arg(long, default_value_t = 0)]
    waiting: usize,
    /// Callers that hear music.
    #[arg(long, default_value_t = 0)]
    music: usize,
    /// Calls that talk in silence.
    #[arg(long, default_value_t = 0)]
    talking: usize,
    /// Calls in which both sides speak.
    #[arg(long, default_value_t = 0)]
    relay: usize,
    /// How many of the four begin in a second.
    #[arg(long, default_value_t = 1_000.0)]
    park_rate: f64,
    /// Never sleep, and send INVITEs that are due together in one piece: for a core of its own.
    #[arg(long)]
    spin: bool,
    /// Of the random arrivals, and of the names of calls.
    #[arg(long, default_value_t = 1)]
    seed: u32,
}

/// How arrivals are spread over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Spread {
    /// Independent of each other, as callers are.
    Poisson,
    /// At equal distances.
    Constant,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match Bench::new(&options).and_then(|bench| bench.run(&options)) {
        Ok(result) => {
            #[expect(clippy::print_stdout, reason = "the result is the program's purpose")]
            {
                println!("{result}");
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "a command tells its errors")]
            {
                eprintln!("load-generator: {error}");
            }
            ExitCode::FAILURE
        }
    }
}

/// Both sides of the engine.
struct Bench {
    engine: Process,
    callers: Callers,
    agents: Agents,
    rtp: Rtp,
    reader: Reader,
    rng: Rng,
    spin: bool,
}

/// Calls that begin one after the other.
#[derive(Debug, Clone, Copy)]
struct Arrivals {
    kind: Kind,
    rate: f64,
    spread: Spread,
    /// No more than so many, and none after this moment.
    count: u64,
    end: u64,
}

impl Bench {
    fn new(options: &Options) -> Result<Self, String> {
        system::raise_descriptors();
        let habits = Habits { talk: options.talk_ms * MS, patience: options.patience_ms * MS, batches: options.spin };
        Ok(Self {
            engine: Process::new(options.engine_pid).ok_or("no such engine process")?,
            callers: Callers::new(options.engine, habits, options.seed)?,
            agents: Agents::new(options.agent_port)?,
            rtp: Rtp::new(options.music + options.relay > 0)?,
            reader: Reader::default(),
            rng: Rng::from_u64(u64::from(options.seed)),
            spin: options.spin,
        })
    }

    fn run(mut self, options: &Options) -> Result<Value, String> {
        let warm = |count| Arrivals { kind: Kind::Warm, rate: 200.0, spread: Spread::Constant, count, end: u64::MAX };
        self.offer(warm(options.warm));
        self.until(10 * SECOND, "the engine serves calls at all", |bench| bench.callers.open == 0)?;
        let before = self.engine.resident();
        self.park(options)?;
        let background = options.waiting + options.music + options.talking + options.relay;
        self.rest(if background > 0 { SECOND } else { 200 * MS });
        let parked = self.engine.resident();

        let (cpu, own, start) = (self.engine.cpu(), system::own_cpu(), system::now());
        self.rtp.measure();
        let end = start + options.seconds * SECOND;
        let load = Arrivals {
            kind: Kind::Load,
            rate: options.rate,
            spread: options.arrivals,
            count: if options.rate > 0.0 { u64::MAX } else { 0 },
            end,
        };
        self.offer(load);
        self.rest(end.saturating_sub(system::now()));
        self.rtp.stop_measuring();
        let resident = self.engine.resident();
        let window = self.engine.cpu() - cpu;
        let limit = (2 * options.patience_ms + options.talk_ms) * MS + SECOND;
        // What is still open by then has failed.
        let _ = self.until(limit, "calls end", |bench| bench.callers.open == 0);
        let costs = Costs {
            seconds: options.seconds,
            calls: self.engine.cpu() - cpu,
            generator: system::own_cpu() - own,
            window,
            resident,
            each: each(parked.saturating_sub(before) as f64, background as u64).map(f64::round),
        };
        self.rest(300 * MS);
        let is_kept = self.callers.staying == background;
        let mut result = signalling(&self.callers.figures, &costs);
        result.extend(audio(&self.rtp.finish(), &costs));
        result.insert("background_kept".to_string(), json!(is_kept));
        Ok(Value::Object(result))
    }

    /// Brings in those who stay.
    fn park(&mut self, options: &Options) -> Result<(), String> {
        let mut all = 0;
        let kinds = [
            (Kind::Waiting, options.waiting),
            (Kind::Music, options.music),
            (Kind::Talking, options.talking),
            (Kind::Relay, options.relay),
        ];
        for (kind, count) in kinds {
            all += count;
            self.agents.voice = if kind == Kind::Relay { Voice::Speaks } else { Voice::Silent };
            let rate = options.park_rate;
            self.offer(Arrivals { kind, rate, spread: Spread::Constant, count: count as u64, end: u64::MAX });
            self.until(10 * SECOND, "those who stay are answered", |bench| bench.callers.staying == all)?;
        }
        self.agents.voice = Voice::Silent;
        Ok(())
    }

    /// Begins calls when they are due.
    fn offer(&mut self, arrivals: Arrivals) {
        let mean = SECOND as f64 / arrivals.rate;
        let mut due = system::now() as f64;
        let mut left = arrivals.count;
        while left > 0 {
            let now = system::now();
            // A generator that cannot keep up begins fewer calls: `attempts` tells.
            if now >= arrivals.end {
                return;
            }
            for _ in 0..BURST {
                if left == 0 || due as u64 > now || due as u64 >= arrivals.end {
                    break;
                }
                self.callers.start(due as u64, arrivals.kind, &self.rtp);
                left -= 1;
                due += match arrivals.spread {
                    Spread::Poisson => self.rng.exponential(mean),
                    Spread::Constant => mean,
                };
            }
            self.callers.flush();
            if due as u64 >= arrivals.end {
                return;
            }
            self.turn(due as u64);
        }
    }

    /// Goes on until the condition holds.
    fn until(&mut self, limit: u64, what: &str, condition: impl Fn(&Self) -> bool) -> Result<(), String> {
        let end = system::now() + limit;
        while !condition(self) {
            if system::now() >= end {
                let (open, staying) = (self.callers.open, self.callers.staying);
                return Err(format!("not within {} s: {what} ({open} open, {staying} staying)", limit / SECOND));
            }
            self.turn(end);
        }
        Ok(())
    }

    /// Goes on for so long.
    fn rest(&mut self, span: u64) {
        let end = system::now() + span;
        while system::now() < end {
            self.turn(end);
        }
    }

    /// Takes what is there and does what is due; with nothing to do, waits, at most until the given moment.
    fn turn(&mut self, until: u64) {
        let mut read = self.callers.read(&mut self.reader, &self.rtp);
        read += self.agents.read(&mut self.reader, &self.rtp);
        let now = system::now();
        self.callers.fire(now);
        self.callers.flush();
        let next = until.min(self.callers.next());
        if read == 0 && next > now && !self.spin {
            system::wait([&self.callers.socket, &self.agents.socket], next - now);
        }
    }
}

/// What the measured window cost; times in nanoseconds.
#[derive(Debug)]
struct Costs {
    /// The window's length.
    seconds: u64,
    /// The engine's CPU time until the last call was over.
    calls: u64,
    /// The generator's own.
    generator: u64,
    /// The engine's CPU time within the window.
    window: u64,
    /// The engine's memory at the window's end, in bytes.
    resident: u64,
    /// The memory of each who stays, in bytes.
    each: Option<f64>,
}

/// The figures of the calls.
fn signalling(figures: &Figures, costs: &Costs) -> Map<String, Value> {
    let figures = json!({
        "attempts": figures.attempts,
        "ok": figures.ok,
        "ok_percent": percent(figures.ok, figures.attempts),
        "goodput": each(figures.ok as f64, costs.seconds),
        "repeated": figures.repeated,
        "refused_503": figures.refused_503,
        "refused_other": figures.refused_other,
        "timed_out": figures.timed_out,
        "unheard": figures.unheard,
        "broken": figures.broken,
        "cpu_us_per_call": each(costs.calls as f64 / 1e3, figures.ok),
        "generator_cpu_us_per_call": each(costs.generator as f64 / 1e3, figures.ok),
        "engine_cores": each(costs.window as f64 / 1e9, costs.seconds),
        "setup_p50_ms": figures.setup.quantile_ms(0.5),
        "setup_p99_ms": figures.setup.quantile_ms(0.99),
        "setup_p999_ms": figures.setup.quantile_ms(0.999),
        "setup_max_ms": figures.setup.max_ms(),
        "generator_late_p99_ms": figures.late.quantile_ms(0.99),
        "rss_bytes": costs.resident,
        "bytes_each": costs.each,
    });
    figures.as_object().cloned().unwrap_or_default()
}

/// The figures of the audio; `null` without any.
fn audio(heard: &Heard, costs: &Costs) -> Map<String, Value> {
    let music = Some(heard).filter(|heard| heard.music_streams > 0);
    let relay = Some(heard).filter(|heard| heard.speakers > 0);
    let due = heard.music_streams as u64 * costs.seconds * PACKETS_PER_SECOND;
    let figures = json!({
        "cpu_us_per_packet": each(costs.window as f64 / 1e3, heard.music_packets + heard.relay_received),
        "music_streams": music.map(|heard| heard.music_streams),
        "music_packets": music.map(|heard| heard.music_packets),
        "music_percent": percent(heard.music_packets, due),
        "music_lost": music.map(|heard| heard.music_lost),
        "music_late_p50_ms": heard.music_late.quantile_ms(0.5),
        "music_late_p99_ms": heard.music_late.quantile_ms(0.99),
        "music_late_max_ms": heard.music_late.max_ms(),
        "relay_speakers": relay.map(|heard| heard.speakers),
        "relay_packets": relay.map(|heard| heard.relay_received),
        "relay_lost": relay.map(|heard| heard.relay_sent.saturating_sub(heard.relay_received)),
        "relay_delay_p50_ms": heard.relay_delay.quantile_ms(0.5),
        "relay_delay_p99_ms": heard.relay_delay.quantile_ms(0.99),
        "relay_delay_max_ms": heard.relay_delay.max_ms(),
    });
    figures.as_object().cloned().unwrap_or_default()
}

/// A share of so many, with three decimals; `None` of none.
fn each(total: f64, count: u64) -> Option<f64> {
    (count > 0).then(|| (total / count as f64 * 1e3).round() / 1e3)
}

fn percent(part: u64, whole: u64) -> Option<f64> {
    each(part as f64 * 100.0, whole)
}
