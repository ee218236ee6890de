//! Writing what the page cache holds of small files, while the next ones are copied.
//!
//! To begin the write-back of each small file by itself costs more than to copy it; to leave all of it for the end lets
//! the disk idle until then. So it is done in portions of many files, by a thread that does nothing else.
//!
//! Promises: the copy ends when a portion cannot be written. Never: a copying thread waits for the disk here.

use super::mutex::lock;
use crate::{
    domain::quantity::{many, seconds},
    engine::Halt,
};
use std::{
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Enough files for the disk to write them in one go, and a second or two of a slow one.
pub(super) const PORTION: u64 = 128 << 20;

/// How often it is looked whether the copy was ended early.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// A portion that takes so long shows a disk that is busy with something else, or ill.
const SLOW: Duration = Duration::from_secs(10);

/// How long portions took.
#[derive(Debug, Default)]
pub(super) struct PortionTimes {
    portions: u64,
    all: Duration,
    longest: Duration,
}

/// What waits to be written, and for whom.
#[derive(Debug)]
pub(super) struct WriteBack {
    portion: u64,
    /// Bytes that came into the page cache since the last portion was begun.
    pending: AtomicU64,
    /// Threads that may bring more.
    copying: Mutex<usize>,
    changed: Condvar,
}

/// A thread that copies, from before it is started until it has ended in whatever way.
#[derive(Debug)]
pub(super) struct Copying(Arc<WriteBack>);

impl WriteBack {
    pub(super) fn new(portion: u64) -> Arc<Self> {
        let (pending, copying, changed) = (AtomicU64::new(0), Mutex::new(0), Condvar::new());
        Arc::new(Self { portion, pending, copying, changed })
    }

    /// One more thread copies, until what this gives is dropped.
    pub(super) fn enter(self: &Arc<Self>) -> Copying {
        *lock(&self.copying) += 1;
        Copying(Arc::clone(self))
    }

    /// So many bytes of a file were left to the page cache.
    pub(super) fn add(&self, bytes: u64) {
        let before = self.pending.fetch_add(bytes, Ordering::Relaxed);
        if before < self.portion && before + bytes >= self.portion {
            // Under the lock, or it could be missed by a writer that has looked and does not wait yet.
            let _copying = lock(&self.copying);
            self.changed.notify_all();
        }
    }

    /// Writes portion by portion until nobody copies any more, or the copy was ended.
    pub(super) fn run(
        &self,
        stopping: impl Fn() -> bool,
        mut write: impl FnMut() -> Result<(), Halt>,
    ) -> Result<(), Halt> {
        while self.portion_comes(&stopping) {
            self.pending.store(0, Ordering::Relaxed);
            write()?;
        }
        Ok(())
    }

    fn portion_comes(&self, stopping: impl Fn() -> bool) -> bool {
        let mut copying = lock(&self.copying);
        loop {
            if *copying == 0 || stopping() {
                return false;
            }
            if self.pending.load(Ordering::Relaxed) >= self.portion {
                return true;
            }
            let waited = self.changed.wait_timeout(copying, POLL_INTERVAL);
            copying = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
    }
}

impl PortionTimes {
    /// One more portion was written; what is worth saying of it.
    pub(super) fn add(&mut self, took: Duration) -> Option<String> {
        (self.portions, self.all) = (self.portions + 1, self.all + took);
        self.longest = self.longest.max(took);
        (took >= SLOW).then(|| format!("writing back a portion of small files took {}", seconds(took)))
    }

    /// All portions together.
    pub(super) fn sentence(&self) -> Option<String> {
        let (all, longest) = (seconds(self.all), seconds(self.longest));
        let portions = many(self.portions, "portion");
        (self.portions > 0).then(|| {
            format!("small files were written back beside the copy in {portions}, {all} in all, {longest} at most")
        })
    }
}

impl Drop for Copying {
    fn drop(&mut self) {
        *lock(&self.0.copying) -= 1;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::domain::Failure;
    use std::{sync::mpsc, thread};

    const NEVER: fn() -> bool = || false;

    #[test]
    fn a_portion_is_written_as_soon_as_it_is_there_and_what_is_less_is_left() {
        let all = WriteBack::new(10);
        let (copying, (wrote, written)) = (all.enter(), mpsc::channel());
        thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let put = || {
                    wrote.send(()).unwrap();
                    Ok(())
                };
                all.run(NEVER, put)
            });
            for _ in 0..3 {
                all.add(9);
                assert!(written.try_recv().is_err(), "not before it is whole");
                all.add(9);
                written.recv().unwrap();
            }
            all.add(9);
            drop(copying);
            writer.join().unwrap().unwrap();
        });
        assert!(written.try_recv().is_err(), "the end of the copy writes the rest");
    }

    #[test]
    fn it_ends_with_the_last_thread_that_copies_and_with_the_copy() {
        let all = WriteBack::new(10);
        let (one, two) = (all.enter(), all.enter());
        drop(one);
        all.add(10);
        let mut two = Some(two);
        let last = || {
            two.take();
            Ok(())
        };
        all.run(NEVER, last).unwrap();
        let _three = all.enter();
        all.add(10);
        all.run(|| true, || panic!("the copy was ended")).unwrap();
    }

    #[test]
    fn what_cannot_be_written_ends_it() {
        let all = WriteBack::new(10);
        let _copying = all.enter();
        all.add(10);
        let ended = all.run(NEVER, || Err(Failure::bug("full").into()));
        assert!(matches!(ended, Err(Halt::Failed(failure)) if failure.cause.contains("full")));
    }
}
