//! What a session was asked to do. This file is the only place that knows all kinds of work; every match on an
//! [`Order`] is exhaustive, so that a new one is decided by a person and named by the compiler.

use super::{
    BackupObject, BackupOrder, ClusterRestore, ExploreOrder, FilesRestore, InstanceName, ItemDestination, ItemOrder,
    JobId, MachineRestore, Port, Rate, Recovery, RestoreOrder, RestorePoint, ServerWish, SessionId, Step, Target,
    instance::printable_name,
};
use serde::{Deserialize, Serialize};
use std::{fmt, path::Path, str::FromStr};

/// The order for one session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Bring something back.
    Restore(RestoreOrder),
    /// Read a backup to its end, and say whether it is sound.
    Verify(VerifyOrder),
    /// Open a restore point, and hold it open until it is stopped.
    Explore(ExploreOrder),
    /// Take items out of an open restore point.
    Items(ItemOrder),
    /// Make a restore point of one object of a job.
    Backup(BackupOrder),
}

/// The order to verify a backup where it lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyOrder {
    /// The backup.
    pub point: RestorePoint,
    /// The most bytes a second that are read from it; `None` is as fast as it goes.
    pub max_rate: Option<Rate>,
}

/// Where a session is shown, listed and acted upon. Not the variant of its order: items that are taken out are restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Something is brought back.
    Restore,
    /// A backup is verified.
    Verify,
    /// A restore point is held open.
    Explore,
    /// An object of a job is backed up.
    Backup,
}

/// The session or run that a session belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Parent {
    /// The run of a job.
    Job(JobId),
    /// The explore session that holds the restore point open.
    Explore(SessionId),
}

/// What a session that is cancelled may leave behind, for a worker to deal with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leftover {
    /// A cluster that is not whole.
    Cluster(Target),
    /// A virtual machine that is not whole.
    Machine(MachineRestore),
    /// A tree of files that is not whole.
    Files(FilesRestore),
    /// What an open restore point was provided with.
    Open(ExploreOrder),
    /// Items that are not whole.
    Items(ItemOrder),
    /// A restore point that is not whole, and its checkpoint.
    Backup(BackupOrder),
}

const CLUSTER: &[Step] =
    &[Step::Check, Step::Copy, Step::Configure, Step::Start, Step::Replay, Step::Probe, Step::Finish];
const MACHINE: &[Step] = &[Step::Check, Step::Copy, Step::Configure, Step::Start, Step::Probe, Step::Finish];
const FILES: &[Step] = &[Step::Check, Step::Copy, Step::Finish];
const VERIFY: &[Step] = &[Step::Check, Step::Read, Step::Wal, Step::Finish];
const EXPLORE: &[Step] =
    &[Step::Check, Step::Open, Step::Configure, Step::Start, Step::Replay, Step::Probe, Step::Hold];
const ITEMS: &[Step] = &[Step::Check, Step::Extract, Step::Deliver, Step::Finish];
const BACKUP: &[Step] = &[Step::Check, Step::Checkpoint, Step::Copy, Step::Seal, Step::Finish];
const BACKUP_KEEPING: &[Step] = &[Step::Check, Step::Checkpoint, Step::Copy, Step::Seal, Step::Expire, Step::Finish];
const STANDBY: &[Step] =
    &[Step::Check, Step::Checkpoint, Step::Copy, Step::Seal, Step::Configure, Step::Start, Step::Replay, Step::Finish];

impl Order {
    /// The session that a person's order belongs to, where it names one.
    pub const fn parent(&self) -> Option<Parent> {
        match self {
            Self::Items(order) => Some(Parent::Explore(order.from.session)),
            Self::Restore(_) | Self::Verify(_) | Self::Explore(_) | Self::Backup(_) => None,
        }
    }

    /// Where the session is shown.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Restore(_) | Self::Items(_) => Kind::Restore,
            Self::Verify(_) => Kind::Verify,
            Self::Explore(_) => Kind::Explore,
            Self::Backup(_) => Kind::Backup,
        }
    }

    /// The name of what it is about, safe to show.
    pub const fn title(&self) -> &InstanceName {
        match self {
            Self::Restore(order) => order.title(),
            Self::Verify(order) => &order.point.instance,
            Self::Explore(order) => &order.point.instance,
            Self::Items(order) => &order.instance,
            Self::Backup(order) => order.object.name(),
        }
    }

    /// The steps of an attempt, in the order of the work.
    pub const fn steps(&self) -> &'static [Step] {
        match self {
            Self::Restore(RestoreOrder::Cluster(_)) => CLUSTER,
            Self::Restore(RestoreOrder::VirtualMachine(_)) => MACHINE,
            Self::Restore(RestoreOrder::Files(_)) => FILES,
            Self::Verify(_) => VERIFY,
            Self::Explore(_) => EXPLORE,
            Self::Items(_) => ITEMS,
            Self::Backup(BackupOrder { object: BackupObject::Standby { .. }, .. }) => STANDBY,
            Self::Backup(BackupOrder { keep: None, .. }) => BACKUP,
            Self::Backup(BackupOrder { keep: Some(_), .. }) => BACKUP_KEEPING,
        }
    }

    /// Whether an attempt in this step counts among those that may run at once. A restore point that is held open does
    /// no work.
    pub fn needs_slot(&self, step: Option<Step>) -> bool {
        match self {
            Self::Restore(_) | Self::Verify(_) | Self::Items(_) | Self::Backup(_) => true,
            Self::Explore(_) => step != Some(Step::Hold),
        }
    }

    /// What a worker must deal with when the session is cancelled after an attempt; `None` where an attempt writes
    /// nothing that outlives it.
    pub fn leftover(&self) -> Option<Leftover> {
        match self {
            Self::Restore(RestoreOrder::Cluster(order)) => Some(Leftover::Cluster(order.target.clone())),
            Self::Restore(RestoreOrder::VirtualMachine(order)) => Some(Leftover::Machine(order.clone())),
            Self::Restore(RestoreOrder::Files(order)) => Some(Leftover::Files(order.clone())),
            Self::Verify(_) => None,
            Self::Explore(order) => Some(Leftover::Open(order.clone())),
            Self::Items(order) => Some(Leftover::Items(order.clone())),
            Self::Backup(order) => Some(Leftover::Backup(order.clone())),
        }
    }

    /// The restore point of a cluster that is read, where it is one.
    pub const fn point(&self) -> Option<&RestorePoint> {
        match self {
            Self::Restore(RestoreOrder::Cluster(order)) => Some(&order.point),
            Self::Verify(order) => Some(&order.point),
            Self::Explore(order) => Some(&order.point),
            Self::Restore(RestoreOrder::VirtualMachine(_) | RestoreOrder::Files(_))
            | Self::Items(_)
            | Self::Backup(_) => None,
        }
    }

    /// The name of what is read, where it has one: a restore point's label, a snapshot. Not yet safe to show.
    pub fn label(&self) -> Option<&str> {
        match self {
            Self::Restore(order) => Some(order.label()),
            Self::Verify(_) | Self::Explore(_) => self.point().map(|point| point.label.as_str()),
            Self::Items(_) | Self::Backup(_) => None,
        }
    }

    /// The same, to change it.
    pub const fn label_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::Restore(RestoreOrder::Cluster(order)) => Some(&mut order.point.label),
            Self::Restore(RestoreOrder::VirtualMachine(order)) => Some(&mut order.label),
            Self::Restore(RestoreOrder::Files(order)) => Some(&mut order.label),
            Self::Verify(order) => Some(&mut order.point.label),
            Self::Explore(order) => Some(&mut order.point.label),
            Self::Items(_) | Self::Backup(_) => None,
        }
    }

    /// The directory that it writes to, where it is one.
    pub fn directory(&self) -> Option<&Path> {
        match self {
            Self::Restore(order) => Some(order.directory()),
            Self::Items(ItemOrder { to: ItemDestination::Dump { directory }, .. }) => Some(directory),
            Self::Explore(order) => Some(&order.scratch),
            Self::Items(ItemOrder { to: ItemDestination::Server { .. }, .. }) | Self::Verify(_) => None,
            Self::Backup(order) => order.directory(),
        }
    }

    /// The port that its server listens on at the end, where one is to run.
    pub fn port(&self) -> Option<Port> {
        match self {
            Self::Restore(RestoreOrder::Cluster(order)) => {
                (order.server != ServerWish::FilesOnly).then(|| order.target.port())
            }
            Self::Explore(order) => order.port,
            Self::Backup(order) => order.port(),
            Self::Restore(RestoreOrder::VirtualMachine(_) | RestoreOrder::Files(_))
            | Self::Verify(_)
            | Self::Items(_) => None,
        }
    }

    /// The restore of a cluster, if it is one.
    pub const fn cluster(&self) -> Option<&ClusterRestore> {
        match self {
            Self::Restore(RestoreOrder::Cluster(order)) => Some(order),
            Self::Restore(RestoreOrder::VirtualMachine(_) | RestoreOrder::Files(_))
            | Self::Verify(_)
            | Self::Explore(_)
            | Self::Items(_)
            | Self::Backup(_) => None,
        }
    }

    /// The most bytes a second that are read from the backup, where that is limited.
    pub const fn max_rate(&self) -> Option<Rate> {
        match self {
            Self::Restore(RestoreOrder::Cluster(order)) => order.max_rate,
            Self::Restore(RestoreOrder::VirtualMachine(order)) => order.max_rate,
            Self::Verify(order) => order.max_rate,
            Self::Backup(order) => order.max_rate,
            Self::Restore(RestoreOrder::Files(_)) | Self::Explore(_) | Self::Items(_) => None,
        }
    }

    /// How far recovery goes, where there is one.
    pub const fn recovery(&self) -> Option<&Recovery> {
        match self {
            Self::Restore(RestoreOrder::Cluster(order)) => Some(&order.recovery),
            Self::Explore(order) => Some(&order.recovery),
            Self::Restore(RestoreOrder::VirtualMachine(_) | RestoreOrder::Files(_))
            | Self::Verify(_)
            | Self::Items(_)
            | Self::Backup(_) => None,
        }
    }

    /// Changes how far recovery goes, where there is one.
    pub fn set_recovery(&mut self, to: Recovery) {
        match self {
            Self::Restore(RestoreOrder::Cluster(order)) => order.recovery = to,
            Self::Explore(order) => order.recovery = to,
            Self::Restore(RestoreOrder::VirtualMachine(_) | RestoreOrder::Files(_))
            | Self::Verify(_)
            | Self::Items(_)
            | Self::Backup(_) => {}
        }
    }
}

impl From<ClusterRestore> for Order {
    fn from(order: ClusterRestore) -> Self {
        Self::Restore(RestoreOrder::Cluster(order))
    }
}

impl fmt::Display for Order {
    /// What it does, in one printable clause: `restore of orders (2026-11-20T0200) to /srv/pg/orders`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let work = match self {
            Self::Restore(_) => "restore",
            Self::Verify(_) => "verification",
            Self::Explore(_) => "exploration",
            Self::Items(_) => "items",
            Self::Backup(_) => "backup",
        };
        write!(f, "{work} of {}", self.title())?;
        if let Some(label) = self.label() {
            write!(f, " ({})", super::instance::printable(label))?;
        }
        match self.directory() {
            Some(directory) => write!(f, " to {}", printable_name(directory.as_os_str())),
            None => Ok(()),
        }
    }
}

impl Kind {
    /// All of them, in the order of the screen.
    pub const ALL: [Self; 4] = [Self::Restore, Self::Verify, Self::Explore, Self::Backup];

    /// Its name on the command line, in the journal and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Restore => "restore",
            Self::Verify => "verify",
            Self::Explore => "explore",
            Self::Backup => "backup",
        }
    }
}

/// Which kinds of sessions a reader wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KindFilter {
    /// One.
    Only(Kind),
    /// Every one.
    All,
}

impl KindFilter {
    /// Whether sessions of this kind are wanted.
    pub fn admits(self, kind: Kind) -> bool {
        self.kind().is_none_or(|only| only == kind)
    }

    /// The only kind that is wanted.
    pub const fn kind(self) -> Option<Kind> {
        match self {
            Self::Only(kind) => Some(kind),
            Self::All => None,
        }
    }
}

impl FromStr for KindFilter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" { Ok(Self::All) } else { text.parse().map(Self::Only) }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| format!("{text:?} is not a kind of session: use restore, verify, explore, backup or all"))
    }
}
