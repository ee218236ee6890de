//! The order that a worker process carries out: written by the owner into the attempt's directory before the launch.

use super::{AttemptNo, Disposition, HeldDirectory, RestoreRequest, SessionId, Target, WorkerSettings};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The version of ticket and fact lines that this build writes. A reader refuses what is newer, by number.
pub const CONTRACT_VERSION: u32 = 1;

/// One order for one worker process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// [`CONTRACT_VERSION`] of the writer.
    pub version: u32,
    /// The session.
    pub session: SessionId,
    /// The session's name outside this state directory: marks what the session created at the target.
    pub session_uuid: Uuid,
    /// The attempt.
    pub attempt: AttemptNo,
    /// What to do.
    pub work: Work,
    /// How.
    pub settings: WorkerSettings,
    /// The directories that were claimed for the session, each with the file system that it was on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<HeldDirectory>,
    /// Who ordered the session; older tickets do not tell it.
    #[serde(default)]
    pub by: Option<String>,
}

/// The kinds of work that a worker does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Restore, resuming what earlier attempts left.
    Restore(RestoreRequest),
    /// Deal with the partial data of a cancelled session, after its last attempt is gone.
    Dispose {
        /// Where the data is.
        target: Target,
        /// What to do with it.
        disposition: Disposition,
    },
}
