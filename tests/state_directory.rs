//! The state directory: what stands there is for its user alone, and a disk under it that fills up ends nobody.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

use howdah::domain::FailureClass;
use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};
use support::{
    backup::{Form, Repository},
    events::group_is_alive,
    faults::SmallDisk,
    howdah::Howdah,
    place::scratch,
    pty::Terminal,
    skip::skip,
    timeout::until_true,
};

const BINARY: &str = env!("CARGO_BIN_EXE_howdah");

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

/// Runs howdah behind `ulimit`.
fn limited(howdah: &Howdah, limit: &str, arguments: &[&str]) -> Output {
    let script = format!("ulimit {limit} || exit 99; exec \"$@\"");
    let mut command = Command::new("bash");
    command.args(["-c", &script, "bash", BINARY]).args(arguments);
    command.arg("--state-dir").arg(&howdah.state).envs(howdah.environment()).current_dir("/").output().unwrap()
}

/// A restore of files alone from the sample, which is unpacked into the state directory, too.
fn restore(howdah: &Howdah, umask: &str) {
    let target = scratch("restored").join("orders");
    let script = format!("umask {umask}; exec \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, "sh", BINARY, "restore", "orders", "--no-start", "--to"]);
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

/// The log has no room left in its last page: the next line needs a new one.
fn fill_last_page(log: &Path) {
    let rest = 4096 - fs::metadata(log).unwrap().len() % 4096;
    let padding = vec![b' '; usize::try_from(rest).unwrap()];
    OpenOptions::new().append(true).open(log).unwrap().write_all(&padding).unwrap();
}

#[test]
fn a_keeper_outlives_a_full_disk_and_its_sessions_go_on_when_there_is_room_again() {
    needs_postgres!();
    let Some(disk) = SmallDisk::of_megabytes(4) else {
        return skip("only root can mount a small disk", false);
    };
    let howdah = Howdah { state: disk.0.join("state"), ..Howdah::new() };
    let (repository, target) = (Repository::of(Form::PLAIN), scratch("restored").join("shop"));
    let [state, repository, to] = [&howdah.state, &repository.0, &target].map(|path| path.to_str().unwrap());
    let common = ["--state-dir", state, "--repo", repository];
    let start = ["session", "start", "shop", "--to", to, "--no-start", "--max-rate", "4M", "--every", "1s"];
    howdah.run(start.iter().chain(&common)).expect_code(0);
    let worker = howdah.events().worker(1, 1);
    howdah.events().wait_for_bytes(1, 1, 2 << 20);
    fill_last_page(&howdah.state.join("howdah.log"));
    disk.fill();
    // The keeper stores nothing, says so, and notes it in a log that takes nothing.
    howdah.run(["session", "cancel", "1"].iter().chain(&common)).expect_code(3).expect_words(&["disk is full"]);
    let list = howdah.run(["session", "list"].iter().chain(&common)).expect_code(0);
    list.expect_words(&["running", "is full: what happens is stored when there is room again"]);
    until_true("the worker ends, since it cannot report", || !group_is_alive(worker.pid));
    disk.empty();
    until_true("the session goes on by itself", || target.join("global/pg_control").exists());
    until_true("the end is stored", || {
        let list = howdah.run(["session", "list", "--all", "--json"].iter().chain(&common));
        list.json()[0]["phase"] == "succeeded"
    });
    let log = || fs::read_to_string(howdah.state.join("howdah.log")).unwrap();
    until_true("the keeper ends, which it notes", || log().contains("the keeper has ended"));
    assert!(log().contains("could not be written (No space left on device"), "{}", log());
    assert!(!log().contains("panicked"), "{}", log());
}

#[test]
fn who_may_not_open_enough_files_does_not_become_the_owner() {
    let howdah = Howdah::new();
    let refused = limited(&howdah, "-n 16", &["keeper", "--until-idle"]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("may have 16") && said.contains("ulimit -n"), "{said}");
    assert!(fs::File::open(howdah.state.join("owner.lock")).unwrap().try_lock().is_ok(), "the lock is given back");
    // A limit that may be raised is raised.
    let owner = limited(&howdah, "-Sn 16", &["keeper", "--until-idle"]);
    assert_eq!(owner.status.code(), Some(0), "{owner:?}");
}

#[test]
fn a_limit_on_the_size_of_files_is_told_and_kills_nobody() {
    needs_postgres!();
    let howdah = Howdah::new();
    let (repository, target) = (Repository::of(Form::PLAIN), scratch("restored").join("shop"));
    let [repository, target] = [&repository.0, &target].map(|path| path.to_str().unwrap());
    // Blocks of a KiB: more than the journal takes, and less than the largest files.
    let start = ["session", "start", "shop", "--repo", repository, "--to", target, "--no-start"];
    assert!(limited(&howdah, "-f 2000", &start).status.success());
    let failure = howdah.events().failure(1, 1);
    assert_eq!(failure.class, FailureClass::Incurable, "{failure}");
    assert!(failure.cause.contains("File too large") && failure.advice.contains("ulimit -f"), "{failure}");

    // An owner that cannot even make its journal says so.
    let small = Howdah::new();
    let refused = limited(&small, "-f 1", &["keeper", "--until-idle"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("journal"), "{refused:?}");
}

#[test]
fn a_state_directory_that_is_opened_to_others_under_its_owner_is_told() {
    let howdah = Howdah::new();
    let state = howdah.state.to_str().unwrap();
    let keeper = howdah.spawn(["keeper", "--state-dir", state]);
    let log = || fs::read_to_string(howdah.state.join("howdah.log")).unwrap_or_default();
    until_true("the keeper owns", || log().contains("owns the state directory"));
    let size = (80, 24);
    let mut console = Terminal::run(BINARY, ["--state-dir", state], howdah.environment(), size);
    console.wait_for_text("attached to");
    let mode = |mode| fs::set_permissions(&howdah.state, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o777);
    console.wait_for_text("is open to other users (mode 0777)");
    until_true("the keeper notes it", || log().contains("is open to other users (mode 0777): chmod 700"));
    mode(0o700);
    console.wait_for_text("for its user alone again");
    until_true("the keeper notes it", || log().contains("for its user alone again"));
    drop(keeper);
}
