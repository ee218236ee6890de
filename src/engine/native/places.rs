//! The directories that one restore writes into: the data directory and the homes of its tablespaces.

use super::{layout::in_tablespace, root::Root};
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

/// All roots of one restore.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) data: Root,
    pub(super) tablespaces: BTreeMap<u32, Root>,
}

impl Places {
    /// The root that a path of the manifest lies in, and the path below it. Empty for a tablespace itself.
    pub(super) fn find<'a>(&self, path: &'a Path) -> (&Root, &'a Path) {
        in_tablespace(path)
            .and_then(|(oid, below)| Some((self.tablespaces.get(&oid)?, below)))
            .unwrap_or((&self.data, path))
    }

    /// Where a path of the manifest lies, for people.
    pub(super) fn shown(&self, path: &Path) -> PathBuf {
        let (root, below) = self.find(path);
        root.path().join(below)
    }

    /// Creates a directory of the manifest's terms.
    pub(super) fn create_directory(&self, path: &Path) -> io::Result<()> {
        let (root, below) = self.find(path);
        root.create_directory(below)
    }

    /// All roots.
    pub(super) fn roots(&self) -> impl Iterator<Item = &Root> {
        std::iter::once(&self.data).chain(self.tablespaces.values())
    }
}
