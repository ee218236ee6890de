//! Which file system a place is on, so that a mount that vanished is noticed before the disk beneath it is filled.

use crate::postgres::server::process;
use serde::{Deserialize, Serialize};
use std::{fs, io, os::unix::fs::MetadataExt, path::Path};
use uuid::Uuid;

/// By what a file system is known again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Filesystem {
    /// The number of its device while the machine runs. A network or btrfs mount may get another one each time.
    device: u64,
    /// The run of the kernel in which the device has this number.
    boot: Option<Uuid>,
    /// What it calls itself (statfs(2), `f_fsid`): stays for ext4, XFS and btrfs; 0 where it says nothing.
    id: u64,
    /// Its kind (statfs(2), `f_type`).
    kind: u64,
}

impl Filesystem {
    /// The one that this directory is on.
    pub fn of(directory: &Path) -> io::Result<Self> {
        let about = rustix::fs::statfs(directory)?;
        let id = rustix::fs::statvfs(directory)?.f_fsid;
        Ok(Self {
            device: fs::metadata(directory)?.dev(),
            boot: process::boot(),
            id,
            kind: u64::try_from(about.f_type).unwrap_or(0),
        })
    }

    /// Whether the two are one, as far as can be told: by the device while the machine runs, else by its own name.
    pub fn is(&self, other: &Self) -> bool {
        let same_device = self.boot.is_some() && self.boot == other.boot && self.device == other.device;
        same_device || (self.id != 0 && (self.id, self.kind) == (other.id, other.kind))
    }

    /// The number of its device now.
    pub const fn device(&self) -> u64 {
        self.device
    }
}
