//! Behaviour of the configuration's reader: what is understood, and each error with its line, path and text.

mod codecs;
mod families;
mod feature_codes;
mod routing;
mod tls;
mod transfer;

use std::path::PathBuf;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::acd::{AgentState, QueueState, Reason};
use crate::call::SessionTerms;
use crate::sip::auth::{Algorithm, Credentials, Password};
use crate::sip::package::Package;

const STRATEGIES: [&str; 2] = ["longest-idle", "round-robin"];

/// Lines 1 to 4 of most texts below: enough to be valid.
const VALID: &str = "[sip]\nlisten = \"127.0.0.1:5060\"\n[queues.q]\nnumbers = [\"1\"]\n";

fn read(text: &str) -> Result<Config, Vec<String>> {
    parse(text, "s.toml", &STRATEGIES).map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

/// The errors of a text that has some.
fn errors(text: &str) -> Vec<String> {
    read(text).expect_err("the text has errors")
}

fn valid(text: &str) -> Config {
    read(text).unwrap_or_else(|errors| panic!("{}", errors.join("\n")))
}

/// The errors of a valid text followed by `more`, whose first line is line 5.
fn after_valid(more: &str) -> Vec<String> {
    errors(&format!("{VALID}{more}"))
}

#[test]
fn what_is_left_out_has_its_documented_default() {
    let config = valid(VALID);
    assert_eq!(config.sip.advertise, None);
    assert_eq!(config.sip.unknown_source, UnknownSource::Reject);
    assert_eq!(config.sip.session, SessionTerms { expires: None, min: Duration::from_secs(90) });
    assert_eq!(config.media.address.to_string(), "127.0.0.1");
    assert_eq!(config.media.ports, (20_000, 29_999));
    assert_eq!(config.media.silence_probe, Duration::from_secs(90));
    assert_eq!(config.media.workers, None);
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.drain.limit, Duration::from_secs(300));
    let queue = &config.queues[0];
    assert_eq!(queue.strategy, "longest-idle");
    assert_eq!((queue.answer, queue.media), (AnswerPolicy::OnQueue, MediaPolicy::Anchor));
    assert_eq!((queue.waiting_max, queue.wait_max), (None, None));
    assert_eq!(queue.unanswered_max, Duration::from_secs(170));
    assert_eq!((queue.ring_timeout, queue.wrap_up), (Duration::from_secs(20), Duration::from_secs(10)));
    assert_eq!((queue.threshold, queue.short_abandon), (Duration::from_secs(20), Duration::from_secs(5)));
    assert!((queue.target - 0.8).abs() < f64::EPSILON);
    assert_eq!(queue.state, QueueState::Open);
}

fn what_peers_are(config: &Config) {
    let [z, a] = config.peers.as_slice() else { panic!("two peers in the order of the text") };
    assert_eq!((&*z.name, &*a.name), ("z", "a"));
    assert_eq!(z.address, Endpoint { host: "pbx.example".to_string(), port: 5060 });
    assert_eq!(z.sources, [("192.0.2.0".parse().unwrap(), 24), ("198.51.100.7".parse().unwrap(), 32)]);
    assert!(!z.inbound && a.inbound);
    assert_eq!(z.dnis.first(), Some(&DnisSource::Header("X-DNIS".to_string())));
    assert_eq!(z.dnis.len(), 6);
    what_a_peer_is_and_proves(z, a);
}

#[test]
fn every_key_is_read() {
    let config = valid(
        r#"
        sip = { listen = "0.0.0.0:5060", tcp = true, advertise = "203.0.113.5", local_networks = ["10.0.0.0/8", "192.168.1.7"], local_address = "10.0.0.5", unknown_source = "silent", session_expires = "30m", min_se = "2m" }
        media = { address = "192.0.2.1", ports = "30000-30003", workers = 2, silence_probe = "5m" }
        drain.limit = "1h"
        [http]
        listen = "0.0.0.0:8080"
        tokens = { alice = "s3cret" }
        token_files = { bob = "bob.token" }
        numbers = ["bob"]
        [peers.z]
        address = "pbx.example"
        sources = ["192.0.2.0/24", "198.51.100.7"]
        inbound = false
        dnis = ["header:X-DNIS", "p-called-party-id", "history-info", "diversion", "to", "request-uri"]
        qualify = "0s"
        symmetric_rtp = true
        transport = "tcp"
        auth = { username = "z", password_file = "z.password", algorithms = ["MD5"] }
        outbound_auth = { username = "us", password = "p w" }
        connected_line = "ignore"
        device_state = "dialog-info"
        device_state_expires = "2m"
        device_state_stale = "unroutable"
        country_code = "86"
        national_prefix = ""
        international_prefix = "000"
        [peers.a]
        address = "192.0.2.9:5061"
        [queues.z]
        numbers = ["*800#", { number = "801", group = "hotline", campaign = "春季" }]
        skills = ["x"]
        strategy = "round-robin"
        priority = -3
        answer = "early"
        media = "none"
        music = "a.wav"
        prompt = "b.wav"
        fax = "detect"
        waiting_max = 7
        wait_max = "10m"
        unanswered_max = "200ms"
        "#
        .replace("200ms", "100s")
        .as_str(),
    );
    assert_eq!(config.sip.advertise.map(|address| address.to_string()).as_deref(), Some("203.0.113.5"));
    let local = config.sip.local.as_ref().unwrap();
    assert_eq!((local.address.to_string().as_str(), local.networks.len(), local.networks[1].1), ("10.0.0.5", 2, 32));
    assert_eq!((config.sip.unknown_source, config.sip.tcp), (UnknownSource::Silent, true));
    let session = SessionTerms { expires: Some(Duration::from_secs(1_800)), min: Duration::from_secs(120) };
    assert_eq!(config.sip.session, session);
    assert_eq!((config.media.ports, config.media.silence_probe), ((30_000, 30_003), Duration::from_secs(300)));
    assert_eq!(config.media.workers, Some(2));
    assert_eq!(config.drain.limit, Duration::from_secs(3_600));
    assert_eq!(config.http.tokens, [("alice".to_string(), "s3cret".to_string())]);
    assert_eq!(config.http.token_files, [("bob".to_string(), PathBuf::from("bob.token"))]);
    assert_eq!(config.http.numbers, ["bob"]);
    what_peers_are(&config);
    assert!(!format!("{config:?}").contains("p w"), "a password is never printed");
    let queue = &config.queues[0];
    assert_eq!((queue.strategy, queue.priority), ("round-robin", -3));
    let names = queue.numbers.iter().map(|number| (number.group.as_deref(), number.campaign.as_deref()));
    assert_eq!(names.collect::<Vec<_>>(), [(None, None), (Some("hotline"), Some("春季"))]);
    assert_eq!((queue.answer, queue.media), (AnswerPolicy::Early, MediaPolicy::None));
    assert_eq!((queue.music.as_deref(), queue.fax), (Some("a.wav".as_ref()), FaxPolicy::Detect));
    assert_eq!((queue.waiting_max, queue.wait_max), (Some(7), Some(Duration::from_secs(600))));
}

fn what_a_peer_is_and_proves(z: &PeerConfig, a: &PeerConfig) {
    assert_eq!((z.qualify, z.symmetric_rtp), (Duration::ZERO, true));
    let auth = z.auth.as_ref().unwrap();
    let credentials = Credentials { username: "z".to_string(), password: Password::File("z.password".into()) };
    assert_eq!(**auth, PeerAuth { credentials, algorithms: vec![Algorithm::Md5] });
    assert_eq!(z.outbound_auth.as_ref().unwrap().secret(), Some("p w"));
    let watch =
        DeviceWatch { package: Package::Dialog, expires: Duration::from_secs(120), stale: StaleDevice::Unroutable };
    assert_eq!((z.device_state, a.device_state), (Some(watch), None));
    assert_eq!((z.connected_line, a.connected_line), (ConnectedLine::Ignore, ConnectedLine::Transfer));
    let NumberingConfig { country_code, national_prefix, international_prefix } = &z.numbering;
    assert_eq!((country_code.as_deref(), &**national_prefix, &**international_prefix), (Some("86"), "", "000"));
    assert_eq!((z.transport, a.transport), (Transport::Tcp, Transport::Udp));
    assert_eq!(a.numbering, NumberingConfig::default());
    assert_eq!(a.sources, [("192.0.2.9".parse().unwrap(), 32)]);
}

#[test]
fn a_pbx_may_be_asked_for_presence_instead_of_dialogs() {
    let config = valid(&format!("{VALID}[peers.pbx]\naddress = \"127.0.0.1:5062\"\ndevice_state = \"presence\"\n"));
    let expires = Duration::from_secs(600);
    let watch = DeviceWatch { package: Package::Presence, expires, stale: StaleDevice::Routable };
    assert_eq!(config.peers.last().unwrap().device_state, Some(watch));
}

#[test]
fn a_range_of_agents_stands_for_each_number() {
    let config = valid(&format!(
        "{VALID}[peers.pbx]\naddress = \"127.0.0.1:5062\"\n[agents.\"0098-0101\"]\npeer = \"pbx\"\n\
         [agents.anna-maria]\nuri = \"sip:{{name}}@192.0.2.9;transport=udp\"\ninitial = \"not-ready\"\n"
    ));
    let names: Vec<_> = config.agents.iter().map(|agent| &*agent.name).collect();
    assert_eq!(names, ["0098", "0099", "0100", "0101", "anna-maria"]);
    assert_eq!(config.agents[2].uri, "sip:0100@127.0.0.1:5062");
    assert_eq!(config.agents[2].peer.as_deref(), Some("pbx"));
    assert_eq!(config.agents[4].uri, "sip:anna-maria@192.0.2.9;transport=udp");
    assert_eq!(config.agents[4].initial, AgentState::NotReady(Reason::Initial));
}

#[test]
fn ipv6_is_written_in_brackets() {
    let text = VALID.replace("127.0.0.1:5060", "[::1]:5060");
    let config = valid(&format!("{text}[peers.p]\naddress = \"[::1]:5062\"\n[agents.1]\npeer = \"p\"\n"));
    assert_eq!(config.peers[0].address, Endpoint { host: "::1".to_string(), port: 5062 });
    assert_eq!(config.agents[0].uri, "sip:1@[::1]:5062");
    assert_eq!(config.media.address.to_string(), "::1");
}

#[test]
fn an_empty_text_says_what_is_missing() {
    assert_eq!(
        errors(""),
        [
            "s.toml:1: sip.listen: is missing; write [sip] and listen = \"192.0.2.1:5060\"",
            "s.toml:1: queues: is missing; write [queues.NAME] for at least one queue",
        ]
    );
}

#[test]
fn what_the_phone_is_told_is_checked() {
    let peer =
        "[peers.t]\naddress = \"192.0.2.9:5060\"\nprivacy = \"ignore\"\ncarry_headers = [\"X-PBX-*\", \"diversion\"]\n";
    let config = valid(&format!("{VALID}{peer}"));
    assert_eq!(config.peers[0].privacy, CallerPrivacy::Ignore);
    assert_eq!(config.peers[0].carry_headers.iter().map(|name| &**name).collect::<Vec<_>>(), ["X-PBX-*", "Diversion"]);
    for wrong in ["\"From\"", "\"*\"", "\"X-Strowger-Call\"", "\"x-strowger*\"", "\"X-a:\"", "\"X-*-a\"", "1"] {
        let text = format!("{VALID}{}", peer.replace("\"diversion\"", wrong));
        let found = errors(&text);
        assert!(found.len() == 1 && found[0].contains("peers.t.carry_headers[1]"), "{wrong}: {found:?}");
    }
    let queue = |keys: &str| format!("{VALID}[queues.z]\nnumbers = [\"899\"]\n{keys}\n");
    let read = valid(&queue("caller_prefix = \"{queue} {wait}s \"\nalert_info = \"<http://h/a>;info=b\""));
    let last = read.queues.last().unwrap();
    assert_eq!(last.caller_prefix.as_deref(), Some("{queue} {wait}s "));
    assert_eq!(last.alert_info.as_deref(), Some("<http://h/a>;info=b"));
    for (wrong, key) in [
        ("caller_prefix = \"{name} \"", "caller_prefix"),
        ("caller_prefix = \"a\\\"b\"", "caller_prefix"),
        ("caller_prefix = \"a\"\nlabel = \"b\"", "caller_prefix"),
        ("alert_info = \"http://h/a\"", "alert_info"),
        ("alert_info = \"<a>\\r\\nX: y\"", "alert_info"),
    ] {
        let found = errors(&queue(wrong));
        assert!(found.len() == 1 && found[0].contains(&format!("queues.z.{key}")), "{wrong}: {found:?}");
    }
}

#[test]
fn all_errors_of_a_text_come_at_once_in_its_order() {
    let text = r#"[sip]
listen = "127.0.0.1"
unknown_source = "rejected"
[media]
ports = "20001-29999"
[htpp]
listen = "127.0.0.1:8080"
[peers.pbx]
adress = "127.0.0.1:5060"
[queues.support]
numbers = ["800", 801]
wrap_up = 10
open = "yes"
[queues.sales]
numbers = ["800"]
strategy = "longestidle"
target = 80
[agents."1001-1050"]
peer = "pbxx"
skills = "support"
[agents."1005"]
uri = "sipx:1005@192.0.2.1"
"#;
    assert_eq!(
        errors(text),
        [
            "s.toml:2: sip.listen: `127.0.0.1` is no address with a port; write it like \"192.0.2.1:5060\" or \
             \"[2001:db8::1]:5060\"",
            "s.toml:3: sip.unknown_source: unknown value `rejected`, expected `reject` or `silent`; did you mean `reject`?",
            "s.toml:5: media.ports: the first port must be even (RTP), 20001 is odd",
            "s.toml:6: htpp: unknown key; did you mean `http`?",
            "s.toml:8: peers.pbx.address: is missing; write address = \"pbx.example:5060\"",
            "s.toml:9: peers.pbx.adress: unknown key; did you mean `address`?",
            "s.toml:11: queues.support.numbers[1]: expected a string, found an integer; write \"801\"",
            "s.toml:12: queues.support.wrap_up: a duration needs a unit; write \"10s\"",
            "s.toml:13: queues.support.open: expected true or false, found a string",
            "s.toml:15: queues.sales.numbers: `800` leads to `support` already (line 11)",
            "s.toml:16: queues.sales.strategy: unknown strategy `longestidle`, known are longest-idle, round-robin; did \
             you mean `longest-idle`?",
            "s.toml:17: queues.sales.target: 80 is no fraction above 0 and up to 1; write 0.8",
            "s.toml:19: agents.1001-1050.peer: unknown peer `pbxx`; did you mean `pbx`?",
            "s.toml:20: agents.1001-1050.skills: expected a list of names or a table of levels, found a string",
            "s.toml:21: agents.1005: agent `1005` stands in agents.1001-1050 (line 18) already",
            "s.toml:22: agents.1005.uri: `sipx:1005@192.0.2.1` has the scheme `sipx`; only sip: and sips: are spoken",
        ]
    );
}

#[test]
fn each_error_says_line_path_and_remedy() {
    let wrong: Vec<_> = ALONE
        .iter()
        .map(|(text, expected)| (text, vec![format!("s.toml:{expected}")], after_valid(text)))
        .filter(|(_, expected, found)| expected != found)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Texts that stand after [`VALID`], as line 5 and following, and the only error in each.
const ALONE: &[(&str, &str)] = &[
    ("wrap_up = 10s", "5: string values must be quoted, expected literal string"),
    (
        "wrap_up = \"10\"",
        "5: queues.q.wrap_up: `10` is no duration; write a whole number and ms, s, m or h, such as \"20s\"",
    ),
    (
        "wrap_up = \"1d\"",
        "5: queues.q.wrap_up: `1d` is no duration; write a whole number and ms, s, m or h, such as \"20s\"",
    ),
    ("wrap_up = \"25h\"", "5: queues.q.wrap_up: 25h is out of range; allowed are 0s to 24h"),
    ("wrap_up = true", "5: queues.q.wrap_up: expected a duration such as \"20s\", found a boolean"),
    ("ring_timeout = \"0s\"", "5: queues.q.ring_timeout: 0s is out of range; allowed are 1s to 1h"),
    ("wrapup = \"1s\"", "5: queues.q.wrapup: unknown key; did you mean `wrap_up`?"),
    ("colour = 1", "5: queues.q.colour: unknown key"),
    ("waiting_max = 0", "5: queues.q.waiting_max: 0 would let nobody wait; write open = false to close the queue"),
    ("waiting_max = 9_999_999", "5: queues.q.waiting_max: 9999999 is out of range; allowed are 1 to 120000"),
    ("priority = 1.5", "5: queues.q.priority: expected an integer, found a float"),
    (
        "priority = 0xFFFFFFFF",
        "5: queues.q.priority: 0xFFFFFFFF is out of range; allowed are -2147483648 to 2147483647",
    ),
    ("target = nan", "5: queues.q.target: NaN is no fraction above 0 and up to 1"),
    ("music = \"\"", "5: queues.q.music: is not a path"),
    ("skills = [\"a\", \"b\", \"a\"]", "5: queues.q.skills: `a` is listed twice"),
    (
        "skills = [\"a b\"]",
        "5: queues.q.skills[0]: `a b` is no name; allowed are 1 to 64 letters, digits, and any of . _ - +",
    ),
    (
        "answer = \"on-queue\"",
        "5: queues.q.answer: unknown value `on-queue`, expected `on_queue` or `on_agent` or `early`; did you mean `on_queue`?",
    ),
    ("[queues.r]\nnumbers = [\"8\", \"8\"]", "6: queues.r.numbers: `8` is listed twice (line 6)"),
    ("[queues.r]\nnumbers = [\"8 0\"]", "6: queues.r.numbers[0]: `8 0` is no number that a caller can dial"),
    ("[queues]\nr = 1", "6: queues.r: expected a table, found an integer"),
    (
        "[queues.\"a b\"]",
        "5: queues.\"a b\": `a b` is no name; allowed are 1 to 64 letters, digits, and any of . _ - +",
    ),
    (
        "[http]\nlisten = \"0.0.0.0:8080\"",
        "6: http.listen: 0.0.0.0:8080 is not loopback and needs a token; write tokens = { NAME = \"secret\" }",
    ),
    (
        "[http]\nlisten = \"0.0.0.0:8080\"\ntokens = {}",
        "6: http.listen: 0.0.0.0:8080 is not loopback and has no usable token; write tokens = { NAME = \"secret\" }",
    ),
    (
        "[http]\ntokens = { a = \"x y\" }",
        "6: http.tokens.a: a token is one or more visible ASCII characters (RFC 6750 2.1)",
    ),
    (
        "[http]\ntokens = { a = \"x\" }\ntoken_files = { a = \"f\" }",
        "7: http.token_files.a: also has a token in http.tokens",
    ),
    (
        "[http]\ntokens = { a = \"x\" }\nnumbers = [\"a\", \"b\"]",
        "7: http.numbers: `b` has no token in http.tokens or http.token_files",
    ),
    (
        "[media]\naddress = \"127.0.0.1\"\n[peers.p]\naddresses = \"b\"",
        "8: peers.p.addresses: expected a list, found a string",
    ),
    ("[media]\nports = \"5060-6061\"", "6: media.ports: 5060-6061 holds 5060, the port of sip.listen"),
    ("[media]\nports = \"20000-20010\"", "6: media.ports: the last port must be odd (RTCP), 20010 is even"),
    (
        "[media]\nports = \"20000-20001\"",
        "6: media.ports: 20000-20001 holds one leg; a call needs two, that is four ports",
    ),
    ("[media]\nports = \"20000-19001\"", "6: media.ports: the last port 19001 is below the first 20000"),
    ("[media]\nports = \"80-19001\"", "6: media.ports: 80 is a port of the system's; begin at 1024 or above"),
    ("[media]\nworkers = 0", "6: media.workers: 0 is out of range; allowed are 1 to 16"),
    ("[media]\nworkers = \"2\"", "6: media.workers: `2` is no number of threads; write one, or \"auto\""),
    ("[media]\nports = \"20000\"", "6: media.ports: `20000` is no range of ports; write it like \"20000-29999\""),
    ("[media]\naddress = \"::1\"", "6: media.address: ::1 is IPv6, but sip.listen is IPv4"),
    ("[peers.p]\naddress = \"192.0.2.9\"\ntransport = \"tcp\"", "7: peers.p.transport: needs sip.tcp = true"),
    (
        "[peers.p]\naddress = \"192.0.2.9\"\ndevice_state_expires = \"1s\"",
        "7: peers.p.device_state_expires: 1s is out of range; allowed are 1m to 24h",
    ),
    (
        "[peers.p]\naddress = \"192.0.2.9\"\n\ndevice_state = \"pidf\"",
        "8: peers.p.device_state: unknown value `pidf`, expected `dialog-info` or `presence` or `off`",
    ),
    ("[drain]\nlimit = 30", "6: drain.limit: a duration needs a unit; write \"30s\""),
    (
        "[peers.p]\naddress = \"a\"\nauth = { username = \"u\" }",
        "7: peers.p.auth: needs one of password, password_file and password_env",
    ),
    (
        "[peers.p]\naddress = \"a\"\noutbound_auth = { username = \"u\", password = \"\" }",
        "7: peers.p.outbound_auth.password: is empty",
    ),
    (
        "[peers.p]\naddress = \"a\"\nauth = { username = \"u\", password = \"p\", algorithms = [] }",
        "7: peers.p.auth.algorithms: is empty; leave it out for [\"SHA-256\", \"MD5\"]",
    ),
    (
        "[peers.p]\naddress = \"host:99999\"",
        "6: peers.p.address: `host:99999` is no host with a port; write it like \"pbx.example:5060\"",
    ),
    ("[peers.p]\naddress = \"::1\"", "6: peers.p.address: an IPv6 address stands in brackets; write \"[::1]:5060\""),
    ("[peers.p]\naddresses = []", "6: peers.p.addresses: lists 1 to 16 addresses"),
    (
        "[peers.p]\naddress = \"a\"\naddresses = [\"b\"]",
        "7: peers.p.addresses: and address are both there; write one of them",
    ),
    ("[peers.p]\naddresses = [\"b\", { address = \"b:5060\" }]", "6: peers.p.addresses[1]: is listed twice"),
    (
        "[peers.p]\naddresses = [\"b\", { address = \"c\", priority = -1 }]",
        "6: peers.p.addresses[1].priority: -1 is out of range; allowed are 0 to 65535",
    ),
    ("[peers.p]\naddresses = [\"b\", \"[::1]:5060\"]", "6: peers.p.addresses[1]: ::1 is IPv6, but sip.listen is IPv4"),
    ("[peers.p]\naddress = \"[::1]\"", "6: peers.p.address: ::1 is IPv6, but sip.listen is IPv4"),
    (
        "[peers.p]\naddress = \"a\"\nsources = [\"10.0.0.1/8\"]",
        "7: peers.p.sources[0]: 10.0.0.1 is not the first address of its network; write \"10.0.0.0/8\"",
    ),
    (
        "[peers.p]\naddress = \"a\"\nsources = [\"10.0.0.0/33\"]",
        "7: peers.p.sources[0]: `10.0.0.0/33` is no network; write it like \"192.0.2.0/24\" or \"192.0.2.7\"",
    ),
    (
        "[peers.p]\naddress = \"10.0.0.1\"\n[peers.r]\naddress = \"a\"\nsources = [\"10.0.0.0/8\"]",
        "9: peers.r.sources: 10.0.0.0/8 overlaps 10.0.0.1/32 of `p` (peers.p.address, line 6)",
    ),
    ("[peers.p]\naddress = \"a\"\ndnis = []", "7: peers.p.dnis: is empty; leave it out for [\"request-uri\"]"),
    (
        "[peers.p]\naddress = \"a\"\nqualify = \"10ms\"",
        "7: peers.p.qualify: more than once a second burdens the peer; \"0s\" is never",
    ),
    ("[peers.p]\naddress = \"a\"\ndnis = [\"header: X\"]", "7: peers.p.dnis[0]: ` X` is no header's name"),
    ("[agents.7]", "5: agents.7: needs a peer or a uri to be reached by; write peer = \"NAME\""),
    (
        "[agents.7]\nuri = \"7@192.0.2.1\"",
        "6: agents.7.uri: `7@192.0.2.1` is no SIP URI; write it like \"sip:1001@192.0.2.9:5060\"",
    ),
    (
        "[agents.7]\nuri = \"sip:7@\"",
        "6: agents.7.uri: `sip:7@` names no usable host: `` is no host with a port; write it like \"pbx.example:5060\"",
    ),
    (
        "[agents.7]\nuri = \"sip:7@h;transport=tls\"",
        "6: agents.7.uri: `sip:7@h;transport=tls` needs sip.tls = \"0.0.0.0:5061\"",
    ),
    ("[agents.7]\nuri = \"sips:7@h\"", "6: agents.7.uri: `sips:7@h` needs sip.tls = \"0.0.0.0:5061\""),
    ("[agents.7]\nuri = \"sip:7@h;transport=tcp\"", "6: agents.7.uri: `sip:7@h;transport=tcp` needs sip.tcp = true"),
    (
        "[agents.7]\nuri = \"sip:7@h;transport=sctp\"",
        "6: agents.7.uri: `sip:7@h;transport=sctp` asks for the transport `sctp`; there are udp, tcp and tls",
    ),
    ("[agents.7]\nuri = \"sip:{nam}@h\"", "6: agents.7.uri: `sip:{nam}@h` holds '{', which may not stand in a SIP URI"),
    ("[agents.7]\nuri = \"sip:7@[::1]\"", "6: agents.7.uri: ::1 is IPv6, but sip.listen is IPv4"),
    (
        "[agents.1-3]\nuri = \"sip:7@h\"",
        "6: agents.1-3.uri: gives all 3 agents the same device; write {name} where the name belongs",
    ),
    ("[agents.9-1]\nuri = \"sip:{name}@h\"", "5: agents.9-1: the range ends before it begins; write \"1-9\""),
    ("[agents.1-30]\nuri = \"sip:{name}@h\"", "5: agents.1-30: the range's ends `1` and `30` differ in length"),
    (
        "[agents.00000-99999]\nuri = \"sip:{name}@h\"",
        "5: agents.00000-99999: is one too many: allowed are 20000 agents",
    ),
    (
        "[agents.1-3]\nuri = \"sip:{name}@h\"\n[agents.2-4]\nuri = \"sip:{name}@h\"",
        "7: agents.2-4: agent `2` and 1 more stands in agents.1-3 (line 5) already",
    ),
    (
        "[agents.7]\nuri = \"sip:7@h\"\ninitial = \"talking\"",
        "7: agents.7.initial: unknown value `talking`, expected `ready` or `not-ready` or `logged-out`",
    ),
];

#[test]
fn session_timers_are_no_shorter_than_the_shortest_taken() {
    let text = VALID.replace("[queues.q]", "session_expires = \"60s\"\nmin_se = \"30s\"\n[queues.q]");
    let expected = [
        "s.toml:3: sip.session_expires: 1m is shorter than min_se, 90s",
        "s.toml:4: sip.min_se: 30s is out of range; allowed are 90s to 24h",
    ];
    assert_eq!(errors(&text), expected);
}

#[test]
fn an_unspecified_listen_address_needs_an_advertised_one() {
    let text = VALID.replace("127.0.0.1", "0.0.0.0");
    assert_eq!(errors(&text), ["s.toml:1: sip.advertise: is missing: 0.0.0.0 is no address that others can reach"]);
    let text = text.replace("[queues", "advertise = \"0.0.0.0\"\n[queues");
    assert_eq!(errors(&text), ["s.toml:3: sip.advertise: 0.0.0.0 is no address that others can reach"]);
}

#[test]
fn broken_syntax_does_not_hide_wrong_values_elsewhere() {
    let text =
        "[sip]\nlisten = \"127.0.0.1:5060\"\n[queues.a]\nwrap_up = 10s\nopen = 1\nopen = 2\n[queues.b\ntarget = 7\n";
    assert_eq!(
        errors(text),
        [
            "s.toml:4: string values must be quoted, expected literal string",
            "s.toml:5: queues.a.open: expected true or false, found an integer",
            "s.toml:6: duplicate key",
            "s.toml:7: unclosed table, expected `]`",
        ]
    );
}

#[test]
fn an_outbound_peer_may_share_addresses_with_one_that_sends_calls() {
    let text = format!(
        "{VALID}[peers.a]\naddress = \"127.0.0.1\"\n[peers.b]\naddress = \"127.0.0.1:5062\"\ninbound = false\n"
    );
    assert_eq!(valid(&text).peers.len(), 2);
}

#[test]
fn the_shipped_configuration_has_no_error_and_no_warning() {
    let config = valid(include_str!("../../configs/strowger.toml"));
    assert_eq!(lint(&config), [""; 0]);
    assert_eq!((config.queues.len(), config.agents.len()), (2, 50));
    assert!(config.agents.iter().all(|agent| agent.peer.as_deref() == Some("pbx")));
    let config = valid(include_str!("../../configs/asterisk/strowger.toml"));
    assert_eq!(lint(&config), [""; 0]);
    assert_eq!((config.queues.len(), config.agents.len()), (2, 10));
}

#[test]
fn a_peer_may_have_several_addresses() {
    let text = "[peers.p]\naddresses = [\"pbx\", { address = \"192.0.2.9:5062\", priority = 5 }, { address = \"192.0.2.8\", weight = 3 }]";
    let config = valid(&format!("{VALID}{text}\n"));
    let peer = &config.peers[0];
    let order: Vec<_> = peer.addresses.iter().map(|one| (one.endpoint.to_string(), one.priority, one.weight)).collect();
    let one = |text: &str, priority, weight| (text.to_string(), priority, weight);
    assert_eq!(order, [one("pbx:5060", 0, 1), one("192.0.2.8:5060", 0, 3), one("192.0.2.9:5062", 5, 1)]);
    assert_eq!((peer.address.host.as_str(), peer.sources.len()), ("pbx", 0), "a name has to be looked up");
    let numeric =
        valid(&format!("{VALID}[peers.p]\naddresses = [\"192.0.2.9:5062\", \"192.0.2.9:5064\", \"192.0.2.7\"]\n"));
    assert_eq!(numeric.peers[0].sources.len(), 2, "two ports of one host are one source");
}

#[test]
fn the_shipped_configuration_shows_defaults_that_are_the_defaults() {
    let text = include_str!("../../configs/strowger.toml");
    let is_default = |line: &&str| line.starts_with('#') && line.contains(" = ") && !line.contains(".wav");
    let without_examples = |line: &&str| {
        [
            "tokens",
            "token_files",
            "numbers = ",
            "advertise",
            "#workers",
            "#codecs",
            "country_code",
            "password",
            "#tls",
            "require_client",
        ]
        .iter()
        .all(|key| !line.contains(key))
    };
    let commented: Vec<_> = text.lines().filter(is_default).filter(without_examples).collect();
    assert!(commented.len() > 15, "{commented:?}");
    let shown: Vec<_> =
        text.lines().map(|line| if commented.contains(&line) { line.trim_start_matches('#') } else { line }).collect();
    assert_eq!(valid(&shown.join("\n")), valid(text));
}

#[test]
fn the_built_in_configuration_has_no_warning() {
    let config = built_in();
    assert_eq!(lint(&config), [""; 0]);
    assert_eq!(config.sip.listen.to_string(), "127.0.0.1:5070");
    let queues: Vec<_> = config.queues.iter().map(|queue| (&*queue.name, queue.numbers[0].number.as_str())).collect();
    assert_eq!(queues, [("support", "800"), ("sales", "801"), ("vip", "802")]);
    assert_eq!(config.agents.len(), 12);
    assert_eq!(config.drain.limit, Duration::from_secs(30));
}

#[test]
fn warnings_name_what_is_probably_not_meant() {
    let config = valid(
        r#"
        sip.listen = "127.0.0.1:0"
        [http]
        listen = "192.0.2.1:80"
        tokens = { alice = "short" }
        [queues.q]
        skills = ["nobody"]
        answer = "on_agent"
        unanswered_max = "5m"
        threshold = "2s"
        music = "m.wav"
        fax = "detect"
        [agents.1-5]
        uri = "sip:{name}@h"
        skills = ["other"]
        [agents.x]
        uri = "sip:1@h"
        skills = ["nobody-else"]
        "#,
    );
    assert_eq!(
        lint(&config),
        [
            "sip.listen: port 0 lets the system choose another port at each start",
            "peers: none is inbound, so no call can come in",
            "http.tokens.alice: is shorter than 16 characters and may be guessed",
            "queues.q.numbers: no number leads here",
            "queues.q: no agent fits `nobody`, so no call is ever answered",
            "queues.q.unanswered_max: 5m is more than the 180s after which a proxy may give up",
            "queues.q.short_abandon: 5s is more than the threshold of 2s",
            "queues.q.music: is never heard with answer = \"on_agent\"",
            "queues.q.fax: finds nothing with answer = \"on_agent\", for callers who wait are not heard",
            "agents x: skills nobody-else, which fit no queue",
            "agents 1, 2, 3 and 2 more: skills other, which fit no queue",
            "agents 1, x: share the device sip:1@h",
        ]
    );
}

#[test]
fn the_description_shows_what_is_in_force() {
    let expected = "\
SIP    127.0.0.1:5070 over UDP; calls from unknown sources are refused with 403
RTP    127.0.0.1 ports 21000-24999, 2000 legs; silent legs are probed after 90s
HTTP   127.0.0.1:8080, no token needed
Drain  waiting callers are offered for 30s more
Days   of UTC

Peers: 1
  phones  127.0.0.1:5071; calls from 127.0.0.0/8, called number from Request-URI; not watched

Queues: 3
  support  800; 8 agents with support
    answered at once; built-in tune
    priority 0; any number may wait, for ever
    longest-idle; rings 20s, wrap-up 5s
    service level 0.8 in 20s; abandons within 5s are short
";
    let text = describe(&built_in());
    assert!(text.starts_with(expected), "{text}");
    let agents = "
Agents: 12
  1001 to 1005 (5)  sip:1001@127.0.0.1:5071 by way of phones; support; ready at the start; back after 1m, busy pause 5s
";
    assert!(text.contains(agents), "{text}");
    let strategies = "
Strategies: 1
  longest-idle  The agent whose last talk ended the longest ago, or who has waited the longest since logging in.
  others are fewest-calls, least-talk,";
    assert!(text.contains(strategies), "{text}");
}

#[test]
fn no_token_is_ever_printed() {
    let config = valid(&format!("{VALID}[http]\ntokens = {{ alice = \"hunter2-hunter2-h\" }}\n"));
    let all = format!("{config:?}{}{}", describe(&config), lint(&config).join(""));
    assert!(!all.contains("hunter2"), "{all}");
}

/// Fragments that make texts near to real ones.
fn fragment() -> impl Strategy<Value = String> {
    let known = include_str!("../../configs/strowger.toml");
    let words: Vec<String> = known
        .split_inclusive([' ', '\n', '.', '"', '-', ':', '[', ']'])
        .chain([
            "\u{e9}",
            "\r\n",
            "\0",
            "{",
            "}",
            "\"\"\"",
            "'",
            "-9223372036854775809",
            "18446744073709551616-1",
            "\n[agents.1-9]\n",
        ])
        .map(str::to_string)
        .collect();
    prop::collection::vec(prop::sample::select(words), 0..60).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in prop_oneof![any::<String>(), fragment()]) {
        match parse(&text, "f", &STRATEGIES) {
            Ok(config) => drop((lint(&config), describe(&config))),
            Err(errors) => {
                let lines = text.bytes().filter(|b| *b == b'\n').count() + 1;
                prop_assert!(!errors.is_empty());
                prop_assert!(errors.iter().all(|error| (1..=lines).contains(&error.line)));
            }
        }
    }

    #[test]
    fn a_broken_line_in_a_real_text_never_makes_the_reader_panic(at in 0usize..6_000, junk in ".{0,12}") {
        let mut text = include_str!("../../configs/strowger.toml").to_string();
        let at = text.floor_char_boundary(at.min(text.len()));
        text.insert_str(at, &junk);
        let _ = parse(&text, "f", &STRATEGIES);
    }

    #[test]
    fn a_duration_is_shown_as_it_can_be_written(ms in 0u64..86_400_000) {
        let duration = Duration::from_millis(ms);
        let text = format!("{VALID}wrap_up = \"{}\"\n", values::show(duration));
        prop_assert_eq!(valid(&text).queues[0].wrap_up, duration);
    }
}
