//! What is valid but probably not meant. Warnings never keep a configuration from being used.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::describe::show_skills;
use super::fit::Fit;
use super::peer_manners::FaxPolicy;
use super::types::{AgentConfig, AnswerPolicy, Config, MediaPolicy, NumberConfig, QueueConfig, SkillConfig};
use super::values::show;

/// After this a proxy may give an unanswered call up (RFC 3261 16.6, timer C: more than three minutes).
const TIMER_C: Duration = Duration::from_secs(180);
/// Below this a token can be guessed: 16 characters of a random 6 bits each are 96 bits.
const TOKEN_BYTES_MIN: usize = 16;
/// Names shown in one warning.
const NAMES_SHOWN: usize = 3;

/// Warnings about a valid configuration, one line each.
pub fn lint(config: &Config) -> Vec<String> {
    let mut warnings = Vec::new();
    listeners(config, &mut warnings);
    for queue in &config.queues {
        lint_queue(queue, config, &mut warnings);
    }
    agents(config, &mut warnings);
    warnings
}

fn listeners(config: &Config, warnings: &mut Vec<String>) {
    if config.sip.spoken().all().any(|listen| listen.port() == 0) {
        warnings.push("sip.listen: port 0 lets the system choose another port at each start".to_string());
    }
    if !config.peers.iter().any(|peer| peer.inbound) {
        warnings.push("peers: none is inbound, so no call can come in".to_string());
    }
    if config.http.listen.ip().is_loopback() {
        return;
    }
    for (name, token) in &config.http.tokens {
        if token.len() < TOKEN_BYTES_MIN {
            warnings
                .push(format!("http.tokens.{name}: is shorter than {TOKEN_BYTES_MIN} characters and may be guessed"));
        }
    }
}

fn lint_queue(queue: &QueueConfig, config: &Config, warnings: &mut Vec<String>) {
    let mut warn = |key: &str, message: String| warnings.push(format!("queues.{}{key}: {message}", queue.name));
    if queue.numbers.is_empty() {
        warn(".numbers", "no number leads here".to_string());
    }
    let fit = Fit::at_last(queue);
    if !config.agents.iter().any(|agent| fit.has(agent)) {
        let asked = &queue.routing.requirement;
        warn("", format!("no agent fits `{asked}`, so no call is ever answered"));
    }
    for number in queue.numbers.iter().filter(|number| number.preferred.is_some()) {
        lint_preferred(number, queue, &fit, config, &mut warn);
    }
    let unanswered = match queue.answer {
        AnswerPolicy::OnQueue => false,
        AnswerPolicy::OnAgent | AnswerPolicy::Early => true,
    };
    if unanswered && queue.unanswered_max > TIMER_C {
        let limit = show(queue.unanswered_max);
        warn(".unanswered_max", format!("{limit} is more than the 180s after which a proxy may give up"));
    }
    if queue.short_abandon > queue.threshold {
        let (short, threshold) = (show(queue.short_abandon), show(queue.threshold));
        warn(".short_abandon", format!("{short} is more than the threshold of {threshold}"));
    }
    let unheard = match (queue.media, queue.answer) {
        (MediaPolicy::None, _) => Some("media = \"none\""),
        (MediaPolicy::Anchor, AnswerPolicy::OnAgent) => Some("answer = \"on_agent\""),
        (MediaPolicy::Anchor, AnswerPolicy::OnQueue | AnswerPolicy::Early) => None,
    };
    if let Some(why) = unheard {
        for (key, file) in [(".music", &queue.music), (".prompt", &queue.prompt)] {
            if file.is_some() {
                warn(key, format!("is never heard with {why}"));
            }
        }
        if queue.fax == FaxPolicy::Detect {
            warn(".fax", format!("finds nothing with {why}, for callers who wait are not heard"));
        }
    }
}

/// A preference that comes to nothing.
fn lint_preferred(
    number: &NumberConfig,
    queue: &QueueConfig,
    fit: &Fit<'_>,
    config: &Config,
    warn: &mut impl FnMut(&str, String),
) {
    let Some(preferred) = &number.preferred else { return };
    if queue.routing.preferred.wait.is_zero() {
        warn(".preferred_for", format!("is missing, so calls of {} wait for {preferred} not at all", number.number));
    }
    let agent = config.agents.iter().find(|agent| agent.name == *preferred);
    if agent.is_some_and(|agent| !fit.has(agent)) {
        warn(".numbers", format!("{} prefers {preferred}, who fits no call of the queue", number.number));
    }
}

fn agents(config: &Config, warnings: &mut Vec<String>) {
    if config.agents.is_empty() {
        warnings.push("agents: there are none".to_string());
    }
    // Thousands of agents share few sets of skills.
    let mut by_skills: BTreeMap<&[SkillConfig], Vec<&AgentConfig>> = BTreeMap::new();
    let mut by_device: BTreeMap<(&str, Option<&Arc<str>>), Vec<&AgentConfig>> = BTreeMap::new();
    for agent in &config.agents {
        by_skills.entry(&agent.skills).or_default().push(agent);
        by_device.entry((&agent.uri, agent.peer.as_ref())).or_default().push(agent);
    }
    let fits: Vec<_> = config.queues.iter().map(Fit::at_last).collect();
    for (skills, agents) in by_skills {
        if !fits.iter().any(|fit| fit.has_skills(skills)) {
            let what =
                if skills.is_empty() { "no skills".to_string() } else { format!("skills {}", show_skills(skills)) };
            warnings.push(format!("agents {}: {what}, which fit no queue", names(&agents)));
        }
    }
    for ((uri, _), agents) in by_device {
        if agents.len() > 1 {
            warnings.push(format!("agents {}: share the device {uri}", names(&agents)));
        }
    }
}

fn names(agents: &[&AgentConfig]) -> String {
    let shown: Vec<_> = agents.iter().take(NAMES_SHOWN).map(|agent| agent.name.as_ref()).collect();
    match agents.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
