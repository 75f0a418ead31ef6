//! The board's state: what is shown, in which order, what is filtered, and what each key does. It knows neither terminal nor
//! connection: keys, answers and the time come in.

use std::time::Duration;

use clap::ValueEnum;

use crate::base::Instant;
use crate::cli::top::columns::{self, Column};
use crate::cli::top::grid::{Cell, Grid, Head};
use crate::cli::top::snapshot::Snapshot;
use crate::cli::top::words::{self, Lang, Words};

/// What is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Tab {
    /// Queues.
    Queues,
    /// Agents.
    Agents,
    /// Teams.
    Teams,
}

impl Tab {
    /// Every list, in the order of the tabs.
    pub(super) const ALL: [Self; 3] = [Self::Queues, Self::Agents, Self::Teams];

    /// Its title.
    pub(super) const fn title(self) -> Words {
        match self {
            Self::Queues => words::QUEUES,
            Self::Agents => words::AGENTS,
            Self::Teams => words::TEAMS,
        }
    }
}

/// A key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Char(char),
    Enter,
    Escape,
    Backspace,
    Tab,
    BackTab,
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Home,
    End,
}

/// What the shell is to do after a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    Nothing,
    /// Fetch at once.
    Fetch,
    Quit,
}

/// What the keys mean now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Watching,
    /// A filter is being written.
    Typing,
    Help,
}

/// Whether the engine answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Link {
    Up,
    /// Since when not, and what it said last.
    Lost(Instant, String),
}

/// How a list stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Place {
    sorted: usize,
    reversed: bool,
    /// The first row shown.
    first: usize,
}

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Board {
    pub(super) lang: Lang,
    pub(super) url: String,
    pub(super) tab: Tab,
    pub(super) mode: Mode,
    pub(super) filter: String,
    pub(super) interval: Duration,
    pub(super) is_paused: bool,
    pub(super) link: Link,
    pub(super) snapshot: Snapshot,
    places: [Place; 3],
}

/// Longest filter, in characters.
const FILTER_MAX: usize = 40;
/// Queues begin with the longest wait.
const LONGEST_WAIT: usize = 2;
/// Agents begin by their state.
const STATE: usize = 1;

impl Board {
    /// A board that shows this.
    pub(super) fn new(lang: Lang, url: &str, tab: Tab, interval: Duration, snapshot: Snapshot) -> Self {
        let place = |sorted| Place { sorted, ..Place::default() };
        Self {
            lang,
            url: url.to_string(),
            tab,
            mode: Mode::Watching,
            filter: String::new(),
            interval,
            is_paused: false,
            link: Link::Up,
            snapshot,
            places: [place(LONGEST_WAIT), place(STATE), place(0)],
        }
    }

    /// The engine answered, or did not.
    pub(super) fn accept(&mut self, now: Instant, answer: Result<Snapshot, String>) {
        match (answer, &self.link) {
            (Ok(fresh), _) => {
                // A list that was not asked for stands as it did until it is.
                let agents = fresh.agents.or_else(|| self.snapshot.agents.take());
                let teams = fresh.teams.or_else(|| self.snapshot.teams.take());
                self.snapshot = Snapshot { agents, teams, ..fresh };
                self.link = Link::Up;
            }
            (Err(why), Link::Lost(since, _)) => self.link = Link::Lost(*since, why),
            (Err(why), Link::Up) => self.link = Link::Lost(now, why),
        }
    }

    /// A key was pressed while so many rows were shown at a time.
    pub(super) fn press(&mut self, key: Key, page: usize) -> Ask {
        match self.mode {
            Mode::Help => {
                self.mode = Mode::Watching;
                Ask::Nothing
            }
            Mode::Typing => {
                self.write(key);
                Ask::Nothing
            }
            Mode::Watching => self.watch(key, page),
        }
    }

    fn watch(&mut self, key: Key, page: usize) -> Ask {
        let rows = self.rows();
        let columns = self.columns();
        let place = &mut self.places[self.tab as usize];
        let last = rows.saturating_sub(page);
        match key {
            Key::Char('q' | 'Q') => return Ask::Quit,
            Key::Char('h' | '?') => self.mode = Mode::Help,
            Key::Char('/') => {
                self.mode = Mode::Typing;
                self.filter.clear();
            }
            Key::Char('r') => place.reversed = !place.reversed,
            Key::Char(' ') => {
                self.is_paused = !self.is_paused;
                return if self.is_paused { Ask::Nothing } else { Ask::Fetch };
            }
            Key::Enter => return Ask::Fetch,
            Key::Char('>') | Key::Right => *place = sorted_by(*place, (place.sorted + 1) % columns),
            Key::Char('<') | Key::Left => *place = sorted_by(*place, (place.sorted + columns - 1) % columns),
            Key::Up | Key::Char('k') => place.first = place.first.min(last).saturating_sub(1),
            Key::Down | Key::Char('j') => place.first = (place.first + 1).min(last),
            Key::PageUp => place.first = place.first.min(last).saturating_sub(page),
            Key::PageDown => place.first = (place.first + page).min(last),
            Key::Home | Key::Char('g') => place.first = 0,
            Key::End => place.first = last,
            Key::Tab => return self.turn(1),
            Key::BackTab => return self.turn(Tab::ALL.len() - 1),
            Key::Escape => self.filter.clear(),
            Key::Char(digit @ '0'..='9') => {
                let seconds = u64::from(digit).saturating_sub(u64::from('0'));
                self.interval = Duration::from_secs(if seconds == 0 { 10 } else { seconds });
            }
            Key::Char(letter) => {
                if let Some(column) = self.column_of(letter) {
                    let place = &mut self.places[self.tab as usize];
                    *place = sorted_by(*place, column);
                }
            }
            Key::Backspace => {}
        }
        Ask::Nothing
    }

    /// The next list, which may have to be fetched.
    fn turn(&mut self, by: usize) -> Ask {
        self.tab = Tab::ALL[(self.tab as usize + by) % Tab::ALL.len()];
        Ask::Fetch
    }

    fn write(&mut self, key: Key) {
        match key {
            Key::Enter => self.mode = Mode::Watching,
            Key::Escape => {
                self.mode = Mode::Watching;
                self.filter.clear();
            }
            Key::Backspace => {
                self.filter.pop();
            }
            Key::Char(c) if !c.is_control() && self.filter.chars().count() < FILTER_MAX => self.filter.push(c),
            Key::Char(_)
            | Key::Tab
            | Key::BackTab
            | Key::Up
            | Key::Down
            | Key::Left
            | Key::Right
            | Key::PageUp
            | Key::PageDown
            | Key::Home
            | Key::End => {}
        }
    }

    /// The list as a table: filtered and sorted.
    pub(super) fn grid(&self) -> Grid {
        let place = self.places[self.tab as usize];
        match self.tab {
            Tab::Queues => self.table(columns::QUEUES, &self.snapshot.queues, place),
            Tab::Agents => self.table(columns::AGENTS, self.snapshot.agents.as_deref().unwrap_or_default(), place),
            Tab::Teams => self.table(columns::TEAMS, self.snapshot.teams.as_deref().unwrap_or_default(), place),
        }
    }

    /// False until the list was fetched for the first time.
    pub(super) const fn is_known(&self) -> bool {
        match self.tab {
            Tab::Queues => true,
            Tab::Agents => self.snapshot.agents.is_some(),
            Tab::Teams => self.snapshot.teams.is_some(),
        }
    }

    /// The first row to show, where so many fit.
    pub(super) fn first(&self, rows: usize, page: usize) -> usize {
        self.places[self.tab as usize].first.min(rows.saturating_sub(page))
    }

    /// True when the rows stand the other way round.
    pub(super) const fn is_reversed(&self) -> bool {
        self.places[self.tab as usize].reversed
    }

    /// Each column's letter, title and meaning, for the help.
    pub(super) fn letters(&self) -> Vec<(char, &'static str, &'static str)> {
        fn all<T>(columns: &[Column<T>], lang: Lang) -> Vec<(char, &'static str, &'static str)> {
            let entry = |c: &Column<T>| (c.letter, lang.of_words(c.titles), lang.of_words(c.what));
            columns.iter().map(entry).collect()
        }
        match self.tab {
            Tab::Queues => all(columns::QUEUES, self.lang),
            Tab::Agents => all(columns::AGENTS, self.lang),
            Tab::Teams => all(columns::TEAMS, self.lang),
        }
    }

    fn table<T>(&self, columns: &[Column<T>], list: &[T], place: Place) -> Grid {
        let heads = columns.iter().map(|column| Head {
            title: self.lang.of_words(column.titles),
            side: column.side,
            rank: column.rank,
        });
        let key = columns[place.sorted].key;
        let name = columns[0].key;
        let mut rows: Vec<_> = list.iter().map(|row| (key(row), name(row), row)).collect();
        rows.sort_by(|a, b| {
            let order = a.0.order(&b.0);
            let order = if place.reversed { order.reverse() } else { order };
            order.then_with(|| a.1.order(&b.1))
        });
        let cells = |row: &T| columns.iter().map(|column| (column.cell)(row, self.lang)).collect::<Vec<_>>();
        let rows = rows.into_iter().map(|(_, _, row)| cells(row));
        let wanted = self.filter.to_lowercase();
        let has =
            |row: &Vec<Cell>| wanted.is_empty() || row.iter().any(|cell| cell.text.to_lowercase().contains(&wanted));
        Grid { heads: heads.collect(), rows: rows.filter(has).collect(), sorted: place.sorted }
    }

    fn rows(&self) -> usize {
        if self.filter.is_empty() {
            return match self.tab {
                Tab::Queues => self.snapshot.queues.len(),
                Tab::Agents => self.snapshot.agents.as_ref().map_or(0, Vec::len),
                Tab::Teams => self.snapshot.teams.as_ref().map_or(0, Vec::len),
            };
        }
        self.grid().rows.len()
    }

    const fn columns(&self) -> usize {
        match self.tab {
            Tab::Queues => columns::QUEUES.len(),
            Tab::Agents => columns::AGENTS.len(),
            Tab::Teams => columns::TEAMS.len(),
        }
    }

    fn column_of(&self, letter: char) -> Option<usize> {
        match self.tab {
            Tab::Queues => columns::QUEUES.iter().position(|column| column.letter == letter),
            Tab::Agents => columns::AGENTS.iter().position(|column| column.letter == letter),
            Tab::Teams => columns::TEAMS.iter().position(|column| column.letter == letter),
        }
    }
}

/// By another column, in its own order.
fn sorted_by(place: Place, sorted: usize) -> Place {
    Place { sorted, reversed: place.reversed && place.sorted == sorted, ..place }
}
