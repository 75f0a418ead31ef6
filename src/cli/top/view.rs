//! Draws the board: a title, three lines of sums, the tabs, the table, and a line about the keys. Everything that is drawn is
//! in the board; colours only stress what the text says too.

use std::time::Duration;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

use crate::base::Instant;
use crate::cli::print::clock;
use crate::cli::top::board::{Board, Link, Mode, Tab};
use crate::cli::top::columns::level;
use crate::cli::top::grid::{Grid, Side, Tone, pad, wrap};
use crate::cli::top::snapshot::Queue;
use crate::cli::top::words::{self, Lang};

/// Lines above the rows: five and the titles.
const HEAD: u16 = 6;
/// Lines below the rows.
const FOOT: u16 = 1;
/// A refresh of less than this many milliseconds is told in them.
const SECOND_MS: u128 = 1_000;

/// Whether figures are coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paint {
    Colours,
    /// `NO_COLOR` is set.
    None,
}

/// The board as plain text: the sums, and every row and column of the list.
pub(super) fn text(board: &Board) -> String {
    format!("{}\n{}\n{}\n\n{}", now_line(board), today(board), states(board), board.grid().plain())
}

/// How many rows of the table a terminal of this height shows.
pub(super) fn page(height: u16) -> usize {
    usize::from(height.saturating_sub(HEAD + FOOT))
}

/// Draws the board as it is at `now`.
pub(super) fn draw(frame: &mut Frame<'_>, board: &Board, paint: Paint, now: Instant) {
    let area = frame.area();
    let mut page = Page { buffer: frame.buffer_mut(), area, paint };
    if board.mode == Mode::Help {
        return help(&mut page, board);
    }
    page.line(0, title(board));
    page.right(0, status(board, now));
    page.line(1, now_line(board));
    page.line(2, today(board));
    page.line(3, states(board));
    page.line(4, tabs(board));
    let grid = board.grid();
    let rows = self::page(area.height);
    let first = board.first(grid.rows.len(), rows);
    let empty = if board.is_known() { words::NOBODY } else { words::FETCHING };
    table(&mut page, &grid, first, rows, board.lang.of_words(empty));
    page.line(area.height.saturating_sub(FOOT), foot(board, &grid, first, rows));
}

/// Where is drawn.
struct Page<'a> {
    buffer: &'a mut Buffer,
    area: Rect,
    paint: Paint,
}

impl Page<'_> {
    /// A line of its own; what is below the screen is left out.
    fn line(&mut self, y: u16, line: Line<'_>) {
        self.at(0, y, line);
    }

    /// At the end of a line.
    fn right(&mut self, y: u16, line: Line<'_>) {
        let width = u16::try_from(line.width()).unwrap_or(u16::MAX);
        self.at(self.area.width.saturating_sub(width), y, line);
    }

    fn at(&mut self, x: u16, y: u16, mut line: Line<'_>) {
        if y >= self.area.height || x >= self.area.width {
            return;
        }
        if self.paint == Paint::None {
            line = colourless(line);
        }
        self.buffer.set_line(self.area.x + x, self.area.y + y, &line, self.area.width - x);
    }
}

/// Without colours; bold and reversed stay.
fn colourless(mut line: Line<'_>) -> Line<'_> {
    let without = |style: Style| Style { fg: None, bg: None, ..style };
    line.style = without(line.style);
    for span in &mut line.spans {
        span.style = without(span.style);
    }
    line
}

const fn style(tone: Tone) -> Style {
    match tone {
        Tone::Plain => Style::new(),
        Tone::Good => Style::new().fg(Color::Green),
        Tone::Warn => Style::new().fg(Color::Yellow),
        Tone::Bad => Style::new().fg(Color::Red).add_modifier(Modifier::BOLD),
        Tone::Faint => Style::new().fg(Color::DarkGray),
    }
}

fn title(board: &Board) -> Line<'static> {
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let every = board.lang.of_words(words::EVERY);
    let rate = format!("  {every} {}", span(board.interval));
    Line::from(vec![Span::styled("strowger top", bold), Span::raw(format!("  {}{rate}", board.url))])
}

fn span(interval: Duration) -> String {
    match interval.as_millis() {
        millis if millis % SECOND_MS == 0 => format!("{} s", millis / SECOND_MS),
        millis => format!("{millis} ms"),
    }
}

/// What is out of the ordinary.
fn status(board: &Board, now: Instant) -> Line<'static> {
    let bad = style(Tone::Bad).add_modifier(Modifier::REVERSED);
    match &board.link {
        Link::Lost(since, why) => {
            let (lost, retrying) = (board.lang.of_words(words::LOST), board.lang.of_words(words::RETRYING));
            let time = clock(now.since(*since).as_secs_f64());
            Line::from(Span::styled(format!(" {lost} {time}, {retrying}: {why} "), bad))
        }
        Link::Up if board.is_paused => {
            let style = style(Tone::Warn).add_modifier(Modifier::REVERSED);
            Line::from(Span::styled(format!(" {} ", board.lang.of_words(words::PAUSED)), style))
        }
        Link::Up => Line::default(),
    }
}

/// All queues at this moment.
fn now_line(board: &Board) -> Line<'static> {
    let total = &board.snapshot.total;
    let (wait, longest, level) = (total.waiting, clock(total.longest), level(total));
    let before = match board.lang {
        Lang::En => format!("waiting {wait}, longest {longest}   service level, 30 min: "),
        Lang::Zh => format!("排队 {wait}  最长等待 {longest}   服务水平（近 30 分钟）："),
    };
    Line::from(vec![Span::raw(before), Span::styled(level.text, style(level.tone))])
}

/// All queues since midnight.
fn today(board: &Board) -> Line<'static> {
    let Queue { offered, answered, abandoned, lost, .. } = board.snapshot.total;
    let today = board.lang.of_words(words::TODAY);
    Line::raw(match board.lang {
        Lang::En => format!("{today} {offered} offered, {answered} answered, {abandoned} abandoned, {lost} lost"),
        Lang::Zh => format!("{today}：呼入 {offered}  接通 {answered}  放弃 {abandoned}  呼损 {lost}"),
    })
}

/// All agents in a line.
fn states(board: &Board) -> Line<'static> {
    let all: u64 = board.snapshot.states.iter().map(|(_, count)| count).sum();
    let each =
        board.snapshot.states.iter().map(|(label, count)| format!("{} {count}", words::state(label, board.lang)));
    let each = each.collect::<Vec<_>>().join(", ");
    match board.lang {
        Lang::En => Line::raw(format!("{all} agents: {each}")),
        Lang::Zh => Line::raw(format!("坐席 {all}：{}", each.replace(", ", "  "))),
    }
}

fn tabs(board: &Board) -> Line<'static> {
    let mut spans = Vec::new();
    for tab in Tab::ALL {
        let mut style = Style::new();
        if tab == board.tab {
            style = style.add_modifier(Modifier::REVERSED | Modifier::BOLD);
        }
        spans.push(Span::styled(format!(" {} ", board.lang.of_words(tab.title())), style));
        spans.push(Span::raw(" "));
    }
    if board.mode == Mode::Typing || !board.filter.is_empty() {
        let cursor = if board.mode == Mode::Typing { "_" } else { "" };
        let filter = board.lang.of_words(words::FILTER);
        spans.push(Span::styled(format!("  {filter}: {}{cursor}", board.filter), style(Tone::Warn)));
    }
    Line::from(spans)
}

fn table(page: &mut Page<'_>, grid: &Grid, first: usize, rows: usize, nobody: &str) {
    let columns = grid.fit(usize::from(page.area.width));
    let reversed = Style::new().add_modifier(Modifier::REVERSED);
    let mut titles = Vec::new();
    for (column, width) in &columns {
        let head = &grid.heads[*column];
        let style = if *column == grid.sorted { reversed.add_modifier(Modifier::BOLD) } else { reversed };
        titles.push(Span::styled(pad(head.title, *width, head.side), style));
        titles.push(Span::styled(" ", reversed));
    }
    let taken: usize = columns.iter().map(|(_, width)| width + 1).sum();
    titles.push(Span::styled(" ".repeat(usize::from(page.area.width).saturating_sub(taken)), reversed));
    page.line(HEAD - 1, Line::from(titles));
    if grid.rows.is_empty() {
        page.line(HEAD, Line::styled(nobody.to_string(), style(Tone::Faint)));
    }
    for (row, y) in grid.rows.iter().skip(first).take(rows).zip(HEAD..) {
        let mut spans = Vec::new();
        for (column, width) in &columns {
            let cell = &row[*column];
            spans.push(Span::styled(pad(&cell.text, *width, grid.heads[*column].side), style(cell.tone)));
            spans.push(Span::raw(" "));
        }
        page.line(y, Line::from(spans));
    }
}

fn foot(board: &Board, grid: &Grid, first: usize, rows: usize) -> Line<'static> {
    let all = grid.rows.len();
    let (of, by) = (board.lang.of_words(words::OF), board.lang.of_words(words::SORTED_BY));
    let title = grid.heads.get(grid.sorted).map_or("", |head| head.title);
    let way = if board.is_reversed() { " (r)" } else { "" };
    let shown = format!("{}-{} {of} {all}", (first + 1).min(all), (first + rows).min(all));
    let keys = board.lang.of_words(words::KEYS);
    Line::styled(format!("{shown}   {by} {title}{way}   {keys}"), style(Tone::Faint))
}

fn help(page: &mut Page<'_>, board: &Board) {
    let (lang, width) = (board.lang, usize::from(page.area.width));
    let mut lines = vec![Line::styled("strowger top", Style::new().add_modifier(Modifier::BOLD))];
    for [keys, english, chinese] in words::HELP {
        lines.push(Line::raw(format!("{} {}", pad(keys, 24, Side::Left), lang.of_words([english, chinese]))));
    }
    let notes = words::NOTES.into_iter().flat_map(|note| wrap(lang.of_words(note), width));
    lines.extend(notes.map(Line::raw));
    let long = board.letters().into_iter().map(|(letter, title, what)| format!("{letter} {title}: {what}"));
    let mut letters = wrap(&long.collect::<Vec<_>>().join("; "), width);
    if lines.len() + letters.len() > usize::from(page.area.height.saturating_sub(FOOT)) {
        let short = board.letters().into_iter().map(|(letter, title, _)| format!("{letter} {title}"));
        letters = wrap(&short.collect::<Vec<_>>().join("; "), width);
    }
    lines.extend(letters.into_iter().map(Line::raw));
    for (line, y) in lines.into_iter().zip(0..) {
        page.line(y, line);
    }
    let last = page.area.height.saturating_sub(FOOT);
    page.line(last, Line::styled(lang.of_words(words::CLOSE), style(Tone::Faint)));
}
