//! One segment of an archive: opened whatever it is packed with, unpacked, and compared with what it must be.
//!
//! Promises: what comes out has exactly the size of a segment, and a header that fits its name and its cluster; what is
//! wrong is found before a byte too many is written. Never: judges the records in it; PostgreSQL does, one by one.

use super::TimelineHistory;
use crate::{
    domain::{Compression, SystemIdentifier, Timeline},
    postgres::{
        compression,
        wal::{HeaderError, LONG_HEADER, Segment, SegmentHeader, SegmentSize},
    },
};
use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    io::{self, Read, Seek, Write},
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

/// What the name of a whole file may end with, the likeliest first.
pub const WHOLE: [&str; 4] = ["", ".gz", ".zst", ".lz4"];

/// Bytes that are unpacked before they are written: few enough for a cache, enough that system calls do not count.
const CHUNK: usize = 256 * 1024;

/// Bytes that the kernel copies at once: a disk that works takes a fraction of a second for them.
const PIECE: usize = 4 << 20;

/// What every segment of one cluster has in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClusterWal {
    /// The cluster.
    pub cluster: SystemIdentifier,
    /// The size of its segments.
    pub size: SegmentSize,
}

/// What a file of the archive must be.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The segment that its name says.
    pub segment: Segment,
    /// Whose it is.
    pub wal: ClusterWal,
    /// A history that its timeline is part of, where one is known.
    pub history: Option<&'a TimelineHistory>,
    /// Whether its name says that it is not full.
    pub is_partial: bool,
}

/// Why a file is not the segment that its name says. Numbers are bytes where nothing else is said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SegmentFault {
    /// It cannot be unpacked, or does not begin as WAL does: a clause that says why.
    Damaged(String),
    /// It ends too early.
    Short {
        /// Its size, unpacked.
        found: u64,
        /// That of a segment.
        expected: u64,
    },
    /// It does not end where a segment does.
    Long {
        /// The size of a segment.
        expected: u64,
    },
    /// Another cluster wrote it.
    Cluster {
        /// The one that wrote it.
        found: SystemIdentifier,
        /// The one that is recovered.
        expected: SystemIdentifier,
    },
    /// The segments of its cluster have another size.
    SegmentSize {
        /// The size that it names.
        found: u64,
        /// That of the cluster.
        expected: u64,
    },
    /// It is another segment: the name that its header gives it.
    Place(String),
    /// It is on a timeline that did not lead to its own.
    Timeline(Timeline),
    /// It is no regular file.
    NotAFile,
}

/// What went wrong with one file.
#[derive(Debug)]
pub enum ReadError {
    /// It is not what it should be.
    Fault(SegmentFault),
    /// It cannot be read.
    Archive(io::Error),
    /// What it holds cannot be written.
    Target(io::Error),
}

/// A file of the archive that is open, and known to be a regular file.
#[derive(Debug)]
pub struct ArchivedFile {
    file: File,
    len: u64,
}

impl ArchivedFile {
    /// Opens a file; `None` when it is missing. What is no regular file does not make it wait.
    pub fn open(path: &Path) -> Result<Option<Self>, ReadError> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(handle) => File::from(handle),
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(error) => return Err(ReadError::Archive(error.into())),
        };
        let found = file.metadata().map_err(ReadError::Archive)?;
        if !found.is_file() {
            return Err(ReadError::Fault(SegmentFault::NotAFile));
        }
        Ok(Some(Self { file, len: found.len() }))
    }

    /// All that is packed in it, if it is no longer than so many bytes.
    pub fn read(self, max_len: u64) -> Result<Vec<u8>, ReadError> {
        let mut bytes = Vec::new();
        let (_, plain) = compression::unpack(self.file).map_err(of_reading)?;
        plain.take(max_len + 1).read_to_end(&mut bytes).map_err(of_reading)?;
        if bytes.len() as u64 > max_len {
            return Err(ReadError::Fault(SegmentFault::Long { expected: max_len }));
        }
        Ok(bytes)
    }

    /// Writes the segment to `out`, which is empty; `beats` grows with each piece that was read. Of a partial one what is
    /// missing at its end becomes zeros, as the server that had not filled it left it.
    pub fn unpack(mut self, expected: Expected<'_>, out: &mut File, beats: &AtomicU64) -> Result<(), ReadError> {
        let mut first = [0; 4];
        let read = read_up_to(&mut self.file, &mut first).map_err(ReadError::Archive)?;
        self.file.rewind().map_err(ReadError::Archive)?;
        let written = if compression::detect(&first[..read]) == Compression::None {
            self.copy(expected, out, beats)?
        } else {
            let (_, mut plain) = compression::unpack(self.file).map_err(of_reading)?;
            copy_checked(&mut plain, expected, out, beats)?
        };
        let size = expected.wal.size.bytes();
        if written < size {
            if !expected.is_partial {
                return Err(fault(SegmentFault::Short { found: written, expected: size }));
            }
            out.set_len(size).map_err(ReadError::Target)?;
        }
        Ok(())
    }

    /// A plain segment: the kernel copies it, or lets both files share their blocks, once its header was read.
    fn copy(mut self, expected: Expected<'_>, out: &mut File, beats: &AtomicU64) -> Result<u64, ReadError> {
        let mut header = [0; LONG_HEADER];
        let read = read_up_to(&mut self.file, &mut header).map_err(ReadError::Archive)?;
        expected.check_header(&header[..read]).map_err(fault)?;
        let size = expected.wal.size.bytes();
        if self.len < size && !expected.is_partial {
            return Err(fault(SegmentFault::Short { found: self.len, expected: size }));
        }
        self.file.rewind().map_err(ReadError::Archive)?;
        let mut written = 0;
        while written <= size {
            // In pieces, so that whoever waits sees it go on.
            match rustix::fs::copy_file_range(&self.file, None, &*out, None, PIECE) {
                Ok(0) => return Ok(written),
                Ok(bytes) => written += bytes as u64,
                // Where the bytes pass through us it shows whether it is reading or writing that fails.
                Err(_) => {
                    self.file.rewind().map_err(ReadError::Archive)?;
                    out.rewind().map_err(ReadError::Target)?;
                    return copy_checked(&mut self.file, expected, out, beats);
                }
            }
            beats.fetch_add(1, Ordering::Relaxed);
        }
        Err(fault(SegmentFault::Long { expected: size }))
    }
}

impl Expected<'_> {
    /// Compares the beginning of a segment with what it must be; a header's length of it is enough.
    pub fn check_header(&self, bytes: &[u8]) -> Result<(), SegmentFault> {
        let size = self.wal.size;
        let header = SegmentHeader::parse(bytes).map_err(|error| match error {
            HeaderError::Short(found) => SegmentFault::Short { found: found as u64, expected: size.bytes() },
            HeaderError::Magic(_)
            | HeaderError::NotLong(_)
            | HeaderError::SegmentSize(_)
            | HeaderError::PageSize(_)
            | HeaderError::Position(_) => SegmentFault::Damaged(error.to_string()),
        })?;
        if header.system_identifier != self.wal.cluster {
            return Err(SegmentFault::Cluster { found: header.system_identifier, expected: self.wal.cluster });
        }
        if header.segment_size != size {
            let (found, expected) = (header.segment_size.bytes(), size.bytes());
            return Err(SegmentFault::SegmentSize { found, expected });
        }
        if header.start != self.segment.start(size) {
            return Err(SegmentFault::Place(header.segment().file_name(size)));
        }
        // A segment in which a timeline begins is a copy of the older one's up to there, its first page included.
        let named = self.segment.timeline;
        let fits = match self.history.filter(|history| history.passes(named)) {
            Some(history) => header.timeline == history.at(header.start).min(named),
            None => header.timeline <= named && header.timeline.0 > 0,
        };
        if fits { Ok(()) } else { Err(SegmentFault::Timeline(header.timeline)) }
    }
}

/// The same through our memory; returns how many bytes there were.
fn copy_checked(
    from: &mut dyn Read,
    expected: Expected<'_>,
    out: &mut File,
    beats: &AtomicU64,
) -> Result<u64, ReadError> {
    let mut buffer = vec![0; CHUNK];
    let mut written = 0;
    loop {
        let (read, is_over) = match fill(from, &mut buffer) {
            Ok(read) => (read, read < CHUNK),
            // `pg_receivewal -Z` leaves the end of the packing away until the segment is full.
            Err((read, error)) if expected.is_partial && error.kind() == io::ErrorKind::UnexpectedEof => (read, true),
            Err((_, error)) => return Err(of_reading(error)),
        };
        beats.fetch_add(1, Ordering::Relaxed);
        if written == 0 {
            expected.check_header(&buffer[..read]).map_err(fault)?;
        }
        written += read as u64;
        if written > expected.wal.size.bytes() {
            return Err(fault(SegmentFault::Long { expected: expected.wal.size.bytes() }));
        }
        out.write_all(&buffer[..read]).map_err(ReadError::Target)?;
        if is_over {
            return Ok(written);
        }
    }
}

/// Fills the buffer, or as much of it as there is; an error comes with what was read before it.
fn fill(from: &mut dyn Read, buffer: &mut [u8]) -> Result<usize, (usize, io::Error)> {
    let mut filled = 0;
    while filled < buffer.len() {
        match from.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err((filled, error)),
        }
    }
    Ok(filled)
}

fn read_up_to(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    fill(file, buffer).map_err(|(_, error)| error)
}

fn of_reading(error: io::Error) -> ReadError {
    if compression::is_damage(&error) {
        fault(SegmentFault::Damaged(error.to_string()))
    } else {
        ReadError::Archive(error)
    }
}

const fn fault(fault: SegmentFault) -> ReadError {
    ReadError::Fault(fault)
}
