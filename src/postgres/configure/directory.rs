//! One directory, held open: small files in it are read and replaced without following links.
//!
//! Promises: a replaced file is there whole, old or new, after a crash at any moment; its owner is the one asked for.
//! Never: reads or writes through a symbolic link or a device in the directory.

use rustix::{
    fs::{
        AtFlags, FileType, Gid, Mode, OFlags, RenameFlags, Stat, Uid, fchmod, fchown, fstat, fsync, linkat, mkdirat,
        openat, renameat, renameat_with, unlinkat,
    },
    io::Errno,
};
use std::{
    fs::File,
    io::{self, Read, Write},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
};

/// The mode of a data directory's files; PostgreSQL refuses to share them with others.
const FILE_MODE: u32 = 0o600;

/// A directory that is held open.
#[derive(Debug)]
pub struct DataDirectory {
    handle: OwnedFd,
    path: PathBuf,
}

impl AsFd for DataDirectory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }
}

impl DataDirectory {
    /// Opens the directory itself; a link at its own place is followed, since a person may have put it there.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = rustix::fs::open(path, flags, Mode::empty())?;
        Ok(Self { handle, path: path.to_owned() })
    }

    /// The directory of this name in it, created with mode 0700 when it is missing.
    pub fn make_below(&self, name: &str, owner: Option<(u32, u32)>) -> io::Result<Self> {
        let made = match mkdirat(&self.handle, name, Mode::RWXU) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(e) => return Err(e.into()),
        };
        let below = self.below(name)?;
        if made {
            give(&below.handle, owner)?;
            fsync(&self.handle)?;
        }
        Ok(below)
    }

    /// The directory of this name in it; a link there is an error.
    pub fn below(&self, name: impl AsRef<Path>) -> io::Result<Self> {
        let (name, flags) = (name.as_ref(), OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC);
        Ok(Self { handle: openat(&self.handle, name, flags, Mode::empty())?, path: self.path.join(name) })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes of a regular file of at most `longest` bytes; `None` when it is missing.
    pub fn read(&self, name: &str, longest: u64) -> io::Result<Option<Vec<u8>>> {
        // Without NONBLOCK the open of a named pipe would wait for a writer for ever.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(&self.handle, name, flags, Mode::empty()) {
            Ok(handle) => File::from(handle),
            Err(Errno::NOENT) => return Ok(None),
            Err(e) => return Err(e.into()),
        };
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        if found.len() > longest {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("longer than {longest} bytes")));
        }
        let mut bytes = Vec::new();
        file.take(longest).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Puts a file of this name in place, atomically and durably. An old one leaves its mode to the new one.
    pub fn replace(&self, name: &str, bytes: &[u8], owner: Option<(u32, u32)>) -> io::Result<()> {
        let old = self.stat_file(name)?;
        let mode = old.map_or(FILE_MODE, |old| old.st_mode & 0o777);
        self.put(name, bytes, owner, Mode::from_raw_mode(mode))
    }

    /// The same with the owner and the mode of another file in the directory.
    pub fn replace_like(&self, name: &str, bytes: &[u8], like: &str) -> io::Result<()> {
        self.stat_file(name)?;
        let like = self.stat_file(like)?.ok_or(Errno::NOENT)?;
        self.put(name, bytes, Some((like.st_uid, like.st_gid)), Mode::from_raw_mode(like.st_mode & 0o777))
    }

    /// What a regular file of this name is like; `None` when it is missing.
    fn stat_file(&self, name: &str) -> io::Result<Option<Stat>> {
        match rustix::fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode).is_file() => Ok(Some(stat)),
            Ok(_) => Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")),
            Err(Errno::NOENT) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    fn put(&self, name: &str, bytes: &[u8], owner: Option<(u32, u32)>, mode: Mode) -> io::Result<()> {
        let fresh = format!("{name}.howdah-new");
        // Whatever a crashed attempt left under this name is ours to drop; what it is does not matter.
        self.remove(&fresh)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(openat(&self.handle, &fresh, flags, Mode::from_raw_mode(FILE_MODE))?);
        file.write_all(bytes)?;
        give(&file, owner)?;
        fchmod(&file, mode)?;
        file.sync_all()?;
        renameat(&self.handle, &fresh, &self.handle, name)?;
        Ok(fsync(&self.handle)?)
    }

    /// Opens a regular file to append to, with no other name; made when missing.
    pub fn append(&self, name: &str, owner: Option<(u32, u32)>) -> io::Result<File> {
        let flags = OFlags::WRONLY
            | OFlags::APPEND
            | OFlags::CREATE
            | OFlags::NOFOLLOW
            | OFlags::NONBLOCK
            | OFlags::NOCTTY
            | OFlags::CLOEXEC;
        let file = File::from(openat(&self.handle, name, flags, Mode::from_raw_mode(FILE_MODE))?);
        let found = fstat(&file)?;
        if !FileType::from_raw_mode(found.st_mode).is_file() || found.st_nlink != 1 {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file of one name"));
        }
        give(&file, owner)?;
        Ok(file)
    }

    /// Renames a file in the directory, durably; what has the new name already stays, and that is an error.
    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        match renameat_with(&self.handle, from, &self.handle, to, RenameFlags::NOREPLACE) {
            // NFS, 9p and some of FUSE know no flag; a link is not made over anything either.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => self.rename_by_link(from, to)?,
            done => done?,
        }
        Ok(fsync(&self.handle)?)
    }

    /// A crash in between leaves both names, of one file.
    fn rename_by_link(&self, from: &str, to: &str) -> io::Result<()> {
        linkat(&self.handle, from, &self.handle, to, AtFlags::empty())?;
        Ok(unlinkat(&self.handle, from, AtFlags::empty())?)
    }

    /// Removes a file; returns whether it was there.
    pub fn remove(&self, name: &str) -> io::Result<bool> {
        match unlinkat(&self.handle, name, AtFlags::empty()) {
            Ok(()) => {
                fsync(&self.handle)?;
                Ok(true)
            }
            Err(Errno::NOENT) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }
}

fn give(file: impl rustix::fd::AsFd, owner: Option<(u32, u32)>) -> io::Result<()> {
    let Some((uid, gid)) = owner else { return Ok(()) };
    Ok(fchown(file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_file_is_replaced_whole_and_keeps_its_mode() {
        let place = tempfile::tempdir().unwrap();
        let directory = DataDirectory::open(place.path()).unwrap();
        let file = place.path().join("a.conf");
        assert_eq!(directory.read("a.conf", 10).unwrap(), None);
        directory.replace("a.conf", b"one", None).unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        std::fs::write(place.path().join("a.conf.howdah-new"), "left by a crash").unwrap();
        directory.replace("a.conf", b"two", None).unwrap();
        assert_eq!(directory.read("a.conf", 10).unwrap().unwrap(), b"two");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o640);
        assert!(directory.read("a.conf", 2).is_err());
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1);
        assert!(directory.remove("a.conf").unwrap() && !directory.remove("a.conf").unwrap());
    }

    #[test]
    fn a_file_is_made_like_another() {
        let place = tempfile::tempdir().unwrap();
        let directory = DataDirectory::open(place.path()).unwrap();
        assert_eq!(directory.replace_like("b", b"two", "a").unwrap_err().kind(), io::ErrorKind::NotFound);
        directory.replace("a", b"one", None).unwrap();
        for mode in [0o640, 0o600] {
            let own = rustix::process::getuid();
            // Only root may give files away.
            let owner = if own.is_root() { 4711 } else { own.as_raw() };
            std::os::unix::fs::chown(place.path().join("a"), Some(owner), None).unwrap();
            std::fs::set_permissions(place.path().join("a"), std::fs::Permissions::from_mode(mode)).unwrap();
            directory.replace_like("b", b"two", "a").unwrap();
            let made = place.path().join("b").metadata().unwrap();
            assert_eq!((made.permissions().mode() & 0o777, std::os::unix::fs::MetadataExt::uid(&made)), (mode, owner));
        }
        assert_eq!(directory.read("b", 9).unwrap().unwrap(), b"two");
    }

    #[test]
    fn links_and_pipes_are_not_followed() {
        let place = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        let secret = outside.path().join("secret");
        std::fs::write(&secret, "stays").unwrap();
        symlink(&secret, place.path().join("a.conf")).unwrap();
        symlink(outside.path(), place.path().join("below")).unwrap();
        let directory = DataDirectory::open(place.path()).unwrap();
        assert!(directory.read("a.conf", 10).is_err());
        assert!(directory.replace("a.conf", b"x", None).is_err());
        assert!(directory.append("a.conf", None).is_err());
        assert!(directory.make_below("below", None).is_err());
        assert_eq!(std::fs::read_to_string(&secret).unwrap(), "stays");
        rustix::fs::mknodat(&directory.handle, "pipe", FileType::Fifo, Mode::RWXU, 0).unwrap();
        assert!(directory.read("pipe", 10).is_err());
        assert!(directory.append("pipe", None).is_err());
    }
}
