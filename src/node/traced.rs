//! The shard's part of SIP traces: which messages it shows to them, and what it answers the hub.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use crate::base::limits::TRACE_KEPT;
use crate::base::{CallId, Instant, LegId, PeerId};
use crate::node::ladder::{Way, Whose};
use crate::node::letter::Answer;
use crate::node::shard::{Shard, Timer};
use crate::node::trace::Order;
use crate::sip::message::Message;

impl Shard {
    /// A leg belongs to a call: ladders and traces follow it.
    pub(super) fn note_leg(&mut self, leg: LegId, call: CallId, whose: Whose) {
        self.ladders.handle_leg(leg, call, whose);
        if self.traces.is_on() {
            self.traces.handle_leg(leg, call, whose);
        }
    }

    /// A message has come, and some trace runs.
    pub(super) fn trace_received(&mut self, now: Instant, source: SocketAddr, message: &Message) {
        self.trace(now, (Way::Received, source), message);
    }

    /// A message goes, and some trace runs.
    pub(super) fn trace_sent(&mut self, destination: SocketAddr, payload: &Bytes) {
        if let Ok(message) = Message::parse(payload.clone()) {
            self.trace(self.ladders.now(), (Way::Sent, destination), &message);
        }
    }

    fn trace(&mut self, now: Instant, (way, far): (Way, SocketAddr), message: &Message) {
        let Self { traces, directory, phones, .. } = self;
        let is_of = |peer: PeerId| {
            directory.trusted(far.ip()) == Some(peer)
                || directory.is_at(peer, far)
                || phones.get(peer).is_some_and(|phone| phone.source == far)
        };
        traces.handle_message(now, (way, far), message, is_of);
    }

    /// A trace begins.
    pub(super) fn on_trace(&mut self, order: Arc<Order>) {
        self.timers.arm(order.until, Timer::Traces);
        self.timers.arm(order.until + TRACE_KEPT, Timer::Traces);
        self.traces.start(order);
    }

    /// What the traces have from a message on.
    pub(super) fn read_traces(&self, from: u64, limit: usize) -> Answer {
        Answer::Traces(self.traces.read(from, limit))
    }
}
