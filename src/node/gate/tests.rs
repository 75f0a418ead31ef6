//! The gate as a whole.

use super::*;

const INVITE: &[u8] = b"INVITE sip:800@acd SIP/2.0\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:800@acd>\r\n\r\n";
const BYE: &[u8] = b"BYE sip:800@acd SIP/2.0\r\nTo: <sip:800@acd>;tag=2\r\n\r\n";
const OPTIONS: &[u8] = b"OPTIONS sip:acd SIP/2.0\r\nTo: <sip:acd>\r\n\r\n";

#[test]
fn messages_of_live_calls_go_first_then_calls_then_strangers() {
    let mut gate = Gate::new(ms(0));
    gate.push(ms(0), source(9), OPTIONS.into(), |_| Sender::Stranger);
    gate.push(ms(0), source(9), INVITE.into(), |_| Sender::Stranger);
    gate.push(ms(0), source(1), INVITE.into(), |_| Sender::Peer);
    gate.push(ms(1), source(2), BYE.into(), |_| Sender::Stranger);
    gate.push(ms(1), source(3), OPTIONS.into(), |_| Sender::Peer);
    let order: Vec<_> = std::iter::from_fn(|| gate.pop(ms(2))).map(|next| handled(&next)).collect();
    assert_eq!(order, [source(2), source(3), source(1), source(9), source(9)]);
    assert!(gate.is_empty());
}

#[test]
fn a_cancel_never_overtakes_its_invite_and_is_never_refused() {
    let mut gate = Gate::new(ms(0));
    let cancel = b"CANCEL sip:800@acd SIP/2.0\r\nTo: <sip:800@acd>\r\n\r\n".as_slice();
    for payload in [INVITE, cancel] {
        gate.push(ms(0), source(1), payload.into(), |_| Sender::Peer);
    }
    let starts: Vec<_> = std::iter::from_fn(|| gate.pop(ms(1))).map(|next| first_byte(&next)).collect();
    assert_eq!(starts, [b'I', b'C']);
    wait(&mut gate, 0, 51);
    wait(&mut gate, 200, 51);
    gate.push(ms(1_149), source(1), cancel.into(), |_| Sender::Peer);
    assert!(gate.is_overloaded());
    assert!(matches!(gate.pop(ms(1_201)), Some(Next::Handle(_))));
}

#[test]
fn a_burst_is_taken_whole_and_an_overload_is_refused_until_it_is_over() {
    let mut gate = Gate::new(ms(0));
    // 199 ms of waiting too long is a burst.
    for at in 0..200 {
        assert!(matches!(wait(&mut gate, at, 51), Next::Handle(_)), "{at}");
    }
    // From 200 ms after the first late one on, those who waited too long are refused, others not.
    assert!(matches!(wait(&mut gate, 200, 51), Next::Refuse(_)));
    assert!(matches!(wait(&mut gate, 201, 50), Next::Handle(_)));
    assert!(gate.is_overloaded());
    assert!(matches!(wait(&mut gate, 399, 51), Next::Refuse(_)));
    // A whole interval without a late one ends it; then a late one begins anew.
    assert!(matches!(wait(&mut gate, 598, 50), Next::Handle(_)));
    assert!(gate.is_overloaded());
    assert!(matches!(wait(&mut gate, 599, 50), Next::Handle(_)));
    assert!(!gate.is_overloaded());
    assert!(matches!(wait(&mut gate, 600, 51), Next::Handle(_)));
}

#[test]
fn refusals_and_strangers_beyond_their_rate_are_silent() {
    let mut gate = Gate::new(ms(0));
    wait(&mut gate, 0, 51);
    wait(&mut gate, 200, 51);
    let mut told = 0_u32;
    for n in 0..3 * REFUSALS_PER_SECOND / 10 {
        gate.push(ms(1_159), source(1), invite(n), |_| Sender::Peer);
        match gate.pop(ms(1_210)) {
            Some(Next::Refuse(_)) => told += 1,
            // What was silenced may be taken for a later one's repeat, and then it does not even wait.
            Some(Next::Drop) | None => {}
            Some(Next::Handle(_)) => panic!("overloaded"),
        }
    }
    // One tenth of a second's worth, less the one before.
    assert!(told.abs_diff(REFUSALS_PER_SECOND / 10) <= 1, "{told}");
    let silent = u64::from(3 * REFUSALS_PER_SECOND / 10 - told);
    assert_eq!(gate.take_silent(), [silent, 0, 0, 0, 0], "each is told or counted");
    for n in 0..STRANGERS_PER_SECOND {
        gate.push(ms(300), stranger(n), INVITE.into(), |_| Sender::Stranger);
    }
    assert_eq!(gate.strangers.len(), STRANGERS_PER_SECOND as usize / 10);
    let bye = Bytes::from_static(b"BYE sip:acd SIP/2.0\r\nTo: <sip:800@acd>;tag=1\r\n\r\n");
    for _ in 0..CLAIMS_PER_SECOND {
        gate.push(ms(300), source(9), bye.clone(), |_| Sender::Stranger);
        gate.push(ms(300), source(1), bye.clone(), |_| Sender::Peer);
        gate.push(ms(300), source(2), bye.clone(), |_| Sender::Called);
    }
    let (claimed, known) = (CLAIMS_PER_SECOND as usize / 10, 2 * CLAIMS_PER_SECOND as usize);
    assert_eq!(gate.urgent.len(), claimed + known, "a flood of strangers takes nothing from neighbours");
    let unheard = u64::from(STRANGERS_PER_SECOND / 10 * 9);
    assert_eq!(gate.take_silent(), [0, unheard, u64::from(CLAIMS_PER_SECOND / 10 * 9), 0, 0]);
    for _ in 0..GATE_URGENT_MAX {
        gate.push(ms(300), source(1), bye.clone(), |_| Sender::Peer);
    }
    assert_eq!(gate.take_silent(), [0, 0, 0, (claimed + known) as u64, 0]);
}

#[test]
fn a_flood_of_strangers_takes_nothing_from_registered_phones_and_one_stranger_little_from_others() {
    let mut gate = Gate::new(ms(0));
    let register = b"REGISTER sip:acd SIP/2.0\r\nTo: <sip:1001@acd>\r\n\r\n".as_slice();
    let mut waiting = 0;
    let mut looked_at = |gate: &mut Gate, at: u64, from: SocketAddr, sender: Sender| {
        gate.push(ms(at), from, register.into(), |_| sender);
        std::mem::replace(&mut waiting, gate.strangers.len()) < gate.strangers.len()
    };
    // Ten times what one source is looked at, for a second: it gets what it may, and everybody else is heard.
    let alone = (0..10 * STRANGER_PER_SECOND).filter(|n| {
        looked_at(&mut gate, u64::from(1_000 / (10 * STRANGER_PER_SECOND) * n), stranger(1), Sender::Stranger)
    });
    assert!((alone.count() as u32).abs_diff(2 * STRANGER_PER_SECOND) <= 2);
    assert!(looked_at(&mut gate, 1_000, stranger(2), Sender::Stranger));
    // From very many sources: no stranger is heard any more, and phones whose hosts are known are.
    for n in 0..STRANGERS_PER_SECOND {
        looked_at(&mut gate, 1_000, stranger(1_000 + n), Sender::Stranger);
    }
    assert!(!looked_at(&mut gate, 1_000, stranger(3), Sender::Stranger));
    assert!(looked_at(&mut gate, 1_000, source(3), Sender::Called));
    // From one known host: it does not shut the others out.
    for at in 2_000..2_300 {
        looked_at(&mut gate, at, source(3), Sender::Called);
        looked_at(&mut gate, at, source(3), Sender::Called);
    }
    assert!(looked_at(&mut gate, 2_299, source(4), Sender::Called));
}

#[test]
fn what_refusals_cost_is_a_part_of_what_calls_cost() {
    let mut gate = Gate::new(ms(0));
    fill(&mut gate, 0, 3 * GATE_CALLS_MAX as u32);
    let told = |gate: &mut Gate| std::iter::from_fn(|| gate.refused.pop_front()).count();
    let in_advance = told(&mut gate);
    assert_eq!(in_advance, REFUSALS_PER_SECOND as usize / 10);
    // From then on so many calls let in pay for one.
    for _ in 0..10 * CALLS_PER_REFUSAL {
        assert!(matches!(gate.pop(ms(1)), Some(Next::Handle(_))));
    }
    fill(&mut gate, 300, GATE_CALLS_MAX as u32);
    assert_eq!(told(&mut gate), 10);
}

#[test]
fn a_full_gate_is_an_overload_and_keeps_messages_of_live_calls() {
    let mut gate = Gate::new(ms(0));
    fill(&mut gate, 0, GATE_CALLS_MAX as u32);
    assert!(!gate.is_overloaded());
    fill(&mut gate, 1, 1);
    gate.push(ms(0), source(2), BYE.into(), |_| Sender::Peer);
    assert!(gate.is_overloaded());
    assert_eq!((gate.calls.len(), gate.refused.len(), gate.urgent.len()), (GATE_CALLS_MAX, 1, 1));
    // The live call's message first, then who was refused, then who waits.
    let turns: Vec<_> = std::iter::from_fn(|| gate.pop(ms(2))).take(3).collect();
    assert!(matches!(&turns[..], [Next::Handle(bye), Next::Refuse(_), Next::Handle(_)] if bye.payload == BYE));
}

#[test]
fn in_an_overload_no_more_may_wait_than_come_through_in_the_target() {
    let mut gate = Gate::new(ms(0));
    // Four calls a millisecond come through.
    for at in 0..=200 {
        fill(&mut gate, at, 4);
        (0..4).for_each(|_| drop(gate.pop(ms(at))));
    }
    wait(&mut gate, 0, 51);
    wait(&mut gate, 200, 51);
    assert!(gate.is_overloaded());
    fill(&mut gate, 1_200, 1_000);
    assert_eq!((gate.calls.len(), gate.refused.len()), (64, 936), "the second since has diluted the pace");
    for at in 1_201..=1_700 {
        fill(&mut gate, at, 8);
        (0..4).for_each(|_| while !matches!(gate.pop(ms(at)), Some(Next::Handle(_))) {});
    }
    assert!(gate.calls.len().abs_diff(200) <= 4, "{}", gate.calls.len());
}

#[test]
fn who_was_turned_away_in_silence_stays_so_while_the_overload_lasts() {
    let mut gate = Gate::new(ms(0));
    fill(&mut gate, 0, GATE_CALLS_MAX as u32);
    gate.paid = 0;
    let unlucky = invite(1_000_000);
    gate.push(ms(1), source(1), unlucky.clone(), |_| Sender::Peer);
    assert!(gate.is_overloaded() && gate.refused.is_empty());
    for _ in 0..GATE_CALLS_MAX - 1 {
        assert!(matches!(gate.pop(ms(2)), Some(Next::Handle(_))));
    }
    // There is room again, for others.
    gate.push(ms(3), source(1), unlucky.clone(), |_| Sender::Peer);
    assert_eq!(gate.calls.len(), 1);
    gate.push(ms(3), source(1), invite(1_000_001), |_| Sender::Peer);
    assert_eq!(gate.calls.len(), 2);
    while gate.pop(ms(3)).is_some() {}
    // It is told rather than left in silence when that has been paid for.
    gate.push(ms(3), source(1), unlucky.clone(), |_| Sender::Peer);
    assert_eq!((gate.calls.len(), gate.refused.len()), (0, 1));
    while gate.pop(ms(3)).is_some() {}
    gate.push(ms(202), source(1), invite(1_000_002), |_| Sender::Peer);
    assert!(!gate.is_overloaded(), "an idle gate is not overloaded for ever");
    assert_eq!(gate.calls.len(), 1);
    while gate.pop(ms(202)).is_some() {}
    // The gate is open, but the overload may come back at once.
    gate.paid = 0;
    gate.push(ms(501), source(1), unlucky.clone(), |_| Sender::Peer);
    assert_eq!((gate.calls.len(), gate.refused.len()), (0, 0));
    gate.push(ms(1_501), source(1), unlucky, |_| Sender::Peer);
    assert_eq!(gate.calls.len(), 1, "a second after the last was silenced it is heard");
}

/// So many calls that come at once.
fn fill(gate: &mut Gate, at: u64, count: u32) {
    for n in 0..count {
        gate.push(ms(at), source(1), invite(at as u32 * 10_000 + n), |_| Sender::Peer);
    }
}

/// An INVITE with a branch of its own.
fn invite(number: u32) -> Bytes {
    format!("INVITE sip:800@acd SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK{number}\r\nTo: <sip:800@acd>\r\n\r\n")
        .into()
}

/// A call that is popped at `at` after having waited.
fn wait(gate: &mut Gate, at: u64, waited: u64) -> Next {
    gate.push(ms(1_000 + at - waited), source(1), INVITE.into(), |_| Sender::Peer);
    gate.pop(ms(1_000 + at)).unwrap()
}

fn first_byte(next: &Next) -> u8 {
    let Next::Handle(passed) = next else { panic!("{next:?}") };
    passed.payload[0]
}

fn handled(next: &Next) -> SocketAddr {
    let Next::Handle(passed) = next else { panic!("{next:?}") };
    passed.source
}

/// One of very many.
fn stranger(number: u32) -> SocketAddr {
    ((0xc633_0000 | number).to_be_bytes(), 5060).into()
}

fn ms(ms: u64) -> Instant {
    Instant::from_micros(ms * 1000)
}

fn source(n: u8) -> SocketAddr {
    ([192, 0, 2, n], 5060).into()
}
