//! A large centre at work: 10,000 agents in five queues each, 500 queues, 200 skills, 1,000 conditions, and so many callers whom
//! nobody may take. Each operation leaves it as it was.

use std::sync::Arc;
use std::time::Duration;

use strowger::acd::requirement::{Attributes, Requirement};
use strowger::acd::{
    Actor, AgentPlan, AgentPolicy, AgentState, AgentTarget, Asks, Command, Effect, EndedBy, Engine, Gone, Members,
    Membership, OfferPolicy, Plan, QueuePlan, QueueState, Reason, Routing, Skill, Step,
};
use strowger::base::{AgentId, CallId, Instant, PeerId, QueueId, Rng, WallTime};
use strowger::stats::{Live, histogram_bounds};

const AGENTS: u32 = 10_000;
const QUEUES: u32 = 500;
const SKILLS: u32 = 200;
const QUEUES_OF_AN_AGENT: u32 = 5;
/// The step after which callers look further.
const STEP: Duration = Duration::from_secs(3_600);

/// See the module.
pub(crate) struct Centre {
    engine: Engine,
    /// Who folds what happens, where somebody does.
    live: Option<Arc<Live>>,
    rng: Rng,
    now: Instant,
    calls: u64,
    /// Whom nobody may take, and their queues: one in each queue in turn, or all in one.
    stuck: Vec<(CallId, u32)>,
    /// How many of them have waited for the step.
    relaxed: usize,
    easy: Asks,
    hard: Asks,
}

/// Times, counts or just runs what is the engine's alone.
pub(crate) type Meter<'m> = &'m mut dyn FnMut(&mut dyn FnMut());

impl Centre {
    /// How many queues there are; agents of the same remainder serve the same.
    pub(crate) const QUEUES: u32 = QUEUES;

    /// With so many waiting whom nobody may take, in all queues or in the first alone, and every agent not ready.
    pub(crate) fn new(strategy: &'static str, waiting: u64, in_one_queue: bool) -> Self {
        Self::of(Arc::new(plan(strategy)), None, waiting, in_one_queue)
    }

    /// The same with so many in all queues, and the live figures into which all that happens is folded.
    pub(crate) fn watched(strategy: &'static str, waiting: u64) -> (Self, Arc<Live>) {
        let plan = Arc::new(plan(strategy));
        let live = Arc::new(Live::new(Instant::ZERO, &plan, &histogram_bounds([])));
        live.set_origin(WallTime::from_micros(1_795_000_000_000_000));
        (Self::of(plan, Some(Arc::clone(&live)), waiting, false), live)
    }

    fn of(plan: Arc<Plan>, live: Option<Arc<Live>>, waiting: u64, in_one_queue: bool) -> Self {
        let asks = |level: i64| {
            let attributes: Attributes = [("lvl".into(), level.into())].into_iter().collect();
            Asks { attributes: Some(Arc::new(attributes)), ..Asks::default() }
        };
        let now = Instant::from_micros(100_000_000_000);
        let engine = Engine::new(now, plan);
        let (easy, hard) = (asks(3), asks(10));
        let mut centre =
            Self { engine, live, rng: Rng::from_u64(7), now, calls: 0, stuck: Vec::new(), relaxed: 0, easy, hard };
        for index in 0..waiting {
            // One after the other, a millisecond apart, they will have waited for the step.
            let since = Instant::from_micros((now.as_micros() - STEP.as_micros() as u64) + (index + 1) * 1_000);
            let queue = if in_one_queue { 0 } else { index as u32 % QUEUES };
            let command = centre.enqueue(queue, false, Some(since));
            centre.stuck.push((CallId(centre.calls), queue));
            centre.engine.handle_command(now, command);
            centre.drain();
        }
        centre
    }

    /// Makes every agent ready; nobody finds a call.
    pub(crate) fn open(&mut self) {
        for agent in 0..AGENTS {
            self.set(agent, AgentTarget::Ready);
        }
    }

    /// A call comes and finds an agent.
    pub(crate) fn enqueue_and_match(&mut self, meter: Meter<'_>) {
        let queue = self.rng.below(QUEUES);
        let mut command = Some(self.enqueue(queue, true, None));
        let (engine, now) = (&mut self.engine, self.now);
        meter(&mut || engine.handle_command(now, command.take().expect("once")));
        let (call, agent, epoch) = self.offered().expect("somebody is ready");
        self.talk(call, agent, epoch);
    }

    /// An agent becomes ready and finds the only call that it may take, behind all others.
    pub(crate) fn ready_and_match(&mut self, agent: u32, meter: Meter<'_>) {
        let agent = agent % AGENTS;
        let queue = queue_of(agent, self.rng.below(QUEUES_OF_AN_AGENT));
        let command = self.enqueue(queue, true, None);
        self.engine.handle_command(self.now, command);
        self.drain();
        let mut command = Some(Command::SetAgent {
            agent: AgentId(agent),
            target: AgentTarget::Ready,
            by: Actor::Engine,
            lasts: None,
        });
        let (engine, now) = (&mut self.engine, self.now);
        meter(&mut || engine.handle_command(now, command.take().expect("once")));
        let (call, agent, epoch) = self.offered().expect("a call waits");
        self.set(agent.0, AgentTarget::NotReady(Reason::Initial));
        self.talk(call, agent, epoch);
    }

    /// Some caller whom nobody may take hangs up; another takes the place.
    pub(crate) fn abandon(&mut self, meter: Meter<'_>) {
        let index = self.rng.below(self.stuck.len() as u32) as usize;
        self.replace(index, self.now, meter);
    }

    /// One caller has waited for the step, and hangs up then; another comes who will have when all others have.
    pub(crate) fn relax(&mut self, meter: Meter<'_>) {
        self.now += Duration::from_millis(1);
        let (engine, now) = (&mut self.engine, self.now);
        meter(&mut || engine.handle_timeout(now));
        let turn = Duration::from_millis(self.stuck.len() as u64);
        let since = Instant::from_micros((self.now + turn).as_micros() - STEP.as_micros() as u64);
        self.replace(self.relaxed % self.stuck.len(), since, &mut |engine| engine());
        self.relaxed += 1;
    }

    /// A caller whom nobody may take hangs up; another takes the place.
    fn replace(&mut self, index: usize, since: Instant, meter: Meter<'_>) {
        let (call, queue) = self.stuck[index];
        let (engine, now) = (&mut self.engine, self.now);
        meter(&mut || engine.handle_command(now, Command::CallerGone { call, how: Gone::HungUp }));
        let command = self.enqueue(queue, false, Some(since));
        self.stuck[index] = (CallId(self.calls), queue);
        self.engine.handle_command(self.now, command);
        self.drain();
    }

    fn set(&mut self, agent: u32, target: AgentTarget) {
        let command = Command::SetAgent { agent: AgentId(agent), target, by: Actor::Engine, lasts: None };
        self.engine.handle_command(self.now, command);
        self.drain();
    }

    fn enqueue(&mut self, queue: u32, easy: bool, since: Option<Instant>) -> Command {
        self.calls += 1;
        let asks = if easy { &self.easy } else { &self.hard }.clone();
        Command::Enqueue { call: CallId(self.calls), queue: QueueId(queue), priority: 0, since, asks }
    }

    fn talk(&mut self, call: CallId, agent: AgentId, epoch: u32) {
        self.engine.handle_command(self.now, Command::OfferAnswered { call, agent, epoch });
        self.now += Duration::from_micros(1);
        self.engine.handle_command(self.now, Command::TalkEnded { call, agent, epoch, by: EndedBy::Caller });
        self.drain();
    }

    fn offered(&mut self) -> Option<(CallId, AgentId, u32)> {
        let mut offered = None;
        while let Some(effect) = self.engine.poll_effect() {
            if let Effect::Offer { call, agent, epoch, .. } = effect {
                offered = Some((call, agent, epoch));
            }
        }
        self.fold();
        offered
    }

    fn drain(&mut self) {
        while self.engine.poll_effect().is_some() {}
        self.fold();
    }

    fn fold(&mut self) {
        while let Some(fact) = self.engine.poll_fact() {
            if let Some(live) = &self.live {
                live.fold(&fact);
            }
        }
    }
}

fn queue_of(agent: u32, nth: u32) -> u32 {
    (agent + nth * 101) % QUEUES
}

fn plan(strategy: &'static str) -> Plan {
    let skill = |id: u32| format!("skill-{:03}", id % SKILLS);
    let requirement = |queue: u32| {
        let text = format!("{} >= $lvl && ({} >= 2 || {})", skill(queue), skill(queue + 1), skill(queue * 7));
        Requirement::parse(&text).expect("a requirement")
    };
    let relaxed = |queue: u32| Requirement::parse(&format!("{} >= 10", skill(queue))).expect("a requirement");
    let queue = |id: u32| QueuePlan {
        id: QueueId(id),
        name: format!("queue-{id}").into(),
        strategy,
        waiting_max: None,
        wait_max: None,
        ring_timeout: Duration::from_secs(20),
        ring_step: Duration::from_secs(5),
        offers: OfferPolicy::default(),
        wrap_up: Duration::ZERO,
        threshold: Duration::from_secs(20),
        short_abandon: Duration::from_secs(5),
        state: QueueState::Open,
        routing: Routing {
            requirement: requirement(id),
            members: Members::Listed,
            steps: vec![Step { after: STEP, requirement: Some(relaxed(id)), strategy: None, bump: 0 }],
            ..Routing::default()
        },
    };
    let agent = |id: u32| {
        let queues = (0..QUEUES_OF_AN_AGENT).map(|nth| queue_of(id, nth));
        let asked = queues.clone().flat_map(|queue| [queue, queue + 1, queue * 7]);
        let level = |nth: u32| 3 + ((id / QUEUES + nth) % 7) as u8;
        let mut skills: Vec<Skill> =
            asked.map(|nth| Skill { level: level(nth), ..Skill::from(&*skill(nth)) }).collect();
        skills.sort();
        skills.dedup_by(|a, b| a.name == b.name);
        AgentPlan {
            id: AgentId(id),
            name: id.to_string().into(),
            skills,
            memberships: queues.map(|queue| Membership { penalty: id % 3, ..Membership::of(QueueId(queue)) }).collect(),
            peer: PeerId(0),
            initial: AgentState::NotReady(Reason::Initial),
            return_after: Duration::from_secs(60),
            busy_pause: Duration::from_secs(5),
            policy: AgentPolicy::default(),
        }
    };
    Plan { queues: (0..QUEUES).map(queue).collect(), agents: (0..AGENTS).map(agent).collect(), ..Plan::default() }
}
