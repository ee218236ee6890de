//! How one event changes a session. Total: history cannot be refused.

use super::{
    AttemptEnd, AttemptRecord, CancelStage, Cause, EndWish, Event, Phase, Session, StuckReason, event::Created,
    session::Urgency,
};
use crate::domain::{
    AttemptNo, Disposed, Disposition, Failure, Order, Outcome, Progress, Reached, Step, StepState, Timestamp,
};

/// Notes kept for one attempt: more would be a log, and the log is a file of its own.
const NOTES_KEPT: usize = 20;

impl Session {
    /// The session as its first event makes it: queued.
    pub fn create(created: Created) -> Self {
        Self {
            id: created.id,
            uuid: created.uuid,
            steps: untouched(&created.order),
            order: created.order,
            parent: created.parent,
            policy: created.policy,
            by: created.by,
            origin: created.origin,
            created_at: created.at,
            phase: Phase::Queued { since: created.at, cause: Cause::First },
            attempts: Vec::new(),
            plan: None,
            progress: Progress::default(),
            notes: Vec::new(),
            furthest: Reached::default(),
            reached: Reached::default(),
            tries_total: 0,
            first_cause: None,
            finishing: false,
            dismissed: false,
            places: created.places,
        }
    }
}

/// The session after `event`, which happened at `at`.
#[must_use]
pub fn evolve(mut session: Session, event: &Event, at: Timestamp) -> Session {
    match event {
        Event::Requeued { cause, by } => {
            session.phase = Phase::Queued { since: at, cause: *cause };
            // A person's retry begins a new series (D5).
            session.finishing = session.finishing && by.is_none();
        }
        Event::FinishRequested { .. } => session.finishing = true,
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
        Event::Damaged { verification, .. } => {
            end_attempt(&mut session, AttemptEnd::Done, at);
            session.phase = Phase::Completed { at, outcome: Outcome::Damaged(verification.clone()) };
        }
        Event::Paused { at: point, reached, .. } => {
            // It got where it was to get: whatever disrupted it before is over.
            session.furthest = *reached;
            session.first_cause = None;
            end_attempt(&mut session, AttemptEnd::Done, at);
            session.phase = Phase::Paused { since: at, at: point.clone() };
        }
        Event::Resumed { recovery, .. } => {
            session.order.set_recovery(recovery.clone());
            session.phase = Phase::Queued { since: at, cause: Cause::Resume };
        }
        Event::GaveUp { failure, reached, deadline, .. } => {
            fail(&mut session, failure, *reached, at);
            let (wish, disposition) = (EndWish::Fail(failure.clone()), Disposition::Remove);
            let stage = disposing(session.next_attempt(), *deadline);
            session.phase = Phase::Cancelling { since: at, wish, disposition, stage };
        }
        Event::CancelRequested { disposition, deadline, .. } => {
            request_end(&mut session, EndWish::Cancel, *disposition, *deadline, at);
        }
        Event::StopRequested { deadline, .. } => {
            request_end(&mut session, EndWish::Stop, Disposition::Remove, *deadline, at);
        }
        Event::CancelOverdue => set_urgency(&mut session, Urgency::Overdue),
        Event::Forced { .. } => set_urgency(&mut session, Urgency::Forced),
        Event::DisposalLaunched { attempt, deadline } => dispose(&mut session, *attempt, *deadline, at),
        Event::Cancelled { disposed } => {
            end(&mut session, disposed, Outcome::Cancelled { disposed: disposed.clone() }, at);
        }
        Event::Stopped { disposed } => {
            end(&mut session, disposed, Outcome::Stopped { disposed: disposed.clone() }, at);
        }
        Event::Failed { disposed } => {
            let failure = last_failure(&session);
            end(&mut session, disposed, Outcome::Failed { failure, disposed: disposed.clone() }, at);
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
    session.steps = untouched(&session.order);
    session.progress = Progress::default();
    session.reached = Reached::default();
    session.notes.clear();
}

fn change_step(session: &mut Session, step: Step, state: &StepState) {
    match session.steps.iter_mut().find(|(known, _)| *known == step) {
        Some((_, known)) => known.clone_from(state),
        None => session.steps.push((step, state.clone())),
    }
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
    for (_, state) in &mut session.steps {
        if let StepState::Running { detail } = state {
            *state = left_as(detail);
        }
    }
    if let Some(record) = session.attempts.iter_mut().rev().find(|record| record.ended.is_none()) {
        record.ended = Some((at, end));
    }
}

/// The failure that a session ends with.
fn last_failure(session: &Session) -> Failure {
    match &session.phase {
        Phase::Cancelling { wish: EndWish::Fail(failure), .. } => failure.clone(),
        Phase::Cancelling { wish: EndWish::Cancel | EndWish::Stop, .. }
        | Phase::Queued { .. }
        | Phase::Running { .. }
        | Phase::Waiting { .. }
        | Phase::Stuck { .. }
        | Phase::Paused { .. }
        | Phase::Completed { .. } => Failure::bug("a session failed without a failure"),
    }
}

fn end(session: &mut Session, disposed: &Disposed, outcome: Outcome, at: Timestamp) {
    end_attempt(session, end_of_disposal(disposed), at);
    session.phase = Phase::Completed { at, outcome };
}

/// A person wants it to end: first the attempt goes, if one runs.
fn request_end(session: &mut Session, wish: EndWish, disposition: Disposition, deadline: Timestamp, at: Timestamp) {
    let stage = if let Phase::Running { attempt, .. } = session.phase {
        CancelStage::Stopping { attempt, deadline, urgency: Urgency::InTime }
    } else {
        disposing(session.next_attempt(), deadline)
    };
    session.phase = Phase::Cancelling { since: at, wish, disposition, stage };
}

const fn disposing(attempt: AttemptNo, deadline: Timestamp) -> CancelStage {
    CancelStage::Disposing { attempt, deadline, urgency: Urgency::InTime }
}

fn reschedule(session: &mut Session, due: Timestamp) {
    match &mut session.phase {
        Phase::Waiting { next_try, .. } => *next_try = due,
        Phase::Cancelling {
            stage: CancelStage::Stopping { deadline, .. } | CancelStage::Disposing { deadline, .. },
            ..
        } => *deadline = due,
        Phase::Queued { .. }
        | Phase::Running { .. }
        | Phase::Stuck { .. }
        | Phase::Paused { .. }
        | Phase::Completed { .. } => {}
    }
}

fn set_urgency(session: &mut Session, now: Urgency) {
    if let Phase::Cancelling { stage, .. } = &mut session.phase {
        let (CancelStage::Stopping { urgency, .. } | CancelStage::Disposing { urgency, .. }) = stage;
        *urgency = now;
    }
}

fn dispose(session: &mut Session, number: AttemptNo, deadline: Timestamp, at: Timestamp) {
    end_attempt(session, AttemptEnd::Stopped, at);
    session.attempts.push(AttemptRecord { number, cause: None, launched: at, mark: None, ended: None });
    if let Phase::Cancelling { stage, .. } = &mut session.phase {
        *stage = disposing(number, deadline);
    }
}

fn end_of_disposal(disposed: &Disposed) -> AttemptEnd {
    if let Disposed::Failed { cause } = disposed {
        AttemptEnd::Failed(Failure::incurable(cause.clone(), ""))
    } else {
        AttemptEnd::Done
    }
}

fn untouched(order: &Order) -> Vec<(Step, StepState)> {
    order.steps().iter().map(|step| (*step, StepState::Pending)).collect()
}
