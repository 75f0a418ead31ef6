//! Contacts: one caller's journey over all the queues it visits ("Decisions" 1). Each ends once: served when it first talks to
//! an agent, lost with exactly one cause, or untargeted. What it comes to is counted in the queue that it joined first, so
//! that sums over queues count callers and not visits.
//!
//! A contact has as many ties as it has visits in progress, agents who talk and others who took it over: one that is handed
//! on with a word beforehand has two for a while. Without any (a supervisor moved it, or parted it from its agent, or it is
//! being handed on) it may come back. When nothing is heard of it for [`LOOSE_MAX`], it is over: lost, where it was not served.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use smallvec::SmallVec;

use crate::acd::{Dimensions, EndedBy, FlowOut};
use crate::base::{CallId, Instant, QueueId};
#[cfg(test)]
use crate::stats::tests::hold;

/// How long a contact may be in no queue and with no agent: a move takes milliseconds, a drained message channel a second.
const LOOSE_MAX: Duration = Duration::from_secs(60);
/// Loose contacts at once; the oldest is over when there are more. Supervisors move calls one at a time.
const LOOSE_COUNT_MAX: u64 = 4_096;
/// Moves that are remembered, to count them as served later; a contact moved more often is one that somebody plays with.
const MOVES_MAX: usize = 8;

/// A queue that a contact left, and why.
pub(super) type Move = (QueueId, FlowOut);

/// Where a contact is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin {
    /// The queue that it joined first.
    pub(super) queue: QueueId,
    /// What it is told apart by.
    pub(super) dimensions: Dimensions,
}

/// What is remembered of an open contact: plain data, copied out of its map, changed and put back.
#[derive(Debug, Clone)]
struct Contact {
    /// Where it is counted.
    first: Origin,
    /// When the visit in progress, or the last one, began.
    joined: Instant,
    /// How long it was expected to wait when the visit began.
    expected: Option<Duration>,
    /// It talked to an agent.
    served: bool,
    /// Visits in progress and talks.
    ties: u8,
    moves: SmallVec<[Move; 1]>,
    /// Its place among the loose ones.
    loose: Option<u64>,
}

/// What a contact has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settled {
    /// Where it is counted.
    pub(super) first: Origin,
    /// The queues it left before.
    pub(super) moves: SmallVec<[Move; 1]>,
}

/// The open contacts. Only the one writer touches them.
#[derive(Debug)]
pub(super) struct Contacts {
    open: DashMap<CallId, Contact>,
    loose: DashMap<u64, (Instant, CallId)>,
    /// Loose places given and taken back, in order.
    newest: AtomicU64,
    oldest: AtomicU64,
}

impl Contacts {
    /// None yet.
    pub(super) fn new() -> Self {
        Self { open: DashMap::new(), loose: DashMap::new(), newest: AtomicU64::new(0), oldest: AtomicU64::new(0) }
    }

    /// A visit begins. True when the contact does too.
    pub(super) fn on_offered(&self, at: Instant, call: CallId, first: Origin, expected: Option<Duration>) -> bool {
        let Some(mut contact) = self.take(call) else {
            let (served, ties, moves, loose) = (false, 1, SmallVec::new(), None);
            self.open.insert(call, Contact { first, joined: at, expected, served, ties, moves, loose });
            return true;
        };
        self.tie(&mut contact);
        // Its wait counts from before: no estimate was made for that.
        (contact.joined, contact.expected) = (at, None);
        self.open.insert(call, contact);
        false
    }

    /// When the call's visit began, and what it is told apart by.
    pub(super) fn visit(&self, call: CallId) -> Option<(Instant, Dimensions)> {
        self.open.get(&call).map(|contact| (contact.joined, contact.first.dimensions))
    }

    /// How long the call was expected to wait when its visit began.
    pub(super) fn expected(&self, call: CallId) -> Option<Duration> {
        self.open.get(&call).and_then(|contact| contact.expected)
    }

    /// An agent answered. `None` when one did before.
    pub(super) fn on_answered(&self, call: CallId) -> Option<Settled> {
        let mut contact = self.take(call)?;
        let settled =
            (!contact.served).then(|| Settled { first: contact.first, moves: std::mem::take(&mut contact.moves) });
        contact.served = true;
        self.open.insert(call, contact);
        settled
    }

    /// An agent who was rung by name, or somebody outside, has taken the call over.
    pub(super) fn on_reached(&self, call: CallId) {
        let Some(mut contact) = self.take(call) else { return };
        self.tie(&mut contact);
        self.open.insert(call, contact);
    }

    /// The caller hung up. `None` when the contact was served before.
    pub(super) fn on_abandoned(&self, call: CallId) -> Option<Origin> {
        let contact = self.take(call)?;
        (!contact.served).then_some(contact.first)
    }

    /// The visit ended for another reason. `None` when the contact goes on or was served before.
    pub(super) fn on_flowed_out(&self, at: Instant, call: CallId, queue: QueueId, reason: FlowOut) -> Option<Origin> {
        let mut contact = self.take(call)?;
        contact.ties = contact.ties.saturating_sub(1);
        if contact.ties > 0 {
            self.open.insert(call, contact);
            return None;
        }
        if !goes_on(reason) {
            return (!contact.served).then_some(contact.first);
        }
        if !contact.served && contact.moves.len() < MOVES_MAX {
            contact.moves.push((queue, reason));
        }
        self.loosen(at, call, contact);
        None
    }

    /// Caller and agent parted. The contact is over unless somebody else has it, or was to get it.
    pub(super) fn on_talk_ended(&self, at: Instant, call: CallId, by: EndedBy) {
        let Some(mut contact) = self.take(call) else { return };
        contact.ties = contact.ties.saturating_sub(1);
        if contact.ties > 0 {
            self.open.insert(call, contact);
            return;
        }
        match by {
            EndedBy::Supervisor | EndedBy::Transfer => self.loosen(at, call, contact),
            EndedBy::Caller | EndedBy::Agent | EndedBy::System => {}
        }
    }

    /// A contact that was loose for too long at `at`: where it is to be counted as lost. Ask until there is none.
    pub(super) fn poll_over(&self, at: Instant) -> Option<Origin> {
        loop {
            let (oldest, newest) = (self.oldest.load(Ordering::Relaxed), self.newest.load(Ordering::Relaxed));
            if oldest == newest {
                return None;
            }
            let entry = self.loose.get(&oldest).map(|entry| *entry);
            let is_over = entry.is_none_or(|(since, _)| at.since(since) > LOOSE_MAX);
            if !is_over && newest - oldest <= LOOSE_COUNT_MAX {
                return None;
            }
            self.oldest.store(oldest + 1, Ordering::Relaxed);
            self.loose.remove(&oldest);
            let over = entry.and_then(|(_, call)| self.take(call)).filter(|contact| !contact.served);
            if over.is_some() {
                return over.map(|contact| contact.first);
            }
        }
    }

    fn loosen(&self, at: Instant, call: CallId, contact: Contact) {
        let place = self.newest.fetch_add(1, Ordering::Relaxed);
        self.loose.insert(place, (at, call));
        self.open.insert(call, Contact { loose: Some(place), ..contact });
    }

    /// It is in a queue again, or somebody has it.
    fn tie(&self, contact: &mut Contact) {
        contact.ties = contact.ties.saturating_add(1);
        if let Some(place) = contact.loose.take() {
            self.loose.remove(&place);
        }
    }

    fn take(&self, call: CallId) -> Option<Contact> {
        self.open.remove(&call).map(|(_, contact)| contact)
    }
}

#[cfg(test)]
impl Contacts {
    /// All its guards, for a test of who waits for them.
    pub(super) fn hold(&self) -> Vec<hold::Guard<'_>> {
        let mut guards = hold::all(&self.open, (0..hold::KEYS).map(CallId));
        guards.extend(hold::all(&self.loose, 0..hold::KEYS));
        guards
    }
}

/// True when the contact joins another queue after it left one for this reason.
const fn goes_on(reason: FlowOut) -> bool {
    match reason {
        FlowOut::Requeued => true,
        FlowOut::Full
        | FlowOut::Closed
        | FlowOut::Emergency
        | FlowOut::Fax
        | FlowOut::Timeout
        | FlowOut::Draining
        | FlowOut::EngineRestart
        | FlowOut::Overload
        | FlowOut::Withdrawn
        | FlowOut::Unanswered
        | FlowOut::OffersMax
        | FlowOut::System => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: CallId = CallId(7);
    const FIRST: QueueId = QueueId(0);
    const SECOND: QueueId = QueueId(1);

    fn in_queue(queue: QueueId) -> Origin {
        Origin { queue, dimensions: Dimensions::default() }
    }

    fn at(seconds: u64) -> Instant {
        Instant::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn a_moved_contact_is_one_and_is_counted_where_it_began() {
        let contacts = Contacts::new();
        assert!(contacts.on_offered(at(0), CALL, in_queue(FIRST), None));
        assert_eq!(contacts.on_flowed_out(at(5), CALL, FIRST, FlowOut::Requeued), None);
        assert!(!contacts.on_offered(at(5), CALL, in_queue(SECOND), None));
        assert_eq!(contacts.visit(CALL), Some((at(5), Dimensions::default())));
        let settled = contacts.on_answered(CALL).unwrap();
        assert_eq!((settled.first.queue, &settled.moves[..]), (FIRST, &[(FIRST, FlowOut::Requeued)][..]));
        contacts.on_talk_ended(at(9), CALL, EndedBy::Caller);
        assert!(contacts.open.is_empty() && contacts.loose.is_empty());
    }

    #[test]
    fn who_talked_is_not_lost_when_it_gives_up_in_a_later_queue() {
        let contacts = Contacts::new();
        contacts.on_offered(at(0), CALL, in_queue(FIRST), None);
        assert!(contacts.on_answered(CALL).is_some());
        contacts.on_talk_ended(at(3), CALL, EndedBy::Supervisor);
        assert!(!contacts.on_offered(at(3), CALL, in_queue(SECOND), None));
        assert_eq!(contacts.on_abandoned(CALL), None);
        assert!(contacts.open.is_empty());
    }

    #[test]
    fn who_is_handed_on_with_a_word_beforehand_stays_one_contact() {
        let contacts = Contacts::new();
        contacts.on_offered(at(0), CALL, in_queue(FIRST), None);
        contacts.on_answered(CALL);
        assert!(!contacts.on_offered(at(9), CALL, in_queue(SECOND), None), "the agent asks another queue");
        assert_eq!(contacts.on_flowed_out(at(12), CALL, SECOND, FlowOut::Timeout), None);
        assert_eq!(contacts.open.len(), 1, "and is back with the caller");
        contacts.on_reached(CALL);
        contacts.on_talk_ended(at(20), CALL, EndedBy::Transfer);
        assert_eq!((contacts.open.len(), contacts.loose.len()), (1, 0));
        contacts.on_talk_ended(at(30), CALL, EndedBy::Transfer);
        assert_eq!(contacts.loose.len(), 1, "blindly");
        contacts.on_reached(CALL);
        contacts.on_talk_ended(at(40), CALL, EndedBy::Caller);
        assert!(contacts.open.is_empty() && contacts.loose.is_empty());
    }

    #[test]
    fn who_is_not_heard_of_any_more_is_over() {
        let contacts = Contacts::new();
        for call in [1, 2].map(CallId) {
            contacts.on_offered(at(0), call, in_queue(SECOND), None);
        }
        contacts.on_answered(CallId(1));
        contacts.on_talk_ended(at(1), CallId(1), EndedBy::Supervisor);
        contacts.on_flowed_out(at(2), CallId(2), SECOND, FlowOut::Requeued);
        assert_eq!(contacts.poll_over(at(61)), None);
        assert_eq!(contacts.open.len(), 2);
        assert_eq!(contacts.poll_over(at(63)), Some(in_queue(SECOND)), "the served one is only forgotten");
        assert_eq!(contacts.poll_over(at(63)), None);
        assert!(contacts.open.is_empty() && contacts.loose.is_empty());
    }

    #[test]
    fn no_more_contacts_are_loose_than_the_bound() {
        let contacts = Contacts::new();
        let mut lost = 0;
        for call in (0..LOOSE_COUNT_MAX + 10).map(CallId) {
            contacts.on_offered(at(0), call, in_queue(FIRST), None);
            contacts.on_flowed_out(at(0), call, FIRST, FlowOut::Requeued);
            lost += u64::from(contacts.poll_over(at(0)).is_some());
        }
        assert_eq!((lost, contacts.loose.len() as u64), (10, LOOSE_COUNT_MAX));
    }
}
