//! The house rules that a program can see. Each guard is also shown something bad, so that it is known to bite.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

#[path = "tidy/layers.rs"]
mod layers;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/streams.rs"]
mod streams;
#[path = "tidy/words.rs"]
mod words;

use source::Source;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// More lines than this are more than one idea.
const MAX_LINES: usize = 400;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs one guard over all our Rust files.
fn guard(check: fn(&Source) -> Vec<String>) {
    let sources = source::rust_files(root(), &["src", "tests", "benches", "examples"]);
    assert!(sources.len() > 10, "the guards look at the wrong place");
    let problems: Vec<String> = sources.iter().flat_map(check).collect();
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

fn too_long(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    let problem = format!("{}: {lines} lines, the most is {MAX_LINES}: give each idea its own file", source.path);
    if lines > MAX_LINES { vec![problem] } else { Vec::new() }
}

fn without_module_doc(source: &Source) -> Vec<String> {
    let problem = format!("{}: begin with //! and say what it is and what it promises", source.path);
    if source.text.starts_with("//! ") { Vec::new() } else { vec![problem] }
}

/// Paths that exist on one developer's machine only, told by how they begin.
fn paths_of_one_machine(path: &str, text: &str) -> Vec<String> {
    let roots = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];
    text.lines()
        .enumerate()
        .filter(|(_, line)| roots.iter().any(|root| line.match_indices(root).any(|(at, _)| begins_a_path(line, at))))
        .map(|(number, _)| format!("{path}:{}: a path of one machine", number + 1))
        .collect()
}

/// Whether the slash at this place is the first of a path, as in `"/x`, and not in the middle of one, as in `a/x`.
fn begins_a_path(line: &str, at: usize) -> bool {
    !line[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '}' | ')'))
}

/// The files that people write: no build products, no git, nothing binary.
fn written_files() -> Vec<PathBuf> {
    let skipped = ["target", ".git"];
    walkdir::WalkDir::new(root())
        .into_iter()
        .filter_entry(|entry| !(entry.depth() == 1 && skipped.contains(&&*entry.file_name().to_string_lossy())))
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
        .collect()
}

#[test]
fn imports_point_down_the_layers() {
    guard(layers::check);
}

#[test]
fn no_file_holds_unwelcome_words() {
    guard(words::check);
}

#[test]
fn no_detached_process_writes_to_a_standard_stream() {
    guard(streams::check);
}

#[test]
fn every_file_holds_one_idea() {
    guard(too_long);
    assert_eq!(too_long(&Source::new("src/a.rs", &"x\n".repeat(401))).len(), 1);
    assert_eq!(too_long(&Source::new("src/a.rs", &"x\n".repeat(400))).len(), 0);
}

#[test]
fn every_file_begins_with_what_it_is() {
    guard(without_module_doc);
    assert_eq!(without_module_doc(&Source::new("src/a.rs", "use std::fmt;\n//! late")).len(), 1);
}

#[test]
fn no_file_names_a_path_of_one_machine() {
    let problems: Vec<String> = written_files()
        .into_iter()
        .filter_map(|path| {
            Some((path.strip_prefix(root()).ok()?.display().to_string(), fs::read_to_string(&path).ok()?))
        })
        .flat_map(|(path, text)| paths_of_one_machine(&path, &text))
        .collect();
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
    assert_eq!(paths_of_one_machine("a", concat!("x = \"/ro", "ot/x\"")).len(), 1);
    assert_eq!(paths_of_one_machine("a", concat!("a/wo", "rk/x and https://x/ho", "me/y")).len(), 0);
}
