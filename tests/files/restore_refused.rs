//! Restores of trees that are refused before anything is written, or whose end is not what restic says of it.

use crate::{
    bed::{Bed, MUCH},
    needs_restic,
    restoring::Restore,
    session::SmallDisk,
    support::{
        faults::flip_byte,
        place::{names, scratch},
        timeout::until_true,
    },
};
use FailureClass::{Disruption, Incurable};
use howdah::{
    domain::{Disposed, Disposition, FailureClass, Step, WorkerSettings},
    worker::plan_files,
};
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Stdio,
};

#[test]
fn s08_what_cannot_go_well_is_refused_and_nothing_is_written() {
    needs_restic!();
    let bed = Bed::with_repository(10);
    let id = bed.backed_up(&bed.tree);
    let order = |change: &dyn Fn(&mut Restore)| {
        let mut restore = bed.restore_of(&id);
        change(&mut restore);
        restore
    };
    let to = |directory: &Path| order(&|restore| restore.order.directory = directory.to_owned());
    let occupied = to(&scratch("occupied"));
    fs::write(occupied.order.directory.join("of a person\u{1b}"), "x").unwrap();
    occupied.refused(Incurable, "is not empty: of a person\\u{1b}");
    to(&bed.tree).refused(Incurable, "is not empty: big");
    to(&bed.tree.join("below")).refused(Incurable, "the tree that is backed up");
    to(&bed.folder().join("below")).refused(Incurable, "is in the restic repository");
    to(&bed.tree.join("big")).refused(Incurable, "is no directory");
    let link = scratch("links").join("link");
    symlink(scratch("elsewhere"), &link).unwrap();
    to(&link).refused(Incurable, "is a symbolic link");
    let including = |path: &str| bed.restore_of(&id).including(&[path]);
    including("not there").refused(Incurable, "is not in the snapshot");
    including("../big").refused(Incurable, "leads upwards");
    including("/etc/passwd").refused(Incurable, "is not in the tree");
    let unknown = "0123456789".repeat(7)[..64].to_owned();
    order(&|restore| restore.order.snapshot.clone_from(&unknown)).refused(Incurable, "is not in the repository");
    order(&|restore| restore.order.snapshot.truncate(8)).refused(Incurable, "answers with the snapshot");
    order(&|restore| restore.order.snapshot = "latest".to_owned()).refused(Incurable, "answers with the snapshot");
    order(&|restore| restore.order.password_file = None).refused(Incurable, "no password_file is known");
    let wrong = bed.password.with_file_name("wrong");
    fs::write(&wrong, "other\n").unwrap();
    order(&|restore| restore.order.password_file = Some(wrong.clone())).refused(Incurable, "wrong password");
    order(&|restore| restore.order.repository = "sftp:host:/x".to_owned()).refused(Incurable, "no directory of this");
    order(&|restore| restore.order.repository.push_str(".gone")).refused(Disruption, "unable to open config file");
    let mut foreign = bed.command();
    foreign.args(["backup", "--quiet"]).arg(&bed.tree).arg(&bed.password);
    assert!(foreign.status().unwrap().success());
    let listed = bed.restic(&["--no-lock", "snapshots", "--json"]).stdout;
    let all: Vec<serde_json::Value> = serde_json::from_slice(&listed).unwrap();
    let two = all.iter().find(|one| one["paths"].as_array().unwrap().len() == 2).unwrap();
    bed.restore_of(two["id"].as_str().unwrap()).refused(Incurable, "is of 2 trees, not of one");
}

#[test]
fn s07_a_tree_that_does_not_fit_is_refused_and_one_of_many_names_needs_its_room_once() {
    needs_restic!();
    let Some(disk) = SmallDisk::new("3m") else { return };
    let bed = Bed::with_repository(2 << 20);
    fs::hard_link(bed.tree.join("big"), bed.tree.join("again")).unwrap();
    let mut restore = bed.restore();
    restore.order.directory = disk.0.join("back");
    restore.succeed();
    restore.is_whole(&bed);
    bed.fill("more", 2 << 20);
    let mut restore = bed.restore();
    restore.order.directory = disk.0.join("more");
    restore.refused(Incurable, "are free there");
}

#[test]
fn s09_two_sessions_of_two_state_directories_do_not_share_a_directory() {
    needs_restic!();
    let bed = Bed::with_repository(12 << 20);
    let mut first = bed.restore();
    let second = first.another(&bed);
    let attempt = first.under_way(&bed);
    let failure = second.fail();
    assert_eq!((failure.class, failure.step), (Incurable, Some(Step::Check)), "{failure}");
    assert!(failure.cause.contains("home"), "{failure}");
    assert!(plan_files(&second.order, &WorkerSettings::default()).is_err());
    assert_eq!(second.dispose(Disposition::Remove), Disposed::Nothing);
    attempt.kill();
    first.succeed();
    first.is_whole(&bed);
    second.refused(Incurable, "is not empty");
}

#[test]
fn a_repository_that_is_locked_exclusively_is_waited_for_and_other_locks_are_not() {
    needs_restic!();
    let bed = Bed::with_repository(1 << 20);
    let restore = bed.restore();
    let locked = |arguments: &[&str]| {
        let mut slow = bed.command();
        slow.args(arguments).arg(&bed.tree).stdout(Stdio::null()).stderr(Stdio::null());
        let child = slow.spawn().unwrap();
        until_true("the other restic to hold its lock", || bed.locks().len() == 1);
        child
    };
    let mut foreign = bed.command();
    foreign.args(["--limit-download=10", "check", "--read-data"]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut foreign = foreign.spawn().unwrap();
    until_true("the other restic to hold its lock", || bed.locks().len() == 1);
    restore.refused(Disruption, "is locked exclusively by process");
    foreign.kill().unwrap();
    foreign.wait().unwrap();
    fs::remove_file(bed.folder().join("locks").join(&bed.locks()[0])).unwrap();
    bed.fill("more", MUCH);
    let mut foreign = locked(&["--limit-upload=10", "backup"]);
    restore.succeed();
    foreign.kill().unwrap();
    foreign.wait().unwrap();
}

/// The end of restic is changed by a script, after it has done its work; `$T` is its target.
#[track_caller]
fn not_whole(bed: &Bed, script: &str, class: FailureClass, says: &str) {
    let find = "for word; do [ \"$last\" = --target ] && T=$word; last=$word; done";
    let mut restore = bed.restore();
    restore.session.binaries = vec![bed.instead_of("restore", &format!("{find}\n{script}"))];
    let failure = restore.fail();
    assert_eq!((failure.class, failure.step), (class, Some(Step::Copy)), "{failure}");
    assert!(failure.cause.contains(says), "{says}: {failure}");
    assert!(!restore.order.directory.exists());
    assert_eq!(restore.dispose(Disposition::Default), Disposed::Removed);
    assert_eq!(names(restore.above()), [] as [&str; 0]);
}

#[test]
fn a_good_end_of_restic_alone_is_no_restored_tree() {
    needs_restic!();
    let bed = Bed::with_repository(10);
    fs::create_dir(bed.tree.join("sub")).unwrap();
    symlink("big", bed.tree.join("link")).unwrap();
    let well = "RESTIC \"$@\"";
    for (script, says) in [
        ("find $T -name big -delete", "1 files, and 0 were restored"),
        ("find $T -name big -exec sh -c 'echo >>$0' {} ';'", "10 bytes in files, and 11 were restored"),
        ("find $T -name sub -delete", "1 directories, and 0 were"),
        ("find $T -name link -delete", "1 symbolic links, and 0"),
        ("find $T -name sub -execdir mkfifo p ';'", "0 devices and named pipes, and 1"),
        ("mv $T/* $T/x", "something else than"),
        ("D=$(echo $T/*); mv $D $T.away; ln -s $T.away $D", "something else than"),
        ("rm -r $T; mkdir $T", "something else than"),
        ("echo 'ignoring error for /t/a: strange' >&2", "ignoring error for /t/a: strange"),
        ("echo 'There were 2 errors'", "errors with 2 files"),
        ("mv REPOSITORY REPOSITORY.away; mkdir REPOSITORY", "unable to open config file"),
    ] {
        not_whole(&bed, &format!("{well}\n{script}"), Disruption, says);
        let away = bed.repository.join("home.restic.away");
        if away.exists() {
            fs::remove_dir(bed.folder()).unwrap();
            fs::rename(&away, bed.folder()).unwrap();
        }
    }
    not_whole(&bed, "RESTIC \"$@\" | grep -v finished", Disruption, "without a word on the files");
    not_whole(&bed, "RESTIC \"$@\" | sed 's/finished verifying 1/finished verifying 0/'", Disruption, "0 of 1 files");
    not_whole(&bed, "echo 'ignoring error for /t: no space left on device' >&2; exit 1", Incurable, "no space left");
    let forgets = "RESTIC \"$@\"; RESTIC -r REPOSITORY -p \"$4\" --no-cache forget --quiet \"${@: -1}\" >/dev/null";
    not_whole(&bed, &format!("exec bash -c '{}' restic \"$@\"", forgets.replace('\'', "")), Incurable, "is not in the");
}

#[test]
fn damage_in_the_repository_is_seen_and_nothing_gets_the_name_of_the_tree() {
    needs_restic!();
    let bed = Bed::with_repository(1 << 20);
    let restore = bed.restore();
    let packs = walkdir::WalkDir::new(bed.folder().join("data")).into_iter().map(Result::unwrap);
    let packs: Vec<PathBuf> =
        packs.filter(|found| found.metadata().unwrap().len() > 1 << 20).map(walkdir::DirEntry::into_path).collect();
    let pack = &packs[0];
    flip_byte(pack, 500_000);
    let damaged = |says: &str| {
        let failure = restore.fail();
        assert_eq!((failure.class, failure.step), (Incurable, Some(Step::Copy)), "{failure}");
        assert!(failure.cause.contains(says) && failure.advice.contains("restic check"), "{failure}");
        assert!(!restore.order.directory.exists());
    };
    damaged("ciphertext verification failed");
    // A piece that is not there may come back, as far as restic knows, and is tried again for a while.
    let away = pack.with_extension("away");
    fs::rename(pack, &away).unwrap();
    damaged("is missing");
    assert_eq!(restore.dispose(Disposition::Default), Disposed::Removed);
    fs::rename(&away, pack).unwrap();
    flip_byte(pack, 500_000);
    bed.restore().succeed();
}
