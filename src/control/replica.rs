//! A copy of the owner's snapshot, as a client builds it from the changes that it receives.
//!
//! Promises: what comes out is always a snapshot that the owner had, never half of a change; what has not changed stays
//! the same value in memory, also when the owner is another one than before. What an owner sends is not trusted: more
//! than a client can hold is an error, counts are counted here. Never: does input or output.

use super::{change::Change, protocol::MAX_NAME_LEN};
use crate::{
    domain::{JobId, SessionId},
    machine::{
        CompletedRow, EndedCounts, Session, UnreadableSession,
        job::{JobRow, JobRun, UnreadableJob},
        sort_for_screen,
    },
    manager::{Counts, Snapshot},
};
use std::{
    borrow::Cow,
    cmp::Reverse,
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};
use thiserror::Error;

/// Bytes of ongoing sessions, as they came over the wire, that are held: a hundred times what a thousand sessions take.
const MAX_BYTES: usize = 512 << 20;

/// Completed sessions that are held, some 200 MiB; of more than these the newest stay, as on any screen, and the counts
/// include all.
const MAX_ROWS: usize = 1_000_000;

/// A count that no owner reaches; a larger one is not believed, since sums of counts must not overflow.
const MAX_COUNT: usize = 1 << 40;

/// The owner's snapshot, as far as it was received.
#[derive(Debug, Default)]
pub struct Replica {
    /// The snapshot that was shown last.
    shown: Arc<Snapshot>,
    ongoing: HashMap<SessionId, (Arc<Session>, usize)>,
    bytes: usize,
    rows: Arc<Vec<Arc<CompletedRow>>>,
    rows_new: HashMap<SessionId, Arc<CompletedRow>>,
    rows_gone: HashSet<SessionId>,
    unreadable: Arc<Vec<UnreadableSession>>,
    runs: BTreeMap<JobId, (Arc<JobRun>, usize)>,
    ended_runs: Arc<Vec<Arc<JobRow>>>,
    unreadable_runs: Arc<Vec<UnreadableJob>>,
    /// What a previous owner had sent, until the present one has sent its first snapshot.
    previous: Option<Previous>,
}

#[derive(Debug, Default)]
struct Previous {
    ongoing: HashMap<SessionId, (Arc<Session>, usize)>,
    rows: HashMap<SessionId, Arc<CompletedRow>>,
}

/// A change that no owner of ours would send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidChange {
    /// A session under Restore that has ended.
    #[error("session {0} is sent as ongoing and has ended")]
    Ended(SessionId),
    /// More than can be held.
    #[error("its ongoing sessions take more than {MAX_BYTES} bytes")]
    TooMuch,
    /// A name that no instance has.
    #[error("the instance of session {0} has a name of more than {MAX_NAME_LEN} bytes")]
    Name(SessionId),
    /// A run that goes on and has ended.
    #[error("run {0} of a job is sent as going on and has ended")]
    EndedRun(JobId),
    /// A name that no job has.
    #[error("run {0} of a job has a name of more than {MAX_NAME_LEN} bytes")]
    RunName(JobId),
}

impl Replica {
    /// Starts over with another connection. What is known is kept to compare with, and stays on the screen until the
    /// new owner has sent its whole snapshot.
    pub fn reset(&mut self) {
        let mut previous = self.previous.take().unwrap_or_default();
        previous.ongoing.extend(std::mem::take(&mut self.ongoing));
        previous.rows.extend(self.rows.iter().map(|row| (row.id, Arc::clone(row))));
        if self.shown.revision > 0 {
            self.previous = Some(previous);
        }
        self.bytes = 0;
        self.rows = Arc::default();
        self.rows_new.clear();
        self.rows_gone.clear();
        self.unreadable = Arc::default();
        self.runs.clear();
        self.ended_runs = Arc::default();
        self.unreadable_runs = Arc::default();
    }

    /// Applies one change that came in a line of so many bytes. Returns the snapshot when one is complete and can be
    /// shown.
    pub fn apply(&mut self, change: Change<'static>, bytes: usize) -> Result<Option<Arc<Snapshot>>, InvalidChange> {
        match change {
            Change::Session(session) => self.session(session.into_owned(), bytes)?,
            Change::Gone(ids) => ids.into_iter().for_each(|id| self.forget(id)),
            Change::Rows(rows) => rows.into_iter().try_for_each(|row| self.row(row.into_owned()))?,
            Change::RowsGone(ids) => {
                for id in ids {
                    self.rows_new.remove(&id);
                    self.rows_gone.insert(id);
                }
                if self.rows_gone.len() > MAX_ROWS {
                    self.merge_rows();
                }
            }
            Change::Unreadable(all) => {
                let all: Vec<UnreadableSession> = all.into_iter().map(Cow::into_owned).collect();
                self.unreadable = Arc::new(all);
            }
            Change::Run(run) => self.run(run.into_owned(), bytes)?,
            Change::RunsGone(ids) => ids.into_iter().for_each(|id| self.forget_run(id)),
            Change::EndedRuns(rows) => self.ended_runs(rows.into_iter().map(Cow::into_owned))?,
            Change::UnreadableRuns(all) => {
                self.unreadable_runs = Arc::new(all.into_iter().map(Cow::into_owned).collect());
            }
            Change::Snapshot { revision, ended, more } => return Ok(self.complete(revision, ended, more)),
        }
        Ok(None)
    }

    fn session(&mut self, session: Session, bytes: usize) -> Result<(), InvalidChange> {
        let id = session.id();
        if !session.is_ongoing() {
            return Err(InvalidChange::Ended(id));
        }
        let previous = self.previous.as_ref().and_then(|previous| previous.ongoing.get(&id));
        let session = match previous {
            Some((known, _)) if **known == session => Arc::clone(known),
            Some(_) | None => Arc::new(session),
        };
        self.forget(id);
        self.ongoing.insert(id, (session, bytes));
        self.take_up(bytes)
    }

    fn take_up(&mut self, bytes: usize) -> Result<(), InvalidChange> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > MAX_BYTES { Err(InvalidChange::TooMuch) } else { Ok(()) }
    }

    fn run(&mut self, run: JobRun, bytes: usize) -> Result<(), InvalidChange> {
        let id = run.id();
        if !run.is_ongoing() {
            return Err(InvalidChange::EndedRun(id));
        }
        if run.spec().name().as_str().len() > MAX_NAME_LEN {
            return Err(InvalidChange::RunName(id));
        }
        let run = match self.shown.run(id) {
            Some(known) if **known == run => Arc::clone(known),
            Some(_) | None => Arc::new(run),
        };
        self.forget_run(id);
        self.runs.insert(id, (run, bytes));
        self.take_up(bytes)
    }

    fn forget_run(&mut self, id: JobId) {
        if let Some((_, bytes)) = self.runs.remove(&id) {
            self.bytes -= bytes;
        }
    }

    fn ended_runs(&mut self, rows: impl Iterator<Item = JobRow>) -> Result<(), InvalidChange> {
        let known: HashMap<JobId, &Arc<JobRow>> = self.shown.ended_runs.iter().map(|row| (row.id, row)).collect();
        let kept = |row: JobRow| match known.get(&row.id) {
            _ if row.name.as_str().len() > MAX_NAME_LEN => Err(InvalidChange::RunName(row.id)),
            Some(known) if ***known == row => Ok(Arc::clone(known)),
            Some(_) | None => Ok(Arc::new(row)),
        };
        let rows: Vec<Arc<JobRow>> = rows.map(kept).collect::<Result<_, _>>()?;
        self.ended_runs = Arc::new(rows);
        Ok(())
    }

    fn forget(&mut self, id: SessionId) {
        if let Some((_, bytes)) = self.ongoing.remove(&id) {
            self.bytes -= bytes;
        }
    }

    fn row(&mut self, row: CompletedRow) -> Result<(), InvalidChange> {
        let id = row.id;
        if row.title.as_str().len() > MAX_NAME_LEN {
            return Err(InvalidChange::Name(id));
        }
        let previous = self.previous.as_ref().and_then(|previous| previous.rows.get(&id));
        let row = match previous {
            Some(known) if **known == row => Arc::clone(known),
            Some(_) | None => Arc::new(row),
        };
        self.rows_new.insert(id, row);
        if self.rows_new.len() > MAX_ROWS {
            self.merge_rows();
        }
        Ok(())
    }

    fn merge_rows(&mut self) {
        if self.rows_new.is_empty() && self.rows_gone.is_empty() {
            return;
        }
        let (new, gone) = (std::mem::take(&mut self.rows_new), std::mem::take(&mut self.rows_gone));
        let stays = |row: &&Arc<CompletedRow>| !gone.contains(&row.id) && !new.contains_key(&row.id);
        let mut rows: Vec<Arc<CompletedRow>> = self.rows.iter().filter(stays).cloned().collect();
        rows.extend(new.into_values());
        rows.sort_unstable_by_key(|row| Reverse((row.ended, row.id)));
        rows.truncate(MAX_ROWS);
        self.rows = Arc::new(rows);
    }

    fn complete(&mut self, revision: u64, ended: EndedCounts, more: bool) -> Option<Arc<Snapshot>> {
        self.merge_rows();
        if self.previous.is_some() {
            if more {
                return None;
            }
            self.previous = None;
            let same = |a: &Arc<CompletedRow>, b: &Arc<CompletedRow>| Arc::ptr_eq(a, b);
            let shown = &self.shown.completed;
            if shown.len() == self.rows.len() && shown.iter().zip(&*self.rows).all(|(a, b)| same(a, b)) {
                self.rows = Arc::clone(shown);
            }
        }
        if self.unreadable == self.shown.unreadable {
            self.unreadable = Arc::clone(&self.shown.unreadable);
        }
        if self.ended_runs == self.shown.ended_runs {
            self.ended_runs = Arc::clone(&self.shown.ended_runs);
        }
        if self.unreadable_runs == self.shown.unreadable_runs {
            self.unreadable_runs = Arc::clone(&self.shown.unreadable_runs);
        }
        let mut ongoing: Vec<Arc<Session>> = self.ongoing.values().map(|(session, _)| Arc::clone(session)).collect();
        sort_for_screen(&mut ongoing);
        let counts = Counts::of(&ongoing, ended.at_most(MAX_COUNT));
        // A new owner counts from one again; here a later snapshot has a greater number all the same.
        let revision = revision.max(self.shown.revision.saturating_add(1));
        let (completed, unreadable) = (Arc::clone(&self.rows), Arc::clone(&self.unreadable));
        let runs = self.runs.values().map(|(run, _)| Arc::clone(run)).collect();
        let (ended_runs, unreadable_runs) = (Arc::clone(&self.ended_runs), Arc::clone(&self.unreadable_runs));
        self.shown =
            Arc::new(Snapshot { revision, ongoing, completed, unreadable, counts, runs, ended_runs, unreadable_runs });
        Some(Arc::clone(&self.shown))
    }
}
