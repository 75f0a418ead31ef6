//! The client of a running engine's HTTP interface: prints lists as tables or as the engine's JSON, and sends actions.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::args::{Intervals, Lost, QueueStats};
use crate::cli::explain;
use crate::cli::ladder;
use crate::cli::print::{clock, out, table};
use crate::cli::target::Target;
use crate::cli::{lost, standby, stats, teams};

/// Rows asked for at a time; the engine gives at most so many.
const PAGE: usize = 1_000;
/// How long an answer is awaited.
const PATIENCE: Duration = Duration::from_secs(10);

/// A client of one engine.
#[derive(Debug)]
pub(super) struct Client {
    agent: ureq::Agent,
    url: String,
    token: Option<String>,
    json: bool,
}

impl Client {
    /// A client of the engine at the target.
    pub(super) fn new(target: &Target) -> Result<Self, String> {
        Self::patient(target, PATIENCE)
    }

    /// The same, which waits so long for each answer.
    pub(super) fn patient(target: &Target, patience: Duration) -> Result<Self, String> {
        if !target.url.starts_with("http://") {
            return Err(format!("`{}` does not begin with http://", target.url));
        }
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(patience)).build();
        Ok(Self {
            agent: config.into(),
            url: target.url.trim_end_matches('/').to_string(),
            token: target.token.clone(),
            json: target.json,
        })
    }

    /// Prints the queues.
    pub(super) fn queues(&self) -> Result<(), String> {
        let body = self.get("/v1/queues")?;
        let header = [
            "queue",
            "waiting",
            "longest",
            "offered",
            "answered",
            "abandoned",
            "flowed out",
            "service level",
            "ready",
            "talking",
        ];
        self.print(
            &body,
            &header,
            &rows(&body, "queues", |queue| {
                vec![
                    word(&queue["name"]),
                    word(&queue["waiting"]),
                    clock(queue["longest_wait_seconds"].as_f64().unwrap_or_default()),
                    word(&queue["offered"]),
                    word(&queue["answered"]),
                    word(&queue["abandoned"]),
                    word(&queue["flowed_out"]),
                    queue["service_level"]
                        .as_f64()
                        .map_or_else(|| "-".to_string(), |level| format!("{:.1} %", level * 100.0)),
                    word(&queue["agents"]["ready"]),
                    word(&queue["agents"]["talking"]),
                ]
            }),
        )
    }

    /// Prints a queue's figures by interval.
    pub(super) fn queue_stats(&self, asked: &QueueStats) -> Result<(), String> {
        let attribution = if asked.arrival { "arrival" } else { "event" };
        let (name, asks) = (escape(&asked.name), query(&asked.intervals));
        let mut path = format!("/v1/queues/{name}/intervals?{asks}&attribution={attribution}");
        if let Some(threshold) = &asked.threshold {
            path.push_str(&format!("&threshold={}", escape(threshold)));
        }
        let body = self.get(&path)?;
        out(&if self.json { format!("{body}\n") } else { stats::show(&body) });
        Ok(())
    }

    /// Prints an agent's time by interval.
    pub(super) fn agent_stats(&self, name: &str, asked: &Intervals) -> Result<(), String> {
        self.time(name, &format!("/v1/agents/{}/intervals?{}", escape(name), query(asked)))
    }

    /// Prints the time of a team's agents by interval; everybody's where no team is named.
    pub(super) fn team_stats(&self, team: Option<&str>, asked: &Intervals) -> Result<(), String> {
        let of = team.map_or_else(String::new, |team| format!("&team={}", escape(team)));
        self.time(team.unwrap_or("all agents"), &format!("/v1/teams/intervals?{}{of}", query(asked)))
    }

    fn time(&self, whose: &str, path: &str) -> Result<(), String> {
        let body = self.get(path)?;
        out(&if self.json { format!("{body}\n") } else { stats::show_time(whose, &body) });
        Ok(())
    }

    /// Prints lost contacts.
    pub(super) fn lost(&self, asked: &Lost) -> Result<(), String> {
        let mut path = format!("/v1/lost?by={}&last={}", escape(&asked.by), escape(&asked.last));
        if let Some(value) = &asked.value {
            path.push_str(&format!("&value={}", escape(value)));
        }
        let body = self.get(&path)?;
        out(&if self.json { format!("{body}\n") } else { lost::show(&body, asked.hours) });
        Ok(())
    }

    /// Prints the agents.
    pub(super) fn agents(&self) -> Result<(), String> {
        let body = self.get_all("/v1/agents", "agents")?;
        let header = [
            "agent",
            "state",
            "for",
            "reason",
            "until",
            "by",
            "why",
            "call",
            "device",
            "reachable",
            "queues",
            "set at run time",
        ];
        self.print(
            &body,
            &header,
            &rows(&body, "agents", |agent| {
                vec![
                    word(&agent["name"]),
                    word(&agent["state"]),
                    clock(agent["state_seconds"].as_f64().unwrap_or_default()),
                    word(&agent["reason"]),
                    agent["ends_seconds"].as_f64().map_or_else(String::new, |left| format!("in {}", clock(left))),
                    word(&agent["by"]),
                    word(&agent["why"]),
                    word(&agent["call"]),
                    device(agent),
                    reachable(agent),
                    agent["queues"].as_array().into_iter().flatten().map(word).collect::<Vec<_>>().join(" "),
                    agent["overrides"].as_array().into_iter().flatten().map(word).collect::<Vec<_>>().join(", "),
                ]
            }),
        )
    }

    /// Prints the team tree.
    pub(super) fn teams(&self) -> Result<(), String> {
        let body = self.get("/v1/teams")?;
        out(&if self.json { format!("{body}\n") } else { teams::show(&body) });
        Ok(())
    }

    /// Prints the calls; their callers' numbers in full where they are asked for, and the user may see them.
    pub(super) fn calls(&self, numbers: bool) -> Result<(), String> {
        let path = if numbers { "/v1/calls?numbers=shown" } else { "/v1/calls" };
        let body = self.get_all(path, "calls")?;
        let header = ["call", "state", "queue", "number", "caller", "wait", "talk", "position", "agent", "transfer"];
        self.print(
            &body,
            &header,
            &rows(&body, "calls", |call| {
                vec![
                    word(&call["id"]),
                    word(&call["state"]),
                    word(&call["queue"]),
                    word(&call["number"]),
                    word(&call["caller"]),
                    clock(call["wait_seconds"].as_f64().unwrap_or_default()),
                    clock(call["talk_seconds"].as_f64().unwrap_or_default()),
                    word(&call["position"]),
                    word(&call["agent"]),
                    word(&call["transfer"]),
                ]
            }),
        )
    }

    /// Prints the registered phones.
    pub(super) fn registrations(&self) -> Result<(), String> {
        let body = self.get_all("/v1/registrations", "registrations")?;
        let row = |phone: &Value| {
            let state = match (phone["rung"] == Value::Bool(true), phone["answers"] == Value::Bool(true)) {
                (true, true) => "rung",
                (true, false) => "does not answer",
                (false, _) => "older",
            };
            vec![
                word(&phone["agent"]),
                word(&phone["contact"]),
                word(&phone["source"]),
                clock(phone["expires_seconds"].as_f64().unwrap_or_default()),
                state.to_string(),
                word(&phone["user_agent"]),
            ]
        };
        let header = ["agent", "contact", "from", "expires in", "state", "phone"];
        self.print(&body, &header, &rows(&body, "registrations", row))
    }

    /// Changes agents.
    pub(super) fn set_agents(&self, body: Value, why: Option<String>) -> Result<(), String> {
        self.post("/v1/agents", body, why)
    }

    /// Prints why a call waits.
    pub(super) fn explain(&self, id: &str) -> Result<(), String> {
        let told = self.get(&format!("/v1/calls/{}/explanation", escape(id)))?;
        out(&if self.json { format!("{told}\n") } else { explain::call(&told) });
        Ok(())
    }

    /// Prints a call's messages.
    pub(super) fn ladder(&self, id: &str, numbers: bool) -> Result<(), String> {
        let query = if numbers { "?numbers=shown" } else { "" };
        let told = self.get(&format!("/v1/calls/{}/ladder{query}", escape(id)))?;
        out(&if self.json { format!("{told}\n") } else { ladder::ladder(&told) });
        Ok(())
    }

    /// Prints the last decisions of a queue.
    pub(super) fn decisions(&self, queue: &str, last: u16) -> Result<(), String> {
        let told = self.get(&format!("/v1/decisions?queue={}&limit={last}", escape(queue)))?;
        out(&if self.json { format!("{told}\n") } else { explain::decisions(&told) });
        Ok(())
    }

    /// Prints a queue's settings.
    pub(super) fn queue(&self, name: &str) -> Result<(), String> {
        let body = self.get(&format!("/v1/queues/{}", escape(name)))?;
        let set: Vec<_> = body["overrides"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let keys = [
            "state",
            "strategy",
            "weight",
            "priority",
            "preferred_for_seconds",
            "threshold_seconds",
            "target",
            "waiting",
        ];
        let row = |key: &&str| {
            let is_set = set.contains(&key.trim_end_matches("_seconds"));
            vec![key.replace('_', " "), word(&body[*key]), if is_set { "set at run time" } else { "" }.to_string()]
        };
        let mut rows: Vec<_> = keys.iter().map(row).collect();
        let note = if set.contains(&"reserve") { "set at run time" } else { "" };
        rows.extend(standby::rows(&body, note));
        self.print(&body, &[name, "in force", ""], &rows)
    }

    /// Changes queues, named with commas between: all of them or none.
    pub(super) fn set_queues(&self, names: &str, body: Value, why: Option<String>) -> Result<(), String> {
        match list(names)[..] {
            [name] => self.post(&format!("/v1/queues/{}", escape(name)), body, why),
            ref names => self.post("/v1/queues", json!({ "queues": names, "set": body }), why),
        }
    }

    /// Acts on calls, named with commas between: each by itself.
    pub(super) fn act(&self, ids: &str, mut body: Value, why: Option<String>) -> Result<(), String> {
        let ids = match list(ids)[..] {
            [id] => return self.post(&format!("/v1/calls/{}", escape(id)), body, why),
            ref ids => json!(ids),
        };
        body["calls"] = ids;
        let answer = self.send("/v1/calls", body, why)?;
        let (done, refused) = outcomes(&answer);
        out(&if self.json { format!("{answer}\n") } else { format!("done for {done} calls\n") });
        if refused.is_empty() { Ok(()) } else { Err(refused.join("; ")) }
    }

    fn print(&self, body: &Value, header: &[&str], rows: &[Vec<String>]) -> Result<(), String> {
        out(&if self.json { format!("{body}\n") } else { table(header, rows) });
        Ok(())
    }

    /// All pages of a list as one.
    pub(super) fn get_all(&self, path: &str, key: &str) -> Result<Value, String> {
        let mut all = Vec::new();
        loop {
            let and = if path.contains('?') { '&' } else { '?' };
            let mut page = self.get(&format!("{path}{and}limit={PAGE}&offset={}", all.len()))?;
            let Some(Value::Array(rows)) = page.get_mut(key).map(Value::take) else {
                return Err(format!("{}{path} answered without {key}", self.url));
            };
            let is_last = rows.len() < PAGE;
            all.extend(rows);
            if is_last {
                return Ok(json!({ key: all, "total": page["total"] }));
            }
        }
    }

    /// The JSON at an address of the engine.
    pub(super) fn get(&self, path: &str) -> Result<Value, String> {
        let mut request = self.agent.get(format!("{}{path}", self.url));
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        self.read(request.call())
    }

    /// Sends an action; the engine's answer.
    pub(super) fn send(&self, path: &str, mut body: Value, why: Option<String>) -> Result<Value, String> {
        if let Some(why) = why {
            body["why"] = why.into();
        }
        let mut request = self.agent.post(format!("{}{path}", self.url));
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        self.read(request.send_json(&body))
    }

    fn post(&self, path: &str, body: Value, why: Option<String>) -> Result<(), String> {
        let answer = self.send(path, body, why)?;
        let done = match answer["agents"].as_array().map(Vec::len) {
            None | Some(1) => "done\n".to_string(),
            Some(agents) => format!("done for {agents} agents\n"),
        };
        out(&if self.json { format!("{answer}\n") } else { done });
        Ok(())
    }

    fn read(&self, answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Value, String> {
        let mut answer = answer.map_err(|error| format!("{}: {error}; is the engine running?", self.url))?;
        let status = answer.status();
        let body: Result<Value, _> = answer.body_mut().read_json();
        match body {
            Ok(body) if status.is_success() => Ok(body),
            Ok(body) => {
                let detail = body["detail"].as_str().unwrap_or("no detail").to_string();
                Err(format!("{} ({detail})", status))
            }
            Err(error) => Err(format!("{}: {status}, not JSON: {error}", self.url)),
        }
    }
}

fn rows(body: &Value, key: &str, row: impl Fn(&Value) -> Vec<String>) -> Vec<Vec<String>> {
    body[key].as_array().into_iter().flatten().map(row).collect()
}

/// What an agent's device does; `!` marks that it contradicts the agent's state.
fn device(agent: &Value) -> String {
    let mark = if agent["disagrees"] == Value::Bool(true) { " !" } else { "" };
    let call = agent["device_call"].as_str().map_or_else(String::new, |call| format!(" {call}"));
    let state = word(&agent["device"]);
    // How that is known is worth a word only where it is not.
    let source = word(&agent["device_source"]);
    if state == "unknown" { source } else { format!("{state}{call}{mark}") }
}

/// Whether an agent can be rung, and why not.
fn reachable(agent: &Value) -> String {
    match (agent["unreachable"].as_str(), &agent["reachable"]) {
        (Some(why), _) => format!("no: {why}"),
        (None, Value::Bool(true)) => "yes".to_string(),
        (None, _) => "no".to_string(),
    }
}

/// A value as a table shows it.
fn word(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// The part of an address that says which intervals.
fn query(asked: &Intervals) -> String {
    format!("by={}&last={}", escape(&asked.by), escape(&asked.last))
}

/// Names with commas between.
fn list(names: &str) -> Vec<&str> {
    names.split(',').map(str::trim).filter(|name| !name.is_empty()).collect()
}

/// How many calls of a list an action was done for, and which not, and why.
fn outcomes(answer: &Value) -> (usize, Vec<String>) {
    let calls = answer["calls"].as_array().map_or(&[][..], Vec::as_slice);
    let refused = calls.iter().filter(|call| call["outcome"] != "done");
    let refused: Vec<_> = refused
        .map(|call| format!("{}: {} ({})", word(&call["call"]), call["status"], word(&call["detail"])))
        .collect();
    (calls.len() - refused.len(), refused)
}

/// A path segment (RFC 3986 3.3): everything but unreserved characters is escaped.
fn escape(segment: &str) -> String {
    let mut escaped = String::new();
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_segment_is_escaped() {
        assert_eq!(escape("1001"), "1001");
        assert_eq!(escape("a/b c"), "a%2Fb%20c");
    }

    #[test]
    fn names_stand_with_commas_between_and_what_was_refused_is_told() {
        assert_eq!(list("c1, c2,,c3"), ["c1", "c2", "c3"]);
        assert_eq!((list("c1"), list(",")), (vec!["c1"], Vec::new()));
        let gone = json!({ "call": "c2", "outcome": "refused", "status": 404, "detail": "no call c2" });
        let answer = json!({ "calls": [{ "call": "c1", "outcome": "done" }, gone], "refused": 1 });
        assert_eq!(outcomes(&answer), (1, vec!["c2: 404 (no call c2)".to_string()]));
    }
}
