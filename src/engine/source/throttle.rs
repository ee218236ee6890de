//! The bandwidth limit: a bucket of bytes that fills at the wished rate and is emptied by all readers together.
//!
//! Promises: over a second or more, no more than the rate is read; a waiting reader looks up often enough to be stopped.

use super::mutex::lock;
use crate::domain::Rate;
use std::{
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

/// The limit that all readers of one copy share.
#[derive(Debug)]
pub(in crate::engine) struct Throttle {
    rate: Rate,
    /// When the bucket will be full of what was taken so far.
    due: Mutex<Instant>,
}

/// How long a reader sleeps at most before it looks whether it should stop.
const NAP: Duration = Duration::from_millis(100);

impl Throttle {
    pub(in crate::engine) fn new(rate: Rate) -> Self {
        Self { rate, due: Mutex::new(Instant::now()) }
    }

    /// The most bytes to read at once, so that the flow is even: a tenth of a second's worth.
    pub(in crate::engine) fn portion(&self) -> usize {
        usize::try_from(self.rate.bytes() / 10).unwrap_or(usize::MAX).max(4096)
    }

    /// Takes bytes that were read, and waits until the rate allows more or `stop` returns `true`.
    pub(in crate::engine) fn take(&self, bytes: usize, stop: impl Fn() -> bool) {
        let due = {
            let mut due = lock(&self.due);
            // What was not used in a pause is not saved up.
            let from = (*due).max(Instant::now());
            *due = from + Duration::from_secs_f64(bytes as f64 / self.rate.bytes() as f64);
            *due
        };
        while !stop() {
            match due.checked_duration_since(Instant::now()) {
                Some(left) if !left.is_zero() => thread::sleep(left.min(NAP)),
                Some(_) | None => return,
            }
        }
    }
}
