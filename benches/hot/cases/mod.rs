//! The hot paths, each as an operation that can be repeated without end: its state is steady, so the thousandth costs what the
//! millionth does. Two only grow.

#[path = "../../route/centre.rs"]
#[expect(dead_code, reason = "figures are for benches/scrape")]
mod centre;
mod gate;
mod node;
mod packets;
mod regions;
mod route;
mod sip;

/// One operation.
pub(crate) type Case = Box<dyn FnMut()>;

/// Runs the part of an operation that is the engine's alone; whoever measures more than time or instructions does so here.
pub(crate) type Meter = fn(&mut dyn FnMut());

/// Every case that can be repeated without end, in the order of a call's way.
pub(crate) const NAMES: [&str; 27] = [
    "parse_invite",
    "parse_invite_rsip",
    "parse_invite_rsipstack",
    "parse_200",
    "parse_200_rsip",
    "parse_200_rsipstack",
    "check_invite",
    "respond_200",
    "transaction_key",
    "transaction_call",
    "dialog_life",
    "node_call",
    "node_call_crowded",
    "route",
    "route_enqueue",
    "route_ready",
    "route_ready_one_queue",
    "route_abandon",
    "route_relax",
    "region",
    "relay_packet",
    "music_packet",
    "refused_call",
    "silenced_call",
    "peer_options",
    "stranger_call",
    "stranger_flood",
];

/// Cases that leave one more call behind each time; at most [`GROWN_MAX`] times.
pub(crate) const GROWING: [&str; 2] = ["waiting_call", "talking_call"];

/// How often a growing case may run.
pub(crate) const GROWN_MAX: u32 = 4_000;

/// Prepares a case; `None` for an unknown name.
pub(crate) fn case(name: &str, meter: Meter) -> Option<Case> {
    let case: Case = match name {
        "parse_invite" => Box::new(sip::parse(sip::INVITE)),
        "parse_invite_rsip" => Box::new(sip::parse_rsip(sip::INVITE)),
        "parse_invite_rsipstack" => Box::new(sip::parse_rsipstack(sip::INVITE)),
        "parse_200" => Box::new(sip::parse(sip::OK)),
        "parse_200_rsip" => Box::new(sip::parse_rsip(sip::OK)),
        "parse_200_rsipstack" => Box::new(sip::parse_rsipstack(sip::OK)),
        "check_invite" => Box::new(sip::check_invite()),
        "respond_200" => Box::new(sip::respond_200()),
        "transaction_key" => Box::new(sip::transaction_key()),
        "transaction_call" => Box::new(sip::transaction_call()),
        "dialog_life" => Box::new(sip::dialog_life()),
        "node_call" => Box::new(node::call(meter)),
        "node_call_crowded" => Box::new(node::call_beside(meter, 5_000)),
        "waiting_call" => Box::new(node::wait(meter)),
        "talking_call" => Box::new(node::talk(meter)),
        "route" => Box::new(route::next_call()),
        "route_enqueue" => Box::new(route::enqueue(meter)),
        "route_ready" => Box::new(route::ready(false, meter)),
        "route_ready_one_queue" => Box::new(route::ready(true, meter)),
        "route_abandon" => Box::new(route::abandon(meter)),
        "route_relax" => Box::new(route::relax(meter)),
        "region" => Box::new(regions::find()),
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
