//! Goals of recovery at the shell: what is refused before anything is begun, and with what words.

use crate::support::{howdah::Howdah, place::scratch};

#[test]
fn a_goal_without_an_archive_is_refused_with_how_to_name_one() {
    let (howdah, target) = (Howdah::new(), scratch("target").join("data"));
    let to = target.to_str().unwrap();
    for verb in [&["restore", "crm", "--to", to][..], &["explore", "start", "crm", "--scratch", to]] {
        for goal in [&["--latest"][..], &["--immediate"], &["--lsn", "0/5000000", "--exclusive"]] {
            let ran = howdah.run([verb, goal].concat()).expect_code(3);
            assert!(ran.stderr.contains("no WAL archive of crm is known") && ran.stderr.contains("wal ="), "{ran}");
        }
    }
    let state = howdah.state.to_str().unwrap();
    let started = ["session", "start", "crm", "orders", "--latest", "--state-dir", state];
    let ran = howdah.run(started).expect_code(3);
    assert_eq!(ran.stderr.matches("no WAL archive of").count(), 2, "{ran}");
    assert!(!target.exists());
}

#[test]
fn a_time_is_said_as_it_was_read() {
    let howdah = Howdah::new();
    let mut command = howdah.command(["restore", "crm", "--time", "2026-03-29 01:30", "--to", "/var/tmp/never"]);
    let ran = command.env("TZ", "CET-1CEST,M3.5.0,M10.5.0/3").output().unwrap();
    let said = String::from_utf8(ran.stderr).unwrap();
    assert!(said.contains("no WAL archive"), "{said}");
    let mut command = howdah.command(["restore", "crm", "--time", "2026-03-29 02:30", "--to", "/var/tmp/never"]);
    let ran = command.env("TZ", "CET-1CEST,M3.5.0,M10.5.0/3").output().unwrap();
    let said = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(3), "{said}");
    assert!(said.contains("write 2026-03-29 01:30:00+01:00 or 2026-03-29 03:30:00+02:00"), "{said}");
}

#[test]
fn s11_a_password_of_a_primary_is_refused_and_shown_nowhere() {
    let howdah = Howdah::new();
    let conninfo = "host=db1 password=hunter2";
    for verb in [&["restore", "crm", "--to", "/var/tmp/never"][..], &["session", "start", "crm"]] {
        let ran = howdah.run([verb, &["--standby-of", conninfo]].concat()).expect_code(3);
        assert!(ran.stderr.contains("holds password") && !ran.to_string().contains("hunter2"), "{ran}");
    }
}
