//! The catalog as plain data.

use crate::domain::{InstanceName, RestorePoint, SystemIdentifier, Timestamp};
use serde::{Deserialize, Serialize, Serializer};
use std::{
    fmt,
    path::{Path, PathBuf},
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

/// One instance and its backups: what one folder of a repository holds of one cluster (rule S14).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogInstance {
    /// Its name.
    pub name: InstanceName,
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
        Self { path: path.into(), kind: RepositoryKind::Own }
    }

    /// The directory that the sample was unpacked into.
    pub fn sample(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), kind: RepositoryKind::Sample }
    }
}

impl Catalog {
    /// All rows with their instance.
    pub fn rows(&self) -> impl Iterator<Item = (&CatalogInstance, &CatalogEntry)> {
        self.instances.iter().flat_map(|instance| instance.rows.iter().map(move |row| (instance, row)))
    }
}

impl CatalogInstance {
    /// What can be restored, newest first.
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

    /// The newest restore point.
    pub fn newest(&self) -> Option<&RestorePoint> {
        self.points().next()
    }
}

impl CatalogEntry {
    /// The restore point, if it is one.
    pub const fn point(&self) -> Option<&RestorePoint> {
        match self {
            Self::Restorable(point) => Some(point),
            Self::Unreadable { .. } => None,
        }
    }

    /// The instance it belongs to.
    pub const fn instance(&self) -> &InstanceName {
        match self {
            Self::Restorable(point) => &point.instance,
            Self::Unreadable { instance, .. } => instance,
        }
    }

    /// Its name below the instance.
    pub fn label(&self) -> &str {
        match self {
            Self::Restorable(point) => &point.label,
            Self::Unreadable { label, .. } => label,
        }
    }

    /// The directory of a backup that can be read as it lies there.
    pub fn directory(&self) -> Option<&Path> {
        match self {
            Self::Restorable(point) => point.source.directory(),
            Self::Unreadable { path, .. } => Some(path),
        }
    }

    /// What is wrong with it.
    pub fn problem(&self) -> Option<&str> {
        match self {
            Self::Restorable(_) => None,
            Self::Unreadable { problem, .. } => Some(problem),
        }
    }

    /// When it was taken, where that is known.
    pub fn taken_at(&self) -> Option<Timestamp> {
        self.point().map(|point| point.facts.taken_at)
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
