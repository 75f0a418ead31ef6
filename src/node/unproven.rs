//! What whoever has not proven itself is sent: answers within an allowance, and none beyond; and what is counted of that.

use std::net::SocketAddr;

use crate::acd::{Proving, Silence, Silent, Unproven, Unprovens};
use crate::base::Instant;
use crate::node::shard::Shard;
use crate::sip::transaction::Transmit;

impl Shard {
    /// Credentials that were not good since this was last asked.
    pub const fn take_auth_failures(&mut self) -> Unprovens {
        std::mem::replace(&mut self.unknowns.failures, [[0; Unproven::ALL.len()]; Proving::ALL.len()])
    }

    /// What was left without an answer since this was last asked, beside what the gate has kept out.
    pub const fn take_silent(&mut self) -> Silent {
        std::mem::replace(&mut self.unknowns.silent, [0; Silence::ALL.len()])
    }

    /// After a datagram of so many bytes, before which the ladders stood there: what it was answered without being believed is
    /// kept within the sender's allowance, and out of the ladders of calls.
    pub(super) fn bound_answers(&mut self, now: Instant, source: SocketAddr, bytes: usize, ladders: usize) {
        if !self.legs.take_stateless() || self.is_believed(source) {
            return;
        }
        self.ladders.rewind(ladders);
        let Self { legs, unknowns, .. } = self;
        unknowns.allowance.earn(now, source.ip(), bytes);
        legs.retain_transmits(|transmit| {
            let is_answer = transmit.destination.ip() == source.ip() && transmit.payload.starts_with(b"SIP/2.0 ");
            if is_answer && unknowns.allowance.pay(now, source.ip(), transmit.payload.len()) {
                let payload = std::mem::take(&mut transmit.payload);
                unknowns.answers.push_back(Transmit { payload, ..*transmit });
            } else if is_answer {
                unknowns.silent[Silence::Answer as usize] += 1;
            }
            !is_answer
        });
    }

    /// Whether the source of the message in hand is taken for what it is without a proof: a connection shows it, and so does the
    /// address of a neighbour from whom no more is asked.
    fn is_believed(&self, source: SocketAddr) -> bool {
        self.certified.wire().is_some()
            || match self.trusted(source) {
                Some(peer) => self.directory.peer(peer).auth.is_none(),
                None => self.directory.has_neighbour(source.ip()),
            }
    }
}
