//! Checkpoints that sessions have at what they back up, and may have left there.

use super::{InstanceName, SessionId};
use uuid::Uuid;

/// A checkpoint at libvirt that bears the name of a session of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftCheckpoint {
    /// The object of the job.
    pub object: InstanceName,
    /// The machine's name at libvirt.
    pub machine: String,
    /// Its own name.
    pub name: String,
    /// The session in that name.
    pub session: Uuid,
    /// Whether it may go.
    pub verdict: CheckpointVerdict,
}

/// Whether a checkpoint may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckpointVerdict {
    /// Its session has ended, and no increment will be made from it.
    Stale,
    /// The next increment is made from it.
    Needed {
        /// The restore point that names it.
        point: String,
    },
    /// Its session goes on.
    InUse(SessionId),
    /// Whether it may go is not known: why.
    Unproven(String),
}

impl CheckpointVerdict {
    /// Why, in a clause; printable where its parts are.
    pub fn reason(&self) -> String {
        match self {
            Self::Stale => "its session has ended, and no increment will be made from it".to_owned(),
            Self::Needed { point } => format!("the next increment on {point} is made from it"),
            Self::InUse(session) => format!("session {session} goes on"),
            Self::Unproven(why) => why.clone(),
        }
    }
}
