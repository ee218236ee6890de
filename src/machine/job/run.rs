//! A run of a job and its phase. Fields are private: only `evolve` changes them.

use super::JobCreated;
use crate::domain::{Disposed, JobId, JobResult, JobSpec, Order, Origin, SessionId, StopMode, Timestamp, Who};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use uuid::Uuid;

/// One run of a job, from its start to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRun {
    pub(super) id: JobId,
    pub(super) uuid: Uuid,
    pub(super) spec: JobSpec,
    pub(super) who: Who,
    pub(super) origin: Origin,
    pub(super) started_at: Timestamp,
    pub(super) phase: JobPhase,
    /// In the order of the settings, as many as the specification has.
    pub(super) objects: Vec<ObjectState>,
    pub(super) dismissed: bool,
}

/// Where a run stands. Each variant carries exactly what is true in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobPhase {
    /// Its objects are processed, one after the other.
    Running,
    /// What is in process is brought to its end, and nothing is begun (R37, R38).
    StoppingGracefully {
        /// Who wants it.
        by: String,
        /// Since when.
        since: Timestamp,
    },
    /// What is in process is being cancelled (R32, R34, R35).
    StoppingImmediately {
        /// Who wants it.
        by: String,
        /// Since when.
        since: Timestamp,
    },
    /// It has ended, and so have all its sessions.
    Done {
        /// When.
        at: Timestamp,
        /// How.
        result: JobResult,
        /// Why so: one printable sentence.
        detail: String,
    },
}

/// Where an object of a run stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectState {
    /// It has not begun yet.
    Pending,
    /// It is being backed up, or waits for its next try.
    Processing {
        /// Its session.
        session: SessionId,
        /// Who wants that session cancelled; `None` while nobody but the run itself does.
        cancelled_by: Option<String>,
    },
    /// It has its restore point.
    Succeeded {
        /// Its session.
        session: SessionId,
        /// What is there now: one printable clause.
        made: String,
    },
    /// It has none, and no try is left.
    Failed {
        /// Its session; `None` where it could not be begun.
        session: Option<SessionId>,
        /// Why: one printable sentence.
        cause: String,
    },
    /// It was in process when the run was stopped immediately, and has none (R32).
    Stopped {
        /// Its session.
        session: SessionId,
        /// What became of what it had made.
        disposed: Disposed,
    },
    /// It had not begun when the run was stopped, and never does (R33, R38).
    NotStarted,
}

impl JobRun {
    /// The run as its first event makes it: nothing is begun.
    pub fn create(created: JobCreated) -> Self {
        Self {
            id: created.id,
            uuid: created.uuid,
            objects: vec![ObjectState::Pending; created.spec.objects().len()],
            spec: created.spec,
            who: created.who,
            origin: created.origin,
            started_at: created.at,
            phase: JobPhase::Running,
            dismissed: false,
        }
    }

    /// Its number in this state directory.
    pub const fn id(&self) -> JobId {
        self.id
    }

    /// Its name outside this state directory.
    pub const fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// What it is to do.
    pub const fn spec(&self) -> &JobSpec {
        &self.spec
    }

    /// Who started it.
    pub const fn who(&self) -> &Who {
        &self.who
    }

    /// Through which face it was started.
    pub const fn origin(&self) -> Origin {
        self.origin
    }

    /// When it was started.
    pub const fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// Where it stands.
    pub const fn phase(&self) -> &JobPhase {
        &self.phase
    }

    /// Where each object stands, in the order of the settings (R41, R42).
    pub fn objects(&self) -> &[ObjectState] {
        &self.objects
    }

    /// Whether it has not ended.
    pub const fn is_ongoing(&self) -> bool {
        !matches!(self.phase, JobPhase::Done { .. })
    }

    /// Whether a person has taken it off the screen.
    pub const fn is_dismissed(&self) -> bool {
        self.dismissed
    }

    /// How it is being stopped, if it is.
    pub const fn stopping(&self) -> Option<StopMode> {
        match self.phase {
            JobPhase::StoppingGracefully { .. } => Some(StopMode::Graceful),
            JobPhase::StoppingImmediately { .. } => Some(StopMode::Immediate),
            JobPhase::Running | JobPhase::Done { .. } => None,
        }
    }

    /// Who wants it stopped, while it is being.
    pub fn stopped_by(&self) -> Option<&str> {
        match &self.phase {
            JobPhase::StoppingGracefully { by, .. } | JobPhase::StoppingImmediately { by, .. } => Some(by),
            JobPhase::Running | JobPhase::Done { .. } => None,
        }
    }

    /// How long it took, or has taken until `now`.
    pub fn elapsed(&self, now: Timestamp) -> Duration {
        let end = if let JobPhase::Done { at, .. } = &self.phase { *at } else { now };
        Duration::try_from(end.duration_since(self.started_at)).unwrap_or_default()
    }

    /// The order for an object of it.
    pub fn order(&self, object: usize) -> Option<Order> {
        self.spec.order(object, self.id, self.uuid).map(Order::Backup)
    }

    /// The objects in process, each with its place and its session.
    pub fn processing(&self) -> impl Iterator<Item = (usize, SessionId)> {
        self.objects.iter().enumerate().filter_map(|(object, state)| match state {
            ObjectState::Processing { session, .. } => Some((object, *session)),
            ObjectState::Pending
            | ObjectState::Succeeded { .. }
            | ObjectState::Failed { .. }
            | ObjectState::Stopped { .. }
            | ObjectState::NotStarted => None,
        })
    }

    /// The place of the object in process whose session this is.
    pub(super) fn object_of(&self, session: SessionId) -> Option<usize> {
        self.processing().find(|(_, of)| *of == session).map(|(object, _)| object)
    }
}

impl ObjectState {
    /// Its session, where it ever had one.
    pub const fn session(&self) -> Option<SessionId> {
        match self {
            Self::Processing { session, .. } | Self::Succeeded { session, .. } | Self::Stopped { session, .. } => {
                Some(*session)
            }
            Self::Failed { session, .. } => *session,
            Self::Pending | Self::NotStarted => None,
        }
    }
}
