//! The restore points of a repository, as a catalog reads them.

use crate::{
    bed::{Bed, label},
    needs_restic,
    support::{
        place::{listing, scratch},
        timeout::until_true,
    },
};
use howdah::{
    domain::FailureClass::{Disruption, Incurable},
    restic::snapshot_points,
};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

const LIMIT: Duration = Duration::from_mins(1);

#[test]
fn the_points_of_a_repository_are_listed_oldest_first_and_nothing_is_written() {
    needs_restic!();
    let bed = Bed::with_repository(10);
    let list = || snapshot_points(&bed.folder(), &bed.password, &[], LIMIT).unwrap();
    assert_eq!(list(), []);
    let session = bed.session();
    let first = label(&session.succeed());
    let mut foreign = bed.command();
    foreign.args(["backup", "--quiet", "--host", "a\u{1b}b", "--tag", "x\u{1b}[2J", "--time", "2001-02-03 04:05:06"]);
    assert!(foreign.arg(&bed.tree).arg(&bed.password).status().unwrap().success());
    let before = listing(&bed.folder());
    let found = list();
    assert_eq!(listing(&bed.folder()), before);
    assert_eq!(found.len(), 2, "{found:?}");
    let (theirs, ours) = (&found[0], &found[1]);
    assert!(first.ends_with(&ours.id[..8]) && ours.id.len() == 64, "{ours:?}");
    assert_eq!(ours.paths, std::slice::from_ref(&bed.tree));
    assert!(ours.tags.contains(&format!("howdah-session-{}", session.uuid)), "{ours:?}");
    assert_eq!(theirs.paths.len(), 2, "{theirs:?}");
    assert_eq!((theirs.hostname.as_str(), theirs.tags[0].as_str()), ("a\\u{1b}b", "x\\u{1b}[2J"));
    assert!(theirs.taken_at < ours.taken_at);
    // restic before 0.17 notes no size.
    assert!([theirs, ours].iter().all(|point| point.size.is_none_or(|size| size.0 > 0)));
}

#[test]
fn why_a_repository_is_not_listed_is_said_in_a_sentence() {
    needs_restic!();
    let bed = Bed::with_repository(10);
    let list = |repository: &Path, password: &Path, programs: &[PathBuf]| {
        snapshot_points(repository, password, programs, LIMIT).unwrap_err()
    };
    let wrong = bed.password.with_file_name("wrong");
    fs::write(&wrong, "other\n").unwrap();
    let old = scratch("old");
    fs::write(old.join("restic"), "#!/bin/sh\necho restic 0.9.6 compiled with go\n").unwrap();
    fs::set_permissions(old.join("restic"), fs::Permissions::from_mode(0o755)).unwrap();
    let nowhere = bed.repository.join("nowhere");
    for (failure, class, says) in [
        (list(&bed.folder(), &wrong, &[]), Incurable, "wrong password"),
        (list(&bed.folder(), &nowhere, &[]), Incurable, "does not exist"),
        (list(&nowhere, &bed.password, &[]), Disruption, "unable to open config file"),
        (list(&bed.folder(), &bed.password, &[old]), Incurable, "too old"),
        (list(&bed.folder(), &bed.password, &[bed.instead_of("snapshots", "yes")]), Incurable, "longer than"),
        (list(&bed.folder(), &bed.password, &[bed.instead_of("snapshots", "echo {}")]), Incurable, "does not know"),
    ] {
        assert_eq!(failure.class, class, "{failure}");
        assert!(failure.cause.contains(says) && !failure.advice.is_empty(), "{failure}");
    }
}

#[test]
fn a_repository_that_others_lock_is_listed_all_the_same() {
    needs_restic!();
    let bed = Bed::with_repository(1 << 20);
    bed.session().succeed();
    let mut slow = bed.command();
    slow.args(["--limit-download=100", "check", "--read-data"]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut foreign = slow.spawn().unwrap();
    until_true("the other restic to hold its lock", || bed.locks().len() == 1);
    assert_eq!(snapshot_points(&bed.folder(), &bed.password, &[], LIMIT).unwrap().len(), 1);
    foreign.kill().unwrap();
    foreign.wait().unwrap();
}
