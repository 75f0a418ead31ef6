//! The hub's part of SIP traces: who asked for which, and reading them from all shards, one after the other.

use std::sync::Arc;
use std::time::Duration;

use crate::acd::Actor;
use crate::base::limits::{CONTROL_QUEUE_MAX, ROWS_MAX, TRACE_KEPT, TRACE_TIME_MAX, TRACES_MAX};
use crate::base::{Instant, PeerId, Pii, ShardId};
use crate::node::hub::Hub;
use crate::node::ladder::Way;
use crate::node::letter::{Ask, Ticket, Told};
use crate::node::message::Reply;
use crate::node::trace::orders::{Given, Reading};
use crate::node::trace::view::{RunningTrace, TraceView, TracedMessage};
use crate::node::trace::{Count, Order, Read, Traced, Wanted, mask};

/// Longest number or name that is traced.
const NUMBER_BYTES_MAX: usize = 64;

impl Hub {
    /// A trace of a neighbour or of a number begins, in all shards.
    pub(super) fn start_trace(
        &mut self,
        now: Instant,
        (peer, number): (Option<&str>, Option<&str>),
        lasts: Duration,
        shows_numbers: bool,
        by: &Actor,
    ) -> Reply {
        let of = match (peer, number) {
            (Some(peer), None) => match self.directory.peer_of_name(peer) {
                Some(peer) => Wanted::Peer(peer),
                None => return Reply::NotFound(format!("no peer {peer}")),
            },
            (None, Some(number)) if is_traceable(number) => Wanted::Number(number.into()),
            (None, Some(_)) => return Reply::Invalid("the number is empty, too long, or has spaces".to_string()),
            (Some(_), Some(_)) | (None, None) => return Reply::Invalid("say either peer or number".to_string()),
        };
        if lasts.is_zero() || lasts > TRACE_TIME_MAX {
            return Reply::Invalid(format!("a trace runs for 1 to {} minutes", TRACE_TIME_MAX.as_secs() / 60));
        }
        self.forget_traces(now);
        if self.traces.orders.len() >= TRACES_MAX {
            // One that has ended makes room; its messages stay in the ring as long as there is room.
            match self.traces.orders.iter().position(|given| given.is_over(now)) {
                Some(ended) => {
                    let ended = self.traces.orders.remove(ended);
                    self.tell_all(&Told::Forget(ended.order.id));
                }
                None => return Reply::Conflict(format!("{TRACES_MAX} traces run already; stop one")),
            }
        }
        self.traces.last += 1;
        let by = match by {
            Actor::Engine => "engine".into(),
            Actor::User(name) | Actor::Supervisor { name, .. } => Arc::clone(name),
        };
        let id = self.traces.last;
        let order = Arc::new(Order { id, of, from: now, until: now + lasts, shows_numbers, by });
        self.tell_all(&Told::Trace(Arc::clone(&order)));
        let given = Given { order, is_stopped: false };
        let view = self.running_trace(now, &given, &[], true);
        self.traces.orders.push(given);
        Reply::Trace(Box::new(TraceView { traces: vec![view], messages: Vec::new(), next: String::new(), missed: 0 }))
    }

    /// A trace ends, or all of them do.
    pub(super) fn stop_trace(&mut self, now: Instant, id: Option<u32>) -> Reply {
        let mut stopped = Vec::new();
        for given in &mut self.traces.orders {
            if id.is_none_or(|id| id == given.order.id) && !given.is_over(now) {
                given.is_stopped = true;
                stopped.push(given.order.id);
            }
        }
        if let Some(id) = id.filter(|_| stopped.is_empty()) {
            return Reply::NotFound(format!("no trace {id} runs"));
        }
        for id in stopped {
            self.tell_all(&Told::Untrace(id));
        }
        Reply::Done
    }

    /// Reads the traces from where the last reading ended (`after` is its `next`; all that is there when empty).
    pub(super) fn read_traces(&mut self, now: Instant, ticket: Ticket, asked: (&str, usize, bool)) {
        let (after, limit, shows_numbers) = asked;
        self.forget_traces(now);
        let shards = usize::from(self.shards);
        let numbers = || after.split('-').map(str::parse).collect::<Result<Vec<u64>, _>>();
        let after = if after.is_empty() { Ok(vec![0; shards]) } else { numbers() };
        let Some(after) = after.ok().filter(|after| after.len() == shards) else {
            return self.reply(ticket, Reply::Invalid("after is no place in these traces".to_string()));
        };
        if self.traces.readings.len() >= CONTROL_QUEUE_MAX {
            return self.reply(ticket, Reply::Conflict("too many readings at once".to_string()));
        }
        let limit = limit.min(ROWS_MAX).div_ceil(shards);
        let reading =
            Reading { shard: ShardId(0), after, limit, shows_numbers, rows: Vec::new(), counts: Vec::new(), missed: 0 };
        self.go_on_reading(now, ticket, reading);
    }

    /// A shard has told its part.
    pub(super) fn on_traces_read(&mut self, now: Instant, ticket: Ticket, read: Read) {
        let Some(mut reading) = self.traces.readings.remove(&ticket) else { return };
        if let Some(after) = reading.after.get_mut(usize::from(reading.shard.0)) {
            *after = read.next;
        }
        reading.rows.extend(read.rows);
        reading.counts.extend(read.counts);
        reading.missed += read.missed;
        reading.shard.0 += 1;
        self.go_on_reading(now, ticket, reading);
    }

    fn go_on_reading(&mut self, now: Instant, ticket: Ticket, reading: Reading) {
        if let Some(from) = reading.after.get(usize::from(reading.shard.0)).copied() {
            self.tell(reading.shard, Told::Ask(ticket, Ask::Traces { from, limit: reading.limit }));
            self.traces.readings.insert(ticket, reading);
            return;
        }
        let Reading { after, mut rows, counts, missed, shows_numbers, .. } = reading;
        // Each shard's are in order already.
        rows.sort_by_key(|row| row.at);
        let traces = self.traces.orders.iter();
        let traces = traces.map(|given| self.running_trace(now, given, &counts, shows_numbers)).collect();
        let messages = rows.into_iter().map(|row| message_view(now, row, shows_numbers)).collect();
        let next: Vec<_> = after.iter().map(u64::to_string).collect();
        let view = TraceView { traces, messages, next: next.join("-"), missed };
        self.reply(ticket, Reply::Trace(Box::new(view)));
    }

    fn forget_traces(&mut self, now: Instant) {
        self.traces.orders.retain(|given| given.order.until + TRACE_KEPT > now);
    }

    fn running_trace(&self, now: Instant, given: &Given, counts: &[Count], shows_numbers: bool) -> RunningTrace {
        let order = &given.order;
        let counts = || counts.iter().filter(|count| count.id == order.id);
        let name = |peer: PeerId| Arc::clone(&self.directory.peer(peer).name);
        let (peer, number) = match &order.of {
            Wanted::Peer(peer) => (Some(name(*peer)), None),
            Wanted::Number(number) if shows_numbers => (None, Some(number.to_string())),
            Wanted::Number(number) => (None, Some(Pii::new(number).to_string())),
        };
        let state = match () {
            () if given.is_stopped => "stopped",
            () if order.until <= now => "time",
            () if counts().any(|count| count.is_full) => "full",
            () => "running",
        };
        RunningTrace {
            id: order.id,
            peer,
            number,
            numbers: order.shows_numbers,
            by: Arc::clone(&order.by),
            state,
            left_seconds: if state == "running" { order.until.since(now) } else { Duration::ZERO },
            messages: counts().map(|count| count.messages).sum(),
            bytes: counts().map(|count| count.bytes).sum(),
        }
    }
}

/// A number, or a name that phones are called by.
fn is_traceable(number: &str) -> bool {
    (1..=NUMBER_BYTES_MAX).contains(&number.len()) && number.chars().all(|c| !c.is_control() && !c.is_whitespace())
}

fn message_view(now: Instant, row: Traced, shows_numbers: bool) -> TracedMessage {
    let text = if shows_numbers { row.text.into_vec() } else { mask::kept(&row.text, false) };
    // Fit for a terminal.
    let shown = |c: char| if c.is_control() && c != '\n' { '.' } else { c };
    TracedMessage {
        ago_seconds: now.since(row.at),
        traces: row.traces,
        sent: row.way == Way::Sent,
        peer: row.far,
        length: row.length,
        text: String::from_utf8_lossy(&text).replace("\r\n", "\n").chars().map(shown).collect(),
    }
}
