//! Regions of callers by the beginnings of their numbers: a table of up to a million rows, read from text and asked for the
//! region of the longest beginning that fits.
//!
//! A beginning covers a stretch of all numbers, and a longer one a part of it. Reading cuts the stretches into pieces that do
//! not overlap, each with the region of the longest beginning there, and joins neighbours of one region: a question is one
//! binary search over the starts of the pieces, and allocates nothing. A piece takes 10 bytes and a row makes two at most, so
//! that 500,000 rows hold 10 MB at the very most; 500,000 rows of seven digits whose neighbours differ hold 5.5 MB.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::limits::{REGION_ROWS_MAX, REGIONS_MAX};

use super::error::ConfigError;

/// Longest beginning: the digits of the longest number (E.164).
const PREFIX_DIGITS_MAX: usize = 15;
/// Longest name of a region: it is repeated in every metric series.
const NAME_CHARS_MAX: usize = 64;
/// Errors told of one file.
const ERRORS_MAX: usize = 20;
/// Digits of a key, four bits each.
const KEY_DIGITS: u32 = 16;
/// A piece that no beginning covers.
const NOWHERE: u16 = u16::MAX;

/// The table; see the module.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Regions {
    /// Where pieces begin, ascending.
    starts: Vec<u64>,
    /// The region of each piece: an index into `names`, or [`NOWHERE`].
    regions: Vec<u16>,
    names: Vec<Arc<str>>,
    rows: usize,
}

impl std::fmt::Debug for Regions {
    /// How large it is.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (rows, pieces, regions) = (self.rows, self.starts.len(), self.names.len());
        write!(f, "Regions({rows} rows, {pieces} pieces, {regions} regions)")
    }
}

impl Regions {
    /// Reads `prefix,region` lines in UTF-8: `1380013,上海` or `"+86 21","上海"`. Empty lines, lines that begin with `#` and a
    /// header (a first line without a digit before the comma) are passed over. A beginning that comes twice with different
    /// regions is an error.
    ///
    /// # Errors
    /// The first of them, each with its line; `file` is only named.
    pub fn parse(text: &[u8], file: &str) -> Result<Self, Vec<ConfigError>> {
        let error =
            |line: usize, message: String| ConfigError { file: file.to_string(), line, path: String::new(), message };
        let text = std::str::from_utf8(text).map_err(|wrong| {
            let line = 1 + text[..wrong.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
            vec![error(line, "is not UTF-8; save the file in that encoding".to_string())]
        })?;
        let mut rows = Rows::default();
        let mut wrong = Vec::new();
        let mut is_first = true;
        for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (prefix, region) = line.split_once(',').unwrap_or((line, ""));
            let is_header = std::mem::take(&mut is_first) && !prefix.bytes().any(|byte| byte.is_ascii_digit());
            if is_header {
                continue;
            }
            if let Err(message) =
                columns(prefix, region).and_then(|(prefix, region)| rows.add(prefix, region, index + 1))
            {
                wrong.push((index + 1, message));
            }
            if wrong.len() > ERRORS_MAX {
                break;
            }
        }
        let table = if wrong.is_empty() { rows.finish() } else { Err(wrong) };
        table.map_err(|wrong| {
            let more = wrong.len() > ERRORS_MAX;
            let last = wrong.get(ERRORS_MAX).map_or(0, |(line, _)| *line);
            let mut errors: Vec<_> =
                wrong.into_iter().take(ERRORS_MAX).map(|(line, message)| error(line, message)).collect();
            if more {
                errors.push(error(last, "and here; further errors are not told".to_string()));
            }
            errors
        })
    }

    /// The region of a number's digits by the longest beginning that fits. Anything but a digit ends the number.
    pub fn find(&self, digits: impl IntoIterator<Item = u8>) -> Option<u16> {
        let number = key(digits);
        let piece = self.starts.partition_point(|start| *start <= number).checked_sub(1)?;
        self.regions.get(piece).copied().filter(|region| *region != NOWHERE)
    }

    /// The names of the regions, in the order of their numbers.
    pub fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    /// How many rows it was made of.
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// What it holds in memory, in bytes.
    pub fn bytes(&self) -> usize {
        let pieces = self.starts.capacity() * size_of::<u64>() + self.regions.capacity() * size_of::<u16>();
        pieces + self.names.iter().map(|name| name.len() + 2 * size_of::<Arc<str>>()).sum::<usize>()
    }

    /// A piece begins: the region from here on.
    fn cut(&mut self, start: u64, region: u16) {
        if self.starts.last() == Some(&start) {
            self.starts.pop();
            self.regions.pop();
        }
        if self.regions.last().copied().unwrap_or(NOWHERE) != region {
            self.starts.push(start);
            self.regions.push(region);
        }
    }
}

/// Digits, left-aligned, each one more than it says: so a number ends before all that begin with it.
fn key(digits: impl IntoIterator<Item = u8>) -> u64 {
    let digits = digits.into_iter().take_while(u8::is_ascii_digit).take(KEY_DIGITS as usize);
    let (mut key, mut shift) = (0, 64);
    for digit in digits {
        shift -= 4;
        key |= u64::from(digit - b'0' + 1) << shift;
    }
    key
}

/// The two columns without their quotes.
fn columns<'t>(prefix: &'t str, region: &'t str) -> Result<(&'t str, &'t str), String> {
    let (prefix, region) = (prefix.trim(), region.trim());
    let inner = region.strip_prefix('"').and_then(|inner| inner.strip_suffix('"'));
    if inner.is_none() && region.contains(',') {
        return Err("has a third column; there are prefix,region".to_string());
    }
    Ok((prefix.trim_matches('"'), inner.unwrap_or(region).trim()))
}

/// Rows as they are read.
#[derive(Debug, Default)]
pub(super) struct Rows<'t> {
    rows: Vec<Row>,
    names: Vec<Arc<str>>,
    known: BTreeMap<&'t str, u16>,
    /// Neighbouring rows are mostly of one region.
    last: Option<(&'t str, u16)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    start: u64,
    digits: u32,
    line: usize,
    region: u16,
}

impl<'t> Rows<'t> {
    /// Adds what stands at `line`.
    pub(super) fn add(&mut self, prefix: &str, region: &'t str, line: usize) -> Result<(), String> {
        let bare = prefix.strip_prefix('+').unwrap_or(prefix);
        // Spaces between groups of digits are for the eye.
        let digits = || bare.bytes().filter(|byte| *byte != b' ');
        let count = digits().count();
        if !(1..=PREFIX_DIGITS_MAX).contains(&count) || !digits().all(|byte| byte.is_ascii_digit()) {
            let shown = prefix.escape_debug();
            return Err(format!("`{shown}` is no beginning of a number; write 1 to {PREFIX_DIGITS_MAX} digits"));
        }
        if self.rows.len() >= REGION_ROWS_MAX {
            return Err(format!("is one row too many; allowed are {REGION_ROWS_MAX}"));
        }
        let region = self.number_of(region)?;
        self.rows.push(Row { start: key(digits()), digits: count as u32, line, region });
        Ok(())
    }

    fn number_of(&mut self, name: &'t str) -> Result<u16, String> {
        if let Some((_, number)) = self.last.filter(|(last, _)| *last == name) {
            return Ok(number);
        }
        let number = match self.known.get(name) {
            Some(number) => *number,
            None => self.name(name)?,
        };
        self.last = Some((name, number));
        Ok(number)
    }

    fn name(&mut self, name: &'t str) -> Result<u16, String> {
        let chars = name.chars().count();
        if !(1..=NAME_CHARS_MAX).contains(&chars) || name.chars().any(char::is_control) {
            let shown = name.escape_debug();
            return Err(format!("`{shown}` is no name of a region; allowed are 1 to {NAME_CHARS_MAX} characters"));
        }
        let number = u16::try_from(self.names.len()).ok().filter(|number| usize::from(*number) < REGIONS_MAX);
        let Some(number) = number else {
            return Err(format!("`{name}` is one region too many; allowed are {REGIONS_MAX}"));
        };
        self.names.push(name.into());
        self.known.insert(name, number);
        Ok(number)
    }

    /// The table, or each beginning that has two regions, with its line.
    pub(super) fn finish(mut self) -> Result<Regions, Vec<(usize, String)>> {
        self.rows.sort_unstable();
        let contradicts = |pair: &[Row]| match *pair {
            [one, other] if one.start == other.start && one.region != other.region => Some((
                other.line,
                format!(
                    "is of `{}`, but of `{}` in line {}",
                    self.names[usize::from(other.region)],
                    self.names[usize::from(one.region)],
                    one.line
                ),
            )),
            _ => None,
        };
        let wrong: Vec<_> = self.rows.windows(2).filter_map(contradicts).collect();
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let mut table = Regions { rows: self.rows.len(), names: self.names, ..Regions::default() };
        // The beginnings that cover the place, each with its end.
        let mut open: Vec<(u64, u16)> = Vec::new();
        for row in &self.rows {
            close(&mut open, row.start, &mut table);
            table.cut(row.start, row.region);
            open.push((row.start + (1 << (4 * (KEY_DIGITS - row.digits))), row.region));
        }
        close(&mut open, u64::MAX, &mut table);
        table.starts.shrink_to_fit();
        table.regions.shrink_to_fit();
        Ok(table)
    }
}

/// Ends the beginnings that do not reach `until`: what they were a part of goes on.
fn close(open: &mut Vec<(u64, u16)>, until: u64, table: &mut Regions) {
    while let Some((end, _)) = open.pop_if(|(end, _)| *end <= until) {
        table.cut(end, open.last().map_or(NOWHERE, |(_, region)| *region));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Regions {
        Regions::parse(text.as_bytes(), "r.csv").unwrap_or_else(|errors| panic!("{errors:?}"))
    }

    fn errors(text: &[u8]) -> Vec<String> {
        Regions::parse(text, "r.csv").unwrap_err().iter().map(ToString::to_string).collect()
    }

    fn region<'r>(regions: &'r Regions, number: &str) -> Option<&'r str> {
        regions.find(number.bytes()).map(|region| &*regions.names()[usize::from(region)])
    }

    #[test]
    fn the_longest_beginning_says_the_region() {
        let regions = read(
            "\u{feff}号段,地区\r\n# landlines\r\n8610,北京\r\n+86 21,\"上海\"\n\n861380013,北京\n861380,\"Guangdong, 广东\"\n86,中国\n",
        );
        for (number, expected) in [
            ("861012345678", Some("北京")),
            ("862112345678", Some("上海")),
            ("8613800138000", Some("北京")),
            ("8613800238000", Some("Guangdong, 广东")),
            ("86755", Some("中国")),
            ("86", Some("中国")),
            ("8", None),
            ("", None),
            ("4930123", None),
            ("9", None),
            ("0", None),
            // Sixteen digits and more are judged by the first.
            ("86102222222222222222222222", Some("北京")),
        ] {
            assert_eq!(region(&regions, number), expected, "{number}");
        }
        assert_eq!((regions.rows(), regions.names().len()), (5, 4));
    }

    #[test]
    fn each_wrong_line_is_told() {
        let text = "10,A\nx1,B\n12\n13,\n14,C,D\n1234567890123456,E\n10,F\n10,A\n";
        let found = errors(text.as_bytes());
        let expected = [
            "r.csv:2: `x1` is no beginning of a number; write 1 to 15 digits",
            "r.csv:3: `` is no name of a region; allowed are 1 to 64 characters",
            "r.csv:4: `` is no name of a region; allowed are 1 to 64 characters",
            "r.csv:5: has a third column; there are prefix,region",
            "r.csv:6: `1234567890123456` is no beginning of a number; write 1 to 15 digits",
        ];
        assert_eq!(found, expected);
        assert_eq!(errors(b"10,A\n11,B\n10,F\n10,A\n")[0], "r.csv:3: is of `F`, but of `A` in line 1");
        assert_eq!(errors(b"10,A\n\xff,B\n"), ["r.csv:2: is not UTF-8; save the file in that encoding"]);
        assert_eq!(errors("x\n,\n".repeat(500).as_bytes()).len(), ERRORS_MAX + 1);
        assert_eq!(read("10,A\n10,A\n").rows(), 2, "the same said twice is no contradiction");
    }

    #[test]
    fn no_more_regions_and_rows_than_the_bounds() {
        let mut text: String = (0..REGIONS_MAX).map(|n| format!("{n},r{n}\n")).collect();
        assert_eq!(read(&text).names().len(), REGIONS_MAX);
        text.push_str("99999,one more\n");
        assert!(errors(text.as_bytes())[0].contains("one region too many"), "{:?}", errors(text.as_bytes()));
        let rows = Row { start: 0, digits: 1, line: 1, region: 0 };
        let mut full = Rows { rows: vec![rows; REGION_ROWS_MAX], ..Rows::default() };
        assert!(full.add("1", "A", 1).unwrap_err().contains("one row too many"));
    }

    #[test]
    fn memory_is_bounded_as_stated() {
        let rows = 20_000;
        let text: String = (0..rows).map(|n| format!("{:07},r{}\n", 1_380_000 + n, n % 300)).collect();
        let regions = read(&text);
        assert!(regions.bytes() < rows * 11 + 300 * 40 + 100, "{}", regions.bytes());
        // The worst: each row is a hole in another.
        let text: String = (0..rows).map(|n| format!("{:07},r{}\n", 1_000_000 + 2 * n, n % 300)).collect();
        let regions = read(&format!("1,all\n{text}"));
        assert!(regions.bytes() < rows * 20 + 300 * 40 + 100, "{}", regions.bytes());
    }

    proptest! {
        #[test]
        fn the_table_finds_what_a_search_through_all_rows_finds(
            rows in proptest::collection::btree_map("[0-3]{1,6}", 0u8..5, 0..60),
            numbers in proptest::collection::vec("[0-3]{0,8}", 1..50),
        ) {
            let text: String = rows.iter().map(|(prefix, region)| format!("{prefix},r{region}\n")).collect();
            let regions = read(&text);
            for number in &numbers {
                let naive = rows.iter().filter(|(prefix, _)| number.starts_with(prefix.as_str()));
                let naive = naive.max_by_key(|(prefix, _)| prefix.len()).map(|(_, region)| format!("r{region}"));
                prop_assert_eq!(region(&regions, number), naive.as_deref(), "{} in {}", number, text);
            }
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Regions::parse(&text, "r.csv");
        }
    }
}
