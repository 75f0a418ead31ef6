//! Letters that are lost on purpose, each kind once: what engine and shard then do not agree on is put right by the census,
//! within its bound and counted; while letters are only late, nothing is.

use super::letters::Apart;
use super::*;
use crate::acd::{AgentState, Bond, Command, Effect, FlowOut, Repair};
use crate::base::limits::CENSUS_CHUNK;
use crate::base::{AgentId, QueueId};
use crate::node::census::ROUND;
use crate::node::letter::{Said, Told};

/// Twice a round, whose own length is a few questions here.
const BOUND: Duration = ROUND.saturating_mul(2).saturating_add(Duration::from_secs(1));

/// Which letter is lost.
enum Lost {
    Up(fn(&Command) -> bool),
    Down(fn(&Effect) -> bool),
}

impl Apart {
    /// Carries letters until all are there, but loses the first of this kind.
    fn carry_but(&mut self, lost: &Lost) {
        let mut found = false;
        while !self.up.is_empty() || !self.down.is_empty() {
            if let Lost::Up(is_it) = lost
                && let Some(at) = self.up.iter().position(|(_, up)| matches!(&up.said, Said::Command(c) if is_it(c)))
                && !std::mem::replace(&mut found, true)
            {
                self.up.remove(at);
            }
            self.carry_up();
            if let Lost::Down(is_it) = lost
                && let Some(at) = self.down.iter().position(|(_, d)| matches!(&d.told, Told::Effect(e) if is_it(e)))
                && !std::mem::replace(&mut found, true)
            {
                self.down.remove(at);
            }
            self.carry_down();
        }
        assert!(found, "such a letter was written");
    }

    /// Lets time pass, and carries letters at once.
    fn pass(&mut self, by: Duration) {
        let end = self.now + by;
        loop {
            let hub = self.parts.hub.poll_timeout();
            let due = self.parts.shards.iter().filter_map(crate::node::Shard::poll_timeout).chain(hub).min();
            let Some(at) = due.filter(|at| *at <= end) else { break };
            self.now = self.now.max(at);
            self.parts.hub.handle_timeout(self.now);
            self.parts.shards.iter_mut().for_each(|shard| shard.handle_timeout(self.now));
            self.collect();
            while !self.up.is_empty() || !self.down.is_empty() {
                self.carry_up();
                self.carry_down();
            }
        }
        self.now = end;
    }

    fn repairs(&self) -> Vec<Repair> {
        let kind = |fact: &Fact| if let Fact::Repaired { kind, .. } = fact { Some(*kind) } else { None };
        self.facts.iter().filter_map(kind).collect()
    }

    /// Lets the bound pass; these are repaired, then all agree, and nothing more is repaired.
    fn heals(&mut self, kinds: &[Repair]) {
        assert_eq!(self.repairs(), []);
        self.pass(BOUND);
        assert_eq!(self.repairs(), kinds);
        self.carry();
        self.pass(BOUND);
        assert_eq!(self.repairs(), kinds, "nothing more");
    }

    fn agent(&self) -> (AgentState, Option<CallId>) {
        let status = self.parts.hub.engine.agent(AgentId(0)).expect("the agent");
        (status.state, status.call)
    }

    fn live(&self) -> usize {
        self.parts.shards.iter().map(crate::node::Shard::live_calls).sum()
    }

    /// A call and its agent talk.
    fn talk(&mut self) {
        self.request("INVITE", 1, "");
        self.carry();
        self.agent_answers();
        self.carry();
        assert_eq!(self.agent().0, AgentState::Talking);
    }

    fn caller_says_bye(&mut self) {
        let tag = String::from_utf8_lossy(self.answer(1).unwrap().to_tag().unwrap()).into_owned();
        self.request("BYE", 1, &format!(";tag={tag}"));
    }
}

const PATIENT: &str = "ring_timeout = \"60s\"";

#[test]
fn a_caller_whose_joining_is_lost_is_let_go() {
    let mut apart = Apart::new(&config(0, ""));
    apart.request("INVITE", 1, "");
    apart.carry_but(&Lost::Up(|command| matches!(command, Command::Enqueue { .. })));
    assert_eq!((apart.live(), apart.waiting()), (1, 0));
    apart.heals(&[Repair::OrphanCall]);
    assert_eq!((apart.live(), apart.status(1)), (0, 500));
}

#[test]
fn a_caller_of_whom_the_shard_never_heard_that_it_waits_flows_out() {
    let mut apart = Apart::new(&config(0, ""));
    apart.request("INVITE", 1, "");
    apart.carry_but(&Lost::Down(|effect| matches!(effect, Effect::Queued { .. })));
    apart.heals(&[Repair::GhostCall]);
    assert_eq!((apart.live(), apart.status(1), apart.waiting()), (0, 500, 0));
}

#[test]
fn a_ghost_caller_flows_out_and_the_agent_who_would_ring_for_it_is_free() {
    let mut apart = Apart::new(&config(0, ""));
    apart.request("INVITE", 1, "");
    apart.carry();
    apart.caller_says_bye();
    apart.carry_but(&Lost::Up(|command| matches!(command, Command::CallerGone { .. })));
    assert_eq!((apart.live(), apart.waiting()), (0, 1));
    apart.heals(&[Repair::GhostCall]);
    assert_eq!(apart.waiting(), 0);
    let system = |fact: &Fact| matches!(fact, Fact::FlowedOut { reason: FlowOut::System, .. });
    assert!(apart.facts.iter().any(system));
}

#[test]
fn a_caller_whose_flowing_out_is_lost_is_let_go() {
    let mut apart = Apart::new(&config(0, "wait_max = \"10s\""));
    apart.request("INVITE", 1, "");
    apart.carry();
    apart.pass(Duration::from_secs(9));
    apart.now += Duration::from_secs(1);
    apart.parts.hub.handle_timeout(apart.now);
    apart.collect();
    apart.carry_but(&Lost::Down(|effect| matches!(effect, Effect::FlowOut { .. })));
    assert_eq!((apart.live(), apart.waiting()), (1, 0));
    apart.heals(&[Repair::OrphanCall]);
    assert_eq!(apart.live(), 0);
}

#[test]
fn an_agent_reserved_by_an_offer_that_never_came_is_offered_again() {
    let mut apart = Apart::new(&config(1, PATIENT));
    apart.request("INVITE", 1, "");
    apart.carry_but(&Lost::Down(|effect| matches!(effect, Effect::Offer { .. })));
    assert!(apart.last_sent(Method::Invite).is_none() && apart.agent().1.is_some());
    // After a fault that is nobody's the agent is left alone for a second.
    apart.pass(BOUND + Duration::from_secs(1));
    assert_eq!(apart.repairs(), [Repair::Offer]);
    assert!(apart.last_sent(Method::Invite).is_some(), "rung for the caller who still waits");
}

#[test]
fn an_agent_whose_refusal_is_lost_is_freed() {
    let mut apart = Apart::new(&config(1, PATIENT));
    apart.request("INVITE", 1, "");
    apart.carry();
    let invite = apart.last_sent(Method::Invite).expect("an agent is rung").clone();
    apart.take(PBX, respond(&invite, address(OURS), 486, None, b"agent").finish());
    apart.carry_but(&Lost::Up(|command| matches!(command, Command::OfferFailed { .. })));
    apart.pass(BOUND);
    assert_eq!(apart.repairs(), [Repair::Offer]);
}

#[test]
fn an_agent_whose_release_is_lost_is_freed() {
    let mut apart = Apart::new(&config(1, "ring_timeout = \"5s\""));
    apart.answered_too_late();
    apart.carry_but(&Lost::Up(|command| matches!(command, Command::OfferReleased { .. })));
    apart.caller_says_bye();
    apart
        .carry_but(&Lost::Up(|command| matches!(command, Command::CallerAnswered { .. } | Command::CallerGone { .. })));
    apart.pass(BOUND);
    let repairs = apart.repairs();
    assert!(repairs.contains(&Repair::Release), "{repairs:?}");
    assert_eq!(apart.agent().1, None);
}

#[test]
fn a_leg_whose_taking_back_is_lost_is_hung_up() {
    let mut apart = Apart::new(&config(1, "ring_timeout = \"5s\""));
    apart.request("INVITE", 1, "");
    apart.carry();
    let invite = apart.last_sent(Method::Invite).expect("an agent is rung").clone();
    apart.take(PBX, respond(&invite, address(OURS), 180, None, b"agent").finish());
    apart.carry();
    apart.now += Duration::from_secs(5);
    apart.parts.hub.handle_timeout(apart.now);
    apart.collect();
    apart.carry_but(&Lost::Down(|effect| matches!(effect, Effect::CancelOffer { .. })));
    assert!(apart.last_sent(Method::Cancel).is_none());
    apart.pass(BOUND);
    assert_eq!(apart.repairs()[0], Repair::OrphanLeg);
    assert!(apart.last_sent(Method::Cancel).is_some());
}

#[test]
fn an_agent_whose_talks_end_is_lost_is_freed() {
    let mut apart = Apart::new(&config(1, ""));
    apart.talk();
    apart.caller_says_bye();
    apart.carry_but(&Lost::Up(|command| matches!(command, Command::TalkEnded { .. })));
    assert_eq!((apart.live(), apart.agent().0), (0, AgentState::Talking));
    apart.heals(&[Repair::Talk]);
    assert_eq!(apart.agent(), (AgentState::Ready, None));
}

#[test]
fn a_talk_that_was_never_joined_ends_on_all_sides() {
    let mut apart = Apart::new(&config(1, ""));
    apart.request("INVITE", 1, "");
    apart.carry();
    apart.agent_answers();
    apart.carry_but(&Lost::Down(|effect| matches!(effect, Effect::Join { .. })));
    assert_eq!((apart.live(), apart.agent().0), (1, AgentState::Talking));
    apart.heals(&[Repair::OrphanCall, Repair::Talk]);
    assert!(apart.last_sent(Method::Bye).is_some(), "the agent's leg ends with the caller's");
    assert_eq!((apart.live(), apart.agent()), (0, (AgentState::Ready, None)));
}

#[test]
fn a_lost_question_or_answer_of_the_census_itself_only_delays_it() {
    let mut apart = Apart::new(&config(0, ""));
    apart.request("INVITE", 1, "");
    apart.carry_but(&Lost::Up(|command| matches!(command, Command::Enqueue { .. })));
    apart.now += ROUND;
    apart.parts.hub.handle_timeout(apart.now);
    apart.collect();
    assert_eq!(std::mem::take(&mut apart.down).len(), 1, "the question is lost");
    apart.pass(Duration::from_secs(59));
    assert_eq!(apart.repairs(), []);
    apart.pass(BOUND);
    assert_eq!(apart.repairs(), [Repair::OrphanCall]);
}

#[test]
fn letters_that_are_late_by_many_rounds_cause_no_repair() {
    let mut apart = Apart::new(&config(1, PATIENT));
    for call in 1..=9 {
        apart.request("INVITE", call, "");
    }
    // All wait for the hub, then for the shards, while a minute passes each time; order is all that is kept.
    for _ in 0..20 {
        apart.carry_up();
        apart.now += Duration::from_secs(60);
        apart.parts.hub.handle_timeout(apart.now);
        apart.collect();
        apart.carry_down();
    }
    let repairs: Vec<Repair> = apart.repairs().into_iter().filter(|kind| *kind != Repair::Release).collect();
    assert_eq!(repairs, [], "only the reservation's own deadline, which late letters do pass");
}

#[test]
fn a_round_over_many_callers_asks_a_chunk_at_a_time_and_misses_nobody() {
    let mut engine = crate::acd::Engine::new(Instant::ZERO, Arc::default());
    let mut world = Apart::new(&config(3, "strategy = \"ring-all\""));
    let many = 2 * CENSUS_CHUNK as u64 + 7;
    std::mem::swap(&mut engine, &mut world.parts.hub.engine);
    for call in 0..many {
        let (queue, asks) = (QueueId(0), crate::acd::Asks::default());
        let command = Command::Enqueue { call: CallId(call + 1), queue, priority: 0, since: None, asks };
        engine.handle_command(Instant::ZERO, command);
        while engine.poll_effect().is_some() || engine.poll_fact().is_some() {}
    }
    let (mut walk, mut seen, mut turns) = (crate::acd::Walk::START, Vec::new(), 0);
    while !walk.is_over() {
        let (bonds, next) = engine.bonds(walk, CENSUS_CHUNK);
        assert!(bonds.len() <= CENSUS_CHUNK && bonds.iter().all(|bond| engine.holds(bond)));
        seen.extend(bonds);
        (walk, turns) = (next, turns + 1);
    }
    let waiting = seen.iter().filter(|bond| matches!(bond, Bond::Waiting { .. })).count() as u64;
    assert_eq!((waiting, seen.len() as u64 - waiting, turns), (many, 3, 3));
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len() as u64, many + 3, "nobody twice");
}
