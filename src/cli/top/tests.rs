//! The board as it is drawn, compared with the screens in `golden/` (`STROWGER_REWRITE=1` writes them anew), and what the keys
//! do.

use std::path::PathBuf;
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::Color;

use super::board::{Ask, Board, Key, Link, Mode, Tab};
use super::snapshot::{Agent, Queue, Snapshot, Team};
use super::view::{self, Paint};
use super::words::Lang;
use crate::base::Instant;

fn at(seconds: u64) -> Instant {
    Instant::from_micros(seconds * 1_000_000)
}

fn queue(name: &str, waiting: u64, longest: f64, level: Option<f64>, offered: u64) -> Queue {
    let share = |part: f64| (offered as f64 * part) as u64;
    Queue {
        name: name.to_string(),
        waiting,
        longest,
        level,
        level_today: level.map(|level| level - 0.013),
        target: Some(0.8),
        threshold: Some(20.0),
        offered,
        answered: share(0.9),
        abandoned: share(0.07),
        lost: share(0.08),
        answer_rate: Some(0.9),
        loss_rate: Some(0.08),
        asa: level.map(|level| 30.0 * (1.2 - level)),
        aht: Some(245.0),
        estimate: (waiting > 0).then_some(longest * 1.5),
        ready: u64::from(waiting == 0) * 3,
        ringing: 1,
        talking: 4,
        wrap_up: 2,
        not_ready: 1,
    }
}

fn snapshot() -> Snapshot {
    let queues = vec![
        queue("support", 3, 75.0, Some(0.724), 1_204),
        queue("客户服务中心", 12, 134.0, Some(0.512), 980),
        queue("sales", 0, 0.0, Some(0.931), 310),
        queue("vip", 1, 4.0, Some(0.8), 42),
        queue("returns-and-complaints-northern-region", 0, 0.0, None, 0),
    ];
    let total = Queue {
        waiting: 16,
        longest: 134.0,
        offered: 2_536,
        answered: 2_281,
        abandoned: 177,
        lost: 202,
        ..queue("total", 0, 0.0, Some(0.681), 0)
    };
    let states = [("logged_out", 2), ("not_ready", 3), ("ready", 3), ("ringing", 2), ("talking", 14), ("wrap_up", 4)];
    let agent = |name: &str, state: &str, seconds, reason: &str, queue: &str| Agent {
        name: name.to_string(),
        state: state.to_string(),
        seconds,
        reason: reason.to_string(),
        queue: queue.to_string(),
        talks: 17,
        occupancy: Some(0.823),
        ..Agent::default()
    };
    let agents = vec![
        agent("1001", "talking", 125.0, "", "support"),
        agent("1002", "ready", 8.0, "", ""),
        Agent { ends: Some(540.0), ..agent("王小明", "not_ready", 360.0, "午餐", "") },
        Agent { disagrees: true, device: "busy out".to_string(), ..agent("1004", "ready", 42.0, "", "") },
        Agent { call: "c71".to_string(), ..agent("1005", "ringing", 3.0, "", "客户服务中心") },
        Agent { occupancy: None, talks: 0, ..agent("1006", "logged_out", 86_500.0, "", "") },
        agent("1007", "unreachable", 12.0, "", ""),
        agent("1008", "wrap_up", 5.0, "", "sales"),
    ];
    let team = |name: &str, depth, place, total| Team {
        name: name.to_string(),
        depth,
        place,
        total,
        ready: 1,
        talking: total - 2,
        not_ready: 1,
        ..Team::default()
    };
    let teams = vec![team("floor", 0, 0, 20), team("东区", 1, 1, 12), team("west", 1, 2, 8), team("night", 0, 3, 6)];
    let states = states.map(|(label, count)| (label.to_string(), count)).to_vec();
    Snapshot { queues, total, states, agents: Some(agents), teams: Some(teams) }
}

fn board(lang: Lang, tab: Tab) -> Board {
    Board::new(lang, "http://127.0.0.1:8080", tab, Duration::from_secs(2), snapshot())
}

fn drawn(board: &Board, width: u16, height: u16, paint: Paint) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| view::draw(frame, board, paint, at(100))).unwrap();
    terminal.backend().buffer().clone()
}

/// The screen as text: what a wide character covers is left out.
fn screen(buffer: &Buffer) -> String {
    let area = *buffer.area();
    let mut text = String::new();
    for y in 0..area.height {
        let (mut line, mut x) = (String::new(), 0);
        while x < area.width {
            let symbol = buffer[(x, y)].symbol();
            line.push_str(symbol);
            x += u16::try_from(crate::cli::print::places(symbol)).unwrap().max(1);
        }
        assert_eq!(
            crate::cli::print::places(&line),
            usize::from(area.width),
            "line {y} is as wide as the screen: {line}"
        );
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn assert_screen(name: &str, board: &Board, width: u16, height: u16) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/cli/top/golden").join(format!("{name}.txt"));
    let shown = screen(&drawn(board, width, height, Paint::Colours));
    if std::env::var_os("STROWGER_REWRITE").is_some() {
        std::fs::write(&path, &shown).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(shown == expected, "{name}; expected\n{expected}\nbut drawn\n{shown}");
}

#[test]
fn queues_on_80_columns_in_both_languages() {
    assert_screen("queues_en", &board(Lang::En, Tab::Queues), 80, 24);
    assert_screen("queues_zh", &board(Lang::Zh, Tab::Queues), 80, 24);
}

#[test]
fn a_wide_terminal_shows_every_figure() {
    assert_screen("queues_wide_en", &board(Lang::En, Tab::Queues), 170, 12);
    assert_screen("queues_wide_zh", &board(Lang::Zh, Tab::Queues), 190, 12);
}

#[test]
fn agents_and_teams_in_both_languages() {
    assert_screen("agents_en", &board(Lang::En, Tab::Agents), 80, 16);
    assert_screen("agents_zh", &board(Lang::Zh, Tab::Agents), 80, 16);
    assert_screen("teams_en", &board(Lang::En, Tab::Teams), 80, 12);
    assert_screen("teams_zh", &board(Lang::Zh, Tab::Teams), 80, 12);
}

#[test]
fn the_help_fits_80_columns_in_both_languages() {
    for (name, lang) in [("help_en", Lang::En), ("help_zh", Lang::Zh)] {
        let mut board = board(lang, Tab::Queues);
        board.press(Key::Char('h'), 18);
        assert_screen(name, &board, 80, 24);
        board.press(Key::Char('q'), 18);
        assert_eq!(board.mode, Mode::Watching, "a key leaves the help, whatever it means elsewhere");
    }
}

#[test]
fn a_lost_connection_is_shown_over_what_was_known_last_and_goes_when_it_is_back() {
    let mut board = board(Lang::En, Tab::Queues);
    board.accept(at(35), Err("io: connection refused".to_string()));
    board.accept(at(40), Err("io: timed out".to_string()));
    assert_eq!(board.link, Link::Lost(at(35), "io: timed out".to_string()));
    assert_screen("lost_en", &board, 120, 11);
    board.accept(at(50), Ok(snapshot()));
    assert_eq!(board.link, Link::Up);
}

#[test]
fn a_list_that_was_not_asked_for_stands_as_it_did() {
    let mut board = board(Lang::En, Tab::Agents);
    board.accept(at(1), Ok(Snapshot { agents: None, teams: None, ..snapshot() }));
    assert_eq!(board.grid().rows.len(), 8);
    let mut fresh = Board::new(Lang::Zh, "x", Tab::Agents, Duration::from_secs(2), Snapshot::default());
    assert!(screen(&drawn(&fresh, 40, 8, Paint::Colours)).contains("读取中"));
    fresh.tab = Tab::Queues;
    assert!(screen(&drawn(&fresh, 40, 8, Paint::Colours)).contains("无数据"));
}

#[test]
fn a_level_is_coloured_by_its_target_unless_nobody_wants_colours() {
    let board = board(Lang::En, Tab::Queues);
    let colour_of = |buffer: &Buffer, name: &str, text: &str| {
        let text_of = |y| (0..80).map(|x| buffer[(x, y)].symbol()).collect::<String>();
        let y = (0..24).find(|y| text_of(*y).contains(name)).unwrap();
        let x =
            (0..80).find(|x| (*x..80).map(|x| buffer[(x, y)].symbol()).collect::<String>().starts_with(text)).unwrap();
        buffer[(x, y)].fg
    };
    let coloured = drawn(&board, 80, 24, Paint::Colours);
    let levels = [("support", "72.4"), ("客", "51.2/80!"), ("sales", "93.1"), ("vip", "80.0")];
    let colours = levels.map(|(name, text)| colour_of(&coloured, name, text));
    assert_eq!(colours, [Color::Yellow, Color::Red, Color::Green, Color::Green]);
    let plain = drawn(&board, 80, 24, Paint::None);
    assert!(plain.content().iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
    assert_eq!(screen(&plain), screen(&coloured));
}

#[test]
fn a_terminal_of_any_size_is_drawn_on() {
    for tab in Tab::ALL {
        for (width, height) in [(1, 1), (3, 2), (10, 5), (10, 6), (79, 7), (300, 100), (2, 60)] {
            for lang in [Lang::En, Lang::Zh] {
                let mut board = board(lang, tab);
                drawn(&board, width, height, Paint::Colours);
                board.press(Key::Char('?'), 0);
                drawn(&board, width, height, Paint::None);
            }
        }
    }
}

fn names(board: &Board) -> Vec<String> {
    board.grid().rows.into_iter().map(|row| row[0].text.clone()).collect()
}

fn press(board: &mut Board, keys: &str) {
    for key in keys.chars() {
        board.press(Key::Char(key), 10);
    }
}

#[test]
fn queues_begin_with_the_longest_wait_and_are_sorted_as_asked() {
    let mut board = board(Lang::En, Tab::Queues);
    assert_eq!(names(&board)[..3], ["客户服务中心", "support", "vip"]);
    press(&mut board, "S");
    let by_level = ["客户服务中心", "support", "vip", "sales", "returns-and-complaints-northern-region"];
    assert_eq!(names(&board), by_level, "the farthest below its target first, the unknown last");
    press(&mut board, "r");
    assert_eq!(names(&board)[1], "sales");
    press(&mut board, "N");
    assert_eq!(names(&board)[0], "returns-and-complaints-northern-region", "another column, its own order");
    board.press(Key::Left, 10);
    assert_eq!(board.grid().sorted, board.grid().heads.len() - 1, "the columns are a ring");
    press(&mut board, ">>");
    assert_eq!((board.grid().sorted, names(&board)[0].as_str()), (1, "客户服务中心"));
}

#[test]
fn a_filter_is_written_kept_and_dropped() {
    let mut board = board(Lang::En, Tab::Agents);
    press(&mut board, "/READx");
    assert_eq!(board.mode, Mode::Typing, "q would be a letter here");
    board.press(Key::Backspace, 10);
    assert_eq!(names(&board), ["王小明", "1002", "1004"], "not ready too, as it has the text");
    assert_screen("filter_en", &board, 80, 12);
    board.press(Key::Enter, 10);
    assert_eq!((board.mode, board.filter.as_str()), (Mode::Watching, "READ"));
    board.press(Key::Escape, 10);
    assert_eq!(names(&board).len(), 8);
    press(&mut board, "/zzz");
    board.press(Key::Escape, 10);
    assert_eq!((board.mode, names(&board).len()), (Mode::Watching, 8));
    press(&mut board, &format!("/{}", "y".repeat(200)));
    assert_eq!(board.filter.len(), 40);
}

#[test]
fn many_rows_are_paged_through_and_the_place_outlives_a_smaller_list() {
    let many = |count: u64| {
        let queues = (0..count).map(|n| queue(&format!("q{n:04}"), n, n as f64, None, n)).collect();
        Snapshot { queues, ..snapshot() }
    };
    let mut board = Board::new(Lang::En, "x", Tab::Queues, Duration::from_secs(2), many(500));
    let first = |board: &Board| board.first(board.grid().rows.len(), 17);
    for (key, expected) in [
        (Key::PageDown, 17),
        (Key::Down, 18),
        (Key::Up, 17),
        (Key::End, 483),
        (Key::Down, 483),
        (Key::PageUp, 466),
        (Key::Home, 0),
        (Key::Up, 0),
    ] {
        board.press(key, 17);
        assert_eq!(first(&board), expected, "{key:?}");
    }
    board.press(Key::End, 17);
    assert!(screen(&drawn(&board, 80, 24, Paint::Colours)).contains("484-500 of 500"));
    board.accept(at(1), Ok(many(20)));
    assert_eq!(first(&board), 3);
    board.accept(at(2), Ok(many(3)));
    assert!(screen(&drawn(&board, 80, 24, Paint::Colours)).contains("1-3 of 3"));
}

#[test]
fn keys_pause_fetch_turn_and_leave() {
    let mut board = board(Lang::En, Tab::Queues);
    assert_eq!((board.press(Key::Char(' '), 10), board.is_paused), (Ask::Nothing, true));
    assert!(screen(&drawn(&board, 80, 24, Paint::Colours)).contains("PAUSED"));
    assert_eq!((board.press(Key::Char(' '), 10), board.is_paused), (Ask::Fetch, false));
    assert_eq!(board.press(Key::Enter, 10), Ask::Fetch);
    assert_eq!((board.press(Key::Tab, 10), board.tab), (Ask::Fetch, Tab::Agents));
    assert_eq!((board.press(Key::BackTab, 10), board.tab), (Ask::Fetch, Tab::Queues));
    assert_eq!((board.press(Key::BackTab, 10), board.tab), (Ask::Fetch, Tab::Teams));
    press(&mut board, "5");
    assert_eq!(board.interval, Duration::from_secs(5));
    press(&mut board, "0");
    assert_eq!(board.interval, Duration::from_secs(10));
    assert_eq!(board.press(Key::Char('z'), 10), Ask::Nothing, "a key of no meaning");
    assert_eq!(board.press(Key::Char('q'), 10), Ask::Quit);
}

#[test]
fn printed_once_it_has_every_column_and_row() {
    let text = view::text(&board(Lang::Zh, Tab::Queues));
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 5 + 5, "{text}");
    assert!(lines[4].starts_with("队列") && lines[4].ends_with("平均处理"), "{text}");
    let wide = |line: &&str| crate::cli::print::places(line);
    assert_eq!(
        lines[5..].iter().map(wide).collect::<std::collections::BTreeSet<_>>().len(),
        1,
        "they line up:\n{text}"
    );
}
