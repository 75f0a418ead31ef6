//! `codecs` of `[media]` and of a peer.

use super::*;
use crate::media::{Codec, Codecs};

const PEER: &str = "[peers.t]\naddress = \"192.0.2.9:5060\"\n";

#[test]
fn codecs_are_read_in_their_order_and_a_peer_may_have_its_own() {
    let config = valid(&format!("{VALID}{PEER}"));
    assert_eq!((config.media.codecs, config.peers[0].codecs), (None, None), "by default all");
    let config = valid(&format!(
        "{VALID}[media]\ncodecs = [\"opus\", \"g722\", \"pcma\"]\n{PEER}codecs = [\"g729\", \"pcmu\"]\n"
    ));
    let list = |codecs: Option<Codecs>| codecs.map(|codecs| codecs.iter().collect::<Vec<_>>()).unwrap_or_default();
    assert_eq!(list(config.media.codecs), [Codec::Opus, Codec::G722, Codec::Pcma]);
    assert_eq!(list(config.peers[0].codecs), [Codec::G729, Codec::Pcmu]);
    let words = describe(&config);
    assert!(words.contains("opus, g722, pcma") && words.contains("audio in g729, pcmu"), "{words}");
}

#[test]
fn what_is_no_list_of_codecs_is_told_with_its_place() {
    for (wrong, told) in [
        ("[]", "codecs: is empty: no call could be taken; leave it out for all codecs"),
        (
            "[\"pcma\", \"gsm\"]",
            "codecs[1]: unknown value `gsm`, expected `pcma` or `pcmu` or `g722` or `g729` or `opus`",
        ),
        ("[\"pcma\", \"pcma\"]", "codecs: names pcma twice"),
        ("\"pcma\"", "codecs: expected a list"),
    ] {
        for (place, path) in [("[media]\n", "media"), (PEER, "peers.t")] {
            let found = errors(&format!("{VALID}{place}codecs = {wrong}\n"));
            assert!(found.len() == 1 && found[0].contains(&format!("{path}.{told}")), "{wrong}: {found:?}");
        }
    }
}
