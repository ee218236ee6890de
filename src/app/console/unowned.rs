//! The sessions as the journal has them while nobody owns them.
//!
//! Promises: reads and nothing else; the newest completed sessions are there before the others are read. Never: judges
//! whether an attempt that the journal calls running still is.

use crate::{
    domain::KindFilter,
    journal::{JournalError, JournalReader},
    machine::{CompletedRow, EndedCounts, Session, UnreadableSession, sort_for_screen},
    manager::{Counts, Snapshot},
};
use std::{path::Path, sync::Arc};

/// A journal that nobody writes, or that is seen as if nobody did.
pub(super) struct UnownedJournal(JournalReader);

impl UnownedJournal {
    /// The journal of this state directory; that there is none is no error.
    pub(super) fn open(state: &Path) -> Result<Self, JournalError> {
        JournalReader::open(&state.join("journal.db")).map(Self)
    }

    /// Sends how the sessions stand, where that has changed since the last call: at once with the newest completed ones,
    /// then with all.
    pub(super) fn read(&mut self, mut send: impl FnMut(Snapshot)) -> Result<(), JournalError> {
        if !self.0.changed()? {
            return Ok(());
        }
        let ongoing = self.0.ongoing()?;
        let mut unreadable = ongoing.unreadable;
        let mut ongoing: Vec<Arc<Session>> = ongoing.sessions.into_iter().map(Arc::new).collect();
        sort_for_screen(&mut ongoing);
        let runs = self.runs()?;
        let mut rows: Vec<Arc<CompletedRow>> = Vec::new();
        let mut after = None;
        loop {
            let is_first = after.is_none();
            let page = self.0.completed(KindFilter::All, after)?;
            unreadable.extend(page.found.unreadable);
            rows.extend(page.found.sessions.iter().filter_map(CompletedRow::of).map(Arc::new));
            after = page.next;
            if is_first || after.is_none() {
                send(Snapshot {
                    runs: runs.runs.clone(),
                    ended_runs: Arc::clone(&runs.ended_runs),
                    unreadable_runs: Arc::clone(&runs.unreadable_runs),
                    ..snapshot(&ongoing, &rows, &unreadable)
                });
            }
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// A snapshot of the runs of jobs alone.
    fn runs(&mut self) -> Result<Snapshot, JournalError> {
        let (ongoing, (ended, unreadable)) = (self.0.ongoing_runs()?, self.0.ended_runs()?);
        Ok(Snapshot {
            runs: ongoing.runs.into_iter().map(Arc::new).collect(),
            ended_runs: Arc::new(ended.into_iter().map(Arc::new).collect()),
            unreadable_runs: Arc::new([ongoing.unreadable, unreadable].concat()),
            ..Snapshot::default()
        })
    }
}

fn snapshot(ongoing: &[Arc<Session>], rows: &[Arc<CompletedRow>], unreadable: &[UnreadableSession]) -> Snapshot {
    let mut ended = EndedCounts::default();
    for row in rows {
        *ended.count_mut(row.kind, row.result) += 1;
    }
    Snapshot {
        revision: 0,
        ongoing: ongoing.to_vec(),
        completed: Arc::new(rows.to_vec()),
        unreadable: Arc::new(unreadable.to_vec()),
        counts: Counts::of(ongoing, ended),
        ..Snapshot::default()
    }
}
