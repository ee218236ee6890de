//! How a session is displayed to people: a sign, a word, a line.
//!
//! Promises: every state has a sign and a word (S12), and foreign text comes out printable.

use super::object::phase_word;
use crate::{
    cli::state::{self, CommandForm, made_as, percent},
    domain::{Outcome, StepState, Timestamp, instance::printable},
    machine::{AttemptRecord, CancelStage, Cause, Phase, Session, StuckReason, session::Urgency},
};

/// The sign of a phase, the same as on the screen, and its word. What is lost has a sign of its own.
pub(in crate::cli) fn phase(session: &Session, lost: bool, ascii: bool) -> String {
    if lost {
        return format!("? lost ({})", phase_word(session.phase()));
    }
    let (sign, plain) = match session.phase() {
        Phase::Queued { .. } => ("◦", "."),
        Phase::Running { .. } => ("◉", "*"),
        Phase::Waiting { .. } => ("◌", "~"),
        Phase::Stuck { .. } | Phase::Completed { outcome: Outcome::Damaged(_) | Outcome::Failed { .. }, .. } => {
            ("✖", "!")
        }
        Phase::Cancelling { .. } => ("⊘", "x"),
        Phase::Paused { .. } => ("‖", "|"),
        Phase::Completed { outcome: Outcome::Succeeded(_), .. } => ("✓", "+"),
        Phase::Completed { outcome: Outcome::Cancelled { .. } | Outcome::Stopped { .. }, .. } => ("∅", "-"),
    };
    format!("{} {}", if ascii { plain } else { sign }, phase_word(session.phase()))
}

/// The same with what a list has room for: which try it is, and what keeps a person from waiting on.
pub(in crate::cli) fn phase_and_try(session: &Session, lost: bool, ascii: bool) -> String {
    let more = match session.phase() {
        _ if lost => String::new(),
        Phase::Queued { cause, .. } | Phase::Running { cause, got_through: false, .. } => made_as(session, *cause),
        Phase::Waiting { tries_used, .. } => format!(", try {} of {}", tries_used + 1, session.policy().tries),
        Phase::Stuck { reason: StuckReason::TriesUsedUp, .. } => format!(", {}", session.policy().used_up()),
        Phase::Cancelling {
            stage:
                CancelStage::Stopping { urgency: Urgency::Overdue, .. }
                | CancelStage::Disposing { urgency: Urgency::Overdue, .. },
            ..
        } => {
            let process = session.live_mark().map_or_else(String::new, |mark| format!(": process {}", mark.pid));
            format!(", overdue{process}")
        }
        Phase::Running { .. }
        | Phase::Stuck { .. }
        | Phase::Paused { .. }
        | Phase::Cancelling { .. }
        | Phase::Completed { .. } => String::new(),
    };
    format!("{}{more}", phase(session, lost, ascii))
}

/// How far it has come: bytes, or WAL once that is what moves; `-` while nothing is known.
pub(in crate::cli) fn progress(session: &Session) -> String {
    match session.progress().wal.filter(|_| session.is_ongoing()) {
        Some(wal) => format!("WAL {} %", percent(wal.ratio())),
        None if session.bytes_total().0 == 0 => "-".to_owned(),
        None => format!("{} %", percent(session.ratio())),
    }
}

/// One line about a session: its number, its instance, and how it stands.
pub(in crate::cli) fn line(session: &Session, lost: bool, form: &CommandForm, now: Timestamp) -> String {
    // What is lost needs an owner, and then nothing else.
    let commands = state::commands(session, form).filter(|_| !lost);
    let commands = commands.map_or_else(String::new, |commands| format!("; {commands}"));
    let state = state(session, lost, now);
    printable(&format!("{} {}: {state}{commands}", session.id(), session.title()))
}

/// How a session stands, in one clause.
pub(in crate::cli) fn state(session: &Session, lost: bool, now: Timestamp) -> String {
    match session.phase() {
        _ if lost => {
            format!("lost, will go on when an owner is there (was: {})", state::state(session, now))
        }
        Phase::Completed { outcome: Outcome::Succeeded(success), .. } => {
            format!("succeeded; {}{}", session.achieved(success), success.remarks())
        }
        Phase::Completed { outcome: Outcome::Damaged(verification), .. } => verification.to_string(),
        Phase::Completed { outcome: Outcome::Cancelled { disposed }, .. } => format!("cancelled; {disposed}"),
        Phase::Completed { outcome: Outcome::Stopped { disposed }, .. } => format!("stopped; {disposed}"),
        Phase::Completed { outcome: Outcome::Failed { failure, disposed }, .. } => {
            format!("failed: {failure}; {disposed}")
        }
        Phase::Queued { .. }
        | Phase::Running { .. }
        | Phase::Waiting { .. }
        | Phase::Stuck { .. }
        | Phase::Paused { .. }
        | Phase::Cancelling { .. } => state::state(session, now),
    }
}

/// Why an attempt was made.
pub(in crate::cli) fn cause(session: &Session, record: &AttemptRecord) -> String {
    match record.cause {
        Some(Cause::First) => "first".to_owned(),
        Some(Cause::Try(number)) => format!("try {number} of {}", session.policy().tries),
        Some(Cause::Retry) => "a retry".to_owned(),
        Some(Cause::Resume) => "recovery goes on".to_owned(),
        None => "deals with partial data".to_owned(),
    }
}

/// How a step stands; nothing of one that was not begun.
pub(in crate::cli) fn step_state(state: &StepState) -> Option<String> {
    let (word, detail) = step_words(state)?;
    Some(if detail.is_empty() { word.to_owned() } else { format!("{word}: {detail}") })
}

/// The same as a word, and what is worth saying about it, which may be nothing.
pub(in crate::cli) fn step_words(state: &StepState) -> Option<(&'static str, &str)> {
    match state {
        StepState::Pending => None,
        StepState::Running { detail } => Some(("under way", detail)),
        StepState::Done { detail, .. } => Some(("done", detail)),
        StepState::Skipped { reason } => Some(("skipped", reason)),
        StepState::Failed { .. } => Some(("failed", "")),
        StepState::Stopped => Some(("stopped", "")),
    }
}

/// `2026-11-20 12:58:03`, in UTC.
pub(in crate::cli) fn moment(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%d %H:%M:%S").to_string()
}
