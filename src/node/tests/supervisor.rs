//! A supervisor's hand, drains and faults in every phase of a call.

use super::*;

fn hang_up(world: &mut World) {
    let (call, _) = world.calls()[0];
    assert_eq!(world.control(Control::HangUp { call, by: "test".into() }), Reply::Done);
}

fn requeue(world: &mut World, queue: &str) -> Reply {
    let (call, _) = world.calls()[0];
    world.control(Control::Requeue { call, queue: Some(queue.to_owned()), by: "test".into() })
}

#[test]
fn a_call_is_hung_up_in_every_phase_and_the_agent_is_free_again() {
    for answer in ["on_queue", "on_agent", "early"] {
        for phase in ["waiting", "offering", "talking"] {
            let agents = u32::from(phase != "waiting");
            let mut world = World::new(&config(agents, &format!("answer = \"{answer}\"")), 100);
            let caller = if phase == "talking" { world.talk().0 } else { world.call("", OFFER) };
            assert_eq!(world.calls()[0].1, phase);
            hang_up(&mut world);
            assert!(world.calls().is_empty());
            let unanswered = caller.status() < 200;
            let caller = world.heard(caller);
            assert_eq!(caller.status(), if unanswered { 480 } else { 200 }, "{answer} {phase}");
            world.pass(Duration::from_secs(5));
            if agents == 1 {
                world.sent.clear();
                world.call("", OFFER);
                assert!(world.offer().is_some(), "{answer} {phase}: the agent is offered the next call");
                hang_up(&mut world);
            }
            world.ends_clean();
        }
    }
}

#[test]
fn a_talking_call_that_is_requeued_is_offered_again() {
    let mut world = World::new(&config(1, ""), 100);
    world.talk();
    assert_eq!(requeue(&mut world, "q"), Reply::Done);
    let bye = world.sent_to(PBX, Method::Bye).expect("the agent's leg ends");
    world.ok(PBX, &bye);
    let invite = world.offer().expect("the agent is rung again");
    world.agent(&invite, 200, ANSWER);
    assert_eq!(world.calls()[0].1, "talking");
}

#[test]
fn a_call_is_not_moved_to_where_it_would_be_let_go() {
    let queues = "[queues.closed]\nnumbers = [\"1\"]\nopen = false\nskills = [\"x\"]\n\
        [queues.full]\nnumbers = [\"2\"]\nwaiting_max = 1\nskills = [\"x\"]\n[queues.other]\nnumbers = [\"3\"]\nmedia = \"none\"\n";
    let mut world = World::new(&config(1, queues), 100);
    world.talk();
    world.call_to("2", "", OFFER);
    for queue in ["closed", "full", "other"] {
        assert!(matches!(requeue(&mut world, queue), Reply::Conflict(_)), "{queue}");
    }
    assert!(matches!(requeue(&mut world, "none"), Reply::NotFound(_)));
    world.node.handle_drain(world.now, Duration::from_secs(30));
    world.settle();
    assert!(matches!(requeue(&mut world, "q"), Reply::Conflict(_)));
    assert_eq!(world.calls()[0].1, "talking");
}

#[test]
fn moving_an_unanswered_call_does_not_lengthen_its_limit_and_takes_the_new_queues_policy() {
    let queues = "answer = \"on_agent\"\nunanswered_max = \"60s\"\n\
        [queues.ring]\nnumbers = [\"1\"]\nanswer = \"on_agent\"\nunanswered_max = \"60s\"\n\
        [queues.music]\nnumbers = [\"2\"]\n";
    let mut world = World::new(&config(0, queues), 100);
    let caller = world.call("", OFFER);
    world.pass(Duration::from_secs(50));
    assert_eq!(requeue(&mut world, "ring"), Reply::Done);
    world.pass(Duration::from_secs(11));
    assert_eq!(world.heard(caller).status(), 480);
    let caller = world.call("", OFFER);
    assert_eq!(requeue(&mut world, "music"), Reply::Done);
    assert_eq!(world.heard(caller).status(), 200);
    world.pass(Duration::from_secs(20));
    assert_eq!(world.calls()[0].1, "waiting");
}

#[test]
fn a_reload_takes_queue_and_agent_away_under_a_call_that_goes_on() {
    let mut world = World::new(&config(1, ""), 100);
    let (caller, _) = world.talk();
    world.reload(&config(0, "").replace("[queues.q]", "[queues.new]").replace("\"800\"", "\"900\""));
    assert_eq!(world.calls()[0].1, "talking");
    assert_eq!(world.call("", OFFER).status(), 404);
    world.within(&caller, "BYE", 2, "");
    assert!(world.calls().is_empty());
    world.ends_clean();
}

#[test]
fn a_waiting_call_outlives_its_queue_and_a_rung_agent_that_is_removed_lets_it_wait() {
    let mut world = World::new(&config(1, ""), 100);
    let caller = world.call("", OFFER);
    let invite = world.offer().unwrap();
    world.agent(&invite, 180, "");
    world.reload(&config(0, "").replace("[queues.q]", "[queues.new]").replace("\"800\"", "\"900\""));
    assert!(world.sent_to(PBX, Method::Cancel).is_some());
    assert_eq!(world.calls()[0].1, "waiting");
    world.within(&caller, "ACK", 1, "");
    world.within(&caller, "BYE", 2, "");
    world.ends_clean();
}

#[test]
fn a_drain_lets_talks_finish_and_waiting_calls_go_at_the_limit() {
    let mut world = World::new(&config(1, "answer = \"on_agent\""), 100);
    let (talking, _) = world.talk();
    let waiting = world.call("", OFFER);
    world.node.handle_drain(world.now, Duration::from_secs(30));
    world.settle();
    assert_eq!(world.call("", OFFER).status(), 503);
    world.pass(Duration::from_secs(31));
    let waiting = world.heard(waiting);
    assert_eq!(waiting.status(), 503);
    assert!(waiting.answer.unwrap().value(Name::RetryAfter).is_some());
    assert_eq!((world.calls()[0].1, world.node.is_drained()), ("talking", false));
    world.within(&talking, "BYE", 2, "");
    world.pass(Duration::from_secs(40));
    assert!(world.node.is_drained());
    world.ends_clean();
}

#[test]
fn a_caller_that_leaves_in_any_phase_of_the_offer_leaves_the_agent_unpunished() {
    for step in ["none", "100", "180", "200 crosses"] {
        let mut world = World::new(&config(1, ""), 100);
        let caller = world.call("", OFFER);
        let invite = world.offer().unwrap();
        match step {
            "100" => world.agent(&invite, 100, ""),
            "180" | "200 crosses" => world.agent(&invite, 180, ""),
            _ => {}
        }
        world.within(&caller, "ACK", 1, "");
        world.within(&caller, "BYE", 2, "");
        let next = world.call("", OFFER);
        assert!(world.offer().is_none(), "{step}: the agent's old leg is not gone yet");
        match step {
            "200 crosses" => world.agent(&invite, 200, ANSWER),
            _ => world.pass(Duration::from_millis(4_001)),
        }
        assert!(world.offer().is_some(), "{step}: the agent is rung for the next");
        world.within(&next, "ACK", 1, "");
        world.within(&next, "BYE", 2, "");
        world.ends_clean();
    }
}

#[test]
fn a_peer_that_asks_for_credentials_fails_the_offer_and_the_call_waits() {
    let mut world = World::new(&config(1, ""), 100);
    world.call("", OFFER);
    let invite = world.offer().unwrap();
    world.agent(&invite, 407, "");
    assert_eq!(world.calls()[0].1, "waiting");
    world.pass(Duration::from_secs(6));
    assert!(world.offer().is_some());
}
