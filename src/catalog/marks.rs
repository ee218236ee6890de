//! Whether a repository may hold something else than when it was last read, told without reading a backup.
//!
//! Promises: what comes, goes or is renamed between the repository and its backups changes the marks; so does a file that
//! comes into a backup's own directory. Never: opens a file.

use super::{model::RepositoryPath, scan};
use std::{fs, os::unix::fs::MetadataExt, path::PathBuf};

/// When each directory of some repositories was changed last.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Marks(Vec<Mark>);

/// A directory: its device and inode, and when it was changed; nothing where it cannot be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mark {
    path: PathBuf,
    seen: Option<(u64, u64, i64, i64)>,
}

impl Marks {
    /// Those of now. Blocks for as long as the disks take.
    pub fn of(repositories: &[RepositoryPath]) -> Self {
        let directories = repositories.iter().flat_map(|one| scan::directories(&one.path));
        Self(directories.map(Mark::of).collect())
    }
}

impl Mark {
    fn of(path: PathBuf) -> Self {
        let seen = fs::metadata(&path).ok();
        let seen = seen.map(|facts| (facts.dev(), facts.ino(), facts.mtime(), facts.mtime_nsec()));
        Self { path, seen }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use std::{fs::File, path::Path, time::SystemTime};

    /// As if it had last been changed long ago: a clock of milliseconds does not tell two changes of one test apart.
    fn age(directory: &Path) {
        File::open(directory).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    }

    #[test]
    fn what_makes_or_ends_a_backup_changes_the_marks_and_what_is_written_into_its_files_does_not() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path();
        let backup = root.join("shop/2026/b1");
        fs::create_dir_all(backup.join("base/1")).unwrap();
        fs::write(backup.join("base.tar"), "").unwrap();
        for directory in [root, &root.join("shop"), &root.join("shop/2026"), &backup] {
            age(directory);
        }
        let marks = || Marks::of(&[RepositoryPath::own(root)]);
        let before = marks();
        assert_eq!(marks(), before);
        fs::write(backup.join("base.tar"), "more").unwrap();
        fs::write(backup.join("base/1/file"), "").unwrap();
        assert_eq!(marks(), before);
        let changes: [&dyn Fn(); 4] = [
            &|| fs::write(backup.join("backup_manifest"), "{}").unwrap(),
            &|| fs::create_dir(root.join("crm")).unwrap(),
            &|| fs::create_dir(root.join("crm/b1")).unwrap(),
            &|| fs::rename(root.join("shop"), root.join("shop2")).unwrap(),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let before = marks();
            change();
            assert_ne!(marks(), before, "change {number}");
        }
    }
}
