//! A node in parts: what happens while letters are on their way, and when there are no slots for them.

use super::*;
use crate::base::ShardId;
use crate::base::limits::CALL_LETTERS_MAX;
use crate::call::{EndCause, Event};
use crate::node::{Door, Down, Parts, Ticket, Up};

#[test]
fn wrong_pins_count_in_all_shards_together() {
    let codes = "[feature_codes]\npeers = [\"trunk\"]\nlogout = \"*46\"\npins = { 1001 = \"4711\" }\n";
    let mut apart = Apart::new(&(config(1, "") + codes));
    let typed = |apart: &mut Apart, shard: usize, pin: &str| {
        let now = apart.now;
        let agent = apart.parts.shards[shard].agent_who_typed(now, "1001", pin);
        apart.collect();
        apart.carry();
        agent.is_some()
    };
    for turn in 0..4 {
        assert!(!typed(&mut apart, turn % 2, "0000"));
    }
    assert!(typed(&mut apart, 1, "4711"), "four are forgiven");
    for turn in 0..5 {
        assert!(!typed(&mut apart, turn % 2, "0000"));
    }
    assert!(!typed(&mut apart, 0, "4711") && !typed(&mut apart, 1, "4711"), "locked in both");
    apart.now += Duration::from_secs(300);
    assert!(typed(&mut apart, 1, "4711"));
}

/// Two shards and the hub; letters go when the test says.
pub(super) struct Apart {
    pub(super) parts: Parts,
    pub(super) now: Instant,
    pub(super) up: VecDeque<(ShardId, Up)>,
    pub(super) down: VecDeque<(ShardId, Down)>,
    taken: [u64; 2],
    sent: Vec<Message>,
    pub(super) facts: Vec<Fact>,
}

impl Apart {
    pub(super) fn new(text: &str) -> Self {
        let lease = |n| Lease { port: PortId(n), address: SocketAddr::new(address(OURS).ip(), 20_000 + 2 * n as u16) };
        let setup = Setup {
            config: read(text),
            resolved: Resolved::default(),
            seed: [7; 32],
            sip_address: address(OURS),
            leases: (0..100).map(lease).collect(),
            other: None,
        };
        let parts = Parts::new(Instant::ZERO, &setup, &[address(OURS), address("192.0.2.2:5061")]);
        let (up, down) = (VecDeque::new(), VecDeque::new());
        Self { parts, now: Instant::ZERO, up, down, taken: [0; 2], sent: Vec::new(), facts: Vec::new() }
    }

    /// A datagram reaches the shard that it belongs to; its letters wait.
    pub(super) fn take(&mut self, source: &str, payload: Bytes) -> usize {
        let owner = self.parts.router.owner(&payload).expect("it belongs to a shard");
        let shard = usize::from(owner.0);
        self.parts.shards[shard].handle_datagram(self.now, Door::Own, address(source), payload);
        self.collect();
        shard
    }

    pub(super) fn collect(&mut self) {
        for shard in [0, 1] {
            let part = &mut self.parts.shards[shard];
            while let Some(up) = part.poll_up(self.now) {
                self.up.push_back((ShardId(shard as u8), up));
            }
            while let Some(transmit) = part.poll_transmit() {
                self.sent.push(Message::parse(transmit.payload).unwrap());
            }
            while part.poll_media().is_some() {}
            part.check().unwrap();
        }
        while let Some(letter) = self.parts.hub.poll_down() {
            self.down.push_back(letter);
        }
        while let Some(stamped) = self.parts.hub.poll_fact() {
            self.facts.push(stamped.fact);
        }
        self.parts.hub.check().unwrap();
    }

    pub(super) fn carry_up(&mut self) {
        while let Some((shard, up)) = self.up.pop_front() {
            let index = usize::from(shard.0);
            self.parts.hub.handle_up(shard, up);
            self.taken[index] += 1;
            self.parts.shards[index].handle_taken(self.taken[index]);
            self.collect();
        }
    }

    pub(super) fn carry_down(&mut self) {
        while let Some((shard, down)) = self.down.pop_front() {
            self.parts.shards[usize::from(shard.0)].handle_down(self.now, down);
            self.collect();
        }
    }

    /// Until nothing is on its way; then all agree.
    pub(super) fn carry(&mut self) {
        while !self.up.is_empty() || !self.down.is_empty() {
            self.carry_up();
            self.carry_down();
        }
        for shard in &self.parts.shards {
            shard.check_beside(&self.parts.hub).unwrap();
        }
    }

    pub(super) fn request(&mut self, method: &str, call: u32, to_tag: &str) -> usize {
        let kind = if method == "INVITE" { "Content-Type: application/sdp\r\n" } else { "" };
        let text = format!(
            "{method} sip:800@{OURS} SIP/2.0\r\nVia: SIP/2.0/UDP {TRUNK};branch=z9hG4bK{call}{}\r\nMax-Forwards: 70\r\n\
             From: <sip:ann@{TRUNK}>;tag=t\r\nTo: <sip:800@{OURS}>{to_tag}\r\nCall-ID: call-{call}\r\n\
             CSeq: {} {method}\r\nContact: <sip:ann@{TRUNK}>\r\n{kind}\r\n",
            if method == "CANCEL" { "INVITE" } else { method },
            if method == "BYE" { 2 } else { 1 },
        );
        let body = if method == "INVITE" { OFFER } else { "" };
        self.take(TRUNK, (text + body).into())
    }

    /// The last response to this call's INVITE.
    pub(super) fn answer(&self, call: u32) -> Option<&Message> {
        let id = format!("call-{call}");
        let is_it = |message: &&Message| {
            !message.is_request() && message.method() == Method::Invite && message.call_id() == Some(id.as_bytes())
        };
        self.sent.iter().rev().find(is_it)
    }

    pub(super) fn status(&self, call: u32) -> u16 {
        self.answer(call).map_or(0, Message::status)
    }

    pub(super) fn last_sent(&self, method: Method) -> Option<&Message> {
        self.sent.iter().rev().find(|message| message.is_request() && message.method() == method)
    }

    /// An agent answers its call.
    pub(super) fn agent_answers(&mut self) {
        let invite = self.last_sent(Method::Invite).expect("an agent is rung").clone();
        let mut writer = respond(&invite, address(OURS), 200, None, b"agent");
        writer.line_fmt(Name::Contact, format_args!("<sip:agent@{PBX}>"));
        self.take(PBX, body(writer, ANSWER));
    }

    /// A call whose agent answers when the hub has just let the ring time out.
    pub(super) fn answered_too_late(&mut self) {
        self.request("INVITE", 1, "");
        self.carry();
        self.now += Duration::from_secs(5);
        self.parts.hub.handle_timeout(self.now);
        self.collect();
        self.agent_answers();
        assert!(!self.down.is_empty() && !self.up.is_empty(), "both have written");
    }

    pub(super) fn waiting(&self) -> usize {
        self.parts.hub.engine.waiting(crate::base::QueueId(0))
    }
}

const RINGS_SHORTLY: &str = "ring_timeout = \"5s\"";

#[test]
fn an_answer_that_comes_after_the_engine_gave_up_is_undone_and_the_caller_waits_on() {
    let mut apart = Apart::new(&config(1, RINGS_SHORTLY));
    apart.answered_too_late();
    apart.carry();
    assert!(apart.last_sent(Method::Bye).is_some(), "the agent's leg ends");
    assert_eq!((apart.waiting(), apart.parts.hub.repairs()), (1, 0));
    assert!(!apart.facts.iter().any(|fact| matches!(fact, Fact::Answered { .. })));
    let tag = String::from_utf8_lossy(apart.answer(1).unwrap().to_tag().unwrap()).into_owned();
    apart.request("BYE", 1, &format!(";tag={tag}"));
    apart.carry();
    assert_eq!(apart.waiting(), 0);
    assert!(apart.facts.iter().any(|fact| matches!(fact, Fact::Abandoned { .. })));
}

#[test]
fn a_caller_who_leaves_before_the_shard_hears_of_it_leaves_nothing_behind() {
    let mut apart = Apart::new(&config(1, RINGS_SHORTLY));
    apart.answered_too_late();
    let tag = String::from_utf8_lossy(apart.answer(1).unwrap().to_tag().unwrap()).into_owned();
    apart.request("BYE", 1, &format!(";tag={tag}"));
    apart.carry();
    assert_eq!((apart.waiting(), apart.parts.shards.iter().map(crate::node::Shard::live_calls).sum::<usize>()), (0, 0));
    let freed = apart.parts.hub.engine.agent(crate::base::AgentId(0)).expect("the agent");
    assert_eq!(freed.call, None);
}

#[test]
fn an_agent_whose_caller_is_gone_when_the_offer_comes_is_not_rung() {
    let mut apart = Apart::new(&config(1, ""));
    apart.request("INVITE", 1, "");
    apart.carry_up();
    assert_eq!(apart.down.len(), 2, "joined and offered");
    apart.request("CANCEL", 1, "");
    apart.carry();
    assert!(apart.last_sent(Method::Invite).is_none(), "nobody is rung");
    assert_eq!((apart.status(1), apart.waiting()), (487, 0));
    apart.request("INVITE", 2, "");
    apart.carry();
    assert!(apart.last_sent(Method::Invite).is_some(), "the agent is free for the next");
}

#[test]
fn an_agents_leg_that_ends_by_itself_while_it_is_given_up_frees_the_agent_at_once() {
    let mut apart = Apart::new(&config(1, ""));
    let shard = apart.request("INVITE", 1, "");
    apart.carry();
    let leg = apart.parts.shards[shard].contacts.iter().next().and_then(|contact| contact.agents().next());
    let leg = leg.expect("an agent is rung").leg;
    let tag = String::from_utf8_lossy(apart.answer(1).unwrap().to_tag().unwrap()).into_owned();
    apart.request("BYE", 1, &format!(";tag={tag}"));
    apart.carry();
    let freed = |apart: &Apart| {
        let status = apart.parts.hub.engine.agent(crate::base::AgentId(0)).expect("the agent");
        status.call.is_none() && apart.parts.shards[shard].releasing.is_empty()
    };
    assert!(!freed(&apart), "its leg is being given up");
    let ended = Event::Ended { leg, cause: EndCause::Bye };
    apart.parts.shards[shard].on_leg_event(apart.now, ended);
    apart.collect();
    apart.carry();
    assert!(freed(&apart), "it need not wait for the reservation's deadline");
    assert_eq!(apart.parts.hub.repairs(), 0);
}

#[test]
fn without_slots_for_its_letters_a_call_gets_503_and_without_one_for_that_it_is_not_heard() {
    let mut apart = Apart::new(&config(0, ""));
    for shard in &mut apart.parts.shards {
        shard.slots_max = 2 * CALL_LETTERS_MAX + 4;
    }
    let owner = |apart: &mut Apart, call| apart.request("INVITE", call, "");
    let of_first: Vec<u32> = (1..40).filter(|call| owner(&mut apart, *call) == 0).take(8).collect();
    let statuses: Vec<u16> = of_first.iter().map(|call| apart.status(*call)).collect();
    assert_eq!(statuses, [100, 100, 503, 503, 0, 0, 0, 0], "two fit, two are refused, the rest repeat themselves");
    assert!(apart.answer(of_first[2]).unwrap().value(Name::RetryAfter).is_some());
    apart.request("CANCEL", of_first[0], "");
    assert_eq!(apart.status(of_first[0]), 487, "what is admitted has its slots");
    apart.carry();
    let refused = |fact: &&Fact| matches!(fact, Fact::Refused { cause: crate::acd::Refusal::Overload, .. });
    assert!(apart.facts.iter().filter(refused).count() >= 2, "no letter is lost");
    apart.request("INVITE", of_first[4], "");
    apart.carry();
    assert_eq!(apart.status(of_first[4]), 200, "there is room again");
}

#[test]
fn a_listing_pages_through_all_shards_and_a_reload_reaches_them_before_what_it_adds() {
    let mut apart = Apart::new(&config(0, ""));
    for call in 1..=7 {
        apart.request("INVITE", call, "");
    }
    apart.carry();
    let mut seen = Vec::new();
    for offset in [0, 3, 6, 9] {
        apart.parts.hub.handle_control(apart.now, Ticket(9), Control::Calls { offset, limit: 3 });
        apart.collect();
        apart.carry();
        let Some((Ticket(9), Reply::Calls { rows, total: 7 })) = apart.parts.hub.poll_reply() else { panic!("rows") };
        assert!(rows.iter().all(|row| row.position.is_some()));
        seen.extend(rows.into_iter().map(|row| row.id));
    }
    assert_eq!(seen.len(), 7);
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 7);
    apart.parts.hub.handle_reload(apart.now, read(&config(1, "")), &Resolved::default());
    apart.collect();
    apart.carry();
    assert!(apart.last_sent(Method::Invite).is_some(), "the new agent is rung by a shard that knows it");
}
