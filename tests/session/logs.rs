//! `howdah session log`: the raw output of an attempt, also while it grows.

use crate::{
    harness::{FIRST, Harness, Life},
    sample,
    support::timeout::{until, until_true},
};
use howdah::{
    domain::{Disposed, fact::End},
    machine::Command,
};
use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
};

/// Two attempts; the second runs.
fn tried_twice() -> Life {
    Life::queued(1).waiting().then(sample::retry(), 20).running()
}

#[test]
fn the_output_of_the_newest_attempt_is_printed_and_of_any_that_is_named() {
    let harness = Harness::of([tried_twice()]);
    harness.print(1, 1, b"first\n");
    harness.print(1, 2, "zweite \u{df}\tx\r\n\x1b[31mred\x07\nno end".as_bytes());
    let log = |arguments: &[&str]| harness.run(&[&["log", "1"], arguments].concat());
    assert_eq!(log(&[]).expect_code(0).stdout, "zweite \u{df}    x\n\\u{1b}[31mred\\u{7}\nno end\n");
    assert_eq!(log(&["--attempt", "1"]).expect_code(0).stdout, "first\n");
    log(&["--attempt", "3"]).expect_code(3).expect_words(&["no attempt 3", "newest is 2"]);
    log(&["--attempt", "x"]).expect_code(2);
}

#[test]
fn a_session_without_output_has_an_empty_log() {
    let harness = Harness::of([Life::queued(1), Life::queued(2).running()]);
    let ran = harness.run(&["log", "1"]).expect_code(0).expect_words(&["session 1 has made no attempt yet"]);
    assert_eq!(ran.stdout, "");
    harness.run(&["log", "1", "--attempt", "1"]).expect_code(3).expect_words(&["no attempt yet"]);
    assert_eq!(harness.run(&["log", "2"]).expect_code(0).stdout, "");
}

#[test]
fn of_a_cancelled_session_the_restoring_attempt_is_printed() {
    let harness = Harness::of([Life::queued(1).cancelled(50)]);
    harness.print(1, 1, b"copying\n");
    harness.print(1, 2, b"removing\n");
    assert_eq!(harness.run(&["log", "1"]).expect_code(0).stdout, "copying\n");
}

#[test]
fn a_log_is_followed_through_all_attempts_to_the_end_of_the_session() {
    let first = Life::queued(1).running();
    let harness = Harness::of([first.clone()]);
    harness.print(1, 1, b"one\n");
    let log = harness.follow(&["log", "1", "-f"]);
    assert_eq!(log.line(), "one");
    harness.print(1, 1, b"two\nthr");
    assert_eq!(log.line(), "two");
    harness.print(1, 1, b"ee\nunfinished");
    assert_eq!(log.line(), "three");
    let failed = first.over(End::Failed(sample::disruption()), 10);
    harness.store([failed.clone()]);
    let again = failed.then(sample::retry(), 20).running();
    harness.print(1, 2, b"second attempt\n");
    harness.store([again.clone()]);
    assert_eq!(log.line(), "unfinished", "its end never came");
    assert_eq!(log.line(), "second attempt");
    harness.print(1, 2, b"done\n");
    harness.store([again.over(End::Succeeded(sample::success()), 30)]);
    assert_eq!(log.line(), "done");
    assert_eq!(log.end(), 0);
}

#[test]
fn an_attempt_that_is_named_is_followed_to_its_own_end() {
    let running = Life::queued(1).running();
    let harness = Harness::of([running.clone()]);
    harness.print(1, 1, b"one\n");
    let follower = harness.spawn(&["log", "1", "-f", "--attempt", "1"]);
    until_true("it says that nobody owns the sessions", || follower.stderr().contains("howdah keeper"));
    let command = Command::Cancel {
        disposition: howdah::domain::Disposition::Keep,
        reach: howdah::domain::Reach::AnyOrigin,
        by: "ops".to_owned(),
    };
    let stopped = running.then(command, 20).over(End::Stopped, 21);
    harness.print(1, 1, b"stopped\n");
    harness.store([stopped.clone()]);
    assert_eq!(follower.wait().expect_code(0).stdout, "one\nstopped\n");
    let disposed = stopped.over(End::Disposed(Disposed::Kept), 22);
    assert_eq!(disposed.session.attempts()[0].number, FIRST);
    harness.store([disposed]);
    assert_eq!(harness.run(&["log", "1", "-f"]).expect_code(0).stdout, "one\nstopped\n");
}

#[test]
fn who_follows_for_a_reader_that_goes_away_ends_at_once() {
    let harness = Harness::of([Life::queued(1).running()]);
    harness.print(1, 1, b"one\n");
    for arguments in [&["log", "1", "-f"][..], &["watch", "1"], &["watch", "--json"]] {
        let mut command = harness.howdah.command(harness.arguments(arguments));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let status = until("it ends", || child.try_wait().unwrap());
        assert_eq!(status.code(), Some(0), "{arguments:?} after {line:?}");
    }
}
