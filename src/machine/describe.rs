//! Each event of a session as one sentence, the same on the screen and on the command line.

use super::{Cause, Event, Session, StuckReason, event::Created};
use crate::domain::{
    Achieved, AtTarget, ItemDestination, Order, Plan, StepState, Success,
    instance::{printable, printable_name},
    quantity::many,
};
use std::fmt;

impl fmt::Display for Created {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ordered by {} through {}: {}", self.by, self.origin, self.order)
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requeued { by: Some(by), .. } => write!(f, "retry asked by {by}"),
            Self::Requeued { cause: Cause::Try(number), by: None } => write!(f, "try {number} is due"),
            Self::Requeued { cause: Cause::First | Cause::Retry, by: None } => f.write_str("queued again"),
            Self::Requeued { cause: Cause::Resume, by: None } => f.write_str("recovery goes on"),
            Self::Launched { attempt } => write!(f, "attempt {attempt} launched"),
            Self::Found { attempt } => {
                write!(
                    f,
                    "the journal did not know of attempt {attempt}, whose files are here: it was lost or put back"
                )
            }
            Self::Began { attempt, mark } => write!(f, "attempt {attempt} runs as process {}", mark.pid),
            Self::Planned { attempt, .. } => write!(f, "attempt {attempt} made its plan"),
            Self::StepChanged { attempt, step, state } => match state {
                StepState::Pending => write!(f, "attempt {attempt}: {step} is to come"),
                StepState::Running { detail } if detail.is_empty() => write!(f, "attempt {attempt}: {step} began"),
                StepState::Running { detail } => write!(f, "attempt {attempt}: {step}: {detail}"),
                StepState::Done { detail, .. } if detail.is_empty() => write!(f, "attempt {attempt}: {step} is done"),
                StepState::Done { detail, .. } => write!(f, "attempt {attempt}: {step} is done: {detail}"),
                StepState::Skipped { reason } => write!(f, "attempt {attempt}: {step} is skipped: {reason}"),
                StepState::Failed { .. } => write!(f, "attempt {attempt}: {step} failed"),
                StepState::Stopped => write!(f, "attempt {attempt}: {step} was stopped"),
            },
            Self::Progressed { attempt, .. } => write!(f, "attempt {attempt} came further"),
            Self::Noted { attempt, note } => write!(f, "attempt {attempt} noted: {note}"),
            Self::DisruptionOver { attempt } => {
                write!(f, "attempt {attempt} got past all before it: the disruption is over")
            }
            Self::Disrupted { attempt, failure, tries_used, next_try, .. } => {
                write!(f, "attempt {attempt} was disrupted: {failure}; try {} comes at {next_try:.0}", tries_used + 1)
            }
            Self::Rescheduled { due } => write!(f, "the clock was set back: what was due later is due at {due:.0}"),
            Self::GotStuck { attempt, failure, reason, .. } => {
                let why = match reason {
                    StuckReason::TriesUsedUp => "the tries are used up",
                    StuckReason::Incurable => "waiting cannot cure it",
                    StuckReason::Bug => "a fault of howdah",
                };
                write!(f, "attempt {attempt} failed, {why}: {failure}")
            }
            Self::Succeeded { attempt, success } => write!(f, "attempt {attempt} {}", achieved(success)),
            Self::Damaged { attempt, verification } => write!(f, "attempt {attempt} read the backup: {verification}"),
            Self::Paused { attempt, at, .. } => {
                write!(f, "attempt {attempt} reached its goal: recovery is paused at {}", at.at)
            }
            Self::Resumed { recovery, by } => {
                let then = match recovery.at_target {
                    AtTarget::Pause => "to a later goal",
                    AtTarget::Promote => "and opens the server",
                    AtTarget::ShutDown => "and shuts the server down",
                };
                write!(f, "recovery goes on {then}, asked by {by}")
            }
            Self::GaveUp { attempt, failure, .. } => {
                write!(f, "attempt {attempt} failed, and no try is left: {failure}")
            }
            Self::CancelRequested { disposition, by, .. } => {
                write!(f, "cancel asked by {by}; partial data: {disposition}")
            }
            Self::StopRequested { by, .. } => write!(f, "stop asked by {by}"),
            Self::FinishRequested { by } => write!(f, "no try after the next end of an attempt, asked by {by}"),
            Self::CancelOverdue => f.write_str("the cancel is overdue: a process is still alive"),
            Self::Forced { by } => write!(f, "force asked by {by}"),
            Self::DisposalLaunched { attempt, .. } => write!(f, "attempt {attempt} launched to deal with partial data"),
            Self::Cancelled { disposed } => write!(f, "cancelled; {disposed}"),
            Self::Stopped { disposed } => write!(f, "stopped; {disposed}"),
            Self::Failed { disposed } => write!(f, "failed; {disposed}"),
            Self::Dismissed { by } => write!(f, "dismissed by {by}"),
        }
    }
}

/// What a session takes out, and where to; printable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenOut {
    /// How many tables, or items where their tables were not counted: `2 tables`.
    pub what: String,
    /// Where to: `to host=db1`, `into /srv/dump`.
    pub to: String,
}

impl TakenOut {
    /// That of a session, where its order is to take items out.
    pub fn of(session: &Session) -> Option<Self> {
        let Order::Items(order) = session.order() else { return None };
        let items = many(order.items.len() as u64, "item");
        let tables = match session.plan() {
            Some(Plan::Items(plan)) => plan.tables(),
            Some(Plan::Restore(_) | Plan::Verify(_) | Plan::Explore(_) | Plan::Backup(_) | Plan::Data(_)) | None => 0,
        };
        let what = match tables {
            0 => items,
            tables if tables == order.items.len() as u64 => many(tables, "table"),
            tables => format!("{items} with {}", many(tables, "table")),
        };
        let to = match &order.to {
            ItemDestination::Dump { directory } => format!("into {}", printable_name(directory.as_os_str())),
            ItemDestination::Server { conninfo, .. } => format!("to {}", printable(conninfo)),
        };
        Some(Self { what, to })
    }
}

impl fmt::Display for TakenOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} taken out {}", self.what, self.to)
    }
}

impl Session {
    /// What is there after its success, in a printable clause.
    pub fn achieved(&self, success: &Success) -> String {
        TakenOut::of(self).map_or_else(|| success.result.to_string(), |taken| taken.to_string())
    }
}

/// What a successful attempt did, in words that follow its number.
const fn achieved(success: &Success) -> &'static str {
    match success.result {
        Achieved::Cluster(_) => "brought the instance back",
        Achieved::VirtualMachine { .. } => "brought the virtual machine back",
        Achieved::Files { .. } => "brought the files back",
        Achieved::Verified(_) => "verified the backup",
        Achieved::Items { .. } => "took the items out",
        Achieved::RestorePoint { .. } => "made the restore point",
        Achieved::Copied { .. } => "made the copies",
    }
}
