//! How far the images of a machine have come.

use crate::{
    domain::{ByteCount, Progress},
    engine::Observer,
};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The bytes of the plan that are there; several threads count.
pub(super) struct Gauge<'a> {
    report: &'a dyn Observer,
    progress: Mutex<Progress>,
}

impl<'a> Gauge<'a> {
    pub(super) fn new(report: &'a dyn Observer, bytes: u64, files: u64) -> Self {
        let progress = Progress { bytes_total: ByteCount(bytes), files_total: files, ..Progress::default() };
        Self { report, progress: Mutex::new(progress) }
    }

    /// So many bytes more are there, and were compared.
    pub(super) fn add(&self, bytes: u64) {
        self.change(|progress| progress.bytes_done.0 += bytes);
    }

    /// So many of those that will be counted were there before; how things stood until now.
    pub(super) fn reuse(&self, bytes: u64) -> Progress {
        let before = *self.progress();
        self.change(|progress| progress.bytes_reused.0 += bytes);
        before
    }

    /// So many bytes were there, and are not looked at again.
    pub(super) fn skip(&self, bytes: u64) {
        self.reuse(bytes);
        self.add(bytes);
    }

    /// As it stood, and so many bytes more.
    pub(super) fn set(&self, before: Progress, bytes: u64) {
        self.change(|progress| progress.bytes_done.0 = before.bytes_done.0 + bytes);
    }

    /// What was counted since was nothing.
    pub(super) fn back_to(&self, before: Progress) {
        self.change(|progress| *progress = before);
    }

    /// A file more is whole.
    pub(super) fn file(&self) {
        self.change(|progress| progress.files_done += 1);
    }

    pub(super) fn note(&self, sentence: &str) {
        self.report.note(sentence.to_owned());
    }

    /// How things stand.
    pub(super) fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Progress)) {
        let mut progress = self.progress();
        change(&mut progress);
        self.report.progress(*progress);
    }
}
