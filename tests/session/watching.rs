//! `howdah session watch`: a line for each change, and an end that tells how it ended.

use crate::{
    harness::{Following, Harness, Life, cancel, copied, one_of_each},
    sample,
    support::howdah::Howdah,
};
use howdah::domain::{Disposed, fact::End};
use insta::assert_snapshot;
use serde_json::Value;

/// The next line of a watch, as an object.
fn object(watch: &Following) -> Value {
    serde_json::from_str(&watch.line()).unwrap()
}

#[test]
fn one_session_is_watched_until_it_has_succeeded() {
    let life = Life::queued(1);
    let harness = Harness::of([life.clone(), Life::queued(2)]);
    let _owner = harness.owned();
    let watch = harness.follow(&["watch", "1"]);
    assert_snapshot!(watch.line(), @"1 orders-1: queued");
    let life = life.running();
    harness.store([life.clone()]);
    assert_snapshot!(watch.line(), @"1 orders-1: Copy 0 % (0 B of 1000 B), attempt 1");
    let life = life.over(End::Failed(sample::disruption()), 10);
    harness.store([life.clone()]);
    // The try is due in a hundred years less the time since; how long that is changes.
    let waits = watch.line();
    assert!(waits.starts_with("1 orders-1: waiting, try 1 of 3 in ") && waits.ends_with(": the repository is gone"));
    harness.store([life.then(sample::retry(), 20).succeeded(30)]);
    assert_snapshot!(watch.line(), @"1 orders-1: succeeded; files restored; no server was started: as asked");
    assert_eq!(watch.end(), 0);
}

#[test]
fn as_json_each_line_is_the_whole_object_and_progress_comes_too() {
    let life = Life::queued(1).running();
    let harness = Harness::of([life.clone()]);
    let watch = harness.follow(&["watch", "1", "--json"]);
    let first = object(&watch);
    assert_eq!(first, harness.run(&["show", "1", "--json"]).json());
    harness.tell(1, 1, [copied(430)]);
    let next = object(&watch);
    assert_eq!((&next["phase"], &next["percent"]), (&"running".into(), &43.into()));
    let life = life.then(cancel(), 20);
    harness.store([life.clone()]);
    assert_eq!(object(&watch)["phase"], "cancelling");
    harness.store([life.over(End::Stopped, 21).over(End::Disposed(Disposed::Removed), 22)]);
    let last = object(&watch);
    assert_eq!((&last["phase"], &last["disposed"]), (&"cancelled".into(), &"removed".into()));
    assert_eq!(watch.end(), 5);
}

#[test]
fn what_has_ended_or_is_stuck_is_told_and_not_waited_for() {
    let harness = Harness::of(one_of_each());
    for (name, code) in [("4", 4), ("6", 0), ("7", 5), ("8", 0)] {
        let ran = harness.run(&["watch", name]).expect_code(code);
        assert_eq!(ran.stdout.lines().count(), 1, "{ran}");
    }
}

#[test]
fn all_sessions_are_watched_until_none_goes_on_by_itself() {
    let [one, two] = [Life::queued(1).running(), Life::queued(2).stuck()];
    let harness = Harness::of([one.clone(), two.clone(), Life::queued(3).succeeded(1)]);
    let watch = harness.follow(&["watch", "--json"]);
    let shown = || {
        let object = object(&watch);
        (object["id"].as_u64().unwrap(), object["phase"].as_str().unwrap().to_owned())
    };
    let is = |id: u64, phase: &str| (id, phase.to_owned());
    assert_eq!([shown(), shown()], [is(1, "running"), is(2, "stuck")]);
    // One comes and goes between two looks, or at least it may.
    harness.store([Life::queued(4).then(cancel(), 5)]);
    assert_eq!(shown(), is(4, "cancelled"));
    harness.store([two.then(cancel(), 40).over(End::Disposed(Disposed::Kept), 41)]);
    assert_eq!(shown(), is(2, "cancelled"));
    harness.store([one.over(End::Succeeded(sample::success()), 30)]);
    assert_eq!(shown(), is(1, "succeeded"));
    assert_eq!(watch.end(), 0);
}

#[test]
fn sessions_that_wait_for_a_person_are_told_and_not_waited_for() {
    let one = Life::queued(1).running();
    let harness = Harness::of([one.clone(), Life::queued(2).stuck()]);
    let watch = harness.follow(&["watch", "--json"]);
    assert_eq!([object(&watch)["phase"].clone(), object(&watch)["phase"].clone()], ["running", "stuck"]);
    harness.store([one.over(End::Succeeded(sample::success()), 30)]);
    assert_eq!(object(&watch)["phase"], "succeeded");
    assert_eq!(watch.end(), 4);
}

#[test]
fn where_nothing_is_ongoing_a_watch_ends_at_once() {
    let harness = Harness::of([Life::queued(1).succeeded(9)]);
    let ran = harness.run(&["watch"]).expect_code(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", "howdah: no session is ongoing\n"));
    let howdah = Howdah::new();
    howdah.run(["session", "watch", "--state-dir", howdah.state.to_str().unwrap()]).expect_code(0);
}
