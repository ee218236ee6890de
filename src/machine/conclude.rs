//! What the end of an attempt means for its session: the rules of trying again, in one place.

use super::{Cause, Event, Phase, Session, StuckReason, decide::later};
use crate::domain::{AttemptNo, Disposed, Failure, FailureClass, Timestamp, fact::End};

/// A running attempt whose processes are gone.
pub(super) fn conclude_stop(session: &Session, attempt: AttemptNo, end: Option<End>, now: Timestamp) -> Vec<Event> {
    match end {
        Some(End::Succeeded(success)) => vec![Event::Succeeded { attempt, success }],
        Some(End::Failed(failure)) => conclude_attempt(session, attempt, failure, now),
        Some(End::Stopped) => {
            let cause = "the attempt was stopped from outside, not by howdah";
            conclude_attempt(session, attempt, Failure::disruption(cause, ""), now)
        }
        Some(End::Disposed(_)) => {
            conclude_attempt(session, attempt, Failure::bug("a restore attempt reported the end of a disposal"), now)
        }
        None => conclude_attempt(session, attempt, killed(), now),
    }
}

/// A running attempt that failed: wait for the next try, or be stuck (R8, R9, R11, D2, D4, D5).
pub(super) fn conclude_attempt(session: &Session, attempt: AttemptNo, failure: Failure, now: Timestamp) -> Vec<Event> {
    match failure.class {
        FailureClass::Incurable => stuck(session, attempt, failure, StuckReason::Incurable),
        FailureClass::Bug => stuck(session, attempt, failure, StuckReason::Bug),
        FailureClass::Disruption => disrupted(session, attempt, failure, later(now, session.policy.every)),
    }
}

/// A running attempt that went down with its owner: a disruption like any other, but for its first try, which is due at
/// once (D9). The count goes on, so that a machine that crashes again and again at the same place comes to an end.
pub(super) fn lost(session: &Session, attempt: AttemptNo, now: Timestamp) -> Vec<Event> {
    disrupted(session, attempt, Failure::disruption("the attempt was lost while howdah was not running", ""), now)
}

/// A disruption: the next try is due at this moment, if one is left.
fn disrupted(session: &Session, attempt: AttemptNo, failure: Failure, next_try: Timestamp) -> Vec<Event> {
    let tries_used = tries_used(session);
    if tries_used >= session.policy.tries {
        return stuck(session, attempt, failure, StuckReason::TriesUsedUp);
    }
    let reached = session.reached.max(session.furthest);
    vec![Event::Disrupted { attempt, failure, reached, tries_used, next_try }]
}

fn stuck(session: &Session, attempt: AttemptNo, failure: Failure, reason: StuckReason) -> Vec<Event> {
    vec![Event::GotStuck { attempt, failure, reached: session.reached.max(session.furthest), reason }]
}

/// The worker that dealt with partial data has ended.
pub(super) fn conclude_disposal(end: Option<End>) -> Vec<Event> {
    let failed = |cause: String| Disposed::Failed { cause };
    let disposed = match end {
        Some(End::Disposed(disposed)) => disposed,
        Some(End::Failed(failure)) => failed(failure.to_string()),
        Some(End::Stopped) => failed("the worker that deals with it was stopped from outside".to_owned()),
        Some(End::Succeeded(_)) => failed("the worker that deals with it reported a restore instead".to_owned()),
        None => failed("the worker that deals with it was killed".to_owned()),
    };
    vec![Event::Cancelled { disposed }]
}

fn killed() -> Failure {
    Failure::disruption(
        "the worker exited without reporting: it was killed, the machine is short of memory, or the disk of the state \
         directory is full",
        "",
    )
}

/// The tries that this disruption has used once the running attempt has failed too. An attempt that got through has
/// ended the disruption, and a person's retry begins a new series (D3, D5).
fn tries_used(session: &Session) -> u32 {
    match &session.phase {
        Phase::Running { cause: Cause::Try(number), got_through: false, .. } => *number,
        Phase::Running { .. }
        | Phase::Queued { .. }
        | Phase::Waiting { .. }
        | Phase::Stuck { .. }
        | Phase::Canceling { .. }
        | Phase::Completed { .. } => 0,
    }
}
