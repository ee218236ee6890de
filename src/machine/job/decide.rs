//! What a command leads to: one function a phase, each exhaustive over commands.

use super::{JobCommand, JobEvent, JobPhase, JobRun, ObjectState, describe, evolve, startable};
use crate::{
    domain::{JobResult, SessionId, StopMode, Timestamp},
    machine::Refusal,
};

/// The events that a command leads to, in order; none where nothing changes. A refusal changes nothing.
pub fn decide(run: &JobRun, command: JobCommand, now: Timestamp) -> Result<Vec<JobEvent>, Refusal> {
    let mut events = match &run.phase {
        JobPhase::Running => running(run, command)?,
        JobPhase::StoppingGracefully { .. } => stopping(run, command, StopMode::Graceful)?,
        JobPhase::StoppingImmediately { .. } => stopping(run, command, StopMode::Immediate)?,
        JobPhase::Done { result, .. } => return done(run, command, *result),
    };
    let after = events.iter().fold(run.clone(), |run, event| evolve(run, event, now));
    events.extend(end(&after));
    Ok(events)
}

fn running(run: &JobRun, command: JobCommand) -> Result<Vec<JobEvent>, Refusal> {
    match command {
        JobCommand::Stop { mode, by } => match run.spec.kind().forbids(mode) {
            Some(reason) => Err(Refusal::StopForbidden { mode, reason: reason.to_owned() }),
            None => Ok(vec![JobEvent::StopRequested { mode, by }]),
        },
        JobCommand::ObjectStarted { object, session } if startable(run).contains(&object) => {
            Ok(vec![JobEvent::ObjectStarted { object, session }])
        }
        JobCommand::ObjectRefused { object, cause } if startable(run).contains(&object) => {
            Ok(vec![JobEvent::ObjectRefused { object, cause }])
        }
        JobCommand::ObjectStarted { .. } | JobCommand::ObjectRefused { .. } => Err(Refusal::ObjectNotStartable),
        JobCommand::ObjectCancelRequested { session, by } => Ok(cancel_requested(run, session, by)),
        JobCommand::ObjectEnded { session, end } => {
            Ok(of_object(run, session, |object| JobEvent::ObjectEnded { object, end }))
        }
        JobCommand::Dismiss { .. } => Err(Refusal::JobOngoing),
    }
}

fn stopping(run: &JobRun, command: JobCommand, current: StopMode) -> Result<Vec<JobEvent>, Refusal> {
    match command {
        JobCommand::Stop { mode: mode @ StopMode::Immediate, by } if current == StopMode::Graceful => {
            Ok(vec![JobEvent::StopRequested { mode, by }])
        }
        JobCommand::Stop { mode, .. } => Err(Refusal::JobStopping { current, mode }),
        JobCommand::ObjectStarted { .. } | JobCommand::ObjectRefused { .. } => Err(Refusal::ObjectNotStartable),
        JobCommand::ObjectCancelRequested { session, by } => Ok(cancel_requested(run, session, by)),
        JobCommand::ObjectEnded { session, end } => {
            Ok(of_object(run, session, |object| JobEvent::ObjectEnded { object, end }))
        }
        JobCommand::Dismiss { .. } => Err(Refusal::JobOngoing),
    }
}

fn done(run: &JobRun, command: JobCommand, result: JobResult) -> Result<Vec<JobEvent>, Refusal> {
    match command {
        JobCommand::Stop { .. } => Err(Refusal::JobEnded { result }),
        JobCommand::Dismiss { by } if !run.dismissed => Ok(vec![JobEvent::Dismissed { by }]),
        JobCommand::ObjectStarted { .. } | JobCommand::ObjectRefused { .. } => Err(Refusal::ObjectNotStartable),
        JobCommand::Dismiss { .. } | JobCommand::ObjectCancelRequested { .. } | JobCommand::ObjectEnded { .. } => {
            Ok(vec![])
        }
    }
}

/// The first who wants it counts.
fn cancel_requested(run: &JobRun, session: SessionId, by: String) -> Vec<JobEvent> {
    let known =
        |object: usize| matches!(run.objects.get(object), Some(ObjectState::Processing { cancelled_by: Some(_), .. }));
    match run.object_of(session) {
        Some(object) if !known(object) => vec![JobEvent::ObjectCancelRequested { object, by }],
        Some(_) | None => vec![],
    }
}

/// An event of the object in process whose session this is; none where there is no such object.
fn of_object(run: &JobRun, session: SessionId, event: impl FnOnce(usize) -> JobEvent) -> Vec<JobEvent> {
    run.object_of(session).map(event).into_iter().collect()
}

/// The end of a run that has nothing more to do (D6).
fn end(run: &JobRun) -> Option<JobEvent> {
    let open = |state: &ObjectState| match state {
        ObjectState::Pending | ObjectState::Processing { .. } => true,
        ObjectState::Succeeded { .. }
        | ObjectState::Failed { .. }
        | ObjectState::Stopped { .. }
        | ObjectState::NotStarted => false,
    };
    if run.objects.iter().any(open) {
        return None;
    }
    let result = result(run);
    Some(JobEvent::Ended { result, detail: describe::detail(run, result) })
}

/// How a run has ended whose objects all have (R35, R43, D8).
fn result(run: &JobRun) -> JobResult {
    let made = run.objects.iter().filter(|state| matches!(state, ObjectState::Succeeded { .. })).count();
    match &run.phase {
        JobPhase::StoppingGracefully { .. } if made > 0 => JobResult::Stopped,
        JobPhase::Running if made == run.objects.len() => JobResult::Success,
        JobPhase::Running if made > 0 => JobResult::Warning,
        JobPhase::StoppingImmediately { .. }
        | JobPhase::StoppingGracefully { .. }
        | JobPhase::Running
        | JobPhase::Done { .. } => JobResult::Failed,
    }
}
