//! Runs a scenario and says what came out: the ladder, the totals, and everything that went against the expectations or the
//! oracle.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use crate::base::Instant;
use crate::sim::fact_text::state;
use crate::sim::hearing::Hearing;
use crate::sim::script::{Expect, Figure, Script};
use crate::sim::ua::GIVE_UP;
use crate::sim::world::{World, WorldSetup};

/// What came out of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The ladder and the totals, as they stand after `----`.
    pub text: String,
    /// What went wrong, one line each; empty when all is well.
    pub wrong: Vec<String>,
    /// The hash over every byte and fact.
    pub hash: u64,
}

/// The longest time a letter takes between the parts of a node.
const LAG: Duration = Duration::from_millis(1);
/// A world that is not quiet so long after its last step never will be.
const PATIENCE: Duration = Duration::from_secs(900);

/// Runs a scenario to its end: the last step, then quiet, then 64 times T1.
pub fn run(script: &Script) -> Outcome {
    let setup = WorldSetup {
        config: Arc::clone(&script.config),
        seed: script.seed,
        weather: script.weather.clone(),
        detail: script.detail,
        ports: script.ports,
        manner: script.manner.clone(),
        audio: script.audio,
        shards: script.shards,
        lag: LAG,
        origin: script.origin,
        keeps_notes: false,
    };
    let mut wrong = Vec::new();
    let mut world = match World::new(setup) {
        Ok(world) => world,
        Err(error) => return Outcome { text: String::new(), wrong: vec![error], hash: 0 },
    };
    let mut previous: Option<&str> = None;
    for step in &script.steps {
        world.run_until(step.at);
        if step.at > Instant::ZERO && previous != Some(step.text.as_str()) {
            world.ladder.note(step.at, "--", &step.text);
        }
        previous = Some(&step.text);
        if let Err(error) = step.act.clone().apply(&mut world) {
            wrong.push(format!("at {}: `{}`: {error}", step.at, step.text));
        }
    }
    world.run_until(script.until);
    wrong.extend(settle(&mut world));
    let mut text = world.ladder.text();
    wrong.extend(script.expects.iter().filter_map(|expect| judge(expect, &world, &text)));
    text.push_str(&totals(&world));
    Outcome { text, wrong, hash: world.ladder.hash() }
}

/// Runs until nobody speaks any more and 64 times T1 longer; says what was left behind.
pub fn settle(world: &mut World) -> Vec<String> {
    let limit = world.now() + PATIENCE;
    while !world.is_quiet() && world.error().is_none() {
        match world.next() {
            Some(at) if at <= limit => world.run_until(at),
            Some(_) | None => break,
        }
    }
    let quiet = world.now();
    world.make_peace();
    // A second for what the last answer itself began.
    world.run_until(quiet + GIVE_UP + Duration::from_secs(1));
    let mut wrong: Vec<String> = world.error().map(str::to_string).into_iter().collect();
    if !wrong.is_empty() {
        return wrong;
    }
    if world.live_calls() != 0 {
        wrong.push(format!("{} calls live at the end", world.live_calls()));
    }
    let (legs, transactions) = world.live_dialogs();
    if legs > 0 || (transactions > 0 && !world.qualifies()) {
        wrong.push(format!("{legs} legs and {transactions} transactions live 64*T1 after the last call"));
    }
    if world.repairs() > 0 {
        wrong.push(format!("the engine had to free {} reservations by itself", world.repairs()));
    }
    if world.open_streams() != 0 {
        wrong.push(format!("{} streams are open at the end", world.open_streams()));
    }
    if !world.busy_phones().is_empty() {
        wrong.push(format!("still in a call at the end: {}", world.busy_phones().join(" ")));
    }
    wrong.extend(world.finish().err());
    wrong
}

fn judge(expect: &Expect, world: &World, ladder: &str) -> Option<String> {
    match expect {
        Expect::Count { queue, figure, value } => {
            let found = world.queue_names().iter().find(|(_, name)| *name == queue);
            let Some((id, _)) = found else { return Some(format!("no queue `{queue}`")) };
            let tally = world.oracle().tallies().get(id).cloned().unwrap_or_default();
            let got = match figure {
                Figure::Offered => tally.offered,
                Figure::Answered => tally.answered,
                Figure::Abandoned => tally.abandoned,
                Figure::FlowedOut => tally.flowed_out_total(),
            };
            (got != *value).then(|| format!("{queue}: {figure:?} is {got}, expected {value}"))
        }
        Expect::Agents { names, state: wanted } => names.iter().find_map(|name| {
            let got = agent_state(world, name);
            (got != *wanted).then(|| format!("agent {name} is {got}, expected {wanted}"))
        }),
        Expect::Never(text) => {
            let line = ladder.lines().find(|line| line.contains(text.as_str()))?;
            Some(format!("`{text}` was never to come, but: {line}"))
        }
        Expect::Refused(value) => {
            let got = world.oracle().refused();
            (got != *value).then(|| format!("{got} refused, expected {value}"))
        }
    }
}

fn agent_state(world: &World, name: &str) -> String {
    let agent = world.plan().agents.iter().find(|agent| *agent.name == *name);
    let found = agent.and_then(|agent| world.oracle().agent_state(agent.id));
    found.map_or_else(|| "unknown".to_string(), state)
}

/// The figures of each queue, what each phone heard, and the agents by state.
fn totals(world: &World) -> String {
    let mut text = String::new();
    let mut line = |line: String| writeln!(text, "{line}").expect("writing to a string succeeds");
    for (id, name) in world.queue_names() {
        let tally = world.oracle().tallies().get(id).cloned().unwrap_or_default();
        let flowed: Vec<String> =
            tally.flowed_out.iter().map(|(reason, count)| format!("{} {count}", reason.as_str())).collect();
        let flowed = if flowed.is_empty() { "0".to_string() } else { flowed.join(", ") };
        line(format!(
            "queue {name}: offered {}, answered {}, abandoned {}, flowed out {flowed}",
            tally.offered, tally.answered, tally.abandoned
        ));
    }
    for (name, ear) in world.town().ears() {
        if !ear.recorded().is_empty() {
            line(format!("{name} hears {}", Hearing::of(ear.recorded())));
        }
    }
    let mut states: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for agent in &world.plan().agents {
        states.entry(agent_state(world, &agent.name)).or_default().push(&agent.name);
    }
    for (state, names) in states {
        let shown = if names.len() > 8 { format!("{} agents", names.len()) } else { names.join(" ") };
        line(format!("{state}: {shown}"));
    }
    text
}
