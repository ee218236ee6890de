//! Restores of trees that are ended in the middle, by a person or by a fault: they go on, or nothing of them stays, and all
//! else does.

use crate::{
    bed::{Bed, MUCH},
    needs_restic,
    support::{
        place::{listing, names, scratch},
        timeout::until_true,
    },
};
use howdah::{
    domain::{Disposed, Disposition, FailureClass, Step, fact::End},
    process::{mark, signal},
};
use rustix::process::Signal;
use std::{fs, os::unix::fs::symlink};

/// Takes a second for each MiB.
const LARGE: usize = 8 << 20;

#[test]
fn a_stop_in_the_middle_is_obeyed_at_once_and_a_cancel_leaves_nothing_of_ours_and_all_of_others() {
    needs_restic!();
    let bed = Bed::with_repository(LARGE);
    let outside = scratch("outside");
    fs::write(outside.join("kept"), "x").unwrap();
    symlink(&outside, bed.tree.join("a link to it")).unwrap();
    fs::create_dir(bed.tree.join("dir")).unwrap();
    symlink(&outside, bed.tree.join("dir/link")).unwrap();
    for exists in [false, true] {
        let mut restore = bed.restore();
        if exists {
            fs::create_dir(&restore.order.directory).unwrap();
        }
        fs::write(restore.above().join("neighbour"), "x").unwrap();
        let attempt = restore.under_way(&bed);
        fs::create_dir(restore.above().join(".howdah-files-0")).unwrap();
        let began = std::time::Instant::now();
        attempt.signal(Signal::TERM);
        assert_eq!(attempt.end(), End::Stopped);
        assert!(began.elapsed().as_secs() < 3, "{:?}", began.elapsed());
        let incoming = restore.incoming();
        symlink(&outside, incoming.join("tree/somebody's link")).unwrap();
        assert_eq!(restore.dispose(Disposition::Keep), Disposed::Kept);
        assert!(incoming.is_dir() && restore.log().contains(incoming.to_str().unwrap()), "{}", restore.log());
        if exists {
            fs::write(restore.order.directory.join("of a person"), "x").unwrap();
        }
        assert_eq!(restore.dispose(Disposition::Default), Disposed::Removed);
        let mut left = vec![".howdah-files-0", "back", "neighbour"];
        left.retain(|name| exists || *name != "back");
        assert_eq!(names(restore.above()), left);
        assert!(!exists || names(&restore.order.directory) == ["of a person"]);
        assert_eq!(names(&outside), ["kept"]);
        assert_eq!(restore.dispose(Disposition::Remove), Disposed::Nothing);
    }
    assert_eq!(bed.restore().dispose(Disposition::Default), Disposed::Nothing, "a session that never began");
}

#[test]
fn s02_what_a_killed_attempt_has_left_is_begun_anew_by_the_next_one_and_it_says_so() {
    needs_restic!();
    let bed = Bed::with_repository(LARGE);
    for exists in [false, true] {
        let mut restore = bed.restore();
        if exists {
            fs::create_dir(&restore.order.directory).unwrap();
        }
        let attempt = restore.under_way(&bed);
        let repository = listing(&bed.folder());
        attempt.kill();
        assert_eq!(listing(&bed.folder()), repository);
        assert!(restore.incoming().is_dir() && !restore.order.directory.join("big").exists());
        restore.succeed();
        assert!(restore.log().contains("was removed: this restic cannot go on from it"), "{}", restore.log());
        restore.is_whole(&bed);
    }
}

/// From 0.17 on restic reads what is there. The restic that is here writes all of it again, which comes to the same.
#[test]
fn s02_a_restic_that_can_goes_on_from_what_a_killed_attempt_has_left() {
    needs_restic!();
    let bed = Bed::with_repository(LARGE);
    let mut restore = bed.restore();
    restore.under_way(&bed).kill();
    let witness = restore.incoming().join("tree/witness");
    fs::write(&witness, "").unwrap();
    restore.session.binaries = vec![bed.instead_of("version", "echo restic 0.17.0 compiled with go")];
    let failure = restore.fail();
    assert!(failure.cause.contains("something else than"), "what was there was not removed: {failure}");
    fs::remove_file(&witness).unwrap();
    restore.succeed();
    assert!(restore.log().contains("is read again, and what differs is written"), "{}", restore.log());
    restore.is_whole(&bed);
}

#[test]
fn a_killed_restic_is_a_disruption_and_the_next_attempt_goes_on() {
    needs_restic!();
    let bed = Bed::with_repository(LARGE);
    let mut restore = bed.restore();
    let attempt = restore.under_way(&bed);
    let programs = attempt.processes("restic");
    assert!(signal(mark(programs[0]).unwrap(), Signal::KILL).unwrap());
    let End::Failed(failure) = attempt.end() else { panic!("{}", restore.log()) };
    assert_eq!((failure.class, failure.step), (FailureClass::Disruption, Some(Step::Copy)), "{failure}");
    assert!(failure.cause.contains("killed by signal 9"), "{failure}");
    restore.succeed();
    restore.is_whole(&bed);
}

#[test]
fn a_repository_that_is_moved_away_in_the_middle_is_waited_for() {
    needs_restic!();
    let bed = Bed::with_repository(10);
    // In many packs, of which restic has a few open at a time.
    for number in 0..8 {
        bed.fill(&format!("file{number}"), MUCH / 16);
        bed.backed_up(&bed.tree);
    }
    let mut restore = bed.restore();
    let attempt = restore.under_way(&bed);
    let away = bed.repository.join("away");
    fs::rename(bed.folder(), &away).unwrap();
    let End::Failed(failure) = attempt.end() else { panic!("{}", restore.log()) };
    assert_eq!((failure.class, failure.step), (FailureClass::Disruption, Some(Step::Copy)), "{failure}");
    assert!(failure.cause.contains("is not at") && failure.advice.contains("move it back"), "{failure}");
    let again = restore.fail();
    assert_eq!((again.class, again.step), (FailureClass::Disruption, Some(Step::Check)), "{again}");
    assert!(!bed.folder().exists(), "nothing is made in its place");
    fs::rename(&away, bed.folder()).unwrap();
    restore.succeed();
    restore.is_whole(&bed);
}

/// What somebody makes there meanwhile stays, and the tree waits for its name.
#[test]
fn a_name_that_is_taken_meanwhile_is_left_alone_and_the_next_attempt_only_gives_the_names() {
    needs_restic!();
    let bed = Bed::with_repository(4 << 20);
    bed.fill("first", 10);
    bed.fill("last", 10);
    for exists in [false, true] {
        let mut restore = bed.restore();
        let directory = restore.order.directory.clone();
        if exists {
            fs::create_dir(&directory).unwrap();
        }
        let attempt = restore.under_way(&bed);
        let theirs = if exists { directory.join("first") } else { directory.clone() };
        fs::create_dir(&theirs).unwrap();
        fs::write(theirs.join("of a person"), "x").unwrap();
        let End::Failed(failure) = attempt.end() else { panic!("{}", restore.log()) };
        assert_eq!((failure.class, failure.step), (FailureClass::Incurable, Some(Step::Finish)), "{failure}");
        assert!(failure.cause.contains("was made by somebody else meanwhile"), "{failure}");
        assert_eq!(names(&theirs), ["of a person"]);
        fs::remove_dir_all(&theirs).unwrap();
        restore.session.binaries = vec![bed.instead_of("--repo", "exit 1")];
        if exists {
            restore.succeed();
        } else {
            let End::Succeeded(_) = restore.end_of_disposal(Disposition::Remove) else { panic!("{}", restore.log()) };
        }
        restore.is_whole(&bed);
    }
}

#[test]
fn a_tree_that_somebody_removes_before_it_has_its_name_is_restored_again() {
    needs_restic!();
    let bed = Bed::with_repository(4 << 20);
    let mut restore = bed.restore();
    let attempt = restore.under_way(&bed);
    fs::create_dir(&restore.order.directory).unwrap();
    fs::write(restore.order.directory.join("x"), "x").unwrap();
    assert!(matches!(attempt.end(), End::Failed(_)), "{}", restore.log());
    fs::remove_dir_all(&restore.order.directory).unwrap();
    fs::remove_dir_all(restore.incoming()).unwrap();
    let record = restore.session.howdah.state.join("attempts/1/1/lifting.json");
    assert!(record.exists());
    // A number of an inode may be given again: nothing may name the half tree of this attempt as one that is whole.
    restore.under_way(&bed).kill();
    assert!(!record.exists());
    restore.succeed();
    assert!(restore.log().contains("is not there any more: it is begun anew"), "{}", restore.log());
    restore.is_whole(&bed);
}

#[test]
fn a_stop_while_restic_has_not_begun_leaves_nothing() {
    needs_restic!();
    let bed = Bed::with_repository(10);
    let mut restore = bed.restore();
    restore.session.binaries = vec![bed.instead_of("ls", "exec tail -f /dev/null")];
    let attempt = restore.start();
    until_true("the list to be asked for", || !attempt.processes("tail").is_empty());
    attempt.signal(Signal::TERM);
    assert_eq!(attempt.end(), End::Stopped);
    assert_eq!(restore.dispose(Disposition::Default), Disposed::Nothing);
    assert_eq!(names(restore.above()), [] as [&str; 0]);
}
