//! One queue's block: which cell means what, and how each fact about a visit changes them. Each figure is stored once;
//! sums (abandoned, flowed out, lost) are taken over their parts when a copy is read.
//!
//! Each visit gives exactly one service-level event, the moment it is decided ("Decisions" 3): in T by its outcome, past T
//! as `missed`. A visit that flowed out within T as untargeted (closed, emergency, fax) gives none.

use std::sync::Arc;
use std::time::Duration;

use crate::acd::estimate::{self, Load};
use crate::acd::{
    CutShort, EndedBy, FlowOut, LostCause, OfferResult, QueuePlan, Refusal, Target, TransferKind, TransferOutcome,
};
use crate::base::{Instant, QueueId};
use crate::stats::block::{Parted, Write};
use crate::stats::bounds::{bucket, micros};
use crate::stats::calendar::Calendar;
use crate::stats::cells::{
    ABANDONED, ANSWERED, CONTACTS, CONTACTS_IN_PROGRESS, CONTACTS_LOST, CONTACTS_SERVED, CONTACTS_UNTARGETED,
    CUT_SHORT, FLOWED_OUT, HANDLE_LONG, HANDLE_RECENT, HISTOGRAMS, HOLD_MICROS, HOLDS, Histogram, INSTANT_ANSWERS,
    LATE, LENDS, LOST, OFFERED, OFFERS, OLDEST, PART, QueueCells, REMOVED, RESERVE, SERVED_LATER, SHORT_ABANDON,
    SL_ABANDONED, SL_ABANDONED_SHORT, SL_ANSWERED, SL_FLOWOUT, SL_MISSED, SL_MISSED_FLOWOUT, TALK_MICROS, TALKS,
    TARGET, THRESHOLD, WAITING, WRAP_UP_MICROS, WRAP_UPS, transfers,
};
use crate::stats::contradiction::Contradiction;
use crate::stats::hand::Hand;
use crate::stats::hours::{Fate, Hours};
use crate::stats::moment::Moment;
use crate::stats::patience::Patience;
use crate::stats::staff::Staff;
use crate::stats::window::{self, Borders, Change, Windows};

/// What a visit's outcome needs to know of its beginning.
#[derive(Debug, Clone, Copy)]
pub(super) struct Visit {
    /// When it began, for the cohort.
    pub(super) joined: Moment,
    /// The place of the called number's group.
    pub(super) group: usize,
}

/// A queue and its block.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) id: QueueId,
    pub(super) name: Arc<str>,
    bounds: Arc<[u64]>,
    block: Arc<Parted>,
    hours: Arc<Hours>,
    windows: Arc<Windows>,
    patience: Arc<Patience>,
    staff: Arc<Staff>,
    borders: Borders,
    calendar: Arc<Calendar>,
}

impl Queue {
    /// A queue nobody has called yet, with room for the visits of so many groups of numbers.
    pub(super) fn new(plan: &QueuePlan, bounds: Arc<[u64]>, groups: usize) -> Self {
        let cells = HISTOGRAMS + Histogram::COUNT * (bounds.len() + 2);
        let (block, hours) = (Arc::new(Parted::new(cells, groups, PART)), Arc::default());
        let write = block.write();
        write.set(OLDEST, Instant::FAR.as_micros());
        write.set(TARGET, f64::NAN.to_bits());
        drop(write);
        let windows = Arc::new(Windows::new(bounds.len()));
        let (patience, staff) = (Arc::new(Patience::new()), Arc::new(Staff::new(Arc::new(Hand::new()))));
        let (borders, calendar) = (Borders::default(), Arc::new(Calendar::utc()));
        let (id, name) = (plan.id, Arc::clone(&plan.name));
        let queue = Self { id, name, bounds, block, hours, windows, patience, staff, borders, calendar };
        queue.configure(plan);
        queue
    }

    /// The same queue with the same figures, its days and months counted by another calendar from now on.
    pub(super) fn with_calendar(&self, calendar: Arc<Calendar>) -> Self {
        self.staff.hand().set(&calendar);
        Self {
            id: self.id,
            name: Arc::clone(&self.name),
            bounds: Arc::clone(&self.bounds),
            block: Arc::clone(&self.block),
            hours: Arc::clone(&self.hours),
            windows: Arc::clone(&self.windows),
            patience: Arc::clone(&self.patience),
            staff: Arc::clone(&self.staff),
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

    /// What became of its contacts by hour.
    pub(super) fn hours(&self) -> &Hours {
        &self.hours
    }

    /// How long its callers are patient.
    pub(super) fn patience(&self) -> &Patience {
        &self.patience
    }

    /// Its agents; the groups that it accepts keep it as their agents' states change.
    pub(super) const fn staff(&self) -> &Arc<Staff> {
        &self.staff
    }

    /// The mean wait of a caller who joins now; `None` when nothing is known.
    pub(super) fn expected_wait(&self) -> Option<Duration> {
        let cells = self.block.write();
        let (ahead, handle) = (cells.get(WAITING), cells.get(HANDLE_RECENT));
        drop(cells);
        let agents = u32::try_from(self.staff.at_work()).unwrap_or(u32::MAX);
        let load = Load { agents, handle: Duration::from_micros(handle), giving_up: self.patience.theta() };
        estimate::mean(u32::try_from(ahead).unwrap_or(u32::MAX), load)
    }

    /// An answered caller waited so long, and was expected to wait so long.
    pub(super) fn on_estimate_ended(&self, expected: Duration, wait: Duration) {
        let write = self.block.write();
        if wait > expected {
            self.observe(&write, Histogram::WaitedLonger, micros(wait - expected));
        } else {
            self.observe(&write, Histogram::WaitedShorter, micros(expected - wait));
        }
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

    /// A group of numbers leads here: its visits have series from now on.
    pub(super) fn expect(&self, group: usize) {
        self.block.part(group);
    }

    pub(super) fn on_offered(&self, when: Moment, group: usize) {
        let part = self.block.part(group);
        let write = self.block.write();
        part.add(&write, OFFERED, 1);
        write.add(WAITING, 1);
        drop(write);
        self.add(when, &[(window::OFFERED, 1)]);
        self.add_arrival(when, &[(window::OFFERED, 1)]);
    }

    pub(super) fn on_answered(&self, when: Moment, visit: Visit, wait: Duration) -> Result<(), Contradiction> {
        let wait = micros(wait);
        let part = self.block.part(visit.group);
        let write = self.block.write();
        part.add(&write, ANSWERED, 1);
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
        self.add_arrival(visit.joined, &changes);
        self.patience.add(wait, false);
        left
    }

    pub(super) fn on_abandoned(
        &self,
        when: Moment,
        visit: Visit,
        wait: Duration,
        cause: LostCause,
    ) -> Result<(), Contradiction> {
        let wait = micros(wait);
        let short = cause == LostCause::CallerShort;
        let part = self.block.part(visit.group);
        let write = self.block.write();
        part.add(&write, ABANDONED, 1);
        part.add(&write, LOST + cause as usize, 1);
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
        self.add_arrival(visit.joined, &changes);
        self.patience.add(wait, true);
        left
    }

    pub(super) fn on_flowed_out(
        &self,
        when: Moment,
        visit: Visit,
        wait: Duration,
        (reason, cause): (FlowOut, Option<LostCause>),
    ) -> Result<(), Contradiction> {
        let part = self.block.part(visit.group);
        let write = self.block.write();
        part.add(&write, FLOWED_OUT + reason as usize, 1);
        if let Some(cause) = cause {
            part.add(&write, LOST + cause as usize, 1);
        }
        let wait = micros(wait);
        let (is_in, missed) = is_in_threshold(&write, wait);
        let is_event = u64::from(is_in && reason.untargeted().is_none());
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
        self.add_arrival(visit.joined, &changes);
        // Who is moved waits on, with all that it has waited.
        if reason != FlowOut::Requeued {
            self.patience.add(wait, false);
        }
        left
    }

    pub(super) fn on_missed(&self, when: Moment, joined: Moment) {
        self.block.write().add(SL_MISSED, 1);
        self.add(when, &[(window::SL_MISSED, 1)]);
        self.add_arrival(joined, &[(window::SL_MISSED, 1)]);
    }

    /// A contact begins here.
    pub(super) fn on_contact(&self, hour: Option<i64>) {
        self.count_hour(hour, Fate::Offered);
        let write = self.block.write();
        write.add(CONTACTS, 1);
        write.add(CONTACTS_IN_PROGRESS, 1);
    }

    /// A contact that began here has come to its end.
    pub(super) fn on_contact_ended(&self, fate: Fate, hour: Option<i64>) -> Result<(), Contradiction> {
        self.count_hour(hour, fate);
        let cell = match fate {
            Fate::Served => CONTACTS_SERVED,
            Fate::Lost(cause) => CONTACTS_LOST + cause as usize,
            Fate::Untargeted(why) => CONTACTS_UNTARGETED + why as usize,
            Fate::Offered => return Ok(()),
        };
        let write = self.block.write();
        write.add(cell, 1);
        if write.take(CONTACTS_IN_PROGRESS, 1) { Ok(()) } else { Err(Contradiction::NobodyWaits) }
    }

    /// A contact on its way here was refused: offered and lost or untargeted at once (FEATURES K4).
    pub(super) fn on_contact_refused(&self, cause: Refusal, fate: Fate, hour: Option<i64>) {
        self.count_hour(hour, Fate::Offered);
        self.count_hour(hour, fate);
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

    pub(super) fn on_reserve(&self, active: bool) {
        self.block.write().set(RESERVE, active.into());
    }

    pub(super) fn on_lending(&self, lends: bool) {
        self.block.write().set(LENDS, lends.into());
    }

    pub(super) fn on_offer_ended(&self, when: Moment, result: OfferResult, ring: Duration) {
        let write = self.block.write();
        write.add(OFFERS + result as usize, 1);
        self.observe(&write, Histogram::Ring, micros(ring));
        drop(write);
        self.add(when, &[(window::OFFERS + result as usize, 1)]);
    }

    /// `hold` is part of `talk`, and counted apart.
    pub(super) fn on_talk(&self, when: Moment, talk: Duration, hold: Duration, by: EndedBy) {
        let cut_short = CutShort::of(talk, by);
        let talk = micros(talk.saturating_sub(hold));
        let write = self.block.write();
        write.add(TALKS, 1);
        write.add(TALK_MICROS, talk);
        if let Some(kind) = cut_short {
            write.add(CUT_SHORT + kind as usize, 1);
        }
        if !hold.is_zero() {
            write.add(HOLDS, 1);
            write.add(HOLD_MICROS, micros(hold));
        }
        drop(write);
        let held = [(window::HELD, u64::from(!hold.is_zero())), (window::HOLD, micros(hold))];
        self.add(when, &[(window::TALKS, 1), (window::TALK, talk), held[0], held[1]]);
    }

    pub(super) fn on_transfer(&self, kind: TransferKind, target: &Target, outcome: TransferOutcome) {
        self.block.write().add(transfers(kind, target.index(), outcome), 1);
    }

    pub(super) fn on_instant_answer(&self) {
        self.block.write().add(INSTANT_ANSWERS, 1);
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
        let write = self.block.write();
        self.observe(&write, Histogram::Handle, handle_micros);
        for (cell, weight) in [(HANDLE_RECENT, 16), (HANDLE_LONG, 256)] {
            let mean = write.get(cell);
            // The first call is the mean.
            let next = if mean == 0 { handle_micros } else { mean - mean / weight + handle_micros / weight };
            write.set(cell, next);
        }
    }

    /// A consistent copy.
    pub(super) fn read(&self) -> QueueCells {
        QueueCells::new(self.block.read(), Arc::clone(&self.bounds))
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

    fn count_hour(&self, hour: Option<i64>, fate: Fate) {
        if let Some(hour) = hour {
            self.hours.count(hour, fate);
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
        let (part, write) = (self.block.part(0), self.block.write());
        match cell {
            Tamper::Offered => part.add(&write, OFFERED, more as u64),
            Tamper::Answered => part.add(&write, ANSWERED, more as u64),
            Tamper::Abandoned => part.add(&write, ABANDONED, more as u64),
            Tamper::FlowedOut => part.add(&write, FLOWED_OUT, more as u64),
            Tamper::Waiting => write.add(WAITING, more as u64),
            Tamper::ContactsServed => write.add(CONTACTS_SERVED, more as u64),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_enum_s_number_is_its_place_in_its_list() {
        assert!(FlowOut::ALL.iter().enumerate().all(|(place, reason)| *reason as usize == place));
        assert!(OfferResult::ALL.iter().enumerate().all(|(place, result)| *result as usize == place));
        assert!(Refusal::ALL.iter().enumerate().all(|(place, cause)| *cause as usize == place));
        assert!(TransferKind::ALL.iter().enumerate().all(|(place, kind)| *kind as usize == place));
        assert!(TransferOutcome::ALL.iter().enumerate().all(|(place, outcome)| *outcome as usize == place));
    }
}
