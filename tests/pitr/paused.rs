//! A pause: what can be done there, and what brings it back.

use super::bed::{Restoring, bed, segments};
use crate::{
    needs_postgres,
    support::timeout::{until, until_true},
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::{fs, path::Path};

/// A restore that is paused at the fourth commit behind the backup; the numbers there.
fn paused() -> Restoring {
    let bed = bed();
    let course = &bed.courses[&1];
    let wanted = course.at_xid(&course.behind(bed.stop)[9], true);
    let restoring = Restoring::of(&bed.repository());
    let ran = restoring.run(&wanted, &["--timeline", "1", "--at-target", "pause"]);
    ran.expect_code(6);
    restoring.expect_numbers(&wanted.numbers);
    restoring
}

fn pid_of(target: &Path) -> Option<u32> {
    fs::read_to_string(target.join("postmaster.pid")).ok()?.lines().next()?.parse().ok()
}

fn kill(pid: u32) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), Signal::KILL).unwrap();
}

#[test]
fn a_pause_goes_on_to_a_later_goal_without_a_copy_and_is_opened_there() {
    needs_postgres!();
    let bed = bed();
    let course = &bed.courses[&1];
    let restoring = paused();
    let pause = restoring.shown();
    assert_eq!((&pause["phase"], &pause["attempt"]), (&Value::from("paused"), &Value::from(1)));
    let ends = course.behind(bed.stop);
    let earlier = course.at_time(ends[4].at, true);
    let words: Vec<&str> = ["go-on", "1"].into_iter().chain(earlier.words.iter().map(String::as_str)).collect();
    restoring.session(&words).expect_code(3).expect_words(&["new"]);
    let later = course.at_time(ends[25].at, true);
    let words: Vec<&str> = ["go-on", "1"].into_iter().chain(later.words.iter().map(String::as_str)).collect();
    restoring.session(&words).expect_code(0);
    until_true("it is paused again", || {
        let shown = restoring.shown();
        shown["phase"] == "paused" && shown["attempt"] == 2
    });
    restoring.expect_numbers(&later.numbers);
    assert_eq!(restoring.shown()["bytes_reused"], restoring.shown()["bytes_total"], "nothing was copied again");
    restoring.session(&["promote", "1"]).expect_code(0);
    let done = restoring.until_phase("succeeded");
    assert_eq!(done["attempt"], 3);
    restoring.expect_numbers(&later.numbers);
    assert!(!restoring.is_recovering());
    let auto = fs::read_to_string(restoring.target.join("postgresql.auto.conf")).unwrap();
    assert!(!auto.contains("wal fetch") && !auto.contains("recovery_target_xid"), "{auto}");
}

#[test]
fn a_pause_that_is_stopped_leaves_a_server_that_comes_to_the_same_place() {
    needs_postgres!();
    let restoring = paused();
    let numbers = restoring.server.ask("select string_agg(n::text, ',' order by n) from log");
    restoring.session(&["stop-here", "1"]).expect_code(0);
    restoring.until_phase("succeeded");
    assert!(!restoring.server.is_running());
    assert!(!restoring.target.join(".howdah").exists(), "the session's marks are gone");
    restoring.server.start(crate::support::cluster::free_port());
    restoring.expect_numbers(&numbers);
    assert!(restoring.is_recovering());
    restoring.server.ask("select pg_wal_replay_resume()");
    until_true("it opens", || !restoring.is_recovering());
    restoring.expect_numbers(&numbers);
}

#[test]
fn r15_retry_passes_a_pause_over_and_r18_cancel_ends_it_with_its_server() {
    needs_postgres!();
    let restoring = paused();
    let server = pid_of(&restoring.target).unwrap();
    restoring.session(&["retry", "--all"]).expect_words(&["paused"]);
    assert_eq!(restoring.shown()["phase"], "paused");
    restoring.session(&["cancel", "1", "--remove"]).expect_code(0);
    restoring.until_phase("cancelled");
    until_true("its server is gone", || !Path::new(&format!("/proc/{server}")).exists());
    assert!(!restoring.target.exists(), "what it made is removed");
}

#[test]
fn a_server_that_dies_at_its_pause_is_brought_back_there() {
    needs_postgres!();
    let restoring = paused();
    let numbers = restoring.server.ask("select string_agg(n::text, ',' order by n) from log");
    let before = pid_of(&restoring.target).unwrap();
    kill(before);
    let after = until("another server waits there", || {
        // A keeper does not stay for a pause alone; whoever acts makes an owner, who looks at once.
        restoring.session(&["retry", "1"]);
        let shown = restoring.shown();
        let is_back = shown["phase"] == "paused" && shown["attempt"].as_u64() > Some(1);
        pid_of(&restoring.target).filter(|pid| is_back && *pid != before)
    });
    assert_ne!(before, after);
    restoring.expect_numbers(&numbers);
    assert!(restoring.is_recovering());
}

#[test]
fn a_pause_at_the_latest_goes_on_to_what_is_the_latest_by_then() {
    needs_postgres!();
    let bed = bed();
    let (repository, archive) = bed.own();
    let names = segments(&archive, 1);
    let late = &names[names.len() - 3..];
    let away = repository.0.join("late");
    fs::create_dir(&away).unwrap();
    let carry = |from: &Path, to: &Path| {
        for name in late {
            fs::rename(from.join(name), to.join(name)).unwrap();
        }
    };
    carry(&archive, &away);
    let course = &bed.courses[&1];
    let restoring = Restoring::of(&repository);
    restoring.run(&course.latest(), &["--timeline", "1", "--at-target", "pause"]).expect_code(6);
    let first = restoring.shown()["paused"]["lsn"].clone();
    carry(&away, &archive);
    // A server that is lost comes back to where it was, though the archive has more by now.
    let server = pid_of(&restoring.target).unwrap();
    kill(server);
    until_true("it is back", || {
        restoring.session(&["retry", "1"]);
        let shown = restoring.shown();
        shown["phase"] == "paused" && shown["attempt"] == 2
    });
    assert_eq!(restoring.shown()["paused"]["lsn"], first);
    restoring.session(&["go-on", "1", "--latest"]).expect_code(0);
    until_true("it has gone on", || {
        let shown = restoring.shown();
        shown["phase"] == "paused" && shown["attempt"] == 3
    });
    restoring.expect_numbers(&course.latest().numbers);
}
