//! A packed backup unpacked once, for all sessions that hold the same restore point open: whose the directory is, who uses
//! it, and when it goes. It stands next to their scratches.
//!
//! ```text
//! <explore_dir>/.unpacked-<uid>-<id>/   its user's own (0700)
//!   lock            shared by whoever uses the files, held alone by whoever unpacks or removes them
//!   unpacked.json   the mark: unpacking, complete or removing
//!   files/          as the native engine restores them, with its own marks in them
//! ```
//!
//! A session notes the directory in the mark of its scratch, and only then comes for the lock; whoever has the lock alone
//! and wants to remove the directory looks at all scratches next to it. So of two that come at once, one sees the other.
//!
//! Promises: complete means that every file was verified and is on the disk; what a session uses, or will use when it is
//! tried again, is not removed. Never: trusts, or touches, what another user has put in the place, or a link.

use super::scratch::{self, Scratch};
use crate::{
    domain::{Failure, instance::printable_name},
    postgres::{configure::DataDirectory, server::classify},
};
use rustix::{
    fs::{Mode, OFlags, fstat},
    process::geteuid,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    fmt::Write as _,
    fs::{self, File, TryLockError},
    io,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};
use uuid::Uuid;

/// How the name of such a directory begins.
const PREFIX: &str = ".unpacked-";

const LOCK: &str = "lock";
const MARK: &str = "unpacked.json";

/// The same while it is being written.
const UNFINISHED_MARK: &str = "unpacked.json.howdah-new";

/// The files, below the directory.
pub(super) const FILES: &str = "files";

/// The marks that this build writes and reads.
const VERSION: u32 = 1;

/// A mark is a few hundred bytes; more than this is something else.
const MAX_LEN: u64 = 1 << 16;

/// The lock may be held for a moment by who only looks, or by a process that is just being started: a session that uses the
/// files is told from that in a tenth of a second.
const RETRY_DELAY: Duration = Duration::from_millis(5);
const RETRIES: u32 = 20;

/// The directory for one restore point next to one scratch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unpacked {
    place: PathBuf,
    name: String,
}

/// What stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing.
    Nothing,
    /// Something that no howdah of this user has made, as a clause says.
    Foreign(String),
    /// A part of the files; whether somebody works on it now.
    Partial { busy: bool },
    /// All files.
    Complete,
}

/// What became of a directory that is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Removal {
    /// There was none, or none of ours.
    Nothing,
    /// It was removed.
    Removed,
    /// A session uses it, or is going to.
    Used,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    Unpacking,
    Complete,
    Removing,
}

#[derive(Debug, Serialize, Deserialize)]
struct Mark {
    version: u32,
    /// The directory's own name: a mark that was moved elsewhere is none.
    name: String,
    /// The backup, for a person to read.
    backup: PathBuf,
    state: State,
}

impl Unpacked {
    /// The one for the backup in this directory, links on the way followed, whose manifest has this checksum.
    pub(super) fn of(scratch: &Path, backup: &Path, manifest: &str) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(backup.as_os_str().as_bytes());
        hasher.update([0]);
        hasher.update(manifest);
        let mut name = format!("{PREFIX}{}-", geteuid().as_raw());
        for byte in &hasher.finalize()[..16] {
            write!(name, "{byte:02x}").expect("a string takes all that is written to it");
        }
        Self::next_to(scratch, name)
    }

    /// The one of this name next to a scratch; `None` where it is no name of one.
    pub(super) fn named(scratch: &Path, name: String) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_lowercase() || byte == b'-';
        let is_one = name.strip_prefix(PREFIX).is_some_and(|rest| rest.bytes().all(plain));
        is_one.then(|| Self::next_to(scratch, name))
    }

    /// Those that a session has unpacked, or waits for.
    pub(super) fn named_by(scratch: &Scratch) -> Result<Vec<Self>, Failure> {
        let named = |name| Self::named(&scratch.path, name);
        Ok(match scratch.look()? {
            scratch::Found::Own(mark) => mark.unpacked.into_iter().filter_map(named).collect(),
            scratch::Found::Nothing | scratch::Found::Foreign => Vec::new(),
        })
    }

    /// Whether the scratch of a session, but for one, names it.
    pub(super) fn is_named(&self, except: Option<&Path>) -> io::Result<bool> {
        scratch::referring_to(&self.place, &self.name, except)
    }

    fn next_to(scratch: &Path, name: String) -> Self {
        Self { place: scratch.parent().unwrap_or(scratch).to_owned(), name }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn path(&self) -> PathBuf {
        self.place.join(&self.name)
    }

    /// The data directory in it.
    pub(super) fn data(&self) -> PathBuf {
        self.path().join(FILES).join("data")
    }

    /// Whom the engine takes for the one that unpacks, whichever session it is: each goes on with what another began.
    pub(super) fn unpacker(&self) -> Uuid {
        let digest = Sha256::digest(self.path().as_os_str().as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Uuid::from_bytes(bytes)
    }

    /// What stands there now.
    pub(super) fn look(&self) -> Result<Found, Failure> {
        let look = || -> io::Result<Found> {
            let home = match self.open()? {
                Opened::Nothing => return Ok(Found::Nothing),
                Opened::Foreign(why) => return Ok(Found::Foreign(why)),
                Opened::Ours(home) => home,
            };
            match self.state(&home)? {
                Some(State::Complete) => Ok(Found::Complete),
                Some(State::Unpacking | State::Removing) | None => {
                    let busy = match open_lock(&home, OFlags::empty()) {
                        Ok(lock) => matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)),
                        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
                        Err(error) => return Err(error),
                    };
                    Ok(Found::Partial { busy })
                }
            }
        };
        look().map_err(|error| self.failure("looking at", &error))
    }

    /// Removes the directory, unless a session uses it or names it in its scratch; `except` is the scratch of a session
    /// that is being closed.
    pub(super) fn remove_if_unused(&self, except: Option<&Path>) -> Result<Removal, Failure> {
        let failed = |error: io::Error| self.failure("removing", &error);
        let Opened::Ours(home) = self.open().map_err(failed)? else { return Ok(Removal::Nothing) };
        let lock = match open_lock(&home, OFlags::CREATE) {
            Ok(lock) => lock,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Removal::Nothing),
            Err(error) => return Err(failed(error)),
        };
        let mut tries = 0;
        while !take(&lock, File::try_lock).map_err(failed)? {
            tries += 1;
            if tries == RETRIES {
                return Ok(Removal::Used);
            }
            thread::sleep(RETRY_DELAY);
        }
        if !self.stands(&lock).map_err(failed)? {
            return Ok(Removal::Nothing);
        }
        if self.is_named(except).map_err(failed)? {
            return Ok(Removal::Used);
        }
        let path = self.path();
        let remove = || -> io::Result<()> {
            // It is not complete any more from here on, whenever we are killed.
            self.mark(&home, Path::new(""), State::Removing)?;
            remove_files(&path)?;
            home.remove(MARK)?;
            home.remove(LOCK)?;
            match fs::remove_dir(&path) {
                // Who waited for the lock has made a new one.
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
                done => done,
            }
        };
        remove().map_err(failed)?;
        Ok(Removal::Removed)
    }

    /// Opens the directory itself, through no link, where it is this user's own.
    pub(super) fn open(&self) -> io::Result<Opened> {
        match self.open_now() {
            // It went while it was being looked at.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Opened::Nothing),
            opened => opened,
        }
    }

    fn open_now(&self) -> io::Result<Opened> {
        let path = self.path();
        if !fs::symlink_metadata(&path)?.is_dir() {
            return Ok(Opened::Foreign("is no directory".to_owned()));
        }
        let home = DataDirectory::open(&self.place)?.below(&self.name)?;
        let held = fstat(&home)?;
        if held.st_uid != geteuid().as_raw() {
            return Ok(Opened::Foreign("belongs to another user".to_owned()));
        }
        if held.st_mode & 0o077 != 0 {
            return Ok(Opened::Foreign("is open to other users".to_owned()));
        }
        loop {
            if let Some(bytes) = home.read(MARK, MAX_LEN)? {
                let ours = serde_json::from_slice::<Mark>(&bytes).is_ok_and(|mark| self.is_ours(&mark));
                let foreign = || Opened::Foreign("holds what no howdah of this version has unpacked".to_owned());
                return Ok(if ours { Opened::Ours(home) } else { foreign() });
            }
            let names = fs::read_dir(&path)?.map(|entry| entry.map(|entry| entry.file_name()));
            let names = names.collect::<io::Result<Vec<_>>>()?;
            // What was killed in its first or last moment has nothing else.
            if names.iter().all(|name| name == LOCK || name == UNFINISHED_MARK) {
                return Ok(Opened::Ours(home));
            }
            if !names.iter().any(|name| name == MARK) {
                return Ok(Opened::Foreign("holds what no howdah has unpacked".to_owned()));
            }
            // It was made anew between the two looks.
        }
    }

    fn is_ours(&self, mark: &Mark) -> bool {
        mark.version == VERSION && mark.name == self.name
    }

    pub(super) fn state(&self, home: &DataDirectory) -> io::Result<Option<State>> {
        let bytes = home.read(MARK, MAX_LEN)?;
        let mark = bytes.and_then(|bytes| serde_json::from_slice::<Mark>(&bytes).ok());
        Ok(mark.filter(|mark| self.is_ours(mark)).map(|mark| mark.state))
    }

    pub(super) fn mark(&self, home: &DataDirectory, backup: &Path, state: State) -> io::Result<()> {
        let mark = Mark { version: VERSION, name: self.name.clone(), backup: backup.to_owned(), state };
        home.replace(MARK, &serde_json::to_vec(&mark)?, None)
    }

    /// Whether a lock is that of the directory that has the name now.
    pub(super) fn stands(&self, lock: &File) -> io::Result<bool> {
        let held = lock.metadata()?;
        match fs::symlink_metadata(self.path().join(LOCK)) {
            Ok(there) => Ok((there.dev(), there.ino()) == (held.dev(), held.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(super) fn foreign(&self, why: &str) -> Failure {
        Failure::incurable(
            format!("{} {why}", printable_name(self.path().as_os_str())),
            "see what it is and move it away, or name another explore_dir in howdah.toml",
        )
    }

    pub(super) fn failure(&self, doing: &str, error: &io::Error) -> Failure {
        classify::of_io(&format!("{doing} {}", printable_name(self.path().as_os_str())), error)
    }
}

/// What a look at the place has opened.
pub(super) enum Opened {
    Nothing,
    Foreign(String),
    Ours(DataDirectory),
}

pub(super) fn open_lock(home: &DataDirectory, more: OFlags) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | more;
    Ok(rustix::fs::openat(home, LOCK, flags, Mode::RUSR | Mode::WUSR)?.into())
}

pub(super) fn take(lock: &File, take: impl FnOnce(&File) -> Result<(), TryLockError>) -> io::Result<bool> {
    match take(lock) {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// What was unpacked; of links to tablespaces the links alone.
pub(super) fn remove_files(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path.join(FILES)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
