//! How sessions are named, and what is said to a name that fits none or several.

use crate::harness::{Harness, Life, one_of_each};
use howdah::domain::Origin;
use uuid::Uuid;

#[test]
fn a_number_a_place_and_the_beginning_of_a_uuid_name_the_same_session() {
    let harness = Harness::of(one_of_each());
    for (name, id) in [
        ("4", 4),
        ("[3]", 4),
        ("aaaa0004", 4),
        ("AAAA0004", 4),
        ("aaaa0004-0000-7000", 4),
        ("aaaa000400007000", 4),
        ("6", 6),
        ("aaaa0008", 8),
    ] {
        assert_eq!(harness.run(&["show", name, "--json"]).expect_code(0).json()["id"], id, "{name}");
    }
}

#[test]
fn digits_are_a_number_first() {
    let begins = |digits: &str| Uuid::parse_str(&format!("{digits}0000-0000-7000-8000-000000000000")).unwrap();
    let harness = Harness::of([
        Life::of(1, begins("1234"), Origin::CommandLine),
        Life::of(2, begins("0123"), Origin::CommandLine),
    ]);
    let id = |name: &str| harness.run(&["show", name, "--json"]).expect_code(0).json()["id"].as_u64().unwrap();
    assert_eq!((id("1234"), id("0123")), (1, 2));
    harness.store([Life::queued(1234)]);
    assert_eq!((id("1234"), id("12340")), (1234, 1));
}

#[test]
fn a_name_that_fits_none_or_several_is_refused_and_says_why() {
    let harness = Harness::of(one_of_each());
    for verb in ["show", "events", "log", "watch", "retry", "cancel", "dismiss"] {
        for (name, shown) in [
            ("99", "there is no session 99"),
            ("0", "there is no session 0"),
            ("99999999999999999999999", "there is no session 99999999999999999999999"),
            ("[5]", "there is no session [5]: 5 are ongoing, [0] to [4]"),
            ("[99999999999999999999999]", "5 are ongoing"),
            ("bbbb", "there is no session whose uuid begins with bbbb"),
            ("aaaa", "aaaa fits several sessions: 1 (aaaa0001-0000-7000-8000-000000000000"),
        ] {
            let ran = harness.run(&[verb, name]).expect_code(3).expect_words(&[shown]);
            assert!(ran.stdout.is_empty(), "{verb} {name}: {ran}");
        }
    }
    harness.run(&["show", "aaaa"]).expect_words(&["5 (aaaa0005", "and more; write more of the uuid, or the number"]);
    assert!(!harness.state().join("owner.lock").exists(), "nobody was asked");
    Harness::new().run(&["show", "[0]"]).expect_code(3).expect_words(&["none is ongoing"]);
    let harness = Harness::of([Life::queued(1)]);
    harness.run(&["show", "[1]"]).expect_code(3).expect_words(&["one is ongoing, [0]"]);
}

#[test]
fn a_word_that_can_be_no_name_is_wrong_usage() {
    let harness = Harness::of(one_of_each());
    for verb in ["show", "events", "log", "watch", "retry", "cancel", "dismiss"] {
        for name in ["", "abc", "[x]", "[]", "0", "3 ", "shop", "../x", "\u{1b}[2J"] {
            if name != "0" {
                let ran = harness.run(&[verb, name]).expect_code(2);
                assert!(ran.stdout.is_empty() && !ran.stderr.contains('\u{1b}'), "{verb} {name}: {ran}");
            }
        }
    }
    harness.run(&["show", "-"]).expect_code(2);
}

#[test]
fn r24_an_act_takes_exactly_one_session() {
    let harness = Harness::of(one_of_each());
    for verb in ["retry", "cancel", "dismiss"] {
        harness.run(&[verb]).expect_code(2);
        harness.run(&[verb, "1", "2"]).expect_code(2);
        harness.run(&[verb, "1", "--all"]).expect_code(2);
        harness.run(&[verb, "-", "--all"]).expect_code(2);
    }
    harness.run(&["cancel", "1", "--keep", "--remove"]).expect_code(2);
    assert!(!harness.state().join("owner.lock").exists(), "nobody was asked");
}
