//! What one session was asked to do.

use super::{Rate, RestorePoint, Target};
use serde::{Deserialize, Serialize};

/// The order for one session: this restore point, to that target, in this manner.
///
/// Each part is checked when it is made, so a request can be wrong only about the world, not in itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreRequest {
    /// What is restored.
    pub point: RestorePoint,
    /// Where to.
    pub target: Target,
    /// Whether a server runs at the end.
    pub server: ServerWish,
    /// The most bytes a second that are read from the backup; `None` is as fast as it goes.
    pub max_rate: Option<Rate>,
    /// What to do with data that stands at the target and is not the session's own.
    pub existing: ExistingData,
    /// What to do when the backup lacks WAL that a server would need, and none is started.
    #[serde(default, skip_serializing_if = "MissingWal::is_refused")]
    pub missing_wal: MissingWal,
}

/// Whether the restored cluster is started, and what becomes of the server after its probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerWish {
    /// Start it, wait for replay, ask it a query, leave it running.
    LeaveRunning,
    /// Start it, wait for replay, ask it a query, stop it cleanly.
    StopAfterProbe,
    /// Restore and verify the files only.
    FilesOnly,
}

/// What to do with foreign data at the target (rule S8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExistingData {
    /// Refuse the restore.
    Refuse,
    /// Rename the old directory beside itself; somebody typed its name to allow this.
    SetAside,
}

/// What to do with a backup whose files no server could start on, since WAL that they need is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingWal {
    /// Refuse the restore. Also what records mean that are older than the question.
    #[default]
    Refuse,
    /// Restore the files alone: the WAL will come from elsewhere.
    Accept,
}

impl MissingWal {
    /// Whether it is refused, for records to leave it out.
    pub const fn is_refused(&self) -> bool {
        matches!(self, Self::Refuse)
    }
}
