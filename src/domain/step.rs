//! The steps of an attempt, in order.

use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// One step of an attempt. [`super::Order::steps`] tells which an order has, in the order of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The plan: target, space, WAL, binaries.
    Check,
    /// Copy and verify, in one pass.
    Copy,
    /// Settings of the restored cluster.
    Configure,
    /// Start of the server.
    Start,
    /// WAL replay until the cluster is consistent and accepts connections.
    Replay,
    /// A query to the restored server.
    Probe,
    /// The server is opened or stopped as asked, and the session's own marks are removed.
    Finish,
    /// The files of a backup are read and compared with its manifest.
    Read,
    /// The WAL that a backup needs is read, record by record.
    Wal,
    /// The files of a restore point are made available without a copy.
    Open,
    /// A restore point is held open until it is stopped.
    Hold,
    /// Items are taken out of an open restore point.
    Extract,
    /// Items are put where they were wanted.
    Deliver,
    /// The object of a job gets its checkpoint.
    Checkpoint,
    /// A restore point is verified, made durable and renamed into place.
    Seal,
    /// Older restore points of the job are removed.
    Expire,
}

/// Where a step stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Not begun in this attempt.
    Pending,
    /// Under way, with what is worth saying about it.
    Running {
        /// One short clause; may be empty.
        detail: String,
    },
    /// Done.
    Done {
        /// How long it took.
        took: Duration,
        /// One short clause; may be empty.
        detail: String,
    },
    /// Not needed, with the reason.
    Skipped {
        /// Why it does not apply.
        reason: String,
    },
    /// This is where the attempt ended; the failure is told once, by the attempt.
    Failed {
        /// How long it ran.
        took: Duration,
    },
    /// The attempt was stopped in it: nothing went wrong here (D10).
    Stopped,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Check => "Check",
            Self::Copy => "Copy",
            Self::Configure => "Configure",
            Self::Start => "Start",
            Self::Replay => "Replay",
            Self::Probe => "Probe",
            Self::Finish => "Finish",
            Self::Read => "Read",
            Self::Wal => "WAL",
            Self::Open => "Open",
            Self::Hold => "Hold",
            Self::Extract => "Extract",
            Self::Deliver => "Deliver",
            Self::Checkpoint => "Checkpoint",
            Self::Seal => "Seal",
            Self::Expire => "Expire",
        })
    }
}
