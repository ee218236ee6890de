//! A session as its next owner will see it: what its live attempt has reported since the journal was written.
//!
//! Promises: the facts go through the machine itself, so that a reader and an owner never disagree; each line is read
//! once; a worker that is proven gone without its last report is reported. Never: writes or concludes anything: what
//! the end of an attempt means is for an owner to decide.

use super::{
    AttemptDir,
    tail::{Line, Tail},
    worker_group::WorkerGroup,
};
use crate::{
    domain::{AttemptNo, SessionId, Timestamp, fact::Fact},
    machine::{Command, Report, Session, decide, evolve},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::PathBuf,
};

/// Who looks on at the attempts of one state directory.
#[derive(Debug)]
pub struct AttemptObserver {
    state: PathBuf,
    seen: BTreeMap<SessionId, Seen>,
}

/// What an attempt has reported so far.
#[derive(Debug)]
struct Seen {
    attempt: AttemptNo,
    tail: Tail,
    facts: Vec<Fact>,
    /// Whether the worker has sent its last report, which an owner has yet to read.
    ended: bool,
}

impl AttemptObserver {
    /// Looks on below this state directory.
    pub const fn new(state: PathBuf) -> Self {
        Self { state, seen: BTreeMap::new() }
    }

    /// The session, as the journal has it, with what its live attempt has reported since. When the attempt's file cannot be
    /// read, what was read before stands, and the error is returned beside it.
    pub fn poll(&mut self, session: &Session, now: Timestamp) -> (Session, Option<io::Error>) {
        let Some(attempt) = session.live_attempt() else {
            self.seen.remove(&session.id());
            return (session.clone(), None);
        };
        let fresh = || Seen {
            attempt,
            tail: Tail::new(&AttemptDir::new(&self.state, session.id(), attempt), session.uuid()),
            facts: Vec::new(),
            ended: false,
        };
        let seen = self.seen.entry(session.id()).or_insert_with(fresh);
        if seen.attempt != attempt {
            *seen = fresh();
        }
        let problem = match seen.tail.read() {
            Ok(lines) => {
                for line in lines {
                    seen.take_in(line);
                }
                None
            }
            Err(error) => Some(error),
        };
        (replay(session.clone(), attempt, &seen.facts, now), problem)
    }

    /// Whether the worker of a session's live attempt is gone without its last report, the session being as `poll`
    /// returned it.
    /// With an owner, that is the owner's to find out and to answer within a moment.
    pub fn is_lost(&self, session: &Session) -> bool {
        let (Some(attempt), Some(seen)) = (session.live_attempt(), self.seen.get(&session.id())) else { return false };
        let dir = AttemptDir::new(&self.state, session.id(), attempt);
        !seen.ended && WorkerGroup::new(dir.directory().to_owned(), session.live_mark()).is_gone()
    }

    /// Forgets the attempts of all other sessions.
    pub fn keep_only(&mut self, sessions: &BTreeSet<SessionId>) {
        self.seen.retain(|id, _| sessions.contains(id));
    }
}

impl Seen {
    fn take_in(&mut self, line: Line) {
        let fact = line.into_fact();
        if matches!(fact, Fact::Ended(_)) {
            self.ended = true;
            return;
        }
        // Of progress on progress only the last counts; there are five a second for hours.
        if matches!((self.facts.last(), &fact), (Some(Fact::Progress(_)), Fact::Progress(_))) {
            self.facts.pop();
        }
        self.facts.push(fact);
    }
}

/// The session after these facts of its attempt.
pub fn replay(session: Session, attempt: AttemptNo, facts: &[Fact], now: Timestamp) -> Session {
    facts.iter().fold(session, |session, fact| {
        let command = Command::Report { attempt, report: Report::Fact(fact.clone()) };
        // A report is never refused; if it were, it would change nothing.
        let events = decide(&session, command, now).unwrap_or_default();
        events.iter().fold(session, |session, event| evolve(session, event, now))
    })
}
