//! Ids as types: no bare integer crosses a room's border. Ids are never reused within a process.
//!
//! Ids of what lives in a signalling shard carry its number in the top byte, so that every message finds its way back:
//!
//! | id | bits 63-56 | bits 55-48 | bits 47-32 | bits 31-0 |
//! |---|---|---|---|---|
//! | [`CallId`], [`LegId`] | shard | generation | generation | slot |
//! | [`StreamId`] | shard | media worker | counter | counter |

use std::fmt;

use crate::base::digits::Digits;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty), $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}

id!(
    /// A signalling shard of this node: a thread with a socket of its own. The first is 0.
    ShardId(u8), "shard "
);
id!(
    /// One caller's journey through the node; unique in the process.
    CallId(u64), "c"
);
id!(
    /// One SIP dialog of ours, from the INVITE to its end.
    LegId(u64), "l"
);
id!(
    /// A configured queue; stable over reloads for the same name.
    QueueId(u32), "q"
);
id!(
    /// A configured agent; stable over reloads for the same name.
    AgentId(u32), "a"
);
id!(
    /// A SIP neighbour: a trunk, a PBX, or the direct address of an agent's phone; stable over reloads.
    PeerId(u32), "p"
);
id!(
    /// Who calls, as a digest under a secret of the node: the same number gives the same key, and no key gives a number.
    CallerKey(u64), "caller "
);
id!(
    /// One RTP endpoint of the media worker, belonging to one leg.
    StreamId(u64), "s"
);

/// Where the shard's number begins in an id.
const SHARD_AT: u32 = 56;
/// Where the media worker's number begins in a [`StreamId`].
const WORKER_AT: u32 = 48;

impl ShardId {
    /// The shard whose number stands in the top byte of an id.
    pub const fn of(id: u64) -> Self {
        Self((id >> SHARD_AT) as u8)
    }

    /// Its number where ids carry it: in the top byte.
    pub const fn bits(self) -> u64 {
        (self.0 as u64) << SHARD_AT
    }
}

impl CallId {
    /// Its text, without the formatter.
    pub fn digits(self) -> Digits {
        Digits::decimal(self.0).behind(b'c')
    }

    /// The shard that the call lives in.
    pub const fn shard(self) -> ShardId {
        ShardId::of(self.0)
    }
}

impl LegId {
    /// The shard that the leg lives in.
    pub const fn shard(self) -> ShardId {
        ShardId::of(self.0)
    }
}

impl StreamId {
    /// The stream number `counter` (below 2^48) of a shard, carried by this media worker.
    pub const fn new(shard: ShardId, worker: u8, counter: u64) -> Self {
        Self(shard.bits() | (worker as u64) << WORKER_AT | counter & ((1 << WORKER_AT) - 1))
    }

    /// The shard that its events go to.
    pub const fn shard(self) -> ShardId {
        ShardId::of(self.0)
    }

    /// The media worker that carries it.
    pub const fn worker(self) -> u8 {
        (self.0 >> WORKER_AT) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_tells_its_shard_and_its_worker() {
        let stream = StreamId::new(ShardId(3), 7, (1 << 48) - 1);
        assert_eq!((stream.shard(), stream.worker(), stream.0), (ShardId(3), 7, 0x0307_FFFF_FFFF_FFFF));
        assert_eq!(StreamId::new(ShardId(0), 0, 1), StreamId(1));
        assert_eq!((CallId(5 << 56 | 1).shard(), LegId(1).shard()), (ShardId(5), ShardId(0)));
    }
}
