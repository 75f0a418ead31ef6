//! `[transfer]`: what is understood, and what is refused.

use super::*;

const PBX: &str = "[peers.pbx]\naddress = \"192.0.2.9:5061\"\n";

#[test]
fn transfers_are_read_and_a_number_s_address_is_the_peer_s_where_none_is_written() {
    assert_eq!(valid(VALID).transfer, TransferConfig::default());
    let config = valid(&format!(
        "{VALID}{PBX}[transfer]\npeer = \"pbx\"\nnumbers = [\"+44\", \"0\"]\nring_timeout = \"12s\"\n\
         on_hang_up = \"requeue\"\nblind = \"*3\"\nconsult = \"*2\"\ncomplete = \"##\"\ncancel = \"*1\"\n"
    ));
    let transfer = &config.transfer;
    let outside = transfer.outside.as_ref().unwrap();
    assert_eq!((&*outside.peer, outside.uri.as_str()), ("pbx", "sip:{number}@192.0.2.9:5061"));
    assert_eq!(outside.numbers, ["+44", "0"]);
    assert_eq!((transfer.ring_timeout, transfer.on_hang_up), (Duration::from_secs(12), OnHangUp::Requeue));
    assert_eq!(transfer.codes.complete.as_deref(), Some("##"));
    assert!(transfer.codes.is_on() && !Codes::default().is_on());
    let text = describe(&config);
    assert!(text.contains("Transfers to +44..., 0... at sip:{number}@192.0.2.9:5061, ringing 12s"), "{text}");
    assert!(text.contains("puts the caller back; *3 blind; *2 consult; ## complete; *1 cancel"), "{text}");
}

#[test]
fn transfers_that_cannot_be_meant_are_refused_line_by_line() {
    let lines = after_valid(&format!(
        "{PBX}[transfer]\npeer = \"nobody\"\nuri = \"sip:pbx\"\nnumbers = [\"+\", \"4x\"]\nblind = \"3\"\n\
         consult = \"*2\"\ncancel = \"*21\"\nring = \"1s\"\n"
    ));
    let wanted = [
        "s.toml:8: transfer.peer: no peer `nobody`",
        "s.toml:9: transfer.uri: `sip:pbx` names {number} not once; write it like \"sip:{number}@pbx.example\"",
        "s.toml:10: transfer.numbers[1]: `4x` is no beginning of a number",
        "s.toml:11: transfer.blind: `3` is no code; write 2 to 4 keys, the first * or #",
        "s.toml:13: transfer.cancel: cannot be told from transfer.consult",
        "s.toml:14: transfer.ring: unknown key",
    ];
    assert_eq!(lines.len(), wanted.len(), "{lines:#?}");
    for (line, wanted) in lines.iter().zip(wanted) {
        assert!(line.starts_with(wanted), "{line}\n{wanted}");
    }
    let without = after_valid("[transfer]\nuri = \"sip:{number}@192.0.2.1\"\n");
    assert_eq!(without, ["s.toml:6: transfer.uri: says nothing without transfer.peer"]);
}
