//! The durable history of sessions.
//!
//! Promises: what `append` has accepted survives a crash of the program and of the machine; one unreadable record
//! hides no other (S10); an old record can be read for ever. Never: decides anything.

pub mod health;
mod jobs;
pub mod memory;
pub mod observe;
mod ownership;
mod record;
mod schema;
pub mod sqlite;
mod thread;

pub use memory::MemoryStore;
pub use observe::{HistoryLine, JobHistoryLine, JobSet, JournalReader, RunNames, name_objects};
pub use schema::Migration;
pub use sqlite::SqliteJournal;
pub use thread::ThreadStore;

use crate::{
    domain::{JobId, SessionId, Timestamp},
    machine::{
        CompletedRow, EndedCounts, Event, Session, UnreadableSession,
        event::Created,
        job::{JobCreated, JobEvent, JobRow, JobRun, UnreadableJob},
    },
};
use std::{io, path::PathBuf};
use thiserror::Error;
use uuid::Uuid;

/// The version of the records that this build writes; it reads this and all older ones.
pub const RECORD_VERSION: u32 = 7;

/// What one turn of the manager wants stored, all or nothing.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// One entry a session.
    pub entries: Vec<JournalEntry>,
    /// One entry a run of a job.
    pub jobs: Vec<JobEntry>,
}

/// What has happened to one run of a job in one turn.
#[derive(Debug, Clone)]
pub struct JobEntry {
    /// The run as it stands after it.
    pub after: JobRun,
    /// What happened, in order.
    pub changes: Vec<JobRecord>,
}

/// One record of the history of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobRecord {
    /// The run was started.
    Created(Box<JobCreated>),
    /// Something happened to it.
    Happened {
        /// When.
        at: Timestamp,
        /// What.
        event: JobEvent,
    },
}

/// What has happened to one session in one turn.
#[derive(Debug, Clone)]
pub struct JournalEntry {
    /// The session as it stands after it.
    pub after: Session,
    /// What happened, in order.
    pub changes: Vec<JournalRecord>,
}

/// One record of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JournalRecord {
    /// The session was created.
    Created(Box<Created>),
    /// Something happened to it.
    Happened {
        /// When.
        at: Timestamp,
        /// What.
        event: Event,
    },
}

/// What the owner needs when it opens the journal: enough to go on and to paint a first screen.
#[derive(Debug, Default)]
pub struct InitialState {
    /// The highest session number ever given.
    pub last_id: u64,
    /// Every ongoing session.
    pub ongoing: Vec<Session>,
    /// The uuids of all ongoing sessions, of those that cannot be read, too: each holds its places.
    pub holding: Vec<Uuid>,
    /// Ongoing records that could not be read.
    pub unreadable: Vec<UnreadableSession>,
    /// The newest completed ones that are not dismissed, newest first; the rest is read later.
    pub completed: Vec<CompletedRow>,
    /// How many completed sessions are not dismissed.
    pub ended: EndedCounts,
    /// The runs of jobs.
    pub jobs: JobInitialState,
}

/// The same of the runs of jobs.
#[derive(Debug, Default)]
pub struct JobInitialState {
    /// The highest number of a run ever given.
    pub last_id: u64,
    /// Every run that goes on.
    pub ongoing: Vec<JobRun>,
    /// Records that could not be read.
    pub unreadable: Vec<UnreadableJob>,
    /// The newest runs that have ended and are not dismissed, and the newest of each job, dismissed or not; newest first.
    pub ended: Vec<JobRow>,
}

/// A journal as the manager uses it: every answer means that the disk has answered.
pub trait Store: Send + 'static {
    /// Stores a batch durably, all or nothing.
    fn append(&mut self, batch: Batch) -> impl Future<Output = Result<(), JournalError>> + Send;

    /// Whether the journal is still this owner's, as far as can be told without a change.
    fn check(&mut self) -> impl Future<Output = Result<(), JournalError>> + Send;

    /// A session by its number, ongoing or ended.
    fn session(&mut self, id: SessionId) -> impl Future<Output = Result<Option<Session>, JournalError>> + Send;

    /// A run of a job by its number, going on or ended.
    fn job(&mut self, id: JobId) -> impl Future<Output = Result<Option<JobRun>, JournalError>> + Send;
}

/// Why the journal could not do it.
#[derive(Debug, Error)]
pub enum JournalError {
    /// SQLite refused.
    #[error("the journal {path:?} could not {operation}: {cause}")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What was tried.
        operation: &'static str,
        /// What SQLite said.
        cause: rusqlite::Error,
    },
    /// The file was written by a newer howdah.
    #[error(
        "the journal {path:?} has schema {found}, this howdah knows up to {known}; use the newer howdah that wrote it"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// What stands in the journal's place is not one.
    #[error("the journal {path:?} cannot be opened: {cause}")]
    NotAFile {
        /// The place.
        path: PathBuf,
        /// What is there instead.
        cause: String,
    },
    /// It cannot be kept from the eyes of others.
    #[error("the journal {path:?} cannot be made for this user alone: {cause}")]
    NotPrivate {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// A record could not be understood.
    #[error("the journal's record of session {id} cannot be read: {cause}")]
    Record {
        /// The session.
        id: SessionId,
        /// Why.
        cause: String,
    },
    /// The record of a run could not be understood.
    #[error("the journal's record of run {id} of a job cannot be read: {cause}")]
    JobRecord {
        /// The run.
        id: JobId,
        /// Why.
        cause: String,
    },
    /// A newer owner has it.
    #[error("the journal {path:?} was taken over by another owner of the state directory")]
    Superseded {
        /// The file.
        path: PathBuf,
    },
    /// The file is not where it was opened.
    #[error("the journal {path:?} is lost to its owner: {how}")]
    Lost {
        /// The file.
        path: PathBuf,
        /// What became of it.
        how: String,
    },
    /// It was opened to read.
    #[error("the journal {path:?} was opened to be read, not to be changed")]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// The writing thread has ended, after an error that it has logged.
    #[error("the journal's writer has ended; open howdah again")]
    WriterGone,
}

impl JournalError {
    /// Whether the journal is this owner's no more: nothing that it does may follow from what it believes.
    pub const fn ends_ownership(&self) -> bool {
        match self {
            Self::Superseded { .. } | Self::Lost { .. } => true,
            Self::Sqlite { .. }
            | Self::Newer { .. }
            | Self::NotAFile { .. }
            | Self::NotPrivate { .. }
            | Self::Record { .. }
            | Self::JobRecord { .. }
            | Self::ReadOnly { .. }
            | Self::WriterGone => false,
        }
    }
}
