//! The state x event tables of the four machines, cell by cell: next state, what is sent and told, and every timer that is
//! armed afterwards with its milliseconds from the event. The states are entered at 0 ms, the events come at 100 ms.

use std::fmt::Write as _;

use super::super::invite_client::InviteClient;
use super::super::invite_server::InviteServer;
use super::super::link::{Alarm, Life, Link, Output, Owner};
use super::super::request_client::RequestClient;
use super::super::request_server::RequestServer;
use super::*;

const ALARMS: [(&str, Alarm); 3] =
    [("Retransmit", Alarm::Retransmit), ("Timeout", Alarm::Timeout), ("Linger", Alarm::Linger)];

const CLIENT: ClientKey = ClientKey(2);
const SERVER: ServerKey = ServerKey(1);

fn output() -> Output {
    Output::new(StackConfig::new(address(1)))
}

fn invite() -> Message {
    let (_, writer) = stack(1).start_request(Method::Invite, b"sip:bob@10.0.0.2");
    Message::parse(complete(writer, Method::Invite, 1, "")).expect("our own request")
}

fn response(code: u16) -> Message {
    Message::parse(payload(code)).expect("our own response")
}

fn payload(code: u16) -> Bytes {
    respond(&invite(), address(1), code, None, b"b").finish()
}

/// Forgets what entering a state sent and told.
fn entered(mut output: Output) -> Output {
    output.transmits.clear();
    output.events.clear();
    output
}

/// Everything armed: alarm and time.
fn armed(output: &mut Output) -> Vec<(Alarm, u64)> {
    std::iter::from_fn(|| {
        let at = output.next_deadline()?.as_millis();
        output.pop_due(Instant::FAR).map(|(_, alarm)| (alarm, at))
    })
    .collect()
}

/// One row: what an event did. `before` are the timers armed before it; the one that rang is not listed.
fn row(name: &str, event: &str, next: &str, mut output: Output, mut before: Vec<(Alarm, u64)>) -> String {
    let mut text = format!("{name:<10} {event:<10} -> {next:<10}");
    while let Some(transmit) = output.transmits.pop_front() {
        let _ = write!(text, " send {};", label(&transmit.payload));
    }
    while let Some(event) = output.events.pop_front() {
        let _ = write!(text, " {};", describe(&event));
    }
    let rang = ALARMS.iter().find(|(alarm, _)| *alarm == event).map(|(_, alarm)| *alarm);
    before.retain(|(alarm, _)| Some(*alarm) == rang);
    for (alarm, at) in armed(&mut output) {
        if !before.contains(&(alarm, at)) {
            let _ = write!(text, " {alarm:?} {};", i128::from(at) - 100);
        }
    }
    text.trim_end().to_owned()
}

/// The whole table of one machine.
struct Table<M, K> {
    key: K,
    states: Vec<fn(&mut Link<'_, K>) -> M>,
    events: Vec<&'static str>,
    name: fn(&M) -> &'static str,
    apply: fn(&mut M, &str, &mut Link<'_, K>) -> Life,
}

impl<M, K: Copy + Into<Owner>> Table<M, K> {
    fn rows(&self) -> Vec<String> {
        let cells = self.states.iter().flat_map(|state| self.events.iter().map(move |event| (state, *event)));
        cells.map(|(state, event)| self.cell(*state, event)).collect()
    }

    fn cell(&self, state: fn(&mut Link<'_, K>) -> M, event: &str) -> String {
        let enter = || {
            let mut output = output();
            let machine = state(&mut output.link(at(0), self.key, address(2)));
            (machine, entered(output))
        };
        let before = armed(&mut enter().1);
        let (mut machine, mut output) = enter();
        let from = (self.name)(&machine);
        let life = (self.apply)(&mut machine, event, &mut output.link(at(100), self.key, address(2)));
        let next = if life == Life::Ends { "over" } else { (self.name)(&machine) };
        row(from, event, next, output, before)
    }
}

fn alarm(event: &str) -> Option<Alarm> {
    ALARMS.iter().find(|(name, _)| *name == event).map(|(_, alarm)| *alarm)
}

fn status(event: &str) -> u16 {
    event.parse().expect("an event is an alarm, a method or a status code")
}

fn assert_table(rows: &[String], expected: &str) {
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert!(rows == expected, "the machine's table is\n{}\n", rows.join("\n"));
}

/// The machine after these responses.
fn invite_client(codes: &[u16], link: &mut Link<'_, ClientKey>) -> InviteClient {
    let mut machine = InviteClient::start(invite().raw().clone(), link);
    codes.iter().for_each(|code| machine.on_response(address(2), response(*code), link));
    machine
}

#[test]
fn invite_client_transaction() {
    let table = Table {
        key: CLIENT,
        states: vec![
            |link| invite_client(&[], link),
            |link| invite_client(&[180], link),
            |link| {
                let mut machine = invite_client(&[180], link);
                machine.on_cancel(link).expect("a pending INVITE can be cancelled");
                machine
            },
            |link| invite_client(&[486], link),
            |link| invite_client(&[200], link),
        ],
        events: vec!["180", "200", "486", "CANCEL", "Retransmit", "Timeout", "Linger"],
        name: InviteClient::name,
        apply: |machine, event, link| {
            if let Some(alarm) = alarm(event) {
                return machine.on_alarm(alarm, link);
            }
            if event == "CANCEL" {
                machine.on_cancel(link);
            } else {
                machine.on_response(address(2), response(status(event)), link);
            }
            Life::Goes
        },
    };
    assert_table(
        &table.rows(),
        "
        Calling    180        -> Proceeding response 180 INVITE;
        Calling    200        -> Accepted   response 200 INVITE; Linger 32000;
        Calling    486        -> Completed  send ACK; response 486 INVITE; Linger 32000;
        Calling    CANCEL     -> Calling    Retransmit 400; Timeout 31900;
        Calling    Retransmit -> Calling    send INVITE; Retransmit 1000; Timeout 31900;
        Calling    Timeout    -> over       failed Timeout;
        Calling    Linger     -> Calling    Retransmit 400; Timeout 31900;

        Proceeding 180        -> Proceeding response 180 INVITE;
        Proceeding 200        -> Accepted   response 200 INVITE; Linger 32000;
        Proceeding 486        -> Completed  send ACK; response 486 INVITE; Linger 32000;
        Proceeding CANCEL     -> Cancelling Timeout 32000;
        Proceeding Retransmit -> Proceeding
        Proceeding Timeout    -> Proceeding
        Proceeding Linger     -> Proceeding

        Cancelling 180        -> Cancelling response 180 INVITE; Timeout 31900;
        Cancelling 200        -> Accepted   response 200 INVITE; Linger 32000;
        Cancelling 486        -> Completed  send ACK; response 486 INVITE; Linger 32000;
        Cancelling CANCEL     -> Cancelling Timeout 31900;
        Cancelling Retransmit -> Cancelling Timeout 31900;
        Cancelling Timeout    -> over       failed Timeout;
        Cancelling Linger     -> Cancelling Timeout 31900;

        Completed  180        -> Completed  Linger 31900;
        Completed  200        -> Completed  stray; Linger 31900;
        Completed  486        -> Completed  send ACK; Linger 31900;
        Completed  CANCEL     -> Completed  Linger 31900;
        Completed  Retransmit -> Completed  Linger 31900;
        Completed  Timeout    -> Completed  Linger 31900;
        Completed  Linger     -> over

        Accepted   180        -> Accepted   Linger 31900;
        Accepted   200        -> Accepted   response 200 INVITE; Linger 31900;
        Accepted   486        -> Accepted   Linger 31900;
        Accepted   CANCEL     -> Accepted   Linger 31900;
        Accepted   Retransmit -> Accepted   Linger 31900;
        Accepted   Timeout    -> Accepted   Linger 31900;
        Accepted   Linger     -> over
        ",
    );
}

#[test]
fn request_client_transaction() {
    fn with(codes: &[u16], link: &mut Link<'_, ClientKey>) -> RequestClient {
        let mut machine = RequestClient::start(invite().raw().clone(), link);
        codes.iter().for_each(|code| machine.on_response(address(2), response(*code), link));
        machine
    }
    let table = Table {
        key: CLIENT,
        states: vec![|link| with(&[], link), |link| with(&[100], link), |link| with(&[200], link)],
        events: vec!["100", "200", "500", "Retransmit", "Timeout", "Linger"],
        name: RequestClient::name,
        apply: |machine, event, link| {
            if let Some(alarm) = alarm(event) {
                return machine.on_alarm(alarm, link);
            }
            machine.on_response(address(2), response(status(event)), link);
            Life::Goes
        },
    };
    assert_table(
        &table.rows(),
        "
        Trying     100        -> Proceeding response 100 INVITE; Retransmit 400; Timeout 31900;
        Trying     200        -> Completed  response 200 INVITE; Linger 5000;
        Trying     500        -> Completed  response 500 INVITE; Linger 5000;
        Trying     Retransmit -> Trying     send INVITE; Retransmit 1000; Timeout 31900;
        Trying     Timeout    -> over       failed Timeout;
        Trying     Linger     -> Trying     Retransmit 400; Timeout 31900;

        Proceeding 100        -> Proceeding response 100 INVITE; Retransmit 400; Timeout 31900;
        Proceeding 200        -> Completed  response 200 INVITE; Linger 5000;
        Proceeding 500        -> Completed  response 500 INVITE; Linger 5000;
        Proceeding Retransmit -> Proceeding send INVITE; Retransmit 4000; Timeout 31900;
        Proceeding Timeout    -> over       failed Timeout;
        Proceeding Linger     -> Proceeding Retransmit 400; Timeout 31900;

        Completed  100        -> Completed  Linger 4900;
        Completed  200        -> Completed  Linger 4900;
        Completed  500        -> Completed  Linger 4900;
        Completed  Retransmit -> Completed  Linger 4900;
        Completed  Timeout    -> Completed  Linger 4900;
        Completed  Linger     -> over
        ",
    );
}

#[test]
fn invite_server_transaction() {
    fn with(codes: &[u16], link: &mut Link<'_, ServerKey>) -> InviteServer {
        let mut machine = InviteServer::new(payload(100));
        codes.iter().for_each(|code| machine.respond(*code, payload(*code), link));
        machine
    }
    let table = Table {
        key: SERVER,
        states: vec![
            |link| with(&[], link),
            |link| with(&[486], link),
            |link| {
                let mut machine = with(&[486], link);
                machine.on_ack(address(2), invite(), link);
                machine
            },
            |link| with(&[200], link),
        ],
        events: vec!["INVITE", "ACK", "180", "200", "486", "Retransmit", "Timeout", "Linger"],
        name: InviteServer::name,
        apply: |machine, event, link| {
            if let Some(alarm) = alarm(event) {
                return machine.on_alarm(alarm, link);
            }
            match event {
                "INVITE" => machine.on_request(link),
                "ACK" => machine.on_ack(address(2), invite(), link),
                code => machine.respond(status(code), payload(status(code)), link),
            }
            Life::Goes
        },
    };
    assert_table(
        &table.rows(),
        "
        Proceeding INVITE     -> Proceeding send 100 INVITE;
        Proceeding ACK        -> Proceeding
        Proceeding 180        -> Proceeding send 180 INVITE;
        Proceeding 200        -> Accepted   send 200 INVITE; Linger 32000;
        Proceeding 486        -> Completed  send 486 INVITE; Retransmit 500; Timeout 32000;
        Proceeding Retransmit -> Proceeding
        Proceeding Timeout    -> Proceeding
        Proceeding Linger     -> Proceeding

        Completed  INVITE     -> Completed  send 486 INVITE; Retransmit 400; Timeout 31900;
        Completed  ACK        -> Confirmed  Linger 5000;
        Completed  180        -> Completed  Retransmit 400; Timeout 31900;
        Completed  200        -> Completed  Retransmit 400; Timeout 31900;
        Completed  486        -> Completed  Retransmit 400; Timeout 31900;
        Completed  Retransmit -> Completed  send 486 INVITE; Retransmit 1000; Timeout 31900;
        Completed  Timeout    -> over       unacknowledged;
        Completed  Linger     -> Completed  Retransmit 400; Timeout 31900;

        Confirmed  INVITE     -> Confirmed  Linger 4900;
        Confirmed  ACK        -> Confirmed  Linger 4900;
        Confirmed  180        -> Confirmed  Linger 4900;
        Confirmed  200        -> Confirmed  Linger 4900;
        Confirmed  486        -> Confirmed  Linger 4900;
        Confirmed  Retransmit -> Confirmed  Linger 4900;
        Confirmed  Timeout    -> Confirmed  Linger 4900;
        Confirmed  Linger     -> over

        Accepted   INVITE     -> Accepted   Linger 31900;
        Accepted   ACK        -> Accepted   ack; Linger 31900;
        Accepted   180        -> Accepted   Linger 31900;
        Accepted   200        -> Accepted   send 200 INVITE; Linger 31900;
        Accepted   486        -> Accepted   Linger 31900;
        Accepted   Retransmit -> Accepted   Linger 31900;
        Accepted   Timeout    -> Accepted   Linger 31900;
        Accepted   Linger     -> over
        ",
    );
}

#[test]
fn request_server_transaction() {
    fn with(codes: &[u16], link: &mut Link<'_, ServerKey>) -> RequestServer {
        let mut machine = RequestServer::Trying;
        codes.iter().for_each(|code| machine.respond(*code, payload(*code), link));
        machine
    }
    let table = Table {
        key: SERVER,
        states: vec![|link| with(&[], link), |link| with(&[183], link), |link| with(&[200], link)],
        events: vec!["request", "183", "200", "500", "Retransmit", "Timeout", "Linger"],
        name: RequestServer::name,
        apply: |machine, event, link| {
            if let Some(alarm) = alarm(event) {
                return machine.on_alarm(alarm);
            }
            match event {
                "request" => machine.on_request(link),
                code => machine.respond(status(code), payload(status(code)), link),
            }
            Life::Goes
        },
    };
    assert_table(
        &table.rows(),
        "
        Trying     request    -> Trying
        Trying     183        -> Proceeding send 183 INVITE;
        Trying     200        -> Completed  send 200 INVITE; Linger 32000;
        Trying     500        -> Completed  send 500 INVITE; Linger 32000;
        Trying     Retransmit -> Trying
        Trying     Timeout    -> Trying
        Trying     Linger     -> Trying

        Proceeding request    -> Proceeding send 183 INVITE;
        Proceeding 183        -> Proceeding send 183 INVITE;
        Proceeding 200        -> Completed  send 200 INVITE; Linger 32000;
        Proceeding 500        -> Completed  send 500 INVITE; Linger 32000;
        Proceeding Retransmit -> Proceeding
        Proceeding Timeout    -> Proceeding
        Proceeding Linger     -> Proceeding

        Completed  request    -> Completed  send 200 INVITE; Linger 31900;
        Completed  183        -> Completed  Linger 31900;
        Completed  200        -> Completed  Linger 31900;
        Completed  500        -> Completed  Linger 31900;
        Completed  Retransmit -> Completed  Linger 31900;
        Completed  Timeout    -> Completed  Linger 31900;
        Completed  Linger     -> over
        ",
    );
}
