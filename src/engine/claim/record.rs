//! What a claim records.

use crate::{
    domain::{Hold, InstanceName, SessionId, Timestamp, instance::printable_name},
    process,
};
use serde::{Deserialize, Serialize};
use std::{
    fmt, fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};
use uuid::Uuid;

/// The version of the claims that this build writes.
pub(super) const VERSION: u32 = 1;

/// One claim, as it stands on disk. Nothing in it is a secret: whoever sees the place may read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    pub(super) version: u32,
    /// The session that holds the place.
    pub session: Uuid,
    /// Its number in its state directory.
    pub number: SessionId,
    /// The instance that it restores.
    pub instance: InstanceName,
    /// Who ordered it, and where it is kept.
    pub holder: Holder,
    /// Since when.
    pub since: Timestamp,
    /// What is held, for a person to read.
    pub place: String,
    /// The directory that the claim was made in. A claim in another one is a copy of it and holds nothing.
    pub(super) made_in: PathBuf,
    pub(super) made_in_id: FileId,
    /// Directories above the place that were made for the claim, upper ones first.
    #[serde(default)]
    pub(super) created: Vec<PathBuf>,
}

/// Who orders sessions, and where they are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The person.
    pub user: String,
    /// The machine, as it calls itself.
    pub host: String,
    /// The process that took the claim.
    pub process: u32,
    /// The state directory.
    pub state: PathBuf,
    /// The same, known by more than its name: a directory can be moved, and another can get its name.
    pub state_id: FileId,
}

/// By what a directory is known whatever it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FileId {
    /// The device of its file system; another one after a restart of the machine, maybe.
    pub device: u64,
    /// Its inode there.
    pub inode: u64,
}

/// The session that wants places.
#[derive(Debug, Clone)]
pub struct Claimant {
    /// Its name outside its state directory.
    pub session: Uuid,
    /// Its number.
    pub number: SessionId,
    /// The instance that it restores.
    pub instance: InstanceName,
    /// Who orders it.
    pub holder: Holder,
    /// When.
    pub since: Timestamp,
}

/// Whose claims are one's own: of a state directory, or of one session in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Own {
    /// The state directory.
    pub state: PathBuf,
    /// The session; `None` for whoever asks before there is one: which of its own sessions holds a place is then for the
    /// owner to say.
    pub session: Option<Uuid>,
}

impl Own {
    /// Whether this claim is one's own.
    pub fn has(&self, claim: &Claim) -> bool {
        claim.is_kept_in(&self.state) && self.session.is_none_or(|session| session == claim.session)
    }
}

impl FileId {
    /// Of what the path leads to.
    pub fn of(path: &Path) -> io::Result<Self> {
        let about = fs::metadata(path)?;
        Ok(Self { device: about.dev(), inode: about.ino() })
    }
}

impl Holder {
    /// Whether this is the state directory that the claim speaks of: by its name, or by what it is if it was renamed.
    fn keeps_in(&self, state: &Path) -> bool {
        let is = FileId::of(state).is_ok_and(|id| id == self.state_id);
        is || same(&self.state, state)
    }
}

impl Claim {
    pub(super) fn new(claimant: &Claimant, hold: &Hold, made_in: &Path, created: Vec<PathBuf>) -> io::Result<Self> {
        let made_in = made_in.canonicalize()?;
        Ok(Self {
            version: VERSION,
            session: claimant.session,
            number: claimant.number,
            instance: claimant.instance.clone(),
            holder: claimant.holder.clone(),
            since: claimant.since,
            place: hold.to_string(),
            made_in_id: FileId::of(&made_in)?,
            made_in,
            created,
        })
    }

    /// Whether it is of this session of this state directory. A copied state directory has the same sessions, and is
    /// another.
    pub fn is_of(&self, session: Uuid, state: &Path) -> bool {
        self.session == session && self.holder.keeps_in(state)
    }

    /// Whether the state directory that it speaks of is no more, as far as this machine can tell: then nobody can give the
    /// place back. Enough to give up a port, where a mistake costs a refusal later; not to give up data.
    pub(super) fn is_abandoned(&self) -> bool {
        let here = process::host() == self.holder.host;
        let gone = fs::symlink_metadata(&self.holder.state);
        here && gone.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    }

    /// Whether it is of this state directory, of whatever session.
    pub fn is_kept_in(&self, state: &Path) -> bool {
        self.holder.keeps_in(state)
    }

    /// Whether it was made where it stands. One that was copied along with its directory holds nothing.
    pub(super) fn stands_in(&self, directory: &Path) -> bool {
        FileId::of(directory).is_ok_and(|id| id.inode == self.made_in_id.inode) || same(&self.made_in, directory)
    }
}

impl fmt::Display for Claim {
    /// Who holds the place, in one clause.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Holder { user, host, process, state, .. } = &self.holder;
        let clean = crate::domain::instance::printable;
        write!(
            f,
            "session {} ({}) of {}@{}, state directory {}, since {:.0} (taken by process {process})",
            self.number,
            self.instance,
            clean(user),
            clean(host),
            printable_name(state.as_os_str()),
            self.since,
        )
    }
}

fn same(one: &Path, other: &Path) -> bool {
    one == other || other.canonicalize().is_ok_and(|other| one == other)
}
