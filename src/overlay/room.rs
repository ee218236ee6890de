//! How much the upper directory may still take.
//!
//! Promise: what is reserved is there: data is refused before it would exceed the limit, never after.

use super::{log::AHEAD, order::LOG_RESERVE};
use rustix::io::Errno;
use std::{
    io,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

/// The limit, and what is occupied or reserved.
#[derive(Debug)]
pub(super) struct Room {
    limit: u64,
    data: AtomicU64,
    logs: AtomicU64,
}

impl Room {
    pub(super) const fn new(limit: u64) -> Self {
        Self { limit, data: AtomicU64::new(0), logs: AtomicU64::new(0) }
    }

    /// Takes so many bytes for data, or says ENOSPC.
    pub(super) fn reserve(&self, bytes: u64) -> io::Result<()> {
        let limit = self.limit_of_data();
        let taken =
            self.data.fetch_update(Relaxed, Relaxed, |data| data.checked_add(bytes).filter(|data| *data <= limit));
        taken.map(drop).map_err(|_| Errno::NOSPC.into())
    }

    /// A reservation is replaced by what a file has really grown or shrunk by.
    pub(super) fn settle(&self, reserved: u64, before: u64, after: u64) {
        if after > before {
            self.data.fetch_add(after - before, Relaxed);
        }
        let freed = reserved + before.saturating_sub(after);
        let _before = self.data.fetch_sub(freed, Relaxed);
    }

    /// What the logs occupy has grown.
    pub(super) fn log_grew(&self, bytes: u64) {
        self.logs.fetch_add(bytes, Relaxed);
    }

    /// Bytes that are occupied.
    pub(super) fn used(&self) -> u64 {
        self.data.load(Relaxed) + self.logs.load(Relaxed)
    }

    /// Bytes that data may still take.
    pub(super) fn free(&self) -> u64 {
        self.limit_of_data().saturating_sub(self.data.load(Relaxed))
    }

    /// The logs have room of their own first; what they take beyond is missing for data.
    fn limit_of_data(&self) -> u64 {
        // Each of the two has a piece that it has not filled yet.
        let logs = self.logs.load(Relaxed).saturating_add(2 * AHEAD);
        self.limit.saturating_sub(logs.max(LOG_RESERVE))
    }

    /// The limit itself.
    pub(super) const fn limit(&self) -> u64 {
        self.limit
    }
}

#[test]
fn what_would_exceed_the_limit_is_refused_and_what_is_freed_counts_again() {
    let room = Room::new(LOG_RESERVE + 100);
    room.reserve(60).expect("there is room");
    assert!(room.reserve(41).is_err());
    room.settle(60, 0, 50);
    assert_eq!((room.used(), room.free()), (50, 50));
    room.reserve(50).expect("there is room");
    room.settle(50, 50, 10);
    assert_eq!(room.used(), 10);
    room.log_grew(LOG_RESERVE + 95);
    assert!(room.reserve(1).is_err(), "the logs have taken the rest");
}
