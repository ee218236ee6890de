//! A session that restores a tree, and pictures of trees to compare.

use crate::{
    bed::Bed,
    session::{Attempt, Session},
    support::{
        place::{names, scratch},
        timeout::until_true,
    },
};
use howdah::domain::{
    Achieved, ByteCount, Disposed, Disposition, Failure, FailureClass, FilesRestore, InstanceName, Leftover, Order,
    RestoreOrder, Step, Success, fact::End, ticket::Work,
};
use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

/// Slow enough that a test comes in between: in KiB a second.
const SLOW: &str = "exec RESTIC --limit-download=1000 \"$@\"";

pub(crate) struct Restore {
    pub(crate) session: Session,
    pub(crate) order: FilesRestore,
}

impl Bed {
    /// Has restic back the tree up, and orders it into a directory that does not exist yet.
    pub(crate) fn restore(&self) -> Restore {
        self.restore_of(&self.backed_up(&self.tree))
    }

    /// The identifier of a new snapshot of a tree.
    pub(crate) fn backed_up(&self, tree: &Path) -> String {
        let made = self.command().args(["backup", "--json", "--quiet"]).arg(tree).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let listed = self.restic(&["--no-lock", "snapshots", "--json"]).stdout;
        let all: Vec<serde_json::Value> = serde_json::from_slice(&listed).unwrap();
        all.last().unwrap()["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn restore_of(&self, snapshot: &str) -> Restore {
        let order = FilesRestore {
            tree: InstanceName::new("home"),
            repository: self.folder().to_str().unwrap().to_owned(),
            password_file: Some(self.password.clone()),
            label: "a".to_owned(),
            snapshot: snapshot.to_owned(),
            taken_at: "2026-11-23T02:17:00Z".parse().unwrap(),
            directory: scratch("target").join("back"),
            include: Vec::new(),
        };
        Restore { session: self.session(), order }
    }

    /// The path of a restic that restores slowly.
    pub(crate) fn slow(&self) -> Vec<PathBuf> {
        vec![self.instead_of("restore", SLOW)]
    }
}

impl Restore {
    pub(crate) fn including(mut self, paths: &[&str]) -> Self {
        self.order.include = paths.iter().map(PathBuf::from).collect();
        self
    }

    /// The same order as another session of another state directory.
    pub(crate) fn another(&self, bed: &Bed) -> Self {
        Self { session: bed.session(), order: self.order.clone() }
    }

    pub(crate) fn start(&self) -> Attempt {
        self.session.launch(Work::Run(Order::Restore(RestoreOrder::Files(self.order.clone()))))
    }

    /// Starts an attempt that restores slowly, and waits until it has written something.
    pub(crate) fn under_way(&mut self, bed: &Bed) -> Attempt {
        self.session.binaries = bed.slow();
        let attempt = self.start();
        attempt.until_received(1);
        until_true("files to come in", || self.incoming().join("tree").is_dir());
        self.session.binaries.clear();
        attempt
    }

    #[track_caller]
    pub(crate) fn succeed(&self) -> Success {
        let end = self.start().end();
        let End::Succeeded(success) = end else { panic!("{end:?}\n{}", self.session.log()) };
        success
    }

    #[track_caller]
    pub(crate) fn fail(&self) -> Failure {
        let end = self.start().end();
        let End::Failed(failure) = end else { panic!("{end:?}\n{}", self.session.log()) };
        failure
    }

    /// Refused before anything is written, and nothing of the session is left.
    #[track_caller]
    pub(crate) fn refused(&self, class: FailureClass, says: &str) {
        let before = names(self.above());
        let failure = self.fail();
        assert_eq!((failure.class, failure.step), (class, Some(Step::Check)), "{failure}");
        assert!(failure.cause.contains(says) && !failure.advice.is_empty(), "{says}: {failure}");
        assert_eq!(self.dispose(Disposition::Default), Disposed::Nothing);
        assert_eq!(names(self.above()), before, "{}", self.session.log());
    }

    pub(crate) fn end_of_disposal(&self, disposition: Disposition) -> End {
        let left = Leftover::Files(self.order.clone());
        self.session.launch(Work::Dispose { left, disposition }).end()
    }

    #[track_caller]
    pub(crate) fn dispose(&self, disposition: Disposition) -> Disposed {
        let end = self.end_of_disposal(disposition);
        let End::Disposed(disposed) = end else { panic!("{end:?}\n{}", self.session.log()) };
        disposed
    }

    /// Where the files come in: beside the directory, or in it.
    pub(crate) fn incoming(&self) -> PathBuf {
        let name = format!(".howdah-files-{}", self.session.uuid);
        let inside = self.order.directory.join(&name);
        if inside.is_dir() { inside } else { self.above().join(&name) }
    }

    pub(crate) fn above(&self) -> &Path {
        self.order.directory.parent().unwrap()
    }

    /// The directory holds the tree as it is, and nothing else of the session is there.
    #[track_caller]
    pub(crate) fn is_whole(&self, bed: &Bed) {
        assert_eq!(picture(&self.order.directory), picture(&bed.tree), "{}", self.session.log());
        assert_eq!(names(self.above()), [self.order.directory.file_name().unwrap().to_str().unwrap()]);
    }

    pub(crate) fn log(&self) -> String {
        self.session.log()
    }
}

pub(crate) fn files(success: &Success) -> (u64, ByteCount) {
    let Achieved::Files { files, bytes } = success.result else { panic!("{success:?}") };
    (files, bytes)
}

/// Each entry of a tree with all that can be seen of it, its own included.
pub(crate) fn picture(tree: &Path) -> BTreeMap<OsString, String> {
    let entries = walkdir::WalkDir::new(tree).into_iter().map(Result::unwrap);
    entries.map(|entry| (entry.path().strip_prefix(tree).unwrap().into(), seen(entry.path()))).collect()
}

fn seen(path: &Path) -> String {
    let about = fs::symlink_metadata(path).unwrap();
    let held = if about.is_file() {
        format!(
            "{:?}",
            fs::read(path).unwrap().iter().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)))
        )
    } else if about.is_symlink() {
        fs::read_link(path).unwrap().display().to_string()
    } else {
        String::new()
    };
    let owner = (about.uid(), about.gid());
    let time = (about.mtime(), about.mtime_nsec());
    let size = if about.is_dir() { 0 } else { about.size() };
    format!("{:o} {owner:?} {time:?} {size} {} {held} {}", about.mode(), about.rdev(), attribute(path))
}

/// The attribute of a user that tests set, where the file system has those.
fn attribute(path: &Path) -> String {
    let mut value = [0; 64];
    match rustix::fs::lgetxattr(path, "user.howdah", &mut value[..]) {
        Ok(length) => OsStr::from_bytes(&value[..length]).display().to_string(),
        Err(_) => "-".to_owned(),
    }
}
