//! Random worlds: a small shard answers offers at random, with stale epochs, duplicates and releases that never come, while
//! plans change and neighbours fail. After each step the engine checks itself, and a reference that knows only facts and
//! plans judges order, choice, conservation and time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::acd::*;
use crate::base::{AgentId, CallId, Instant, PeerId, QueueId, Rng};

#[test]
fn random_worlds_break_no_rule() {
    let mut seen = Seen::default();
    for seed in 0..2_500 {
        World::new(seed).run(60, &mut seen);
    }
    seen.assert_everything_happened();
}

#[test]
fn long_worlds_break_no_rule() {
    let mut seen = Seen::default();
    for seed in 10_000..10_020 {
        World::new(seed).run(3_000, &mut seen);
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

/// What has happened at least once over all worlds: a test that never meets a case proves nothing about it.
#[derive(Default)]
struct Seen {
    causes: BTreeSet<OfferCause>,
    reasons: BTreeSet<FlowOut>,
    states: BTreeSet<usize>,
    missed: u64,
    answered: u64,
    abandoned_ringing: u64,
    repairs: u64,
}

impl Seen {
    fn assert_everything_happened(&self) {
        assert_eq!(self.causes.len(), 10, "{:?}", self.causes);
        assert_eq!(self.states.len(), AgentState::LABELS.len());
        for reason in [FlowOut::Full, FlowOut::Closed, FlowOut::Timeout, FlowOut::Draining, FlowOut::Withdrawn] {
            assert!(self.reasons.contains(&reason), "{reason:?} never happened");
        }
        assert!(self.missed > 100 && self.answered > 1_000 && self.abandoned_ringing > 100 && self.repairs > 100);
    }
}

struct World {
    seed: u64,
    engine: Engine,
    rng: Rng,
    now: Instant,
    next_call: u64,
    /// The agents' legs that have not ended.
    legs: BTreeMap<u32, Leg>,
    old: Vec<(CallId, AgentId, u32)>,
    talks: Vec<(CallId, AgentId, u32)>,
    reference: Reference,
    down: BTreeSet<PeerId>,
    draining: bool,
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
        let plan = Arc::new(random_plan(&mut rng));
        let now = Instant::from_micros(1_000_000);
        let mut reference = Reference::default();
        reference.on_plan(now, &plan, &Engine::new(now, Arc::default()));
        Self {
            seed,
            engine: Engine::new(now, plan),
            rng,
            now,
            next_call: 0,
            legs: BTreeMap::new(),
            old: Vec::new(),
            talks: Vec::new(),
            reference,
            down: BTreeSet::new(),
            draining: false,
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
            match what {
                Step::Command(command) => {
                    self.reference.on_command(self.now, &command);
                    self.engine.handle_command(self.now, command);
                }
                Step::Time => {
                    self.engine.handle_timeout(self.now);
                    timed = self.now;
                    self.drain(&label, seen);
                    self.reference.judge_waits(self.now);
                }
                Step::Early => {
                    let earlier = Instant::from_micros(self.now.as_micros() / 2);
                    self.engine.handle_timeout(earlier);
                }
                Step::Plan(plan) => {
                    self.reference.on_plan(self.now, &plan, &self.engine);
                    self.engine.handle_plan(self.now, plan);
                }
            }
            self.drain(&label, seen);
            // Who is held off stays so until timers fire, and they fire one after the other.
            self.reference.timed = timed;
            self.judge(&label);
        }
        seen.repairs += self.engine.repairs();
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
            22..27 => Command::CallerGone { call: self.any_call() },
            27..30 => Command::Leave { call: self.any_call(), reason: FlowOut::Withdrawn },
            30..55 => return self.about_an_offer(),
            55..65 => {
                let Some((call, agent, epoch)) = self.pick_talk() else { return Step::Time };
                Command::TalkEnded { call, agent, epoch, by: EndedBy::Caller }
            }
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
            82 => Command::Refused { queue: None, cause: Refusal::UnknownNumber },
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
        Command::Enqueue { call, queue: QueueId(self.rng.below(6)), priority: self.rng.below(3) as i32 - 1, since }
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
        Command::SetAgent { agent: AgentId(self.rng.below(9)), target, by: Actor::User("anna".into()) }
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
                Effect::FlowOut { call, reason, .. } => {
                    assert!(self.engine.call_since(call).is_none());
                    seen.reasons.insert(reason);
                }
            }
        }
        while let Some(stamped) = self.engine.poll_fact() {
            if self.keep_log {
                self.log.push(format!("  {stamped:?}"));
            }
            self.reference.on_fact(&stamped, seen);
        }
    }

    fn judge(&self, label: &str) {
        if let Err(broken) = self.engine.check() {
            panic!("{broken}, after {label}");
        }
        self.reference.judge(&self.engine);
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {}; set `keep_log` to see its way", self.seed);
        }
    }
}

#[derive(Debug)]
enum Step {
    Command(Command),
    Time,
    Early,
    Plan(Arc<Plan>),
}

fn random_plan(rng: &mut Rng) -> Plan {
    let names: [Arc<str>; 3] = ["billing".into(), "english".into(), "sales".into()];
    let some = |rng: &mut Rng, chance: f64| names.iter().filter(|_| rng.chance(chance)).cloned().collect::<Vec<_>>();
    let secs = |rng: &mut Rng, below: u32| Duration::from_secs(u64::from(rng.below(below)));
    let queues = (0..6).filter(|_| rng.chance(0.8)).collect::<Vec<u32>>();
    let agents = (0..9).filter(|_| rng.chance(0.8)).collect::<Vec<u32>>();
    Plan {
        queues: queues
            .into_iter()
            .map(|id| QueuePlan {
                id: QueueId(id),
                name: format!("q{id}").into(),
                skills: some(rng, 0.4),
                strategy: "longest-idle",
                waiting_max: rng.chance(0.3).then(|| rng.below(4)),
                wait_max: rng.chance(0.5).then(|| secs(rng, 90)),
                ring_timeout: Duration::from_secs(2) + secs(rng, 20),
                wrap_up: if rng.chance(0.5) { Duration::ZERO } else { secs(rng, 20) },
                threshold: secs(rng, 30),
                short_abandon: Duration::from_secs(5),
                open: rng.chance(0.9),
            })
            .collect(),
        agents: agents
            .into_iter()
            .map(|id| AgentPlan {
                id: AgentId(id),
                name: format!("{id}").into(),
                skills: some(rng, 0.7),
                peer: PeerId(rng.below(PEERS)),
                initial: [
                    AgentState::Ready,
                    AgentState::Ready,
                    AgentState::LoggedOut,
                    AgentState::NotReady(Reason::Initial),
                ][rng.below(4) as usize]
                    .clone(),
                return_after: secs(rng, 60),
                busy_pause: secs(rng, 5),
            })
            .collect(),
    }
}

/// What follows from facts and plans alone.
#[derive(Default)]
struct Reference {
    plan: Arc<Plan>,
    waiting: BTreeMap<CallId, Waiting>,
    counts: BTreeMap<QueueId, [u64; 4]>,
    agents: BTreeMap<AgentId, Worker>,
    oldest: BTreeMap<QueueId, Option<Instant>>,
    enqueued: BTreeMap<CallId, (i32, Instant)>,
    /// What queues ask for, those included that a plan has dropped while somebody waits.
    skills: BTreeMap<QueueId, Vec<Arc<str>>>,
    thresholds: BTreeMap<QueueId, Duration>,
    seq: u64,
    at: Instant,
    /// The last moment at which due timers fired.
    timed: Instant,
}

#[derive(Debug)]
struct Waiting {
    queue: QueueId,
    priority: i32,
    since: Instant,
    seq: u64,
    agent: Option<AgentId>,
    missed: bool,
}

#[derive(Debug)]
struct Worker {
    state: AgentState,
    since: Instant,
    idle_since: Option<Instant>,
    offer: Option<u32>,
    faulted: Option<Instant>,
}

impl Reference {
    fn on_plan(&mut self, now: Instant, plan: &Arc<Plan>, engine: &Engine) {
        self.plan = Arc::clone(plan);
        self.at = now;
        for queue in &self.plan.queues {
            self.skills.insert(queue.id, queue.skills.clone());
            self.thresholds.insert(queue.id, queue.threshold);
        }
        for agent in plan.agents.iter().filter(|agent| engine.agent(agent.id).is_none()) {
            self.agents.remove(&agent.id);
            self.worker(agent.id);
        }
    }

    fn on_command(&mut self, now: Instant, command: &Command) {
        if let Command::Enqueue { call, priority, since, .. } = command
            && !self.waiting.contains_key(call)
        {
            self.enqueued.insert(*call, (*priority, since.map_or(now, |since| since.min(now))));
        }
    }

    fn worker(&mut self, agent: AgentId) -> &mut Worker {
        let at = self.at;
        let state = AgentState::LoggedOut;
        self.agents.entry(agent).or_insert(Worker { state, since: at, idle_since: None, offer: None, faulted: None })
    }

    fn on_fact(&mut self, stamped: &Stamped, seen: &mut Seen) {
        assert!(stamped.at >= self.at, "time runs backwards");
        self.at = stamped.at;
        let at = stamped.at;
        match &stamped.fact {
            Fact::Offered { call, queue } => {
                let (priority, since) = self.enqueued.remove(call).expect("offered once for each enqueue");
                self.seq += 1;
                let visit = Waiting { queue: *queue, priority, since, seq: self.seq, agent: None, missed: false };
                assert!(self.waiting.insert(*call, visit).is_none());
                self.counts.entry(*queue).or_default()[0] += 1;
            }
            Fact::Answered { call, queue, agent, wait, since } => {
                let visit = self.leave(*call, *queue, *wait, 1);
                assert_eq!(visit.since, *since);
                assert_eq!(visit.agent, Some(*agent));
                seen.answered += 1;
            }
            Fact::Abandoned { call, queue, wait, while_ringing } => {
                self.leave(*call, *queue, *wait, 2);
                seen.abandoned_ringing += u64::from(*while_ringing);
            }
            Fact::FlowedOut { call, queue, wait, .. } => {
                self.leave(*call, *queue, *wait, 3);
            }
            Fact::Missed { call, queue } => {
                let visit = self.waiting.get_mut(call).expect("missed while undecided");
                assert!(visit.queue == *queue && !visit.missed);
                assert!(at.since(visit.since) > self.thresholds[queue]);
                visit.missed = true;
                seen.missed += 1;
            }
            Fact::Oldest { queue, since } => {
                assert_ne!(self.oldest.insert(*queue, *since).flatten(), *since, "told again");
            }
            Fact::OfferMade { call, queue, agent, epoch } => self.on_offer_made(*call, *queue, *agent, *epoch),
            Fact::OfferEnded { call, agent, epoch, cause, .. } => {
                assert_eq!(self.worker(*agent).offer.take(), Some(*epoch));
                if *cause != OfferCause::Answered {
                    self.waiting.get_mut(call).expect("an offer ends before its call leaves").agent = None;
                }
                if matches!(cause, OfferCause::PeerFault | OfferCause::AgentGone) {
                    self.worker(*agent).faulted = Some(at);
                }
                seen.causes.insert(*cause);
            }
            Fact::TalkEnded { agent, .. } => self.worker(*agent).idle_since = Some(at),
            Fact::WrapUpEnded { agent, wrap_up, .. } => {
                assert_eq!(self.worker(*agent).state, AgentState::WrapUp);
                assert_eq!(at.since(self.worker(*agent).since), *wrap_up);
            }
            Fact::AgentState { agent, from, to, spent, .. } => {
                seen.states.insert(to.index());
                self.on_agent_state(*agent, from, to, *spent);
            }
            Fact::PeerState { .. } | Fact::Refused { .. } => {}
        }
    }

    fn on_agent_state(&mut self, agent: AgentId, from: &AgentState, to: &AgentState, spent: Duration) {
        let at = self.at;
        let worker = self.worker(agent);
        assert_eq!(&worker.state, from);
        assert_ne!(from, to);
        assert_eq!(at.since(worker.since), spent);
        if *from == AgentState::Ready {
            worker.faulted = None;
        }
        (worker.state, worker.since) = (to.clone(), at);
        match to {
            AgentState::LoggedOut => worker.idle_since = None,
            AgentState::Ready | AgentState::Unreachable => {
                worker.idle_since.get_or_insert(at);
            }
            AgentState::NotReady(_)
            | AgentState::Reserved
            | AgentState::Ringing
            | AgentState::Talking
            | AgentState::WrapUp => {}
        }
    }

    fn leave(&mut self, call: CallId, queue: QueueId, wait: Duration, outcome: usize) -> Waiting {
        let visit = self.waiting.remove(&call).expect("one outcome for each visit");
        assert_eq!(visit.queue, queue);
        assert_eq!(self.at.since(visit.since), wait);
        assert!(visit.missed || wait <= self.thresholds[&queue]);
        self.counts.entry(queue).or_default()[outcome] += 1;
        visit
    }

    /// After timers have fired, every wait beyond the threshold has been told.
    fn judge_waits(&self, now: Instant) {
        for (call, visit) in &self.waiting {
            let wait = now.since(visit.since);
            assert!(visit.missed || wait <= self.thresholds[&visit.queue], "{call} is late, and nobody knows");
        }
    }

    /// The call was the first of all that the agent serves, and the agent the first of all who serve the call.
    fn on_offer_made(&mut self, call: CallId, queue: QueueId, agent: AgentId, epoch: u32) {
        let place = |call: &CallId| {
            let w = &self.waiting[call];
            (-w.priority, w.since, w.queue, w.seq)
        };
        for (other, visit) in &self.waiting {
            let rival = visit.agent.is_none() && *other != call && self.serves(agent, visit.queue);
            assert!(!rival || place(&call) < place(other), "{call} was offered ahead of {other}");
        }
        let turn = |agent: &AgentId| (self.agents[agent].idle_since, *agent);
        for other in self.agents.keys().filter(|other| **other != agent) {
            let rival = self.is_idle(*other) && self.serves(*other, queue);
            assert!(!rival || turn(&agent) < turn(other), "{agent} was offered a call ahead of {other}");
        }
        let visit = self.waiting.get_mut(&call).expect("only waiting calls are offered");
        assert!(visit.agent.is_none() && visit.queue == queue);
        visit.agent = Some(agent);
        assert!(self.worker(agent).offer.replace(epoch).is_none(), "reserved twice");
    }

    fn is_idle(&self, agent: AgentId) -> bool {
        let worker = &self.agents[&agent];
        let held = worker.faulted.is_some_and(|since| self.timed < since + Duration::from_secs(1));
        worker.state == AgentState::Ready && worker.offer.is_none() && !held
    }

    fn serves(&self, agent: AgentId, queue: QueueId) -> bool {
        let Some(agent) = self.plan.agents.iter().find(|row| row.id == agent) else { return false };
        self.skills.get(&queue).is_some_and(|skills| skills.iter().all(|skill| agent.skills.contains(skill)))
    }

    fn judge(&self, engine: &Engine) {
        let mut waiting = BTreeMap::<QueueId, u64>::new();
        let mut oldest = BTreeMap::<QueueId, Instant>::new();
        for (call, visit) in &self.waiting {
            *waiting.entry(visit.queue).or_default() += 1;
            let head = oldest.entry(visit.queue).or_insert(visit.since);
            *head = visit.since.min(*head);
            assert_eq!(engine.call_since(*call), Some(visit.since));
            let ahead = self.waiting.values().filter(|other| {
                other.queue == visit.queue
                    && (-other.priority, other.since, other.seq) < (-visit.priority, visit.since, visit.seq)
            });
            assert_eq!(engine.position(*call), Some(ahead.count() as u32 + 1));
            if visit.agent.is_none() {
                let idle = self.agents.keys().find(|agent| self.is_idle(**agent) && self.serves(**agent, visit.queue));
                assert_eq!(idle, None, "{call} waits");
            }
        }
        for (queue, [offered, answered, abandoned, flowed_out]) in &self.counts {
            let still = waiting.get(queue).copied().unwrap_or(0);
            assert_eq!(*offered, answered + abandoned + flowed_out + still);
            assert_eq!(engine.waiting(*queue) as u64, still);
            assert_eq!(self.oldest.get(queue).copied().flatten(), oldest.get(queue).copied());
        }
        for (id, worker) in &self.agents {
            let state = engine.agent(*id).map_or(AgentState::LoggedOut, |status| status.state);
            assert_eq!(state, worker.state);
        }
    }
}
