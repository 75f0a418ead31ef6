//! Callers who are handed on: what is refused, and who ends what at every stage.

use super::*;
use crate::acd::{AgentTarget, TransferFailure, TransferKind, TransferStep};
use crate::node::{AgentChange, Consulted, Selection};

const OUTSIDE: &str = "[transfer]\npeer = \"pbx\"\nnumbers = [\"44\"]\n";

fn hand_on(world: &mut World, kind: TransferKind, to: &str) -> Reply {
    let (call, _) = world.calls()[0];
    world.control(Control::Transfer { call, kind, to: to.to_owned(), by: "test".into() })
}

fn end(world: &mut World, end: Consulted) -> Reply {
    let (call, _) = world.calls()[0];
    world.control(Control::Consultation { call, end, by: "test".into() })
}

fn conflict(why: &str) -> Reply {
    Reply::Conflict(why.to_owned())
}

/// How the transfer ended.
fn outcome(world: &World) -> Option<TransferStep> {
    let step = |fact: &Fact| if let Fact::Transfer(transfer) = fact { Some(transfer.step.clone()) } else { None };
    world.facts.iter().filter_map(step).find(|step| step.outcome().is_some())
}

#[test]
fn what_cannot_be_is_refused_and_nothing_has_happened() {
    use TransferKind::{Blind, Consult};
    let queues = "[queues.full]\nwaiting_max = 1\nskills = [\"rare\"]\nnumbers = [\"802\"]\n\
        [agents.rare]\npeer = \"pbx\"\nskills = [\"rare\"]\ninitial = \"logged-out\"\n";
    let mut world = World::new(&config(3, &format!("{queues}{OUTSIDE}")), 100);
    world.call_to("802", "", OFFER);
    assert_eq!(hand_on(&mut world, Blind, "agent:1001"), conflict("c4294967296 talks with no agent"));
    let by = |change| Control::SetAgents { who: Selection::one("1003"), change, by: "test".into() };
    world.control(by(AgentChange::State(AgentTarget::LoggedOut)));
    world.talk();
    let (call, _) = world.calls()[1];
    let mut ask = |kind, to: &str| {
        world.facts.clear();
        let reply = world.control(Control::Transfer { call, kind, to: to.to_owned(), by: "test".into() });
        assert!(world.facts.is_empty(), "{to}: {:?}", world.facts);
        reply
    };
    let unknown = |what: &str| Reply::NotFound(format!("no {what}"));
    assert_eq!(ask(Blind, "agent:1009"), unknown("agent 1009"));
    assert_eq!(ask(Consult, "queue:r"), unknown("queue r"));
    assert_eq!(ask(Consult, "agent:1003"), conflict("1003 is logged_out"));
    assert_eq!(ask(Blind, "queue:full"), conflict("full takes no calls: it is full"));
    for wrong in ["1002", "", "agent", "fax:1", "number:", "number:+", "number:44x", "number:0123", "number:<44>"] {
        assert!(matches!(ask(Blind, wrong), Reply::Invalid(_)), "{wrong}");
    }
    assert_eq!(ask(Blind, &format!("number:44{}", "7".repeat(40))), ask(Blind, "number:44-7"));
    assert!(matches!(ask(Consult, "agent:1001"), Reply::Conflict(_)), "the agent who talks");
    let gone = Control::Consultation { call, end: Consulted::Complete, by: "test".into() };
    assert!(matches!(world.control(gone), Reply::Conflict(_)), "nobody is consulted");
    let nowhere = Control::Consultation { call: CallId(9), end: Consulted::Cancel, by: "test".into() };
    assert!(matches!(world.control(nowhere), Reply::NotFound(_)));
}

#[test]
fn a_second_transfer_and_one_without_a_port_or_without_audio_of_ours_are_refused() {
    let mut world = World::new(&config(3, OUTSIDE), 3);
    world.talk();
    let refused = hand_on(&mut world, TransferKind::Consult, "agent:1002");
    assert_eq!(refused, conflict("no port is free for another party's audio"));
    let mut world = World::new(&config(3, OUTSIDE), 100);
    world.talk();
    assert_eq!(hand_on(&mut world, TransferKind::Consult, "agent:1002"), Reply::Done);
    let (call, _) = world.calls()[0];
    let again = hand_on(&mut world, TransferKind::Consult, "agent:1003");
    assert_eq!(again, Reply::Conflict(format!("{call} is being handed on already")));
    let mut world = World::new(&config(2, &format!("media = \"none\"\n{OUTSIDE}")), 100);
    world.talk();
    let refused = hand_on(&mut world, TransferKind::Blind, "number:4420");
    assert_eq!(refused, conflict("the audio of this call does not pass here"));
    assert_eq!(hand_on(&mut world, TransferKind::Blind, "queue:q"), Reply::Done);
}

/// A caller who is being handed on, as far as `stage` says.
fn world_at(kind: TransferKind, to: &str, stage: &str) -> (World, Caller, Message) {
    let mut world = World::new(&config(2, OUTSIDE), 100);
    let (caller, own) = world.talk();
    assert_eq!(hand_on(&mut world, kind, to), Reply::Done);
    if stage != "sought" {
        let invite = world.offer().expect("the target is rung");
        world.agent(&invite, 180, "");
        if stage == "reached" {
            world.agent(&invite, 200, ANSWER);
        }
    }
    (world, caller, own)
}

/// Every kind and target, each as far as it may be.
fn stages() -> Vec<(World, Caller, Message, String)> {
    let mut all = Vec::new();
    for kind in TransferKind::ALL {
        for to in ["agent:1002", "number:4420", "queue:q"] {
            for stage in ["sought", "rings", "reached"] {
                let (world, caller, own) = world_at(kind, to, stage);
                all.push((world, caller, own, format!("{} to {to}, {stage}", kind.as_str())));
            }
        }
    }
    all
}

#[test]
fn the_caller_s_hang_up_ends_everything_at_every_stage() {
    for (mut world, caller, _, what) in stages() {
        world.within(&caller, "BYE", 2, "");
        assert!(world.calls().is_empty(), "{what}");
        assert!(outcome(&world).is_some(), "{what}");
        world.ends_clean();
    }
}

#[test]
fn a_supervisor_ends_or_moves_a_caller_at_every_stage() {
    for (mut world, _, _, what) in stages() {
        let (call, _) = world.calls()[0];
        assert_eq!(world.control(Control::HangUp { call, by: "test".into() }), Reply::Done, "{what}");
        assert!(world.calls().is_empty(), "{what}");
        world.ends_clean();
    }
    for (mut world, _, _, what) in stages() {
        let (call, _) = world.calls()[0];
        let queue = Some("q".to_owned());
        assert_eq!(world.control(Control::Requeue { call, queue, by: "test".into() }), Reply::Done, "{what}");
        assert!(["waiting", "offering"].contains(&world.calls()[0].1), "{what}: {:?}", world.calls());
        let (call, _) = world.calls()[0];
        world.control(Control::HangUp { call, by: "test".into() });
        world.ends_clean();
    }
}

#[test]
fn a_consultation_ends_as_it_is_asked_to_at_every_stage() {
    for how in [Consulted::Complete, Consulted::Cancel] {
        for (to, stage) in [
            ("agent:1002", "sought"),
            ("agent:1002", "reached"),
            ("number:4420", "rings"),
            ("number:4420", "reached"),
            ("queue:q", "sought"),
            ("queue:q", "reached"),
        ] {
            let (mut world, ..) = world_at(TransferKind::Consult, to, stage);
            assert_eq!(world.calls()[0].1, "consulting");
            assert_eq!(end(&mut world, how), Reply::Done);
            let (state, ended) = (world.calls()[0].1, outcome(&world));
            match how {
                Consulted::Cancel => assert_eq!((state, ended), ("talking", Some(TransferStep::Cancelled))),
                Consulted::Complete if stage == "reached" => {
                    assert_eq!((state, ended), ("talking", Some(TransferStep::Completed)), "{to}");
                }
                Consulted::Complete if to == "queue:q" => {
                    assert_eq!((state, ended), ("offering", Some(TransferStep::Completed)));
                }
                Consulted::Complete => assert_eq!((state, ended), ("transferring", None), "{to}"),
            }
            let (call, _) = world.calls()[0];
            world.control(Control::HangUp { call, by: "test".into() });
            world.ends_clean();
        }
    }
}

#[test]
fn a_target_that_fails_leads_back_and_one_that_answers_without_audio_is_none() {
    for (kind, state) in [(TransferKind::Consult, "talking"), (TransferKind::Blind, "waiting")] {
        for (to, status, sdp) in [
            ("agent:1002", 486, ""),
            ("number:4420", 603, ""),
            ("number:4420", 200, "v=0\r\n"),
            ("agent:1002", 200, ""),
        ] {
            let (mut world, ..) = world_at(kind, to, "sought");
            let by = Control::SetAgents {
                who: Selection::one("1001"),
                change: AgentChange::State(AgentTarget::LoggedOut),
                by: "test".into(),
            };
            world.control(by);
            if kind == TransferKind::Blind && to.starts_with("number") {
                let change = AgentChange::State(AgentTarget::LoggedOut);
                world.control(Control::SetAgents { who: Selection::one("1002"), change, by: "test".into() });
            }
            let invite = world.offer().expect("the target is rung");
            world.agent(&invite, status, sdp);
            assert_eq!(outcome(&world), Some(TransferStep::Failed(TransferFailure::NotTaken)), "{to} {status}");
            assert_eq!(world.calls()[0].1, state, "{to} {status}");
            let (call, _) = world.calls()[0];
            world.control(Control::HangUp { call, by: "test".into() });
            world.ends_clean();
        }
    }
}
