//! What the board knows: the engine's answers as rows. Text from outside loses its control characters here, so that no name can
//! steer the terminal.

use serde_json::Value;

/// One answer of the engine, as far as it was asked.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Snapshot {
    /// By name.
    pub(super) queues: Vec<Queue>,
    /// The sum over them.
    pub(super) total: Queue,
    /// Agents by the label of their state, each once; states with nobody are left out.
    pub(super) states: Vec<(String, u64)>,
    /// By name, where they were asked for.
    pub(super) agents: Option<Vec<Agent>>,
    /// Each below the one above it, where they were asked for.
    pub(super) teams: Option<Vec<Team>>,
}

/// A queue, or the sum of all. Counts are of the day.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Queue {
    pub(super) name: String,
    pub(super) waiting: u64,
    pub(super) longest: f64,
    /// SL-F3 by events over the last half hour, a fraction.
    pub(super) level: Option<f64>,
    pub(super) level_today: Option<f64>,
    pub(super) target: Option<f64>,
    /// T in seconds.
    pub(super) threshold: Option<f64>,
    pub(super) offered: u64,
    pub(super) answered: u64,
    pub(super) abandoned: u64,
    pub(super) lost: u64,
    pub(super) answer_rate: Option<f64>,
    pub(super) loss_rate: Option<f64>,
    pub(super) asa: Option<f64>,
    pub(super) aht: Option<f64>,
    pub(super) estimate: Option<f64>,
    pub(super) ready: u64,
    pub(super) ringing: u64,
    pub(super) talking: u64,
    pub(super) wrap_up: u64,
    pub(super) not_ready: u64,
}

/// An agent.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Agent {
    pub(super) name: String,
    /// The label of its state.
    pub(super) state: String,
    /// Since it entered it.
    pub(super) seconds: f64,
    /// The reason, and how long until it ends by itself.
    pub(super) reason: String,
    pub(super) ends: Option<f64>,
    pub(super) queue: String,
    pub(super) call: String,
    pub(super) talks: u64,
    pub(super) occupancy: Option<f64>,
    pub(super) device: String,
    pub(super) disagrees: bool,
}

/// A team with those below it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Team {
    pub(super) name: String,
    /// How many stand above it.
    pub(super) depth: usize,
    /// Its place in the tree.
    pub(super) place: usize,
    pub(super) total: u64,
    pub(super) ready: u64,
    pub(super) ringing: u64,
    pub(super) talking: u64,
    pub(super) wrap_up: u64,
    pub(super) not_ready: u64,
    pub(super) logged_out: u64,
}

impl Snapshot {
    /// Reads `/v1/queues`, and `/v1/agents` and `/v1/teams` where they were asked for.
    pub(super) fn read(queues: &Value, agents: Option<&Value>, teams: Option<&Value>) -> Self {
        let total = &queues["total"];
        let states = total["agents"].as_object().into_iter().flatten();
        let states = states.map(|(label, count)| (clean(label), count.as_u64().unwrap_or_default()));
        let present = |queue: &&Value| queue["removed"] != Value::Bool(true) || count(queue, "waiting") > 0;
        let flat = |teams: &Value| {
            let mut flat = Vec::new();
            flatten(&teams["teams"], 0, &mut flat);
            flat
        };
        Self {
            queues: rows(&queues["queues"]).filter(present).map(queue).collect(),
            total: queue(total),
            states: states.filter(|(_, count)| *count > 0).collect(),
            agents: agents.map(|agents| rows(&agents["agents"]).map(agent).collect()),
            teams: teams.map(flat),
        }
    }
}

fn queue(value: &Value) -> Queue {
    let (today, lately) = (&value["today"], &value["last_30m"]);
    // Without a calendar there are only the counts since the start.
    let counted = if today.is_null() { value } else { today };
    let agents = |labels: &[&str]| labels.iter().map(|label| count(&value["agents"], label)).sum();
    Queue {
        name: text(value, "name"),
        waiting: count(value, "waiting"),
        longest: number(value, "longest_wait_seconds").unwrap_or_default(),
        level: number(lately, "service_level"),
        level_today: number(counted, "service_level"),
        target: number(value, "target"),
        threshold: number(value, "threshold_seconds"),
        offered: count(counted, "offered"),
        answered: count(counted, "answered"),
        abandoned: count(counted, "abandoned"),
        lost: count(counted, "lost"),
        answer_rate: number(counted, "answer_rate"),
        loss_rate: number(counted, "loss_rate"),
        asa: number(counted, "answer_wait_mean_seconds"),
        aht: number(counted, "handle_mean_seconds"),
        estimate: number(value, "expected_wait_seconds"),
        ready: agents(&["ready"]),
        ringing: agents(&["reserved", "ringing"]),
        talking: agents(&["talking", "hold", "consult"]),
        wrap_up: agents(&["wrap_up"]),
        not_ready: agents(&["not_ready", "unreachable", "other_call"]),
    }
}

fn agent(value: &Value) -> Agent {
    let call = value["device_call"].as_str().map_or_else(String::new, |call| format!(" {}", clean(call)));
    let device = text(value, "device");
    Agent {
        name: text(value, "name"),
        state: text(value, "state"),
        seconds: number(value, "state_seconds").unwrap_or_default(),
        reason: text(value, "reason"),
        ends: number(value, "ends_seconds"),
        queue: text(value, "queue"),
        call: text(value, "call"),
        talks: count(value, "talks"),
        occupancy: number(value, "occupancy"),
        device: if device == "unknown" { String::new() } else { device + &call },
        disagrees: value["disagrees"] == Value::Bool(true),
    }
}

fn flatten(teams: &Value, depth: usize, flat: &mut Vec<Team>) {
    for value in rows(teams) {
        let states = |labels: &[&str]| labels.iter().map(|label| count(&value["states"], label)).sum();
        flat.push(Team {
            name: text(value, "name"),
            depth,
            place: flat.len(),
            total: count(value, "total"),
            ready: states(&["ready"]),
            ringing: states(&["reserved", "ringing"]),
            talking: states(&["talking", "hold", "consult"]),
            wrap_up: states(&["wrap_up"]),
            not_ready: states(&["not_ready", "unreachable", "other_call"]),
            logged_out: states(&["logged_out"]),
        });
        flatten(&value["teams"], depth + 1, flat);
    }
}

fn rows(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn count(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or_default()
}

fn number(value: &Value, key: &str) -> Option<f64> {
    value[key].as_f64()
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().map_or_else(String::new, clean)
}

/// Without what would move the cursor or change colours.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_queue_shows_its_day_and_its_last_half_hour() {
        let queue = json!({
            "name": "sales\u{1b}[2J", "waiting": 3, "offered": 900, "target": 0.8, "threshold_seconds": 20.0,
            "today": { "offered": 9, "answered": 6, "lost": 2, "service_level": 0.7 },
            "last_30m": { "service_level": 0.9 },
            "agents": { "ready": 1, "talking": 2, "hold": 1, "reserved": 1, "ringing": 1 },
        });
        let gone = json!({ "name": "old", "removed": true, "waiting": 0 });
        let read = Snapshot::read(
            &json!({ "queues": [queue, gone], "total": { "agents": { "ready": 4, "hold": 0 } } }),
            None,
            None,
        );
        let [sales] = &read.queues[..] else { panic!("{read:?}") };
        assert_eq!(sales.name, "sales\u{fffd}[2J");
        assert_eq!((sales.offered, sales.lost, sales.level, sales.level_today), (9, 2, Some(0.9), Some(0.7)));
        assert_eq!((sales.ready, sales.ringing, sales.talking), (1, 2, 3));
        assert_eq!(read.states, [("ready".to_string(), 4)]);
    }

    #[test]
    fn teams_are_a_tree_in_rows() {
        let north = json!({ "name": "north", "total": 2, "states": { "ready": 1, "hold": 1 }, "teams": [] });
        let teams = json!({ "teams": [{ "name": "sales", "total": 2, "states": { "ready": 1, "hold": 1 }, "teams": [north] }] });
        let read = Snapshot::read(&Value::Null, None, Some(&teams));
        let teams = read.teams.expect("they were asked for");
        let rows: Vec<_> = teams.iter().map(|team| (&*team.name, team.depth, team.place, team.talking)).collect();
        assert_eq!(rows, [("sales", 0, 0, 1), ("north", 1, 1, 1)]);
    }

    #[test]
    fn an_answer_of_something_else_is_an_empty_board() {
        for strange in [json!(null), json!([]), json!({ "queues": 7, "total": "x" })] {
            let read = Snapshot::read(&strange, Some(&strange), Some(&strange));
            assert_eq!((read.queues.len(), read.agents, read.teams), (0, Some(Vec::new()), Some(Vec::new())));
        }
    }
}
