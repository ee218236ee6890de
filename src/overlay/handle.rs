//! Files that stay open while they are used, as many as the system lets us have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::{
    fs::File,
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// Descriptors that are left to the logs, the device, and files that are opened for one request.
const SPARE: u64 = 128;

/// How many files may be kept open.
#[derive(Debug)]
pub(super) struct Slots {
    free: AtomicU64,
}

impl Slots {
    /// As many as this process may open, once its limit was raised as far as it may be.
    pub(super) fn raised() -> Self {
        let limit = getrlimit(Resource::Nofile);
        let _not_allowed = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
        let most = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        Self { free: AtomicU64::new(most.saturating_sub(SPARE)) }
    }

    fn take(&self) -> bool {
        self.free.fetch_update(Relaxed, Relaxed, |free| free.checked_sub(1)).is_ok()
    }

    fn give_back(&self) {
        self.free.fetch_add(1, Relaxed);
    }
}

/// A file that is opened when it is first needed.
#[derive(Debug, Default)]
pub(super) struct Handle(Mutex<Option<Arc<File>>>);

impl Handle {
    /// The open file. Where no more may be kept open, it is open for the caller alone.
    pub(super) fn get(&self, slots: &Slots, open: impl FnOnce() -> io::Result<File>) -> io::Result<Arc<File>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &*kept {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(open()?);
        if slots.take() {
            *kept = Some(Arc::clone(&file));
        }
        Ok(file)
    }

    /// Closes it as soon as nobody reads or writes any more.
    pub(super) fn close(&self, slots: &Slots) {
        if self.0.lock().unwrap_or_else(PoisonError::into_inner).take().is_some() {
            slots.give_back();
        }
    }
}
