//! How transfers are written and read: to whom, and how far.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::acd::{Target, TransferStep};
use crate::base::Pii;
use crate::records::unreadable::Unreadable;
use crate::records::value::{Value, WITHHELD, object, unknown, wrong};
use crate::records::writer::Writer;

impl Value for Target {
    const FORM: &'static str = "an object: `what` is `agent` (with `agent_id`), `queue` (with `queue_id`) or `number`, whose `number` is \
                                left out unless personal data is asked for";

    fn write(&self, name: &str, to: &mut Writer<'_>) {
        to.object(name, |to| {
            to.text("what", self.as_str());
            match self {
                Self::Agent(agent) => agent.write("agent", to),
                Self::Queue(queue) => queue.write("queue", to),
                Self::Number(number) => {
                    if to.is_personal && !number.expose().starts_with(WITHHELD) {
                        to.text("number", number.expose());
                    }
                }
            }
        });
    }

    fn read(name: &str, from: &Map<String, Json>) -> Result<Self, Unreadable> {
        let (from, what) = object(name, "what", from)?;
        match what {
            "agent" => Value::read("agent", from).map(Self::Agent),
            "queue" => Value::read("queue", from).map(Self::Queue),
            "number" => match from.get("number") {
                None | Some(Json::Null) => Ok(Self::Number(Pii::new(WITHHELD.to_string().into()))),
                Some(Json::String(number)) => Ok(Self::Number(Pii::new(Arc::from(number.as_str())))),
                Some(_) => wrong("number", "a text"),
            },
            other => unknown(name, other),
        }
    }
}

impl Value for TransferStep {
    const FORM: &'static str = "an object: `what` is `begun` (with `who` asked for it, `null`: the agent, by keys or phone), `answered`, `completed`, \
                                `cancelled` or `failed` (with `why`: `unavailable` `not_taken` `unreachable` `flowed_out` `caller_gone` \
                                `withdrawn`)";

    fn write(&self, name: &str, to: &mut Writer<'_>) {
        to.object(name, |to| match self {
            Self::Begun(who) => {
                to.text("what", "begun");
                who.write("who", to);
            }
            Self::Answered => to.text("what", "answered"),
            Self::Completed => to.text("what", "completed"),
            Self::Cancelled => to.text("what", "cancelled"),
            Self::Failed(why) => {
                to.text("what", "failed");
                why.write("why", to);
            }
        });
    }

    fn read(name: &str, from: &Map<String, Json>) -> Result<Self, Unreadable> {
        let (from, what) = object(name, "what", from)?;
        match what {
            "begun" => Value::read("who", from).map(Self::Begun),
            "answered" => Ok(Self::Answered),
            "completed" => Ok(Self::Completed),
            "cancelled" => Ok(Self::Cancelled),
            "failed" => Value::read("why", from).map(Self::Failed),
            other => unknown(name, other),
        }
    }
}
