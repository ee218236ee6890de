//! The order to restore something: a cluster, a virtual machine, or a tree of files.

use super::{ByteCount, InstanceName, Rate, Recovery, RestorePoint, Target, Timestamp};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What is restored, and where to.
#[expect(clippy::large_enum_variant, reason = "a session has one, and nearly all are the large one")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestoreOrder {
    /// A PostgreSQL cluster.
    Cluster(ClusterRestore),
    /// A virtual machine of libvirt.
    VirtualMachine(MachineRestore),
    /// A tree of files.
    Files(FilesRestore),
}

/// This restore point of a cluster, to that target, in this manner.
///
/// Each part is checked when it is made, so an order can be wrong only about the world, not in itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterRestore {
    /// What is restored.
    pub point: RestorePoint,
    /// Where to.
    pub target: Target,
    /// How far recovery goes.
    pub recovery: Recovery,
    /// Whether a server runs at the end.
    pub server: ServerWish,
    /// The most bytes a second that are read from the backup; `None` is as fast as it goes.
    pub max_rate: Option<Rate>,
    /// What to do with data that stands at the target and is not the session's own.
    pub existing: ExistingData,
    /// What to do when the backup lacks WAL that a server would need, and none is started.
    pub missing_wal: MissingWal,
}

/// A virtual machine, restored under a new name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineRestore {
    /// The machine that was backed up.
    pub machine: InstanceName,
    /// The restore point's name.
    pub label: String,
    /// The directory that holds it.
    pub backup: PathBuf,
    /// The bytes of its chain.
    pub size: ByteCount,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// Where the disks go.
    pub directory: PathBuf,
    /// The new machine's name.
    pub name: InstanceName,
    /// The libvirt connection, such as `qemu:///system`.
    pub uri: String,
    /// Whether it is started.
    pub start: bool,
    /// Whether its network interfaces are connected: those of a copy would meet the addresses of its source (S13).
    #[serde(default)]
    pub network: bool,
    /// The most bytes a second that are read from the backup; `None` is as fast as it goes.
    pub max_rate: Option<Rate>,
}

/// Files out of a restic repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesRestore {
    /// The name of the tree that was backed up.
    pub tree: InstanceName,
    /// The restic repository.
    pub repository: String,
    /// The file that holds its password.
    pub password_file: Option<PathBuf>,
    /// The snapshot's full id.
    pub snapshot: String,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// Where the files go.
    pub directory: PathBuf,
    /// The paths that are wanted; all when empty.
    pub include: Vec<PathBuf>,
}

/// Whether the restored cluster is started, and what becomes of the server after its probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerWish {
    /// Start it, wait for replay, ask it a query, leave it running.
    LeaveRunning,
    /// Start it, wait for replay, ask it a query, stop it cleanly.
    StopAfterProbe,
    /// Restore and verify the files only.
    FilesOnly,
}

/// What to do with foreign data at the target (rule S8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExistingData {
    /// Refuse the restore.
    Refuse,
    /// Rename the old directory beside itself; somebody typed its name to allow this.
    SetAside,
}

/// What to do with a backup whose files no server could start on, since WAL that they need is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingWal {
    /// Refuse the restore.
    #[default]
    Refuse,
    /// Restore the files alone: the WAL will come from elsewhere.
    Accept,
}
