//! The hot paths, each as an operation that can be repeated without end: its state is steady, so the thousandth costs what the
//! millionth does.

mod gate;
mod node;
mod packets;
mod route;
mod sip;

/// One operation.
pub(crate) type Case = Box<dyn FnMut()>;

/// Every case, in the order of a call's way.
pub(crate) const NAMES: [&str; 16] = [
    "parse_invite",
    "parse_invite_rsip",
    "parse_200",
    "parse_200_rsip",
    "check_invite",
    "respond_200",
    "transaction_call",
    "node_call",
    "route",
    "relay_packet",
    "music_packet",
    "refused_call",
    "silenced_call",
    "peer_options",
    "stranger_call",
    "stranger_flood",
];

/// Prepares a case; `None` for an unknown name.
pub(crate) fn case(name: &str) -> Option<Case> {
    let case: Case = match name {
        "parse_invite" => Box::new(sip::parse(sip::INVITE)),
        "parse_invite_rsip" => Box::new(sip::parse_rsip(sip::INVITE)),
        "parse_200" => Box::new(sip::parse(sip::OK)),
        "parse_200_rsip" => Box::new(sip::parse_rsip(sip::OK)),
        "check_invite" => Box::new(sip::check_invite()),
        "respond_200" => Box::new(sip::respond_200()),
        "transaction_call" => Box::new(sip::transaction_call()),
        "node_call" => Box::new(node::call()),
        "route" => Box::new(route::next_call()),
        "relay_packet" => Box::new(packets::relay()),
        "music_packet" => Box::new(packets::music()),
        "refused_call" => Box::new(gate::refused_call()),
        "silenced_call" => Box::new(gate::silenced_call()),
        "peer_options" => Box::new(gate::peer_options()),
        "stranger_call" => Box::new(gate::stranger_call()),
        "stranger_flood" => Box::new(gate::stranger_flood()),
        _ => return None,
    };
    Some(case)
}
