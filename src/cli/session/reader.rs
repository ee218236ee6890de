//! What the reading verbs see of the sessions: the journal, and what live attempts have told since it was written.
//!
//! Promises: works beside an owner and without one; what cannot be read is reported once and hides nothing else (S10).
//! Never: uses a socket or takes a lock.

use crate::{
    attempt::{self, AttemptDir, Traced, observe::AttemptObserver},
    domain::{AttemptNo, KindFilter, SessionId, Timestamp},
    journal::{JournalError, JournalReader},
    machine::{Session, UnreadableSession},
};
use rustix::fs::statvfs;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// A reader of one state directory.
#[derive(Debug)]
pub struct Reader {
    /// The journal alone.
    pub journal: JournalReader,
    kinds: KindFilter,
    state: PathBuf,
    observer: AttemptObserver,
    ongoing: Vec<Session>,
    problems: Vec<String>,
    shown: BTreeSet<String>,
}

impl Reader {
    /// Opens what is there of these kinds; a state directory that is not there holds no sessions.
    pub fn open(state: &Path, kinds: KindFilter) -> Result<Self, JournalError> {
        Ok(Self {
            kinds,
            journal: JournalReader::open(&state.join("journal.db"))?,
            state: state.to_owned(),
            observer: AttemptObserver::new(state.to_owned()),
            ongoing: Vec::new(),
            problems: Vec::new(),
            shown: BTreeSet::new(),
        })
    }

    /// The state directory.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// Which kinds of sessions are read.
    pub const fn kinds(&self) -> KindFilter {
        self.kinds
    }

    /// The kind of a session, if it is one that is not read here.
    pub fn other_kind(&mut self, id: SessionId) -> Result<Option<String>, JournalError> {
        let kind = self.journal.kind(id)?;
        Ok(kind.filter(|kind| !kind.parse().map_or(self.kinds == KindFilter::All, |kind| self.kinds.admits(kind))))
    }

    /// The ongoing sessions as the journal has them, oldest first.
    pub fn stored(&mut self) -> Result<Vec<Session>, JournalError> {
        let found = self.journal.ongoing()?;
        self.note(&found.unreadable);
        Ok(found.sessions.into_iter().filter(|session| self.kinds.admits(session.order().kind())).collect())
    }

    /// Where an attempt keeps its files.
    pub fn place(&self, session: SessionId, attempt: AttemptNo) -> AttemptDir {
        AttemptDir::new(&self.state, session, attempt)
    }

    /// The ongoing sessions as they stand now, oldest first. The journal is read again only when something was stored.
    pub fn ongoing(&mut self, now: Timestamp) -> Result<Vec<Session>, JournalError> {
        self.refresh()?;
        let ongoing = std::mem::take(&mut self.ongoing);
        let seen = ongoing.iter().map(|session| self.observed(session, now)).collect();
        self.ongoing = ongoing;
        Ok(seen)
    }

    /// One session as it stands now, wherever it stands.
    pub fn session(&mut self, id: SessionId, now: Timestamp) -> Result<Option<Session>, JournalError> {
        self.refresh()?;
        let known = self.ongoing.iter().find(|session| session.id() == id).cloned();
        let stored = if known.is_some() { known } else { self.journal.session(id)? };
        Ok(stored.map(|session| self.observed(&session, now)))
    }

    /// Whether the worker of this session, which was read a moment ago, is gone without a last report, or the server of one
    /// that is paused.
    pub fn is_lost(&self, session: &Session) -> bool {
        self.observer.is_lost(session) || session.paused_server().is_some_and(|server| !attempt::stands(server))
    }

    /// Notes records that cannot be read, to be reported.
    pub fn note(&mut self, unreadable: &[UnreadableSession]) {
        self.problems.extend(unreadable.iter().map(|record| record.problem.clone()));
    }

    /// What could not be read, or cannot be kept up to date, and was not reported yet.
    pub fn problems(&mut self) -> Vec<String> {
        // The journal stands still then, and what it says is what it said last.
        if statvfs(&self.state).is_ok_and(|disk| disk.f_bavail == 0) {
            let state = self.state.display();
            self.problems.push(format!("the disk of {state} is full: what happens is stored when there is room again"));
        }
        let problems = std::mem::take(&mut self.problems);
        problems.into_iter().filter(|problem| self.shown.insert(problem.clone())).collect()
    }

    /// Sessions that have left files and that the journal does not know, by number. Files that cannot be read are a
    /// problem to be reported.
    pub fn strays(&mut self) -> Result<Vec<Traced>, JournalError> {
        let known = self.journal.ids()?;
        Ok(match attempt::traces(&self.state, |id| !known.contains(&id)) {
            Ok((strays, unread)) => {
                let problems =
                    unread.iter().map(|(id, error)| format!("the files of session {id} cannot be read: {error}"));
                self.problems.extend(problems);
                strays
            }
            Err(error) => {
                let place = self.state.display();
                self.problems.push(format!("the files of attempts in {place} cannot be read: {error}"));
                Vec::new()
            }
        })
    }

    fn refresh(&mut self) -> Result<(), JournalError> {
        if self.journal.changed()? {
            let found = self.journal.ongoing()?;
            self.note(&found.unreadable);
            let kinds = self.kinds;
            let sessions = found.sessions.into_iter().filter(|session| kinds.admits(session.order().kind()));
            self.ongoing = sessions.collect();
            self.observer.keep_only(&self.ongoing.iter().map(Session::id).collect());
        }
        Ok(())
    }

    fn observed(&mut self, session: &Session, now: Timestamp) -> Session {
        let (session, problem) = self.observer.poll(session, now);
        self.problems.extend(problem.map(|error| {
            let file = session.live_attempt().map(|attempt| self.place(session.id(), attempt).events());
            let file = file.unwrap_or_default();
            format!("the events of session {} in {} cannot be read: {error}", session.id(), file.display())
        }));
        session
    }
}
