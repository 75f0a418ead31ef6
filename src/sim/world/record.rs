//! What goes by on the network is written into the record, counted and judged.

use std::net::SocketAddr;

use bytes::Bytes;

use super::{ENGINE, World};
use crate::sim::flows::Sender;
use crate::sim::ladder::{Detail, summary};
use crate::sim::lines::Way;
use crate::sim::phone::Phone;
use crate::sim::wire::Wire;

impl World {
    /// Sends a SIP message on its way, under the eyes of the record and the wiretap.
    pub(super) fn send(&mut self, sender: Option<(usize, Option<usize>)>, way: Way, payload: Bytes) {
        let to = way.to;
        self.ladder.absorb(&self.now.as_micros().to_le_bytes());
        self.ladder.absorb(&payload);
        let Some(message) = Wire::parse(&payload) else {
            if sender.is_none() {
                self.fail(format!("the node sends what no phone can read: {payload:?}"));
            }
            return;
        };
        let receiver = self.town.at_sip(to);
        if let (None, Some(index)) = (sender, receiver) {
            let agent = self.town.agent_of(index, &message);
            let judged = agent.map_or(Ok(()), |agent| self.wiretap.on_sent(self.now, agent, &message));
            if let Err(error) = judged {
                self.fail(error);
            }
        }
        self.network.note(&message);
        let role = self.role_of(sender);
        if !self.ladder.is_kept() && !self.network.has_rules() {
            let copies = self.carry(way, &payload);
            return self.flows.on_message(self.now, role, &message, copies > 0);
        }
        let what = summary(&message, self.ladder.detail());
        let from_name = sender.map_or_else(|| ENGINE.to_string(), |(index, phone)| self.name_of(index, phone));
        let to_name = match receiver {
            Some(index) => self.name_of(index, self.town.recipient(index, &message)),
            None if self.node.is_at(to) => ENGINE.to_string(),
            None => to.to_string(),
        };
        let copies = if self.network.is_dropped(&what, &from_name, &to_name) { 0 } else { self.carry(way, &payload) };
        self.flows.on_message(self.now, role, &message, copies > 0);
        let fate = match copies {
            0 => "lost",
            1 => "",
            _ => "twice",
        };
        self.ladder.message(self.now, &from_name, &to_name, &what, fate);
    }

    fn role_of(&self, sender: Option<(usize, Option<usize>)>) -> Sender {
        match sender.map(|(exchange, phone)| self.town.who(exchange, phone).1) {
            None => Sender::Node,
            Some(None) => Sender::Exchange,
            Some(Some(Phone::Caller(_))) => Sender::Caller,
            Some(Some(Phone::Agent(_))) => Sender::Agent,
        }
    }

    pub(super) fn tap_received(&mut self, from: SocketAddr, payload: &[u8]) {
        let Some(index) = self.town.at_sip(from) else { return };
        let Some(message) = Wire::parse(payload) else { return };
        self.wiretap.on_received(self.now, self.town.agent_of(index, &message), &message);
    }

    fn name_of(&self, exchange: usize, phone: Option<usize>) -> String {
        let (name, phone) = self.town.who(exchange, phone);
        match (self.ladder.detail(), phone) {
            (Detail::Counts, Some(Phone::Agent(_))) => "agent".to_string(),
            (Detail::Counts, Some(Phone::Caller(_))) => "caller".to_string(),
            (_, None) => name.to_string(),
            (Detail::Everything | Detail::Nothing, _) => name.to_string() + self.town.mark_of(exchange),
        }
    }
}
