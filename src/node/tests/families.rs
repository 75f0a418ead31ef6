//! Both address families on one node: each far end is told of us in its own, whatever the other side of its call speaks, and
//! audio has the family that its session description names.

use super::*;
use crate::node::OtherSetup;

const SIX_TRUNK: &str = "[2001:db8::1]:5060";
const SIX_PBX: &str = "[2001:db8::3]:5060";
const SIX: &str = "[2001:db8::2]:5070";
/// A host's audio.
const FOUR_OFFER: &str = "c=IN IP4 192.0.2.1";
const SIX_OFFER: &str = "c=IN IP6 2001:db8::1";

/// A node that speaks both, with a trunk and agents somewhere.
struct Both {
    node: Node,
    sent: Vec<(SocketAddr, Message)>,
}

impl Both {
    fn new(trunk: &str, pbx: &str) -> Self {
        Self::at((address(OURS), address(SIX)), trunk, pbx, "")
    }

    /// The world sees it at these addresses.
    fn at((sip_address, six): (SocketAddr, SocketAddr), trunk: &str, pbx: &str, more: &str) -> Self {
        let listen = format!("listen = [\"{OURS}\", \"{SIX}\"]\n{more}");
        let text = config(1, "").replace(&format!("listen = \"{OURS}\""), &listen);
        let text = text.replace(TRUNK, trunk).replace(PBX, pbx);
        let lease = |n| Lease { port: PortId(n), address: SocketAddr::new(sip_address.ip(), 20_000 + 2 * n as u16) };
        let other = Some(OtherSetup { sip_addresses: vec![six], rtp: six.ip() });
        let (resolved, leases) = (Resolved::default(), (0..100).map(lease).collect());
        let setup = Setup { config: read(&text), resolved, seed: [7; 32], sip_address, leases, other };
        Self { node: Node::new(Instant::ZERO, setup), sent: Vec::new() }
    }

    fn take(&mut self, source: &str, payload: impl Into<Bytes>) {
        self.node.handle_datagram(Instant::ZERO, address(source), payload.into());
        while let Some(transmit) = self.node.poll_transmit() {
            self.sent.push((transmit.destination, Message::parse(transmit.payload).unwrap()));
        }
        self.node.check().unwrap();
    }

    /// The trunk sends this in its only call.
    fn trunk(&mut self, trunk: &str, method: &str, number: u32, tag: &str, body: &str) {
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\n" };
        let head = format!(
            "{method} sip:800@acd SIP/2.0\nVia: SIP/2.0/UDP {trunk};rport;branch=z9hG4bK{method}{number}\nMax-Forwards: 70\n\
             To: <sip:800@acd>{tag}\nFrom: <sip:1@{trunk}>;tag=t\nCall-ID: dual\nCSeq: {number} {method}\n\
             Contact: <sip:1@{trunk}>\n{kind}Content-Length: {}\n\n",
            body.len()
        );
        self.take(trunk, head.replace('\n', "\r\n") + body);
    }

    /// The last that went there with this status; 0 for a request.
    fn last(&self, to: &str, status: u16) -> Message {
        let is_it = |(destination, message): &&(SocketAddr, Message)| {
            *destination == address(to) && if message.is_request() { 0 } else { message.status() } == status
        };
        self.sent
            .iter()
            .rev()
            .find(is_it)
            .map(|(_, message)| message.clone())
            .unwrap_or_else(|| panic!("{status} to {to}"))
    }

    /// The agent answers with this.
    fn answer(&mut self, pbx: &str, sdp: &str) {
        let invite = self.last(pbx, 0);
        for (status, sdp) in [(180, ""), (200, sdp)] {
            let mut writer = respond(&invite, address(SIX), status, None, b"agent");
            writer.line_fmt(Name::Contact, format_args!("<sip:agent@{pbx}>"));
            self.take(pbx, body(writer, sdp));
        }
    }
}

fn sdp(connection: &str) -> String {
    let named = connection.trim_start_matches("c=");
    format!("v=0\r\no=- 1 1 {named}\r\ns=-\r\n{connection}\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8\r\n")
}

fn has(message: &Message, line: &str) {
    let text = String::from_utf8_lossy(message.raw());
    assert!(text.lines().any(|found| found.starts_with(line)), "{line} in {text}");
    let length = String::from_utf8_lossy(message.value(Name::ContentLength).unwrap()).parse::<usize>();
    assert_eq!(length.ok(), Some(message.body().len()), "{text}");
}

#[test]
fn each_side_of_a_call_is_told_of_us_in_its_own_family() {
    for (trunk, pbx, offer, answer, ours) in [
        (TRUNK, SIX_PBX, FOUR_OFFER, SIX_OFFER, [(OURS, "IP4 192.0.2.2"), (SIX, "IP6 2001:db8::2")]),
        (SIX_TRUNK, PBX, SIX_OFFER, FOUR_OFFER, [(SIX, "IP6 2001:db8::2"), (OURS, "IP4 192.0.2.2")]),
    ] {
        let mut both = Both::new(trunk, pbx);
        both.trunk(trunk, "INVITE", 1, "", &sdp(offer));
        both.answer(pbx, &sdp(answer));
        let [(to_trunk, trunk_audio), (to_pbx, pbx_audio)] = ours;
        let answered = both.last(trunk, 200);
        has(&answered, &format!("Contact: <sip:strowger@{to_trunk}>"));
        has(&answered, &format!("c=IN {trunk_audio}"));
        let invite = both.sent.iter().find(|(to, _)| *to == address(pbx)).unwrap().1.clone();
        has(&invite, &format!("Via: SIP/2.0/UDP {to_pbx};branch="));
        has(&invite, &format!("Contact: <sip:strowger@{to_pbx}>"));
        has(&invite, &format!("c=IN {pbx_audio}"));
        let ack = both.last(pbx, 0);
        assert_eq!(ack.method(), Method::Ack);
        has(&ack, &format!("Via: SIP/2.0/UDP {to_pbx};branch="));
        let mut fars = std::iter::from_fn(|| both.node.poll_media()).filter_map(|command| {
            if let media::Command::Far { far, .. } = command { Some(far.address.is_ipv4()) } else { None }
        });
        assert_eq!([fars.next(), fars.next()], [Some(trunk == TRUNK), Some(pbx == PBX)]);
    }
}

#[test]
fn audio_has_the_family_of_its_description_and_not_of_the_signalling() {
    let mut both = Both::new(TRUNK, PBX);
    both.trunk(TRUNK, "INVITE", 1, "", &sdp(SIX_OFFER));
    let answered = both.last(TRUNK, 200);
    has(&answered, &format!("Contact: <sip:strowger@{OURS}>"));
    has(&answered, "c=IN IP6 2001:db8::2");
    // The agent answers in the other family than it is offered: audio goes there all the same.
    both.answer(PBX, &sdp(SIX_OFFER));
    assert_eq!(both.last(PBX, 0).method(), Method::Ack);
    // A re-INVITE moves the caller's audio to the other family.
    let tag = format!(";tag={}", String::from_utf8_lossy(answered.to_tag().unwrap()));
    both.trunk(TRUNK, "ACK", 1, &tag, "");
    both.trunk(TRUNK, "INVITE", 2, &tag, &sdp(FOUR_OFFER).replace("o=- 1 1", "o=- 1 2"));
    has(&both.last(TRUNK, 200), "c=IN IP4 192.0.2.2");
}

#[test]
fn a_node_of_one_family_refuses_audio_of_the_other() {
    let mut world = World::new(&config(1, ""), 100);
    assert_eq!(world.call("", &sdp(SIX_OFFER)).status(), 488);
}

#[test]
fn our_own_side_of_a_nat_is_told_our_address_there_in_each_family() {
    let more =
        "advertise = [\"203.0.113.5\", \"2001:db8:9::5\"]\nlocal_networks = [\"192.0.2.0/24\", \"2001:db8::/48\"]\n";
    let outside = (address("203.0.113.5:5060"), address("[2001:db8:9::5]:5070"));
    let (far_four, far_six) = ("198.51.100.1:5060", "[2001:db8:1::1]:5060");
    for (trunk, pbx, contacts) in [
        (TRUNK, SIX_PBX, [OURS, SIX]),
        (SIX_TRUNK, far_four, [SIX, "203.0.113.5:5060"]),
        (far_six, PBX, ["[2001:db8:9::5]:5070", OURS]),
    ] {
        let mut both = Both::at(outside, trunk, pbx, more);
        let is_six = address(trunk).is_ipv6();
        both.trunk(trunk, "INVITE", 1, "", &sdp(if is_six { SIX_OFFER } else { FOUR_OFFER }));
        for (message, contact) in [both.last(trunk, 200), both.last(pbx, 0)].iter().zip(contacts) {
            has(message, &format!("Contact: <sip:strowger@{contact}>"));
            let family = if address(contact).is_ipv6() { "IP6" } else { "IP4" };
            has(message, &format!("c=IN {family} {}", address(contact).ip()));
        }
    }
}

#[test]
fn options_and_their_answers_stay_in_their_family() {
    let text = |to: &str| {
        format!(
            "OPTIONS sip:acd SIP/2.0\nVia: SIP/2.0/UDP {to};branch=z9hG4bKo\nFrom: <sip:a@b>;tag=1\nTo: <sip:a@b>\n\
             Call-ID: o\nCSeq: 1 OPTIONS\nMax-Forwards: 70\nContent-Length: 0\n\n"
        )
    };
    let mut both = Both::new(TRUNK, SIX_PBX);
    for (far, own) in [(TRUNK, OURS), (SIX_TRUNK, SIX)] {
        both.take(far, text(far).replace('\n', "\r\n"));
        has(&both.last(far, 200), &format!("Contact: <sip:strowger@{own}>"));
    }
}
