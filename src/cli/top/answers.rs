//! What is asked of the engine for each list, and its answers.

use serde_json::Value;

use crate::cli::client::Client;
use crate::cli::top::board::Tab;
use crate::cli::top::snapshot::Snapshot;

/// What the engine answers for a list; the queues always.
pub(super) struct Answers {
    queues: Value,
    agents: Option<Value>,
    teams: Option<Value>,
}

impl Answers {
    /// Asks the engine.
    pub(super) fn fetch(client: &Client, tab: Tab) -> Result<Self, String> {
        let queues = client.get("/v1/queues")?;
        let agents = (tab == Tab::Agents).then(|| client.get_all("/v1/agents", "agents")).transpose()?;
        let teams = (tab == Tab::Teams).then(|| client.get("/v1/teams")).transpose()?;
        Ok(Self { queues, agents, teams })
    }

    /// As rows.
    pub(super) fn read(&self) -> Snapshot {
        Snapshot::read(&self.queues, self.agents.as_ref(), self.teams.as_ref())
    }

    /// All of it as one object.
    pub(super) fn json(&self) -> Value {
        let mut whole = self.queues.as_object().cloned().unwrap_or_default();
        for (key, list) in [("agents", &self.agents), ("teams", &self.teams)] {
            if let Some(list) = list {
                whole.insert(key.to_string(), list[key].clone());
            }
        }
        whole.into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_asked_for_is_one_object_whatever_the_engine_said() {
        let agents = Some(json!({ "agents": [{ "name": "1001" }], "total": 1 }));
        let answers = Answers { queues: json!({ "queues": [], "total": {} }), agents, teams: None };
        assert_eq!(answers.json(), json!({ "queues": [], "total": {}, "agents": [{ "name": "1001" }] }));
        let strange = Answers { queues: json!([7]), agents: None, teams: Some(json!(7)) };
        assert_eq!(strange.json(), json!({ "teams": null }));
    }
}
