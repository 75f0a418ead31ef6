//! Time and repeated inputs.

use super::*;

#[test]
fn an_input_from_the_past_is_taken_at_the_engines_own_time() {
    let mut centre = Centre::new(|_| {}, 0);
    centre.pass(10);
    centre.enqueue(1, 1);
    centre.engine.handle_command(START, enqueue(2, 1, 0, None));
    assert_eq!(centre.engine.call_since(CallId(2)), Some(START + secs(10)));
    let future = Some(centre.now + secs(500));
    centre.enqueue_as(3, 1, 0, future);
    assert_eq!(centre.engine.call_since(CallId(3)), Some(centre.now));
}

#[test]
fn an_early_or_repeated_timeout_changes_nothing() {
    let mut centre = Centre::new(|_| {}, 1);
    centre.enqueue(1, 1);
    centre.ring(1);
    centre.pass(19);
    centre.forget();
    for _ in 0..3 {
        centre.engine.handle_timeout(START);
        centre.engine.handle_timeout(centre.now);
    }
    centre.pass(0);
    assert!(centre.facts().is_empty() && centre.effects.is_empty());
}

#[test]
fn an_enqueue_of_a_call_that_waits_already_changes_nothing() {
    let mut centre = Centre::new(|_| {}, 0);
    centre.enqueue(1, 1);
    centre.forget();
    centre.enqueue_as(1, 1, 7, None);
    assert!(centre.facts().is_empty() && centre.effects.is_empty());
}
