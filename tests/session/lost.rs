//! Sessions that stand still because their worker is gone and nobody owns them: every reading verb tells them as lost.

use crate::harness::{Harness, Life, copied};
use howdah::{
    domain::fact::{Began, End, Fact, ProcessMark, Realm},
    machine::Command::Launch,
    process::mark,
};
use insta::assert_snapshot;
use serde_json::Value;
use std::{
    os::unix::process::CommandExt as _,
    process::{Child, Command},
};

/// One session that copies, or is being cancelled, and whose worker nobody has met.
fn harness() -> Harness {
    let harness = Harness::of([Life::queued(1).running(), Life::queued(2).cancelling(), Life::queued(3).waiting()]);
    harness.tell(1, 1, [copied(434)]);
    harness
}

/// What `list` says of the first session: its phase, and whether it is lost.
fn first(harness: &Harness) -> (String, bool) {
    let rows = harness.run(&["list", "--json"]).expect_code(0).json();
    (rows[0]["phase"].as_str().unwrap().to_owned(), rows[0]["lost"].as_bool().unwrap())
}

#[test]
fn s12_what_is_lost_is_told_by_every_reading_verb() {
    let harness = harness();
    let list = harness.run(&["list"]).expect_code(0);
    assert_snapshot!(list.stdout, @"
    INDEX  NUMBER  UUID      INSTANCE  PHASE                  PROGRESS  TARGET                          STARTED (UTC)
      [0]       1  aaaa0001  orders-1  ? lost (running)           43 %  /var/tmp/howdah-never/orders-1  2020-02-02 02:00:00
      [1]       2  aaaa0002  orders-2  ? lost (cancelling)         0 %  /var/tmp/howdah-never/orders-2  2020-02-02 02:00:00
      [2]       3  aaaa0003  orders-3  ◌ waiting, try 1 of 3       0 %  /var/tmp/howdah-never/orders-3  2020-02-02 02:00:00
    ");
    assert!(list.stderr.contains("nobody owns") && list.stderr.contains("start howdah keeper"), "{list}");
    let rows = harness.run(&["list", "--json"]).expect_code(0).json();
    let all: Vec<&Value> = rows.as_array().unwrap().iter().map(|row| &row["lost"]).collect();
    assert_eq!(all, [true, true, false], "one that waits has no worker to lose");
    let show = harness.run(&["show", "1"]).expect_code(0);
    let shown = |label: &str| show.stdout.lines().find(|line| line.starts_with(label)).unwrap_or_default().to_owned();
    assert_snapshot!([shown("phase"), shown("state"), shown("attempt 1")].join("\n"), @"
    phase          ? lost (running)
    state          lost, will go on when an owner is there (was: Copy 43 % (434 B of 1000 B), attempt 1)
    attempt 1      first, launched 2020-02-02 02:00:01 UTC, was process 1001, which is gone
    ");
    assert!(show.stderr.contains("nobody owns"), "{show}");
    assert_eq!(harness.run(&["show", "2", "--json"]).expect_code(0).json()["lost"], true);
    assert_snapshot!(harness.follow(&["watch", "1"]).line(), @"1 orders-1: lost, will go on when an owner is there (was: Copy 43 % (434 B of 1000 B), attempt 1)");
    assert_eq!(serde_json::from_str::<Value>(&harness.follow(&["watch", "1", "--json"]).line()).unwrap()["lost"], true);
    let events = harness.run(&["events", "1"]).expect_code(0);
    assert!(events.stderr.contains("1 orders-1: lost, will go on when an owner is there"), "{events}");
    assert!(events.stderr.contains("nobody owns"), "{events}");
}

#[test]
fn with_an_owner_nothing_is_lost() {
    let harness = harness();
    let _owner = harness.owned();
    assert_eq!(first(&harness), ("running".to_owned(), false));
    let show = harness.run(&["show", "1"]).expect_code(0);
    assert!(!show.stdout.contains("lost") && show.stderr.is_empty(), "{show}");
    assert!(harness.run(&["events", "1"]).expect_code(0).stderr.is_empty());
}

#[test]
fn a_worker_that_has_said_its_last_word_is_not_lost() {
    let harness = harness();
    assert_eq!(first(&harness), ("running".to_owned(), true));
    harness.tell(1, 1, [Fact::Ended(End::Stopped)]);
    assert_eq!(first(&harness), ("running".to_owned(), false));
}

/// A process of its own group that shows the command line of a session's first worker.
struct Worker(Child);

impl Worker {
    fn of(harness: &Harness, session: u64) -> Self {
        let events = harness.attempt_file(session, 1, "events.jsonl");
        let script = ["-c", "tail -f /dev/null; :", "howdah", "worker"];
        Self(Command::new("sh").args(script).arg(events.parent().unwrap()).process_group(0).spawn().unwrap())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn a_worker_that_has_not_said_its_first_word_yet_is_found_by_its_command_line() {
    let harness = Harness::of([Life::queued(1).then(Launch, 1)]);
    let worker = Worker::of(&harness, 1);
    assert_eq!(first(&harness), ("running".to_owned(), false));
    drop(worker);
    assert_eq!(first(&harness), ("running".to_owned(), true));
}

#[test]
fn a_worker_that_lives_or_cannot_be_seen_is_not_lost() {
    let harness = harness();
    let worker = Worker::of(&harness, 1);
    let mark = mark(worker.0.id()).unwrap();
    harness.tell(1, 1, [Fact::Began(Began::of(mark, None))]);
    assert_eq!(first(&harness), ("running".to_owned(), false));
    drop(worker);
    assert_eq!(first(&harness), ("running".to_owned(), true));
    // The same run of the kernel, and a namespace of pids that we do not see.
    let realm = mark.realm.unwrap();
    let elsewhere = Realm { namespace: realm.namespace + 1, ..realm };
    harness.tell(1, 1, [Fact::Began(Began::of(ProcessMark { realm: Some(elsewhere), ..mark }, None))]);
    assert_eq!(first(&harness), ("running".to_owned(), false));
    // Another run of the kernel: the machine was restarted, and nobody outlives that.
    let before = Realm { boot: uuid::Uuid::nil(), ..realm };
    harness.tell(1, 1, [Fact::Began(Began::of(ProcessMark { realm: Some(before), ..mark }, None))]);
    assert_eq!(first(&harness), ("running".to_owned(), true));
}
