//! What a supervisor writes after `agent set` and `queue set`, as the control plane's JSON.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::cli::args::duration;

/// Reads `[WHO] STATE ...`. WHO is left out when teams are named.
///
/// # Errors
///
/// What is wrong with the words.
pub(super) fn agents(words: &[String], teams: &[String], lasts: Option<Duration>) -> Result<Value, String> {
    let (who, wish) = if teams.is_empty() {
        let (who, wish) = words.split_first().ok_or("say which agents, or --team NAME")?;
        (who.split(',').filter(|name| !name.is_empty()).collect::<Vec<_>>(), wish)
    } else {
        (Vec::new(), words)
    };
    if who.is_empty() && teams.is_empty() {
        return Err("say which agents, or --team NAME".to_string());
    }
    let mut set = agent_wish(wish)?;
    if let Some(lasts) = lasts {
        let state = set.get_mut("state").ok_or("--for goes with not-ready")?;
        state["for_seconds"] = whole_seconds(lasts)?.into();
    }
    Ok(json!({ "agents": who, "teams": teams, "set": set }))
}

fn agent_wish(words: &[String]) -> Result<Value, String> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["ready"] => Ok(json!({ "state": { "state": "ready" } })),
        ["logout" | "logged-out"] => Ok(json!({ "state": { "state": "logged-out" } })),
        ["not-ready", reason] => Ok(json!({ "state": { "state": "not-ready", "reason": reason } })),
        ["not-ready"] => Err("not-ready needs a reason".to_string()),
        ["wrap-up", "end"] => Ok(json!({ "wrap_up": "end" })),
        ["wrap-up", more] => {
            let more = more.strip_prefix('+').ok_or("write wrap-up +TIME or wrap-up end")?;
            Ok(json!({ "wrap_up": { "extend_seconds": whole_seconds(duration(more)?)? } }))
        }
        ["device", "busy", call @ ("in" | "out" | "internal")] => {
            Ok(json!({ "device": { "state": "busy", "call": call } }))
        }
        ["device", state @ ("idle" | "ringing" | "busy" | "offline" | "unknown")] => {
            Ok(json!({ "device": { "state": state } }))
        }
        ["device", ..] => Err("a device is idle, ringing, busy [in|out|internal], offline, unknown".to_string()),
        ["skill", skills @ ..] if !skills.is_empty() => Ok(json!({ "skills": pairs(skills, skill)? })),
        ["join", queue, terms @ ..] => {
            let mut join = pairs(terms, term)?;
            if let Some(delay) = join.remove("delay") {
                join.insert("delay_seconds".to_string(), delay);
            }
            join.insert("queue".to_string(), (*queue).into());
            Ok(json!({ "join": join }))
        }
        ["team", team] => Ok(json!({ "team": team })),
        ["no-team"] => Ok(json!({ "team": null })),
        ["defaults"] => Ok(json!({ "defaults": {} })),
        ["defaults", queue] => Ok(json!({ "defaults": { "queue": queue } })),
        ["leave", queue] => Ok(json!({ "leave": { "queue": queue } })),
        ["penalty", pair] => {
            let (queue, penalty) = pair.split_once('=').ok_or("write penalty QUEUE=NUMBER")?;
            let penalty: u32 = penalty.parse().map_err(|_| format!("`{penalty}` is no penalty"))?;
            Ok(json!({ "penalty": { "queue": queue, "penalty": penalty } }))
        }
        [] => Err(format!("say what to set: {AGENT_WISHES}")),
        [word, ..] => Err(format!("`{word}` is nothing to set here; there are {AGENT_WISHES}")),
    }
}

/// For help and errors.
const AGENT_WISHES: &str = "ready, not-ready REASON, logout, wrap-up +TIME, wrap-up end, device STATE, \
                            skill NAME=LEVEL, join QUEUE, leave QUEUE, penalty QUEUE=NUMBER, team NAME, no-team, defaults [QUEUE]";

/// What the engine takes is whole seconds, one at least.
fn whole_seconds(time: Duration) -> Result<u32, String> {
    let seconds = u32::try_from(time.as_secs()).ok().filter(|seconds| *seconds > 0 && time.subsec_nanos() == 0);
    seconds.ok_or_else(|| format!("{time:?} is no time of whole seconds, from 1 on"))
}

fn pairs(words: &[&str], read: fn(&str, &str) -> Result<Value, String>) -> Result<Map<String, Value>, String> {
    let pair = |word: &&str| {
        let (name, value) = word.split_once('=').ok_or_else(|| format!("`{word}` is no NAME=VALUE"))?;
        Ok((name.to_string(), read(name, value)?))
    };
    words.iter().map(pair).collect()
}

/// `5`, `on`, `off`, `none`, `default`.
fn skill(name: &str, value: &str) -> Result<Value, String> {
    match value {
        "on" => Ok(true.into()),
        "off" => Ok(false.into()),
        "none" => Ok(0.into()),
        "default" => Ok("default".into()),
        level => match level.parse::<u8>() {
            Ok(level @ 1..=10) => Ok(level.into()),
            Ok(_) | Err(_) => {
                Err(format!("`{level}` is no level of {name}; there are 1 to 10, on, off, none, default"))
            }
        },
    }
}

/// `tier=2`, `delay=30s`.
fn term(name: &str, value: &str) -> Result<Value, String> {
    let number = |value: &str| value.parse::<u32>().map(Value::from).map_err(|_| format!("`{value}` is no {name}"));
    match name {
        "tier" | "position" | "penalty" => number(value),
        "delay" => Ok(duration(value)?.as_secs().into()),
        "reserve" => match value {
            "on" => Ok(true.into()),
            "off" => Ok(false.into()),
            _ => Err(format!("`{value}` is none of on, off")),
        },
        _ => Err(format!("`{name}` is none of tier, position, penalty, delay, reserve")),
    }
}

/// `waiting=5`, `wait=60s`.
fn threshold(name: &str, value: &str) -> Result<Value, String> {
    match name {
        "waiting" | "leave_waiting" => {
            value.parse::<u32>().map(Value::from).map_err(|_| format!("`{value}` is no number"))
        }
        "wait" | "leave_wait" | "estimate" | "leave_estimate" | "at_least" => Ok(duration(value)?.as_secs().into()),
        _ => Err(format!(
            "`{name}` is none of waiting, wait, estimate, leave_waiting, leave_wait, leave_estimate, at_least"
        )),
    }
}

/// Reads what follows `queue set NAME`.
///
/// # Errors
///
/// What is wrong with the words.
pub(super) fn queue(words: &[String]) -> Result<Value, String> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["open"] => Ok(json!({ "state": "open" })),
        ["close" | "closed"] => Ok(json!({ "state": "closed" })),
        ["emergency"] => Ok(json!({ "state": "emergency" })),
        ["strategy", name] => Ok(json!({ "strategy": name })),
        ["threshold", time] => Ok(json!({ "threshold_seconds": duration(time)?.as_secs() })),
        ["priority", priority] => {
            let priority: i32 = priority.parse().map_err(|_| format!("`{priority}` is no priority"))?;
            Ok(json!({ "priority": priority }))
        }
        ["weight", weight] => {
            let weight: i32 = weight.parse().map_err(|_| format!("`{weight}` is no weight"))?;
            Ok(json!({ "weight": weight }))
        }
        ["target", target] => {
            let wrong = || format!("`{target}` is no target; write it like 80% or 0.8");
            let (number, whole) = target.strip_suffix('%').map_or((*target, 1.0), |number| (number, 100.0));
            let number: f64 = number.parse().map_err(|_| wrong())?;
            Ok(json!({ "target": number / whole }))
        }
        ["reserve", mode @ ("on" | "off" | "auto")] => Ok(json!({ "reserve": mode })),
        ["reserve", terms @ ..] if !terms.is_empty() => {
            let mut thresholds = Map::new();
            for (name, value) in pairs(terms, threshold)? {
                let unit = if name.ends_with("waiting") { "" } else { "_seconds" };
                thresholds.insert(format!("{name}{unit}"), value);
            }
            Ok(json!({ "reserve": thresholds }))
        }
        ["defaults"] => Ok(json!({ "defaults": {} })),
        _ => Err("say what to set: open, close, emergency, strategy NAME, threshold TIME, target PERCENT, \
                  priority NUMBER, weight NUMBER, reserve on|off|auto, reserve waiting=NUMBER wait=TIME, defaults"
            .to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, teams: &[&str]) -> Result<Value, String> {
        let words: Vec<String> = text.split(' ').filter(|word| !word.is_empty()).map(ToString::to_string).collect();
        agents(&words, &teams.iter().map(ToString::to_string).collect::<Vec<_>>(), None)
    }

    #[test]
    fn a_state_may_end_by_itself_and_a_wrap_up_be_changed() {
        let set = |text: &str, lasts| {
            let words: Vec<String> = text.split(' ').map(ToString::to_string).collect();
            agents(&words, &["sales".to_string()], lasts).map(|value| value["set"].clone())
        };
        let quarter = Some(Duration::from_secs(900));
        assert_eq!(
            set("not-ready meeting", quarter),
            Ok(json!({ "state": { "state": "not-ready", "reason": "meeting", "for_seconds": 900 } }))
        );
        assert_eq!(set("wrap-up +30", None), Ok(json!({ "wrap_up": { "extend_seconds": 30 } })));
        assert_eq!(set("wrap-up +2m", None), Ok(json!({ "wrap_up": { "extend_seconds": 120 } })));
        assert_eq!(set("wrap-up end", None), Ok(json!({ "wrap_up": "end" })));
        assert_eq!(set("device busy out", None), Ok(json!({ "device": { "state": "busy", "call": "out" } })));
        assert_eq!(set("device offline", None), Ok(json!({ "device": { "state": "offline" } })));
        for wrong in
            ["wrap-up 30", "wrap-up +0", "wrap-up +1500ms", "wrap-up", "device", "device warm", "device idle in"]
        {
            assert!(set(wrong, None).is_err(), "{wrong}");
        }
        assert!(set("skill a=1", quarter).is_err(), "only a state ends by itself");
        assert!(set("not-ready tea", Some(Duration::from_millis(1_500))).is_err(), "whole seconds");
    }

    #[test]
    fn agents_are_a_list_or_a_team() {
        let ready = json!({ "state": { "state": "ready" } });
        assert_eq!(
            read("1001,1003-1010 ready", &[]),
            Ok(json!({ "agents": ["1001", "1003-1010"], "teams": [], "set": ready }))
        );
        assert_eq!(read("ready", &["sales"]), Ok(json!({ "agents": [], "teams": ["sales"], "set": ready })));
        for wrong in ["", ", ready", "1001", "1001 asleep", "1001 ready now", "1001 not-ready"] {
            assert!(read(wrong, &[]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn skills_memberships_and_penalties_are_written_as_pairs() {
        let set = |text: &str| read(&format!("1001 {text}"), &[]).map(|value| value["set"].clone());
        assert_eq!(
            set("skill spanish=5 billing=off sales=on french=none"),
            Ok(json!({ "skills": { "spanish": 5, "billing": false, "sales": true, "french": 0 } }))
        );
        assert_eq!(
            set("join support tier=2 delay=30s reserve=on"),
            Ok(json!({ "join": { "queue": "support", "tier": 2, "delay_seconds": 30, "reserve": true } }))
        );
        assert_eq!((set("team west"), set("no-team")), (Ok(json!({ "team": "west" })), Ok(json!({ "team": null }))));
        assert_eq!(set("leave support"), Ok(json!({ "leave": { "queue": "support" } })));
        assert_eq!(set("penalty support=3"), Ok(json!({ "penalty": { "queue": "support", "penalty": 3 } })));
        for wrong in
            ["skill", "skill spanish", "skill spanish=11", "skill spanish=0", "join", "join q level=1", "penalty q"]
        {
            assert!(set(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_queue_is_set_by_one_word_or_a_name_with_a_value() {
        let set = |text: &str| queue(&text.split(' ').map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(set("close"), Ok(json!({ "state": "closed" })));
        assert_eq!(set("strategy linear"), Ok(json!({ "strategy": "linear" })));
        assert_eq!(set("threshold 30s"), Ok(json!({ "threshold_seconds": 30 })));
        assert_eq!(set("priority -3"), Ok(json!({ "priority": -3 })));
        assert_eq!(set("weight 2"), Ok(json!({ "weight": 2 })));
        assert_eq!(set("reserve on"), Ok(json!({ "reserve": "on" })));
        assert_eq!(
            set("reserve waiting=8 wait=2m leave_waiting=3"),
            Ok(json!({ "reserve": { "waiting": 8, "wait_seconds": 120, "leave_waiting": 3 } }))
        );
        assert_eq!(
            (set("target 80%"), set("target 0.8")),
            (Ok(json!({ "target": 0.8 })), Ok(json!({ "target": 0.8 })))
        );
        assert_eq!(set("defaults"), Ok(json!({ "defaults": {} })));
        for wrong in [
            "shut",
            "strategy",
            "threshold soon",
            "priority high",
            "open now",
            "reserve",
            "reserve x",
            "reserve waiting=x",
        ] {
            assert!(set(wrong).is_err(), "{wrong}");
        }
    }
}
