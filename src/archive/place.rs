//! A file for PostgreSQL: written without a name, or under one that nobody asks for, and named when it is whole.
//!
//! PostgreSQL removes `pg_wal/RECOVERYXLOG` and `pg_wal/RECOVERYHISTORY` itself before it asks (`RestoreArchivedFile`), so
//! what stands there all the same is somebody else's.
//!
//! Promises: nothing is written over; a process that is killed leaves nothing, or, where the file system knows no nameless
//! files, one that PostgreSQL clears away when it starts after a crash (`RemoveTempXlogFiles`: its name begins with
//! `xlogtemp.`).

use rustix::{
    fs::{AtFlags, CWD, Mode, OFlags, RenameFlags, linkat, lstat, open, renameat, renameat_with, unlinkat},
    io::Errno,
};
use std::{
    fs::File,
    io,
    os::fd::{AsFd, AsRawFd},
    path::{Path, PathBuf},
};

/// Nobody but the server's user reads what is in a data directory.
const MODE: Mode = Mode::from_raw_mode(0o600);

/// A file that has not got its name yet.
#[derive(Debug)]
pub struct FreshFile {
    /// Open for writing, empty.
    pub file: File,
    /// The name that it goes by until then; `None` for one without.
    interim: Option<PathBuf>,
}

/// How a file did not get its name.
#[derive(Debug)]
pub enum PlaceError {
    /// Something stands there.
    Taken,
    /// It is on another file system.
    Elsewhere,
    /// Anything else.
    Io(io::Error),
}

impl FreshFile {
    /// Makes one in the directory of `to`.
    pub fn beside(to: &Path) -> io::Result<Self> {
        let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        match open(parent, OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC, MODE) {
            Ok(handle) => Ok(Self { file: File::from(handle), interim: None }),
            // NFS and others; a kernel that does not know the flag takes it for a directory.
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOENT) => Self::named(parent),
            Err(error) => Err(error.into()),
        }
    }

    fn named(parent: &Path) -> io::Result<Self> {
        let interim = parent.join(format!("xlogtemp.howdah-{}", std::process::id()));
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
        Ok(Self { file: File::from(open(&interim, flags, MODE)?), interim: Some(interim) })
    }

    /// Gives it the name.
    pub fn place(self, to: &Path) -> Result<(), PlaceError> {
        let placed = if let Some(interim) = &self.interim {
            match linkat(CWD, interim, CWD, to, AtFlags::empty()) {
                // A file system without links, as a block overlay is.
                Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS) => renamed(interim, to),
                linked => linked,
            }
        } else {
            let nameless = format!("/proc/self/fd/{}", self.file.as_raw_fd());
            linkat(CWD, nameless, CWD, to, AtFlags::SYMLINK_FOLLOW)
        };
        Ok(placed?)
    }
}

impl Drop for FreshFile {
    fn drop(&mut self) {
        if let Some(interim) = &self.interim {
            // It was made here a moment ago; one that cannot be removed is cleared away by PostgreSQL.
            let _kept: Result<(), Errno> = unlinkat(CWD, interim, AtFlags::empty());
        }
    }
}

/// Renames a file to a free name.
fn renamed(from: &Path, to: &Path) -> Result<(), Errno> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // No flags either: the server asks for one file at a time, and nobody else writes there.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => match lstat(to) {
            Err(Errno::NOENT) => renameat(CWD, from, CWD, to),
            Ok(_) => Err(Errno::EXIST),
            Err(error) => Err(error),
        },
        done => done,
    }
}

/// Moves a file of a directory to a name of its own.
pub fn move_to(directory: impl AsFd, name: &str, to: &Path) -> Result<(), PlaceError> {
    match renameat_with(&directory, name, CWD, to, RenameFlags::NOREPLACE) {
        // NFS, 9p and some of FUSE know no flag; a link is not made over anything either.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            linkat(&directory, name, CWD, to, AtFlags::empty())?;
            Ok(unlinkat(&directory, name, AtFlags::empty())?)
        }
        done => Ok(done?),
    }
}

impl From<Errno> for PlaceError {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::EXIST => Self::Taken,
            Errno::XDEV => Self::Elsewhere,
            other => Self::Io(other.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use std::{fs, io::Write};

    #[test]
    fn a_file_gets_its_name_when_it_is_whole_and_nothing_is_written_over() {
        let place = tempfile::tempdir().unwrap();
        let (to, parent) = (place.path().join("RECOVERYXLOG"), place.path());
        for make in [FreshFile::beside, |to: &Path| FreshFile::named(to.parent().unwrap())] {
            let mut fresh = make(&to).unwrap();
            fresh.file.write_all(b"one").unwrap();
            assert!(!to.exists());
            fresh.place(&to).unwrap();
            assert_eq!(fs::read(&to).unwrap(), b"one");
            let mut second = make(&to).unwrap();
            second.file.write_all(b"two").unwrap();
            assert!(matches!(second.place(&to), Err(PlaceError::Taken)));
            assert_eq!(fs::read(&to).unwrap(), b"one");
            assert_eq!(fs::read_dir(parent).unwrap().count(), 1, "nothing else is left");
            fs::remove_file(&to).unwrap();
        }
        fs::write(parent.join("a"), "three").unwrap();
        renamed(&parent.join("a"), &to).unwrap();
        fs::write(parent.join("a"), "four").unwrap();
        assert_eq!(renamed(&parent.join("a"), &to), Err(Errno::EXIST));
        assert_eq!(fs::read(&to).unwrap(), b"three");
        fs::remove_file(&to).unwrap();
        fs::remove_file(parent.join("a")).unwrap();
        drop(FreshFile::named(parent).unwrap());
        assert_eq!(fs::read_dir(parent).unwrap().count(), 0);
    }

    #[test]
    fn a_file_is_moved_to_a_free_name_alone() {
        let (spool, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let directory = File::open(spool.path()).unwrap();
        let to = data.path().join("x");
        fs::write(spool.path().join("a"), "one").unwrap();
        move_to(&directory, "a", &to).unwrap();
        fs::write(spool.path().join("a"), "two").unwrap();
        assert!(matches!(move_to(&directory, "a", &to), Err(PlaceError::Taken)));
        assert_eq!(fs::read(&to).unwrap(), b"one");
        assert!(spool.path().join("a").exists());
        assert!(matches!(move_to(&directory, "b", &data.path().join("y")), Err(PlaceError::Io(_))));
    }
}
