//! One queue's block: which cell means what, and how each fact about a visit changes them. Each figure is stored once;
//! sums (abandoned, flowed out, lost) are taken over their parts when a copy is read.
//!
//! Each visit gives exactly one service-level event, the moment it is decided ("Decisions" 3): in T by its outcome, past T
//! as `missed`. A visit that found the queue closed within T is untargeted and gives none.

use std::sync::Arc;
use std::time::Duration;

use crate::acd::{FlowOut, OfferResult, QueuePlan};
use crate::base::{Instant, QueueId};
use crate::stats::block::{Block, Write};
use crate::stats::bounds::{bucket, micros};
use crate::stats::contradiction::Contradiction;
use crate::stats::lost::LostCause;

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
/// Talks in which somebody held, how long they did, and answers faster than a person's.
const HOLDS: usize = 22;
const HOLD_MICROS: usize = 23;
const INSTANT_ANSWERS: usize = 24;
/// One cell for each of [`FlowOut::ALL`].
const FLOWED_OUT: usize = 25;
/// One cell for each of [`OfferResult::ALL`].
const OFFERS: usize = FLOWED_OUT + FlowOut::ALL.len();
/// From here the histograms: for each its sum in microseconds, then a cell for each bound, then one for what lies above.
const HISTOGRAMS: usize = OFFERS + OfferResult::ALL.len();

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
    block: Block,
}

impl Queue {
    /// A queue nobody has called yet.
    pub(super) fn new(plan: &QueuePlan, bounds: Arc<[u64]>) -> Self {
        let block = Block::new(HISTOGRAMS + Histogram::COUNT * (bounds.len() + 2));
        let write = block.write();
        write.set(OLDEST, Instant::FAR.as_micros());
        write.set(TARGET, f64::NAN.to_bits());
        drop(write);
        let queue = Self { id: plan.id, name: Arc::clone(&plan.name), bounds, block };
        queue.configure(plan);
        queue
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

    pub(super) fn on_offered(&self) {
        let write = self.block.write();
        write.add(OFFERED, 1);
        write.add(WAITING, 1);
    }

    pub(super) fn on_answered(&self, wait: Duration) -> Result<(), Contradiction> {
        let wait = micros(wait);
        let write = self.block.write();
        write.add(ANSWERED, 1);
        self.observe(&write, Histogram::AnswerWait, wait);
        if is_in_threshold(&write, wait) {
            write.add(SL_ANSWERED, 1);
        }
        leave(&write)
    }

    pub(super) fn on_abandoned(&self, wait: Duration, while_ringing: bool) -> Result<(), Contradiction> {
        let wait = micros(wait);
        let write = self.block.write();
        let short = wait <= write.get(SHORT_ABANDON);
        let cause = match (short, while_ringing) {
            (true, _) => ABANDONED_SHORT,
            (false, true) => ABANDONED_WHILE_RINGING,
            (false, false) => ABANDONED_IN_QUEUE,
        };
        write.add(cause, 1);
        self.observe(&write, Histogram::AbandonWait, wait);
        if is_in_threshold(&write, wait) {
            write.add(if short { SL_ABANDONED_SHORT } else { SL_ABANDONED }, 1);
        }
        leave(&write)
    }

    pub(super) fn on_flowed_out(&self, wait: Duration, reason: FlowOut) -> Result<(), Contradiction> {
        let write = self.block.write();
        write.add(FLOWED_OUT + reason as usize, 1);
        if !is_in_threshold(&write, micros(wait)) {
            write.add(SL_MISSED_FLOWOUT, 1);
        } else if reason != FlowOut::Closed {
            write.add(SL_FLOWOUT, 1);
        }
        leave(&write)
    }

    pub(super) fn on_missed(&self) {
        self.block.write().add(SL_MISSED, 1);
    }

    pub(super) fn on_oldest(&self, since: Option<Instant>) {
        self.block.write().set(OLDEST, since.unwrap_or(Instant::FAR).as_micros());
    }

    pub(super) fn on_offer_ended(&self, result: OfferResult, ring: Duration) {
        let write = self.block.write();
        write.add(OFFERS + result as usize, 1);
        self.observe(&write, Histogram::Ring, micros(ring));
    }

    /// `hold` is part of `talk`, and counted apart.
    pub(super) fn on_talk(&self, talk: Duration, hold: Duration) {
        let write = self.block.write();
        write.add(TALKS, 1);
        write.add(TALK_MICROS, micros(talk.saturating_sub(hold)));
        if !hold.is_zero() {
            write.add(HOLDS, 1);
            write.add(HOLD_MICROS, micros(hold));
        }
    }

    pub(super) fn on_instant_answer(&self) {
        self.block.write().add(INSTANT_ANSWERS, 1);
    }

    pub(super) fn on_wrap_up(&self, wrap_up: Duration) {
        let write = self.block.write();
        write.add(WRAP_UPS, 1);
        write.add(WRAP_UP_MICROS, micros(wrap_up));
    }

    /// A call is wholly handled: talk and wrap-up together.
    pub(super) fn on_handled(&self, handle_micros: u64) {
        self.observe(&self.block.write(), Histogram::Handle, handle_micros);
    }

    /// A consistent copy.
    pub(super) fn read(&self) -> QueueCells {
        QueueCells { cells: self.block.read(), bounds: Arc::clone(&self.bounds) }
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
}

/// A wait of exactly T is in. A wait past T was missed, and counted by its own fact; where that fact did not come (the
/// threshold was made shorter meanwhile) the outcome stands in for it, so that the visit still gives its one event.
fn is_in_threshold(write: &Write<'_>, wait: u64) -> bool {
    if wait <= write.get(THRESHOLD) {
        return true;
    }
    write.add(LATE, 1);
    let missed = write.get(SL_MISSED).max(write.get(LATE));
    write.set(SL_MISSED, missed);
    false
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
            | LostCause::OffersMax
            | LostCause::System => {
                let reasons = FlowOut::ALL.into_iter().filter(|reason| LostCause::of_flow_out(*reason) == Some(cause));
                reasons.map(|reason| self.flowed_out(reason)).sum()
            }
        }
    }

    pub(super) fn offers(&self, result: OfferResult) -> u64 {
        self.cells[OFFERS + result as usize]
    }

    pub(super) fn talk(&self) -> Sum {
        Sum { count: self.cells[TALKS], micros: self.cells[TALK_MICROS] }
    }

    pub(super) fn hold(&self) -> Sum {
        Sum { count: self.cells[HOLDS], micros: self.cells[HOLD_MICROS] }
    }

    pub(super) fn instant_answers(&self) -> u64 {
        self.cells[INSTANT_ANSWERS]
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
