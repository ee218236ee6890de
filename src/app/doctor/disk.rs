//! What a place on a disk allows, whether it stands already or not. Nothing is written.

use crate::domain::ByteCount;
use rustix::fs::{Access, AtFlags, CWD, accessat, statvfs};
use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

/// The room that is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FreeSpace {
    pub(super) bytes: ByteCount,
    /// `None` where the file system does not count them.
    pub(super) inodes: Option<u64>,
}

/// The place itself, or the nearest one above it that stands.
pub(super) fn nearest(place: &Path) -> io::Result<PathBuf> {
    for path in place.ancestors() {
        match fs::metadata(path) {
            Ok(_) => return Ok(path.to_owned()),
            // A link that leads nowhere is in the way of whatever would be made there.
            Err(error) if error.kind() == io::ErrorKind::NotFound && path.symlink_metadata().is_err() => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

/// Whether something can be made in this directory, by the user that we act as.
pub(super) fn may_write(directory: &Path) -> io::Result<()> {
    if !fs::metadata(directory)?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    Ok(accessat(CWD, directory, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS)?)
}

/// The room at a place that stands, as far as others than root may use it.
pub(super) fn free_space(place: &Path) -> io::Result<FreeSpace> {
    let found = statvfs(place)?;
    let bytes = ByteCount(found.f_bavail.saturating_mul(found.f_frsize));
    Ok(FreeSpace { bytes, inodes: (found.f_files > 0).then_some(found.f_favail) })
}

impl FreeSpace {
    /// Whether there is less than that.
    pub(super) fn is_below(self, bytes: u64, inodes: u64) -> bool {
        self.bytes.0 < bytes || self.inodes.is_some_and(|free| free < inodes)
    }
}

impl fmt::Display for FreeSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.inodes {
            Some(inodes) => write!(f, "{} and {inodes} inodes free", self.bytes),
            None => write!(f, "{} free", self.bytes),
        }
    }
}
