//! `[feature_codes]`: what is understood, and what is refused.

use super::*;
use crate::config::{Feature, FeatureCodesConfig, PhoneIdentity};

const PBX: &str = "[peers.pbx]\naddress = \"192.0.2.9:5061\"\n";

#[test]
fn codes_are_read_and_a_digit_names_a_reason() {
    assert_eq!(valid(VALID).feature_codes, FeatureCodesConfig::default());
    let config = valid(&format!(
        "{VALID}{PBX}[not_ready]\nreasons = [\"lunch\", \"meeting\"]\n[feature_codes]\npeers = [\"pbx\"]\nlogin = \"*45\"\n\
         logout = \"*46\"\nready = \"*47\"\nnot_ready = \"*48\"\nend_wrap_up = \"*49\"\nidentity = \"from\"\n"
    ));
    let codes = &config.feature_codes;
    assert_eq!(codes.identity, PhoneIdentity::From);
    let lunch = || Some(Feature::NotReady("lunch".into()));
    let meanings = [
        ("*45", Some(Feature::Login)),
        ("*46", Some(Feature::Logout)),
        ("*47", Some(Feature::Ready)),
        ("*48", lunch()),
        ("*481", lunch()),
        ("*482", Some(Feature::NotReady("meeting".into()))),
        ("*49", Some(Feature::EndWrapUp)),
        ("*480", None),
        ("*483", None),
        ("*48+1", None),
        ("*4811", None),
        ("*451", None),
        ("", None),
    ];
    for (number, meaning) in meanings {
        assert_eq!(codes.meaning(number), meaning, "{number}");
    }
    let text = describe(&config);
    let wanted = "Codes from pbx; *45 login; *46 logout; *47 ready; *48 not ready; *49 end wrap up, 1 lunch, 2 meeting; \
                  phones are known by what the peer asserts, else From\n";
    assert!(text.contains(wanted), "{text}");
}

#[test]
fn codes_that_cannot_be_meant_are_refused_line_by_line() {
    let lines = after_valid(
        "[not_ready]\nreasons = [\"lunch\"]\n[feature_codes]\npeers = [\"nobody\"]\nlogin = \"x45\"\nlogout = \"*46\"\n\
         ready = \"*461\"\nreasons = [\"tea\"]\nidentity = \"to\"\nend = \"*1\"\n[feature_codes.pins]\nnobody = \"1234\"\n",
    );
    let wanted = [
        "s.toml:8: feature_codes.peers[0]: no peer `nobody`",
        "s.toml:9: feature_codes.login: `x45` is no code; write 2 to 8 keys such as \"*45\"",
        "s.toml:11: feature_codes.ready: cannot be told from feature_codes.logout",
        "s.toml:12: feature_codes.reasons[0]: `tea` is none of not_ready.reasons",
        "s.toml:13: feature_codes.identity: unknown value `to`",
        "s.toml:14: feature_codes.end: unknown key",
        "s.toml:16: feature_codes.pins.nobody: no agent `nobody`",
    ];
    assert_eq!(lines.len(), wanted.len(), "{lines:#?}");
    for (line, wanted) in lines.iter().zip(wanted) {
        assert!(line.starts_with(wanted), "{line}\n{wanted}");
    }
}

#[test]
fn a_code_is_no_number_of_a_queue_and_comes_from_a_peer_that_calls() {
    let lines = after_valid(&format!(
        "{PBX}inbound = false\n[queues.more]\nnumbers = [\"*45\", \"*481\"]\n[feature_codes]\npeers = [\"pbx\"]\n\
         login = \"*45\"\nnot_ready = \"*48\"\nreasons = [\"lunch\"]\n"
    ));
    let wanted = [
        "s.toml:11: feature_codes.peers[0]: `pbx` sends no calls: it has inbound = false",
        "s.toml:12: feature_codes.login: is a number of the queue more",
        "s.toml:13: feature_codes.not_ready: is a number of the queue more",
    ];
    assert_eq!(lines, wanted);
    let empty = after_valid("[feature_codes]\n");
    let wanted = [
        "s.toml:5: feature_codes.peers: is missing; write peers = [\"pbx\"]",
        "s.toml:5: feature_codes: names no code; write login = \"*45\"",
    ];
    assert_eq!(empty, wanted);
}

#[test]
fn a_pin_fits_itself_alone_and_is_never_shown() {
    let config = valid(&format!(
        "{VALID}{PBX}[agents.7001]\npeer = \"pbx\"\nuri = \"sip:7001@pbx\"\n[feature_codes]\npeers = [\"pbx\"]\n\
         login = \"*45\"\npins = {{ 7001 = \"4711\" }}\n"
    ));
    let pin = &config.feature_codes.pins["7001"];
    assert!(pin.fits("4711"));
    for wrong in ["", "4", "471", "4712", "47110", "4711\0", "1174", "47114711471147114711"] {
        assert!(!pin.fits(wrong), "{wrong}");
    }
    assert!(!format!("{config:?}").contains("4711") && !describe(&config).contains("4711"));
    let lines = after_valid("[feature_codes]\nlogin = \"*45\"\npeers = []\npins = { 1001 = \"12x4\" }\n");
    assert!(lines.iter().all(|line| !line.contains("12x4")), "{lines:?}");
}
