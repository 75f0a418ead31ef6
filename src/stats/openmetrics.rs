//! Who asks for OpenMetrics 1.0 text instead of the older format; [`crate::stats::export::Exposition`] writes both.

/// The content type of OpenMetrics 1.0 text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

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
}
