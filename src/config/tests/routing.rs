//! The keys of routing: skills with levels, requirements, steps, members, numbers with attributes, teams.

use super::*;
use crate::acd::requirement::{Requirement, Value};

/// Lines 1 to 8: agents with levels, and one queue's table open.
const CENTRE: &str = "[sip]\nlisten = \"127.0.0.1:5060\"\n[peers.pbx]\naddress = \"127.0.0.1:5062\"\n\
                      [agents.\"1-9\"]\npeer = \"pbx\"\nskills = { spanish = 5, sales = { level = 3, enabled = false } }\n\
                      [queues.q]\n";

fn queue(keys: &str) -> QueueConfig {
    valid(&format!("{CENTRE}{keys}")).queues[0].clone()
}

fn wrong(keys: &str) -> Vec<String> {
    errors(&format!("{CENTRE}{keys}"))
}

#[test]
fn skills_have_levels_and_a_list_means_the_highest() {
    let config = valid(&format!("{CENTRE}[agents.anna]\npeer = \"pbx\"\nskills = [\"spanish\"]\n"));
    let skill = |name: &str, level, enabled| SkillConfig { name: name.into(), level, enabled };
    assert_eq!(config.agents[0].skills, [skill("spanish", 5, true), skill("sales", 3, false)]);
    assert_eq!(config.agents[9].skills, [skill("spanish", 10, true)]);
}

#[test]
fn a_requirement_is_an_expression_or_a_list() {
    let parse = |text| Requirement::parse(text).unwrap();
    assert_eq!(queue("skills = [\"spanish\", \"sales\"]").routing.requirement, parse("spanish && sales"));
    assert_eq!(queue("requirement = 'spanish>=5|sales'").routing.requirement, parse("spanish >= 5 || sales"));
    assert_eq!(queue("").routing.requirement, parse("true"));
}

#[test]
fn steps_members_and_order_are_read() {
    let routing = queue(
        r#"
        weight = 3
        order = "ageing"
        ageing_step = "30s"
        steps = [
            { after = "20s", requirement = 'spanish >= 3', strategy = "round-robin" },
            { after = "1m", skills = [], priority = 5 },
        ]
        members = ["3", { agents = ["1-2"], tier = 2, penalty = 4 }, { team = "all", tier = 3, position = 7, delay = "1m" }]
        tier_wait = "15s"
        tier_wait_by_level = true
        penalty_steps = [{ after = "0s", max = 5 }, { after = "30s", min = 1, raise = 2 }]
        penalty_members_limit = 2
        skill_weights = { spanish = 3 }
        [teams.all]
        agents = ["5"]
        [teams.below]
        parent = "all"
        agents = ["6"]
        "#,
    )
    .routing;
    assert_eq!((routing.weight, routing.order), (3, OrderConfig::Ageing(Duration::from_secs(30))));
    let steps: Vec<_> = routing
        .steps
        .iter()
        .map(|step| {
            (step.after.as_secs(), step.requirement.as_ref().unwrap().to_string(), step.strategy, step.priority)
        })
        .collect();
    assert_eq!(steps, [(20, "spanish >= 3".to_string(), Some("round-robin"), 0), (60, "true".to_string(), None, 5)]);
    let members: Vec<_> = routing
        .members
        .as_deref()
        .unwrap_or_default()
        .iter()
        .map(|member| {
            let MemberConfig { agent, tier, position, penalty, delay, .. } = member;
            (&**agent, *tier, *position, *penalty, delay.as_secs())
        })
        .collect();
    assert_eq!(
        members,
        [("3", 1, 1, 0, 0), ("1", 2, 2, 4, 0), ("2", 2, 3, 4, 0), ("5", 3, 7, 0, 60), ("6", 3, 7, 0, 60)]
    );
    assert_eq!(routing.tiers, Some(TierConfig { wait: Duration::from_secs(15), by_level: true, skip_empty: false }));
    let penalties: Vec<_> =
        routing.penalty_steps.iter().map(|step| (step.after.as_secs(), step.min, step.max, step.raise)).collect();
    assert_eq!(penalties, [(0, 0, 5, 0), (30, 1, u32::MAX, 2)]);
    assert_eq!(routing.penalty_members_limit, 2);
    assert_eq!(routing.skill_weights, [("spanish".into(), 3)]);
}

#[test]
fn a_queue_waits_for_preferred_agents_and_says_where_they_are_named() {
    assert_eq!(queue("").routing.preferred, PreferredConfig::default());
    let queue = queue(
        "preferred_for = \"20s\"\npreferred_by = [\"header:X-Agent\", \"attribute:own\", \"last\"]\npreferred_within = \"168h\"\n\
         numbers = [{ number = \"801\", preferred = \"3\", attributes = { own = \"5\" } }]",
    );
    let by = vec![
        PreferredSource::Header("X-Agent".to_string()),
        PreferredSource::Attribute("own".into()),
        PreferredSource::Last,
    ];
    let (wait, within) = (Duration::from_secs(20), Duration::from_secs(7 * 86_400));
    assert_eq!(queue.routing.preferred, PreferredConfig { wait, by, within });
    assert_eq!(queue.numbers[0].preferred.as_deref(), Some("3"));
}

#[test]
fn occupancy_fades_over_half_an_hour_or_what_is_configured() {
    assert_eq!(valid(CENTRE).occupancy_window, Duration::from_secs(1_800));
    let text = format!("{CENTRE}strategy = \"least-occupied\"\n[routing]\noccupancy_window = \"2h\"\n");
    let config = parse(&text, "s.toml", &["longest-idle", "least-occupied"]).expect("a configuration");
    assert_eq!(config.occupancy_window, Duration::from_secs(7_200));
    assert!(describe(&config).contains("\nBusy   time of agents fades over 2h for least-occupied\n"));
    assert_eq!(
        wrong("[routing]\noccupancy_window = \"10s\"\nocupancy = 1"),
        [
            "s.toml:10: routing.occupancy_window: 10s is out of range; allowed are 1m to 24h",
            "s.toml:11: routing.ocupancy: unknown key",
        ]
    );
}

#[test]
fn a_preference_that_comes_to_nothing_is_warned_of() {
    let text = format!(
        "{CENTRE}requirement = 'spanish'\nnumbers = [{{ number = \"1\", preferred = \"x\" }}]\n[agents.x]\npeer = \"pbx\"\n"
    );
    let warnings = lint(&valid(&text));
    for part in ["queues.q.preferred_for: is missing", "1 prefers x, who fits no call of the queue"] {
        assert!(warnings.iter().any(|warning| warning.contains(part)), "{part}: {warnings:?}");
    }
}

#[test]
fn a_number_brings_a_priority_and_attributes() {
    let queue = queue(
        "requirement = 'tier == \"gold\" || spanish > $lvl'\n\
         numbers = [\"800\", { number = \"801\", priority = 5, attributes = { tier = \"gold\", lvl = 3 } }]",
    );
    let [plain, gold] = queue.numbers.as_slice() else { panic!("two numbers") };
    assert_eq!((plain.number.as_str(), plain.priority, plain.attributes.is_empty()), ("800", None, true));
    assert_eq!((gold.number.as_str(), gold.priority), ("801", Some(5)));
    assert_eq!(gold.attributes.get("lvl"), Some(&Value::Number(3)));
    assert_eq!(gold.attributes.get("tier"), Some(&Value::Text("gold".into())));
}

#[test]
fn each_error_of_routing_says_what_to_write() {
    for (keys, expected) in [
        (
            "requirement = 'spansh >= 5'",
            "9: queues.q.requirement: the skill `spansh` is no agent's; did you mean `spanish`?",
        ),
        (
            "requirement = 'spanish >= 5 &&'",
            "9: queues.q.requirement: column 16: expected a skill, an attribute, `!` or `(`, found the end",
        ),
        (
            "requirement = 'tier == \"gold\"'",
            "9: queues.q.requirement: the attribute `tier` is brought by no number's calls",
        ),
        (
            "requirement = 'spanish'\nskills = []",
            "10: queues.q.skills: stands beside a requirement; say it there: skill && skill ...",
        ),
        (
            "skills = [\"call.x\"]",
            "9: queues.q.skills[0]: `call.x` means something else in a requirement; choose another name",
        ),
        ("weigth = 3", "9: queues.q.weigth: unknown key; did you mean `weight`?"),
        (
            "order = \"aging\"",
            "9: queues.q.order: unknown value `aging`, expected `priority` or `ageing` or `objective`; did you mean `ageing`?",
        ),
        ("ageing_step = \"5s\"", "9: queues.q.ageing_step: says nothing without order = \"ageing\""),
        ("objective = \"5s\"\norder = \"ageing\"", "9: queues.q.objective: says nothing without order = \"objective\""),
        ("steps = [{ requirement = 'spanish' }]", "9: queues.q.steps[0].after: is missing; write after = \"30s\""),
        (
            "steps = [{ after = \"5s\" }]",
            "9: queues.q.steps[0]: changes nothing; name a requirement, a strategy or a priority",
        ),
        (
            "steps = [{ after = \"5s\", priority = 1 }, { after = \"5s\", priority = 1 }]",
            "9: queues.q.steps[1]: comes no later than the step before",
        ),
        (
            "steps = [{ after = \"5s\", prority = 1 }]",
            "9: queues.q.steps[0].prority: unknown key; did you mean `priority`?",
        ),
        ("members = [\"1\", \"10\"]", "9: queues.q.members[1]: unknown agent `10`; did you mean `1`?"),
        (
            "members = [{ tier = 1 }]",
            "9: queues.q.members[0]: names nobody; write agents = [\"1001-1010\"] or team = \"NAME\"",
        ),
        (
            "members = [{ agents = [\"1\"], tier = 0 }]",
            "9: queues.q.members[0].tier: 0 is out of range; allowed are 1 to 4294967295",
        ),
        ("members = [\"1-3\", \"2\"]", "9: queues.q.members[1]: agent `2` stands in queues.q.members[0] already"),
        ("members = [{ team = \"no\" }]", "9: queues.q.members[0].team: unknown team `no`"),
        ("tier_wait = \"5s\"", "9: queues.q.tier_wait: says nothing without members"),
        ("penalty_members_limit = 3", "9: queues.q.penalty_members_limit: says nothing without members"),
        (
            "members = [\"1\"]\npenalty_members_limit = -1",
            "10: queues.q.penalty_members_limit: -1 is out of range; allowed are 0 to 4294967295",
        ),
    ] {
        assert_eq!(wrong(keys), [format!("s.toml:{expected}")], "{keys}");
    }
}

#[test]
fn a_reserve_and_whom_a_queue_lends_to_are_read_with_their_defaults() {
    let text = r#"
        members = ["1-3", { agents = ["4"], reserve = true }]
        reserve = { waiting = 5, wait = "1m", estimate = "2m", leave_waiting = 3, leave_estimate = "90s" }
        lends_to = ["other", { queue = "third", tier = 2, penalty = 1, delay = "20s" }]
        lend_window = "10m"
        [queues.other]
        members = ["5"]
        [queues.third]
        members = ["6"]
        "#;
    let routing = queue(text).routing;
    let secs = Duration::from_secs;
    let reserve = routing.reserve.unwrap();
    assert_eq!((reserve.waiting, reserve.wait), (Some(5), Some(secs(60))));
    assert_eq!((reserve.leave_waiting, reserve.leave_wait, reserve.at_least), (3, secs(60), secs(30)));
    assert_eq!((reserve.estimate, reserve.leave_estimate), (Some(secs(120)), secs(90)));
    let members = routing.members.unwrap();
    assert_eq!(members.iter().map(|member| member.reserve).collect::<Vec<_>>(), [false, false, false, true]);
    let LendingConfig { to, window, pause } = routing.lending;
    assert_eq!((window, pause), (secs(600), secs(60)));
    let loan =
        |queue: &str, tier, penalty, delay| LoanConfig { queue: queue.into(), tier, penalty, delay: secs(delay) };
    assert_eq!(to, [loan("other", 1, 0, 0), loan("third", 2, 1, 20)]);
    let told = describe(&valid(&format!("{CENTRE}{text}")));
    for line in [
        "    reserve joins above 5 waiting or after 1m or above 2m to expect; leaves at 3 waiting and when nobody has waited 1m \
         and at 90s to expect; stays 30s at least\n",
        "    tier 1: 4, in reserve\n",
        "    lends to third, tier 2, penalty 1, after 20s, while its service level of 10m holds; else not for 1m\n",
    ] {
        assert!(told.contains(line), "{line}{told}");
    }
}

#[test]
fn each_error_of_reserves_and_lending_says_what_to_write() {
    let other = "\nmembers = [\"1\"]\n[queues.other]\nmembers = [\"2\"]\n[queues.open]\n";
    for (keys, expected) in [
        ("reserve = {}".to_string(), "9: queues.q.reserve: never joins; name waiting, wait or estimate"),
        (
            "reserve = { waiting = 2, leave_waiting = 3 }".to_string(),
            "9: queues.q.reserve.leave_waiting: is above waiting: it would leave before it joins",
        ),
        (
            "reserve = { wait = \"10s\", leave_wait = \"20s\" }".to_string(),
            "9: queues.q.reserve.leave_wait: is above wait: it would leave before it joins",
        ),
        (
            "reserve = { estimate = \"10s\", leave_estimate = \"20s\" }".to_string(),
            "9: queues.q.reserve.leave_estimate: is above estimate: it would leave before it joins",
        ),
        (
            "reserve = { waiting = 2, leave_wait = \"20s\" }".to_string(),
            "9: queues.q.reserve.leave_wait: says nothing without wait",
        ),
        (
            "reserve = { wating = 2, wait = \"9s\" }".to_string(),
            "9: queues.q.reserve.wating: unknown key; did you mean `waiting`?",
        ),
        (
            "reserve = { waiting = \"many\" }".to_string(),
            "9: queues.q.reserve.waiting: expected an integer, found a string",
        ),
        (
            "members = [{ agents = [\"1\"], reserve = true }]".to_string(),
            "9: queues.q.members[0].reserve: says nothing without queues.q.reserve; write reserve = { waiting = 5 }",
        ),
        (
            format!("lends_to = [\"othr\"]{other}"),
            "9: queues.q.lends_to[0]: unknown queue `othr`; did you mean `other`?",
        ),
        (format!("lends_to = [\"q\"]{other}"), "9: queues.q.lends_to[0]: is the queue itself"),
        (
            format!("lends_to = [\"open\"]{other}"),
            "9: queues.q.lends_to[0]: `open` lists no members: everybody serves it whose skills fit",
        ),
        (
            format!("lends_to = [\"other\", {{ queue = \"other\" }}]{other}"),
            "9: queues.q.lends_to[1]: `other` stands here already",
        ),
        (
            "lends_to = [\"other\"]\n[queues.other]\nmembers = [\"2\"]".to_string(),
            "9: queues.q.lends_to: says nothing without members: only they are lent",
        ),
        ("lend_pause = \"5s\"".to_string(), "9: queues.q.lend_pause: says nothing without lends_to"),
        (
            format!("lend_window = \"90s\"\nlends_to = [\"other\"]{other}"),
            "9: queues.q.lend_window: is counted in whole minutes, like \"30m\"",
        ),
        (
            format!("lends_to = [{{ tier = 2 }}]{other}"),
            "9: queues.q.lends_to[0].queue: is missing; write queue = \"billing\"",
        ),
    ] {
        assert_eq!(wrong(&keys), [format!("s.toml:{expected}")], "{keys}");
    }
}

#[test]
fn each_error_of_numbers_skills_and_teams_says_what_to_write() {
    for (keys, expected) in [
        ("numbers = [{ priority = 3 }]", "9: queues.q.numbers[0].number: is missing; write number = \"800\""),
        (
            "numbers = [{ number = \"1\", attributes = { a = true } }]",
            "9: queues.q.numbers[0].attributes.a: expected a string or an integer, found a boolean",
        ),
        (
            "[agents.x]\npeer = \"pbx\"\nskills = { spanish = 11 }",
            "11: agents.x.skills.spanish: 11 is out of range; allowed are 1 to 10",
        ),
        (
            "[agents.x]\npeer = \"pbx\"\nskills = { spanish = { lvl = 1 } }",
            "11: agents.x.skills.spanish.lvl: unknown key",
        ),
        ("[teams.a]\nparent = \"b\"", "10: teams.a.parent: unknown team `b`; did you mean `a`?"),
        (
            "[teams.a]\nagents = [\"1-3\"]\n[teams.b]\nagents = [\"3\"]",
            "12: teams.b.agents: agent `3` is in the team `a` already",
        ),
        ("[teams.a]\nagents = [\"77\"]", "10: teams.a.agents: unknown agent `77`; did you mean `7`?"),
        ("[not_ready]\nreasons = [\" \"]", "10: not_ready.reasons[0]: a reason is 1 to 64 bytes of text"),
        (
            "penalty_steps = [{ after = \"1s\", min = 3, max = 2 }]",
            "9: queues.q.penalty_steps[0]: lets nobody in: min 3 is above max 2",
        ),
        (
            "skill_weights = { spansh = 3 }",
            "9: queues.q.skill_weights.spansh: the skill `spansh` is no agent's; did you mean `spanish`?",
        ),
        (
            "skill_weights = { spanish = 1001 }",
            "9: queues.q.skill_weights.spanish: 1001 is out of range; allowed are 0 to 1000",
        ),
        ("preferred_by = [\"last\"]", "9: queues.q.preferred_by: says nothing without preferred_for"),
        (
            "preferred_for = \"20s\"\npreferred_within = \"1h\"",
            "10: queues.q.preferred_within: says nothing without \"last\" in preferred_by",
        ),
        ("preferred_for = \"2h\"", "9: queues.q.preferred_for: 2h is out of range; allowed are 1s to 1h"),
        (
            "preferred_for = \"20s\"\npreferred_by = [\"lats\"]",
            "10: queues.q.preferred_by[0]: unknown value `lats`, expected `last` or `header:NAME` or `attribute:NAME`; did you mean `last`?",
        ),
        (
            "preferred_for = \"20s\"\npreferred_by = [\"header:X Agent\"]",
            "10: queues.q.preferred_by[0]: `X Agent` is no header's name",
        ),
        (
            "preferred_for = \"20s\"\npreferred_by = [\"attribute:own\"]\nnumbers = [{ number = \"1\", attributes = { owm = \"3\" } }]",
            "10: queues.q.preferred_by[0]: the attribute `own` is brought by no number's calls; did you mean `owm`?",
        ),
        (
            "numbers = [{ number = \"1\", preferred = \"10\" }]",
            "9: queues.q.numbers[0].preferred: unknown agent `10`; did you mean `1`?",
        ),
        ("members = [\"1\"]\ntier_skip_empty = true", "10: queues.q.tier_skip_empty: says nothing without tier_wait"),
    ] {
        assert_eq!(wrong(keys), [format!("s.toml:{expected}")], "{keys}");
    }
}

#[test]
fn a_vocabulary_refuses_skills_that_it_does_not_name() {
    let text =
        format!("{CENTRE}skills = [\"sales\", \"salse\"]\n[skills]\nspanish = \"spoken well\"\nsales = \"trained\"\n");
    assert_eq!(
        errors(&text),
        ["s.toml:9: queues.q.skills[1]: `salse` does not stand in [skills]; did you mean `sales`?"]
    );
    let text =
        format!("{CENTRE}requirement = 'french'\n[skills]\nspanish = \"\"\nsales = \"\"\nfrench = \"nobody yet\"\n");
    assert_eq!(valid(&text).queues[0].routing.requirement.to_string(), "french");
}

#[test]
fn a_team_above_itself_is_refused_once() {
    let text =
        "[teams.a]\nparent = \"b\"\n[teams.b]\nparent = \"c\"\n[teams.c]\nparent = \"a\"\n[teams.d]\nparent = \"a\"\n";
    assert_eq!(wrong(text), ["s.toml:9: teams.a: is above itself: a < b < c < a"]);
    assert_eq!(wrong("[teams.a]\nparent = \"a\"\n"), ["s.toml:9: teams.a: is above itself: a < a"]);
}

#[test]
fn the_description_says_what_routing_does() {
    let text = describe(&valid(&format!(
        "{CENTRE}numbers = [{{ number = \"801\", priority = 5, attributes = {{ lvl = 4 }} }}]\nrequirement = 'spanish > $lvl'\n\
         order = \"objective\"\nweight = 2\nsteps = [{{ after = \"30s\", requirement = 'spanish', priority = -1 }}]\n\
         members = [\"1-3\", {{ agents = [\"4\"], tier = 2, delay = \"1m\", penalty = 5 }}]\n\
         penalty_members_limit = 3\npreferred_for = \"20s\"\npreferred_by = [\"header:X-Agent\", \"last\"]\n[teams.a]\nagents = [\"1-3\"]\n[teams.b]\nparent = \"a\"\nagents = [\"4\"]\n"
    )));
    for line in [
        "  q  801 (priority 5, lvl 4); 4 agents with spanish > $lvl\n",
        "    order by the time left to 20s\n",
        "    weight 2: before queues of lower weight\n",
        "    after 30s: asks spanish, priority -1\n",
        "    penalties count while more than 3 are logged in\n",
        "    waits 20s for a preferred agent alone: a number's own, else by header X-Agent, else who served the caller last (24h)\n",
        "    tier 1: 1 to 3 (3)\n    tier 2: 4, penalty 5, after 1m\n",
        "; spanish 5, sales 3 (disabled); ",
        "Teams: 2\n  a  3 agents of its own, 4 in all\n  b  1 agents of its own, 1 in all, part of a\n",
    ] {
        assert!(text.contains(line), "{line}\nin\n{text}");
    }
}

#[test]
fn the_shipped_examples_have_no_error_and_no_warning() {
    let strategies: Vec<_> = crate::acd::strategy::names().collect();
    for (file, text) in [
        ("routing.toml", include_str!("../../../configs/routing.toml")),
        ("dual-stack.toml", include_str!("../../../configs/dual-stack.toml")),
        ("from-asterisk.toml", include_str!("../../../configs/from-asterisk.toml")),
        ("from-mod_callcenter.toml", include_str!("../../../configs/from-mod_callcenter.toml")),
    ] {
        let config = parse(text, file, &strategies).unwrap_or_else(|errors| panic!("{errors:?}"));
        assert_eq!(lint(&config), [""; 0], "{file}");
    }
}
