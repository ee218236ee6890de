//! What everybody sees: one consistent picture of all sessions, cheap to share.

use crate::{
    domain::{InstanceName, Outcome, SessionId, Timestamp},
    machine::{CancelStage, Phase, Session},
};
use std::{sync::Arc, time::Duration};

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

/// A completed session, as the tree needs it. The whole session is read from the journal when it is selected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompletedRow {
    /// The session.
    pub id: SessionId,
    /// Its instance.
    pub instance: InstanceName,
    /// When it ended.
    pub ended: Timestamp,
    /// From order to end.
    pub took: Duration,
    /// How it ended.
    pub result: CompletedResult,
}

/// The two ends, as the tree tells them apart (D10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CompletedResult {
    /// The instance is back.
    Succeeded,
    /// A person ended it.
    Cancelled,
}

/// A record in the journal that this build cannot read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableSession {
    /// Its number.
    pub id: SessionId,
    /// Why.
    pub problem: String,
}

/// How many sessions stand where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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
    /// Counts the ongoing sessions; the ends are kept as they are.
    #[must_use]
    pub fn of_ongoing(self, ongoing: &[Arc<Session>]) -> Self {
        let mut counts = Self { succeeded: self.succeeded, cancelled: self.cancelled, ..Self::default() };
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

    /// All under Completed.
    pub const fn completed(&self) -> usize {
        self.succeeded + self.cancelled
    }

    /// All under Restore.
    pub const fn ongoing(&self) -> usize {
        self.queued + self.running + self.waiting + self.stuck + self.canceling
    }
}

impl CompletedRow {
    /// The row of a session that has ended; `None` for an ongoing one.
    pub fn of(session: &Session) -> Option<Self> {
        let Phase::Completed { at, outcome } = session.phase() else { return None };
        let result = match outcome {
            Outcome::Succeeded(_) => CompletedResult::Succeeded,
            Outcome::Cancelled { .. } => CompletedResult::Cancelled,
        };
        let instance = session.request().point.instance.clone();
        Some(Self { id: session.id(), instance, ended: *at, took: session.elapsed(*at), result })
    }
}
