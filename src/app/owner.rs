//! Becoming the owner of a state directory: the lock, the journal, the workers, the manager.

use crate::{
    attempt::{Processes, WORDS_QUEUED},
    journal::{JournalError, SqliteJournal, ThreadStore},
    manager::{Clock, Handle, Manager, ManagerSettings},
};
use rustix::process::geteuid;
use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};
use thiserror::Error;
use tokio::{sync::mpsc, task::JoinHandle};

/// An opened state directory: as long as this lives, no other howdah owns it.
#[derive(Debug)]
pub struct Owner {
    /// The way to the manager.
    pub handle: Handle,
    state: PathBuf,
    task: JoinHandle<()>,
    /// Held for its lock; the kernel gives it back however this process ends.
    _lock: File,
}

/// Why the state directory cannot be owned.
#[derive(Debug, Error)]
pub enum OwnerError {
    /// Another howdah has it.
    #[error(
        "another howdah{holder} owns {state:?}; close it first, or use a state directory of your own with --state-dir"
    )]
    Held {
        /// The directory.
        state: PathBuf,
        /// Who, as far as the lock file tells.
        holder: String,
    },
    /// It belongs to another user or is open to others.
    #[error(
        "the state directory {state:?} {problem}; nobody else may read or change it: give it to this user alone (mode 0700)"
    )]
    Unsafe {
        /// The directory.
        state: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// It cannot be made or used.
    #[error("the state directory {state:?} cannot be used: {cause}")]
    Io {
        /// The directory.
        state: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// The journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl Owner {
    /// Takes the state directory and starts the manager on the current runtime. What an earlier owner left is adopted.
    pub fn open(state: &Path, settings: ManagerSettings) -> Result<Self, OwnerError> {
        let lock = lock(state)?;
        let journal = SqliteJournal::open(&state.join("journal.db"))?;
        let opening = journal.opening()?;
        let io = |cause| OwnerError::Io { state: state.to_owned(), cause };
        let store = ThreadStore::spawn(journal).map_err(io)?;
        let (words, inbox) = mpsc::channel(WORDS_QUEUED);
        let attempts = Processes::new(state.to_owned(), words);
        let (manager, handle) = Manager::open(settings, Clock::system(), (store, opening), attempts, inbox);
        let task = tokio::spawn(manager.run());
        Ok(Self { handle, state: state.to_owned(), task, _lock: lock })
    }

    /// Reads the completed sessions that the first picture left out, on a thread of its own.
    pub fn fill_completed(&self) {
        let (state, handle) = (self.state.clone(), self.handle.clone());
        tokio::spawn(async move {
            let read = tokio::task::spawn_blocking(move || SqliteJournal::open(&state.join("journal.db"))?.completed());
            match read.await {
                Ok(Ok(rows)) => handle.fill_completed(rows).await,
                Ok(Err(error)) => tracing::error!(%error, "older completed sessions cannot be read"),
                Err(error) => tracing::error!(%error, "older completed sessions cannot be read"),
            }
        });
    }

    /// Ends the manager; attempts go on by themselves.
    pub async fn close(self) {
        self.handle.close().await;
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the manager ended badly");
        }
    }
}

/// Makes the state directory if it is missing, safe for this user alone.
pub fn prepare(state: &Path) -> Result<(), OwnerError> {
    let io = |cause| OwnerError::Io { state: state.to_owned(), cause };
    DirBuilder::new().recursive(true).mode(0o700).create(state).map_err(io)?;
    let metadata = fs::metadata(state).map_err(io)?;
    let unfit = |problem: &str| OwnerError::Unsafe { state: state.to_owned(), problem: problem.to_owned() };
    if metadata.uid() != geteuid().as_raw() {
        return Err(unfit("belongs to another user"));
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(unfit("is open to other users"));
    }
    Ok(())
}

fn lock(state: &Path) -> Result<File, OwnerError> {
    prepare(state)?;
    let io = |cause| OwnerError::Io { state: state.to_owned(), cause };
    let path = state.join("owner.lock");
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path).map_err(io)?;
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0).and_then(|()| file.rewind()).map_err(io)?;
            writeln!(file, "{}", std::process::id()).map_err(io)?;
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // The number is a help for people; without it the sentence stands.
            let told = file.read_to_string(&mut holder).is_ok_and(|_| holder.trim().parse::<u32>().is_ok());
            let holder = if told { format!(" (process {})", holder.trim()) } else { String::new() };
            Err(OwnerError::Held { state: state.to_owned(), holder })
        }
        Err(TryLockError::Error(cause)) => Err(io(cause)),
    }
}
