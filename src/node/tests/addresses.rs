//! What far ends are told of our address: of either family, and on our own side of a NAT.

use super::*;
use crate::acd::AgentState;

/// Everything that a node at `ours` sends for a call from `trunk` to the agent at `pbx`, by destination.
fn call(ours: &str, (trunk, pbx): (&str, &str), sip: &str) -> Vec<(SocketAddr, Message)> {
    let text = config(1, "")
        .replace(OURS, ours)
        .replace(TRUNK, trunk)
        .replace(PBX, pbx)
        .replace("[http]", &format!("{sip}\n[http]"));
    let own = config_address(sip).unwrap_or_else(|| address(ours));
    let leases = (0..100).map(|n| Lease { port: PortId(n), address: SocketAddr::new(own.ip(), 20_000 + 2 * n as u16) });
    let resolved = Resolved::default();
    let setup =
        Setup { config: read(&text), resolved, seed: [7; 32], sip_address: own, leases: leases.collect(), other: None };
    let mut node = Node::new(Instant::ZERO, setup);
    let family = if address(ours).is_ipv4() { "IP4" } else { "IP6" };
    let ip = address(trunk).ip();
    let offer = format!("v=0\no=- 1 1 IN {family} {ip}\ns=-\nc=IN {family} {ip}\nt=0 0\nm=audio 4000 RTP/AVP 0 8\n");
    let offer = offer.replace('\n', "\r\n");
    let head = format!(
        "INVITE sip:800@{ours} SIP/2.0\nVia: SIP/2.0/UDP {trunk};rport;branch=z9hG4bKv6\nMax-Forwards: 70\nTo: <sip:800@{ours}>\n\
         From: <sip:1@{trunk}>;tag=t\nCall-ID: v6\nCSeq: 1 INVITE\nContact: <sip:1@{trunk}>\nContent-Type: application/sdp\n\
         Content-Length: {}\n\n",
        offer.len()
    );
    node.handle_datagram(Instant::ZERO, address(trunk), (head.replace('\n', "\r\n") + &offer).into());
    let mut sent = Vec::new();
    while let Some(transmit) = node.poll_transmit() {
        sent.push((transmit.destination, Message::parse(transmit.payload).unwrap()));
    }
    // Whatever address is named in our Via, its response is taken.
    let invite = sent.iter().find(|(to, _)| *to == address(pbx)).expect("the agent is rung").1.clone();
    let mut writer = respond(&invite, own, 180, None, b"agent");
    writer.line_fmt(Name::Contact, format_args!("<sip:agent@{pbx}>"));
    node.handle_datagram(Instant::ZERO, address(pbx), writer.finish());
    let rang = std::iter::from_fn(|| node.poll_fact())
        .any(|stamped| matches!(stamped.fact, Fact::AgentState { to: AgentState::Ringing, .. }));
    assert!(rang, "180 of {pbx}");
    sent
}

fn config_address(sip: &str) -> Option<SocketAddr> {
    let ip = sip.split("advertise = \"").nth(1)?.split('"').next()?;
    Some(SocketAddr::new(ip.parse().unwrap(), 5060))
}

fn text(message: &Message) -> String {
    String::from_utf8_lossy(message.raw()).into_owned()
}

fn has(message: &Message, line: &str) {
    let text = text(message);
    assert!(text.lines().any(|found| found.starts_with(line)), "{line} in {text}");
}

#[test]
fn a_call_goes_over_ipv6() {
    let (ours, trunk, pbx) = ("[2001:db8::2]:5060", "[2001:db8::1]:5060", "[2001:db8::3]:5062");
    let sent = call(ours, (trunk, pbx), "");
    let to =
        |far: &str| sent.iter().filter(|(to, _)| *to == address(far)).map(|(_, message)| message).collect::<Vec<_>>();
    let answer = to(trunk).into_iter().find(|message| message.status() == 200).expect("on_queue answers");
    has(answer, &format!("Contact: <sip:strowger@{ours}>"));
    has(answer, "Via: SIP/2.0/UDP [2001:db8::1]:5060;branch=z9hG4bKv6;received=2001:db8::1;rport=5060");
    has(answer, "c=IN IP6 2001:db8::2");
    let invite = to(pbx)[0];
    assert_eq!(invite.uri(), format!("sip:1001@{pbx}").as_bytes());
    has(invite, &format!("Via: SIP/2.0/UDP {ours};"));
    has(invite, &format!("Contact: <sip:strowger@{ours}>"));
    has(invite, "c=IN IP6 2001:db8::2");
}

#[test]
fn our_own_side_of_a_nat_is_told_our_address_there() {
    let (ours, trunk, pbx) = ("10.0.0.5:5060", "198.51.100.1:5060", "10.0.7.3:5060");
    let sip = "advertise = \"203.0.113.5\"\nlocal_networks = [\"10.0.0.0/8\"]";
    let sent = call(ours, (trunk, pbx), sip);
    for (to, message) in &sent {
        let inside = *to == address(pbx);
        let named = if inside { "10.0.0.5" } else { "203.0.113.5" };
        if message.has(Name::Contact) {
            has(message, &format!("Contact: <sip:strowger@{named}:5060>"));
        }
        if !message.body().is_empty() {
            has(message, &format!("c=IN IP4 {named}"));
            let length = String::from_utf8_lossy(message.value(Name::ContentLength).unwrap()).parse::<usize>();
            assert_eq!(length.ok(), Some(message.body().len()), "{}", text(message));
        }
        if inside && message.is_request() {
            has(message, "Via: SIP/2.0/UDP 10.0.0.5:5060;");
        }
    }
    assert!(sent.iter().any(|(to, message)| *to == address(pbx) && message.method() == Method::Invite));
}
