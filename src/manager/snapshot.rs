//! What everybody sees: one consistent snapshot of all sessions, cheap to share.

use crate::{
    domain::SessionId,
    machine::{CancelStage, CompletedRow, Phase, Session, UnreadableSession},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// All sessions at one moment. A new one is published after each durable change.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Grows with every published picture.
    pub revision: u64,
    /// Under Restore, in the order of the screen.
    pub ongoing: Vec<Arc<Session>>,
    /// Under Completed and not dismissed, newest first. Just after the start only the newest are here; `counts` has
    /// the whole number.
    pub completed: Arc<Vec<Arc<CompletedRow>>>,
    /// Records that could not be read; they hide nothing else (S10).
    pub unreadable: Arc<Vec<UnreadableSession>>,
    /// How many stand where.
    pub counts: Counts,
}

/// How many sessions stand where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Waiting for a slot.
    pub queued: usize,
    /// An attempt runs.
    pub running: usize,
    /// Waiting for the next try.
    pub waiting: usize,
    /// Waiting for a person.
    pub stuck: usize,
    /// Being cancelled.
    pub canceling: usize,
    /// Ended and not dismissed, the instance back.
    pub succeeded: usize,
    /// Ended and not dismissed, cancelled.
    pub cancelled: usize,
}

impl Snapshot {
    /// An ongoing session.
    pub fn session(&self, id: SessionId) -> Option<&Arc<Session>> {
        self.ongoing.iter().find(|session| session.id() == id)
    }
}

impl Counts {
    /// Counts the ongoing sessions, beside so many that have ended.
    pub fn of(ongoing: &[Arc<Session>], succeeded: usize, cancelled: usize) -> Self {
        let mut counts = Self { succeeded, cancelled, ..Self::default() };
        for session in ongoing {
            match session.phase() {
                Phase::Queued { .. } => counts.queued += 1,
                Phase::Running { .. } => counts.running += 1,
                Phase::Waiting { .. } => counts.waiting += 1,
                Phase::Stuck { .. } => counts.stuck += 1,
                Phase::Canceling { stage: CancelStage::Stopping { .. } | CancelStage::Disposing { .. }, .. } => {
                    counts.canceling += 1;
                }
                Phase::Completed { .. } => {}
            }
        }
        counts
    }

    /// How many of the ongoing ones give an owner something to do (see [`Session::goes_on_by_itself`]).
    pub const fn going_on(&self) -> usize {
        self.running + self.waiting + self.queued + self.canceling
    }

    /// All under Completed.
    pub const fn completed(&self) -> usize {
        self.succeeded + self.cancelled
    }

    /// All under Restore.
    pub const fn ongoing(&self) -> usize {
        self.going_on() + self.stuck
    }
}
