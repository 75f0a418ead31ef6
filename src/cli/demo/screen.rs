//! What the demo shows while it runs: a table redrawn in place on a terminal, a line now and then elsewhere, nothing with
//! `--json`.

use std::io::IsTerminal;
use std::time::Duration;

use crossterm::Command;
use crossterm::cursor::MoveToPreviousLine;
use crossterm::terminal::{Clear, ClearType};

use crate::base::Instant;
use crate::cli::args;
use crate::cli::print::{aside, clock, out, table};
use crate::io::engine::Engine;
use crate::stats::{Overview, QueueSnapshot};

/// How often the table is drawn.
const DRAW_INTERVAL: Duration = Duration::from_millis(500);
/// How often a line is printed where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Where and how the figures are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Silent,
    Lines,
    Table,
}

/// The demo's output.
#[derive(Debug)]
pub(super) struct Screen {
    manner: Manner,
    next: Instant,
    drawn_lines: u16,
    notes: Vec<String>,
}

impl Screen {
    /// Says what runs where; with `--json` on standard error.
    pub(super) fn new(options: &args::Demo, engine: &Engine, notes: Vec<String>) -> Self {
        let manner = match (options.json, std::io::stdout().is_terminal()) {
            (true, _) => Manner::Silent,
            (false, true) => Manner::Table,
            (false, false) => Manner::Lines,
        };
        let mut screen = Self { manner, next: Instant::ZERO, drawn_lines: 0, notes };
        screen.greet(options, engine);
        screen
    }

    /// Shows the figures when it is time.
    pub(super) fn show(&mut self, now: Instant, engine: &Engine, is_draining: bool) {
        if now < self.next {
            return;
        }
        match self.manner {
            Manner::Silent => self.next = Instant::FAR,
            Manner::Lines => {
                self.next = now + LINE_INTERVAL;
                let overview = engine.handle.live.overview(engine.handle.now());
                out(&line(&overview, is_draining));
            }
            Manner::Table => {
                self.next = now + DRAW_INTERVAL;
                let overview = engine.handle.live.overview(engine.handle.now());
                let state = if is_draining {
                    "Draining: no new calls, those who wait are still served. Ctrl-C again ends at once."
                } else {
                    "Ctrl-C drains and prints the totals."
                };
                self.draw(&format!("{}\n{}\n{state}\n", figures(&overview), agents(&overview)));
            }
        }
    }

    /// The totals at the end.
    pub(super) fn close(&mut self, overview: &Overview) {
        let text = format!("{}\n{}", figures(overview), sum(&overview.total));
        match self.manner {
            Manner::Silent => {}
            Manner::Lines => out(&text),
            Manner::Table => self.draw(&text),
        }
    }

    fn greet(&mut self, options: &args::Demo, engine: &Engine) {
        let mut text = format!(
            "Strowger demo: SIP at {}, http://{}/metrics, http://{}/v1/queues\n",
            engine.sip, engine.http, engine.http
        );
        if options.no_phones {
            text.push_str(&format!(
                "Call sip:800@{0}, sip:801@{0} or sip:802@{0}; agents are called as sip:1001@127.0.0.1:5071 and so on.\n",
                engine.sip
            ));
        }
        for note in self.notes.drain(..) {
            text.push_str(&note);
            text.push('\n');
        }
        text.push('\n');
        match self.manner {
            Manner::Silent => aside(&text),
            Manner::Lines | Manner::Table => out(&text),
        }
    }

    /// Draws over what was drawn before.
    fn draw(&mut self, text: &str) {
        let mut drawing = String::new();
        if self.drawn_lines > 0 {
            // Writing to a string cannot fail.
            let _ = MoveToPreviousLine(self.drawn_lines).write_ansi(&mut drawing);
            let _ = Clear(ClearType::FromCursorDown).write_ansi(&mut drawing);
        }
        // A line that wraps would be two to the terminal: the next drawing would begin too low.
        let width = crossterm::terminal::size().map_or(usize::MAX, |(columns, _)| usize::from(columns));
        for line in text.lines() {
            drawing.extend(line.chars().take(width));
            drawing.push('\n');
        }
        self.drawn_lines = u16::try_from(text.lines().count()).unwrap_or(u16::MAX);
        out(&drawing);
    }
}

fn figures(overview: &Overview) -> String {
    let header = [
        "queue",
        "waiting",
        "longest wait",
        "offered",
        "answered",
        "abandoned",
        "flowed out",
        "service level",
        "agents",
    ];
    let rows: Vec<Vec<String>> = overview.queues.values().chain([&overview.total]).map(row).collect();
    table(&header, &rows)
}

fn row(queue: &QueueSnapshot) -> Vec<String> {
    let agents = |state: &str| queue.agents.get(state).copied().unwrap_or_default();
    vec![
        queue.name.to_string(),
        queue.waiting.to_string(),
        clock(queue.longest_wait_seconds),
        queue.offered.to_string(),
        queue.answered.to_string(),
        queue.abandoned.to_string(),
        queue.flowed_out.to_string(),
        level(queue),
        format!("{} ready, {} talking", agents("ready"), agents("talking")),
    ]
}

fn level(queue: &QueueSnapshot) -> String {
    queue.service_level.map_or_else(|| "-".to_string(), |level| format!("{:.0} %", level * 100.0))
}

fn agents(overview: &Overview) -> String {
    let states = overview.total.agents.iter().filter(|(_, count)| **count > 0);
    let words: Vec<String> = states.map(|(state, count)| format!("{count} {}", state.replace('_', " "))).collect();
    format!("Agents: {}", words.join(", "))
}

fn sum(total: &QueueSnapshot) -> String {
    format!(
        "{} offered = {} answered + {} abandoned + {} flowed out + {} waiting\n",
        total.offered, total.answered, total.abandoned, total.flowed_out, total.waiting
    )
}

fn line(overview: &Overview, is_draining: bool) -> String {
    let total = &overview.total;
    let queues: Vec<String> = overview
        .queues
        .values()
        .map(|queue| format!("{} waiting {} level {}", queue.name, queue.waiting, level(queue)))
        .collect();
    format!(
        "{}offered {} answered {} abandoned {} flowed out {} waiting {} longest {} | {} | {}\n",
        if is_draining { "draining: " } else { "" },
        total.offered,
        total.answered,
        total.abandoned,
        total.flowed_out,
        total.waiting,
        clock(total.longest_wait_seconds),
        queues.join(", "),
        agents(overview)
    )
}
