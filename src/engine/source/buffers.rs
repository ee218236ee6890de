//! Buffers for the bytes on their way: few, large, and aligned so that a disk can take them without a copy.
//!
//! Promises: there are never more than the pool was made with, which bounds the memory of a copy and makes a fast reader
//! wait for a slow writer.

use super::mutex::lock;
use std::{
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::Duration,
};

/// The size of a buffer, and so of a write: enough that seeks and system calls do not count.
pub(in crate::engine) const SIZE: usize = 1 << 20;

/// Direct writes must begin at a multiple of this in memory and in the file (the logical block of nearly every disk is
/// smaller or as large).
pub(in crate::engine) const ALIGNMENT: usize = 4096;

/// A fixed number of buffers.
#[derive(Debug)]
pub(in crate::engine) struct Pool {
    free: Mutex<Vec<Vec<u8>>>,
    given_back: Condvar,
}

/// One buffer; it goes back to its pool when it is dropped.
#[derive(Debug)]
pub(in crate::engine) struct Buffer {
    memory: Vec<u8>,
    start: usize,
    filled: usize,
    pool: Arc<Pool>,
}

impl Pool {
    pub(in crate::engine) fn new(buffers: usize) -> Arc<Self> {
        let free = (0..buffers).map(|_| Vec::new()).collect();
        Arc::new(Self { free: Mutex::new(free), given_back: Condvar::new() })
    }

    /// A free buffer, as soon as there is one; `None` when `stop` returns `true` first.
    pub(in crate::engine) fn take(self: &Arc<Self>, stop: impl Fn() -> bool) -> Option<Buffer> {
        let mut free = lock(&self.free);
        loop {
            if stop() {
                return None;
            }
            if let Some(mut memory) = free.pop() {
                drop(free);
                if memory.is_empty() {
                    // Zeroes that the kernel hands out cost nothing; those that are written one by one do.
                    memory = vec![0; SIZE + ALIGNMENT];
                }
                let start = memory.as_ptr().align_offset(ALIGNMENT);
                return Some(Buffer { memory, start, filled: 0, pool: Arc::clone(self) });
            }
            // Whoever gives a buffer back wakes us; the limit is for the order to stop.
            let waited = self.given_back.wait_timeout(free, Duration::from_millis(100));
            free = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Buffer {
    /// The bytes in it.
    pub(in crate::engine) fn bytes(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.filled]
    }

    /// The whole room, to be filled from its beginning.
    pub(in crate::engine) fn room(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.start + SIZE]
    }

    /// Says how many bytes of the room are filled.
    pub(in crate::engine) const fn set_filled(&mut self, filled: usize) {
        self.filled = filled;
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        lock(&self.pool.free).push(std::mem::take(&mut self.memory));
        self.pool.given_back.notify_one();
    }
}
