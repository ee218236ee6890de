//! How an ongoing session stands, for people: one clause, and the commands by which a person goes on.
//!
//! Promise: the same clause wherever the command line speaks of a session; tries are numbered, and that none is left is
//! said (R11).

use crate::{
    domain::{Disposed, Kind, Origin, Outcome, Step, Timestamp, fact::PausePoint, instance::printable, recovery},
    machine::{CancelStage, Cause, EndWish, Phase, Session, StuckReason, session::Urgency},
};
use std::path::Path;

/// How the commands are written that a person is told, so that they mean the same sessions: with the state directory,
/// where it is not the one that howdah takes by itself.
#[derive(Debug, Clone, Default)]
pub struct CommandForm {
    state_dir: Option<String>,
}

impl CommandForm {
    /// With this state directory, written as a shell reads it.
    pub const fn new(state_dir: Option<String>) -> Self {
        Self { state_dir }
    }

    /// `howdah session` with these words.
    pub(in crate::cli) fn of(&self, words: &str) -> String {
        let option = self.state_dir.as_ref().map_or_else(String::new, |state| format!(" --state-dir {state}"));
        format!("howdah session {words}{option}")
    }
}

/// How an ongoing session stands.
pub fn state(session: &Session, now: Timestamp) -> String {
    let of = session.policy().tries;
    match session.phase() {
        Phase::Queued { cause, .. } => format!("queued{}", made_as(session, *cause)),
        Phase::Running { attempt, cause, got_through, .. } => {
            let cause = if *got_through { String::new() } else { made_as(session, *cause) };
            format!("{}, attempt {attempt}{cause}", doing(session))
        }
        Phase::Waiting { failure, tries_used, .. } => {
            let left = session.until_next_try(now).unwrap_or_default().as_secs();
            format!("waiting, try {} of {of} in {}:{:02}: {}", tries_used + 1, left / 60, left % 60, failure.cause)
        }
        Phase::Stuck { failure, reason: StuckReason::TriesUsedUp, .. } => {
            format!("stuck, {}: {failure}", session.policy().used_up())
        }
        Phase::Stuck { failure, reason: StuckReason::Incurable | StuckReason::Bug, .. } => format!("stuck: {failure}"),
        Phase::Cancelling { stage, wish, .. } => cancelling(session, stage, wish),
        Phase::Paused { at, .. } => paused(session, at),
        Phase::Completed { .. } => "completed".to_owned(),
    }
}

/// The commands by which a person goes on, where the session needs one.
pub(in crate::cli) fn commands(session: &Session, form: &CommandForm) -> Option<String> {
    let id = session.id();
    let kind = match session.order().kind() {
        Kind::Restore => String::new(),
        kind @ (Kind::Verify | Kind::Explore | Kind::Backup) => format!(" --kind {kind}"),
    };
    let cancel = match session.origin() {
        Origin::CommandLine => format!("cancel {id}{kind}"),
        Origin::Console => format!("cancel {id}{kind} --any-origin"),
    };
    match session.phase() {
        Phase::Stuck { .. } => {
            let (retry, cancel) = (form.of(&format!("retry {id}{kind}")), form.of(&cancel));
            Some(format!("{retry} makes another attempt, {cancel} ends it"))
        }
        Phase::Cancelling {
            stage:
                CancelStage::Stopping { urgency: Urgency::Overdue, .. }
                | CancelStage::Disposing { urgency: Urgency::Overdue, .. },
            ..
        } => Some(format!("{} kills it", form.of(&format!("{cancel} --force")))),
        Phase::Paused { .. } => {
            let verb = |verb: &str| form.of(&format!("{verb} {id}{kind}"));
            let go_on = form.of(&format!("go-on {id}{kind} --time ..."));
            let (promote, stop, cancel) = (verb("promote"), verb("stop-here"), form.of(&cancel));
            Some(format!(
                "{go_on} moves it to a later goal, {promote} opens it for writing, {stop} shuts it down there, {cancel} ends it"
            ))
        }
        Phase::Queued { .. }
        | Phase::Running { .. }
        | Phase::Waiting { .. }
        | Phase::Cancelling { .. }
        | Phase::Completed { .. } => None,
    }
}

/// Where recovery waits, and what the server there answered.
fn paused(session: &Session, at: &PausePoint) -> String {
    let goal =
        session.order().recovery().map_or_else(String::new, |recovery| format!(" of its recovery ({})", recovery.goal));
    let committed = at.committed.map_or_else(String::new, |at| format!(", last commit {}", recovery::moment(at)));
    let answer = if at.answer.is_empty() { String::new() } else { format!("; it answered: {}", printable(&at.answer)) };
    format!("paused at the goal{goal}, {}{committed}{answer}", at.at)
}

/// Which try of how many an attempt is, or that a person asked for it; nothing of the first.
pub(in crate::cli) fn made_as(session: &Session, cause: Cause) -> String {
    match cause {
        Cause::First => String::new(),
        Cause::Try(number) => format!(", try {number} of {}", session.policy().tries),
        Cause::Retry => ", retry".to_owned(),
        Cause::Resume => ", recovery goes on".to_owned(),
    }
}

/// Where data of a cancelled session was left, and why.
pub(in crate::cli) fn left(session: &Session, cause: &str) -> String {
    format!("partial data was left in {}: {cause}", left_in(session).join(", "))
}

/// The directories in which a cancel left data that it should have dealt with: of those that the session had, the ones
/// that are there still; all of them, where none can be seen from here.
pub(in crate::cli) fn left_in(session: &Session) -> Vec<String> {
    let Phase::Completed {
        outcome:
            Outcome::Cancelled { disposed: Disposed::Failed { .. } }
            | Outcome::Stopped { disposed: Disposed::Failed { .. } },
        ..
    } = session.phase()
    else {
        return Vec::new();
    };
    let (there, gone): (Vec<&Path>, Vec<&Path>) =
        session.directories().into_iter().partition(|directory| directory.symlink_metadata().is_ok());
    let shown = if there.is_empty() { gone } else { there };
    shown.into_iter().map(|directory| directory.to_string_lossy().into_owned()).collect()
}

fn doing(session: &Session) -> String {
    let step = session.current_step().map_or_else(|| "starting".to_owned(), |step| step.to_string());
    match session.progress().wal.filter(|_| session.current_step() == Some(Step::Replay)) {
        Some(wal) => format!("{step} WAL {} % ({})", percent(wal.ratio()), wal.at),
        None if session.bytes_total().0 == 0 => step,
        None => {
            let (done, total) = (session.bytes_done(), session.bytes_total());
            format!("{step} {} % ({done} of {total})", percent(session.ratio()))
        }
    }
}

fn cancelling(session: &Session, stage: &CancelStage, wish: &EndWish) -> String {
    let doing = match wish {
        EndWish::Cancel => "cancelling",
        EndWish::Stop => "stopping",
        EndWish::Fail(_) => "failing",
    };
    let (CancelStage::Stopping { attempt, urgency, .. } | CancelStage::Disposing { attempt, urgency, .. }) = stage;
    let process = session.live_mark().map_or_else(String::new, |mark| format!(" (process {})", mark.pid));
    match (urgency, stage) {
        (Urgency::InTime, CancelStage::Stopping { .. }) => format!("{doing}: attempt {attempt} is being stopped"),
        (Urgency::InTime, CancelStage::Disposing { .. }) => format!("{doing}: partial data is being dealt with"),
        (Urgency::Overdue, _) => {
            format!("{doing}, overdue: attempt {attempt}{process} is still alive past its deadline")
        }
        (Urgency::Forced, _) => format!("{doing}: attempt {attempt}{process} is being killed"),
    }
}

/// A share in whole percent; 100 only when it is all.
pub(in crate::cli) fn percent(ratio: f64) -> u8 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share lies between 0 and 1")]
    let whole = (ratio.clamp(0.0, 1.0) * 100.0) as u8;
    whole
}
