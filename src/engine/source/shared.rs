//! What the threads of one copy share: how far they are, whether to stop, the first thing that went wrong, and which
//! reads and writes are under way, so that a stall shows even when a thread hangs in the system.
//!
//! Promises: the first end wins and stops all others. Never: waits for a thread.

use super::{buffers::ALIGNMENT, copy_log::CopyLog, mutex::lock, throttle::Throttle};
use crate::{
    domain::{ByteCount, Failure, Progress},
    engine::Halt,
};
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// The common state of one copy.
#[derive(Debug)]
pub(in crate::engine) struct Shared {
    stop: AtomicBool,
    end: Mutex<Option<Halt>>,
    bytes_done: AtomicU64,
    bytes_total: AtomicU64,
    bytes_reused: AtomicU64,
    files_done: AtomicU64,
    files_total: AtomicU64,
    notes: Mutex<Vec<String>>,
    /// What the attempt's log is told.
    pub(in crate::engine) log: CopyLog,
    watches: Mutex<Vec<Arc<Watch>>>,
    began: Instant,
    pub(in crate::engine) throttle: Option<Throttle>,
}

/// One place where a thread may hang.
#[derive(Debug)]
pub(in crate::engine) struct Watch {
    began: Instant,
    side: CopyEnd,
    path: Mutex<PathBuf>,
    /// Milliseconds from `began` to the start of the call under way, plus one; 0 when there is none.
    since: AtomicU64,
}

/// At which end a thread hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum CopyEnd {
    /// It reads the backup.
    Backup,
    /// It writes the target.
    Target,
}

impl Shared {
    pub(in crate::engine) fn new(bytes: u64, files: u64, throttle: Option<Throttle>) -> Self {
        Self {
            stop: AtomicBool::new(false),
            end: Mutex::new(None),
            bytes_done: AtomicU64::new(0),
            bytes_total: AtomicU64::new(bytes),
            bytes_reused: AtomicU64::new(0),
            files_done: AtomicU64::new(0),
            files_total: AtomicU64::new(files),
            notes: Mutex::default(),
            log: CopyLog::default(),
            watches: Mutex::default(),
            began: Instant::now(),
            throttle,
        }
    }

    /// Ends the copy. The first end is the one that is reported.
    pub(in crate::engine) fn end(&self, how: Halt) {
        lock(&self.end).get_or_insert(how);
        self.stop.store(true, Ordering::Release);
    }

    /// What ended the copy, once it has ended early.
    pub(in crate::engine) fn take_end(&self) -> Option<Halt> {
        lock(&self.end).take()
    }

    /// Whether the threads should stop.
    pub(in crate::engine) fn stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// An error when the threads should stop.
    pub(in crate::engine) fn go_on(&self) -> Result<(), Halt> {
        if self.stopping() { Err(Halt::Stopped) } else { Ok(()) }
    }

    /// This failure, unless it is only what stopping did to a thread.
    pub(in crate::engine) fn or_stopped(&self, failure: impl FnOnce() -> Failure) -> Halt {
        if self.stopping() { Halt::Stopped } else { Halt::Failed(failure()) }
    }

    /// The part of a buffer that is filled before its bytes go on: all of it, or under a bandwidth limit what is read at
    /// once. Else each thread would hold back several portions and pass them on together, and the progress would jump
    /// where the reading is even.
    pub(in crate::engine) fn portion<'a>(&self, room: &'a mut [u8]) -> &'a mut [u8] {
        let Some(throttle) = &self.throttle else { return room };
        let aligned = throttle.portion() / ALIGNMENT * ALIGNMENT;
        let length = aligned.clamp(ALIGNMENT, room.len());
        &mut room[..length]
    }

    /// Something that a person should know.
    pub(in crate::engine) fn note(&self, sentence: impl Into<String>) {
        lock(&self.notes).push(sentence.into());
    }

    pub(in crate::engine) fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.notes))
    }

    /// Bytes written and hashed.
    pub(in crate::engine) fn add_bytes(&self, bytes: u64) {
        self.bytes_done.fetch_add(bytes, Ordering::Relaxed);
    }

    /// One more file in place.
    pub(in crate::engine) fn add_file(&self) {
        self.files_done.fetch_add(1, Ordering::Relaxed);
    }

    /// Bytes of a half-written file that an earlier attempt left, read again.
    pub(in crate::engine) fn reuse_bytes(&self, bytes: u64) {
        self.bytes_reused.fetch_add(bytes, Ordering::Relaxed);
        self.add_bytes(bytes);
    }

    /// A file of this size will be copied anew, with the bytes of it that were counted as reused.
    pub(in crate::engine) fn take_back(&self, size: u64, reused: u64) {
        self.bytes_done.fetch_sub(size, Ordering::Relaxed);
        self.bytes_reused.fetch_sub(reused, Ordering::Relaxed);
    }

    /// A file that an earlier attempt left verified.
    pub(in crate::engine) fn reuse(&self, bytes: u64) {
        self.reuse_bytes(bytes);
        self.add_file();
    }

    /// All that the plan names stands already.
    pub(in crate::engine) fn reuse_all(&self) {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (bytes, files) = (get(&self.bytes_total), get(&self.files_total));
        self.bytes_reused.store(bytes, Ordering::Relaxed);
        self.bytes_done.store(bytes, Ordering::Relaxed);
        self.files_done.store(files, Ordering::Relaxed);
    }

    /// More is there than the plan could know, such as WAL in a packed archive.
    pub(in crate::engine) fn expect_more(&self, bytes: u64, files: u64) {
        self.bytes_total.fetch_add(bytes, Ordering::Relaxed);
        self.files_total.fetch_add(files, Ordering::Relaxed);
    }

    /// The totals as they turned out.
    pub(in crate::engine) fn finalize_totals(&self) {
        self.bytes_total.store(self.bytes_done.load(Ordering::Relaxed), Ordering::Relaxed);
        self.files_total.store(self.files_done.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    pub(in crate::engine) fn progress(&self) -> Progress {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (done, total) = (get(&self.bytes_done), get(&self.bytes_total));
        Progress {
            bytes_done: ByteCount(done.min(total)),
            bytes_total: ByteCount(total),
            bytes_reused: ByteCount(get(&self.bytes_reused)),
            files_done: get(&self.files_done),
            files_total: get(&self.files_total),
            wal: None,
        }
    }

    /// A watch for one thread at one end.
    pub(in crate::engine) fn watch(&self, side: CopyEnd) -> Arc<Watch> {
        let (path, since) = (Mutex::default(), AtomicU64::new(0));
        let watch = Arc::new(Watch { began: self.began, side, path, since });
        lock(&self.watches).push(Arc::clone(&watch));
        watch
    }

    /// The failure when a call has brought nothing for this long.
    pub(in crate::engine) fn stalled(&self, longest: Duration) -> Option<Failure> {
        let ((side, path), seconds) = (self.hanging(longest)?, longest.as_secs());
        Some(match side {
            CopyEnd::Backup => Failure::disruption(
                format!("the repository stalls: reading {path} brought nothing for {seconds} s"),
                "look at the repository's disk, host and network",
            ),
            CopyEnd::Target => Failure::disruption(
                format!("the target stalls: writing {path} took nothing for {seconds} s"),
                "look at the target's disk and host",
            ),
        })
    }

    /// What a call does that has brought nothing for this long.
    pub(in crate::engine) fn waits_for(&self, long: Duration) -> Option<String> {
        self.hanging(long).map(|(side, path)| match side {
            CopyEnd::Backup => format!("reading {path}"),
            CopyEnd::Target => format!("writing {path}"),
        })
    }

    fn hanging(&self, long: Duration) -> Option<(CopyEnd, String)> {
        let watches = lock(&self.watches);
        let stuck = watches.iter().find(|watch| watch.lasts().is_some_and(|lasts| lasts >= long))?;
        Some((stuck.side, lock(&stuck.path).display().to_string()))
    }
}

impl Watch {
    /// Names what the next calls work on.
    pub(in crate::engine) fn on(&self, path: &Path) {
        path.clone_into(&mut lock(&self.path));
    }

    /// Does something that may hang.
    pub(in crate::engine) fn during<T>(&self, call: impl FnOnce() -> T) -> T {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.since.store(now + 1, Ordering::Relaxed);
        let out = call();
        self.since.store(0, Ordering::Relaxed);
        out
    }

    fn lasts(&self) -> Option<Duration> {
        let since = self.since.load(Ordering::Relaxed).checked_sub(1)?;
        self.began.elapsed().checked_sub(Duration::from_millis(since))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::domain::FailureClass;
    use std::{sync::mpsc, thread};

    #[test]
    fn r08_a_call_that_hangs_is_told_with_its_path_and_its_side_while_it_lasts() {
        for (side, says) in [
            (CopyEnd::Backup, "the repository stalls: reading /srv/base/1 brought nothing for 0 s"),
            (CopyEnd::Target, "the target stalls: writing /srv/base/1 took nothing for 0 s"),
        ] {
            let shared = Shared::new(1, 1, None);
            let watch = shared.watch(side);
            watch.on(Path::new("/srv/base/1"));
            assert!(shared.stalled(Duration::ZERO).is_none(), "nothing is under way");
            let (enter, entered) = mpsc::channel();
            let (let_go, hangs) = mpsc::channel::<()>();
            let (within_an_hour, at_once) = thread::scope(|scope| {
                scope.spawn(move || {
                    watch.during(|| {
                        enter.send(()).unwrap();
                        hangs.recv().unwrap();
                    });
                });
                entered.recv().unwrap();
                let shown = (shared.stalled(Duration::from_hours(1)), shared.stalled(Duration::ZERO));
                let_go.send(()).unwrap();
                shown
            });
            assert!(within_an_hour.is_none(), "it hangs for moments only");
            let failure = at_once.expect("it hangs");
            assert_eq!((failure.class, failure.cause.as_str()), (FailureClass::Disruption, says));
            assert!(shared.stalled(Duration::ZERO).is_none(), "it came back");
        }
    }
}
