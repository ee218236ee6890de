//! The work that an event asks for, and when the clock is needed.

use super::{
    CancelStage, Event, Phase, Session,
    deadline::{CANCEL_GRACE, later},
};
use crate::domain::{AttemptNo, Timestamp, ticket::Work};
use crate::machine::session::Urgency;

/// One piece of work for the world outside, carried out after the event is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Launch a worker.
    Launch {
        /// Under this number.
        attempt: AttemptNo,
        /// To do this.
        work: Box<Work>,
    },
    /// Ask the worker to stop.
    Stop {
        /// The attempt.
        attempt: AttemptNo,
    },
    /// Kill its process group.
    Kill {
        /// The attempt.
        attempt: AttemptNo,
    },
}

/// What an event that has just happened asks for; `session` is as it stands after the event. Never called on replay.
pub fn react(session: &Session, event: &Event) -> Option<Effect> {
    match event {
        Event::Launched { attempt } => {
            Some(Effect::Launch { attempt: *attempt, work: Box::new(Work::Run(session.order.clone())) })
        }
        Event::DisposalLaunched { attempt, .. } => {
            let Phase::Cancelling { disposition, .. } = session.phase else { return None };
            let work = Work::Dispose { left: session.order.leftover()?, disposition };
            Some(Effect::Launch { attempt: *attempt, work: Box::new(work) })
        }
        Event::CancelRequested { .. } | Event::StopRequested { .. } => {
            stopping(session).map(|attempt| Effect::Stop { attempt })
        }
        Event::Forced { .. } => session.live_attempt().map(|attempt| Effect::Kill { attempt }),
        Event::Requeued { .. }
        | Event::Found { .. }
        | Event::Began { .. }
        | Event::Planned { .. }
        | Event::StepChanged { .. }
        | Event::Progressed { .. }
        | Event::Noted { .. }
        | Event::DisruptionOver { .. }
        | Event::Disrupted { .. }
        | Event::Rescheduled { .. }
        | Event::GotStuck { .. }
        | Event::Succeeded { .. }
        | Event::Damaged { .. }
        | Event::Paused { .. }
        | Event::Resumed { .. }
        | Event::GaveUp { .. }
        | Event::FinishRequested { .. }
        | Event::CancelOverdue
        | Event::Cancelled { .. }
        | Event::Stopped { .. }
        | Event::Failed { .. }
        | Event::Dismissed { .. } => None,
    }
}

/// What an owner that takes over a session must ask again: the one before it may have died between storing the wish and
/// telling the attempt.
pub const fn reissue(session: &Session) -> Option<Effect> {
    match &session.phase {
        Phase::Cancelling {
            stage:
                CancelStage::Stopping { attempt, urgency: Urgency::Forced, .. }
                | CancelStage::Disposing { attempt, urgency: Urgency::Forced, .. },
            ..
        } => Some(Effect::Kill { attempt: *attempt }),
        Phase::Cancelling {
            stage: CancelStage::Stopping { attempt, urgency: Urgency::InTime | Urgency::Overdue, .. },
            ..
        } => Some(Effect::Stop { attempt: *attempt }),
        Phase::Cancelling {
            stage: CancelStage::Disposing { urgency: Urgency::InTime | Urgency::Overdue, .. }, ..
        }
        | Phase::Queued { .. }
        | Phase::Running { .. }
        | Phase::Waiting { .. }
        | Phase::Stuck { .. }
        | Phase::Paused { .. }
        | Phase::Completed { .. } => None,
    }
}

/// The attempt that a cancel is stopping; none when there was nothing to stop.
const fn stopping(session: &Session) -> Option<AttemptNo> {
    match &session.phase {
        Phase::Cancelling { stage: CancelStage::Stopping { attempt, .. }, .. } => Some(*attempt),
        Phase::Cancelling { .. }
        | Phase::Queued { .. }
        | Phase::Running { .. }
        | Phase::Waiting { .. }
        | Phase::Stuck { .. }
        | Phase::Paused { .. }
        | Phase::Completed { .. } => None,
    }
}

/// When the clock has something to do for this session: a try is due, or a cancel is overdue.
pub fn next_wake(session: &Session) -> Option<Timestamp> {
    match &session.phase {
        Phase::Waiting { next_try, .. } => Some(*next_try),
        Phase::Cancelling {
            stage:
                CancelStage::Stopping { deadline, urgency: Urgency::InTime, .. }
                | CancelStage::Disposing { deadline, urgency: Urgency::InTime, .. },
            ..
        } => Some(*deadline),
        Phase::Cancelling { .. }
        | Phase::Queued { .. }
        | Phase::Running { .. }
        | Phase::Stuck { .. }
        | Phase::Paused { .. }
        | Phase::Completed { .. } => None,
    }
}

/// When the session's next wake is due instead, where the clock was set back since it was fixed: nothing waits longer
/// than it would if it began to wait now.
pub fn rescheduled(session: &Session, now: Timestamp) -> Option<Timestamp> {
    let longest = match &session.phase {
        Phase::Waiting { .. } => session.policy.every,
        Phase::Cancelling { .. } => CANCEL_GRACE,
        Phase::Queued { .. }
        | Phase::Running { .. }
        | Phase::Stuck { .. }
        | Phase::Paused { .. }
        | Phase::Completed { .. } => return None,
    };
    let latest = later(now, longest);
    next_wake(session).filter(|wake| *wake > latest).map(|_| latest)
}
