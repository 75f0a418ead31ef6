//! What is wrong with a configuration text, and where: [`ConfigError`], and the [`Report`] that collects all of them while
//! the text is read. Never stops at the first error.

use std::fmt;

/// One error of a configuration text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigError {
    /// The file's name, as it was given to `parse`.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The key's path, such as `queues.support.wrap_up`; empty when the text is not TOML there.
    pub path: String,
    /// What is wrong and what to write instead.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.file, self.line)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for ConfigError {}

/// How far an error may be trusted when the text is not TOML everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Basis {
    /// The text itself is broken here.
    Syntax,
    /// A value is wrong by itself.
    Value,
    /// Something is missing or does not fit elsewhere: may only follow from broken syntax.
    Whole,
}

/// Collects the errors of one text.
#[derive(Debug)]
pub(super) struct Report<'a> {
    file: &'a str,
    text: &'a str,
    /// The byte offset at which each line begins.
    lines: Vec<usize>,
    errors: Vec<(Basis, ConfigError)>,
}

impl<'a> Report<'a> {
    /// A report without errors about `text`.
    pub(super) fn new(file: &'a str, text: &'a str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { file, text, lines: std::iter::once(0).chain(ends).collect(), errors: Vec::new() }
    }

    /// The text is not TOML at byte `at`.
    pub(super) fn syntax(&mut self, at: usize, message: &str) {
        self.push(Basis::Syntax, at, "", message.to_string());
    }

    /// A value or key is wrong by itself.
    pub(super) fn value(&mut self, at: usize, path: &str, message: impl Into<String>) {
        self.push(Basis::Value, at, path, message.into());
    }

    /// Something is missing, or two values do not fit together.
    pub(super) fn whole(&mut self, at: usize, path: &str, message: impl Into<String>) {
        self.push(Basis::Whole, at, path, message.into());
    }

    /// The line of byte `at`, counted from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        self.lines.partition_point(|start| *start <= at)
    }

    /// The errors worth showing, in the order of the text. Where the text is not TOML, the first error of a line stands
    /// for what the recovered values of that line would say, what may be missing only because of it is not reported, and
    /// neither is what follows a broken table header: it has been read as part of another table.
    pub(super) fn finish(self) -> Vec<ConfigError> {
        let mut broken = std::collections::BTreeSet::new();
        let mut misplaced = usize::MAX;
        let mut kept = Vec::new();
        for (basis, error) in &self.errors {
            if *basis == Basis::Syntax && broken.insert(error.line) {
                kept.push(error.clone());
                let line = &self.text[self.lines[error.line - 1]..];
                let is_header = line.trim_start_matches([' ', '\t']).starts_with('[');
                misplaced = if is_header { misplaced.min(error.line) } else { misplaced };
            }
        }
        for (basis, error) in self.errors {
            let trusted = match basis {
                Basis::Syntax => false,
                Basis::Value => error.line < misplaced && !broken.contains(&error.line),
                Basis::Whole => broken.is_empty(),
            };
            if trusted {
                kept.push(error);
            }
        }
        kept.sort_by_key(|error| error.line);
        kept
    }

    fn push(&mut self, basis: Basis, at: usize, path: &str, message: String) {
        let line = self.line(at);
        let error = ConfigError { file: self.file.to_string(), line, path: path.to_string(), message };
        self.errors.push((basis, error));
    }
}

/// The known word nearest to `word`, when it is near enough to have been meant.
pub(super) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let far = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= far)
        .min()
        .map(|(_, candidate)| candidate)
}

/// `; did you mean `x`?`, or nothing.
pub(super) fn did_you_mean<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    nearest(word, known).map_or_else(String::new, |candidate| format!("; did you mean `{candidate}`?"))
}
