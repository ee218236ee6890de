//! `howdah backup verify`: whole sessions of the kind verify, from the order to the exit code.

use crate::{
    needs_postgres,
    support::{
        backup::{Form, Repository, own},
        faults::flip_byte,
        howdah::{Howdah, Ran},
        timeout::until,
    },
};
use howdah::postgres::manifest::Manifest;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

fn verify(howdah: &Howdah, repository: &Repository, more: &[&str]) -> Ran {
    let (state, path) = (howdah.state.to_str().unwrap(), repository.0.to_str().unwrap());
    howdah.run([&["backup", "verify", "--repo", path, "--state-dir", state], more].concat())
}

fn session(howdah: &Howdah, verb: &str, more: &[&str]) -> Ran {
    let state = howdah.state.to_str().unwrap();
    howdah.run([&["session", verb, "--kind", "verify", "--state-dir", state], more].concat())
}

/// Every file below, with its size and when it was changed.
fn listing(directory: &Path) -> BTreeMap<PathBuf, (u64, i64, i64)> {
    let mut all = BTreeMap::new();
    let mut open = vec![directory.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let about = fs::symlink_metadata(&path).unwrap();
            if about.is_dir() {
                open.push(path.clone());
            }
            all.insert(path, (about.len(), about.mtime(), about.mtime_nsec()));
        }
    }
    all
}

/// The largest file that the manifest lists below `base`.
fn large_file(backup: &Path) -> PathBuf {
    let listed = Manifest::read(&backup.join("backup_manifest")).unwrap().files;
    let below = listed.into_iter().filter(|file| file.path.starts_with("base"));
    below.max_by_key(|file| file.size).unwrap().path
}

#[test]
fn a_sound_backup_is_read_to_its_end_and_left_as_it_was() {
    needs_postgres!();
    for form in [Form::PLAIN, Form::packed("gzip")] {
        let (howdah, repository) = (Howdah::new(), Repository::of(form));
        let before = listing(&repository.0);
        let ran = verify(&howdah, &repository, &["shop", "--json"]).expect_code(0);
        let object = ran.json();
        assert_eq!((&object["kind"], &object["phase"]), (&"verify".into(), &"succeeded".into()), "{ran}");
        assert_eq!((&object["target"], &object["unchecked"]), (&Value::Null, &Value::Array(vec![])), "{ran}");
        let ending = object["ending"].as_str().unwrap();
        assert!(ending.contains("files verified") && ending.contains("of WAL"), "{ending}");
        assert_eq!(listing(&repository.0), before, "nothing is written, not even a claim");
        let steps = session(&howdah, "show", &["1"]).expect_code(0).stdout;
        for step in ["Check: done", "Read: done: nothing is damaged", "WAL: done", "Finish: done"] {
            assert!(steps.contains(step), "{steps}");
        }
        let state = howdah.state.to_str().unwrap();
        let restores = howdah.run(["session", "list", "--all", "--json", "--state-dir", state]).expect_code(0);
        assert_eq!(restores.json(), Value::Array(vec![]), "it is no restore");
    }
}

#[test]
fn all_that_is_damaged_is_named_and_the_exit_code_says_so() {
    needs_postgres!();
    let (howdah, repository) = (Howdah::new(), Repository::of(Form::PLAIN));
    let backup = repository.b1();
    let altered = large_file(&backup);
    flip_byte(&backup.join(&altered), 8000);
    fs::write(backup.join("base/1/PG_VERSION"), "").unwrap();
    fs::remove_file(backup.join("global/pg_filenode.map")).unwrap();
    fs::write(backup.join("base/surplus"), "x").unwrap();
    let manifest = Manifest::read(&backup.join("backup_manifest")).unwrap();
    let segment = fs::read_dir(backup.join("pg_wal")).unwrap().map(|entry| entry.unwrap().path());
    let segment = segment.filter(|path| path.is_file()).min().unwrap();
    let at = manifest.start_lsn().0 % (16 << 20);
    flip_byte(&segment, at + 30);
    let ran = verify(&howdah, &repository, &["shop", "--json"]).expect_code(7);
    let object = ran.json();
    assert_eq!((&object["phase"], &object["damages_total"]), (&"damaged".into(), &5.into()), "{ran}");
    let wanted = [
        format!("altered: {}", altered.display()),
        "short: base/1/PG_VERSION: 0 of 3 bytes".to_owned(),
        "missing: global/pg_filenode.map".to_owned(),
        "not in the manifest: base/surplus".to_owned(),
        format!("WAL at {}", manifest.start_lsn()),
    ];
    let log = session(&howdah, "log", &["1"]).expect_code(0).stdout;
    for damage in &wanted {
        assert!(ran.stderr.contains(damage), "{damage} is missing in: {ran}");
        assert!(log.contains(damage), "{damage} is missing in the log: {log}");
    }
    assert!(ran.stderr.contains("shop (b1): damaged: 5 damages found"), "{ran}");
    assert_eq!(session(&howdah, "watch", &["1"]).code, Some(7));
}

#[test]
fn s15_what_was_not_checked_is_named_and_has_an_exit_code_of_its_own() {
    needs_postgres!();
    let (howdah, repository) = (Howdah::new(), Repository::of(Form::PLAIN.with_wal("none")));
    let ran = verify(&howdah, &repository, &["shop"]).expect_code(6);
    assert!(ran.stderr.contains("not verified: WAL"), "{ran}");
}

#[test]
fn without_an_instance_the_newest_backup_of_each_is_verified_and_the_worst_end_counts() {
    needs_postgres!();
    let (howdah, repository) = (Howdah::new(), Repository::of(Form::PLAIN).with("crm", "b1", &own(Form::TAR)));
    fs::create_dir_all(repository.0.join("torn/b1")).unwrap();
    fs::write(repository.0.join("torn/b1/backup_manifest"), "{").unwrap();
    let ran = verify(&howdah, &repository, &["--json"]).expect_code(3);
    let objects: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ends = |objects: &[Value]| -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        objects.iter().map(|object| (text(&object["instance"]), text(&object["phase"]))).collect()
    };
    let end = |name: &str, phase: &str| (name.to_owned(), phase.to_owned());
    let wanted = [end("torn", "refused"), end("crm", "succeeded"), end("shop", "succeeded")];
    assert_eq!(ends(&objects), wanted, "{ran}");
    flip_byte(&repository.b1().join(large_file(&repository.b1())), 100);
    let ran = verify(&howdah, &repository, &["--json"]).expect_code(7);
    assert!(ran.stdout.contains("\"phase\":\"damaged\""), "what is bad counts more than what was refused: {ran}");
}

#[test]
fn a_verification_is_cancelled_and_tried_again_like_a_restore() {
    needs_postgres!();
    let (howdah, repository) = (Howdah::new(), Repository::of(Form::PLAIN));
    let (state, path) = (howdah.state.to_str().unwrap(), repository.0.to_str().unwrap());
    let arguments = ["backup", "verify", "shop", "--repo", path, "--state-dir", state, "--max-rate", "1M"];
    let running = howdah.spawn(arguments);
    let first = |field: &str| session(&howdah, "list", &["--json"]).json()[0][field].clone();
    let pid =
        until("a worker reads", || first("bytes_done").as_u64().filter(|done| *done > 0).and(first("pid").as_i64()));
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    until("it waits for its next try", || (first("phase") == "waiting").then_some(()));
    session(&howdah, "retry", &["1"]).expect_code(0);
    until("it reads again", || (first("attempt") == 2 && first("phase") == "running").then_some(()));
    session(&howdah, "cancel", &["1", "--wait"]).expect_code(0);
    let ran = running.wait().expect_code(5);
    assert!(ran.stderr.contains("cancelled; nothing had been written"), "{ran}");
}
