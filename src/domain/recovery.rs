//! How far recovery goes, and what happens when it gets there.

use super::{Lsn, Timeline, Timestamp};
use serde::{Deserialize, Serialize};

/// The wish for the recovery of a restored cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// Where it ends.
    pub goal: RecoveryGoal,
    /// Whether what happened exactly at the goal is part of the result (`recovery_target_inclusive`).
    pub inclusive: bool,
    /// Which timeline it follows.
    pub timeline: RecoveryTimeline,
    /// What happens at the goal.
    pub at_target: AtTarget,
    /// The primary that the cluster follows afterwards as a standby.
    pub standby_of: Option<Upstream>,
}

/// Where recovery ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecoveryGoal {
    /// The backup's own end, with the WAL that it holds; nothing later is asked for.
    Consistent,
    /// The first consistent position (`recovery_target = 'immediate'`), with WAL from an archive.
    Immediate,
    /// The last WAL that there is.
    Latest,
    /// The last commit up to this moment.
    Time(Timestamp),
    /// This position.
    Lsn(Lsn),
    /// The commit of this transaction.
    Xid(u64),
    /// The restore point of this name in the WAL (`pg_create_restore_point`).
    Name(String),
}

/// Which timeline recovery follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecoveryTimeline {
    /// The newest that can be reached.
    Latest,
    /// The backup's own.
    Current,
    /// This one.
    Number(Timeline),
}

/// What happens when recovery has reached its goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AtTarget {
    /// Recovery waits, the server answers read-only, and a person decides.
    Pause,
    /// The server is opened for writing.
    Promote,
    /// The server is shut down.
    ShutDown,
}

/// The primary of a standby.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upstream {
    /// How it is reached (`primary_conninfo`). Never: holds a password.
    pub conninfo: String,
    /// The replication slot there.
    pub slot: Option<String>,
}

impl Recovery {
    /// To the backup's own end, then open for writing: all that a backup without an archive can do.
    pub const fn to_consistency() -> Self {
        Self {
            goal: RecoveryGoal::Consistent,
            inclusive: true,
            timeline: RecoveryTimeline::Current,
            at_target: AtTarget::Promote,
            standby_of: None,
        }
    }
}
