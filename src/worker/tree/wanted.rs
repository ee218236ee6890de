//! Which part of a tree is wanted: as patterns that restic takes literally, and as numbers to hold against the target.

use crate::{
    domain::{Failure, path_text::shown},
    restic::listing::{Node, NodeKind},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeSet, HashSet},
    path::{Component, Path, PathBuf},
};

/// What restic gives a meaning in a pattern (its manual, "Excluding Files"; Go's `filepath.Match`).
const SPECIAL: [char; 4] = ['*', '?', '[', '\\'];

/// The tree, or some paths in it.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    tree: PathBuf,
    /// As they stand in the snapshot; all of the tree when empty.
    paths: BTreeSet<PathBuf>,
    /// The directories between the tree and those paths.
    above: HashSet<PathBuf>,
    /// Those of the paths that were seen.
    seen: HashSet<PathBuf>,
}

/// What is in a tree, below its own directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Counts {
    pub(super) files: u64,
    /// Of all files; of one with two names, twice.
    pub(super) bytes: u64,
    pub(super) directories: u64,
    pub(super) links: u64,
    /// Devices and named pipes.
    pub(super) special: u64,
}

impl Wanted {
    /// Of the tree of a snapshot, what an order includes: paths in the tree, from its directory or from the root on.
    pub(super) fn new(tree: &Path, include: &[PathBuf]) -> Result<Self, Failure> {
        let mut wanted =
            Self { tree: tree.to_owned(), paths: BTreeSet::new(), above: HashSet::new(), seen: HashSet::new() };
        for path in include {
            let refuse = |why: &str| {
                let advice = format!("name paths below {}, or relative to it", shown(tree));
                Failure::incurable(format!("{} {why}", shown(path)), advice)
            };
            // Also where the snapshot's own path is: restic has replaced what it could not write in JSON.
            if tree.join(path).to_string_lossy().contains(char::REPLACEMENT_CHARACTER) {
                return Err(refuse("is no text, and restic cannot be asked for it"));
            }
            if path.components().any(|part| part == Component::ParentDir) {
                return Err(refuse("leads upwards"));
            }
            // Without the dots that mean nothing, and with a root only where it has one.
            let path: PathBuf = tree.join(path).components().filter(|part| *part != Component::CurDir).collect();
            if !path.starts_with(tree) {
                return Err(refuse("is not in the tree that was backed up"));
            }
            if path == *tree {
                wanted.paths.clear();
                wanted.above.clear();
                return Ok(wanted);
            }
            let above = path.ancestors().skip(1).take_while(|above| *above != tree);
            wanted.above.extend(above.map(Path::to_owned));
            wanted.paths.insert(path);
        }
        Ok(wanted)
    }

    /// The directory that was backed up.
    pub(super) fn tree(&self) -> &Path {
        &self.tree
    }

    /// The paths that are wanted, where it is not all.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.paths.iter().map(PathBuf::as_path)
    }

    /// The same as patterns that match nothing else.
    pub(super) fn patterns(&self) -> impl Iterator<Item = String> {
        self.paths.iter().map(|path| {
            let text = path.to_string_lossy();
            text.chars().flat_map(|c| SPECIAL.contains(&c).then_some('\\').into_iter().chain([c])).collect()
        })
    }

    /// Whether a node of the snapshot comes along.
    pub(super) fn takes(&mut self, node: &Node) -> bool {
        let path = Path::new(&node.path);
        if path == self.tree || !path.starts_with(&self.tree) {
            return false;
        }
        if self.paths.is_empty() {
            return true;
        }
        if let Some(found) = path.ancestors().find_map(|above| self.paths.get(above)) {
            if path == found {
                self.seen.insert(found.clone());
            }
            return true;
        }
        node.kind == NodeKind::Directory && self.above.contains(path)
    }

    /// A path that no node had.
    pub(super) fn missing(&self) -> Option<&Path> {
        self.paths.iter().find(|path| !self.seen.contains(*path)).map(PathBuf::as_path)
    }
}

impl Counts {
    pub(super) fn add(&mut self, kind: NodeKind, size: u64) {
        match kind {
            NodeKind::File => {
                self.files += 1;
                self.bytes = self.bytes.saturating_add(size);
            }
            NodeKind::Directory => self.directories += 1,
            NodeKind::Link => self.links += 1,
            NodeKind::Device | NodeKind::Pipe => self.special += 1,
            NodeKind::Unmade => {}
        }
    }

    /// How many names it takes, each of which may need an inode.
    pub(super) const fn entries(&self) -> u64 {
        self.files + self.directories + self.links + self.special
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    fn wanted(include: &[&str]) -> Result<Wanted, Failure> {
        Wanted::new(Path::new("/srv/home"), &include.iter().map(PathBuf::from).collect::<Vec<_>>())
    }

    fn takes(wanted: &mut Wanted, path: &str, kind: NodeKind) -> bool {
        wanted.takes(&Node { path: path.to_owned(), kind, size: 0 })
    }

    #[test]
    fn what_restic_gives_a_meaning_is_taken_as_it_is_written() {
        let found = wanted(&["./a*b/[x]", "/srv/home/q?\\", "plain"]).unwrap();
        let patterns: Vec<String> = found.patterns().collect();
        assert_eq!(patterns, ["/srv/home/a\\*b/\\[x]", "/srv/home/plain", "/srv/home/q\\?\\\\"]);
    }

    #[test]
    fn what_does_not_lie_in_the_tree_is_refused() {
        assert!(wanted(&["a\u{fffd}"]).unwrap_err().cause.contains("is no text"));
        assert!(Wanted::new(Path::new("/srv/\u{fffd}"), &["a".into()]).is_err());
        assert!(Wanted::new(Path::new("/srv/\u{fffd}"), &[]).is_ok(), "all of it needs no pattern");
        for (path, says) in [("/srv/homes", "is not in the tree"), ("a/../../b", "upwards"), ("/etc", "is not in")] {
            let failure = wanted(&[path]).unwrap_err();
            assert!(failure.cause.contains(says) && failure.advice.contains("/srv/home"), "{failure}");
        }
        assert_eq!(wanted(&["a", "/srv/home/."]).unwrap().paths().count(), 0, "all of it");
    }

    #[test]
    fn a_path_comes_with_what_is_below_it_and_the_directories_above_it() {
        use NodeKind::{Directory, File};
        let mut some = wanted(&["a/b", "c"]).unwrap();
        for (path, kind, taken) in [
            ("/srv", Directory, false),
            ("/srv/home", Directory, false),
            ("/srv/home/a", Directory, true),
            ("/srv/home/a", File, false),
            ("/srv/home/a/b", Directory, true),
            ("/srv/home/a/b/x", File, true),
            ("/srv/home/a/bb", File, false),
            ("/srv/home/x", Directory, false),
        ] {
            assert_eq!(takes(&mut some, path, kind), taken, "{path}");
        }
        assert_eq!(some.missing(), Some(Path::new("/srv/home/c")));
        assert!(takes(&mut some, "/srv/home/c", File) && some.missing().is_none());
        let mut all = wanted(&[]).unwrap();
        assert!(takes(&mut all, "/srv/home/x", File) && !takes(&mut all, "/srv/homes", File));
        assert!(!takes(&mut all, "/srv/home", Directory), "its own directory is not counted");
    }
}
