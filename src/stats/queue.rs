//! One queue's block: which cell means what, and how each fact about a visit changes them. Each figure is stored once;
//! sums (abandoned, flowed out, lost) are taken over their parts when a copy is read.
//!
//! Each visit gives exactly one service-level event, the moment it is decided ("Decisions" 3): in T by its outcome, past T
//! as `missed`. A visit that found the queue closed within T is untargeted and gives none.

use std::sync::Arc;
use std::time::Duration;

use crate::acd::{FlowOut, OfferResult, QueuePlan, Refusal};
use crate::base::{Instant, QueueId};
use crate::stats::block::{Block, Write};
use crate::stats::bounds::{bucket, micros};
use crate::stats::calendar::Calendar;
use crate::stats::contradiction::Contradiction;
use crate::stats::lost::LostCause;
use crate::stats::moment::Moment;
use crate::stats::window::{self, Borders, Change, Windows};

const OFFERED: usize = 0;
const ANSWERED: usize = 1;
const WAITING: usize = 2;
/// When the longest waiting caller joined; [`Instant::FAR`] when nobody waits.
const OLDEST: usize = 3;
const THRESHOLD: usize = 4;
const SHORT_ABANDON: usize = 5;
/// The bits of an `f64`; NaN when no target is known.
const TARGET: usize = 6;
/// One when the plan in force lacks the queue.
const REMOVED: usize = 7;
const TALKS: usize = 8;
const TALK_MICROS: usize = 9;
const WRAP_UPS: usize = 10;
const WRAP_UP_MICROS: usize = 11;
/// Visits whose outcome came after T. Never more than the missed ones.
const LATE: usize = 12;
const SL_ANSWERED: usize = 13;
const SL_ABANDONED: usize = 14;
const SL_ABANDONED_SHORT: usize = 15;
const SL_FLOWOUT: usize = 16;
const SL_MISSED: usize = 17;
const SL_MISSED_FLOWOUT: usize = 18;
const ABANDONED_SHORT: usize = 19;
const ABANDONED_WHILE_RINGING: usize = 20;
const ABANDONED_IN_QUEUE: usize = 21;
/// One cell for each of [`FlowOut::ALL`].
const FLOWED_OUT: usize = 22;
/// One cell for each of [`OfferResult::ALL`].
const OFFERS: usize = FLOWED_OUT + FlowOut::ALL.len();
/// Contacts that joined this queue first, or were refused on their way to it.
const CONTACTS: usize = OFFERS + OfferResult::ALL.len();
/// Of them, those who talked to an agent.
const CONTACTS_SERVED: usize = CONTACTS + 1;
/// Of them, those whose journey has not come to anything yet.
const CONTACTS_IN_PROGRESS: usize = CONTACTS + 2;
/// Of them, the lost: one cell for each of [`LostCause::ALL`].
const CONTACTS_LOST: usize = CONTACTS + 3;
/// Of them, the untargeted: one cell for each of [`Refusal::ALL`].
const CONTACTS_UNTARGETED: usize = CONTACTS_LOST + LostCause::ALL.len();
/// Visits that flowed out and whose contact was served later: one cell for each of [`FlowOut::ALL`].
const SERVED_LATER: usize = CONTACTS_UNTARGETED + Refusal::ALL.len();
/// From here the histograms: for each its sum in microseconds, then a cell for each bound, then one for what lies above.
const HISTOGRAMS: usize = SERVED_LATER + FlowOut::ALL.len();

/// The histograms of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Histogram {
    /// Waits of the answered.
    AnswerWait,
    /// Waits of the abandoned.
    AbandonWait,
    /// Talk and wrap-up of one call.
    Handle,
    /// From offer to its end.
    Ring,
}

impl Histogram {
    const COUNT: usize = 4;

    /// The cell of its sum.
    const fn start(self, bounds: usize) -> usize {
        HISTOGRAMS + self as usize * (bounds + 2)
    }
}

/// A queue and its block.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) id: QueueId,
    pub(super) name: Arc<str>,
    bounds: Arc<[u64]>,
    block: Arc<Block>,
    windows: Arc<Windows>,
    borders: Borders,
    calendar: Arc<Calendar>,
}

impl Queue {
    /// A queue nobody has called yet.
    pub(super) fn new(plan: &QueuePlan, bounds: Arc<[u64]>) -> Self {
        let block = Arc::new(Block::new(HISTOGRAMS + Histogram::COUNT * (bounds.len() + 2)));
        let write = block.write();
        write.set(OLDEST, Instant::FAR.as_micros());
        write.set(TARGET, f64::NAN.to_bits());
        drop(write);
        let windows = Arc::new(Windows::new(bounds.len()));
        let (borders, calendar) = (Borders::default(), Arc::new(Calendar::utc()));
        let queue = Self { id: plan.id, name: Arc::clone(&plan.name), bounds, block, windows, borders, calendar };
        queue.configure(plan);
        queue
    }

    /// The same queue with the same figures, its days and months counted by another calendar from now on.
    pub(super) fn with_calendar(&self, calendar: Arc<Calendar>) -> Self {
        Self {
            id: self.id,
            name: Arc::clone(&self.name),
            bounds: Arc::clone(&self.bounds),
            block: Arc::clone(&self.block),
            windows: Arc::clone(&self.windows),
            borders: Borders::default(),
            calendar,
        }
    }

    /// The calendar its intervals go by.
    pub(super) fn calendar(&self) -> &Arc<Calendar> {
        &self.calendar
    }

    /// Its figures by interval.
    pub(super) fn windows(&self) -> &Windows {
        &self.windows
    }

    /// The bounds of its histograms, in microseconds.
    pub(super) fn bounds(&self) -> &[u64] {
        &self.bounds
    }

    /// Takes over the plan's limits. Another threshold starts the service-level events afresh: events of two thresholds
    /// cannot be added.
    pub(super) fn configure(&self, plan: &QueuePlan) {
        let write = self.block.write();
        write.set(REMOVED, 0);
        write.set(SHORT_ABANDON, micros(plan.short_abandon));
        let threshold = micros(plan.threshold);
        if write.get(THRESHOLD) == threshold {
            return;
        }
        write.set(THRESHOLD, threshold);
        for cell in LATE..=SL_MISSED_FLOWOUT {
            write.set(cell, 0);
        }
    }

    /// The plan no longer has the queue; its figures stay.
    pub(super) fn retire(&self) {
        self.block.write().set(REMOVED, 1);
    }

    /// The service level aimed at, a fraction.
    pub(super) fn aim_at(&self, target: f64) {
        self.block.write().set(TARGET, target.to_bits());
    }

    pub(super) fn on_offered(&self, when: Moment) {
        let write = self.block.write();
        write.add(OFFERED, 1);
        write.add(WAITING, 1);
        drop(write);
        self.add(when, &[(window::OFFERED, 1)]);
        self.add_arrival(when, &[(window::OFFERED, 1)]);
    }

    /// `joined` is the moment when the visit began, for the cohort.
    pub(super) fn on_answered(&self, when: Moment, joined: Moment, wait: Duration) -> Result<(), Contradiction> {
        let wait = micros(wait);
        let write = self.block.write();
        write.add(ANSWERED, 1);
        self.observe(&write, Histogram::AnswerWait, wait);
        let (is_in, missed) = is_in_threshold(&write, wait);
        write.add(SL_ANSWERED, u64::from(is_in));
        let left = leave(&write);
        drop(write);
        let changes = [
            (window::ANSWERED, 1),
            (window::ANSWER_WAIT, wait),
            (window::WAITS + bucket(&self.bounds, wait), window::ANSWERED_ONE),
            (window::SL_ANSWERED, u64::from(is_in)),
            missed,
        ];
        self.add(when, &changes);
        self.add_arrival(joined, &changes);
        left
    }

    /// Answers with the cause that this loss has.
    pub(super) fn on_abandoned(
        &self,
        when: Moment,
        joined: Moment,
        wait: Duration,
        while_ringing: bool,
    ) -> (LostCause, Result<(), Contradiction>) {
        let wait = micros(wait);
        let write = self.block.write();
        let short = wait <= write.get(SHORT_ABANDON);
        let (cell, cause) = match (short, while_ringing) {
            (true, _) => (ABANDONED_SHORT, LostCause::CallerShort),
            (false, true) => (ABANDONED_WHILE_RINGING, LostCause::CallerWhileRinging),
            (false, false) => (ABANDONED_IN_QUEUE, LostCause::CallerInQueue),
        };
        write.add(cell, 1);
        self.observe(&write, Histogram::AbandonWait, wait);
        let (is_in, missed) = is_in_threshold(&write, wait);
        let (live, interval) =
            if short { (SL_ABANDONED_SHORT, window::SL_ABANDONED_SHORT) } else { (SL_ABANDONED, window::SL_ABANDONED) };
        write.add(live, u64::from(is_in));
        let left = leave(&write);
        drop(write);
        let changes = [
            (window::ABANDONED, 1),
            (window::ABANDONED_SHORT, u64::from(short)),
            (window::ABANDON_WAIT, wait),
            (window::WAITS + bucket(&self.bounds, wait), window::ABANDONED_ONE),
            (interval, u64::from(is_in)),
            missed,
        ];
        self.add(when, &changes);
        self.add_arrival(joined, &changes);
        (cause, left)
    }

    pub(super) fn on_flowed_out(
        &self,
        when: Moment,
        joined: Moment,
        wait: Duration,
        reason: FlowOut,
    ) -> Result<(), Contradiction> {
        let write = self.block.write();
        write.add(FLOWED_OUT + reason as usize, 1);
        let wait = micros(wait);
        let (is_in, missed) = is_in_threshold(&write, wait);
        let is_event = u64::from(is_in && reason != FlowOut::Closed);
        write.add(SL_FLOWOUT, is_event);
        write.add(SL_MISSED_FLOWOUT, u64::from(!is_in));
        let left = leave(&write);
        drop(write);
        let changes = [
            (window::FLOWED_OUT + reason as usize, 1),
            (window::FLOWOUT_WAIT, wait),
            (window::SL_FLOWOUT, is_event),
            (window::SL_MISSED_FLOWOUT, u64::from(!is_in)),
            missed,
        ];
        self.add(when, &changes);
        self.add_arrival(joined, &changes);
        left
    }

    pub(super) fn on_missed(&self, when: Moment, joined: Moment) {
        self.block.write().add(SL_MISSED, 1);
        self.add(when, &[(window::SL_MISSED, 1)]);
        self.add_arrival(joined, &[(window::SL_MISSED, 1)]);
    }

    /// A contact begins here.
    pub(super) fn on_contact(&self) {
        let write = self.block.write();
        write.add(CONTACTS, 1);
        write.add(CONTACTS_IN_PROGRESS, 1);
    }

    /// A contact that began here is served.
    pub(super) fn on_contact_served(&self) -> Result<(), Contradiction> {
        self.settle(CONTACTS_SERVED)
    }

    /// A contact that began here is lost.
    pub(super) fn on_contact_lost(&self, cause: LostCause) -> Result<(), Contradiction> {
        self.settle(CONTACTS_LOST + cause as usize)
    }

    /// A contact that began here found the queue closed.
    pub(super) fn on_contact_untargeted(&self) -> Result<(), Contradiction> {
        self.settle(CONTACTS_UNTARGETED + Refusal::Closed as usize)
    }

    fn settle(&self, cell: usize) -> Result<(), Contradiction> {
        let write = self.block.write();
        write.add(cell, 1);
        if write.take(CONTACTS_IN_PROGRESS, 1) { Ok(()) } else { Err(Contradiction::NobodyWaits) }
    }

    /// A contact on its way here was refused: offered and lost or untargeted at once (FEATURES K4).
    pub(super) fn on_contact_refused(&self, cause: Refusal) {
        let write = self.block.write();
        write.add(CONTACTS, 1);
        write.add(
            LostCause::of_refusal(cause)
                .map_or(CONTACTS_UNTARGETED + cause as usize, |lost| CONTACTS_LOST + lost as usize),
            1,
        );
    }

    /// A visit that flowed out of here belongs to a contact that is served now.
    pub(super) fn on_served_later(&self, reason: FlowOut) {
        self.block.write().add(SERVED_LATER + reason as usize, 1);
    }

    pub(super) fn on_oldest(&self, since: Option<Instant>) {
        self.block.write().set(OLDEST, since.unwrap_or(Instant::FAR).as_micros());
    }

    pub(super) fn on_offer_ended(&self, when: Moment, result: OfferResult, ring: Duration) {
        let write = self.block.write();
        write.add(OFFERS + result as usize, 1);
        self.observe(&write, Histogram::Ring, micros(ring));
        drop(write);
        self.add(when, &[(window::OFFERS + result as usize, 1)]);
    }

    pub(super) fn on_talk(&self, when: Moment, talk: Duration) {
        let write = self.block.write();
        write.add(TALKS, 1);
        write.add(TALK_MICROS, micros(talk));
        drop(write);
        self.add(when, &[(window::TALKS, 1), (window::TALK, micros(talk))]);
    }

    pub(super) fn on_wrap_up(&self, when: Moment, wrap_up: Duration) {
        let write = self.block.write();
        write.add(WRAP_UPS, 1);
        write.add(WRAP_UP_MICROS, micros(wrap_up));
        drop(write);
        self.add(when, &[(window::WRAP_UPS, 1), (window::WRAP_UP, micros(wrap_up))]);
    }

    /// A call is wholly handled: talk and wrap-up together.
    pub(super) fn on_handled(&self, handle_micros: u64) {
        self.observe(&self.block.write(), Histogram::Handle, handle_micros);
    }

    /// A consistent copy.
    pub(super) fn read(&self) -> QueueCells {
        QueueCells { cells: self.block.read(), bounds: Arc::clone(&self.bounds) }
    }

    /// Intervals need the calendar's time; without an origin none are kept.
    fn add(&self, when: Moment, changes: &[Change]) {
        if let Some(wall) = when.wall {
            self.windows.add(wall, &self.borders, &self.calendar, changes);
        }
    }

    fn add_arrival(&self, joined: Moment, changes: &[Change]) {
        if let Some(wall) = joined.wall {
            self.windows.add_arrival(wall, changes);
        }
    }

    fn observe(&self, write: &Write<'_>, histogram: Histogram, value: u64) {
        let start = histogram.start(self.bounds.len());
        write.add(start, value);
        write.add(start + 1 + bucket(&self.bounds, value), 1);
    }

    /// Changes one cell without its fact, so that tests can show what notices.
    #[cfg(test)]
    pub(super) fn tamper(&self, cell: Tamper, more: i64) {
        let cell = match cell {
            Tamper::Offered => OFFERED,
            Tamper::Answered => ANSWERED,
            Tamper::Abandoned => ABANDONED_IN_QUEUE,
            Tamper::FlowedOut => FLOWED_OUT,
            Tamper::Waiting => WAITING,
            Tamper::ContactsServed => CONTACTS_SERVED,
        };
        self.block.write().add(cell, more as u64);
    }
}

/// A cell that a test changes.
#[cfg(test)]
#[derive(Debug, Clone, Copy)]
pub(super) enum Tamper {
    Offered,
    Answered,
    Abandoned,
    FlowedOut,
    Waiting,
    ContactsServed,
}

/// A wait of exactly T is in. A wait past T was missed, and counted by its own fact; where that fact did not come (the
/// threshold was made shorter meanwhile) the outcome stands in for it, so that the visit still gives its one event. The
/// change is what intervals count of that.
fn is_in_threshold(write: &Write<'_>, wait: u64) -> (bool, Change) {
    if wait <= write.get(THRESHOLD) {
        return (true, (window::SL_MISSED, 0));
    }
    write.add(LATE, 1);
    let (told, missed) = (write.get(SL_MISSED), write.get(LATE));
    write.set(SL_MISSED, told.max(missed));
    (false, (window::SL_MISSED, missed.saturating_sub(told)))
}

/// One caller fewer waits.
fn leave(write: &Write<'_>) -> Result<(), Contradiction> {
    if write.take(WAITING, 1) { Ok(()) } else { Err(Contradiction::NobodyWaits) }
}

/// A consistent copy of a queue's cells.
#[derive(Debug, Clone)]
pub(super) struct QueueCells {
    cells: Vec<u64>,
    bounds: Arc<[u64]>,
}

/// A histogram read from a copy.
#[derive(Debug, Clone, Copy)]
pub(super) struct Distribution<'a> {
    /// Microseconds, ascending.
    pub(super) bounds: &'a [u64],
    /// Values in each bucket, not accumulated; one more than there are bounds.
    pub(super) buckets: &'a [u64],
    /// Of all values, in microseconds.
    pub(super) sum: u64,
}

/// How many and how long in all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sum {
    pub(super) count: u64,
    pub(super) micros: u64,
}

impl QueueCells {
    pub(super) fn offered(&self) -> u64 {
        self.cells[OFFERED]
    }

    pub(super) fn answered(&self) -> u64 {
        self.cells[ANSWERED]
    }

    /// Short ones included.
    pub(super) fn abandoned(&self) -> u64 {
        self.cells[ABANDONED_SHORT..=ABANDONED_IN_QUEUE].iter().sum()
    }

    pub(super) fn abandoned_short(&self) -> u64 {
        self.cells[ABANDONED_SHORT]
    }

    pub(super) fn flowed_out(&self, reason: FlowOut) -> u64 {
        self.cells[FLOWED_OUT + reason as usize]
    }

    pub(super) fn waiting(&self) -> u64 {
        self.cells[WAITING]
    }

    /// When the longest waiting caller joined.
    pub(super) fn oldest(&self) -> Option<Instant> {
        let oldest = Instant::from_micros(self.cells[OLDEST]);
        (oldest != Instant::FAR && self.waiting() > 0).then_some(oldest)
    }

    pub(super) fn lost(&self, cause: LostCause) -> u64 {
        match cause {
            LostCause::CallerShort => self.cells[ABANDONED_SHORT],
            LostCause::CallerWhileRinging => self.cells[ABANDONED_WHILE_RINGING],
            LostCause::CallerInQueue => self.cells[ABANDONED_IN_QUEUE],
            LostCause::QueueFull
            | LostCause::Timeout
            | LostCause::Draining
            | LostCause::Overload
            | LostCause::Withdrawn
            | LostCause::Unanswered
            | LostCause::System => {
                let reasons = FlowOut::ALL.into_iter().filter(|reason| LostCause::of_flow_out(*reason) == Some(cause));
                reasons.map(|reason| self.flowed_out(reason)).sum()
            }
        }
    }

    /// Contacts that began here.
    pub(super) fn contacts(&self) -> u64 {
        self.cells[CONTACTS]
    }

    pub(super) fn contacts_served(&self) -> u64 {
        self.cells[CONTACTS_SERVED]
    }

    pub(super) fn contacts_in_progress(&self) -> u64 {
        self.cells[CONTACTS_IN_PROGRESS]
    }

    pub(super) fn contacts_lost(&self, cause: LostCause) -> u64 {
        self.cells[CONTACTS_LOST + cause as usize]
    }

    /// Zero for the causes that are losses.
    pub(super) fn contacts_untargeted(&self, reason: Refusal) -> u64 {
        self.cells[CONTACTS_UNTARGETED + reason as usize]
    }

    pub(super) fn served_later(&self, reason: FlowOut) -> u64 {
        self.cells[SERVED_LATER + reason as usize]
    }

    pub(super) fn offers(&self, result: OfferResult) -> u64 {
        self.cells[OFFERS + result as usize]
    }

    pub(super) fn talk(&self) -> Sum {
        Sum { count: self.cells[TALKS], micros: self.cells[TALK_MICROS] }
    }

    pub(super) fn wrap_up(&self) -> Sum {
        Sum { count: self.cells[WRAP_UPS], micros: self.cells[WRAP_UP_MICROS] }
    }

    pub(super) fn sl_answered(&self) -> u64 {
        self.cells[SL_ANSWERED]
    }

    pub(super) fn sl_abandoned(&self) -> u64 {
        self.cells[SL_ABANDONED]
    }

    pub(super) fn sl_abandoned_short(&self) -> u64 {
        self.cells[SL_ABANDONED_SHORT]
    }

    pub(super) fn sl_flowout(&self) -> u64 {
        self.cells[SL_FLOWOUT]
    }

    pub(super) fn sl_missed(&self) -> u64 {
        self.cells[SL_MISSED]
    }

    pub(super) fn sl_missed_flowout(&self) -> u64 {
        self.cells[SL_MISSED_FLOWOUT]
    }

    /// T in microseconds.
    pub(super) fn threshold(&self) -> u64 {
        self.cells[THRESHOLD]
    }

    /// S in microseconds.
    pub(super) fn short_abandon(&self) -> u64 {
        self.cells[SHORT_ABANDON]
    }

    pub(super) fn target(&self) -> Option<f64> {
        let target = f64::from_bits(self.cells[TARGET]);
        (!target.is_nan()).then_some(target)
    }

    pub(super) fn is_removed(&self) -> bool {
        self.cells[REMOVED] != 0
    }

    pub(super) fn distribution(&self, histogram: Histogram) -> Distribution<'_> {
        let start = histogram.start(self.bounds.len());
        Distribution {
            bounds: &self.bounds,
            buckets: &self.cells[start + 1..start + 2 + self.bounds.len()],
            sum: self.cells[start],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_enum_s_number_is_its_place_in_its_list() {
        assert!(FlowOut::ALL.iter().enumerate().all(|(place, reason)| *reason as usize == place));
        assert!(OfferResult::ALL.iter().enumerate().all(|(place, result)| *result as usize == place));
        assert!(LostCause::ALL.iter().enumerate().all(|(place, cause)| *cause as usize == place));
        assert!(Refusal::ALL.iter().enumerate().all(|(place, cause)| *cause as usize == place));
    }

    #[test]
    fn every_flow_out_but_closed_and_requeued_is_one_loss() {
        let losses: Vec<_> = FlowOut::ALL.iter().filter_map(|reason| LostCause::of_flow_out(*reason)).collect();
        let by_caller = [LostCause::CallerShort, LostCause::CallerWhileRinging, LostCause::CallerInQueue];
        for cause in LostCause::ALL {
            let times = losses.iter().chain(&by_caller).filter(|loss| **loss == cause).count();
            assert_eq!(times, 1, "{}", cause.as_str());
        }
        assert_eq!(losses.len(), FlowOut::ALL.len() - 2);
    }
}
