//! Whether an owner still is one: its lock counts only while it is the file that others look at.
//!
//! The journal's epoch keeps an owner that was replaced from changing anything; this makes it notice sooner.

use crate::manager::{Handle, Service as _};
use std::{
    fs::{self, File, Metadata, TryLockError},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::time::sleep;

/// The lock's name in the state directory.
pub(super) const LOCK: &str = "owner.lock";

/// A change of the sessions is reason to look; this often at most, since an attempt at work changes them all the time.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Device and inode of a file.
pub(super) type Identity = (u64, u64);

/// What identifies an open file.
pub(super) fn identity(file: &File) -> io::Result<Identity> {
    file.metadata().map(|about| of(&about))
}

/// Whether anybody owns the state directory. The look shares the lock for an instant and makes no file.
pub(super) fn is_owned(state: &Path) -> bool {
    let Ok(file) = File::open(state.join(LOCK)) else { return false };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// Looks with each change of the sessions, and tells the manager when it is no owner any more.
pub(super) async fn watch(state: PathBuf, lock: Identity, owner: Handle) {
    let mut snapshots = owner.snapshots();
    while snapshots.changed().await.is_ok() {
        if let Err(reason) = check(&state, lock) {
            owner.step_down(reason).await;
            return;
        }
        sleep(POLL_INTERVAL).await;
        snapshots.mark_unchanged();
    }
}

fn check(state: &Path, lock: Identity) -> Result<(), String> {
    let path = state.join(LOCK);
    let how = match fs::metadata(&path) {
        Ok(about) if of(&about) == lock => return Ok(()),
        Ok(_) => "was replaced".to_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => "was deleted".to_owned(),
        Err(error) => format!("cannot be looked at: {error}"),
    };
    Err(format!("the owner's lock {} {how}", path.display()))
}

fn of(about: &Metadata) -> Identity {
    (about.dev(), about.ino())
}
