//! A whole call through the node: a queue, an agent, from the caller's INVITE to the last 200, 13 messages and their facts and
//! media commands. The far ends answer by cutting lines out of what the node sent, which costs little beside the node. Also
//! calls that stay: one more that waits, one more that talks.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use memchr::memchr;
use strowger::acd::strategy;
use strowger::base::{Instant, WallTime};
use strowger::config::parse;
use strowger::media::{Lease, PortId};
use strowger::node::figures::figures;
use strowger::node::{Node, Resolved, Setup};
use strowger::stats::Live;

use super::Meter;
use super::sip::{INVITE, OK, Template, digits};

pub(super) const AGENTS: u32 = 100;
/// As many as talk at once in the case that only grows.
const AGENTS_TALKING: u32 = 4_000;
/// Two for each call that talks.
const PORTS: u32 = 8_100;

/// Ten calls a second of the node's time, so that some 320 older transactions linger.
const SELDOM: Duration = Duration::from_millis(100);
/// A thousand calls a second: nothing of the older ones ends meanwhile.
const OFTEN: Duration = Duration::from_millis(1);

/// One call.
pub(crate) fn call(meter: Meter) -> impl FnMut() {
    let mut centre = Centre::new(meter, AGENTS, SELDOM);
    move || centre.call()
}

/// One call, a thousand a second, while `others` wait in another queue that nobody serves.
pub(crate) fn call_beside(meter: Meter, others: u32) -> impl FnMut() {
    let mut centre = Centre::new(meter, AGENTS, OFTEN);
    centre.invite = Template::new(&INVITE.replace("sip:800@", "sip:801@"));
    (0..others).for_each(|_| centre.arrive());
    centre.drain();
    centre.invite = Template::new(INVITE);
    move || {
        let to_caller = centre.talk();
        centre.hang_up(&to_caller, others as usize);
    }
}

/// One call whose facts are folded into the live figures, of which a queue, a team and all who work are counted.
pub(crate) fn call_with_figures(meter: Meter) -> impl FnMut() {
    let mut centre = Centre::new(meter, AGENTS, SELDOM);
    let live = figures(Instant::ZERO, &centre.node.naming(), WallTime::from_micros(1_795_000_000_000_000));
    centre.live = Some(live);
    move || centre.call()
}

/// A call for which no port is left: 503, and its ACK.
pub(crate) fn call_without_room() -> impl FnMut() {
    let mut centre = Centre::of(|engine| engine(), node_with(AGENTS, 0), SELDOM);
    move || {
        centre.arrive();
        let refusal = centre.sent(b"SIP/2.0 503 ");
        centre.input(trunk(), request("ACK", 1, centre.number, &refusal));
        centre.drain();
    }
}

/// One more call waits unanswered, its caller hearing 180: the only agent talks.
pub(crate) fn wait(meter: Meter) -> impl FnMut() {
    let mut centre = Centre::new(meter, 1, OFTEN);
    centre.talk();
    move || {
        centre.arrive();
        centre.drain();
        assert_eq!(centre.node.live_calls(), centre.number as usize, "every call stays");
    }
}

/// One more call talks to an agent.
pub(crate) fn talk(meter: Meter) -> impl FnMut() {
    let mut centre = Centre::new(meter, AGENTS_TALKING, OFTEN);
    move || {
        centre.talk();
        assert_eq!(centre.node.live_calls(), centre.number as usize, "every call stays");
    }
}

/// The node and the far ends' words.
struct Centre {
    meter: Meter,
    /// Between two calls.
    distance: Duration,
    node: Node,
    now: Instant,
    number: u32,
    invite: Template,
    answer_body: &'static str,
    /// What the facts are folded into.
    live: Option<Live>,
}

pub(super) fn trunk() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 5060))
}

fn pbx() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 3], 5060))
}

fn ours() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 2], 5060))
}

/// A node with a trunk, a PBX and a queue of so many agents.
pub(super) fn node(agents: u32) -> Node {
    node_with(agents, PORTS)
}

/// The same with so many ports.
fn node_with(agents: u32, ports: u32) -> Node {
    let text = format!(
        "[sip]\nlisten = \"{}\"\n[http]\nlisten = \"127.0.0.1:8080\"\n\
         [peers.trunk]\naddress = \"{}\"\nqualify = \"0s\"\n\
         [peers.pbx]\naddress = \"{}\"\nqualify = \"0s\"\ninbound = false\n\
         [queues.w]\nnumbers = [\"801\"]\nskills = [\"none\"]\nanswer = \"on_agent\"\n\
         [queues.q]\nnumbers = [\"800\"]\nskills = [\"s\"]\nanswer = \"on_agent\"\nwrap_up = \"0s\"\n\
         [agents.\"10000-{}\"]\npeer = \"pbx\"\nskills = [\"s\"]\n",
        ours(),
        trunk(),
        pbx(),
        10_000 + agents - 1
    );
    let config = parse(&text, "bench.toml", &strategy::names().collect::<Vec<_>>()).expect("a good configuration");
    let lease = |n: u32| Lease { port: PortId(n), address: SocketAddr::new(ours().ip(), 10_000 + 2 * n as u16) };
    let setup = Setup {
        config: Arc::new(config),
        resolved: Resolved::default(),
        seed: [7; 32],
        sip_address: ours(),
        leases: (0..ports).map(lease).collect(),
        other: None,
    };
    let mut node = Node::new(Instant::ZERO, setup);
    drain(&mut node);
    node
}

/// Throws away what the node has to say.
pub(super) fn drain(node: &mut Node) {
    while node.poll_transmit().is_some() {}
    while node.poll_media().is_some() {}
    while node.poll_fact().is_some() {}
}

impl Centre {
    fn new(meter: Meter, agents: u32, distance: Duration) -> Self {
        Self::of(meter, node(agents), distance)
    }

    fn of(meter: Meter, node: Node, distance: Duration) -> Self {
        let answer_body = OK.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let invite = Template::new(INVITE);
        Self { meter, distance, node, now: Instant::ZERO, number: 0, invite, answer_body, live: None }
    }

    fn call(&mut self) {
        let to_caller = self.talk();
        self.hang_up(&to_caller, 0);
    }

    /// The caller who got this 200 hangs up; so many others wait.
    fn hang_up(&mut self, to_caller: &Bytes, others: usize) {
        self.input(trunk(), request("BYE", 2, self.number, to_caller));
        let to_agent = self.sent(b"BYE ");
        self.input(pbx(), response("200 OK", &to_agent, ""));
        self.drain();
        assert_eq!(self.node.live_calls(), others, "the call is over");
    }

    /// A caller calls.
    fn arrive(&mut self) {
        self.number += 1;
        self.now += self.distance;
        let (node, now) = (&mut self.node, self.now);
        (self.meter)(&mut || node.handle_timeout(now));
        self.drain();
        let invite = self.invite.fill(self.number);
        self.input(trunk(), invite);
    }

    /// A caller calls and an agent answers; returns the 200 that the caller got.
    fn talk(&mut self) -> Bytes {
        self.arrive();
        let to_agent = self.sent(b"INVITE ");
        self.input(pbx(), response("180 Ringing", &to_agent, ""));
        self.drain();
        self.input(pbx(), response("200 OK", &to_agent, self.answer_body));
        let to_caller = self.sent(b"SIP/2.0 200 ");
        self.input(trunk(), request("ACK", 1, self.number, &to_caller));
        self.drain();
        to_caller
    }

    /// Gives the node a datagram, under the meter.
    fn input(&mut self, source: SocketAddr, payload: Bytes) {
        let (node, now, mut payload) = (&mut self.node, self.now, Some(payload));
        (self.meter)(&mut || node.handle_datagram(now, source, payload.take().unwrap_or_default()));
    }

    fn drain(&mut self) {
        if let Some(live) = &self.live {
            while let Some(stamped) = self.node.poll_fact() {
                live.fold(&stamped);
            }
        }
        drain(&mut self.node);
    }

    /// The message that begins so, of all that the node sends now.
    fn sent(&mut self, start: &[u8]) -> Bytes {
        let mut found = None;
        while let Some(transmit) = self.node.poll_transmit() {
            if transmit.payload.starts_with(start) {
                found = Some(transmit.payload);
            }
        }
        self.drain();
        found.expect("the node sends it")
    }
}

/// A response by the agent's phone.
fn response(line: &str, request: &[u8], body: &str) -> Bytes {
    let mut out = Vec::with_capacity(1_024);
    let mut put = |part: &[u8]| out.extend_from_slice(part);
    put(b"SIP/2.0 ");
    put(line.as_bytes());
    for name in ["\r\nVia: ", "\r\nFrom: ", "\r\nTo: "] {
        put(name.as_bytes());
        put(value(request, name));
    }
    if !value(request, "\r\nTo: ").windows(5).any(|part| part == b";tag=") {
        put(b";tag=agent");
    }
    for name in ["\r\nCall-ID: ", "\r\nCSeq: "] {
        put(name.as_bytes());
        put(value(request, name));
    }
    put(b"\r\nContact: <sip:1001@192.0.2.3:5060>\r\n");
    if !body.is_empty() {
        put(b"Content-Type: application/sdp\r\n");
    }
    put(b"Content-Length: ");
    put(body.len().to_string().as_bytes());
    put(b"\r\n\r\n");
    put(body.as_bytes());
    out.into()
}

/// A request by the caller in the dialog that a 200 made.
fn request(method: &str, sequence: u8, number: u32, answer: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(1_024);
    let mut put = |part: &[u8]| out.extend_from_slice(part);
    put(method.as_bytes());
    put(b" sip:192.0.2.2:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-");
    put(&digits(number));
    put(b"-");
    put(method.as_bytes());
    put(b"\r\nMax-Forwards: 70");
    for name in ["\r\nFrom: ", "\r\nTo: ", "\r\nCall-ID: "] {
        put(name.as_bytes());
        put(value(answer, name));
    }
    put(b"\r\nCSeq: ");
    put(&[b'0' + sequence, b' ']);
    put(method.as_bytes());
    put(b"\r\nContent-Length: 0\r\n\r\n");
    out.into()
}

/// The value of a header line; `name` has the line end before it.
fn value<'a>(message: &'a [u8], name: &str) -> &'a [u8] {
    let mut rest = message;
    while let Some(at) = memchr(b'\r', rest) {
        rest = &rest[at..];
        if let Some(value) = rest.strip_prefix(name.as_bytes()) {
            return &value[..memchr(b'\r', value).unwrap_or(value.len())];
        }
        rest = &rest[1..];
    }
    b""
}
