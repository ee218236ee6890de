//! The mark of a restore point that a job has made: which job, run and session, so that a later removal of old points
//! knows its own.
//!
//! It stands in the point itself, below `pg_wal`: the one directory of a backup that `pg_verifybackup` passes over whole,
//! in the plain form and, from PostgreSQL 18 on, in the tar form, too; and in which a server that is started on a bare
//! copy of the backup leaves alone what is no segment. A restore does not bring it along.

use super::{InstanceName, JobId, SystemIdentifier, Timestamp, cluster::identifier_as_text};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The directory in a restore point that the mark stands in.
pub const POINT_MARK_DIRECTORY: &str = "pg_wal";

/// The mark's name there.
pub const POINT_MARK: &str = "howdah_backup.json";

/// The version of the mark that this build writes.
pub const POINT_MARK_VERSION: u32 = 1;

/// A mark is a few hundred bytes; what is longer is none.
pub const MAX_POINT_MARK_LEN: u64 = 64 << 10;

/// How the name of a directory begins that a restore point is made in; the session's uuid follows.
pub const INCOMING: &str = ".incoming-";

/// How the name of a tree's restic repository ends, and that of no other object's directory.
pub const RESTIC: &str = ".restic";

/// What a restore point of a virtual machine says of itself: the name of the file in it.
pub const MACHINE_RECORD: &str = "howdah_vm.json";

/// How the name of a directory begins that a restore point is removed from.
pub const REMOVING: &str = ".removing-";

/// What stands in [`POINT_MARK`]. A later version may add fields; those that stand here stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointMark {
    /// [`POINT_MARK_VERSION`] of the writer.
    pub version: u32,
    /// The job.
    pub job: InstanceName,
    /// The run of the job.
    pub run: JobId,
    /// The run's name outside its state directory.
    pub run_uuid: Uuid,
    /// The session that made the point.
    pub session: Uuid,
    /// The object.
    pub object: InstanceName,
    /// Who ordered it.
    pub by: Option<String>,
    /// When the backup began.
    pub started: Timestamp,
    /// When it was verified.
    pub finished: Timestamp,
    /// The cluster.
    #[serde(default, with = "identifier_as_text")]
    pub system_identifier: Option<SystemIdentifier>,
    /// The checksum of the manifest, in hexadecimal digits.
    pub manifest: String,
}
