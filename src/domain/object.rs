//! The objects of backup jobs.

use super::{Compression, InstanceName, Port};
use serde::{Deserialize, Serialize};
use std::{path::PathBuf, time::Duration};

/// The order to back up one object. The run of its job is the session's parent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupOrder {
    /// The job's name.
    pub job: InstanceName,
    /// What is backed up.
    pub object: BackupObject,
    /// The repository that takes the restore point; `None` for objects that have none.
    pub repository: Option<PathBuf>,
}

/// One object of a backup job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackupObject {
    /// A PostgreSQL server, backed up by `pg_basebackup`.
    Instance {
        /// Its name in the job.
        name: InstanceName,
        /// How it is reached. Never: holds a password.
        conninfo: String,
        /// Whether archives are written, and how they are packed; a plain directory when `None`.
        tar: Option<Compression>,
        /// The manifest's checksum algorithm.
        checksums: String,
        /// The replication slot; a temporary one when `None`.
        slot: Option<String>,
    },
    /// A virtual machine of libvirt.
    VirtualMachine {
        /// Its name in the job.
        name: InstanceName,
        /// Its libvirt domain.
        domain: String,
        /// The libvirt connection.
        uri: String,
    },
    /// A tree of files, backed up by restic.
    FileTree {
        /// Its name in the job.
        name: InstanceName,
        /// Its directory.
        path: PathBuf,
        /// The patterns that are left out.
        exclude: Vec<String>,
        /// The file that holds the password of the restic repository.
        password_file: Option<PathBuf>,
    },
    /// A PostgreSQL server and the standby that follows it.
    Standby {
        /// Its name in the job.
        name: InstanceName,
        /// How the primary is reached. Never: holds a password.
        conninfo: String,
        /// The standby's data directory.
        directory: PathBuf,
        /// The standby's port.
        port: Port,
        /// The physical replication slot.
        slot: String,
        /// The replay lag below which the run is done.
        max_lag: Duration,
    },
    /// Files or directories that are copied.
    FileCopy {
        /// Its name in the job.
        name: InstanceName,
        /// What is copied.
        path: PathBuf,
        /// Where to.
        target: PathBuf,
    },
    /// The restore points of an instance, copied to a second repository.
    PointCopy {
        /// Its name in the job.
        name: InstanceName,
        /// The instance.
        instance: InstanceName,
        /// The repository that they are copied from.
        from: PathBuf,
    },
}

impl BackupObject {
    /// Its name in the job.
    pub const fn name(&self) -> &InstanceName {
        match self {
            Self::Instance { name, .. }
            | Self::VirtualMachine { name, .. }
            | Self::FileTree { name, .. }
            | Self::Standby { name, .. }
            | Self::FileCopy { name, .. }
            | Self::PointCopy { name, .. } => name,
        }
    }
}
