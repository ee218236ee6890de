//! Giving a tree that is whole its name, or its entries theirs where the directory was there already.
//!
//! Promises: nothing is put over anything; what is moved is moved within directories that are held open, and no link is
//! followed. An attempt that is ended between two renames is followed by one that goes on.

use super::{
    place::Staging,
    record::{self, Attributes, Lifting, Whole},
    wanted::Counts,
};
use crate::{
    domain::{Failure, instance::printable_name, path_text::shown},
    postgres::{account::is_root, server::classify},
    worker::{backup::rename_new, workspace::Workspace},
};
use rustix::{
    fs::{
        AtFlags, Dir, Gid, Mode, OFlags, RenameFlags, Timespec, Timestamps, Uid, fchmod, fchown, fstat, fsync,
        futimens, open, openat, renameat, renameat_with, statat,
    },
    io::Errno,
};
use std::{
    ffi::{CString, OsStr},
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::Path,
};

/// The bit that lets an owner write.
const OWNER_WRITES: u32 = 0o200;

/// How far an earlier attempt has come.
pub(super) enum Found {
    /// The tree is where it came in, or what is left of it.
    Waits,
    /// It has its name.
    Named,
    /// It is neither here nor there: somebody has removed or replaced it.
    Gone,
}

/// Records that the tree is whole, so that it can be lifted.
pub(super) fn prepare(
    workspace: &Workspace<'_>,
    staging: Staging,
    tree: &Path,
    (counts, warnings, unchecked): (Counts, Vec<String>, Vec<String>),
) -> Result<Lifting, Failure> {
    let failed = |error: io::Error| failure("looking at", tree, &error);
    let held = open_directory(tree).map_err(failed)?;
    let about = fstat(&held).map_err(|error| failed(error.into()))?;
    let mut closed = Vec::new();
    if !is_root() {
        for name in names(&held).map_err(failed)? {
            let entry = statat(&held, &name, AtFlags::SYMLINK_NOFOLLOW).map_err(|error| failed(error.into()))?;
            if is_directory(entry.st_mode) && entry.st_mode & OWNER_WRITES == 0 {
                closed.push((name.into_bytes(), entry.st_mode & 0o7777));
            }
        }
    }
    let times =
        [(about.st_atime, about.st_atime_nsec.cast_signed()), (about.st_mtime, about.st_mtime_nsec.cast_signed())];
    let own = Attributes { mode: about.st_mode & 0o7777, owner: (about.st_uid, about.st_gid), times };
    let (tree, inode) = (tree.to_owned(), about.st_ino);
    record::keep(workspace, staging, Whole { tree, inode, counts, own, closed, warnings, unchecked })
}

/// Where a tree is that was being lifted.
pub(super) fn find(lifting: &Lifting, directory: &Path) -> Result<Found, Failure> {
    let is_it = |path: &Path| match open_directory(path) {
        Ok(held) => {
            fstat(&held).map(|about| about.st_ino == lifting.inode).map_err(|e| failure("looking at", path, &e.into()))
        }
        Err(error) if [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory].contains(&error.kind()) => Ok(false),
        Err(error) => Err(failure("looking at", path, &error)),
    };
    if is_it(&lifting.tree)? {
        return Ok(Found::Waits);
    }
    let is_named = lifting.staging == Staging::Beside && is_it(directory)?;
    Ok(if is_named { Found::Named } else { Found::Gone })
}

/// Lifts what waits.
pub(super) fn lift(lifting: &Lifting, directory: &Path) -> Result<(), Failure> {
    match lifting.staging {
        Staging::Beside => name(lifting, directory),
        Staging::Inside => fill(lifting, directory),
    }
}

/// One rename, which makes it whole under its name at once.
fn name(lifting: &Lifting, directory: &Path) -> Result<(), Failure> {
    let failed = |error: io::Error| failure("giving the tree its name", directory, &error);
    if !is_root() {
        let held = open_directory(&lifting.tree).map_err(failed)?;
        let mode = Mode::from_raw_mode(lifting.own.mode | OWNER_WRITES);
        fchmod(&held, mode).map_err(|error| failed(error.into()))?;
    }
    if !rename_new(&lifting.tree, directory).map_err(failed)? {
        return Err(taken(directory));
    }
    settle(lifting, directory)
}

/// What is left to do when it has its name.
pub(super) fn settle(lifting: &Lifting, directory: &Path) -> Result<(), Failure> {
    let failed = |error: io::Error| failure("bringing its name to the disk", directory, &error);
    if !is_root() {
        let held = open_directory(directory).map_err(failed)?;
        fchmod(&held, Mode::from_raw_mode(lifting.own.mode)).map_err(|error| failed(error.into()))?;
    }
    let above = open_directory(directory.parent().unwrap_or(directory)).map_err(failed)?;
    fsync(&above).map_err(|error| failed(error.into()))
}

/// One rename for each entry.
fn fill(lifting: &Lifting, directory: &Path) -> Result<(), Failure> {
    let failed = |error: io::Error| failure("moving the tree to", directory, &error);
    let from = open_directory(&lifting.tree).map_err(failed)?;
    let to = open_directory(directory).map_err(failed)?;
    if !is_root() {
        fchmod(&from, Mode::from_raw_mode(lifting.own.mode | OWNER_WRITES)).map_err(|error| failed(error.into()))?;
    }
    for entry in names(&from).map_err(failed)? {
        if let Some((name, mode)) = lifting.closed.iter().find(|(name, _)| name == entry.as_bytes()) {
            change_mode(&from, name, mode | OWNER_WRITES).map_err(failed)?;
        }
        if !move_new(&from, &entry, &to).map_err(failed)? {
            return Err(taken(&directory.join(OsStr::from_bytes(entry.as_bytes()))));
        }
    }
    for (name, mode) in &lifting.closed {
        change_mode(&to, name, *mode).map_err(failed)?;
    }
    [&from, &to].into_iter().try_for_each(|held| fsync(held.as_fd()).map_err(|error| failed(error.into())))
}

/// A directory that was there already, and is to be like the tree's own once nothing is changed in it any more.
pub(super) struct Dressed<'a> {
    held: OwnedFd,
    directory: &'a Path,
    own: Attributes,
}

impl<'a> Dressed<'a> {
    /// Where the tree was filled in; a directory that is gone needs nothing.
    pub(super) fn of(lifting: &Lifting, directory: &'a Path) -> Result<Option<Self>, Failure> {
        if lifting.staging == Staging::Beside {
            return Ok(None);
        }
        match open_directory(directory) {
            Ok(held) => Ok(Some(Self { held, directory, own: lifting.own })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failure("opening", directory, &error)),
        }
    }

    pub(super) fn dress(&self) -> Result<(), Failure> {
        let failed = |error: Errno| failure("giving its attributes to", self.directory, &error.into());
        let Attributes { mode, owner: (user, group), times } = self.own;
        if is_root() {
            fchown(&self.held, Some(Uid::from_raw(user)), Some(Gid::from_raw(group))).map_err(failed)?;
        }
        fchmod(&self.held, Mode::from_raw_mode(mode)).map_err(failed)?;
        let [last_access, last_modification] = times.map(|(tv_sec, tv_nsec)| Timespec { tv_sec, tv_nsec });
        futimens(&self.held, &Timestamps { last_access, last_modification }).map_err(failed)?;
        fsync(&self.held).map_err(failed)
    }
}

/// Renames unless something has the name there; whether it did.
fn move_new(from: &OwnedFd, name: &CString, to: &OwnedFd) -> io::Result<bool> {
    match renameat_with(from, name, to, name, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        // NFS, 9p and some of FUSE know no flag. The claim keeps other sessions away, and the directory was empty.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => match statat(to, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => Ok(renameat(from, name, to, name).map(|()| true)?),
            Ok(_) => Ok(false),
            Err(error) => Err(error.into()),
        },
        Err(error) => Err(error.into()),
    }
}

fn change_mode(above: &OwnedFd, name: &[u8], mode: u32) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match openat(above, OsStr::from_bytes(name), flags, Mode::empty()) {
        Ok(held) => Ok(fchmod(&held, Mode::from_raw_mode(mode))?),
        // It was moved already.
        Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn names(directory: &OwnedFd) -> io::Result<Vec<CString>> {
    let mut found = Vec::new();
    for entry in Dir::read_from(directory)? {
        let name = entry?.file_name().to_owned();
        if ![&b"."[..], b".."].contains(&name.as_bytes()) {
            found.push(name);
        }
    }
    Ok(found)
}

fn open_directory(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(open(path, flags, Mode::empty())?)
}

fn is_directory(mode: u32) -> bool {
    rustix::fs::FileType::from_raw_mode(mode).is_dir()
}

fn taken(path: &Path) -> Failure {
    let cause = format!("{} was made by somebody else meanwhile", printable_name(path.as_os_str()));
    Failure::incurable(cause, "move it away: nothing there is overwritten; the tree is whole, and a retry goes on")
}

fn failure(doing: &str, path: &Path, error: &io::Error) -> Failure {
    classify::of_io(&format!("{doing} {}", shown(path)), error)
}
