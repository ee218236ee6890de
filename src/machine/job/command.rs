//! What can be asked of a run: by a person, and by what becomes of its sessions.

use crate::domain::{Disposed, Outcome, SessionId, StopMode};
use crate::machine::{Phase, Session};
use serde::{Deserialize, Serialize};

/// One thing asked of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobCommand {
    /// A person wants it to end.
    Stop {
        /// How.
        mode: StopMode,
        /// Who.
        by: String,
    },
    /// The session of an object is about to be stored, in the same turn as this.
    ObjectStarted {
        /// Its place among the objects, from 0.
        object: usize,
        /// The session.
        session: SessionId,
    },
    /// No session could be made for an object.
    ObjectRefused {
        /// Its place among the objects, from 0.
        object: usize,
        /// Why: one printable sentence.
        cause: String,
    },
    /// A person wants the session of an object to end. Not said of what the run itself asks.
    ObjectCancelRequested {
        /// The session.
        session: SessionId,
        /// Who.
        by: String,
    },
    /// The session of an object has ended.
    ObjectEnded {
        /// The session.
        session: SessionId,
        /// How.
        end: ObjectEnd,
    },
    /// A person has seen the end and wants the run off the screen.
    Dismiss {
        /// Who.
        by: String,
    },
}

/// How the session of an object ended, as far as its run needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectEnd {
    /// It has its restore point.
    Succeeded {
        /// What is there now: one printable clause.
        made: String,
    },
    /// It failed, and no try is left.
    Failed {
        /// Why: one printable sentence.
        cause: String,
    },
    /// It was cancelled.
    Cancelled {
        /// Whether an attempt was ever made.
        begun: bool,
        /// What became of what it had made.
        disposed: Disposed,
    },
}

impl ObjectEnd {
    /// That of a session; `None` while it is ongoing.
    pub fn of(session: &Session) -> Option<Self> {
        let Phase::Completed { outcome, .. } = session.phase() else { return None };
        Some(match outcome {
            Outcome::Succeeded(success) => Self::Succeeded { made: success.result.to_string() },
            Outcome::Damaged(verification) => Self::Failed { cause: verification.to_string() },
            Outcome::Failed { failure, .. } => Self::Failed { cause: failure.to_string() },
            Outcome::Cancelled { disposed } | Outcome::Stopped { disposed } => {
                Self::Cancelled { begun: !session.attempts().is_empty(), disposed: disposed.clone() }
            }
        })
    }
}
