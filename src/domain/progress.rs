//! How far an attempt has come.

use super::{ByteCount, Lsn, Timestamp};
use serde::{Deserialize, Serialize};

/// The two gauges of one attempt (rule S5): bytes copied and verified, and WAL replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Progress {
    /// Bytes on disk and verified, those of earlier attempts included.
    pub bytes_done: ByteCount,
    /// Bytes that the plan names.
    pub bytes_total: ByteCount,
    /// Of `bytes_done`, what earlier attempts had left verified.
    pub bytes_reused: ByteCount,
    /// Files on disk and verified.
    pub files_done: u64,
    /// Files that the plan names.
    pub files_total: u64,
    /// Replay, once it has begun.
    pub wal: Option<WalProgress>,
}

/// How far replay has come between where it began and where it must at least get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalProgress {
    /// Where replay began.
    pub start: Lsn,
    /// The last known position.
    pub at: Lsn,
    /// Where the backup becomes consistent.
    pub stop: Lsn,
    /// Where recovery is to end, as nearly as is known, if that is beyond `stop`. Records of version 6 do not tell it.
    #[serde(default)]
    pub goal: Option<Lsn>,
    /// The time of the last replayed commit, where the server answers. Records of version 6 do not tell it.
    #[serde(default)]
    pub committed: Option<Timestamp>,
    /// The size of a WAL segment, where it is known. Records of version 6 do not tell it.
    #[serde(default)]
    pub segment: Option<ByteCount>,
}

impl WalProgress {
    /// The replay of a backup's own WAL.
    pub const fn of_backup(start: Lsn, at: Lsn, stop: Lsn) -> Self {
        Self { start, at, stop, goal: None, committed: None, segment: None }
    }

    /// Where it is to end.
    pub fn end(&self) -> Lsn {
        self.goal.map_or(self.stop, |goal| goal.max(self.stop))
    }

    /// Segments that are not replayed whole, the one that recovery ends in among them.
    pub fn segments_left(&self) -> Option<u64> {
        let size = self.segment?.0.max(1);
        Some(self.end().0.div_ceil(size).saturating_sub(self.at.0 / size))
    }

    /// The share that is replayed, in whole percent.
    pub fn percent(&self) -> u64 {
        let (whole, part) = (self.end().0.saturating_sub(self.start.0), self.at.0.saturating_sub(self.start.0));
        u64::try_from(u128::from(part) * 100 / u128::from(whole.max(1))).map_or(100, |percent| percent.min(100))
    }
}

/// The furthest point of an attempt, comparable between attempts of one session (rule D3): replay counts above copying.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
pub struct Reached {
    /// The replay position; zero before replay.
    pub wal: Lsn,
    /// Bytes on disk and verified.
    pub bytes: ByteCount,
}

impl Progress {
    /// The point that this progress stands at.
    pub fn reached(&self) -> Reached {
        Reached { wal: self.wal.map_or(Lsn(0), |wal| wal.at), bytes: self.bytes_done }
    }

    /// The share of bytes done, 0.0 to 1.0; 0.0 while the total is unknown.
    pub fn ratio(&self) -> f64 {
        share(self.bytes_done.0, self.bytes_total.0)
    }
}

impl WalProgress {
    /// The share of WAL replayed, 0.0 to 1.0.
    pub fn ratio(&self) -> f64 {
        share(self.at.0.saturating_sub(self.start.0), self.end().0.saturating_sub(self.start.0))
    }
}

fn share(done: u64, total: u64) -> f64 {
    if total == 0 { 0.0 } else { (done as f64 / total as f64).min(1.0) }
}
