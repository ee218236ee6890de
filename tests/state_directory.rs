//! What stands in a state directory: for its user alone, whatever the umask and whatever an older howdah left.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};
use support::{howdah::Howdah, patience::until_true, place::scratch};

/// The files below a directory that others than their user may touch, and the directories that others may enter.
fn open_to_others(state: &Path) -> Vec<String> {
    let entries = walkdir::WalkDir::new(state).into_iter().map(Result::unwrap);
    let wrong = entries.filter_map(|entry| {
        let found = entry.metadata().unwrap();
        let mode = found.permissions().mode() & 0o777;
        let wanted = if found.is_dir() { 0o700 } else { 0o600 };
        (mode != wanted).then(|| format!("{} {mode:o}", entry.path().display()))
    });
    wrong.collect()
}

/// A restore of files alone from the sample, which is unpacked into the state directory, too.
fn restore(howdah: &Howdah, umask: &str) {
    let target = scratch("restored").join("orders");
    let script = format!("umask {umask}; exec \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_howdah"), "restore", "orders", "--no-start", "--to"]);
    command.arg(&target).arg("--state-dir").arg(&howdah.state).envs(howdah.environment()).current_dir("/");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(target.join("global/pg_control").exists());
}

#[test]
fn everything_is_for_its_user_alone_whatever_the_umask() {
    for umask in ["000", "022", "077"] {
        let howdah = Howdah::new();
        restore(&howdah, umask);
        for name in ["journal.db", "owner.lock", "howdah.log", "attempts/1/1/events.jsonl", "attempts/1/1/ticket.json"]
        {
            assert!(howdah.state.join(name).exists(), "{name}");
        }
        assert_eq!(open_to_others(&howdah.state), Vec::<String>::new(), "umask {umask}");
    }
}

#[test]
fn what_an_older_howdah_left_open_to_others_is_closed_by_the_next_owner() {
    let howdah = Howdah::new();
    restore(&howdah, "022");
    let lock = fs::File::open(howdah.state.join("owner.lock")).unwrap();
    until_true("the keeper ends", || lock.try_lock_shared().is_ok());
    drop(lock);
    for name in ["journal.db", "owner.lock", "howdah.log"] {
        fs::set_permissions(howdah.state.join(name), fs::Permissions::from_mode(0o644)).unwrap();
    }
    restore(&howdah, "022");
    assert_eq!(open_to_others(&howdah.state), Vec::<String>::new());
}
