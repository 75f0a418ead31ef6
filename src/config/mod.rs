//! Text to typed configuration. All errors are reported at once, each with file, line and key path; unknown keys are refused
//! with a suggestion. Knows file formats and key names so that no other room has to.

mod agents;
mod built_in;
mod credentials;
mod describe;
mod endpoint;
mod error;
mod families;
mod feature_codes;
mod figures;
mod fit;
mod lending;
mod lint;
mod listeners;
mod moves;
mod parse;
mod peer_addresses;
mod peer_manners;
mod peers;
mod policy;
mod preferred;
mod queues;
mod reader;
mod regions;
mod registrar;
mod reserve;
mod routing;
mod skills;
mod teams;
mod tls;
mod transfer;
mod transport;
pub mod types;
mod values;

#[cfg(test)]
mod tests;

pub use agents::expand;
pub use built_in::built_in;
pub use credentials::is_secret;
pub use describe::describe;
pub use endpoint::{Endpoint, PeerAddress};
pub use error::ConfigError;
pub use lint::lint;
pub use parse::parse;
pub use peer_manners::{CallerPrivacy, ConnectedLine, DeviceWatch, FaxPolicy, NumberingConfig, PeerAuth, StaleDevice};
pub use regions::Regions;
pub use teams::{agents_of, paths, teams_of};
pub use transport::{FileAt, KeyFiles, PeerTls, TlsConfig, Transport};
pub use types::{
    AgentConfig, AgentSeries, AnswerPolicy, Codes, Config, Confirm, DnisSource, DrainConfig, Feature,
    FeatureCodesConfig, FiguresConfig, HttpConfig, LendingConfig, LoanConfig, MediaConfig, MediaPolicy, MemberConfig,
    NumberConfig, OnHangUp, OrderConfig, OtherFamily, OutsideConfig, PeerConfig, PenaltyStepConfig, PhoneIdentity, Pin,
    PreferredConfig, PreferredSource, QueueConfig, RegionsConfig, RegistrarConfig, RoutingConfig, SipConfig,
    SkillConfig, StepConfig, TeamConfig, TeamMove, TierConfig, TransferConfig, UnknownSource,
};
