//! A session and its phase. Fields are private: only `evolve` changes them.

use crate::domain::{
    AttemptNo, Disposition, Failure, HeldDirectory, InstanceName, Order, Origin, Outcome, Parent, Plan, Progress,
    Reached, RestorePlan, RetryPolicy, ServerAddress, SessionId, Step, StepState, Timestamp,
    fact::{PausePoint, PausedServer, ProcessMark},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One order being carried out, from its start to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub(in crate::machine) id: SessionId,
    pub(in crate::machine) uuid: Uuid,
    pub(in crate::machine) order: Order,
    pub(in crate::machine) parent: Option<Parent>,
    pub(in crate::machine) policy: RetryPolicy,
    pub(in crate::machine) by: String,
    pub(in crate::machine) origin: Origin,
    pub(in crate::machine) created_at: Timestamp,
    pub(in crate::machine) phase: Phase,
    pub(in crate::machine) attempts: Vec<AttemptRecord>,
    pub(in crate::machine) plan: Option<Box<Plan>>,
    pub(in crate::machine) steps: Vec<(Step, StepState)>,
    pub(in crate::machine) progress: Progress,
    pub(in crate::machine) notes: Vec<String>,
    /// The furthest point of all attempts before the current one.
    pub(in crate::machine) furthest: Reached,
    /// The furthest point of the newest attempt; its progress may fall back, this never does.
    pub(in crate::machine) reached: Reached,
    /// Tries made in all, over all disruptions (D3).
    pub(in crate::machine) tries_total: u32,
    /// The failure that began the present disruption (S1).
    pub(in crate::machine) first_cause: Option<Failure>,
    /// Whether no attempt follows the one that runs or is queued.
    #[serde(default)]
    pub(in crate::machine) finishing: bool,
    pub(in crate::machine) dismissed: bool,
    /// The directories that were claimed for it.
    pub(in crate::machine) places: Vec<HeldDirectory>,
}

/// Where a session stands. Each variant carries exactly what is true in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It waits for a slot.
    Queued {
        /// Since when.
        since: Timestamp,
        /// Why its next attempt will be made.
        cause: Cause,
    },
    /// An attempt runs.
    Running {
        /// Since when.
        since: Timestamp,
        /// The attempt.
        attempt: AttemptNo,
        /// Why it is made.
        cause: Cause,
        /// Whether it has got past all attempts before it, so that the disruption is over.
        got_through: bool,
    },
    /// A disruption; the clock will try again.
    Waiting {
        /// The last failure.
        failure: Failure,
        /// Tries used.
        tries_used: u32,
        /// When the next one is due.
        next_try: Timestamp,
    },
    /// A person is needed.
    Stuck {
        /// Since when.
        since: Timestamp,
        /// The last failure.
        failure: Failure,
        /// Why no try follows.
        reason: StuckReason,
    },
    /// Recovery has reached its goal and waits there for a person; no worker runs, the server does.
    Paused {
        /// Since when.
        since: Timestamp,
        /// Where.
        at: PausePoint,
    },
    /// It is being ended before its work is done: a cancel, a stop, or the end of an object that failed.
    Cancelling {
        /// Since when.
        since: Timestamp,
        /// What it ends as.
        wish: EndWish,
        /// What is to be done with partial data.
        disposition: Disposition,
        /// How far the cancel has come.
        stage: CancelStage,
    },
    /// It has ended.
    Completed {
        /// When.
        at: Timestamp,
        /// How.
        outcome: Outcome,
    },
}

/// Why an attempt is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The session is new.
    First,
    /// The clock tries for the n-th time in this disruption.
    Try(u32),
    /// A person asked.
    Retry,
    /// A person wants recovery to go on from where it paused.
    Resume,
}

/// Why a session waits for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StuckReason {
    /// The last of the tries failed (R11).
    TriesUsedUp,
    /// Waiting cannot cure it (D4).
    Incurable,
    /// A fault of ours.
    Bug,
}

/// What a session ends as once its attempt is gone and its partial data is dealt with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndWish {
    /// Cancelled: a person wants it to end.
    Cancel,
    /// Stopped: a person no longer needs what it holds open.
    Stop,
    /// Failed: no try is left, and nobody is asked.
    Fail(Failure),
}

/// The two halves of a cancel (D6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelStage {
    /// The attempt was told to stop.
    Stopping {
        /// The attempt.
        attempt: AttemptNo,
        /// When it must be gone.
        deadline: Timestamp,
        /// How it is going.
        urgency: Urgency,
    },
    /// The attempt is gone; a worker deals with the partial data.
    Disposing {
        /// The number under which it runs.
        attempt: AttemptNo,
        /// When it should be done.
        deadline: Timestamp,
        /// How it is going.
        urgency: Urgency,
    },
}

/// How one half of a cancel is going.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// In its time.
    InTime,
    /// Past its deadline: Force is offered.
    Overdue,
    /// The processes are being killed.
    Forced,
}

/// One attempt, as history tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// Its number.
    pub number: AttemptNo,
    /// Why it was made; `None` for the worker that dealt with partial data.
    pub cause: Option<Cause>,
    /// When it was launched.
    pub launched: Timestamp,
    /// Its worker process, once known.
    pub mark: Option<ProcessMark>,
    /// Its end; `None` while it runs.
    pub ended: Option<(Timestamp, AttemptEnd)>,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptEnd {
    /// It did its work, or dealt with the data.
    Done,
    /// It failed.
    Failed(Failure),
    /// It was stopped.
    Stopped,
    /// The journal did not know of it; what its files tell counts.
    Unrecorded,
}

impl Session {
    /// Its number in this state directory.
    pub const fn id(&self) -> SessionId {
        self.id
    }

    /// Its name outside this state directory.
    pub const fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// What it was asked to do.
    pub const fn order(&self) -> &Order {
        &self.order
    }

    /// The name of what it is about, safe to show.
    pub const fn title(&self) -> &InstanceName {
        self.order.title()
    }

    /// The session or run that it belongs to.
    pub const fn parent(&self) -> Option<Parent> {
        self.parent
    }

    /// How it is tried again.
    pub const fn policy(&self) -> &RetryPolicy {
        &self.policy
    }

    /// Who asked for it.
    pub fn by(&self) -> &str {
        &self.by
    }

    /// Through which face it was asked for (R27).
    pub const fn origin(&self) -> Origin {
        self.origin
    }

    /// When it was asked for.
    pub const fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// Where it stands.
    pub const fn phase(&self) -> &Phase {
        &self.phase
    }

    /// All attempts, oldest first.
    pub fn attempts(&self) -> &[AttemptRecord] {
        &self.attempts
    }

    /// The plan of the newest attempt that made one.
    pub fn plan(&self) -> Option<&Plan> {
        self.plan.as_deref()
    }

    /// The same, where it is the plan of a restore.
    pub fn restore_plan(&self) -> Option<&RestorePlan> {
        self.plan().and_then(Plan::restore)
    }

    /// The steps of the newest attempt, in the order of the work.
    pub fn steps(&self) -> &[(Step, StepState)] {
        &self.steps
    }

    /// The state of a step in the newest attempt.
    pub fn step(&self, step: Step) -> &StepState {
        // A record of a howdah that knew fewer steps has fewer: what it never heard of was not begun.
        static PENDING: StepState = StepState::Pending;
        self.steps.iter().find(|(known, _)| *known == step).map_or(&PENDING, |(_, state)| state)
    }

    /// The step under way, if one is.
    pub fn current_step(&self) -> Option<Step> {
        let running = |state: &StepState| matches!(state, StepState::Running { .. });
        self.steps.iter().find(|(_, state)| running(state)).map(|(step, _)| *step)
    }

    /// How far the newest attempt has come.
    pub const fn progress(&self) -> &Progress {
        &self.progress
    }

    /// What the newest attempt said, oldest first.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The furthest point of all attempts before the current one.
    pub const fn furthest(&self) -> Reached {
        self.furthest
    }

    /// Tries made in all.
    pub const fn tries_total(&self) -> u32 {
        self.tries_total
    }

    /// The failure that began the present disruption.
    pub const fn first_cause(&self) -> Option<&Failure> {
        self.first_cause.as_ref()
    }

    /// Whether it has not ended: under Restore, or under the heading of its kind, and not under Completed (R2, R3).
    pub const fn is_ongoing(&self) -> bool {
        !matches!(self.phase, Phase::Completed { .. })
    }

    /// Whether an owner has anything to do for it: what is stuck waits for a person, and a person brings an owner along.
    pub const fn needs_owner(&self) -> bool {
        match &self.phase {
            Phase::Queued { .. } | Phase::Running { .. } | Phase::Waiting { .. } | Phase::Cancelling { .. } => true,
            Phase::Stuck { .. } | Phase::Paused { .. } | Phase::Completed { .. } => false,
        }
    }

    /// The directories that were claimed for it, each with the file system that it was on.
    pub fn places(&self) -> &[HeldDirectory] {
        &self.places
    }

    /// Where the server of an explore session answers, while it holds its restore point open.
    pub fn open_at(&self) -> Option<&ServerAddress> {
        let holds = matches!(self.phase, Phase::Running { .. }) && self.current_step() == Some(Step::Hold);
        self.plan().and_then(Plan::explore).filter(|_| holds)?.open.as_ref()
    }

    /// The server that waits at the goal of its recovery, where one does.
    pub fn paused_server(&self) -> Option<&PausedServer> {
        if let Phase::Paused { at, .. } = &self.phase { at.server.as_deref() } else { None }
    }

    /// Whether a person wants no attempt after the one that runs or is queued.
    pub const fn is_finishing(&self) -> bool {
        self.finishing
    }

    /// Whether a person has taken it off the screen.
    pub const fn is_dismissed(&self) -> bool {
        self.dismissed
    }

    /// The attempt whose process may be alive now.
    pub const fn live_attempt(&self) -> Option<AttemptNo> {
        match &self.phase {
            Phase::Running { attempt, .. }
            | Phase::Cancelling {
                stage: CancelStage::Stopping { attempt, .. } | CancelStage::Disposing { attempt, .. },
                ..
            } => Some(*attempt),
            Phase::Queued { .. }
            | Phase::Waiting { .. }
            | Phase::Stuck { .. }
            | Phase::Paused { .. }
            | Phase::Completed { .. } => None,
        }
    }

    /// The worker process of the live attempt, once known.
    pub fn live_mark(&self) -> Option<ProcessMark> {
        let live = self.live_attempt()?;
        self.attempts.iter().rev().find(|record| record.number == live)?.mark
    }

    /// The number that the next attempt will have.
    pub fn next_attempt(&self) -> AttemptNo {
        self.attempts.last().map_or(AttemptNo(1), |last| last.number.next())
    }
}
