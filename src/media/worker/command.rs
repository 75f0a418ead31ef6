//! What the worker does on commands: opening, negotiation, rules, watching, closing.

use std::time::Duration;

use super::{Timer, Usage, Worker};
use crate::base::{Instant, StreamId};
use crate::media::message::{Command, Far, PortId, Source};
use crate::media::outgoing::Outgoing;
use crate::media::player::Player;
use crate::media::stream::{Hearing, Stream, Watch};

impl Worker {
    /// Follows a command.
    pub fn handle_command(&mut self, now: Instant, command: Command) {
        match command {
            Command::Open { stream, port, ssrc, sequence, timestamp } => {
                self.on_open(now, stream, port, Outgoing::new(now, ssrc, sequence, timestamp));
            }
            Command::Secure { stream, keys } => {
                let Some(slot) = self.streams.get(&stream).copied() else { return };
                let Some(stream) = self.stream(slot) else { return };
                stream.secure(keys.as_deref());
            }
            Command::Far { stream, far } => {
                let Some(slot) = self.streams.get(&stream).copied() else { return };
                self.on_far(now, slot, far);
            }
            Command::Hear { stream, source } => {
                let Some(slot) = self.streams.get(&stream).copied() else { return };
                self.on_hear(now, slot, source);
            }
            Command::Digits { stream, passed } => {
                let Some(slot) = self.streams.get(&stream).copied() else { return };
                let Some(stream) = self.stream(slot) else { return };
                stream.digits_passed = passed;
            }
            Command::Watch { stream, silence } => {
                let Some(slot) = self.streams.get(&stream).copied() else { return };
                self.on_watch(now, slot, silence);
            }
            Command::Fax { stream } => {
                let Some(slot) = self.streams.get(&stream).copied() else { return };
                let Some(stream) = self.stream(slot) else { return };
                stream.fax.begin();
            }
            Command::Close { stream } => {
                let Some(slot) = self.streams.remove(&stream) else { return };
                self.on_close(now, slot);
            }
        }
    }

    fn on_open(&mut self, now: Instant, id: StreamId, port: PortId, outgoing: Outgoing) {
        let Some(slot) = self.slot_of(port) else { return };
        let usage = &mut self.slots[slot as usize].usage;
        if !matches!(usage, Usage::Free) || self.streams.contains_key(&id) {
            tracing::error!(stream = %id, port = port.0, "a stream was opened on a port in use, or twice");
            return;
        }
        *usage = Usage::Open(Box::new(Stream::new(now, id, outgoing)));
        self.streams.insert(id, slot);
    }

    fn on_far(&mut self, now: Instant, slot: u32, far: Far) {
        let Some(stream) = self.stream(slot) else { return };
        let before = stream.far.map(|far| far.address);
        stream.negotiate(far);
        if before.is_some_and(|before| stream.far.is_some_and(|far| far.address != before)) {
            self.end_link(slot);
        }
        let Some(stream) = self.stream(slot) else { return };
        stream.outgoing.run_at(now, far.codec.ticks());
        if stream.destination().is_none() {
            stream.outgoing.turn();
        }
        self.refresh_watch(now, slot);
        if before.is_some() {
            return;
        }
        self.arm_first_report(now, slot);
        self.release_unknown(now, slot);
        let Some(stream) = self.stream(slot) else { return };
        match stream.hearing {
            Hearing::Tracks(_) => self.pacer.add(now, slot),
            Hearing::Relay(peer) => self.release(now, peer),
            Hearing::Waiting | Hearing::Silence => {}
        }
    }

    fn on_hear(&mut self, now: Instant, slot: u32, source: Source) {
        let hearing = match source {
            Source::Silence => Hearing::Silence,
            Source::Tracks { tracks, repeat } => {
                let known = tracks.iter().filter_map(|track| self.tracks.get(track)).cloned();
                Hearing::Tracks(Player::new(known, repeat))
            }
            Source::Relay(peer) => match self.streams.get(&peer) {
                Some(peer) => Hearing::Relay(*peer),
                None => Hearing::Silence,
            },
        };
        let Some(stream) = self.stream(slot) else { return };
        if let (Hearing::Relay(before), Hearing::Relay(peer)) = (&stream.hearing, &hearing)
            && before == peer
        {
            return;
        }
        if let (Hearing::Tracks(_), Hearing::Tracks(_)) = (&stream.hearing, &hearing) {
            stream.hearing = hearing;
            return;
        }
        self.stop_hearing(slot);
        self.begin_hearing(now, slot, hearing);
    }

    /// Replaces what the slot hears by nothing.
    fn stop_hearing(&mut self, slot: u32) {
        let Some(stream) = self.stream(slot) else { return };
        match std::mem::replace(&mut stream.hearing, Hearing::Silence) {
            Hearing::Relay(peer) => {
                let Some(peer) = self.stream(peer) else { return };
                peer.listeners.retain(|listener| *listener != slot);
            }
            Hearing::Tracks(_) => self.pacer.remove(slot),
            Hearing::Waiting | Hearing::Silence => {}
        }
    }

    fn begin_hearing(&mut self, now: Instant, slot: u32, hearing: Hearing) {
        let Some(stream) = self.stream(slot) else { return };
        stream.outgoing.turn();
        stream.hearing = hearing;
        if !matches!(stream.hearing, Hearing::Relay(_)) {
            stream.held = None;
        }
        match stream.hearing {
            // Time runs for tracks once the far end is known.
            Hearing::Tracks(_) if stream.far.is_some() => self.pacer.add(now, slot),
            Hearing::Relay(peer) => {
                let Some(stream) = self.stream(peer) else { return };
                stream.listeners.push(slot);
                // Somebody hears it now, and judges for himself.
                stream.fax.end();
                self.release(now, peer);
            }
            Hearing::Waiting | Hearing::Silence | Hearing::Tracks(_) => {}
        }
    }

    fn on_watch(&mut self, now: Instant, slot: u32, silence: Option<Duration>) {
        let Some(stream) = self.stream(slot) else { return };
        let before = std::mem::replace(&mut stream.watch, silence.map_or(Watch::Off, Watch::Paused));
        stream.heard = now;
        if let Watch::Armed(_, key) = before {
            self.timers.cancel(key);
        }
        self.refresh_watch(now, slot);
    }

    /// Starts or stops the watch as RTP begins or ceases to be expected.
    fn refresh_watch(&mut self, now: Instant, slot: u32) {
        let Some(stream) = self.stream(slot) else { return };
        let (watch, expects) = (stream.watch, stream.expects());
        let watch = match watch {
            Watch::Paused(limit) if expects => {
                stream.heard = now;
                Watch::Armed(limit, self.timers.arm(now + limit, Timer::Silence(slot)))
            }
            Watch::Armed(limit, key) if !expects => {
                self.timers.cancel(key);
                Watch::Paused(limit)
            }
            Watch::Told(limit) if !expects => Watch::Paused(limit),
            Watch::Off | Watch::Paused(_) | Watch::Armed(..) | Watch::Told(_) => watch,
        };
        let Some(stream) = self.stream(slot) else { return };
        stream.watch = watch;
    }

    fn on_close(&mut self, now: Instant, slot: u32) {
        self.stop_hearing(slot);
        self.say_bye(now, slot);
        self.end_link(slot);
        let Some(entry) = self.slots.get_mut(slot as usize) else { return };
        let Usage::Open(stream) = std::mem::replace(&mut entry.usage, Usage::Free) else { return };
        for listener in &stream.listeners {
            let Some(listener) = self.stream(*listener) else { continue };
            listener.hearing = Hearing::Silence;
            listener.held = None;
        }
        if let Watch::Armed(_, key) = stream.watch {
            self.timers.cancel(key);
        }
        if let Some(key) = stream.report {
            self.timers.cancel(key);
        }
    }
}
