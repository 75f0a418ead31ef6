//! Queues simulated through the real [`Engine`], in virtual time and without a SIP message, against the formulas: M/M/n against
//! Erlang C and M/M/n+M against Erlang A. Arrivals, service (two thirds talk, one third wrap-up) and patience are exponential.
//!
//! Each figure is taken in [`BATCHES`] batches of one long run after a warm-up, and its 99.9 % interval is the mean of the
//! batches with Student's t over their spread. The formula's value must lie inside, and the interval must be narrow enough to
//! say something ([`Figure::width_max`]). The runs are seeded: the same figures each time. `STROWGER_LONG=1` takes ten times as
//! many calls. Beside the figures, each single wait must be what a plain recursion over the same customers says, to the
//! microsecond.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use strowger::acd::{Actor, AgentState, AgentTarget, Asks, Command, Effect, EndedBy, Engine, Fact, Gone, Plan};
use strowger::base::{AgentId, CallId, Instant, QueueId, Rng};
use strowger::node::{Node, Resolved, Setup};
use strowger::sim::script::read_config;

/// Batches of a run, the warm-up aside.
const BATCHES: usize = 20;
/// Student's t of 19 degrees of freedom at 99.9 %, two-sided.
const T_19: f64 = 3.883;
/// Calls of a batch in the short form: thousands of seconds, many times the memory of any of these queues.
const BATCH: usize = 5_000;

/// What is measured of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Figure {
    /// Calls that found nobody free, of all.
    Waits,
    /// Answered within the threshold, of all.
    ServiceLevel,
    /// The mean wait of all, abandoned ones included, in seconds. Where nobody abandons it is the average speed of answer.
    MeanWait,
    /// Abandoned, of all.
    Abandons,
    /// Callers who wait, over time.
    QueueLength,
    /// Agents who talk or wrap up, of all, over time.
    Occupancy,
}

use Figure::{Abandons, MeanWait, Occupancy, QueueLength, ServiceLevel, Waits};

impl Figure {
    /// The widest half of an interval that still says something, as a part of the value.
    fn width_max(self) -> f64 {
        match self {
            Waits | Abandons => 0.25,
            ServiceLevel | Occupancy => 0.05,
            MeanWait | QueueLength => 0.5,
        }
    }
}

/// One line of the tables in the handbook of formulas.
struct Row {
    calls: f64,
    interval: f64,
    /// Talk and wrap-up.
    handling: f64,
    threshold: u64,
    /// The mean; `None`: for ever.
    patience: Option<f64>,
    agents: u32,
    expected: &'static [(Figure, f64)],
}

/// Erlang C: `C = B / (1 - (A/n)(1 - B))`, SL `1 - C exp(-(n - A) T / AHT)`, ASA `C AHT / (n - A)`, occupancy `A / n`.
const ERLANG_C: [Row; 5] = [
    Row {
        calls: 100.0,
        interval: 1_800.0,
        handling: 180.0,
        threshold: 20,
        patience: None,
        agents: 14,
        expected: &[(Waits, 0.17413), (ServiceLevel, 0.88835), (MeanWait, 7.836), (Occupancy, 0.71429)],
    },
    Row {
        calls: 100.0,
        interval: 1_800.0,
        handling: 180.0,
        threshold: 20,
        patience: None,
        agents: 13,
        expected: &[(ServiceLevel, 0.79559)],
    },
    Row {
        calls: 100.0,
        interval: 3_600.0,
        handling: 180.0,
        threshold: 20,
        patience: None,
        agents: 8,
        expected: &[(Waits, 0.16727), (ServiceLevel, 0.88015), (MeanWait, 10.036), (Occupancy, 0.62500)],
    },
    Row {
        calls: 200.0,
        interval: 1_800.0,
        handling: 240.0,
        threshold: 20,
        patience: None,
        agents: 32,
        expected: &[(Waits, 0.23626), (ServiceLevel, 0.84851), (MeanWait, 10.632), (Occupancy, 0.83333)],
    },
    Row {
        calls: 60.0,
        interval: 900.0,
        handling: 300.0,
        threshold: 15,
        patience: None,
        agents: 25,
        expected: &[(Waits, 0.20910), (ServiceLevel, 0.83715), (MeanWait, 12.546), (Occupancy, 0.80000)],
    },
];

/// Erlang A: the birth-death chain with death rate `min(k, n) mu + max(0, k - n) theta`.
const ERLANG_A: [Row; 3] = [
    Row {
        calls: 200.0,
        interval: 1_800.0,
        handling: 240.0,
        threshold: 20,
        patience: Some(120.0),
        agents: 27,
        expected: &[
            (Waits, 0.42335),
            (QueueLength, 1.11854),
            (Abandons, 0.08389),
            (MeanWait, 10.067),
            (Occupancy, 0.90480),
        ],
    },
    Row {
        calls: 200.0,
        interval: 1_800.0,
        handling: 240.0,
        threshold: 20,
        patience: Some(120.0),
        agents: 30,
        expected: &[
            (Waits, 0.24351),
            (QueueLength, 0.53638),
            (Abandons, 0.04023),
            (MeanWait, 4.827),
            (Occupancy, 0.85313),
        ],
    },
    Row {
        calls: 100.0,
        interval: 1_800.0,
        handling: 180.0,
        threshold: 20,
        patience: Some(120.0),
        agents: 12,
        expected: &[
            (Waits, 0.27981),
            (QueueLength, 0.41065),
            (Abandons, 0.06160),
            (MeanWait, 7.392),
            (Occupancy, 0.78200),
        ],
    },
];

#[test]
fn queues_without_abandons_agree_with_erlang_c() {
    for (index, row) in ERLANG_C.iter().enumerate() {
        let run = row.run(index as u64);
        assert!(run.outcomes.values().all(|outcome| matches!(outcome, Outcome::Answered(_))));
        println!("{}", row.judge(&run));
    }
}

#[test]
fn queues_with_impatient_callers_agree_with_erlang_a() {
    for (index, row) in ERLANG_A.iter().enumerate() {
        println!("{}", row.judge(&row.run(100 + index as u64)));
    }
}

/// Who comes, as drawn.
#[derive(Debug, Clone, Copy)]
struct Customer {
    at: Instant,
    service: Duration,
    /// [`Duration::MAX`]: for ever.
    patience: Duration,
}

/// How a visit ended, and after which wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Answered(Duration),
    Abandoned(Duration),
}

impl Outcome {
    const fn wait(self) -> Duration {
        let (Self::Answered(wait) | Self::Abandoned(wait)) = self;
        wait
    }
}

impl Row {
    fn run(&self, seed: u64) -> Run {
        let batch = BATCH * if std::env::var_os("STROWGER_LONG").is_some() { 10 } else { 1 };
        let customers = self.draw(seed, batch * (BATCHES + 1));
        let mut centre = Centre::new(self, &customers, batch);
        centre.run();
        let run = centre.run;
        for (call, expected) in (0..).zip(recursion(&customers, self.agents)) {
            assert_eq!(run.outcomes.get(&CallId(call)), Some(&expected), "call {call} of {}", self.name());
        }
        run
    }

    fn draw(&self, seed: u64, count: usize) -> Vec<Customer> {
        let mut rng = Rng::from_u64(seed);
        let mut at = Instant::from_micros(1);
        let mut customers = Vec::with_capacity(count);
        for _ in 0..count {
            at += seconds(rng.exponential(self.interval / self.calls));
            let service = seconds(rng.exponential(self.handling));
            let patience = self.patience.map_or(Duration::MAX, |mean| seconds(rng.exponential(mean)));
            customers.push(Customer { at, service, patience });
        }
        customers
    }

    /// What a configuration says of such a centre. Agents end their wrap-up themselves.
    fn plan(&self) -> Arc<Plan> {
        let text = format!(
            "[queues.support]\nnumbers = [\"800\"]\nthreshold = \"{}s\"\nwrap_up = \"24h\"\n[agents.\"1001-{}\"]\npeer = \"pbx\"\n",
            self.threshold,
            1_000 + self.agents
        );
        let config = Arc::new(read_config(&text).expect("the configuration is right"));
        let sip_address = "10.0.0.1:5060".parse().expect("an address");
        let setup = Setup {
            config,
            resolved: Resolved::default(),
            seed: [0; 32],
            sip_address,
            leases: Vec::new(),
            other: None,
        };
        Arc::clone(Node::new(Instant::ZERO, setup).plan())
    }

    /// What was found, a line for each figure.
    fn judge(&self, run: &Run) -> String {
        let mut report = Vec::new();
        for (figure, expected) in self.expected {
            let (mean, half) = interval(&run.samples(*figure, self));
            let name = self.name();
            report.push(format!("{name}: {figure:?} is {mean:.5} +- {half:.5}, the formula says {expected}"));
            assert!((mean - expected).abs() <= half, "{name}: {figure:?} is {mean:.5} +- {half:.5}, not {expected}");
            assert!(half <= figure.width_max() * expected, "{name}: {figure:?} +- {half:.5} says nothing");
        }
        report.join("\n")
    }

    fn name(&self) -> String {
        let Self { calls, interval, handling, agents, .. } = self;
        let patience = self.patience.map_or(String::new(), |mean| format!(", patience {mean} s"));
        format!("{calls} calls in {interval} s of {handling} s, {agents} agents{patience}")
    }
}

/// Mean and half the width of its 99.9 % interval.
fn interval(samples: &[f64]) -> (f64, f64) {
    assert_eq!(samples.len(), BATCHES);
    let count = samples.len() as f64;
    let mean = samples.iter().sum::<f64>() / count;
    let variance = samples.iter().map(|sample| (sample - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, T_19 * (variance / count).sqrt())
}

/// First come, first served by `agents` servers, customer by customer: each is served by who is free first, unless patience
/// ends before.
fn recursion(customers: &[Customer], agents: u32) -> Vec<Outcome> {
    let mut free: BinaryHeap<Reverse<Instant>> = (0..agents).map(|_| Reverse(Instant::ZERO)).collect();
    let serve = |customer: &Customer| {
        let Reverse(first) = *free.peek().expect("there are agents");
        let wait = first.since(customer.at);
        if wait > customer.patience {
            return Outcome::Abandoned(customer.patience);
        }
        free.pop();
        free.push(Reverse(customer.at + wait + customer.service));
        Outcome::Answered(wait)
    };
    customers.iter().map(serve).collect()
}

/// What came out of a run.
#[derive(Debug, Default)]
struct Run {
    /// Calls of a batch.
    batch: usize,
    outcomes: BTreeMap<CallId, Outcome>,
    /// From the first arrival of each batch to that of the next, the warm-up first.
    spans: Vec<Span>,
}

/// A stretch of time.
#[derive(Debug, Clone, Copy, Default)]
struct Span {
    seconds: f64,
    /// Callers times seconds.
    queueing: f64,
    /// Agents times seconds.
    busy: f64,
}

impl Run {
    /// The figure in each batch, without the warm-up.
    fn samples(&self, figure: Figure, row: &Row) -> Vec<f64> {
        (1..=BATCHES).map(|batch| self.sample(figure, batch, row)).collect()
    }

    fn sample(&self, figure: Figure, batch: usize, row: &Row) -> f64 {
        let first = batch as u64 * self.batch as u64;
        let calls =
            || self.outcomes.range(CallId(first)..CallId(first + self.batch as u64)).map(|(_, outcome)| *outcome);
        let of_calls = |sum: f64| sum / calls().count() as f64;
        let counted = |is: &dyn Fn(Outcome) -> bool| of_calls(calls().filter(|outcome| is(*outcome)).count() as f64);
        let threshold = Duration::from_secs(row.threshold);
        let Span { seconds, queueing, busy } = self.spans[batch];
        match figure {
            Waits => counted(&|outcome| outcome.wait() > Duration::ZERO),
            ServiceLevel => counted(&|outcome| matches!(outcome, Outcome::Answered(wait) if wait <= threshold)),
            MeanWait => of_calls(calls().map(|outcome| outcome.wait().as_secs_f64()).sum()),
            Abandons => counted(&|outcome| matches!(outcome, Outcome::Abandoned(_))),
            QueueLength => queueing / seconds,
            Occupancy => busy / seconds / f64::from(row.agents),
        }
    }
}

/// What happens outside the engine. In one moment agents become free before callers lose their patience.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    TalkEnds { call: CallId, agent: AgentId, epoch: u32 },
    WrapUpEnds { agent: AgentId },
    PatienceEnds { call: CallId },
    Comes { call: CallId },
}

/// The engine with the world around it.
struct Centre<'c> {
    engine: Engine,
    queue: QueueId,
    customers: &'c [Customer],
    coming: BinaryHeap<Reverse<(Instant, Event)>>,
    now: Instant,
    arrivals: usize,
    waiting: u32,
    busy: u32,
    run: Run,
}

impl<'c> Centre<'c> {
    fn new(row: &Row, customers: &'c [Customer], batch: usize) -> Self {
        let plan = row.plan();
        let queue = plan.queues[0].id;
        let mut centre = Self {
            engine: Engine::new(Instant::ZERO, plan),
            queue,
            customers,
            coming: BinaryHeap::new(),
            now: Instant::ZERO,
            arrivals: 0,
            waiting: 0,
            busy: 0,
            run: Run { batch, outcomes: BTreeMap::new(), spans: vec![Span::default(); BATCHES + 1] },
        };
        centre.schedule(customers[0].at, Event::Comes { call: CallId(0) });
        centre.drain();
        centre
    }

    fn schedule(&mut self, at: Instant, event: Event) {
        self.coming.push(Reverse((at, event)));
    }

    /// Until the last customer has left and the last wrap-up is over.
    fn run(&mut self) {
        while let Some(Reverse((at, event))) = self.coming.pop() {
            while let Some(due) = self.engine.poll_timeout().filter(|&due| due <= at) {
                self.pass(due.max(self.now));
                self.engine.handle_timeout(self.now);
                self.drain();
            }
            self.pass(at);
            let command = self.on_event(event);
            self.engine.handle_command(at, command);
            self.drain();
        }
        assert_eq!((self.waiting, self.busy), (0, 0));
        self.engine.check().expect("every invariant holds");
    }

    /// Adds up who waits and works until then.
    fn pass(&mut self, until: Instant) {
        let seconds = until.since(self.now).as_secs_f64();
        self.now = until;
        // The last call's batch ends with it.
        if self.arrivals > 0 && self.arrivals < self.customers.len() {
            let span = &mut self.run.spans[(self.arrivals - 1) / self.run.batch];
            span.seconds += seconds;
            span.queueing += f64::from(self.waiting) * seconds;
            span.busy += f64::from(self.busy) * seconds;
        }
    }

    fn on_event(&mut self, event: Event) -> Command {
        match event {
            Event::Comes { call } => {
                self.arrivals += 1;
                if let Some(next) = self.customers.get(self.arrivals) {
                    self.schedule(next.at, Event::Comes { call: CallId(self.arrivals as u64) });
                }
                let patience = self.customers[call.0 as usize].patience;
                if patience < Duration::MAX {
                    self.schedule(self.now + patience, Event::PatienceEnds { call });
                }
                Command::Enqueue { call, queue: self.queue, priority: 0, since: None, asks: Asks::default() }
            }
            // Whoever has been answered has no patience to lose: the engine ignores it.
            Event::PatienceEnds { call } => Command::CallerGone { call, how: Gone::HungUp },
            Event::TalkEnds { call, agent, epoch } => {
                let service = self.customers[call.0 as usize].service;
                self.schedule(self.now + (service - talk(service)), Event::WrapUpEnds { agent });
                Command::TalkEnded { call, agent, epoch, by: EndedBy::Caller }
            }
            Event::WrapUpEnds { agent } => Command::SetAgent {
                agent,
                target: AgentTarget::Ready,
                lasts: None,
                by: Actor::User("the agent".into()),
            },
        }
    }

    /// Answers each offer in its moment, and notes what is told.
    fn drain(&mut self) {
        while let Some(effect) = self.engine.poll_effect() {
            let Effect::Offer { call, agent, epoch, .. } = effect else { continue };
            self.engine.handle_command(self.now, Command::OfferAnswered { call, agent, epoch });
            let service = self.customers[call.0 as usize].service;
            self.schedule(self.now + talk(service), Event::TalkEnds { call, agent, epoch });
        }
        while let Some(stamped) = self.engine.poll_fact() {
            self.on_fact(stamped.fact);
        }
    }

    fn on_fact(&mut self, fact: Fact) {
        if let Fact::Offered { .. } = fact {
            self.waiting += 1;
        }
        let ended = if let Fact::Answered { call, wait, .. } = fact {
            Some((call, Outcome::Answered(wait)))
        } else if let Fact::Abandoned { call, wait, .. } = fact {
            Some((call, Outcome::Abandoned(wait)))
        } else {
            None
        };
        if let Some((call, outcome)) = ended {
            self.waiting -= 1;
            assert_eq!(self.run.outcomes.insert(call, outcome), None, "{call} ended twice");
        }
        if let Fact::AgentState { from, to, .. } = fact {
            let is_busy = |state: &AgentState| matches!(state, AgentState::Talking | AgentState::WrapUp);
            self.busy -= u32::from(is_busy(&from));
            self.busy += u32::from(is_busy(&to));
        }
    }
}

/// The part of the service that is talk; the rest is wrap-up.
fn talk(service: Duration) -> Duration {
    Duration::from_micros(service.as_micros() as u64 * 2 / 3)
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_micros((seconds * 1e6) as u64)
}
