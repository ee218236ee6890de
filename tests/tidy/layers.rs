//! Guards the layers: a module imports only what stands in its row here.
//!
//! The rows follow the picture in `src/lib.rs`: imports point downwards, siblings of one layer never meet, and only the
//! composition root knows all.

use super::source::{Source, Token};

/// Each module of the library with the other modules it may know, lowest layer first.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("private_file", &[]),
    ("process", &["domain"]),
    ("recording", &["domain"]),
    ("overlay", &["domain", "private_file", "process"]),
    ("machine", &["domain"]),
    ("postgres", &["domain", "process"]),
    ("archive", &["domain", "process", "postgres"]),
    ("libvirt", &["domain", "postgres"]),
    ("restic", &["domain", "postgres"]),
    ("journal", &["domain", "private_file", "machine"]),
    ("attempt", &["domain", "private_file", "process", "machine"]),
    ("catalog", &["domain", "postgres", "archive", "libvirt", "restic"]),
    ("engine", &["domain", "process", "postgres", "archive"]),
    ("worker", &["domain", "private_file", "process", "overlay", "postgres", "archive", "libvirt", "restic", "engine"]),
    ("manager", &["domain", "machine", "journal", "attempt", "catalog"]),
    ("control", &["domain", "machine", "journal", "attempt", "catalog", "manager"]),
    ("console", &["domain", "machine", "journal", "attempt", "catalog", "manager", "control", "recording"]),
    ("cli", &["domain", "machine", "journal", "attempt", "catalog", "manager", "control", "recording"]),
    ("demo", &["domain", "machine", "journal", "attempt", "catalog", "manager"]),
];

/// Files that may know everything.
const ROOTS: [&str; 3] = ["src/lib.rs", "src/main.rs", "src/app.rs"];

pub(crate) fn check(source: &Source) -> Vec<String> {
    if !source.path.starts_with("src/") || ROOTS.contains(&&*source.path) || source.path.starts_with("src/app/") {
        return Vec::new();
    }
    let place = module_of(&source.path);
    let Some((_, allowed)) = MAY_KNOW.iter().find(|(name, _)| *name == place[0]) else {
        return vec![format!("{}: module {} has no layer yet: give it a row in MAY_KNOW", source.path, place[0])];
    };
    imports(source, &place)
        .into_iter()
        .filter(|(target, _)| *target != place[0] && !allowed.contains(&&**target))
        .map(|(target, at)| format!("{}:{}: {} may not know {target}", source.path, source.line(at), place[0]))
        .collect()
}

/// `src/a/b.rs` is the module `a::b`, and `src/a/mod.rs` is `a`.
fn module_of(path: &str) -> Vec<String> {
    let inner = path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    inner.split('/').map(str::to_owned).collect()
}

/// The top modules of this crate that the file names, with the place of each.
fn imports(source: &Source, place: &[String]) -> Vec<(String, usize)> {
    let tokens = source.tokens();
    let mut found = Vec::new();
    // The modules opened inside the file, each with the depth of braces it was opened at: `super` counts from there.
    let mut inner: Vec<(String, usize)> = Vec::new();
    let mut depth = 0_usize;
    let mut at = 0;
    while at < tokens.len() {
        let here = || place.iter().cloned().chain(inner.iter().map(|(name, _)| name.clone())).collect::<Vec<_>>();
        match tokens[at].text {
            "mod" if text(&tokens, at + 2) == "{" => inner.push((tokens[at + 1].text.to_owned(), depth)),
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                if inner.last().is_some_and(|(_, opened)| *opened == depth) {
                    inner.pop();
                }
            }
            "use" if text(&tokens, at + 1) != "<" => {
                let mut paths = Vec::new();
                let start = tokens[at].at;
                at = use_tree(&tokens, at + 1, Vec::new(), &mut paths);
                found.extend(paths.iter().filter_map(|path| Some((top(&here(), path)?, start))));
                continue;
            }
            "crate" | "super" if text(&tokens, at + 1) == "::" && (at == 0 || text(&tokens, at - 1) != "::") => {
                let mut path = vec![tokens[at].text];
                let mut next = at + 1;
                while text(&tokens, next) == "::" {
                    path.push(text(&tokens, next + 1));
                    next += 2;
                }
                found.extend(top(&here(), &path).map(|name| (name, tokens[at].at)));
            }
            _ => {}
        }
        at += 1;
    }
    found
}

fn text<'a>(tokens: &[Token<'a>], at: usize) -> &'a str {
    tokens.get(at).map_or("", |token| token.text)
}

/// Reads one tree of a `use`, adds each full path to `out`, and returns where it ends.
fn use_tree<'a>(tokens: &[Token<'a>], mut at: usize, mut path: Vec<&'a str>, out: &mut Vec<Vec<&'a str>>) -> usize {
    loop {
        match text(tokens, at) {
            "" | ";" | "," | "}" => {
                out.push(path);
                return at;
            }
            "{" => loop {
                at = use_tree(tokens, at + 1, path.clone(), out);
                if text(tokens, at) != "," {
                    return at + 1;
                }
            },
            "as" => at += 2,
            "::" => at += 1,
            name => {
                path.push(name);
                at += 1;
            }
        }
    }
}

/// The top module of this crate that a path leads to; `None` for what lies outside the crate or next to the file.
fn top(here: &[String], path: &[&str]) -> Option<String> {
    let mut base = match *path.first()? {
        "crate" => Vec::new(),
        "self" | "super" => here.to_vec(),
        _ => return None,
    };
    for name in path {
        match *name {
            "crate" | "self" => {}
            "super" => {
                base.pop();
            }
            name => base.push(name.to_owned()),
        }
    }
    base.into_iter().next()
}

#[test]
fn imports_that_point_upwards_or_sideways_are_seen() {
    for (path, bad, target) in [
        ("src/domain/a.rs", "use crate::machine::Session;", "machine"),
        ("src/domain/a.rs", "fn f() { crate::postgres::wal::x() }", "postgres"),
        ("src/machine/mod.rs", "use super::journal::Store;", "journal"),
        ("src/engine/native/copy.rs", "use crate::{domain::X, postgres::{wal, label}, worker::Y};", "worker"),
        ("src/engine/native/copy.rs", "use super::super::super::machine::Z;", "machine"),
        ("src/manager/actor.rs", "use crate::engine::Engine;", "engine"),
        ("src/cli/restore.rs", "mod tests { use super::super::super::console::Model; }", "console"),
        ("src/console/mod.rs", "fn f(x: &crate::cli::Restore) {}", "cli"),
        ("src/worker/mod.rs", "use crate::domain as d; use crate::attempt as a;", "attempt"),
    ] {
        let problems = check(&Source::new(path, bad));
        assert!(problems.iter().any(|problem| problem.ends_with(target)), "{path}: {bad}: {problems:?}");
        assert_eq!(problems.len(), 1, "{path}: {bad}: {problems:?}");
    }
    assert_eq!(check(&Source::new("src/novelty/mod.rs", "")).len(), 1);
}

#[test]
fn imports_that_point_downwards_are_allowed() {
    for (path, good) in [
        ("src/domain/a.rs", "use super::Step; use std::fmt; mod tests { use super::*; use super::super::Plan; }"),
        ("src/engine/native/copy.rs", "use crate::{domain::*, postgres::wal}; use super::super::Halt;"),
        ("src/manager/actor.rs", "pub(crate) fn f(a: crate::attempt::Launch) -> impl Sized + use<> {}"),
        ("src/app.rs", "use crate::{cli, console, worker};"),
        ("src/worker/mod.rs", "// crate::console\nconst A: &str = \"crate::console\";"),
    ] {
        assert_eq!(check(&Source::new(path, good)), Vec::<String>::new(), "{path}: {good}");
    }
}
