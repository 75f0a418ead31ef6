//! What a supervisor writes after `agent set` and `queue set`, as the control plane's JSON.

use serde_json::{Value, json};

/// Reads `[WHO] STATE ...`. WHO is left out when teams are named.
///
/// # Errors
///
/// What is wrong with the words.
pub(super) fn agents(words: &[String], teams: &[String]) -> Result<Value, String> {
    let (who, wish) = if teams.is_empty() {
        let (who, wish) = words.split_first().ok_or("say which agents, or --team NAME")?;
        (who.split(',').filter(|name| !name.is_empty()).collect::<Vec<_>>(), wish)
    } else {
        (Vec::new(), words)
    };
    if who.is_empty() && teams.is_empty() {
        return Err("say which agents, or --team NAME".to_string());
    }
    Ok(json!({ "agents": who, "teams": teams, "set": agent_wish(wish)? }))
}

fn agent_wish(words: &[String]) -> Result<Value, String> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["ready"] => Ok(json!({ "state": { "state": "ready" } })),
        ["logout" | "logged-out"] => Ok(json!({ "state": { "state": "logged-out" } })),
        ["not-ready", reason] => Ok(json!({ "state": { "state": "not-ready", "reason": reason } })),
        ["not-ready"] => Err("not-ready needs a reason".to_string()),
        [] => Err(format!("say what to set: {AGENT_WISHES}")),
        [word, ..] => Err(format!("`{word}` is nothing to set here; there are {AGENT_WISHES}")),
    }
}

/// For help and errors.
const AGENT_WISHES: &str = "ready, not-ready REASON, logout";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, teams: &[&str]) -> Result<Value, String> {
        let words: Vec<String> = text.split(' ').filter(|word| !word.is_empty()).map(ToString::to_string).collect();
        agents(&words, &teams.iter().map(ToString::to_string).collect::<Vec<_>>())
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
}
