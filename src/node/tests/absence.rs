//! Agents whose device calls do not reach: what the supervisor sees of them, and why.

use super::*;
use crate::node::message::AgentView;

fn row(world: &mut World, name: &str) -> AgentView {
    let Reply::Agents { rows, .. } = world.control(Control::Agents { offset: 0, limit: 10 }) else { panic!("rows") };
    rows.into_iter().find(|row| &*row.name == name).expect("a row")
}

/// State, reason, whether calls reach it, why not, and when it ends.
type Seen = (&'static str, Option<String>, bool, Option<&'static str>, Option<Duration>);

fn seen(world: &mut World) -> Seen {
    let row = row(world, "1001");
    (row.state, row.reason, row.reachable, row.unreachable, row.ends_seconds)
}

fn absent(seconds: u64) -> Seen {
    ("unreachable", None, false, Some("calls do not reach the device"), Some(Duration::from_secs(seconds)))
}

/// Refuses by this status and with this Reason, for the PBX.
fn refuse(world: &mut World, invite: &Message, status: u16, reason: Option<&str>) {
    let mut writer = respond(invite, address(OURS), status, None, b"agent");
    if let Some(reason) = reason {
        writer.line(Name::Reason, reason.as_bytes());
    }
    let payload = writer.finish();
    world.take(PBX, payload);
}

#[test]
fn the_supervisor_sees_why_an_agent_is_not_rung_and_until_when() {
    let mut world = World::new(&config(1, ""), 100);
    world.call("", OFFER);
    for pause in [5, 10] {
        let invite = world.offer().expect("the agent is rung");
        world.agent(&invite, 404, "");
        assert_eq!(seen(&mut world), absent(pause));
        world.pass(Duration::from_secs(pause - 1));
        assert_eq!(seen(&mut world), absent(1));
        assert!(world.offer().is_none());
        world.pass(Duration::from_secs(1));
        assert_eq!(seen(&mut world), ("reserved", None, true, None, None));
    }
}

#[test]
fn a_device_is_not_there_by_the_status_or_by_the_cause_that_is_named() {
    let failed = ("not_ready", Some("failed".to_owned()), true, None, Some(Duration::from_secs(5)));
    for (status, reason, expected) in [
        (404, None, absent(5)),
        (480, None, absent(5)),
        (480, Some("Q.850;cause=20"), absent(5)),
        (502, Some("Q.850;cause=27;text=\"out of order\""), absent(5)),
        (480, Some("Q.850;cause=19"), failed.clone()),
        (500, None, failed),
    ] {
        let mut world = World::new(&config(1, ""), 100);
        world.call("", OFFER);
        let invite = world.offer().expect("the agent is rung");
        refuse(&mut world, &invite, status, reason);
        assert_eq!(seen(&mut world), expected, "{status} {reason:?}");
        world.ends_clean();
    }
}

#[test]
fn a_phone_that_refuses_the_pbx_is_no_agent_who_refuses() {
    let pause =
        |reason: &str, seconds| ("not_ready", Some(reason.to_owned()), true, None, Some(Duration::from_secs(seconds)));
    for (rings, expected) in [(false, pause("failed", 5)), (true, pause("rejected", 60))] {
        let mut world = World::new(&config(1, ""), 100);
        world.call("", OFFER);
        let invite = world.offer().expect("the agent is rung");
        if rings {
            world.agent(&invite, 180, "");
        }
        refuse(&mut world, &invite, 403, Some("Q.850;cause=21"));
        assert_eq!(seen(&mut world), expected, "rings: {rings}");
        world.ends_clean();
    }
}

#[test]
fn a_neighbour_that_fails_is_down_and_says_nothing_of_the_device() {
    for reason in [None, Some("Q.850;cause=34"), Some("Q.850;cause=41")] {
        let mut world = World::new(&config(1, ""), 100);
        world.call("", OFFER);
        let invite = world.offer().expect("the agent is rung");
        refuse(&mut world, &invite, 503, reason);
        assert_eq!(seen(&mut world), ("unreachable", None, false, Some("does not answer"), None));
        world.ends_clean();
    }
}

#[test]
fn a_reload_tries_the_device_at_its_new_address_at_once() {
    let text = config(1, "");
    let mut world = World::new(&text, 100);
    world.call("", OFFER);
    let invite = world.offer().expect("the agent is rung");
    world.agent(&invite, 404, "");
    assert_eq!(seen(&mut world), absent(5));
    let uri = format!("uri = \"sip:101@{PBX}\"");
    world.reload(&text.replace("[agents.\"1001\"]\n", &format!("[agents.\"1001\"]\n{uri}\n")));
    let invite = world.offer().expect("the agent is rung");
    assert!(invite.uri().starts_with(b"sip:101@"));
}
