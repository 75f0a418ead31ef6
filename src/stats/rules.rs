//! Prometheus rules for a configuration: recording rules of every formula, rolling and by interval, and alert rules. The
//! expressions come from the formulas' terms, so that what Prometheus computes is what the engine computes.
//!
//! Rolling rules look back from each evaluation. Interval rules hold the last whole interval: a subquery with the interval as
//! its step is evaluated at multiples of it since the epoch, which are the borders in every zone whose offset is a multiple of
//! it. Each ratio is recorded with its numerator and denominator: add those to roll up queues, never the ratios.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use crate::acd::{AgentState, FlowOut, Share};
use crate::stats::formula::{FORMULAS, Formula, Term, Unit};

/// What rules need to know of a queue.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueAim {
    /// Its name.
    pub name: Arc<str>,
    /// T.
    pub threshold: Duration,
    /// The service level aimed at, a fraction.
    pub target: f64,
}

/// Spans that rolling rules look back over.
const ROLLING: [&str; 4] = ["5m", "30m", "1h", "1d"];
/// Intervals that interval rules hold.
const INTERVALS: [&str; 3] = ["15m", "30m", "1h"];

/// The rules as a rule file of Prometheus, in YAML.
pub fn rule_file(queues: &[QueueAim]) -> String {
    let mut file =
        String::from("# Written by `strowger rules`; write it anew when queues or targets change.\ngroups:\n");
    for window in ROLLING {
        write_group(&mut file, &format!("acd_rolling_{window}"), &recordings(queues, window, &|expression| expression));
    }
    for interval in INTERVALS {
        let whole = |expression: String| format!("last_over_time(({expression})[{interval}:{interval}])");
        let rules = recordings(queues, interval, &whole);
        let rules: Vec<_> = rules.into_iter().map(|rule| rule.of_interval(interval)).collect();
        write_group(&mut file, &format!("acd_interval_{interval}"), &rules);
    }
    write_group(&mut file, "acd_alerts", &alerts(queues));
    file
}

/// One rule of a group.
#[derive(Debug, Clone, PartialEq)]
struct Rule {
    kind: &'static str,
    name: String,
    expression: String,
    wait: Option<&'static str>,
    labels: BTreeMap<&'static str, String>,
    annotations: BTreeMap<&'static str, String>,
}

impl Rule {
    fn record(name: String, expression: String, labels: BTreeMap<&'static str, String>) -> Self {
        Self { kind: "record", name, expression, wait: None, labels, annotations: BTreeMap::new() }
    }

    /// `acd:sl_f3:ratio_30m` becomes `acd:sl_f3:ratio_interval_30m`, in its expression too.
    fn of_interval(mut self, interval: &str) -> Self {
        let (rolling, whole) = (format!("_{interval}"), format!("_interval_{interval}"));
        self.name = self.name.replace(&rolling, &whole);
        self.expression = self.expression.replace(&rolling, &whole);
        self
    }
}

/// A term as PromQL, summed by queue (or over all agents).
fn promql(term: Term, select: &str, threshold: &str, window: &str) -> String {
    let le = format!("le=~\"{}(\\\\.0)?\"", threshold.replace('.', "\\\\."));
    let sum = |family: &str, more: &str| {
        let matchers: Vec<_> = [select, more].into_iter().filter(|matcher| !matcher.is_empty()).collect();
        format!("sum by (queue) (increase({family}{{{}}}[{window}]))", matchers.join(","))
    };
    let agents = |shares: &[Share]| {
        let states = AgentState::labels_of(shares);
        format!("sum(increase(acd_agent_state_seconds_total{{state=~\"{states}\"}}[{window}]))")
    };
    match term {
        Term::Answered => sum("acd_calls_answered_total", ""),
        Term::Abandoned => sum("acd_calls_abandoned_total", ""),
        Term::FlowedOut => sum("acd_calls_flowout_total", &format!("reason!~\"{}\"", FlowOut::untargeted_labels())),
        Term::AnsweredIn => sum("acd_answer_wait_seconds_bucket", &le),
        Term::AbandonedIn => sum("acd_abandon_wait_seconds_bucket", &le),
        Term::AbandonedShort => sum("acd_calls_lost_total", "cause=\"caller_short\""),
        Term::AbandonedLong => {
            let short = sum("acd_calls_lost_total", "cause=\"caller_short\"");
            format!("({} - {short})", sum("acd_calls_abandoned_total", ""))
        }
        Term::AnswerWait => sum("acd_answer_wait_seconds_sum", ""),
        Term::AbandonWait => sum("acd_abandon_wait_seconds_sum", ""),
        Term::Talks => sum("acd_talk_seconds_count", ""),
        Term::Talk => sum("acd_talk_seconds_sum", ""),
        Term::Held => sum("acd_hold_seconds_count", ""),
        Term::Hold => sum("acd_hold_seconds_sum", ""),
        Term::WrapUp => sum("acd_wrapup_seconds_sum", ""),
        Term::Accepted => sum("acd_offers_total", "result=\"accepted\""),
        Term::Rejected => sum("acd_offers_total", "result=\"rejected\""),
        Term::TimedOut => sum("acd_offers_total", "result=\"timed_out\""),
        Term::EventsAnswered => sum("acd_sl_events_total", "outcome=\"answered\""),
        Term::EventsDecided => sum("acd_sl_events_total", "outcome!=\"flowout\""),
        Term::EventsMissedFlowOut => sum("acd_sl_missed_flowouts_total", ""),
        Term::Handling => agents(&Share::HANDLING),
        Term::InService => agents(&Share::IN_SERVICE),
        Term::LoggedIn => agents(&Share::LOGGED_IN),
    }
}

/// Numerator and denominator as PromQL.
fn parts(formula: &Formula, select: &str, threshold: &str, window: &str) -> (String, String) {
    let sum = |terms: &[Term]| {
        let terms: Vec<_> = terms.iter().map(|term| promql(*term, select, threshold, window)).collect();
        terms.join(" + ")
    };
    let (under, less) = (sum(formula.under), sum(formula.less));
    (sum(formula.over), if less.is_empty() { under } else { format!("{under} - ({less})") })
}

/// A formula over all queues as one PromQL expression.
pub fn expression(formula: &Formula, threshold: &str, window: &str) -> String {
    let (over, under) = parts(formula, "", threshold, window);
    format!("({over}) / ({under} > 0)")
}

/// Every formula over one window: numerator, denominator, and their ratio. `shape` makes the window a rolling or a whole one.
fn recordings(queues: &[QueueAim], window: &str, shape: &dyn Fn(String) -> String) -> Vec<Rule> {
    let mut rules = Vec::new();
    for formula in FORMULAS {
        let classes = if formula.needs_threshold() {
            by_threshold(queues)
        } else {
            vec![(String::new(), String::new())] // one rule for all queues
        };
        for (threshold, select) in classes {
            let labels: BTreeMap<_, _> =
                (!threshold.is_empty()).then(|| ("threshold", threshold.clone())).into_iter().collect();
            let (over, under) = parts(formula, &select, &threshold, window);
            let name = |part: &str| format!("acd:{}:{part}_{window}", formula.key);
            rules.push(Rule::record(name("numerator"), shape(over), labels.clone()));
            rules.push(Rule::record(name("denominator"), shape(under), labels));
        }
    }
    for formula in FORMULAS {
        let part = |part: &str| format!("acd:{}:{part}_{window}", formula.key);
        let unit = match formula.unit {
            Unit::Fraction => "ratio",
            Unit::Seconds => "seconds",
        };
        let expression = format!("{} / ({} > 0)", part("numerator"), part("denominator"));
        rules.push(Rule::record(part(unit), expression, BTreeMap::new()));
    }
    rules
}

/// Queues with the same threshold: T in seconds, and the matcher that selects them.
fn by_threshold(queues: &[QueueAim]) -> Vec<(String, String)> {
    let mut classes: BTreeMap<Duration, Vec<&QueueAim>> = BTreeMap::new();
    for queue in queues {
        classes.entry(queue.threshold).or_default().push(queue);
    }
    let class = |(threshold, queues): (Duration, Vec<&QueueAim>)| (seconds(threshold), matcher(&queues));
    classes.into_iter().map(class).collect()
}

fn seconds(threshold: Duration) -> String {
    threshold.as_secs_f64().to_string()
}

/// `queue=~"sales|help"`, with what a regular expression and a PromQL string would misread escaped.
fn matcher(queues: &[&QueueAim]) -> String {
    let escape = |name: &str| {
        let mut escaped = String::new();
        for c in name.chars() {
            if "\\.+*?()|[]{}^$".contains(c) {
                escaped.push('\\');
            }
            escaped.push(c);
        }
        escaped.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
    };
    let names: Vec<_> = queues.iter().map(|queue| escape(&queue.name)).collect();
    format!("queue=~\"{}\"", names.join("|"))
}

/// Alert rules: of each queue against its own target, and of the engine's health.
fn alerts(queues: &[QueueAim]) -> Vec<Rule> {
    let mut rules = Vec::new();
    let mut classes: BTreeMap<String, Vec<&QueueAim>> = BTreeMap::new();
    for queue in queues {
        classes.entry(format!("{} {}", seconds(queue.threshold), queue.target)).or_default().push(queue);
    }
    for queues in classes.into_values() {
        rules.extend(aim_alerts(&queues));
    }
    for (name, wait, severity, expression, english, chinese) in HEALTH {
        let expression = expression.replace("AT_WORK", &AgentState::labels_of(&Share::IN_SERVICE));
        rules.push(alert(name, wait, severity, expression, english, chinese));
    }
    rules
}

/// What concerns queues with one threshold and one target. A burn rate of 1 uses up the allowed share of late calls exactly.
fn aim_alerts(queues: &[&QueueAim]) -> Vec<Rule> {
    let Some(first) = queues.first() else { return Vec::new() };
    let select = matcher(queues);
    let budget = 1.0 - first.target;
    let burns = |window: &str, rate: f64| {
        let allowed = (rate * budget).min(1.0);
        format!("(1 - acd:sl_live:ratio_{window}{{{select}}}) > {allowed:.6}")
    };
    let both = |short: &str, long: &str, rate: f64| format!("{} and {}", burns(short, rate), burns(long, rate));
    let longest = 5.0 * first.threshold.as_secs_f64();
    let target = format!("{} % in {} s", first.target * 100.0, seconds(first.threshold));
    let mut rules = vec![
        alert(
            "AcdServiceLevelBurning",
            "2m",
            "page",
            both("5m", "1h", 2.0),
            &format!(
                "Queue {{{{ $labels.queue }}}} misses its target ({target}) twice as fast as allowed, now and over the last hour"
            ),
            "队列 {{ $labels.queue }} 服务水平快速恶化（近 5 分钟与近 1 小时均超出允许速度的两倍）",
        ),
        alert(
            "AcdServiceLevelMissed",
            "15m",
            "ticket",
            both("30m", "1d", 1.0),
            &format!(
                "Queue {{{{ $labels.queue }}}} is below its target ({target}) over the last half hour and the last day"
            ),
            "队列 {{ $labels.queue }} 服务水平低于目标（近 30 分钟与近 1 天）",
        ),
        alert(
            "AcdLongestWait",
            "30s",
            "page",
            format!("max by (queue) (acd_queue_longest_wait_seconds{{{select}}}) > {longest}"),
            &format!("Somebody waits in {{{{ $labels.queue }}}} longer than {longest} s, five times the threshold"),
            "队列 {{ $labels.queue }} 最长等待超过阈值的五倍",
        ),
    ];
    for rule in &mut rules {
        rule.labels.insert("threshold", seconds(first.threshold));
    }
    rules
}

/// Name, how long it must hold, severity, expression (`AT_WORK` stands for the states of agents who take calls), English and
/// Chinese text.
type Health = (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str);

const HEALTH: &[Health] = &[
    (
        "AcdNoAgentReady",
        "1m",
        "page",
        "sum by (queue) (acd_queue_waiting) > 0 and sum by (queue) (acd_queue_agents{state=~\"AT_WORK\"}) == 0",
        "Callers wait in {{ $labels.queue }} and no agent of it is at work",
        "队列 {{ $labels.queue }} 有客户等待但无坐席在岗",
    ),
    (
        "AcdAbandonSpike",
        "2m",
        "page",
        "acd:abandon_rate:ratio_5m > 2 * acd:abandon_rate:ratio_1d and acd:abandon_rate:ratio_5m > 0.1 and acd:abandon_rate:numerator_5m >= 5",
        "Callers give up in {{ $labels.queue }} more than twice as often as over the day",
        "队列 {{ $labels.queue }} 放弃率突增（超过全天水平的两倍）",
    ),
    (
        "AcdCallsRefused",
        "1m",
        "page",
        "sum(increase(acd_calls_refused_total{cause=\"overload\"}[5m])) + sum(increase(acd_gate_silent_total{kind=\"call\"}[5m])) > 0",
        "The engine refuses calls because it is full",
        "引擎过载，正在拒绝来电",
    ),
    (
        "AcdPasswordsTried",
        "5m",
        "ticket",
        "sum by (kind) (rate(acd_sip_auth_failures_total{reason=~\"wrong|locked\"}[5m])) > 1",
        "Somebody tries passwords ({{ $labels.kind }}), more than one a second",
        "有人正在尝试密码（{{ $labels.kind }}），每秒超过一次",
    ),
    (
        "AcdBooksDoNotAddUp",
        "0m",
        "page",
        "increase(acd_invariant_violations_total[10m]) > 0",
        "The engine's counts contradict each other: a bug, please report it",
        "引擎计数不一致，请上报缺陷",
    ),
    (
        "AcdPeerDown",
        "1m",
        "page",
        "acd_peer_up == 0",
        "The SIP neighbour {{ $labels.peer }} does not answer",
        "SIP 对端 {{ $labels.peer }} 无应答",
    ),
    (
        "AcdEngineSlow",
        "5m",
        "ticket",
        "histogram_quantile(0.99, sum by (le) (rate(acd_datagram_wait_seconds_bucket[5m]))) > 0.05",
        "One SIP message in a hundred waits longer than 50 ms to be handled",
        "1% 的 SIP 消息处理排队超过 50 毫秒",
    ),
    ("AcdEngineGone", "1m", "page", "absent(acd_build_info)", "No engine is scraped", "没有可抓取的引擎"),
];

fn alert(name: &str, wait: &'static str, severity: &str, expression: String, english: &str, chinese: &str) -> Rule {
    Rule {
        kind: "alert",
        name: name.to_owned(),
        expression,
        wait: Some(wait),
        labels: BTreeMap::from([("severity", severity.to_owned())]),
        annotations: BTreeMap::from([("summary", english.to_owned()), ("summary_zh", chinese.to_owned())]),
    }
}

fn write_group(file: &mut String, name: &str, rules: &[Rule]) {
    let mut write = || {
        writeln!(file, "  - name: {name}\n    rules:")?;
        for rule in rules {
            writeln!(file, "      - {}: {}\n        expr: {}", rule.kind, rule.name, quoted(&rule.expression))?;
            if let Some(wait) = rule.wait {
                writeln!(file, "        for: {wait}")?;
            }
            for (key, map) in [("labels", &rule.labels), ("annotations", &rule.annotations)] {
                if !map.is_empty() {
                    writeln!(file, "        {key}:")?;
                }
                for (label, value) in map {
                    writeln!(file, "          {label}: {}", quoted(value))?;
                }
            }
        }
        Ok(())
    };
    let written: std::fmt::Result = write();
    written.expect("writing to a string cannot fail");
}

/// A single-quoted YAML scalar: only the quote itself needs care.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''").replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::table::TABLE;

    fn aim(name: &str, seconds: u64) -> QueueAim {
        QueueAim { name: name.into(), threshold: Duration::from_secs(seconds), target: 0.8 }
    }

    #[test]
    fn every_formula_has_its_rules_rolling_and_by_interval() {
        let file = rule_file(&[aim("sales", 20), aim("help", 10)]);
        for formula in FORMULAS {
            let unit = if formula.unit == Unit::Seconds { "seconds" } else { "ratio" };
            for window in ROLLING {
                assert!(file.contains(&format!("record: acd:{}:{unit}_{window}\n", formula.key)), "{}", formula.key);
            }
            for interval in INTERVALS {
                let name = format!("record: acd:{}:{unit}_interval_{interval}\n", formula.key);
                assert!(file.contains(&name), "{name}");
            }
        }
    }

    #[test]
    fn queues_with_other_thresholds_have_rules_of_their_own() {
        let file = rule_file(&[aim("sales", 20), aim("a.b", 10), aim("help", 20)]);
        let both = "queue=~\"sales|help\",le=~\"20(\\\\.0)?\"";
        assert!(file.contains(both), "{file}");
        assert!(file.contains("queue=~\"a\\\\.b\",le=~\"10(\\\\.0)?\""));
        assert!(file.contains("(1 - acd:sl_live:ratio_5m{queue=~\"sales|help\"}) > 0.400000"));
    }

    #[test]
    fn agents_states_in_rules_are_those_of_the_table() {
        let file = rule_file(&[aim("sales", 20)]);
        let lists = [&Share::HANDLING[..], &Share::IN_SERVICE, &Share::LOGGED_IN].map(AgentState::labels_of);
        let found: Vec<_> = file.split("state=~\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        assert!(found.len() > 20 && found.iter().all(|states| lists.iter().any(|list| list == states)), "{found:?}");
        assert!(!file.contains("AT_WORK"));
    }

    #[test]
    fn a_whole_interval_is_cut_at_its_multiples() {
        let rules = rule_file(&[aim("sales", 20)]);
        let rule = rules.lines().skip_while(|line| !line.ends_with("acd:answer_rate:numerator_interval_30m")).nth(1);
        let expected =
            "        expr: 'last_over_time((sum by (queue) (increase(acd_calls_answered_total{}[30m])))[30m:30m])'";
        assert_eq!(rule, Some(expected));
    }

    #[test]
    fn rules_name_only_families_of_the_table() {
        let file = rule_file(&[aim("sales", 20)]);
        let words = file.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':');
        for word in words.filter(|word| word.starts_with("acd_")) {
            let known = TABLE.iter().any(|row| {
                word == row.name || ["_bucket", "_sum", "_count"].iter().any(|end| word == format!("{}{end}", row.name))
            });
            assert!(
                known || ["acd_rolling_", "acd_interval_", "acd_alerts"].iter().any(|group| word.starts_with(group)),
                "{word}"
            );
        }
    }
}
