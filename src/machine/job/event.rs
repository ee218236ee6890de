//! What has happened to a run. The journal keeps these for ever.

use super::ObjectEnd;
use crate::domain::{JobId, JobResult, JobSpec, Origin, SessionId, StopMode, Timestamp, Who};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The start of a run: its first event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobCreated {
    /// Its number here.
    pub id: JobId,
    /// Its name elsewhere.
    pub uuid: Uuid,
    /// What it is to do.
    pub spec: JobSpec,
    /// Who started it. Its sessions are this person's, too.
    pub who: Who,
    /// Through which face.
    pub origin: Origin,
    /// When.
    pub at: Timestamp,
}

/// One change of one run after its start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobEvent {
    /// An object is in process.
    ObjectStarted {
        /// Its place among the objects, from 0.
        object: usize,
        /// Its session.
        session: SessionId,
    },
    /// An object could not be begun.
    ObjectRefused {
        /// Its place among the objects, from 0.
        object: usize,
        /// Why.
        cause: String,
    },
    /// A person wants the session of an object to end.
    ObjectCancelRequested {
        /// Its place among the objects, from 0.
        object: usize,
        /// Who.
        by: String,
    },
    /// The session of an object has ended.
    ObjectEnded {
        /// Its place among the objects, from 0.
        object: usize,
        /// How.
        end: ObjectEnd,
    },
    /// A person wants the run to end.
    StopRequested {
        /// How.
        mode: StopMode,
        /// Who.
        by: String,
    },
    /// All its sessions have ended, and nothing is to be begun.
    Ended {
        /// How.
        result: JobResult,
        /// Why so: one printable sentence.
        detail: String,
    },
    /// A person has seen it.
    Dismissed {
        /// Who.
        by: String,
    },
}
