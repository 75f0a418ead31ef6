//! Both address families on one node: each far end is told of us in its own, whatever the other side of its call speaks, and
//! audio has the family that its session description names.

use super::*;
use crate::node::OtherSetup;

const SIX_TRUNK: &str = "[2001:db8::1]:5060";
const SIX_PBX: &str = "[2001:db8::3]:5060";
const SIX: &str = "[2001:db8::2]:5070";
/// Neighbours beside the trunk.
const FOUR_OTHER: &str = "192.0.2.7:5060";
const SIX_OTHER: &str = "[2001:db8::7]:5060";
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
        let text = Self::text(&format!("listen = [\"{OURS}\", \"{SIX}\"]\n{more}"), trunk, pbx);
        let lease = |n| Lease { port: PortId(n), address: SocketAddr::new(sip_address.ip(), 20_000 + 2 * n as u16) };
        let other = Some(OtherSetup { sip_addresses: vec![six], rtp: six.ip() });
        let (resolved, leases) = (Resolved::default(), (0..100).map(lease).collect());
        let setup = Setup { config: read(&text), resolved, seed: [7; 32], sip_address, leases, other };
        Self { node: Node::new(Instant::ZERO, setup), sent: Vec::new() }
    }

    fn text(listen: &str, trunk: &str, pbx: &str) -> String {
        let text = config(1, "").replace(&format!("listen = \"{OURS}\""), listen);
        let text = text.replace(TRUNK, trunk).replace(PBX, pbx);
        let also = |name: &str, at: &str| format!("[peers.{name}]\naddress = \"{at}\"\nqualify = \"0s\"\n");
        text + &also("four", FOUR_OTHER) + &also("six", SIX_OTHER)
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
        self.request(trunk, "dual", (method, number), (tag, ""), body);
    }

    /// The tag that the trunk has acknowledged us by.
    fn joined(&mut self, trunk: &str) -> String {
        let answered = self.last(trunk, 200);
        let tag = format!(";tag={}", String::from_utf8_lossy(answered.to_tag().unwrap()));
        self.trunk(trunk, "ACK", 1, &tag, "");
        tag
    }

    /// Somebody is to take the place of the trunk's caller.
    fn replace(&mut self, from: &str, tag: &str, body: &str) {
        let lines = format!("Replaces: dual;to-tag={};from-tag=t\n", tag.trim_start_matches(";tag="));
        self.request(from, "other", ("INVITE", 1), ("", &lines), body);
    }

    /// `tag` of ours, and more header lines.
    fn request(&mut self, from: &str, id: &str, (method, number): (&str, u32), (tag, lines): (&str, &str), body: &str) {
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\n" };
        let head = format!(
            "{method} sip:800@acd SIP/2.0\nVia: SIP/2.0/UDP {from};rport;branch=z9hG4bK{id}{method}{number}\n\
             Max-Forwards: 70\nTo: <sip:800@acd>{tag}\nFrom: <sip:1@{from}>;tag=t\nCall-ID: {id}\n\
             CSeq: {number} {method}\nContact: <sip:1@{from}>\n{lines}{kind}Content-Length: {}\n\n",
            body.len()
        );
        self.take(from, head.replace('\n', "\r\n") + body);
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
        self.answer_at(pbx, pbx, sdp);
    }

    /// The same with another Contact.
    fn answer_at(&mut self, pbx: &str, contact: &str, sdp: &str) {
        let invite = self.last(pbx, 0);
        for (status, sdp) in [(180, ""), (200, sdp)] {
            let mut writer = respond(&invite, address(SIX), status, None, b"agent");
            writer.line_fmt(Name::Contact, format_args!("<sip:agent@{contact}>"));
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

/// RFC 3264 8: of the `o=` line nothing changes but the version, wherever the audio goes.
#[test]
fn descriptions_of_one_session_have_one_origin() {
    let mut both = Both::new(TRUNK, PBX);
    both.trunk(TRUNK, "INVITE", 1, "", &sdp(FOUR_OFFER));
    let origin = |message: &Message| {
        let text = String::from_utf8_lossy(message.body()).into_owned();
        let line = text.lines().find_map(|line| line.strip_prefix("o=strowger ")).unwrap();
        let mut words = line.split(' ').map(str::to_string);
        (words.next().unwrap(), words.next().unwrap(), words.collect::<Vec<_>>().join(" "))
    };
    let answered = both.last(TRUNK, 200);
    let (session, version, address) = origin(&answered);
    assert_eq!((version.as_str(), address.as_str()), ("1", "IN IP4 192.0.2.2"));
    let tag = format!(";tag={}", String::from_utf8_lossy(answered.to_tag().unwrap()));
    both.trunk(TRUNK, "ACK", 1, &tag, "");
    // Its audio moves to the other family, and back.
    for (number, there, connection) in [(2, SIX_OFFER, "c=IN IP6 2001:db8::2"), (3, FOUR_OFFER, "c=IN IP4 192.0.2.2")] {
        both.trunk(TRUNK, "INVITE", number, &tag, &sdp(there).replace("o=- 1 1", &format!("o=- 1 {number}")));
        let changed = both.last(TRUNK, 200);
        has(&changed, connection);
        assert_eq!(origin(&changed), (session.clone(), number.to_string(), address.clone()));
        both.trunk(TRUNK, "ACK", number, &tag, "");
    }
    // What is refused moves nothing: without an offer of its own it is told what was agreed upon.
    let refused = sdp(SIX_OFFER).replace("o=- 1 1", "o=- 1 4").replace("RTP/AVP 0 8", "RTP/AVP 3");
    both.trunk(TRUNK, "INVITE", 4, &tag, &refused);
    both.last(TRUNK, 488);
    both.trunk(TRUNK, "ACK", 4, &tag, "");
    both.trunk(TRUNK, "INVITE", 5, &tag, "");
    has(&both.last(TRUNK, 200), "c=IN IP4 192.0.2.2");
    assert_eq!(origin(&both.last(TRUNK, 200)), (session, "4".to_string(), address));
}

/// RFC 3261 14.2: what is refused leaves the session as it was, whoever asked.
#[test]
fn what_is_refused_moves_nobody_s_audio() {
    let unusable = sdp(SIX_OFFER).replace("RTP/AVP 0 8", "RTP/AVP 3");
    let hold = sdp("c=IN IP4 0.0.0.0").replace("o=- 1 1", "o=- 1 4");
    for (by, after) in
        [(TRUNK, ""), (TRUNK, hold.as_str()), (SIX_OTHER, ""), (SIX_OTHER, hold.as_str()), (FOUR_OTHER, "")]
    {
        let mut both = Both::new(TRUNK, PBX);
        both.trunk(TRUNK, "INVITE", 1, "", &sdp(FOUR_OFFER));
        let tag = both.joined(TRUNK);
        if by == TRUNK {
            both.trunk(TRUNK, "INVITE", 2, &tag, &unusable.replace("o=- 1 1", "o=- 1 2"));
            both.trunk(TRUNK, "ACK", 2, &tag, "");
        } else {
            both.replace(by, &tag, &unusable);
        }
        both.last(by, 488);
        both.sent.clear();
        both.trunk(TRUNK, "INVITE", 4, &tag, after);
        has(&both.last(TRUNK, 200), "c=IN IP4 192.0.2.2");
    }
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
fn our_own_side_of_a_nat_is_told_of_its_audio_in_the_other_family_too() {
    let more = "advertise = [\"203.0.113.5\", \"2001:db8:9::5\"]\nlocal_networks = [\"10.0.0.0/8\", \"fd00::/8\"]\n\
                local_address = [\"10.0.0.5\", \"fd00::5\"]\n";
    // Once only the other family has a NAT.
    for (four, six) in
        [("203.0.113.5", "[2001:db8:9::5]"), ("10.0.0.5", "[2001:db8:9::5]"), ("203.0.113.5", "[fd00::5]")]
    {
        let outside = [four, six].map(|host| address(&format!("{host}:5060")));
        for (phone, contact, offer, audio) in [
            ("[fd00::7]:5060", "[fd00::5]:5060", "c=IN IP4 10.0.0.7", "IN IP4 10.0.0.5"),
            ("10.0.0.7:5060", "10.0.0.5:5060", "c=IN IP6 fd00::7", "IN IP6 fd00::5"),
        ] {
            let mut both = Both::at(outside.into(), phone, PBX, more);
            both.trunk(phone, "INVITE", 1, "", &sdp(offer));
            let answer = both.last(phone, 200);
            has(&answer, &format!("Contact: <sip:strowger@{contact}>"));
            has(&answer, &format!("c={audio}"));
            let text = String::from_utf8_lossy(answer.body()).into_owned();
            assert!(text.lines().any(|line| line.starts_with("o=") && line.ends_with(audio)), "{text}");
        }
    }
}

/// What needs a restart is not done by half.
#[test]
fn a_reload_that_lists_the_families_the_other_way_round_changes_no_name_of_ours() {
    let more =
        "advertise = [\"203.0.113.5\", \"2001:db8:9::5\"]\nlocal_networks = [\"192.0.2.0/24\", \"2001:db8::/48\"]\n";
    let outside = (address("203.0.113.5:5060"), address("[2001:db8:9::5]:5070"));
    for (trunk, pbx, offer) in [(TRUNK, SIX_PBX, FOUR_OFFER), (SIX_TRUNK, PBX, SIX_OFFER)] {
        for other_goes in [false, true] {
            let mut both = Both::at(outside, trunk, pbx, more);
            let text = Both::text(&format!("listen = [\"{SIX}\", \"{OURS}\"]\n{more}"), trunk, pbx);
            let mut config = Config::clone(&read(&text));
            if other_goes {
                config.sip.other = None;
            }
            let kept = both.node.handle_reload(Instant::ZERO, Arc::new(config), Resolved::default());
            assert_eq!(kept[0], "sip.listen changes only at a restart");
            both.trunk(trunk, "INVITE", 1, "", &sdp(offer));
            for (message, far) in [(both.last(trunk, 200), trunk), (both.last(pbx, 0), pbx)] {
                let (own, audio) =
                    if address(far).is_ipv4() { (OURS, "IP4 192.0.2.2") } else { (SIX, "IP6 2001:db8::2") };
                has(&message, &format!("Contact: <sip:strowger@{own}>"));
                has(&message, &format!("c=IN {audio}"));
            }
        }
    }
}

/// An offer of ours is in the family that who takes the place is called by; what is refused changes nothing.
#[test]
fn who_takes_a_place_without_an_offer_is_offered_its_own_family() {
    for (trunk, offer, other, ours) in [
        (TRUNK, FOUR_OFFER, SIX_OTHER, "c=IN IP6 2001:db8::2"),
        (SIX_TRUNK, SIX_OFFER, FOUR_OTHER, "c=IN IP4 192.0.2.2"),
    ] {
        let mut both = Both::new(trunk, PBX);
        both.trunk(trunk, "INVITE", 1, "", &sdp(offer));
        let tag = both.joined(trunk);
        both.replace(other, &tag, "");
        let answered = both.last(other, 200);
        has(&answered, ours);
        let tag = format!(";tag={}", String::from_utf8_lossy(answered.to_tag().unwrap()));
        let answer = sdp(if other == SIX_OTHER { SIX_OFFER } else { FOUR_OFFER });
        both.request(other, "other", ("ACK", 1), (&tag, ""), &answer);
        let far = std::iter::from_fn(|| both.node.poll_media()).filter_map(|command| {
            if let media::Command::Far { far, .. } = command { Some(far.address.is_ipv4()) } else { None }
        });
        assert_eq!(far.last(), Some(other == FOUR_OTHER));
    }
}

/// A phone that looks up who asks it to answer finds us in its own family.
#[test]
fn a_phone_is_asked_to_answer_by_itself_in_its_own_family() {
    for (pbx, ours) in [(PBX, OURS), (SIX_PBX, SIX)] {
        let mut both = Both::new(TRUNK, pbx);
        let text = Both::text(&format!("listen = [\"{OURS}\", \"{SIX}\"]\n"), TRUNK, pbx);
        let text = text.replace("[agents.\"1001\"]\n", "[agents.\"1001\"]\nauto_answer = true\n");
        both.node.handle_reload(Instant::ZERO, read(&text), Resolved::default());
        both.trunk(TRUNK, "INVITE", 1, "", &sdp(FOUR_OFFER));
        let invite = both.last(pbx, 0);
        has(&invite, &format!("Call-Info: <sip:{ours}>;answer-after=0"));
        has(&invite, &format!("Alert-Info: <sip:{ours}>;info=alert-autoanswer"));
    }
}

/// It calls us by whichever family it likes.
#[test]
fn a_peer_that_is_named_is_trusted_at_each_of_its_addresses_and_called_at_the_first() {
    let name = "sbc.example:5060";
    let [four, six] = [TRUNK, SIX_TRUNK].map(|at| address(at).ip());
    let hosts = [("sbc.example".to_string(), vec![four, six])].into();
    let text = Both::text(&format!("listen = [\"{OURS}\", \"{SIX}\"]\n"), TRUNK, name).replace("inbound = false\n", "");
    let text = text.replace(&format!("[peers.trunk]\naddress = \"{TRUNK}\"\nqualify = \"0s\"\n"), "");
    let resolved = Resolved { hosts, ..Resolved::default() };
    for source in [TRUNK, SIX_TRUNK] {
        let mut both = Both::new(TRUNK, PBX);
        both.node.handle_reload(Instant::ZERO, read(&text), resolved.clone());
        both.trunk(source, "INVITE", 1, "", &sdp(if source == TRUNK { FOUR_OFFER } else { SIX_OFFER }));
        both.last(source, 200);
        assert_eq!(both.last(TRUNK, 0).method(), Method::Invite, "the agent's");
        both.request("192.0.2.99:5060", "stranger", ("INVITE", 1), ("", ""), "");
        both.last("192.0.2.99:5060", 403);
    }
}

/// As IPv4, which is what it is, wherever it is written.
#[test]
fn ipv4_in_the_form_of_ipv6_is_reached_by_ipv4() {
    let mut both = Both::new(TRUNK, PBX);
    let mapped = |ip: &str| sdp(&format!("c=IN IP6 ::ffff:{ip}"));
    both.trunk(TRUNK, "INVITE", 1, "", &mapped("192.0.2.1"));
    has(&both.last(TRUNK, 200), "c=IN IP4 192.0.2.2");
    both.answer_at(PBX, "[::ffff:192.0.2.3]:5062", &mapped("192.0.2.3"));
    let ack = both.last("192.0.2.3:5062", 0);
    assert_eq!(ack.method(), Method::Ack);
    has(&ack, &format!("Via: SIP/2.0/UDP {OURS};"));
    let fars: Vec<_> = std::iter::from_fn(|| both.node.poll_media())
        .filter_map(|command| if let media::Command::Far { far, .. } = command { Some(far.address) } else { None })
        .collect();
    assert_eq!(fars, ["192.0.2.1:4000", "192.0.2.3:4000"].map(address));
}

/// As an agent's phone writes that has one socket for both families.
#[test]
fn ipv4_in_the_form_of_ipv6_is_reached_where_nothing_else_is_spoken() {
    let mut world = World::new(&config(1, ""), 100);
    world.call("", OFFER);
    let invite = world.offer().expect("the agent is rung");
    let mut writer = respond(&invite, address(OURS), 200, None, b"agent");
    writer.line_fmt(Name::Contact, format_args!("<sip:agent@[::ffff:192.0.2.3]:5062>"));
    world.take(PBX, body(writer, ANSWER));
    assert!(world.sent_to("192.0.2.3:5062", Method::Ack).is_some(), "by the socket that there is");
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
