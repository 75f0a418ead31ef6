//! Ctrl-C and SIGTERM for commands that end by their own decision, counted by a thread of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::signal::unix::{SignalKind, signal};

/// Counts the signals that ask for the end.
#[derive(Debug)]
pub(in crate::cli) struct Signals {
    count: Arc<AtomicUsize>,
}

impl Signals {
    /// Begins to listen; from now on the process ends by its own decision only.
    pub(in crate::cli) fn start() -> Result<Self, String> {
        let count = Arc::new(AtomicUsize::new(0));
        let shared = Arc::clone(&count);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        let runtime = runtime.map_err(|error| format!("signals: {error}"))?;
        let (mut interrupt, mut terminate) = {
            let _guard = runtime.enter();
            let listen = |kind| signal(kind).map_err(|error| format!("signals: {error}"));
            (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?)
        };
        let listen = move || {
            runtime.block_on(async move {
                loop {
                    tokio::select! {
                        _ = interrupt.recv() => {}
                        _ = terminate.recv() => {}
                    }
                    shared.fetch_add(1, Ordering::Relaxed);
                }
            })
        };
        thread::Builder::new()
            .name("signals".to_string())
            .spawn(listen)
            .map_err(|error| format!("signals: {error}"))?;
        Ok(Self { count })
    }

    /// How many came.
    pub(in crate::cli) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
}
