//! The media worker, a packet at a time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use strowger::base::{Instant, Rng, StreamId};
use strowger::media::srtp::Suite;
use strowger::media::{Codec, Command, Far, Keys, Lease, MasterKey, PortId, Source, Track, TrackId, Worker};

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

/// A packet is relayed twice: it goes out encrypted, comes in again from there, and goes out in the clear.
pub(crate) fn relay_srtp() -> impl FnMut() {
    let mut now = Instant::ZERO;
    let mut worker = Worker::new(now, &leases(4));
    for stream in 0..4 {
        open(&mut worker, now, stream);
    }
    let mut rng = Rng::from_u64(1);
    let [one, other] = [(); 2].map(|()| MasterKey::new(&mut rng));
    // What is sent on 1 comes in on 2.
    secure(&mut worker, now, 1, (one, other));
    secure(&mut worker, now, 2, (other, one));
    hear(&mut worker, now, 1, Source::Relay(StreamId(0)));
    hear(&mut worker, now, 3, Source::Relay(StreamId(2)));
    let mut packet = [0xD5; 172];
    (packet[0], packet[1]) = (0x80, 8);
    let mut count = 0u32;
    move || {
        now += Duration::from_millis(20);
        worker.handle_timeout(now);
        packet[2..4].copy_from_slice(&(count as u16).to_be_bytes());
        packet[4..8].copy_from_slice(&count.wrapping_mul(160).to_be_bytes());
        count = count.wrapping_add(1);
        worker.handle_rtp(now, PortId(0), far(0).address, &packet);
        let (mut encrypted, mut clear) = (0, 0);
        while let Some(sent) = worker.poll_transmit() {
            if sent.destination == far(1).address {
                encrypted += 1;
                worker.handle_rtp(now, PortId(2), far(2).address, &sent.payload);
            }
            clear += usize::from(sent.destination == far(3).address);
        }
        assert_eq!((encrypted, clear), (1, 1), "every packet is passed on twice");
        while worker.poll_event().is_some() {}
        while worker.poll_link().is_some() {}
    }
}

/// A packet of music goes out to one of many listeners, each with a key of its own where it is encrypted.
pub(crate) fn music(is_encrypted: bool) -> impl FnMut() {
    let mut now = Instant::ZERO;
    let mut worker = Worker::new(now, &leases(LISTENERS));
    let samples: Vec<i16> = (0..80_000).map(|n: i32| (n % 200 * 50) as i16).collect();
    worker.load_track(MUSIC, Arc::new(Track::from_samples(&samples)));
    let mut rng = Rng::from_u64(1);
    for stream in 0..LISTENERS {
        open(&mut worker, now, stream);
        if is_encrypted {
            secure(&mut worker, now, stream, (MasterKey::new(&mut rng), MasterKey::new(&mut rng)));
        }
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

fn secure(worker: &mut Worker, now: Instant, stream: u32, (ours, theirs): (MasterKey, MasterKey)) {
    let keys = Keys { suite: Suite::Sha1Tag80, ours, theirs, fresh: true };
    worker.handle_command(now, Command::Secure { stream: StreamId(stream.into()), keys: Some(Box::new(keys)) });
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
