//! Descriptions that the engine hands on without touching the audio: a re-offer that changes only the direction (hold, resume) is
//! answered with what the other end said, its direction mirrored (RFC 3264 8.4). What it cannot do is move audio elsewhere. Keys
//! that stand in a description can be left out.

use super::inactive_answer;
use super::negotiate::Local;
use super::sdp::{Direction, SessionDescription, lines};

/// The answer to the re-offer `offer` of an author who last said `before`, where `ours` is what we last told that author:
/// `ours` with the direction that the offer asks for. `None` when the audio moves to another address, unless `ours`
/// is inactive: then nothing flows and anything can be agreed to.
pub fn redirected(offer: &[u8], before: Option<&[u8]>, ours: &[u8], local: &Local) -> Option<Box<[u8]>> {
    let offered = SessionDescription::parse(offer).ok()?;
    let told = SessionDescription::parse(ours).ok()?;
    if told
        .audio()
        .is_some_and(|(_, audio)| audio.direction == Direction::Inactive && audio.port == local.address.port())
    {
        return Some(after(ours, &inactive_answer(&offered, local).ok()?));
    }
    let before = SessionDescription::parse(before?).ok()?;
    let ((_, audio), (_, known)) = (offered.audio()?, before.audio()?);
    let stays = (audio.port, audio.connection) == (known.port, known.connection);
    stays.then(|| with_direction(ours, audio.direction.reversed()))
}

/// The text without the keys in it, for one to whom it does not go over TLS: whoever reads along may know where the audio is,
/// but not what it is encrypted with. `None` where there are none.
pub fn without_keys(text: &[u8]) -> Option<Box<[u8]>> {
    let is_key = |line: &&[u8]| {
        let line = line.trim_ascii_start();
        KEYS.iter().any(|key| line.get(..key.len()).is_some_and(|start| start.eq_ignore_ascii_case(key)))
    };
    lines(text).find(is_key)?;
    let mut out = Vec::with_capacity(text.len());
    for line in lines(text).filter(|line| !is_key(line)) {
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
    Some(out.into())
}

/// How lines with keys begin: RFC 4568, RFC 4567 (MIKEY), and `k=` of RFC 4566.
const KEYS: [&[u8]; 3] = [b"a=crypto:", b"a=key-mgmt:", b"k="];

/// The text with one direction for its media, and the version of its `o=` line one higher (RFC 3264 8).
fn with_direction(text: &[u8], direction: Direction) -> Box<[u8]> {
    let mut out = Vec::with_capacity(text.len() + 16);
    for line in text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()) {
        let is_direction = [&b"a=sendrecv"[..], b"a=sendonly", b"a=recvonly", b"a=inactive"].contains(&line);
        if is_direction {
            continue;
        }
        match line.strip_prefix(b"o=") {
            Some(origin) => put_origin(&mut out, origin),
            None => out.extend_from_slice(line),
        }
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("a={}\r\n", direction.as_str()).as_bytes());
    out.into()
}

/// The text with the `o=` line of what was said before it, the version one higher.
fn after(before: &[u8], text: &[u8]) -> Box<[u8]> {
    let origin = lines(before).find_map(|line| line.strip_prefix(b"o="));
    let mut out = Vec::with_capacity(text.len() + 16);
    for line in lines(text) {
        match origin.filter(|_| line.starts_with(b"o=")) {
            Some(origin) => put_origin(&mut out, origin),
            None => out.extend_from_slice(line),
        }
        out.extend_from_slice(b"\r\n");
    }
    out.into()
}

fn put_origin(out: &mut Vec<u8>, origin: &[u8]) {
    out.extend_from_slice(b"o=");
    for (place, word) in origin.split(|byte| *byte == b' ').enumerate() {
        if place > 0 {
            out.push(b' ');
        }
        let version = (place == 2).then(|| std::str::from_utf8(word).ok()?.parse::<u64>().ok()).flatten();
        match version {
            Some(version) => out.extend_from_slice(version.wrapping_add(1).to_string().as_bytes()),
            None => out.extend_from_slice(word),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_left_out_however_they_are_written() {
        let plain = "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/SAVP 8\r\na=ptime:20\r\n";
        assert_eq!(without_keys(plain.as_bytes()), None);
        for key in [
            "a=crypto:1 X inline:K",
            "A=Crypto:1 X inline:K",
            "a=key-mgmt:mikey K",
            "k=clear:K",
            "  a=crypto:2 X inline:K",
        ] {
            for end in ["\r\n", "\n", "\r"] {
                for at in ["c=", "m=", "a="] {
                    let text = plain.replace("\r\n", end).replace(at, &format!("{key}{end}{at}")) + key;
                    let said = without_keys(text.as_bytes()).unwrap();
                    assert_eq!(std::str::from_utf8(&said).unwrap(), plain, "{text:?}");
                }
            }
        }
    }

    const CALLER: &str =
        "v=0\r\no=a 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n";
    const AGENT: &str = "v=0\r\no=b 7 3 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\nm=audio 5000 RTP/AVP 8\r\na=sendrecv\r\n";

    #[test]
    fn a_hold_is_answered_with_the_other_end_s_description_and_the_mirrored_direction() {
        let hold = format!("{}a=sendonly\r\n", CALLER.replace("a 1 1", "a 1 2"));
        let answer = redirected(hold.as_bytes(), Some(CALLER.as_bytes()), AGENT.as_bytes(), &local()).unwrap();
        let expected = AGENT.replace("7 3", "7 4").replace("sendrecv", "recvonly");
        assert_eq!(std::str::from_utf8(&answer).unwrap(), expected);
        let resumed = redirected(CALLER.as_bytes(), Some(hold.as_bytes()), &answer, &local()).unwrap();
        assert_eq!(std::str::from_utf8(&resumed).unwrap(), AGENT.replace("7 3", "7 5"));
    }

    #[test]
    fn audio_that_moves_elsewhere_is_not_ours_to_move() {
        let moved = CALLER.replace("4000", "4002");
        assert_eq!(redirected(moved.as_bytes(), Some(CALLER.as_bytes()), AGENT.as_bytes(), &local()), None);
        assert_eq!(redirected(CALLER.as_bytes(), None, AGENT.as_bytes(), &local()), None);
    }

    #[test]
    fn where_nothing_flows_anything_is_agreed_to() {
        let first = inactive_answer(&SessionDescription::parse(CALLER.as_bytes()).unwrap(), &local()).unwrap();
        let moved = CALLER.replace("4000", "4002");
        let answer = redirected(moved.as_bytes(), Some(CALLER.as_bytes()), &first, &local()).unwrap();
        assert!(String::from_utf8_lossy(&answer).contains("a=inactive"));
        // Ours are of one session, whatever address we would choose by now, and each has a version of its own (RFC 3264 8).
        let elsewhere = Local { origin: "2001:db8::1".parse().unwrap(), session: 9, ..local() };
        let again = redirected(CALLER.as_bytes(), Some(moved.as_bytes()), &answer, &elsewhere).unwrap();
        for (text, version) in [(&first, 1), (&answer, 2), (&again, 3)] {
            let origin = format!("o=strowger 1 {version} IN IP4 198.51.100.1\r\n");
            assert!(String::from_utf8_lossy(text).contains(&origin), "{origin}");
        }
    }

    fn local() -> Local {
        let ip = [198, 51, 100, 1];
        Local { address: (ip, 9).into(), origin: ip.into(), session: 1, version: 1, secure: None }
    }
}
