//! The cells of a queue's block: which cell means what, and the figures that a consistent copy of them holds. Each figure is
//! stored once; sums (abandoned, flowed out, lost) are taken over their parts here.

use std::sync::Arc;

use crate::acd::{CutShort, FlowOut, LostCause, OfferResult, Refusal, Target, TransferKind, TransferOutcome};
use crate::base::Instant;
use crate::stats::block::PartedCells;

pub(super) const WAITING: usize = 0;
/// When the longest waiting caller joined; [`Instant::FAR`] when nobody waits.
pub(super) const OLDEST: usize = 1;
pub(super) const THRESHOLD: usize = 2;
pub(super) const SHORT_ABANDON: usize = 3;
/// The bits of an `f64`; NaN when no target is known.
pub(super) const TARGET: usize = 4;
/// One when the plan in force lacks the queue.
pub(super) const REMOVED: usize = 5;
pub(super) const TALKS: usize = 6;
pub(super) const TALK_MICROS: usize = 7;
pub(super) const WRAP_UPS: usize = 8;
pub(super) const WRAP_UP_MICROS: usize = 9;
/// Visits whose outcome came after T. Never more than the missed ones.
pub(super) const LATE: usize = 10;
pub(super) const SL_ANSWERED: usize = 11;
pub(super) const SL_ABANDONED: usize = 12;
pub(super) const SL_ABANDONED_SHORT: usize = 13;
pub(super) const SL_FLOWOUT: usize = 14;
pub(super) const SL_MISSED: usize = 15;
pub(super) const SL_MISSED_FLOWOUT: usize = 16;
/// Talks in which somebody held, how long they did, and answers faster than a person's.
pub(super) const HOLDS: usize = 17;
pub(super) const HOLD_MICROS: usize = 18;
pub(super) const INSTANT_ANSWERS: usize = 19;
/// Talks cut short: one cell for each of [`CutShort::ALL`].
pub(super) const CUT_SHORT: usize = 20;
/// One cell for each of [`OfferResult::ALL`].
pub(super) const OFFERS: usize = CUT_SHORT + CutShort::ALL.len();
/// Contacts that joined this queue first, or were refused on their way to it.
pub(super) const CONTACTS: usize = OFFERS + OfferResult::ALL.len();
/// Of them, those who talked to an agent.
pub(super) const CONTACTS_SERVED: usize = CONTACTS + 1;
/// Of them, those whose journey has not come to anything yet.
pub(super) const CONTACTS_IN_PROGRESS: usize = CONTACTS + 2;
/// Of them, the lost: one cell for each of [`LostCause::ALL`].
pub(super) const CONTACTS_LOST: usize = CONTACTS + 3;
/// Of them, the untargeted: one cell for each of [`Refusal::ALL`].
pub(super) const CONTACTS_UNTARGETED: usize = CONTACTS_LOST + LostCause::ALL.len();
/// Visits that flowed out and whose contact was served later: one cell for each of [`FlowOut::ALL`].
pub(super) const SERVED_LATER: usize = CONTACTS_UNTARGETED + Refusal::ALL.len();
/// Mean time to handle a call of late and over longer, in microseconds: each call counts one in 16 and one in 256.
pub(super) const HANDLE_RECENT: usize = SERVED_LATER + FlowOut::ALL.len();
pub(super) const HANDLE_LONG: usize = HANDLE_RECENT + 1;
/// 1 while the queue's reserve is in, and while it lends its members.
pub(super) const RESERVE: usize = HANDLE_LONG + 1;
pub(super) const LENDS: usize = RESERVE + 1;
/// Transfers that ended: one cell for each kind, target and outcome, the outcome last.
pub(super) const TRANSFERS: usize = LENDS + 1;
/// From here the histograms: for each its sum in microseconds, then a cell for each bound, then one for what lies above.
pub(super) const HISTOGRAMS: usize =
    TRANSFERS + TransferKind::ALL.len() * Target::LABELS.len() * TransferOutcome::ALL.len();

/// The cell of transfers of a kind to a target (an index into [`Target::LABELS`]) that ended so.
pub(super) const fn transfers(kind: TransferKind, target: usize, outcome: TransferOutcome) -> usize {
    TRANSFERS + (kind as usize * Target::LABELS.len() + target) * TransferOutcome::ALL.len() + outcome as usize
}

/// What of a queue's visits is told apart by the group of the called number: the cells of a part.
pub(super) const OFFERED: usize = 0;
pub(super) const ANSWERED: usize = 1;
/// Short ones included.
pub(super) const ABANDONED: usize = 2;
/// One cell for each of [`FlowOut::ALL`].
pub(super) const FLOWED_OUT: usize = 3;
/// Of the abandoned and the flowed out, the lost: one cell for each of [`LostCause::ALL`].
pub(super) const LOST: usize = FLOWED_OUT + FlowOut::ALL.len();
/// All of them.
pub(super) const PART: usize = LOST + LostCause::ALL.len();

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
    /// How much longer the answered waited than was estimated when they joined.
    WaitedLonger,
    /// How much shorter.
    WaitedShorter,
}

impl Histogram {
    pub(super) const COUNT: usize = 6;

    /// The cell of its sum.
    pub(super) const fn start(self, bounds: usize) -> usize {
        HISTOGRAMS + self as usize * (bounds + 2)
    }
}

/// A consistent copy of a queue's cells.
#[derive(Debug, Clone)]
pub(super) struct QueueCells {
    cells: Vec<u64>,
    all: Visits,
    groups: Vec<(usize, Visits)>,
    bounds: Arc<[u64]>,
}

/// What became of a queue's visits: those of one group of numbers, or of all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Visits([u64; PART]);

impl Visits {
    const NONE: Self = Self([0; PART]);

    fn new(cells: &[u64]) -> Self {
        Self(std::array::from_fn(|cell| cells[cell]))
    }

    fn add(&mut self, more: &Self) {
        for (sum, count) in self.0.iter_mut().zip(more.0) {
            *sum += count;
        }
    }

    pub(super) fn offered(&self) -> u64 {
        self.0[OFFERED]
    }

    pub(super) fn answered(&self) -> u64 {
        self.0[ANSWERED]
    }

    /// Short ones included.
    pub(super) fn abandoned(&self) -> u64 {
        self.0[ABANDONED]
    }

    pub(super) fn abandoned_short(&self) -> u64 {
        self.lost(LostCause::CallerShort)
    }

    pub(super) fn flowed_out(&self, reason: FlowOut) -> u64 {
        self.0[FLOWED_OUT + reason as usize]
    }

    /// For whatever reason.
    pub(super) fn all_flowed_out(&self) -> u64 {
        self.0[FLOWED_OUT..LOST].iter().sum()
    }

    pub(super) fn lost(&self, cause: LostCause) -> u64 {
        self.0[LOST + cause as usize]
    }

    /// Each of the abandoned and the flowed out has its cause, save for who is untargeted or goes on in another queue.
    pub(super) fn are_lost_by_cause(&self) -> bool {
        let is_unlost = |reason: &FlowOut| reason.untargeted().is_some() || *reason == FlowOut::Requeued;
        let unlost: u64 = FlowOut::ALL.into_iter().filter(is_unlost).map(|reason| self.flowed_out(reason)).sum();
        self.abandoned() + self.all_flowed_out() == unlost + self.0[LOST..].iter().sum::<u64>()
    }
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
    /// A copy of the cells of a queue whose histograms have these bounds.
    pub(super) fn new(copy: PartedCells, bounds: Arc<[u64]>) -> Self {
        let PartedCells { mut cells, parts } = copy;
        let own = cells.len() - parts.len() * PART;
        let groups: Vec<_> = parts
            .into_iter()
            .zip(cells[own..].chunks_exact(PART))
            .map(|(group, part)| (group, Visits::new(part)))
            .collect();
        cells.truncate(own);
        let mut all = Visits::NONE;
        groups.iter().for_each(|(_, visits)| all.add(visits));
        Self { cells, all, groups, bounds }
    }

    /// The visits of all groups.
    pub(super) const fn visits(&self) -> &Visits {
        &self.all
    }

    /// The visits by the place of the called number's group.
    pub(super) fn groups(&self) -> &[(usize, Visits)] {
        &self.groups
    }

    pub(super) fn waiting(&self) -> u64 {
        self.cells[WAITING]
    }

    /// 1 while the queue's reserve is in.
    pub(super) fn reserve(&self) -> u64 {
        self.cells[RESERVE]
    }

    /// 1 while the queue lends its members.
    pub(super) fn lends(&self) -> u64 {
        self.cells[LENDS]
    }

    /// When the longest waiting caller joined.
    pub(super) fn oldest(&self) -> Option<Instant> {
        let oldest = Instant::from_micros(self.cells[OLDEST]);
        (oldest != Instant::FAR && self.waiting() > 0).then_some(oldest)
    }

    pub(super) fn cut_short(&self, kind: CutShort) -> u64 {
        self.cells[CUT_SHORT + kind as usize]
    }

    /// Mean time to handle a call of late and over longer, in microseconds; 0 before the first.
    pub(super) fn handle_means(&self) -> (u64, u64) {
        (self.cells[HANDLE_RECENT], self.cells[HANDLE_LONG])
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

    /// Transfers of a kind to a target (an index into [`Target::LABELS`]) that ended so.
    pub(super) fn transfers(&self, kind: TransferKind, target: usize, outcome: TransferOutcome) -> u64 {
        self.cells[transfers(kind, target, outcome)]
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
