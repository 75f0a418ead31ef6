//! OpenMetrics 1.0 text of gathered Prometheus families: an encoder of ours, since the `prometheus` crate writes the older format
//! only. The differences that matter: a counter's family is named without `_total` and its samples with it, the text ends with
//! `# EOF`, help and labels are escaped alike, and numbers are canonical.
//!
//! `_created` samples are optional in the specification and left out: a restart shows as a counter that goes back.

use std::fmt::{self, Write};

use prometheus::proto::{LabelPair, Metric, MetricFamily, MetricType};

/// The content type of what `encode` writes.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All families as OpenMetrics text.
pub(super) fn encode(families: &[MetricFamily]) -> String {
    let mut text = String::new();
    for family in families {
        write_family(&mut text, family).expect("writing to a string cannot fail");
    }
    text.push_str("# EOF\n");
    text
}

/// True when an `Accept` header asks for OpenMetrics with at least the weight of plain text (RFC 9110 12.5.1). Prometheus
/// names the version; other versions than 1.0.0 and 0.0.1 are not ours.
pub fn is_wanted(accept: &str) -> bool {
    let weight = |media: &str| {
        let weights = accept.split(',').filter_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            if !parts.next()?.eq_ignore_ascii_case(media) {
                return None;
            }
            let mut quality = 1.0_f64;
            for (key, value) in parts.filter_map(|part| part.split_once('=')) {
                match key.to_ascii_lowercase().as_str() {
                    "q" => quality = value.parse().unwrap_or(0.0),
                    "version" if media.ends_with("openmetrics-text") && !["1.0.0", "0.0.1"].contains(&value) => {
                        return None;
                    }
                    _ => {}
                }
            }
            Some(quality)
        });
        weights.fold(0.0, f64::max)
    };
    let ours = weight("application/openmetrics-text");
    ours > 0.0 && ours >= weight("text/plain")
}

fn write_family(text: &mut String, family: &MetricFamily) -> fmt::Result {
    let kind = family.get_field_type();
    let (word, name) = match kind {
        MetricType::COUNTER => ("counter", family.name().strip_suffix("_total").unwrap_or_else(|| family.name())),
        MetricType::GAUGE => ("gauge", family.name()),
        MetricType::HISTOGRAM => ("histogram", family.name()),
        MetricType::SUMMARY => ("summary", family.name()),
        MetricType::UNTYPED => ("unknown", family.name()),
    };
    writeln!(text, "# TYPE {name} {word}")?;
    if name.ends_with("_seconds") {
        writeln!(text, "# UNIT {name} seconds")?;
    }
    writeln!(text, "# HELP {name} {}", escape(family.help()))?;
    for metric in family.get_metric() {
        match kind {
            MetricType::COUNTER => write_sample(text, name, "_total", metric, None, metric.get_counter().get_value())?,
            MetricType::GAUGE => write_sample(text, name, "", metric, None, metric.get_gauge().get_value())?,
            MetricType::HISTOGRAM => write_histogram(text, name, metric)?,
            MetricType::SUMMARY => write_summary(text, name, metric)?,
            MetricType::UNTYPED => {}
        }
    }
    Ok(())
}

/// The bucket of `+Inf` is required.
fn write_histogram(text: &mut String, name: &str, metric: &Metric) -> fmt::Result {
    let histogram = metric.get_histogram();
    for bucket in histogram.get_bucket() {
        let bound = ("le", number(bucket.upper_bound()));
        write_sample(text, name, "_bucket", metric, Some(bound), bucket.cumulative_count() as f64)?;
    }
    let count = histogram.get_sample_count() as f64;
    write_sample(text, name, "_bucket", metric, Some(("le", "+Inf".to_owned())), count)?;
    write_sample(text, name, "_sum", metric, None, histogram.get_sample_sum())?;
    write_sample(text, name, "_count", metric, None, count)
}

fn write_summary(text: &mut String, name: &str, metric: &Metric) -> fmt::Result {
    let summary = metric.get_summary();
    write_sample(text, name, "_sum", metric, None, summary.sample_sum())?;
    write_sample(text, name, "_count", metric, None, summary.sample_count() as f64)
}

fn write_sample(
    text: &mut String,
    name: &str,
    suffix: &str,
    metric: &Metric,
    bound: Option<(&str, String)>,
    value: f64,
) -> fmt::Result {
    write!(text, "{name}{suffix}")?;
    let pair = |label: &LabelPair| format!("{}=\"{}\"", label.name(), escape(label.value()));
    let mut labels: Vec<_> = metric.get_label().iter().map(pair).collect();
    labels.extend(bound.map(|(key, value)| format!("{key}=\"{value}\"")));
    if !labels.is_empty() {
        write!(text, "{{{}}}", labels.join(","))?;
    }
    writeln!(text, " {}", plain(value))
}

/// A bound in canonical form: a float always shows that it is one.
fn number(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.1}") } else { value.to_string() }
}

/// A value; whole numbers need no point.
fn plain(value: f64) -> String {
    if value.is_infinite() { if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned() } else { value.to_string() }
}

/// Backslash, line feed and double quote, in help as in labels.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_metrics_is_given_to_those_who_prefer_it() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,\
                          text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        assert!(is_wanted(prometheus));
        assert!(is_wanted("application/openmetrics-text"));
        assert!(is_wanted("text/plain;q=0.5, Application/OpenMetrics-Text; version=1.0.0"));
        for other in [
            "",
            "*/*",
            "text/plain",
            "text/html,*/*;q=0.8",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;q=0.1,text/plain",
            "application/openmetrics-text; version=2.0.0",
        ] {
            assert!(!is_wanted(other), "{other}");
        }
    }

    #[test]
    fn numbers_are_canonical() {
        assert_eq!((number(20.0), number(7.5)), ("20.0".to_owned(), "7.5".to_owned()));
        assert_eq!(
            (plain(3.0), plain(0.25), plain(f64::INFINITY)),
            ("3".to_owned(), "0.25".to_owned(), "+Inf".to_owned())
        );
    }
}
