//! The server's supervisor: starts the engine, then waits for signals. SIGHUP reloads (a faulty configuration is refused
//! whole), SIGTERM and SIGINT drain, a second one ends at once. Host names are looked up again each minute.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::Config;
use crate::io::engine::{Engine, system_seed};
use crate::io::load::{Loaded, Loader, Origin};
use crate::io::signalling::Ended;
use crate::node::Resolved;

/// How often host names are looked up again.
const LOOKUP_INTERVAL: Duration = Duration::from_secs(60);

/// How a server came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Drained, as asked.
    Drained,
    /// Ended by a second signal, calls still living.
    Cut,
    /// The configuration cannot be used: every error.
    Config(Vec<String>),
    /// It could not start, or a thread failed.
    Failed(String),
}

/// Runs a server from a configuration until a signal ends it; `shards` overrides the configuration's.
pub async fn serve(origin: Origin, shards: Option<u8>) -> Outcome {
    let mut loader = Loader::new(origin).with_shards(shards);
    let loaded = match loader.load(&std::collections::BTreeMap::new()).await {
        Ok(loaded) => loaded,
        Err(errors) => return Outcome::Config(errors),
    };
    for line in &loaded.dated {
        tracing::error!("{line}");
    }
    tell_certificates(&loaded);
    let (config, resolved) = (Arc::clone(&loaded.config), loaded.resolved.clone());
    let started = Signals::new().and_then(|signals| Ok((signals, Engine::start(loaded, system_seed()?)?)));
    let (signals, engine) = match started {
        Ok(started) => started,
        Err(error) => return Outcome::Failed(error),
    };
    if let Some(other) = engine.sip_other {
        tracing::info!(sip = %other, "the other address family is spoken too");
    }
    tracing::info!(sip = %engine.sip, http = %engine.http, rtp_port_pairs = engine.port_pairs, "Strowger serves");
    let mut supervisor = Supervisor { loader, engine, config, resolved };
    let outcome = supervisor.run(signals).await;
    if outcome == Outcome::Drained {
        supervisor.engine.finish();
    }
    outcome
}

/// What goes on beside the engine's threads.
#[derive(Debug)]
struct Supervisor {
    loader: Loader,
    engine: Engine,
    config: Arc<Config>,
    resolved: Resolved,
}

/// The signals a server listens to.
#[derive(Debug)]
struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self, String> {
        let listen = |kind| signal(kind).map_err(|error| format!("signals: {error}"));
        Ok(Self {
            hangup: listen(SignalKind::hangup())?,
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }
}

impl Supervisor {
    async fn run(&mut self, mut signals: Signals) -> Outcome {
        let mut lookup = tokio::time::interval(LOOKUP_INTERVAL);
        lookup.tick().await;
        loop {
            tokio::select! {
                ended = self.engine.ended() => return outcome(ended),
                _ = signals.terminate.recv() => break,
                _ = signals.interrupt.recv() => break,
                _ = signals.hangup.recv() => self.reload().await,
                _ = lookup.tick() => self.look_up().await,
            }
        }
        let limit = self.config.drain.limit;
        tracing::info!(
            limit_seconds = limit.as_secs(),
            live_calls = self.engine.handle.health.live_calls(),
            "drain begins"
        );
        self.engine.drain(limit);
        loop {
            tokio::select! {
                ended = self.engine.ended() => return outcome(ended),
                _ = signals.terminate.recv() => return Outcome::Cut,
                _ = signals.interrupt.recv() => return Outcome::Cut,
                _ = signals.hangup.recv() => tracing::warn!("no reload while draining"),
            }
        }
    }

    async fn reload(&mut self) {
        let loaded = self.loader.load(&self.resolved.hosts).await;
        // A certificate that is not valid now is no better than the one in force.
        let loaded =
            match loaded.and_then(|loaded| if loaded.dated.is_empty() { Ok(loaded) } else { Err(loaded.dated) }) {
                Ok(loaded) => loaded,
                Err(errors) => {
                    for error in &errors {
                        tracing::error!("{error}");
                    }
                    tracing::error!(errors = errors.len(), "configuration refused, the old one stays in force");
                    return;
                }
            };
        tell_certificates(&loaded);
        let (config, resolved) = (Arc::clone(&loaded.config), loaded.resolved.clone());
        match self.engine.reload(loaded).await {
            Ok(lines) => {
                for line in &lines {
                    tracing::warn!("needs a restart: {line}");
                }
                tracing::info!(queues = config.queues.len(), agents = config.agents.len(), "configuration reloaded");
                (self.config, self.resolved) = (config, resolved);
            }
            Err(error) => tracing::error!(error, "reload"),
        }
    }

    /// Tells the node when a name has got another address.
    async fn look_up(&mut self) {
        let hosts = self.loader.look_up(&self.config, &self.resolved.hosts).await;
        if hosts == self.resolved.hosts {
            return;
        }
        let resolved = Resolved { hosts, ..self.resolved.clone() };
        match self.engine.configure(Arc::clone(&self.config), resolved.clone()).await {
            Ok(_) => {
                tracing::info!("host addresses changed");
                self.resolved = resolved;
            }
            Err(error) => tracing::error!(error, "host addresses"),
        }
    }
}

fn tell_certificates(loaded: &Loaded) {
    for line in &loaded.warnings {
        tracing::warn!("{line}");
    }
    for line in &loaded.notes {
        tracing::info!("{line}");
    }
}

fn outcome(ended: Ended) -> Outcome {
    match ended {
        Ended::Drained => Outcome::Drained,
        Ended::Abandoned => Outcome::Failed("the supervisor is gone".to_string()),
        Ended::MediaLost => Outcome::Failed("the media thread failed".to_string()),
        Ended::Failed => Outcome::Failed("the signalling thread failed".to_string()),
    }
}
