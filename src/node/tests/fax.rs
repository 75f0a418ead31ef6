//! Fax machines: where they are sought, and what becomes of one that is found.

use super::*;
use crate::acd::FlowOut;

#[test]
fn a_fax_that_waits_unanswered_is_refused_and_one_that_is_answered_is_hung_up_on() {
    for (answer, status) in [("early", 480), ("on_queue", 200)] {
        let mut world = World::new(&config(1, &format!("fax = \"detect\"\nanswer = \"{answer}\"")), 100);
        let caller = world.call("", OFFER);
        if caller.status() == 200 {
            world.within(&caller, "ACK", 1, "");
        }
        let invite = world.offer().expect("an agent is rung");
        world.agent(&invite, 180, "");
        world.finds_fax();
        let caller = world.heard(caller);
        assert_eq!(caller.status(), status, "{answer}");
        assert_eq!(world.sent_to(TRUNK, Method::Bye).is_some(), status == 200, "{answer}");
        assert!(world.sent_to(PBX, Method::Cancel).is_some(), "{answer}: nobody rings for it any more");
        assert!(world.facts.iter().any(is_fax) && world.calls().is_empty(), "{answer}");
        world.ends_clean();
    }
}

#[test]
fn a_fax_is_sought_only_where_the_queue_wishes_and_the_caller_is_heard() {
    for (queue, sought) in [
        ("fax = \"detect\"", true),
        ("fax = \"detect\"\nanswer = \"early\"", true),
        ("fax = \"detect\"\nanswer = \"on_agent\"", false),
        ("fax = \"detect\"\nmedia = \"none\"", false),
        ("fax = \"ignore\"", false),
        ("", false),
    ] {
        let mut world = World::new(&config(1, queue), 100);
        world.call("", OFFER);
        assert_eq!(!world.seeks_fax.is_empty(), sought, "{queue}");
    }
}

#[test]
fn who_talks_or_whose_queue_takes_faxes_by_now_is_let_be() {
    let mut world = World::new(&config(1, "fax = \"detect\""), 100);
    world.talk();
    world.finds_fax();
    assert_eq!(world.calls()[0].1, "talking");
    let mut world = World::new(&config(0, "fax = \"detect\""), 100);
    world.call("", OFFER);
    world.reload(&config(0, ""));
    world.finds_fax();
    assert_eq!(world.calls()[0].1, "waiting");
    assert!(!world.facts.iter().any(is_fax));
}

impl World {
    /// The media worker finds one wherever it was sought.
    fn finds_fax(&mut self) {
        assert!(!self.seeks_fax.is_empty(), "none was sought");
        for stream in std::mem::take(&mut self.seeks_fax) {
            self.node.handle_media(self.now, media::Event::Fax { stream });
        }
        self.settle();
    }
}

fn is_fax(fact: &Fact) -> bool {
    matches!(fact, Fact::FlowedOut { reason: FlowOut::Fax, cause: None, .. })
}
