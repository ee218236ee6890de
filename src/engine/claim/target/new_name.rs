//! Giving a directory a new name, never over something that stands there.
//!
//! Promises: what has the new name already stays, and that is an error, also on file systems that do not know
//! `RENAME_NOREPLACE`. Never: a file is renamed here, or a directory to another file system.

use rustix::{
    fs::{CWD, RenameFlags, renameat_with},
    io::Errno,
};
use std::{fs, io, path::Path};

/// Renames a directory to a name that is still free.
pub(in crate::engine) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // What NFS, 9p and some of FUSE answer to any flag (renameat2(2)).
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => rename_over_our_own(from, to),
        done => Ok(done?),
    }
}

/// Takes the name with an empty directory first: making one never replaces anything, and a rename replaces a directory
/// only while it is empty (rename(2)).
fn rename_over_our_own(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    fs::rename(from, to).inspect_err(|_| {
        // It may have been filled meanwhile; then it is somebody's and stays.
        let _ = fs::remove_dir(to);
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use std::os::unix::fs::symlink;

    type Way = fn(&Path, &Path) -> io::Result<()>;
    type Make = fn(&Path);

    const WAYS: [(&str, Way); 2] = [("with the flag", rename), ("without it", rename_over_our_own)];

    #[test]
    fn s08_a_directory_gets_a_free_name_with_and_without_the_flag() {
        for (way, rename) in WAYS {
            let place = tempfile::tempdir().unwrap();
            let (from, to) = (place.path().join("data"), place.path().join("data.set-aside-1"));
            fs::create_dir(&from).unwrap();
            fs::write(from.join("precious"), "mine").unwrap();
            rename(&from, &to).unwrap();
            assert_eq!(fs::read_to_string(to.join("precious")).unwrap(), "mine", "{way}");
            assert!(!from.exists(), "{way}");
        }
    }

    #[test]
    fn s08_what_has_the_name_already_stays_with_and_without_the_flag() {
        let made: [(&str, Make); 4] = [
            ("an empty directory", |to| fs::create_dir(to).unwrap()),
            ("a full directory", |to| {
                fs::create_dir(to).unwrap();
                fs::write(to.join("theirs"), "").unwrap();
            }),
            ("a file", |to| fs::write(to, "theirs").unwrap()),
            ("a link", |to| symlink("nowhere", to).unwrap()),
        ];
        for (way, rename) in WAYS {
            for (what, make) in made {
                let place = tempfile::tempdir().unwrap();
                let (from, to) = (place.path().join("data"), place.path().join("data.set-aside-1"));
                fs::create_dir(&from).unwrap();
                fs::write(from.join("precious"), "mine").unwrap();
                make(&to);
                let before = walkdir::WalkDir::new(&to).into_iter().count();
                let error = rename(&from, &to).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::AlreadyExists, "{what}, {way}");
                assert!(from.join("precious").exists() && !to.join("precious").exists(), "{what}, {way}");
                assert_eq!(walkdir::WalkDir::new(&to).into_iter().count(), before, "{what}, {way}");
            }
        }
    }

    #[test]
    fn the_name_is_given_back_where_the_rename_fails() {
        let place = tempfile::tempdir().unwrap();
        let to = place.path().join("to");
        assert_eq!(rename_over_our_own(&place.path().join("gone"), &to).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(!to.exists());
    }
}
