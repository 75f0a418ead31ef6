//! Random worlds: a small shard answers offers at random, with stale epochs, duplicates and releases that never come, while
//! plans change and neighbours fail. After each step the engine checks itself, and a reference that knows only facts and
//! plans judges order, choice, conservation and time. `STROWGER_EVENTS=1000000` takes so many steps in all, half of them in
//! short worlds, half in long ones; `STROWGER_SEED=17` runs one short world alone and tells its way when it goes wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::reference::{Reference, Seen};
use super::seconds::Seconds;
use crate::acd::requirement::{Attributes, Requirement};
use crate::acd::*;
use crate::base::{AgentId, CallId, CallerKey, Instant, PeerId, QueueId, Rng};

#[test]
fn random_worlds_break_no_rule() {
    const STEPS: u32 = 60;
    const WORLDS: u64 = 2_500;
    let mut seen = Seen::default();
    if let Some(seed) = number("STROWGER_SEED") {
        let mut world = World::new(seed);
        world.keep_log = true;
        return world.run(STEPS, &mut seen);
    }
    let worlds = worlds(STEPS).unwrap_or(WORLDS);
    for seed in 0..worlds {
        World::new(seed).run(STEPS, &mut seen);
    }
    if worlds >= WORLDS {
        seen.assert_everything_happened();
    }
}

#[test]
fn long_worlds_break_no_rule() {
    const STEPS: u32 = 3_000;
    let mut seen = Seen::default();
    for seed in 0..worlds(STEPS).unwrap_or(20) {
        World::new(1_000_000 + seed).run(STEPS, &mut seen);
    }
}

#[test]
fn the_same_seed_twice_gives_the_same_facts_and_effects() {
    for seed in [3, 77, 1_000_003] {
        let run = || {
            let mut world = World::new(seed);
            world.keep_log = true;
            world.run(400, &mut Seen::default());
            std::mem::take(&mut world.log)
        };
        let log = run();
        assert!(log.len() > 400);
        assert_eq!(log, run());
    }
}

/// How many worlds of so many steps take half of the events that are asked for; `None` when nobody asks.
fn worlds(steps: u32) -> Option<u64> {
    Some(number("STROWGER_EVENTS")?.div_ceil(2).div_ceil(u64::from(steps)))
}

fn number(name: &str) -> Option<u64> {
    Some(std::env::var(name).ok()?.parse().expect("a number"))
}

struct World {
    seed: u64,
    engine: Engine,
    rng: Rng,
    now: Instant,
    /// What the engine takes for now.
    engine_now: Instant,
    next_call: u64,
    /// The agents' legs that have not ended.
    legs: BTreeMap<u32, Leg>,
    old: Vec<(CallId, AgentId, u32)>,
    talks: Vec<(CallId, AgentId, u32)>,
    reference: Reference,
    seconds: Seconds,
    down: BTreeSet<PeerId>,
    draining: bool,
    /// Devices that are not there, all behind one neighbour, are its one trouble: among others they are soon presumed to be
    /// there again.
    lacks_devices: bool,
    keep_log: bool,
    log: Vec<String>,
}

#[derive(Clone, Copy)]
struct Leg {
    call: CallId,
    agent: AgentId,
    cancelled: bool,
}

const PEERS: u32 = 3;

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::from_u64(seed);
        let lacks_devices = seed.is_multiple_of(4);
        let mut plan = random_plan(&mut rng);
        for agent in plan.agents.iter_mut().filter(|_| lacks_devices) {
            (agent.peer, agent.initial) = (PeerId(0), AgentState::Ready);
            agent.busy_pause *= 1 + 10 * (agent.id.0 % 3);
        }
        let plan = Arc::new(plan);
        let now = Instant::from_micros(1_000_000);
        let mut reference = Reference::default();
        reference.on_plan(now, &plan, &Engine::new(now, Arc::default()));
        Self {
            seed,
            engine: Engine::new(now, plan),
            rng,
            now,
            engine_now: now,
            next_call: 0,
            legs: BTreeMap::new(),
            old: Vec::new(),
            talks: Vec::new(),
            reference,
            seconds: Seconds::default(),
            down: BTreeSet::new(),
            draining: false,
            lacks_devices,
            keep_log: false,
            log: Vec::new(),
        }
    }

    fn run(&mut self, steps: u32, seen: &mut Seen) {
        self.drain("start", seen);
        self.judge("start");
        for step in 0..steps {
            let pause = self.pause();
            self.now += pause;
            let what = self.step();
            let label = if self.keep_log { format!("{step} {} {what:?}", self.now) } else { String::new() };
            let mut timed = self.reference.timed;
            let is_early = matches!(what, Step::Early);
            match what {
                Step::Command(command) => {
                    self.reference.on_command(self.now, &command);
                    self.engine.handle_command(self.now, command);
                }
                Step::Time => {
                    timed = self.now;
                    self.fire(&label, seen);
                }
                // What supervisors change may make all look anew; whoever is due looks before.
                Step::Override(command) => {
                    timed = self.now;
                    self.fire(&label, seen);
                    self.reference.on_override(self.now, &command);
                    self.engine.handle_command(self.now, command);
                }
                Step::Early => {
                    let earlier = Instant::from_micros(self.now.as_micros() / 2);
                    self.engine_now = self.engine_now.max(earlier);
                    self.reference.on_time(self.engine_now);
                    self.engine.handle_timeout(earlier);
                    self.drain(&label, seen);
                    self.reference.on_timed(self.engine_now);
                }
                Step::Plan(plan) => {
                    self.reference.on_plan(self.now, &plan, &self.engine);
                    self.engine.handle_plan(self.now, plan);
                }
            }
            if !is_early {
                self.engine_now = self.now;
            }
            self.drain(&label, seen);
            // Who is held off stays so until timers fire, and they fire one after the other.
            self.reference.timed = timed;
            self.judge(&label);
        }
        seen.repairs += self.engine.repairs();
        seen.logins += self.seconds.logins;
        seen.sums += self.seconds.compared;
    }

    /// Lets everything that is due by now fire.
    fn fire(&mut self, label: &str, seen: &mut Seen) {
        self.reference.on_time(self.now);
        self.engine.handle_timeout(self.now);
        self.drain(label, seen);
        self.reference.on_timed(self.now);
        self.reference.judge_waits(self.now);
        self.reference.judge_lenders(self.now);
    }

    fn pause(&mut self) -> Duration {
        match self.rng.below(10) {
            0..3 => Duration::ZERO,
            3..6 => Duration::from_micros(u64::from(self.rng.below(900_000))),
            6..9 => Duration::from_secs(u64::from(self.rng.below(8))),
            _ => Duration::from_secs(u64::from(self.rng.below(90))),
        }
    }

    fn step(&mut self) -> Step {
        Step::Command(match self.rng.below(100) {
            0..22 => self.enqueue(),
            22..27 => {
                let how = [Gone::HungUp, Gone::InPrompt, Gone::Lost][self.rng.below(3) as usize];
                Command::CallerGone { call: self.any_call(), how }
            }
            27 => Command::Leave { call: self.any_call(), reason: FlowOut::Withdrawn },
            28 => Command::Leave { call: self.any_call(), reason: FlowOut::EngineRestart },
            29 => Command::TakeOut { call: self.any_call(), what: Intervention::HangUp, by: "anna".into() },
            30..55 => return self.about_an_offer(),
            55..65 => {
                let Some((call, agent, epoch)) = self.pick_talk() else { return Step::Time };
                self.end_talk(call, agent, epoch)
            }
            65..81 if self.lacks_devices => return Step::Time,
            65..73 => self.set_agent(),
            73..77 => {
                let peer = PeerId(self.rng.below(PEERS));
                let up = self.down.remove(&peer) || self.rng.chance(0.3);
                if !up {
                    self.down.insert(peer);
                }
                Command::PeerState { peer, up }
            }
            77 if self.rng.chance(0.2) => {
                self.draining = true;
                Command::Drain
            }
            78..81 => return Step::Plan(Arc::new(random_plan(&mut self.rng))),
            81 => return Step::Early,
            83..88 => return Step::Override(self.random_override()),
            82 => Command::Refused { queue: None, cause: Refusal::UnknownNumber, dimensions: Default::default() },
            88..92 => {
                let (agent, queue) = (AgentId(self.rng.below(9)), QueueId(self.rng.below(6)));
                Command::OfferTo { call: self.any_call(), agent, queue }
            }
            92 if !self.legs.is_empty() => {
                let (&epoch, &Leg { call, agent, .. }) = self.legs.iter().next_back().expect("there is one");
                Command::WithdrawOffer { call, agent, epoch, cause: OfferCause::Withdrawn }
            }
            93 => Command::DeviceAlive { agent: AgentId(self.rng.below(9)) },
            _ => return Step::Time,
        })
    }

    fn enqueue(&mut self) -> Command {
        self.next_call += 1;
        let again = self.rng.chance(0.05);
        let call = if again { self.any_call() } else { CallId(self.next_call) };
        let past = Duration::from_secs(u64::from(self.rng.below(60)));
        let since = self
            .rng
            .chance(0.15)
            .then(|| Instant::from_micros(self.now.as_micros() - (past.as_micros() as u64).min(self.now.as_micros())));
        let attributes = self.rng.chance(0.5).then(|| Arc::new(self.random_attributes()));
        let (queue, priority) = (QueueId(self.rng.below(6)), self.rng.below(3) as i32 - 1);
        let caller = self.rng.chance(0.8).then(|| CallerKey(u64::from(self.rng.below(3))));
        let preferred = self.rng.chance(0.5).then(|| Preference {
            whom: if self.rng.chance(0.6) { Whom::Last } else { Whom::Agent(AgentId(self.rng.below(9))) },
            from: self.now,
        });
        let asks = Asks { attributes, caller, preferred, ..Asks::default() };
        Command::Enqueue { call, queue, priority, since, asks }
    }

    fn end_talk(&mut self, call: CallId, agent: AgentId, epoch: u32) -> Command {
        let by = Actor::User("anna".into());
        match self.rng.below(8) {
            0 => Command::EndTalk { call, agent, epoch, by },
            1 | 2 => {
                let (queue, priority) = (QueueId(self.rng.below(6)), self.rng.below(3) as i32 - 1);
                let since = Instant::from_micros(self.now.as_micros() / 10 * 9);
                Command::Requeue { call, talk: Some((agent, epoch)), queue, priority, since, asks: Asks::default(), by }
            }
            _ => Command::TalkEnded { call, agent, epoch, by: EndedBy::Caller },
        }
    }

    fn random_attributes(&mut self) -> Attributes {
        let tier = ["gold", "silver"][self.rng.below(2) as usize];
        let level = i64::from(self.rng.below(4));
        [("tier".into(), tier.into()), ("lvl".into(), level.into())].into_iter().collect()
    }

    fn about_an_offer(&mut self) -> Step {
        if self.rng.chance(0.1) && !self.old.is_empty() {
            let (call, agent, epoch) = self.old[self.rng.below(self.old.len() as u32) as usize];
            return Step::Command(match self.rng.below(4) {
                0 => Command::OfferAnswered { call, agent, epoch },
                1 => Command::OfferReleased { agent, epoch },
                2 => Command::OfferRinging { call, agent, epoch },
                _ => Command::OfferFailed { call, agent, epoch, cause: OfferCause::Declined },
            });
        }
        let count = self.legs.len() as u32;
        if count == 0 {
            return Step::Time;
        }
        let (&epoch, &leg) = self.legs.iter().nth(self.rng.below(count) as usize).expect("below the count");
        let Leg { call, agent, cancelled } = leg;
        let causes = [
            OfferCause::Declined,
            OfferCause::Busy,
            OfferCause::Failed,
            OfferCause::PeerFault,
            OfferCause::PeerFault,
            OfferCause::Absent,
            OfferCause::Absent,
            OfferCause::AgentGone,
        ];
        let dice = self.rng.below(10);
        if cancelled {
            // One release in ten is lost, and the answer may have crossed the CANCEL.
            return Step::Command(match dice {
                0 => {
                    self.end_leg(epoch);
                    return Step::Time;
                }
                1 => Command::OfferAnswered { call, agent, epoch },
                2 => Command::OfferRinging { call, agent, epoch },
                3 => {
                    self.end_leg(epoch);
                    Command::OfferFailed { call, agent, epoch, cause: OfferCause::Busy }
                }
                _ => {
                    self.end_leg(epoch);
                    Command::OfferReleased { agent, epoch }
                }
            });
        }
        Step::Command(match dice {
            0..3 => Command::OfferRinging { call, agent, epoch },
            3..6 => {
                self.end_leg(epoch);
                let cause = causes[self.rng.below(causes.len() as u32) as usize];
                let cause = if self.lacks_devices { OfferCause::Absent } else { cause };
                Command::OfferFailed { call, agent, epoch, cause }
            }
            6 => Command::OfferReleased { agent, epoch },
            _ => {
                self.end_leg(epoch);
                self.talks.push((call, agent, epoch));
                Command::OfferAnswered { call, agent, epoch }
            }
        })
    }

    fn end_leg(&mut self, epoch: u32) {
        let leg = self.legs.remove(&epoch).expect("the leg was there");
        self.old.push((leg.call, leg.agent, epoch));
    }

    fn pick_talk(&mut self) -> Option<(CallId, AgentId, u32)> {
        let index = self.rng.below(self.talks.len() as u32) as usize;
        (!self.talks.is_empty()).then(|| self.talks.swap_remove(index))
    }

    fn set_agent(&mut self) -> Command {
        let target = match self.rng.below(4) {
            0 | 1 => AgentTarget::Ready,
            2 => AgentTarget::NotReady(Reason::Custom("lunch".into())),
            _ => AgentTarget::LoggedOut,
        };
        let (agent, by) = (AgentId(self.rng.below(9)), Actor::User("anna".into()));
        let some = Duration::from_secs(u64::from(self.rng.below(20)));
        match self.rng.below(10) {
            0 => Command::ExtendWrapUp { agent, more: some, by },
            1 => Command::EndWrapUp { agent, by },
            2 | 3 => {
                let states = [
                    DeviceState::Unknown,
                    DeviceState::Idle,
                    DeviceState::Idle,
                    DeviceState::Ringing,
                    DeviceState::Busy(Direction::Out),
                    DeviceState::Offline,
                ];
                Command::Device { agent, device: states[self.rng.below(states.len() as u32) as usize], by }
            }
            4 | 5 => {
                let Some(&(call, agent, epoch)) = self.talks.last() else { return self.set_agent() };
                let begins = self.rng.chance(0.6);
                match self.rng.chance(0.5) {
                    true => Command::Held { call, agent, epoch, held: begins },
                    false => Command::Consults { call, agent, epoch, consults: begins },
                }
            }
            _ => Command::SetAgent { agent, target, by, lasts: self.rng.chance(0.3).then_some(some) },
        }
    }

    fn random_override(&mut self) -> Command {
        let by = Actor::User("anna".into());
        let (agent, queue) = (AgentId(self.rng.below(9)), QueueId(self.rng.below(6)));
        let rng = &mut self.rng;
        match rng.below(12) {
            0 | 1 => {
                let name = ["billing", "english", "sales"][rng.below(3) as usize];
                let skill = Skill { level: rng.below(11) as u8, enabled: rng.chance(0.8), ..Skill::from(name) };
                Command::ChangeAgent { agent, setting: AgentSetting::Skill(skill), by }
            }
            2 => {
                let membership = rng.chance(0.6).then(|| random_membership(rng, queue.0));
                Command::ChangeAgent { agent, setting: AgentSetting::Membership(queue, membership), by }
            }
            3 => Command::ChangeAgent { agent, setting: AgentSetting::Penalty(queue, rng.below(5)), by },
            4 => Command::ChangeQueue { queue, setting: QueueSetting::Strategy(random_strategy(rng)), by },
            5 => {
                let states = [QueueState::Open, QueueState::Open, QueueState::Closed, QueueState::Emergency];
                Command::ChangeQueue { queue, setting: QueueSetting::State(states[rng.below(4) as usize]), by }
            }
            6 => Command::ChangeQueue { queue, setting: QueueSetting::Threshold(secs(rng, 30)), by },
            7 => Command::ChangeQueue { queue, setting: QueueSetting::Weight(rng.below(3) as i32 / 2), by },
            8 => Command::ChangeQueue { queue, setting: random_reserve_setting(rng), by },
            9 => Command::ChangeQueue { queue, setting: QueueSetting::Target(rng.below(1_001) as u16), by },
            10 => {
                let agent = rng.chance(0.9).then_some(agent);
                Command::SetPreferred { call: self.any_call(), agent, by }
            }
            _ => {
                let priority = rng.below(4) as i32 - 2;
                Command::SetPriority { call: self.any_call(), priority, by }
            }
        }
    }

    fn any_call(&mut self) -> CallId {
        let recent = self.next_call.min(12) as u32;
        CallId(self.next_call - u64::from(self.rng.below(recent.max(1))))
    }

    fn drain(&mut self, label: &str, seen: &mut Seen) {
        if self.keep_log {
            self.log.push(label.to_string());
        }
        while let Some(effect) = self.engine.poll_effect() {
            if self.keep_log {
                self.log.push(format!("  {effect:?}"));
            }
            match effect {
                Effect::Queued { call } => assert!(self.engine.call_since(call).is_some()),
                Effect::Offer { call, agent, epoch, .. } => {
                    let other = self.legs.insert(epoch, Leg { call, agent, cancelled: false });
                    assert!(other.is_none(), "an epoch came twice");
                }
                Effect::CancelOffer { epoch, .. } => {
                    // A leg that the shard has already ended needs no cancelling.
                    if let Some(leg) = self.legs.get_mut(&epoch) {
                        assert!(!leg.cancelled, "cancelled twice");
                        leg.cancelled = true;
                    }
                }
                Effect::Unavailable { .. } => {}
                Effect::Join { call, agent, epoch } => {
                    assert_eq!(self.talks.last(), Some(&(call, agent, epoch)));
                }
                Effect::FlowOut { call, reason, .. } => {
                    assert!(self.engine.call_since(call).is_none());
                    seen.reasons.insert(reason);
                }
            }
        }
        while let Some(stamped) = self.engine.poll_fact() {
            self.seconds.take(&stamped);
            if self.keep_log {
                self.log.push(format!("  {stamped:?}"));
            }
            self.reference.on_fact(&stamped, seen);
        }
    }

    fn judge(&mut self, label: &str) {
        if let Err(broken) = self.engine.check() {
            panic!("{broken}, after {label}");
        }
        self.reference.judge(&self.engine);
        self.seconds.judge(self.engine_now);
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {}; STROWGER_SEED shows the way of a short world", self.seed);
            self.log.iter().rev().take(30).rev().for_each(|line| eprintln!("{line}"));
        }
    }
}

#[derive(Debug)]
enum Step {
    Command(Command),
    Time,
    Early,
    Plan(Arc<Plan>),
    Override(Command),
}

fn random_plan(rng: &mut Rng) -> Plan {
    let queues = (0..6).filter(|_| rng.chance(0.8)).collect::<Vec<u32>>();
    let agents = (0..9).filter(|_| rng.chance(0.8)).collect::<Vec<u32>>();
    Plan {
        queues: queues.into_iter().map(|id| random_queue(rng, id)).collect(),
        agents: agents.into_iter().map(|id| random_agent(rng, id)).collect(),
        // The reference knows whole pasts: it could not tell what another window had made of them.
        occupancy_window: Duration::from_secs(600),
    }
}

fn secs(rng: &mut Rng, below: u32) -> Duration {
    Duration::from_secs(u64::from(rng.below(below)))
}

fn random_queue(rng: &mut Rng, id: u32) -> QueuePlan {
    QueuePlan {
        id: QueueId(id),
        name: format!("q{id}").into(),
        strategy: random_strategy(rng),
        waiting_max: rng.chance(0.3).then(|| rng.below(4)),
        wait_max: rng.chance(0.5).then(|| secs(rng, 90)),
        ring_timeout: Duration::from_secs(2) + secs(rng, 20),
        ring_step: Duration::from_secs(1) + secs(rng, 8),
        offers: OfferPolicy {
            max: rng.chance(0.3).then(|| 1 + rng.below(5)),
            retry: if rng.chance(0.7) { Duration::ZERO } else { secs(rng, 10) },
            no_answer_max: 1 + rng.below(2),
        },
        wrap_up: if rng.chance(0.5) { Duration::ZERO } else { secs(rng, 20) },
        threshold: secs(rng, 30),
        short_abandon: Duration::from_secs(5),
        state: if rng.chance(0.9) {
            QueueState::Open
        } else {
            [QueueState::Closed, QueueState::Emergency][rng.below(2) as usize]
        },
        routing: random_routing(rng),
    }
}

fn random_strategy(rng: &mut Rng) -> &'static str {
    let rows = strategy::STRATEGIES;
    rows[rng.below(rows.len() as u32) as usize].name
}

fn random_routing(rng: &mut Rng) -> Routing {
    let order = match rng.below(4) {
        0 => Order::Ageing(secs(rng, 40)),
        1 => Order::Objective(secs(rng, 40)),
        _ => Order::Priority,
    };
    let mut after = Duration::ZERO;
    let count = if rng.chance(0.5) { rng.below(4) } else { 0 };
    let steps = (0..count).map(|_| {
        after += secs(rng, 20);
        routing::Step {
            after,
            requirement: rng.chance(0.7).then(|| random_requirement(rng)),
            strategy: rng.chance(0.3).then(|| random_strategy(rng)),
            bump: rng.below(3) as i32 - 1,
        }
    });
    let steps = steps.collect();
    let window =
        |rng: &mut Rng, after| PenaltyStep { after, min: rng.below(2), max: 1 + rng.below(4), raise: rng.below(3) };
    Routing {
        requirement: random_requirement(rng),
        weight: rng.below(3) as i32 / 2,
        order,
        members: if rng.chance(0.3) { Members::Listed } else { Members::Skilled },
        steps,
        tiers: rng.chance(0.3).then(|| TierRules {
            wait: secs(rng, 15),
            multiply: rng.chance(0.5),
            skip_empty: rng.chance(0.5),
        }),
        penalties: if rng.chance(0.3) {
            vec![window(rng, Duration::ZERO), window(rng, Duration::from_secs(17))]
        } else {
            Vec::new()
        },
        penalty_members_limit: if rng.chance(0.3) { rng.below(5) } else { 0 },
        skill_weights: if rng.chance(0.2) { vec![("sales".into(), rng.below(4))] } else { Vec::new() },
        preferred_for: if rng.chance(0.6) { secs(rng, 30) } else { Duration::ZERO },
        recall: rng.chance(0.8).then(|| secs(rng, 600)),
        reserve: ReserveRule { mode: ReserveMode::Auto, thresholds: random_thresholds(rng) },
        lending: if rng.chance(0.4) { random_lending(rng) } else { Lending::default() },
    }
}

fn random_requirement(rng: &mut Rng) -> Requirement {
    let texts = [
        "true",
        "true",
        "english",
        "billing && english",
        "sales >= 5 || english >= 8",
        "!sales",
        "tier == \"gold\" || billing",
        "english >= $lvl",
        "billing >= 3 && (sales || tier != \"gold\")",
    ];
    Requirement::parse(texts[rng.below(texts.len() as u32) as usize]).expect("a requirement")
}

fn random_agent(rng: &mut Rng, id: u32) -> AgentPlan {
    let names = ["billing", "english", "sales"].iter().filter(|_| rng.chance(0.7)).collect::<Vec<_>>();
    let skill = |name: &&str| Skill { level: 1 + rng.below(10) as u8, enabled: rng.chance(0.9), ..Skill::from(*name) };
    let skills = names.into_iter().map(skill).collect();
    let memberships = (0..6).filter(|_| rng.chance(0.5)).collect::<Vec<u32>>();
    let memberships = memberships.into_iter().map(|queue| random_membership(rng, queue)).collect();
    let initial = [AgentState::Ready, AgentState::Ready, AgentState::LoggedOut, AgentState::NotReady(Reason::Initial)];
    AgentPlan {
        id: AgentId(id),
        name: format!("{id}").into(),
        skills,
        memberships,
        peer: PeerId(rng.below(PEERS)),
        initial: initial[rng.below(4) as usize].clone(),
        return_after: secs(rng, 60),
        busy_pause: secs(rng, 5),
        policy: AgentPolicy {
            wrap_up: rng.chance(0.2).then(|| secs(rng, 20)),
            no_answer_max: rng.chance(0.2).then(|| 1 + rng.below(3)),
            no_answer_pause: secs(rng, 5),
            reject_pause: rng.chance(0.2).then(|| secs(rng, 20)),
            auto_answer: rng.chance(0.2),
            answer_min: Duration::from_millis(u64::from(rng.below(1_000))),
        },
    }
}

fn random_membership(rng: &mut Rng, queue: u32) -> Membership {
    Membership {
        queue: QueueId(queue),
        level: rng.below(4),
        penalty: rng.below(5),
        position: rng.below(3),
        delay: if rng.chance(0.3) { secs(rng, 20) } else { Duration::ZERO },
        reserve: rng.chance(0.3),
    }
}

fn random_thresholds(rng: &mut Rng) -> ReserveThresholds {
    let waiting = rng.chance(0.6).then(|| rng.below(4));
    let wait = rng.chance(0.6).then(|| secs(rng, 30));
    let estimate = rng.chance(0.4).then(|| secs(rng, 60));
    ReserveThresholds {
        estimate,
        leave_estimate: estimate.map_or(Duration::ZERO, |most| secs(rng, most.as_secs() as u32 + 1)),
        waiting,
        wait,
        leave_waiting: waiting.map_or(0, |most| rng.below(most + 1)),
        leave_wait: wait.map_or(Duration::ZERO, |most| secs(rng, most.as_secs() as u32 + 1)),
        at_least: if rng.chance(0.5) { Duration::ZERO } else { secs(rng, 30) },
    }
}

fn random_reserve_setting(rng: &mut Rng) -> QueueSetting {
    match rng.below(6) {
        0 => QueueSetting::Reserve(ReserveMode::On),
        1 => QueueSetting::Reserve(ReserveMode::Off),
        2 | 3 => QueueSetting::Reserve(ReserveMode::Auto),
        _ => QueueSetting::ReserveThresholds(random_thresholds(rng)),
    }
}

fn random_lending(rng: &mut Rng) -> Lending {
    let queues = (0..6).filter(|_| rng.chance(0.3)).collect::<Vec<u32>>();
    let loan = |queue| Loan {
        queue: QueueId(queue),
        level: rng.below(4),
        penalty: rng.below(5),
        delay: if rng.chance(0.3) { secs(rng, 20) } else { Duration::ZERO },
    };
    let to = queues.into_iter().map(loan).collect();
    Lending { to, target: rng.below(1_001) as u16, window: 1 + rng.below(4), pause: secs(rng, 60) }
}
