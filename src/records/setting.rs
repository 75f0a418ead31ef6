//! How the settings and interventions of supervisors are written and read, an object each, whose `what` tells the rest; and what
//! contacts are told apart by.

use serde_json::{Map, Value as Json};

use crate::acd::strategy;
use crate::acd::{
    AgentSetting, Dimension, Dimensions, Intervention, Laid, Membership, QueueSetting, ReserveThresholds, Skill,
    ValueId,
};
use crate::base::QueueId;
use crate::records::unreadable::Unreadable;
use crate::records::value::{Value, object, text, unknown, wrong};
use crate::records::writer::Writer;

impl Value for AgentSetting {
    const FORM: &'static str = "an object: `what` is `skill` (with `skill`, `level`, `enabled`), `membership` (with `queue_id` and the \
                                terms `level` `penalty` `position` `delay_us` `reserve`), `no_membership` (with `queue_id`), `penalty` (with \
                                `queue_id`, `penalty`) or, of what is taken back, `defaults`, `default_skill` (with `skill`) and \
                                `default_membership` (with `queue_id`)";

    fn write(&self, name: &str, to: &mut Writer<'_>) {
        to.object(name, |to| match self {
            Self::Skill(Skill { name, level, enabled }) => {
                to.text("what", "skill");
                to.text("skill", name);
                to.number("level", u64::from(*level));
                to.flag("enabled", *enabled);
            }
            Self::Membership(queue, Some(Membership { queue: of, level, penalty, position, delay, reserve })) => {
                debug_assert_eq!(queue, of, "the terms are of the queue they are set in");
                to.text("what", "membership");
                queue.write("queue", to);
                level.write("level", to);
                penalty.write("penalty", to);
                position.write("position", to);
                delay.write("delay_us", to);
                reserve.write("reserve", to);
            }
            Self::Membership(queue, None) => {
                to.text("what", "no_membership");
                queue.write("queue", to);
            }
            Self::Penalty(queue, penalty) => {
                to.text("what", "penalty");
                queue.write("queue", to);
                penalty.write("penalty", to);
            }
            Self::Defaults(Laid::All) => to.text("what", "defaults"),
            Self::Defaults(Laid::Skill(skill)) => {
                to.text("what", "default_skill");
                to.text("skill", skill);
            }
            Self::Defaults(Laid::Membership(queue)) => {
                to.text("what", "default_membership");
                queue.write("queue", to);
            }
        });
    }

    fn read(name: &str, from: &Map<String, Json>) -> Result<Self, Unreadable> {
        let (from, what) = object(name, "what", from)?;
        let queue = || QueueId::read("queue", from);
        match what {
            "skill" => {
                let Ok(level) = u8::try_from(u32::read("level", from)?) else {
                    return wrong("level", "a skill's level");
                };
                let (name, enabled) = (text("skill", from)?.into(), bool::read("enabled", from)?);
                Ok(Self::Skill(Skill { name, level, enabled }))
            }
            "membership" => {
                let queue = queue()?;
                let terms = Membership {
                    queue,
                    level: Value::read("level", from)?,
                    penalty: Value::read("penalty", from)?,
                    position: Value::read("position", from)?,
                    delay: Value::read("delay_us", from)?,
                    reserve: Value::read("reserve", from)?,
                };
                Ok(Self::Membership(queue, Some(terms)))
            }
            "no_membership" => Ok(Self::Membership(queue()?, None)),
            "penalty" => Ok(Self::Penalty(queue()?, Value::read("penalty", from)?)),
            "defaults" => Ok(Self::Defaults(Laid::All)),
            "default_skill" => Ok(Self::Defaults(Laid::Skill(text("skill", from)?.into()))),
            "default_membership" => Ok(Self::Defaults(Laid::Membership(queue()?))),
            other => unknown(name, other),
        }
    }
}

impl Value for QueueSetting {
    const FORM: &'static str = "an object: `what` is `state` (with `state`: `open` `closed` `emergency`), `strategy` (with its name), \
                                `threshold` (with `threshold_us`), `weight`, `priority`, `target` (with `thousandths`), `reserve` (with `mode`: \
                                `auto` `on` `off`), `reserve_thresholds` (with `waiting` `wait_us` `estimate_us`, which may be `null`, \
                                `leave_waiting` `leave_wait_us` `at_least_us`) or `defaults`";

    fn write(&self, name: &str, to: &mut Writer<'_>) {
        to.object(name, |to| match self {
            Self::State(state) => {
                to.text("what", "state");
                state.write("state", to);
            }
            Self::Strategy(strategy) => {
                to.text("what", "strategy");
                to.text("strategy", strategy);
            }
            Self::Threshold(threshold) => {
                to.text("what", "threshold");
                threshold.write("threshold_us", to);
            }
            Self::Weight(weight) => {
                to.text("what", "weight");
                weight.write("weight", to);
            }
            Self::Priority(priority) => {
                to.text("what", "priority");
                priority.write("priority", to);
            }
            Self::Target(thousandths) => {
                to.text("what", "target");
                to.number("thousandths", u64::from(*thousandths));
            }
            Self::Reserve(mode) => {
                to.text("what", "reserve");
                mode.write("mode", to);
            }
            Self::ReserveThresholds(thresholds) => {
                let ReserveThresholds { waiting, wait, estimate, leave_waiting, leave_wait, leave_estimate, at_least } =
                    thresholds;
                to.text("what", "reserve_thresholds");
                waiting.write("waiting", to);
                wait.write("wait_us", to);
                estimate.write("estimate_us", to);
                leave_waiting.write("leave_waiting", to);
                leave_wait.write("leave_wait_us", to);
                leave_estimate.write("leave_estimate_us", to);
                at_least.write("at_least_us", to);
            }
            Self::Defaults => to.text("what", "defaults"),
        });
    }

    fn read(name: &str, from: &Map<String, Json>) -> Result<Self, Unreadable> {
        let (from, what) = object(name, "what", from)?;
        match what {
            "state" => Value::read("state", from).map(Self::State),
            "strategy" => {
                let found = text("strategy", from)?;
                strategy::find(found).map_or_else(|| unknown("strategy", found), |row| Ok(Self::Strategy(row.name)))
            }
            "threshold" => Value::read("threshold_us", from).map(Self::Threshold),
            "weight" => Value::read("weight", from).map(Self::Weight),
            "priority" => Value::read("priority", from).map(Self::Priority),
            "target" => match u16::try_from(u32::read("thousandths", from)?) {
                Ok(thousandths) => Ok(Self::Target(thousandths)),
                Err(_) => wrong("thousandths", "a fraction in thousandths"),
            },
            "reserve" => Value::read("mode", from).map(Self::Reserve),
            "reserve_thresholds" => Ok(Self::ReserveThresholds(ReserveThresholds {
                waiting: Value::read("waiting", from)?,
                wait: Value::read("wait_us", from)?,
                estimate: Value::read("estimate_us", from)?,
                leave_waiting: Value::read("leave_waiting", from)?,
                leave_wait: Value::read("leave_wait_us", from)?,
                leave_estimate: Value::read("leave_estimate_us", from)?,
                at_least: Value::read("at_least_us", from)?,
            })),
            "defaults" => Ok(Self::Defaults),
            other => unknown(name, other),
        }
    }
}

impl Value for Intervention {
    const FORM: &'static str = "an object: `what` is `hang_up`, `withdraw` or `requeue` (with `queue_id`)";

    fn write(&self, name: &str, to: &mut Writer<'_>) {
        to.object(name, |to| match self {
            Self::HangUp => to.text("what", "hang_up"),
            Self::Withdraw => to.text("what", "withdraw"),
            Self::Requeue(queue) => {
                to.text("what", "requeue");
                queue.write("queue", to);
            }
        });
    }

    fn read(name: &str, from: &Map<String, Json>) -> Result<Self, Unreadable> {
        let (from, what) = object(name, "what", from)?;
        match what {
            "hang_up" => Ok(Self::HangUp),
            "withdraw" => Ok(Self::Withdraw),
            "requeue" => QueueId::read("queue", from).map(Self::Requeue),
            other => unknown(name, other),
        }
    }
}

impl Value for Dimensions {
    const FORM: &'static str = "an object: of each of `number` `campaign` `region` `trunk` the number of its value as `number_id` and so \
                                on, which stays with the name for one run of the engine, 0 for none; and the name where it is known";

    fn write(&self, name: &str, to: &mut Writer<'_>) {
        to.object(name, |to| {
            for dimension in Dimension::ALL {
                let value = self.of(dimension);
                to.number(&format!("{}_id", dimension.as_str()), u64::from(value.0));
                if let Some(called) = to.names.value(dimension, value) {
                    to.text(dimension.as_str(), called);
                }
            }
        });
    }

    fn read(name: &str, from: &Map<String, Json>) -> Result<Self, Unreadable> {
        let mut all = Self::default();
        let Some(given) = from.get(name).filter(|value| !value.is_null()) else { return Ok(all) };
        let Some(given) = given.as_object() else { return wrong(name, "an object") };
        for dimension in Dimension::ALL {
            let key = format!("{}_id", dimension.as_str());
            if given.get(&key).is_none_or(Json::is_null) {
                continue;
            }
            let Ok(value) = u16::try_from(u32::read(&key, given)?) else {
                return wrong(&key, "a whole number below 2^16");
            };
            all = all.with(dimension, ValueId(value));
        }
        Ok(all)
    }
}
