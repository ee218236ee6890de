//! A look at the tree before restic reads it: what is missing or cannot be read is restic's warning at best, and ours to
//! find.

use crate::{
    domain::{ByteCount, Failure, instance::printable_name},
    engine::watched::{Heartbeat, watched},
};
use rustix::fs::{Access, AtFlags, CWD, accessat};
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

/// What is in a tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tree {
    pub(super) bytes: ByteCount,
    pub(super) files: u64,
    /// How many entries this user may not read, and the first of them.
    pub(super) unreadable: u64,
    pub(super) first_unreadable: Option<PathBuf>,
}

/// Looks at all of it. A tree that is not there, or whose top cannot be read, is refused.
pub(super) fn look(path: &Path, stall: Duration) -> Result<Tree, Failure> {
    if !path.is_absolute() {
        return Err(refuse(path, "is no whole path"));
    }
    let path = path.to_owned();
    watched(&path.display().to_string(), stall, move |heartbeat| look_now(&path, heartbeat))
}

fn look_now(path: &Path, heartbeat: &Heartbeat) -> Result<Tree, Failure> {
    match fs::symlink_metadata(path) {
        Ok(about) if about.is_dir() => {}
        // restic would store the link alone.
        Ok(about) if about.is_symlink() => return Err(refuse(path, "is a symbolic link: name what it leads to")),
        Ok(_) => return Err(refuse(path, "is no directory")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let cause = format!("the tree {} is not there", printable_name(path.as_os_str()));
            return Err(Failure::disruption(cause, "see whether it is mounted, or correct path in the settings"));
        }
        Err(error) => return Err(refuse(path, &format!("cannot be looked at: {error}"))),
    }
    if let Err(error) = fs::read_dir(path) {
        return Err(refuse(path, &format!("cannot be read: {error}")));
    }
    let mut tree = Tree::default();
    for entry in walkdir::WalkDir::new(path).follow_links(false) {
        heartbeat.beat();
        let unreadable = match entry {
            Ok(entry) if entry.file_type().is_file() => {
                tree.files += 1;
                tree.bytes.0 += entry.metadata().map_or(0, |about| about.len());
                (!may_read(entry.path())).then(|| entry.into_path())
            }
            Ok(_) => None,
            Err(error) => Some(error.path().unwrap_or(path).to_owned()),
        };
        if let Some(unreadable) = unreadable {
            tree.unreadable += 1;
            tree.first_unreadable.get_or_insert(unreadable);
        }
    }
    Ok(tree)
}

fn may_read(path: &Path) -> bool {
    accessat(CWD, path, Access::READ_OK, AtFlags::EACCESS).is_ok()
}

fn refuse(path: &Path, why: &str) -> Failure {
    let cause = format!("the tree {} {why}", printable_name(path.as_os_str()));
    Failure::incurable(cause, "correct path in the settings of the job, or give the user that howdah runs as the right")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::domain::FailureClass::{self, Disruption, Incurable};
    use std::os::unix::fs::symlink;

    #[test]
    fn a_tree_is_a_directory_that_is_there() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        fs::create_dir_all(at("tree/deep")).unwrap();
        fs::write(at("tree/deep/a"), "12345").unwrap();
        fs::write(at("tree/b"), "1").unwrap();
        symlink(at("tree"), at("link")).unwrap();
        let look = |path: &Path| look(path, Duration::from_mins(1));
        let tree = look(&at("tree")).unwrap();
        assert_eq!((tree.bytes, tree.files, tree.unreadable), (ByteCount(6), 2, 0));
        let class = |path: &Path| -> FailureClass { look(path).unwrap_err().class };
        assert_eq!(
            [at("tree/b"), at("link"), "tree".into(), at("gone")].map(|path| class(&path)),
            [Incurable, Incurable, Incurable, Disruption]
        );
    }
}
