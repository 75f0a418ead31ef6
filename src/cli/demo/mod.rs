//! `strowger demo`: the engine with built-in defaults and phones of its own on loopback, with a live table; at the end it
//! drains and prints totals that add up. Needs no configuration, no other program and no network.

mod config;
mod screen;
mod world;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

use crate::base::{Instant, Rng};
use crate::cli::args;
use crate::cli::demo::screen::Screen;
use crate::cli::demo::world::World;
use crate::cli::exit::{FAILED, USAGE, fail};
use crate::cli::print::{error, out};
use crate::cli::signals::Signals;
use crate::io::clock::Clock;
use crate::io::engine::{Engine, system_seed};
use crate::io::load::{Loader, Origin};
use crate::io::signalling::Ended;
use crate::stats::{Overview, QueueSnapshot};

/// How long waiting callers are still offered to agents when the demo ends.
const DRAIN_LIMIT: Duration = Duration::from_secs(30);
/// How long talks may go on after that before the phones hang up.
const TALK_GRACE: Duration = Duration::from_secs(5);
/// How long the drain may take in all.
const DRAIN_MAX: Duration = Duration::from_secs(60);
/// Longest pause between two looks at the clock and the signals.
const PATIENCE: Duration = Duration::from_millis(20);

/// Runs the demo.
pub(super) fn run(options: &args::Demo) -> ExitCode {
    let beyond = [options.sip, options.http].into_iter().flatten().find(|at| !at.ip().is_loopback());
    if let Some(at) = beyond {
        error(&format!("{at}: the demo stays on loopback; use `strowger serve`"));
        return ExitCode::from(USAGE);
    }
    match Demo::start(options) {
        Ok(demo) => demo.run(options),
        Err(reason) => fail(&reason),
    }
}

/// How the end was asked for and is going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Callers arrive.
    Open,
    /// Draining since then; so many signals had come by then.
    Draining(Instant, usize),
}

/// The engine with its phones.
#[derive(Debug)]
struct Demo {
    clock: Clock,
    engine: Engine,
    world: World,
    screen: Screen,
    signals: Signals,
}

impl Demo {
    fn start(options: &args::Demo) -> Result<Self, String> {
        let clock = Clock::start();
        let seed = system_seed()?;
        let rng = options.seed.map_or_else(|| Rng::from_seed(seed), Rng::from_u64);
        let signals = Signals::start()?;
        let mut world = World::new(clock, rng, options)?;
        let (config, notes) = config::make(options, world.agent_phones());
        let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|fault| fault.to_string())?;
        let mut loader = Loader::new(Origin::Made(Box::new(config)));
        let loaded = runtime.block_on(loader.load(&BTreeMap::new())).map_err(|errors| errors.join("; "))?;
        let engine = Engine::start(loaded, seed)?;
        world.open(engine.sip);
        let screen = Screen::new(options, &engine, notes);
        Ok(Self { clock, engine, world, screen, signals })
    }

    fn run(mut self, options: &args::Demo) -> ExitCode {
        let begin = self.clock.now();
        let mut phase = Phase::Open;
        let ended = loop {
            if let Some(ended) = self.engine.try_ended() {
                break Some(ended);
            }
            let now = self.clock.now();
            let signals = self.signals.count();
            let is_over = options.duration.is_some_and(|duration| now - begin >= duration);
            match phase {
                Phase::Open if is_over || signals > 0 => {
                    self.engine.drain(DRAIN_LIMIT);
                    self.world.close();
                    phase = Phase::Draining(now, signals);
                }
                Phase::Draining(since, before) if now - since > DRAIN_MAX || signals > before => break None,
                Phase::Draining(since, _) if now - since > DRAIN_LIMIT + TALK_GRACE => self.world.hang_up_all(),
                Phase::Open | Phase::Draining(..) => {}
            }
            if let Err(fault) = self.world.turn(PATIENCE) {
                return fail(&format!("phones: {fault}"));
            }
            self.screen.show(now, &self.engine, phase != Phase::Open);
        };
        self.finish(options, ended)
    }

    /// Prints the totals; they are checked to add up.
    fn finish(mut self, options: &args::Demo, ended: Option<Ended>) -> ExitCode {
        let overview = self.engine.handle.live.overview(self.engine.handle.now());
        self.screen.close(&overview);
        if options.json {
            out(&format!("{}\n", totals(&overview)));
        }
        let adds_up = overview.queues.values().chain([&overview.total]).all(QueueSnapshot::conserved);
        if !adds_up {
            error("the totals do not add up: offered = answered + abandoned + flowed out + waiting is broken");
        }
        match ended {
            Some(Ended::Drained) => self.engine.finish(),
            Some(Ended::Abandoned | Ended::MediaLost | Ended::Failed) => error("a thread of the engine failed"),
            None => error("ended before the last call was gone"),
        }
        if adds_up && ended == Some(Ended::Drained) { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
    }
}

/// The totals as one JSON object.
fn totals(overview: &Overview) -> Value {
    let row = |queue: &QueueSnapshot| {
        json!({
            "offered": queue.offered,
            "answered": queue.answered,
            "abandoned": queue.abandoned,
            "flowed_out": queue.flowed_out,
            "waiting": queue.waiting,
            "service_level": queue.service_level,
        })
    };
    let queues: BTreeMap<&str, Value> = overview.queues.iter().map(|(name, queue)| (&**name, row(queue))).collect();
    json!({ "total": row(&overview.total), "queues": queues })
}
