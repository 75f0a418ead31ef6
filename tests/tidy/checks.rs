//! The checks: each takes files and answers with what is wrong, one line for each place. None reads the disk.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::source::{NamedPath, Source, Token, named_paths, tokens};

/// Which rooms a room may import, besides itself: DESIGN, section 2. A new room gets a row there and here.
const ROOMS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("acd", &["base"]),
    ("sip", &["base"]),
    ("media", &["base"]),
    ("cluster", &["base"]),
    ("plan", &["base"]),
    ("call", &["base", "sip", "media"]),
    ("stats", &["base", "acd", "call"]),
    ("records", &["base", "acd", "call"]),
    ("config", &["base", "acd", "sip", "media", "call", "stats", "records", "cluster", "plan"]),
    ("node", &["base", "acd", "sip", "media", "call", "stats", "records", "cluster", "plan", "config"]),
    ("sim", &["base", "acd", "sip", "media", "call", "stats", "records", "cluster", "plan", "config", "node"]),
    ("api", &["base", "acd", "sip", "media", "call", "stats", "records", "cluster", "plan", "config", "node", "cli"]),
    ("io", EVERYTHING),
    ("cli", EVERYTHING),
];

const EVERYTHING: &[&str] = &[
    "base", "acd", "sip", "media", "call", "stats", "records", "cluster", "plan", "config", "node", "sim", "api", "io",
    "cli",
];

/// The rooms that may touch the world.
const SHELL: [&str; 3] = ["api", "io", "cli"];

/// What a pure room must not name: clocks, sockets, threads, files, and the crates that bring them.
const IMPURE: &[&str] = &[
    "std::time::Instant",
    "std::time::SystemTime",
    "std::net::UdpSocket",
    "std::net::TcpStream",
    "std::net::TcpListener",
    "std::net::ToSocketAddrs",
    "std::thread",
    "std::fs",
    "std::process",
    "std::env",
    "tokio",
    "mio",
    "socket2",
    "axum",
    "ureq",
    "getrandom",
];

/// Modules of the standard library whose last part could hide an impure path: `use std::net; net::UdpSocket`.
const IMPURE_PARENTS: [&str; 2] = ["std::time", "std::net"];

/// The rooms on the way from a datagram to a routing decision, and what they are made of.
const DECIDING: [&str; 8] = ["base", "acd", "sip", "media", "call", "config", "node", "sim"];

/// What may make a thread wait for another.
const WAITS: [&str; 13] = [
    "Mutex",
    "RwLock",
    "Condvar",
    "Barrier",
    "Once",
    "OnceLock",
    "LazyLock",
    "DashMap",
    "DashSet",
    "mpsc",
    "parking_lot",
    "crossbeam",
    "spin_loop",
];

/// What of the live figures a reader may hold: the map that it looks into, and the lists that a reload replaces.
const HELD_BY_READERS: [&str; 3] = ["names", "roster", "persons"];

/// The functions beside the readers' own that touch it: those of a reload.
const RELOADING: [&str; 6] =
    ["roster", "apply_plan", "apply_queues", "set_calendars", "set_values", "set_agent_series"];

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;

/// Imports across rooms that the table does not allow; tests are held to it too.
pub(crate) fn rooms(files: &[Source]) -> Vec<String> {
    let mut wrong = Vec::new();
    for file in sources(files) {
        let module = file.module();
        let Some(room) = module.first() else { continue };
        let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| name == room) else {
            wrong.push(format!("{}: the room `{room}` is not in the import table", file.path));
            continue;
        };
        for path in named_paths(&file.code(), &|root| root == "crate") {
            let Some(other) = path.parts.get(1) else { continue };
            let known = ROOMS.iter().any(|(name, _)| name == other);
            if known && other != room && !allowed.contains(&other.as_str()) {
                wrong.push(format!("{}:{}: {room} may not import {other}", file.path, path.line));
            }
        }
    }
    wrong
}

/// Circles of files that import one another, each by its shortest way round from its first file. A `mod.rs` that only lists and
/// re-exports imports nothing.
pub(crate) fn circles(files: &[Source]) -> Vec<String> {
    let modules: BTreeMap<Vec<String>, &Source> =
        sources(files).filter(|file| !file.is_test()).map(|file| (file.module(), file)).collect();
    let mut imports: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (module, file) in &modules {
        let code = file.code_without_tests();
        let is_list = !has_logic(&code);
        let is_root = |root: &str| matches!(root, "crate" | "super" | "self") || is_child(module, root, &modules);
        for path in named_paths(&code, &is_root) {
            if path.reexport && is_list {
                continue;
            }
            let target = absolute(module, &path);
            let longest = (0..=target.len()).rev().find_map(|length| modules.get(&target[..length]));
            if let Some(other) = longest.filter(|other| other.path != file.path) {
                imports.entry(&file.path).or_default().insert(&other.path);
            }
        }
    }
    let round = imports.keys().filter_map(|file| round_trip(file, &imports));
    round.map(|files| format!("a circle of imports: {}", files.join(" -> "))).collect()
}

/// The shortest way from a file over its imports back to itself, if it comes first of them all by name.
fn round_trip<'a>(file: &'a str, imports: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Option<Vec<&'a str>> {
    let mut ways = VecDeque::from([vec![file]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        for next in way.last().and_then(|last| imports.get(last)).into_iter().flatten() {
            let longer = [way.as_slice(), &[*next]].concat();
            if *next == file {
                return Some(longer);
            }
            if *next > file && seen.insert(*next) {
                ways.push_back(longer);
            }
        }
    }
    None
}

fn is_child(module: &[String], name: &str, modules: &BTreeMap<Vec<String>, &Source>) -> bool {
    modules.contains_key(&[module, &[name.to_string()]].concat())
}

/// The path from the root of the crate.
fn absolute(module: &[String], path: &NamedPath) -> Vec<String> {
    let mut base = module.to_vec();
    let mut rest = path.parts.as_slice();
    while let Some((first, more)) = rest.split_first() {
        match first.as_str() {
            "crate" => base.clear(),
            "super" => drop(base.pop()),
            "self" => {}
            _ => break,
        }
        rest = more;
    }
    [base.as_slice(), rest].concat()
}

fn has_logic(code: &str) -> bool {
    const ITEMS: [&str; 8] = ["fn", "struct", "enum", "impl", "trait", "const", "static", "macro_rules"];
    tokens(code).iter().any(|token| ITEMS.contains(&token.text.as_str()))
}

/// Clocks, sockets, threads and files in rooms that are pure.
pub(crate) fn purity(files: &[Source]) -> Vec<String> {
    let mut wrong = Vec::new();
    for file in sources(files) {
        let module = file.module();
        let Some(room) = module.first() else { continue };
        if SHELL.contains(&room.as_str()) {
            continue;
        }
        let roots = |root: &str| IMPURE.iter().any(|path| path.split("::").next() == Some(root));
        for path in named_paths(&file.code_without_tests(), &roots) {
            let named = path.parts.join("::");
            let within = |banned: &&&str| named == **banned || named.starts_with(&format!("{banned}::"));
            if let Some(banned) = IMPURE.iter().find(within) {
                wrong.push(format!("{}:{}: {room} is pure and may not name {banned}", file.path, path.line));
            } else if IMPURE_PARENTS.contains(&named.as_str()) {
                wrong.push(format!("{}:{}: name what is used of {named}, not the module", file.path, path.line));
            }
        }
    }
    wrong
}

/// These keep figures by what has been decided, for the shell and for the world's loop; nothing that decides calls them.
const KEEPING: [&str; 2] = ["src/node/figures.rs", "src/sim/books.rs"];

/// Locks, and whatever waits for another thread, in the rooms that decide; and live figures, which stand behind them in the rooms
/// that must not know them: what such a room calls can wait for nobody.
pub(crate) fn locks(files: &[Source]) -> Vec<String> {
    let mut wrong = Vec::new();
    for file in sources(files) {
        let module = file.module();
        let Some(room) = module.first().filter(|room| DECIDING.contains(&room.as_str())) else { continue };
        let code = file.code_without_tests();
        for token in tokens(&code).iter().filter(|token| WAITS.contains(&token.text.as_str())) {
            wrong.push(format!("{}:{}: {room} decides and may not name {}", file.path, token.line, token.text));
        }
        if room == "config" || KEEPING.contains(&file.path.as_str()) {
            continue;
        }
        for path in named_paths(&code, &|root| root == "crate") {
            if path.parts.get(1).is_some_and(|other| other == "stats") {
                wrong.push(format!("{}:{}: {room} decides and knows no figures", file.path, path.line));
            }
        }
    }
    wrong
}

/// Functions of the live figures, other than those of [`RELOADING`], that touch what a reader may hold: the fold of a fact must
/// not.
pub(crate) fn readers_locks(live: &Source) -> Vec<String> {
    let code = live.code_without_tests();
    let mut function = String::new();
    let mut wrong = Vec::new();
    let tokens = tokens(&code);
    for (at, token) in tokens.iter().enumerate() {
        let next = |more: usize| tokens.get(at + more).map_or("", |token| token.text.as_str());
        if token.text == "fn" {
            function = next(1).to_string();
        }
        let touches = token.text == "." && HELD_BY_READERS.contains(&next(1));
        if touches && !RELOADING.contains(&function.as_str()) {
            wrong.push(format!("{}:{}: `{function}` touches {}", live.path, token.line, next(1)));
        }
    }
    wrong
}

/// Files longer than 600 lines, tests aside.
pub(crate) fn file_sizes(files: &[Source]) -> Vec<String> {
    let mut wrong = Vec::new();
    for file in sources(files).filter(|file| !file.is_test()) {
        let with_tests = file.code();
        let without = file.code_without_tests();
        let is_blank = |line: &str| line.trim().is_empty();
        let test_lines = with_tests.lines().zip(without.lines()).filter(|(a, b)| !is_blank(a) && is_blank(b)).count();
        let lines = file.text.lines().count() - test_lines;
        if lines > FILE_LINES_MAX {
            wrong.push(format!("{}: {lines} lines without tests; at most {FILE_LINES_MAX}", file.path));
        }
    }
    wrong
}

/// Functions longer than 70 lines of code, tests aside.
pub(crate) fn function_sizes(files: &[Source]) -> Vec<String> {
    let mut wrong = Vec::new();
    for file in sources(files) {
        let code = file.code_without_tests();
        let lines: Vec<&str> = code.lines().collect();
        let tokens = tokens(&code);
        for (at, token) in tokens.iter().enumerate().filter(|(_, token)| token.text == "fn") {
            let Some((first, last)) = body(&tokens[at..]) else { continue };
            let inside = lines.get(first..last.saturating_sub(1)).unwrap_or_default();
            let count = inside.iter().filter(|line| !line.trim().is_empty()).count();
            if count > FUNCTION_LINES_MAX {
                let name = tokens.get(at + 1).map_or("", |name| name.text.as_str());
                let line = token.line;
                wrong.push(format!("{}:{line}: `{name}` has {count} lines; at most {FUNCTION_LINES_MAX}", file.path));
            }
        }
    }
    wrong
}

/// The lines of the braces around a function's body; `None` for a declaration or a function pointer's type.
fn body(tokens: &[Token]) -> Option<(usize, usize)> {
    let mut depth = 0usize;
    let mut first = None;
    let mut brackets = 0i32;
    for token in tokens {
        match token.text.as_str() {
            "(" | "[" => brackets += 1,
            ")" | "]" => brackets -= 1,
            ";" if first.is_none() && brackets == 0 => return None,
            "{" => {
                depth += 1;
                first = first.or(Some(token.line));
            }
            "}" => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return first.map(|first| (first, token.line));
                }
            }
            _ => {}
        }
        if brackets < 0 && first.is_none() {
            return None;
        }
    }
    None
}

/// Files that do not open with `//!`.
pub(crate) fn headers(files: &[Source]) -> Vec<String> {
    let opens = |file: &&Source| !file.text.trim_start().starts_with("//!");
    files.iter().filter(opens).map(|file| format!("{}: does not open with //!", file.path)).collect()
}

/// Comments that rustfmt leaves as wide as they are written. A row of a table cannot be broken.
pub(crate) fn comment_widths(files: &[Source]) -> Vec<String> {
    const WIDTH_MAX: usize = 130;
    let mut wrong = Vec::new();
    for file in files {
        for (index, line) in file.text.lines().enumerate() {
            let is_comment = line.trim_start().starts_with("//") && !line.contains("// |") && !line.contains("//! |");
            if is_comment && line.chars().count() > WIDTH_MAX {
                wrong.push(format!("{}:{}: a comment wider than {WIDTH_MAX}", file.path, index + 1));
            }
        }
    }
    wrong
}

/// Stubs, switched-off tests and lints switched off without a reason.
pub(crate) fn banned_words(files: &[Source]) -> Vec<String> {
    const BANNED: [(&str, &str); 6] = [
        ("todo!", "write it or leave it out"),
        ("unimplemented!", "write it or leave it out"),
        ("#[ignore", "run it, under --long if it is slow"),
        ("#[allow", "write #[expect(lint, reason = ...)]"),
        ("#![allow", "write #[expect(lint, reason = ...)]"),
        ("#[cfg_attr(test, allow", "write #[expect(lint, reason = ...)]"),
    ];
    let mut wrong = Vec::new();
    for file in files {
        for (index, line) in file.code().lines().enumerate() {
            for (word, instead) in BANNED.iter().filter(|(word, _)| line.contains(word)) {
                wrong.push(format!("{}:{}: {word}: {instead}", file.path, index + 1));
            }
        }
    }
    wrong
}

/// Absolute paths of a machine on which the project was worked on; any file, not only Rust.
pub(crate) fn machine_paths(files: &[Source]) -> Vec<String> {
    let mut wrong = Vec::new();
    for file in files {
        for (index, line) in file.text.lines().enumerate() {
            for home in [concat!("/", "work"), concat!("/", "root")] {
                if names_path(line, home) {
                    wrong.push(format!("{}:{}: names {home}", file.path, index + 1));
                }
            }
        }
    }
    wrong
}

/// True when `home` stands in the line as the beginning of an absolute path.
fn names_path(line: &str, home: &str) -> bool {
    line.match_indices(home).any(|(at, _)| {
        let part_of_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '~');
        let before = line[..at].chars().next_back();
        let after = line[at + home.len()..].chars().next();
        !before.is_some_and(part_of_word) && !after.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
    })
}

/// Dependencies in a manifest without a comment that says why.
pub(crate) fn dependency_reasons(manifest: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut in_dependencies = false;
    for (index, line) in manifest.lines().enumerate() {
        if line.starts_with('[') {
            in_dependencies = line.trim_end_matches(']').ends_with("dependencies");
            continue;
        }
        let is_entry = line.starts_with(|c: char| c.is_alphanumeric()) && line.contains('=');
        let reason = line.rsplit_once("# ").is_some_and(|(_, reason)| !reason.trim().is_empty());
        if in_dependencies && is_entry && !reason {
            wrong.push(format!("Cargo.toml:{}: no reason for `{}`", index + 1, line.trim()));
        }
    }
    wrong
}

/// Links of Markdown files to files that `exists` does not know; `exists` takes a path relative to the project.
pub(crate) fn links(files: &[Source], exists: &dyn Fn(&str) -> bool) -> Vec<String> {
    let mut wrong = Vec::new();
    for file in files.iter().filter(|file| file.path.ends_with(".md")) {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (index, line) in file.text.lines().enumerate() {
            for target in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                let target = target.split(['#', ' ']).next().unwrap_or_default();
                if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
                    continue;
                }
                let path = if folder.is_empty() { target.to_string() } else { format!("{folder}/{target}") };
                if !exists(&path) {
                    wrong.push(format!("{}:{}: links to {target}, which does not exist", file.path, index + 1));
                }
            }
        }
    }
    wrong
}

fn sources(files: &[Source]) -> impl Iterator<Item = &Source> {
    files.iter().filter(|file| file.path.starts_with("src/") && file.path.ends_with(".rs"))
}
