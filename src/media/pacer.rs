//! [`Pacer`]: who sends in which of the ten phases of a packet's 20 ms. Spreading the listeners keeps each wake-up short, and
//! fewer phases save wake-ups, each of which costs several packets; while nobody plays there is no tick at all.

use crate::base::Instant;

/// Slots that play, in ten phases of 2 ms.
#[derive(Debug)]
pub(crate) struct Pacer {
    phases: [Vec<u32>; PHASES],
    /// The last tick handled, counted from the clock's zero.
    handled: u64,
}

/// A moment at which a phase sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tick {
    /// The exact time it is due.
    pub(crate) at: Instant,
    phase: usize,
}

impl Pacer {
    /// Nobody plays; nothing before `now` is due.
    pub(crate) fn new(now: Instant) -> Self {
        Self { phases: Default::default(), handled: tick_of(now) }
    }

    /// Adds a slot that is not in it, to the phase with the fewest.
    pub(crate) fn add(&mut self, now: Instant, slot: u32) {
        debug_assert!(self.phases.iter().all(|phase| !phase.contains(&slot)), "a slot plays once");
        if self.phases.iter().all(Vec::is_empty) {
            self.handled = self.handled.max(tick_of(now));
        }
        let fewest = self.phases.iter_mut().min_by_key(|phase| phase.len());
        fewest.expect("there are ten phases").push(slot);
    }

    /// Takes a slot out, if it is in.
    pub(crate) fn remove(&mut self, slot: u32) {
        for phase in &mut self.phases {
            if let Some(index) = phase.iter().position(|other| *other == slot) {
                phase.swap_remove(index);
                return;
            }
        }
    }

    /// The next moment at which somebody sends.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.next_tick().map(|tick| tick.at)
    }

    /// The next due phase. What is late by [`CATCH_UP`] or more is skipped: a stall is a gap, not a burst.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<Tick> {
        self.handled = self.handled.max(tick_of(now).saturating_sub(CATCH_UP));
        let tick = self.next_tick().filter(|tick| tick.at <= now)?;
        self.handled = tick_of(tick.at);
        Some(tick)
    }

    /// The slot at that place of the phase.
    pub(crate) fn slot(&self, tick: Tick, index: usize) -> Option<u32> {
        self.phases[tick.phase].get(index).copied()
    }

    fn next_tick(&self) -> Option<Tick> {
        let tick = (self.handled + 1..).take(PHASES).find(|tick| !self.phases[phase(*tick)].is_empty())?;
        Some(Tick { at: Instant::from_micros(tick * TICK_MICROS), phase: phase(tick) })
    }
}

const PHASES: usize = 10;
const TICK_MICROS: u64 = 2_000;
/// Three packets' time, in ticks: what jitter buffers take without loss.
const CATCH_UP: u64 = 3 * PHASES as u64;

const fn tick_of(now: Instant) -> u64 {
    now.as_micros() / TICK_MICROS
}

const fn phase(tick: u64) -> usize {
    (tick % PHASES as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_playing_means_no_tick() {
        let mut pacer = Pacer::new(at(0));
        assert_eq!(pacer.next(), None);
        pacer.add(at(5_000), 1);
        assert!(pacer.next().is_some());
        pacer.remove(1);
        assert_eq!(pacer.next(), None);
    }

    #[test]
    fn each_slot_is_due_every_20_ms_and_the_slots_are_spread() {
        let mut pacer = Pacer::new(at(0));
        (0..40).for_each(|slot| pacer.add(at(1_003), slot));
        let mut due = vec![Vec::new(); 40];
        while let Some(tick) = pacer.pop_due(at(1_063)) {
            let slots: Vec<u32> = (0..).map_while(|index| pacer.slot(tick, index)).collect();
            assert_eq!(slots.len(), 4);
            slots.iter().for_each(|slot| due[*slot as usize].push(tick.at.as_millis()));
        }
        for times in due {
            assert_eq!(times.len(), 3);
            assert!(times[0] > 1_003 && times.windows(2).all(|pair| pair[1] - pair[0] == 20));
        }
        assert_eq!(pacer.next(), Some(at(1_064)));
    }

    #[test]
    fn a_long_stall_is_not_made_up_for() {
        let mut pacer = Pacer::new(at(0));
        pacer.add(at(0), 7);
        let ticks = |pacer: &mut Pacer, now| std::iter::from_fn(|| pacer.pop_due(at(now))).count();
        assert_eq!(ticks(&mut pacer, 20), 1);
        assert_eq!(ticks(&mut pacer, 20), 0, "once for each moment");
        assert_eq!(ticks(&mut pacer, 10_000), 3);
        assert_eq!(ticks(&mut pacer, 5_000), 0, "a clock that goes back changes nothing");
    }

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1_000)
    }
}
