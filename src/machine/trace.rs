//! What the files of a session's attempts tell where the journal knows less: it was lost, or put back from a copy.

use super::{
    Event, Phase, Session,
    deadline::{CANCEL_GRACE, later},
};
use crate::domain::{AttemptNo, Disposed, Disposition, Success, Timestamp, Verification, fact::PausePoint};

/// Who asked for a cancel of which only the files tell.
const SOMEBODY: &str = "somebody whose name was lost with the journal";

/// The newest attempt that left files, and what they tell of the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The attempt.
    pub newest: AttemptNo,
    /// How the session stood with it.
    pub stood: Stood,
}

/// How a session stood with its newest attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stood {
    /// It was not at its end.
    Open,
    /// It had done its work.
    Succeeded(Success),
    /// It had found the backup damaged.
    Damaged(Verification),
    /// Its recovery had paused.
    Paused(PausePoint),
    /// It was being cancelled.
    Disposing(Disposition),
    /// It was cancelled.
    Disposed(Disposition, Disposed),
}

impl Stood {
    /// Whether the session had come to its end.
    pub const fn has_ended(&self) -> bool {
        matches!(self, Self::Succeeded(_) | Self::Damaged(_) | Self::Disposed(..))
    }
}

/// What follows for a session of which the journal knows less; nothing where it knows as much.
pub(super) fn catch_up(session: &Session, trace: Trace, now: Timestamp) -> Vec<Event> {
    let attempt = trace.newest;
    let is_known = session.attempts.last().is_some_and(|last| last.number >= attempt);
    if is_known || !session.is_ongoing() {
        return vec![];
    }
    let cancel = |disposition| {
        let is_cancelling = matches!(session.phase, Phase::Cancelling { .. });
        let deadline = later(now, CANCEL_GRACE);
        (!is_cancelling).then(|| Event::CancelRequested { disposition, by: SOMEBODY.to_owned(), deadline })
    };
    let mut events = vec![Event::Found { attempt }];
    match trace.stood {
        Stood::Open => {}
        Stood::Succeeded(success) => events.push(Event::Succeeded { attempt, success }),
        Stood::Damaged(verification) => events.push(Event::Damaged { attempt, verification }),
        Stood::Paused(at) => events.push(Event::Paused { attempt, at, reached: session.furthest }),
        Stood::Disposing(disposition) => {
            events.extend(cancel(disposition));
            events.push(Event::DisposalLaunched { attempt: attempt.next(), deadline: later(now, CANCEL_GRACE) });
        }
        Stood::Disposed(disposition, disposed) => {
            events.extend(cancel(disposition));
            events.push(Event::Cancelled { disposed });
        }
    }
    events
}
