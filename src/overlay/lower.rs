//! A file of the backup, or a member of an archive of it.
//!
//! Promises: it is opened for reading only, never through a link in its place, and never made. Where it is not as long as
//! when it was listed, or gone, reading is an error (EIO) that is counted and logged with its name. Never: gives zeros
//! for what cannot be read.

use super::{
    counters::Counters,
    handle::{Handle, Slots},
};
use rustix::fs::{Mode, OFlags};
use std::{
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Where the bytes of a file are.
#[derive(Debug)]
pub(super) enum LowerFile {
    /// A file of its own.
    Whole { path: PathBuf, len: u64, handle: Handle },
    /// A part of an archive.
    Member { archive: Arc<Archive>, offset: u64, len: u64 },
}

/// An uncompressed tar, as long as it was when it was listed.
#[derive(Debug)]
pub(super) struct Archive {
    pub(super) path: PathBuf,
    pub(super) len: u64,
    pub(super) handle: Handle,
}

impl LowerFile {
    /// Bytes of the file.
    pub(super) const fn len(&self) -> u64 {
        match self {
            Self::Whole { len, .. } | Self::Member { len, .. } => *len,
        }
    }

    /// Reads exactly so many bytes from a place that lies within the file.
    pub(super) fn read(&self, buffer: &mut [u8], at: u64, slots: &Slots, counters: &Counters) -> io::Result<()> {
        let (path, len, handle, start) = match self {
            Self::Whole { path, len, handle } => (path, *len, handle, at),
            Self::Member { archive, offset, .. } => (&archive.path, archive.len, &archive.handle, offset + at),
        };
        let read = handle.get(slots, || open(path)).and_then(|file| {
            check(&file, len)?;
            file.read_exact_at(buffer, start)
        });
        match read {
            Ok(()) => {
                counters.lower_was_read(buffer.len() as u64);
                Ok(())
            }
            // Too many open files is no fault of the backup.
            Err(error) if matches!(error.raw_os_error(), Some(code) if is_ours(code)) => Err(error),
            Err(error) => Err(counters.lower_failed(path, &error)),
        }
    }

    /// Closes what is open only for this file.
    pub(super) fn close(&self, slots: &Slots) {
        match self {
            Self::Whole { handle, .. } => handle.close(slots),
            Self::Member { .. } => {}
        }
    }
}

fn is_ours(code: i32) -> bool {
    [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE, rustix::io::Errno::NOMEM]
        .iter()
        .any(|errno| errno.raw_os_error() == code)
}

/// A pipe that somebody has put in its place must not keep us waiting.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

fn check(file: &File, len: u64) -> io::Result<()> {
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("it is not a file any more"));
    }
    if found.len() != len {
        let what = format!("it has {} bytes, and had {len} when it was listed", found.len());
        return Err(io::Error::other(what));
    }
    Ok(())
}
