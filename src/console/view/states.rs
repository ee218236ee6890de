//! How a session's state is said: a sign, a role, a few words for the tree and a sentence for the preview.

use crate::{
    console::{
        format,
        glyphs::Glyphs,
        model::history::{History, Left},
        theme::Role,
    },
    domain::{Kind, Order, Outcome, Step, Timestamp},
    machine::{
        CancelStage, Cause, CompletedResult, CompletedRow, EndWish, Phase, Session, StuckReason, session::Urgency,
    },
    manager::Moment,
};

/// The sign and role of a session.
pub(super) fn sign(session: &Session, glyphs: &Glyphs) -> (&'static str, Role) {
    match session.phase() {
        Phase::Queued { .. } => (glyphs.queued, Role::Queued),
        Phase::Running { .. } => (glyphs.running, Role::Running),
        Phase::Waiting { .. } => (glyphs.waiting, Role::Waiting),
        Phase::Stuck { .. } => (glyphs.stuck, Role::Stuck),
        Phase::Paused { .. } => (glyphs.paused, Role::Waiting),
        Phase::Cancelling { .. } => (glyphs.cancelling, Role::Cancelling),
        Phase::Completed { outcome, .. } => sign_of(CompletedResult::of(outcome), glyphs),
    }
}

/// The sign and role of how a session ended.
pub(super) const fn sign_of(result: CompletedResult, glyphs: &Glyphs) -> (&'static str, Role) {
    match result {
        CompletedResult::Succeeded => (glyphs.done, Role::Done),
        CompletedResult::Damaged | CompletedResult::Failed => (glyphs.stuck, Role::Stuck),
        CompletedResult::Cancelled | CompletedResult::Stopped => (glyphs.cancelled, Role::Cancelled),
    }
}

/// A state as a row of the tree has it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Brief {
    /// Work that goes on: what is done, how much of it, how long the rest takes.
    Work {
        /// The step, in a word.
        doing: String,
        /// The share, of a step that has one.
        ratio: Option<f64>,
        /// The time left, as far as it can be said.
        left: String,
    },
    /// A few words, and what stands flush right of them.
    Words(String, String),
}

impl Brief {
    /// Without gauge and columns.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Work { doing, ratio: Some(ratio), .. } => format!("{doing} {}", format::percent(*ratio)),
            Self::Work { doing, ratio: None, .. } => doing.clone(),
            Self::Words(text, _) => text.clone(),
        }
    }
}

/// The state in the tree.
pub(super) fn short(session: &Session, left: Option<Left>, now: Timestamp, ahead: usize) -> Brief {
    let alone = |text: String| Brief::Words(text, String::new());
    match session.phase() {
        Phase::Queued { .. } => alone(format!("queued: {}", turn(ahead))),
        Phase::Running { .. } => running(session, left),
        Phase::Waiting { tries_used, .. } => {
            let of = session.policy().tries;
            alone(format!("try {}/{of} in {}", tries_used + 1, countdown(session, now)))
        }
        Phase::Stuck { reason: StuckReason::TriesUsedUp, .. } if session.policy().tries > 0 => {
            let of = session.policy().tries;
            alone(format!("stuck: {of}/{of} tries"))
        }
        Phase::Stuck { failure, .. } => alone(format!("stuck: {}", format::clean(&failure.cause))),
        Phase::Cancelling { stage, wish, .. } => alone(cancelling(wish, stage)),
        Phase::Paused { at, .. } => {
            alone(format!("paused at {}", at.committed.map_or_else(|| at.at.to_string(), format::clock)))
        }
        Phase::Completed { at, outcome } => {
            let word = ended(session, outcome);
            let took = format::duration(session.elapsed(now));
            Brief::Words(format!("{word} {}", format::moment(*at, now)), took)
        }
    }
}

/// The word for how a session ended.
fn ended(session: &Session, outcome: &Outcome) -> &'static str {
    let order = session.order();
    end(order.kind(), matches!(order, Order::Items(_)), CompletedResult::of(outcome))
}

/// The word for how the session of a row ended.
pub(in crate::console) const fn ended_row(row: &CompletedRow) -> &'static str {
    end(row.kind, row.took_items(), row.result)
}

const fn end(kind: Kind, is_items: bool, result: CompletedResult) -> &'static str {
    match (result, kind) {
        (CompletedResult::Succeeded, Kind::Restore) if is_items => "taken out",
        (CompletedResult::Succeeded, Kind::Restore) => "restored",
        (CompletedResult::Succeeded, Kind::Verify) => "verified",
        (CompletedResult::Succeeded, Kind::Explore) => "closed",
        (CompletedResult::Succeeded, Kind::Backup) => "backed up",
        (CompletedResult::Damaged, _) => "damaged",
        (CompletedResult::Cancelled, _) => "cancelled",
        (CompletedResult::Stopped, _) => "stopped",
        (CompletedResult::Failed, _) => "failed",
    }
}

/// The phase in a word.
pub(in crate::console) const fn word(session: &Session) -> &'static str {
    match session.phase() {
        Phase::Queued { .. } => "queued",
        Phase::Running { .. } => "running",
        Phase::Waiting { .. } => "waiting",
        Phase::Stuck { .. } => "stuck",
        Phase::Paused { .. } => "paused",
        Phase::Cancelling { wish: EndWish::Cancel, .. } => "cancelling",
        Phase::Cancelling { wish: EndWish::Stop, .. } => "stopping",
        Phase::Cancelling { wish: EndWish::Fail(_), .. } => "failing",
        Phase::Completed { .. } => "completed",
    }
}

/// When it is a queued session's turn.
pub(super) fn turn(ahead: usize) -> String {
    if ahead == 0 { "next".to_owned() } else { format!("{ahead} ahead") }
}

/// The state in one clause.
pub(in crate::console) fn long(session: &Session, now: Timestamp, ahead: usize) -> String {
    let text = match session.phase() {
        Phase::Queued { cause, .. } => {
            let turn = if ahead == 0 { "next in turn".to_owned() } else { format!("{ahead} ahead of it") };
            format!("Queued, {turn}{}", why(*cause))
        }
        Phase::Running { .. } => format!("{}{}", doing(session), share(session)),
        Phase::Waiting { tries_used, .. } => {
            let of = session.policy().tries;
            format!("Waiting: try {} of {of} in {}", tries_used + 1, countdown(session, now))
        }
        Phase::Stuck { reason: StuckReason::TriesUsedUp, .. } => {
            format!("Stuck: {}; Retry begins a new series", session.policy().used_up())
        }
        Phase::Stuck { reason: StuckReason::Incurable, .. } => "Stuck: waiting cannot cure this".to_owned(),
        Phase::Stuck { reason: StuckReason::Bug, .. } => "Stuck: a fault in howdah".to_owned(),
        Phase::Cancelling { stage, wish, .. } => {
            let mut text = cancelling(wish, stage);
            text[..1].make_ascii_uppercase();
            text
        }
        Phase::Paused { at, .. } => format!("Paused at the goal of its recovery, {}", at.at),
        Phase::Completed { outcome, .. } => {
            let mut text = ended(session, outcome).to_owned();
            text[..1].make_ascii_uppercase();
            let warned = matches!(outcome, Outcome::Succeeded(success) if !success.warnings.is_empty());
            if warned { text + ", with a warning" } else { text }
        }
    };
    format::clean(&text).into_owned()
}

/// Until the next try.
fn countdown(session: &Session, now: Timestamp) -> String {
    format::countdown(session.until_next_try(now).unwrap_or_default())
}

/// Why an attempt is made, in brackets; nothing for the first.
pub(super) fn why(cause: Cause) -> String {
    match cause {
        Cause::First => String::new(),
        Cause::Try(number) => format!(" (try {number})"),
        Cause::Retry => " (retry)".to_owned(),
        Cause::Resume => " (recovery goes on)".to_owned(),
    }
}

/// What a step is called while it runs.
pub(super) const fn gerund(step: Step) -> &'static str {
    match step {
        Step::Check => "Checking",
        Step::Copy => "Copying data files",
        Step::Configure => "Configuring",
        Step::Start => "Starting the server",
        Step::Replay => "Replaying WAL",
        Step::Probe => "Asking the server a query",
        Step::Finish => "Finishing",
        Step::Read => "Reading the backup",
        Step::Wal => "Checking WAL",
        Step::Open => "Opening the files",
        Step::Hold => "Open",
        Step::Extract => "Taking items out",
        Step::Deliver => "Delivering items",
        Step::Checkpoint => "Making the checkpoint",
        Step::Seal => "Sealing the restore point",
        Step::Expire => "Removing older restore points",
    }
}

/// How long the rest of the present gauge takes, as far as it can be said; empty while it cannot.
pub(in crate::console) fn left(session: &Session, history: Option<&History>, now: Moment) -> Option<Left> {
    let progress = session.progress();
    let rest = match (session.current_step()?, progress.wal) {
        (Step::Replay, Some(wal)) => wal.end().0.checked_sub(wal.at.0).filter(|rest| *rest > 0)?,
        (Step::Copy | Step::Read | Step::Wal, _) => {
            progress.bytes_total.0.checked_sub(progress.bytes_done.0).filter(|rest| *rest > 0)?
        }
        (
            Step::Check
            | Step::Configure
            | Step::Start
            | Step::Replay
            | Step::Probe
            | Step::Finish
            | Step::Open
            | Step::Hold
            | Step::Extract
            | Step::Deliver
            | Step::Checkpoint
            | Step::Seal
            | Step::Expire,
            _,
        ) => return None,
    };
    Some(history?.left(rest, now))
}

fn running(session: &Session, left: Option<Left>) -> Brief {
    let doing = match session.current_step() {
        None => "running".to_owned(),
        Some(Step::Hold) => "open".to_owned(),
        Some(step) => step.to_string().to_lowercase(),
    };
    Brief::Work { doing, ratio: share_of_step(session), left: time_left(left) }
}

/// How much of the present step is done, where that is known.
pub(super) fn share_of_step(session: &Session) -> Option<f64> {
    match (session.current_step(), session.progress().wal) {
        (Some(Step::Copy | Step::Read | Step::Wal), _) => Some(session.ratio()),
        (Some(Step::Replay), Some(wal)) => Some(wal.ratio()),
        (_, _) => None,
    }
}

/// The time left in a word; empty while it cannot be said.
pub(super) fn time_left(left: Option<Left>) -> String {
    match left {
        Some(Left::Range(_, slow)) => format!("~{}", format::coarse(slow)),
        Some(Left::Stalled(_)) => "stalled".to_owned(),
        Some(Left::Hidden) | None => String::new(),
    }
}

fn cancelling(wish: &EndWish, stage: &CancelStage) -> String {
    let doing = match wish {
        EndWish::Cancel => "cancelling",
        EndWish::Stop => "stopping",
        EndWish::Fail(_) => "failing",
    };
    let how = match stage {
        CancelStage::Stopping { urgency: Urgency::InTime, .. } => "stopping",
        CancelStage::Disposing { urgency: Urgency::InTime, .. } => "cleaning up",
        CancelStage::Stopping { urgency: Urgency::Overdue, .. }
        | CancelStage::Disposing { urgency: Urgency::Overdue, .. } => "overdue",
        CancelStage::Stopping { urgency: Urgency::Forced, .. }
        | CancelStage::Disposing { urgency: Urgency::Forced, .. } => "killing",
    };
    format!("{doing}: {how}")
}

fn doing(session: &Session) -> &'static str {
    session.current_step().map_or("Running", gerund)
}

fn share(session: &Session) -> String {
    share_of_step(session).map_or_else(String::new, |ratio| format!(", {}", format::percent(ratio)))
}
