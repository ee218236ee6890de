//! A session whose recovery is paused at its goal: how it is shown, and the verbs by which it goes on.

use crate::{
    harness::{Harness, Life, uuid},
    piping::piped,
    sample,
    support::{howdah::Ran, place::scratch},
};
use howdah::{
    domain::{
        AtTarget, MajorVersion, Port, Recovery, RecoveryGoal, RecoveryTimeline, ServerAddress,
        fact::{End, PausePoint, PausedServer, ProcessMark},
    },
    machine::Phase,
    process,
};
use serde_json::json;
use std::path::{Path, PathBuf};

const AT: &str = "0/2000100, last commit 2026-11-20 02:00:00 UTC; it answered: PostgreSQL 15.4";

/// A session that is paused at a time, before a server of this mark, with WAL from here.
fn paused_before(number: u64, mark: ProcessMark, archive: Option<&Path>) -> Life {
    let address = ServerAddress {
        sockets: "/tmp/howdah-s".into(),
        port: Port::new(5432).unwrap(),
        role: "postgres".to_owned(),
        programs: "/usr/lib/postgresql/15/bin".into(),
        version: MajorVersion(15),
    };
    let server = Some(Box::new(PausedServer { mark, address }));
    let recovery = Recovery {
        goal: RecoveryGoal::Time("2026-11-20T02:00:30Z".parse().unwrap()),
        inclusive: false,
        timeline: RecoveryTimeline::Latest,
        at_target: AtTarget::Pause,
        standby_of: None,
        archive: archive.map(Path::to_owned),
    };
    let life = Life::recovering(number, recovery);
    life.running().over(End::Paused(PausePoint { server, ..sample::pause_point() }), 30)
}

/// The same before a server that stands as long as this test does.
fn paused(number: u64) -> Life {
    paused_before(number, process::mark(std::process::id()).unwrap(), None)
}

/// The same with WAL from here.
fn paused_with(archive: &Path) -> Life {
    paused_before(1, process::mark(std::process::id()).unwrap(), Some(archive))
}

#[track_caller]
fn done(ran: Ran) {
    let ran = ran.expect_code(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""), "R26");
}

fn history(harness: &Harness, number: u64) -> String {
    harness.run(&["events", &number.to_string()]).expect_code(0).stdout
}

fn is_paused(harness: &Harness, number: u64) -> bool {
    matches!(harness.session(number).phase(), Phase::Paused { .. })
}

#[test]
fn a_pause_is_shown_with_where_it_is_and_what_can_be_done() {
    let harness = Harness::of([paused_with(Path::new("/srv/wal/shop"))]);
    let commands = "howdah session go-on 1 --time ...";
    let shown = harness.run(&["show", "1"]).expect_code(0);
    shown.expect_words(&[
        AT,
        commands,
        "psql -h /tmp/howdah-s -p 5432 -U postgres -d postgres",
        "recovers to    2026-11-20 02:00:30 UTC, exclusive, timeline latest, paused there, WAL from /srv/wal/shop",
    ]);
    harness.run(&["list"]).expect_code(0).expect_words(&["paused"]);
    let watched = harness.run(&["watch", "1"]).expect_code(6);
    assert!(watched.stdout.contains(AT) && watched.stdout.contains(commands), "{watched}");
    let object = harness.run(&["show", "1", "--json"]).json();
    assert_eq!(object["phase"], "paused");
    assert_eq!(
        object["recovery"],
        json!({
            "goal": {"time": "2026-11-20T02:00:30Z"}, "inclusive": false, "timeline": "latest", "at_target": "pause",
            "archive": "/srv/wal/shop", "standby_of": null,
        })
    );
    assert_eq!(object["paused"]["server"]["port"], 5432);
    assert_eq!((&object["paused"]["lsn"], &object["lost"]), (&"0/2000100".into(), &false.into()));
    let other = Harness::of([Life::queued(1)]).run(&["show", "1", "--json"]).json();
    assert_eq!((&other["recovery"], &other["paused"]), (&json!(null), &json!(null)));
}

#[test]
fn a_server_that_is_gone_while_nobody_owns_the_sessions_is_shown_as_lost() {
    let own = process::mark(std::process::id()).unwrap();
    let harness = Harness::of([paused_before(1, ProcessMark { started: own.started + 1, ..own }, None)]);
    let shown = harness.run(&["show", "1"]).expect_code(0);
    shown.expect_words(&["lost (paused)", "will go on when an owner is there"]);
    assert_eq!(harness.run(&["list", "--json"]).json()[0]["lost"], true);
    let _owner = harness.owned();
    assert_eq!(harness.run(&["list", "--json"]).json()[0]["lost"], false, "an owner finds out by itself");
}

#[test]
fn each_verb_says_how_it_goes_on_and_nothing_on_success() {
    for (verb, says) in [
        (&["go-on", "1", "--latest"][..], "recovery goes on to a later goal, asked by"),
        (&["go-on", "1", "--time", "2026-11-20T02:00:30Z"], "recovery goes on to a later goal, asked by"),
        (&["go-on", "1", "--lsn", "0/2000101", "--exclusive"], "recovery goes on to a later goal, asked by"),
        (&["promote", "1"], "recovery goes on and opens the server, asked by"),
        (&["stop-here", "1"], "recovery goes on and shuts the server down, asked by"),
    ] {
        let harness = Harness::of([paused(1), paused(2)]);
        done(harness.run(verb));
        assert!(history(&harness, 1).contains(says), "{verb:?}\n{}", history(&harness, 1));
        assert!(is_paused(&harness, 2), "the other is left alone");
    }
}

#[test]
fn what_is_not_ahead_is_refused_and_nothing_is_changed() {
    let harness = Harness::of([paused(1)]);
    let before = harness.session(1);
    for goal in [
        ["--time", "2026-11-20T02:00:29Z"],
        ["--time", "2026-11-20T02:00:00Z"],
        ["--lsn", "0/20000FF"],
        ["--time", "2020-02-02T00:00:00Z"],
    ] {
        let ran = harness.run(&["go-on", "1", goal[0], goal[1]]).expect_code(3);
        ran.expect_words(&["session 1 (orders-1) was not moved on", "paused at 0/2000100 already", "needs a new copy"]);
    }
    harness.run(&["go-on", "1", "--lsn", "0/2000100", "--exclusive"]).expect_code(3);
    harness.run(&["go-on", "1", "--time", "soon"]).expect_code(3).expect_words(&["\"soon\" is no time"]);
    harness.run(&["go-on", "1"]).expect_code(2);
    harness.run(&["go-on", "1", "--exclusive"]).expect_code(2);
    harness.run(&["go-on", "1", "--immediate"]).expect_code(2);
    harness.run(&["go-on", "--latest"]).expect_code(2);
    harness.run(&["promote"]).expect_code(2);
    assert_eq!(harness.session(1), before);
}

/// The archive of a cluster: the segment of the backup and the one behind it, whose first pages say so
/// (`XLogLongPageHeaderData`).
fn archive_of_two_segments() -> PathBuf {
    let (directory, size) = (scratch("wal"), 16_u32 << 20);
    for number in [2_u64, 3] {
        let mut page = Vec::new();
        page.extend(0xD110_u16.to_le_bytes());
        page.extend(2_u16.to_le_bytes());
        page.extend(1_u32.to_le_bytes());
        page.extend((number * u64::from(size)).to_le_bytes());
        page.extend([0; 8]);
        page.extend(7_u64.to_le_bytes());
        page.extend(size.to_le_bytes());
        page.extend(8192_u32.to_le_bytes());
        let path = directory.join(format!("00000001000000000000000{number}"));
        std::fs::write(&path, page).unwrap();
        std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(size.into()).unwrap();
    }
    directory
}

#[test]
fn a_goal_that_the_archive_does_not_lead_to_is_refused_before_the_pause_is_lost() {
    let archive = archive_of_two_segments();
    let harness = Harness::of([paused_with(&archive)]);
    let before = harness.session(1);
    let ran = harness.run(&["go-on", "1", "--lsn", "0/7000000"]).expect_code(3);
    ran.expect_words(&["session 1 (orders-1) was not moved on", "is behind the WAL that timeline 1 has"]);
    // Replay begins again where the backup began.
    let first = archive.join("000000010000000000000002");
    std::fs::rename(&first, archive.join("away")).unwrap();
    let ran = harness.run(&["go-on", "1", "--lsn", "0/2000200"]).expect_code(3);
    ran.expect_words(&["session 1 (orders-1) was not moved on", "000000010000000000000002"]);
    let input = format!("{{\"id\":1,\"uuid\":\"{}\"}}", uuid(1));
    piped(&harness, &["go-on", "-", "--latest"], &input).expect_code(3).expect_words(&["session 1 (orders-1)"]);
    assert_eq!(harness.session(1), before);
    assert!(!harness.state().join("owner.lock").exists(), "nobody was asked");
    std::fs::rename(archive.join("away"), &first).unwrap();
    done(harness.run(&["go-on", "1", "--lsn", "0/2000200"]));
    assert!(history(&harness, 1).contains("recovery goes on to a later goal"));
}

#[test]
fn what_is_not_paused_is_refused_by_name() {
    let harness = Harness::of([Life::queued(1).stuck(), Life::queued(2).succeeded(9)]);
    for (verb, done) in [("promote", "promoted"), ("stop-here", "stopped there")] {
        let ran = harness.run(&[verb, "1"]).expect_code(3);
        ran.expect_words(&[&format!("session 1 (orders-1) was not {done}: its recovery is not paused")]);
    }
    let untouched = Harness::of([Life::queued(2).succeeded(9)]);
    untouched.run(&["go-on", "2", "--latest"]).expect_code(3).expect_words(&["its recovery is not paused"]);
    assert!(!untouched.state().join("owner.lock").exists(), "nobody was asked");
}

#[test]
fn r25_of_a_pipe_the_bad_are_named_and_the_others_go_on() {
    let harness = Harness::of([paused(1), Life::queued(2).stuck(), paused(3)]);
    let object = |number: u64| format!("{{\"id\":{number},\"uuid\":\"{}\"}}", uuid(number));
    let input = [object(1), object(2), object(3).replace("aaaa", "bbbb"), object(99), object(3)].join("\n");
    let ran = piped(&harness, &["stop-here", "-"], &input).expect_code(3);
    let ran =
        ran.expect_words(&["session 2 (orders-2) was not stopped there", "session 3 with the uuid bbbb", "session 99"]);
    for number in [1, 3] {
        assert!(history(&harness, number).contains("shuts the server down"), "{number}");
    }
    assert!(ran.stdout.is_empty(), "R26");
}

#[test]
fn a_wait_ends_with_how_it_stands() {
    let harness = Harness::of([paused(1)]);
    // There is no such backup: the attempt fails at once, and its try is due in a hundred years or never.
    let ran = harness.spawn(&["promote", "1", "--wait"]);
    let session = loop {
        let session = harness.session(1);
        if !matches!(session.phase(), Phase::Queued { .. } | Phase::Running { .. } | Phase::Paused { .. }) {
            break session;
        }
        std::thread::yield_now();
    };
    if matches!(session.phase(), Phase::Waiting { .. }) {
        harness.run(&["cancel", "1", "--wait"]).expect_code(0);
        let ended = ran.wait().expect_code(5);
        assert!(ended.stderr.contains("session 1 orders-1: cancelled") && ended.stdout.is_empty(), "{ended}");
    } else {
        ran.wait().expect_code(4).expect_words(&["session 1 orders-1: stuck"]);
    }
}

#[test]
fn r15_retry_of_all_skips_a_pause_with_the_reason() {
    let harness = Harness::of([paused(1), Life::queued(2).stuck()]);
    let ran = harness.run(&["retry", "--all"]).expect_code(3);
    let reason = "session 1 (orders-1) was not retried: its recovery has reached its goal and is paused";
    assert!(ran.stderr.contains(reason) && ran.stderr.lines().count() == 1, "{ran}");
    assert!(is_paused(&harness, 1) && history(&harness, 2).contains("retry asked by"));
}
