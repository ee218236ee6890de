//! R11 on the command line: that the tries are used up is said, with the commands by which a person goes on; tries are
//! numbered; what is on disk counts while a session waits.

use crate::{
    harness::{FIRST, Harness, Life},
    sample,
};
use howdah::{
    domain::{
        Timestamp,
        fact::{End, Fact},
    },
    machine::{Command, Report},
};
use insta::assert_snapshot;
use std::fs;

#[test]
fn r11_that_the_tries_are_used_up_is_said_wherever_the_session_is_told_of() {
    let harness = Harness::of([Life::used_up(1)]);
    let ran = harness.run(&["list"]).expect_code(0);
    assert_snapshot!(ran.stdout, @"
    INDEX  NUMBER  UUID      INSTANCE  PHASE                         PROGRESS  TARGET                          STARTED (UTC)
      [0]       1  aaaa0001  orders-1  ✖ stuck, all 3 tries used up      50 %  /var/tmp/howdah-never/orders-1  2020-02-02 02:00:00
    ");
    assert_snapshot!(harness.masked(&ran.stderr), @"howdah: session 1 (orders-1): all 3 tries used up: howdah session retry 1 --state-dir ~/state makes another attempt, howdah session cancel 1 --state-dir ~/state ends it");
    assert_snapshot!(harness.masked(&harness.run(&["show", "1"]).expect_code(0).stdout), @"
    session        1
    uuid           aaaa0001-0000-7000-8000-000000000000
    instance       orders-1
    restore point  2026-11-20T0200 in /backup/orders-1/2026-11-20T0200
    target         /var/tmp/howdah-never/orders-1, port 6001
    ordered        2020-02-02 02:00:00 UTC by ops through the command line
    phase          ✖ stuck
    state          stuck, all 3 tries used up: the repository is gone: mount it again
    what to do     howdah session retry 1 --state-dir ~/state makes another attempt, howdah session cancel 1 --state-dir ~/state ends it
    tries          3 made in all
    progress       50 %, 500 B of 1000 B
    attempt 1      first, launched 2020-02-02 02:00:01 UTC, ended 2020-02-02 02:00:10 UTC, failed: the repository is gone
    attempt 2      try 1 of 3, launched 2020-02-02 02:00:20 UTC, ended 2020-02-02 02:00:21 UTC, failed: the repository is gone
    attempt 3      try 2 of 3, launched 2020-02-02 02:00:30 UTC, ended 2020-02-02 02:00:31 UTC, failed: the repository is gone
    attempt 4      try 3 of 3, launched 2020-02-02 02:00:40 UTC, ended 2020-02-02 02:00:41 UTC, failed: the repository is gone
    first cause    the repository is gone
    last failure   the repository is gone
    advice         mount it again
    ");
    assert_snapshot!(harness.masked(&harness.run(&["watch", "1"]).expect_code(4).stdout), @"1 orders-1: stuck, all 3 tries used up: the repository is gone: mount it again; howdah session retry 1 --state-dir ~/state makes another attempt, howdah session cancel 1 --state-dir ~/state ends it");
    let object = harness.run(&["show", "1", "--json"]).expect_code(0).json();
    assert_eq!((&object["reason"], &object["tries_used"]), (&"tries_used_up".into(), &3.into()));
}

#[test]
fn a_session_of_a_console_is_told_the_cancel_that_reaches_it() {
    let harness = Harness::of([Life::from_console(1).stuck()]);
    harness.run(&["show", "1"]).expect_code(0).expect_words(&["howdah session cancel 1 --any-origin --state-dir"]);
}

#[test]
fn the_state_directory_stands_in_a_command_only_where_it_is_not_the_own_one() {
    let harness = Harness::of([Life::queued(1).stuck()]);
    let own = harness.howdah.home.join("state-home/howdah");
    fs::create_dir_all(own.parent().unwrap()).unwrap();
    fs::rename(harness.state(), &own).unwrap();
    let show = |more: &[&str]| harness.howdah.run([&["session", "show", "1"], more].concat()).expect_code(0);
    show(&[]).expect_words(&["howdah session retry 1 makes another attempt, howdah session cancel 1 ends it"]);
    let elsewhere = harness.howdah.home.join("it's elsewhere");
    fs::rename(own, &elsewhere).unwrap();
    let quoted = elsewhere.to_str().unwrap().replace('\'', r"'\''");
    show(&["--state-dir", elsewhere.to_str().unwrap()])
        .expect_words(&[&format!("howdah session retry 1 --state-dir '{quoted}' makes another attempt")]);
}

#[test]
fn only_the_first_of_many_used_up_sessions_are_named() {
    let harness = Harness::of((1..=7).map(Life::used_up));
    let reported = harness.run(&["list"]).expect_code(0).stderr;
    assert_eq!(reported.lines().count(), 6, "{reported}");
    assert_eq!(reported.lines().last(), Some("howdah: 2 more have used their tries up"));
}

#[test]
fn tries_are_numbered_while_they_run_and_wait() {
    let life = Life::hasty(1).waiting().then(Command::Wake, 20);
    let harness = Harness::of([life.clone()]);
    let _owner = harness.owned();
    let phase = || {
        let table = harness.run(&["list"]).expect_code(0).stdout;
        let row = table.lines().nth(1).unwrap().split_once("orders-1  ").unwrap().1.to_owned();
        row.split("  ").next().unwrap().to_owned()
    };
    assert_eq!(phase(), "◦ queued, try 1 of 3");
    let life = life.running();
    harness.store([life.clone()]);
    assert_eq!(phase(), "◉ running, try 1 of 3");
    harness.run(&["show", "1"]).expect_code(0).expect_words(&["Copy 0 % (0 B of 1000 B), attempt 2, try 1 of 3"]);
    harness.store([life.over(End::Stopped, 30)]);
    assert_eq!(phase(), "◌ waiting, try 2 of 3");
}

#[test]
fn d06_an_overdue_cancel_is_told_with_its_process() {
    let harness = Harness::of([Life::queued(1).cancelling().then(Command::Wake, 500)]);
    let _owner = harness.owned();
    let reported = "cancelling, overdue: attempt 1 (process 1001) is still alive past its deadline";
    harness.run(&["show", "1"]).expect_code(0).expect_words(&[reported, "howdah session cancel 1 --force --state-dir"]);
    harness.run(&["list"]).expect_code(0).expect_words(&["⊘ cancelling, overdue: process 1001"]);
    let watch = harness.follow(&["watch", "1"]);
    assert_eq!(
        harness.masked(&watch.line()),
        format!("1 orders-1: {reported}; howdah session cancel 1 --force --state-dir ~/state kills it")
    );
    let object = harness.run(&["show", "1", "--json"]).expect_code(0).json();
    assert_eq!((&object["overdue"], &object["pid"]), (&true.into(), &1001.into()));
}

#[test]
fn what_earlier_attempts_left_counts_while_a_session_waits() {
    let life = Life::hasty(1).running();
    let copied = Report::Fact(Fact::Progress(sample::progress(500, None)));
    let life = life.then(Command::Report { attempt: FIRST, report: copied }, 5);
    let life = life.over(End::Failed(sample::disruption()), 10);
    for life in [life.clone(), life.tried_in_vain(20)] {
        let harness = Harness::of([life]);
        let object = harness.run(&["list", "--json"]).expect_code(0).json()[0].clone();
        assert_eq!(
            (&object["bytes_done"], &object["bytes_total"], &object["percent"]),
            (&500.into(), &1000.into(), &50.into())
        );
        harness.run(&["list"]).expect_code(0).expect_words(&["50 %"]);
        harness.run(&["show", "1"]).expect_code(0).expect_words(&["50 %, 500 B of 1000 B"]);
    }
}

/// The journal is of a clock that was a century ahead.
#[test]
fn no_reader_shows_a_longer_wait_than_one_pause() {
    let life = Life::hasty(1).then(Command::Launch, 1);
    let harness = Harness::of([life.over(End::Failed(sample::disruption()), 100 * 365 * 24 * 3600)]);
    let shown = harness.run(&["show", "1"]).expect_code(0);
    let wait = shown.stdout.lines().find(|line| line.starts_with("state")).unwrap();
    assert!(wait.contains("waiting, try 1 of 3 in 0:0"), "{wait}");
    let object = harness.run(&["list", "--json"]).expect_code(0).json()[0].clone();
    let next_try: Timestamp = object["next_try"].as_str().unwrap().parse().unwrap();
    assert!(next_try < "2100-01-01T00:00:00Z".parse().unwrap(), "{next_try}");
}
