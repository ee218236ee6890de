//! Where the mark of a restore stands, with the ledger and what else the session keeps there until it is done.
//!
//! | Mark of `/srv/pg/orders` | Where |
//! |---|---|
//! | inside | `/srv/pg/orders/.howdah/` |
//! | beside, for engines that want the target empty | `/srv/pg/.orders.howdah-mark/` |
//!
//! A mark inside is the data's own. One beside records which directory it is of, by more than its name: a directory can be
//! removed, and somebody else's can get its name; to that one it means nothing.
//!
//! Promises: nothing is written below a directory of that name that holds anything but a mark. Never: follows a link, but
//! on the way to the directory above a target.

use super::{
    removal::{names, remove_tree},
    root::{Access, Root},
};
use crate::{
    domain::{
        Failure,
        restored::{self, MARK_FILE, MarkLocation},
    },
    engine::at_target::at_target,
};
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, FileType, Mode, StatxFlags},
};
use serde::{Deserialize, Serialize};
use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

/// The directory of a mark inside its target.
pub(in crate::engine) const DIRECTORY: &str = restored::MARK;

/// What a mark's directory may hold; the names that these are written under first begin with them.
const CONTENTS: [&str; 7] = [MARK_FILE, "home.json", "ledger", "control", "server.json", "recovery.json", "wal"];

/// Where one mark stands.
#[derive(Debug)]
pub(in crate::engine) struct MarkPlace {
    /// The open directory that the mark's own is an entry of.
    above: Root,
    /// The name of the mark's directory there.
    name: PathBuf,
    location: MarkLocation,
}

/// By what a data directory is known again. Its device may be another one after the machine came up anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::engine) struct DirectoryId {
    inode: u64,
    /// When it was made, in seconds and nanoseconds: the inode of what was removed is given away again. `None` where the
    /// file system does not record it.
    made: Option<(i64, u32)>,
}

impl DirectoryId {
    /// Of an open directory.
    pub(in crate::engine) fn of(directory: &Root) -> io::Result<Self> {
        let about = rustix::fs::statx(directory.fd(), "", AtFlags::EMPTY_PATH, StatxFlags::INO | StatxFlags::BTIME)?;
        let recorded = StatxFlags::from_bits_retain(about.stx_mask).contains(StatxFlags::BTIME);
        let made = recorded.then_some((about.stx_btime.tv_sec, about.stx_btime.tv_nsec));
        Ok(Self { inode: about.stx_ino, made })
    }

    /// Whether this and that are the same directory, as far as both are known.
    pub(super) fn is(self, other: Self) -> bool {
        let same_age = self.made.zip(other.made).is_none_or(|(this, that)| this == that);
        self.inode == other.inode && same_age
    }
}

impl MarkPlace {
    /// Where the mark of an open data directory is to stand.
    pub(in crate::engine) fn new(location: MarkLocation, target: &Root) -> io::Result<Self> {
        match location {
            MarkLocation::Inside => Ok(Self { above: target.try_clone()?, name: DIRECTORY.into(), location }),
            MarkLocation::Beside => Self::beside(target.path(), target.access()),
        }
    }

    /// Where the mark of a data directory stands when it is beside it, whether or not that one is there.
    pub(in crate::engine) fn beside(target: &Path, access: Access) -> io::Result<Self> {
        let path = restored::mark_beside(target);
        let name = path.as_deref().and_then(Path::file_name).ok_or(io::ErrorKind::InvalidFilename)?;
        let above = Root::open_above(target, access)?;
        Ok(Self { above, name: name.into(), location: MarkLocation::Beside })
    }

    /// Where a mark stands beside a data directory, which is `data` if it is there; `None` where none does, or only what
    /// somebody else may have put there.
    pub(super) fn find_beside(target: &Path, data: Option<&Root>) -> io::Result<Option<Self>> {
        use io::ErrorKind::{InvalidFilename, InvalidInput, NotADirectory, NotFound, PermissionDenied};
        let access = data.map_or(Access { owner: None, group: false }, Root::access);
        match Self::beside(target, access) {
            Ok(place) => Ok(place.is_trusted(data)?.then_some(place)),
            Err(error)
                if matches!(
                    error.kind(),
                    NotFound | NotADirectory | PermissionDenied | InvalidFilename | InvalidInput
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The mark whose directory stands at exactly this path; `None` where it is not called like one.
    pub(super) fn at(path: &Path, access: Access) -> io::Result<Option<Self>> {
        let Some(name) = path.file_name() else { return Ok(None) };
        let location = if name == DIRECTORY {
            MarkLocation::Inside
        } else if restored::marked_beside(name).is_some() {
            MarkLocation::Beside
        } else {
            return Ok(None);
        };
        Ok(Some(Self { above: Root::open_above(path, access)?, name: name.into(), location }))
    }

    /// Where it stands.
    pub(in crate::engine) const fn location(&self) -> MarkLocation {
        self.location
    }

    /// The data directory that a mark here is of.
    pub(in crate::engine) fn target(&self) -> PathBuf {
        let above = self.above.path();
        restored::marked_beside(self.name.as_os_str()).map_or_else(|| above.to_owned(), |name| above.join(name))
    }

    /// The directory that all its paths lead from.
    pub(in crate::engine) const fn root(&self) -> &Root {
        &self.above
    }

    /// The path of something in it, from [`MarkPlace::root`].
    pub(in crate::engine) fn within(&self, below: impl AsRef<Path>) -> PathBuf {
        self.name.join(below)
    }

    /// The whole path of something in it, for people.
    pub(in crate::engine) fn path_of(&self, below: impl AsRef<Path>) -> PathBuf {
        self.above.path().join(self.within(below))
    }

    /// The whole path of its directory.
    pub(in crate::engine) fn path(&self) -> PathBuf {
        self.above.path().join(&self.name)
    }

    /// Makes its directory, if it does not stand.
    pub(in crate::engine) fn create(&self) -> io::Result<()> {
        self.above.create_directory(&self.name)
    }

    /// Opens its directory.
    pub(in crate::engine) fn open(&self) -> io::Result<OwnedFd> {
        self.above.open_directory(&self.name)
    }

    /// Whether it is there, and nobody else can have put it there: where others may make entries, too, only one's own
    /// counts, and that of whoever owns the data.
    pub(super) fn is_trusted(&self, data: Option<&Root>) -> io::Result<bool> {
        let Some(about) = self.above.stat(&self.name)? else { return Ok(false) };
        if FileType::from_raw_mode(about.st_mode) != FileType::Directory {
            return Ok(false);
        }
        let above = rustix::fs::fstat(self.above.fd())?;
        let for_others = Mode::from_raw_mode(above.st_mode).intersects(Mode::WGRP | Mode::WOTH);
        let of_the_data = data.map(|data| rustix::fs::fstat(data.fd())).transpose()?.map(|about| about.st_uid);
        let own = rustix::process::geteuid().as_raw();
        let given_to = self.above.access().owner.map(|(user, _)| user);
        let trusted = !for_others || [Some(0), Some(own), given_to, of_the_data].contains(&Some(about.st_uid));
        match holds_only_a_mark(&self.path()) {
            Ok(a_mark) => Ok(trusted && a_mark),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Refuses what stands in its place and is no mark, or one that somebody else may have put there: what is written into
    /// it would be theirs to change, and a file in it may be a second name of any other.
    pub(super) fn refuse_others(&self, data: Option<&Root>) -> Result<(), Failure> {
        if self.is_trusted(data).map_err(|error| at_target("look at", &self.path(), &error))? {
            return Ok(());
        }
        let cause =
            format!("{} is where the mark of the restore goes, and it is something else", self.path().display());
        Err(Failure::incurable(cause, "see whose it is; move it away, or choose another target, then retry"))
    }

    /// Puts a file into it, in place of an older one, in one step and durably.
    pub(in crate::engine) fn replace(&self, name: &str, content: &impl Serialize) -> io::Result<()> {
        let root = &self.above;
        let (fresh, name) = (self.within(format!("{name}.new")), self.within(name));
        self.create()?;
        root.remove(&fresh)?;
        let mut file = root.create(&fresh)?;
        file.write_all(&serde_json::to_vec_pretty(content).map_err(io::Error::other)?)?;
        file.sync_all()?;
        rustix::fs::renameat(root.fd(), &fresh, root.fd(), &name)?;
        rustix::fs::fsync(self.open()?)?;
        Ok(rustix::fs::fsync(root.fd())?)
    }

    /// Removes it, durably: the file that makes it a mark first, so that it is never half of one.
    pub(super) fn remove(&self) -> io::Result<()> {
        self.above.remove(&self.within(MARK_FILE))?;
        remove_tree(&self.path())?;
        Ok(rustix::fs::fsync(self.above.fd())?)
    }

    /// The same, with the mark itself last: whoever is killed in the middle finds it again.
    pub(super) fn clear(&self) -> io::Result<()> {
        for name in names(&self.path())?.iter().filter(|name| *name != MARK_FILE) {
            remove_tree(&self.path().join(name))?;
        }
        self.remove()
    }

    /// Lets a mark that stands beside a directory go into it, in one step: so it stays with the data whatever that is
    /// called.
    pub(super) fn move_into(&self, target: &Root) -> io::Result<()> {
        rustix::fs::renameat(self.above.fd(), &self.name, target.fd(), DIRECTORY)?;
        rustix::fs::fsync(target.fd())?;
        Ok(rustix::fs::fsync(self.above.fd())?)
    }
}

/// Whether a directory holds nothing but what belongs to a mark.
fn holds_only_a_mark(directory: &Path) -> io::Result<bool> {
    let known = |name: &str| {
        let rest = CONTENTS.iter().find_map(|own| name.strip_prefix(own));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    Ok(names(directory)?.iter().all(|name| name.to_str().is_some_and(known)))
}
