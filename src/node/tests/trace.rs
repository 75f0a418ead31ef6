//! SIP traces: what they show of a real call, and that they show nothing when nobody asks.

use super::*;
use crate::node::TraceView;

fn start(world: &mut World, peer: Option<&str>, number: Option<&str>, shows_numbers: bool) -> Reply {
    let (peer, number) = (peer.map(String::from), number.map(String::from));
    let lasts = Duration::from_secs(60);
    world.control(Control::StartTrace { peer, number, lasts, shows_numbers, by: "ann".into() })
}

fn read(world: &mut World, after: &str, shows_numbers: bool) -> TraceView {
    let after = after.to_string();
    let reply = world.control(Control::Traces { after, limit: 100, shows_numbers });
    let Reply::Trace(view) = reply else { panic!("{reply:?}") };
    *view
}

/// The first word or two of each message, with an arrow for its way and the last digits of whom it was with.
fn steps(view: &TraceView) -> Vec<String> {
    let step = |message: &crate::node::TracedMessage| {
        let mut words = message.text.split(' ');
        let (first, second) = (words.next().unwrap(), words.next().unwrap());
        let what = if first == "SIP/2.0" { second } else { first };
        format!("{} {what} {}", if message.sent { ">" } else { "<" }, message.peer.ip())
    };
    view.messages.iter().map(step).collect()
}

#[test]
fn a_number_is_traced_on_all_legs_of_its_calls() {
    let mut world = World::new(&config(1, ""), 100);
    assert!(read(&mut world, "", true).traces.is_empty());
    assert!(matches!(start(&mut world, None, Some("+4930"), true), Reply::Trace(_)));
    let (caller, _) = world.talk();
    world.within(&caller, "BYE", 2, "");
    let bye = world.sent_to(PBX, Method::Bye).unwrap();
    world.ok(PBX, &bye);
    let view = read(&mut world, "", true);
    let (trunk, pbx) = ("192.0.2.1", "192.0.2.3");
    let shown = steps(&view);
    let expected = [
        ("< INVITE", trunk),
        ("> 100", trunk),
        ("> 200", trunk),
        ("> INVITE", pbx),
        ("< 180", pbx),
        ("< 200", pbx),
        ("> ACK", pbx),
        ("< ACK", trunk),
        ("< BYE", trunk),
        ("> 200", trunk),
        ("> BYE", pbx),
        ("< 200", pbx),
    ];
    for (what, whose) in expected {
        assert!(shown.contains(&format!("{what} {whose}")), "{what} {whose} of {shown:?}");
    }
    assert!(view.messages.iter().any(|message| message.text.contains("sip:+4930@")));
    let masked = read(&mut world, "", false);
    assert!(
        !masked.messages.iter().any(|message| message.text.contains("sip:+4930@")),
        "who may not see them, does not"
    );
    assert_eq!(
        (view.traces[0].number.as_deref(), masked.traces[0].number.as_deref()),
        (Some("+4930"), Some("+49***(2)"))
    );
    assert_eq!((view.traces[0].state, view.traces[0].messages), ("running", view.messages.len()));
    let more = read(&mut world, &view.next, true);
    assert_eq!((more.messages.len(), more.missed), (0, 0));
    world.call("From: <sip:77@h>;tag=t\n", OFFER);
    assert!(read(&mut world, &view.next, true).messages.is_empty(), "another number");
    world.pass(Duration::from_secs(61));
    world.call("", OFFER);
    let over = read(&mut world, &view.next, true);
    assert_eq!((over.traces[0].state, over.messages.len()), ("time", 0));
    world.pass(Duration::from_secs(600));
    let gone = read(&mut world, "", true);
    assert_eq!((gone.traces.len(), gone.messages.len()), (0, 0));
}

#[test]
fn a_peer_is_traced_with_its_options_and_without_anybody_else() {
    let text = config(1, "").replace("qualify = \"0s\"\ninbound", "qualify = \"5s\"\ninbound");
    let mut world = World::new(&text, 100);
    assert!(matches!(start(&mut world, Some("nobody"), None, false), Reply::NotFound(_)));
    assert!(matches!(start(&mut world, Some("pbx"), Some("1"), false), Reply::Invalid(_)));
    assert!(matches!(start(&mut world, None, Some("4 5"), false), Reply::Invalid(_)));
    assert!(matches!(start(&mut world, Some("pbx"), None, false), Reply::Trace(_)));
    world.pass(Duration::from_secs(1));
    world.call("", OFFER);
    let view = read(&mut world, "", true);
    assert!(view.messages.iter().all(|message| message.peer == address(PBX)), "{:?}", steps(&view));
    assert!(steps(&view).contains(&"> OPTIONS 192.0.2.3".to_string()));
    let invite = view.messages.iter().find(|message| message.text.starts_with("INVITE")).unwrap();
    assert!(!invite.text.contains("+4930") && !invite.text.contains("Ann"), "{}", invite.text);
    assert!(matches!(world.control(Control::StopTrace(Some(7))), Reply::NotFound(_)));
    assert_eq!(world.control(Control::StopTrace(None)), Reply::Done);
    let before = read(&mut world, "", true).messages.len();
    world.pass(Duration::from_secs(30));
    let after = read(&mut world, "", true);
    assert_eq!((after.messages.len(), after.traces[0].state), (before, "stopped"));
}

#[test]
fn traces_are_bounded_and_a_place_that_is_none_is_refused() {
    let mut world = World::new(&config(1, ""), 100);
    for _ in 0..crate::base::limits::TRACES_MAX {
        assert!(matches!(start(&mut world, Some("pbx"), None, false), Reply::Trace(_)));
    }
    assert!(matches!(start(&mut world, Some("pbx"), None, false), Reply::Conflict(_)));
    assert_eq!(world.control(Control::StopTrace(Some(3))), Reply::Done);
    assert!(matches!(start(&mut world, Some("pbx"), None, false), Reply::Trace(_)), "one that ended makes room");
    let lasts = Duration::from_secs(3_601);
    let long =
        Control::StartTrace { peer: Some("pbx".into()), number: None, lasts, shows_numbers: false, by: "ann".into() };
    assert!(matches!(world.control(long), Reply::Invalid(_)));
    for after in ["x", "1-2", "-", "99999999999999999999"] {
        let reply = world.control(Control::Traces { after: after.to_string(), limit: 1, shows_numbers: false });
        assert!(matches!(reply, Reply::Invalid(_)), "{after}");
    }
    assert_eq!(read(&mut world, "77", true).messages.len(), 0);
}
