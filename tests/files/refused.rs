//! What is refused before anything is written, and what needs a person.

use crate::{
    bed::{Bed, MUCH},
    cheap, needs_restic,
    session::{Session, SmallDisk},
    support::place::names,
};
use howdah::domain::{BackupObject, Disposed, FailureClass, Step};
use std::{fs, os::unix::fs::symlink, path::PathBuf};

#[track_caller]
fn refused(session: &Session, class: FailureClass, says: &str) {
    let failure = session.fail();
    assert_eq!((failure.class, failure.step), (class, Some(Step::Check)), "{failure}");
    assert!(failure.cause.contains(says), "{says}: {failure}");
    assert_eq!(session.dispose(), Disposed::Nothing);
}

fn of_tree(bed: &Bed, tree: PathBuf) -> Session {
    let mut session = bed.session();
    let BackupObject::FileTree { path, .. } = &mut session.order.object else { panic!() };
    *path = tree;
    session
}

#[test]
fn what_cannot_go_well_is_refused_and_nothing_is_written() {
    use FailureClass::{Disruption, Incurable};
    needs_restic!();
    let bed = Bed::new(10);
    refused(&of_tree(&bed, bed.tree.join("gone")), Disruption, "is not there");
    refused(&of_tree(&bed, bed.tree.join("big")), Incurable, "is no directory");
    symlink(&bed.tree, bed.password.with_file_name("link")).unwrap();
    refused(&of_tree(&bed, bed.password.with_file_name("link")), Incurable, "is a symbolic link");
    refused(&of_tree(&bed, bed.repository.clone()), Incurable, "into itself");
    let empty = bed.password.with_file_name("empty");
    fs::write(&empty, "").unwrap();
    for (file, says) in [(Some(empty), "is empty"), (Some("/no/such".into()), "cannot be read"), (None, "names no")] {
        let mut session = bed.session();
        let BackupObject::FileTree { password_file, .. } = &mut session.order.object else { panic!() };
        *password_file = file;
        refused(&session, Incurable, says);
    }
    let mut session = bed.session();
    session.binaries = vec![bed.instead("exit 1")];
    fs::write(session.binaries[0].join("restic"), "#!/bin/sh\necho restic 0.9.6 compiled with go").unwrap();
    refused(&session, Incurable, "too old");
    assert_eq!(names(&bed.repository), [] as [&str; 0]);
    fs::create_dir(bed.folder()).unwrap();
    refused(&bed.session(), Incurable, "is no restic repository");
    assert_eq!(names(&bed.folder()), [] as [&str; 0]);
}

#[test]
fn a_wrong_password_is_incurable_and_changes_nothing() {
    needs_restic!();
    let bed = Bed::with_repository(10);
    bed.session().succeed();
    let right = fs::read(&bed.password).unwrap();
    fs::write(&bed.password, "wrong").unwrap();
    refused(&bed.session(), FailureClass::Incurable, "wrong password or no key found");
    fs::write(&bed.password, right).unwrap();
    assert_eq!(bed.labels().len(), 1);
}

#[test]
fn a_pattern_that_is_none_needs_a_person() {
    needs_restic!();
    let bed = Bed::with_repository(10);
    let mut session = bed.session();
    let BackupObject::FileTree { exclude, .. } = &mut session.order.object else { panic!() };
    exclude.push("[".to_owned());
    let failure = session.fail();
    assert_eq!((failure.class, failure.step), (FailureClass::Incurable, Some(Step::Copy)), "{failure}");
    assert!(failure.cause.contains("invalid pattern"), "{failure}");
    assert_eq!(session.dispose(), Disposed::Removed);
    bed.left(&session, &[]);
}

#[test]
fn a_disk_that_fills_up_is_incurable_and_names_no_snapshot() {
    needs_restic!();
    let Some(disk) = SmallDisk::new("6m") else { return };
    let mut bed = Bed::new(MUCH);
    bed.repository = disk.0.join("repository");
    fs::create_dir(&bed.repository).unwrap();
    cheap::make(&bed.folder());
    let session = bed.session();
    let failure = session.fail();
    assert_eq!((failure.class, failure.step), (FailureClass::Incurable, Some(Step::Copy)), "{failure}");
    assert!(failure.cause.contains("no space left"), "{failure}");
    assert_eq!(session.dispose(), Disposed::Removed);
    bed.left(&session, &[]);
}
