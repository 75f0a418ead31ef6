//! Who is connected, as answers and changes say it.

use super::*;

impl Solo {
    /// A talking leg of ours, whose far end then sends UPDATE with these header lines; what is told.
    fn updated(lines: &str) -> Vec<String> {
        let mut solo = Self::calling();
        solo.response(200, SDP);
        solo.look();
        solo.told();
        let text = format!(
            "UPDATE sip:strowger@10.0.0.2 SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKupdate\n\
             Max-Forwards: 70\nFrom: <sip:far@10.0.0.1>;tag=far\nTo: <sip:near@10.0.0.2>;tag={}\n\
             Call-ID: {}\nCSeq: 2 UPDATE\nContact: <sip:far@10.0.0.1>\n{lines}Content-Length: 0\n\n",
            solo.near_tag, solo.call_id
        );
        solo.take(text.replace('\n', "\r\n").into());
        assert_eq!(solo.look(), ["200 UPDATE"], "{lines}");
        let told = solo.told();
        solo.legs.hang_up(solo.now, solo.leg);
        solo.ends_clean();
        told
    }
}

#[test]
fn an_identity_is_told_in_the_order_of_trust_and_never_where_it_hides() {
    let asserted = "P-Asserted-Identity: \"B, C\" <sip:1005@10.0.0.9>, <tel:+1>\n";
    let older = "Remote-Party-ID: \"B\" <sip:1006@10.0.0.9>;party=called;privacy=off\n";
    let connected = |uri: &str| vec![format!("connected {uri}")];
    assert_eq!(Solo::updated(asserted), connected("sip:1005@10.0.0.9"));
    assert_eq!(Solo::updated(&format!("{older}{asserted}")), connected("sip:1005@10.0.0.9"));
    assert_eq!(Solo::updated(older), connected("sip:1006@10.0.0.9"));
    assert_eq!(Solo::updated("Supported: timer, from-change\n"), connected("sip:far@10.0.0.1"));
    let long = format!("P-Asserted-Identity: <sip:{}@h>\n", "1".repeat(600));
    let hidden = "Remote-Party-ID: <sip:1006@10.0.0.9>;privacy=full\n";
    for nothing in ["", "Supported: timer\n", "P-Asserted-Identity: \"\n", &long, hidden] {
        assert!(Solo::updated(nothing).is_empty(), "{nothing}");
    }
    assert!(Solo::updated(&format!("{asserted}Privacy: id\n")).is_empty());
    assert_eq!(Solo::updated(&format!("{asserted}Privacy: none\n")), connected("sip:1005@10.0.0.9"));
}
