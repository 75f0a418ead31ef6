//! What comes from outside in a flood: calls that are refused or turned away in silence, strangers' calls, and beside them a
//! known neighbour's smallest message. Each goes the way from the datagram to what is sent.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use strowger::base::Instant;
use strowger::base::limits::GATE_CALLS_MAX;
use strowger::node::gate::{Gate, Next, REFUSALS_PER_SECOND};
use strowger::node::{Door, Node};

use super::node::{AGENTS, drain, node, trunk};
use super::sip::{INVITE, Template};

const OPTIONS: &str = "OPTIONS sip:192.0.2.2:5060 SIP/2.0\r\n\
    Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-@@@@@@@@-o;rport\r\n\
    Max-Forwards: 70\r\n\
    From: <sip:192.0.2.1>;tag=@@@@@@@@\r\n\
    To: <sip:192.0.2.2:5060>\r\n\
    Call-ID: @@@@@@@@-7c5f0e1a@192.0.2.1\r\n\
    CSeq: 1 OPTIONS\r\n\
    Contact: <sip:192.0.2.1:5060>\r\n\
    Content-Length: 0\r\n\r\n";

/// Time between the datagrams of a flood: 100,000 a second.
const FLOOD: Duration = Duration::from_micros(10);
/// One stranger's calls are looked at so often at most.
const LOOKED_AT: Duration = Duration::from_millis(20);

/// A neighbour asks whether we live: 200.
pub(crate) fn peer_options() -> impl FnMut() {
    offer(trunk(), OPTIONS, Duration::from_millis(100))
}

/// A stranger's call, one of 100,000 a second, of which 50 are looked at.
pub(crate) fn stranger_flood() -> impl FnMut() {
    offer(SocketAddr::from(([198, 51, 100, 1], 5060)), INVITE, FLOOD)
}

/// A stranger's call that is looked at.
pub(crate) fn stranger_call() -> impl FnMut() {
    offer(SocketAddr::from(([198, 51, 100, 1], 5060)), INVITE, LOOKED_AT)
}

/// A message from a source through gate and node, again and again after so much time.
fn offer(source: SocketAddr, text: &str, every: Duration) -> impl FnMut() + use<> {
    let (mut node, template) = (node(AGENTS), Template::new(text));
    let (mut now, mut number) = (Instant::ZERO, 0);
    let mut gate = Gate::new(now);
    move || {
        now += every;
        number += 1;
        node.handle_timeout(now);
        gate.push(now, source, template.fill(number), |source| node.sender(source));
        while let Some(next) = gate.pop(now) {
            handle(&mut node, now, next);
        }
    }
}

fn handle(node: &mut Node, now: Instant, next: Next) {
    match next {
        Next::Handle(passed) => node.handle_datagram(now, passed.source, passed.payload),
        Next::Refuse(passed) => node.handle_refused(now, passed.door, passed.source, passed.payload),
        Next::Drop => {}
    }
    drain(node);
}

/// A call that is refused by a 503.
pub(crate) fn refused_call() -> impl FnMut() {
    let (mut node, template) = (node(AGENTS), Template::new(INVITE));
    let mut number = 0;
    move || {
        number += 1;
        node.handle_refused(Instant::ZERO, Door::Own, trunk(), template.fill(number));
        drain(&mut node);
    }
}

/// A call that is turned away in silence by a gate that is full.
pub(crate) fn silenced_call() -> impl FnMut() {
    let (node, template) = (node(AGENTS), Template::new(INVITE));
    let mut now = Instant::ZERO;
    let mut gate = Gate::new(now);
    let push = |gate: &mut Gate, now, invite: Bytes| gate.push(now, trunk(), invite, |source| node.sender(source));
    // As many as fit, and as many as are told in advance.
    let mut number = GATE_CALLS_MAX as u32 + REFUSALS_PER_SECOND / 10;
    (0..number).for_each(|number| push(&mut gate, now, template.fill(number)));
    move || {
        now += FLOOD;
        number += 1;
        gate.push(now, trunk(), template.fill(number), |source| node.sender(source));
    }
}
