//! WAL that a backup lacks, or that is damaged: told before, told at the end, and never called verified (S7, S15).

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

use howdah::{domain::Lsn, postgres::manifest::Manifest};
use std::{fs, path::Path};
use support::{
    backup::{Form, Repository},
    cluster::{free_port, program},
    faults::flip_byte,
    howdah::Howdah,
    place::scratch,
};

/// A segment of the WAL that a plain backup needs, and the byte in it at which its first record begins.
fn first_record(backup: &Path) -> (std::path::PathBuf, u64) {
    let manifest = Manifest::read(&backup.join("backup_manifest")).unwrap();
    let Lsn(start) = manifest.start_lsn();
    let name = format!("{:08X}{:08X}{:08X}", manifest.timeline().0, start >> 32, (start & 0xFFFF_FFFF) >> 24);
    (backup.join("pg_wal").join(name), start & 0x00FF_FFFF)
}

fn pg_verifybackup_accepts(backup: &Path) -> bool {
    program("pg_verifybackup").arg(backup).output().unwrap().status.success()
}

#[test]
fn s07_files_without_their_wal_are_restored_only_by_somebody_who_has_agreed() {
    type Spoil = fn(&Path);
    needs_postgres!();
    let lacking: [(&str, Form, Spoil); 4] = [
        ("made without", Form::PLAIN.with_wal("none"), |_| {}),
        ("made without, tar", Form::TAR.with_wal("none"), |_| {}),
        ("a segment is gone", Form::PLAIN, |backup| fs::remove_file(first_record(backup).0).unwrap()),
        ("pg_wal.tar is gone", Form::TAR, |backup| fs::remove_file(backup.join("pg_wal.tar")).unwrap()),
    ];
    for (what, form, spoil) in lacking {
        let repository = Repository::of(form);
        spoil(&repository.b1());
        let target = scratch("target").join("data");
        let howdah = Howdah::new();
        let ran = howdah.restore(&repository.0, &target, &["--no-start"]);
        assert_eq!(ran.code, Some(3), "{what}: {ran}");
        ran.expect_words(&["no server could start on these files", "--without-wal"]);
        assert!(!target.exists(), "{what}");
        let mut plan = howdah.restore_arguments(&repository.0, &target, &["--no-start", "--plan"]);
        plan.retain(|argument| argument != "--json");
        howdah.run(plan).expect_code(0).expect_words(&["WAL         missing", "refused     no server could start"]);
        let ran = howdah.restore(&repository.0, &target, &["--no-start", "--without-wal"]).expect_code(6);
        let result = ran.json();
        assert_eq!(result["phase"], "succeeded", "{what}: {ran}");
        let warning = result["warnings"][0].as_str().unwrap();
        assert!(warning.contains("no server can start on these files"), "{what}: {warning}");
        assert!(ran.stderr.contains("warning: ") && !ran.stderr.contains("verified"), "{what}: {ran}");
        let state = ["--state-dir", howdah.state.to_str().unwrap()];
        let shown = howdah.run([&["session", "show", "1", "--json"][..], &state].concat()).expect_code(0).json();
        assert_eq!(shown["warnings"], result["warnings"], "{what}");
        howdah.run([&["session", "watch", "1"][..], &state].concat()).expect_code(6);
    }
}

#[test]
fn s15_wal_that_is_there_is_read_before_files_alone_are_called_restored() {
    needs_postgres!();
    let repository = Repository::of(Form::PLAIN);
    assert!(pg_verifybackup_accepts(&repository.b1()));
    let target = scratch("target").join("data");
    let ran = Howdah::new().restore(&repository.0, &target, &["--no-start"]).expect_code(0);
    let result = ran.json();
    assert_eq!((&result["warnings"], &result["unchecked"]), (&serde_json::json!([]), &serde_json::json!([])), "{ran}");
    let (segment, record) = first_record(&repository.b1());
    flip_byte(&segment, record + 30);
    assert!(!pg_verifybackup_accepts(&repository.b1()), "the flipped bit is one that matters");
    let target = scratch("target").join("data");
    let ran = Howdah::new().restore(&repository.0, &target, &["--no-start"]).expect_code(6);
    let result = ran.json();
    let warning = result["warnings"][0].as_str().unwrap();
    assert!(warning.contains("is there but damaged: could not find a valid record after"), "{warning}");
    assert!(target.join("global/pg_control").exists(), "the files are there all the same");
}

#[test]
fn damaged_wal_is_blamed_when_a_server_gives_up_on_it() {
    needs_postgres!();
    let repository = Repository::of(Form::PLAIN);
    let (segment, record) = first_record(&repository.b1());
    flip_byte(&segment, record + 30);
    let target = scratch("target").join("data");
    let port = free_port().to_string();
    let ran = Howdah::new().restore(&repository.0, &target, &["--port", &port]).expect_code(4);
    ran.expect_words(&[
        "the WAL is there but damaged: could not find a valid record after",
        "undamaged copy of this one's WAL",
    ]);
}

#[test]
fn s15_without_the_programs_to_read_it_wal_is_not_called_verified() {
    needs_postgres!();
    // Only root can hide them for one process.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let repository = Repository::of(Form::PLAIN.with_checksums("NONE"));
    let target = scratch("target").join("data");
    let howdah = Howdah::new();
    let hidden = std::process::Command::new("unshare")
        .args(["--mount", "sh", "-c", "mount -t tmpfs none /usr/lib/postgresql && exec \"$@\"", "sh"])
        .arg(env!("CARGO_BIN_EXE_howdah"))
        .args(howdah.restore_arguments(&repository.0, &target, &["--no-start"]))
        .envs(howdah.environment())
        .output()
        .unwrap();
    assert_eq!(hidden.status.code(), Some(0), "{}", String::from_utf8_lossy(&hidden.stderr));
    let result: serde_json::Value = serde_json::from_slice(&hidden.stdout).unwrap();
    let unchecked = result["unchecked"].to_string();
    assert!(unchecked.contains("was not read") && unchecked.contains("sizes alone were compared"), "{unchecked}");
}
