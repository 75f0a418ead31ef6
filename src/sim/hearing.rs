//! What a phone has heard, in words: whose tone or music, from when to when, the longest gap, and whether it was one unbroken
//! RTP stream (RFC 3550: one SSRC, every sequence number, timestamps that follow the audio).

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use crate::base::Instant;
use crate::media::codec::FRAME_SAMPLES;
use crate::media::tone::{AGENT_HZ, CALLER_HZ, share};
use crate::sim::voice::Heard;

/// What one packet sounds like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// A caller's tone.
    Caller,
    /// An agent's tone.
    Agent,
    /// Sound that is neither.
    Music,
    /// No sound.
    Silence,
}

/// Packets of one sort in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passage {
    /// What is heard.
    pub sort: Sort,
    /// When the first packet arrived.
    pub from: Instant,
    /// When the last packet arrived.
    pub to: Instant,
    /// How many packets.
    pub packets: usize,
}

/// Everything a phone has heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hearing {
    /// The passages in order.
    pub passages: Vec<Passage>,
    /// The longest time between two packets in a row.
    pub gap_max: Duration,
    /// How many SSRCs.
    pub sources: usize,
    /// Places where the sequence number or the timestamp does not follow from the packet before.
    pub breaks: usize,
}

/// A tone is heard when this part of a packet's power is at its frequency.
const SHARE_MIN: f64 = 0.6;

impl Hearing {
    /// Judges recorded packets.
    pub fn of(recorded: &[Heard]) -> Self {
        let mut hearing = Self { passages: Vec::new(), gap_max: Duration::ZERO, sources: 0, breaks: 0 };
        let mut sources = BTreeSet::new();
        let step = u32::try_from(FRAME_SAMPLES).unwrap_or(0);
        let mut previous: Option<&Heard> = None;
        for heard in recorded {
            sources.insert(heard.ssrc);
            if let Some(previous) = previous {
                hearing.gap_max = hearing.gap_max.max(heard.at - previous.at);
                let follows = heard.sequence == previous.sequence.wrapping_add(1)
                    && heard.timestamp.wrapping_sub(previous.timestamp) % step == 0;
                hearing.breaks += usize::from(!follows);
            }
            previous = Some(heard);
            hearing.add(heard.at, sort_of(&heard.samples));
        }
        hearing.sources = sources.len();
        hearing
    }

    fn add(&mut self, at: Instant, sort: Sort) {
        match self.passages.last_mut() {
            Some(last) if last.sort == sort => {
                last.to = at;
                last.packets += 1;
            }
            Some(_) | None => self.passages.push(Passage { sort, from: at, to: at, packets: 1 }),
        }
    }
}

impl fmt::Display for Hearing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for passage in &self.passages {
            let sort = match passage.sort {
                Sort::Caller => "a caller",
                Sort::Agent => "an agent",
                Sort::Music => "music",
                Sort::Silence => "silence",
            };
            write!(f, "{sort} {}-{} ({}), ", passage.from, passage.to, passage.packets)?;
        }
        let gap = self.gap_max.as_millis();
        write!(f, "longest gap {gap} ms, sources {}, breaks {}", self.sources, self.breaks)
    }
}

fn sort_of(samples: &[i16]) -> Sort {
    if samples.iter().all(|sample| sample.unsigned_abs() < 16) {
        Sort::Silence
    } else if share(samples, CALLER_HZ) > SHARE_MIN {
        Sort::Caller
    } else if share(samples, AGENT_HZ) > SHARE_MIN {
        Sort::Agent
    } else {
        Sort::Music
    }
}
