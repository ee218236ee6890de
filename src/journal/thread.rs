//! The journal on a thread of its own, so that a slow disk never holds up the owner's other work.

use super::{Batch, JournalError, SqliteJournal, Store};
use crate::{
    domain::{JobId, SessionId},
    machine::{Session, job::JobRun},
};
use std::sync::mpsc;
use tokio::sync::oneshot;

/// A journal whose work is done in order by one thread, which ends when this is dropped.
#[derive(Debug)]
pub struct ThreadStore {
    jobs: mpsc::Sender<Task>,
}

type Task = Box<dyn FnOnce(&mut SqliteJournal) + Send>;

impl ThreadStore {
    /// Gives the journal its thread.
    pub fn spawn(mut journal: SqliteJournal) -> std::io::Result<Self> {
        // Unbounded is bounded here: the manager waits for each answer before it asks again.
        let (jobs, queue) = mpsc::channel::<Task>();
        std::thread::Builder::new().name("journal".to_owned()).spawn(move || {
            for job in queue {
                job(&mut journal);
            }
        })?;
        Ok(Self { jobs })
    }

    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SqliteJournal) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        let (answer, reply) = oneshot::channel();
        let job: Task = Box::new(move |journal| {
            // Nobody may be waiting any more: the owner is closing.
            let _: Result<(), Result<T, JournalError>> = answer.send(work(journal));
        });
        self.jobs.send(job).map_err(|_| JournalError::WriterGone)?;
        reply.await.map_err(|_| JournalError::WriterGone)?
    }
}

impl Store for ThreadStore {
    async fn append(&mut self, batch: Batch) -> Result<(), JournalError> {
        self.ask(move |journal| journal.append(&batch)).await
    }

    async fn check(&mut self) -> Result<(), JournalError> {
        self.ask(SqliteJournal::check).await
    }

    async fn session(&mut self, id: SessionId) -> Result<Option<Session>, JournalError> {
        self.ask(move |journal| journal.session(id)).await
    }

    async fn job(&mut self, id: JobId) -> Result<Option<JobRun>, JournalError> {
        self.ask(move |journal| journal.job(id)).await
    }
}
