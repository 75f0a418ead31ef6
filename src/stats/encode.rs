//! The two text formats of a scrape: the older 0.0.4, byte for byte as the `prometheus` crate writes it, and OpenMetrics 1.0,
//! which it does not. Written by ourselves, straight from the figures, because a scrape of 500 queues has 100,000 lines: labels
//! are escaped once for all lines of a series, bounds are formatted once for all series, and no line allocates.
//!
//! OpenMetrics differs in this: a counter's family is named without `_total` and its samples with it, the text ends with `# EOF`,
//! help and labels are escaped alike, bounds always show that they are floats. `_created` samples are optional there and left
//! out: a restart shows as a counter that goes back.

use std::fmt::Write;

use crate::stats::bounds::seconds;
use crate::stats::cells::{Distribution, Sum};
use crate::stats::family::{Kind, Row};

/// Which format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Prometheus text 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

/// The text as far as it is.
#[derive(Debug)]
pub(super) struct Text {
    text: String,
    format: Format,
    /// The family whose head is written.
    headed: &'static str,
    /// The labels of the series in hand, escaped, without braces.
    labels: String,
    /// What stands before the bounds of the histogram in hand.
    bucket: String,
    /// The bounds of the last histogram, and how they are written.
    bounds: Vec<(u64, String)>,
}

impl Text {
    /// Nothing is written yet.
    pub(super) const fn new(format: Format) -> Self {
        Self {
            text: String::new(),
            format,
            headed: "",
            labels: String::new(),
            bucket: String::new(),
            bounds: Vec::new(),
        }
    }

    /// How long it is.
    pub(super) const fn len(&self) -> usize {
        self.text.len()
    }

    /// So much more will follow.
    pub(super) fn reserve(&mut self, more: usize) {
        self.text.reserve(more);
    }

    /// What is written so far, which is not written again.
    pub(super) fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// Nothing follows.
    pub(super) fn end(&mut self) {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
    }

    /// A counter's or a gauge's series. A counter's sample ends with `_total` in OpenMetrics whatever its family is called.
    pub(super) fn value(&mut self, row: &'static Row, labels: &[&str], value: f64) {
        self.begin(row, labels);
        let is_bare = row.kind == Kind::Counter && self.format == Format::OpenMetrics && !row.name.ends_with("_total");
        self.sample(row.name, if is_bare { "_total" } else { "" }, value);
    }

    /// A summary without quantiles.
    pub(super) fn summary(&mut self, row: &'static Row, labels: &[&str], sum: Sum) {
        self.begin(row, labels);
        self.sample(row.name, "_sum", seconds(sum.micros));
        self.sample(row.name, "_count", sum.count as f64);
    }

    /// A histogram; the bucket of `+Inf` is required.
    pub(super) fn histogram(&mut self, row: &'static Row, labels: &[&str], values: &Distribution<'_>) {
        self.begin(row, labels);
        self.bucket.clear();
        let le = if labels.is_empty() { "le=\"" } else { ",le=\"" };
        write(&mut self.bucket, &[row.name, "_bucket{", &self.labels, le]);
        let mut below = 0;
        for (place, (bound, count)) in values.bounds.iter().zip(values.buckets).enumerate() {
            below += count;
            self.know_bound(place, *bound);
            let Self { text, bucket, bounds, .. } = self;
            line(text, &[bucket, &bounds[place].1, "\"} "], below as f64);
        }
        let count = values.buckets.iter().sum::<u64>() as f64;
        line(&mut self.text, &[&self.bucket, "+Inf\"} "], count);
        self.sample(row.name, "_sum", seconds(values.sum));
        self.sample(row.name, "_count", count);
    }

    /// Writes the head of a family before its first series, and makes the labels of this one.
    fn begin(&mut self, row: &'static Row, labels: &[&str]) {
        debug_assert_eq!(labels.len(), row.labels.len(), "{}", row.name);
        if self.headed != row.name {
            self.headed = row.name;
            self.head(row);
        }
        self.labels.clear();
        for (name, value) in row.labels.iter().zip(labels) {
            let comma = if self.labels.is_empty() { "" } else { "," };
            write(&mut self.labels, &[comma, name, "=\""]);
            escape(&mut self.labels, value, Quotes::Escaped);
            self.labels.push('"');
        }
    }

    fn head(&mut self, row: &Row) {
        let (name, kind, text) = (row.name, row.kind.as_str(), &mut self.text);
        match self.format {
            Format::Prometheus => {
                write(text, &["# HELP ", name, " "]);
                escape(text, row.help, Quotes::Kept);
                write(text, &["\n# TYPE ", name, " ", kind, "\n"]);
            }
            Format::OpenMetrics => {
                let is_counter = row.kind == Kind::Counter;
                let stem = if is_counter { name.strip_suffix("_total").unwrap_or(name) } else { name };
                write(text, &["# TYPE ", stem, " ", kind, "\n"]);
                if stem.ends_with("_seconds") {
                    write(text, &["# UNIT ", stem, " seconds\n"]);
                }
                write(text, &["# HELP ", stem, " "]);
                escape(text, row.help, Quotes::Escaped);
                text.push('\n');
            }
        }
    }

    fn sample(&mut self, name: &str, suffix: &str, value: f64) {
        if self.labels.is_empty() {
            line(&mut self.text, &[name, suffix, " "], value);
        } else {
            line(&mut self.text, &[name, suffix, "{", &self.labels, "} "], value);
        }
    }

    /// How a bound is written stands at its place afterwards.
    fn know_bound(&mut self, place: usize, bound: u64) {
        if self.bounds.get(place).is_some_and(|(known, _)| *known == bound) {
            return;
        }
        let value = seconds(bound);
        self.bounds.truncate(place);
        self.bounds.push((
            bound,
            match self.format {
                Format::OpenMetrics if value.fract() == 0.0 => format!("{value:.1}"),
                Format::OpenMetrics | Format::Prometheus => value.to_string(),
            },
        ));
    }
}

fn write(text: &mut String, parts: &[&str]) {
    parts.iter().for_each(|part| text.push_str(part));
}

fn line(text: &mut String, parts: &[&str], value: f64) {
    write(text, parts);
    number(text, value);
    text.push('\n');
}

/// A value; whole numbers, most of all values, are written without the detour over floats.
fn number(text: &mut String, value: f64) {
    /// Up to here every whole number is a float.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && (0.0..EXACT).contains(&value) && value.is_sign_positive() {
        whole(text, value as u64);
    } else if value.is_infinite() {
        text.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
    } else {
        // Writing to a string cannot fail.
        let _ = write!(text, "{value}");
    }
}

fn whole(text: &mut String, value: u64) {
    if value >= 10 {
        whole(text, value / 10);
    }
    text.push(char::from(b'0' + (value % 10) as u8));
}

/// Whether double quotes are escaped: in labels, and in OpenMetrics in help too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quotes {
    Kept,
    Escaped,
}

/// Backslash, line feed and, where it is wanted, double quote.
fn escape(into: &mut String, text: &str, quotes: Quotes) {
    if !text.bytes().any(|byte| matches!(byte, b'\\' | b'\n' | b'"')) {
        into.push_str(text);
        return;
    }
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
            number(&mut text, value);
            text
        };
        let values = [3.0, 0.25, f64::INFINITY, -2.0, 1e15, 0.0, 1e300, 9_007_199_254_740_993.0, 10.0, 1_234_567_890.0];
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
