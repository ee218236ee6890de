//! How far recovery goes, and what happens when it gets there.

use super::{Lsn, Timeline, Timestamp, instance::printable};
use serde::{Deserialize, Serialize};
use std::{fmt, path::PathBuf};

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
    /// The directory of the WAL archive; `None` where the WAL in the backup is all there is. Records of version 6 do not
    /// tell it, and none of them had one.
    #[serde(default)]
    pub archive: Option<PathBuf>,
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
            archive: None,
        }
    }

    /// Whether it replays more than the backup itself holds.
    pub fn goes_beyond_backup(&self) -> bool {
        self.goal != RecoveryGoal::Consistent || self.standby_of.is_some()
    }
}

impl fmt::Display for RecoveryGoal {
    /// Words that follow "to", printable.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Consistent => f.pad("the backup's own end"),
            Self::Immediate => f.pad("the first consistent position"),
            Self::Latest => f.pad("the end of the archive"),
            Self::Time(at) => f.pad(&moment(*at)),
            Self::Lsn(at) => f.pad(&format!("LSN {at}")),
            Self::Xid(xid) => f.pad(&format!("transaction {xid}")),
            Self::Name(name) => f.pad(&format!("restore point {}", printable(name))),
        }
    }
}

/// A moment as people read it: no more digits of a second than it has.
pub fn moment(at: Timestamp) -> String {
    let fraction = at.subsec_nanosecond() / 1_000;
    let text = at.strftime("%Y-%m-%d %H:%M:%S").to_string();
    if fraction == 0 { format!("{text} UTC") } else { format!("{text}.{fraction:06} UTC") }
}
