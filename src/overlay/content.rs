//! The bytes of one file: what was written over what the lower has.
//!
//! A byte is the lower's when it lies before `lower_end` and its block is not present; all others are in the upper
//! directory, where a hole is zeros. Truncation moves `lower_end` down, and nothing moves it up again: what is cut off
//! never comes back, however the file grows.
//!
//! Promises: a partial write first brings the rest of its block; a block is marked after its data, and a write that
//! failed has changed neither length nor marks. Never: writes to the lower.

mod passed;
mod room;

use super::{
    blocks::{BLOCK, Blocks},
    change::{Change, Ino},
    clock::{FileTime, Stamp},
    handle::Handle,
    lower::LowerFile,
    sparse::read_upper,
    store::Store,
};
use room::{reserved, settle};
use rustix::{
    fs::{FallocateFlags, Timespec, Timestamps, UTIME_OMIT},
    io::Errno,
};
use std::{
    fs::{self, File, Metadata},
    io,
    ops::Range,
    os::unix::fs::{FileExt as _, MetadataExt as _},
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// One file.
#[derive(Debug)]
pub(super) struct Content {
    ino: Ino,
    lower: Option<LowerFile>,
    state: RwLock<State>,
    upper: Handle,
    opens: AtomicU64,
    modified: Stamp,
}

#[derive(Debug)]
struct State {
    size: u64,
    lower_end: u64,
    /// What the log says of `lower_end`. It may be behind as long as the file is not longer than `lower_end`: the length
    /// of the file in the upper directory says it then.
    logged_lower_end: u64,
    present: Blocks,
    /// Blocks of the upper directory that were written whole by this process: they have their place on the disk and, of
    /// the lower's, their mark.
    placed: Blocks,
    has_upper: bool,
    /// Bytes that the file in the upper directory occupies, or may without being asked for again.
    occupied: u64,
    /// The file in the upper directory while the kernel reads and writes it by itself.
    passed: Option<Arc<File>>,
}

impl Content {
    /// A file of the lower, or an empty one that is new.
    pub(super) fn new(ino: Ino, lower: Option<LowerFile>, modified: FileTime) -> Self {
        let size = lower.as_ref().map_or(0, LowerFile::len);
        let state = State {
            size,
            lower_end: size,
            logged_lower_end: size,
            present: Blocks::default(),
            placed: Blocks::default(),
            has_upper: false,
            occupied: 0,
            passed: None,
        };
        Self {
            ino,
            lower,
            state: RwLock::new(state),
            upper: Handle::default(),
            opens: AtomicU64::new(0),
            modified: Stamp::new(modified),
        }
    }

    pub(super) const fn ino(&self) -> Ino {
        self.ino
    }

    /// Its length and when it was changed.
    pub(super) fn facts(&self) -> (u64, FileTime) {
        let state = self.read_state();
        match state.passed.as_ref().map(|upper| upper.metadata()) {
            Some(Ok(found)) => (found.len(), FileTime::modified(&found)),
            Some(Err(_)) | None => (state.size, self.modified.get()),
        }
    }

    /// What the log says, when the overlay is opened again.
    pub(super) fn end_lower_at(&self, end: u64) {
        let mut state = self.write_state();
        state.lower_end = state.lower_end.min(end);
        state.logged_lower_end = state.lower_end;
    }

    /// What the log says, when the overlay is opened again.
    pub(super) fn has_blocks(&self, blocks: Range<u64>) {
        self.write_state().present.insert(blocks);
    }

    /// What is found in the upper directory, when the overlay is opened again. To be called after the logs were read.
    pub(super) fn found_upper(&self, found: &Metadata) -> u64 {
        let mut state = self.write_state();
        state.has_upper = true;
        state.size = found.len();
        state.lower_end = state.lower_end.min(found.len());
        self.modified.set(FileTime::modified(found));
        state.occupied = found.blocks() * 512;
        state.occupied
    }

    /// Sets when it was changed, in memory only.
    pub(super) fn set_modified(&self, time: FileTime) {
        self.modified.set(time);
    }

    /// Sets when it was changed; says whether that is kept with the data. Where there is none, a log must keep it.
    pub(super) fn keep_modified(&self, store: &Store, time: FileTime) -> io::Result<bool> {
        let state = self.write_state();
        if state.has_upper {
            let omitted = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
            let modified = Timespec { tv_sec: time.seconds, tv_nsec: time.nanoseconds.into() };
            let times = Timestamps { last_access: omitted, last_modification: modified };
            rustix::fs::futimens(&*self.upper(store)?, &times)?;
            self.modified.set(time);
            self.close_if_unused(store);
        }
        Ok(state.has_upper)
    }

    /// One more has it open.
    pub(super) fn opened(&self) {
        self.opens.fetch_add(1, Relaxed);
    }

    /// One less has it open; with the last one our own descriptors go.
    pub(super) fn released(&self, store: &Store) {
        if self.opens.fetch_sub(1, Relaxed) == 1 {
            self.close(store);
        }
    }

    fn close(&self, store: &Store) {
        self.upper.close(&store.slots);
        if let Some(lower) = &self.lower {
            lower.close(&store.slots);
        }
    }

    /// Closes what a request on a file that nobody has open has opened.
    fn close_if_unused(&self, store: &Store) {
        if self.opens.load(Relaxed) == 0 {
            self.close(store);
        }
    }

    /// Reads as much as there is from a place on; returns how much.
    pub(super) fn read(&self, store: &Store, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let state = self.read_state();
        let len = usize::try_from(state.size.saturating_sub(at)).map_or(buffer.len(), |left| left.min(buffer.len()));
        let range = at..at + len as u64;
        for (part, is_lower) in state.parts(range) {
            let slice = &mut buffer[within(part.start - at)..within(part.end - at)];
            if is_lower {
                self.read_lower(store, part.start, slice)?;
            } else if state.has_upper {
                read_upper(&*self.upper(store)?, slice, part.start)?;
            } else {
                slice.fill(0);
            }
        }
        Ok(len)
    }

    fn read_lower(&self, store: &Store, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        let lower = self.lower.as_ref().ok_or(Errno::IO)?;
        lower.read(buffer, at, &store.slots, &store.counters)
    }

    /// Writes all of it, or fails and leaves the length as it was.
    pub(super) fn write(&self, store: &Store, at: u64, data: &[u8]) -> io::Result<()> {
        if data.is_empty() {
            return Ok(());
        }
        let end = at.checked_add(data.len() as u64).ok_or(Errno::FBIG)?;
        if self.overwrite(store, at..end, data)? {
            return Ok(());
        }
        let mut state = self.write_state();
        let upper = self.upper_for_writing(store, &mut state)?;
        self.log_lower_end_before(store, &mut state, end)?;
        // What the write touches of the lower must be present, whole blocks of it.
        let touched = at / BLOCK..end.min(state.lower_end).div_ceil(BLOCK);
        let runs = if at < state.lower_end { state.present.missing(touched) } else { Vec::new() };
        let needed = (at / BLOCK * BLOCK)..(end.div_ceil(BLOCK) * BLOCK);
        let written = reserved(store, &upper, &mut state, needed, |state| {
            // Only the first and the last block can be written in part.
            let (first, last) = (at / BLOCK, (end - 1) / BLOCK);
            for edge in [Some(first), Some(last).filter(|last| *last != first)].into_iter().flatten() {
                if runs.iter().any(|run| run.contains(&edge)) {
                    self.bring(store, state, &upper, edge, at..end)?;
                }
            }
            upper.write_all_at(data, at)?;
            store.log_blocks(self.ino, &runs)
        });
        match written {
            Ok(()) => {
                for run in runs {
                    state.present.insert(run);
                }
                state.placed.insert(at.div_ceil(BLOCK)..end / BLOCK);
                state.size = state.size.max(end);
                self.was_written(store, data);
                Ok(())
            }
            Err(error) => {
                upper.set_len(state.size)?;
                Err(error)
            }
        }
    }

    /// Writes what neither takes more of the disk nor needs a mark, beside others that read and write. Whether that could
    /// be done.
    fn overwrite(&self, store: &Store, range: Range<u64>, data: &[u8]) -> io::Result<bool> {
        let state = self.read_state();
        let blocks = range.start / BLOCK..range.end.div_ceil(BLOCK);
        if range.end > state.size || !state.placed.contains_all(blocks) {
            return Ok(false);
        }
        self.upper(store)?.write_all_at(data, range.start)?;
        self.was_written(store, data);
        Ok(true)
    }

    fn was_written(&self, store: &Store, data: &[u8]) {
        self.modified.set(FileTime::now());
        store.counters.was_written(data.len() as u64);
    }

    /// Copies what a write leaves of a block from the lower.
    fn bring(&self, store: &Store, state: &State, upper: &File, block: u64, written: Range<u64>) -> io::Result<()> {
        let whole = block * BLOCK..((block + 1) * BLOCK).min(state.lower_end);
        let mut buffer = vec![0; within(BLOCK)];
        for part in [whole.start..written.start.min(whole.end), written.end.max(whole.start)..whole.end] {
            if part.start < part.end {
                let slice = &mut buffer[..within(part.end - part.start)];
                self.read_lower(store, part.start, slice)?;
                upper.write_all_at(slice, part.start)?;
            }
        }
        Ok(())
    }

    /// Makes it longer or shorter.
    pub(super) fn truncate(&self, store: &Store, size: u64) -> io::Result<()> {
        let mut state = self.write_state();
        let upper = self.upper_for_writing(store, &mut state)?;
        self.log_lower_end_before(store, &mut state, size)?;
        upper.set_len(size)?;
        state.size = size;
        state.lower_end = state.lower_end.min(size);
        state.placed.cut(size / BLOCK);
        self.modified.set(FileTime::now());
        settle(store, &upper, &mut state, 0);
        store.counters.changed();
        drop(state);
        self.close_if_unused(store);
        Ok(())
    }

    /// Makes sure that a range can be written, and the file longer where it ends before the range does.
    pub(super) fn allocate(&self, store: &Store, range: Range<u64>, keeps_size: bool) -> io::Result<()> {
        let mut state = self.write_state();
        let upper = self.upper_for_writing(store, &mut state)?;
        let size = if keeps_size { state.size } else { state.size.max(range.end) };
        self.log_lower_end_before(store, &mut state, size)?;
        let flags = if keeps_size { FallocateFlags::KEEP_SIZE } else { FallocateFlags::empty() };
        let aligned = (range.start / BLOCK * BLOCK)..(range.end.div_ceil(BLOCK).saturating_mul(BLOCK));
        let allocated = reserved(store, &upper, &mut state, aligned, |_| {
            Ok(rustix::fs::fallocate(&*upper, flags, range.start, range.end - range.start)?)
        });
        if let Err(error) = allocated {
            upper.set_len(state.size)?;
            return Err(error);
        }
        state.size = size;
        self.modified.set(FileTime::now());
        Ok(())
    }

    /// Asks the disk for what was written here. The logs need none: nothing in the upper directory outlives a restart.
    pub(super) fn sync(&self, store: &Store, data_only: bool) -> io::Result<()> {
        if !self.read_state().has_upper {
            return Ok(());
        }
        let upper = self.upper(store)?;
        if data_only { upper.sync_data() } else { upper.sync_all() }
    }

    /// Removes its data: nobody can ask for it any more.
    pub(super) fn discard(&self, store: &Store) -> io::Result<()> {
        self.close(store);
        let mut state = self.write_state();
        if state.has_upper {
            fs::remove_file(store.place(self.ino))?;
            state.has_upper = false;
            state.placed.cut(0);
            store.room.settle(0, state.occupied, 0);
            state.occupied = 0;
            store.counters.changed();
        }
        Ok(())
    }

    fn upper(&self, store: &Store) -> io::Result<Arc<File>> {
        self.upper.get(&store.slots, || store.open(self.ino))
    }

    fn upper_for_writing(&self, store: &Store, state: &mut State) -> io::Result<Arc<File>> {
        if !state.has_upper {
            let made = store.make(self.ino, state.size)?;
            state.has_upper = true;
            return self.upper.get(&store.slots, || Ok(made));
        }
        self.upper(store)
    }

    /// Before the file is longer than `lower_end`, the log must know it: the length does not say it any more.
    fn log_lower_end_before(&self, store: &Store, state: &mut State, size: u64) -> io::Result<()> {
        if size > state.lower_end && state.logged_lower_end > state.lower_end {
            let change = Change::LowerEnd { ino: self.ino, end: state.lower_end };
            store.log_change(&change, self.modified.get())?;
            state.logged_lower_end = state.lower_end;
        }
        Ok(())
    }

    fn read_state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_state(&self) -> RwLockWriteGuard<'_, State> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        // What the kernel writes by itself may have made the file longer.
        if let Some(Ok(found)) = state.passed.as_ref().map(|upper| upper.metadata()) {
            state.size = found.len();
        }
        state
    }
}

impl State {
    /// A range in parts, each with whether it is the lower's.
    fn parts(&self, range: Range<u64>) -> Vec<(Range<u64>, bool)> {
        let mut parts: Vec<(Range<u64>, bool)> = Vec::new();
        let mut at = range.start;
        while at < range.end {
            let is_lower = at < self.lower_end && !self.present.contains(at / BLOCK);
            let mut stop = ((at / BLOCK + 1) * BLOCK).min(range.end);
            if is_lower {
                stop = stop.min(self.lower_end);
            }
            match parts.last_mut() {
                Some((part, same)) if *same == is_lower => part.end = stop,
                Some(_) | None => parts.push((at..stop, is_lower)),
            }
            at = stop;
        }
        parts
    }
}

/// A distance within one request, whose data is in memory.
fn within(bytes: u64) -> usize {
    usize::try_from(bytes).expect("a part of a buffer is as long as memory at most")
}
