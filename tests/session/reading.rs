//! `howdah session show` and `events`: all about one session.

use crate::{
    harness::{FIRST, Harness, Life, cancel, copied, one_of_each, start},
    sample,
};
use howdah::{
    attempt::observe::replay,
    domain::{
        KindFilter, SessionId, Step, StepState,
        fact::{Began, End, Fact},
    },
    journal::JournalReader,
    machine::{Command, Phase, Report},
};
use insta::assert_snapshot;
use std::time::Duration;

#[test]
fn one_session_is_told_whole() {
    let harness = Harness::of(one_of_each());
    let _owner = harness.owned();
    harness.tell(2, 1, [copied(434), Fact::Note("the backup has no checksums".to_owned())]);
    let show = |name: &str| harness.masked(&harness.run(&["show", name]).expect_code(0).stdout);
    assert_snapshot!(show("2"), @"
    session        2
    uuid           aaaa0002-0000-7000-8000-000000000000
    instance       orders-2
    restore point  2026-11-20T0200 in /backup/orders-2/2026-11-20T0200
    target         /var/tmp/howdah-never/orders-2, port 6002
    ordered        2020-02-02 02:00:00 UTC by ops through the command line
    phase          ◉ running
    state          Copy 43 % (434 B of 1000 B), attempt 1
    progress       43 %, 434 B of 1000 B
    step           Check: done
    step           Copy: under way
    attempt 1      first, launched 2020-02-02 02:00:01 UTC, runs as process 1001
    note           the backup has no checksums
    ");
    assert_snapshot!(show("4"), @"
    session        4
    uuid           aaaa0004-0000-7000-8000-000000000000
    instance       orders-4
    restore point  2026-11-20T0200 in /backup/orders-4/2026-11-20T0200
    target         /var/tmp/howdah-never/orders-4, port 6004
    ordered        2020-02-02 02:00:00 UTC by ops through the command line
    phase          ✖ stuck
    state          stuck: no space left on /var/tmp/howdah-never: make room, then retry
    what to do     howdah session retry 4 --state-dir ~/state makes another attempt, howdah session cancel 4 --state-dir ~/state ends it
    progress       0 %, 0 B of 1000 B
    step           Check: done
    step           Copy: failed
    attempt 1      first, launched 2020-02-02 02:00:01 UTC, ended 2020-02-02 02:00:10 UTC, failed: no space left on /var/tmp/howdah-never
    first cause    no space left on /var/tmp/howdah-never
    last failure   no space left on /var/tmp/howdah-never
    advice         make room, then retry
    ");
    assert_snapshot!(show("7"), @"
    session        7
    uuid           aaaa0007-0000-7000-8000-000000000000
    instance       orders-7
    restore point  2026-11-20T0200 in /backup/orders-7/2026-11-20T0200
    target         /var/tmp/howdah-never/orders-7, port 6007
    ordered        2020-02-02 02:00:00 UTC by ops through a console
    phase          ∅ cancelled
    state          cancelled; partial data removed
    progress       0 %, 0 B of 1000 B
    step           Check: done
    step           Copy: stopped
    attempt 1      first, launched 2020-02-02 02:00:01 UTC, ended 2020-02-02 02:03:19 UTC, stopped
    attempt 2      deals with partial data, launched 2020-02-02 02:03:19 UTC, ended 2020-02-02 02:03:20 UTC, done
    ended          2020-02-02 02:03:20 UTC, after 200 s
    ");
}

#[test]
fn one_session_as_json_is_the_object_of_the_list_without_its_place() {
    let harness = Harness::of(one_of_each());
    let all = harness.run(&["list", "--all", "--json"]).expect_code(0).json();
    for row in all.as_array().unwrap() {
        let mut shown = harness.run(&["show", &row["id"].to_string(), "--json"]).expect_code(0).json();
        assert!(shown["index"].is_null());
        shown["index"] = row["index"].clone();
        assert_eq!(&shown, row);
    }
    let dismissed = harness.run(&["show", "8", "--json"]).expect_code(0).json();
    assert_eq!((&dismissed["phase"], &dismissed["dismissed"]), (&"succeeded".into(), &true.into()));
}

#[test]
fn what_the_attempt_has_told_since_the_journal_was_written_is_shown() {
    let harness = Harness::of([Life::queued(1).running()]);
    let object = || harness.run(&["show", "1", "--json"]).expect_code(0).json();
    assert_eq!((&object()["step"], &object()["percent"]), (&"copy".into(), &0.into()));
    let done =
        |step| Fact::Step { step, state: StepState::Done { took: Duration::from_secs(1), detail: String::new() } };
    // The attempt has told its story from the beginning, and goes on without an owner.
    harness.tell(
        1,
        1,
        [
            Fact::Began(Began::of(sample::mark(FIRST), None)),
            Fact::Planned(Box::new(sample::plan())),
            done(Step::Check),
            copied(100),
            copied(1000),
            done(Step::Copy),
            Fact::Step { step: Step::Configure, state: StepState::Running { detail: String::new() } },
        ],
    );
    assert_eq!((&object()["step"], &object()["percent"]), (&"configure".into(), &100.into()));
    // Whether it is over is for an owner to prove.
    harness.tell(1, 1, [Fact::Ended(End::Succeeded(sample::success()))]);
    assert_eq!(object()["phase"], "running");
    let garbage = harness.attempt_file(1, 1, "events.jsonl");
    std::fs::write(&garbage, "garbage\n").unwrap();
    harness.run(&["show", "1"]).expect_code(0).expect_words(&["a line of the attempt's events cannot be read"]);
    std::fs::remove_file(&garbage).unwrap();
    std::fs::create_dir(&garbage).unwrap();
    let ran = harness.run(&["show", "1"]).expect_code(0);
    assert!(ran.stderr.contains("the events of session 1"), "{ran}");
}

#[test]
fn of_what_succeeded_all_bytes_are_there() {
    // The attempt was done before it heard of the cancel, and nobody takes down how far one comes that is to stop.
    let copied = Report::Fact(Fact::Progress(sample::progress(300, None)));
    let life = Life::queued(1).running().then(Command::Report { attempt: FIRST, report: copied }, 4);
    let harness = Harness::of([life.then(cancel(), 5).over(End::Succeeded(sample::success()), 6)]);
    let object = harness.run(&["show", "1", "--json"]).expect_code(0).json();
    assert_eq!(
        (&object["phase"], &object["percent"], &object["bytes_done"]),
        (&"succeeded".into(), &100.into(), &1000.into())
    );
    harness.run(&["show", "1"]).expect_code(0).expect_words(&["100 %, 1000 B of 1000 B"]);
}

#[test]
fn a_replay_changes_no_phase_and_may_come_twice() {
    let facts = [
        Fact::Began(Began::of(sample::mark(FIRST), None)),
        Fact::Planned(Box::new(sample::plan())),
        Fact::Progress(sample::progress(500, None)),
    ];
    for life in one_of_each().into_iter().chain([Life::queued(9).waiting()]) {
        let before = life.session;
        let once = replay(before.clone(), FIRST, &facts, start());
        assert_eq!(once.phase(), before.phase());
        assert_eq!(replay(once.clone(), FIRST, &facts, start()), once);
        if !matches!(before.phase(), Phase::Running { .. }) {
            assert_eq!(once.progress(), before.progress(), "a dead attempt tells nothing");
        }
    }
}

#[test]
fn the_history_is_told_in_order() {
    let harness = Harness::of(one_of_each());
    assert_snapshot!(harness.run(&["events", "7"]).expect_code(0).stdout, @"
    2020-02-02 02:00:00  ordered by ops through a console: restore of orders-7 (2026-11-20T0200) to /var/tmp/howdah-never/orders-7
    2020-02-02 02:00:01  attempt 1 launched
    2020-02-02 02:00:02  attempt 1 runs as process 1001
    2020-02-02 02:00:02  attempt 1 made its plan
    2020-02-02 02:00:03  attempt 1: Check is done
    2020-02-02 02:00:03  attempt 1: Copy began
    2020-02-02 02:00:20  cancel asked by ops; partial data: remove
    2020-02-02 02:03:19  attempt 2 launched to deal with partial data
    2020-02-02 02:03:20  cancelled; partial data removed
    ");
    let lines = harness.run(&["events", "4", "--json"]).expect_code(0).stdout;
    assert_snapshot!(lines, @r#"
    {"at":"2020-02-02T02:00:00Z","event":"created","text":"ordered by ops through the command line: restore of orders-4 (2026-11-20T0200) to /var/tmp/howdah-never/orders-4"}
    {"at":"2020-02-02T02:00:01Z","event":"launched","text":"attempt 1 launched"}
    {"at":"2020-02-02T02:00:02Z","event":"began","text":"attempt 1 runs as process 1001"}
    {"at":"2020-02-02T02:00:02Z","event":"planned","text":"attempt 1 made its plan"}
    {"at":"2020-02-02T02:00:03Z","event":"step_changed","text":"attempt 1: Check is done"}
    {"at":"2020-02-02T02:00:03Z","event":"step_changed","text":"attempt 1: Copy began"}
    {"at":"2020-02-02T02:00:10Z","event":"got_stuck","text":"attempt 1 failed, waiting cannot cure it: no space left on /var/tmp/howdah-never: make room, then retry"}
    "#);
}

#[test]
fn s10_a_record_of_the_history_that_cannot_be_read_has_a_line_of_its_own() {
    let harness = Harness::of([Life::queued(1).stuck()]);
    harness.spoil("UPDATE events SET body = '{\"launched\":{}}' WHERE number = 2");
    harness.spoil("UPDATE events SET version = 9 WHERE number = 3");
    harness.spoil("UPDATE events SET body = CAST(x'ff00' AS TEXT) WHERE number = 4");
    harness
        .spoil("UPDATE events SET body = '{\"exploded\":{\"attempt\":1}}', at = 9223372036854775807 WHERE number = 5");
    harness.spoil("UPDATE events SET body = '7' WHERE number = 6");
    let reported = JournalReader::open(&harness.journal()).unwrap().history(SessionId(1)).unwrap();
    let events: Vec<&str> = reported.iter().map(|reported| reported.event.as_str()).collect();
    assert_eq!(events[0], "created");
    assert_eq!(events[1..6], ["unreadable"; 5]);
    assert_eq!(events[6..], ["got_stuck"]);
    assert!(reported[4].text.contains("exploded"), "{reported:?}");
    harness.run(&["events", "1"]).expect_code(0).expect_words(&["version 9"]);
    assert_eq!(harness.run(&["events", "1"]).stdout.lines().count(), 7);
    // A session whose own record is broken still has its history.
    harness.spoil("UPDATE sessions SET body = '{'");
    harness.run(&["events", "1"]).expect_code(0).expect_words(&["waiting cannot cure it"]);
}

#[test]
fn an_owner_may_write_while_it_is_read_and_the_reader_notices() {
    let harness = Harness::new();
    let mut reader = JournalReader::open(&harness.journal()).unwrap();
    assert!(reader.changed().unwrap() && !reader.changed().unwrap());
    assert!(reader.ongoing().unwrap().sessions.is_empty());
    let life = Life::queued(1);
    harness.store([life.clone()]);
    assert!(reader.changed().unwrap() && !reader.changed().unwrap());
    assert_eq!(reader.ongoing().unwrap().sessions.len(), 1);
    harness.store([life.then(cancel(), 5)]);
    assert!(reader.changed().unwrap() && !reader.changed().unwrap());
    assert!(reader.ongoing().unwrap().sessions.is_empty());
    assert_eq!(reader.completed(KindFilter::All, None).unwrap().found.sessions.len(), 1);
}
