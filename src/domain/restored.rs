//! The record that a finished restore leaves in the data directory: what this cluster was restored from, by whose order
//! and when. A copy of a cluster looks like a backup of it; the record is how the two are told apart.

use super::{InstanceName, SystemIdentifier, Timestamp, cluster::identifier_as_text};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use uuid::Uuid;

/// The record's name in the data directory.
pub const RECORD: &str = "howdah_restore.json";

/// The directory in a data directory that a restore has until it is finished.
pub const MARK: &str = ".howdah";

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
