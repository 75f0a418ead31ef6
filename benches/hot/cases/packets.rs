//! The media worker, a packet at a time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use strowger::base::{Instant, StreamId};
use strowger::media::{Codec, Command, Far, Lease, PortId, Source, Track, TrackId, Worker};

const MUSIC: TrackId = TrackId(0);
/// Callers who hear music.
const LISTENERS: u32 = 1_000;

/// A packet comes in from one party and goes out to the other.
pub(crate) fn relay() -> impl FnMut() {
    let mut now = Instant::ZERO;
    let mut worker = Worker::new(now, &leases(2));
    for stream in [0, 1] {
        open(&mut worker, now, stream);
    }
    hear(&mut worker, now, 0, Source::Relay(StreamId(1)));
    hear(&mut worker, now, 1, Source::Relay(StreamId(0)));
    let mut packet = [0xD5; 172];
    (packet[0], packet[1]) = (0x80, 8);
    let mut count = 0u32;
    move || {
        // Two streams of 50 packets a second make one each 10 ms.
        now += Duration::from_millis(10);
        worker.handle_timeout(now);
        let from = count % 2;
        let number = (count / 2) as u16;
        packet[2..4].copy_from_slice(&number.to_be_bytes());
        packet[4..8].copy_from_slice(&(count / 2).wrapping_mul(160).to_be_bytes());
        packet[11] = from as u8;
        count = count.wrapping_add(1);
        worker.handle_rtp(now, PortId(from), far(from).address, &packet);
        let mut sent = 0;
        while worker.poll_transmit().is_some() {
            sent += 1;
        }
        assert!(sent > 0, "every packet is passed on");
        while worker.poll_event().is_some() {}
        while worker.poll_link().is_some() {}
    }
}

/// A packet of music goes out to one of many listeners.
pub(crate) fn music() -> impl FnMut() {
    let mut now = Instant::ZERO;
    let mut worker = Worker::new(now, &leases(LISTENERS));
    let samples: Vec<i16> = (0..80_000).map(|n: i32| (n % 200 * 50) as i16).collect();
    worker.load_track(MUSIC, Arc::new(Track::from_samples(&samples)));
    for stream in 0..LISTENERS {
        open(&mut worker, now, stream);
        hear(&mut worker, now, stream, Source::Tracks { tracks: vec![MUSIC], repeat: true });
    }
    move || {
        while worker.poll_transmit().is_none() {
            now = worker.poll_timeout().expect("music goes on for ever").max(now);
            worker.handle_timeout(now);
            while worker.poll_event().is_some() {}
            while worker.poll_link().is_some() {}
        }
    }
}

fn open(worker: &mut Worker, now: Instant, stream: u32) {
    let id = StreamId(stream.into());
    let (ssrc, port) = (stream + 1, PortId(stream));
    worker.handle_command(now, Command::Open { stream: id, port, ssrc, sequence: 1, timestamp: 1 });
    worker.handle_command(now, Command::Far { stream: id, far: far(stream) });
}

fn hear(worker: &mut Worker, now: Instant, stream: u32, source: Source) {
    worker.handle_command(now, Command::Hear { stream: StreamId(stream.into()), source });
}

fn far(stream: u32) -> Far {
    let port = 10_000 + 2 * stream as u16;
    let address = |port| SocketAddr::from(([192, 0, 2, 3], port));
    Far {
        address: address(port),
        rtcp: address(port + 1),
        codec: Codec::Pcma,
        payload_type: 8,
        dtmf: Some(101),
        send: true,
        receive: true,
        symmetric: false,
    }
}

fn leases(count: u32) -> Vec<Lease> {
    let lease = |n: u32| Lease { port: PortId(n), address: SocketAddr::from(([192, 0, 2, 2], 20_000 + 2 * n as u16)) };
    (0..count).map(lease).collect()
}
