//! The next segments, unpacked and verified before the server asks for them: one is replayed while others are unpacked.
//!
//! Promises: see [`super::WalFeed`]. It goes where the server is, back as well as forward: a server that was killed asks
//! again from its last restart point. Never: answers a question; what it cannot read it leaves to `howdah wal fetch`.

use crate::{
    archive::{
        ClusterWal, NeededWal,
        segment::{ArchivedFile, Expected, ReadError, WHOLE},
        spool::{PART, Spool},
    },
    postgres::wal::Segment,
};
use rustix::fs::{AtFlags, Gid, Mode, OFlags, RenameFlags, Uid, fchown, fstatvfs, openat, renameat_with, statat};
use std::{
    collections::BTreeMap,
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// The most segments that are ready at once: replay of one takes longer than unpacking it, so more would only take room.
const MAX_READY: u64 = 8;

/// The most bytes of them, but for one segment: eight of the usual size.
const MAX_READY_BYTES: u64 = 128 << 20;

/// How often we look where the server is: a part of what a segment takes to be replayed.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// After so long a segment that could not be had is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// How long the end is waited for. An archive that hangs may hold the thread longer; it dies with the process.
const END: Duration = Duration::from_secs(2);

/// Segments that must find room besides: the server keeps those that it replays until its next restart point.
const ROOM_FOR_SERVER: u64 = 4;

/// The thread, and what is shared with it.
#[derive(Debug)]
pub(super) struct Prefetch {
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    stopping: Mutex<bool>,
    wake: Condvar,
    ready: AtomicUsize,
    /// Whether the thread has ended.
    ended: Condvar,
}

struct Worker {
    shared: Arc<Shared>,
    spool: Spool,
    archive: PathBuf,
    wal: ClusterWal,
    needed: NeededWal,
    owner: Option<(u32, u32)>,
    /// The number of the segment that was handed over last; one less than the first before any was.
    taken: u64,
    /// What is ready, by number.
    ready: BTreeMap<u64, String>,
    /// What could not be had, and when it is tried again.
    later: BTreeMap<u64, Instant>,
}

impl Prefetch {
    pub(super) fn start(
        spool: Spool,
        archive: &Path,
        wal: ClusterWal,
        needed: NeededWal,
        owner: Option<(u32, u32)>,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let taken = needed.first.number.saturating_sub(1);
        let (archive, ready, later) = (archive.to_owned(), BTreeMap::new(), BTreeMap::new());
        let mut worker =
            Worker { shared: Arc::clone(&shared), spool, archive, wal, needed, owner, taken, ready, later };
        let thread = thread::Builder::new().name("prefetch".to_owned()).spawn(move || {
            worker.run();
            worker.shared.ended.notify_all();
        })?;
        Ok(Self { shared, thread })
    }

    /// How many segments are ready.
    pub(super) fn ready(&self) -> usize {
        self.shared.ready.load(Ordering::Relaxed)
    }

    /// Ends the thread, or leaves it behind if the archive holds it.
    pub(super) fn stop(self) {
        let mut stopping = self.shared.stopping();
        *stopping = true;
        self.shared.wake.notify_all();
        let end = Instant::now() + END;
        while !self.thread.is_finished() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            stopping = self
                .shared
                .ended
                .wait_timeout(stopping, left.min(POLL_INTERVAL))
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

impl Shared {
    fn stopping(&self) -> MutexGuard<'_, bool> {
        self.stopping.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits a moment; whether to go on.
    fn pause(&self) -> bool {
        let stopping = self.stopping();
        if *stopping {
            return false;
        }
        let (stopping, _) = self.wake.wait_timeout(stopping, POLL_INTERVAL).unwrap_or_else(PoisonError::into_inner);
        !*stopping
    }
}

impl Worker {
    fn run(&mut self) {
        let mut last_answer = None;
        loop {
            let answer = self.spool.answer();
            if answer != last_answer {
                if let Some(answer) = &answer {
                    self.follow(&answer.asked, answer.outcome.status(false) == 0);
                }
                last_answer = answer;
            }
            self.drop_taken();
            let next = self.next();
            self.shared.ready.store(self.ready.len(), Ordering::Relaxed);
            let went_on = next.is_some_and(|segment| self.fetch(segment));
            if *self.shared.stopping() || (!went_on && !self.shared.pause()) {
                return;
            }
        }
    }

    /// The server asked for this; it may be an earlier one than before.
    fn follow(&mut self, asked: &str, is_handed: bool) {
        if let Some(segment) = Segment::from_file_name(asked, self.wal.size) {
            self.taken = if is_handed { segment.number } else { segment.number.saturating_sub(1) };
        }
    }

    /// Forgets what the server has taken, and removes what it is past.
    fn drop_taken(&mut self) {
        let spool = &self.spool;
        let is_there = |name: &str| statat(spool.directory(), name, AtFlags::SYMLINK_NOFOLLOW).is_ok();
        let gone: Vec<u64> = self.ready.iter().filter(|(_, name)| !is_there(name)).map(|(number, _)| *number).collect();
        for number in gone {
            self.ready.remove(&number);
            self.taken = self.taken.max(number);
        }
        let (taken, end) = (self.taken, self.taken.saturating_add(self.limit()));
        let spool = &self.spool;
        self.ready.retain(|number, name| {
            let is_wanted = taken < *number && *number <= end;
            // One that cannot be removed is removed with the spool.
            is_wanted || spool.remove(name).is_err()
        });
        self.later.retain(|number, _| taken < *number);
    }

    /// How many segments may be ready at once.
    fn limit(&self) -> u64 {
        (MAX_READY_BYTES / self.wal.size.bytes()).clamp(1, MAX_READY)
    }

    /// The first segment that the server will want and that is not ready.
    fn next(&self) -> Option<Segment> {
        let now = Instant::now();
        let limit = usize::try_from(self.limit()).unwrap_or(1);
        let mut wanted = self.needed.behind(self.taken).take(limit);
        wanted.find(|segment| {
            let is_late = self.later.get(&segment.number).is_some_and(|at| now < *at);
            !self.ready.contains_key(&segment.number) && !is_late
        })
    }

    /// Makes one ready; whether it is.
    fn fetch(&mut self, segment: Segment) -> bool {
        let name = segment.file_name(self.wal.size);
        // What keeps it from being ready is met by `fetch` again, which has somebody to say it to.
        if self.has_room() && self.unpack(segment, &name).is_ok_and(|is_ready| is_ready) {
            self.ready.insert(segment.number, name);
            return true;
        }
        self.later.insert(segment.number, Instant::now() + RETRY);
        false
    }

    fn has_room(&self) -> bool {
        let needed = self.wal.size.bytes().saturating_mul(1 + ROOM_FOR_SERVER);
        fstatvfs(self.spool.directory()).is_ok_and(|found| found.f_bavail.saturating_mul(found.f_frsize) >= needed)
    }

    fn unpack(&self, segment: Segment, name: &str) -> Result<bool, ReadError> {
        let Some(archived) = self.open(name)? else { return Ok(false) };
        let part = format!("{name}{PART}");
        let written = self.write(archived, segment, &part, name);
        if written.is_err() {
            // It is ours, and of no use; the next attempt clears what cannot be removed now.
            let _left: io::Result<bool> = self.spool.remove(&part);
        }
        written.map(|()| true)
    }

    fn open(&self, name: &str) -> Result<Option<ArchivedFile>, ReadError> {
        // One that was not full yet is not prefetched: it may still grow.
        for ending in WHOLE {
            if let Some(file) = ArchivedFile::open(&self.archive.join(format!("{name}{ending}")))? {
                return Ok(Some(file));
            }
        }
        Ok(None)
    }

    fn write(&self, archived: ArchivedFile, segment: Segment, part: &str, name: &str) -> Result<(), ReadError> {
        let target = |error: rustix::io::Errno| ReadError::Target(error.into());
        let directory = self.spool.directory();
        self.spool.remove(part).map_err(ReadError::Target)?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(openat(directory, part, flags, Mode::RUSR | Mode::WUSR).map_err(target)?);
        // Held until the file is closed, so that `fetch` sees whether somebody is writing.
        file.lock().map_err(ReadError::Target)?;
        if let Some((uid, gid)) = self.owner {
            fchown(&file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid))).map_err(target)?;
        }
        let expected = Expected { segment, wal: self.wal, history: Some(&self.needed.path), is_partial: false };
        archived.unpack(expected, &mut file, &AtomicU64::new(0))?;
        if *self.shared.stopping() {
            return Err(ReadError::Target(io::ErrorKind::Interrupted.into()));
        }
        match renameat_with(directory, part, directory, name, RenameFlags::NOREPLACE) {
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::OPNOTSUPP) => {
                rustix::fs::renameat(directory, part, directory, name).map_err(target)
            }
            done => done.map_err(target),
        }
    }
}
