//! `--read-only`: what only looks looks, and everything else is refused before it begins.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

#[allow(dead_code, reason = "the sessions of another test are taken, and not all of them")]
#[path = "session/harness.rs"]
mod harness;
#[allow(dead_code, reason = "each floor uses its part of the samples")]
#[path = "machine/sample.rs"]
mod sample;

use harness::{Harness, Life};
use howdah::{domain::fact::End, machine::Command};
use rustix::process::Signal;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};
use support::{pty::Terminal, timeout::until_true};

const BINARY: &str = env!("CARGO_BIN_EXE_howdah");
const SIZE: (u16, u16) = (120, 40);

/// A stuck verification, and a restore that was cancelled.
fn harness() -> Harness {
    let stuck = Life::verifying(1).then(Command::Launch, 1).over(End::Failed(sample::incurable()), 2);
    Harness::of([stuck, Life::queued(2).cancelled(9)])
}

/// What stands in the state directory, but for what SQLite adds while somebody reads.
fn files(state: &Path) -> BTreeSet<PathBuf> {
    let entries = walkdir::WalkDir::new(state).into_iter().map(|entry| entry.unwrap().into_path());
    entries.filter(|path| !path.to_string_lossy().contains("journal.db-")).collect()
}

fn console(harness: &Harness) -> Terminal {
    let arguments = ["--read-only", "--state-dir", harness.state().to_str().unwrap()];
    Terminal::run(BINARY, arguments, harness.howdah.environment(), SIZE)
}

#[test]
fn what_would_change_sessions_is_refused_and_what_reads_is_not() {
    let harness = harness();
    let (before, journal) = (files(harness.state()), fs::read(harness.journal()).unwrap());
    let state = harness.state().to_str().unwrap();
    for refused in [
        &["restore", "orders", "--to", "/var/tmp/howdah-never", "--no-start"][..],
        &["backup", "verify"],
        &["keeper"],
        &["session", "start", "orders"],
        &["session", "retry", "1", "--kind", "verify"],
        &["session", "cancel", "--all"],
        &["session", "dismiss", "2"],
        &["session", "recover", "7"],
        &["explore", "clean"],
    ] {
        let arguments = [refused, &["--read-only", "--state-dir", state]].concat();
        let ran = harness.howdah.run(arguments).expect_code(3);
        assert!(ran.stdout.is_empty() && ran.stderr.contains("--read-only"), "{refused:?}: {ran}");
    }
    for read in [
        &["session", "list", "--all"][..],
        &["session", "show", "2"],
        &["session", "events", "2"],
        &["session", "recover"],
        &["report", "1"],
        &["backup", "list"],
        &["keys"],
    ] {
        harness.howdah.run([&["--read-only", "--state-dir", state], read].concat()).expect_code(0);
    }
    assert_eq!((files(harness.state()), fs::read(harness.journal()).unwrap()), (before, journal));
}

#[test]
fn a_console_without_an_owner_shows_the_journal_and_attaches_to_the_owner_that_comes() {
    let harness = harness();
    let (before, stored) = (files(harness.state()), harness.session(1));
    let mut terminal = console(&harness);
    terminal.wait_for_text("no owner: nobody manages the sessions");
    terminal.wait_for_text("orders-1");
    // What the journal alone knows of a completed session is read from it, too.
    terminal.keys("/orders-2\r4");
    terminal.wait_for_text("cancelled");
    terminal.keys("/\u{15}orders-1\rr");
    terminal.wait_for_text("--read-only");
    assert_eq!((files(harness.state()), harness.session(1)), (before, stored.clone()));
    let lock = harness.state().join("owner.lock");
    let is_free = || !lock.exists() || fs::OpenOptions::new().write(true).open(&lock).unwrap().try_lock().is_ok();
    assert!(is_free(), "somebody owns the sessions");
    let keeper = harness.howdah.spawn(["keeper", "--state-dir", harness.state().to_str().unwrap()]);
    terminal.wait_for_text(&format!("attached to process {}", keeper.pid()));
    keeper.signal(Signal::KILL);
    keeper.wait();
    terminal.wait_for_text("no owner: nobody manages the sessions");
    terminal.keys("q");
    assert_eq!(terminal.wait_for_end().code(), Some(0));
    assert!(is_free() && harness.session(1) == stored);
}

#[test]
fn a_state_directory_that_is_not_there_is_shown_empty_and_not_made() {
    let howdah = support::howdah::Howdah::new();
    let arguments = ["--read-only", "--state-dir", howdah.state.to_str().unwrap()];
    let mut terminal = Terminal::run(BINARY, arguments, howdah.environment(), SIZE);
    terminal.wait_for_text("no owner: nobody manages the sessions");
    terminal.keys("q");
    assert_eq!(terminal.wait_for_end().code(), Some(0));
    assert!(!howdah.state.exists());
}

#[test]
fn a_console_that_is_attached_shows_the_sessions_and_refuses_each_command() {
    let harness = harness();
    let state = harness.state().to_str().unwrap();
    let keeper = harness.howdah.spawn(["keeper", "--state-dir", state]);
    let lock = harness.state().join("owner.lock");
    let owner = || fs::read_to_string(&lock).unwrap_or_default().trim().to_owned();
    until_true("the keeper owns", || owner() == keeper.pid().to_string());
    let stored = harness.session(1);
    let mut terminal = console(&harness);
    terminal.wait_for_text("orders-1");
    terminal.keys("/orders-1\r");
    terminal.keys("r");
    terminal.wait_for_text("--read-only");
    assert_eq!(harness.session(1), stored);
    keeper.signal(Signal::KILL);
    keeper.wait();
    terminal.wait_for_text("no owner");
    terminal.keys("\u{1b}\u{1b}");
    terminal.keys("q");
    assert_eq!(terminal.wait_for_end().code(), Some(0));
    let free = fs::OpenOptions::new().write(true).open(&lock).unwrap();
    free.try_lock().expect("no keeper was started for it");
}
