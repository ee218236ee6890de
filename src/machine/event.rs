//! What has happened to a session. The journal keeps these for ever.

use crate::domain::{
    AttemptNo, Disposed, Disposition, Failure, HeldDirectory, Origin, Plan, Progress, Reached, RestoreRequest,
    RetryPolicy, SessionId, Step, StepState, Success, Timestamp, fact::ProcessMark,
};
use crate::machine::session::{Cause, StuckReason};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The order that creates a session: its first event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Created {
    /// Its number here.
    pub id: SessionId,
    /// Its name elsewhere.
    pub uuid: Uuid,
    /// What it was asked to do.
    pub request: RestoreRequest,
    /// How it is tried again.
    pub policy: RetryPolicy,
    /// Who asked.
    pub by: String,
    /// Through which face.
    #[serde(default)]
    pub origin: Origin,
    /// When.
    pub at: Timestamp,
    /// The directories that were claimed for it; none in records that are older than claims.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<HeldDirectory>,
}

/// One change of one session after its creation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A try is due, or a person wants one: the session stands in the queue again.
    Requeued {
        /// Why the next attempt is made.
        cause: Cause,
        /// The person, if it was one.
        by: Option<String>,
    },
    /// An attempt is about to be launched.
    Launched {
        /// Its number.
        attempt: AttemptNo,
    },
    /// The journal did not know this attempt, nor those before it that it does not tell of: their files do.
    Found {
        /// The newest of them.
        attempt: AttemptNo,
    },
    /// Its worker runs as this process.
    Began {
        /// The attempt.
        attempt: AttemptNo,
        /// Its worker.
        mark: ProcessMark,
    },
    /// It told its plan.
    Planned {
        /// The attempt.
        attempt: AttemptNo,
        /// The plan.
        plan: Box<Plan>,
    },
    /// A step changed.
    StepChanged {
        /// The attempt.
        attempt: AttemptNo,
        /// Which step.
        step: Step,
        /// To what.
        state: StepState,
    },
    /// It came further. Kept in memory only: the attempt's own file has it.
    Progressed {
        /// The attempt.
        attempt: AttemptNo,
        /// How far.
        progress: Progress,
    },
    /// It said something.
    Noted {
        /// The attempt.
        attempt: AttemptNo,
        /// What.
        note: String,
    },
    /// It got past the furthest point of all attempts before it (D3).
    DisruptionOver {
        /// The attempt.
        attempt: AttemptNo,
    },
    /// It failed in a way that waiting may cure, and tries remain.
    Disrupted {
        /// The attempt.
        attempt: AttemptNo,
        /// How it failed.
        failure: Failure,
        /// How far it had come.
        reached: Reached,
        /// Tries used of this disruption.
        tries_used: u32,
        /// When the next try is due.
        next_try: Timestamp,
    },
    /// The clock was set back since the session's next wake was fixed: it comes sooner than it would, after one whole
    /// pause from now on.
    Rescheduled {
        /// When the next try is due, or the cancel overdue.
        due: Timestamp,
    },
    /// It failed, and a person is needed.
    GotStuck {
        /// The attempt.
        attempt: AttemptNo,
        /// How it failed.
        failure: Failure,
        /// How far it had come.
        reached: Reached,
        /// Why no try follows.
        reason: StuckReason,
    },
    /// It brought the instance back.
    Succeeded {
        /// The attempt.
        attempt: AttemptNo,
        /// What stands now.
        success: Success,
    },
    /// A person wants the session to end.
    CancelRequested {
        /// What to do with partial data.
        disposition: Disposition,
        /// Who.
        by: String,
        /// When the attempt must be gone; after that its processes are named and Force is offered (D6).
        deadline: Timestamp,
    },
    /// The deadline of this half of the cancel passed and its process is still alive.
    CancelOverdue,
    /// A person wants its processes killed.
    Forced {
        /// Who.
        by: String,
    },
    /// The attempt is gone; a worker is about to deal with the partial data.
    DisposalLaunched {
        /// The number under which it runs.
        attempt: AttemptNo,
        /// When it should be done; after that its process is named and Force is offered (D6).
        deadline: Timestamp,
    },
    /// The session has ended by cancel, and its data is dealt with.
    Cancelled {
        /// What was done with it.
        disposed: Disposed,
    },
    /// A person has seen it.
    Dismissed {
        /// Who.
        by: String,
    },
}

impl Event {
    /// Whether the journal keeps it. What is not durable can be read again from the attempt's own file.
    pub const fn is_durable(&self) -> bool {
        !matches!(self, Self::Progressed { .. })
    }
}
