//! The columns of each list: title in both languages, what stands in a cell, what it is sorted by, and how soon it goes when the
//! terminal is narrow.

use std::cmp::Ordering;

use crate::cli::print::clock;
use crate::cli::top::grid::{Cell, Side, Tone};
use crate::cli::top::snapshot::{Agent, Queue, Team};
use crate::cli::top::words::{Lang, Words, state};

/// A column of a list of `T`.
pub(super) struct Column<T: 'static> {
    pub(super) titles: Words,
    /// What it is, for the help.
    pub(super) what: Words,
    /// The capital letter that sorts by it.
    pub(super) letter: char,
    pub(super) side: Side,
    /// Columns of a higher rank go first when there is no room.
    pub(super) rank: u8,
    pub(super) cell: fn(&T, Lang) -> Cell,
    pub(super) key: fn(&T) -> Key,
}

/// What a row is sorted by. Numbers begin with the largest, texts with the first; a figure that there is none of comes last.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Key {
    Text(String),
    Number(Option<f64>),
    /// Least first: places, distances to a target.
    Rising(Option<f64>),
}

impl Key {
    /// The order of two keys of one column.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => last_if_none(*a, *b, |a, b| b.total_cmp(&a)),
            (Self::Rising(a), Self::Rising(b)) => last_if_none(*a, *b, |a, b| a.total_cmp(&b)),
            (Self::Text(a), Self::Text(b)) => a.is_empty().cmp(&b.is_empty()).then_with(|| a.cmp(b)),
            (Self::Text(_) | Self::Number(_) | Self::Rising(_), _) => Ordering::Equal,
        }
    }
}

fn last_if_none(a: Option<f64>, b: Option<f64>, order: impl Fn(f64, f64) -> Ordering) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => order(a, b),
        (a, b) => a.is_none().cmp(&b.is_none()),
    }
}

/// Below the target by less than this is yellow.
const NEAR: f64 = 0.1 + 1e-9;
/// Waits longer than so many thresholds are red.
const LONG: f64 = 5.0;

macro_rules! columns {
    ($row:ty: $($letter:literal $english:literal $chinese:literal ($what:literal $what_zh:literal) $side:ident $rank:literal
        $cell:expr, $key:expr;)*) => {
        &[$(Column::<$row> {
            titles: [$english, $chinese],
            what: [$what, $what_zh],
            letter: $letter,
            side: Side::$side,
            rank: $rank,
            cell: $cell,
            key: $key,
        }),*]
    };
}

/// Of a queue.
pub(super) static QUEUES: &[Column<Queue>] = columns! { Queue:
    'N' "QUEUE" "队列" ("the queue" "队列") Left 0
        |q, _| Cell::plain(&*q.name), |q| Key::Text(q.name.clone());
    'W' "WAIT" "排队" ("callers who wait" "排队数") Right 1
        |q, _| waiting(q), |q| Key::Number(Some(q.waiting as f64));
    'L' "LONGEST" "最长等待" ("the longest wait" "最长等待时长") Right 2
        |q, _| longest(q), |q| Key::Number(Some(q.longest));
    'S' "SL/GOAL" "水平/目标" ("service level in percent, the last 30 minutes, and what is aimed at" "近 30 分钟服务水平与目标（%）") Right 3
        |q, _| level(q), |q| Key::Rising(q.level.map(|level| level - q.target.unwrap_or_default()));
    'O' "OFFER" "呼入量" ("offered today" "今日呼入量") Right 6
        |q, _| Cell::plain(q.offered.to_string()), |q| Key::Number(Some(q.offered as f64));
    'A' "ANSW" "接通量" ("answered today" "今日接通量") Right 7
        |q, _| Cell::plain(q.answered.to_string()), |q| Key::Number(Some(q.answered as f64));
    'B' "ABAN" "放弃量" ("abandoned today" "今日放弃量") Right 9
        |q, _| Cell::plain(q.abandoned.to_string()), |q| Key::Number(Some(q.abandoned as f64));
    'X' "LOST" "呼损量" ("lost today" "今日呼损量") Right 5
        |q, _| Cell::plain(q.lost.to_string()), |q| Key::Number(Some(q.lost as f64));
    'D' "ASA" "平均应答" ("average speed of answer today" "今日平均应答速度") Right 10
        |q, _| time(q.asa), |q| Key::Number(q.asa);
    'E' "EST" "预计等待" ("estimated wait of who joins now" "此刻进入者的预计等待") Right 11
        |q, _| time(q.estimate), |q| Key::Number(q.estimate);
    'R' "READY" "就绪" ("agents ready" "就绪坐席数") Right 4
        |q, _| ready(q), |q| Key::Rising(Some(q.ready as f64));
    'T' "TALK" "通话" ("agents talking" "通话坐席数") Right 4
        |q, _| Cell::plain(q.talking.to_string()), |q| Key::Number(Some(q.talking as f64));
    'P' "PAUSE" "未就绪" ("agents not ready, unreachable or in other calls" "未就绪、不可达或其他通话的坐席数") Right 7
        |q, _| Cell::plain(q.not_ready.to_string()), |q| Key::Number(Some(q.not_ready as f64));
    'G' "T" "阈值" ("T of the service level" "服务水平阈值 T") Right 12
        |q, _| threshold(q), |q| Key::Rising(q.threshold);
    'K' "RING" "振铃" ("agents ringing" "振铃坐席数") Right 13
        |q, _| Cell::plain(q.ringing.to_string()), |q| Key::Number(Some(q.ringing as f64));
    'U' "WRAP" "话后" ("agents in wrap-up" "话后处理坐席数") Right 14
        |q, _| Cell::plain(q.wrap_up.to_string()), |q| Key::Number(Some(q.wrap_up as f64));
    'Y' "SL% TODAY" "今日服务水平" ("service level today" "今日服务水平") Right 15
        |q, _| percent(q.level_today), |q| Key::Rising(q.level_today);
    'I' "ANSW%" "人工接通率" ("answer rate today" "今日人工接通率") Right 16
        |q, _| percent(q.answer_rate), |q| Key::Rising(q.answer_rate);
    'J' "LOSS%" "呼损率" ("loss rate today" "今日呼损率") Right 17
        |q, _| percent(q.loss_rate), |q| Key::Number(q.loss_rate);
    'H' "AHT" "平均处理" ("average handle time today" "今日平均处理时长") Right 18
        |q, _| time(q.aht), |q| Key::Number(q.aht);
};

/// Of an agent.
pub(super) static AGENTS: &[Column<Agent>] = columns! { Agent:
    'N' "AGENT" "坐席" ("the agent" "坐席") Left 0
        |a, _| Cell::plain(&*a.name), |a| Key::Text(a.name.clone());
    'S' "STATE" "状态" ("its state" "状态") Left 1
        standing, |a| Key::Rising(Some(urgency(a)));
    'F' "FOR" "时长" ("for how long" "状态时长") Right 2
        |a, _| Cell::plain(clock(a.seconds)), |a| Key::Number(Some(a.seconds));
    'R' "REASON" "原因" ("why not ready" "未就绪原因") Left 3
        |a, _| Cell::plain(reason(a)), |a| Key::Text(a.reason.clone());
    'Q' "QUEUE" "队列" ("the queue of its call" "所接呼叫的队列") Left 4
        |a, _| Cell::plain(&*a.queue), |a| Key::Text(a.queue.clone());
    'T' "TALKS" "接听量" ("calls answered since it logged in" "签入后接听量") Right 5
        |a, _| Cell::plain(a.talks.to_string()), |a| Key::Number(Some(a.talks as f64));
    'O' "OCC%" "占用率" ("occupancy since it logged in" "签入后占用率") Right 6
        |a, _| percent(a.occupancy), |a| Key::Number(a.occupancy);
    'C' "CALL" "呼叫" ("its call" "呼叫号") Left 8
        |a, _| Cell::plain(&*a.call), |a| Key::Text(a.call.clone());
    'D' "DEVICE" "话机" ("what its device does" "话机状态") Left 7
        |a, _| Cell::plain(&*a.device), |a| Key::Text(a.device.clone());
};

/// Of a team.
pub(super) static TEAMS: &[Column<Team>] = columns! { Team:
    'N' "TEAM" "班组" ("the team, in its tree" "班组（按层级）") Left 0
        |t, _| Cell::plain(format!("{}{}", "  ".repeat(t.depth), t.name)), |t| Key::Rising(Some(t.place as f64));
    'A' "AGENTS" "人数" ("its agents and those of the teams below" "含下级班组的坐席数") Right 1
        |t, _| Cell::plain(t.total.to_string()), |t| Key::Number(Some(t.total as f64));
    'R' "READY" "就绪" ("ready" "就绪") Right 2
        |t, _| Cell::plain(t.ready.to_string()), |t| Key::Number(Some(t.ready as f64));
    'K' "RINGING" "振铃" ("ringing" "振铃") Right 5
        |t, _| Cell::plain(t.ringing.to_string()), |t| Key::Number(Some(t.ringing as f64));
    'T' "TALKING" "通话" ("talking" "通话") Right 3
        |t, _| Cell::plain(t.talking.to_string()), |t| Key::Number(Some(t.talking as f64));
    'U' "WRAP-UP" "话后" ("in wrap-up" "话后处理") Right 6
        |t, _| Cell::plain(t.wrap_up.to_string()), |t| Key::Number(Some(t.wrap_up as f64));
    'P' "NOT READY" "未就绪" ("not ready, unreachable or in other calls" "未就绪、不可达或其他通话") Right 4
        |t, _| Cell::plain(t.not_ready.to_string()), |t| Key::Number(Some(t.not_ready as f64));
    'X' "LOGGED OUT" "签出" ("logged out" "签出") Right 7
        |t, _| Cell::plain(t.logged_out.to_string()), |t| Key::Number(Some(t.logged_out as f64));
};

/// How a service level stands to its target.
pub(super) fn tone(level: Option<f64>, target: Option<f64>) -> Tone {
    match (level, target) {
        (Some(level), Some(target)) if level >= target => Tone::Good,
        (Some(level), Some(target)) if level >= target - NEAR => Tone::Warn,
        (Some(_), Some(_)) => Tone::Bad,
        (None, _) | (_, None) => Tone::Plain,
    }
}

/// The service level as it is shown, with a mark that needs no colour.
pub(super) fn level(queue: &Queue) -> Cell {
    let tone = tone(queue.level, queue.target);
    let mark = if tone == Tone::Bad { "!" } else { "" };
    let goal = queue.target.map_or_else(String::new, |target| format!("/{:.0}", 100.0 * target));
    Cell::toned(percent(queue.level).text + &goal + mark, tone)
}

fn waiting(queue: &Queue) -> Cell {
    let tone = if queue.waiting > 0 { longest(queue).tone } else { Tone::Plain };
    Cell::toned(queue.waiting.to_string(), tone)
}

fn longest(queue: &Queue) -> Cell {
    let tone = match queue.threshold {
        Some(threshold) if queue.longest > LONG * threshold => Tone::Bad,
        Some(threshold) if queue.longest > threshold => Tone::Warn,
        Some(_) | None => Tone::Plain,
    };
    Cell::toned(clock(queue.longest), tone)
}

/// Nobody is ready though somebody waits.
fn ready(queue: &Queue) -> Cell {
    let tone = if queue.ready == 0 && queue.waiting > 0 { Tone::Warn } else { Tone::Plain };
    Cell::toned(queue.ready.to_string(), tone)
}

fn threshold(queue: &Queue) -> Cell {
    queue.threshold.map_or_else(none, |threshold| Cell::plain(format!("{threshold}s")))
}

/// A fraction as a percentage.
pub(super) fn percent(value: Option<f64>) -> Cell {
    value.map_or_else(none, |value| Cell::plain(format!("{:.1}", 100.0 * value)))
}

fn time(seconds: Option<f64>) -> Cell {
    seconds.map_or_else(none, |seconds| Cell::plain(clock(seconds)))
}

fn none() -> Cell {
    Cell::toned("-", Tone::Faint)
}

fn standing(agent: &Agent, lang: Lang) -> Cell {
    let mark = if agent.disagrees { " !" } else { "" };
    let tone = match (agent.disagrees, &*agent.state) {
        (true, _) | (_, "unreachable") => Tone::Bad,
        (false, "ready") => Tone::Good,
        (false, "not_ready" | "other_call") => Tone::Warn,
        (false, "logged_out") => Tone::Faint,
        (false, _) => Tone::Plain,
    };
    Cell::toned(state(&agent.state, lang) + mark, tone)
}

/// Whom a supervisor looks for comes first.
fn urgency(agent: &Agent) -> f64 {
    const ORDER: [&str; 10] = [
        "unreachable",
        "not_ready",
        "other_call",
        "wrap_up",
        "hold",
        "consult",
        "talking",
        "ringing",
        "reserved",
        "ready",
    ];
    ORDER.iter().position(|label| *label == agent.state).unwrap_or(ORDER.len()) as f64
}

fn reason(agent: &Agent) -> String {
    match agent.ends {
        Some(ends) => format!("{} -{}", agent.reason, clock(ends)).trim_start().to_string(),
        None => agent.reason.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn assert_whole<T>(columns: &[Column<T>]) {
        let letters: BTreeSet<char> = columns.iter().map(|column| column.letter).collect();
        assert_eq!(letters.len(), columns.len(), "each letter sorts by one column");
        for column in columns {
            assert!(column.letter.is_ascii_uppercase(), "{}", column.letter);
            let pairs = [column.titles, column.what];
            assert!(pairs.iter().all(|[english, chinese]| english.is_ascii() && !chinese.is_ascii()), "{pairs:?}");
        }
        assert_eq!(columns.iter().filter(|column| column.rank == 0).count(), 1, "the name never goes");
    }

    #[test]
    fn every_column_has_both_titles_and_a_letter_of_its_own() {
        assert_whole(QUEUES);
        assert_whole(AGENTS);
        assert_whole(TEAMS);
    }

    #[test]
    fn a_level_is_judged_by_its_own_target() {
        let tones = [0.8, 0.799, 0.7, 0.699].map(|level| tone(Some(level), Some(0.8)));
        assert_eq!(tones, [Tone::Good, Tone::Warn, Tone::Warn, Tone::Bad]);
        assert_eq!(tone(Some(0.7), Some(0.6)), Tone::Good);
        assert_eq!((tone(None, Some(0.8)), tone(Some(0.1), None)), (Tone::Plain, Tone::Plain));
        let queue = Queue { level: Some(0.5), target: Some(0.8), threshold: Some(20.0), ..Queue::default() };
        assert_eq!((level(&queue).text, threshold(&queue).text), ("50.0/80!".to_string(), "20s".to_string()));
    }

    #[test]
    fn a_long_wait_and_nobody_ready_are_seen() {
        let queue =
            |longest, waiting, ready| Queue { longest, waiting, ready, threshold: Some(20.0), ..Queue::default() };
        let tones = [20.0, 20.5, 100.5].map(|longest_wait| longest(&queue(longest_wait, 1, 0)).tone);
        assert_eq!(tones, [Tone::Plain, Tone::Warn, Tone::Bad]);
        assert_eq!((ready(&queue(0.0, 1, 0)).tone, ready(&queue(0.0, 0, 0)).tone), (Tone::Warn, Tone::Plain));
    }

    #[test]
    fn what_there_is_no_figure_of_comes_last_in_every_order() {
        let number = |value| Key::Number(value);
        assert_eq!(number(Some(2.0)).order(&number(Some(1.0))), Ordering::Less);
        assert_eq!(number(None).order(&number(Some(1.0))), Ordering::Greater);
        assert_eq!(Key::Rising(Some(1.0)).order(&Key::Rising(Some(2.0))), Ordering::Less);
        assert_eq!(Key::Rising(None).order(&Key::Rising(Some(2.0))), Ordering::Greater);
        assert_eq!(Key::Text(String::new()).order(&Key::Text("a".into())), Ordering::Greater);
    }

    #[test]
    fn a_state_that_ends_by_itself_shows_when() {
        let agent = |reason: &str, ends| Agent { reason: reason.to_string(), ends, ..Agent::default() };
        assert_eq!(reason(&agent("lunch", Some(125.0))), "lunch -2:05");
        assert_eq!((reason(&agent("", Some(7.0))), reason(&agent("tea", None))), ("-0:07".into(), "tea".into()));
        let odd = Agent { state: "ready".into(), disagrees: true, ..Agent::default() };
        assert_eq!(standing(&odd, Lang::Zh), Cell::toned("就绪 !", Tone::Bad));
    }
}
