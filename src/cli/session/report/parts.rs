//! What a report holds, as programs get it: the one object of a session, and beside it what its history adds.
//!
//! Promises: the fields stay; a new one may come. What does not apply or is not known is `null`. Never: says in other
//! words what the object of the session says.

use crate::{
    cli::session::object::{FailureObject, SessionObject},
    domain::{Disposition, Step, Timestamp},
};
use serde::{Serialize, Serializer};
use std::time::Duration;

/// One session, told whole. Each field is explained where scripts look for it: `howdah report --help`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct SessionReport {
    pub(super) session: SessionObject,
    pub(super) state: String,
    pub(super) plan: Option<PlanReport>,
    pub(super) attempts: Vec<AttemptReport>,
    pub(super) commands: Vec<CommandReport>,
    pub(super) notes: Vec<NoteReport>,
    pub(super) copied: Option<CopiedReport>,
}

/// What the newest attempt with a plan was to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct PlanReport {
    pub(super) bytes: u64,
    pub(super) files: u64,
    /// Of the bytes, what was there before the first attempt.
    pub(super) found: u64,
    pub(super) tablespaces: Vec<TablespaceReport>,
    pub(super) warnings: Vec<String>,
}

/// Where one tablespace went. The names are printable: a path need not be text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct TablespaceReport {
    pub(super) oid: u32,
    pub(super) original: String,
    pub(super) directory: String,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct AttemptReport {
    pub(super) number: u32,
    pub(super) cause: &'static str,
    /// Which try of its disruption.
    pub(super) try_number: Option<u32>,
    /// From the order, or the end of the attempt before, to the launch.
    #[serde(rename = "waited_seconds", serialize_with = "seconds")]
    pub(super) waited: Duration,
    pub(super) launched: Timestamp,
    pub(super) ended: Option<Timestamp>,
    #[serde(rename = "took_seconds", serialize_with = "seconds_or_null")]
    pub(super) took: Option<Duration>,
    pub(super) end: AttemptState,
    pub(super) failure: Option<FailureObject>,
    pub(super) steps: Vec<StepReport>,
}

/// How an attempt ended, or that it has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum AttemptState {
    Running,
    Lost,
    Done,
    Failed,
    Stopped,
    Unrecorded,
}

/// One step of an attempt.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct StepReport {
    pub(super) step: Step,
    pub(super) began: Option<Timestamp>,
    #[serde(rename = "took_seconds", serialize_with = "seconds_or_null")]
    pub(super) took: Option<Duration>,
    pub(super) state: &'static str,
    pub(super) detail: Option<String>,
}

/// What a person asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct CommandReport {
    pub(super) at: Timestamp,
    pub(super) command: &'static str,
    pub(super) by: String,
    pub(super) disposition: Option<Disposition>,
}

/// What else happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct NoteReport {
    pub(super) at: Timestamp,
    pub(super) text: String,
}

/// What all attempts together have copied or read, and how fast.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct CopiedReport {
    pub(super) bytes: u64,
    #[serde(serialize_with = "seconds")]
    pub(super) seconds: Duration,
    pub(super) bytes_per_second: Option<u64>,
}

fn seconds<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    // Milliseconds: more would be noise.
    serializer.serialize_f64((span.as_secs_f64() * 1000.0).round() / 1000.0)
}

#[expect(clippy::ref_option, reason = "serde calls it so")]
fn seconds_or_null<S: Serializer>(span: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match span {
        Some(span) => seconds(span, serializer),
        None => serializer.serialize_none(),
    }
}
