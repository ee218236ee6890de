//! Owners that lose their lock or their journal: the newer one counts, the older one touches nothing (D9).

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

use rustix::process::{Pid, Signal, kill_process_group};
use std::{fs, path::PathBuf};
use support::{
    backup::{Form, Repository},
    howdah::{Howdah, Ran, Running},
    place::scratch,
    timeout::until_true,
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
fn begin(howdah: &Howdah, repository: &Repository) -> PathBuf {
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

/// The files of the journal.
fn journal(howdah: &Howdah) -> Vec<PathBuf> {
    let files = fs::read_dir(&howdah.state).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("journal.db")).collect()
}

/// Kills the keeper, and the worker of the first attempt.
fn end(howdah: &Howdah, keeper: Running) {
    keeper.signal(Signal::KILL);
    keeper.wait();
    let worker = howdah.events().worker(1, 1).pid;
    // It may have ended by itself.
    kill_process_group(Pid::from_raw(worker.try_into().unwrap()).unwrap(), Signal::KILL).unwrap_or_default();
}

#[test]
fn s10_what_a_lost_journal_forgot_is_told_held_and_brought_back() {
    needs_postgres!();
    let (howdah, repository) = (Howdah::new(), Repository::of(Form::PLAIN));
    let first = keeper(&howdah);
    let target = begin(&howdah, &repository);
    end(&howdah, first);
    for file in journal(&howdah) {
        fs::remove_file(file).unwrap();
    }
    let reported = ["does not know 1 session that left files here, of which 1 had not ended", "howdah session recover"];
    session(&howdah, &["list"]).expect_code(0).expect_words(&reported);
    howdah
        .run(["doctor", "--state-dir", howdah.state.to_str().unwrap()])
        .expect_words(&["of which 1 had not ended", reported[1]]);
    let listed = session(&howdah, &["recover", "--json"]).expect_code(0).json();
    assert_eq!((&listed[0]["id"], &listed[0]["last_state"]), (&1.into(), &"not ended".into()));
    // Nobody else gets the place meanwhile, and a new session gets a number of its own.
    let (repo, to) = (repository.0.to_str().unwrap(), target.to_str().unwrap());
    let start = |to: &str, more: &[&str]| {
        session(&howdah, &[&["start", "shop", "--repo", repo, "--to", to, "--no-start"], more].concat())
    };
    start(to, &["--set-aside", "data"]).expect_code(3).expect_words(&["is held by session 1 (shop)"]);
    session(&howdah, &["recover", "1"]).expect_code(0);
    session(&howdah, &["recover", "1"]).expect_code(3).expect_words(&["there is nothing to recover"]);
    session(&howdah, &["watch", "1"]).expect_code(0);
    assert!(target.join("global/pg_control").exists());
    assert!(howdah.events().progress(1, 2).bytes_reused.0 > 0, "it went on where it was");
    let other = scratch("other").join("data");
    start(other.to_str().unwrap(), &[]).expect_code(0);
    let rows = session(&howdah, &["list", "--all", "--json"]).json();
    let ids: Vec<u64> = rows.as_array().unwrap().iter().map(|row| row["id"].as_u64().unwrap()).collect();
    assert!(ids.contains(&1) && ids.len() == 2, "{ids:?}");
    session(&howdah, &["watch"]);
}

#[test]
fn s10_a_session_that_was_cancelled_stays_so_when_an_older_journal_is_put_back() {
    needs_postgres!();
    let (howdah, repository) = (Howdah::new(), Repository::of(Form::PLAIN));
    let first = keeper(&howdah);
    let target = begin(&howdah, &repository);
    let older: Vec<_> = journal(&howdah).into_iter().map(|path| (fs::read(&path).unwrap(), path)).collect();
    session(&howdah, &["cancel", "1", "--wait"]).expect_code(0);
    end(&howdah, first);
    for file in journal(&howdah) {
        fs::remove_file(file).unwrap();
    }
    for (bytes, path) in older {
        fs::write(path, bytes).unwrap();
    }
    assert_eq!(session(&howdah, &["show", "1", "--json"]).json()["phase"], "running");
    let _second = keeper(&howdah);
    until_true("it is cancelled again", || session(&howdah, &["show", "1", "--json"]).json()["phase"] == "cancelled");
    assert!(!target.exists());
    session(&howdah, &["events", "1"]).expect_code(0).expect_words(&["the journal did not know of attempt 2"]);
}

#[test]
fn s10_a_session_whose_record_cannot_be_read_keeps_its_places() {
    needs_postgres!();
    let (howdah, repository) = (Howdah::new(), Repository::of(Form::PLAIN));
    let first = keeper(&howdah);
    let target = begin(&howdah, &repository);
    end(&howdah, first);
    let journal = rusqlite::Connection::open(howdah.state.join("journal.db")).unwrap();
    journal.execute("UPDATE sessions SET body = '{}'", []).unwrap();
    drop(journal);
    let _second = keeper(&howdah);
    let (repo, to) = (repository.0.to_str().unwrap(), target.to_str().unwrap());
    let start = ["start", "shop", "--repo", repo, "--to", to, "--no-start", "--set-aside", "data"];
    session(&howdah, &start).expect_code(3).expect_words(&["is held by session 1 (shop)"]);
    assert!(target.join(".howdah").exists());
}
