//! What the control plane holds of the rest of the process: a bounded queue of requests to the signalling thread, the live
//! figures, the health marks, and the tokens in force. It is made by the shell and knows no thread or socket.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::http::StatusCode;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use crate::api::problem::Problem;
use crate::base::limits::{CONTROL_QUEUE_MAX, MEDIA_WORKERS_MAX, SHARDS_MAX};
use crate::base::{Instant, ShardId};
use crate::node::{Control, Reply};
use crate::stats::Live;
use crate::stats::export::Exposition;

/// How long an asker waits for the signalling thread, which answers within a turn of its loop.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// A loop that has not turned for so long is stuck; it turns each second when idle.
const BEAT_AGE_MAX: Duration = Duration::from_secs(5);

/// A request with the way back.
#[derive(Debug)]
pub struct Request {
    /// When.
    pub asked: Instant,
    /// What is asked.
    pub control: Control,
    /// Where the answer goes.
    pub answer: oneshot::Sender<Reply>,
}

/// A queue of requests of [`CONTROL_QUEUE_MAX`].
pub fn requests() -> (mpsc::Sender<Request>, mpsc::Receiver<Request>) {
    mpsc::channel(CONTROL_QUEUE_MAX)
}

/// Marks that the loops set and the health addresses read.
#[derive(Debug, Default)]
pub struct Health {
    /// Of each signalling shard; 0 where there is none.
    beats: [AtomicU64; SHARDS_MAX as usize],
    /// Of the thread of the ACD engine; 0 while it runs inline.
    beat_hub: AtomicU64,
    /// Of each media worker; 0 where there is none.
    beats_media: [AtomicU64; MEDIA_WORKERS_MAX as usize],
    draining: AtomicBool,
    live_calls: [AtomicUsize; SHARDS_MAX as usize],
}

impl Health {
    /// The loop of a signalling shard turned at `now` with so many calls alive.
    pub fn beat(&self, shard: ShardId, now: Instant, live_calls: usize) {
        let shard = usize::from(shard.0);
        if let (Some(beat), Some(calls)) = (self.beats.get(shard), self.live_calls.get(shard)) {
            beat.store(now.as_micros().max(1), Ordering::Relaxed);
            calls.store(live_calls, Ordering::Relaxed);
        }
    }

    /// The loop of the ACD engine turned at `now`.
    pub fn beat_hub(&self, now: Instant) {
        self.beat_hub.store(now.as_micros().max(1), Ordering::Relaxed);
    }

    /// The loop of a media worker turned at `now`.
    pub fn beat_media(&self, worker: u8, now: Instant) {
        if let Some(beat) = self.beats_media.get(usize::from(worker)) {
            beat.store(now.as_micros().max(1), Ordering::Relaxed);
        }
    }

    /// The node begins to drain.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// True from the begin of the drain on.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Calls alive at the last turns.
    pub fn live_calls(&self) -> usize {
        self.live_calls.iter().map(|calls| calls.load(Ordering::Relaxed)).sum()
    }

    /// How long ago the signalling loop and the media worker that turned last of all turned; `None` before their first turn.
    pub fn ages(&self, now: Instant) -> [Option<Duration>; 2] {
        let turned = |beat: &AtomicU64| Some(beat.load(Ordering::Relaxed)).filter(|micros| *micros != 0);
        let signalling = self.beats.iter().chain([&self.beat_hub]).filter_map(turned).min();
        let media = self.beats_media.iter().filter_map(turned).min();
        [signalling, media].map(|micros| Some(now.since(Instant::from_micros(micros?))))
    }

    /// True when both loops turn.
    pub fn is_alive(&self, now: Instant) -> bool {
        self.ages(now).iter().all(|age| age.is_some_and(|age| age < BEAT_AGE_MAX))
    }
}

/// The control plane's view of the process. Copies share everything.
#[derive(Clone)]
pub struct Handle {
    requests: mpsc::Sender<Request>,
    now: Arc<dyn Fn() -> Instant + Send + Sync>,
    tokens: Arc<RwLock<Tokens>>,
    numbers: Arc<RwLock<Arc<Vec<String>>>>,
    /// The live figures.
    pub live: Arc<Live>,
    /// The same for Prometheus.
    pub exposition: Arc<Exposition>,
    /// The health marks.
    pub health: Arc<Health>,
}

/// User names with their bearer tokens.
pub type Tokens = Arc<Vec<(String, String)>>;

impl fmt::Debug for Handle {
    /// Without the tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("health", &self.health).finish_non_exhaustive()
    }
}

impl Handle {
    /// A handle on the signalling thread behind `requests`; `now` tells the node's time.
    pub fn new(
        requests: mpsc::Sender<Request>,
        now: Arc<dyn Fn() -> Instant + Send + Sync>,
        live: Arc<Live>,
        health: Arc<Health>,
    ) -> Self {
        let clock = Arc::clone(&now);
        let exposition = Arc::new(Exposition::new(Arc::clone(&live), move || clock()));
        Self { requests, now, tokens: Arc::default(), numbers: Arc::default(), live, exposition, health }
    }

    /// The node's time.
    pub fn now(&self) -> Instant {
        (self.now)()
    }

    /// The tokens in force.
    pub fn tokens(&self) -> Tokens {
        Arc::clone(&self.tokens.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts other tokens in force.
    pub fn set_tokens(&self, tokens: Vec<(String, String)>) {
        *self.tokens.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(tokens);
    }

    /// Puts other users in force who may see numbers in full.
    pub fn set_numbers(&self, users: Vec<String>) {
        *self.numbers.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(users);
    }

    /// Whether a user who asks for numbers in full may see them. Where no tokens are asked for, everybody here may.
    ///
    /// # Errors
    /// 403.
    pub fn may_show_numbers(&self, user: &str, asks: bool) -> Result<(), Problem> {
        let users = Arc::clone(&self.numbers.read().unwrap_or_else(PoisonError::into_inner));
        if !asks || self.tokens().is_empty() || users.iter().any(|known| known == user) {
            return Ok(());
        }
        let detail = format!("{user} may not see numbers; http.numbers names who may");
        Err(Problem::new(StatusCode::FORBIDDEN, detail))
    }

    /// Asks the node.
    ///
    /// # Errors
    /// 503 when the queue is full or the node does not answer; 400, 404 and 409 as the node says.
    pub async fn ask(&self, control: Control) -> Result<Reply, Problem> {
        let (answer, reply) = oneshot::channel();
        self.requests.try_send(Request { asked: self.now(), control, answer }).map_err(|error| match error {
            TrySendError::Full(_) => Problem::unavailable("too many requests wait for the engine; try again"),
            TrySendError::Closed(_) => Problem::unavailable("the engine has ended"),
        })?;
        let Ok(Ok(reply)) = tokio::time::timeout(ANSWER_MAX, reply).await else {
            return Err(Problem::unavailable("the engine does not answer"));
        };
        match reply {
            Reply::NotFound(what) => Err(Problem::not_found(what)),
            Reply::Invalid(why) => Err(Problem::bad_request(why)),
            Reply::Conflict(why) => Err(Problem::conflict(why)),
            Reply::Agents { .. }
            | Reply::Calls { .. }
            | Reply::Registrations { .. }
            | Reply::Trace(_)
            | Reply::Ladder(_)
            | Reply::Explanation(_)
            | Reply::Teams(_)
            | Reply::Queue(_)
            | Reply::Decisions(_)
            | Reply::Done
            | Reply::Set(_) => Ok(reply),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_does_not_turn_is_not_alive() {
        let health = Health::default();
        let at = |seconds: u64| Instant::from_micros(seconds * 1_000_000);
        assert!(!health.is_alive(at(1)));
        health.beat(ShardId(0), at(1), 3);
        assert!(!health.is_alive(at(1)));
        health.beat_media(0, at(2));
        assert!(health.is_alive(at(2)));
        assert!(!health.is_alive(at(6)));
        assert_eq!(health.live_calls(), 3);
    }
}
