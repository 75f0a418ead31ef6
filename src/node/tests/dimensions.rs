//! What a contact is told apart by: resolved when it comes, the same in each of its visits, and by the configuration in force
//! then.

use super::*;
use crate::acd::{Dimension, Dimensions, Refusal};

/// Number 800 of the group `hotline` in the campaign `spring`, 801 alone, 802 of a closed queue.
fn centre(regions: &str) -> String {
    let queues = "[queues.r]\nnumbers = [\"801\"]\n[queues.closed]\nnumbers = [\"802\"]\nopen = false\n";
    config(1, queues)
        .replace("numbers = [\"800\"]", "numbers = [{ number = \"800\", group = \"hotline\", campaign = \"spring\" }]")
        .replace("[peers.pbx]", "country_code = \"49\"\n[peers.pbx]")
        + &format!("[figures]\nregions = {{ {regions} }}\n")
}

const REGIONS: &str = "4930 = \"Berlin\", 49 = \"Deutschland\", 86 = \"中国\"";

/// The names of a contact's values.
fn named(world: &World, dimensions: Dimensions) -> [String; 4] {
    let values = world.node.naming().values;
    Dimension::ALL.map(|dimension| values[dimension as usize][usize::from(dimensions.of(dimension).0)].to_string())
}

/// The values of the contact that came last.
fn last(world: &World) -> [String; 4] {
    let of = |fact: &Fact| {
        let (Fact::Offered { dimensions, .. } | Fact::Refused { dimensions, .. }) = fact else { return None };
        Some(*dimensions)
    };
    let dimensions = world.facts.iter().rev().find_map(of).expect("a contact came");
    named(world, dimensions)
}

fn from(number: &str) -> String {
    format!("From: <sip:{number}@192.0.2.1>;tag=t\n")
}

#[test]
fn a_contact_is_told_apart_by_its_number_its_caller_s_region_and_its_trunk() {
    let mut world = World::new(&centre(REGIONS), 100);
    for (number, caller, expected) in [
        ("800", "+4930123456", ["hotline", "spring", "Berlin", "trunk"]),
        ("800", "030123456", ["hotline", "spring", "Berlin", "trunk"]),
        ("801", "004989123456", ["801", "", "Deutschland", "trunk"]),
        ("801", "+8613800138000", ["801", "", "中国", "trunk"]),
        ("801", "+1555123456", ["801", "", "unknown", "trunk"]),
        ("801", "anonymous", ["801", "", "unknown", "trunk"]),
        ("802", "+4930123456", ["802", "", "Berlin", "trunk"]),
    ] {
        world.call_to(number, &from(caller), OFFER);
        assert_eq!(last(&world), expected, "{number} from {caller}");
    }
    assert!(
        world.facts.iter().any(|fact| matches!(fact, Fact::Refused { queue: Some(_), cause: Refusal::Closed, .. }))
    );
    world.call_to("800", &(from("+4930123456") + "Privacy: id\n"), OFFER);
    assert_eq!(last(&world)[2], "unknown", "who withholds the number is of no region");
    world.call_to("999", &from("+4930123456"), OFFER);
    assert_eq!(last(&world), ["", "", "unknown", ""], "a number of no queue is not looked at");
}

#[test]
fn a_moved_contact_keeps_its_values_and_a_reload_is_for_those_who_come_after() {
    let mut world = World::new(&centre(REGIONS), 100);
    let call = |world: &mut World| world.call_to("800", &from("+4930123456"), OFFER);
    let caller = call(&mut world);
    assert_eq!(caller.status(), 200);
    let before = last(&world);
    world.reload(&centre("49 = \"Deutschland\", 4930 = \"Hauptstadt\"").replace("hotline", "support"));
    assert_eq!(last(&world), before, "names that were given stay");
    let (id, _) = world.calls()[0];
    let requeue = Control::Requeue { call: id, queue: Some("r".to_string()), by: "test".into() };
    assert_eq!(world.control(requeue), Reply::Done);
    assert_eq!(world.facts.iter().filter(|fact| matches!(fact, Fact::Offered { .. })).count(), 2);
    assert_eq!(last(&world), before, "the same in each visit");
    call(&mut world);
    assert_eq!(last(&world), ["support", "spring", "Hauptstadt", "trunk"]);
    world.reload(&centre(REGIONS));
    call(&mut world);
    assert_eq!(last(&world), before, "a name that comes back is the same value");
}
