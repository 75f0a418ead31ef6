//! What traces look like to the control plane.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::node::view::seconds;

/// Traces, and messages of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TraceView {
    /// Those that run, and those whose messages can still be read.
    pub traces: Vec<RunningTrace>,
    /// In the order of time.
    pub messages: Vec<TracedMessage>,
    /// What `after` of the next question is.
    pub next: String,
    /// How many messages came since the last question and are gone already.
    pub missed: u64,
}

/// One trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunningTrace {
    /// By which it is stopped.
    pub id: u32,
    /// Of which neighbour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<Arc<str>>,
    /// Of which number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Whether it keeps numbers.
    pub numbers: bool,
    /// Who asked for it.
    pub by: Arc<str>,
    /// `running`, `stopped`, `time`, `full`: the last three say why it ended.
    pub state: &'static str,
    /// How long it will run at most.
    #[serde(serialize_with = "seconds")]
    pub left_seconds: Duration,
    /// Messages so far.
    pub messages: usize,
    /// Their bytes on the wire.
    pub bytes: usize,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TracedMessage {
    /// How long ago it came or went.
    #[serde(serialize_with = "seconds")]
    pub ago_seconds: Duration,
    /// Of which traces it is.
    pub traces: Vec<u32>,
    /// By this node; else it came in.
    pub sent: bool,
    /// To whom, or from whom.
    pub peer: SocketAddr,
    /// Its bytes on the wire; the text has others where something is masked or cut.
    pub length: usize,
    /// The message.
    pub text: String,
}
