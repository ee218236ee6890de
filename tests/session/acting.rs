//! `howdah session retry`, `cancel` and `dismiss`: who is reached, what is refused, and the silence of success.

use crate::{
    harness::{Harness, Life, one_of_each},
    support::howdah::Ran,
};
use howdah::{domain::Outcome, machine::Phase};

/// Nothing was printed, and the exit code says that all went well.
#[track_caller]
fn done(ran: Ran) {
    let ran = ran.expect_code(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""), "R26");
}

/// What was refused, line by line.
#[track_caller]
fn refused(harness: &Harness, ran: Ran) -> Vec<String> {
    let ran = ran.expect_code(3);
    assert_eq!(ran.stdout, "");
    harness.masked(&ran.stderr).lines().map(str::to_owned).collect()
}

fn history(harness: &Harness, number: u64) -> String {
    harness.run(&["events", &number.to_string()]).expect_code(0).stdout
}

fn is_cancelled(harness: &Harness, number: u64) -> bool {
    matches!(harness.session(number).phase(), Phase::Completed { outcome: Outcome::Cancelled { .. }, .. })
}

#[test]
fn r26_an_act_that_was_done_prints_nothing() {
    let harness = Harness::of([Life::queued(1).stuck(), Life::queued(2).succeeded(9), Life::queued(3).stuck()]);
    done(harness.run(&["retry", "1"]));
    assert!(history(&harness, 1).contains("retry asked by"));
    done(harness.run(&["dismiss", "2"]));
    assert!(harness.session(2).is_dismissed());
    done(harness.run(&["cancel", "3", "--wait"]));
    assert!(is_cancelled(&harness, 3));
}

#[test]
fn r14_r16_an_act_on_one_session_leaves_the_others_alone() {
    let harness = Harness::of((1..=3).map(|number| Life::queued(number).stuck()));
    done(harness.run(&["cancel", "[1]", "--wait"]));
    assert_eq!([1, 2, 3].map(|number| is_cancelled(&harness, number)), [false, true, false]);
    assert_eq!([1, 3].map(|number| harness.session(number)), [1, 3].map(|number| Life::queued(number).stuck().session));
}

#[test]
fn r20_r22_a_completed_session_is_refused_without_asking_anybody() {
    let harness = Harness::of(one_of_each());
    for (verb, done) in [("retry", "retried"), ("cancel", "cancelled")] {
        for number in [6, 7, 8] {
            let shown = refused(&harness, harness.run(&[verb, &number.to_string()]));
            let sentence = format!(
                "howdah: session {number} (orders-{number}) was not {done}: it is completed; start a new restore instead"
            );
            assert_eq!(shown, [sentence]);
        }
    }
    assert!(!harness.state().join("owner.lock").exists(), "nobody was asked");
}

#[test]
fn r27_a_cancel_reaches_what_the_command_line_started() {
    let harness = Harness::of([Life::from_console(1).stuck(), Life::queued(2).stuck()]);
    let before = harness.session(1);
    let shown = refused(&harness, harness.run(&["cancel", "1"]));
    assert_eq!(
        shown,
        ["howdah: session 1 (orders-1) was not cancelled: it was started from a console; add --any-origin to end it \
          from the command line"]
    );
    refused(&harness, harness.run(&["cancel", "1", "--force", "--wait"]));
    assert_eq!(refused(&harness, harness.run(&["cancel", "--all", "--wait"])).len(), 1);
    assert_eq!(harness.session(1), before, "left untouched");
    assert!(is_cancelled(&harness, 2), "the other was done");
    done(harness.run(&["cancel", "1", "--any-origin", "--wait"]));
    assert!(is_cancelled(&harness, 1));
}

#[test]
fn r15_retry_of_all_reports_each_one_skipped() {
    let harness = Harness::of([Life::queued(1).stuck(), Life::queued(2).waiting(), Life::queued(3).succeeded(9)]);
    done(harness.run(&["retry", "--all"]));
    assert!([1, 2].iter().all(|number| history(&harness, *number).contains("retry asked by")));
    assert!(!history(&harness, 3).contains("retry"));
    let forbidden = {
        let mut life = Life::queued(4);
        life = life.waiting();
        let mut record = serde_json::to_value(&life.session).unwrap();
        record["policy"]["while_waiting"] = false.into();
        life.session = serde_json::from_value(record).unwrap();
        life
    };
    let harness = Harness::of([forbidden, Life::queued(5).stuck()]);
    let shown = refused(&harness, harness.run(&["retry", "--all"]));
    assert!(
        shown.len() == 1 && shown[0].starts_with("howdah: session 4 (orders-4) was not retried: try 1 of 3"),
        "{shown:?}"
    );
    assert!(history(&harness, 5).contains("retry asked by"), "the other was done");
}

#[test]
fn an_act_on_all_where_there_is_none_asks_nobody() {
    let harness = Harness::of([Life::queued(1).succeeded(9)]);
    done(harness.run(&["retry", "--all"]));
    done(harness.run(&["cancel", "--all", "--wait"]));
    assert!(!harness.state().join("owner.lock").exists());
    let harness = Harness::new();
    done(harness.run(&["dismiss", "--all"]));
    assert!(!harness.state().exists());
}

#[test]
fn every_completed_session_is_dismissed_at_once() {
    let harness = Harness::of([Life::queued(1).stuck(), Life::queued(2).succeeded(9), Life::queued(3).cancelled(9)]);
    // More than the owner has at hand just after its start.
    harness.spoil(
        "WITH RECURSIVE numbers (n) AS (VALUES (4) UNION ALL SELECT n + 1 FROM numbers WHERE n < 600)
         INSERT INTO sessions (id, uuid, place, kind, parent, instance, ended, took, result, version, body)
         SELECT n, n, place, kind, parent, instance, ended + n, took, result, version,
             replace(body, '\"id\":2', '\"id\":' || n) FROM numbers JOIN sessions ON id = 2",
    );
    done(harness.run(&["dismiss", "--all"]));
    let left = harness.run(&["list", "--all", "--json"]).expect_code(0).json();
    assert_eq!(left.as_array().unwrap().iter().map(|row| row["id"].clone()).collect::<Vec<_>>(), [1]);
    let shown = refused(&harness, harness.run(&["dismiss", "1"]));
    assert_eq!(
        shown,
        ["howdah: session 1 (orders-1) was not dismissed: it is ongoing; only a completed session can be dismissed"]
    );
}

#[test]
fn partial_data_is_dealt_with_as_was_asked() {
    let harness = Harness::of((1..=4).map(|number| Life::queued(number).stuck()));
    for (number, option) in [(1, "--keep"), (2, "--remove"), (3, "--set-aside")] {
        done(harness.run(&["cancel", &number.to_string(), option, "--wait"]));
        let asked = format!("partial data: {}", option.trim_start_matches("--").replace('-', " "));
        assert!(history(&harness, number).contains(&asked), "{}", history(&harness, number));
    }
    done(harness.run(&["cancel", "4", "--wait"]));
    assert!(history(&harness, 4).contains("partial data: default"));
}

#[test]
fn a_session_whose_record_cannot_be_read_is_refused_and_stays() {
    let harness = Harness::of([Life::queued(1).stuck(), Life::queued(2).stuck()]);
    harness.spoil("UPDATE sessions SET body = '{' WHERE id = 1");
    let shown = refused(&harness, harness.run(&["retry", "1"]));
    assert!(shown.len() == 1 && shown[0].contains("session 1 cannot be read, so nothing was done"), "{shown:?}");
}
