//! The hot paths, each as an operation that can be repeated without end: its state is steady, so the thousandth costs what the
//! millionth does. Two only grow.

#[path = "../../route/centre.rs"]
#[expect(dead_code, reason = "figures are for benches/scrape")]
mod centre;
mod folds;
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
pub(crate) const NAMES: [&str; 44] = [
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
    "fold_call",
    "fold_call_five_queues",
    "node_call_figures",
    "shard_of_invite",
    "route",
    "route_enqueue",
    "route_ready",
    "route_ready_one_queue",
    "route_abandon",
    "route_relax",
    "route_enqueue_1000",
    "route_ready_1000",
    "route_ready_one_queue_1000",
    "route_abandon_1000",
    "route_relax_1000",
    "route_enqueue_100000",
    "route_ready_100000",
    "route_ready_one_queue_100000",
    "route_abandon_100000",
    "route_relax_100000",
    "region",
    "relay_packet",
    "music_packet",
    "relay_packet_srtp",
    "music_packet_srtp",
    "refused_call",
    "call_without_room",
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
        "node_call_figures" => Box::new(node::call_with_figures(meter)),
        "shard_of_invite" => Box::new(sip::route_datagram()),
        "call_without_room" => Box::new(node::call_without_room()),
        "waiting_call" => Box::new(node::wait(meter)),
        "talking_call" => Box::new(node::talk(meter)),
        "fold_call" => Box::new(folds::call(1)),
        "fold_call_five_queues" => Box::new(folds::call(5)),
        "route" => Box::new(route::next_call()),
        "route_enqueue" => Box::new(route::enqueue(10_000, meter)),
        "route_ready" => Box::new(route::ready(10_000, false, meter)),
        "route_ready_one_queue" => Box::new(route::ready(10_000, true, meter)),
        "route_abandon" => Box::new(route::abandon(10_000, meter)),
        "route_relax" => Box::new(route::relax(10_000, meter)),
        "route_enqueue_1000" => Box::new(route::enqueue(1_000, meter)),
        "route_ready_1000" => Box::new(route::ready(1_000, false, meter)),
        "route_ready_one_queue_1000" => Box::new(route::ready(1_000, true, meter)),
        "route_abandon_1000" => Box::new(route::abandon(1_000, meter)),
        "route_relax_1000" => Box::new(route::relax(1_000, meter)),
        "route_enqueue_100000" => Box::new(route::enqueue(100_000, meter)),
        "route_ready_100000" => Box::new(route::ready(100_000, false, meter)),
        "route_ready_one_queue_100000" => Box::new(route::ready(100_000, true, meter)),
        "route_abandon_100000" => Box::new(route::abandon(100_000, meter)),
        "route_relax_100000" => Box::new(route::relax(100_000, meter)),
        "region" => Box::new(regions::find()),
        "relay_packet" => Box::new(packets::relay()),
        "music_packet" => Box::new(packets::music(false)),
        "relay_packet_srtp" => Box::new(packets::relay_srtp()),
        "music_packet_srtp" => Box::new(packets::music(true)),
        "refused_call" => Box::new(gate::refused_call()),
        "silenced_call" => Box::new(gate::silenced_call()),
        "peer_options" => Box::new(gate::peer_options()),
        "stranger_call" => Box::new(gate::stranger_call()),
        "stranger_flood" => Box::new(gate::stranger_flood()),
        _ => return None,
    };
    Some(case)
}
