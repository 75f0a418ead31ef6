//! The words of a scenario: times, numbers, names and ranges of them.

use std::time::Duration;

/// `1.5s`, `200ms`, `2m`.
///
/// # Errors
/// Anything else.
pub fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(|| format!("`{text}` has no unit"))?;
    let (value, unit) = text.split_at(split);
    let value: f64 = number(value)?;
    match unit {
        "ms" => Ok(Duration::from_secs_f64(value / 1_000.0)),
        "s" => Ok(Duration::from_secs_f64(value)),
        "m" => Ok(Duration::from_secs_f64(value * 60.0)),
        _ => Err(format!("`{unit}` is no unit of time")),
    }
}

/// `1001`, `1001..1050` or `c1..20`.
///
/// # Errors
/// A range that is none.
pub fn names(text: &str) -> Result<Vec<String>, String> {
    let Some((first, last)) = text.split_once("..") else { return Ok(vec![text.to_string()]) };
    let digits = first.find(|c: char| c.is_ascii_digit()).unwrap_or(0);
    let (prefix, first) = first.split_at(digits);
    let (first, last): (u32, u32) = (number(first)?, number(last)?);
    Ok((first..=last).map(|number| format!("{prefix}{number}")).collect())
}

/// A number.
///
/// # Errors
/// Anything else.
pub fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{text}` is no number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_numbers_and_ranges_are_read_and_nonsense_is_not() {
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1_500)));
        assert_eq!(duration("200ms"), Ok(Duration::from_millis(200)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert!(duration("5").is_err() && duration("5h").is_err() && duration("s").is_err());
        assert_eq!(names("c9..11"), Ok(vec!["c9".into(), "c10".into(), "c11".into()]));
        assert_eq!(names("a"), Ok(vec!["a".into()]));
        assert!(names("a..b").is_err());
    }
}
