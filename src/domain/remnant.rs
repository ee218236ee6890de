//! What sessions that held a restore point open have left behind when everything crashed, and what may be done with it.

use super::{ByteCount, SessionId, Timestamp};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// One thing that was left, or may have been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remnant {
    /// What it is.
    pub kind: RemnantKind,
    /// Where it is.
    pub place: PathBuf,
    /// The session that made it, as its mark or its claim says.
    pub session: Option<Uuid>,
    /// The state directory of that session.
    pub state: Option<PathBuf>,
    /// Since when it is there: when it was claimed, or else marked.
    pub since: Option<Timestamp>,
    /// What its files occupy on the disk, shared blocks included. Of a great many the first are counted.
    pub bytes: ByteCount,
    /// The processes of its server, the first of them first.
    pub servers: Vec<u32>,
    /// The processes that serve its files.
    pub overlays: Vec<u32>,
    /// What is mounted in it.
    pub mounts: Vec<PathBuf>,
    /// The directories of its server's socket.
    pub sockets: Vec<PathBuf>,
    /// What may be done with it.
    pub verdict: Verdict,
}

impl Remnant {
    /// One of which no more is known.
    pub fn plain(kind: RemnantKind, place: &Path, verdict: Verdict) -> Self {
        Self {
            kind,
            place: place.to_owned(),
            session: None,
            state: None,
            since: None,
            bytes: ByteCount(0),
            servers: Vec::new(),
            overlays: Vec::new(),
            mounts: Vec::new(),
            sockets: Vec::new(),
            verdict,
        }
    }
}

/// The kinds of things that are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemnantKind {
    /// The scratch of an open restore point, with all that works in it; or the claim on one that was never made.
    Scratch,
    /// A packed backup unpacked for sessions that are no more.
    Unpacked,
}

impl RemnantKind {
    /// All kinds.
    pub const ALL: [Self; 2] = [Self::Scratch, Self::Unpacked];
}

/// What may be done with it. The sentences are clauses that go on after its name; printable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is proven to be ours, and nobody's any more: why.
    Removable(String),
    /// It is somebody's: whose.
    InUse(String),
    /// It cannot be proven to be ours and nobody's: why not, and what a person can do.
    Unproven(String),
    /// It cannot be looked at: why.
    OutOfSight(String),
}

impl Verdict {
    /// Why.
    pub fn reason(&self) -> &str {
        match self {
            Self::Removable(reason) | Self::InUse(reason) | Self::Unproven(reason) | Self::OutOfSight(reason) => reason,
        }
    }

    /// Whether it may be removed.
    pub const fn is_removable(&self) -> bool {
        match self {
            Self::Removable(_) => true,
            Self::InUse(_) | Self::Unproven(_) | Self::OutOfSight(_) => false,
        }
    }
}

/// How a session stands, as a state directory tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionStanding {
    /// It goes on, or its record cannot be read and may say so.
    Ongoing(SessionId),
    /// It has ended.
    Ended {
        /// Its number.
        id: SessionId,
        /// The directory of its attempts, whether or not it is there.
        files: PathBuf,
    },
    /// The journal does not know it, but files of its attempts do, and they do not tell of an end.
    Recoverable(SessionId),
    /// The state directory is there and does not know it.
    Unknown,
    /// There is no such state directory.
    NoState,
    /// The state directory cannot be read: why.
    Unreadable(String),
}
