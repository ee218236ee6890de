//! The lock of a target: the file of its ledger. Whoever has it may mark the target, write in it, set it aside or remove
//! it, and nobody else (S9).
//!
//! Promises: the kernel gives it back when its holder is gone, in whatever way. Never: waits for it; who comes second
//! is refused.

use super::{mark, root::Root};
use crate::{domain::Failure, engine::at_target::at_target};
use rustix::{
    fs::{Mode, OFlags},
    io::Errno,
};
use std::{
    fs::{File, TryLockError},
    io,
    path::Path,
    thread,
    time::Duration,
};

/// Whoever only looks holds the lock, shared, for microseconds; so does a process that another thread is just starting,
/// until it execs, of one that was given back. A restore at work is told from that in half a second.
const RETRY_DELAY: Duration = Duration::from_millis(5);
const RETRIES: u32 = 100;

/// Takes the lock of a target, whose ledger is made if there is none.
pub(in crate::engine) fn take(root: &Root) -> Result<File, Failure> {
    let made = root.create_directory(Path::new(mark::DIRECTORY)).and_then(|()| open(root, OFlags::CREATE));
    let file = made.map_err(|error| at_target("lock", &root.path().join(mark::LEDGER), &error))?;
    hold(root, file)
}

/// Takes the lock of a directory that may bear the mark of a restore; `None` where there is nothing to lock.
pub(in crate::engine) fn take_if_there(root: &Root) -> Result<Option<File>, Failure> {
    match open(root, OFlags::empty()) {
        Ok(file) => hold(root, file).map(Some),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(at_target("lock", &root.path().join(mark::LEDGER), &error)),
    }
}

fn open(root: &Root, more: OFlags) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | more;
    let directory = root.open_directory(Path::new(mark::DIRECTORY))?;
    match rustix::fs::openat(&directory, "ledger", flags, Mode::from_raw_mode(0o600)) {
        Ok(fd) => Ok(File::from(fd)),
        // A pipe that nobody reads.
        Err(Errno::NXIO) => Err(io::Error::from(io::ErrorKind::InvalidInput)),
        Err(error) => Err(error.into()),
    }
}

fn hold(root: &Root, file: File) -> Result<File, Failure> {
    for _ in 0..RETRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => thread::sleep(RETRY_DELAY),
            Err(TryLockError::Error(error)) => {
                return Err(at_target("lock", &root.path().join(mark::LEDGER), &error));
            }
        }
    }
    Err(Failure::incurable(
        format!("another process restores into {}", root.path().display()),
        "wait until it ends, or cancel its session, then retry",
    ))
}
