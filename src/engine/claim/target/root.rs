//! Writing below a directory without ever leaving it.
//!
//! Promises: every path is walked from an open directory, by the kernel in one call where it can (`openat2`, Linux 5.6),
//! else part by part; no symbolic link is followed on the way or at its end; files are created, never opened over
//! something that stands. Never: a path with `..` in it gets here (the manifest and the archive readers refuse it), and if
//! one did, it would be refused again.

use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{AtFlags, FileType, Gid, Mode, OFlags, ResolveFlags, Stat, Uid},
    io::Errno,
};
use std::{
    ffi::OsStr,
    fs::File,
    io,
    os::unix::ffi::OsStrExt,
    path::{Component, Path, PathBuf},
};

/// Who owns what is written, and who may read it.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct Access {
    /// User and group, when running as root.
    pub(in crate::engine) owner: Option<(u32, u32)>,
    /// Whether the group may read, as `initdb --allow-group-access` grants.
    pub(in crate::engine) group: bool,
}

/// An open directory that is written to.
#[derive(Debug)]
pub(in crate::engine) struct Root {
    path: PathBuf,
    fd: OwnedFd,
    access: Access,
    /// The device of the directory, and its inode there.
    id: (u64, u64),
}

const DIRECTORY: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC).union(OFlags::RDONLY);

/// What the kernel must not do on its way down: leave the directory, follow a link, or enter another file system.
const BENEATH: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_MAGICLINKS)
    .union(ResolveFlags::NO_XDEV);

/// The directory that something is done in: the root itself, or one below it.
#[derive(Debug)]
enum Above<'a> {
    Root(&'a OwnedFd),
    Below(OwnedFd),
}

impl AsFd for Above<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Root(fd) => fd.as_fd(),
            Self::Below(fd) => fd.as_fd(),
        }
    }
}

impl Access {
    fn directory_mode(self) -> Mode {
        Mode::from_raw_mode(if self.group { 0o750 } else { 0o700 })
    }

    fn file_mode(self) -> Mode {
        Mode::from_raw_mode(if self.group { 0o640 } else { 0o600 })
    }

    /// Owner and mode of a directory, whatever the umask was.
    pub(in crate::engine) fn give_directory(self, fd: impl AsFd) -> io::Result<()> {
        self.give(fd, self.directory_mode())
    }

    /// Whether this was made here and never given: whoever made it was killed in between. What belongs to anybody else is
    /// not ours to give.
    pub(in crate::engine) fn is_to_be_given(self, fd: impl AsFd) -> io::Result<bool> {
        let own = rustix::process::geteuid().as_raw();
        let Some((user, _)) = self.owner.filter(|(user, _)| *user != own) else { return Ok(false) };
        let holder = rustix::fs::fstat(fd)?.st_uid;
        Ok(holder == own && holder != user)
    }

    /// The mode of a file that stands so, whatever the umask was.
    pub(in crate::engine) fn give_mode(self, file: impl AsFd, stands: &Stat) -> io::Result<()> {
        let right = self.file_mode();
        if Mode::from_raw_mode(stands.st_mode) != right {
            rustix::fs::fchmod(file, right)?;
        }
        Ok(())
    }

    fn give(self, fd: impl AsFd, mode: Mode) -> io::Result<()> {
        self.give_owner(&fd)?;
        Ok(rustix::fs::fchmod(&fd, mode)?)
    }

    fn give_owner(self, fd: impl AsFd) -> io::Result<()> {
        if let Some((user, group)) = self.owner {
            rustix::fs::fchown(fd, Some(Uid::from_raw(user)), Some(Gid::from_raw(group)))?;
        }
        Ok(())
    }
}

impl Root {
    /// Opens the directory at `path`, which may not be a symbolic link itself.
    pub(in crate::engine) fn open(path: &Path, access: Access) -> io::Result<Self> {
        Self::open_as(path, DIRECTORY, access)
    }

    /// Opens the directory that `path` is an entry of, whether or not a link leads there.
    pub(in crate::engine) fn open_above(path: &Path, access: Access) -> io::Result<Self> {
        let above = path.parent().ok_or(Errno::INVAL)?;
        Self::open_as(above, DIRECTORY.difference(OFlags::NOFOLLOW), access)
    }

    fn open_as(path: &Path, how: OFlags, access: Access) -> io::Result<Self> {
        let fd = rustix::fs::open(path, how, Mode::empty())?;
        let about = rustix::fs::fstat(&fd)?;
        Ok(Self { path: path.to_owned(), fd, access, id: (about.st_dev, about.st_ino) })
    }

    /// The same directory once more.
    pub(in crate::engine) fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { path: self.path.clone(), fd: self.fd.try_clone()?, access: self.access, id: self.id })
    }

    /// The same, if it is on this device: what is on another one is not the place that was meant.
    pub(in crate::engine) fn on(self, device: Option<u64>) -> io::Result<Self> {
        if device.is_some_and(|device| device != self.id.0) { Err(Errno::XDEV.into()) } else { Ok(self) }
    }

    /// Whether its path still leads to this very directory.
    pub(in crate::engine) fn is_in_place(&self) -> bool {
        let found = rustix::fs::lstat(&self.path);
        found.is_ok_and(|found| (found.st_dev, found.st_ino) == self.id)
    }

    /// Whether its path leads to the device that this directory is on, as far as it leads anywhere.
    pub(in crate::engine) fn is_on_the_same_device(&self) -> bool {
        let found = self.path.ancestors().find_map(|path| rustix::fs::stat(path).ok());
        found.is_some_and(|found| found.st_dev == self.id.0)
    }

    /// The directory of this name in an open one. Another file system that is mounted there is not entered.
    fn enter(&self, at: &OwnedFd, part: &OsStr) -> io::Result<OwnedFd> {
        let below = rustix::fs::openat(at, part, DIRECTORY, Mode::empty())?;
        if rustix::fs::fstat(&below)?.st_dev == self.id.0 { Ok(below) } else { Err(Errno::XDEV.into()) }
    }

    /// The device that it is on.
    pub(in crate::engine) const fn device(&self) -> u64 {
        self.id.0
    }

    /// Where it lies.
    pub(in crate::engine) fn path(&self) -> &Path {
        &self.path
    }

    /// The open directory itself.
    pub(in crate::engine) const fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    /// Owner and mode of what is made here.
    pub(in crate::engine) const fn access(&self) -> Access {
        self.access
    }

    /// Creates a directory and those above it; one that stands and was given already is left as it is.
    pub(in crate::engine) fn create_directory(&self, relative: &Path) -> io::Result<()> {
        let mut at = self.fd.try_clone()?;
        for part in parts(relative)? {
            let made = match rustix::fs::mkdirat(&at, part, self.access.directory_mode()) {
                Ok(()) => true,
                Err(Errno::EXIST) => false,
                Err(error) => return Err(error.into()),
            };
            at = self.enter(&at, part)?;
            if made || self.access.is_to_be_given(&at)? {
                self.access.give_directory(&at)?;
            }
        }
        Ok(())
    }

    /// Creates a file that is not there yet, open for writing.
    pub(in crate::engine) fn create(&self, relative: &Path) -> io::Result<File> {
        let file = self.begin(relative)?;
        rustix::fs::fchmod(&file, self.access.file_mode())?;
        Ok(file)
    }

    /// The same, where the umask may have taken from the file's mode: whoever ends it gives it the right one, by
    /// [`Access::give_mode`].
    pub(in crate::engine) fn begin(&self, relative: &Path) -> io::Result<File> {
        let how = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = self.open_below(relative, how, self.access.file_mode())?;
        self.access.give_owner(&fd)?;
        Ok(File::from(fd))
    }

    /// Opens a file that is there, to read what stands in it and to write on.
    pub(in crate::engine) fn reopen(&self, relative: &Path) -> io::Result<File> {
        let how = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let fd = self.open_below(relative, how, Mode::empty())?;
        if self.access.is_to_be_given(&fd)? {
            self.access.give(&fd, self.access.file_mode())?;
        }
        Ok(File::from(fd))
    }

    /// Opens a file for reading.
    pub(in crate::engine) fn open_file(&self, relative: &Path) -> io::Result<File> {
        let how = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        Ok(File::from(self.open_below(relative, how, Mode::empty())?))
    }

    /// Opens a directory, to make its entries durable or to list it.
    pub(in crate::engine) fn open_directory(&self, relative: &Path) -> io::Result<OwnedFd> {
        match self.directory(&parts(relative)?, relative)? {
            Above::Root(fd) => fd.try_clone(),
            Above::Below(fd) => Ok(fd),
        }
    }

    /// What stands at the path; `None` when nothing does.
    pub(in crate::engine) fn stat(&self, relative: &Path) -> io::Result<Option<Stat>> {
        let looked = self.above(relative).and_then(|(directory, name)| {
            rustix::fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW).map_err(io::Error::from)
        });
        match looked {
            Ok(stat) => Ok(Some(stat)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a symbolic link; one that already points there is left.
    pub(in crate::engine) fn link(&self, relative: &Path, to: &Path) -> io::Result<()> {
        let (directory, name) = self.above(relative)?;
        match rustix::fs::readlinkat(&directory, name, Vec::new()) {
            Ok(stands) if stands.as_bytes() == to.as_os_str().as_bytes() => return Ok(()),
            Ok(_) => rustix::fs::unlinkat(&directory, name, AtFlags::empty())?,
            Err(Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
        rustix::fs::symlinkat(to, &directory, name)?;
        if let Some((user, group)) = self.access.owner {
            let (user, group) = (Some(Uid::from_raw(user)), Some(Gid::from_raw(group)));
            rustix::fs::chownat(&directory, name, user, group, AtFlags::SYMLINK_NOFOLLOW)?;
        }
        Ok(())
    }

    /// Removes a file or a link, or a directory if it is empty. Tells whether it is gone; a directory with something in
    /// it is not.
    pub(in crate::engine) fn remove(&self, relative: &Path) -> io::Result<bool> {
        let Some(stat) = self.stat(relative)? else { return Ok(true) };
        let (directory, name) = self.above(relative)?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        let flags = if kind == FileType::Directory { AtFlags::REMOVEDIR } else { AtFlags::empty() };
        match rustix::fs::unlinkat(&directory, name, flags) {
            Ok(()) | Err(Errno::NOENT) => Ok(true),
            Err(Errno::NOTEMPTY | Errno::EXIST) if kind == FileType::Directory => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens what is at a path below, in one call where that can be done.
    fn open_below(&self, relative: &Path, how: OFlags, mode: Mode) -> io::Result<OwnedFd> {
        if parts(relative)?.is_empty() {
            return Err(Errno::INVAL.into());
        }
        // Where the kernel cannot or will not, each part reports for itself what is in the way.
        rustix::fs::openat2(&self.fd, relative, how, mode, BENEATH).or_else(|_| {
            let (directory, name) = self.above(relative)?;
            Ok(rustix::fs::openat(&directory, name, how, mode)?)
        })
    }

    /// The open directory above a path, and the path's last part.
    fn above<'a>(&self, relative: &'a Path) -> io::Result<(Above<'_>, &'a OsStr)> {
        let mut all = parts(relative)?;
        let name = all.pop().ok_or(Errno::INVAL)?;
        Ok((self.directory(&all, relative.parent().unwrap_or(Path::new("")))?, name))
    }

    /// The directory of these parts, which are those of `path`.
    fn directory(&self, all: &[&OsStr], path: &Path) -> io::Result<Above<'_>> {
        let Some((first, rest)) = all.split_first() else { return Ok(Above::Root(&self.fd)) };
        if let Ok(below) = rustix::fs::openat2(&self.fd, path, DIRECTORY, Mode::empty(), BENEATH) {
            return Ok(Above::Below(below));
        }
        let mut at = self.enter(&self.fd, first)?;
        for part in rest {
            at = self.enter(&at, part)?;
        }
        Ok(Above::Below(at))
    }
}

/// The parts of a path that can only lead downwards.
fn parts(relative: &Path) -> io::Result<Vec<&OsStr>> {
    relative
        .components()
        .map(|part| match part {
            Component::Normal(name) => Ok(name),
            Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => {
                Err(Errno::INVAL.into())
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use std::{fs, os::unix::fs::symlink};

    #[test]
    fn nothing_is_reached_through_a_link_or_above_the_root() {
        let place = tempfile::tempdir().unwrap();
        let (inside, outside) = (place.path().join("in"), place.path().join("out"));
        fs::create_dir(&inside).unwrap();
        fs::create_dir(&outside).unwrap();
        symlink(&outside, inside.join("way")).unwrap();
        symlink(outside.join("file"), inside.join("file")).unwrap();
        let root = Root::open(&inside, Access { owner: None, group: false }).unwrap();
        for path in ["way/x", "file", "../out/x", "/etc/x", ""] {
            assert!(root.create(Path::new(path)).is_err(), "{path}");
        }
        assert!(root.create_directory(Path::new("way/sub")).is_err());
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
        symlink(&inside, place.path().join("alias")).unwrap();
        assert!(Root::open(&place.path().join("alias"), root.access()).is_err());
    }

    #[test]
    fn files_are_private_and_never_written_over() {
        use std::os::unix::fs::PermissionsExt;
        let place = tempfile::tempdir().unwrap();
        for (group, directory, file) in [(false, 0o700, 0o600), (true, 0o750, 0o640)] {
            let path = place.path().join(format!("{group}"));
            fs::create_dir(&path).unwrap();
            let root = Root::open(&path, Access { owner: None, group }).unwrap();
            root.create_directory(Path::new("a/b")).unwrap();
            root.create(Path::new("a/b/c")).unwrap();
            let mode = |below: &str| fs::metadata(path.join(below)).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode("a"), mode("a/b"), mode("a/b/c")), (directory, directory, file));
            assert_eq!(root.create(Path::new("a/b/c")).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
            assert!(!root.remove(Path::new("a")).unwrap() && root.remove(Path::new("a/b/c")).unwrap());
        }
    }

    #[test]
    fn what_a_umask_took_from_a_mode_is_given_back_at_the_end() {
        let place = tempfile::tempdir().unwrap();
        let access = Access { owner: None, group: true };
        let file = Root::open(place.path(), access).unwrap().begin(Path::new("file")).unwrap();
        rustix::fs::fchmod(&file, Mode::RUSR).unwrap();
        access.give_mode(&file, &rustix::fs::fstat(&file).unwrap()).unwrap();
        assert_eq!(rustix::fs::fstat(&file).unwrap().st_mode & 0o7777, 0o640);
    }

    #[test]
    fn what_was_made_but_never_given_is_given_when_it_is_met_again() {
        use std::os::unix::fs::MetadataExt;
        // Only root can give anything away.
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let (someone, other) = (65_533, 65_532);
        let place = tempfile::tempdir().unwrap();
        let root = Root::open(place.path(), Access { owner: Some((someone, someone)), group: false }).unwrap();
        fs::create_dir(place.path().join("made")).unwrap();
        fs::write(place.path().join("made/file"), "half").unwrap();
        fs::create_dir(place.path().join("foreign")).unwrap();
        std::os::unix::fs::chown(place.path().join("foreign"), Some(other), Some(other)).unwrap();
        root.create_directory(Path::new("made")).unwrap();
        root.reopen(Path::new("made/file")).unwrap();
        root.create_directory(Path::new("foreign")).unwrap();
        let owner = |below: &str| fs::metadata(place.path().join(below)).unwrap().uid();
        assert_eq!((owner("made"), owner("made/file"), owner("foreign")), (someone, someone, other));
    }
}
