//! Who owns the state directory, and whether the owner can be talked to.

use super::{
    patient::{JsonFinding, Patient},
    support::{place::listing, timeout::until},
};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs::{self, File, Permissions},
    os::unix::{
        fs::PermissionsExt,
        net::{UnixListener, UnixStream},
    },
    process::{self, Stdio},
};

#[test]
fn a_lock_that_no_owner_holds_is_an_error_and_names_the_process() {
    let patient = Patient::new();
    let path = patient.write("state/owner.lock", "");
    let lock = File::options().write(true).open(&path).unwrap();
    lock.try_lock().unwrap();
    // A number in the file is an owner's only if it is the number of the process that has the lock.
    for text in ["", "1\n", "999999999\n", "-4\n", "\u{1b}[2J", &"9".repeat(100_000)] {
        fs::write(&path, text).unwrap();
        let rows = patient.rows(&[], 1);
        let row = JsonFinding::of(&rows, "owner");
        let fix = format!("kill {}", process::id());
        assert_eq!((&*row.state, row.fix.as_deref()), ("error", Some(&*fix)), "{text:?}: {row:?}");
    }
    fs::write(&path, format!("{}\n", process::id())).unwrap();
    let rows = patient.rows(&[], 0);
    assert!(JsonFinding::of(&rows, "owner").found.starts_with(&format!("process {} (", process::id())), "{rows:?}");
    drop(lock);
    assert!(JsonFinding::of(&patient.rows(&[], 0), "owner").found.starts_with("nobody"));
    // What is no file at all is not waited for.
    fs::remove_file(&path).unwrap();
    assert!(process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    assert_eq!(JsonFinding::of(&patient.rows(&[], 1), "owner").state, "error");
}

#[test]
fn a_keeper_that_runs_is_the_owner_and_is_not_disturbed() {
    let patient = Patient::new();
    let mut keeper = patient.command(&["keeper"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let owned = format!("process {} (howdah)", keeper.id());
    until("the keeper owns", || {
        let rows = patient.rows(&[], 0);
        let answers = JsonFinding::of(&rows, "socket").found == "the owner answers";
        (answers && JsonFinding::of(&rows, "owner").found == owned).then_some(())
    });
    let before = listing(&patient.state);
    let rows = patient.rows(&[], 0);
    assert_eq!(JsonFinding::of(&rows, "journal").found, "schema 6; 0 ongoing and 0 ended sessions", "{rows:?}");
    assert_eq!(listing(&patient.state), before);
    kill_process(Pid::from_child(&keeper), Signal::TERM).unwrap();
    assert!(keeper.wait().unwrap().success());
}

#[test]
fn a_socket_is_knocked_at_however_long_its_path_is() {
    let patient = Patient::new();
    let deep = patient.howdah.home.join("d".repeat(200));
    fs::create_dir(&deep).unwrap();
    fs::set_permissions(&deep, Permissions::from_mode(0o700)).unwrap();
    let socket = |code| {
        let rows = patient.rows_of(&deep, code);
        let row = JsonFinding::of(&rows, "socket");
        (row.state.clone(), row.found.clone())
    };
    let path = deep.join("control.sock");
    assert_eq!(socket(0).0, "ok");
    let short = patient.howdah.home.join("s");
    let listener = UnixListener::bind(&short).unwrap();
    fs::rename(&short, &path).unwrap();
    assert_eq!(socket(0), ("ok".to_owned(), "the owner answers".to_owned()));
    drop(listener);
    assert!(socket(0).0 == "ok" && socket(0).1.starts_with("stale"), "{:?}", socket(0));
    // With an owner there it should answer.
    let lock = File::create(deep.join("owner.lock")).unwrap();
    fs::write(deep.join("owner.lock"), process::id().to_string()).unwrap();
    lock.try_lock().unwrap();
    assert_eq!(socket(0), ("warning".to_owned(), "nobody answers at the socket, though there is an owner".to_owned()));
    drop(lock);
    fs::remove_file(&path).unwrap();
    fs::write(&path, "").unwrap();
    let (state, found) = socket(1);
    assert!(state == "error" && found.ends_with("is not a socket, so no owner can listen there"), "{found}");
}

#[test]
fn an_owner_that_takes_in_nobody_is_not_waited_for() {
    let patient = Patient::new();
    let listener = UnixListener::bind(patient.state.join("control.sock")).unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    // The kernel lets one more wait than it was told.
    let _waits = UnixStream::connect(patient.state.join("control.sock")).unwrap();
    let rows = patient.rows(&[], 0);
    let row = JsonFinding::of(&rows, "socket");
    assert!(row.state == "warning" && row.found.contains("more wait"), "{row:?}");
}
