//! The demo's people: callers who arrive at random (Poisson), wait as long as their patience lasts and hang up, and agents
//! who mostly answer, sometimes refuse and sometimes do not hear the bell.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::base::{Instant, Rng};
use crate::cli::args;
use crate::cli::demo::config::agent_name;
use crate::io::clock::Clock;
use crate::io::phones::{PhoneId, Phones};
use crate::sim::agent_phone::{First, Manner, Then};
use crate::sim::caller::Dial;
use crate::sim::handset::Habits;
use crate::sim::phone::PhoneEvent;

/// Most callers' phones at once: each has two sockets.
const CALLERS_MAX: usize = 2_000;
/// Which queues are called, by their numbers, each with its share in percent.
const NUMBERS: [(&str, u32); 3] = [("800", 50), ("801", 35), ("802", 15)];
/// Mean patience of a waiting caller, and its least, in seconds.
const PATIENCE: (f64, f64) = (40.0, 3.0);
/// The share of callers who hang up almost at once, and their most patience in seconds: wrong numbers, second thoughts.
const HASTY: (f64, f64) = (0.12, 2.5);
/// Mean talk, its least and its most, in seconds.
const TALK: (f64, f64, f64) = (10.0, 3.0, 20.0);
/// How often callers and agents look at what they do next.
const STEP: Duration = Duration::from_millis(100);

/// Everybody at a phone.
#[derive(Debug)]
pub(super) struct World {
    clock: Clock,
    rng: Rng,
    phones: Phones,
    agents: Vec<PhoneId>,
    agent_addresses: Vec<SocketAddr>,
    callers: Vec<PhoneId>,
    calls: BTreeMap<PhoneId, Call>,
    engine: Option<SocketAddr>,
    arrivals_per_second: f64,
    next_arrival: Instant,
    next_step: Instant,
}

/// A caller's plan.
#[derive(Debug, Clone, Copy)]
struct Call {
    gives_up: Instant,
}

impl World {
    /// The agents' phones; callers come after [`World::open`].
    pub(super) fn new(clock: Clock, mut rng: Rng, options: &args::Demo) -> Result<Self, String> {
        let phones = Phones::new(clock, rng.fork()).map_err(|error| format!("phones: {error}"))?;
        let mut world = Self {
            clock,
            rng,
            phones,
            agents: Vec::new(),
            agent_addresses: Vec::new(),
            callers: Vec::new(),
            calls: BTreeMap::new(),
            engine: None,
            arrivals_per_second: options.calls_per_minute / 60.0,
            next_arrival: Instant::FAR,
            next_step: Instant::ZERO,
        };
        if options.no_phones {
            return Ok(world);
        }
        // Open files for sockets of phones and engine alike; what the system allows is enough for a small demo.
        let _ = rlimit::increase_nofile_limit(u64::MAX);
        for place in 0..usize::from(options.agents) {
            let formats = world.formats();
            let manner = world.agent_manner();
            let added = world.phones.add_agent(&agent_name(place), manner, formats);
            let id = added.map_err(|error| format!("an agent's phone: {error}"))?;
            world.agent_addresses.push(world.phones.address(id));
            world.agents.push(id);
        }
        Ok(world)
    }

    /// Where the agents' phones are; none without phones.
    pub(super) fn agent_phones(&self) -> &[SocketAddr] {
        &self.agent_addresses
    }

    /// Callers arrive from now on, at the engine's address.
    pub(super) fn open(&mut self, engine: SocketAddr) {
        if self.agents.is_empty() {
            return;
        }
        self.engine = Some(engine);
        self.next_arrival = self.clock.now() + self.gap();
    }

    /// Nobody arrives any more.
    pub(super) fn close(&mut self) {
        self.next_arrival = Instant::FAR;
    }

    /// Everybody hangs up.
    pub(super) fn hang_up_all(&mut self) {
        for id in std::mem::take(&mut self.calls).into_keys() {
            self.phones.hang_up(id);
        }
    }

    /// Lets the phones act for at most `patience`.
    pub(super) fn turn(&mut self, patience: Duration) -> std::io::Result<()> {
        self.phones.turn(self.clock.until(self.next_arrival).min(patience))?;
        while let Some((id, event)) = self.phones.poll_event() {
            self.on_event(id, event);
        }
        let now = self.clock.now();
        while self.next_arrival <= now {
            let gap = self.gap();
            self.next_arrival += gap;
            self.arrive(now)?;
        }
        if now >= self.next_step {
            self.next_step = now + STEP;
            self.give_up(now);
        }
        Ok(())
    }

    fn on_event(&mut self, id: PhoneId, event: PhoneEvent) {
        match event {
            PhoneEvent::EndedByFar | PhoneEvent::EndedByUs | PhoneEvent::Failed(_) | PhoneEvent::Unanswered => {
                self.calls.remove(&id);
                if self.agents.contains(&id) {
                    let manner = self.agent_manner();
                    self.phones.set_manner(id, manner);
                }
            }
            PhoneEvent::Incoming
            | PhoneEvent::Ringing
            | PhoneEvent::EarlyMedia
            | PhoneEvent::Answered
            | PhoneEvent::Changed
            | PhoneEvent::Refused(_)
            | PhoneEvent::Doubled => {}
        }
    }

    /// One more caller: a phone that is free, or another one.
    fn arrive(&mut self, now: Instant) -> std::io::Result<()> {
        let Some(engine) = self.engine else { return Ok(()) };
        let free = self.callers.iter().copied().find(|id| !self.calls.contains_key(id) && self.phones.is_idle(*id));
        let id = match free {
            Some(id) => id,
            None if self.callers.len() >= CALLERS_MAX => return Ok(()),
            None => {
                let name = format!("+44117496{:04}", self.callers.len());
                let formats = self.formats();
                let id = self.phones.add_caller(&name, engine, formats)?;
                self.callers.push(id);
                id
            }
        };
        let patience = self.patience();
        self.calls.insert(id, Call { gives_up: now + patience });
        let number = self.number();
        self.phones.dial(id, Dial::to(number));
        Ok(())
    }

    /// Callers whose patience has ended hang up, unless they hear an agent.
    fn give_up(&mut self, now: Instant) {
        let due: Vec<PhoneId> = self.calls.iter().filter(|(_, call)| call.gives_up <= now).map(|(id, _)| *id).collect();
        for id in due {
            self.calls.remove(&id);
            if self.phones.ear(id).far_since().is_none() {
                self.phones.hang_up(id);
            }
        }
    }

    /// How an agent treats the next call: of a hundred, two refuse and two do not hear the bell.
    fn agent_manner(&mut self) -> Manner {
        let ring = Duration::from_millis(800 + u64::from(self.rng.below(3_200)));
        let then = match self.rng.below(100) {
            0..2 => Then::Refuse(603, ring),
            2..4 => Then::Nothing,
            _ => Then::Answer(ring),
        };
        let (mean, least, most) = TALK;
        let talk = (least + self.rng.exponential(mean - least)).min(most);
        let habits = Habits { hang_up: Some(Duration::from_secs_f64(talk)), ..Habits::default() };
        Manner { first: First::Ringing, then, habits, formats: Vec::new(), forks: false }
    }

    fn patience(&mut self) -> Duration {
        let ((mean, least), (hasty, most)) = (PATIENCE, HASTY);
        let is_hasty = self.rng.chance(hasty);
        let seconds = if is_hasty { self.rng.fraction() * most } else { least + self.rng.exponential(mean) };
        Duration::from_secs_f64(seconds)
    }

    /// A phone prefers A-law or mu-law.
    fn formats(&mut self) -> &'static [u8] {
        if self.rng.chance(0.5) { &[8, 0] } else { &[0, 8] }
    }

    fn gap(&mut self) -> Duration {
        Duration::from_secs_f64(self.rng.exponential(1.0 / self.arrivals_per_second))
    }

    fn number(&mut self) -> &'static str {
        let mut draw = self.rng.below(NUMBERS.iter().map(|(_, share)| share).sum());
        for (number, share) in NUMBERS {
            if draw < share {
                return number;
            }
            draw -= share;
        }
        NUMBERS[0].0
    }
}
