//! A run in one line: what lists need of one that has ended, or that cannot be read.

use super::{JobPhase, JobRun, ObjectState};
use crate::domain::{InstanceName, JobId, JobKind, JobResult, Timestamp};
use serde::{Deserialize, Serialize};

/// A run that has ended, as a list shows it. The whole run is read from the journal when it is selected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRow {
    /// The run.
    pub id: JobId,
    /// The job's name.
    pub name: InstanceName,
    /// What its objects are.
    pub kind: JobKind,
    /// When it was started.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// How.
    pub result: JobResult,
    /// Why so: one printable sentence.
    pub detail: String,
    /// What became of its objects.
    pub objects: ObjectCounts,
    /// Whether a person has taken it off the screen.
    pub dismissed: bool,
}

/// How many objects of a run stand where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ObjectCounts {
    /// To come.
    pub pending: usize,
    /// In process.
    pub processing: usize,
    /// With their restore point.
    pub succeeded: usize,
    /// Failed.
    pub failed: usize,
    /// Ended by an immediate stop.
    pub stopped: usize,
    /// Never begun.
    pub not_started: usize,
}

/// A run whose record cannot be read; it stays where it is (S10).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreadableJob {
    /// Its number.
    pub id: JobId,
    /// What is wrong.
    pub problem: String,
}

impl JobRow {
    /// That of a run; `None` while it is ongoing.
    pub fn of(run: &JobRun) -> Option<Self> {
        let JobPhase::Done { at, result, detail } = run.phase() else { return None };
        Some(Self {
            id: run.id(),
            name: run.spec().name().clone(),
            kind: run.spec().kind(),
            started: run.started_at(),
            ended: *at,
            result: *result,
            detail: detail.clone(),
            objects: ObjectCounts::of(run.objects()),
            dismissed: run.is_dismissed(),
        })
    }
}

impl ObjectCounts {
    /// Counts them.
    pub fn of(objects: &[ObjectState]) -> Self {
        let mut counts = Self::default();
        for state in objects {
            *match state {
                ObjectState::Pending => &mut counts.pending,
                ObjectState::Processing { .. } => &mut counts.processing,
                ObjectState::Succeeded { .. } => &mut counts.succeeded,
                ObjectState::Failed { .. } => &mut counts.failed,
                ObjectState::Stopped { .. } => &mut counts.stopped,
                ObjectState::NotStarted => &mut counts.not_started,
            } += 1;
        }
        counts
    }

    /// All of them.
    pub const fn total(&self) -> usize {
        self.pending + self.processing + self.succeeded + self.failed + self.stopped + self.not_started
    }
}
