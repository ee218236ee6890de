//! The steps of an attempt, in order.

use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// One step of a restore attempt. The order of the variants is the order of the work.
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

impl Step {
    /// All steps in order.
    pub const ALL: [Self; 7] =
        [Self::Check, Self::Copy, Self::Configure, Self::Start, Self::Replay, Self::Probe, Self::Finish];
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
        })
    }
}
