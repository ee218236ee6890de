//! What has happened to a session. The journal keeps these for ever.

use crate::domain::{
    AttemptNo, Disposed, Disposition, Failure, HeldDirectory, Order, Origin, Parent, Plan, Progress, Reached, Recovery,
    RetryPolicy, SessionId, Step, StepState, Success, Timestamp, Verification,
    fact::{PausePoint, ProcessMark},
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
    pub order: Order,
    /// The session or run that it belongs to.
    pub parent: Option<Parent>,
    /// How it is tried again.
    pub policy: RetryPolicy,
    /// Who asked.
    pub by: String,
    /// Through which face.
    pub origin: Origin,
    /// When.
    pub at: Timestamp,
    /// The directories that were claimed for it; none in records that are older than claims.
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
    /// It did what was asked.
    Succeeded {
        /// The attempt.
        attempt: AttemptNo,
        /// What is there now.
        success: Success,
    },
    /// It read the backup to its end and found damage.
    Damaged {
        /// The attempt.
        attempt: AttemptNo,
        /// What it found.
        verification: Verification,
    },
    /// Recovery has reached its goal and waits there.
    Paused {
        /// The attempt.
        attempt: AttemptNo,
        /// Where.
        at: PausePoint,
        /// How far it had come.
        reached: Reached,
    },
    /// A person wants recovery to go on from there: the session stands in the queue again.
    Resumed {
        /// How far it goes now, and what happens then.
        recovery: Recovery,
        /// Who.
        by: String,
    },
    /// It failed, no try is left, and nobody is asked: the session ends once its data is dealt with.
    GaveUp {
        /// The attempt.
        attempt: AttemptNo,
        /// How it failed.
        failure: Failure,
        /// How far it had come.
        reached: Reached,
        /// When its data should be dealt with.
        deadline: Timestamp,
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
    /// A person no longer needs what the session holds open.
    StopRequested {
        /// Who.
        by: String,
        /// When the attempt must be gone (D6).
        deadline: Timestamp,
    },
    /// A person wants no attempt after the one that runs or is queued, until somebody asks for one.
    FinishRequested {
        /// Who.
        by: String,
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
    /// The session has ended by a stop, and what it had made is dealt with.
    Stopped {
        /// What was done with it.
        disposed: Disposed,
    },
    /// The session has ended by its last failure, and its data is dealt with.
    Failed {
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
