//! `--kind`: the verbs act on restores and on nothing else, unless another kind is named, and never on two at once.

use crate::{
    harness::{Harness, Life},
    piping::piped,
    sample,
};
use howdah::{
    domain::fact::End,
    machine::{Command, Phase},
};

fn damaged(number: u64, seconds: i64) -> Life {
    Life::verifying(number).then(Command::Launch, 1).over(End::Damaged(sample::damaged()), seconds)
}

/// Restores 1 (stuck), 4 (succeeded); verifications 2 (stuck), 3 (damaged).
fn both() -> Harness {
    let failed = End::Failed(sample::incurable());
    let stuck = Life::verifying(2).then(Command::Launch, 1).over(failed, 2);
    Harness::of([Life::queued(1).stuck(), stuck, damaged(3, 5), Life::queued(4).succeeded(9)])
}

fn listed(harness: &Harness, options: &[&str]) -> Vec<(u64, Option<u64>)> {
    let rows = harness.run(&[&["list", "--json"], options].concat()).expect_code(0).json();
    rows.as_array().unwrap().iter().map(|row| (row["id"].as_u64().unwrap(), row["index"].as_u64())).collect()
}

#[test]
fn r23_each_kind_has_a_list_of_its_own() {
    let harness = both();
    assert_eq!(listed(&harness, &[]), [(1, Some(0))]);
    assert_eq!(listed(&harness, &["--all"]), [(1, Some(0)), (4, None)]);
    assert_eq!(listed(&harness, &["--kind", "verify"]), [(2, Some(0))]);
    assert_eq!(listed(&harness, &["--kind", "verify", "--all"]), [(2, Some(0)), (3, None)]);
    assert_eq!(listed(&harness, &["--kind", "all"]), [(1, Some(0)), (2, Some(1))]);
    assert_eq!(listed(&harness, &["--kind", "all", "--all"]), [(1, Some(0)), (2, Some(1)), (4, None), (3, None)]);
    assert_eq!(listed(&harness, &["--kind", "backup", "--all"]), []);
    let heads = |options: &[&str]| {
        let ran = harness.run(&[&["list"], options].concat()).expect_code(0);
        ran.stdout.lines().map(|line| line.split_whitespace().nth(3).unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(heads(&["--kind", "all"]), ["KIND", "restore", "verify"]);
    assert_eq!(heads(&[])[0], "INSTANCE", "one kind needs no column");
    let ran = harness.run(&["list", "--kind", "restores"]).expect_code(2);
    assert!(ran.stderr.contains("use restore, verify, explore, backup or all"), "{}", ran.stderr);
}

#[test]
fn r22_a_session_of_another_kind_is_left_alone_and_its_kind_is_named() {
    let harness = both();
    let before = harness.session(2);
    for verb in ["retry", "cancel", "show", "events", "log"] {
        let ran = harness.run(&[verb, "2"]).expect_code(3);
        assert!(
            ran.stderr.contains("it is of the kind verify; add --kind verify to mean it"),
            "{verb}: {}",
            ran.stderr
        );
    }
    let uuid = harness.run(&["show", "2", "--kind", "verify", "--json"]).expect_code(0).json();
    let ran = piped(&harness, &["cancel", "-"], &uuid.to_string()).expect_code(3);
    assert!(ran.stderr.contains("session 2 (orders-2) was not cancelled: it is of the kind verify"), "{}", ran.stderr);
    assert_eq!(harness.session(2), before);
    harness.run(&["cancel", "2", "--kind", "verify", "--wait"]).expect_code(0);
    assert!(matches!(harness.session(2).phase(), Phase::Completed { .. }), "a verification leaves nothing to remove");
    assert_eq!(harness.session(2).attempts().len(), 1, "so no worker is started for that");
}

#[test]
fn r15_r17_all_of_one_kind_are_meant_and_none_of_another() {
    let harness = both();
    harness.run(&["cancel", "--all", "--wait"]).expect_code(0);
    assert!(matches!(harness.session(1).phase(), Phase::Completed { .. }));
    assert!(matches!(harness.session(2).phase(), Phase::Stuck { .. }), "{:?}", harness.session(2).phase());
    harness.run(&["dismiss", "--all", "--kind", "verify"]).expect_code(0);
    assert_eq!([3, 4].map(|number| harness.session(number).is_dismissed()), [true, false]);
    for verb in ["retry", "cancel", "dismiss"] {
        let ran = harness.run(&[verb, "--all", "--kind", "all"]).expect_code(2);
        assert!(ran.stderr.contains("--all is for one kind of sessions"), "{}", ran.stderr);
    }
}

#[test]
fn a_damaged_backup_is_a_result_that_names_the_damage() {
    let harness = both();
    let object = harness.run(&["show", "3", "--kind", "verify", "--json"]).expect_code(0).json();
    assert_eq!((&object["kind"], &object["phase"]), (&"verify".into(), &"damaged".into()));
    assert_eq!(object["damages_total"], 2);
    assert_eq!(object["damages"][0], "altered: base/1/1259");
    assert_eq!((&object["target"], &object["port"]), (&serde_json::Value::Null, &serde_json::Value::Null));
    let shown = harness.run(&["show", "3", "--kind", "verify"]).expect_code(0).stdout;
    assert!(shown.contains("damaged in 2 places: altered: base/1/1259"), "{shown}");
    assert_eq!(harness.run(&["watch", "3", "--kind", "verify"]).code, Some(7));
}
