//! The phones against each other, without the engine: what they do must be right by itself. And the oracle against facts that
//! contradict each other: it must find them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::acd::{Actor, AgentState, Dimensions, EndedBy, Fact, FlowOut, LostCause, OfferCause, Plan, Stamped};
use crate::base::{AgentId, CallId, Instant, QueueId, Rng};
use crate::sim::agent_phone::{AgentPhone, First, Manner, Then};
use crate::sim::caller::{Acknowledges, Caller, Dial, Quit};
use crate::sim::handset::{Habits, Setup};
use crate::sim::network::{Network, Weather};
use crate::sim::oracle::Oracle;
use crate::sim::phone::{Phone, PhoneEvent};
use crate::sim::session::Session;
use crate::sim::terms::Direction;

#[test]
fn a_call_is_made_held_and_ended_even_in_bad_weather() {
    let weather = Weather { loss: 0.2, doubled: 0.1, jitter: Duration::from_millis(200), ..Weather::fair() };
    for seed in 0..50 {
        let mut pair = Pair::new(seed, weather.clone(), Manner::answers(Duration::from_secs(2)));
        let habits = Habits {
            hold: Some((secs(5), secs(5))),
            hang_up: Some(secs(60)),
            vanish: None,
            digits: Some((secs(2), "1#".into())),
            ..Habits::default()
        };
        pair.dial(Dial { habits, ..Dial::to("1001") });
        pair.run(secs(200));
        assert!(pair.events(0).contains(&PhoneEvent::Answered), "seed {seed}: {:?}", pair.events(0));
        assert_eq!(pair.events(0).last(), Some(&PhoneEvent::EndedByUs), "seed {seed}");
        assert_eq!(pair.events(1).last(), Some(&PhoneEvent::EndedByFar), "seed {seed}");
        assert!(pair.is_idle(), "seed {seed}");
    }
}

#[test]
fn a_caller_who_leaves_while_it_rings_cancels_and_both_phones_are_free() {
    for quit in [Quit::AtOnce, Quit::OnTrying, Quit::OnRinging] {
        let mut pair = Pair::new(1, Weather::fair(), Manner::answers(secs(20)));
        pair.dial(Dial { quit, ..Dial::to("1001") });
        pair.run(secs(60));
        assert_eq!(pair.events(0).last(), Some(&PhoneEvent::Failed(487)), "{quit:?}");
        assert_eq!(pair.events(1).last(), Some(&PhoneEvent::EndedByFar), "{quit:?}");
        assert!(pair.is_idle());
    }
}

#[test]
fn an_answer_that_crosses_the_cancel_is_acknowledged_and_ended() {
    let manner = Manner { first: First::Ringing, then: Then::AnswerOnCancel, ..Manner::answers(Duration::ZERO) };
    let mut pair = Pair::new(1, Weather::fair(), manner);
    pair.dial(Dial { patience: Some(secs(3)), ..Dial::to("1001") });
    pair.run(secs(60));
    assert_eq!(*pair.events(0), [PhoneEvent::Ringing, PhoneEvent::Answered, PhoneEvent::EndedByUs]);
    assert!(pair.is_idle());
}

#[test]
fn an_answer_never_acknowledged_ends_after_64_times_t1() {
    let mut pair = Pair::new(1, Weather::fair(), Manner::answers(secs(1)));
    pair.dial(Dial { acknowledges: Acknowledges::Never, ..Dial::to("1001") });
    pair.run(secs(30));
    assert!(!pair.is_idle());
    pair.run(secs(60));
    assert_eq!(pair.events(1).last(), Some(&PhoneEvent::EndedByUs));
}

#[test]
fn two_who_hold_at_once_meet_a_glare_and_both_come_through() {
    let mut pair = Pair::new(1, Weather::fair(), Manner::answers(secs(1)));
    pair.dial(Dial::to("1001"));
    pair.run(secs(5));
    pair.hold();
    pair.run(secs(20));
    for phone in 0..2 {
        assert!(pair.events(phone).contains(&PhoneEvent::Refused(491)), "{:?}", pair.events(phone));
        assert_eq!(pair.direction(phone), Some(Direction::SendOnly));
    }
}

#[test]
fn a_phone_in_a_call_refuses_a_second_one_and_tells() {
    let mut pair = Pair::new(1, Weather::fair(), Manner::answers(secs(1)));
    pair.dial(Dial::to("1001"));
    pair.run(secs(5));
    let mut other = Pair::new(2, Weather::fair(), Manner::answers(secs(1)));
    other.dial(Dial::to("1001"));
    let invite = other.sent.first().cloned().expect("an INVITE");
    pair.deliver(1, &invite);
    assert!(pair.events(1).contains(&PhoneEvent::Doubled));
}

#[test]
fn the_oracle_finds_what_facts_contradict() {
    let (call, queue, agent) = (CallId(1), QueueId(0), AgentId(0));
    let offered = Fact::Offered { call, queue, dimensions: Dimensions::default() };
    let made = Fact::OfferMade { call, queue, agent, epoch: 1 };
    let answered = Fact::Answered { call, queue, agent, wait: secs(1), since: Instant::ZERO };
    let abandoned = Fact::Abandoned { call, queue, wait: secs(1), while_ringing: false, cause: LostCause::CallerShort };
    let ended = Fact::TalkEnded { call, queue, agent, talk: secs(1), hold: secs(0), by: EndedBy::Caller };
    let offer_ended = Fact::OfferEnded { call, queue, agent, epoch: 1, cause: OfferCause::Answered, ring: secs(1) };
    let flowed =
        Fact::FlowedOut { call, queue, wait: secs(1), reason: FlowOut::Timeout, cause: Some(LostCause::Timeout) };
    let good = [&offered, &made, &offer_ended, &answered, &ended];
    assert_eq!(judge(&good), Ok(()));
    assert_eq!(judge(&[&offered, &flowed]), Ok(()));
    for bad in [
        vec![&offered, &offered],
        vec![&answered],
        vec![&offered, &abandoned, &abandoned],
        vec![&offered, &abandoned, &flowed],
        vec![&offered, &made, &made],
        vec![&offered, &offer_ended],
        vec![&offered, &made, &offer_ended, &answered, &abandoned],
        vec![&offered, &made, &offer_ended, &answered, &ended, &ended],
        vec![&offered],
        vec![&offered, &made, &offer_ended, &answered],
    ] {
        assert!(judge(&bad).is_err(), "{bad:?}");
    }
}

#[test]
fn the_oracle_finds_an_idle_agent_while_a_call_waits() {
    let mut oracle = Oracle::new(plan());
    let ready = Fact::AgentState {
        agent: AgentId(0),
        from: AgentState::LoggedOut,
        to: AgentState::Ready,
        spent: Duration::ZERO,
        by: Actor::Engine,
    };
    oracle
        .observe(&Stamped {
            at: Instant::ZERO,
            fact: Fact::Offered { call: CallId(1), queue: QueueId(0), dimensions: Dimensions::default() },
        })
        .unwrap();
    assert_eq!(oracle.settle(), Ok(()));
    oracle.observe(&Stamped { at: Instant::ZERO, fact: ready }).unwrap();
    assert!(oracle.settle().unwrap_err().contains("waits in support while agent 1001 is ready"));
}

fn judge(facts: &[&Fact]) -> Result<(), String> {
    let mut oracle = Oracle::new(plan());
    for fact in facts {
        oracle.observe(&Stamped { at: Instant::ZERO, fact: (*fact).clone() })?;
        oracle.settle()?;
    }
    oracle.finish()
}

fn plan() -> Arc<Plan> {
    let config = crate::sim::script::read_config(
        "[queues.support]\nnumbers = [\"800\"]\n[agents.1001]\npeer = \"pbx\"\ninitial = \"logged-out\"\n",
    );
    let setup = crate::node::Setup {
        config: Arc::new(config.unwrap()),
        resolved: crate::node::Resolved::default(),
        seed: [0; 32],
        sip_address: "10.0.0.1:5060".parse().unwrap(),
        leases: Vec::new(),
        other: None,
    };
    Arc::clone(crate::node::Node::new(Instant::ZERO, setup).plan())
}

/// A caller and a phone that is called, with a network between them and nothing else.
struct Pair {
    now: Instant,
    phones: [Phone; 2],
    addresses: [SocketAddr; 2],
    events: [Vec<PhoneEvent>; 2],
    network: Network,
    way: BTreeMap<(Instant, u64), (usize, Bytes)>,
    sent: Vec<Bytes>,
    sequence: u64,
}

impl Pair {
    fn new(seed: u64, weather: Weather, manner: Manner) -> Self {
        let mut rng = Rng::from_u64(seed);
        let addresses: [SocketAddr; 2] = ["10.0.1.1:5060".parse().unwrap(), "10.0.2.1:5060".parse().unwrap()];
        let mut setup = |name: &str, sip: SocketAddr| Setup {
            name: name.into(),
            sip,
            rtp: SocketAddr::new(sip.ip(), 30_000),
            formats: vec![8],
            rng: rng.fork(),
        };
        let caller = Caller::new(setup("a", addresses[0]), addresses[1]);
        let agent = AgentPhone::new(setup("1001", addresses[1]), manner);
        Self {
            now: Instant::ZERO,
            phones: [Phone::Caller(Box::new(caller)), Phone::Agent(Box::new(agent))],
            addresses,
            events: [Vec::new(), Vec::new()],
            network: Network::new(weather, rng.fork()),
            way: BTreeMap::new(),
            sent: Vec::new(),
            sequence: 0,
        }
    }

    fn dial(&mut self, dial: Dial) {
        let now = self.now;
        if let Phone::Caller(caller) = &mut self.phones[0] {
            caller.dial(now, dial);
        }
        self.collect(0);
    }

    fn hold(&mut self) {
        let now = self.now;
        for phone in 0..2 {
            if let Some((session, handset)) = self.session(phone) {
                session.change(&mut handset.ua, now, Direction::SendOnly);
            }
        }
        self.collect(0);
        self.collect(1);
    }

    fn session(&mut self, phone: usize) -> Option<(&mut Session, &mut crate::sim::handset::Handset)> {
        match &mut self.phones[phone] {
            Phone::Caller(phone) => phone.session(),
            Phone::Agent(phone) => phone.session(),
        }
    }

    fn direction(&mut self, phone: usize) -> Option<Direction> {
        self.session(phone).map(|(session, _)| session.direction())
    }

    fn run(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            let way = self.way.first_key_value().map(|(key, _)| key.0);
            let wakes = self.phones.iter().filter_map(Phone::poll_timeout);
            let Some(at) = wakes.chain(way).min().filter(|at| *at <= until) else { break };
            self.now = self.now.max(at);
            if way.is_some_and(|way| way <= self.now) {
                let (_, (to, bytes)) = self.way.pop_first().unwrap();
                self.deliver(to, &bytes);
            }
            for phone in 0..2 {
                self.phones[phone].handle_timeout(self.now);
                self.collect(phone);
            }
        }
        self.now = until;
    }

    fn deliver(&mut self, to: usize, bytes: &Bytes) {
        self.phones[to].handle_datagram(self.now, self.addresses[1 - to], bytes);
        self.collect(to);
    }

    fn collect(&mut self, phone: usize) {
        while let Some(outgoing) = self.phones[phone].poll_transmit() {
            self.sent.push(outgoing.payload.clone());
            for delay in self.network.deliveries(self.addresses[phone], outgoing.destination).into_iter().flatten() {
                self.sequence += 1;
                self.way.insert((self.now + delay, self.sequence), (1 - phone, outgoing.payload.clone()));
            }
        }
        while let Some(event) = self.phones[phone].poll_event() {
            self.events[phone].push(event);
        }
    }

    fn events(&self, phone: usize) -> &Vec<PhoneEvent> {
        &self.events[phone]
    }

    fn is_idle(&self) -> bool {
        self.phones.iter().all(Phone::is_idle)
    }
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
