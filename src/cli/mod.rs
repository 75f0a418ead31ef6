//! The command line: serve, demo, check, and the control plane's clients. Parses arguments, prints results, and knows the exit
//! codes: 0 it worked, 1 it failed, 2 the arguments or the configuration are wrong.

mod args;
mod check;
mod client;
mod demo;
mod exit;
mod explain;
mod ladder;
mod log;
mod lost;
mod print;
mod rules;
mod signals;
mod standby;
mod stats;
mod target;
mod teams;
mod top;
mod trace;
mod trace_args;
mod wish;

use std::process::ExitCode;

use clap::Parser;
use serde_json::json;

use crate::cli::args::{AgentCommand, Arguments, CallCommand, Command, LogLevel, QueueCommand, TeamCommand};
use crate::cli::client::Client;
use crate::cli::exit::{USAGE, fail, finish, usage};
use crate::cli::print::error;
use crate::io::load::Origin;
use crate::io::serve::{Outcome, serve};

/// Runs the command that the process's arguments ask for.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let usual = if matches!(arguments.command, Command::Serve { .. }) { LogLevel::Info } else { LogLevel::Warn };
    log::start(arguments.log_level.unwrap_or(usual), arguments.log_json);
    match arguments.command {
        Command::Serve { config, shards } => run_serve(Origin::File(config), shards),
        Command::Check { config, json } => check::run(&config, json),
        Command::Rules { config } => rules::run(&config),
        Command::Demo(options) => demo::run(&options),
        Command::Queues(target) => finish(Client::new(&target).and_then(|client| client.queues())),
        Command::Agents(target) => finish(Client::new(&target).and_then(|client| client.agents())),
        Command::Top(options) => top::run(&options),
        Command::Teams(target) => finish(Client::new(&target).and_then(|client| client.teams())),
        Command::Calls { numbers, target } => finish(Client::new(&target).and_then(|client| client.calls(numbers))),
        Command::Registrations(target) => finish(Client::new(&target).and_then(|client| client.registrations())),
        Command::Lost(lost) => finish(Client::new(&lost.target).and_then(|client| client.lost(&lost))),
        Command::Queue { command: QueueCommand::Stats(stats) } => {
            finish(Client::new(&stats.intervals.target).and_then(|client| client.queue_stats(&stats)))
        }
        Command::Team { command: TeamCommand::Stats { path, intervals } } => {
            finish(Client::new(&intervals.target).and_then(|client| client.team_stats(path.as_deref(), &intervals)))
        }
        Command::Agent { command: AgentCommand::Stats { name, intervals } } => {
            finish(Client::new(&intervals.target).and_then(|client| client.agent_stats(&name, &intervals)))
        }
        Command::Queue { command: QueueCommand::Show { name, target } } => {
            finish(Client::new(&target).and_then(|client| client.queue(&name)))
        }
        Command::Queue { command: QueueCommand::Decisions { name, last, target } } => {
            finish(Client::new(&target).and_then(|client| client.decisions(&name, last)))
        }
        Command::Queue { command: QueueCommand::Set { name, words, why, target } } => match wish::queue(&words) {
            Ok(body) => finish(Client::new(&target).and_then(|client| client.set_queues(&name, body, why))),
            Err(reason) => usage(&reason),
        },
        Command::Agent { command: AgentCommand::Set { words, team, lasts, why, target } } => {
            match wish::agents(&words, &team, lasts) {
                Ok(body) => finish(Client::new(&target).and_then(|client| client.set_agents(body, why))),
                Err(reason) => usage(&reason),
            }
        }
        Command::Call { command } => act(command),
        Command::Trace { command } => finish(trace::run(&command)),
    }
}

fn act(command: CallCommand) -> ExitCode {
    let (id, body, why, target) = match command {
        CallCommand::Explain { id, target } => {
            return finish(Client::new(&target).and_then(|client| client.explain(&id)));
        }
        CallCommand::Ladder { id, numbers, target } => {
            return finish(Client::new(&target).and_then(|client| client.ladder(&id, numbers)));
        }
        CallCommand::Hangup { id, why, target } => (id, json!({ "action": "hangup" }), why, target),
        CallCommand::Withdraw { id, why, target } => (id, json!({ "action": "withdraw" }), why, target),
        CallCommand::Priority { id, priority, why, target } => {
            (id, json!({ "action": "priority", "priority": priority }), why, target)
        }
        CallCommand::Prefer { id, agent, why, target } => {
            (id, json!({ "action": "prefer", "agent": agent }), why, target)
        }
        CallCommand::Transfer { id, to, why, target } => (id, json!({ "action": "transfer", "to": to }), why, target),
        CallCommand::Consult { id, to, why, target } => (id, json!({ "action": "consult", "to": to }), why, target),
        CallCommand::Complete { id, why, target } => (id, json!({ "action": "complete" }), why, target),
        CallCommand::Cancel { id, why, target } => (id, json!({ "action": "cancel" }), why, target),
        CallCommand::Requeue { id, queue, why, target } => {
            (id, json!({ "action": "requeue", "queue": queue }), why, target)
        }
    };
    finish(Client::new(&target).and_then(|client| client.act(&id, body, why)))
}

fn run_serve(origin: Origin, shards: Option<u8>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(fault) => return fail(&format!("no runtime: {fault}")),
    };
    let outcome = runtime.block_on(serve(origin, shards));
    // Blocking look-ups of host names may still run; nothing waits for them.
    runtime.shutdown_background();
    match outcome {
        Outcome::Drained => {
            tracing::info!("drained");
            ExitCode::SUCCESS
        }
        Outcome::Cut => fail("ended by a second signal before the last call was gone"),
        Outcome::Failed(reason) => fail(&reason),
        Outcome::Config(errors) => {
            for line in &errors {
                error(line);
            }
            ExitCode::from(USAGE)
        }
    }
}
