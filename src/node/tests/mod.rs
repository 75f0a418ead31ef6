//! Tests of the node as a whole, with a trunk and a PBX written by hand: who is told what, in which words.

mod absence;
mod addresses;
mod audio;
mod broken;
mod carried;
mod census;
mod codecs;
mod credentials;
mod dimensions;
mod families;
mod fax;
mod letters;
mod names;
mod office;
mod register;
mod several;
mod srtp;
mod supervise;
mod supervisor;
mod tls;
mod trace;
mod transfer;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::acd::{Fact, strategy};
use crate::base::{CallId, Instant, StreamId};
use crate::config::{Config, parse};
use crate::media::{self, Lease, PortId};
use crate::node::message::{Resolved, Setup};
use crate::node::{Control, Node, Reply};
use crate::sip::message::Message;
use crate::sip::name::{Method, Name};
use crate::sip::write::{Writer, respond};

const TRUNK: &str = "192.0.2.1:5060";
const PBX: &str = "192.0.2.3:5060";
const OURS: &str = "192.0.2.2:5060";

/// A caller's offer.
const OFFER: &str =
    "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8\r\n";
/// An agent's answer.
const ANSWER: &str =
    "v=0\r\no=- 2 1 IN IP4 192.0.2.3\r\ns=-\r\nc=IN IP4 192.0.2.3\r\nt=0 0\r\nm=audio 5000 RTP/AVP 0\r\n";

/// A configuration with `[queues.q]` of number 800 and so many agents behind the PBX.
fn config(agents: u32, queue: &str) -> String {
    let agents: String = (0..agents).map(|n| format!("[agents.\"{}\"]\npeer = \"pbx\"\n", 1001 + n)).collect();
    format!(
        "[sip]\nlisten = \"{OURS}\"\n[http]\nlisten = \"127.0.0.1:8080\"\n\
         [peers.trunk]\naddress = \"{TRUNK}\"\nqualify = \"0s\"\n\
         [peers.pbx]\naddress = \"{PBX}\"\nqualify = \"0s\"\ninbound = false\n\
         [queues.q]\nnumbers = [\"800\"]\nwrap_up = \"0s\"\n{queue}\n{agents}"
    )
}

fn read(text: &str) -> Arc<Config> {
    Arc::new(
        parse(text, "test.toml", &strategy::names().collect::<Vec<_>>()).unwrap_or_else(|errors| panic!("{errors:?}")),
    )
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// The node and what it has sent.
struct World {
    node: Node,
    now: Instant,
    sent: VecDeque<(SocketAddr, Message)>,
    facts: Vec<Fact>,
    /// The streams in which a fax is sought.
    seeks_fax: Vec<StreamId>,
    /// What the media worker was told.
    media: Vec<media::Command>,
    serial: u32,
}

/// A caller: its INVITE, and the last response that came.
struct Caller {
    serial: u32,
    answer: Option<Message>,
}

impl World {
    fn new(text: &str, ports: u32) -> Self {
        Self::hearing(text, ports, Resolved::default())
    }

    /// With audio that its callers hear.
    fn hearing(text: &str, ports: u32, resolved: Resolved) -> Self {
        let leases = (0..ports)
            .map(|n| Lease { port: PortId(n), address: SocketAddr::new(address(OURS).ip(), 20_000 + 2 * n as u16) });
        let setup = Setup {
            config: read(text),
            resolved,
            seed: [7; 32],
            sip_address: address(OURS),
            leases: leases.collect(),
            other: None,
        };
        let node = Node::new(Instant::ZERO, setup);
        let (sent, facts, seeks_fax) = (VecDeque::new(), Vec::new(), Vec::new());
        let mut world = Self { node, now: Instant::ZERO, sent, facts, seeks_fax, media: Vec::new(), serial: 0 };
        world.settle();
        world
    }

    fn settle(&mut self) {
        while let Some(transmit) = self.node.poll_transmit() {
            self.sent.push_back((transmit.destination, Message::parse(transmit.payload).unwrap()));
        }
        while let Some(command) = self.node.poll_media() {
            if let media::Command::Fax { stream } = command {
                self.seeks_fax.push(stream);
            }
            self.media.push(command);
        }
        while let Some(stamped) = self.node.poll_fact() {
            self.facts.push(stamped.fact);
        }
        self.node.check().unwrap();
    }

    fn take(&mut self, source: &str, payload: impl Into<Bytes>) {
        self.node.handle_datagram(self.now, address(source), payload.into());
        self.settle();
    }

    fn pass(&mut self, by: Duration) {
        let end = self.now + by;
        while let Some(next) = self.node.poll_timeout().filter(|next| *next <= end) {
            self.now = next.max(self.now);
            self.node.handle_timeout(self.now);
            self.settle();
        }
        self.now = end;
    }

    /// A call from the trunk; `lines` are more header lines.
    fn call(&mut self, lines: &str, offer: &str) -> Caller {
        self.call_to("800", lines, offer)
    }

    fn call_to(&mut self, number: &str, lines: &str, offer: &str) -> Caller {
        self.serial += 1;
        let caller = Caller { serial: self.serial, answer: None };
        let from = if lines.contains("From:") { "" } else { "From: \"Ann\" <sip:+4930@192.0.2.1>;tag=t\n" };
        let lines = format!("{from}Contact: <sip:ann@192.0.2.1>\n{lines}");
        self.trunk(&caller, "INVITE", 1, number, "", &lines, offer);
        self.heard(caller)
    }

    /// Notes the last response to this caller's INVITE.
    fn heard(&self, caller: Caller) -> Caller {
        let id = format!("call-{}", caller.serial);
        let is_it = |message: &Message| {
            !message.is_request() && message.method() == Method::Invite && message.call_id() == Some(id.as_bytes())
        };
        let last = self.sent.iter().rev().map(|(_, message)| message).find(|message| is_it(message)).cloned();
        Caller { answer: last.or(caller.answer), ..caller }
    }

    fn within(&mut self, caller: &Caller, method: &str, number: u32, body: &str) {
        let answer = caller.answer.as_ref().expect("a response came");
        let tag = String::from_utf8_lossy(answer.to_tag().unwrap_or_default()).into_owned();
        let lines = "From: \"Ann\" <sip:+4930@192.0.2.1>;tag=t\nContact: <sip:ann@192.0.2.1>\n";
        self.trunk(caller, method, number, "strowger", &format!(";tag={tag}"), lines, body);
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one message, written in one place")]
    fn trunk(&mut self, caller: &Caller, method: &str, number: u32, user: &str, tag: &str, lines: &str, body: &str) {
        let serial = caller.serial;
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\n" };
        let head = format!(
            "{method} sip:{user}@{OURS} SIP/2.0\nVia: SIP/2.0/UDP {TRUNK};branch=z9hG4bK{serial}{method}{number}\n\
             Max-Forwards: 70\nTo: <sip:{user}@{OURS}>{tag}\nCall-ID: call-{serial}\nCSeq: {number} {method}\n\
             {lines}{kind}Content-Length: {}\n\n",
            body.len()
        );
        self.take(TRUNK, head.replace('\n', "\r\n") + body);
    }

    /// The INVITE that rings an agent, the oldest not yet seen.
    fn offer(&mut self) -> Option<Message> {
        self.sent_to(PBX, Method::Invite)
    }

    fn sent_to(&mut self, to: &str, method: Method) -> Option<Message> {
        let is_it = |(destination, message): &(SocketAddr, Message)| {
            *destination == address(to) && message.is_request() && message.method() == method
        };
        let index = self.sent.iter().position(is_it)?;
        self.sent.remove(index).map(|(_, message)| message)
    }

    fn agent(&mut self, invite: &Message, status: u16, sdp: &str) {
        let mut writer = respond(invite, address(OURS), status, None, b"agent");
        writer.line_fmt(Name::Contact, format_args!("<sip:agent@{PBX}>"));
        let payload = body(writer, sdp);
        self.take(PBX, payload);
    }

    /// Answers a request of ours with 200.
    fn ok(&mut self, from: &str, request: &Message) {
        let payload = respond(request, address(OURS), 200, None, b"x").finish();
        self.take(from, payload);
    }

    /// A call that talks with an agent.
    fn talk(&mut self) -> (Caller, Message) {
        self.talk_with("")
    }

    /// The same, where the INVITE has these headers.
    fn talk_with(&mut self, headers: &str) -> (Caller, Message) {
        let caller = self.call(headers, OFFER);
        let invite = self.offer().expect("an agent is rung");
        self.agent(&invite, 180, "");
        self.agent(&invite, 200, ANSWER);
        let caller = self.heard(caller);
        assert_eq!(caller.status(), 200);
        self.within(&caller, "ACK", 1, "");
        (caller, invite)
    }

    fn calls(&mut self) -> Vec<(CallId, &'static str)> {
        let Reply::Calls { rows, .. } = self.control(Control::Calls { offset: 0, limit: 100 }) else { panic!("rows") };
        rows.iter().map(|row| (CallId(row.id[1..].parse().unwrap()), row.state)).collect()
    }

    fn control(&mut self, control: Control) -> Reply {
        let reply = self.node.handle_control(self.now, control);
        self.settle();
        reply
    }

    fn reload(&mut self, text: &str) {
        self.node.handle_reload(self.now, read(text), Resolved::default());
        self.settle();
    }

    /// Everybody else is silent from now on; nothing is left in the end.
    fn ends_clean(mut self) {
        self.pass(Duration::from_secs(200));
        assert_eq!((self.node.live_calls(), self.node.live_dialogs(), self.node.repairs()), (0, (0, 0), 0));
    }
}

impl Caller {
    fn status(&self) -> u16 {
        self.answer.as_ref().map_or(0, Message::status)
    }

    fn sdp(&self) -> String {
        self.answer.as_ref().map_or_else(String::new, |answer| String::from_utf8_lossy(answer.body()).into_owned())
    }
}

fn body(writer: Writer, sdp: &str) -> Bytes {
    if sdp.is_empty() { writer.finish() } else { writer.finish_body("application/sdp", sdp.as_bytes()) }
}
