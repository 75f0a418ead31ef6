//! The whole node as pure machines: signalling shard, journeys of callers, and the ACD engine beside them.
