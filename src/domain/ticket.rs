//! What a worker process carries out: written by the owner into the attempt's directory before the launch.

use super::{AttemptNo, Disposition, HeldDirectory, Leftover, Order, SessionId, WorkerSettings};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use uuid::Uuid;

/// The version of ticket and fact lines that this build writes. A reader refuses what is newer, by number.
pub const CONTRACT_VERSION: u32 = 7;

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
    pub places: Vec<HeldDirectory>,
    /// Who ordered the session; older tickets do not tell it.
    pub by: Option<String>,
    /// The backups that other sessions of the owner read, or are to when they go on: none of them is removed. Older tickets
    /// do not tell them, and order no removal.
    pub in_use: Vec<PathBuf>,
}

/// The work of one worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Carry out the order, resuming what earlier attempts left.
    Run(Order),
    /// Deal with what a cancelled session left, after its last attempt is gone.
    Dispose {
        /// What it left.
        left: Leftover,
        /// What to do with it.
        disposition: Disposition,
    },
}
