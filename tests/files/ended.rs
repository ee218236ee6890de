//! Backups that are ended in the middle, by a person or by a fault: nothing of them stays, and all else does.

use crate::{
    bed::{Bed, MUCH, label},
    needs_restic,
    support::{
        place::{listing, names},
        timeout::until_true,
    },
};
use howdah::{
    domain::{Disposed, Failure, FailureClass, Step, fact::End},
    process::{mark, signal},
};
use rustix::process::Signal;
use std::{fs, process::Stdio};

#[test]
fn r34_r36_a_stop_in_the_middle_leaves_no_snapshot_and_no_lock_and_earlier_points_stay() {
    needs_restic!();
    let bed = Bed::with_repository(10);
    let first = label(&bed.session().succeed());
    let before = listing(&bed.folder().join("snapshots"));
    bed.fill("more", MUCH);
    let mut session = bed.session();
    let attempt = bed.under_way(&mut session);
    attempt.signal(Signal::TERM);
    assert_eq!(attempt.end(), End::Stopped);
    assert_eq!(bed.locks(), [] as [&str; 0], "restic was asked, and took its lock along");
    assert_eq!(session.dispose(), Disposed::Removed);
    bed.left(&session, &[&first]);
    assert_eq!(listing(&bed.folder().join("snapshots")), before);
    fs::remove_file(bed.tree.join("more")).unwrap();
    bed.restores(&[]);
}

/// Its lock is removed over one of two connections: both are in the middle of a piece of 16 MiB at 1 MiB a second.
#[test]
fn r34_a_restic_that_is_too_busy_to_remove_its_lock_is_killed_and_the_lock_goes_all_the_same() {
    needs_restic!();
    let bed = Bed::with_repository(4 * MUCH);
    let mut session = bed.session();
    let attempt = bed.under_way(&mut session);
    attempt.until_received(34 << 20);
    attempt.signal(Signal::TERM);
    assert_eq!(attempt.end(), End::Stopped);
    assert_eq!(bed.locks().len(), 1, "it could not take it along");
    assert_eq!(session.dispose(), Disposed::Removed);
    assert!(session.log().contains("1 lock of the session in the repository removed"), "{}", session.log());
    bed.left(&session, &[]);
}

#[test]
fn what_a_killed_attempt_left_is_removed_by_the_next_one_and_by_the_disposal() {
    needs_restic!();
    let bed = Bed::with_repository(MUCH);
    let mut session = bed.session();
    bed.under_way(&mut session).kill();
    assert_eq!(bed.locks().len(), 1, "nobody could take it along");
    session.order.max_rate = None;
    let made = label(&session.succeed());
    assert!(session.log().contains("1 lock that an earlier attempt had left"), "{}", session.log());
    bed.left(&session, &[&made]);
    bed.fill("more", MUCH);
    let mut other = bed.session();
    bed.under_way(&mut other).kill();
    assert_eq!(other.dispose(), Disposed::Removed);
    bed.left(&other, &[&made]);
    assert_eq!(bed.session().dispose(), Disposed::Nothing, "a session that never began");
}

#[test]
fn r31_a_stop_that_comes_after_the_end_finds_a_restore_point_and_one_that_does_not_end_is_not_waited_for() {
    needs_restic!();
    let bed = Bed::with_repository(10);
    let endless = || vec![bed.instead("RESTIC \"$@\"\nexec tail -f /dev/null")];
    let mut session = bed.session();
    session.binaries = endless();
    let attempt = session.start();
    until_true("restic to say its last word", || session.log().contains("snapshot_id"));
    attempt.signal(Signal::TERM);
    assert_eq!(attempt.end(), End::Stopped);
    let End::Succeeded(found) = session.end_of_disposal() else { panic!("{}", session.log()) };
    bed.left(&session, &[&label(&found)]);
    let mut other = bed.session();
    other.binaries = endless();
    let made = label(&other.succeed());
    assert!(other.log().contains("does not end: it is killed"), "{}", other.log());
    bed.left(&other, &[&label(&found), &made]);
}

#[test]
fn a_repository_that_was_being_made_goes_and_the_next_attempt_makes_its_own() {
    needs_restic!();
    let bed = Bed::new(10);
    let killed = || {
        let mut session = bed.session();
        session.binaries = vec![bed.instead_of("init", "RESTIC \"$@\"\nexec tail -f /dev/null")];
        let attempt = session.start();
        let config = bed.repository.join(format!(".incoming-{}/config", session.uuid));
        until_true("the repository to be there without its name", || config.exists());
        assert!(!bed.folder().exists());
        attempt.kill();
        session.binaries.clear();
        session
    };
    let session = killed();
    assert_eq!(session.dispose(), Disposed::Removed);
    assert_eq!(names(&bed.repository), [] as [&str; 0]);
    let session = killed();
    let made = label(&session.succeed());
    bed.left(&session, &[&made]);
}

#[test]
fn a_killed_restic_is_a_disruption() {
    needs_restic!();
    let bed = Bed::with_repository(MUCH);
    let mut session = bed.session();
    let attempt = bed.under_way(&mut session);
    let programs = attempt.processes("restic");
    assert!(signal(mark(programs[0]).unwrap(), Signal::KILL).unwrap());
    let End::Failed(failure) = attempt.end() else { panic!("{}", session.log()) };
    assert_eq!((failure.class, failure.step), (FailureClass::Disruption, Some(Step::Copy)), "{failure}");
    assert!(failure.cause.contains("killed by signal 9"), "{failure}");
    assert_eq!(session.dispose(), Disposed::Removed);
    bed.left(&session, &[]);
}

#[track_caller]
fn gone(failure: &Failure) {
    assert_eq!((failure.class, failure.step), (FailureClass::Disruption, Some(Step::Seal)), "{failure}");
    assert!(failure.cause.contains("is not at") && failure.advice.contains("move it back"), "{failure}");
}

/// restic makes the directory anew, ends well and names a snapshot.
#[test]
fn a_repository_that_was_moved_away_in_mid_backup_gives_no_restore_point() {
    needs_restic!();
    let bed = Bed::with_repository(MUCH / 8);
    let mut session = bed.session();
    let attempt = bed.under_way(&mut session);
    let away = bed.repository.join("away");
    fs::rename(bed.folder(), &away).unwrap();
    let End::Failed(failure) = attempt.end() else { panic!("{}", session.log()) };
    gone(&failure);
    assert!(session.log().contains("snapshot_id"), "restic said that all is well: {}", session.log());
    // Neither is a new one made in its place, nor is what cannot be seen said to be gone.
    let again = session.fail();
    assert_eq!((again.class, again.step), (FailureClass::Disruption, Some(Step::Check)), "{again}");
    let Disposed::RemovedUnproven { what } = session.dispose() else { panic!("{}", session.log()) };
    assert!(what.contains("its lock or snapshot in"), "{what}");
    fs::remove_dir_all(bed.folder()).unwrap();
    assert_eq!(session.fail().class, FailureClass::Disruption);
    fs::rename(&away, bed.folder()).unwrap();
    assert_eq!(session.dispose(), Disposed::Removed);
    bed.left(&session, &[]);
}

#[test]
fn a_repository_that_was_exchanged_after_restics_last_word_gives_none_either() {
    needs_restic!();
    let bed = Bed::with_repository(10);
    let mut session = bed.session();
    let exchange = "RESTIC \"$@\"\nmv REPOSITORY REPOSITORY.away\nmkdir -p REPOSITORY/snapshots REPOSITORY/data";
    session.binaries = vec![bed.instead(exchange)];
    gone(&session.fail());
    let other = Bed::with_repository(10);
    other.session().succeed();
    let mut session = other.session();
    session.binaries = vec![other.instead(
        "RESTIC \"$@\"\nmv REPOSITORY REPOSITORY.away\nRESTIC -r REPOSITORY -p \"$4\" --no-cache init >/dev/null",
    )];
    gone(&session.fail());
}

#[test]
fn the_lock_of_a_living_restic_is_a_disruption_and_no_lock_of_others_is_touched() {
    needs_restic!();
    let bed = Bed::with_repository(MUCH);
    let made = label(&bed.session().succeed());
    let mut slow = bed.command();
    slow.args(["--limit-download=100", "check", "--read-data"]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut foreign = slow.spawn().unwrap();
    until_true("the other restic to hold its lock", || bed.locks().len() == 1);
    let theirs = bed.locks();
    let session = bed.session();
    let failure = session.fail();
    assert_eq!((failure.class, failure.step), (FailureClass::Disruption, Some(Step::Copy)), "{failure}");
    assert!(failure.cause.contains("already locked"), "{failure}");
    assert_eq!(session.dispose(), Disposed::Removed);
    assert_eq!(bed.locks(), theirs);
    foreign.kill().unwrap();
    foreign.wait().unwrap();
    // One that a dead process has left is not ours to remove either; this kind bars nobody.
    fs::remove_file(bed.folder().join("locks").join(&theirs[0])).unwrap();
    bed.fill("more", MUCH);
    let mut session = bed.session();
    let attempt = bed.under_way(&mut session);
    let ours = bed.locks();
    let mut slow = bed.command();
    slow.args(["--limit-upload=100", "backup"]).arg(&bed.tree).stdout(Stdio::null()).stderr(Stdio::null());
    let mut foreign = slow.spawn().unwrap();
    until_true("the other restic to hold its lock, too", || bed.locks().len() == 2);
    foreign.kill().unwrap();
    foreign.wait().unwrap();
    let mut theirs = bed.locks();
    theirs.retain(|lock| *lock != ours[0]);
    attempt.kill();
    assert_eq!(session.dispose(), Disposed::Removed);
    assert_eq!(bed.locks(), theirs);
    assert_eq!(bed.labels().len(), 1, "{made} alone");
}
