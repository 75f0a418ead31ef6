//! A configuration in words, defaults included: what `strowger check` prints. Shows no token.

use std::collections::BTreeSet;
use std::fmt::{self, Write};
use std::net::IpAddr;
use std::time::Duration;

use crate::acd::requirement::{LEVEL_MAX, Requirement};
use crate::acd::strategy::{STRATEGIES, Strategy};
use crate::acd::{AgentState, QueueState, ReserveThresholds};
use crate::media::{Codec, Codecs, Srtp};

use super::fit::Fit;
use super::peer_manners::FaxPolicy;
use super::teams::agents_of;
use super::transport::Transport;
use super::types::{
    AgentConfig, AgentSeries, AnswerPolicy, Codes, Config, DnisSource, FeatureCodesConfig, LoanConfig, MediaPolicy,
    MemberConfig, NumberConfig, OnHangUp, OrderConfig, PeerConfig, PenaltyStepConfig, PhoneIdentity, PreferredConfig,
    PreferredSource, QueueConfig, RegionsConfig, RoutingConfig, SkillConfig, TeamConfig, TierConfig, TransferConfig,
    UnknownSource,
};
use super::values::{address_bits, show};

/// What was understood, readable, each line at most one queue, peer or row of agents.
pub fn describe(config: &Config) -> String {
    let mut text = String::new();
    write(&mut text, config).expect("writing to a string cannot fail");
    text
}

fn write(out: &mut String, config: &Config) -> fmt::Result {
    listeners(out, config)?;
    writeln!(out, "\nPeers: {}", config.peers.len())?;
    for peer in &config.peers {
        write_peer(out, peer)?;
    }
    writeln!(out, "\nQueues: {}", config.queues.len())?;
    for queue in &config.queues {
        let fit = Fit::at_first(queue);
        let agents = config.agents.iter().filter(|agent| fit.has(agent)).count();
        write_queue(out, queue, agents)?;
    }
    write_strategies(out, config)?;
    writeln!(out, "\nAgents: {}", config.agents.len())?;
    for row in config.agents.chunk_by(alike) {
        write_agents(out, row)?;
    }
    if !config.reasons.is_empty() {
        writeln!(out, "\nReasons of not ready: {}", config.reasons.join(", "))?;
    }
    write_transfer(out, &config.transfer)?;
    write_feature_codes(out, &config.feature_codes)?;
    if !config.teams.is_empty() {
        writeln!(out, "\nTeams: {}", config.teams.len())?;
    }
    for team in &config.teams {
        write_team(out, team, agents_of(&config.teams, &team.name).map_or(0, |agents| agents.len()))?;
    }
    if !config.moves.is_empty() {
        writeln!(out, "  {} changes of agents' teams at dates", config.moves.len())?;
    }
    Ok(())
}

fn listeners(out: &mut String, config: &Config) -> fmt::Result {
    let sip = &config.sip;
    let unknown = match sip.unknown_source {
        UnknownSource::Reject => "refused with 403",
        UnknownSource::Silent => "ignored",
    };
    let also = |other: Option<String>| other.map_or_else(String::new, |other| format!(" and {other}"));
    let other = sip.other.as_ref();
    let second = also(other.map(|other| other.listen.to_string()));
    write!(out, "SIP    {}{second} over UDP{}", sip.listen, if sip.tcp { " and TCP" } else { "" })?;
    if let Some(tls) = &sip.tls {
        let clients = match (&tls.client_ca, tls.require_client_certificate) {
            (None, _) => "",
            (Some(_), true) => " from clients with a certificate",
            (Some(_), false) => " from clients with and without a certificate",
        };
        let second = also(other.and_then(|other| other.tls).map(|tls| tls.to_string()));
        write!(out, ", {}{second} over TLS{clients}", tls.listen)?;
    }
    let advertised: Vec<_> = [sip.advertise, other.and_then(|other| other.advertise)].into_iter().flatten().collect();
    if let Some(first) = advertised.first() {
        write!(out, ", advertised as {first}{}", also(advertised.get(1).map(ToString::to_string)))?;
    }
    writeln!(out, "; calls from unknown sources are {unknown}")?;
    if let Some(expires) = sip.session.expires {
        writeln!(out, "       sessions are refreshed within {}", show(expires))?;
    }
    let media = &config.media;
    let (first, last) = media.ports;
    let legs = (u32::from(last) - u32::from(first)).div_ceil(2);
    let probe = show(media.silence_probe);
    let hosts = format!("{}{}", media.address, also(media.other.map(|other| other.to_string())));
    writeln!(out, "RTP    {hosts} ports {first}-{last}, {legs} legs; silent legs are probed after {probe}")?;
    if let Some(codecs) = media.codecs {
        writeln!(out, "       in {}", listed(codecs))?;
    }
    let users = config.http.tokens.len() + config.http.token_files.len();
    let access = if users == 0 {
        "no token needed".to_string()
    } else {
        format!("tokens of {users}, {} may see numbers", config.http.numbers.len())
    };
    writeln!(out, "HTTP   {}, {access}", config.http.listen)?;
    writeln!(out, "Drain  waiting callers are offered for {} more", show(config.drain.limit))?;
    writeln!(out, "Days   of {}", config.figures.calendar.zone())?;
    let mut strategies = config.queues.iter().flat_map(QueueConfig::strategies);
    if strategies.any(|strategy| strategy == "least-occupied") {
        writeln!(out, "Busy   time of agents fades over {} for least-occupied", show(config.occupancy_window))?;
    }
    match &config.figures.regions {
        RegionsConfig::File(path) => writeln!(out, "Region of callers by {}", path.display())?,
        RegionsConfig::Written(regions) if regions.rows() == 0 => {}
        RegionsConfig::Written(regions) => {
            writeln!(out, "Region of callers by {} rows: {} regions", regions.rows(), regions.names().len())?;
        }
    }
    match &config.figures.agent_series {
        AgentSeries::Off => Ok(()),
        AgentSeries::All => writeln!(out, "Series of each agent"),
        AgentSeries::Teams(teams) => writeln!(out, "Series of each agent of {}", teams.join(", ")),
    }
}

/// The codecs by their names.
fn listed(codecs: Codecs) -> String {
    codecs.iter().map(Codec::as_str).collect::<Vec<_>>().join(", ")
}

fn write_peer(out: &mut String, peer: &PeerConfig) -> fmt::Result {
    write!(out, "  {}  {}", peer.name, peer.address)?;
    for other in peer.addresses.iter().skip(1) {
        write!(out, ", then {} (priority {}, weight {})", other.endpoint, other.priority, other.weight)?;
    }
    match peer.transport {
        Transport::Udp => {}
        Transport::Tcp => write!(out, " over TCP")?,
        Transport::Tls => write!(out, " over TLS")?,
    }
    if peer.inbound {
        let sources: Vec<_> = peer.sources.iter().map(network).collect();
        let from = match &peer.tls.client_names[..] {
            [] if sources.is_empty() => "its address".to_string(),
            [] => sources.join(", "),
            names => format!("certificates of {}", names.join(", ")),
        };
        let dnis: Vec<_> = peer.dnis.iter().map(dnis_source).collect();
        write!(out, "; calls from {from}, called number from {}", dnis.join(", then "))?;
    } else {
        write!(out, "; sends no calls")?;
    }
    match peer.srtp {
        Srtp::No => {}
        Srtp::Optional => write!(out, "; audio encrypted where it can be")?,
        Srtp::Required => write!(out, "; audio encrypted")?,
    }
    if let Some(codecs) = peer.codecs {
        write!(out, "; audio in {}", listed(codecs))?;
    }
    if let Some(country) = &peer.numbering.country_code {
        write!(out, "; callers' numbers without a prefix are of +{country}")?;
    }
    if let Some(auth) = &peer.auth {
        write!(out, "; proves itself as {}", auth.credentials.username)?;
    }
    if let Some(credentials) = &peer.outbound_auth {
        write!(out, "; asked, we are {}", credentials.username)?;
    }
    if peer.qualify == Duration::ZERO {
        writeln!(out, "; not watched")
    } else {
        writeln!(out, "; OPTIONS every {}", show(peer.qualify))
    }
}

fn network((address, length): &(IpAddr, u8)) -> String {
    if *length == address_bits(*address) { address.to_string() } else { format!("{address}/{length}") }
}

fn dnis_source(source: &DnisSource) -> String {
    match source {
        DnisSource::Header(name) => name.clone(),
        DnisSource::PCalledPartyId => "P-Called-Party-ID".to_string(),
        DnisSource::HistoryInfo => "History-Info".to_string(),
        DnisSource::Diversion => "Diversion".to_string(),
        DnisSource::To => "To".to_string(),
        DnisSource::RequestUri => "Request-URI".to_string(),
    }
}

fn write_queue(out: &mut String, queue: &QueueConfig, agents: usize) -> fmt::Result {
    let numbers: Vec<_> = queue.numbers.iter().map(number).collect();
    let numbers = if numbers.is_empty() { "no number".to_string() } else { numbers.join(", ") };
    let state = match queue.state {
        QueueState::Open => "",
        QueueState::Closed => " (closed)",
        QueueState::Emergency => " (in an emergency)",
    };
    let asked = &queue.routing.requirement;
    let asked = if *asked == Requirement::all_of([]) { String::new() } else { format!(" with {asked}") };
    writeln!(out, "  {}{state}  {numbers}; {agents} agents{asked}", queue.name)?;
    let answer = match queue.answer {
        AnswerPolicy::OnQueue => "answered at once".to_string(),
        AnswerPolicy::OnAgent => format!("rings until an agent answers, at most {}", show(queue.unanswered_max)),
        AnswerPolicy::Early => format!("early media until an agent answers, at most {}", show(queue.unanswered_max)),
    };
    let fax = match (queue.fax, queue.media, queue.answer) {
        (FaxPolicy::Detect, MediaPolicy::Anchor, AnswerPolicy::OnQueue | AnswerPolicy::Early) => {
            ", fax machines are let go"
        }
        (FaxPolicy::Detect | FaxPolicy::Ignore, _, _) => "",
    };
    let heard = match queue.media {
        MediaPolicy::None => "signalling only".to_string(),
        MediaPolicy::Anchor => {
            let music =
                queue.music.as_ref().map_or_else(|| "built-in tune".to_string(), |path| path.display().to_string());
            queue.prompt.as_ref().map_or_else(|| music.clone(), |prompt| format!("{}, then {music}", prompt.display()))
        }
    };
    writeln!(out, "    {answer}; {heard}{fax}")?;
    let most = queue.waiting_max.map_or_else(|| "any number".to_string(), |most| most.to_string());
    let long = queue.wait_max.map_or_else(|| "for ever".to_string(), show);
    writeln!(out, "    priority {}; {most} may wait, {long}", queue.priority)?;
    let (ring, wrap_up) = (show(queue.ring_timeout), show(queue.wrap_up));
    writeln!(out, "    {}; rings {ring}, wrap-up {wrap_up}", queue.strategy)?;
    let (threshold, short) = (show(queue.threshold), show(queue.short_abandon));
    writeln!(out, "    service level {} in {threshold}; abandons within {short} are short", queue.target)?;
    write_routing(out, &queue.routing)
}

/// What the strategies in use mean, once each, and what others there are.
fn write_strategies(out: &mut String, config: &Config) -> fmt::Result {
    let used: BTreeSet<_> = config.queues.iter().flat_map(QueueConfig::strategies).collect();
    let (used, others): (Vec<&Strategy>, Vec<_>) = STRATEGIES.into_iter().partition(|row| used.contains(row.name));
    writeln!(out, "\nStrategies: {}", used.len())?;
    for row in used {
        writeln!(out, "  {}  {}", row.name, row.docs)?;
    }
    let others: Vec<_> = others.iter().map(|row| row.name).collect();
    if others.is_empty() { Ok(()) } else { writeln!(out, "  others are {}", others.join(", ")) }
}

/// True when two agents differ in name and device only.
fn alike(one: &AgentConfig, other: &AgentConfig) -> bool {
    let key = |agent: &AgentConfig| {
        let agent = agent.clone();
        let AgentConfig {
            name: _,
            uri: _,
            peer,
            skills,
            initial,
            return_after,
            busy_pause,
            policy,
            watched,
            confirm,
            register,
            srtp,
        } = agent;
        let password = register.map(|own| own.password.clone());
        (peer, skills, initial, return_after, busy_pause, policy, (watched, confirm), (password, srtp))
    };
    key(one) == key(other)
}

fn write_agents(out: &mut String, row: &[AgentConfig]) -> fmt::Result {
    let (Some(first), Some(last)) = (row.first(), row.last()) else { return Ok(()) };
    match row.len() {
        1 => write!(out, "  {}", first.name)?,
        count => write!(out, "  {} to {} ({count})", first.name, last.name)?,
    }
    match &first.peer {
        None if first.register.is_some() => write!(out, "  registers here")?,
        Some(peer) => write!(out, "  {} by way of {peer}", first.uri)?,
        None => write!(out, "  {}", first.uri)?,
    }
    match first.srtp {
        Srtp::No => {}
        Srtp::Optional => write!(out, ", audio encrypted where it can be")?,
        Srtp::Required => write!(out, ", audio encrypted")?,
    }
    let initial = match &first.initial {
        AgentState::NotReady(_) => "not ready",
        AgentState::LoggedOut => "logged out",
        AgentState::Ready
        | AgentState::Unreachable
        | AgentState::Reserved
        | AgentState::Ringing
        | AgentState::Talking
        | AgentState::Hold
        | AgentState::Consult
        | AgentState::OtherCall(_)
        | AgentState::WrapUp => "ready",
    };
    let (back, pause) = (show(first.return_after), show(first.busy_pause));
    let skills = if first.skills.is_empty() { String::new() } else { format!("; {}", show_skills(&first.skills)) };
    writeln!(out, "{skills}; {initial} at the start; back after {back}, busy pause {pause}")
}

/// `support, sales 3, french 5 (disabled)`: level 10 is not said.
pub(super) fn show_skills(skills: &[SkillConfig]) -> String {
    let show = |skill: &SkillConfig| {
        let level = if skill.level == LEVEL_MAX { String::new() } else { format!(" {}", skill.level) };
        format!("{}{level}{}", skill.name, if skill.enabled { "" } else { " (disabled)" })
    };
    skills.iter().map(show).collect::<Vec<_>>().join(", ")
}

/// `800`, or `801 (priority 5, tier gold)`.
fn number(number: &NumberConfig) -> String {
    let priority = number.priority.map(|priority| format!("priority {priority}"));
    let brought = number.attributes.iter().map(|(name, value)| format!("{name} {value}"));
    let preferred = number.preferred.iter().map(|agent| format!("prefers {agent}"));
    let group = number.group.as_ref().map(|group| format!("group {group}"));
    let campaign = number.campaign.as_ref().map(|campaign| format!("campaign {campaign}"));
    let more: Vec<_> = priority.into_iter().chain(brought).chain(preferred).chain(group).chain(campaign).collect();
    if more.is_empty() { number.number.clone() } else { format!("{} ({})", number.number, more.join(", ")) }
}

/// What a queue's routing says beyond its defaults, a line each.
fn write_routing(out: &mut String, routing: &RoutingConfig) -> fmt::Result {
    match routing.order {
        OrderConfig::Priority => {}
        OrderConfig::Ageing(step) => writeln!(out, "    order by waiting; a step of priority is worth {}", show(step))?,
        OrderConfig::Objective(objective) => writeln!(out, "    order by the time left to {}", show(objective))?,
    }
    if routing.weight != 0 {
        writeln!(out, "    weight {}: before queues of lower weight", routing.weight)?;
    }
    for step in &routing.steps {
        let requirement = step.requirement.as_ref().map(|asked| format!("asks {asked}"));
        let strategy = step.strategy.map(|strategy| format!("chooses by {strategy}"));
        let priority = (step.priority != 0).then(|| format!("priority {:+}", step.priority));
        let changes: Vec<_> = [requirement, strategy, priority].into_iter().flatten().collect();
        writeln!(out, "    after {}: {}", show(step.after), changes.join(", "))?;
    }
    if let Some(TierConfig { wait, by_level, skip_empty }) = routing.tiers {
        let times = if by_level { ", times their number" } else { "" };
        let empty = if skip_empty { ", at once while nobody below is logged in" } else { "" };
        writeln!(out, "    tiers 2 and above after {}{times}{empty}", show(wait))?;
    }
    for PenaltyStepConfig { after, min, max, raise } in &routing.penalty_steps {
        let max = if *max == u32::MAX { "any".to_string() } else { max.to_string() };
        let raise = if *raise == 0 { String::new() } else { format!(", raised to {raise}") };
        writeln!(out, "    after {}: penalties {min} to {max}{raise}", show(*after))?;
    }
    if routing.penalty_members_limit != 0 {
        writeln!(out, "    penalties count while more than {} are logged in", routing.penalty_members_limit)?;
    }
    if !routing.skill_weights.is_empty() {
        let weights: Vec<_> = routing.skill_weights.iter().map(|(name, weight)| format!("{name} {weight}")).collect();
        writeln!(out, "    levels count: {}", weights.join(", "))?;
    }
    write_preferred(out, &routing.preferred)?;
    for row in routing.members.iter().flat_map(|members| members.chunk_by(alike_members)) {
        write_members(out, row)?;
    }
    write_help(out, routing)
}

/// Who comes to help, and whom the queue helps.
fn write_help(out: &mut String, routing: &RoutingConfig) -> fmt::Result {
    if let Some(reserve) = &routing.reserve {
        let ReserveThresholds { waiting, wait, estimate, leave_waiting, leave_wait, leave_estimate, at_least } =
            *reserve;
        let joins = [
            waiting.map(|most| format!("above {most} waiting")),
            wait.map(|wait| format!("after {}", show(wait))),
            estimate.map(|most| format!("above {} to expect", show(most))),
        ];
        let joins: Vec<_> = joins.into_iter().flatten().collect();
        let leaves = [
            waiting.map(|_| format!("at {leave_waiting} waiting")),
            wait.map(|_| format!("when nobody has waited {}", show(leave_wait))),
            estimate.map(|_| format!("at {} to expect", show(leave_estimate))),
        ];
        let leaves: Vec<_> = leaves.into_iter().flatten().collect();
        let (joins, leaves) = (joins.join(" or "), leaves.join(" and "));
        writeln!(out, "    reserve joins {joins}; leaves {leaves}; stays {} at least", show(at_least))?;
    }
    for LoanConfig { queue, tier, penalty, delay } in &routing.lending.to {
        write!(out, "    lends to {queue}, tier {tier}")?;
        if *penalty != 0 {
            write!(out, ", penalty {penalty}")?;
        }
        if *delay != Duration::ZERO {
            write!(out, ", after {}", show(*delay))?;
        }
        let (window, pause) = (show(routing.lending.window), show(routing.lending.pause));
        writeln!(out, ", while its service level of {window} holds; else not for {pause}")?;
    }
    Ok(())
}

/// `    waits 20s for a preferred agent alone: a number's own, else by header X-Agent, else who served the caller last (24h)`
fn write_preferred(out: &mut String, preferred: &PreferredConfig) -> fmt::Result {
    let PreferredConfig { wait, by, within } = preferred;
    if wait.is_zero() {
        return Ok(());
    }
    write!(out, "    waits {} for a preferred agent alone: a number's own", show(*wait))?;
    for source in by {
        match source {
            PreferredSource::Header(name) => write!(out, ", else by header {name}")?,
            PreferredSource::Attribute(name) => write!(out, ", else by attribute {name}")?,
            PreferredSource::Last => write!(out, ", else who served the caller last ({})", show(*within))?,
        }
    }
    writeln!(out)
}

/// True when two members differ in name and position only.
fn alike_members(one: &MemberConfig, other: &MemberConfig) -> bool {
    let terms = |member: &MemberConfig| (member.tier, member.penalty, member.delay, member.reserve);
    terms(one) == terms(other)
}

fn write_members(out: &mut String, row: &[MemberConfig]) -> fmt::Result {
    let (Some(first), Some(last)) = (row.first(), row.last()) else { return Ok(()) };
    match row.len() {
        1 => write!(out, "    tier {}: {}", first.tier, first.agent)?,
        count => write!(out, "    tier {}: {} to {} ({count})", first.tier, first.agent, last.agent)?,
    }
    if first.penalty != 0 {
        write!(out, ", penalty {}", first.penalty)?;
    }
    if first.delay != Duration::ZERO {
        write!(out, ", after {}", show(first.delay))?;
    }
    if first.reserve {
        write!(out, ", in reserve")?;
    }
    writeln!(out)
}

fn write_transfer(out: &mut String, transfer: &TransferConfig) -> fmt::Result {
    if *transfer == TransferConfig::default() {
        return Ok(());
    }
    match &transfer.outside {
        Some(outside) if outside.numbers.is_empty() => write!(out, "\nTransfers to any number at {}", outside.uri)?,
        Some(outside) => write!(out, "\nTransfers to {}... at {}", outside.numbers.join("..., "), outside.uri)?,
        None => write!(out, "\nTransfers to no number outside")?,
    }
    let hang_up = match transfer.on_hang_up {
        OnHangUp::Complete => "completes it",
        OnHangUp::Requeue => "puts the caller back",
    };
    write!(out, ", ringing {}; hanging up in a consultation {hang_up}", show(transfer.ring_timeout))?;
    let Codes { blind, consult, complete, cancel } = &transfer.codes;
    for (what, code) in [("blind", blind), ("consult", consult), ("complete", complete), ("cancel", cancel)] {
        if let Some(code) = code {
            write!(out, "; {code} {what}")?;
        }
    }
    writeln!(out)
}

fn write_feature_codes(out: &mut String, config: &FeatureCodesConfig) -> fmt::Result {
    if config.peers.is_empty() {
        return Ok(());
    }
    write!(out, "\nCodes from {}", config.peers.join(", "))?;
    for (key, code) in config.codes() {
        write!(out, "; {code} {}", key.replace('_', " "))?;
    }
    for (digit, reason) in (1..).zip(&config.reasons) {
        write!(out, ", {digit} {reason}")?;
    }
    let identity = match config.identity {
        PhoneIdentity::Asserted => "what the peer asserts",
        PhoneIdentity::From => "what the peer asserts, else From",
    };
    write!(out, "; phones are known by {identity}")?;
    match config.pins.len() {
        0 => writeln!(out),
        pins => writeln!(out, "; {pins} agents by a PIN"),
    }
}

fn write_team(out: &mut String, team: &TeamConfig, all: usize) -> fmt::Result {
    let part = team.parent.as_ref().map_or_else(String::new, |parent| format!(", part of {parent}"));
    let zone = team.time_zone.as_ref().map_or_else(String::new, |zone| format!(", by the clock of {zone}"));
    writeln!(out, "  {}  {} agents of its own, {all} in all{part}{zone}", team.name, team.agents.len())
}
