//! The Prometheus exposition: every row of the table is filled from one reading of consistent copies, so that conservation holds
//! within every scrape.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use prometheus::Registry;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;

use crate::acd::{
    AgentState, Dimension, FlowOut, LostCause, OfferResult, Proving, Refusal, Repair, Silence, Target, TransferKind,
    TransferOutcome, Unproven,
};
use crate::base::{Instant, WallTime};
use crate::stats::agents::{KINDS, STATES};
use crate::stats::bounds::seconds;
use crate::stats::cells::{Histogram, QueueCells, Visits};
use crate::stats::emit::{Series, Sink, description, family};
use crate::stats::encode::{Format, Text};
use crate::stats::family::{Family, Row, Tally};
use crate::stats::handshakes::{Direction, Handshake};
use crate::stats::live::Live;
use crate::stats::outlook;
use crate::stats::persons::PersonReading;
use crate::stats::reading::{QueueReading, Reading};
use crate::stats::table::TABLE;
use crate::stats::values::ShelfReading;

/// The content type of [`Exposition::render`]'s text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A page is given when it is so long: what is written and read at once stays in a core's own cache.
const PAGE_BYTES: usize = 64 << 10;

/// The text that Prometheus scrapes.
#[derive(Debug)]
pub struct Exposition {
    registry: Registry,
    source: Arc<Source>,
    /// The table by name, the order of the text.
    rows: Vec<&'static Row>,
    /// How long the longest page was: the next ones need not grow.
    room: Arc<AtomicUsize>,
}

impl Exposition {
    /// An exposition of `live`, in a registry of its own; `clock` is read once for each scrape.
    pub fn new(live: Arc<Live>, clock: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        let registry = Registry::new();
        let source = Arc::new(Source { live, clock: Box::new(clock) });
        let descriptions = TABLE.iter().map(description).collect();
        let collector = LiveCollector { source: Arc::clone(&source), descriptions };
        registry.register(Box::new(collector)).expect("the table names each family once");
        let mut rows: Vec<&'static Row> = TABLE.iter().collect();
        rows.sort_unstable_by_key(|row| row.name);
        Self { registry, source, rows, room: Arc::default() }
    }

    /// Where the families can be gathered, by programs that have more of their own.
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// All families in the text format 0.0.4, by name, page by page. With hundreds of queues all pages together are some ten
    /// milliseconds of work, so the shell calls it off the signalling threads.
    pub fn pages(&self) -> Pages {
        self.read(Format::Prometheus)
    }

    /// The same as OpenMetrics 1.0 text ([`crate::stats::openmetrics::CONTENT_TYPE`]).
    pub fn pages_openmetrics(&self) -> Pages {
        self.read(Format::OpenMetrics)
    }

    /// [`Exposition::pages`] as one.
    pub fn render(&self) -> String {
        self.pages().collect()
    }

    /// [`Exposition::pages_openmetrics`] as one.
    pub fn render_openmetrics(&self) -> String {
        self.pages_openmetrics().collect()
    }

    fn read(&self, format: Format) -> Pages {
        let (reading, violations) = self.source.read();
        let (rows, room) = (self.rows.clone().into_iter(), Arc::clone(&self.room));
        Pages { rows, reading, violations, text: Text::new(format), room }
    }
}

/// The text of one scrape, of one reading, made as it is asked for: of whole families, some ten to some hundred KiB a page.
#[derive(Debug)]
pub struct Pages {
    rows: std::vec::IntoIter<&'static Row>,
    reading: Reading,
    violations: u64,
    text: Text,
    room: Arc<AtomicUsize>,
}

impl Iterator for Pages {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let rows = self.rows.as_slice().len();
        if rows > 0 {
            self.text.reserve(self.room.load(Ordering::Relaxed));
        }
        while self.text.len() < PAGE_BYTES
            && let Some(row) = self.rows.next()
        {
            fill(&mut Series::new(row, Sink::Text(&mut self.text)), &self.reading, self.violations);
        }
        if rows > 0 && self.rows.as_slice().is_empty() {
            self.text.end();
        }
        let page = self.text.take();
        self.room.fetch_max(page.len(), Ordering::Relaxed);
        (!page.is_empty()).then_some(page)
    }
}

/// What is exposed, and the time.
struct Source {
    live: Arc<Live>,
    clock: Box<dyn Fn() -> Instant + Send + Sync>,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("live", &self.live).finish_non_exhaustive()
    }
}

impl Source {
    /// One reading, and the broken invariants with those that it shows.
    fn read(&self) -> (Reading, u64) {
        let reading = self.live.read((self.clock)());
        let queues = reading.queues.iter().filter(|queue| !queue.is_conserved()).count();
        let values =
            reading.values.iter().flat_map(|shelf| &shelf.values).filter(|value| !value.is_conserved()).count();
        self.live.count_violations((queues + values) as u64);
        (reading, self.live.violations())
    }
}

/// Fills every row of the table from one reading.
#[derive(Debug)]
struct LiveCollector {
    source: Arc<Source>,
    descriptions: Vec<Desc>,
}

impl Collector for LiveCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let (reading, violations) = self.source.read();
        TABLE.iter().map(|row| family(row, |series| fill(series, &reading, violations))).collect()
    }
}

/// Every family by name, so that a new one cannot be forgotten.
fn fill(series: &mut Series<'_>, reading: &Reading, violations: u64) {
    match series.row.family {
        Family::Offered => series.push_groups(reading, |visits| visits.offered()),
        Family::Answered => series.push_groups(reading, |visits| visits.answered()),
        Family::Abandoned => series.push_groups(reading, |visits| visits.abandoned()),
        Family::FlowOut => series.push_groups_split(reading, reasons(), Visits::flowed_out),
        Family::Lost => series.push_groups_split(reading, causes(), Visits::lost),
        Family::CutShort => series.push_cut_short(reading),
        Family::By(dimension, tally) => fill_values(series, &reading.values[dimension as usize], tally),
        Family::Refused => fill_refused(series, reading),
        Family::Untargeted => fill_untargeted(series, reading),
        Family::Contacts => series.push_each(reading, |queue| queue.cells.contacts() as f64),
        Family::ContactsServed => series.push_each(reading, |queue| queue.cells.contacts_served() as f64),
        Family::ContactsLost => {
            series.push_split(reading, causes(), |queue, cause| queue.cells.contacts_lost(cause));
        }
        Family::ContactsUntargeted => fill_contacts_untargeted(series, reading),
        Family::ContactsInProgress => series.push_each(reading, |queue| queue.cells.contacts_in_progress() as f64),
        Family::ServedLater => series.push_reasons(reading, QueueCells::served_later),
        Family::AnswerWait => series.push_histograms(reading, Histogram::AnswerWait),
        Family::AbandonWait => series.push_histograms(reading, Histogram::AbandonWait),
        Family::Handle => series.push_histograms(reading, Histogram::Handle),
        Family::Ring => series.push_histograms(reading, Histogram::Ring),
        Family::Talk => series.push_summaries(reading, QueueCells::talk),
        Family::Hold => series.push_summaries(reading, QueueCells::hold),
        Family::InstantAnswers => series.push_each(reading, |queue| queue.cells.instant_answers() as f64),
        Family::Disagreement => series.push(&[], reading.disagreements as f64),
        Family::Transfers => reading.queues.iter().for_each(|queue| fill_transfers(series, queue)),
        Family::Repaired => fill_repaired(series, reading),
        Family::WrapUp => series.push_summaries(reading, QueueCells::wrap_up),
        Family::ServiceLevelEvents => reading.queues.iter().for_each(|queue| fill_service_level(series, queue)),
        Family::MissedFlowOuts => reading.queues.iter().for_each(|queue| {
            let threshold = seconds(queue.cells.threshold()).to_string();
            series.push(&[&queue.name, &threshold], queue.cells.sl_missed_flowout() as f64);
        }),
        Family::Waiting => series.push_each(reading, |queue| queue.cells.waiting() as f64),
        Family::LongestWait => series.push_each(reading, |queue| seconds(queue.longest_wait(reading.now))),
        Family::OldestEnqueue => fill_oldest(series, reading),
        Family::Reserve => series.push_each(reading, |queue| queue.cells.reserve() as f64),
        Family::Lends => series.push_each(reading, |queue| queue.cells.lends() as f64),
        Family::ExpectedWait => reading.queues.iter().for_each(|queue| fill_expected_wait(series, queue)),
        Family::ExpectedWaitError => {
            series.push_histogram_with(reading, "longer", Histogram::WaitedLonger);
            series.push_histogram_with(reading, "shorter", Histogram::WaitedShorter);
        }
        Family::QueueAgents => {
            let states = std::array::from_fn::<_, STATES, _>(|state| (state, AgentState::LABELS[state]));
            series.push_split(reading, states, |queue, state| queue.agents[state]);
        }
        Family::AgentSeconds => fill_agent_seconds(series, reading),
        Family::TeamTalk => reading.teams.iter().for_each(|team| series.push_summary(&[&team.path], team.talks)),
        Family::AgentState | Family::AgentOwnSeconds | Family::AgentTalk | Family::AgentOffers => {
            reading.persons.persons.iter().for_each(|person| fill_agent(series, person));
        }
        Family::Overflow => fill_overflow(series, reading),
        Family::Offers => {
            let results = OfferResult::ALL.map(|result| (result, result.as_str()));
            series.push_split(reading, results, |queue, result| queue.cells.offers(result));
        }
        Family::PeerUp => reading.peers.iter().for_each(|peer| series.push(&[&peer.name], peer.up as f64)),
        Family::DatagramWait => series.push_spread(&[], &reading.working.datagram_wait),
        Family::Decision => series.push_spread(&[], &reading.working.decision),
        Family::SlowestDecision => series.push(&[], seconds(reading.working.decision.most)),
        Family::Silent => fill_silent(series, reading),
        Family::AuthFailures => fill_auth_failures(series, reading),
        Family::TlsHandshakes => fill_handshakes(series, reading),
        Family::SrtpDropped => series.push(&[], reading.working.srtp_dropped as f64),
        Family::ChannelDelay => fill_delays(series, reading),
        Family::Violations => series.push(&[], violations as f64),
        Family::BuildInfo => series.push(&[env!("CARGO_PKG_VERSION")], 1.0),
    }
}

fn fill_refused(series: &mut Series<'_>, reading: &Reading) {
    for (cause, count) in Refusal::ALL.into_iter().zip(reading.refused).filter(|(cause, _)| cause.is_before_queue()) {
        series.push(&[cause.as_str()], count as f64);
    }
}

fn fill_contacts_untargeted(series: &mut Series<'_>, reading: &Reading) {
    let reasons = [Refusal::Closed, Refusal::Emergency, Refusal::Fax, Refusal::Unusable].map(|why| (why, why.as_str()));
    series.push_split(reading, reasons, |queue, why| queue.cells.contacts_untargeted(why));
}

fn fill_oldest(series: &mut Series<'_>, reading: &Reading) {
    let Some(origin) = reading.origin else { return };
    series.push_each(reading, |queue| queue.cells.oldest().map_or(0.0, |since| unix_seconds(origin, since)));
}

fn fill_agent_seconds(series: &mut Series<'_>, reading: &Reading) {
    for team in &reading.teams {
        for ((state, reason), micros) in KINDS.into_iter().zip(team.micros) {
            series.push(&[&team.path, AgentState::LABELS[state], reason], seconds(micros));
        }
    }
}

/// The families of agents who have series of their own.
fn fill_agent(series: &mut Series<'_>, person: &PersonReading) {
    let name = &*person.name;
    if series.row.family == Family::AgentState {
        for (state, count) in AgentState::LABELS.iter().zip(person.states) {
            series.push(&[name, state], count as f64);
        }
    } else if series.row.family == Family::AgentOwnSeconds {
        for ((state, reason), micros) in KINDS.into_iter().zip(person.micros) {
            series.push(&[name, AgentState::LABELS[state], reason], seconds(micros));
        }
    } else if series.row.family == Family::AgentTalk {
        series.push_summary(&[name], person.talks);
    } else {
        for (result, count) in OfferResult::ALL.into_iter().zip(&person.offers) {
            series.push(&[name, result.as_str()], *count as f64);
        }
    }
}

/// Contacts by the values of one dimension.
fn fill_values(series: &mut Series<'_>, shelf: &ShelfReading, tally: Tally) {
    for value in &shelf.values {
        let count = match tally {
            Tally::Offered => value.fates.offered,
            Tally::Served => value.fates.served,
            Tally::Untargeted => value.fates.untargeted,
            Tally::InProgress => value.in_progress,
            Tally::Lost => {
                for ((_, cause), count) in causes().into_iter().zip(value.fates.lost) {
                    series.push(&[&value.name, cause], count as f64);
                }
                continue;
            }
        };
        series.push(&[&value.name], count as f64);
    }
}

fn fill_overflow(series: &mut Series<'_>, reading: &Reading) {
    series.push(&["team"], reading.teams_overflow as f64);
    series.push(&["agent"], reading.persons.overflow as f64);
    for (dimension, shelf) in Dimension::ALL.into_iter().zip(&reading.values) {
        series.push(&[dimension.label()], shelf.overflow as f64);
    }
}

fn reasons() -> [(FlowOut, &'static str); FlowOut::ALL.len()] {
    FlowOut::ALL.map(|reason| (reason, reason.as_str()))
}

fn causes() -> [(LostCause, &'static str); LostCause::ALL.len()] {
    LostCause::ALL.map(|cause| (cause, cause.as_str()))
}

fn unix_seconds(origin: WallTime, at: Instant) -> f64 {
    origin.as_micros() as f64 / 1_000_000.0 + seconds(at.as_micros())
}

fn fill_repaired(series: &mut Series<'_>, reading: &Reading) {
    for (kind, count) in Repair::ALL.into_iter().zip(reading.repaired) {
        series.push(&[kind.as_str()], count as f64);
    }
}

fn fill_silent(series: &mut Series<'_>, reading: &Reading) {
    for (kind, count) in Silence::ALL.into_iter().zip(reading.working.silent) {
        series.push(&[kind.as_str()], count as f64);
    }
}

fn fill_delays(series: &mut Series<'_>, reading: &Reading) {
    for (channel, spread) in &reading.working.channels {
        series.push_spread(&[channel], spread);
    }
}

fn fill_auth_failures(series: &mut Series<'_>, reading: &Reading) {
    for (of, counts) in Proving::ALL.into_iter().zip(reading.working.auth_failures) {
        for (why, count) in Unproven::ALL.into_iter().zip(counts) {
            series.push(&[of.as_str(), why.as_str()], count as f64);
        }
    }
}

fn fill_handshakes(series: &mut Series<'_>, reading: &Reading) {
    for (direction, counts) in Direction::ALL.into_iter().zip(reading.working.handshakes) {
        for (end, count) in Handshake::ALL.into_iter().zip(counts) {
            series.push(&[direction.as_str(), end.as_str()], count as f64);
        }
    }
}

fn fill_transfers(series: &mut Series<'_>, queue: &QueueReading) {
    for kind in TransferKind::ALL {
        for (target, label) in Target::LABELS.into_iter().enumerate() {
            for outcome in TransferOutcome::ALL {
                let count = queue.cells.transfers(kind, target, outcome);
                series.push(&[&queue.name, kind.as_str(), label, outcome.as_str()], count as f64);
            }
        }
    }
}

fn fill_untargeted(series: &mut Series<'_>, reading: &Reading) {
    for (cause, refused) in Refusal::ALL.into_iter().zip(reading.refused) {
        if LostCause::of_refusal(cause).is_some() {
            continue;
        }
        let reasons = FlowOut::ALL.into_iter().filter(|reason| reason.untargeted() == Some(cause));
        let left = |reason| reading.queues.iter().map(|queue| queue.cells.visits().flowed_out(reason)).sum::<u64>();
        series.push(&[cause.as_str()], (refused + reasons.map(left).sum::<u64>()) as f64);
    }
}

fn fill_service_level(series: &mut Series<'_>, queue: &QueueReading) {
    let cells = &queue.cells;
    let threshold = seconds(cells.threshold()).to_string();
    for (outcome, count) in [
        ("answered", cells.sl_answered()),
        ("abandoned", cells.sl_abandoned()),
        ("abandoned_short", cells.sl_abandoned_short()),
        ("flowout", cells.sl_flowout()),
        ("missed", cells.sl_missed()),
    ] {
        series.push(&[&queue.name, &threshold, outcome], count as f64);
    }
}

fn fill_expected_wait(series: &mut Series<'_>, queue: &QueueReading) {
    let Some(expected) = outlook::expected_wait(queue) else { return };
    for (quantile, wait) in [("0.5", expected.p50), ("0.9", expected.p90)] {
        series.push(&[&queue.name, quantile], wait.as_secs_f64());
    }
}
