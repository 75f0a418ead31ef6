//! The two text formats of Prometheus families: the older 0.0.4, byte for byte as the `prometheus` crate writes it, and
//! OpenMetrics 1.0, which it does not. Written by ourselves because a scrape of 500 queues has 100,000 lines: labels are escaped
//! once for all lines of a series, bounds are formatted once for all series, and no line allocates.
//!
//! OpenMetrics differs in this: a counter's family is named without `_total` and its samples with it, the text ends with `# EOF`,
//! help and labels are escaped alike, bounds always show that they are floats. `_created` samples are optional there and left
//! out: a restart shows as a counter that goes back.

use std::fmt::{self, Write};

use prometheus::proto::{Metric, MetricFamily, MetricType};

/// Which format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Prometheus text 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

/// All families as text, each dropped when it is written: what a scrape goes through stays small, so that it hardly drives out of the
/// caches what other threads work on. `room` is how long the last text was, so that this one need not grow.
pub(super) fn encode(families: impl Iterator<Item = MetricFamily>, format: Format, room: usize) -> String {
    let mut writer = Writer { text: String::with_capacity(room), format, labels: String::new(), bounds: Vec::new() };
    for family in families.filter(|family| !family.get_metric().is_empty()) {
        writer.family(&family).expect("writing to a string cannot fail");
    }
    if format == Format::OpenMetrics {
        writer.text.push_str("# EOF\n");
    }
    writer.text
}

/// The text as far as it is.
struct Writer {
    text: String,
    format: Format,
    /// The labels of the series in hand, escaped, without braces.
    labels: String,
    /// The bounds of the last histogram as they are written.
    bounds: Vec<(f64, String)>,
}

impl Writer {
    fn family(&mut self, family: &MetricFamily) -> fmt::Result {
        let (kind, name) = (family.get_field_type(), family.name());
        let word = match kind {
            MetricType::COUNTER => "counter",
            MetricType::GAUGE => "gauge",
            MetricType::HISTOGRAM => "histogram",
            MetricType::SUMMARY => "summary",
            MetricType::UNTYPED => "unknown",
        };
        match self.format {
            Format::Prometheus => {
                write!(self.text, "# HELP {name} ")?;
                escape(&mut self.text, family.help(), Quotes::Kept);
                writeln!(self.text, "\n# TYPE {name} {word}")?;
            }
            Format::OpenMetrics => {
                let stem = if kind == MetricType::COUNTER { name.strip_suffix("_total").unwrap_or(name) } else { name };
                writeln!(self.text, "# TYPE {stem} {word}")?;
                if stem.ends_with("_seconds") {
                    writeln!(self.text, "# UNIT {stem} seconds")?;
                }
                write!(self.text, "# HELP {stem} ")?;
                escape(&mut self.text, family.help(), Quotes::Escaped);
                self.text.push('\n');
            }
        }
        for metric in family.get_metric() {
            self.note_labels(metric);
            match kind {
                MetricType::COUNTER => self.counter(name, metric.get_counter().get_value())?,
                MetricType::GAUGE => self.sample(name, "", None, metric.get_gauge().get_value())?,
                MetricType::HISTOGRAM => self.histogram(name, metric)?,
                MetricType::SUMMARY => {
                    let summary = metric.get_summary();
                    self.sample(name, "_sum", None, summary.sample_sum())?;
                    self.sample(name, "_count", None, summary.sample_count() as f64)?;
                }
                MetricType::UNTYPED => {}
            }
        }
        Ok(())
    }

    /// A counter's sample ends with `_total` in OpenMetrics whatever its family is called.
    fn counter(&mut self, name: &str, value: f64) -> fmt::Result {
        let suffix = if self.format == Format::OpenMetrics && !name.ends_with("_total") { "_total" } else { "" };
        self.sample(name, suffix, None, value)
    }

    /// The bucket of `+Inf` is required.
    fn histogram(&mut self, name: &str, metric: &Metric) -> fmt::Result {
        let histogram = metric.get_histogram();
        for (place, bucket) in histogram.get_bucket().iter().enumerate() {
            let bound = self.bound(place, bucket.upper_bound());
            self.sample(name, "_bucket", Some(&bound), bucket.cumulative_count() as f64)?;
            self.bounds[place].1 = bound;
        }
        let count = histogram.get_sample_count() as f64;
        self.sample(name, "_bucket", Some("+Inf"), count)?;
        self.sample(name, "_sum", None, histogram.get_sample_sum())?;
        self.sample(name, "_count", None, count)
    }

    /// The bound at this place as it is written; taken from the list, and put back by the caller.
    fn bound(&mut self, place: usize, value: f64) -> String {
        if let Some((known, text)) = self.bounds.get_mut(place)
            && known.to_bits() == value.to_bits()
        {
            return std::mem::take(text);
        }
        self.bounds.truncate(place);
        self.bounds.push((value, String::new()));
        match self.format {
            Format::OpenMetrics if value.fract() == 0.0 => format!("{value:.1}"),
            Format::OpenMetrics | Format::Prometheus => value.to_string(),
        }
    }

    fn note_labels(&mut self, metric: &Metric) {
        self.labels.clear();
        for label in metric.get_label() {
            if !self.labels.is_empty() {
                self.labels.push(',');
            }
            self.labels.push_str(label.name());
            self.labels.push_str("=\"");
            escape(&mut self.labels, label.value(), Quotes::Escaped);
            self.labels.push('"');
        }
    }

    fn sample(&mut self, name: &str, suffix: &str, bound: Option<&str>, value: f64) -> fmt::Result {
        let text = &mut self.text;
        text.push_str(name);
        text.push_str(suffix);
        if bound.is_some() || !self.labels.is_empty() {
            text.push('{');
            text.push_str(&self.labels);
            if let Some(bound) = bound {
                text.push_str(if self.labels.is_empty() { "le=\"" } else { ",le=\"" });
                text.push_str(bound);
                text.push('"');
            }
            text.push('}');
        }
        text.push(' ');
        number(text, value)?;
        text.push('\n');
        Ok(())
    }
}

/// A value; whole numbers, most of all values, are written without the detour over floats.
fn number(text: &mut String, value: f64) -> fmt::Result {
    /// Up to here every whole number is a float.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && (0.0..EXACT).contains(&value) && value.is_sign_positive() {
        return write!(text, "{}", value as u64);
    }
    if value.is_infinite() {
        text.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
        return Ok(());
    }
    write!(text, "{value}")
}

/// Whether double quotes are escaped: in labels, and in OpenMetrics in help too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quotes {
    Kept,
    Escaped,
}

/// Backslash, line feed and, where it is wanted, double quote.
fn escape(into: &mut String, text: &str, quotes: Quotes) {
    let mut rest = text;
    let is_special = |c: char| c == '\\' || c == '\n' || (c == '"' && quotes == Quotes::Escaped);
    while let Some(at) = rest.find(is_special) {
        let (plain, special) = rest.split_at(at);
        into.push_str(plain);
        into.push_str(match special.as_bytes().first() {
            Some(b'\n') => "\\n",
            Some(b'"') => "\\\"",
            Some(_) | None => "\\\\",
        });
        rest = special.get(1..).unwrap_or_default();
    }
    into.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_canonical() {
        let shown = |value: f64| {
            let mut text = String::new();
            number(&mut text, value).unwrap();
            text
        };
        let values = [3.0, 0.25, f64::INFINITY, -2.0, 1e15, 0.0, 1e300, 9_007_199_254_740_993.0];
        for value in values {
            let usual = if value.is_infinite() { "+Inf".to_string() } else { value.to_string() };
            assert_eq!(shown(value), usual);
        }
    }

    #[test]
    fn what_is_special_is_escaped() {
        let escaped = |quotes| {
            let mut text = String::new();
            escape(&mut text, "a \"b\" \\ c\nd 客", quotes);
            text
        };
        assert_eq!(escaped(Quotes::Escaped), "a \\\"b\\\" \\\\ c\\nd 客");
        assert_eq!(escaped(Quotes::Kept), "a \"b\" \\\\ c\\nd 客");
    }
}
