//! Two address families: which keys may list one of each, and what is said of those that do not fit together.

use std::net::{IpAddr, SocketAddr};

use super::*;

/// Line 2 lists both.
const BOTH: &str = "[sip]\nlisten = [\"192.0.2.5:5060\", \"[2001:db8::5]:5070\"]\n";
const QUEUE: &str = "[queues.q]\nnumbers = [\"1\"]\n";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn each_address_may_be_a_list_with_one_of_each_family() {
    let config = valid(&format!(
        "{BOTH}advertise = [\"2001:db8::99\", \"203.0.113.5\"]\ntls = [\"0.0.0.0:5061\", \"[::]:5071\"]\n\
         tls_certificate = \"c\"\ntls_key = \"k\"\nlocal_networks = [\"10.0.0.0/8\", \"fd00::/8\", \"172.16.0.0/12\"]\n\
         local_address = \"fd00::5\"\n[media]\naddress = [\"::\", \"0.0.0.0\"]\n\
         [peers.four]\naddress = \"192.0.2.9\"\n[peers.six]\naddress = \"[2001:db8::9]\"\n{QUEUE}"
    ));
    let other = config.sip.other.as_ref().unwrap();
    assert_eq!(
        (config.sip.listen.to_string(), other.listen.to_string()),
        ("192.0.2.5:5060".into(), "[2001:db8::5]:5070".into())
    );
    assert_eq!((config.sip.advertise, other.advertise), (Some(ip("203.0.113.5")), Some(ip("2001:db8::99"))));
    assert_eq!((config.media.address, config.media.other), (ip("0.0.0.0"), Some(ip("::"))));
    let tls = [ip("203.0.113.5"), ip("2001:db8::99")].map(|own| config.sip.tls_address(own));
    let at = |text: &str| text.parse::<SocketAddr>().ok();
    assert_eq!(tls, [at("203.0.113.5:5061"), at("[2001:db8::99]:5071")]);
    let (first, other) = (config.sip.local.unwrap(), other.local.clone().unwrap());
    assert_eq!(
        (first.address, other.address),
        (ip("192.0.2.5"), ip("fd00::5")),
        "that of listen where none is written"
    );
    assert_eq!((first.networks.len(), other.networks.len()), (2, 1));
}

#[test]
fn a_list_of_one_is_that_one() {
    let config = valid(&VALID.replace("\"127.0.0.1:5060\"", "[\"127.0.0.1:5060\"]"));
    assert_eq!((config.sip.listen.to_string().as_str(), config.sip.other), ("127.0.0.1:5060", None));
    assert_eq!(config.media.other, None);
}

#[test]
fn what_listen_has_both_of_is_received_in_both() {
    let config = valid(&format!("{BOTH}{QUEUE}"));
    assert_eq!((config.media.address, config.media.other), (ip("192.0.2.5"), Some(ip("2001:db8::5"))));
    assert_eq!(config.sip.other.unwrap().tls, None);
}

/// An address of IPv6 that is IPv4 is neither's.
#[test]
fn ipv4_in_the_form_of_ipv6_is_refused_wherever_it_stands() {
    let why = "::ffff:192.0.2.9 is the IPv4 address 192.0.2.9; write it so";
    let listen = errors(&format!("[sip]\nlisten = [\"192.0.2.5:5060\", \"[::ffff:192.0.2.9]:5060\"]\n{QUEUE}"));
    assert_eq!(listen, [format!("s.toml:2: sip.listen[1]: {why}")]);
    for (more, expected) in [
        ("advertise = \"::ffff:192.0.2.9\"", "3: sip.advertise: "),
        ("local_networks = [\"::ffff:192.0.2.9/128\"]", "3: sip.local_networks[0]: "),
        ("[media]\naddress = [\"192.0.2.5\", \"::ffff:192.0.2.9\"]", "4: media.address[1]: "),
        ("[peers.a]\naddress = \"[::ffff:192.0.2.9]:5060\"", "4: peers.a.address: "),
        (
            "[agents.7]\nuri = \"sip:7@[::ffff:192.0.2.9]\"",
            "4: agents.7.uri: `sip:7@[::ffff:192.0.2.9]` names no usable host: ",
        ),
    ] {
        assert_eq!(errors(&format!("{BOTH}{more}\n{QUEUE}")), [format!("s.toml:{expected}{why}")], "{more}");
    }
}

#[test]
fn what_does_not_fit_two_families_is_named() {
    let with = |more: &str| errors(&format!("{BOTH}{more}\n{QUEUE}"));
    for (more, expected) in [
        ("[media]\naddress = \"192.0.2.5\"", "4: media.address: has no address of IPv6, which sip.listen speaks too"),
        (
            "tls = \"[::]:5061\"\ntls_certificate = \"c\"\ntls_key = \"k\"",
            "3: sip.tls: has no address of IPv4, which sip.listen speaks too",
        ),
        (
            "advertise = [\"192.0.2.1\", \"192.0.2.2\"]",
            "3: sip.advertise[1]: is a second address of IPv4; the list has one of each family",
        ),
        ("[media]\nports = \"5070-5999\"", "4: media.ports: 5070-5999 holds 5070, the port of sip.listen"),
    ] {
        assert_eq!(with(more), [format!("s.toml:{expected}")], "{more}");
    }
    for (listen, expected) in [
        ("[]", "2: sip.listen: is empty; it lists an address, or one of each family"),
        (
            "[\"192.0.2.5:5060\", \"192.0.2.6:5060\"]",
            "2: sip.listen[1]: is a second address of IPv4; the list has one of each family",
        ),
        (
            "[\"192.0.2.5:5060\", \"x\"]",
            "2: sip.listen[1]: `x` is no address with a port; write it like \"192.0.2.1:5060\" or \"[2001:db8::1]:5060\"",
        ),
    ] {
        assert_eq!(errors(&format!("[sip]\nlisten = {listen}\n{QUEUE}")), [format!("s.toml:{expected}")], "{listen}");
    }
    let any = "[sip]\nlisten = [\"192.0.2.5:5060\", \"[::]:5060\"]\n";
    let expected = "s.toml:1: sip.advertise: is missing: :: is no address that others can reach";
    assert_eq!(errors(&format!("{any}{QUEUE}")), [expected]);
    let expected = "s.toml:3: sip.advertise: has none of IPv6: :: is no address that others can reach";
    assert_eq!(errors(&format!("{any}advertise = \"192.0.2.5\"\n{QUEUE}")), [expected]);
    let local = "advertise = \"2001:db8::5\"\nlocal_networks = [\"fd00::/8\"]\n";
    let expected = "s.toml:4: sip.local_networks: needs local_address: :: is no address that others can reach";
    assert_eq!(errors(&format!("{any}{local}{QUEUE}")), [expected]);
}
