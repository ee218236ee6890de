//! What the end of an attempt means for its session: the rules of trying again, in one place.

use super::{
    Cause, EndWish, Event, Phase, Session, StuckReason,
    deadline::{CANCEL_GRACE, later},
};
use crate::domain::{AttemptNo, Disposed, Failure, FailureClass, Kind, Timestamp, WhenUsedUp, fact::End};

/// A running attempt whose processes are gone.
pub(super) fn conclude_stop(session: &Session, attempt: AttemptNo, end: Option<End>, now: Timestamp) -> Vec<Event> {
    match end {
        Some(End::Succeeded(success)) => vec![Event::Succeeded { attempt, success }],
        Some(End::Damaged(verification)) => vec![Event::Damaged { attempt, verification }],
        Some(End::Paused(at)) => vec![Event::Paused { attempt, at, reached: session.reached.max(session.furthest) }],
        Some(End::Failed(failure)) => conclude_attempt(session, attempt, failure, now),
        Some(End::Stopped) => {
            let cause = "the attempt was stopped from outside, not by howdah";
            conclude_attempt(session, attempt, Failure::disruption(cause, ""), now)
        }
        Some(End::Disposed(_)) => {
            conclude_attempt(session, attempt, Failure::bug("an attempt reported the end of a disposal"), now)
        }
        None => conclude_attempt(session, attempt, killed(), now),
    }
}

/// A running attempt that failed: wait for the next try, or be stuck (R8, R9, R11, D2, D4, D5).
pub(super) fn conclude_attempt(session: &Session, attempt: AttemptNo, failure: Failure, now: Timestamp) -> Vec<Event> {
    match failure.class {
        FailureClass::Incurable => stuck(session, attempt, failure, StuckReason::Incurable, now),
        FailureClass::Bug => stuck(session, attempt, failure, StuckReason::Bug, now),
        FailureClass::Disruption => disrupted(session, attempt, failure, later(now, session.policy.every), now),
    }
}

/// A running attempt that went down with its owner: a disruption like any other, but for its first try, which is due at
/// once (D9). The count goes on, so that a machine that crashes again and again at the same place comes to an end.
pub(super) fn lost(session: &Session, attempt: AttemptNo, now: Timestamp) -> Vec<Event> {
    disrupted(session, attempt, Failure::disruption("the attempt was lost while howdah was not running", ""), now, now)
}

/// A server that waited at its goal and is gone: an attempt brings it back to where it was, and the first is due at once
/// (D9). The order is as it was.
pub(super) fn server_lost(session: &Session, attempt: AttemptNo, now: Timestamp) -> Vec<Event> {
    let cause = "the server that waited at its goal is gone: it was stopped or killed, or the machine went down";
    disrupted(session, attempt, Failure::disruption(cause, ""), now, now)
}

/// A disruption: the next try is due at this moment, if one is left.
fn disrupted(
    session: &Session,
    attempt: AttemptNo,
    failure: Failure,
    next_try: Timestamp,
    now: Timestamp,
) -> Vec<Event> {
    let tries_used = tries_used(session);
    if session.finishing || tries_used >= session.policy.tries {
        return stuck(session, attempt, failure, StuckReason::TriesUsedUp, now);
    }
    let reached = session.reached.max(session.furthest);
    vec![Event::Disrupted { attempt, failure, reached, tries_used, next_try }]
}

/// No try follows: a person is asked, or the session ends as failed where nobody is (the objects of jobs). A restore
/// always asks (R6).
fn stuck(session: &Session, attempt: AttemptNo, failure: Failure, reason: StuckReason, now: Timestamp) -> Vec<Event> {
    let reached = session.reached.max(session.furthest);
    match (session.policy.when_used_up, session.order.kind()) {
        (WhenUsedUp::Fail, Kind::Backup) => {
            let wish = EndWish::Fail(failure.clone());
            let deadline = later(now, CANCEL_GRACE);
            vec![Event::GaveUp { attempt, failure, reached, deadline }, dispose(session, &wish, now)]
        }
        (WhenUsedUp::Ask, _) | (WhenUsedUp::Fail, Kind::Restore | Kind::Verify | Kind::Explore) => {
            vec![Event::GotStuck { attempt, failure, reached, reason }]
        }
    }
}

/// What follows once no attempt of a session that is being ended is alive: a worker deals with what they left, if they
/// may have left anything.
pub(super) fn dispose(session: &Session, wish: &EndWish, now: Timestamp) -> Event {
    if session.attempts.is_empty() || session.order.leftover().is_none() {
        return ended(wish, Disposed::Nothing);
    }
    Event::DisposalLaunched { attempt: session.next_attempt(), deadline: later(now, CANCEL_GRACE) }
}

/// Whether another worker follows on one that was killed while it dealt with what attempts had left. That of a backup is
/// removed, whoever kills its remover (R34).
pub(super) fn may_dispose_again(session: &Session) -> bool {
    /// The third that is killed is no chance any more: what kills them is told.
    const MOST: usize = 3;
    let disposals = session.attempts.iter().filter(|attempt| attempt.cause.is_none()).count();
    session.order.kind() == Kind::Backup && disposals < MOST
}

/// The last event of a session that was ended so.
pub(super) fn ended(wish: &EndWish, disposed: Disposed) -> Event {
    match wish {
        EndWish::Cancel => Event::Cancelled { disposed },
        EndWish::Stop => Event::Stopped { disposed },
        EndWish::Fail(_) => Event::Failed { disposed },
    }
}

/// The worker that dealt with partial data has ended.
pub(super) fn conclude_disposal(session: &Session, attempt: AttemptNo, wish: &EndWish, end: Option<End>) -> Vec<Event> {
    let failed = |cause: String| Disposed::Failed { cause };
    let disposed = match end {
        Some(End::Disposed(disposed)) => disposed,
        // An attempt had made the restore point, and was killed before it could say so. What is true is told.
        Some(End::Succeeded(success)) if session.order.kind() == Kind::Backup => {
            return vec![Event::Succeeded { attempt, success }];
        }
        Some(End::Failed(failure)) => failed(failure.to_string()),
        Some(End::Stopped) => failed("the worker that deals with it was stopped from outside".to_owned()),
        Some(End::Succeeded(_) | End::Damaged(_) | End::Paused(_)) => {
            failed("the worker that deals with it reported the end of an attempt instead".to_owned())
        }
        None => failed("the worker that deals with it was killed".to_owned()),
    };
    vec![ended(wish, disposed)]
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
        | Phase::Paused { .. }
        | Phase::Cancelling { .. }
        | Phase::Completed { .. } => 0,
    }
}
