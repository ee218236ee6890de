//! What an attempt will do, made known before the first byte is written (rule S7).

use super::{
    ByteCount, ClusterRestore, ExplorePlan, Failure, InstanceName, ItemPlan, Lsn, MajorVersion, MissingWal, Port,
    RecoveryPlan, RestoreOrder, SystemIdentifier, cluster::identifier_as_text, instance::printable_name,
    quantity::many,
};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The plan of an attempt, by kind of work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plan {
    /// The restore of a cluster.
    Restore(RestorePlan),
    /// The verification of a backup.
    Verify(VerifyPlan),
    /// The backup of an object of a job.
    Backup(BackupPlan),
    /// The opening of a restore point.
    Explore(Box<ExplorePlan>),
    /// The taking out of items.
    Items(ItemPlan),
    /// The restore of a virtual machine or of a tree of files.
    Data(DataPlan),
}

/// The plan of an object of a job, by the object's name; or why it cannot be backed up.
pub type ObjectPlan = (InstanceName, Result<BackupPlan, Failure>);

/// The plan of one restore. The worker makes it in its Check step and carries out exactly this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestorePlan {
    /// The data directory.
    pub directory: PathBuf,
    /// What happens to the files.
    pub files: FilePlan,
    /// What happens after the files.
    pub server: ServerPlan,
    /// What a person should know before starting; nothing here stops the restore. Those of the files come first.
    pub warnings: Vec<String>,
    /// What is switched off in the copy, as far as it is known before the copy (S13).
    pub switched_off: Vec<SwitchedOff>,
    /// The backup that is restored; older records do not tell it.
    pub backup: Option<PathBuf>,
    /// The replay beyond the backup's own end, where one is asked for. Records of version 6 do not tell it.
    #[serde(default)]
    pub recovery: Option<Box<RecoveryPlan>>,
}

/// What an engine will do with the files of a restore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilePlan {
    /// Bytes that will be written or are already there and verified, WAL included.
    pub bytes: ByteCount,
    /// Files, WAL included.
    pub files: u64,
    /// Of `bytes`, what an earlier attempt left verified or half copied.
    pub reused: ByteCount,
    /// Free bytes where the data directory goes.
    pub free_bytes: ByteCount,
    /// Free inodes there; `None` where the file system does not count them.
    pub free_inodes: Option<u64>,
    /// What stands at the target now.
    pub target: TargetState,
    /// Where each tablespace goes.
    pub tablespaces: Vec<TablespacePlan>,
    /// Whether the WAL that the backup needs is there.
    pub wal: WalFinding,
    /// The manifest's checksum algorithm as the manifest names it; `NONE` means sizes only.
    pub checksum: String,
    /// The major version, where it can be known before the copy.
    pub version: Option<MajorVersion>,
    /// The cluster that was backed up, where the backup tells it before it is restored.
    #[serde(with = "identifier_as_text")]
    pub system_identifier: Option<SystemIdentifier>,
}

/// What a verification will read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyPlan {
    /// Bytes that will be read, WAL included.
    pub bytes: ByteCount,
    /// Files, WAL included.
    pub files: u64,
    /// Whether the WAL that the backup needs is there; `None` where only reading an archive shows it.
    pub wal: Option<WalFinding>,
    /// The manifest's checksum algorithm as the manifest names it, `NONE` for sizes only; `None` where the manifest
    /// cannot be read.
    pub checksum: Option<String>,
}

/// The plan of a restore, by what is restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnyRestorePlan {
    /// A cluster.
    Cluster(Box<RestorePlan>),
    /// A virtual machine or a tree of files.
    Data(Box<DataPlan>),
}

impl AnyRestorePlan {
    /// That of a cluster, if it is one.
    pub fn cluster(&self) -> Option<&RestorePlan> {
        match self {
            Self::Cluster(plan) => Some(plan),
            Self::Data(_) => None,
        }
    }

    /// Why this plan may not be carried out as it was asked for, though it can be: see [`RestorePlan::lacks_consent`].
    pub fn lacks_consent(&self, order: &RestoreOrder, how: &str) -> Option<Failure> {
        self.cluster()?.lacks_consent(order.cluster()?, how)
    }
}

/// What a backup of one object will do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupPlan {
    /// The directory that takes what is made.
    pub directory: PathBuf,
    /// Bytes that will be written, as nearly as the object tells before it is read.
    pub bytes: ByteCount,
    /// Files; 0 where their number is not known before they are read.
    pub files: u64,
    /// Free bytes there.
    pub free_bytes: ByteCount,
    /// Free inodes there; `None` where the file system does not count them.
    pub free_inodes: Option<u64>,
    /// What is done and by what: printable clauses.
    pub method: Vec<String>,
    /// The major version of the server, where one is backed up.
    pub version: Option<MajorVersion>,
    /// The cluster, where one is backed up.
    #[serde(with = "identifier_as_text")]
    pub system_identifier: Option<SystemIdentifier>,
    /// What a person should know before starting; nothing here stops the backup.
    pub warnings: Vec<String>,
    /// What becomes of the job's older restore points; `None` where nothing does. Older records do not tell it.
    pub keep: Option<KeepPlan>,
}

/// What the restore of a virtual machine or of a tree of files will do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataPlan {
    /// The directory that takes the data.
    pub directory: PathBuf,
    /// Bytes that will be written or are already there and verified.
    pub bytes: ByteCount,
    /// Files; 0 where their number is not known before they are read.
    pub files: u64,
    /// Of `bytes`, what an earlier attempt left verified.
    pub reused: ByteCount,
    /// Free bytes there.
    pub free_bytes: ByteCount,
    /// Free inodes there; `None` where the file system does not count them.
    pub free_inodes: Option<u64>,
    /// What is done and by what: printable clauses.
    pub method: Vec<String>,
    /// What is not as it was at the source, so that a copy does nothing to the outside world (S13), and how to give it
    /// back: printable clauses.
    pub switched_off: Vec<String>,
    /// What a person should know before starting; nothing here stops the restore.
    pub warnings: Vec<String>,
}

/// What becomes of a job's restore points of one object once the new one is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeepPlan {
    /// Those that go, by their printable names, oldest first.
    pub removes: Vec<String>,
    /// How many of the job's stay, what is made now included.
    pub stays: u64,
}

impl BackupPlan {
    /// What a person reads of it: name and text of each line, the warnings last.
    pub fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows = room_rows(&self.directory, (self.bytes, self.files), (self.free_bytes, self.free_inodes));
        if let Some(version) = self.version {
            let cluster = self.system_identifier.map_or_else(String::new, |id| format!(", system identifier {id}"));
            rows.push(("server", format!("PostgreSQL {version}{cluster}")));
        }
        rows.extend(self.method.iter().map(|clause| ("how", clause.clone())));
        if let Some(keep) = &self.keep {
            rows.push(("keeps", format!("{} of the job", many(keep.stays, "restore point"))));
            rows.extend(keep.removes.iter().map(|label| ("removes", format!("{label} at the end"))));
        }
        rows.extend(self.warnings.iter().map(|warning| ("warning", warning.clone())));
        rows
    }
}

impl DataPlan {
    /// What a person reads of it: name and text of each line, the warnings last.
    pub fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows = room_rows(&self.directory, (self.bytes, self.files), (self.free_bytes, self.free_inodes));
        if self.reused.0 > 0 {
            rows.push(("in place", format!("{} from an earlier attempt", self.reused)));
        }
        rows.extend(self.method.iter().map(|clause| ("how", clause.clone())));
        rows.extend(self.switched_off.iter().map(|clause| ("left out", clause.clone())));
        rows.extend(self.warnings.iter().map(|warning| ("warning", warning.clone())));
        rows
    }
}

/// Where data goes, how much it is, and the room there.
fn room_rows(
    directory: &Path,
    (bytes, files): (ByteCount, u64),
    (free_bytes, free_inodes): (ByteCount, Option<u64>),
) -> Vec<(&'static str, String)> {
    let files = if files == 0 { String::new() } else { format!(" in {}", many(files, "file")) };
    let inodes = free_inodes.map_or_else(String::new, |inodes| format!(", {}", many(inodes, "inode")));
    vec![
        ("to", printable_name(directory.as_os_str())),
        ("writes", format!("about {bytes}{files}")),
        ("free space", format!("{free_bytes}{inodes}")),
    ]
}

/// One thing that a copy does not do by itself, and how to give it back when the copy replaces its source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwitchedOff {
    /// The line of the copy's `postgresql.auto.conf` that switches it off; without the line it is as in the source.
    pub line: String,
    /// What the copy would do without that line: words that follow "it would".
    pub effect: String,
}

/// What the target holds before the restore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetState {
    /// The directory does not exist and will be created.
    Missing,
    /// It exists and is empty.
    Empty,
    /// It holds what this or an earlier, kept restore of the same backup left.
    Leftover,
    /// It holds other data, which will be renamed to this first.
    SetAside {
        /// The new name of the old directory.
        to: PathBuf,
    },
}

/// One tablespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TablespacePlan {
    /// Its OID.
    pub oid: u32,
    /// Where it lived on the server that was backed up.
    pub original: PathBuf,
    /// Where it goes.
    pub directory: PathBuf,
}

/// Whether recovery can reach consistency with what the backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WalFinding {
    /// The backup holds the WAL from start to stop.
    Included {
        /// Where replay begins.
        start: Lsn,
        /// Where the cluster is consistent.
        stop: Lsn,
    },
    /// The backup was made without WAL (`-X none`), or a segment is missing.
    Missing {
        /// What is missing.
        what: String,
    },
}

/// What happens after the files are in place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerPlan {
    /// The server is started with these binaries, as this user, and asked a query.
    Start {
        /// The directory of `postgres` and `pg_ctl`.
        binaries: PathBuf,
        /// Its major version, that of the backup.
        version: MajorVersion,
        /// The system user it runs as.
        user: String,
        /// The port it will listen on.
        port: Port,
        /// Whether it is left running.
        leave_running: bool,
    },
    /// No server is started.
    NoServer {
        /// Why.
        reason: String,
    },
}

impl Plan {
    /// Bytes in all.
    pub fn bytes(&self) -> ByteCount {
        match self {
            Self::Restore(plan) => plan.files.bytes,
            Self::Verify(plan) => plan.bytes,
            Self::Backup(plan) => plan.bytes,
            Self::Explore(plan) => plan.copies,
            Self::Items(plan) => plan.bytes(),
            Self::Data(plan) => plan.bytes,
        }
    }

    /// Files in all.
    pub fn files(&self) -> u64 {
        match self {
            Self::Restore(plan) => plan.files.files,
            Self::Verify(plan) => plan.files,
            Self::Backup(plan) => plan.files,
            Self::Explore(plan) => plan.files,
            Self::Items(plan) => plan.tables(),
            Self::Data(plan) => plan.files,
        }
    }

    /// The plan of the restore of a cluster, if it is one.
    pub const fn restore(&self) -> Option<&RestorePlan> {
        match self {
            Self::Restore(plan) => Some(plan),
            Self::Verify(_) | Self::Backup(_) | Self::Explore(_) | Self::Items(_) | Self::Data(_) => None,
        }
    }

    /// The plan of an opening, if it is one.
    pub fn explore(&self) -> Option<&ExplorePlan> {
        match self {
            Self::Explore(plan) => Some(plan),
            Self::Restore(_) | Self::Verify(_) | Self::Backup(_) | Self::Items(_) | Self::Data(_) => None,
        }
    }
}

impl RestorePlan {
    /// Why this plan may not be carried out as it was asked for, though it can be: a person has to agree to files that no
    /// server can start on. `how` says how one agrees.
    pub fn lacks_consent(&self, order: &ClusterRestore, how: &str) -> Option<Failure> {
        match (&self.files.wal, &self.server, order.missing_wal) {
            (WalFinding::Missing { what }, ServerPlan::NoServer { .. }, MissingWal::Refuse) => {
                Some(Failure::incurable(
                    format!("no server could start on these files: {what}"),
                    format!("choose a restore point that holds its WAL (pg_basebackup -X stream), or {how}"),
                ))
            }
            (WalFinding::Missing { .. }, ServerPlan::NoServer { .. }, MissingWal::Accept)
            | (WalFinding::Missing { .. }, ServerPlan::Start { .. }, _)
            | (WalFinding::Included { .. }, _, _) => None,
        }
    }
}
