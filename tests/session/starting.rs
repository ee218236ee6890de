//! `howdah session start`: real restores of the sample, ordered and left to themselves.

use crate::support::{howdah::Howdah, place::scratch};
use std::{collections::BTreeSet, path::PathBuf};

/// A user whose restores go to a directory of this test.
fn user() -> (Howdah, PathBuf) {
    let (howdah, targets) = (Howdah::new(), scratch("targets"));
    howdah.configure(&format!("restore_dir = {:?}\n", targets.to_str().unwrap()));
    (howdah, targets)
}

fn session(howdah: &Howdah, arguments: &[&str]) -> crate::support::howdah::Ran {
    let state = ["--state-dir", howdah.state.to_str().unwrap()];
    howdah.run([&["session"], arguments, &state].concat())
}

#[test]
fn r01_each_instance_gets_a_session_of_its_own() {
    let (howdah, targets) = user();
    let ran = session(&howdah, &["start", "orders", "crm", "--no-start", "--tries", "0"]).expect_code(0);
    let lines: Vec<(&str, &str)> = ran.stdout.lines().map(|line| line.split_once(' ').unwrap()).collect();
    assert_eq!(lines.iter().map(|(number, _)| *number).collect::<Vec<_>>(), ["1", "2"], "{ran}");
    let mut ports = BTreeSet::new();
    for (number, uuid) in &lines {
        let shown = session(&howdah, &["show", number, "--json"]).expect_code(0).json();
        assert_eq!((&shown["uuid"], &shown["origin"]), (&(*uuid).into(), &"command_line".into()));
        assert_eq!(shown["target"], targets.join(shown["instance"].as_str().unwrap()).to_str().unwrap());
        assert_eq!((&shown["tries_limit"], ran.stderr.as_str()), (&0.into(), ""));
        ports.insert(shown["port"].as_u64().unwrap());
    }
    assert_eq!(ports.len(), 2, "each has a port of its own");
    // A third goes beside what the first two hold, though nothing listens there.
    let third = session(&howdah, &["start", "orders", "--json", "--tries", "0", "--every", "1s"]).expect_code(0).json();
    assert_eq!((&third["id"], &third["index"]), (&3.into(), &serde_json::Value::Null));
    assert_eq!(third["phase"].as_str().map(|phase| ["queued", "running"].contains(&phase)), Some(true), "{third}");
}

#[test]
fn what_cannot_be_started_is_refused_by_itself() {
    let (howdah, targets) = user();
    std::fs::create_dir(targets.join("full")).unwrap();
    std::fs::write(targets.join("full/file"), "x").unwrap();
    let full = targets.join("full");
    let ran = session(&howdah, &["start", "orders", "--to", full.to_str().unwrap()]).expect_code(3);
    assert!(ran.stdout.is_empty() && ran.stderr.starts_with("howdah: orders was not started: "), "{ran}");
    let ran = session(&howdah, &["start", "ordres", "crm", "--no-start", "--json", "--tries", "0"]).expect_code(3);
    assert_eq!(ran.json()["instance"], "crm");
    assert!(ran.stderr.contains("ordres was not started: there is no instance") && ran.stderr.lines().count() == 1);
    session(&howdah, &["start", "nobody"]).expect_code(3).expect_words(&["nobody"]);
}

#[test]
fn an_option_for_one_instance_does_not_fit_several() {
    let (howdah, targets) = user();
    for option in [
        ["--to", targets.to_str().unwrap()],
        ["--port", "5999"],
        ["--point", "x"],
        ["--tablespace", "1=/srv/x"],
        ["--set-aside", "x"],
    ] {
        let arguments = [&["start", "orders", "crm"], &option[..]].concat();
        session(&howdah, &arguments).expect_code(2).expect_words(&[option[0], "one instance"]);
    }
    session(&howdah, &["start"]).expect_code(2);
    session(&howdah, &["start", "orders", "--port", "0"]).expect_code(2);
    assert!(!howdah.state.exists(), "nothing was begun");
}

#[test]
fn a_real_restore_is_seen_while_it_runs_and_after() {
    let (howdah, targets) = user();
    let target = targets.join("here");
    let arguments = ["restore", "orders", "--no-start", "--to", target.to_str().unwrap(), "--max-rate", "2M"];
    let running = howdah.spawn([&arguments[..], &["--state-dir", howdah.state.to_str().unwrap()]].concat());
    howdah.events().wait_for_bytes(1, 1, 1);
    let ran = session(&howdah, &["list", "--json"]).expect_code(0);
    let seen = ran.json();
    assert_eq!((&seen[0]["phase"], &seen[0]["step"]), (&"running".into(), &"copy".into()), "{ran}");
    assert!(seen[0]["bytes_done"].as_u64().unwrap() > 0 && ran.stderr.is_empty(), "somebody owns it\n{ran}");
    let watched = howdah.spawn(["session", "watch", "1", "--json", "--state-dir", howdah.state.to_str().unwrap()]);
    running.signal(rustix::process::Signal::INT);
    running.wait().expect_code(5);
    let watched = watched.wait().expect_code(5);
    assert!(watched.stdout.lines().last().unwrap().contains("\"disposed\":\"removed\""), "{watched}");
    session(&howdah, &["events", "1"]).expect_code(0).expect_words(&["copy began", "cancel asked by", "cancelled;"]);
}

#[test]
fn what_was_started_goes_on_by_itself_and_is_found_again() {
    let (howdah, targets) = user();
    let started = session(&howdah, &["start", "orders", "--no-start", "--json"]).expect_code(0).json();
    let uuid = started["uuid"].as_str().unwrap();
    let watched = session(&howdah, &["watch", uuid, "--json"]).expect_code(0);
    let last: serde_json::Value = serde_json::from_str(watched.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&last["phase"], &last["percent"], &last["server"]),
        (&"succeeded".into(), &100.into(), &"not_started".into())
    );
    assert!(targets.join("orders/global/pg_control").exists());
    session(&howdah, &["retry", uuid]).expect_code(3).expect_words(&["it is completed"]);
}

#[test]
fn a_running_restore_is_cancelled_from_another_shell() {
    let (howdah, targets) = user();
    for more in [&[][..], &["--force"]] {
        let started = session(&howdah, &["start", "orders", "--no-start", "--max-rate", "1M"]).expect_code(0);
        let (number, _) = started.stdout.split_once(' ').unwrap();
        howdah.events().wait_for_bytes(number.parse().unwrap(), 1, 1);
        session(&howdah, &["retry", number]).expect_code(3).expect_words(&["it is running (attempt 1)"]);
        let ran = session(&howdah, &[&["cancel", number, "--wait"], more].concat()).expect_code(0);
        assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""), "R26");
        let shown = session(&howdah, &["show", number, "--json"]).expect_code(0).json();
        assert_eq!(shown["phase"], "cancelled");
        // A disposal that is killed leaves what it did not come to, and says so.
        let is_gone = !targets.join("orders").exists();
        assert_eq!(shown["disposed"] == "removed", is_gone, "{shown}");
    }
}
