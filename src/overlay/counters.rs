//! What an overlay has done so far: numbers in memory, and the status file that shows them to others.
//!
//! Promise: the status file is rewritten at most once a second, only when something changed, and always whole.

use super::room::Room;
use crate::{domain::path_text::shown, private_file};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{
        Condvar, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// The status file's name in the upper directory.
pub(super) const STATUS_FILE: &str = "status.json";

/// Between two writings of the status file: what watches it draws once a second at most.
const WRITE_INTERVAL: Duration = Duration::from_secs(1);

/// Faults that are named; the rest is counted.
const MAX_NAMED: usize = 100;

/// What the status file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverlayStatus {
    /// Reads of the backup.
    pub lower_reads: u64,
    /// Bytes read from the backup.
    pub lower_bytes: u64,
    /// Writes into the upper directory.
    pub writes: u64,
    /// Bytes written there.
    pub written_bytes: u64,
    /// Bytes that the upper directory occupies.
    pub used: u64,
    /// Bytes that it may occupy.
    pub limit: u64,
    /// How often a write was refused because the limit was reached.
    pub refused: u64,
    /// Files of the backup that could not be read, each with the reason, at most a hundred; printable.
    pub unreadable: Vec<(String, String)>,
}

impl OverlayStatus {
    /// What an overlay has written of itself; `None` before it has written anything.
    pub fn read(upper: &Path) -> io::Result<Option<Self>> {
        match fs::read(upper.join(STATUS_FILE)) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The numbers.
#[derive(Debug, Default)]
pub(super) struct Counters {
    lower_reads: AtomicU64,
    lower_bytes: AtomicU64,
    writes: AtomicU64,
    written_bytes: AtomicU64,
    refused: AtomicU64,
    unreadable: Mutex<Vec<(PathBuf, String)>>,
    news: Mutex<News>,
    woken: Condvar,
    /// The same as in `news`, to be asked without a lock.
    changes: AtomicU64,
}

#[derive(Debug, Default, Clone, Copy)]
struct News {
    is_over: bool,
    has_changed: bool,
}

impl Counters {
    /// Goes on counting from an earlier process.
    pub(super) fn resumed(earlier: &OverlayStatus) -> Self {
        let counters = Self::default();
        counters.lower_reads.store(earlier.lower_reads, Relaxed);
        counters.lower_bytes.store(earlier.lower_bytes, Relaxed);
        counters.writes.store(earlier.writes, Relaxed);
        counters.written_bytes.store(earlier.written_bytes, Relaxed);
        counters.refused.store(earlier.refused, Relaxed);
        counters
    }

    pub(super) fn lower_was_read(&self, bytes: u64) {
        self.lower_reads.fetch_add(1, Relaxed);
        self.lower_bytes.fetch_add(bytes, Relaxed);
        self.changed();
    }

    pub(super) fn was_written(&self, bytes: u64) {
        self.writes.fetch_add(1, Relaxed);
        self.written_bytes.fetch_add(bytes, Relaxed);
        self.changed();
    }

    /// A write was refused because the limit was reached.
    pub(super) fn was_refused(&self) {
        self.refused.fetch_add(1, Relaxed);
        self.changed();
    }

    /// A file of the backup cannot be read: it is named once, and the error for the reader is returned.
    pub(super) fn lower_failed(&self, path: &Path, why: &io::Error) -> io::Error {
        let mut unreadable = self.unreadable.lock().unwrap_or_else(PoisonError::into_inner);
        if unreadable.len() < MAX_NAMED && !unreadable.iter().any(|(known, _)| known == path) {
            tracing::error!("{} of the backup cannot be read: {why}", shown(path));
            unreadable.push((path.to_owned(), why.to_string()));
        }
        drop(unreadable);
        self.changed();
        Errno::IO.into()
    }

    /// Only the first change since the last writing wakes anybody.
    pub(super) fn changed(&self) {
        if self.changes.swap(1, Relaxed) == 0 {
            self.news.lock().unwrap_or_else(PoisonError::into_inner).has_changed = true;
            self.woken.notify_all();
        }
    }

    /// Ends [`Self::keep_written`].
    pub(super) fn end(&self) {
        self.news.lock().unwrap_or_else(PoisonError::into_inner).is_over = true;
        self.woken.notify_all();
    }

    /// Writes the status file whenever something has changed, until the end.
    pub(super) fn keep_written(&self, upper: &Path, room: &Room) {
        let mut news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            news = self
                .woken
                .wait_while(news, |news| !news.has_changed && !news.is_over)
                .unwrap_or_else(PoisonError::into_inner);
            news.has_changed = false;
            let is_over = news.is_over;
            drop(news);
            self.changes.store(0, Relaxed);
            if let Err(error) = self.write(upper, room) {
                tracing::warn!("the status file of {} cannot be written: {error}", shown(upper));
            }
            if is_over {
                return;
            }
            news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
            news = self
                .woken
                .wait_timeout_while(news, WRITE_INTERVAL, |news| !news.is_over)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn write(&self, upper: &Path, room: &Room) -> io::Result<()> {
        let unreadable = self.unreadable.lock().unwrap_or_else(PoisonError::into_inner);
        let status = OverlayStatus {
            lower_reads: self.lower_reads.load(Relaxed),
            lower_bytes: self.lower_bytes.load(Relaxed),
            writes: self.writes.load(Relaxed),
            written_bytes: self.written_bytes.load(Relaxed),
            used: room.used(),
            limit: room.limit(),
            refused: self.refused.load(Relaxed),
            unreadable: unreadable.iter().map(|(path, why)| (shown(path), why.clone())).collect(),
        };
        drop(unreadable);
        let (path, new) = (upper.join(STATUS_FILE), upper.join("status.new"));
        let mut file = private_file::open(&new, OpenOptions::new().write(true).create(true).truncate(true))?;
        file.write_all(&serde_json::to_vec(&status)?)?;
        fs::rename(&new, &path)
    }
}
