//! The terminal and the connection of the board. The terminal is put back as it was when the board is left, whatever ends it: a
//! key, SIGINT or SIGTERM, an error, a panic. The engine is asked by a thread of its own, so that keys work while it does not
//! answer.

use std::io::Stdout;
use std::panic;
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::thread;
use std::time::Duration;

use crossterm::cursor::{Hide, Show};
use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::execute;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

use crate::base::Instant;
use crate::cli::client::Client;
use crate::cli::exit::fail;
use crate::cli::signals::Signals;
use crate::cli::top::answers::Answers;
use crate::cli::top::board::{Ask, Board, Key, Link, Tab};
use crate::cli::top::snapshot::Snapshot;
use crate::cli::top::view::{self, Paint};
use crate::io::clock::Clock;

/// Longest pause between two looks at signals and answers.
const PATIENCE: Duration = Duration::from_millis(50);
/// How often the time since the connection was lost is drawn.
const SECOND: Duration = Duration::from_secs(1);

/// Shows the board until it is left.
pub(super) fn run(board: Board, client: Client, paint: Paint) -> ExitCode {
    let outcome = Signals::start().and_then(|signals| {
        let feed = Feed::start(client)?;
        let mut screen = Screen::open().map_err(|error| format!("the terminal: {error}"))?;
        Shell { board, paint, signals, feed, clock: Clock::start(), next: Instant::ZERO, drawn: None }.run(&mut screen)
    });
    // The screen is closed by now.
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => fail(&why),
    }
}

/// The loop with all it owns.
struct Shell {
    board: Board,
    paint: Paint,
    signals: Signals,
    feed: Feed,
    clock: Clock,
    /// When the engine is asked next.
    next: Instant,
    /// When the board was drawn as it is.
    drawn: Option<Instant>,
}

impl Shell {
    fn run(mut self, screen: &mut Screen) -> Result<(), String> {
        self.next = self.clock.now() + self.board.interval;
        while self.signals.count() == 0 {
            self.feed()?;
            self.draw(screen)?;
            let wrong = |error: std::io::Error| format!("the terminal: {error}");
            if !event::poll(PATIENCE).map_err(wrong)? {
                continue;
            }
            let height = screen.terminal.size().map_err(wrong)?.height;
            match event::read().map_err(wrong)? {
                Event::Key(key) if key.kind != KeyEventKind::Release => {
                    if self.press(key, height) == Ask::Quit {
                        return Ok(());
                    }
                }
                Event::Resize(..) => self.drawn = None,
                Event::Key(_) | Event::Mouse(_) | Event::Paste(_) | Event::FocusGained | Event::FocusLost => {}
            }
        }
        Ok(())
    }

    fn press(&mut self, pressed: KeyEvent, height: u16) -> Ask {
        if pressed.code == KeyCode::Char('c') && pressed.modifiers.contains(KeyModifiers::CONTROL) {
            return Ask::Quit;
        }
        let Some(key) = key(pressed.code) else { return Ask::Nothing };
        let ask = self.board.press(key, view::page(height));
        self.drawn = None;
        if ask == Ask::Fetch {
            self.feed.is_urgent = true;
        }
        ask
    }

    /// Takes the answer that has come; asks when it is time.
    fn feed(&mut self) -> Result<(), String> {
        let now = self.clock.now();
        if let Some(answer) = self.feed.poll()? {
            self.board.accept(now, answer);
            self.drawn = None;
        }
        let is_due = now >= self.next && !self.board.is_paused;
        if (is_due || self.feed.is_urgent) && self.feed.ask(self.board.tab) {
            self.next = now + self.board.interval;
        }
        // A shorter interval counts at once.
        self.next = self.next.min(now + self.board.interval);
        Ok(())
    }

    fn draw(&mut self, screen: &mut Screen) -> Result<(), String> {
        let now = self.clock.now();
        let is_old = |drawn: Instant| self.board.link != Link::Up && now.since(drawn) >= SECOND;
        if self.drawn.is_some_and(|drawn| !is_old(drawn)) {
            return Ok(());
        }
        let (board, paint) = (&self.board, self.paint);
        let drawn = screen.terminal.draw(|frame| view::draw(frame, board, paint, now));
        drawn.map_err(|error| format!("the terminal: {error}"))?;
        self.drawn = Some(now);
        Ok(())
    }
}

/// The thread that asks the engine, one question at a time.
struct Feed {
    ask: Sender<Tab>,
    answers: Receiver<Result<Snapshot, String>>,
    /// An answer is awaited.
    is_asked: bool,
    /// The next question does not wait for its time.
    is_urgent: bool,
}

impl Feed {
    fn start(client: Client) -> Result<Self, String> {
        let (ask, asked) = mpsc::channel();
        let (answer, answers) = mpsc::channel();
        let run = move || {
            for tab in asked {
                let read = Answers::fetch(&client, tab).map(|answers| answers.read());
                if answer.send(read).is_err() {
                    return;
                }
            }
        };
        let named = thread::Builder::new().name("fetch".to_string());
        named.spawn(run).map_err(|error| format!("thread fetch: {error}"))?;
        Ok(Self { ask, answers, is_asked: false, is_urgent: false })
    }

    fn poll(&mut self) -> Result<Option<Result<Snapshot, String>>, String> {
        match self.answers.try_recv() {
            Ok(answer) => {
                self.is_asked = false;
                Ok(Some(answer))
            }
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err("the thread that asks the engine has ended".to_string()),
        }
    }

    /// Asks, unless an answer is awaited. True when it did.
    fn ask(&mut self, tab: Tab) -> bool {
        if self.is_asked {
            return false;
        }
        // Without the thread the next poll says so.
        self.is_asked = self.ask.send(tab).is_ok();
        self.is_urgent = false;
        self.is_asked
    }
}

/// The terminal as the board has it.
struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Screen {
    fn open() -> std::io::Result<Self> {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panicked| {
            restore();
            before(panicked);
        }));
        enable_raw_mode()?;
        let opened = execute!(std::io::stdout(), EnterAlternateScreen, Hide);
        let terminal = opened.and_then(|()| Terminal::new(CrosstermBackend::new(std::io::stdout())));
        terminal.map(|terminal| Self { terminal }).inspect_err(|_| restore())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Puts the terminal back. What is gone needs nothing.
fn restore() {
    drop(disable_raw_mode());
    drop(execute!(std::io::stdout(), Show, LeaveAlternateScreen));
}

/// The key that the board knows.
fn key(code: KeyCode) -> Option<Key> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "another crate's keys, most of which mean nothing here")]
    Some(match code {
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        _ => return None,
    })
}
