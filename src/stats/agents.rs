//! Agents by state, and the seconds they spend in each. Agents with the same skills form a group, since the same queues
//! accept them: a change of state is one write however many queues the agent serves, and a queue's figure is the sum over
//! the groups it accepts.
//!
//! Seconds run while a state lasts: a copy holds the closed seconds, how many agents are in the state and the sum of the
//! moments they entered it, so that `closed + agents * now - moments` needs no visit to the agents. For every moment the
//! seconds of all states add up to the agents' time in the plan.

use std::sync::Arc;

use crate::acd::{AgentState, Direction, OfferResult, Reason, Share};
use crate::base::{Instant, QueueId};
use crate::stats::block::Block;
use crate::stats::cells::Sum;
use crate::stats::contradiction::Contradiction;
use crate::stats::hand::Hand;
use crate::stats::moment::Moment;
use crate::stats::staff::{ByShare, Staff};

/// The number of agent states.
pub(super) const STATES: usize = AgentState::LABELS.len();

/// Agents by state, in the order of [`AgentState::LABELS`].
pub(super) type ByState = [u64; STATES];

/// How many [`KINDS`] there are; written out, as the compiler goes round in circles where a type's size asks for their names.
pub(super) const KIND_COUNT: usize = 18;

/// What agent seconds are told apart by: the index of the state's label, and the reason of not ready or the direction of
/// another call.
pub(super) const KINDS: [(usize, &str); KIND_COUNT] = [
    (AgentState::LoggedOut.index(), ""),
    (AgentState::Ready.index(), ""),
    (AgentState::Unreachable.index(), ""),
    (AgentState::Reserved.index(), ""),
    (AgentState::Ringing.index(), ""),
    (AgentState::Talking.index(), ""),
    (AgentState::WrapUp.index(), ""),
    (NOT_READY, "no-answer"),
    (NOT_READY, "rejected"),
    (NOT_READY, "busy"),
    (NOT_READY, "failed"),
    (NOT_READY, "initial"),
    (NOT_READY, "custom"),
    (AgentState::Hold.index(), ""),
    (OTHER_CALL, Direction::In.as_str()),
    (OTHER_CALL, Direction::Out.as_str()),
    (OTHER_CALL, Direction::Internal.as_str()),
    (AgentState::Consult.index(), ""),
];

const OTHER_CALL: usize = AgentState::OtherCall(Direction::In).index();
const NOT_READY: usize = AgentState::NotReady(Reason::Initial).index();

/// A state with its reason as an index into [`KINDS`]. Reasons that people give are one kind: their texts are unbounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind(usize);

impl Kind {
    pub(super) const LOGGED_OUT: Self = Self(0);
    pub(super) const WRAP_UP: Self = Self(6);

    /// The state's kind.
    pub(super) fn of(state: &AgentState) -> Self {
        Self(match state {
            AgentState::LoggedOut => 0,
            AgentState::Ready => 1,
            AgentState::Unreachable => 2,
            AgentState::Reserved => 3,
            AgentState::Ringing => 4,
            AgentState::Talking => 5,
            AgentState::WrapUp => 6,
            AgentState::NotReady(Reason::NoAnswer) => 7,
            AgentState::NotReady(Reason::Rejected) => 8,
            AgentState::NotReady(Reason::Busy) => 9,
            AgentState::NotReady(Reason::Failed) => 10,
            AgentState::NotReady(Reason::Initial) => 11,
            AgentState::NotReady(Reason::Custom(_)) => 12,
            AgentState::Hold => 13,
            AgentState::OtherCall(direction) => 14 + *direction as usize,
            AgentState::Consult => 17,
        })
    }

    /// True while the agent is joined with a caller.
    fn is_talk(self) -> bool {
        let state = self.state();
        state == AgentState::Talking.index()
            || state == AgentState::Hold.index()
            || state == AgentState::Consult.index()
    }

    /// What its time counts as.
    fn share(self) -> Share {
        AgentState::SHARES[self.state()]
    }

    /// The index into [`AgentState::LABELS`].
    pub(super) fn state(self) -> usize {
        KINDS[self.0].0
    }
}

/// Agents who take calls, now or after the one in hand.
pub(super) fn at_work(agents: &ByState) -> u64 {
    AgentState::of_shares(&Share::IN_SERVICE).map(|state| agents[state]).sum()
}

/// Agents by what their time counts as.
fn by_share(agents: &ByState) -> ByShare {
    Share::LOGGED_IN.map(|share| AgentState::of_shares(&[share]).map(|state| agents[state]).sum())
}

/// Agents with the same skills, counted by state.
#[derive(Debug)]
pub(super) struct Group {
    block: Block,
    /// The agents of each queue that accepts the group.
    staffs: Vec<Arc<Staff>>,
}

impl Group {
    /// A group whose agents are in these states from `when` on, and the staffs of the queues that accept it, which it joins.
    pub(super) fn new(when: Moment, agents: ByState, staffs: Vec<Arc<Staff>>) -> Self {
        for staff in &staffs {
            staff.join(when, by_share(&agents));
        }
        let block = Block::new(STATES);
        let write = block.write();
        for (state, count) in agents.into_iter().enumerate() {
            write.set(state, count);
        }
        drop(write);
        Self { block, staffs }
    }

    /// Adds the group's agents to `total`.
    pub(super) fn add_to(&self, total: &mut ByState) {
        for (sum, count) in total.iter_mut().zip(self.block.copy::<STATES>()) {
            *sum += count;
        }
    }

    fn change(&self, when: Moment, from: Kind, to: Kind) -> Result<(), Contradiction> {
        let (before, after) = (from.share(), to.share());
        for staff in self.staffs.iter().filter(|_| before != after) {
            staff.change(when, Some(before), Some(after));
        }
        let write = self.block.write();
        write.add(to.state(), 1);
        if write.take(from.state(), 1) { Ok(()) } else { Err(Contradiction::OtherState) }
    }
}

/// The seconds of all agents by kind, in one block; and what they count as by interval.
#[derive(Debug)]
pub(super) struct Times {
    cells: Block,
    staff: Staff,
}

const CLOSED: usize = 0;
const AGENTS: usize = KIND_COUNT;
const ENTERED: usize = 2 * KIND_COUNT;
/// The latest moment folded: a reader whose clock was read before it reckons with it, or a counter would go back.
const LATEST: usize = 3 * KIND_COUNT;
const TALKS: usize = LATEST + 1;
const TALK: usize = LATEST + 2;
const TIMES: usize = TALK + 1;

impl Times {
    /// Nobody's time; days and months begin as the hand tells.
    pub(super) fn new(hand: Arc<Hand>) -> Self {
        Self { cells: Block::new(TIMES), staff: Staff::new(hand) }
    }

    /// Their time by interval.
    pub(super) const fn staff(&self) -> &Staff {
        &self.staff
    }

    /// An agent is in a state from `when` on.
    pub(super) fn enter(&self, when: Moment, kind: Kind) {
        self.change(when, None, Some(kind));
    }

    /// An agent in `kind` since `since` is no longer counted.
    pub(super) fn leave(&self, when: Moment, since: Instant, kind: Kind) {
        self.change(when, Some((kind, since)), None);
    }

    fn change(&self, when: Moment, from: Option<(Kind, Instant)>, to: Option<Kind>) {
        self.staff.change(when, from.map(|(kind, _)| kind.share()), to.map(Kind::share));
        let at = when.at;
        let write = self.cells.write();
        write.set(LATEST, write.get(LATEST).max(at.as_micros()));
        if let Some((Kind(from), since)) = from {
            write.add(CLOSED + from, at.as_micros().saturating_sub(since.as_micros()));
            write.take(AGENTS + from, 1);
            write.take(ENTERED + from, since.as_micros());
        }
        if let Some(Kind(to)) = to {
            write.add(AGENTS + to, 1);
            write.add(ENTERED + to, at.as_micros());
        }
    }

    /// A talk of `talk_micros` ended.
    pub(super) fn count_talk(&self, talk_micros: u64) {
        let write = self.cells.write();
        write.add(TALKS, 1);
        write.add(TALK, talk_micros);
    }

    /// Talks that ended, and their time in microseconds.
    pub(super) fn talks(&self) -> Sum {
        let cells = self.cells.copy::<TIMES>();
        Sum { count: cells[TALKS], micros: cells[TALK] }
    }

    /// How many agents are in each state now.
    pub(super) fn by_state(&self) -> ByState {
        let cells = self.cells.copy::<TIMES>();
        let mut states = ByState::default();
        for (kind, (state, _)) in KINDS.iter().enumerate() {
            states[*state] += cells[AGENTS + kind];
        }
        states
    }

    /// Microseconds spent in each of [`KINDS`] until `now`.
    pub(super) fn read(&self, now: Instant) -> [u64; KIND_COUNT] {
        let cells = self.cells.copy::<TIMES>();
        let now = now.as_micros().max(cells[LATEST]);
        std::array::from_fn(|kind| {
            let running = cells[AGENTS + kind].saturating_mul(now).saturating_sub(cells[ENTERED + kind]);
            cells[CLOSED + kind] + running
        })
    }
}

/// The books of one agent that has series of its own, or of all agents who found no place for theirs.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) name: Arc<str>,
    pub(super) times: Times,
    offers: Block,
}

impl Person {
    /// Nothing is known of it yet.
    pub(super) fn new(name: Arc<str>, hand: Arc<Hand>) -> Self {
        Self { name, times: Times::new(hand), offers: Block::new(OfferResult::ALL.len()) }
    }

    /// An offer to it ended.
    pub(super) fn count_offer(&self, result: OfferResult) {
        self.offers.write().add(result as usize, 1);
    }

    /// Offers that ended, in the order of [`OfferResult::ALL`].
    pub(super) fn offers(&self) -> Vec<u64> {
        self.offers.read()
    }
}

/// What the writer remembers of one agent: plain data, copied out of its map, changed and put back.
#[derive(Debug, Clone)]
pub(super) struct Agent {
    /// `None` when the plan in force lacks the agent: it ends its call and then goes.
    pub(super) group: Option<Arc<Group>>,
    pub(super) kind: Kind,
    /// The books of its team.
    pub(super) times: Arc<Times>,
    /// When it entered the state, or the team.
    pub(super) since: Instant,
    /// The talk whose wrap-up has not ended.
    pub(super) talk: Option<Talk>,
    /// The books of the team that it was in when the talk in progress began, where it has left that team since.
    pub(super) answered_in: Option<Arc<Times>>,
    /// Its own books, where it has any; in step with the team's, so that one moment of entering does for both.
    pub(super) own: Option<Arc<Person>>,
}

/// A talk not yet counted as handled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Talk {
    /// Where it was answered from.
    pub(super) queue: QueueId,
    /// How long it was, in microseconds.
    pub(super) micros: u64,
}

impl Agent {
    /// Enters another state, in the group's and the seconds' books. The state left is the one known here; `from` is what
    /// the fact says it was.
    pub(super) fn change(&mut self, when: Moment, from: Kind, to: Kind) -> Result<(), Contradiction> {
        self.times.change(when, Some((self.kind, self.since)), Some(to));
        if let Some(own) = &self.own {
            own.times.change(when, Some((self.kind, self.since)), Some(to));
        }
        let grouped = self.group.as_ref().map_or(Ok(()), |group| group.change(when, self.kind, to));
        let known = if self.kind == from { Ok(()) } else { Err(Contradiction::OtherState) };
        self.kind = to;
        self.since = when.at;
        grouped.and(known)
    }

    /// Goes on in the books of another team.
    pub(super) fn move_to(&mut self, when: Moment, times: Arc<Times>) {
        self.leave(when);
        times.enter(when, self.kind);
        if let Some(own) = &self.own {
            own.times.enter(when, self.kind);
        }
        let left = std::mem::replace(&mut self.times, times);
        self.since = when.at;
        if self.kind.is_talk() {
            self.answered_in.get_or_insert(left);
        }
    }

    /// Goes on with books of its own, with others, or with none.
    pub(super) fn follow(&mut self, when: Moment, own: Option<Arc<Person>>) {
        self.leave(when);
        (self.own, self.since) = (own, when.at);
        self.times.enter(when, self.kind);
        if let Some(own) = &self.own {
            own.times.enter(when, self.kind);
        }
    }

    /// Its time in all books ends.
    pub(super) fn leave(&self, when: Moment) {
        self.times.leave(when, self.since, self.kind);
        if let Some(own) = &self.own {
            own.times.leave(when, self.since, self.kind);
        }
    }

    /// True when the agent may be forgotten: not in the plan and not at work.
    pub(super) fn is_gone(&self) -> bool {
        self.group.is_none() && self.kind == Kind::LOGGED_OUT
    }

    /// True when no wrap-up can follow a talk any more: the change neither enters nor leaves one.
    pub(super) fn skips_wrap_up(from: Kind, to: Kind) -> bool {
        from != Kind::WRAP_UP && to != Kind::WRAP_UP
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(n: u64) -> Instant {
        Instant::from_micros(n * 1_000_000)
    }

    fn moment(n: u64) -> Moment {
        Moment::new(second(n), None)
    }

    #[test]
    fn a_state_s_kind_names_its_label_and_its_reason() {
        let states = [
            AgentState::LoggedOut,
            AgentState::Ready,
            AgentState::Unreachable,
            AgentState::Reserved,
            AgentState::Ringing,
            AgentState::Talking,
            AgentState::WrapUp,
            AgentState::NotReady(Reason::NoAnswer),
            AgentState::NotReady(Reason::Rejected),
            AgentState::NotReady(Reason::Busy),
            AgentState::NotReady(Reason::Failed),
            AgentState::NotReady(Reason::Initial),
        ];
        for (index, state) in states.iter().enumerate() {
            let Kind(kind) = Kind::of(state);
            assert_eq!(kind, index);
            assert_eq!(KINDS[kind].0, state.index());
            if let AgentState::NotReady(reason) = state {
                assert_eq!(KINDS[kind].1, reason.as_str());
            }
        }
        assert_eq!(KINDS[Kind::of(&AgentState::Consult).0].0, AgentState::Consult.index());
        let lunch = AgentState::NotReady(Reason::Custom("lunch".into()));
        assert_eq!(KINDS[Kind::of(&lunch).0], (lunch.index(), "custom"));
        assert_eq!(KINDS[Kind::of(&AgentState::Hold).0], (AgentState::Hold.index(), ""));
        for direction in Direction::ALL {
            let elsewhere = AgentState::OtherCall(direction);
            assert_eq!(KINDS[Kind::of(&elsewhere).0], (elsewhere.index(), direction.as_str()));
        }
        assert!((0..STATES).all(|state| KINDS.iter().any(|(of, _)| *of == state)), "each state has its seconds");
    }

    #[test]
    fn seconds_run_while_a_state_lasts_and_never_go_back() {
        let times = Times::new(Arc::new(Hand::new()));
        let ready = Kind::of(&AgentState::Ready);
        let talking = Kind::of(&AgentState::Talking);
        times.enter(moment(10), ready);
        assert_eq!(times.read(second(15))[ready.0], 5_000_000);
        times.change(moment(20), Some((ready, second(10))), Some(talking));
        assert_eq!(times.read(second(26))[talking.0], 6_000_000);
        times.leave(moment(30), second(20), talking);
        assert_eq!(times.read(second(99)).iter().sum::<u64>(), 20_000_000);
    }

    #[test]
    fn a_clock_read_before_a_fact_reckons_with_the_fact_s_moment() {
        let times = Times::new(Arc::new(Hand::new()));
        let ready = Kind::of(&AgentState::Ready);
        times.enter(moment(0), ready);
        let before = times.read(second(19))[ready.0];
        times.enter(moment(20), ready);
        let after = times.read(second(19))[ready.0];
        assert!(after >= before, "a counter that goes back looks like a restart");
    }
}
