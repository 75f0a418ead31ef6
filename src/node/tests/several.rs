//! A PBX with several addresses: which one is asked, and what happens when it fails.

use super::*;

const SECOND: &str = "192.0.2.4:5060";
const THIRD: &str = "192.0.2.5:5070";

fn text(queue: &str) -> String {
    let several = format!(
        "addresses = [\"{PBX}\", {{ address = \"{SECOND}\", priority = 5 }}, {{ address = \"{THIRD}\", priority = 5, weight = 3 }}]"
    );
    config(1, queue).replace(&format!("address = \"{PBX}\""), &several)
}

fn states(world: &mut World) -> Vec<(u32, bool)> {
    let change = |fact: &Fact| {
        let Fact::PeerState { peer, up } = fact else { return None };
        Some((peer.0, *up))
    };
    let changes = world.facts.iter().filter_map(change).collect();
    world.facts.clear();
    changes
}

fn answer(world: &mut World, from: &str, invite: &Message, status: u16) {
    let sdp = if status == 200 { ANSWER } else { "" };
    let mut writer = respond(invite, address(OURS), status, None, b"agent");
    writer.line_fmt(Name::Contact, format_args!("<sip:agent@{from}>"));
    world.take(from, body(writer, sdp));
}

/// The address whose phone is rung now, with the INVITE.
fn rung(world: &mut World) -> Option<(&'static str, Message)> {
    [PBX, SECOND, THIRD].into_iter().find_map(|at| Some((at, world.sent_to(at, Method::Invite)?)))
}

#[test]
fn the_next_address_is_tried_within_the_offer() {
    let mut world = World::new(&text(""), 100);
    let caller = world.call("", OFFER);
    let (at, invite) = rung(&mut world).expect("the agent is rung");
    assert_eq!((at, invite.uri()), (PBX, format!("sip:1001@{PBX}").as_bytes()), "the lowest priority first");
    answer(&mut world, PBX, &invite, 503);
    let (second, invite) = rung(&mut world).expect("at another address at once");
    assert_ne!(second, PBX);
    assert_eq!(invite.uri(), format!("sip:1001@{second}").as_bytes());
    // This one says nothing at all.
    world.pass(Duration::from_millis(2_000));
    let (third, invite) = rung(&mut world).expect("at the last one");
    assert!(third != PBX && third != second);
    answer(&mut world, third, &invite, 180);
    answer(&mut world, third, &invite, 200);
    let caller = world.heard(caller);
    world.within(&caller, "ACK", 1, "");
    assert!(matches!(world.calls()[..], [(_, "talking")]));
    let down = states(&mut world);
    assert_eq!(down.iter().filter(|(_, up)| !up).count(), 2, "two addresses are down: {down:?}");
    assert!(!down.iter().any(|(peer, _)| *peer == 1), "the PBX as a whole is not: {down:?}");
    let options = world.sent_to(PBX, Method::Options).expect("who is down is asked");
    world.ok(PBX, &options);
    world.within(&caller, "BYE", 2, "");
    let bye = world.sent_to(third, Method::Bye).expect("to where the phone is");
    world.ok(third, &bye);
    // The silent one was sent its INVITE again and again.
    world.sent.clear();
    world.call("", OFFER);
    assert_eq!(rung(&mut world).map(|(at, _)| at), Some(PBX), "it is back");
}

#[test]
fn the_agent_is_unreachable_when_every_address_is_down_and_back_with_the_first_that_answers() {
    let mut world = World::new(&text(""), 100);
    world.call("", OFFER);
    for _ in 0..3 {
        let (at, invite) = rung(&mut world).expect("one address after the other");
        answer(&mut world, at, &invite, 503);
    }
    assert!(rung(&mut world).is_none());
    let down = states(&mut world);
    assert_eq!(down.last(), Some(&(1, false)), "all of the PBX: {down:?}");
    assert!(!world.facts.iter().any(|fact| matches!(fact, Fact::AgentState { .. })), "nobody is punished");
    world.pass(Duration::from_secs(3));
    let options = world.sent_to(SECOND, Method::Options).expect("it is asked");
    world.ok(SECOND, &options);
    assert!(states(&mut world).contains(&(1, true)));
    world.pass(Duration::from_secs(8));
    assert_eq!(rung(&mut world).map(|(at, _)| at), Some(SECOND), "the caller still waits");
}

#[test]
fn weights_share_calls_among_equals() {
    let mut world =
        World::new(&text("").replace("priority = 5", "priority = 0").replace("weight = 3", "weight = 0"), 2_000);
    let mut times = [0, 0, 0];
    for _ in 0..60 {
        let caller = world.call("", OFFER);
        let (at, invite) = rung(&mut world).expect("the agent is rung");
        times[[PBX, SECOND, THIRD].iter().position(|one| *one == at).unwrap()] += 1;
        answer(&mut world, at, &invite, 200);
        let caller = world.heard(caller);
        world.within(&caller, "ACK", 1, "");
        world.within(&caller, "BYE", 2, "");
        let bye = world.sent_to(at, Method::Bye).unwrap();
        world.ok(at, &bye);
        world.pass(Duration::from_secs(1));
        world.sent.clear();
    }
    assert!(times[0] > 15 && times[1] > 15 && times[2] == 0, "{times:?}");
}

#[test]
fn calls_come_from_all_addresses_and_a_reload_to_one_address_leaves_nobody_down() {
    let inbound = text("").replace("inbound = false", "");
    let mut world = World::new(&inbound, 100);
    for (serial, host) in ["192.0.2.3", "192.0.2.4", "192.0.2.5", "192.0.2.6"].into_iter().enumerate() {
        let head = format!(
            "INVITE sip:800@{OURS} SIP/2.0\nVia: SIP/2.0/UDP {host};branch=z9hG4bKs{serial}\nMax-Forwards: 70\nTo: <sip:800@h>\n\
             From: <sip:1@h>;tag=t\nCall-ID: s{serial}\nCSeq: 1 INVITE\nContact: <sip:1@{host}>\nContent-Length: 0\n\n"
        );
        world.take(&format!("{host}:5060"), head.replace('\n', "\r\n"));
        let refused = world.sent.iter().any(|(_, message)| message.status() == 403);
        assert_eq!(refused, host == "192.0.2.6", "{host}");
    }
    let mut world = World::new(&text(""), 100);
    world.call("", OFFER);
    while let Some((at, invite)) = rung(&mut world) {
        answer(&mut world, at, &invite, 503);
    }
    assert_eq!(states(&mut world).last(), Some(&(1, false)));
    world.reload(&config(1, ""));
    assert!(states(&mut world).contains(&(1, true)));
    world.pass(Duration::from_secs(10));
    assert!(world.offer().is_some(), "the waiting caller is offered");
}
