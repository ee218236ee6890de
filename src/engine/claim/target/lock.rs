//! The lock of a target: the file of its ledger. Whoever has it may mark the target, write in it, set it aside or remove
//! it, and nobody else (S9).
//!
//! Promises: the kernel gives it back when its holder is gone, in whatever way; a lock on what was removed meanwhile is
//! none. Never: waits for it; who comes second is refused.

use super::{ledger, mark_place::MarkPlace, root::Root};
use crate::{
    domain::{Failure, restored::MarkLocation},
    engine::at_target::at_target,
};
use rustix::{
    fs::{Mode, OFlags},
    io::Errno,
};
use std::{
    fs::{File, TryLockError},
    io, thread,
    time::Duration,
};

/// Whoever only looks holds the lock, shared, for microseconds; so does a process that another thread is just starting,
/// until it execs, of one that was given back. A restore at work is told from that in half a second.
const RETRY_DELAY: Duration = Duration::from_millis(5);
const RETRIES: u32 = 100;

/// Takes the lock of a target, whose ledger is made if there is none.
pub(in crate::engine) fn take(place: &MarkPlace) -> Result<File, Failure> {
    loop {
        let made = place.create().and_then(|()| open(place, OFlags::CREATE));
        let file = made.map_err(|error| failed(place, &error))?;
        if let Some(file) = hold(place, file)? {
            return Ok(file);
        }
    }
}

/// Takes the lock of a place that may hold the mark of a restore; `None` where there is nothing to lock.
pub(in crate::engine) fn take_if_there(place: &MarkPlace) -> Result<Option<File>, Failure> {
    loop {
        match open(place, OFlags::empty()) {
            Ok(file) => {
                if let Some(file) = hold(place, file)? {
                    return Ok(Some(file));
                }
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(failed(place, &error)),
        }
    }
}

/// Takes the locks of a directory, wherever a mark of it may stand.
pub(in crate::engine) fn take_all(target: &Root) -> Result<Vec<File>, Failure> {
    let failed = |error: io::Error| at_target("look for marks of", target.path(), &error);
    let inside = MarkPlace::new(MarkLocation::Inside, target).map_err(failed)?;
    let beside = MarkPlace::find_beside(target.path(), Some(target)).map_err(failed)?;
    let mut locks = Vec::new();
    for place in std::iter::once(inside).chain(beside) {
        locks.extend(take_if_there(&place)?);
    }
    Ok(locks)
}

fn open(place: &MarkPlace, more: OFlags) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | more;
    let directory = place.open()?;
    match rustix::fs::openat(&directory, ledger::FILE, flags, Mode::from_raw_mode(0o600)) {
        Ok(fd) => Ok(File::from(fd)),
        // A pipe that nobody reads.
        Err(Errno::NXIO) => Err(io::Error::from(io::ErrorKind::InvalidInput)),
        Err(error) => Err(error.into()),
    }
}

/// `None` when the file was removed before its lock was taken.
fn hold(place: &MarkPlace, file: File) -> Result<Option<File>, Failure> {
    for _ in 0..RETRIES {
        match file.try_lock() {
            Ok(()) => {
                let stands = stands(place, &file).map_err(|error| failed(place, &error))?;
                return Ok(stands.then_some(file));
            }
            Err(TryLockError::WouldBlock) => thread::sleep(RETRY_DELAY),
            Err(TryLockError::Error(error)) => return Err(failed(place, &error)),
        }
    }
    Err(Failure::incurable(
        format!("another process restores into {}", place.target().display()),
        "wait until it ends, or cancel its session, then retry",
    ))
}

fn stands(place: &MarkPlace, file: &File) -> io::Result<bool> {
    let about = rustix::fs::fstat(file)?;
    let found = place.root().stat(&place.within(ledger::FILE))?;
    Ok(found.is_some_and(|found| (found.st_dev, found.st_ino) == (about.st_dev, about.st_ino)))
}

fn failed(place: &MarkPlace, error: &io::Error) -> Failure {
    at_target("lock", &place.path_of(ledger::FILE), error)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::{super::root::Access, *};

    #[test]
    fn s09_a_lock_on_a_file_that_was_removed_meanwhile_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path(), Access { owner: None, group: false }).unwrap();
        let place = MarkPlace::new(MarkLocation::Inside, &root).unwrap();
        drop(take(&place).unwrap());
        let came_before = open(&place, OFlags::empty()).unwrap();
        place.remove().unwrap();
        assert!(hold(&place, came_before).unwrap().is_none());
        assert!(take_if_there(&place).unwrap().is_none());
        let came_before = File::options().append(true).create(true).open(directory.path().join("other")).unwrap();
        let taken = take(&place).unwrap();
        assert!(hold(&place, came_before).unwrap().is_none(), "another one has its name");
        assert!(take(&place).unwrap_err().cause.contains("another process restores into"));
        drop(taken);
    }
}
