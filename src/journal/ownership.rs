//! Which owner a journal belongs to: each that opens it takes the next epoch, and every change names the epoch it is made
//! in.
//!
//! Promises: of two owners that both believe in themselves, whatever became of their locks, only the newer one can change
//! anything; and none goes on writing to a file that was deleted or replaced. Never: an epoch is used twice in one file.

use super::JournalError;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// One owner's hold on a journal.
#[derive(Debug, Clone)]
pub(super) struct Ownership {
    path: PathBuf,
    /// Device and inode of the file.
    file: (u64, u64),
    epoch: i64,
}

impl Ownership {
    /// Takes the journal from whoever had it.
    pub(super) fn take(path: &Path, connection: &mut Connection) -> Result<Self, JournalError> {
        let failed = |cause| JournalError::Sqlite { path: path.to_owned(), operation: "be taken over", cause };
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let epoch = transaction
            .query_row("UPDATE ownership SET epoch = epoch + 1 RETURNING epoch", [], |row| row.get(0))
            .map_err(failed)?;
        transaction.commit().map_err(failed)?;
        let file =
            identity(path).map_err(|error| JournalError::Lost { path: path.to_owned(), how: error.to_string() })?;
        Ok(Self { path: path.to_owned(), file, epoch })
    }

    /// Refuses when the file is not the one that was opened.
    pub(super) fn check_file(&self) -> Result<(), JournalError> {
        let how = match identity(&self.path) {
            Ok(file) if file == self.file => return Ok(()),
            Ok(_) => "another file was put in its place".to_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => "it was deleted or moved away".to_owned(),
            Err(error) => error.to_string(),
        };
        Err(JournalError::Lost { path: self.path.clone(), how })
    }

    /// Refuses when a newer owner has taken the journal; to be asked inside the transaction that changes it.
    pub(super) fn check_epoch(&self, transaction: &Transaction<'_>) -> Result<(), JournalError> {
        let path = || self.path.clone();
        let epoch: i64 = transaction
            .query_row("SELECT epoch FROM ownership", [], |row| row.get(0))
            .map_err(|cause| JournalError::Sqlite { path: path(), operation: "tell its owner", cause })?;
        if epoch == self.epoch { Ok(()) } else { Err(JournalError::Superseded { path: path() }) }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let about = fs::metadata(path)?;
    Ok((about.dev(), about.ino()))
}
