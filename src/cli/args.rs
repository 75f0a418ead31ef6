//! The arguments, as clap reads them and `--help` shows them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::base::limits::SHARDS_MAX;
use crate::cli::target::Target;
use crate::cli::top::board::Tab;
use crate::cli::top::words::Lang;
use crate::cli::trace_args::TraceCommand;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Strowger: an automatic call distributor that stands beside your PBX.
///
/// Calls come in over a SIP trunk, wait in queues with music, and go to the agent whose skills fit.
/// Try `strowger demo` first: it needs no configuration and no other program.
#[derive(Debug, Parser)]
#[command(
    name = "strowger",
    version,
    after_help = "Exit codes: 0 it worked, 1 it failed, 2 the arguments or the configuration are wrong."
)]
pub(super) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub(super) command: Command,
    /// Log events of this level and above, to standard error; `info` for serve, `warn` for the others.
    #[arg(long, global = true, value_enum, value_name = "LEVEL")]
    pub(super) log_level: Option<LogLevel>,
    /// Log one JSON object a line.
    #[arg(long, global = true)]
    pub(super) log_json: bool,
}

/// A level of log events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogLevel {
    /// Nothing.
    Off,
    /// Something is broken.
    Error,
    /// Somebody should look.
    Warn,
    /// Milestones of calls and actions.
    Info,
    /// Decisions.
    Debug,
    /// Packets.
    Trace,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the engine.
    ///
    /// SIGHUP reads the configuration again (a faulty one is refused whole and the old one stays in force).
    /// SIGTERM or Ctrl-C drains: no new calls, waiting callers are served until `drain.limit`, calls in progress finish.
    /// A second signal ends at once.
    Serve {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Signalling shards, instead of what the configuration says; each beyond the first takes the next UDP port too.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=SHARDS_MAX as i64))]
        shards: Option<u8>,
    },
    /// Show the engine at work with phones of its own, on loopback.
    ///
    /// Callers arrive at random, agents answer, some callers give up. Ctrl-C drains and prints totals that add up.
    Demo(Box<Demo>),
    /// Validate a configuration and print what was understood.
    Check {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Print one JSON object: whether it is valid, errors, warnings, and what was understood as text.
        #[arg(long)]
        json: bool,
    },
    /// Write the Prometheus rules that fit a configuration: recordings of every formula, and alerts.
    ///
    /// Redirect the output to a file and name it under `rule_files` in prometheus.yml.
    Rules {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Watch the queues, agents and teams of a running engine on the terminal.
    ///
    /// Where standard output is no terminal the board is printed once. Ends with q or Ctrl-C; h shows the keys.
    Top(Top),
    /// Show the queues of a running engine.
    Queues(Target),
    /// Show the agents of a running engine.
    Agents(Target),
    /// Show the team tree of a running engine: how many agents of each team, and of those below it, are in which state.
    Teams(Target),
    /// Show the calls of a running engine.
    Calls {
        /// With the callers' numbers in full; the engine's audit log says who asked.
        #[arg(long)]
        numbers: bool,
        /// Which engine.
        #[command(flatten)]
        target: Target,
    },
    /// Show the phones that have registered at a running engine.
    Registrations(Target),
    /// Show the lost contacts of a running engine by cause: of each called number, campaign, region, trunk or queue.
    #[command(
        after_help = "Examples:\n  strowger lost --by region --last 7d\n  strowger lost --by number --value 800 --hours"
    )]
    Lost(Lost),
    /// Look into a queue of a running engine.
    Queue {
        /// What to show.
        #[command(subcommand)]
        command: QueueCommand,
    },
    /// Look into an agent of a running engine, or act on agents.
    Agent {
        /// What to do.
        #[command(subcommand)]
        command: AgentCommand,
    },
    /// Look into a team of a running engine.
    Team {
        /// What to show.
        #[command(subcommand)]
        command: TeamCommand,
    },
    /// Act on a call of a running engine.
    Call {
        /// What to do.
        #[command(subcommand)]
        command: CallCommand,
    },
    /// Look at SIP messages of a running engine, by peer or number.
    Trace {
        /// What to do.
        #[command(subcommand)]
        command: TraceCommand,
    },
}

/// Which losses.
#[derive(Debug, Clone, Args)]
pub(super) struct Lost {
    /// What rows are told apart by: `number` (the called number's group), `campaign`, `region`, `trunk`, `queue`.
    #[arg(long, default_value = "number", value_name = "WHAT")]
    pub(super) by: String,
    /// How far back, eight days at most: `30m`, `6h`, `7d`.
    #[arg(long, default_value = "24h", value_name = "TIME")]
    pub(super) last: String,
    /// This value only.
    #[arg(long, value_name = "NAME")]
    pub(super) value: Option<String>,
    /// Show each hour too.
    #[arg(long)]
    pub(super) hours: bool,
    /// Which engine.
    #[command(flatten)]
    pub(super) target: Target,
}

/// Looks into a queue, or changes it.
#[derive(Debug, Subcommand)]
pub(super) enum QueueCommand {
    /// Show a queue's figures by interval of its calendar.
    #[command(
        after_help = "Examples:\n  strowger queue stats sales --last 30m --by 5m\n  strowger queue stats sales --last 7d --by day\n  strowger queue stats sales --last 6h --by 30m --arrival"
    )]
    Stats(QueueStats),
    /// Show the last offers of a queue, and by what the agent was chosen.
    Decisions {
        /// The queue's name, as in the configuration.
        name: String,
        /// How many.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
        last: u16,
        /// Which engine.
        #[command(flatten)]
        target: Target,
    },
    /// Show a queue's settings in force, and which of them supervisors have set.
    Show {
        /// The queue's name, as in the configuration.
        name: String,
        /// Which engine.
        #[command(flatten)]
        target: Target,
    },
    /// Change a queue, over its configuration and its reloads, until the engine ends.
    #[command(
        after_help = "Changes:\n  open              it takes callers\n  close             new callers are refused, those who wait are served\n  emergency         those who wait leave too\n  strategy NAME     how agents are chosen\n  threshold TIME    the service level's T\n  target PERCENT    the service level aimed at\n  priority NUMBER   of callers who come from now on\n  weight NUMBER     callers of a heavier queue go first\n  reserve on        members in reserve take calls; off: they take none; auto: by the thresholds\n  reserve waiting=NUMBER wait=TIME estimate=TIME leave_waiting=NUMBER leave_wait=TIME leave_estimate=TIME at_least=TIME\n                    when they join and leave; what is left out stays\n  defaults          everything as configured\n\nExamples:\n  strowger queue set support,sales close --why 'fire drill'\n  strowger queue set support strategy linear"
    )]
    Set {
        /// The queue's name, as in the configuration; or several with commas between, all of which are changed or none.
        name: String,
        /// What to set.
        #[arg(required = true, allow_negative_numbers = true, value_name = "CHANGE")]
        words: Vec<String>,
        /// Why; for the audit log.
        #[arg(long)]
        why: Option<String>,
        /// Which engine.
        #[command(flatten)]
        target: Target,
    },
}

/// Which intervals of which queue.
#[derive(Debug, Clone, Args)]
pub(super) struct QueueStats {
    /// The queue's name, as in the configuration.
    pub(super) name: String,
    /// T of the service levels; the queue's own when not given.
    #[arg(long, value_name = "TIME")]
    pub(super) threshold: Option<String>,
    /// Count what became of those who arrived in each interval, instead of what happened in it.
    #[arg(long)]
    pub(super) arrival: bool,
    /// Which intervals.
    #[command(flatten)]
    pub(super) intervals: Intervals,
}

/// Which intervals of an engine's figures.
#[derive(Debug, Clone, Args)]
pub(super) struct Intervals {
    /// How far back: `30m`, `6h`, `7d`.
    #[arg(long, default_value = "30m", value_name = "TIME")]
    pub(super) last: String,
    /// How long each is: `1m`, `5m`, `15m`, `30m`, `60m`, `day`, `week`, `month`.
    #[arg(long, default_value = "5m", value_name = "INTERVAL")]
    pub(super) by: String,
    /// Which engine.
    #[command(flatten)]
    pub(super) target: Target,
}

/// Looks into a team.
#[derive(Debug, Subcommand)]
pub(super) enum TeamCommand {
    /// Show the time of a team's agents by interval, with those of the teams below it, as they were then.
    #[command(
        after_help = "Examples:\n  strowger team stats --last 8h --by 60m\n  strowger team stats sales/east --last 7d --by day"
    )]
    Stats {
        /// The team by its path from the root; everybody when not given.
        path: Option<String>,
        /// Which intervals.
        #[command(flatten)]
        intervals: Intervals,
    },
}

/// Looks into an agent, or acts on agents.
#[derive(Debug, Subcommand)]
pub(super) enum AgentCommand {
    /// Show an agent's time by interval; the agent is one whom `figures.agent_series` names.
    #[command(after_help = "Example:\n  strowger agent stats 1001 --last 8h --by 60m")]
    Stats {
        /// The agent's name, as in the configuration.
        name: String,
        /// Which intervals.
        #[command(flatten)]
        intervals: Intervals,
    },
    /// Change agents: their state (during a call it takes effect afterwards), skills, memberships.
    #[command(
        override_usage = "strowger agent set <NAMES> <CHANGE> [OPTIONS]\n       strowger agent set --team <TEAM> <CHANGE> [OPTIONS]",
        after_help = "Names are agents and ranges with commas between: 1001,1003-1010.\n\n\
            Changes:\n  ready, not-ready REASON [--for TIME], logout\n  \
            wrap-up +TIME              longer: the one that runs, or that follows the talk\n  \
            wrap-up end\n  \
            device STATE               as seen from outside: idle, ringing, busy [in|out|internal], offline, unknown\n  \
            skill NAME=LEVEL ...       1 to 10, on, off, none\n  \
            join QUEUE [tier=N] [position=N] [penalty=N] [delay=TIME] [reserve=on]\n  leave QUEUE\n  penalty QUEUE=N\n  \
            team NAME, no-team         from now on; what was counted before stays with the team it was in\n  \
            defaults [QUEUE]           skills, memberships and team as configured, or its membership of QUEUE; skill NAME=default\n\n\
            Skills and memberships lie over the configuration and its reloads until the engine ends.\n\n\
            Examples:\n  strowger agent set 1001 ready\n  strowger agent set 1001,1002 not-ready lunch\n  \
            strowger agent set 1001 not-ready training --for 15m\n  \
            strowger agent set 1001,1002 skill spanish=5 billing=off\n  \
            strowger agent set --team sales not-ready meeting --why 'quarterly figures'"
    )]
    Set {
        /// Agents (unless --team is given), and what to set.
        #[arg(required = true, value_name = "NAMES CHANGE")]
        words: Vec<String>,
        /// All agents of a team and of the teams below it; may be repeated.
        #[arg(long)]
        team: Vec<String>,
        /// How long not-ready lasts; ready follows by itself.
        #[arg(long = "for", value_name = "TIME", value_parser = duration)]
        lasts: Option<Duration>,
        /// Why; for the audit log, and shown beside the state.
        #[arg(long)]
        why: Option<String>,
        /// Which engine.
        #[command(flatten)]
        target: Target,
    },
}

/// Actions on a call.
#[derive(Debug, Subcommand)]
pub(super) enum CallCommand {
    /// End a call.
    Hangup {
        /// The call's id, as `strowger calls` shows it; or several with commas between.
        id: String,
        /// Why; for the audit log.
        #[arg(long)]
        why: Option<String>,
        /// Which engine.
        #[command(flatten)]
        target: Target,
    },
    /// Say why a call waits: its place, what it asks, when it looks further, and what keeps each agent away.
    Explain {
        /// The call's id, as `strowger calls` shows it.
        id: String,
        /// Which engine.
        #[command(flatten)]
        target: Target,
    },
    /// Show the SIP messages of a call, also of one that ended a short time ago.
    Ladder {
        /// The call's id, as `strowger calls` shows it.
        id: String,
        /// With the numbers in full; the engine's audit log says who asked.
        #[arg(long)]
        numbers: bool,
        /// Which engine.
        #[command(flatten)]
        target: Target,
    },
    /// End a call that has no agent yet.
    Withdraw {
        /// The call's id, as `strowger calls` shows it; or several with commas between.
        id: String,
        /// Why; for the audit log.
        #[arg(long)]
        why: Option<String>,
        /// Which engine.
        #[command(flatten)]
        target: Target,
    },
    /// Change the priority of a waiting call; its wait stays.
    Priority {
        /// The call's id, as `strowger calls` shows it; or several with commas between.
        id: String,
        /// Higher goes first.
        #[arg(allow_negative_numbers = true)]
        priority: i32,
        /// Why; for the audit log.
        #[arg(long)]
        why: Option<String>,
        /// Which engine.
        #[command(flatten)]
        target: Target,
    },
    /// Make a waiting call wait for one agent alone at first, for the `preferred_for` of its queue from now on.
    Prefer {
        /// The call's id, as `strowger calls` shows it; or several with commas between.
        id: String,
        /// The agent; nobody when not given.
        agent: Option<String>,
        /// Why; for the audit log.
        #[arg(long)]
        why: Option<String>,
        /// Which engine.
        #[command(flatten)]
        target: Target,
    },
    /// Hand a talking caller on at once.
    Transfer {
        /// The call's id, as `strowger calls` shows it; or several with commas between.
        id: String,
        /// Whom to: agent:NAME, queue:NAME (keeping its original time) or number:DIGITS.
        #[arg(long)]
        to: String,
        /// Why; for the audit log.
        #[arg(long)]
        why: Option<String>,
        /// Which engine.
        #[command(flatten)]
        target: Target,
    },
    /// Let the agent speak with somebody while the caller holds; then complete or cancel.
    Consult {
        /// The call's id, as `strowger calls` shows it.
        id: String,
        /// With whom: agent:NAME, queue:NAME or number:DIGITS.
        #[arg(long)]
        to: String,
        /// Why; for the audit log.
        #[arg(long)]
        why: Option<String>,
        /// Which engine.
        #[command(flatten)]
        target: Target,
    },
    /// Give the caller to whoever is consulted.
    Complete {
        /// The call's id, as `strowger calls` shows it.
        id: String,
        /// Why; for the audit log.
        #[arg(long)]
        why: Option<String>,
        /// Which engine.
        #[command(flatten)]
        target: Target,
    },
    /// End a consultation: the agent is back with the caller.
    Cancel {
        /// The call's id, as `strowger calls` shows it.
        id: String,
        /// Why; for the audit log.
        #[arg(long)]
        why: Option<String>,
        /// Which engine.
        #[command(flatten)]
        target: Target,
    },
    /// Put a waiting or talking call into a queue, keeping its original time.
    Requeue {
        /// The call's id, as `strowger calls` shows it; or several with commas between.
        id: String,
        /// The queue; its own when not given.
        queue: Option<String>,
        /// Why; for the audit log.
        #[arg(long)]
        why: Option<String>,
        /// Which engine.
        #[command(flatten)]
        target: Target,
    },
}

/// The terminal board's options.
#[derive(Debug, Clone, Args)]
pub(super) struct Top {
    /// How often the figures are fetched; the digits change it.
    #[arg(long, default_value = "2s", value_parser = interval, value_name = "TIME")]
    pub(super) interval: Duration,
    /// Print the board once, as plain text, and end.
    #[arg(long)]
    pub(super) once: bool,
    /// What is shown first.
    #[arg(long, value_enum, default_value_t = Tab::Queues, value_name = "LIST")]
    pub(super) show: Tab,
    /// The language of titles; by default what LC_ALL, LC_MESSAGES or LANG say.
    #[arg(long, value_enum)]
    pub(super) lang: Option<Lang>,
    /// Which engine.
    #[command(flatten)]
    pub(super) target: Target,
}

/// The demo's options.
#[derive(Debug, Clone, Args)]
pub(super) struct Demo {
    /// End by itself after this time (`30s`, `5m`, `1h`), draining first.
    #[arg(long, value_parser = duration)]
    pub(super) duration: Option<Duration>,
    /// Print one JSON object with the totals at the end, and nothing else, on standard output.
    #[arg(long)]
    pub(super) json: bool,
    /// Callers arriving in a minute, on average.
    #[arg(long, default_value_t = 40.0, value_parser = rate, value_name = "N")]
    pub(super) calls_per_minute: f64,
    /// Agents with a phone; a third of them serves all queues.
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u16).range(1..=1000), value_name = "N")]
    pub(super) agents: u16,
    /// Start no phones: only the engine, for phones of yours.
    #[arg(long)]
    pub(super) no_phones: bool,
    /// Where SIP is spoken; loopback only. Default: 127.0.0.1:5070, or a free port when that is taken.
    #[arg(long, value_name = "ADDR")]
    pub(super) sip: Option<SocketAddr>,
    /// Where HTTP is served; loopback only. Default: 127.0.0.1:8080, or a free port when that is taken.
    #[arg(long, value_name = "ADDR")]
    pub(super) http: Option<SocketAddr>,
    /// The seed of the callers' and agents' behaviour; the same seed gives the same arrivals.
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
}

/// Reads `30s`, `500ms`, `5m`, `1h`, or plain seconds.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let wrong = || format!("`{text}` is no duration; write it like 30s, 5m or 1h");
    let number: u64 = text[..digits].parse().map_err(|_| wrong())?;
    let millis = match &text[digits..] {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    number.checked_mul(millis).map(Duration::from_millis).ok_or_else(wrong)
}

/// Reads how often something is fetched: not so often that it is a load.
fn interval(text: &str) -> Result<Duration, String> {
    let interval = duration(text)?;
    let bounds = Duration::from_millis(200)..=Duration::from_secs(3_600);
    if bounds.contains(&interval) { Ok(interval) } else { Err("a time from 200ms to 1h".to_string()) }
}

/// Reads a rate: above zero, at most what phones in one process can play.
fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate <= 6_000.0 => Ok(rate),
        Ok(_) | Err(_) => Err("a number above 0, at most 6000".to_string()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn durations_are_read() {
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("2"), Ok(Duration::from_secs(2)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert!(["", "s", "3x", "-1s", "99999999999999999999s"].iter().all(|text| duration(text).is_err()));
    }

    #[test]
    fn options_may_stand_before_and_after_the_words() {
        let parse = |words: &str| Arguments::try_parse_from(words.split(' '));
        assert!(parse("strowger agent set 1001 not-ready lunch --why hungry --json").is_ok());
        assert!(parse("strowger agent set --team sales --team vip logout").is_ok());
        assert!(parse("strowger agent set").is_err());
        assert!(parse("strowger check --config a.toml --json").is_ok());
        assert!(parse("strowger demo --calls-per-minute 0").is_err());
        assert!(parse("strowger call prefer c17 1001").is_ok() && parse("strowger call prefer c17").is_ok());
        assert!(
            parse("strowger agent stats 1001 --last 8h --by 60m").is_ok() && parse("strowger agent stats").is_err()
        );
        assert!(
            parse("strowger team stats --json").is_ok() && parse("strowger team stats sales/east --by day").is_ok()
        );
        assert!(parse("strowger top --once --show agents --lang zh --interval 500ms").is_ok());
        assert!(parse("strowger top --interval 0").is_err());
        assert!(parse("strowger call consult c17 --to agent:1002").is_ok());
        assert!(parse("strowger call transfer c17").is_err());
        assert!(parse("strowger calls --numbers --json").is_ok() && parse("strowger agents --numbers").is_err());
        assert!(parse("strowger call requeue c17,c18 sales --json --why wrong-number").is_ok());
    }
}
