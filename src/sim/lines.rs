//! The stream connections of a world whose node speaks TCP. Nothing is lost on one and nothing doubled or overtaken, until it
//! breaks with all that is on its way there.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::base::Instant;

/// Numbers the connections of a world.
pub(super) type LineId = u64;

/// None of them.
pub(super) const NOWHERE: LineId = 0;

/// How a message goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    /// By this connection; else as a datagram.
    pub(super) line: Option<LineId>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Lines {
    /// The node speaks TCP.
    pub(super) enabled: bool,
    /// Those that are there, the newest last.
    pub(super) open: BTreeMap<LineId, Line>,
    /// Whose far end each of them is, or was.
    pub(super) ends: BTreeMap<SocketAddr, SocketAddr>,
    next: LineId,
    /// Connections that broke.
    pub(super) broken: u64,
}

#[derive(Debug)]
pub(super) struct Line {
    pub(super) exchange: SocketAddr,
    /// The exchange's end as the node sees it.
    pub(super) far: SocketAddr,
    /// When the last message arrives at the node, and at the exchange.
    pub(super) last: [Instant; 2],
}

/// Where phones connect from, in turn.
const FIRST_PORT: u64 = 40_000;
const PORTS: u64 = 20_000;

impl Lines {
    pub(super) const fn new(enabled: bool) -> Self {
        Self { enabled, open: BTreeMap::new(), ends: BTreeMap::new(), next: 0, broken: 0 }
    }

    pub(super) fn open(&mut self, exchange: SocketAddr, far: SocketAddr) -> LineId {
        self.next += 1;
        self.ends.insert(far, exchange);
        self.open.insert(self.next, Line { exchange, far, last: [Instant::ZERO; 2] });
        self.next
    }

    /// The newest connection of an exchange, or a new one that it opens.
    pub(super) fn of_exchange(&mut self, exchange: SocketAddr) -> LineId {
        let newest = self.open.iter().rev().find(|(_, line)| line.exchange == exchange).map(|(id, _)| *id);
        newest.unwrap_or_else(|| {
            let port = FIRST_PORT + self.next % PORTS;
            self.open(exchange, SocketAddr::new(exchange.ip(), port as u16))
        })
    }

    /// The one whose far end the node sees there.
    pub(super) fn to(&self, far: SocketAddr) -> Option<LineId> {
        self.open.iter().find(|(_, line)| line.far == far).map(|(id, _)| *id)
    }
}
