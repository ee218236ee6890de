//! Removing one restore point: first its name, then all that is in it, and last the mark that says whose it is.
//!
//! Promises: nothing is removed but what bears the mark of the job, read from the very directory that is taken apart; when
//! the machine is switched off in between, what is left still says whose it is. Never: follows a link, or removes what
//! somebody reads.

use super::survey::JobOwn;
use crate::{
    domain::{
        instance::printable_name,
        point_mark::{POINT_MARK, POINT_MARK_DIRECTORY, REMOVING},
    },
    engine::{
        point_use::{self, Unlocked},
        watched::Heartbeat,
    },
    postgres::configure::DataDirectory,
    worker::{
        backup::repository::{mark_in, rename_new},
        signals::Stop,
    },
};
use rustix::{
    fd::AsFd,
    fs::{AtFlags, Dir, FileType, Mode, OFlags, fsync, openat, unlinkat},
    io::Errno,
};
use std::{
    ffi::{CString, OsStr},
    fs, io,
    path::PathBuf,
};
use uuid::Uuid;

/// The longest name of a file (`NAME_MAX`).
const MAX_NAME: usize = 255;

/// Directories in each other: a backup has five. What is deeper was not made by a server.
const MAX_DEPTH: usize = 64;

/// What became of a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Removed {
    /// It is gone.
    Gone,
    /// It has lost its name; the session was told to stop before it was gone.
    Stopped,
    /// Somebody reads it: nothing was done.
    Read,
    /// Somebody else has removed or renamed it.
    Vanished,
    /// It is not what was judged: it has no mark of the job.
    Changed,
}

/// The removals of one session below one directory.
pub(super) struct Removal {
    folder: PathBuf,
    session: Uuid,
    own: JobOwn,
    stop: Stop,
}

impl Removal {
    pub(super) fn new(folder: PathBuf, session: Uuid, own: JobOwn, stop: Stop) -> Self {
        Self { folder, session, own, stop }
    }

    /// The names of what somebody has begun to remove.
    pub(super) fn begun(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name().into_string().ok().filter(|name| name.starts_with(REMOVING));
            names.extend(name.filter(|_| entry.file_type().is_ok_and(|kind| kind.is_dir())));
        }
        names.sort();
        Ok(names)
    }

    /// Removes the point of this name.
    pub(super) fn remove(&self, name: &OsStr, beat: &Heartbeat) -> io::Result<Removed> {
        let path = self.folder.join(name);
        let lock = match point_use::exclude(&path) {
            Ok(lock) => lock,
            Err(Unlocked::Held) => return Ok(Removed::Read),
            Err(Unlocked::Gone) => return Ok(Removed::Vanished),
            Err(Unlocked::Io(_)) if fs::symlink_metadata(&path).is_err() => return Ok(Removed::Vanished),
            Err(Unlocked::Io(error)) => return Err(error),
        };
        let folder = DataDirectory::open(&self.folder)?;
        let mark = name.to_str().and_then(|name| mark_in(&folder.below(name).ok()?));
        if self.own.spares(mark.as_ref()).is_some() {
            return Ok(Removed::Changed);
        }
        let hidden = self.hidden_name(name);
        match rename_new(&path, &self.folder.join(&hidden)) {
            Ok(true) => {}
            Ok(false) => return Err(io::Error::other(format!("{hidden} is there already"))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Removed::Vanished),
            Err(error) => return Err(error),
        }
        fsync(&folder)?;
        // Nobody finds it any more. On NFS a file that is open would not go.
        drop(lock);
        self.take_apart(&hidden, beat)
    }

    /// Removes what has lost its name already, if it is the job's.
    pub(super) fn take_apart(&self, hidden: &str, beat: &Heartbeat) -> io::Result<Removed> {
        let folder = DataDirectory::open(&self.folder)?;
        let point = match folder.below(hidden) {
            Ok(point) => point,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Removed::Vanished),
            Err(error) => return Err(error),
        };
        if self.own.spares(mark_in(&point).as_ref()).is_some() {
            return Ok(Removed::Changed);
        }
        let sweep = Sweep { stop: &self.stop, beat };
        let marked = point.below(POINT_MARK_DIRECTORY)?;
        if !sweep.clear(&point, POINT_MARK_DIRECTORY, 0)? || !sweep.clear(&marked, POINT_MARK, 0)? {
            return Ok(Removed::Stopped);
        }
        fsync(&marked)?;
        fsync(&point)?;
        unlinkat(&marked, POINT_MARK, AtFlags::empty())?;
        unlinkat(&point, POINT_MARK_DIRECTORY, AtFlags::REMOVEDIR)?;
        unlinkat(&folder, hidden, AtFlags::REMOVEDIR)?;
        fsync(&folder)?;
        Ok(Removed::Gone)
    }

    /// A name that no catalog lists, and that says which session removes what.
    fn hidden_name(&self, name: &OsStr) -> String {
        let mut hidden = format!("{REMOVING}{}-{}", self.session, printable_name(name));
        while hidden.len() > MAX_NAME {
            hidden.pop();
        }
        hidden
    }
}

/// Removing what is in directories that are held open, so that nothing can be put in their places.
struct Sweep<'a> {
    stop: &'a Stop,
    beat: &'a Heartbeat,
}

impl Sweep<'_> {
    /// Removes all but the entry of this name; whether it came to its end.
    fn clear(&self, directory: &impl AsFd, spared: &str, depth: usize) -> io::Result<bool> {
        if depth > MAX_DEPTH {
            return Err(io::Error::other("there are too many directories in each other"));
        }
        let mut entries: Vec<(CString, FileType)> = Vec::new();
        for entry in Dir::read_from(directory)? {
            let entry = entry?;
            let name = entry.file_name();
            if ![&b"."[..], b"..", spared.as_bytes()].contains(&name.to_bytes()) {
                entries.push((name.to_owned(), entry.file_type()));
            }
        }
        for (name, kind) in entries {
            if self.stop.requested() {
                return Ok(false);
            }
            self.beat.beat();
            if kind == FileType::Directory || (kind == FileType::Unknown && is_directory(directory, &name)?) {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let inner = openat(directory, &name, flags, Mode::empty())?;
                if !self.clear(&inner, "", depth + 1)? {
                    return Ok(false);
                }
                gone(unlinkat(directory, &name, AtFlags::REMOVEDIR))?;
            } else {
                gone(unlinkat(directory, &name, AtFlags::empty()))?;
            }
        }
        Ok(true)
    }
}

/// What is missing is no error.
fn gone(removed: rustix::io::Result<()>) -> io::Result<()> {
    match removed {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Where a listing does not say what an entry is.
fn is_directory(directory: &impl AsFd, name: &CString) -> io::Result<bool> {
    let about = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(FileType::from_raw_mode(about.st_mode).is_dir())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::domain::{InstanceName, JobId, PointMark, SystemIdentifier, Timestamp};
    use std::path::Path;

    const CLUSTER: SystemIdentifier = SystemIdentifier(7);

    fn mark(job: &str, cluster: Option<SystemIdentifier>) -> PointMark {
        PointMark {
            version: 1,
            job: InstanceName::new(job),
            run: JobId(1),
            run_uuid: Uuid::nil(),
            session: Uuid::nil(),
            object: InstanceName::new("shop"),
            by: None,
            started: Timestamp::UNIX_EPOCH,
            finished: Timestamp::UNIX_EPOCH,
            system_identifier: cluster,
            manifest: "5e".repeat(32),
        }
    }

    /// A point with some files, and a link that leads out of it.
    fn point(folder: &Path, name: &str, mark: &PointMark) {
        let point = folder.join(name);
        fs::create_dir_all(point.join("base/1")).unwrap();
        fs::create_dir_all(point.join("pg_wal/archive_status")).unwrap();
        for file in ["backup_manifest", "base/1/1259", "pg_wal/000000010000000000000001"] {
            fs::write(point.join(file), "x").unwrap();
        }
        fs::write(folder.join("outside"), "stays").unwrap();
        std::os::unix::fs::symlink(folder, point.join("base/link")).unwrap();
        fs::write(point.join("pg_wal").join(POINT_MARK), serde_json::to_vec(mark).unwrap()).unwrap();
    }

    fn removal(folder: &Path, stop: &Stop) -> Removal {
        let own = JobOwn::new(InstanceName::new("nightly"), InstanceName::new("shop"), Some(CLUSTER));
        Removal::new(folder.to_owned(), Uuid::from_u128(9), own, stop.clone())
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn remove(removal: &Removal, name: &str) -> Removed {
        removal.remove(OsStr::new(name), &Heartbeat::default()).unwrap()
    }

    #[test]
    fn a_point_goes_whole_and_what_its_links_lead_to_stays() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path();
        point(folder, "a", &mark("nightly", Some(CLUSTER)));
        let removal = removal(folder, &Stop::default());
        assert_eq!(remove(&removal, "a"), Removed::Gone);
        assert_eq!(names(folder), ["outside"]);
        assert_eq!(remove(&removal, "a"), Removed::Vanished);
    }

    #[test]
    fn what_has_another_mark_is_not_touched_whatever_its_name() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path();
        let removal = removal(folder, &Stop::default());
        let newer = PointMark { version: 2, ..mark("nightly", Some(CLUSTER)) };
        for other in [mark("weekly", Some(CLUSTER)), mark("nightly", None), newer] {
            point(folder, "a", &other);
            point(folder, ".removing-a", &other);
            assert_eq!(remove(&removal, "a"), Removed::Changed);
            assert_eq!(removal.take_apart(".removing-a", &Heartbeat::default()).unwrap(), Removed::Changed);
            for kept in ["a", ".removing-a"] {
                assert!(folder.join(kept).join("base/1/1259").is_file(), "{kept}");
                fs::remove_dir_all(folder.join(kept)).unwrap();
            }
        }
    }

    #[test]
    fn a_removal_that_is_stopped_or_fails_leaves_the_mark_and_is_gone_on_with() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path();
        point(folder, "a", &mark("nightly", Some(CLUSTER)));
        let stop = Stop::default();
        stop.request();
        assert_eq!(remove(&removal(folder, &stop), "a"), Removed::Stopped);
        let hidden = format!(".removing-{}-a", Uuid::from_u128(9));
        assert_eq!(names(folder), [hidden.as_str(), "outside"]);
        let deep = "d/".repeat(MAX_DEPTH + 2);
        fs::create_dir_all(folder.join(&hidden).join(&deep)).unwrap();
        let removal = removal(folder, &Stop::default());
        removal.take_apart(&hidden, &Heartbeat::default()).unwrap_err();
        let marked = folder.join(&hidden).join(POINT_MARK_DIRECTORY).join(POINT_MARK);
        assert!(marked.is_file(), "whose it is is known to the last");
        fs::remove_dir_all(folder.join(&hidden).join("d")).unwrap();
        assert_eq!(removal.begun().unwrap(), [hidden.as_str()]);
        assert_eq!(removal.take_apart(&hidden, &Heartbeat::default()).unwrap(), Removed::Gone);
        assert_eq!(names(folder), ["outside"]);
    }

    #[test]
    fn who_reads_a_point_keeps_it_and_a_long_name_is_cut() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path();
        let name = "ö".repeat(MAX_NAME / 2);
        point(folder, &name, &mark("nightly", Some(CLUSTER)));
        let removal = removal(folder, &Stop::default());
        let manifest = fs::File::open(folder.join(&name).join("backup_manifest")).unwrap();
        manifest.lock_shared().unwrap();
        assert_eq!(remove(&removal, &name), Removed::Read);
        drop(manifest);
        assert!(folder.join(&name).join("base/1/1259").is_file());
        assert_eq!(remove(&removal, &name), Removed::Gone);
        assert_eq!(names(folder), ["outside"]);
    }
}
