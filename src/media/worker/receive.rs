//! Received packets: who counts, what they mean, and the relay to those who listen.

use std::net::SocketAddr;

use super::{Timer, Worker};
use crate::base::Instant;
use crate::base::limits::RTP_BYTES_MAX;
use crate::media::codec::transcode;
use crate::media::dtmf::TelephoneEvent;
use crate::media::fax::{Search, Verdict};
use crate::media::message::{Event, Far, PortId};
use crate::media::outbox::Kind;
use crate::media::outgoing::Span;
use crate::media::reception::Reception;
use crate::media::rtcp;
use crate::media::rtp::{HEADER_BYTES, Packet};
use crate::media::stream::{Content, Stream, Watch, content};

impl Worker {
    /// Takes in a datagram from a port's RTP socket.
    pub fn handle_rtp(&mut self, now: Instant, port: PortId, source: SocketAddr, datagram: &[u8]) {
        let Some(slot) = self.slot_of(port) else { return };
        let Some(stream) = self.stream(slot) else { return };
        if datagram.len() > RTP_BYTES_MAX {
            return;
        }
        if stream.far.is_none() {
            return stream.hold(source, datagram);
        }
        self.judge_rtp(now, slot, source, datagram);
    }

    /// A datagram while the far end is known: it counts when it comes from there.
    fn judge_rtp(&mut self, now: Instant, slot: u32, source: SocketAddr, datagram: &[u8]) {
        let Some(stream) = self.stream(slot) else { return };
        if stream.guard.is_none() {
            return self.judge_clear(now, slot, source, datagram);
        }
        // Where audio comes from elsewhere may be learned, but from what authenticates alone.
        if stream.latch.is_none() && stream.far.is_some_and(|far| far.address != source) {
            return;
        }
        let mut clear = std::mem::take(&mut self.clear);
        if self.decrypt(slot, Kind::Rtp, datagram, &mut clear) {
            self.judge_clear(now, slot, source, &clear);
        }
        self.clear = clear;
    }

    /// Writes what an encrypted packet says; false, and counted, for one that is not the far end's or has been there.
    fn decrypt(&mut self, slot: u32, kind: Kind, datagram: &[u8], clear: &mut Vec<u8>) -> bool {
        let Some(guard) = self.stream(slot).and_then(|stream| stream.guard.as_mut()) else { return false };
        let is_authentic = match kind {
            Kind::Rtp => guard.unprotect_rtp(datagram, clear),
            Kind::Rtcp => guard.unprotect_rtcp(datagram, clear),
        };
        if !is_authentic {
            self.unauthentic += 1;
        }
        is_authentic
    }

    /// The same, decrypted where it was encrypted.
    fn judge_clear(&mut self, now: Instant, slot: u32, source: SocketAddr, datagram: &[u8]) {
        let Some(stream) = self.stream(slot) else { return };
        if stream.latch.is_some() {
            self.learn(slot, source, datagram);
        }
        if self.stream(slot).and_then(|stream| stream.far).is_some_and(|far| far.address == source) {
            self.on_rtp(now, slot, source, datagram);
        }
    }

    /// Symmetric RTP: a packet may show where the far end really is.
    fn learn(&mut self, slot: u32, source: SocketAddr, datagram: &[u8]) {
        let Some(stream) = self.stream(slot) else { return };
        let before = stream.far.map(|far| far.address);
        stream.learn(source, datagram);
        if stream.far.map(|far| far.address) != before {
            tracing::debug!(stream = %stream.id, "audio comes from elsewhere than negotiated, and goes there");
            self.end_link(slot);
        }
    }

    /// The socket has its far end no more.
    pub(super) fn end_link(&mut self, slot: u32) {
        let port = self.port_of(slot);
        if self.stream(slot).is_some_and(Stream::unlink) {
            self.outbox.link(port, None);
        }
    }

    /// Takes in a datagram from a port's RTCP socket.
    pub fn handle_rtcp(&mut self, now: Instant, port: PortId, source: SocketAddr, datagram: &[u8]) {
        let Some(slot) = self.slot_of(port) else { return };
        let Some(stream) = self.stream(slot) else { return };
        if stream.far.is_none_or(|far| far.rtcp.ip() != source.ip()) {
            return;
        }
        if stream.guard.is_none() {
            return self.on_rtcp(now, slot, source, datagram);
        }
        let mut clear = std::mem::take(&mut self.clear);
        if datagram.len() <= RTP_BYTES_MAX && self.decrypt(slot, Kind::Rtcp, datagram, &mut clear) {
            self.on_rtcp(now, slot, source, &clear);
        }
        self.clear = clear;
    }

    /// An RTCP packet from the far end's address.
    fn on_rtcp(&mut self, now: Instant, slot: u32, source: SocketAddr, datagram: &[u8]) {
        let Some(stream) = self.stream(slot) else { return };
        let Some(far) = stream.far.as_mut() else { return };
        if let (Some(latch), Some(sender)) = (&mut stream.latch, rtcp::sender(datagram))
            && latch.on_report(source, sender)
        {
            far.rtcp = source;
        }
        if let (Some(reception), Some(report)) = (&mut stream.reception, rtcp::sender_report(datagram)) {
            reception.on_sender_report(now, report);
        }
    }

    /// What came before the far end was known counts now, if it came from there.
    pub(super) fn release_unknown(&mut self, now: Instant, slot: u32) {
        let Some(stream) = self.stream(slot) else { return };
        for (source, datagram) in stream.take_held() {
            self.judge_rtp(now, slot, source, &datagram);
        }
    }

    /// What was held for want of a listener goes to those who listen now.
    pub(super) fn release(&mut self, now: Instant, slot: u32) {
        let Some(stream) = self.stream(slot).filter(|stream| stream.far.is_some()) else { return };
        for (source, datagram) in stream.take_held() {
            let Some(packet) = Packet::parse(&datagram) else { continue };
            self.relay(now, slot, source, &datagram, &packet);
        }
    }

    pub(super) fn on_silence_timer(&mut self, now: Instant, slot: u32) {
        let Some(stream) = self.stream(slot) else { return };
        let Watch::Armed(limit, _) = stream.watch else { return };
        let (deadline, id) = (stream.heard + limit, stream.id);
        let watch = if deadline > now {
            Watch::Armed(limit, self.timers.arm(deadline, Timer::Silence(slot)))
        } else {
            self.outbox.tell(Event::Silent { stream: id });
            Watch::Told(limit)
        };
        let Some(stream) = self.stream(slot) else { return };
        stream.watch = watch;
    }

    /// A datagram from the far end.
    fn on_rtp(&mut self, now: Instant, slot: u32, source: SocketAddr, datagram: &[u8]) {
        let Some(packet) = Packet::parse(datagram).filter(|packet| !packet.header.is_rtcp()) else { return };
        let Some(stream) = self.slots.get_mut(slot as usize).and_then(|entry| entry.usage.stream()) else { return };
        let Some(far) = stream.far else { return };
        stream.heard = now;
        if let Watch::Told(limit) = stream.watch {
            stream.watch = Watch::Armed(limit, self.timers.arm(now + limit, Timer::Silence(slot)));
        }
        match &mut stream.reception {
            Some(reception) => reception.on_packet(now, &packet.header),
            None => stream.reception = Some(Reception::new(now, &packet.header, far.codec.ticks())),
        }
        if content(&far, packet.header.payload_type) == Content::Digit
            && let Some(digit) = stream.digits.on_packet(&packet.header, packet.payload)
        {
            self.outbox.tell(Event::Digit { stream: stream.id, digit });
        }
        if matches!(stream.fax, Search::On(_)) {
            self.judge_fax(slot, far, &packet);
        }
        self.relay(now, slot, source, datagram, &packet);
    }

    /// Hears whether a fax machine calls. In another codec than G.711 it cannot be heard; a far end may change to that.
    fn judge_fax(&mut self, slot: u32, far: Far, packet: &Packet<'_>) {
        let Some(stream) = self.stream(slot) else { return };
        let Content::Audio(codec) = content(&far, packet.header.payload_type) else { return };
        let (Some(law), Search::On(detector)) = (codec.law(), &mut stream.fax) else { return };
        match detector.on_packet(packet.header.timestamp, law, packet.payload) {
            Verdict::Open => {}
            Verdict::NoFax => stream.fax.end(),
            Verdict::Fax => {
                stream.fax.end();
                let stream = stream.id;
                self.outbox.tell(Event::Fax { stream });
            }
        }
    }

    /// Passes a datagram that counted on to all who listen; without a listener it is held until the first rule has come.
    fn relay(&mut self, now: Instant, slot: u32, source: SocketAddr, datagram: &[u8], packet: &Packet<'_>) {
        let Some(stream) = self.stream(slot) else { return };
        let Some(far) = stream.far.filter(|far| far.receive) else { return };
        let content = match content(&far, packet.header.payload_type) {
            // Left out without a gap, as what was not agreed upon.
            Content::Digit if !stream.digits_passed => Content::Unknown,
            content @ (Content::Audio(_) | Content::Digit | Content::Unknown) => content,
        };
        let mut taken = false;
        for index in 0..stream.listeners.len() {
            let Some(listener) = self.stream(slot).and_then(|stream| stream.listeners.get(index).copied()) else {
                break;
            };
            taken |= self.forward(now, listener, packet, content);
        }
        let Some(stream) = self.stream(slot) else { return };
        if taken {
            stream.held = None;
        } else {
            stream.hold(source, datagram);
        }
    }

    /// Rewrites a packet for a listener; false when its far end is not known yet.
    fn forward(&mut self, now: Instant, listener: u32, packet: &Packet<'_>, content: Content) -> bool {
        let port = self.port_of(listener);
        let entry = self.slots.get_mut(listener as usize);
        let Some(stream) = entry.and_then(|entry| entry.usage.stream()) else { return false };
        if stream.far.is_none() {
            return false;
        }
        let Some(far) = stream.destination() else { return true };
        let (out, theirs) = (&mut stream.outgoing, &packet.header);
        let header = match (content, far.dtmf, TelephoneEvent::parse(packet.payload)) {
            (Content::Audio(codec), _, _) if codec.becomes(far.codec) => {
                out.relay(now, theirs, far.payload_type, Span::of(codec, packet.payload))
            }
            (Content::Digit, Some(dtmf), Some(event)) => {
                out.relay(now, theirs, dtmf, Span::Event(event.duration.into()))
            }
            // Without transcoding, what the listener did not agree upon is left out.
            (Content::Audio(_) | Content::Digit | Content::Unknown, _, _) => {
                out.skip(theirs);
                None
            }
        };
        let Some(header) = header else { return true };
        let guard = stream.guard.as_deref_mut();
        let sent = self.outbox.send_rtp(port, far.address, HEADER_BYTES + packet.payload.len(), guard, |out| {
            header.write(out);
            match content {
                Content::Audio(codec) => transcode(codec, far.codec, packet.payload, out),
                Content::Digit | Content::Unknown => out.extend_from_slice(packet.payload),
            }
        });
        if !sent {
            return true;
        }
        if stream.count_sent() {
            self.outbox.link(port, Some(far.address));
        }
        true
    }
}
