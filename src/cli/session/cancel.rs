//! `howdah session cancel`: what it can do beyond one act: force, and wait for the end.
//!
//! Promises: force reaches a session that is being cancelled already, but none that the cancel may not touch (R27), and
//! what it killed is followed to its end; a wait ends when each session is completed, and says which one had succeeded
//! before and where data was left. Never: waits in silence for a cancel that hangs.

use super::{
    OwnerWatch, SessionError, VerbContext,
    act::{ActionResult, Selection, report},
    format, message, print_problems,
    reader::Reader,
};
use crate::{
    cli::{
        state::{CommandForm, commands, left, state},
        streams::Streams,
    },
    domain::{Disposed, Outcome, SessionId, Timestamp, Who},
    machine::{CancelStage, Phase, Refusal, Scope, Session, deadline::CANCEL_GRACE, session::Urgency},
    manager::{Service, SessionAction},
};
use std::{
    collections::BTreeSet,
    io,
    time::{Duration, Instant},
};

/// How long it is waited for the end of what was killed: the kill and the disposal after it have their time each (D6).
pub const FORCED_LIMIT: Duration = CANCEL_GRACE.saturating_mul(2);

/// What became of a forced cancel.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Forced {
    /// The cancel.
    pub result: ActionResult,
    /// The sessions whose processes were killed.
    pub killed: Vec<SessionId>,
}

/// What a wait came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waited {
    /// Whether each session was cancelled.
    pub all_cancelled: bool,
    /// Whether data was left that should have been dealt with, which has been reported.
    pub data_left: bool,
}

/// Cancels, then kills the processes.
pub async fn force(
    steer: &dyn Service,
    (cancel, by): (&SessionAction, &Who),
    selection: Selection,
    streams: &mut Streams<'_>,
) -> io::Result<Forced> {
    let mut forced =
        Forced { result: ActionResult { done: Vec::new(), refused: selection.refused }, killed: Vec::new() };
    let mut to_force = Vec::new();
    for scope in selection.scopes {
        for line in steer.act(cancel.clone(), scope, by.clone()).await.lines {
            match &line.result {
                Ok(()) | Err(Refusal::Cancelling) => to_force.extend(line.session.map(|id| (id, line.result.is_ok()))),
                Err(refusal) => {
                    forced.result.refused = true;
                    report(&line, refusal, cancel, streams)?;
                }
            }
        }
    }
    for (id, is_cancelled) in to_force {
        for line in steer.act(SessionAction::Force, Scope::Sessions(vec![id]), by.clone()).await.lines {
            match &line.result {
                Ok(()) => {
                    forced.result.done.extend(line.session);
                    forced.killed.extend(line.session);
                }
                // A cancel that has ended by itself needs no force.
                Err(Refusal::Completed | Refusal::NothingToForce) => forced.result.done.extend(line.session),
                Err(refusal) => {
                    // What was cancelled just now goes on to its end without force.
                    let goes_on = is_cancelled && matches!(refusal, Refusal::DisposalInTime { .. });
                    if goes_on {
                        forced.result.done.extend(line.session);
                    }
                    forced.result.refused |= !goes_on;
                    report(&line, refusal, &SessionAction::Force, streams)?;
                }
            }
        }
    }
    Ok(forced)
}

/// Waits until all of them are completed, or for so long.
pub fn wait(
    reader: &mut Reader,
    (sessions, limit): (&[SessionId], Option<Duration>),
    context: &VerbContext<'_>,
    streams: &mut Streams<'_>,
) -> Result<Waited, SessionError> {
    let ended = Waited { all_cancelled: true, data_left: false };
    if sessions.is_empty() {
        return Ok(ended);
    }
    let form = &context.form;
    let mut waiting = Waiting { left: sessions.to_vec(), overdue: BTreeSet::new(), ended, form };
    let begun = Instant::now();
    let mut owner = OwnerWatch::default();
    loop {
        let now = context.clock.now();
        if reader.journal.changed()? {
            waiting.poll(reader, now, streams)?;
        }
        print_problems(reader, streams)?;
        if waiting.left.is_empty() {
            return Ok(waiting.ended);
        }
        if limit.is_some_and(|limit| begun.elapsed() >= limit) {
            waiting.give_up(reader, now, streams)?;
            return Ok(waiting.ended);
        }
        owner.look(reader, context, streams)?;
        // Nobody reads what a wait does not print: only the end counts.
        let _: super::Reading = (context.pause)();
    }
}

/// Sessions whose end has not come.
struct Waiting<'a> {
    left: Vec<SessionId>,
    overdue: BTreeSet<SessionId>,
    ended: Waited,
    form: &'a CommandForm,
}

impl Waiting<'_> {
    fn poll(&mut self, reader: &mut Reader, now: Timestamp, streams: &mut Streams<'_>) -> io::Result<()> {
        for id in std::mem::take(&mut self.left) {
            match reader.journal.session(id) {
                Ok(Some(session)) => self.look_at(&session, now, streams)?,
                Ok(None) => self.ended.all_cancelled = false,
                Err(error) => {
                    message(streams, &error.to_string())?;
                    self.ended.all_cancelled = false;
                }
            }
        }
        Ok(())
    }

    /// Says of each that is left how it stands.
    fn give_up(&mut self, reader: &mut Reader, now: Timestamp, streams: &mut Streams<'_>) -> Result<(), SessionError> {
        self.ended.all_cancelled = false;
        for id in &self.left {
            if let Some(session) = reader.journal.session(*id)? {
                message(
                    streams,
                    &format!(
                        "session {}; it goes on without this command",
                        format::line(&session, false, self.form, now)
                    ),
                )?;
            }
        }
        Ok(())
    }

    fn look_at(&mut self, session: &Session, now: Timestamp, streams: &mut Streams<'_>) -> io::Result<()> {
        let id = session.id();
        let name = format!("session {id} ({})", session.title());
        match session.phase() {
            Phase::Completed {
                outcome:
                    Outcome::Cancelled { disposed: Disposed::Failed { cause } }
                    | Outcome::Stopped { disposed: Disposed::Failed { cause } },
                ..
            } => {
                self.ended.data_left = true;
                message(streams, &format!("{name}: {}", left(session, cause)))?;
            }
            Phase::Completed { outcome: Outcome::Cancelled { .. } | Outcome::Stopped { .. }, .. } => {}
            Phase::Completed { outcome: Outcome::Damaged(verification), .. } => {
                self.ended.all_cancelled = false;
                message(streams, &format!("{name} had ended before the cancel reached it: {verification}"))?;
            }
            Phase::Completed { outcome: Outcome::Failed { failure, .. }, .. } => {
                self.ended.all_cancelled = false;
                message(streams, &format!("{name} had failed before the cancel reached it: {failure}"))?;
            }
            Phase::Completed { outcome: Outcome::Succeeded(success), .. } => {
                self.ended.all_cancelled = false;
                let brought = format!("{}{}", session.achieved(success), success.remarks());
                message(streams, &format!("{name} had succeeded before the cancel reached it: {brought}"))?;
            }
            Phase::Cancelling {
                stage:
                    CancelStage::Stopping { urgency: Urgency::Overdue, .. }
                    | CancelStage::Disposing { urgency: Urgency::Overdue, .. },
                ..
            } => {
                self.left.push(id);
                if self.overdue.insert(id) {
                    let commands = commands(session, self.form).unwrap_or_default();
                    message(streams, &format!("{name}: {}; {commands}", state(session, now)))?;
                }
            }
            Phase::Cancelling { .. }
            | Phase::Queued { .. }
            | Phase::Running { .. }
            | Phase::Waiting { .. }
            | Phase::Stuck { .. }
            | Phase::Paused { .. } => self.left.push(id),
        }
        Ok(())
    }
}
