//! Who reads a restore point, and who removes it: the two exclude each other, by a lock on its manifest, or on the record
//! that stands for one where a point is no cluster's.
//!
//! The lock is the kernel's (flock(2)): it is of no state directory and no user, ends with its process, and needs no right
//! but to read. Who reads shares it; who removes has it alone, and has it before the point loses its name.
//!
//! Promises: what somebody reads is not removed by a howdah meanwhile, and whoever comes too late is told. Where a file
//! system knows no locks it is read all the same, and not removed. Never: waits for anybody, or writes anything.

use super::watched::watched;
use crate::{domain::Failure, postgres::manifest};
use rustix::fs::{Mode, OFlags};
use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::MetadataExt,
    path::Path,
    time::Duration,
};

/// The lock, held until this is dropped.
#[derive(Debug)]
pub struct PointLock {
    _manifest: File,
}

/// Why there is no lock.
#[derive(Debug)]
pub enum Unlocked {
    /// Somebody has it who excludes us.
    Held,
    /// The point lost its name meanwhile.
    Gone,
    /// It cannot be locked.
    Io(io::Error),
}

/// Keeps a restore point from being removed while it is read. `None` where it has no manifest that could be locked: who
/// reads it says what is wrong with it. `stall` is how long that may take.
pub fn read(point: &Path, stall: Duration) -> Result<Option<PointLock>, Failure> {
    read_recorded(point, manifest::FILE_NAME, stall)
}

/// The same of a restore point whose record has this name.
pub fn read_recorded(point: &Path, record: &'static str, stall: Duration) -> Result<Option<PointLock>, Failure> {
    match share_recorded(point, record, stall)? {
        Ok(lock) => Ok(Some(lock)),
        Err(Unlocked::Io(_)) => Ok(None),
        Err(Unlocked::Held | Unlocked::Gone) => Err(Failure::incurable(
            format!("{} is being removed: its job keeps newer restore points", point.display()),
            "choose another restore point",
        )),
    }
}

/// The same, of somebody who knows what it means that there is no lock.
pub fn share(point: &Path, stall: Duration) -> Result<Result<PointLock, Unlocked>, Failure> {
    share_recorded(point, manifest::FILE_NAME, stall)
}

fn share_recorded(point: &Path, record: &'static str, stall: Duration) -> Result<Result<PointLock, Unlocked>, Failure> {
    let (what, path) = (point.display().to_string(), point.join(record));
    watched(&what, stall, move |_| Ok(lock(&path, OFlags::RDONLY, File::try_lock_shared)))
}

/// Keeps everybody from reading a restore point who asks: before it is removed.
pub fn exclude(point: &Path) -> Result<PointLock, Unlocked> {
    // NFS gives a lock that excludes others to those alone who may write to the file.
    lock(&point.join(manifest::FILE_NAME), OFlags::RDWR, File::try_lock)
}

fn lock(
    path: &Path,
    access: OFlags,
    take: impl FnOnce(&File) -> Result<(), TryLockError>,
) -> Result<PointLock, Unlocked> {
    let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = rustix::fs::open(path, flags, Mode::empty());
    let file = File::from(opened.map_err(|error| Unlocked::Io(error.into()))?);
    match take(&file) {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(Unlocked::Held),
        Err(TryLockError::Error(error)) => return Err(Unlocked::Io(error)),
    }
    // It may have lost its name between the open and the lock.
    let held = file.metadata().map_err(Unlocked::Io)?;
    match fs::symlink_metadata(path) {
        Ok(there) if (held.dev(), held.ino()) == (there.dev(), there.ino()) => Ok(PointLock { _manifest: file }),
        Ok(_) => Err(Unlocked::Gone),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Unlocked::Gone),
        Err(error) => Err(Unlocked::Io(error)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::domain::FailureClass;
    use std::path::PathBuf;

    const STALL: Duration = Duration::from_mins(1);

    fn point() -> (tempfile::TempDir, PathBuf) {
        let place = tempfile::tempdir().unwrap();
        let point = place.path().join("a");
        fs::create_dir(&point).unwrap();
        fs::write(point.join(manifest::FILE_NAME), "{}").unwrap();
        (place, point)
    }

    #[test]
    fn many_read_a_point_and_whoever_removes_it_is_alone() {
        let (_place, point) = point();
        let readers = [read(&point, STALL).unwrap().unwrap(), read(&point, STALL).unwrap().unwrap()];
        assert!(matches!(exclude(&point), Err(Unlocked::Held)));
        drop(readers);
        let removal = exclude(&point).unwrap();
        let failure = read(&point, STALL).unwrap_err();
        assert_eq!(failure.class, FailureClass::Incurable);
        assert!(failure.cause.contains("is being removed"), "{failure}");
        drop(removal);
        read(&point, STALL).unwrap().unwrap();
    }

    #[test]
    fn whoever_locks_what_was_renamed_meanwhile_has_come_too_late() {
        let (place, point) = point();
        let late = lock(&point.join(manifest::FILE_NAME), OFlags::RDONLY, |file| {
            fs::rename(&point, place.path().join(".removing-a")).unwrap();
            file.try_lock_shared()
        });
        assert!(matches!(late, Err(Unlocked::Gone)), "{late:?}");
        let (_place, point) = self::point();
        let late = lock(&point.join(manifest::FILE_NAME), OFlags::RDONLY, |file| {
            fs::rename(point.join(manifest::FILE_NAME), point.join("old")).unwrap();
            fs::write(point.join(manifest::FILE_NAME), "{}").unwrap();
            file.try_lock_shared()
        });
        assert!(matches!(late, Err(Unlocked::Gone)), "{late:?}");
    }

    #[test]
    fn what_has_no_manifest_to_lock_is_left_to_whoever_reads_it() {
        let (place, point) = point();
        assert!(read(&place.path().join("none"), STALL).unwrap().is_none());
        fs::remove_file(point.join(manifest::FILE_NAME)).unwrap();
        assert!(read(&point, STALL).unwrap().is_none());
        std::os::unix::fs::symlink("/etc/passwd", point.join(manifest::FILE_NAME)).unwrap();
        assert!(read(&point, STALL).unwrap().is_none());
        assert!(matches!(exclude(&point), Err(Unlocked::Io(_))));
    }
}
