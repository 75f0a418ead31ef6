//! Ids as types: no bare integer crosses a room's border. Ids are never reused within a process.

use std::fmt;

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
    /// One caller's journey through the node; unique in the process (the shard's number in the top byte).
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
    /// One RTP endpoint of the media worker, belonging to one leg.
    StreamId(u64), "s"
);
