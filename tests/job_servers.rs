//! `howdah job` over three servers that are written to all the while: to its end, and stopped from a second shell. After
//! each the disk, the servers and the catalogue are looked at, and each point that remains is verified, restored, started
//! and asked.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

#[path = "job_servers/night.rs"]
mod night;
mod support;

use night::{NAMES, Night};
use support::timeout::until_true;

/// Enough that files of several kinds have come in.
const SOME: u64 = 1 << 20;

#[test]
fn r41_a_job_over_three_servers_makes_a_point_of_each() {
    needs_postgres!();
    let night = Night::new("");
    let ended = night.howdah.run(["job", "start", "quick", "--wait", "--json"]).expect_code(0).json();
    assert_eq!((&ended["result"], ended["objects"].as_array().unwrap().len()), (&"success".into(), 3), "{ended}");
    night.expect(&ended, &["done"; 3]);
    night.expect_points(&NAMES.map(|name| (name, 1)));
    for name in NAMES {
        night.restores(name);
    }
}

#[test]
fn r37_r38_d8_a_graceful_stop_in_the_second_object_leaves_the_points_of_two() {
    needs_postgres!();
    let night = Night::new("");
    let first_shell = night.howdah.spawn(["job", "start", "nightly", "--wait", "--json"]);
    night.howdah.events().wait_for_bytes(2, 1, SOME);
    night.howdah.run(["job", "stop", "nightly", "--graceful", "--wait"]).expect_code(0);
    let ended = first_shell.wait().expect_code(5).json();
    assert_eq!(ended["result"], "stopped", "{ended}");
    night.expect(&ended, &["done", "done", "not_started"]);
    night.expect_points(&[(NAMES[0], 1), (NAMES[1], 1)]);
    for name in &NAMES[..2] {
        night.restores(name);
    }
}

#[test]
fn r31_to_r36_an_immediate_stop_in_the_second_object_leaves_the_point_of_the_first_and_all_earlier_ones() {
    needs_postgres!();
    let night = Night::new("");
    night.howdah.run(["job", "start", "quick", "--wait"]).expect_code(0);
    let before = night.contents();
    let first_shell = night.howdah.spawn(["job", "start", "nightly", "--wait", "--json"]);
    // The first three sessions were of the other job.
    night.howdah.events().wait_for_bytes(5, 1, SOME);
    night.howdah.run(["job", "stop", "nightly", "--wait"]).expect_code(0);
    let ended = first_shell.wait().expect_code(7).json();
    assert_eq!(ended["result"], "failed", "{ended}");
    night.expect(&ended, &["done", "stopped", "not_started"]);
    night.expect_points(&[(NAMES[0], 2), (NAMES[1], 1), (NAMES[2], 1)]);
    let after = night.contents();
    assert!(before.iter().all(|(path, sum)| after.get(path) == Some(sum)), "earlier points stay byte for byte (R36)");
    for name in &NAMES[..2] {
        night.restores(name);
    }
}

/// Another job has the only slot: the first object of this one is in process, and no attempt of it has begun.
#[test]
fn r33_r43_a_stop_before_the_first_object_begins_leaves_nothing() {
    needs_postgres!();
    let night = Night::new("max_running = 1\n");
    night.howdah.run(["job", "start", "filler"]).expect_code(0);
    night.howdah.events().wait_for_bytes(1, 1, SOME);
    for (graceful, says) in [(true, "Operation was canceled by user"), (false, "stopped immediately by")] {
        night.howdah.run(["job", "start", "nightly"]).expect_code(0);
        until_true("the first object waits for a slot", || night.run("nightly")["objects"][0]["state"] == "in_process");
        let how: &[&str] = if graceful { &["--graceful"] } else { &[] };
        night.howdah.run([&["job", "stop", "nightly", "--wait"], how].concat()).expect_code(0);
        let ended = night.run("nightly");
        assert_eq!(ended["result"], "failed", "{ended}");
        assert!(ended["detail"].as_str().unwrap().starts_with(says), "{ended}");
        night.expect(&ended, &["not_started"; 3]);
        night.expect_points(&[]);
    }
    assert_eq!(night.run("filler")["phase"], "running", "other jobs are left alone");
    night.howdah.run(["job", "stop", "filler", "--wait"]).expect_code(0);
}
