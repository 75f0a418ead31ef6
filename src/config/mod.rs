//! Text to typed configuration. All errors are reported at once, each with file, line and key path; unknown keys are refused
//! with a suggestion. Knows file formats and key names so that no other room has to.

pub mod types;

pub use types::{
    AgentConfig, AnswerPolicy, Config, DnisSource, DrainConfig, Endpoint, HttpConfig, MediaConfig, MediaPolicy, PeerConfig,
    QueueConfig, SipConfig, UnknownSource,
};
