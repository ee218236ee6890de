//! A journal in memory, for tests on paused time: it can be told to fail, and to be slow.

use super::{Batch, JobRecord, JournalError, JournalRecord, Store};
use crate::{
    domain::{JobId, SessionId},
    machine::{Session, job::JobRun},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// A shared journal in memory; a clone sees the same records, as a second opening of a file would.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    records: Arc<Mutex<Records>>,
}

#[derive(Debug, Default)]
struct Records {
    sessions: BTreeMap<SessionId, Session>,
    changes: Vec<(SessionId, JournalRecord)>,
    runs: BTreeMap<JobId, JobRun>,
    run_changes: Vec<(JobId, JobRecord)>,
    /// How many more appends work; `None` is all.
    working: Option<usize>,
    refused: usize,
    spoilt: BTreeSet<SessionId>,
    takes: Duration,
    taken: bool,
}

impl MemoryStore {
    /// From now on `append` fails, or works again.
    pub fn fail(&self, failing: bool) {
        self.records().working = failing.then_some(0);
    }

    /// So many more appends work, then they fail.
    pub fn fail_after(&self, working: usize) {
        self.records().working = Some(working);
    }

    /// How many appends have failed.
    pub fn refused(&self) -> usize {
        self.records().refused
    }

    /// From now on the journal is another owner's.
    pub fn take_over(&self) {
        self.records().taken = true;
    }

    /// From now on an append takes so long.
    pub fn slow(&self, takes: Duration) {
        self.records().takes = takes;
    }

    /// From now on the record of this session cannot be read.
    pub fn spoil(&self, id: SessionId) {
        self.records().spoilt.insert(id);
    }

    /// All that was ever stored of a session, in order.
    pub fn changes(&self, id: SessionId) -> Vec<JournalRecord> {
        self.records().changes.iter().filter(|(of, _)| *of == id).map(|(_, change)| change.clone()).collect()
    }

    /// Every session that can be read, as it stands.
    pub fn sessions(&self) -> Vec<Session> {
        let records = self.records();
        let readable = records.sessions.values().filter(|session| !records.spoilt.contains(&session.id()));
        readable.cloned().collect()
    }

    /// All that was ever stored of a run, in order.
    pub fn run_changes(&self, id: JobId) -> Vec<JobRecord> {
        self.records().run_changes.iter().filter(|(of, _)| *of == id).map(|(_, change)| change.clone()).collect()
    }

    /// Every run of a job as it stands.
    pub fn runs(&self) -> Vec<JobRun> {
        self.records().runs.values().cloned().collect()
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    async fn append(&mut self, batch: Batch) -> Result<(), JournalError> {
        let takes = self.records().takes;
        if !takes.is_zero() {
            tokio::time::sleep(takes).await;
        }
        self.check().await?;
        let mut records = self.records();
        if records.working == Some(0) {
            records.refused += 1;
            return Err(JournalError::WriterGone);
        }
        records.working = records.working.map(|working| working - 1);
        for entry in batch.entries {
            let id = entry.after.id();
            records.changes.extend(entry.changes.into_iter().map(|change| (id, change)));
            records.sessions.insert(id, entry.after);
        }
        for entry in batch.jobs {
            let id = entry.after.id();
            records.run_changes.extend(entry.changes.into_iter().map(|change| (id, change)));
            records.runs.insert(id, entry.after);
        }
        Ok(())
    }

    async fn check(&mut self) -> Result<(), JournalError> {
        if self.records().taken { Err(JournalError::Superseded { path: "memory".into() }) } else { Ok(()) }
    }

    async fn session(&mut self, id: SessionId) -> Result<Option<Session>, JournalError> {
        let records = self.records();
        if records.spoilt.contains(&id) {
            return Err(JournalError::Record { id, cause: "it was spoilt".to_owned() });
        }
        Ok(records.sessions.get(&id).cloned())
    }

    async fn job(&mut self, id: JobId) -> Result<Option<JobRun>, JournalError> {
        Ok(self.records().runs.get(&id).cloned())
    }
}
