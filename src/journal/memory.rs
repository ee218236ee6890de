//! A journal in memory, for tests on paused time: it never waits, and can be told to fail.

use super::{Batch, Change, JournalError, Store};
use crate::{domain::SessionId, machine::Session};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// A shared journal in memory; a clone sees the same records, as a second opening of a file would.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    records: Arc<Mutex<Records>>,
    failing: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct Records {
    sessions: BTreeMap<SessionId, Session>,
    changes: Vec<(SessionId, Change)>,
}

impl MemoryStore {
    /// From now on `append` fails, or works again.
    pub fn fail(&self, failing: bool) {
        self.failing.store(failing, Ordering::SeqCst);
    }

    /// All that was ever stored of a session, in order.
    pub fn changes(&self, id: SessionId) -> Vec<Change> {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.changes.iter().filter(|(of, _)| *of == id).map(|(_, change)| change.clone()).collect()
    }

    /// Every session as it stands.
    pub fn sessions(&self) -> Vec<Session> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).sessions.values().cloned().collect()
    }
}

impl Store for MemoryStore {
    async fn append(&mut self, batch: Batch) -> Result<(), JournalError> {
        if self.failing.load(Ordering::SeqCst) {
            return Err(JournalError::WriterGone);
        }
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in batch.entries {
            let id = entry.after.id();
            records.changes.extend(entry.changes.into_iter().map(|change| (id, change)));
            records.sessions.insert(id, entry.after);
        }
        Ok(())
    }

    async fn session(&mut self, id: SessionId) -> Result<Option<Session>, JournalError> {
        Ok(self.records.lock().unwrap_or_else(PoisonError::into_inner).sessions.get(&id).cloned())
    }
}
