//! Reads tables of a TOML document with the place of each key. A [`Section`] refuses unknown keys when it is opened and hands
//! out [`Item`]s, whose readers say what was expected. Knows TOML, not what the keys mean.

use std::borrow::Cow;

use toml::de::{DeTable, DeValue};

use super::error::{Report, did_you_mean};

/// One table with its place.
#[derive(Debug)]
pub(super) struct Section<'t, 'i> {
    table: &'t DeTable<'i>,
    /// Its path; empty for the document.
    pub(super) path: String,
    /// The byte at which its name stands.
    pub(super) at: usize,
}

/// One value with its place.
#[derive(Debug, Clone)]
pub(super) struct Item<'t, 'i> {
    /// The key; for an element of a list, the list's key.
    pub(super) key: Cow<'t, str>,
    pub(super) value: &'t DeValue<'i>,
    pub(super) path: String,
    pub(super) at: usize,
}

impl<'t, 'i> Section<'t, 'i> {
    /// The whole document.
    pub(super) fn document(table: &'t DeTable<'i>, known: &[&'static str], report: &mut Report<'_>) -> Self {
        let section = Self { table, path: String::new(), at: 0 };
        section.refuse_unknown(known, report);
        section
    }

    /// The table in `item`; reported and `None` when it is something else.
    pub(super) fn open(item: &Item<'t, 'i>, known: &[&'static str], report: &mut Report<'_>) -> Option<Self> {
        let section = Self::open_map(item, report)?;
        section.refuse_unknown(known, report);
        Some(section)
    }

    /// The table in `item` whose keys are names of the user's choice.
    pub(super) fn open_map(item: &Item<'t, 'i>, report: &mut Report<'_>) -> Option<Self> {
        let Some(table) = item.value.as_table() else {
            report.value(item.at, &item.path, expected("a table", item.value));
            return None;
        };
        Some(Self { table, path: item.path.clone(), at: item.at })
    }

    /// The value of `key`, if it is there.
    pub(super) fn get(&self, key: &str) -> Option<Item<'t, 'i>> {
        let (name, value) = self.table.get_key_value(key)?;
        Some(self.item(name, value))
    }

    /// True when one of these keys is there.
    pub(super) fn has_any(&self, keys: &[&str]) -> bool {
        keys.iter().any(|key| self.table.get(*key).is_some())
    }

    /// All values in the order of the text.
    pub(super) fn items(&self) -> Vec<Item<'t, 'i>> {
        let mut items: Vec<_> = self.table.iter().map(|(name, value)| self.item(name, value)).collect();
        items.sort_by_key(|item| item.at);
        items
    }

    /// Reads an optional key. `None` when it is absent or, reported, wrong.
    pub(super) fn read<T>(
        &self,
        key: &str,
        report: &mut Report<'_>,
        reader: impl FnOnce(&'t DeValue<'i>) -> Result<T, String>,
    ) -> Option<T> {
        let item = self.get(key)?;
        match reader(item.value) {
            Ok(value) => Some(value),
            Err(message) => {
                report.value(item.at, &item.path, message);
                None
            }
        }
    }

    /// Reads a key that must be there; its absence is reported.
    pub(super) fn required<T>(
        &self,
        key: &str,
        example: &str,
        report: &mut Report<'_>,
        reader: impl FnOnce(&'t DeValue<'i>) -> Result<T, String>,
    ) -> Option<T> {
        if self.table.get(key).is_none() {
            report.whole(self.at, &self.child(key), format!("is missing; write {key} = {example}"));
            return None;
        }
        self.read(key, report, reader)
    }

    /// The elements of a list, each with its place. `None` when it is absent or, reported, no list.
    pub(super) fn elements(&self, key: &str, report: &mut Report<'_>) -> Option<Vec<Item<'t, 'i>>> {
        let item = self.get(key)?;
        let Some(array) = item.value.as_array() else {
            report.value(item.at, &item.path, expected("a list", item.value));
            return None;
        };
        let element = |(index, value): (usize, &'t toml::Spanned<DeValue<'i>>)| Item {
            key: item.key.clone(),
            value: value.get_ref(),
            path: format!("{}[{index}]", item.path),
            at: value.span().start,
        };
        Some(array.iter().enumerate().map(element).collect())
    }

    /// Reads a list, each element with its byte. Every wrong element is reported, and is not in the result.
    pub(super) fn list<T>(
        &self,
        key: &str,
        report: &mut Report<'_>,
        reader: impl Fn(&'t DeValue<'i>) -> Result<T, String>,
    ) -> Option<Vec<(T, usize)>> {
        let mut values = Vec::new();
        for element in self.elements(key, report)? {
            match reader(element.value) {
                Ok(value) => values.push((value, element.at)),
                Err(message) => report.value(element.at, &element.path, message),
            }
        }
        Some(values)
    }

    /// The path of a key in this table.
    pub(super) fn child(&self, key: &str) -> String {
        let bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        let dot = if self.path.is_empty() { "" } else { "." };
        if bare { format!("{}{dot}{key}", self.path) } else { format!("{}{dot}{key:?}", self.path) }
    }

    fn item(&self, name: &'t toml::Spanned<Cow<'i, str>>, value: &'t toml::Spanned<DeValue<'i>>) -> Item<'t, 'i> {
        let key: &'t str = name.get_ref();
        let path = self.child(key);
        Item { key: Cow::Borrowed(key), value: value.get_ref(), path, at: name.span().start }
    }

    fn refuse_unknown(&self, known: &[&'static str], report: &mut Report<'_>) {
        for item in self.items() {
            if !known.contains(&item.key.as_ref()) {
                let hint = did_you_mean(&item.key, known.iter().copied());
                report.value(item.at, &item.path, format!("unknown key{hint}"));
            }
        }
    }
}

/// A string.
pub(super) fn string<'t>(value: &'t DeValue<'_>) -> Result<&'t str, String> {
    if let Some(integer) = value.as_integer() {
        return Err(format!("expected a string, found an integer; write \"{integer}\""));
    }
    value.as_str().ok_or_else(|| expected("a string", value))
}

/// A boolean.
pub(super) fn boolean(value: &DeValue<'_>) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| expected("true or false", value))
}

/// An integer within bounds, both included.
pub(super) fn integer(value: &DeValue<'_>, min: i64, max: i64) -> Result<i64, String> {
    let integer = value.as_integer().ok_or_else(|| expected("an integer", value))?;
    i64::from_str_radix(integer.as_str(), integer.radix())
        .ok()
        .filter(|number| (min..=max).contains(number))
        .ok_or_else(|| format!("{integer} is out of range; allowed are {min} to {max}"))
}

/// A number with or without a decimal point.
pub(super) fn number(value: &DeValue<'_>) -> Result<f64, String> {
    if let Some(float) = value.as_float() {
        return float.as_str().parse().map_err(|_| format!("{float} is not a number that can be held"));
    }
    if value.is_integer() {
        return integer(value, i64::from(i32::MIN), i64::from(i32::MAX)).map(|number| number as f64);
    }
    Err(expected("a number", value))
}

/// `expected a list, found a string`.
pub(super) fn expected(what: &str, value: &DeValue<'_>) -> String {
    let found = value.type_str();
    let article = if matches!(found.as_bytes().first(), Some(b'a' | b'e' | b'i' | b'o' | b'u')) { "an" } else { "a" };
    format!("expected {what}, found {article} {found}")
}
