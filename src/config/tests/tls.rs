//! What is written of TLS, right and wrong.

use super::super::{PeerTls, TlsConfig, Transport};
use super::{errors, valid};
use crate::media::Srtp;

const SIP: &str = "[sip]\nlisten = \"0.0.0.0:5060\"\nadvertise = \"203.0.113.5\"\ntls = \"0.0.0.0:5061\"\n\
                   tls_certificate = \"own.pem\"\ntls_key = \"own.key\"\n";
const REST: &str = "[queues.q]\nnumbers = [\"1\"]\n";

#[test]
fn every_key_of_tls_is_read() {
    let text = format!(
        "{SIP}tls_ca = \"ca.pem\"\ntls_client_ca = \"clients.pem\"\nrequire_client_certificate = false\n{REST}\
         [peers.a]\naddress = \"pbx.example\"\ntransport = \"tls\"\ntls_server_name = \"SIP.example\"\ntls_ca = \"a.pem\"\n\
         tls_certificate = \"us.pem\"\ntls_key = \"us.key\"\n\
         [peers.b]\naddress = \"192.0.2.9\"\ntls_client_names = [\"One.example\", \"192.0.2.9\"]\n\
         [agents.1]\nuri = \"sips:1@phone.example\"\n[agents.2]\nuri = \"sip:2@192.0.2.7;transport=tls\"\n"
    );
    let config = valid(&text);
    let TlsConfig { listen, own, ca, client_ca, require_client_certificate } = config.sip.tls.as_ref().unwrap();
    assert_eq!((listen.port(), own.certificate.line, &*own.key.key), (5061, 5, "sip.tls_key"));
    assert_eq!(ca.as_ref().map(|file| file.path.to_str()), Some(Some("ca.pem")));
    assert_eq!((client_ca.as_ref().map(|file| file.line), *require_client_certificate), (Some(8), false));
    assert_eq!(config.sip.tls_address("203.0.113.5".parse().unwrap()), Some("203.0.113.5:5061".parse().unwrap()));
    let [a, b] = config.peers.as_slice() else { panic!("two peers") };
    assert_eq!((a.transport, a.address.port), (Transport::Tls, 5061));
    let PeerTls { server_name, ca, own, client_names } = &a.tls;
    assert_eq!((server_name.as_deref(), client_names.len()), (Some("sip.example"), 0));
    assert_eq!(ca.as_ref().map(|file| &*file.key), Some("peers.a.tls_ca"));
    assert_eq!(own.as_ref().map(|files| files.key.path.to_str()), Some(Some("us.key")));
    assert_eq!(b.tls.client_names.iter().map(|name| &**name).collect::<Vec<_>>(), ["one.example", "192.0.2.9"]);
}

#[test]
fn what_does_not_fit_is_said_with_its_line() {
    let with_peer = |peer: &str| format!("{SIP}{REST}[peers.p]\naddress = \"192.0.2.9\"\n{peer}\n");
    for (text, expected) in [
        (
            format!("[sip]\nlisten = \"127.0.0.1:5060\"\ntls = \"127.0.0.1:5061\"\n{REST}"),
            "3: sip.tls: needs tls_certificate = \"FILE.pem\" and tls_key = \"FILE.pem\"",
        ),
        (SIP.replace("tls_key = \"own.key\"\n", REST), "5: sip.tls_certificate: needs tls_key = \"FILE.pem\" too"),
        (
            SIP.replace("tls = \"0.0.0.0:5061\"\n", "").replace("tls_key = \"own.key\"\n", "") + REST,
            "4: sip.tls_certificate: needs sip.tls; write tls = \"0.0.0.0:5061\"",
        ),
        (SIP.replace(":5061", ":0") + REST, "4: sip.tls: needs a port; 5061 is that of SIP over TLS"),
        (SIP.replace("0.0.0.0:5061", "[::]:5061") + REST, "4: sip.tls: :: is IPv6, but sip.listen is IPv4"),
        (
            SIP.replace(":5061", ":5060") + "tcp = true\n" + REST,
            "4: sip.tls: port 5060 is that of sip.listen, where TCP is spoken",
        ),
        (
            format!("{SIP}require_client_certificate = true\n{REST}"),
            "7: sip.require_client_certificate: needs tls_client_ca, which says whose certificates count",
        ),
        (with_peer("tls_ca = \"a\""), "11: peers.p.tls_ca: needs transport = \"tls\""),
        (
            with_peer("tls_client_names = [\"a\"]"),
            "11: peers.p.tls_client_names: needs sip.tls_client_ca, which says whose certificates count",
        ),
        (
            with_peer("transport = \"tls\"\ntls_server_name = \"*.a\""),
            "12: peers.p.tls_server_name: `*.a` is no host name; write it like \"pbx.example\"",
        ),
        (
            format!(
                "[sip]\nlisten = \"127.0.0.1:5060\"\n{REST}[peers.p]\naddress = \"192.0.2.9\"\ntransport = \"tls\"\n"
            ),
            "7: peers.p.transport: needs sip.tls = \"0.0.0.0:5061\"",
        ),
    ] {
        assert_eq!(errors(&text), [format!("s.toml:{expected}")], "{text}");
    }
    let both = format!(
        "{SIP}tls_client_ca = \"c\"\n{REST}[peers.p]\naddress = \"192.0.2.9\"\nsources = [\"192.0.2.9\"]\n\
         tls_client_names = [\"a\"]\n[peers.r]\naddress = \"192.0.2.8\"\ntls_client_names = [\"A\"]\n"
    );
    assert_eq!(
        errors(&both),
        [
            "s.toml:12: peers.p.sources: is not used with tls_client_names: calls are taken by the certificate, from any address",
            "s.toml:16: peers.r.tls_client_names[0]: `a` stands in peers.p.tls_client_names[0] (line 13) already"
        ]
    );
}

#[test]
fn what_the_shipped_configuration_shows_of_tls_is_valid() {
    let is_shown = |line: &str| ["#tls", "#srtp", "#require_client"].iter().any(|key| line.starts_with(key));
    let text = include_str!("../../../configs/strowger.toml").replace("sources = [", "#sources = [");
    let text = text.replace("#transport = \"udp\"", "transport = \"tls\"");
    let lines: Vec<_> = text.lines().map(|line| if is_shown(line) { &line[1..] } else { line }).collect();
    let config = valid(&lines.join("\n"));
    assert!(config.sip.tls.is_some_and(|tls| tls.require_client_certificate && tls.client_ca.is_some()));
    let pbx = &config.peers[0];
    assert!(pbx.transport == Transport::Tls && pbx.tls.own.is_some() && pbx.tls.client_names.len() == 1);
}

#[test]
fn audio_is_encrypted_for_peers_by_tls_alone() {
    let with = |srtp: &str, transport: &str| {
        format!("{SIP}{REST}[peers.p]\naddress = \"192.0.2.9\"\nsrtp = \"{srtp}\"\ntransport = \"{transport}\"\n")
    };
    for (text, srtp) in [("no", Srtp::No), ("optional", Srtp::Optional), ("required", Srtp::Required)] {
        assert_eq!(valid(&with(text, "tls")).peers[0].srtp, srtp);
    }
    assert_eq!(valid(&with("no", "udp")).peers[0].srtp, Srtp::No);
    for srtp in ["optional", "required"] {
        let expected = "s.toml:11: peers.p.srtp: needs transport = \"tls\": its keys stand in SIP";
        assert_eq!(errors(&with(srtp, "udp")), [expected]);
    }
    let wrong = errors(&with("always", "tls"));
    assert!(matches!(&wrong[..], [one] if one.starts_with("s.toml:11: peers.p.srtp: ")), "{wrong:?}");
}

#[test]
fn agents_phones_have_encrypted_audio_where_they_are_reached_by_tls() {
    let agent = |keys: &str| format!("{SIP}{REST}[peers.p]\naddress = \"192.0.2.9\"\n[agents.\"1-2\"]\n{keys}\n");
    for keys in [
        "uri = \"sips:{name}@a.example\"",
        "uri = \"sip:{name}@192.0.2.7;transport=TLS\"",
        "register = true\npassword = \"s\"",
    ] {
        for (text, srtp) in [("no", Srtp::No), ("optional", Srtp::Optional), ("required", Srtp::Required)] {
            let config = valid(&agent(&format!("{keys}\nsrtp = \"{text}\"")));
            assert!(config.agents.iter().all(|agent| agent.srtp == srtp), "{keys}");
        }
    }
    for (keys, expected) in [
        ("srtp = \"required\"\npeer = \"p\"", "is for the peer to say, by which these phones are reached"),
        (
            "srtp = \"optional\"\nuri = \"sip:{name}@192.0.2.7\"",
            "needs a uri with transport=tls, or sips: its keys stand in SIP",
        ),
        (
            "srtp = \"required\"\nuri = \"sip:{name}@192.0.2.7;transport=tcp\"",
            "needs a uri with transport=tls, or sips: its keys stand in SIP",
        ),
    ] {
        let text = agent(keys).replace("tls = ", "tcp = true\ntls = ");
        assert_eq!(errors(&text), [format!("s.toml:13: agents.1-2.srtp: {expected}")]);
    }
    let plain = format!(
        "[sip]\nlisten = \"127.0.0.1:5060\"\n{REST}[agents.7]\nregister = true\npassword = \"s\"\nsrtp = \"optional\"\n"
    );
    let expected = "s.toml:8: agents.7.srtp: needs sip.tls = \"0.0.0.0:5061\", where these phones register";
    assert_eq!(errors(&plain), [expected]);
    let wrong = errors(&agent("register = true\npassword = \"s\"\nsrtp = true"));
    assert!(matches!(&wrong[..], [one] if one.starts_with("s.toml:14: agents.1-2.srtp: ")), "{wrong:?}");
}
