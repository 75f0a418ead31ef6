//! The series of one family as they are filled, and where they go: into a scrape's text at once, or into a family of the
//! `prometheus` crate, for programs that gather. Beside the registry in `export` the only place that knows the crate.

use prometheus::core::Desc;
use prometheus::proto::{self, Bucket, Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType, Summary};

use crate::acd::{CutShort, FlowOut};
use crate::stats::bounds::seconds;
use crate::stats::cells::{Distribution, Histogram, QueueCells, Sum, Visits};
use crate::stats::encode::Text;
use crate::stats::family::{Kind, Row};
use crate::stats::reading::{QueueReading, Reading};
use crate::stats::spread::{SPREAD_BOUNDS, SpreadReading};

/// Where series go.
#[derive(Debug)]
pub(super) enum Sink<'a> {
    /// A scrape's text.
    Text(&'a mut Text),
    /// A family's metrics.
    Metrics(&'a mut Vec<Metric>),
}

/// The series of one family as they are filled.
#[derive(Debug)]
pub(super) struct Series<'a> {
    pub(super) row: &'static Row,
    sink: Sink<'a>,
}

/// A row as the crate describes it.
pub(super) fn description(row: &Row) -> Desc {
    let labels = row.labels.iter().map(ToString::to_string).collect();
    let description = Desc::new(row.name.to_owned(), row.help.to_owned(), labels, Default::default());
    description.expect("the table holds valid names")
}

/// A row with its series as the crate knows them.
pub(super) fn family(row: &'static Row, fill: impl FnOnce(&mut Series<'_>)) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(row.name.to_owned());
    family.set_help(row.help.to_owned());
    family.set_field_type(match row.kind {
        Kind::Counter => MetricType::COUNTER,
        Kind::Gauge => MetricType::GAUGE,
        Kind::Histogram => MetricType::HISTOGRAM,
        Kind::Summary => MetricType::SUMMARY,
    });
    let mut metrics = Vec::new();
    fill(&mut Series::new(row, Sink::Metrics(&mut metrics)));
    family.set_metric(metrics);
    family
}

impl<'a> Series<'a> {
    /// None yet.
    pub(super) const fn new(row: &'static Row, sink: Sink<'a>) -> Self {
        Self { row, sink }
    }

    /// A counter's or gauge's value. Counts are exact up to 2^53.
    pub(super) fn push(&mut self, labels: &[&str], value: f64) {
        match &mut self.sink {
            Sink::Text(text) => text.value(self.row, labels, value),
            Sink::Metrics(metrics) => {
                let mut metric = labelled(self.row, labels);
                if self.row.kind == Kind::Counter {
                    let mut counter = Counter::default();
                    counter.set_value(value);
                    metric.set_counter(counter);
                } else {
                    let mut gauge = Gauge::default();
                    gauge.set_value(value);
                    metric.set_gauge(gauge);
                }
                metrics.push(metric);
            }
        }
    }

    /// A count and a sum of times.
    pub(super) fn push_summary(&mut self, labels: &[&str], sum: Sum) {
        match &mut self.sink {
            Sink::Text(text) => text.summary(self.row, labels, sum),
            Sink::Metrics(metrics) => {
                let mut summary = Summary::default();
                summary.set_sample_count(sum.count);
                summary.set_sample_sum(seconds(sum.micros));
                let mut metric = labelled(self.row, labels);
                metric.set_summary(summary);
                metrics.push(metric);
            }
        }
    }

    fn push_histogram(&mut self, labels: &[&str], values: &Distribution<'_>) {
        match &mut self.sink {
            Sink::Text(text) => text.histogram(self.row, labels, values),
            Sink::Metrics(metrics) => {
                let mut metric = labelled(self.row, labels);
                metric.set_histogram(histogram(values));
                metrics.push(metric);
            }
        }
    }

    /// One series for each queue.
    pub(super) fn push_each(&mut self, reading: &Reading, value: impl Fn(&QueueReading) -> f64) {
        for queue in &reading.queues {
            self.push(&[&queue.name], value(queue));
        }
    }

    /// One series for each queue and each value of a second label.
    pub(super) fn push_split<K: Copy, const N: usize>(
        &mut self,
        reading: &Reading,
        keys: [(K, &'static str); N],
        count: impl Fn(&QueueReading, K) -> u64,
    ) {
        for queue in &reading.queues {
            for (key, label) in keys {
                self.push(&[&queue.name, label], count(queue, key) as f64);
            }
        }
    }

    /// One series for each queue and reason to flow out.
    pub(super) fn push_reasons(&mut self, reading: &Reading, count: impl Fn(&QueueCells, FlowOut) -> u64) {
        let reasons = FlowOut::ALL.map(|reason| (reason, reason.as_str()));
        self.push_split(reading, reasons, |queue, reason| count(&queue.cells, reason));
    }

    /// One series for each queue and group of called numbers.
    pub(super) fn push_groups(&mut self, reading: &Reading, count: impl Fn(&Visits) -> u64) {
        for queue in &reading.queues {
            for (group, visits) in queue.cells.groups() {
                self.push(&[&queue.name, &reading.groups[*group]], count(visits) as f64);
            }
        }
    }

    /// The same for each value of a third label.
    pub(super) fn push_groups_split<K: Copy, const N: usize>(
        &mut self,
        reading: &Reading,
        keys: [(K, &'static str); N],
        count: impl Fn(&Visits, K) -> u64,
    ) {
        for queue in &reading.queues {
            for (group, visits) in queue.cells.groups() {
                for (key, label) in keys {
                    self.push(&[&queue.name, &reading.groups[*group], label], count(visits, key) as f64);
                }
            }
        }
    }

    /// One series for each queue and kind of talk cut short.
    pub(super) fn push_cut_short(&mut self, reading: &Reading) {
        let kinds = CutShort::ALL.map(|kind| (kind, kind.as_str()));
        self.push_split(reading, kinds, |queue, kind| queue.cells.cut_short(kind));
    }

    /// One histogram for each queue.
    pub(super) fn push_histograms(&mut self, reading: &Reading, histogram: Histogram) {
        for queue in &reading.queues {
            self.push_histogram(&[&queue.name], &queue.cells.distribution(histogram));
        }
    }

    /// The same with a second label.
    pub(super) fn push_histogram_with(&mut self, reading: &Reading, label: &str, histogram: Histogram) {
        for queue in &reading.queues {
            self.push_histogram(&[&queue.name, label], &queue.cells.distribution(histogram));
        }
    }

    /// A histogram of the engine's own times.
    pub(super) fn push_spread(&mut self, labels: &[&str], spread: &SpreadReading) {
        let values = Distribution { bounds: &SPREAD_BOUNDS, buckets: &spread.buckets, sum: spread.micros };
        self.push_histogram(labels, &values);
    }

    /// One summary for each queue.
    pub(super) fn push_summaries(&mut self, reading: &Reading, sum: impl Fn(&QueueCells) -> Sum) {
        for queue in &reading.queues {
            self.push_summary(&[&queue.name], sum(&queue.cells));
        }
    }
}

fn histogram(values: &Distribution<'_>) -> proto::Histogram {
    let mut below = 0;
    let bucket = |(bound, count): (&u64, &u64)| {
        below += count;
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(seconds(*bound));
        bucket.set_cumulative_count(below);
        bucket
    };
    let mut histogram = proto::Histogram::default();
    histogram.set_bucket(values.bounds.iter().zip(values.buckets).map(bucket).collect());
    histogram.set_sample_count(values.buckets.iter().sum());
    histogram.set_sample_sum(seconds(values.sum));
    histogram
}

fn labelled(row: &Row, values: &[&str]) -> Metric {
    let pair = |(name, value): (&&str, &&str)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    };
    Metric::from_label(row.labels.iter().zip(values).map(pair).collect())
}
