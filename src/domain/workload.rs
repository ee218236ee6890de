//! What kind of thing was backed up, and the restore points of those that are no clusters.

use super::{ByteCount, InstanceName, Timestamp};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What was backed up. Its prefix is part of a name wherever kinds stand beside each other, so that a machine and an
/// instance of one name stay two (rule S14).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Workload {
    /// A PostgreSQL server.
    Instance,
    /// A virtual machine of libvirt.
    VirtualMachine,
    /// A tree of files.
    FileTree,
}

/// A restore point of a virtual machine, as far as can be told without reading its disks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineRestorePoint {
    /// The machine's name among all that can be restored: `vm:NAME`.
    pub machine: InstanceName,
    /// The restore point's name.
    pub label: String,
    /// The directory that holds it.
    pub directory: PathBuf,
    /// The bytes of its chain.
    pub size: ByteCount,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// The name that libvirt had for it.
    pub domain: String,
    /// How many increments its chain holds; 0 is a full one alone.
    pub increments: u64,
    /// The libvirt connection that it was backed up through, as the settings of jobs tell it.
    pub uri: Option<String>,
}

/// A restore point of a tree of files: a snapshot in a restic repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeRestorePoint {
    /// The tree's name among all that can be restored: `files:NAME`.
    pub tree: InstanceName,
    /// The restic repository.
    pub repository: PathBuf,
    /// The file that holds its password.
    pub password_file: PathBuf,
    /// The restore point's name: see [`snapshot_label`].
    pub label: String,
    /// The snapshot's full id.
    pub snapshot: String,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// The directory that was backed up. Not yet safe to show.
    pub path: PathBuf,
    /// The bytes of all its files, where restic has noted them.
    pub size: Option<ByteCount>,
}

impl Workload {
    /// What stands before a name: `vm:` in `vm:web`; nothing before that of an instance.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Instance => "",
            Self::VirtualMachine => "vm:",
            Self::FileTree => "files:",
        }
    }

    /// What it is called in a sentence.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::VirtualMachine => "virtual machine",
            Self::FileTree => "tree of files",
        }
    }

    /// The name with the prefix.
    pub fn named(self, name: &str) -> InstanceName {
        InstanceName::new(&format!("{}{name}", self.prefix()))
    }

    /// A name without the prefix.
    pub fn bare(self, name: &InstanceName) -> InstanceName {
        name.as_str().strip_prefix(self.prefix()).map_or_else(|| name.clone(), InstanceName::new)
    }
}

/// As much of a snapshot's id as restic shows.
pub fn short_id(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

/// What a person calls a snapshot of restic: when it was begun, and the beginning of its id.
pub fn snapshot_label(taken_at: Timestamp, id: &str) -> String {
    format!("{}-{}", taken_at.strftime("%Y-%m-%dT%H%M%S"), short_id(id))
}
