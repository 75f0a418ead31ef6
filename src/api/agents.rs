//! `/v1/agents`: the list, and what a supervisor sets of one agent or of many.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};

use crate::acd::requirement::LEVEL_MAX;
use crate::acd::{AgentTarget, DeviceState, Direction, Reason};
use crate::api::audit::{self, Action};
use crate::api::auth::Who;
use crate::api::handle::Handle;
use crate::api::problem::Problem;
use crate::api::request::{self, Asked, Page};
use crate::base::limits::REASON_BYTES_MAX;
use crate::node::{AgentChange, AgentView, Control, Reply, Selection, SkillChange};

/// One page of agents.
#[derive(Debug, Serialize)]
pub(super) struct Agents {
    agents: Vec<AgentView>,
    total: usize,
    offset: usize,
    limit: usize,
}

/// `GET /v1/agents`
pub(super) async fn list(
    _: Who,
    State(handle): State<Handle>,
    RawQuery(query): RawQuery,
) -> Result<Json<Agents>, Problem> {
    let Page { offset, limit } = request::page(query.as_deref())?;
    let reply = handle.ask(Control::Agents { offset, limit }).await?;
    let Reply::Agents { rows, total } = reply else { return Err(request::strange()) };
    Ok(Json(Agents { agents: rows, total, offset, limit }))
}

/// The body of `POST /v1/agents/ID/state`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StateBody {
    state: Wished,
    reason: Option<String>,
    /// A not-ready ends by itself after so long.
    for_seconds: Option<u32>,
}

/// A state somebody may wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Wished {
    Ready,
    NotReady,
    #[serde(alias = "logout")]
    LoggedOut,
}

/// The body of `POST /v1/agents`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ManyBody {
    /// Names and ranges.
    #[serde(default)]
    agents: Vec<String>,
    /// Teams, with those below.
    #[serde(default)]
    teams: Vec<String>,
    set: ChangeBody,
}

/// What is changed of agents.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum ChangeBody {
    /// `{"state": {"state": "not-ready", "reason": "lunch", "for_seconds": 900}}`
    State(StateBody),
    /// `{"wrap_up": "end"}`, `{"wrap_up": {"extend_seconds": 30}}`
    WrapUp(WrapUpBody),
    /// `{"device": {"state": "busy", "call": "out"}}`
    Device(DeviceBody),
    /// `{"skills": {"spanish": 5, "billing": false, "french": 0}}`
    Skills(BTreeMap<String, SkillBody>),
    /// `{"join": {"queue": "support", "tier": 2}}`
    Join(JoinBody),
    /// `{"leave": {"queue": "support"}}`
    Leave(LeaveBody),
    /// `{"penalty": {"queue": "support", "penalty": 3}}`
    Penalty(PenaltyBody),
    /// `{"defaults": {}}`, `{"defaults": {"queue": "support"}}`: what has been set is taken back.
    Defaults(DefaultsBody),
}

/// What becomes of a wrap-up.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WrapUpBody {
    End,
    ExtendSeconds(u32),
}

/// What a device does, as seen from outside.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeviceBody {
    state: DeviceWord,
    /// Which way its own call goes; `in` when nothing is said.
    call: Option<CallWord>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum DeviceWord {
    Unknown,
    Idle,
    Ringing,
    Busy,
    Offline,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum CallWord {
    In,
    Out,
    Internal,
}

/// A level, 0 to take the skill away, whether it counts, or `default`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged)]
enum SkillBody {
    Level(u8),
    Enabled(bool),
    Word(SkillWord),
}

/// A skill as configured.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SkillWord {
    Default,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DefaultsBody {
    queue: Option<String>,
}

/// The terms of a membership.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct JoinBody {
    queue: String,
    #[serde(default = "one")]
    tier: u32,
    #[serde(default = "one")]
    position: u32,
    #[serde(default)]
    penalty: u32,
    #[serde(default)]
    delay_seconds: u32,
    #[serde(default)]
    reserve: bool,
}

const fn one() -> u32 {
    1
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LeaveBody {
    queue: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PenaltyBody {
    queue: String,
    penalty: u32,
}

/// The agents that were changed.
#[derive(Debug, Serialize)]
pub(super) struct Set {
    outcome: &'static str,
    agents: Vec<Arc<str>>,
}

/// `POST /v1/agents/ID/state`
pub(super) async fn set_state(
    Who(by): Who,
    State(handle): State<Handle>,
    Path(agent): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Set>, Problem> {
    let Asked { action, why } = request::asked(&headers, &body)?;
    set(&handle, by, Selection::one(agent), ChangeBody::State(action), &why).await
}

/// `POST /v1/agents`: many at once, all or none.
pub(super) async fn set_many(
    Who(by): Who,
    State(handle): State<Handle>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Set>, Problem> {
    let Asked { action: ManyBody { agents, teams, set: change }, why } = request::asked(&headers, &body)?;
    if agents.is_empty() && teams.is_empty() {
        return Err(Problem::bad_request("agents or teams say who is meant"));
    }
    set(&handle, by, Selection { agents, teams }, change, &why).await
}

async fn set(
    handle: &Handle,
    by: Arc<str>,
    who: Selection,
    change: ChangeBody,
    why: &str,
) -> Result<Json<Set>, Problem> {
    let (change, detail) = read(change)?;
    let named = who.agents.iter().cloned().chain(who.teams.iter().map(|team| format!("team {team}")));
    let subject = named.collect::<Vec<_>>().join(",");
    let action = Action { who: &by, what: "set-agent", subject: &subject, detail: &detail, why };
    let outcome = handle.ask(Control::SetAgents { who, change, by: action.actor() }).await;
    audit::write(&action, &outcome);
    let Reply::Set(agents) = outcome? else { return Err(request::strange()) };
    Ok(Json(Set { outcome: "done", agents }))
}

/// The change, and its words for the audit line.
fn read(change: ChangeBody) -> Result<(AgentChange, String), Problem> {
    match change {
        ChangeBody::State(body) => state(body),
        ChangeBody::WrapUp(WrapUpBody::End) => Ok((AgentChange::EndWrapUp, "wrap-up end".to_string())),
        ChangeBody::WrapUp(WrapUpBody::ExtendSeconds(0)) => Err(Problem::bad_request("extend_seconds is 1 or more")),
        ChangeBody::WrapUp(WrapUpBody::ExtendSeconds(seconds)) => {
            Ok((AgentChange::ExtendWrapUp(Duration::from_secs(seconds.into())), format!("wrap-up +{seconds} s")))
        }
        ChangeBody::Device(body) => {
            let device = device(body)?;
            Ok((AgentChange::Device(device), format!("device {}", device.as_str())))
        }
        ChangeBody::Skills(skills) => {
            let detail: Vec<_> = skills.iter().map(|(name, body)| format!("{name} {}", skill_words(*body))).collect();
            let changes = skills.into_iter().map(|(name, body)| Ok((name.into(), skill(body)?)));
            Ok((AgentChange::Skills(changes.collect::<Result<_, Problem>>()?), format!("skill {}", detail.join(", "))))
        }
        ChangeBody::Join(JoinBody { queue, tier, position, penalty, delay_seconds, reserve }) => {
            let kind = if reserve { ", in reserve" } else { "" };
            let detail = format!(
                "join {queue}: tier {tier}, position {position}, penalty {penalty}, after {delay_seconds} s{kind}"
            );
            let delay = Duration::from_secs(delay_seconds.into());
            Ok((AgentChange::Join { queue, tier, position, penalty, delay, reserve }, detail))
        }
        ChangeBody::Leave(LeaveBody { queue }) => {
            let detail = format!("leave {queue}");
            Ok((AgentChange::Leave(queue), detail))
        }
        ChangeBody::Defaults(DefaultsBody { queue }) => {
            let detail = queue.as_ref().map_or_else(|| "defaults".to_string(), |queue| format!("defaults in {queue}"));
            Ok((AgentChange::Defaults(queue), detail))
        }
        ChangeBody::Penalty(PenaltyBody { queue, penalty }) => {
            let detail = format!("penalty {penalty} in {queue}");
            Ok((AgentChange::Penalty(queue, penalty), detail))
        }
    }
}

/// A wished state, which for not-ready may end by itself.
fn state(body: StateBody) -> Result<(AgentChange, String), Problem> {
    let lasts = body.for_seconds;
    let target = target(body)?;
    let detail = describe(&target);
    match (target, lasts) {
        (target, None) => Ok((AgentChange::State(target), detail)),
        (AgentTarget::NotReady(_), Some(0)) => Err(Problem::bad_request("for_seconds is 1 or more")),
        (AgentTarget::NotReady(reason), Some(seconds)) => {
            let lasts = Duration::from_secs(seconds.into());
            Ok((AgentChange::Pause(reason, lasts), format!("{detail} for {seconds} s")))
        }
        (AgentTarget::Ready | AgentTarget::LoggedOut, Some(_)) => {
            Err(Problem::bad_request("only not-ready ends by itself"))
        }
    }
}

fn device(DeviceBody { state, call }: DeviceBody) -> Result<DeviceState, Problem> {
    let device = match state {
        DeviceWord::Unknown => DeviceState::Unknown,
        DeviceWord::Idle => DeviceState::Idle,
        DeviceWord::Ringing => DeviceState::Ringing,
        DeviceWord::Busy => DeviceState::Busy(match call.unwrap_or(CallWord::In) {
            CallWord::In => Direction::In,
            CallWord::Out => Direction::Out,
            CallWord::Internal => Direction::Internal,
        }),
        DeviceWord::Offline => DeviceState::Offline,
    };
    if call.is_some() && state != DeviceWord::Busy {
        return Err(Problem::bad_request("only a busy device is in a call"));
    }
    Ok(device)
}

fn skill(body: SkillBody) -> Result<SkillChange, Problem> {
    match body {
        SkillBody::Level(0) => Ok(SkillChange::Removed),
        SkillBody::Level(level) if level <= LEVEL_MAX => Ok(SkillChange::Level(level)),
        SkillBody::Level(level) => Err(Problem::bad_request(format!("a level is 0 to {LEVEL_MAX}, not {level}"))),
        SkillBody::Enabled(enabled) => Ok(SkillChange::Enabled(enabled)),
        SkillBody::Word(SkillWord::Default) => Ok(SkillChange::Default),
    }
}

fn skill_words(body: SkillBody) -> String {
    match body {
        SkillBody::Level(level) => level.to_string(),
        SkillBody::Enabled(enabled) => if enabled { "on" } else { "off" }.to_string(),
        SkillBody::Word(SkillWord::Default) => "default".to_string(),
    }
}

fn target(StateBody { state, reason, .. }: StateBody) -> Result<AgentTarget, Problem> {
    let reason = reason.map(|reason| reason.trim().to_string()).filter(|reason| !reason.is_empty());
    match (state, reason) {
        (Wished::NotReady, None) => Err(Problem::bad_request("not-ready needs a reason")),
        (Wished::NotReady, Some(reason)) if reason.len() > REASON_BYTES_MAX || reason.chars().any(char::is_control) => {
            Err(Problem::bad_request(format!("the reason is at most {REASON_BYTES_MAX} bytes of printable text")))
        }
        (Wished::NotReady, Some(reason)) => Ok(AgentTarget::NotReady(Reason::Custom(reason.into()))),
        (Wished::Ready | Wished::LoggedOut, Some(_)) => Err(Problem::bad_request("only not-ready takes a reason")),
        (Wished::Ready, None) => Ok(AgentTarget::Ready),
        (Wished::LoggedOut, None) => Ok(AgentTarget::LoggedOut),
    }
}

fn describe(target: &AgentTarget) -> String {
    match target {
        AgentTarget::Ready => "ready".to_string(),
        AgentTarget::NotReady(reason) => format!("not-ready ({})", reason.as_str()),
        AgentTarget::LoggedOut => "logged-out".to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<AgentTarget, Problem> {
        target(serde_json::from_str(text).map_err(|error| Problem::bad_request(error.to_string()))?)
    }

    #[test]
    fn a_change_is_read_by_its_name() {
        let change = |text: &str| serde_json::from_str(text).map_err(|error| error.to_string()).map(read);
        let good = |text: &str| change(text).unwrap().unwrap().0;
        assert_eq!(
            good(r#"{"skills":{"a":5,"b":false,"c":0}}"#),
            AgentChange::Skills(vec![
                ("a".into(), SkillChange::Level(5)),
                ("b".into(), SkillChange::Enabled(false)),
                ("c".into(), SkillChange::Removed)
            ])
        );
        let (queue, delay) = ("q".to_string(), Duration::from_secs(30));
        assert_eq!(
            good(r#"{"join":{"queue":"q","tier":2,"delay_seconds":30,"reserve":true}}"#),
            AgentChange::Join { queue, tier: 2, position: 1, penalty: 0, delay, reserve: true }
        );
        assert_eq!(good(r#"{"leave":{"queue":"q"}}"#), AgentChange::Leave("q".to_string()));
        assert_eq!(good(r#"{"penalty":{"queue":"q","penalty":3}}"#), AgentChange::Penalty("q".to_string(), 3));
        assert!(change(r#"{"skills":{"a":11}}"#).unwrap().is_err());
        let meeting = Reason::Custom("meeting".into());
        assert_eq!(
            good(r#"{"state":{"state":"not-ready","reason":"meeting","for_seconds":900}}"#),
            AgentChange::Pause(meeting, Duration::from_secs(900))
        );
        assert_eq!(good(r#"{"defaults":{}}"#), AgentChange::Defaults(None));
        assert_eq!(good(r#"{"defaults":{"queue":"q"}}"#), AgentChange::Defaults(Some("q".to_string())));
        let default = vec![("a".into(), SkillChange::Default)];
        assert_eq!(good(r#"{"skills":{"a":"default"}}"#), AgentChange::Skills(default));
        assert_eq!(good(r#"{"wrap_up":"end"}"#), AgentChange::EndWrapUp);
        assert_eq!(good(r#"{"wrap_up":{"extend_seconds":30}}"#), AgentChange::ExtendWrapUp(delay));
        assert_eq!(good(r#"{"device":{"state":"idle"}}"#), AgentChange::Device(DeviceState::Idle));
        let out = DeviceState::Busy(Direction::Out);
        assert_eq!(good(r#"{"device":{"state":"busy","call":"out"}}"#), AgentChange::Device(out));
        for wrong in [
            r#"{"state":{"state":"ready","for_seconds":900}}"#,
            r#"{"state":{"state":"not-ready","reason":"x","for_seconds":0}}"#,
            r#"{"wrap_up":{"extend_seconds":0}}"#,
            r#"{"device":{"state":"idle","call":"in"}}"#,
        ] {
            assert!(change(wrong).unwrap().is_err(), "{wrong}");
        }
        for wrong in [r#"{"skills":{"a":-1}}"#, r#"{"join":{}}"#, r#"{"leave":{"queue":"q","x":1}}"#, r#"{"hop":1}"#] {
            assert!(change(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn not_ready_alone_takes_a_reason_and_needs_one() {
        assert_eq!(parse(r#"{"state":"ready"}"#), Ok(AgentTarget::Ready));
        assert_eq!(parse(r#"{"state":"logged-out"}"#), Ok(AgentTarget::LoggedOut));
        assert_eq!(parse(r#"{"state":"logout"}"#), Ok(AgentTarget::LoggedOut));
        assert_eq!(
            parse(r#"{"state":"not-ready","reason":" lunch "}"#),
            Ok(AgentTarget::NotReady(Reason::Custom("lunch".into())))
        );
        let wrong = [
            r#"{"state":"not-ready"}"#,
            r#"{"state":"not-ready","reason":"  "}"#,
            r#"{"state":"not-ready","reason":"a\nb"}"#,
            r#"{"state":"ready","reason":"x"}"#,
            r#"{"state":"gone"}"#,
            r#"{"state":"ready","extra":1}"#,
        ];
        assert!(wrong.iter().all(|text| parse(text).is_err()));
    }
}
