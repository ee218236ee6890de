//! The upper directory: where what is written is kept.
//!
//! ```text
//! state.json     whose it is, and the run of the kernel that it is of; locked by the process that serves it
//! listing        what the lower had when it was first looked at
//! names          changes of names (a log)
//! blocks         blocks that are present in files/ (a log)
//! files/<ino>    the data of one file, sparse, as long as the file is
//! status.json    numbers for others
//! ```
//!
//! Promise: a block is marked after its data was written, and a file is as long as its file in `files`: whoever opens the
//! directory again after a kill sees what had been acknowledged.

use super::{
    change::{Change, Ino},
    clock::FileTime,
    counters::Counters,
    error::{OverlayError, failed},
    handle::Slots,
    log::{Batch, Log},
    room::Room,
};
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    ops::Range,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// What all files of an overlay share.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) upper: PathBuf,
    pub(super) room: Room,
    pub(super) counters: Counters,
    pub(super) slots: Slots,
    names: Mutex<Log>,
    marks: Mutex<Log>,
}

impl Store {
    pub(super) fn new(upper: &Path, room: Room, counters: Counters, names: Log, marks: Log) -> Self {
        room.log_grew(names.len() + marks.len());
        let (names, marks) = (Mutex::new(names), Mutex::new(marks));
        Self { upper: upper.to_owned(), room, counters, slots: Slots::raised(), names, marks }
    }

    /// The directory of the data.
    pub(super) fn files(upper: &Path) -> PathBuf {
        upper.join("files")
    }

    /// Where the data of a file is.
    pub(super) fn place(&self, ino: Ino) -> PathBuf {
        Self::files(&self.upper).join(ino.to_string())
    }

    /// Opens the data of a file that has some.
    pub(super) fn open(&self, ino: Ino) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).custom_flags(nofollow()).open(self.place(ino))
    }

    /// Makes the data of a file that has none: nothing but holes. It has its name when it has its length.
    pub(super) fn make(&self, ino: Ino, len: u64) -> io::Result<File> {
        let place = self.place(ino);
        let unfinished = place.with_extension("new");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true).mode(0o600).custom_flags(nofollow());
        let file = options.open(&unfinished)?;
        file.set_len(len)?;
        fs::rename(&unfinished, &place)?;
        Ok(file)
    }

    /// Adds a change to the log of names.
    pub(super) fn log_change(&self, change: &Change, time: FileTime) -> io::Result<()> {
        self.append(&self.names, &Batch::one(|record| change.write(time, record)))
    }

    /// Adds blocks of a file to the log of blocks.
    pub(super) fn log_blocks(&self, ino: Ino, runs: &[Range<u64>]) -> io::Result<()> {
        if runs.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::default();
        for run in runs {
            batch.add(|record| {
                record.number(ino);
                record.number(run.start);
                record.number(run.end);
            });
        }
        self.append(&self.marks, &batch)
    }

    fn append(&self, log: &Mutex<Log>, batch: &Batch) -> io::Result<()> {
        log.lock().unwrap_or_else(PoisonError::into_inner).append(batch)?;
        self.room.log_grew(batch.len() as u64);
        self.counters.changed();
        Ok(())
    }
}

/// Makes a private directory where it is missing.
pub(super) fn make_directory(path: &Path) -> Result<(), OverlayError> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made.map_err(failed("cannot make", path)),
    }
}

/// `O_NOFOLLOW` as the standard library takes it.
fn nofollow() -> i32 {
    rustix::fs::OFlags::NOFOLLOW.bits().cast_signed()
}
