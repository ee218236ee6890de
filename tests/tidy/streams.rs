//! Guards the standard streams: only the edges of commands that a person or a script runs may write to them.
//!
//! A keeper and a worker have nobody at the other end. Their standard error is a file on the disk of the state directory,
//! and may be full: a macro of `std` panics then, and so does a log that reports its own errors there.

use super::source::Source;

/// Where data goes to standard output.
const OUT: &[&str] = &[
    "src/app/console/mod.rs",
    "src/app/demo/mod.rs",
    "src/app/doctor/mod.rs",
    "src/app/handover.rs",
    "src/app/generate.rs",
    "src/app/overlay.rs",
    "src/app/play.rs",
    "src/app/restore.rs",
    "src/app/run.rs",
    "src/app/session.rs",
    "src/app/verify.rs",
    "src/app/wal/show.rs",
    "src/app/worker.rs",
    "src/console/terminal.rs",
];

/// Where talk goes to standard error. A detached process comes by `print_error` alone, which cannot fail, and by the log,
/// which only asks where its standard error goes.
const ERR: &[&str] =
    &["src/app/log.rs", "src/app/restore.rs", "src/app/session.rs", "src/app/verify.rs", "src/cli/streams.rs"];

/// Where the log is set up, with its writer that cannot fail and with no other.
const LOG: &[&str] = &["src/app/log.rs"];

const MACROS: [&str; 4] = ["print", "println", "eprint", "eprintln"];

pub(crate) fn check(source: &Source) -> Vec<String> {
    if !source.path.starts_with("src/") {
        return Vec::new();
    }
    let tokens = source.tokens();
    let text = |at: Option<usize>| at.and_then(|at| tokens.get(at)).map_or("", |token| token.text);
    let mut problems = Vec::new();
    for (at, token) in tokens.iter().enumerate().filter(|(_, token)| !source.is_test(token.at)) {
        let (before, after) = (text(at.checked_sub(1)), text(Some(at + 1)));
        // Called or imported; behind a dot it is the stream of a child.
        let is_ours = before != "." && matches!(after, "(" | "," | "}" | ";");
        let allowed: &[&str] = match token.text {
            name if MACROS.contains(&name) && after == "!" => &[],
            "stdout" if is_ours => OUT,
            "stderr" if is_ours => ERR,
            "tracing_subscriber" => LOG,
            _ => continue,
        };
        if !allowed.contains(&&*source.path) {
            let why = "no standard stream and no log of its own where a detached process comes by";
            problems.push(format!("{}:{}: {}: {why}", source.path, source.line(token.at), token.text));
        }
    }
    problems
}

#[test]
fn what_writes_to_a_standard_stream_is_seen() {
    for (path, bad) in [
        ("src/manager/actor.rs", "fn f() { eprintln!(\"x\") }"),
        ("src/console/view/a.rs", "fn f() { print!(\"x\") }"),
        ("src/worker/mod.rs", "fn f() { writeln!(io::stderr(), \"x\")?; }"),
        ("src/worker/mod.rs", "fn f() { writeln!(std::io::stdout().lock(), \"x\")?; }"),
        ("src/app/keeper.rs", "use std::io::{stderr, Write};"),
        ("src/app/keeper.rs", "fn f() { tracing_subscriber::fmt().init() }"),
        ("src/app/session.rs", "fn f() { eprintln!(\"x\") }"),
    ] {
        assert_eq!(check(&Source::new(path, bad)).len(), 1, "{path}: {bad}: {:?}", check(&Source::new(path, bad)));
    }
}

#[test]
fn the_streams_of_a_child_and_the_edges_are_left_alone() {
    for (path, good) in [
        ("src/attempt/follow.rs", "fn f() { command.stdout(output).stderr(Stdio::null()); }"),
        ("src/app/planner.rs", "fn f() { from_slice(&output.stdout) }"),
        ("src/app/session.rs", "fn f() { let err = io::stderr(); }"),
        ("src/manager/actor.rs", "#[cfg(test)]\nmod tests { fn f() { println!(\"x\") } }"),
        ("src/manager/actor.rs", "// eprintln!\nconst A: &str = \"eprintln!\";"),
        ("tests/a.rs", "fn f() { eprintln!(\"x\") }"),
    ] {
        assert_eq!(check(&Source::new(path, good)), Vec::<String>::new(), "{path}: {good}");
    }
}
