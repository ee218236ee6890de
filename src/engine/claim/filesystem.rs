//! Which file system a place is on, so that a mount that vanished is noticed before the disk beneath it is filled.

use crate::{domain::Filesystem, process};
use std::{fs, io, os::unix::fs::MetadataExt, path::Path};

/// The file system that this directory is on or, while it is missing, will be.
pub fn filesystem_of(directory: &Path) -> io::Result<Filesystem> {
    let there = directory.ancestors().find(|path| path.is_dir()).unwrap_or(directory);
    let kind = u64::try_from(rustix::fs::statfs(there)?.f_type).unwrap_or(0);
    let id = rustix::fs::statvfs(there)?.f_fsid;
    Ok(Filesystem { device: fs::metadata(there)?.dev(), boot: process::boot(), id, kind })
}
