//! The board's words in English and Chinese. Figures carry the names that the table of formulas gives them, shortened to fit a
//! column.

use clap::ValueEnum;

/// A language of titles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Lang {
    /// English.
    En,
    /// Chinese.
    Zh,
}

/// A word in each language, in the order of [`Lang`].
pub(super) type Words = [&'static str; 2];

impl Lang {
    /// What the environment asks for: the first of the three that is set decides.
    pub(super) fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(variable).find(|value| !value.is_empty());
        if set.is_some_and(|locale| locale.to_ascii_lowercase().starts_with("zh")) { Self::Zh } else { Self::En }
    }

    /// The word in this language.
    pub(super) const fn of_words(self, words: Words) -> &'static str {
        words[self as usize]
    }
}

/// An agent's state by its label; a label that is not known here stays as it is.
pub(super) fn state(label: &str, lang: Lang) -> String {
    let words = match label {
        "logged_out" => ["logged out", "签出"],
        "ready" => ["ready", "就绪"],
        "unreachable" => ["unreachable", "不可达"],
        "reserved" => ["reserved", "预占"],
        "ringing" => ["ringing", "振铃"],
        "talking" => ["talking", "通话"],
        "hold" => ["hold", "保持"],
        "consult" => ["consult", "咨询"],
        "wrap_up" => ["wrap-up", "话后"],
        "not_ready" => ["not ready", "未就绪"],
        "other_call" => ["other call", "其他通话"],
        other => return other.replace('_', " "),
    };
    lang.of_words(words).to_string()
}

pub(super) const QUEUES: Words = ["Queues", "队列"];
pub(super) const AGENTS: Words = ["Agents", "坐席"];
pub(super) const TEAMS: Words = ["Teams", "班组"];
pub(super) const EVERY: Words = ["every", "每"];
pub(super) const PAUSED: Words = ["PAUSED", "已暂停"];
pub(super) const LOST: Words = ["CONNECTION LOST for", "连接中断"];
pub(super) const RETRYING: Words = ["trying again", "重试中"];
pub(super) const TODAY: Words = ["today", "今日"];
pub(super) const FILTER: Words = ["filter", "筛选"];
pub(super) const OF: Words = ["of", "共"];
pub(super) const SORTED_BY: Words = ["by", "排序"];
pub(super) const KEYS: Words = ["h help  q quit", "h 帮助  q 退出"];
pub(super) const NOBODY: Words = ["nothing to show", "无数据"];
pub(super) const FETCHING: Words = ["fetching ...", "读取中……"];
pub(super) const CLOSE: Words = ["any key goes back", "按任意键返回"];

/// The keys, a line each.
pub(super) const HELP: [[&str; 3]; 12] = [
    ["q, Ctrl-C", "quit", "退出"],
    ["Tab, Shift-Tab", "queues, agents, teams", "队列、坐席、班组"],
    ["< >, left, right", "sort by the column before or after", "按前一列或后一列排序"],
    ["A-Z", "sort by the column of that letter, below", "按字母对应的列排序（见下）"],
    ["r", "reverse the order", "反转顺序"],
    ["/", "show what contains a text: Enter keeps it, Esc drops it", "按文本筛选：Enter 确认，Esc 取消"],
    ["up, down, j, k", "a row", "上下一行"],
    ["PgUp, PgDn, Home, End", "a page, the first, the last", "翻页、首行、末行"],
    ["space", "pause; again: go on at once", "暂停；再按立即继续"],
    ["Enter", "fetch now", "立即刷新"],
    ["1-9, 0", "fetch every 1 to 9, every 10 seconds", "每 1 至 9 秒、每 10 秒刷新"],
    ["h, ?", "this page", "本页"],
];

/// What the figures are, at the end of the help.
pub(super) const NOTES: [Words; 4] = [
    [
        "Counts are of queue visits today, by the queue's calendar. SL is SL-F3 by events over the last 30 minutes.",
        "计数为当日（按队列时区）的排队次数。服务水平为近 30 分钟 SL-F3（按事件计）。",
    ],
    [
        "Green: the target is met. Yellow: less than 10 points below it. Red with !: more. A long wait: past T, past five T.",
        "绿色：达标；黄色：低于目标不足 10 个百分点；红色加 !：更低。等待：超过 T 变黄，超过 5T 变红。",
    ],
    [
        "An agent's talks and occupancy are since it logged in. ! after a state: the device contradicts it.",
        "坐席接听量与占用率自签入起计。状态后的 ! 表示话机状态与之矛盾。",
    ],
    ["EST is the mean wait of a caller who joins now.", "预计等待为此刻进入者的平均等待。"],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_is_set_tells_the_language() {
        let lang = |set: &[(&str, &str)]| {
            Lang::of(|name| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_string()))
        };
        assert_eq!(lang(&[]), Lang::En);
        assert_eq!(lang(&[("LANG", "zh_CN.UTF-8")]), Lang::Zh);
        assert_eq!(lang(&[("LANG", "zh_CN.UTF-8"), ("LC_ALL", "C")]), Lang::En);
        assert_eq!(lang(&[("LC_MESSAGES", "zh_TW"), ("LANG", "en_US"), ("LC_ALL", "")]), Lang::Zh);
    }

    #[test]
    fn every_state_of_an_agent_has_a_chinese_word() {
        for label in crate::acd::AgentState::LABELS {
            assert!(!state(label, Lang::Zh).is_ascii(), "{label}");
            assert!(state(label, Lang::En).is_ascii(), "{label}");
        }
    }
}
