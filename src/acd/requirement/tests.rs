//! Examples and laws of requirements: reading and printing, bounds, and that filling in and compiling change no meaning.

use std::sync::Arc;

use proptest::prelude::*;

use super::expression::{Bound, Node};
use super::*;
use crate::base::limits::{REQUIREMENT_BYTES_MAX, REQUIREMENT_DEPTH_MAX, REQUIREMENT_TERMS_MAX};

fn parse(text: &str) -> Requirement {
    Requirement::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn attributes(list: &[(&str, Value)]) -> Attributes {
    list.iter().map(|(name, value)| (Arc::from(*name), value.clone())).collect()
}

fn residual(text: &str, list: &[(&str, Value)]) -> String {
    parse(text).residual(&attributes(list)).to_string()
}

#[test]
fn one_spelling_is_printed() {
    for (written, printed) in [
        ("spanish", "spanish"),
        ("spanish>=1", "spanish"),
        ("  english>5 &tech=  $lvl", "english > 5 && tech == $lvl"),
        ("spanish >= 5 && (billing || tier = 'gold')", "spanish >= 5 && (billing || tier == \"gold\")"),
        ("a && b || c", "(a && b) || c"),
        ("a || b && c", "a || (b && c)"),
        ("((a) && (b && c))", "a && b && c"),
        ("!a == 3", "!(a == 3)"),
        ("! ! a", "a"),
        ("!(a|b)", "!(a || b)"),
        ("call.tier != \"gold\" | $vip", "tier != \"gold\" || $vip"),
        ("$call.age >= -3", "$age >= -3"),
        ("tier == 'a \"b\"'", "tier == 'a \"b\"'"),
        ("800 & 24x7 >= 2", "800 && 24x7 >= 2"),
        ("true | !false", "true || !false"),
        ("français >= 3", "français >= 3"),
    ] {
        assert_eq!(parse(written).to_string(), printed, "{written}");
        assert_eq!(parse(printed), parse(written), "{printed}");
    }
}

#[test]
fn what_is_wrong_is_said_with_its_column() {
    let word = |text: &str| text.to_string();
    for (text, column, what) in [
        ("", 1, Fault::TermExpected(word("the end"))),
        ("a &&", 5, Fault::TermExpected(word("the end"))),
        ("a b", 3, Fault::OperatorExpected(word("`b`"))),
        ("(a", 3, Fault::UnclosedParenthesis(word("the end"))),
        ("(a b)", 4, Fault::UnclosedParenthesis(word("`b`"))),
        ("a)", 2, Fault::OperatorExpected(word("`)`"))),
        ("\"x\" == a", 1, Fault::TermExpected(word("\"x\""))),
        ("é # a", 3, Fault::Character('#')),
        ("tier == \"gold", 9, Fault::UnclosedText),
        ("tier == gold", 9, Fault::BareWord(word("gold"))),
        ("tier > \"gold\"", 8, Fault::TextOrder),
        ("a > 11", 5, Fault::Level(11)),
        ("a > -1", 5, Fault::Level(-1)),
        ("$a > 99999999999999999999", 6, Fault::Number(word("99999999999999999999"))),
        ("$a > $b", 6, Fault::TwoAttributes),
        ("a >", 4, Fault::ValueExpected(word("the end"))),
        ("a > &", 5, Fault::ValueExpected(word("`&&`"))),
        ("$ > 3", 1, Fault::NameExpected),
        ("call. > 3", 1, Fault::NameExpected),
        ("$true", 1, Fault::NameExpected),
        ("t == \"a\tb\"", 6, Fault::Character('\t')),
    ] {
        assert_eq!(Requirement::parse(text), Err(RequirementError { column, what }), "{text}");
    }
    let error = Requirement::parse("tier == gold").unwrap_err().to_string();
    assert_eq!(error, "column 9: `gold` is no value; write \"gold\" for a text or $gold for an attribute of the call");
}

#[test]
fn length_depth_and_terms_are_bounded() {
    let fault = |text: &str| Requirement::parse(text).err().map(|error| error.what);
    assert_eq!(fault(&" a".repeat(REQUIREMENT_BYTES_MAX / 2 + 1)), Some(Fault::TooLong));
    let nested = |depth| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(fault(&nested(REQUIREMENT_DEPTH_MAX)), None);
    assert_eq!(fault(&nested(REQUIREMENT_DEPTH_MAX + 1)), Some(Fault::TooDeep));
    assert_eq!(fault(&format!("{}a", "!".repeat(REQUIREMENT_DEPTH_MAX + 1))), Some(Fault::TooDeep));
    let many = |terms| vec!["a"; terms].join("|");
    assert_eq!(fault(&many(REQUIREMENT_TERMS_MAX)), None);
    assert_eq!(fault(&many(REQUIREMENT_TERMS_MAX + 1)), Some(Fault::TooManyTerms));
}

#[test]
fn attributes_are_filled_in_and_constants_folded() {
    let text = "spanish >= 5 && (billing || tier == \"gold\")";
    assert_eq!(residual(text, &[("tier", "gold".into())]), "spanish >= 5");
    assert_eq!(residual(text, &[("tier", "tin".into())]), "billing && spanish >= 5");
    assert_eq!(residual(text, &[]), "billing && spanish >= 5");
    assert_eq!(residual("tech > $lvl", &[("lvl", 3.into())]), "tech >= 4");
    assert_eq!(residual("tech > $lvl", &[("lvl", 10.into())]), "false");
    assert_eq!(residual("tech > $lvl", &[("lvl", (-1).into())]), "true");
    assert_eq!(residual("$age >= 18 && a", &[("age", "17".into())]), "false");
    assert_eq!(residual("$age != 18 || a", &[("age", "old".into())]), "true");
    assert_eq!(residual("id == \"18\"", &[("id", "18".into())]), "true");
    assert_eq!(residual("$vip", &[("vip", 0.into())]), "true");
}

#[test]
fn what_a_call_does_not_bring_equals_nothing() {
    for text in ["tech > $lvl", "tech <= $lvl", "tech == $lvl", "tier == \"x\"", "$age > 3", "$age", "$age < 3"] {
        assert_eq!(residual(text, &[]), "false", "{text}");
        assert_eq!(residual(&format!("!({text})"), &[]), "true", "{text}");
    }
    for text in ["tech != $lvl", "tier != \"x\"", "$age != 3"] {
        assert_eq!(residual(text, &[]), "true", "{text}");
    }
}

#[test]
fn equal_conditions_are_one_value() {
    for (one, other) in [
        ("a && b", "b & a & b"),
        ("!(a || b)", "!b && !a"),
        ("a >= 3 && a <= 5", "a > 2 & a < 6"),
        ("a >= 3 && a <= 3", "a == 3"),
        ("a != 0", "a"),
        ("a == 1 || a > 1", "a"),
        ("a < 1", "!a"),
        ("a > 3 && a < 2", "false"),
        ("a || !a", "true"),
        ("b || (a && true)", "a || b"),
        ("(a && b) || (b && a)", "a && b"),
    ] {
        assert_eq!(residual(one, &[]), residual(other, &[]), "{one} and {other}");
    }
    assert_eq!(residual("a == 2 || a >= 7", &[]), "a == 2 || a >= 7");
    assert_eq!(residual("a >= 2 && a <= 4 && b", &[]), "(a >= 2 && a <= 4) && b");
    assert_eq!(residual("a != 5", &[]), "a != 5");
}

#[test]
fn names_are_told_apart_by_their_form() {
    let requirement = parse("spanish >= $lvl && (billing || tier == \"gold\" || $age > 3 || $vip)");
    let names = |set: std::collections::BTreeSet<Arc<str>>| set.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(requirement.skills()), ["billing", "spanish"]);
    assert_eq!(names(requirement.attributes()), ["age", "lvl", "tier", "vip"]);
}

#[test]
fn a_list_of_skills_asks_for_each() {
    assert_eq!(Requirement::all_of(&[Arc::from("b"), Arc::from("a")]), parse("b && a"));
    assert_eq!(Requirement::all_of([]), parse("true"));
}

#[test]
fn who_does_not_fit_is_told_the_parts() {
    let mut ids = SkillIds::default();
    let compiled =
        parse("spanish >= 5 && (billing || sales >= 2) && !trainee").residual(&attributes(&[])).compile(&mut ids);
    let id = |name: &str| ids.find(name).expect("interned by compiling");
    let mut skills = SkillSet::default();
    skills.set(id("spanish"), Skill { level: 3, enabled: true });
    skills.set(id("billing"), Skill { level: 9, enabled: false });
    let why: Vec<_> =
        compiled.why_not(&skills, &ids).iter().map(|unmet| (unmet.part.to_string(), unmet.level)).collect();
    let expected = [("spanish >= 5".to_string(), Some(3)), ("billing || sales >= 2".to_string(), None)];
    assert_eq!(why, expected);
    assert!(!compiled.matches(&skills));
    skills.set(id("spanish"), Skill { level: 5, enabled: true });
    skills.set(id("sales"), Skill { level: 2, enabled: true });
    assert!(compiled.matches(&skills) && compiled.why_not(&skills, &ids).is_empty());
}

/// A term over four skills and three attributes.
fn term() -> impl Strategy<Value = Node> {
    let skill = prop::sample::select(vec!["a", "b", "c", "d"]).prop_map(Arc::from);
    let name = prop::sample::select(vec!["x", "y", "z"]).prop_map(Arc::<str>::from);
    let operator = prop::sample::select(vec![
        Operator::AtLeast,
        Operator::Above,
        Operator::AtMost,
        Operator::Below,
        Operator::Equal,
        Operator::Unequal,
    ]);
    let level = prop_oneof![(0..=LEVEL_MAX).prop_map(Bound::Fixed), name.clone().prop_map(Bound::Attribute)];
    prop_oneof![
        6 => (skill, operator.clone(), level).prop_map(|(name, operator, level)| Node::Skill { name, operator, level }),
        1 => (name.clone(), operator, -2..12_i64)
            .prop_map(|(name, operator, value)| Node::Number { name, operator, value }),
        1 => (name.clone(), any::<bool>(), prop::sample::select(vec!["gold", "7", "it's", "say \"so\""]))
            .prop_map(|(name, equal, value)| Node::Text { name, equal, value: value.into() }),
        1 => name.prop_map(|name| Node::Given { name }),
        1 => any::<bool>().prop_map(Node::Constant),
    ]
}

fn node() -> impl Strategy<Value = Node> {
    term().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(expression::not),
            prop::collection::vec(inner.clone(), 1..4).prop_map(expression::all),
            prop::collection::vec(inner, 1..4).prop_map(expression::any),
        ]
    })
}

/// What a call may bring.
fn call() -> impl Strategy<Value = Attributes> {
    let value = prop_oneof![
        (-2..12_i64).prop_map(Value::Number),
        prop::sample::select(vec!["gold", "it's"]).prop_map(Value::from)
    ];
    prop::collection::btree_map(prop::sample::select(vec!["x", "y", "z"]), value, 0..=3)
        .prop_map(|map| map.into_iter().map(|(name, value)| (Arc::from(name), value)).collect())
}

/// The meaning, said as plainly as possible.
fn naive(node: &Node, call: &Attributes, level: &impl Fn(&str) -> u8) -> bool {
    let number = |name: &str| match call.get(name) {
        Some(Value::Number(number)) => Some(*number),
        Some(Value::Text(_)) | None => None,
    };
    let compare = |operator: Operator, left: i64, right: Option<i64>| match right {
        Some(right) => operator.holds(left, right),
        None => operator == Operator::Unequal,
    };
    match node {
        Node::Constant(value) => *value,
        Node::Skill { name, operator, level: Bound::Fixed(bound) } => {
            operator.holds(i64::from(level(name)), i64::from(*bound))
        }
        Node::Skill { name, operator, level: Bound::Attribute(from) } => {
            compare(*operator, i64::from(level(name)), number(from))
        }
        Node::Number { name, operator, value } => match number(name) {
            Some(number) => operator.holds(number, *value),
            None => *operator == Operator::Unequal,
        },
        Node::Text { name, equal, value } => {
            call.get(name).is_some_and(|held| held.to_string() == value.to_string()) == *equal
        }
        Node::Given { name } => call.get(name).is_some(),
        Node::Not(inner) => !naive(inner, call, level),
        Node::All(parts) => parts.iter().all(|part| naive(part, call, level)),
        Node::Any(parts) => parts.iter().any(|part| naive(part, call, level)),
    }
}

proptest! {
    #[test]
    fn what_is_printed_reads_back_to_the_same(root in node()) {
        let requirement = Requirement { root };
        prop_assert_eq!(Requirement::parse(&requirement.to_string()), Ok(requirement));
    }

    #[test]
    fn a_residual_reads_back_to_the_same(root in node(), call in call()) {
        let residual = Requirement { root }.residual(&call);
        let read = Requirement::parse(&residual.to_string()).map(|read| read.residual(&Attributes::default()));
        prop_assert_eq!(read, Ok(residual));
    }

    #[test]
    fn filling_in_and_compiling_keep_the_meaning(
        root in node(),
        call in call(),
        levels in prop::collection::vec((0..=LEVEL_MAX, any::<bool>()), 4),
    ) {
        let mut ids = SkillIds::default();
        let mut skills = SkillSet::default();
        for (name, (level, enabled)) in ["a", "b", "c", "d"].into_iter().zip(levels) {
            let id = ids.intern(&name.into()).expect("there is room");
            skills.set(id, Skill { level, enabled });
        }
        let level = |name: &str| ids.find(name).map_or(0, |id| skills.level(id));
        let meant = naive(&root, &call, &level);
        let residual = Requirement { root }.residual(&call);
        prop_assert_eq!(residual.holds(&level), meant);
        let compiled = residual.compile(&mut ids.clone());
        prop_assert_eq!(compiled.matches(&skills), meant);
        prop_assert_eq!(compiled.why_not(&skills, &ids).is_empty(), meant);
    }

    #[test]
    fn no_text_is_too_strange(text in "[ab$.!&|()<>='\" 0-9é\t-]{0,40}") {
        if let Ok(requirement) = Requirement::parse(&text) {
            prop_assert_eq!(Requirement::parse(&requirement.to_string()), Ok(requirement));
        }
    }

    #[test]
    fn no_bytes_are_too_strange(text in any::<String>()) {
        drop(Requirement::parse(&text));
    }
}
