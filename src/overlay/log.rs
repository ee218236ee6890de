//! An append-only file of records: what an overlay must know again when its process was killed.
//!
//! A record is a header of three little-endian words, the length of what follows, its CRC-32C, and the CRC-32C of the
//! first two words, and then that many bytes.
//!
//! Promises: what [`Log::append`] has returned from is read again, whole and in order, by whoever opens the file next,
//! as long as the kernel runs. A record that was cut off at the end of the file is removed; anything else that is not as
//! it was written is an error with its place. Never: syncs, since nothing in an upper directory outlives a restart.

use super::error::{OverlayError, failed};
use crate::private_file;
use rustix::fs::FallocateFlags;
use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

const HEADER: usize = 12;

/// Longer than the longest record: two names of 255 bytes, or a link to 4,095.
const MAX_RECORD: usize = 64 << 10;

/// Bytes that are taken on the disk ahead: where it is full, files can still be removed.
pub(super) const AHEAD: u64 = 128 << 10;

/// The file, and where its next record goes.
#[derive(Debug)]
pub(super) struct Log {
    file: File,
    end: u64,
    /// How far there is a place on the disk.
    allocated: u64,
    /// Whether something may stand behind the end that is no record.
    is_torn: bool,
}

/// A record that does not mean anything.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadRecord(pub(super) String);

impl Log {
    /// Opens the file, or makes it, and gives each record that is in it to `take`.
    pub(super) fn open(
        path: &Path,
        mut take: impl FnMut(&mut Reader<'_>) -> Result<(), BadRecord>,
    ) -> Result<Self, OverlayError> {
        let mut options = OpenOptions::new();
        let file = private_file::open(path, options.read(true).write(true).create(true).truncate(false))
            .map_err(failed("cannot open", path))?;
        let bytes = std::fs::read(path).map_err(failed("cannot read", path))?;
        let mut rest = Scan::new(path, &bytes);
        while let Some((offset, payload)) = rest.next()? {
            let mut reader = Reader(payload);
            let taken = take(&mut reader).and_then(|()| reader.ends());
            taken.map_err(|bad| damaged(path, offset, bad.0))?;
        }
        let end = rest.at as u64;
        if end < bytes.len() as u64 {
            file.set_len(end).map_err(failed("cannot cut", path))?;
        }
        Ok(Self { file, end, allocated: end, is_torn: false })
    }

    /// Adds records, all of them or none.
    pub(super) fn append(&mut self, batch: &Batch) -> io::Result<()> {
        if self.is_torn {
            self.file.set_len(self.end)?;
        }
        let end = self.end + batch.0.len() as u64;
        if end > self.allocated {
            // Not every file system can do it, and a full one may still take the record itself.
            let _not_here = rustix::fs::fallocate(&self.file, FallocateFlags::KEEP_SIZE, self.end, AHEAD);
            self.allocated = self.end + AHEAD;
        }
        self.is_torn = true;
        self.file.write_all_at(&batch.0, self.end)?;
        self.is_torn = false;
        self.end = end;
        Ok(())
    }

    /// Bytes of the file.
    pub(super) const fn len(&self) -> u64 {
        self.end
    }
}

/// The records of a file, and where the next one begins.
struct Scan<'a> {
    path: PathBuf,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    fn new(path: &Path, bytes: &'a [u8]) -> Self {
        Self { path: path.to_owned(), bytes, at: 0 }
    }

    /// The next record with its place; `None` at the end, which may be a record that was cut off.
    fn next(&mut self) -> Result<Option<(u64, &'a [u8])>, OverlayError> {
        let offset = self.at as u64;
        let Some((header, rest)) = self.bytes[self.at..].split_first_chunk::<HEADER>() else { return Ok(None) };
        let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        if crc32c::crc32c(&header[..8]) != word(8) {
            return Err(damaged(&self.path, offset, "its header does not match its checksum".to_owned()));
        }
        let len = word(0) as usize;
        let Some(payload) = rest.get(..len) else { return Ok(None) };
        if crc32c::crc32c(payload) != word(4) {
            return Err(damaged(&self.path, offset, "the record does not match its checksum".to_owned()));
        }
        self.at += HEADER + len;
        Ok(Some((offset, payload)))
    }
}

fn damaged(path: &Path, offset: u64, reason: String) -> OverlayError {
    OverlayError::Damaged { path: path.to_owned(), offset, reason }
}

/// Records that are ready to be appended.
#[derive(Debug, Default)]
pub(super) struct Batch(Vec<u8>);

impl Batch {
    /// Adds one record, which `fill` writes.
    pub(super) fn add(&mut self, fill: impl FnOnce(&mut Writer<'_>)) {
        let start = self.0.len();
        self.0.resize(start + HEADER, 0);
        fill(&mut Writer(&mut self.0));
        let payload = &self.0[start + HEADER..];
        debug_assert!(payload.len() <= MAX_RECORD, "a record of {} bytes", payload.len());
        let mut header = [0; HEADER];
        let len = u32::try_from(payload.len()).expect("names are short");
        header[..4].copy_from_slice(&len.to_le_bytes());
        header[4..8].copy_from_slice(&crc32c::crc32c(payload).to_le_bytes());
        let check = crc32c::crc32c(&header[..8]);
        header[8..].copy_from_slice(&check.to_le_bytes());
        self.0[start..start + HEADER].copy_from_slice(&header);
    }

    /// One record.
    pub(super) fn one(fill: impl FnOnce(&mut Writer<'_>)) -> Self {
        let mut batch = Self::default();
        batch.add(fill);
        batch
    }

    /// Bytes so far.
    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    /// The bytes, for a file that is written in one go.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Writes the parts of one record.
#[derive(Debug)]
pub(super) struct Writer<'a>(&'a mut Vec<u8>);

impl Writer<'_> {
    pub(super) fn byte(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(super) fn number(&mut self, value: u64) {
        self.0.extend(value.to_le_bytes());
    }

    pub(super) fn bytes(&mut self, value: &[u8]) {
        self.number(value.len() as u64);
        self.0.extend(value);
    }
}

/// Reads the parts of one record, in the order in which they were written.
#[derive(Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn byte(&mut self) -> Result<u8, BadRecord> {
        self.take(1).map(|bytes| bytes[0])
    }

    pub(super) fn number(&mut self) -> Result<u64, BadRecord> {
        let bytes = self.take(8)?;
        Ok(u64::from_le_bytes(bytes.try_into().map_err(|_| too_short())?))
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], BadRecord> {
        let len = self.number()?;
        self.take(usize::try_from(len).map_err(|_| too_short())?)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], BadRecord> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or_else(too_short)?;
        self.0 = rest;
        Ok(taken)
    }

    fn ends(&self) -> Result<(), BadRecord> {
        if self.0.is_empty() { Ok(()) } else { Err(BadRecord("it is longer than it should be".to_owned())) }
    }
}

fn too_short() -> BadRecord {
    BadRecord("it is shorter than it should be".to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use std::fs;

    fn write(path: &Path, texts: &[&str]) {
        let mut log = Log::open(path, |record| record.bytes().map(drop)).unwrap_or_else(|error| panic!("{error}"));
        for text in texts {
            log.append(&Batch::one(|record| record.bytes(text.as_bytes()))).unwrap();
        }
    }

    fn read(path: &Path) -> Result<Vec<String>, OverlayError> {
        let mut found = Vec::new();
        Log::open(path, |record| {
            found.push(String::from_utf8(record.bytes()?.to_vec()).unwrap());
            Ok(())
        })?;
        Ok(found)
    }

    #[test]
    fn a_record_that_was_cut_off_goes_and_what_came_before_stays() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("log");
        let texts = ["one", "two, which is longer", ""];
        write(&path, &texts);
        let whole = fs::read(&path).unwrap();
        let last = HEADER + 8;
        for cut in 1..=last {
            fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            assert_eq!(read(&path).unwrap(), texts[..2], "{cut} bytes are missing");
            write(&path, &["three"]);
            assert_eq!(read(&path).unwrap(), ["one", "two, which is longer", "three"]);
        }
    }

    #[test]
    fn anything_else_that_changed_is_an_error_with_its_place() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("log");
        write(&path, &["one", "two"]);
        let whole = fs::read(&path).unwrap();
        let second = HEADER + 8 + 3;
        for at in 0..whole.len() {
            let mut spoiled = whole.clone();
            spoiled[at] ^= 1;
            fs::write(&path, &spoiled).unwrap();
            let expected = if at < second { 0 } else { second as u64 };
            match read(&path) {
                Err(OverlayError::Damaged { offset, .. }) => assert_eq!(offset, expected, "byte {at}"),
                other => panic!("byte {at}: {other:?}"),
            }
        }
    }
}
