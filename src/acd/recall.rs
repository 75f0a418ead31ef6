//! [`Recall`]: who served which caller last. Bounded in number and age; knows callers by keys that name nobody.

use std::collections::VecDeque;
use std::time::Duration;

use crate::base::limits::{RECALL_AGE_MAX, RECALL_CALLERS_MAX};
use crate::base::{AgentId, CallerKey, IdMap, Instant};

/// See the module. Keys are digests under a secret of the node, so that no stranger can choose where they fall in the map.
#[derive(Debug, Default)]
pub(super) struct Recall {
    last: IdMap<CallerKey, Served>,
    /// By time; what a caller's later talk has overtaken is still here, and counts in the bound.
    talks: VecDeque<(Instant, CallerKey)>,
    /// Some queue asks who served a caller last; else nothing is noted.
    pub(super) is_asked: bool,
}

#[derive(Debug, Clone, Copy)]
struct Served {
    by: AgentId,
    at: Instant,
}

impl Recall {
    /// The agent has answered the caller. The oldest talk is forgotten where there are too many.
    pub(super) fn note(&mut self, now: Instant, caller: CallerKey, agent: AgentId) {
        if !self.is_asked {
            return;
        }
        let is_old = |talk: &(Instant, CallerKey)| now.since(talk.0) > RECALL_AGE_MAX;
        while self.talks.len() >= RECALL_CALLERS_MAX || self.talks.front().is_some_and(is_old) {
            self.forget_oldest();
        }
        self.talks.push_back((now, caller));
        self.last.insert(caller, Served { by: agent, at: now });
    }

    /// Who served the caller last, no longer ago than this.
    pub(super) fn last(&self, now: Instant, caller: CallerKey, within: Duration) -> Option<AgentId> {
        let served = self.last.get(&caller)?;
        (now.since(served.at) <= within).then_some(served.by)
    }

    fn forget_oldest(&mut self) {
        let Some((at, caller)) = self.talks.pop_front() else { return };
        if self.last.get(&caller).is_some_and(|served| served.at == at) {
            self.last.remove(&caller);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recall() -> Recall {
        Recall { is_asked: true, ..Recall::default() }
    }

    const DAY: Duration = Duration::from_secs(86_400);

    fn at(secs: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(secs)
    }

    #[test]
    fn the_last_talk_counts_and_for_so_long() {
        let mut recall = recall();
        recall.note(at(10), CallerKey(1), AgentId(5));
        recall.note(at(20), CallerKey(1), AgentId(6));
        let last = |now, caller, within| recall.last(at(now), CallerKey(caller), Duration::from_secs(within));
        assert_eq!(last(25, 1, 60), Some(AgentId(6)));
        assert_eq!((last(80, 1, 60), last(81, 1, 60)), (Some(AgentId(6)), None));
        assert_eq!(last(25, 2, 60), None);
    }

    #[test]
    fn it_never_grows_beyond_its_bound_and_forgets_the_oldest_first() {
        let mut recall = recall();
        let callers = RECALL_CALLERS_MAX as u64 + 10;
        (0..callers).for_each(|caller| recall.note(at(caller), CallerKey(caller), AgentId(1)));
        assert_eq!((recall.last.len(), recall.talks.len()), (RECALL_CALLERS_MAX, RECALL_CALLERS_MAX));
        let knows = |recall: &Recall, caller| recall.last(at(callers), CallerKey(caller), DAY * 30).is_some();
        assert_eq!((knows(&recall, 9), knows(&recall, 10)), (false, true));
        // One caller who is served again and again costs as many others, and stays known.
        (0..RECALL_CALLERS_MAX).for_each(|_| recall.note(at(callers), CallerKey(10), AgentId(2)));
        assert_eq!((recall.last.len(), recall.talks.len()), (1, RECALL_CALLERS_MAX));
        assert!(knows(&recall, 10));
    }

    #[test]
    fn nothing_is_noted_that_no_queue_asks_for() {
        let mut recall = Recall::default();
        recall.note(at(10), CallerKey(1), AgentId(5));
        assert!(recall.last.is_empty() && recall.talks.is_empty());
    }

    #[test]
    fn what_is_too_old_goes_with_the_next_talk() {
        let mut recall = recall();
        recall.note(at(0), CallerKey(1), AgentId(1));
        recall.note(at(0) + RECALL_AGE_MAX + DAY, CallerKey(2), AgentId(1));
        assert_eq!((recall.last.len(), recall.talks.len()), (1, 1));
    }
}
