//! Owners that lose their lock or their journal: the newer one counts, the older one touches nothing (D9).

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

use std::fs;
use support::{
    backup::{Form, Repository},
    howdah::{Howdah, Ran, Running},
    patience::until_true,
    place::scratch,
};

/// So much of the source is whole files already.
const SOME_FILES: u64 = 40 << 20;

fn session(howdah: &Howdah, verb: &[&str]) -> Ran {
    let mut arguments = vec!["session"];
    arguments.extend(verb);
    arguments.extend(["--state-dir", howdah.state.to_str().unwrap()]);
    howdah.run(arguments)
}

/// A keeper that owns the state directory by now.
fn keeper(howdah: &Howdah) -> Running {
    let running = howdah.spawn(["keeper", "--state-dir", howdah.state.to_str().unwrap()]);
    let lock = howdah.state.join("owner.lock");
    let pid = running.pid().to_string();
    until_true("the keeper owns", || fs::read_to_string(&lock).is_ok_and(|owner| owner.trim() == pid));
    running
}

/// Starts a slow restore through whoever owns the sessions, and waits until it is in the midst of its copy.
fn begin(howdah: &Howdah, repository: &Repository) -> std::path::PathBuf {
    let target = scratch("target").join("data");
    let (repo, to) = (repository.0.to_str().unwrap(), target.to_str().unwrap());
    let more = ["--max-rate", "8M", "--no-start", "--tries", "2", "--every", "1h"];
    session(howdah, &[&["start", "shop", "--repo", repo, "--to", to][..], &more].concat()).expect_code(0);
    howdah.events().wait_for_bytes(1, 1, SOME_FILES);
    target
}

#[test]
fn a_cancelled_session_does_not_come_back_to_life_through_an_owner_whose_lock_was_deleted() {
    needs_postgres!();
    let (howdah, repository) = (Howdah::new(), Repository::of(Form::PLAIN));
    let first = keeper(&howdah);
    let target = begin(&howdah, &repository);
    fs::remove_file(howdah.state.join("owner.lock")).unwrap();
    let second = keeper(&howdah);
    // The first one may still listen in this moment; it has the journal no more, and does nothing.
    until_true("the second one cancels it", || {
        let ran = session(&howdah, &["cancel", "1", "--wait"]);
        assert!(ran.code == Some(0) || ran.stderr.contains("was taken over by another owner"), "{ran}");
        ran.code == Some(0)
    });
    let ended = first.wait();
    assert_eq!(ended.code, Some(1), "{ended}");
    ended.expect_words(&["not the owner any more"]);
    assert!(!target.exists());
    let shown = session(&howdah, &["show", "1", "--json"]).json();
    assert_eq!((&shown["phase"], &shown["disposed"]), (&"cancelled".into(), &"removed".into()));
    drop(second);
}

#[test]
fn an_owner_whose_journal_is_deleted_under_it_ends_and_says_so() {
    needs_postgres!();
    let (howdah, repository) = (Howdah::new(), Repository::of(Form::PLAIN));
    let first = keeper(&howdah);
    begin(&howdah, &repository);
    fs::rename(howdah.state.join("journal.db"), howdah.state.join("journal.db.away")).unwrap();
    fs::rename(&repository.0, repository.0.with_extension("away")).unwrap();
    let ended = first.wait();
    assert_eq!(ended.code, Some(1), "{ended}");
    ended.expect_words(&["journal", "deleted or moved away"]);
}
