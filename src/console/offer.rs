//! What can be restored, as the catalog tells it.

use crate::domain::{InstanceName, RestorePoint};
use std::path::PathBuf;

/// Everything that can be restored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Catalog {
    /// Where it was found.
    pub repositories: Vec<Repository>,
    /// By name.
    pub instances: Vec<CatalogInstance>,
}

/// One repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// Its directory.
    pub path: PathBuf,
    /// Whose it is.
    pub origin: Origin,
    /// Why it could not be read.
    pub problem: Option<String>,
}

/// Whose backups these are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The operator's.
    Own,
    /// The sample that comes with howdah.
    Sample,
}

/// One instance with its backups, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogInstance {
    /// Its name.
    pub name: InstanceName,
    /// Whose it is.
    pub origin: Origin,
    /// Its backups.
    pub rows: Vec<Row>,
}

/// One backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// It can be restored.
    Restorable(RestorePoint),
    /// It cannot be read.
    Unreadable {
        /// The instance.
        instance: InstanceName,
        /// Its name.
        label: String,
        /// Where it lies.
        path: PathBuf,
        /// Why.
        problem: String,
    },
}
