//! How one event changes a run. Total: history cannot be refused.

use super::{JobEvent, JobPhase, JobRun, ObjectEnd, ObjectState};
use crate::domain::{SessionId, StopMode, Timestamp};

/// The run after `event`, which happened at `at`.
#[must_use]
pub fn evolve(mut run: JobRun, event: &JobEvent, at: Timestamp) -> JobRun {
    match event {
        JobEvent::ObjectStarted { object, session } => {
            put(&mut run, *object, ObjectState::Processing { session: *session, cancelled_by: None });
        }
        JobEvent::ObjectRefused { object, cause } => {
            put(&mut run, *object, ObjectState::Failed { session: None, cause: cause.clone() });
        }
        JobEvent::ObjectCancelRequested { object, by } => {
            if let Some(ObjectState::Processing { cancelled_by, .. }) = run.objects.get_mut(*object) {
                *cancelled_by = Some(by.clone());
            }
        }
        JobEvent::ObjectEnded { object, end } => {
            if let Some(ObjectState::Processing { session, cancelled_by }) = run.objects.get(*object) {
                let state = ended(&run.phase, *session, cancelled_by.as_deref(), end);
                put(&mut run, *object, state);
            }
        }
        JobEvent::StopRequested { mode, by } => {
            let by = by.clone();
            run.phase = match mode {
                StopMode::Graceful => JobPhase::StoppingGracefully { by, since: at },
                StopMode::Immediate => JobPhase::StoppingImmediately { by, since: at },
            };
            for state in &mut run.objects {
                if *state == ObjectState::Pending {
                    *state = ObjectState::NotStarted;
                }
            }
        }
        JobEvent::Ended { result, detail } => {
            run.phase = JobPhase::Done { at, result: *result, detail: detail.clone() };
        }
        JobEvent::Dismissed { .. } => run.dismissed = true,
    }
    run
}

fn put(run: &mut JobRun, object: usize, state: ObjectState) {
    if let Some(place) = run.objects.get_mut(object) {
        *place = state;
    }
}

/// What an object is whose session has ended so.
fn ended(phase: &JobPhase, session: SessionId, cancelled_by: Option<&str>, end: &ObjectEnd) -> ObjectState {
    let failed = |cause: String| ObjectState::Failed { session: Some(session), cause };
    match (end, phase, cancelled_by) {
        (ObjectEnd::Succeeded { made }, _, _) => ObjectState::Succeeded { session, made: made.clone() },
        (ObjectEnd::Failed { cause }, _, _) => failed(cause.clone()),
        (ObjectEnd::Cancelled { disposed, .. }, _, Some(by)) => failed(format!("cancelled by {by}; {disposed}")),
        (ObjectEnd::Cancelled { disposed, begun: true }, JobPhase::StoppingImmediately { .. }, None) => {
            ObjectState::Stopped { session, disposed: disposed.clone() }
        }
        (
            ObjectEnd::Cancelled { begun: false, .. },
            JobPhase::StoppingGracefully { .. } | JobPhase::StoppingImmediately { .. },
            None,
        ) => ObjectState::NotStarted,
        // Nobody is known to have asked, and it is over all the same.
        (
            ObjectEnd::Cancelled { disposed, .. },
            JobPhase::Running | JobPhase::StoppingGracefully { .. } | JobPhase::Done { .. },
            None,
        ) => failed(format!("cancelled; {disposed}")),
    }
}
