//! Which engine a command is for.

use clap::Args;

/// Which engine a client speaks to.
#[derive(Debug, Clone, Args)]
pub(super) struct Target {
    /// The engine's HTTP address.
    #[arg(long, env = "STROWGER_URL", default_value = "http://127.0.0.1:8080")]
    pub(super) url: String,
    /// The bearer token, where the engine asks for one.
    #[arg(long, env = "STROWGER_TOKEN", hide_env_values = true)]
    pub(super) token: Option<String>,
    /// Print the engine's JSON instead of a table.
    #[arg(long)]
    pub(super) json: bool,
}
