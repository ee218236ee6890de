//! The order to restore something: a cluster, a virtual machine, or a tree of files.

use super::{AnyRestorePlan, ByteCount, InstanceName, Rate, Recovery, RestorePoint, Target, Timestamp, Workload};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The libvirt connection of a machine whose own is not known.
pub const SYSTEM_URI: &str = "qemu:///system";

/// The name that a restored machine is given where nobody names one: its source may still have its own.
pub fn restored_name(directory: &Path) -> InstanceName {
    let name = directory.file_name().map_or_else(|| "machine".into(), |name| name.to_string_lossy());
    InstanceName::new(&format!("{name}-restored"))
}

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

impl RestoreOrder {
    /// The name of what is restored, with the prefix of its workload.
    pub const fn title(&self) -> &InstanceName {
        match self {
            Self::Cluster(order) => &order.point.instance,
            Self::VirtualMachine(order) => &order.machine,
            Self::Files(order) => &order.tree,
        }
    }

    /// The same without the prefix.
    pub fn bare_title(&self) -> InstanceName {
        let workload = match self {
            Self::Cluster(_) => Workload::Instance,
            Self::VirtualMachine(_) => Workload::VirtualMachine,
            Self::Files(_) => Workload::FileTree,
        };
        workload.bare(self.title())
    }

    /// The name of its restore point. Not yet safe to show.
    pub fn label(&self) -> &str {
        match self {
            Self::Cluster(order) => &order.point.label,
            Self::VirtualMachine(order) => &order.label,
            Self::Files(order) => &order.label,
        }
    }

    /// When its restore point was taken.
    pub const fn taken_at(&self) -> Timestamp {
        match self {
            Self::Cluster(order) => order.point.facts.taken_at,
            Self::VirtualMachine(order) => order.taken_at,
            Self::Files(order) => order.taken_at,
        }
    }

    /// Where it goes.
    pub fn directory(&self) -> &Path {
        match self {
            Self::Cluster(order) => order.target.directory(),
            Self::VirtualMachine(order) => &order.directory,
            Self::Files(order) => &order.directory,
        }
    }

    /// The restore of a cluster, if it is one.
    pub const fn cluster(&self) -> Option<&ClusterRestore> {
        match self {
            Self::Cluster(order) => Some(order),
            Self::VirtualMachine(_) | Self::Files(_) => None,
        }
    }

    /// What its plan has shown of the cluster that was backed up.
    pub fn learn(&mut self, plan: &AnyRestorePlan) {
        if let (Self::Cluster(order), Some(plan)) = (self, plan.cluster()) {
            order.point.facts.learn(plan.files.system_identifier);
        }
    }
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
    /// The machine that was backed up, `vm:NAME`.
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
    /// The name of the tree that was backed up, `files:NAME`.
    pub tree: InstanceName,
    /// The restic repository.
    pub repository: String,
    /// The file that holds its password.
    pub password_file: Option<PathBuf>,
    /// The restore point's name. Records of version 5 do not tell it.
    #[serde(default)]
    pub label: String,
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
