//! What `howdah wal fetch` has answered PostgreSQL: as its exit status, as a line of the server's log, as a file for the
//! worker, and as the failure that it amounts to.
//!
//! Promises: only what is really the end of the archive has the status that ends a recovery (1); whatever else is no
//! success makes the server give up (above 125), so that it can never open too early. A server in standby mode asks again
//! by itself and may have another source, so it always gets 1.
//!
//! Source: `RestoreArchivedFile` in `xlogarchive.c`: a status above 125 or a signal is FATAL, SIGTERM ends the process
//! quietly, any other status means that the file is not in the archive.

use super::SegmentFault;
use crate::domain::{ByteCount, Failure, Timestamp, failure::FILE_SIZE_LIMIT};
use serde::{Deserialize, Serialize};

/// The file is not in the archive, and that is no fault.
const NOT_THERE: u8 = 1;

/// Nothing that a recovery may go on from.
const WITHHELD: u8 = 255;

/// What was asked last, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The name that PostgreSQL asked for.
    pub asked: String,
    /// What came of it.
    pub outcome: Outcome,
    /// The process that answers.
    pub pid: u32,
    /// When.
    pub at: Timestamp,
    /// All that was handed over with this spool so far.
    pub handed: HandedOver,
}

/// Segments that were handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HandedOver {
    /// How many; one that was asked for twice counts twice.
    pub segments: u64,
    /// Their bytes, unpacked.
    pub bytes: ByteCount,
    /// How many of them the prefetch had ready.
    pub prefetched: u64,
}

/// What keeps a file from being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WriteLimit {
    /// The file system or the quota is full.
    Room,
    /// Files may not grow so large.
    FileSize,
    /// Something else.
    Other,
}

/// What came of one question. Texts are clauses; names of files are as they stand in the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The file was handed over.
    Handed {
        /// Its bytes, unpacked.
        bytes: ByteCount,
        /// Whether the prefetch had it ready.
        prefetched: bool,
    },
    /// It is not in the archive, and the server has it in its own `pg_wal`.
    Local,
    /// The archive ends before it.
    End,
    /// The archive does not answer: the server is held, and the archive looked at again.
    Held {
        /// What was seen.
        cause: String,
        /// Since when.
        since: Timestamp,
    },
    /// The same, and the server was held as long as it may be.
    Unreachable {
        /// What was seen.
        cause: String,
        /// Since when.
        since: Timestamp,
    },
    /// It is missing, and there is WAL behind it.
    Gap {
        /// The first segment behind it.
        behind: String,
    },
    /// The plan found it in the archive, and it is gone; what was before it is still there.
    Lost {
        /// The last needed segment before it; `None` for a history.
        before: Option<String>,
    },
    /// What has its name is not the segment.
    Faulty {
        /// The name in the archive.
        file: String,
        /// Why not.
        fault: SegmentFault,
    },
    /// The history of a timeline cannot be believed.
    History {
        /// The name in the archive.
        file: String,
        /// Why not.
        what: String,
    },
    /// The server's user may not read it.
    Denied {
        /// The name in the archive.
        file: String,
    },
    /// A file stands where PostgreSQL wants it, and is not written over.
    InTheWay {
        /// Its path as PostgreSQL gave it, printable.
        path: String,
    },
    /// It cannot be written into the data directory.
    Unwritten {
        /// Why.
        cause: String,
        /// What stands against it.
        limit: WriteLimit,
    },
    /// The question is none that PostgreSQL asks, or howdah itself failed.
    Refused {
        /// Why.
        cause: String,
    },
}

impl Outcome {
    /// The exit status for PostgreSQL. `standby`: it is a server in standby mode that asks.
    pub const fn status(&self, standby: bool) -> u8 {
        match self {
            Self::Handed { .. } => 0,
            Self::Local | Self::End => NOT_THERE,
            Self::Held { .. }
            | Self::Unreachable { .. }
            | Self::Gap { .. }
            | Self::Lost { .. }
            | Self::Faulty { .. }
            | Self::History { .. }
            | Self::Denied { .. }
            | Self::InTheWay { .. }
            | Self::Unwritten { .. }
            | Self::Refused { .. } => {
                if standby {
                    NOT_THERE
                } else {
                    WITHHELD
                }
            }
        }
    }

    /// What happened to a file of this name in this archive, as a sentence without a full stop.
    pub fn sentence(&self, asked: &str, archive: &str) -> String {
        match self {
            Self::Handed { .. } => format!("{asked} was handed over from {archive}"),
            Self::Local => format!("{asked} is in pg_wal alone, and not in {archive}"),
            Self::End => format!("{asked} is not in {archive}, nor is what would follow it"),
            Self::Held { cause, .. } | Self::Unreachable { cause, .. } => {
                format!("the WAL archive {archive} cannot be used now for {asked}: {cause}")
            }
            Self::Gap { behind } => format!("{asked} is missing in {archive}, and there is WAL behind it: {behind}"),
            Self::Lost { before } => {
                let rest = before.as_ref().map_or_else(String::new, |before| format!(", though {before} still is"));
                format!("{asked} is no longer in {archive}, where the plan found it{rest}")
            }
            Self::Faulty { file, fault } => format!("{file} in {archive} is not {asked}: {fault}"),
            Self::History { file, what } => format!("the timeline history {file} in {archive} is damaged: {what}"),
            Self::Denied { file } => format!("the server's user may not read {file} in {archive}"),
            Self::InTheWay { path } => format!("a file is at {path}, where {asked} is wanted: it is not written over"),
            Self::Unwritten { cause, .. } => format!("{asked} cannot be written into the data directory: {cause}"),
            Self::Refused { cause } => format!("{asked} cannot be handed over: {cause}"),
        }
    }

    /// The failure of a recovery that was answered so; `None` where it can go on or has come to the end of the archive.
    pub fn failure(&self, asked: &str, archive: &str) -> Option<Failure> {
        let advice = match self {
            Self::Handed { .. } | Self::Local | Self::End | Self::Held { .. } => return None,
            Self::Unreachable { .. } => {
                let advice = "mount it again, or bring its host back; the recovery goes on from what is there";
                return Some(Failure::disruption(self.sentence(asked, archive), advice));
            }
            Self::Gap { .. } | Self::Lost { .. } => {
                "put a copy of it back into the archive and retry, or choose a goal before it"
            }
            Self::Faulty { fault, .. } => fault.advice(),
            Self::History { .. } => "put an undamaged copy of it into the archive and retry",
            Self::Denied { .. } => "let that user read it, then retry",
            Self::InTheWay { .. } => "look whose it is and move it away, then retry",
            Self::Unwritten { limit: WriteLimit::Room, .. } => "make room on that file system, then retry",
            Self::Unwritten { limit: WriteLimit::FileSize, .. } => FILE_SIZE_LIMIT,
            Self::Unwritten { limit: WriteLimit::Other, .. } => "put right what it names, then retry",
            Self::Refused { .. } => "see the server's log, then retry",
        };
        Some(Failure::incurable(self.sentence(asked, archive), advice))
    }
}

impl SegmentFault {
    /// What a person can do.
    const fn advice(&self) -> &'static str {
        match self {
            Self::Damaged(_) | Self::Short { .. } | Self::Long { .. } | Self::NotAFile => {
                "put an undamaged copy of it into the archive and retry, or choose a goal before it"
            }
            Self::Cluster { .. } => {
                "name the archive of this cluster, or put its own segment there and retry: two clusters must not archive \
                 into one directory"
            }
            Self::SegmentSize { .. } => "name the archive of this cluster: another one with other segments wrote there",
            Self::Place(_) => "give the file its own name again, put the right one there, then retry",
            Self::Timeline(_) => "put the segment of that timeline there and retry, or choose another timeline",
        }
    }
}

impl std::fmt::Display for SegmentFault {
    /// A clause that says what it is instead.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Damaged(what) => write!(f, "it is damaged: {what}"),
            Self::Short { found, expected } => write!(f, "it is too short: {found} bytes instead of {expected}"),
            Self::Long { expected } => write!(f, "it is longer than {expected} bytes"),
            Self::Cluster { found, expected } => {
                write!(f, "it is of another cluster: system identifier {found} instead of {expected}")
            }
            Self::SegmentSize { found, expected } => {
                write!(f, "it is of a cluster with another segment size: {found} bytes instead of {expected}")
            }
            Self::Place(name) => write!(f, "by its header it is {name}"),
            Self::Timeline(timeline) => write!(f, "it is on timeline {timeline}, which does not lead there"),
            Self::NotAFile => f.write_str("it is no regular file"),
        }
    }
}
