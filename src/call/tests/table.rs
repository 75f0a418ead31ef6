//! Every state of a leg against everything that can happen to it: what goes out, then what is told.

use super::*;

#[derive(Debug, Clone, Copy)]
enum At {
    Incoming,
    Calling,
    Ringing,
    HeldBack,
    Cancelled,
    Unacknowledged,
    Talking,
    EndingUnacknowledged,
    Ending,
}

#[derive(Debug, Clone, Copy)]
enum Do {
    HangUp,
    Bye,
    Invite,
    Update,
    EmptyUpdate,
    Options,
    Info,
    Ack,
    Refer,
}

const STATES: [At; 9] = [
    At::Incoming,
    At::Calling,
    At::Ringing,
    At::HeldBack,
    At::Cancelled,
    At::Unacknowledged,
    At::Talking,
    At::EndingUnacknowledged,
    At::Ending,
];

const EVENTS: [Do; 9] =
    [Do::HangUp, Do::Bye, Do::Invite, Do::Update, Do::EmptyUpdate, Do::Options, Do::Info, Do::Ack, Do::Refer];

fn reach(state: At) -> Solo {
    let mut solo = match state {
        At::Incoming | At::Unacknowledged | At::EndingUnacknowledged => Solo::called(SDP),
        At::Calling | At::Ringing | At::HeldBack | At::Cancelled | At::Talking | At::Ending => Solo::calling(),
    };
    let (now, leg) = (solo.now, solo.leg);
    match state {
        At::Incoming => solo.legs.ring(now, leg, 180, None),
        At::Calling => {}
        At::Ringing => solo.response(180, b""),
        At::HeldBack => solo.legs.hang_up(now, leg),
        At::Cancelled => {
            solo.response(180, b"");
            solo.legs.hang_up(now, leg);
        }
        At::Unacknowledged => solo.legs.answer(now, leg, SDP),
        At::EndingUnacknowledged => {
            solo.legs.answer(now, leg, SDP);
            solo.legs.hang_up(now, leg);
        }
        At::Talking => solo.response(200, SDP),
        At::Ending => {
            solo.response(200, SDP);
            solo.legs.hang_up(now, leg);
        }
    }
    solo.look();
    solo.told();
    solo
}

fn happen(solo: &mut Solo, event: Do) {
    match event {
        Do::HangUp => solo.legs.hang_up(solo.now, solo.leg),
        Do::Bye => solo.request("BYE", 2, b""),
        Do::Invite => solo.request("INVITE", 2, SDP),
        Do::Update => solo.request("UPDATE", 2, SDP),
        Do::EmptyUpdate => solo.request("UPDATE", 2, b""),
        Do::Options => solo.request("OPTIONS", 2, b""),
        Do::Info => solo.request("INFO", 2, b""),
        Do::Ack => solo.request("ACK", 1, b""),
        Do::Refer => solo.request("REFER", 2, b""),
    }
}

#[test]
fn each_state_treats_each_event_as_the_table_says() {
    let mut table = String::new();
    for state in STATES {
        for event in EVENTS {
            let mut solo = reach(state);
            happen(&mut solo, event);
            let (sent, told) = (solo.look().join(", "), solo.told().join(", "));
            let line = format!("{state:?} {event:?}: {sent} | {told}");
            table.push_str(line.trim_end());
            table.push('\n');
        }
    }
    let expected = include_str!("table.txt");
    for (got, line) in table.lines().zip(expected.lines()) {
        assert_eq!(got, line);
    }
    assert_eq!(table.lines().count(), expected.lines().count());
}

#[test]
fn nothing_is_left_of_a_leg_that_is_hung_up_in_any_state_after_any_event() {
    for state in STATES {
        for event in EVENTS {
            let mut solo = reach(state);
            happen(&mut solo, event);
            if solo.told().iter().any(|told| told.starts_with("change")) {
                solo.legs.refuse_change(solo.now, solo.leg, 488);
            }
            solo.legs.hang_up(solo.now, solo.leg);
            solo.ends_clean();
        }
    }
}
