//! What everybody sees: one consistent snapshot of all sessions, cheap to share.

use crate::{
    domain::{JobId, Kind, SessionId},
    machine::{
        CancelStage, CompletedResult, CompletedRow, EndedCounts, Phase, Session, UnreadableSession,
        job::{JobRow, JobRun, UnreadableJob},
    },
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// All sessions at one moment. A new one is published after each durable change.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Grows with every published picture.
    pub revision: u64,
    /// All that have not ended, in the order of the screen.
    pub ongoing: Vec<Arc<Session>>,
    /// Under Completed and not dismissed, newest first. Just after the start only the newest are here; `counts` has
    /// the whole number.
    pub completed: Arc<Vec<Arc<CompletedRow>>>,
    /// Records that could not be read; they hide nothing else (S10).
    pub unreadable: Arc<Vec<UnreadableSession>>,
    /// How many stand where, of all kinds.
    pub counts: Counts,
    /// The runs of jobs that go on, oldest first.
    pub runs: Vec<Arc<JobRun>>,
    /// The newest runs that have ended and are not dismissed, and the newest of each job, dismissed or not; newest first.
    pub ended_runs: Arc<Vec<Arc<JobRow>>>,
    /// Records of runs that could not be read (S10).
    pub unreadable_runs: Arc<Vec<UnreadableJob>>,
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
    /// Paused at the goal of their recovery.
    pub paused: usize,
    /// Being cancelled, stopped or given up.
    pub cancelling: usize,
    /// Ended and not dismissed.
    pub ended: EndedCounts,
}

impl Snapshot {
    /// An ongoing session.
    pub fn session(&self, id: SessionId) -> Option<&Arc<Session>> {
        self.ongoing.iter().find(|session| session.id() == id)
    }

    /// A run that goes on.
    pub fn run(&self, id: JobId) -> Option<&Arc<JobRun>> {
        self.runs.iter().find(|run| run.id() == id)
    }

    /// Whether an owner has anything to do by itself: for a session, or for a run between two of its objects.
    pub const fn needs_owner(&self) -> bool {
        self.counts.going_on() > 0 || !self.runs.is_empty()
    }

    /// The ongoing sessions of a kind, in the order of the screen.
    pub fn ongoing_of(&self, kind: Kind) -> impl Iterator<Item = &Arc<Session>> {
        self.ongoing.iter().filter(move |session| session.order().kind() == kind)
    }

    /// How many of a kind stand where.
    pub fn counts_of(&self, kind: Kind) -> Counts {
        Counts::of(self.ongoing_of(kind), self.counts.ended.of(kind))
    }
}

impl Counts {
    /// Counts the ongoing sessions, beside those that have ended.
    pub fn of<'a>(ongoing: impl IntoIterator<Item = &'a Arc<Session>>, ended: EndedCounts) -> Self {
        let mut counts = Self { ended, ..Self::default() };
        for session in ongoing {
            match session.phase() {
                Phase::Queued { .. } => counts.queued += 1,
                Phase::Running { .. } => counts.running += 1,
                Phase::Waiting { .. } => counts.waiting += 1,
                Phase::Stuck { .. } => counts.stuck += 1,
                Phase::Cancelling { stage: CancelStage::Stopping { .. } | CancelStage::Disposing { .. }, .. } => {
                    counts.cancelling += 1;
                }
                Phase::Paused { .. } => counts.paused += 1,
                Phase::Completed { .. } => {}
            }
        }
        counts
    }

    /// How many of the ongoing ones give an owner something to do (see [`Session::needs_owner`]).
    pub const fn going_on(&self) -> usize {
        self.running + self.waiting + self.queued + self.cancelling
    }

    /// All that have ended and are not dismissed.
    pub fn completed(&self) -> usize {
        self.ended.total()
    }

    /// Those that did what was asked.
    pub fn succeeded(&self) -> usize {
        self.ended.with(CompletedResult::Succeeded)
    }

    /// Those that a person ended.
    pub fn cancelled(&self) -> usize {
        self.ended.with(CompletedResult::Cancelled)
    }

    /// All that have not ended.
    pub const fn ongoing(&self) -> usize {
        self.going_on() + self.stuck + self.paused
    }
}
