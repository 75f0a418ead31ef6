//! One Rust file as the tidy checks see it: its code without comments, strings and tests, and the paths it names. Reads tokens
//! roughly, as far as the checks need; it is no parser.

/// A Rust file.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// Relative to the project, such as `src/acd/plan.rs`.
    pub(crate) path: String,
    /// As written.
    pub(crate) text: String,
}

/// A token: a word, `::`, or a single other character; with its line, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// A path that the code names, such as `["crate", "acd", "Plan"]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedPath {
    pub(crate) parts: Vec<String>,
    pub(crate) line: usize,
    /// Part of a `pub use`.
    pub(crate) reexport: bool,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_string(), text: text.to_string() }
    }

    /// True for files that hold tests only.
    pub(crate) fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.split('/').any(|folder| folder == "tests")
    }

    /// The text with comments and the insides of strings blanked; lines stay where they are.
    pub(crate) fn code(&self) -> String {
        blank(&self.text)
    }

    /// [`Source::code`] with the items under `#[cfg(test)]` blanked too; empty for a test file.
    pub(crate) fn code_without_tests(&self) -> String {
        if self.is_test() { String::new() } else { blank_tests(&self.code()) }
    }

    /// `["acd", "plan"]` for `src/acd/plan.rs`; empty for `lib.rs` and `main.rs`.
    pub(crate) fn module(&self) -> Vec<String> {
        let inner = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        let mut parts: Vec<_> = inner.split('/').map(str::to_string).collect();
        if parts.last().is_some_and(|last| last == "mod" || inner == "lib" || inner == "main") {
            parts.pop();
        }
        parts
    }
}

/// Blanks comments, strings and character literals.
fn blank(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = literal_end(&chars, at);
        if end > at {
            out.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        } else {
            out.push(chars[at]);
            at += 1;
        }
    }
    out
}

/// The end of the comment, string or character that begins at `at`; `at` itself when none does.
fn literal_end(chars: &[char], at: usize) -> usize {
    let rest = &chars[at..];
    let in_word = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    match rest {
        ['/', '/', ..] => at + rest.iter().position(|c| *c == '\n').unwrap_or(rest.len()),
        ['/', '*', ..] => at + block_comment(rest),
        ['"', ..] => at + quoted(rest, '"'),
        ['b' | 'c', '"', ..] if !in_word => at + 1 + quoted(&rest[1..], '"'),
        ['r', '"' | '#', ..] if !in_word => at + raw_string(rest, 1),
        ['b' | 'c', 'r', '"' | '#', ..] if !in_word => at + raw_string(rest, 2),
        ['\'', '\\', ..] => at + quoted(rest, '\''),
        // Not a lifetime: those have no quote after one character.
        ['\'', _, '\'', ..] => at + 3,
        _ => at,
    }
}

fn block_comment(rest: &[char]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        match &rest[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    at
}

fn quoted(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            c if c == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// 0 when the `r` begins no string (a raw identifier).
fn raw_string(rest: &[char], prefix: usize) -> usize {
    let hashes = rest[prefix..].iter().take_while(|c| **c == '#').count();
    let start = prefix + hashes;
    if rest.get(start) != Some(&'"') {
        return 0;
    }
    let closes =
        |at: usize| rest[at] == '"' && rest[at + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes;
    (start + 1..rest.len()).find(|at| closes(*at)).map_or(rest.len(), |at| at + 1 + hashes)
}

/// Blanks each item that follows `#[cfg(test)]`, up to its closing brace or semicolon.
fn blank_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut out = code.to_string();
    while let Some(start) = out.find(MARK) {
        let mut depth = 0usize;
        let mut end = out.len();
        for (at, c) in out[start + MARK.len()..].char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 && matches!(c, '}' | ';') {
                end = start + MARK.len() + at + 1;
                break;
            }
        }
        let blanked: String = out[start..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        out.replace_range(start..end, &blanked);
    }
    out
}

/// The tokens of blanked code.
pub(crate) fn tokens(code: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    for (index, line) in code.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(c) = rest.chars().next() {
            let length = if c.is_alphanumeric() || c == '_' {
                rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                c.len_utf8()
            };
            tokens.push(Token { text: rest[..length].to_string(), line: index + 1 });
            rest = rest[length..].trim_start();
        }
    }
    tokens
}

/// Every path that begins with one of `roots`, groups expanded: `std::{fs, net::UdpSocket}` gives two.
pub(crate) fn named_paths(code: &str, roots: &dyn Fn(&str) -> bool) -> Vec<NamedPath> {
    let tokens = tokens(code);
    let word = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    let mut found = Vec::new();
    let mut reexport = false;
    let mut in_use = false;
    let mut at = 0;
    while at < tokens.len() {
        match word(at) {
            "use" => {
                in_use = true;
                reexport = at > 0 && matches!(word(at - 1), "pub" | ")");
            }
            ";" => (in_use, reexport) = (false, false),
            _ => {}
        }
        let before = if at == 0 { "" } else { word(at - 1) };
        let follows_path = before == "::";
        // `pub(in crate::node)` says who may see, and imports nothing.
        let is_visibility = before == "in" && at > 1 && word(at - 2) == "(";
        let names_path = word(at + 1) == "::" || (in_use && before == "use");
        if roots(word(at)) && !follows_path && !is_visibility && names_path {
            let (paths, next) = tree(&tokens, at);
            found.extend(paths.into_iter().map(|(parts, line)| NamedPath { parts, line, reexport }));
            at = next.max(at + 1);
        } else {
            at += 1;
        }
    }
    found
}

/// The paths of the use tree at `at`, each with its line, and where it ends.
fn tree(tokens: &[Token], mut at: usize) -> (Vec<(Vec<String>, usize)>, usize) {
    let word = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    let mut stem = Vec::new();
    let line = tokens[at].line;
    loop {
        if word(at) == "{" {
            let mut paths = Vec::new();
            at += 1;
            while at < tokens.len() && word(at) != "}" {
                if is_word(word(at)) || matches!(word(at), "{" | "*") {
                    let (inner, next) = tree(tokens, at);
                    paths.extend(inner.into_iter().map(|(parts, line)| ([stem.clone(), parts].concat(), line)));
                    at = next.max(at + 1);
                } else {
                    at += 1;
                }
                if word(at) == "as" {
                    at += 2;
                }
            }
            return (paths, at + 1);
        }
        if !is_word(word(at)) && word(at) != "*" {
            break;
        }
        // `base::{self}` is `base`.
        if stem.is_empty() || word(at) != "self" {
            stem.push(word(at).to_string());
        }
        at += 1;
        if word(at) != "::" {
            break;
        }
        at += 1;
    }
    if stem.last().is_some_and(|last| last == "self") && stem.len() == 1 {
        stem.clear();
    }
    (vec![(stem, line)], at)
}

fn is_word(text: &str) -> bool {
    text.chars().next().is_some_and(|c| c.is_alphanumeric() || c == '_')
}
