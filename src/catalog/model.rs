//! The catalog as plain data.

use crate::domain::{
    ByteCount, InstanceName, MachineRestorePoint, RestorePoint, SystemIdentifier, Timestamp, TreeRestorePoint,
    WalArchive, Workload,
};
use serde::{Deserialize, Serialize, Serializer};
use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// All that can be restored, and all that should be but cannot.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Catalog {
    /// The repositories, in the order in which they were given.
    pub repositories: Vec<Repository>,
    /// The instances: one's own before those of the sample, by name in each group.
    pub instances: Vec<CatalogInstance>,
}

/// Where backups come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RepositoryKind {
    /// A directory of the operator's.
    Own,
    /// The sample that is embedded in howdah.
    Sample,
}

/// A directory to look for backups in.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RepositoryPath {
    /// The directory.
    #[serde(serialize_with = "lossy")]
    pub path: PathBuf,
    /// Whose it is.
    pub kind: RepositoryKind,
    /// What the settings know of the objects in it.
    #[serde(skip)]
    pub access: Arc<Access>,
}

/// What the directories of a repository do not tell of themselves.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Access {
    /// The files that hold the passwords of restic repositories, by the repository's directory.
    pub passwords: BTreeMap<PathBuf, PathBuf>,
    /// The libvirt connections of machines, by the directory of their restore points.
    pub connections: BTreeMap<PathBuf, String>,
    /// The archives of WAL, by the repository whose instances they are of; `{instance}` stands for an instance's folder.
    pub wal: BTreeMap<PathBuf, PathBuf>,
    /// Directories with programs, before those of the environment.
    pub programs: Vec<PathBuf>,
}

/// A directory that was looked into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// The directory, from the root on where that could be found out.
    #[serde(serialize_with = "lossy")]
    pub path: PathBuf,
    /// Whose it is.
    pub kind: RepositoryKind,
    /// Why it gave nothing or not all, and what to do: one printable sentence.
    pub problem: Option<String>,
}

/// One instance and its backups: what one folder of a repository holds of one cluster, one machine or one tree (rule
/// S14).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogInstance {
    /// Its name, with the prefix of its workload.
    pub name: InstanceName,
    /// What was backed up.
    pub workload: Workload,
    /// Whose it is.
    pub kind: RepositoryKind,
    /// Its restore points, newest first; behind them what cannot be read.
    pub rows: Vec<CatalogEntry>,
    /// The repository that holds it.
    #[serde(serialize_with = "lossy")]
    pub repository: PathBuf,
    /// The directory of its backups; the backup itself, where that lies directly in the repository.
    #[serde(serialize_with = "lossy")]
    pub folder: PathBuf,
    /// The archives of its WAL, the one to take first before the others.
    pub wal: Vec<WalArchive>,
    /// The cluster that was backed up. `None` is not yet known: no backup here tells it before it is read whole.
    pub cluster: Option<SystemIdentifier>,
    /// The shortest text that means this instance and no other of the catalog: `NAME`, `REPOSITORY:NAME`,
    /// `NAME@SYSTEM-IDENTIFIER`, or both. The command line takes it.
    pub spelling: String,
    /// What tells it from the others of its name, in a few columns; `None` where it has no namesake.
    pub distinction: Option<String>,
}

/// One backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CatalogEntry {
    /// It can be restored, as far as can be told without reading it whole.
    Restorable(RestorePoint),
    /// The same of a virtual machine.
    Machine(MachineRestorePoint),
    /// The same of a tree of files.
    Tree(TreeRestorePoint),
    /// It cannot be restored, or not even be read.
    Unreadable {
        /// The instance it belongs to by its place.
        instance: InstanceName,
        /// Its name, printable.
        label: String,
        /// Its directory. A path that is not UTF-8 is written lossily.
        #[serde(serialize_with = "lossy")]
        path: PathBuf,
        /// What is wrong and what to do: one printable sentence.
        problem: String,
    },
}

impl RepositoryPath {
    /// A directory of the operator's.
    pub fn own(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), kind: RepositoryKind::Own, access: Arc::default() }
    }

    /// The same with what the settings know.
    #[must_use]
    pub fn with(self, access: Arc<Access>) -> Self {
        Self { access, ..self }
    }

    /// The directory that the sample was unpacked into.
    pub fn sample(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), kind: RepositoryKind::Sample, access: Arc::default() }
    }
}

impl Catalog {
    /// All rows with their instance.
    pub fn rows(&self) -> impl Iterator<Item = (&CatalogInstance, &CatalogEntry)> {
        self.instances.iter().flat_map(|instance| instance.rows.iter().map(move |row| (instance, row)))
    }
}

impl CatalogInstance {
    /// Its name without the prefix of its workload.
    pub fn bare_name(&self) -> InstanceName {
        self.workload.bare(&self.name)
    }

    /// The restore points of clusters, newest first.
    pub fn points(&self) -> impl Iterator<Item = &RestorePoint> {
        self.rows.iter().filter_map(CatalogEntry::point)
    }

    /// Its name, and what tells it from others of the same.
    pub fn title(&self) -> String {
        match &self.distinction {
            Some(distinction) => format!("{} ({distinction})", self.name),
            None => self.name.to_string(),
        }
    }

    /// The newest restore point of a cluster.
    pub fn newest(&self) -> Option<&RestorePoint> {
        self.points().next()
    }

    /// The newest that can be restored.
    pub fn newest_row(&self) -> Option<&CatalogEntry> {
        self.rows.iter().find(|row| row.is_restorable())
    }
}

impl CatalogEntry {
    /// The restore point of a cluster, if it is one.
    pub const fn point(&self) -> Option<&RestorePoint> {
        match self {
            Self::Restorable(point) => Some(point),
            Self::Machine(_) | Self::Tree(_) | Self::Unreadable { .. } => None,
        }
    }

    /// Whether it can be restored, as far as can be told.
    pub const fn is_restorable(&self) -> bool {
        match self {
            Self::Restorable(_) | Self::Machine(_) | Self::Tree(_) => true,
            Self::Unreadable { .. } => false,
        }
    }

    /// The instance it belongs to.
    pub const fn instance(&self) -> &InstanceName {
        match self {
            Self::Restorable(point) => &point.instance,
            Self::Machine(point) => &point.machine,
            Self::Tree(point) => &point.tree,
            Self::Unreadable { instance, .. } => instance,
        }
    }

    /// Its name below the instance.
    pub fn label(&self) -> &str {
        match self {
            Self::Restorable(point) => &point.label,
            Self::Machine(point) => &point.label,
            Self::Tree(point) => &point.label,
            Self::Unreadable { label, .. } => label,
        }
    }

    /// The directory of a backup that is one of its own.
    pub fn directory(&self) -> Option<&Path> {
        match self {
            Self::Restorable(point) => point.source.directory(),
            Self::Machine(point) => Some(&point.directory),
            // All snapshots are in one repository.
            Self::Tree(_) => None,
            Self::Unreadable { path, .. } => Some(path),
        }
    }

    /// What is wrong with it.
    pub fn problem(&self) -> Option<&str> {
        match self {
            Self::Restorable(_) | Self::Machine(_) | Self::Tree(_) => None,
            Self::Unreadable { problem, .. } => Some(problem),
        }
    }

    /// When it was taken, where that is known.
    pub const fn taken_at(&self) -> Option<Timestamp> {
        match self {
            Self::Restorable(point) => Some(point.facts.taken_at),
            Self::Machine(point) => Some(point.taken_at),
            Self::Tree(point) => Some(point.taken_at),
            Self::Unreadable { .. } => None,
        }
    }

    /// Its bytes, where they are known before it is read.
    pub const fn size(&self) -> Option<ByteCount> {
        match self {
            Self::Restorable(point) => Some(point.facts.size),
            Self::Machine(point) => Some(point.size),
            Self::Tree(point) => point.size,
            Self::Unreadable { .. } => None,
        }
    }
}

impl fmt::Display for RepositoryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Own => "own",
            Self::Sample => "sample",
        })
    }
}

/// A path is any bytes, JSON is text: what is wrong with such a path must still be told to other processes.
fn lossy<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}
