//! The house's rules that a machine can check, over the whole tree: which room may import which, sizes of files and functions,
//! pure rooms, headers, banned words, reasons of dependencies, links. Each check has examples that it accepts and refuses.

#[path = "tidy/checks.rs"]
mod checks;
#[path = "tidy/source.rs"]
mod source;

use std::path::{Path, PathBuf};
use std::process::Command;

use source::Source;

#[test]
fn rooms_import_only_what_the_table_allows() {
    assert_tidy(checks::rooms(&rust_files()));
}

#[test]
fn no_files_import_in_a_circle() {
    assert_tidy(checks::circles(&rust_files()));
}

#[test]
fn pure_rooms_touch_no_clock_socket_thread_or_file() {
    assert_tidy(checks::purity(&rust_files()));
}

#[test]
fn what_decides_waits_for_nobody() {
    assert_tidy(checks::locks(&rust_files()));
    let files = rust_files();
    let live = files.iter().find(|file| file.path == "src/stats/live.rs").expect("the live figures");
    assert_tidy(checks::readers_locks(live));
}

#[test]
fn files_hold_one_idea() {
    assert_tidy(checks::file_sizes(&rust_files()));
}

#[test]
fn functions_fit_one_screen() {
    assert_tidy(checks::function_sizes(&rust_files()));
}

#[test]
fn every_rust_file_opens_with_what_it_is() {
    assert_tidy(checks::headers(&rust_files()));
}

#[test]
fn comments_are_no_wider_than_a_screen() {
    assert_tidy(checks::comment_widths(&rust_files()));
}

#[test]
fn no_stub_no_ignored_test_no_bare_allow() {
    assert_tidy(checks::banned_words(&rust_files()));
}

#[test]
fn no_file_names_a_path_of_the_machine_it_was_written_on() {
    assert_tidy(checks::machine_paths(&read(&tracked())));
}

#[test]
fn every_dependency_has_its_reason() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("the manifest can be read");
    assert_tidy(checks::dependency_reasons(&manifest));
}

#[test]
fn links_of_the_documents_lead_somewhere() {
    let documents: Vec<_> = tracked().into_iter().filter(|path| path.ends_with(".md")).collect();
    assert_tidy(checks::links(&read(&documents), &|path| root().join(path).exists()));
}

#[test]
fn the_tree_is_seen() {
    let files = rust_files();
    assert!(files.iter().any(|file| file.path == "src/lib.rs"), "{} files", files.len());
    assert!(files.iter().any(|file| file.path == "tests/tidy.rs"));
}

mod examples {
    use super::checks;
    use super::source::Source;

    fn one(path: &str, text: &str) -> Vec<Source> {
        vec![Source::new(path, text)]
    }

    #[test]
    fn a_room_may_use_the_rooms_below_it_only() {
        assert!(checks::rooms(&one("src/call/leg.rs", "use crate::{base::CallId, sip::message};")).is_empty());
        assert!(checks::rooms(&one("src/call/leg.rs", "// crate::acd::Plan\nlet s = \"crate::acd\";")).is_empty());
        assert_eq!(
            checks::rooms(&one("src/call/leg.rs", "use crate::{base::CallId,\n    acd::{self, Plan}};")),
            ["src/call/leg.rs:2: call may not import acd", "src/call/leg.rs:2: call may not import acd"]
        );
        assert_eq!(
            checks::rooms(&one("src/acd/mod.rs", "fn f() {\n    crate::call::g(1);\n}")),
            ["src/acd/mod.rs:2: acd may not import call"]
        );
        assert_eq!(
            checks::rooms(&one("src/attic/x.rs", "")),
            ["src/attic/x.rs: the room `attic` is not in the import table"]
        );
        assert_eq!(
            checks::rooms(&one("src/api/http.rs", "use crate::io;")),
            ["src/api/http.rs:1: api may not import io"]
        );
    }

    #[test]
    fn files_may_not_import_in_a_circle_and_a_list_of_modules_is_no_import() {
        let pair = |one: &str, other: &str, list: &str| {
            checks::circles(&[
                Source::new("src/acd/one.rs", one),
                Source::new("src/acd/other.rs", other),
                Source::new("src/acd/mod.rs", list),
            ])
        };
        let list = "mod one;\nmod other;\npub use one::A;\npub use other::{B, C};";
        assert!(pair("use super::other::B;", "use crate::base::X;", list).is_empty());
        assert!(pair("use super::A;", "use crate::acd::C;", list).is_empty());
        assert!(pair("use super::other::B;", "pub(in crate::acd::one) struct B;", list).is_empty());
        let both = "a circle of imports: src/acd/one.rs -> src/acd/other.rs -> src/acd/one.rs";
        assert_eq!(pair("use super::other::B;", "use crate::acd::one;", list), [both]);
        assert!(pair("use super::other::B;", "#[cfg(test)]\nmod tests { use crate::acd::one::A; }", list).is_empty());
        let logic = "mod one;\nmod other;\npub use one::A;\npub struct Engine(A);";
        let with_logic = "a circle of imports: src/acd/mod.rs -> src/acd/one.rs -> src/acd/mod.rs";
        assert_eq!(pair("use super::Engine;", "", logic), [with_logic]);
        assert!(pair("", "use super::Engine;", logic).is_empty());
        let three = checks::circles(&[
            Source::new("src/acd/a.rs", "use super::b::B;"),
            Source::new("src/acd/b.rs", "use super::c::C;"),
            Source::new("src/acd/c.rs", "use super::a::A;"),
        ]);
        assert_eq!(three, ["a circle of imports: src/acd/a.rs -> src/acd/b.rs -> src/acd/c.rs -> src/acd/a.rs"]);
    }

    #[test]
    fn a_pure_room_names_no_clock_and_a_shell_may() {
        let pure = |text: &str| checks::purity(&one("src/sip/x.rs", text));
        assert!(pure("use std::net::SocketAddr;\nuse std::time::Duration;").is_empty());
        assert!(pure("#[cfg(test)]\nmod tests {\n    use std::fs;\n}").is_empty());
        assert_eq!(pure("use std::{fs::File, io};"), ["src/sip/x.rs:1: sip is pure and may not name std::fs"]);
        assert_eq!(
            pure("fn f() {}\nfn g() { std::time::Instant::now(); }"),
            ["src/sip/x.rs:2: sip is pure and may not name std::time::Instant"]
        );
        assert_eq!(pure("use std::time::{self};"), ["src/sip/x.rs:1: name what is used of std::time, not the module"]);
        assert_eq!(pure("use tokio::net::UdpSocket;"), ["src/sip/x.rs:1: sip is pure and may not name tokio"]);
        assert!(checks::purity(&one("src/io/x.rs", "use std::fs;")).is_empty());
    }

    #[test]
    fn a_room_that_decides_names_no_lock_and_no_figures() {
        assert!(
            checks::locks(&one("src/acd/x.rs", "// a Mutex\n#[cfg(test)]\nmod tests { use dashmap::DashMap; }"))
                .is_empty()
        );
        assert!(checks::locks(&one("src/stats/x.rs", "use dashmap::DashMap;")).is_empty());
        assert_eq!(
            checks::locks(&one("src/node/x.rs", "struct A;\nstruct B(std::sync::RwLock<A>);")),
            ["src/node/x.rs:2: node decides and may not name RwLock"]
        );
        assert_eq!(
            checks::locks(&one("src/node/x.rs", "use crate::stats::Live;")),
            ["src/node/x.rs:1: node decides and knows no figures"]
        );
        let live = |text: &str| checks::readers_locks(&Source::new("src/stats/live.rs", text));
        assert!(
            live("fn apply_plan(&self) { self.names.get(name) }\nfn fold(&self) { self.queues.get(&id) }").is_empty()
        );
        assert_eq!(
            live("fn read(&self) {}\nfn fold(&self) {\n    self.roster();\n}"),
            ["src/stats/live.rs:3: `fold` touches roster"]
        );
    }

    #[test]
    fn a_file_has_at_most_600_lines_without_its_tests() {
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "f();\n".repeat(100));
        let good = format!("{}{tests}", "f();\n".repeat(600));
        assert!(checks::file_sizes(&one("src/sip/x.rs", &good)).is_empty());
        assert_eq!(
            checks::file_sizes(&one("src/sip/x.rs", &format!("f();\n{good}"))),
            ["src/sip/x.rs: 601 lines without tests; at most 600"]
        );
        assert!(checks::file_sizes(&one("src/sip/tests.rs", &"f();\n".repeat(2_000))).is_empty());
        let declared = format!("#[cfg(test)]\nmod tests;\n{}", "f();\n".repeat(601));
        assert_eq!(checks::file_sizes(&one("src/sip/x.rs", &declared)).len(), 1);
    }

    #[test]
    fn a_function_has_at_most_70_lines_of_code() {
        let function = |lines: usize| format!("fn f(x: [u8; 2]) -> u8 {{\n{}}}\n", "    g('}'); // {\n".repeat(lines));
        assert!(checks::function_sizes(&one("src/sip/x.rs", &function(70))).is_empty());
        assert_eq!(
            checks::function_sizes(&one("src/sip/x.rs", &format!("trait T {{ fn a(); }}\n{}", function(71)))),
            ["src/sip/x.rs:2: `f` has 71 lines; at most 70"]
        );
        let spaced = format!("fn f() {{\n{}}}\n", "    g();\n\n    // why\n".repeat(60));
        assert!(checks::function_sizes(&one("src/sip/x.rs", &spaced)).is_empty());
    }

    #[test]
    fn a_file_opens_with_its_header() {
        assert!(checks::headers(&one("src/x.rs", "//! What it is.\nfn f() {}")).is_empty());
        assert_eq!(checks::headers(&one("src/x.rs", "// What it is.")), ["src/x.rs: does not open with //!"]);
    }

    #[test]
    fn a_comment_fits_and_a_row_of_a_table_may_be_wide() {
        let (wide, narrow) = ("w".repeat(131), "n".repeat(120));
        let text = format!("/// {narrow}\n//! | {wide} |\nlet s = \"{wide}\";\n    // {wide}");
        assert_eq!(checks::comment_widths(&one("src/x.rs", &text)), ["src/x.rs:4: a comment wider than 130"]);
    }

    #[test]
    fn banned_words_count_in_code_only() {
        assert!(checks::banned_words(&one("src/x.rs", "//! todo!()\nlet s = \"#[allow\"; // #[ignore]")).is_empty());
        assert!(checks::banned_words(&one("src/x.rs", "#[expect(dead_code, reason = \"r\")]")).is_empty());
        let bad = "todo!();\nunimplemented!();\n#[ignore]\n#[allow(dead_code)]\n#![allow(dead_code)]";
        let found = checks::banned_words(&one("src/x.rs", bad));
        let lines: Vec<_> = found.iter().map(|line| line.split(": ").next().unwrap_or_default()).collect();
        assert_eq!(lines, ["src/x.rs:1", "src/x.rs:2", "src/x.rs:3", "src/x.rs:4", "src/x.rs:5"]);
    }

    #[test]
    fn strings_and_lifetimes_are_told_from_code() {
        let file =
            Source::new("src/x.rs", "fn f<'a>(x: &'a str) { r#\"\"todo!\"#; b'\\''; \"a\\\"b\"; '{'; /* /* */ } */ }");
        let squeezed: String = file.code().split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(squeezed, "fn f<'a>(x: &'a str) { ; b ; ; ; }");
    }

    #[test]
    fn paths_of_a_machine_are_found_as_whole_paths() {
        let home = concat!("/", "work");
        assert!(checks::machine_paths(&one("a.md", "/workers, net/work, ./root, https://x.example/root")).is_empty());
        let text = format!("fine\nsee {home}/x\n(`{home}`)");
        assert_eq!(
            checks::machine_paths(&one("a.md", &text)),
            [format!("a.md:2: names {home}"), format!("a.md:3: names {home}")]
        );
    }

    #[test]
    fn a_dependency_needs_a_reason_and_a_feature_does_not() {
        let manifest = "[features]\nnode = []\n[dependencies]\n# Pure rooms.\na = \"1\" # needed\nb = \"1\"\n\
                        [dev-dependencies]\nc = { version = \"1\" }";
        assert_eq!(
            checks::dependency_reasons(manifest),
            ["Cargo.toml:6: no reason for `b = \"1\"`", "Cargo.toml:8: no reason for `c = { version = \"1\" }`"]
        );
    }

    #[test]
    fn a_relative_link_needs_its_file() {
        let text = "[a](b.md#x) ![p](../p.png) [w](https://x.example) [here](#here)";
        let exists = |path: &str| path == "docs/b.md";
        assert_eq!(
            checks::links(&one("docs/a.md", text), &exists),
            ["docs/a.md:1: links to ../p.png, which does not exist"]
        );
    }
}

fn assert_tidy(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files() -> Vec<Source> {
    let paths: Vec<_> = tracked().into_iter().filter(|path| path.ends_with(".rs")).collect();
    read(&paths)
}

/// Reads files; bytes that are not UTF-8 (audio, torture messages) are replaced.
fn read(paths: &[String]) -> Vec<Source> {
    let text = |path: &String| {
        let bytes = std::fs::read(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        Source::new(path, &String::from_utf8_lossy(&bytes))
    };
    paths.iter().map(text).collect()
}

/// The files of the project, relative to it: what git tracks or would track, or, without git, what lies there.
fn tracked() -> Vec<String> {
    let git = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .current_dir(root())
        .output();
    let listed = git.ok().filter(|output| output.status.success() && !output.stdout.is_empty());
    let mut paths: Vec<String> = match listed {
        Some(output) => String::from_utf8_lossy(&output.stdout).split_terminator('\0').map(str::to_string).collect(),
        None => {
            let mut found = Vec::new();
            walk(&root(), &mut found);
            found
        }
    };
    paths.retain(|path| root().join(path).is_file());
    paths.sort();
    paths
}

fn walk(folder: &Path, found: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() && name != "target" && name != ".git" {
            walk(&path, found);
        } else if path.is_file()
            && let Ok(relative) = path.strip_prefix(root())
        {
            found.push(relative.to_string_lossy().into_owned());
        }
    }
}
