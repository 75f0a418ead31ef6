//! Every message of RFC 4475 and RFC 5118 against the whole node, in a datagram and by a stream, answered as
//! `tests/torture/README.md` says.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use strowger::acd::strategy;
use strowger::base::Instant;
use strowger::config;
use strowger::media::{Lease, PortId};
use strowger::node::{Door, Node, Resolved, Setup, Wire};
use strowger::sip::framing::{Frame, Framer};

const CONFIG: &str = r#"
[sip]
listen = "127.0.0.1:5070"
[media]
ports = "20000-20099"
[http]
listen = "127.0.0.1:8080"
[peers.trunk]
address = "192.0.2.1:5060"
sources = ["0.0.0.0/0"]
qualify = "0s"
[queues.all]
numbers = ["800"]
skills = ["x"]
[agents.1001]
peer = "trunk"
skills = ["x"]
"#;

#[test]
fn every_torture_message_is_answered_as_its_table_says() {
    let rows = table();
    assert_eq!(rows.len(), 62, "rows of the table");
    let wrong: Vec<_> = rows.iter().filter_map(|row| judge(row, Door::Own, message(row).into())).collect();
    assert!(wrong.is_empty(), "{} of {} wrong:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

/// What a stream makes of them: a message that can be cut is answered as in a datagram; one whose end cannot be known closes the
/// connection, after an answer where its Content-Length is at fault.
#[test]
fn every_torture_message_is_answered_over_a_stream_too() {
    let mut closed = Vec::new();
    let mut waits = Vec::new();
    let mut wrong = Vec::new();
    for row in table() {
        let mut framer = Framer::default();
        framer.push(&message(&row));
        match framer.poll() {
            Some(Frame::Message(payload) | Frame::Last(payload)) => {
                wrong.extend(judge(&row, Door::Stream(Wire::Tcp), payload))
            }
            Some(Frame::Ping) => wrong.push(format!("{} is no keep-alive", row.name)),
            Some(Frame::Broken(_)) => closed.push(row.name),
            None => waits.push(row.name),
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!((closed.join(" "), waits.join(" ")), (CLOSED.to_string(), WAITS.to_string()));
}

/// They have no Content-Length.
const CLOSED: &str = "inv2543 test";
/// Their Content-Length promises more than they have.
const WAITS: &str = "clerr baddn ipv6-in-sdp";

struct Row {
    name: String,
    expected: String,
    file: PathBuf,
}

fn table() -> Vec<Row> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture");
    let text = std::fs::read_to_string(folder.join("README.md")).expect("the table is in the tree");
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| file"));
    rows.map(|line| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let folder = folder.join(if cells[2].starts_with("5118") { "rfc5118" } else { "rfc4475" });
        let plain = folder.join(cells[1]);
        let file = if plain.exists() { plain } else { folder.join(format!("{}.dat", cells[1])) };
        Row { name: cells[1].to_string(), expected: cells[3].to_string(), file }
    })
    .collect()
}

fn message(row: &Row) -> Vec<u8> {
    let bytes = std::fs::read(&row.file).expect("the table names files of the tree");
    if row.file.extension().is_none() { on_the_wire(&bytes) } else { bytes }
}

fn judge(row: &Row, door: Door, payload: Bytes) -> Option<String> {
    let source: SocketAddr = ([192, 0, 2, 9], 5060).into();
    let mut node = node();
    node.handle_message(Instant::from_micros(1000), door, source, payload);
    let mut codes = Vec::new();
    while let Some(transmit) = node.poll_transmit() {
        let line = String::from_utf8_lossy(&transmit.payload).lines().next().unwrap_or_default().to_string();
        codes.push(line.split(' ').nth(1).and_then(|code| code.parse::<u16>().ok()).unwrap_or(0));
    }
    assert_eq!(node.check(), Ok(()), "{}", row.name);
    let last = codes.iter().copied().rfind(|code| *code >= 200);
    let said = row.expected.as_str();
    (!fits(said, last)).then(|| format!("{}: expected {said}, got {codes:?}", row.name))
}

/// `V` is any answer that shows the message was read; `400 (tolerated: V)` takes either.
fn fits(expected: &str, code: Option<u16>) -> bool {
    let (main, tolerated) = expected.split_once("(tolerated:").unwrap_or((expected, ""));
    let words = main.split('/').chain(tolerated.trim_end_matches([')', ' ']).split('/')).map(str::trim);
    words.filter(|word| !word.is_empty()).any(|word| match word {
        "V" => code.is_some_and(|code| !matches!(code, 400 | 482 | 500 | 503 | 505 | 513)),
        "SILENT" | "NONE" => code.is_none(),
        number => number.parse().ok() == code,
    })
}

/// RFC 5118's files have bare line feeds and two lack the final blank line.
fn on_the_wire(bytes: &[u8]) -> Vec<u8> {
    let mut out = String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace('\n', "\r\n");
    if !out.contains("\r\n\r\n") {
        out.push_str(if out.ends_with("\r\n") { "\r\n" } else { "\r\n\r\n" });
    }
    out.into_bytes()
}

fn node() -> Node {
    let config =
        config::parse(CONFIG, "test.toml", &strategy::names().collect::<Vec<_>>()).expect("a valid configuration");
    let lease = |n: u16| Lease { port: PortId(n.into()), address: ([127, 0, 0, 1], 20_000 + 2 * n).into() };
    let setup = Setup {
        config: Arc::new(config),
        resolved: Resolved::default(),
        seed: [7; 32],
        sip_address: ([127, 0, 0, 1], 5070).into(),
        leases: (0..50).map(lease).collect(),
        other: None,
    };
    Node::new(Instant::ZERO, setup)
}
