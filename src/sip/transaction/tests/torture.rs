//! Every message of RFC 4475 and RFC 5118 through the stack: told, refused or dropped as `check` judges it, and told once.

use std::path::PathBuf;

use super::*;
use crate::sip::check::check;

/// Name and datagram of every message, in the order of their names.
fn corpus() -> Vec<(String, Bytes)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/torture");
    let files = ["rfc4475", "rfc5118"].map(|part| std::fs::read_dir(folder.join(part)).unwrap());
    let mut files: Vec<PathBuf> = files.into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |file: PathBuf| {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let mut bytes = std::fs::read(file).unwrap();
        // Those of RFC 5118 have bare line feeds, and two lack the blank line.
        if !bytes.windows(2).any(|pair| pair == b"\r\n") {
            let text = String::from_utf8(bytes).unwrap();
            bytes = format!("{}\n\n", text.trim_end_matches('\n')).replace('\n', "\r\n").into_bytes();
        }
        (name, Bytes::from(bytes))
    };
    files.into_iter().map(read).collect()
}

/// What the stack has to do with a datagram: labels of what it sends, and what it tells.
fn expected(datagram: &Bytes) -> (Vec<String>, Vec<String>) {
    let Ok(message) = Message::parse(datagram.clone()) else { return (vec![], vec![]) };
    if !message.is_request() {
        return (vec![], vec![]);
    }
    let method = message.method().as_str();
    match check(&message) {
        Err(refusal) => (vec![refusal.code.to_string()], vec![]),
        Ok(()) if message.method() == Method::Invite => (vec!["100".to_owned()], vec![format!("request {method}")]),
        Ok(()) => (vec![], vec![format!("request {method}")]),
    }
}

#[test]
fn each_torture_message_is_told_refused_or_dropped() {
    let corpus = corpus();
    assert_eq!(corpus.len(), 62);
    for (name, datagram) in corpus {
        let mut stack = stack(2);
        stack.handle_datagram(at(0), address(1), datagram.clone());
        let sent = std::iter::from_fn(|| stack.poll_transmit());
        let codes: Vec<String> = sent.map(|t| Message::parse(t.payload).unwrap().status().to_string()).collect();
        assert_eq!((codes, told(&mut stack)), expected(&datagram), "{name}");
    }
}

#[test]
fn one_stack_takes_them_all_twice_tells_each_once_and_is_empty_afterwards() {
    let mut stack = stack(2);
    let mut requests = 0;
    for (_, datagram) in corpus().into_iter().flat_map(|entry| [entry.clone(), entry]) {
        stack.handle_datagram(at(0), address(1), datagram);
        while let Some(event) = stack.poll_event() {
            let Event::Request { key, source, message } = event else { panic!("{event:?}") };
            requests += 1;
            stack.respond(at(0), key, 486, respond(&message, source, 486, None, b"b").finish());
        }
        while stack.poll_transmit().is_some() {}
    }
    assert_eq!(stack.live(), requests);
    while let Some(next) = stack.poll_timeout() {
        stack.handle_timeout(next);
        assert!(next <= at(32_000));
    }
    assert_eq!(stack.live(), 0);
}
