//! The arguments of `strowger trace`.

use clap::{Args, Subcommand};

use crate::cli::target::Target;

/// What to do with traces.
#[derive(Debug, Subcommand)]
pub(super) enum TraceCommand {
    /// Keep the SIP messages of a peer, or of the calls of a number, from now on. It ends by itself.
    #[command(
        after_help = "Examples:\n  strowger trace start --peer pbx\n  strowger trace start --number +4930123456 --minutes 5 --show-numbers"
    )]
    Start(Box<Start>),
    /// Show which traces run, and which can still be read.
    List {
        /// Which engine.
        #[command(flatten)]
        target: Target,
    },
    /// End a trace, or all of them; what it has can still be read for a while.
    Stop {
        /// Its number, as `trace list` shows it.
        id: Option<u32>,
        /// Why; for the audit log.
        #[arg(long)]
        why: Option<String>,
        /// Which engine.
        #[command(flatten)]
        target: Target,
    },
    /// Print the messages of all traces as they come, those that are there already first; ends with the last trace.
    Follow {
        /// With the numbers in full, where the trace keeps them.
        #[arg(long)]
        show_numbers: bool,
        /// Which engine.
        #[command(flatten)]
        target: Target,
    },
}

/// Which messages.
#[derive(Debug, Clone, Args)]
pub(super) struct Start {
    /// All messages from and to this peer, as the configuration names it.
    #[arg(long, value_name = "NAME", conflicts_with = "number", required_unless_present = "number")]
    pub(super) peer: Option<String>,
    /// All legs of the calls from, to or for this number.
    #[arg(long, value_name = "NUMBER")]
    pub(super) number: Option<String>,
    /// It ends after so long, or after 20,000 messages.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=60), value_name = "MINUTES")]
    pub(super) minutes: u64,
    /// Keep the numbers too, for whoever may see them; passwords, keys and what is keyed in are never kept.
    #[arg(long)]
    pub(super) show_numbers: bool,
    /// Why; for the audit log.
    #[arg(long)]
    pub(super) why: Option<String>,
    /// Which engine.
    #[command(flatten)]
    pub(super) target: Target,
}
