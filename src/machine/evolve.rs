//! How one event changes a session. Total: history cannot be refused.

use super::{
    AttemptEnd, AttemptRecord, CancelStage, Cause, Event, Phase, Session, StuckReason, event::Created, session::Urgency,
};
use crate::domain::{
    AttemptNo, Disposed, Disposition, Failure, Outcome, Progress, Reached, Step, StepState, Timestamp,
};

/// Notes kept for one attempt: more would be a log, and the log is a file of its own.
const NOTES_KEPT: usize = 20;

impl Session {
    /// The session as its first event makes it: queued.
    pub fn create(created: Created) -> Self {
        Self {
            id: created.id,
            uuid: created.uuid,
            request: created.request,
            policy: created.policy,
            by: created.by,
            origin: created.origin,
            created_at: created.at,
            phase: Phase::Queued { since: created.at, cause: Cause::First },
            attempts: Vec::new(),
            plan: None,
            steps: untouched(),
            progress: Progress::default(),
            notes: Vec::new(),
            furthest: Reached::default(),
            reached: Reached::default(),
            tries_total: 0,
            first_cause: None,
            dismissed: false,
            places: created.places,
        }
    }
}

/// The session after `event`, which happened at `at`.
#[must_use]
pub fn evolve(mut session: Session, event: &Event, at: Timestamp) -> Session {
    match event {
        Event::Requeued { cause, .. } => session.phase = Phase::Queued { since: at, cause: *cause },
        Event::Launched { attempt } => launch(&mut session, *attempt, at),
        Event::Found { attempt } => {
            let ended = Some((at, AttemptEnd::Unrecorded));
            session.attempts.push(AttemptRecord { number: *attempt, cause: None, launched: at, mark: None, ended });
        }
        Event::Began { attempt, mark } => {
            if let Some(record) = session.attempts.iter_mut().find(|record| record.number == *attempt) {
                record.mark = Some(*mark);
            }
        }
        Event::Planned { plan, .. } => session.plan = Some(plan.clone()),
        Event::StepChanged { step, state, .. } => change_step(&mut session, *step, state),
        Event::Progressed { progress, .. } => {
            session.progress = *progress;
            session.reached = session.reached.max(progress.reached());
        }
        Event::Noted { note, .. } => {
            session.notes.push(note.clone());
            let excess = session.notes.len().saturating_sub(NOTES_KEPT);
            session.notes.drain(..excess);
        }
        Event::DisruptionOver { .. } => {
            session.first_cause = None;
            if let Phase::Running { got_through, .. } = &mut session.phase {
                *got_through = true;
            }
        }
        Event::Disrupted { failure, reached, tries_used, next_try, .. } => {
            fail(&mut session, failure, *reached, at);
            session.phase = Phase::Waiting { failure: failure.clone(), tries_used: *tries_used, next_try: *next_try };
        }
        Event::Rescheduled { due } => reschedule(&mut session, *due),
        Event::GotStuck { failure, reached, reason, .. } => {
            fail(&mut session, failure, *reached, at);
            session.phase = Phase::Stuck { since: at, failure: failure.clone(), reason: *reason };
            if *reason != StuckReason::TriesUsedUp {
                session.first_cause = Some(failure.clone());
            }
        }
        Event::Succeeded { success, .. } => {
            end_attempt(&mut session, AttemptEnd::Done, at);
            session.phase = Phase::Completed { at, outcome: Outcome::Succeeded(success.clone()) };
        }
        Event::CancelRequested { disposition, deadline, .. } => {
            request_cancel(&mut session, *disposition, *deadline, at);
        }
        Event::CancelOverdue => set_urgency(&mut session, Urgency::Overdue),
        Event::Forced { .. } => set_urgency(&mut session, Urgency::Forced),
        Event::DisposalLaunched { attempt, deadline } => dispose(&mut session, *attempt, *deadline, at),
        Event::Cancelled { disposed } => {
            end_attempt(&mut session, end_of_disposal(disposed), at);
            session.phase = Phase::Completed { at, outcome: Outcome::Cancelled { disposed: disposed.clone() } };
        }
        Event::Dismissed { .. } => session.dismissed = true,
    }
    session
}

fn launch(session: &mut Session, attempt: AttemptNo, at: Timestamp) {
    let cause = if let Phase::Queued { cause, .. } = session.phase { cause } else { Cause::First };
    if matches!(cause, Cause::Try(_)) {
        session.tries_total += 1;
    }
    session.phase = Phase::Running { since: at, attempt, cause, got_through: false };
    session.attempts.push(AttemptRecord { number: attempt, cause: Some(cause), launched: at, mark: None, ended: None });
    session.steps = untouched();
    session.progress = Progress::default();
    session.reached = Reached::default();
    session.notes.clear();
}

fn change_step(session: &mut Session, step: Step, state: &StepState) {
    if session.steps.len() < Step::ALL.len() {
        session.steps.resize(Step::ALL.len(), StepState::Pending);
    }
    session.steps[step as usize] = state.clone();
}

fn fail(session: &mut Session, failure: &Failure, reached: Reached, at: Timestamp) {
    session.furthest = reached;
    if session.first_cause.is_none() {
        session.first_cause = Some(failure.clone());
    }
    end_attempt(session, AttemptEnd::Failed(failure.clone()), at);
}

fn end_attempt(session: &mut Session, end: AttemptEnd, at: Timestamp) {
    let took = std::time::Duration::default();
    let left_as = |detail: &mut String| match &end {
        AttemptEnd::Done => StepState::Done { took, detail: std::mem::take(detail) },
        AttemptEnd::Failed(_) => StepState::Failed { took },
        AttemptEnd::Stopped | AttemptEnd::Unrecorded => StepState::Stopped,
    };
    for state in &mut session.steps {
        if let StepState::Running { detail } = state {
            *state = left_as(detail);
        }
    }
    if let Some(record) = session.attempts.iter_mut().rev().find(|record| record.ended.is_none()) {
        record.ended = Some((at, end));
    }
}

fn request_cancel(session: &mut Session, disposition: Disposition, deadline: Timestamp, at: Timestamp) {
    let stage = if let Phase::Running { attempt, .. } = session.phase {
        CancelStage::Stopping { attempt, deadline, urgency: Urgency::InTime }
    } else {
        CancelStage::Disposing { attempt: session.next_attempt(), deadline, urgency: Urgency::InTime }
    };
    session.phase = Phase::Canceling { since: at, disposition, stage };
}

fn reschedule(session: &mut Session, due: Timestamp) {
    match &mut session.phase {
        Phase::Waiting { next_try, .. } => *next_try = due,
        Phase::Canceling {
            stage: CancelStage::Stopping { deadline, .. } | CancelStage::Disposing { deadline, .. },
            ..
        } => *deadline = due,
        Phase::Queued { .. } | Phase::Running { .. } | Phase::Stuck { .. } | Phase::Completed { .. } => {}
    }
}

fn set_urgency(session: &mut Session, now: Urgency) {
    if let Phase::Canceling { stage, .. } = &mut session.phase {
        let (CancelStage::Stopping { urgency, .. } | CancelStage::Disposing { urgency, .. }) = stage;
        *urgency = now;
    }
}

fn dispose(session: &mut Session, number: AttemptNo, deadline: Timestamp, at: Timestamp) {
    end_attempt(session, AttemptEnd::Stopped, at);
    session.attempts.push(AttemptRecord { number, cause: None, launched: at, mark: None, ended: None });
    if let Phase::Canceling { stage, .. } = &mut session.phase {
        *stage = CancelStage::Disposing { attempt: number, deadline, urgency: Urgency::InTime };
    }
}

fn end_of_disposal(disposed: &Disposed) -> AttemptEnd {
    if let Disposed::Failed { cause } = disposed {
        AttemptEnd::Failed(Failure::incurable(cause.clone(), ""))
    } else {
        AttemptEnd::Done
    }
}

fn untouched() -> Vec<StepState> {
    vec![StepState::Pending; Step::ALL.len()]
}
