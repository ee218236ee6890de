//! What a recovery beyond the backup's own end will do, made known before the first byte is written (S7).

use super::{ByteCount, Lsn, RecoveryTimeline, Timeline, Timestamp, instance::printable_name, quantity::many};
use serde::{Deserialize, Serialize};
use std::{path::PathBuf, time::Duration};

/// The replay that the plan of a restore or an opening names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryPlan {
    /// The directory of the WAL archive.
    pub archive: PathBuf,
    /// The words for the goal, printable.
    pub goal: String,
    /// What happens there: a printable clause.
    pub then: String,
    /// The timelines that replay passes, the backup's own first.
    pub path: Vec<Timeline>,
    /// Where replay begins.
    pub start: Lsn,
    /// Where the backup is consistent.
    pub consistent: Lsn,
    /// Where replay ends: exactly, or at the end of the segment that holds the goal.
    pub end: Lsn,
    /// Where the record begins that replay is to the end of, if the goal is the end of the archive.
    pub last_record: Option<Lsn>,
    /// The latest moment that is part of the result, where one is known.
    pub until: Option<Timestamp>,
    /// The size of a segment.
    pub segment_size: ByteCount,
    /// The segments that are needed.
    pub segments: u64,
    /// What they take in the archive.
    pub bytes: ByteCount,
    /// The file name of the first.
    pub first: String,
    /// The file name of the last.
    pub last: String,
    /// How long the replay takes, at best and at worst, by the rate of earlier ones on this machine.
    pub takes: Option<(Duration, Duration)>,
}

impl RecoveryPlan {
    /// What a person reads of it: name and text of each line.
    pub fn rows(&self) -> Vec<(&'static str, String)> {
        let path: Vec<String> = self.path.iter().map(ToString::to_string).collect();
        let takes = match self.takes {
            Some((best, worst)) if worst.as_secs() == 0 => format!("under 1 s (at best {} ms)", best.as_millis()),
            Some((best, worst)) => format!("{} to {} s", best.as_secs(), worst.as_secs()),
            None => "not known before the first replay on this machine".to_owned(),
        };
        vec![
            ("recovers to", format!("{}; {}", self.goal, self.then)),
            ("archive", printable_name(self.archive.as_os_str())),
            ("WAL needed", self.needs()),
            ("timelines", path.join(", then ")),
            ("replay", format!("from {} to {}: {takes}", self.start, self.end)),
        ]
    }
}

impl RecoveryPlan {
    fn needs(&self) -> String {
        if self.segments == 0 {
            return "none of the archive: the backup holds what it takes".to_owned();
        }
        let (segments, first, last) = (many(self.segments, "segment"), &self.first, &self.last);
        format!("{segments}, {}: {first} to {last}, all there", self.bytes)
    }
}

impl RecoveryTimeline {
    /// How it is written at the shell.
    pub fn word(self) -> String {
        match self {
            Self::Latest => "latest".to_owned(),
            Self::Current => "current".to_owned(),
            Self::Number(number) => number.to_string(),
        }
    }
}
