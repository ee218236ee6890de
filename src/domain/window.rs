//! What a WAL archive lets an instance be restored to: its recoverable window.
//!
//! Promises: every position has the timeline that it is on; a moment says whether it was read from a commit or is only
//! about right. Never: reads an archive.

use super::{ByteCount, Lsn, SystemIdentifier, Timeline, Timestamp};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A WAL archive of an instance, and how it was found.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WalArchive {
    /// Its directory, from the root on.
    pub directory: PathBuf,
    /// How it was found.
    pub origin: ArchiveOrigin,
}

/// How an archive was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArchiveOrigin {
    /// The settings name it (`wal` of a repository).
    Setting,
    /// It stands in the instance's folder.
    Beside,
    /// The `archive_command` of the backup names it: offered only once its segments are seen to be of the cluster.
    ArchiveCommand,
}

/// What can be recovered of an instance with an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalWindow {
    /// The archive.
    pub archive: WalArchive,
    /// The cluster that wrote the WAL in it.
    pub system_identifier: Option<SystemIdentifier>,
    /// The size of a segment; `None` for an archive without one.
    pub segment_size: Option<ByteCount>,
    /// The segments in it.
    pub segments: u64,
    /// The bytes that they take there.
    pub bytes: ByteCount,
    /// The timelines in it, by number.
    pub timelines: Vec<WindowTimeline>,
    /// What is missing, in order of timeline and position.
    pub gaps: Vec<WalGap>,
    /// What each restore point can be brought to, oldest first; one for each timeline that it can end on.
    pub spans: Vec<RecoverableSpan>,
    /// The restore points that were made in the WAL, oldest first, as far as it was read.
    pub restore_points: Vec<WalRestorePoint>,
    /// Where that was not all of it, by timeline.
    #[serde(default)]
    pub unsought: Vec<WalUnsought>,
    /// Moments along the WAL, oldest first, enough to draw a line: positions with the time at which they were archived.
    pub moments: Vec<WalMoment>,
    /// What a person should know of it: printable sentences.
    pub problems: Vec<String>,
}

impl WalWindow {
    /// In which WAL restore points were not sought: a printable clause, or nothing.
    pub fn unsought_words(&self) -> Option<String> {
        let place = |one: &WalUnsought| format!("before {} on timeline {}", one.before, one.timeline);
        let places: Vec<String> = self.unsought.iter().map(place).collect();
        (!places.is_empty()).then(|| format!("restore points {} were not looked for yet", places.join(", ")))
    }
}

/// A timeline as the archive holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowTimeline {
    /// Its number.
    pub number: Timeline,
    /// The timeline that it forked from, and where.
    pub parent: Option<(Timeline, Lsn)>,
    /// The first byte of its WAL here.
    pub begins: Edge,
    /// The end of its WAL here, gaps or not.
    pub ends: Edge,
}

/// A position, with its time where that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// The position.
    pub lsn: Lsn,
    /// The time of the last commit up to it.
    pub at: Option<Timestamp>,
    /// Whether the time was read from a commit; else it is the time of a file.
    pub exact: bool,
}

/// Segments that are missing in a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalGap {
    /// The timeline that they belong to.
    pub timeline: Timeline,
    /// The file name of the first.
    pub first: String,
    /// The file name of the last.
    pub last: String,
    /// How many.
    pub segments: u64,
    /// Where the WAL before them ends.
    pub from: Edge,
    /// Where the WAL behind them begins.
    pub to: Edge,
}

/// What one restore point can be brought to along one path of timelines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoverableSpan {
    /// The restore point's label.
    pub label: String,
    /// The timelines that replay passes, the restore point's own first.
    pub path: Vec<Timeline>,
    /// Where replay begins.
    pub start: Lsn,
    /// The earliest goal: where the backup stopped.
    pub from: Edge,
    /// The latest goal: the last commit before WAL is missing; where there is none, `from`.
    pub to: Edge,
    /// Where the last whole record before that begins, if it was read: what recovers to the very end names it.
    pub last_record: Option<Lsn>,
    /// Why it ends there.
    pub ends_by: SpanEnd,
}

/// Why a span ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpanEnd {
    /// The archive holds no more.
    EndOfArchive,
    /// This segment is missing, and there is WAL behind it.
    Gap {
        /// Its file name.
        segment: String,
    },
    /// The WAL of this segment cannot be used.
    Unusable {
        /// Its file name.
        segment: String,
        /// Why: a printable clause.
        why: String,
    },
}

/// A restore point that was made in the WAL (`pg_create_restore_point`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalRestorePoint {
    /// Its name as it stands in the WAL: not yet printable.
    pub name: String,
    /// The timeline that it is on.
    pub timeline: Timeline,
    /// Where its record begins.
    pub lsn: Lsn,
    /// The time of the last commit before it, or that of its segment.
    pub at: Option<Timestamp>,
}

/// WAL of one timeline in which restore points were not sought, or not in all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalUnsought {
    /// The timeline.
    pub timeline: Timeline,
    /// All records from here on were looked at.
    pub before: Lsn,
}

/// A position and about when it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalMoment {
    /// The timeline.
    pub timeline: Timeline,
    /// The position.
    pub lsn: Lsn,
    /// About when.
    pub at: Timestamp,
}

/// A commit in the WAL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalCommit {
    /// Where its record begins.
    pub lsn: Lsn,
    /// The transaction.
    pub xid: u32,
    /// When it was committed.
    pub at: Timestamp,
}

/// The commits around a moment or a position, as far as the segment around it was read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NearbyCommits {
    /// Up to the goal, oldest first.
    pub before: Vec<WalCommit>,
    /// Behind it, oldest first.
    pub after: Vec<WalCommit>,
    /// Why they are not known: a printable sentence.
    pub unknown: Option<String>,
}
