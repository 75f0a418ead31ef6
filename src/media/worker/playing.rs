//! Tracks: one 20 ms frame for each listener at each of its ticks.

use super::Worker;
use crate::base::Instant;
use crate::media::codec::FRAME_SAMPLES;
use crate::media::message::Event;
use crate::media::outgoing::Span;
use crate::media::rtp::HEADER_BYTES;
use crate::media::stream::Hearing;

impl Worker {
    /// Sends what is due by `now`, tick after tick.
    pub(super) fn play_due(&mut self, now: Instant) {
        while let Some(tick) = self.pacer.pop_due(now) {
            let mut index = 0;
            while let Some(slot) = self.pacer.slot(tick, index) {
                if self.play(tick.at, slot) {
                    index += 1;
                } else {
                    self.pacer.remove(slot);
                }
            }
        }
    }

    /// Plays the slot's next frame; false when there is none. A far end on hold misses what is played meanwhile: a prompt
    /// ends when it would have ended.
    fn play(&mut self, at: Instant, slot: u32) -> bool {
        let port = self.port_of(slot);
        let Some(stream) = self.slots.get_mut(slot as usize).and_then(|entry| entry.usage.stream()) else {
            return false;
        };
        let (destination, Some(far)) = (stream.destination(), stream.far) else { return false };
        let Hearing::Tracks(player) = &mut stream.hearing else { return false };
        if stream.outgoing.leads(at, FRAME_SAMPLES as u32) {
            return true;
        }
        let Some(frame) = player.next(far.codec) else {
            let ended = !player.repeats();
            stream.hearing = Hearing::Silence;
            if ended {
                self.outbox.tell(Event::Played { stream: stream.id });
            }
            return false;
        };
        if destination.is_none() || frame.is_empty() {
            return true;
        }
        let header = stream.outgoing.play(at, far.payload_type, Span::of(far.codec, frame));
        let guard = stream.guard.as_deref_mut();
        let sent = self.outbox.send_rtp(port, far.address, HEADER_BYTES + frame.len(), guard, |out| {
            header.write(out);
            out.extend_from_slice(frame);
        });
        if sent && stream.count_sent() {
            self.outbox.link(port, Some(far.address));
        }
        true
    }
}
