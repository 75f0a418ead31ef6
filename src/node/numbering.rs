//! Callers' numbers in the international form (E.164), as each trunk writes them ("Decisions" 7). Nothing is allocated.

use crate::config::NumberingConfig;

/// Digits of the longest number (E.164).
const DIGITS_MAX: usize = 15;
/// A shorter number is an extension or a service, which tells nothing about where it is.
const DIGITS_MIN: usize = 3;

/// A number's digits in the international form, without the `+`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct International {
    digits: [u8; DIGITS_MAX],
    len: u8,
}

impl International {
    /// The number as the trunk means it; `None` for an anonymous or implausible one.
    pub(super) fn of(number: &str, numbering: &NumberingConfig) -> Option<Self> {
        // What people put between digits (RFC 3966 5.1.1); anything else is no number.
        let is_good = |byte: u8| byte.is_ascii_digit() || b" -.()".contains(&byte);
        let (rest, is_global) = number.strip_prefix('+').map_or((number, false), |rest| (rest, true));
        if !rest.bytes().all(is_good) {
            return None;
        }
        let digits = || rest.bytes().filter(u8::is_ascii_digit);
        let Some(country) = numbering.country_code.as_deref().filter(|_| !is_global) else {
            return Self::collect(digits());
        };
        let has = |prefix: &str| !prefix.is_empty() && digits().take(prefix.len()).eq(prefix.bytes());
        if has(&numbering.international_prefix) {
            return Self::collect(digits().skip(numbering.international_prefix.len()));
        }
        let national = if has(&numbering.national_prefix) { numbering.national_prefix.len() } else { 0 };
        Self::collect(country.bytes().chain(digits().skip(national)))
    }

    /// The digits, as text.
    pub(super) fn digits(&self) -> impl Iterator<Item = u8> {
        self.digits.iter().copied().take(self.len.into())
    }

    fn collect(digits: impl Iterator<Item = u8>) -> Option<Self> {
        let mut number = Self { digits: [0; DIGITS_MAX], len: 0 };
        for digit in digits {
            *number.digits.get_mut(usize::from(number.len))? = digit;
            number.len += 1;
        }
        (usize::from(number.len) >= DIGITS_MIN).then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(number: &str, country: Option<&str>) -> Option<String> {
        let numbering = NumberingConfig { country_code: country.map(Into::into), ..NumberingConfig::default() };
        International::of(number, &numbering).map(|number| number.digits().map(char::from).collect())
    }

    #[test]
    fn a_number_is_made_international_as_its_trunk_means_it() {
        for (number, country, expected) in [
            ("+8613800138000", Some("86"), "8613800138000"),
            ("13800138000", Some("86"), "8613800138000"),
            ("013800138000", Some("86"), "8613800138000"),
            ("(021) 1234-5678", Some("86"), "862112345678"),
            ("004930123456", Some("86"), "4930123456"),
            ("+49 30 123.456", Some("86"), "4930123456"),
            ("02112345678", None, "02112345678"),
            ("+4930123456", None, "4930123456"),
        ] {
            assert_eq!(of(number, country).as_deref(), Some(expected), "{number}");
        }
        let bare =
            NumberingConfig { country_code: Some("39".into()), national_prefix: "".into(), ..Default::default() };
        let rome = International::of("0612345678", &bare).unwrap();
        assert_eq!(rome.digits().collect::<Vec<_>>(), b"390612345678", "Italy keeps the zero");
    }

    #[test]
    fn who_is_anonymous_or_implausible_has_no_number() {
        for number in ["", "anonymous", "alice", "12", "+", "++49", "+1234567890123456", "4930#12", "13８00138000"] {
            assert_eq!(of(number, None), None, "{number}");
        }
        assert_eq!(of("1", Some("86")).as_deref(), Some("861"), "what the country's code makes long enough");
    }
}
