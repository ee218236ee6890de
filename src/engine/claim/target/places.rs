//! The directories that one restore writes into: the data directory and the homes of its tablespaces.

use super::{mark_place::MarkPlace, root::Root};
use crate::{domain::Failure, engine::source::layout::in_tablespace};
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

/// All roots of one restore.
#[derive(Debug)]
pub(in crate::engine) struct TargetPlaces {
    pub(in crate::engine) data: Root,
    /// Where the mark stands.
    pub(in crate::engine) mark: MarkPlace,
    pub(in crate::engine) tablespaces: BTreeMap<u32, Root>,
}

impl TargetPlaces {
    /// The root that a path of the manifest lies in, and the path below it. Empty for a tablespace itself.
    pub(in crate::engine) fn find<'a>(&self, path: &'a Path) -> (&Root, &'a Path) {
        in_tablespace(path)
            .and_then(|(oid, below)| Some((self.tablespaces.get(&oid)?, below)))
            .unwrap_or((&self.data, path))
    }

    /// Where a path of the manifest lies, for people.
    pub(in crate::engine) fn shown(&self, path: &Path) -> PathBuf {
        let (root, below) = self.find(path);
        root.path().join(below)
    }

    /// Creates a directory of the manifest's terms.
    pub(in crate::engine) fn create_directory(&self, path: &Path) -> io::Result<()> {
        let (root, below) = self.find(path);
        root.create_directory(below)
    }

    /// Refuses to go on where a directory is not what its path leads to any more.
    pub(in crate::engine) fn check_in_place(&self) -> Result<(), Failure> {
        let Some(root) = self.roots().find(|root| !root.is_in_place()) else { return Ok(()) };
        let path = root.path().display();
        Err(if root.is_on_the_same_device() {
            Failure::incurable(
                format!("the target {path} was removed or replaced by something else while it was restored"),
                "find out by whom; a retry begins anew, and a cancel clears what is left of this restore",
            )
        } else {
            Failure::disruption(
                format!("the file system of the target {path} went away while it was restored"),
                "mount it again; the restore goes on where it was",
            )
        })
    }

    /// All roots.
    pub(in crate::engine) fn roots(&self) -> impl Iterator<Item = &Root> {
        std::iter::once(&self.data).chain(self.tablespaces.values())
    }
}
