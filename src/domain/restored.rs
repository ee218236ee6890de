//! The record that a finished restore leaves in the data directory: what this cluster was restored from, by whose order
//! and when. A copy of a cluster looks like a backup of it; the record is how the two are told apart.

use super::{InstanceName, SystemIdentifier, Timestamp, cluster::identifier_as_text};
use serde::{Deserialize, Serialize};
use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};
use uuid::Uuid;

/// The record's name in the data directory.
pub const RECORD: &str = "howdah_restore.json";

/// The directory in a data directory that a restore has until it is finished.
pub const MARK: &str = ".howdah";

/// How the name of a mark beside its data directory ends; before it stand a dot and the directory's own name.
const MARK_BESIDE: &str = ".howdah-mark";

/// The file in a mark's directory that makes it one.
pub const MARK_FILE: &str = "session.json";

/// Where the mark of a restore stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkLocation {
    /// In the data directory: it moves with the data, and nobody can take one for the other's.
    Inside,
    /// Beside the data directory, for engines that want that empty or clear what they do not know.
    Beside,
}

/// Where the mark of a data directory stands when it is beside it; `None` for the root, and where the name would be too
/// long.
pub fn mark_beside(directory: &Path) -> Option<PathBuf> {
    /// The most bytes that a name may have (`NAME_MAX`).
    const MAX_NAME: usize = 255;
    let mut name = OsString::from(".");
    name.push(directory.file_name()?);
    name.push(MARK_BESIDE);
    (name.len() <= MAX_NAME).then(|| directory.with_file_name(name))
}

/// The name of the data directory that a mark of this name stands beside; `None` where it is no such name.
pub fn marked_beside(name: &OsStr) -> Option<&OsStr> {
    let name = name.as_bytes().strip_prefix(b".")?.strip_suffix(MARK_BESIDE.as_bytes())?;
    (!name.is_empty()).then(|| OsStr::from_bytes(name))
}

/// Where the mark of a data directory may stand.
pub fn marks_of(directory: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    [Some(directory.join(MARK)), mark_beside(directory)].into_iter().flatten()
}

/// The version of the record that this build writes.
pub const RECORD_VERSION: u32 = 1;

/// A record is a few hundred bytes; what is longer is none.
pub const MAX_RECORD_LEN: u64 = 1 << 20;

/// What stands in [`RECORD`]. A later version may add fields; those that stand here stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreRecord {
    /// [`RECORD_VERSION`] of the writer.
    pub version: u32,
    /// The session that restored it.
    pub session: Uuid,
    /// Who ordered it.
    pub by: Option<String>,
    /// When all but the session's marks was done.
    pub finished: Timestamp,
    /// The directory of the backup.
    pub backup: PathBuf,
    /// The repository that the backup was found in.
    pub repository: Option<PathBuf>,
    /// The instance that was backed up.
    pub instance: InstanceName,
    /// The backup's name below the instance.
    pub label: String,
    /// The cluster, where the backup tells it.
    #[serde(default, with = "identifier_as_text")]
    pub system_identifier: Option<SystemIdentifier>,
    /// The checksum of the backup's manifest, which stands in the restored directory, too. A backup that is made of the
    /// restored cluster has this record in it, and a manifest of its own.
    pub manifest: Option<String>,
}
