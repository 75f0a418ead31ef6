//! `strowger top`: the live queues, agents and teams of a running engine on the terminal, over its control plane. [`board`] is
//! what is shown and what keys do, [`view`] draws it, [`shell`] has the terminal and asks for [`answers`]; [`columns`] is the
//! table of figures.

mod answers;
pub(super) mod board;
mod columns;
mod grid;
mod shell;
mod snapshot;
mod view;
pub(super) mod words;

#[cfg(test)]
mod tests;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use crate::cli::args;
use crate::cli::client::Client;
use crate::cli::exit::fail;
use crate::cli::print::out;
use crate::cli::top::answers::Answers;
use crate::cli::top::board::Board;
use crate::cli::top::view::Paint;
use crate::cli::top::words::Lang;

/// How long an answer is awaited before the board says that the engine is not there.
const PATIENCE: Duration = Duration::from_secs(3);

/// Shows the board until it is left, or prints it once.
pub(super) fn run(options: &args::Top) -> ExitCode {
    let variable = |name: &str| std::env::var(name).ok();
    let client = match Client::patient(&options.target, PATIENCE) {
        Ok(client) => client,
        Err(why) => return fail(&why),
    };
    let answers = match Answers::fetch(&client, options.show) {
        Ok(answers) => answers,
        Err(why) => return fail(&why),
    };
    if options.target.json {
        out(&format!("{}\n", answers.json()));
        return ExitCode::SUCCESS;
    }
    let lang = options.lang.unwrap_or_else(|| Lang::of(variable));
    let board = Board::new(lang, &options.target.url, options.show, options.interval, answers.read());
    let is_dumb = variable("TERM").is_none_or(|name| name.is_empty() || name == "dumb");
    if options.once || is_dumb || !std::io::stdout().is_terminal() {
        out(&view::text(&board));
        return ExitCode::SUCCESS;
    }
    let is_plain = variable("NO_COLOR").is_some_and(|value| !value.is_empty());
    shell::run(board, client, if is_plain { Paint::None } else { Paint::Colours })
}
