//! Reads `[agents.NAME]` and `[agents."1001-1050"]`: expands ranges, fills `{name}` in, and refuses an agent that stands
//! twice or whose device nobody could reach.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::acd::{AgentPolicy, AgentState, Reason};
use crate::base::limits;
use crate::media::Srtp;
use crate::sip::auth::{Credentials, Password};
use crate::sip::transaction::Wire;
use crate::sip::uri::Uri;

use super::endpoint::Endpoint;
use super::error::{Report, did_you_mean};
use super::families::same_family;
use super::peers::Peers;
use super::policy::{POLICY_KEYS, confirm, policy};
use super::reader::{Item, Section, string};
use super::registrar;
use super::skills::{self, Vocabulary};
use super::tls;
use super::types::{AgentConfig, Confirm, SipConfig, SkillConfig};
use super::values::{self, DAY, SECOND};

// `team` is read with the teams.
const AGENT_KEYS: [&str; 13] = [
    "uri",
    "peer",
    "skills",
    "initial",
    "return_after",
    "busy_pause",
    "device_state",
    "team",
    "register",
    "srtp",
    "password",
    "password_file",
    "password_env",
];

const RETURN_AFTER: Duration = Duration::from_secs(60);
const BUSY_PAUSE: Duration = Duration::from_secs(5);

/// The stand-in for the agent's name in `uri`.
const NAME_PLACE: &str = "{name}";

/// What one table says of all its agents.
struct Shared {
    uri: Option<String>,
    peer: Option<Arc<str>>,
    skills: Vec<SkillConfig>,
    initial: AgentState,
    return_after: Duration,
    busy_pause: Duration,
    policy: AgentPolicy,
    watched: bool,
    confirm: Option<Confirm>,
    /// The password of the phones that register.
    password: Option<Password>,
    srtp: Srtp,
}

/// All agents in the order of the text.
pub(super) fn agents(
    document: &Section<'_, '_>,
    peers: &Peers,
    sip: Option<&SipConfig>,
    vocabulary: &Vocabulary,
    report: &mut Report<'_>,
) -> Vec<AgentConfig> {
    let mut agents = Vec::new();
    let Some(map) = document.get("agents").and_then(|item| Section::open_map(&item, report)) else { return agents };
    // Agent's name to the path and byte of the table it came from.
    let mut taken: BTreeMap<Arc<str>, (String, usize)> = BTreeMap::new();
    for item in map.items() {
        let names = match expand(&item.key, limits::AGENTS_MAX - agents.len()) {
            Ok(names) => names,
            Err(message) => {
                report.value(item.at, &item.path, message);
                Vec::new()
            }
        };
        let keys = [&AGENT_KEYS[..], &POLICY_KEYS].concat();
        let Some(section) = Section::open(&item, &keys, report) else { continue };
        let shared = Shared { srtp: srtp(&section, sip, report), ..shared(&section, peers, vocabulary, report) };
        let uris = device_uris(&section, &names, &shared, peers, sip, report);
        refuse_duplicates(&item, &names, &mut taken, report);
        for (name, uri) in names.into_iter().zip(uris) {
            let username = name.to_string();
            agents.push(AgentConfig {
                name,
                uri,
                peer: shared.peer.clone(),
                skills: shared.skills.clone(),
                initial: shared.initial.clone(),
                return_after: shared.return_after,
                busy_pause: shared.busy_pause,
                policy: shared.policy.clone(),
                watched: shared.watched,
                confirm: shared.confirm,
                register: shared.password.clone().map(|password| Arc::new(Credentials { username, password })),
                srtp: shared.srtp,
            });
        }
    }
    agents
}

fn shared(section: &Section<'_, '_>, peers: &Peers, vocabulary: &Vocabulary, report: &mut Report<'_>) -> Shared {
    let peer = section.read("peer", report, |value| string(value).map(Arc::from));
    if let (Some(peer), Some(item)) = (&peer, section.get("peer"))
        && !peers.names.iter().any(|name| **name == **peer)
    {
        let hint = did_you_mean(peer, peers.names.iter().map(String::as_str));
        report.whole(item.at, &item.path, format!("unknown peer `{}`{hint}", peer.escape_debug()));
    }
    let password = registrar::password(section, report);
    let is_reached = ["peer", "uri", "register"].iter().any(|key| section.get(key).is_some());
    if !is_reached {
        report.whole(section.at, &section.path, "needs a peer or a uri to be reached by; write peer = \"NAME\"");
    }
    Shared {
        uri: section.read("uri", report, |value| string(value).map(str::to_string)),
        peer,
        skills: skills::of_agents(section, vocabulary, report),
        initial: section
            .read("initial", report, |value| values::choice(value, &initial_states()))
            .unwrap_or(AgentState::Ready),
        return_after: section
            .read("return_after", report, |value| values::duration(value, SECOND, DAY))
            .unwrap_or(RETURN_AFTER),
        busy_pause: section
            .read("busy_pause", report, |value| values::duration(value, Duration::ZERO, DAY))
            .unwrap_or(BUSY_PAUSE),
        policy: policy(section, report),
        watched: section
            .read("device_state", report, |value| values::choice(value, &[("peer", true), ("off", false)]))
            .unwrap_or(true),
        confirm: confirm(section, report),
        password,
        srtp: Srtp::No,
    }
}

/// Whether the phones' audio is encrypted. Its keys stand in SIP: a phone by its URI is reached over TLS then, one that registers
/// has a way to come over TLS.
fn srtp(section: &Section<'_, '_>, sip: Option<&SipConfig>, report: &mut Report<'_>) -> Srtp {
    let srtp = tls::srtp(section, report);
    let Some(item) = section.get("srtp").filter(|_| srtp != Srtp::No) else { return srtp };
    let is_tls = |uri: &str| Uri::parse(uri.as_bytes()).is_ok_and(|uri| Wire::of(&uri) == Some(Wire::Tls));
    let uri = section.get("uri").and_then(|item| string(item.value).ok().map(|uri| uri.replace(NAME_PLACE, "1")));
    if section.get("peer").is_some() {
        report.whole(item.at, &item.path, "is for the peer to say, by which these phones are reached");
    } else if uri.is_some_and(|uri| !is_tls(&uri)) {
        report.whole(item.at, &item.path, "needs a uri with transport=tls, or sips: its keys stand in SIP");
    } else if sip.is_some_and(|sip| sip.tls.is_none()) && section.get("uri").is_none() {
        report.whole(item.at, &item.path, "needs sip.tls = \"0.0.0.0:5061\", where these phones register");
    }
    srtp
}

fn initial_states() -> [(&'static str, AgentState); 3] {
    [
        ("ready", AgentState::Ready),
        ("not-ready", AgentState::NotReady(Reason::Initial)),
        ("logged-out", AgentState::LoggedOut),
    ]
}

/// `1001-1050` to each number, leading zeros kept; any other name to itself. At most `room` names.
///
/// # Errors
///
/// What is wrong with the range or the name.
pub fn expand(key: &str, room: usize) -> Result<Vec<Arc<str>>, String> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let Some((first, last)) = key.split_once('-').filter(|(first, last)| digits(first) && digits(last)) else {
        let name = values::name(key)?;
        return if room == 0 { Err(too_many()) } else { Ok(vec![name.into()]) };
    };
    let width = first.len();
    if width != last.len() {
        return Err(format!("the range's ends `{first}` and `{last}` differ in length"));
    }
    let (Ok(from), Ok(to)) = (first.parse::<u64>(), last.parse::<u64>()) else {
        return Err(format!("`{first}` is too long for a range"));
    };
    if from > to {
        return Err(format!("the range ends before it begins; write \"{last}-{first}\""));
    }
    if to - from >= room as u64 {
        return Err(too_many());
    }
    Ok((from..=to).map(|number| format!("{number:0width$}").into()).collect())
}

fn too_many() -> String {
    format!("is one too many: allowed are {} agents", limits::AGENTS_MAX)
}

/// The device of each agent. On an error, reported once for the table, fewer than there are names.
fn device_uris(
    section: &Section<'_, '_>,
    names: &[Arc<str>],
    shared: &Shared,
    peers: &Peers,
    sip: Option<&SipConfig>,
    report: &mut Report<'_>,
) -> Vec<String> {
    if shared.password.is_some() {
        return names.iter().map(|name| format!("sip:{name}@registered")).collect();
    }
    let Some(template) = &shared.uri else {
        // A peer that is unknown or wrong is reported where it stands.
        let peer = peers.read.iter().find(|peer| shared.peer.as_ref() == Some(&peer.name));
        let Some(peer) = peer.filter(|_| section.get("uri").is_none()) else { return Vec::new() };
        return checked(section, names.iter().map(|name| format!("sip:{name}@{}", peer.address)), sip, report)
            .into_iter()
            .map(|(uri, _)| uri)
            .collect();
    };
    let Some(item) = section.get("uri") else { return Vec::new() };
    if names.len() > 1 && !template.contains(NAME_PLACE) {
        let message =
            format!("gives all {} agents the same device; write {NAME_PLACE} where the name belongs", names.len());
        report.value(item.at, &item.path, message);
        return Vec::new();
    }
    let uris = checked(section, names.iter().map(|name| template.replace(NAME_PLACE, name)), sip, report);
    let host = uris.first().and_then(|(_, host)| host.host.parse::<IpAddr>().ok());
    if let (Some(host), Some(spoken), None) = (host, sip.map(SipConfig::spoken), &shared.peer) {
        same_family(host, &spoken, item.at, &item.path, report);
    }
    uris.into_iter().map(|(uri, _)| uri).collect()
}

/// The URIs up to the first that is wrong: the others of a table are wrong in the same way.
fn checked(
    section: &Section<'_, '_>,
    uris: impl Iterator<Item = String>,
    sip: Option<&SipConfig>,
    report: &mut Report<'_>,
) -> Vec<(String, Endpoint)> {
    let mut good = Vec::new();
    for uri in uris {
        match values::sip_uri(&uri, sip) {
            Ok(host) => good.push((uri, host)),
            Err(message) => {
                let at = section.get("uri").map_or(section.at, |item| item.at);
                report.value(at, &section.child("uri"), message);
                break;
            }
        }
    }
    good
}

/// Reports the first agent of a table that stands in another one too.
fn refuse_duplicates(
    item: &Item<'_, '_>,
    names: &[Arc<str>],
    taken: &mut BTreeMap<Arc<str>, (String, usize)>,
    report: &mut Report<'_>,
) {
    let twice: Vec<_> = names.iter().filter(|name| taken.contains_key(*name)).collect();
    if let Some((path, at)) = twice.first().and_then(|name| taken.get(*name)) {
        let others = if twice.len() > 1 { format!(" and {} more", twice.len() - 1) } else { String::new() };
        let message = format!("agent `{}`{others} stands in {path} (line {}) already", twice[0], report.line(*at));
        report.value(item.at, &item.path, message);
    }
    for name in names {
        taken.entry(Arc::clone(name)).or_insert_with(|| (item.path.clone(), item.at));
    }
}
