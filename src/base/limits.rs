//! Every bound on what the outside can fill, with its reason. A bound has a tested behaviour where it is reached.

use std::time::Duration;

/// Largest SIP message read: the largest UDP payload.
pub const MESSAGE_BYTES_MAX: usize = 65_535;
/// Longest header of a message on a stream connection: a datagram's is bounded by its size, a stream's must end somewhere.
/// RFC 4475's longest valid message has 3 KiB.
pub const STREAM_HEADER_BYTES_MAX: usize = 32 * 1024;
/// Stream connections (TCP) of a node: trunks have a few, phones one each; more are closed as they come.
pub const STREAMS_MAX: usize = 1_024;
/// Stream connections of one address: half of all, so that no single host shuts the others out.
pub const STREAMS_PER_ADDRESS_MAX: usize = 512;
/// TLS handshakes of strangers under way at once: each holds some 30 KB and a place among [`STREAMS_MAX`] for 5 s at most.
pub const HANDSHAKES_MAX: usize = 128;
/// TLS handshakes that strangers may begin in a second. One (TLS 1.3, measured) costs the streams' thread 0.08 ms with a P-256
/// key, 0.16 ms where a client's certificate is looked at, and 0.5 to 0.6 ms with RSA 2048, so that a flood takes a twentieth
/// of that thread and nothing of signalling's. Neighbours are not counted.
pub const HANDSHAKES_PER_SECOND: u32 = 100;
/// Messages that wait for one stream connection to take them: one that takes nothing is closed then.
pub const STREAM_PENDING_MAX: usize = 1_024;
/// Messages on their way from the shards to their stream connections; one that finds no room is lost.
pub const STREAM_OUT_MAX: usize = 16_384;
/// Most header lines of one message: real ones have below 60; RFC 4475's longest valid message has about 90.
pub const HEADERS_MAX: usize = 256;
/// Most Route or Record-Route entries of one dialog: each is a proxy in the path.
pub const ROUTES_MAX: usize = 32;
/// Live transactions of a shard. A call leaves four, three of which linger 32 s: beyond half of this number, some 2,000 calls a
/// second, they linger down to 5 s, so that it suffices for 20,000 calls a second.
pub const TRANSACTIONS_MAX: usize = 400_000;
/// Nonces of a shard that credentials have been accepted with, remembered until they are stale: one for each phone or call that
/// proves itself within five minutes, at some 50 bytes. Beyond it the oldest is forgotten, and its user is asked once more.
pub const NONCES_MAX: usize = 20_000;
/// Contacts registered for one agent: a desk phone, a soft phone, a mobile, and what two of them left behind.
pub const CONTACTS_MAX: usize = 5;
/// Live calls of a node: 100,000 waiting callers is the design target, with head-room.
pub const CALLS_MAX: usize = 120_000;
/// Signalling shards: the machine's cores are fewer, and ids have one byte for a shard.
pub const SHARDS_MAX: u8 = 16;
/// Letters of one call that may be under way to the ACD engine at once, when it takes none: joining, being answered, one
/// offer's ringing and answer or failure and release, the end of the talk, joining again, four reasons to leave, hanging up;
/// and of a transfer, its steps, the agent's state, the target's offer and the end of both talks.
pub const CALL_LETTERS_MAX: usize = 24;
/// Letters of a shard under way to the ACD engine. Each live call has [`CALL_LETTERS_MAX`] slots reserved, each agent's leg that
/// is being given up one; so many calls as a node may hold fit, and a quarter is left for refusals, news of neighbours,
/// and the letters of further agents rung for one call (four for each of [`AGENTS_MAX`] at most). An
/// INVITE that finds slots for its refusal but not for its call gets 503; one that finds none is not heard.
pub const UP_LETTERS_MAX: usize = CALLS_MAX * CALL_LETTERS_MAX / 3 * 4;
/// Letters of the ACD engine under way to one shard. An offer is two letters, and an agent of a shard that answers nothing can
/// be offered again only when its reservation has run out, 10 s at least: more than this is a thread that has stood still
/// for a quarter of an hour with all [`AGENTS_MAX`] at work, long after `/healthz` has said so, and ends the process.
pub const DOWN_LETTERS_MAX: usize = 4_000_000;
/// Datagrams that wait to be passed to another shard; one that finds no room is lost, as in a full socket buffer.
pub const PASSED_MAX: usize = 16_384;
/// Events of a machine not yet drained: a caller that forgets to drain is a bug, not load.
pub const OUTBOX_MAX: usize = 1_000_000;
/// RTP packets held for a leg whose rule has not come yet: 200 ms of audio.
pub const HELD_PACKETS_MAX: usize = 10;
/// Most `m=` lines of one session description: video conferences offer four or five.
pub const SDP_MEDIA_MAX: usize = 16;
/// Most payload types, rtpmaps and fmtps read for one `m=` line: the largest offers of soft phones have about 25.
pub const SDP_FORMATS_MAX: usize = 64;
/// Largest RTP packet taken in: an Ethernet frame's payload; 160 ms of G.711 fit.
pub const RTP_BYTES_MAX: usize = 1_472;
/// Largest document in which a PBX says what a device does: some hundred dialogs.
pub const DEVICE_DOCUMENT_BYTES_MAX: usize = 32 * 1024;
/// Dialogs of one device: the largest desk phones have some ten lines. More are a shared line or a flood, and unreadable.
pub const DIALOGS_MAX: usize = 32;
/// Tuples, persons and notes of one presence: a PBX writes two or three, a server that merges what a person's devices publish
/// some ten.
pub const PRESENCE_PARTS_MAX: usize = 64;
/// SUBSCRIBEs of a shard that one PBX has not answered yet: enough for hundreds a second, no burst when thousands are due.
pub const SUBSCRIBES_OPEN_MAX: usize = 16;
/// Queues of a configuration: four times the 500 that routing is measured with.
pub const QUEUES_MAX: usize = 2_000;
/// Longest wrap-up, extensions included: a longer one is a day off.
pub const WRAP_UP_MAX: Duration = Duration::from_secs(24 * 3_600);
/// Agents rung at once for one call: each is an INVITE and a port; a group that needs more is better rung one after the other.
pub const OFFERS_OPEN_MAX: usize = 64;
/// Agents of a configuration: twice the 10,000 that routing is measured with; a mistyped range ends here.
pub const AGENTS_MAX: usize = 20_000;
/// Skills of a configuration: twenty times the 200 that routing is measured with.
pub const SKILLS_MAX: usize = 4_096;
/// Longest requirement expression: a screen of text.
pub const REQUIREMENT_BYTES_MAX: usize = 1_024;
/// Deepest nesting of parentheses and `!`: nobody reads deeper, and the reader's stack stays small.
pub const REQUIREMENT_DEPTH_MAX: usize = 16;
/// Most terms of a requirement: each may be tested for an agent.
pub const REQUIREMENT_TERMS_MAX: usize = 64;
/// Decisions of the engine kept for explanation: some minutes of a busy centre.
pub const DECISIONS_MAX: usize = 1_024;
/// Candidates noted of each decision: who came first and who next; more than a screen's width of them nobody reads.
pub const CANDIDATES_MAX: usize = 8;
/// Decisions a second of which the candidates are listed, over a second: ten times what 10,000 agents take. Beyond, who was
/// chosen is noted alone.
pub const LISTS_A_SECOND: u64 = 1_000;
/// Callers ahead who are named in one explanation: enough to see why.
pub const AHEAD_MAX: usize = 8;
/// Attributes of one call: a few lines of a trunk's headers.
pub const ATTRIBUTES_MAX: usize = 32;
/// Talks of which is remembered who served whom: some days of a large centre, at 50 bytes each.
pub const RECALL_CALLERS_MAX: usize = 100_000;
/// For how long: who calls again after a month has another concern.
pub const RECALL_AGE_MAX: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Relaxation steps of a queue: a caller who passes so many waits for something else.
pub const STEPS_MAX: usize = 16;
/// Teams of a configuration: one for every twenty of the most agents.
pub const TEAMS_MAX: usize = 1_000;
/// Dates at which one agent changes its team: one a month for two years.
pub const TEAM_DATES_MAX: usize = 24;
/// Phones that dial a feature code at once, for each shard: ten a second of them, and a call of 20 s. More is a fault or a flood.
pub const CODE_CALLS_MAX: usize = 200;
/// Reasons of not ready: a list that people choose from.
pub const REASONS_MAX: usize = 64;
/// Header lines of one message that go on to the other side of a call, and names of a trunk's list of them: what PBXs add.
pub const CARRIED_HEADERS_MAX: usize = 16;
/// Bytes of such lines in all, names and values: an INVITE to a phone, or a 200 to a caller, stays within one packet of 1,500
/// bytes.
pub const CARRIED_BYTES_MAX: usize = 512;
/// SIP messages that a node keeps for the ladders of its calls, over all shards: 16 MiB at 256 bytes each, some five minutes of
/// ten calls a second.
pub const LADDER_MESSAGES_MAX: usize = 65_536;
/// Legs that a shard remembers for them, 32 bytes each: more than there are calls among the messages.
pub const LADDER_LEGS_MAX: usize = 16_384;
/// Messages of one ladder: a call of hours with session timers. Older ones are left out.
pub const LADDER_ROWS_MAX: usize = 500;
/// SIP traces that run, or whose messages are kept: each looks at every message.
pub const TRACES_MAX: usize = 8;
/// Longest trace: it shows what people do, and somebody must ask for it again.
pub const TRACE_TIME_MAX: Duration = Duration::from_secs(3_600);
/// For how long after the end of a trace its messages can be read.
pub const TRACE_KEPT: Duration = Duration::from_secs(600);
/// Messages of one trace, over all shards: a thousand calls; then it ends by itself.
pub const TRACE_MESSAGES_MAX: usize = 20_000;
/// Bytes of one trace, likewise.
pub const TRACE_BYTES_MAX: usize = 32 << 20;
/// Bytes of traced messages that a node keeps for its readers, over all shards: some seconds of a busy trunk. A reader who is
/// slower misses the oldest, and is told how many.
pub const TRACE_RING_BYTES_MAX: usize = 8 << 20;
/// Bytes kept of one traced message: what UDP carries in one piece has below 1,500.
pub const TRACE_MESSAGE_BYTES_MAX: usize = 8 * 1024;
/// Legs of calls that one trace follows by the number that they were made with.
pub const TRACE_LEGS_MAX: usize = 4_096;
/// Longest reason of not ready: it is shown in tables.
pub const REASON_BYTES_MAX: usize = 64;
/// Rows of a table of regions: twice the 500,000 that loading is measured with.
pub const REGION_ROWS_MAX: usize = 1_000_000;
/// Largest file of regions: 64 bytes a row.
pub const REGION_FILE_BYTES_MAX: u64 = 64 << 20;
/// Regions of a table: ten times the prefectures of China.
pub const REGIONS_MAX: usize = 4_000;
/// Values of one dimension (number groups, campaigns, regions, trunks) with figures of their own, as a configuration may set it:
/// each is some twenty series, and a group of numbers that many for each queue that it calls.
pub const VALUES_SHOWN_MAX: usize = 1_000;
/// Peers of a configuration: trunks and PBXs of the largest sites; each is asked by OPTIONS on a timer of its own.
pub const PEERS_MAX: usize = 1_000;
/// Networks on our own side of a NAT: each is compared with the far end of every message that goes out.
pub const LOCAL_NETWORKS_MAX: usize = 32;
/// Addresses of one peer: two sites with a few machines each.
pub const PEER_ADDRESSES_MAX: usize = 16;
/// Calls or agents that one question of the census is about: some 100 us of a signalling thread.
pub const CENSUS_CHUNK: usize = 1_000;
/// Control-plane requests that wait for the signalling thread.
pub const CONTROL_QUEUE_MAX: usize = 1_024;
/// Rows of one control-plane answer; callers page with `offset`.
pub const ROWS_MAX: usize = 1_000;
/// Longest prompt or music file, decoded: ten minutes of 8 kHz audio.
pub const TRACK_SAMPLES_MAX: usize = 8_000 * 600;
/// Retry-After of a 503, in seconds: long enough for a load peak to pass, short enough that a trunk is not lost.
pub const RETRY_AFTER: Duration = Duration::from_secs(5);
/// Datagrams of live calls read and not yet handled: the socket is read empty each turn, so this is one turn's worth of the
/// largest receive buffer.
pub const GATE_URGENT_MAX: usize = 65_536;
/// New calls read and not yet judged: what a fast node takes in a sixth of a second. More is an overload.
pub const GATE_CALLS_MAX: usize = 2_048;
/// Media workers of a node: each carries some 200,000 packets a second, so that a full gigabit needs three.
pub const MEDIA_WORKERS_MAX: u8 = 16;
