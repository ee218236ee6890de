//! The command line: what each verb prints, and with which exit code it ends.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

#[path = "cli/identity.rs"]
mod identity;
#[path = "cli/recovery.rs"]
mod recovery;
#[path = "cli/settings.rs"]
mod settings;
mod support;

use serde_json::Value;
use std::{
    ffi::{OsStr, OsString},
    fs,
    io::Read as _,
    os::unix::ffi::{OsStrExt, OsStringExt},
    process::Stdio,
};
use support::{
    backup::{Form, Repository, own},
    howdah::Howdah,
    place::scratch,
    port::free_port,
};

#[test]
fn help_and_version_are_answers_and_not_errors() {
    let howdah = Howdah::new();
    for (arguments, word) in [
        (&["--help"][..], "--repo"),
        (&["--version"], env!("CARGO_PKG_VERSION")),
        (&["restore", "--help"], "--max-rate"),
        (&["backup", "list", "--help"], "--json"),
    ] {
        let ran = howdah.run(arguments).expect_code(0);
        assert!(ran.stdout.contains(word) && ran.stderr.is_empty(), "{arguments:?}\n{ran}");
    }
}

#[test]
fn wrong_usage_is_exit_code_2_and_names_the_thing() {
    let howdah = Howdah::new();
    for (arguments, word) in [
        (&["restroe"][..], "restroe"),
        (&["restore"], "INSTANCE"),
        (&["restore", "shop", "--port", "70000", "--to", "/var/tmp/never"], "70000"),
        (&["restore", "shop", "--port", "0", "--to", "/var/tmp/never"], "0"),
        (&["restore", "shop", "--port", "x", "--to", "/var/tmp/never"], "x"),
        (&["restore", "shop", "--max-rate", "fast", "--to", "/var/tmp/never"], "fast"),
        (&["restore", "shop", "--max-rate", "0", "--to", "/var/tmp/never"], "0"),
        (&["restore", "shop", "--to", "/var/tmp/never", "--tries", "many"], "many"),
        (&["backup", "list", "--jsn"], "--jsn"),
    ] {
        let ran = howdah.run(arguments).expect_code(2).expect_words(&[word]);
        assert!(ran.stdout.is_empty(), "{arguments:?}\n{ran}");
    }
}

#[test]
fn a_place_that_can_be_no_target_is_refused_with_the_reason() {
    let howdah = Howdah::new();
    for (to, word) in [("/", "root"), ("/var/tmp/../tmp/never", "..")] {
        howdah.run(["restore", "orders", "--to", to]).expect_code(3).expect_words(&[word]);
    }
    let aside = ["restore", "orders", "--to", "/var/tmp/never", "--set-aside", "other"];
    howdah.run(aside).expect_code(3).expect_words(&["other", "/var/tmp/never"]);
}

#[test]
fn a_target_that_is_not_utf8_is_refused_in_words() {
    let howdah = Howdah::new();
    let odd = howdah.home.join(OsStr::from_bytes(b"odd\xff"));
    let mapping = OsString::from_vec([b"16384=", odd.as_os_str().as_bytes()].concat());
    for verb in [&["restore"][..], &["session", "start"]] {
        let given = [("--to", odd.clone().into_os_string()), ("--tablespace", mapping.clone())];
        for (option, value) in given {
            let words = [verb, &["orders", "--no-start", "--tries", "0", option]].concat();
            let ran = howdah.run(words.iter().map(OsString::from).chain([value])).expect_code(3);
            assert!(ran.stderr.contains("odd\\xFF\" is not UTF-8"), "{verb:?} {option}\n{ran}");
            assert!(!ran.stderr.contains("fault in howdah"), "{verb:?} {option}\n{ran}");
        }
    }
    fs::create_dir(&odd).unwrap();
    let mut below = howdah.command(["restore", "orders", "--to", "here", "--plan"]);
    let output = below.current_dir(&odd).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("is not UTF-8"), "{output:?}");
}

#[test]
fn a_restore_dir_that_cannot_be_used_is_told_at_once() {
    let howdah = Howdah::new();
    let file = howdah.home.join("file");
    fs::write(&file, "").unwrap();
    let below = file.join("orders");
    let ran = howdah.run(["restore", "orders", "--plan", "--to", below.to_str().unwrap()]).expect_code(3);
    ran.expect_words(&["not a directory"]);
    let long = howdah.home.join("x".repeat(300));
    for (place, word) in [(&file, "Not a directory"), (&file.join("below"), "Not a directory"), (&long, "too long")] {
        howdah.configure(&format!("restore_dir = {place:?}\n"));
        for verb in [&["restore", "orders", "--plan"][..], &["session", "start", "orders"]] {
            let state = ["--state-dir", howdah.state.to_str().unwrap()];
            let ran = howdah.run(verb.iter().chain(&state)).expect_code(3);
            ran.expect_words(&["cannot be used", word, "--to", "restore_dir"]);
        }
    }
}

#[test]
fn an_unknown_key_in_the_settings_is_named() {
    let howdah = Howdah::new();
    for (toml, word) in [
        ("repositries = []\n", "repositries"),
        ("[retry]\ntrys = 3\n", "trys"),
        ("[worker]\nbinary = []\n", "binary"),
        ("max_running = \"four\"\n", "max_running"),
        ("[retry]\nevery = \"soon\"\n", "every"),
        ("[[repository]]\nkind = \"tape\"\npath = \"/srv\"\n", "known: directory"),
        ("[[repository]]\nkind = \"directory\"\npth = \"/srv\"\n", "pth"),
        ("this is not toml", "howdah.toml"),
    ] {
        howdah.configure(toml);
        howdah.run(["backup", "list"]).expect_code(2).expect_words(&[word, "howdah.toml"]);
    }
    howdah.configure("max_running = 2\n[retry]\ntries = 3\nevery = \"2s\"\n[worker]\ncopy_workers = 1\n");
    howdah.run(["backup", "list", "--json"]).expect_code(0);
}

#[test]
fn a_settings_file_that_is_named_must_be_there() {
    let howdah = Howdah::new();
    let file = howdah.home.join("other.toml");
    let arguments = ["--config", file.to_str().unwrap(), "backup", "list", "--json"];
    howdah.run(arguments).expect_code(2).expect_words(&["other.toml"]);
    fs::write(&file, "colour = 1\n").unwrap();
    howdah.run(arguments).expect_code(2).expect_words(&["colour"]);
    fs::write(&file, "").unwrap();
    howdah.run(arguments).expect_code(0);
}

#[test]
fn without_any_setting_the_sample_is_listed() {
    let ran = Howdah::new().run(["backup", "list", "--json"]).expect_code(0);
    let rows = ran.json();
    let rows = rows.as_array().unwrap();
    let mut instances: Vec<&str> = rows.iter().map(|row| row["instance"].as_str().unwrap()).collect();
    instances.dedup();
    assert_eq!(instances.len(), 3, "{ran}");
    assert!(rows.iter().all(|row| row["problem"].is_null()), "{ran}");
}

#[test]
fn the_backups_of_both_forms_of_repositories_in_the_settings_are_listed() {
    needs_postgres!();
    let [short, long] = ["short", "long"].map(|name| Repository::new().with(name, "b1", &own(Form::PLAIN)));
    let howdah = Howdah::new();
    let toml = format!("repositories = [{:?}]\n[[repository]]\nkind = \"directory\"\npath = {:?}\n", short.0, long.0);
    howdah.configure(&toml);
    let listed = || {
        let rows = howdah.run(["backup", "list", "--json"]).expect_code(0).json();
        rows.as_array().unwrap().iter().map(|row| row["instance"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(listed(), ["long", "short"]);
}

#[test]
fn a_list_tells_what_each_backup_is() {
    needs_postgres!();
    let repository = Repository::of(Form::PLAIN).with("shop2", "b1", &own(Form::packed("server-zstd:3")));
    let howdah = Howdah::new();
    let path = repository.0.to_str().unwrap();
    let rows = howdah.run(["backup", "list", "--json", "--repo", path]).expect_code(0).json();
    let row = |instance: &str| rows.as_array().unwrap().iter().find(|row| row["instance"] == instance).unwrap().clone();
    for (instance, form) in [("shop", "plain"), ("shop2", "tar+zstd")] {
        let row = row(instance);
        assert_eq!(row["restore_point"], "b1");
        assert_eq!(row["path"], format!("{path}/{instance}/b1"));
        assert_eq!(row["format"], form);
        assert!(row["size"].as_u64().unwrap() > 20 << 20, "{row}");
        assert_eq!(row["timeline"], 1);
        assert!(row["start_lsn"].as_str().unwrap().contains('/'), "{row}");
        assert!(row["stop_lsn"].as_str().unwrap().contains('/'), "{row}");
        assert!(row["taken_at"].as_str().unwrap().ends_with('Z'), "{row}");
        assert_eq!(row["problem"], Value::Null);
    }
    howdah.run(["backup", "list", "--repo", path]).expect_code(0).expect_words(&["shop", "shop2", "plain", "tar+zstd"]);
}

#[test]
fn a_repository_that_is_not_there_is_named() {
    let howdah = Howdah::new();
    let nowhere = howdah.home.join("nowhere");
    let target = howdah.home.join("data");
    let ran = howdah.run(["backup", "list", "--repo", nowhere.to_str().unwrap()]);
    assert_ne!(ran.code, Some(101), "{ran}");
    ran.expect_words(&["nowhere"]);
    howdah.restore(&nowhere, &target, &[]).expect_code(3).expect_words(&["nowhere"]);
}

#[test]
fn an_unknown_instance_or_backup_is_refused_with_what_is_there() {
    needs_postgres!();
    let repository = Repository::of(Form::PLAIN);
    let howdah = Howdah::new();
    let target = scratch("target").join("data");
    let path = repository.0.to_str().unwrap();
    let arguments = ["restore", "shoop", "--repo", path, "--to", target.to_str().unwrap()];
    howdah.run(arguments).expect_code(3).expect_words(&["shoop", "shop"]);
    howdah.restore(&repository.0, &target, &["--point", "b9"]).expect_code(3).expect_words(&["b9", "b1"]);
    assert!(!target.exists());
}

#[test]
fn s07_a_plan_is_printed_and_nothing_is_written() {
    needs_postgres!();
    let repository = Repository::of(Form::PLAIN);
    let target = scratch("target").join("data");
    let howdah = Howdah::new();
    let port = free_port().to_string();
    let path = repository.0.to_str().unwrap();
    let to = target.to_str().unwrap();
    let arguments = ["restore", "shop", "--repo", path, "--to", to, "--plan", "--port", &port];
    let ran = howdah.run(arguments).expect_code(0).expect_words(&[to, "free", &port]);
    assert!(!target.exists() && howdah.events().attempts(1) == 0, "{ran}");
    let ran = howdah.restore(&repository.0, &target, &["--plan", "--port", &port]).expect_code(0);
    let plan = ran.json();
    assert_eq!(plan["directory"], to, "{ran}");
    assert!(plan["bytes"].as_u64().unwrap() > 20 << 20, "{ran}");
    assert!(!target.exists());
}

#[test]
fn the_result_as_json_is_one_object_on_stdout_and_progress_goes_to_stderr() {
    needs_postgres!();
    let target = scratch("target").join("data");
    let howdah = Howdah::new();
    let ran = howdah.restore(&Repository::of(Form::TAR).0, &target, &["--no-start"]).expect_code(0);
    let result = ran.json();
    let state = howdah.state.to_str().unwrap();
    let shown = howdah.run(["session", "show", "1", "--json", "--state-dir", state]).expect_code(0).json();
    assert_eq!(result, shown, "a session has one shape");
    assert!(result["files_done"].as_u64().unwrap() > 900 && result["bytes_reused"] == 0, "{ran}");
    assert_eq!(result["id"], 1, "{ran}");
    assert_eq!(result["instance"], "shop", "{ran}");
    assert_eq!(result["phase"], "succeeded", "{ran}");
    assert_eq!(result["failure"], Value::Null, "{ran}");
    assert_eq!(result["attempt"], 1, "{ran}");
    assert!(result["bytes_done"].as_u64().unwrap() > 20 << 20, "{ran}");
    assert!(
        !ran.stderr.is_empty() && !ran.stderr.contains('\u{1b}'),
        "progress without a terminal is plain lines\n{ran}"
    );
}

#[test]
fn a_reader_that_goes_away_is_not_an_error_worth_a_panic() {
    let howdah = Howdah::new();
    let mut command = howdah.command(["backup", "list", "--json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut reported = String::new();
    child.stderr.take().unwrap().read_to_string(&mut reported).unwrap();
    assert_ne!(child.wait().unwrap().code(), Some(101), "{reported}");
    assert!(!reported.contains("panicked"), "{reported}");
}

#[test]
fn s09_one_data_directory_has_one_session_across_state_directories() {
    needs_postgres!();
    let repository = Repository::of(Form::PLAIN);
    let target = scratch("target").join("data");
    let first = Howdah::new();
    let running = first.spawn_restore(&repository.0, &target, &["--no-start", "--max-rate", "6M"]);
    first.events().wait_for_bytes(1, 1, 4 << 20);
    let second = Howdah::new().restore(&repository.0, &target, &["--no-start"]);
    assert!([3, 4].contains(&second.code.unwrap()), "{second}");
    second.expect_words(&["another"]);
    running.wait().expect_code(0);
    assert!(target.join("global/pg_control").exists());
}
