//! Writing one file of the target: hashed on the way, and on its way to the disk from the first byte on.
//!
//! Promises: large files go to the disk directly, past the page cache, where the file system allows it; of others the
//! write-back is begun as soon as there is something to write, or gathered with that of other files. So little is left
//! to flush at the end.

use super::{
    buffers::ALIGNMENT,
    errors::at_target,
    ledger::Stamp,
    root::{Access, Root},
    shared::Watch,
};
use crate::{
    domain::Failure,
    engine::Halt,
    postgres::manifest::{Algorithm, Checksum, Hasher},
};
use rustix::{
    fs::{Advice, OFlags},
    io::Errno,
};
use std::{
    fs::File,
    io,
    num::NonZeroU64,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

/// From this size on a file is written directly. Below it the page cache gathers many small writes into few.
pub(super) const DIRECT_FROM: u64 = 512 * 1024;

/// Bytes between two calls that begin the write-back of a file that is not written directly.
const FLUSH_EVERY: u64 = 8 << 20;

/// One file being written, from its beginning to its end.
pub(super) struct Output {
    file: File,
    path: PathBuf,
    access: Access,
    direct: bool,
    offset: u64,
    /// Up to where write-back was begun.
    flushed: u64,
    hasher: Hasher,
}

impl Output {
    /// Creates the file at `below` in `root`.
    pub(super) fn create(
        root: &Root,
        below: &Path,
        size: u64,
        algorithm: Algorithm,
        watch: &Watch,
    ) -> Result<Self, Failure> {
        let path = root.path().join(below);
        watch.on(&path);
        let file = watch.during(|| root.begin(below)).map_err(|error| at_target("create", &path, &error))?;
        Ok(Self::from(file, (path, root.access()), size, Hasher::new(algorithm), 0))
    }

    /// Goes on with a file of which `offset` bytes stand and went through `hasher`.
    pub(super) fn from(file: File, (path, access): (PathBuf, Access), size: u64, hasher: Hasher, offset: u64) -> Self {
        // A file system that cannot do it reports that; then the page cache does.
        let direct = size >= DIRECT_FROM && rustix::fs::fcntl_setfl(&file, OFlags::DIRECT).is_ok();
        Self { file, path, access, direct, offset, flushed: offset, hasher }
    }

    /// Hashes and writes the next bytes, which lie aligned in memory: a whole buffer, or less at the end of the file.
    pub(super) fn write(&mut self, bytes: &[u8], watch: &Watch) -> Result<(), Halt> {
        self.hasher.update(bytes);
        watch.on(&self.path);
        let written = watch.during(|| self.put(bytes));
        written.map_err(|error| at_target("write", &self.path, &error).into())
    }

    /// Ends the file. `gathered` says that others see to its write-back.
    pub(super) fn finish(mut self, gathered: bool) -> io::Result<(Checksum, Stamp)> {
        if !gathered {
            self.begin_write_back();
        }
        let stands = rustix::fs::fstat(&self.file)?;
        self.access.give_mode(&self.file, &stands)?;
        Ok((self.hasher.finish(), Stamp::of(&stands)))
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        let whole = if self.direct { bytes.len() - bytes.len() % ALIGNMENT } else { 0 };
        let (aligned, mut rest) = bytes.split_at(whole);
        if !aligned.is_empty() {
            match self.file.write_all_at(aligned, self.offset) {
                Ok(()) => self.offset += aligned.len() as u64,
                // Not with this memory or this file system after all.
                Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => rest = bytes,
                Err(error) => return Err(error),
            }
        }
        if !rest.is_empty() {
            if self.direct {
                rustix::fs::fcntl_setfl(&self.file, OFlags::empty())?;
                self.direct = false;
            }
            self.file.write_all_at(rest, self.offset)?;
            self.offset += rest.len() as u64;
            if self.offset - self.flushed >= FLUSH_EVERY {
                self.begin_write_back();
            }
        }
        Ok(())
    }

    /// Lets the system begin to write what is in the page cache, without waiting for it. Linux does so when it is asked
    /// that the pages are not needed; those that are being written it keeps.
    fn begin_write_back(&mut self) {
        if !self.direct
            && let Some(length) = NonZeroU64::new(self.offset - self.flushed)
        {
            // Advice that is not taken costs time at the end, and nothing else.
            let _ = rustix::fs::fadvise(&self.file, self.flushed, Some(length), Advice::DontNeed);
            self.flushed = self.offset;
        }
    }
}
