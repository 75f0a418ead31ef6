//! Messages by stream connections: phones send all requests by one, and answer by what they are asked by. When theirs breaks
//! they go on by another one.

use std::net::SocketAddr;

use bytes::Bytes;

use super::{Arrival, World};
use crate::node::{Door, Transmit};
use crate::sim::event::Outgoing;
use crate::sim::lines::{LineId, NOWHERE, Way};

impl World {
    /// Connections that broke.
    pub const fn broken_lines(&self) -> u64 {
        self.lines.broken
    }

    pub(super) fn send_of_node(&mut self, from: SocketAddr, transmit: Transmit) {
        let Transmit { door, destination: to, anew, payload } = transmit;
        if !matches!(door, Door::Stream(_)) {
            // No datagram reaches a phone where it has a connection from.
            let end = self.lines.ends.get(&to).copied().filter(|exchange| *exchange != to);
            let way = Way { from, to: end.unwrap_or(to), line: end.map(|_| NOWHERE) };
            return self.send(None, way, payload);
        }
        let opens = anew || !payload.starts_with(b"SIP/2.0 ");
        let line = match self.lines.to(to) {
            Some(line) => line,
            None if opens && self.town.at_sip(to).is_some() => self.lines.open(to, to),
            // Nobody accepts it where a connection came from, and a response may be too late for its own.
            None if opens => {
                self.put(self.now + self.network.weather().delay, Arrival::Closed(to));
                NOWHERE
            }
            None => NOWHERE,
        };
        let to = self.lines.ends.get(&to).copied().unwrap_or(to);
        self.send(None, Way { from, to, line: Some(line) }, payload);
    }

    pub(super) fn send_of_phone(&mut self, sender: (usize, Option<usize>), from: SocketAddr, outgoing: Outgoing) {
        let Outgoing { destination: to, payload } = outgoing;
        let is_stream = self.lines.enabled && self.node.is_at(to) && {
            let via = memchr::memmem::find(&payload, b"\r\nVia: SIP/2.0/TCP ");
            !payload.starts_with(b"SIP/2.0 ") || via.is_some()
        };
        let line = is_stream.then(|| self.lines.of_exchange(from));
        self.send(Some(sender), Way { from, to, line }, payload);
    }

    /// How many copies arrive.
    pub(super) fn carry(&mut self, way: Way, payload: &Bytes) -> usize {
        let Way { from, to, line } = way;
        let Some(id) = line else { return self.deliver(from, to, payload) };
        if !self.lines.open.contains_key(&id) {
            return 0;
        }
        let Some(delay) = self.network.stream_delivery(from.ip(), to.ip()) else {
            self.break_off(id);
            return 0;
        };
        let Some(line) = self.lines.open.get_mut(&id) else { return 0 };
        let last = &mut line.last[usize::from(to == line.exchange)];
        *last = (*last).max(self.now + delay);
        let at = *last;
        self.put(at, Arrival::Stream { line: id, from, to, payload: payload.clone() });
        1
    }

    /// A message arrives, if its connection is still there.
    pub(super) fn on_stream(&mut self, line: LineId, from: SocketAddr, to: SocketAddr, payload: Bytes) {
        let Some(far) = self.lines.open.get(&line).map(|line| line.far) else { return };
        if self.node.is_at(to) {
            self.tap_received(from, &payload);
            self.node.handle_message(self.now, far, payload);
        } else if let Some(index) = self.town.at_sip(to) {
            self.town.get(index).handle_datagram(self.now, from, &payload);
            self.after_exchange(index);
        }
    }

    /// A connection breaks; the node learns it a little later.
    fn break_off(&mut self, line: LineId) {
        let Some(line) = self.lines.open.remove(&line) else { return };
        self.lines.broken += 1;
        // Whose message is lost there may wait for its answer for ever.
        self.cut.insert(line.exchange.ip());
        self.put(self.now + self.network.weather().delay, Arrival::Closed(line.far));
    }
}
