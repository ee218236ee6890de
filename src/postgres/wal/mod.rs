//! WAL segments: their names and headers, and whether the records in them are as they were written.
//!
//! Promises: a name is exactly what PostgreSQL would give the segment; a header is checked in every field that can be
//! checked before anything is believed of it; records are checked segment by segment, in whatever order these come, and
//! in bounded memory ([`SegmentScan`], [`RangeCheck`]). Never: opens a file, or decodes what a WAL record does.
//!
//! Sources: `src/include/access/xlog_internal.h` of PostgreSQL (`XLogFileName`, `XLogLongPageHeaderData`).

mod fault;
mod range;
mod record;
mod scan;
#[cfg(test)]
pub(crate) mod tests;

pub use fault::{WalFault, WalProblem};
pub use range::RangeCheck;
pub use scan::{SegmentReport, SegmentScan, Wanted};

use crate::domain::{Lsn, MajorVersion, SystemIdentifier, Timeline};
use thiserror::Error;

/// The size of a WAL segment: a power of two from 1 MiB to 1 GiB (`initdb --wal-segsize`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentSize(u32);

/// One segment of one timeline. The number counts segments from the start of the WAL, so it depends on their size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Segment {
    /// The timeline it belongs to.
    pub timeline: Timeline,
    /// Its number: the position of its first byte divided by the segment size.
    pub number: u64,
}

/// What the long header of a segment's first page holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The major version that wrote the page, where its magic number is known here.
    pub version: Option<MajorVersion>,
    /// The timeline of the page.
    pub timeline: Timeline,
    /// The position of the segment's first byte.
    pub start: Lsn,
    /// The cluster that wrote it.
    pub system_identifier: SystemIdentifier,
    /// The size of this and every segment of the cluster.
    pub segment_size: SegmentSize,
    /// The size of a WAL page in bytes (8192 unless PostgreSQL was built otherwise).
    pub page_size: u32,
}

/// Why bytes are not the beginning of a WAL segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum HeaderError {
    /// Fewer bytes than a long page header.
    #[error("{0} bytes are too few for a WAL segment's header")]
    Short(usize),
    /// The magic number has not the form that PostgreSQL 13 to 18 use.
    #[error("the magic number {0:#06X} is not that of a WAL page written on a little-endian machine")]
    Magic(u16),
    /// The page is not marked as one with the long header.
    #[error("the first page has no long header (flags {0:#06x})")]
    NotLong(u16),
    /// A size that PostgreSQL never uses.
    #[error("a segment size of {0} bytes is not a power of two from 1 MiB to 1 GiB")]
    SegmentSize(u32),
    /// A page size that PostgreSQL never uses.
    #[error("a WAL page size of {0} bytes is not a power of two from 1 KiB to 64 KiB")]
    PageSize(u32),
    /// The page does not begin a segment.
    #[error("the page at {0} does not begin a segment")]
    Position(Lsn),
}

/// The bytes of a long page header: as many as [`SegmentHeader::parse`] needs.
pub const LONG_HEADER: usize = 40;

/// The newest version whose WAL is read here.
pub const NEWEST_VERSION: MajorVersion = MajorVersion(18);

/// `XLP_LONG_HEADER`: the flag of a page whose header carries the cluster's facts; each segment begins with one.
const FLAG_LONG_HEADER: u16 = 0x0002;

impl SegmentSize {
    /// 16 MiB, which `initdb` chooses unless asked for another.
    pub const DEFAULT: Self = Self(16 << 20);

    /// The size, if PostgreSQL allows it.
    pub const fn new(bytes: u32) -> Option<Self> {
        if bytes.is_power_of_two() && bytes >= 1 << 20 && bytes <= 1 << 30 { Some(Self(bytes)) } else { None }
    }

    /// In bytes.
    pub const fn bytes(self) -> u64 {
        self.0 as u64
    }

    /// How many segments share the middle eight digits of a name.
    const fn per_log(self) -> u64 {
        (1 << 32) / self.bytes()
    }
}

impl Segment {
    /// The segment that holds the byte at `position`.
    pub const fn holding(timeline: Timeline, position: Lsn, size: SegmentSize) -> Self {
        Self { timeline, number: position.0 / size.bytes() }
    }

    /// The segments that hold the bytes from `start` up to but not including `stop`; at least the one that holds
    /// `start`, even if the range is empty.
    pub fn range(timeline: Timeline, start: Lsn, stop: Lsn, size: SegmentSize) -> impl Iterator<Item = Self> {
        let last = Lsn(stop.0.saturating_sub(1).max(start.0));
        let numbers = Self::holding(timeline, start, size).number..=Self::holding(timeline, last, size).number;
        numbers.map(move |number| Self { timeline, number })
    }

    /// The position of its first byte.
    pub const fn start(self, size: SegmentSize) -> Lsn {
        Lsn(self.number.saturating_mul(size.bytes()))
    }

    /// The name of its file in `pg_wal`, such as `000000010000000000000002`.
    pub fn file_name(self, size: SegmentSize) -> String {
        format!("{:08X}{:08X}{:08X}", self.timeline.0, self.number / size.per_log(), self.number % size.per_log())
    }

    /// The segment with this file name: 24 upper-case hexadecimal digits whose last eight fit the segment size.
    /// Anything else in `pg_wal` (`.history`, `.partial`, `.backup`, `archive_status`) is none.
    pub fn from_file_name(name: &str, size: SegmentSize) -> Option<Self> {
        let digits = name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F'));
        if name.len() != 24 || !digits {
            return None;
        }
        let part = |from: usize| u32::from_str_radix(&name[from..from + 8], 16).ok();
        let (timeline, log, low) = (part(0)?, u64::from(part(8)?), u64::from(part(16)?));
        if low >= size.per_log() || timeline == 0 {
            return None;
        }
        Some(Self { timeline: Timeline(timeline), number: log * size.per_log() + low })
    }
}

impl SegmentHeader {
    /// Reads the first [`LONG_HEADER`] bytes of a segment; more may be given.
    ///
    /// PostgreSQL writes them in the byte order of its machine; only little-endian ones are read here.
    pub fn parse(bytes: &[u8]) -> Result<Self, HeaderError> {
        let header: &[u8; LONG_HEADER] = bytes.first_chunk().ok_or(HeaderError::Short(bytes.len()))?;
        let magic = u16_at(header, 0);
        // All magics since 2001 are 0xD0xx or 0xD1xx; an unknown one of that form is a version newer than this code.
        if !(0xD106..=0xD1FF).contains(&magic) {
            return Err(HeaderError::Magic(magic));
        }
        let flags = u16_at(header, 2);
        if flags & FLAG_LONG_HEADER == 0 {
            return Err(HeaderError::NotLong(flags));
        }
        let size = u32_at(header, 32);
        let segment_size = SegmentSize::new(size).ok_or(HeaderError::SegmentSize(size))?;
        let page_size = u32_at(header, 36);
        if !page_size.is_power_of_two() || !(1 << 10..=1 << 16).contains(&page_size) {
            return Err(HeaderError::PageSize(page_size));
        }
        let start = Lsn(u64_at(header, 8));
        if !start.0.is_multiple_of(segment_size.bytes()) {
            return Err(HeaderError::Position(start));
        }
        Ok(Self {
            version: version_of(magic),
            timeline: Timeline(u32_at(header, 4)),
            start,
            system_identifier: SystemIdentifier(u64_at(header, 24)),
            segment_size,
            page_size,
        })
    }

    /// The segment that the header begins.
    pub const fn segment(&self) -> Segment {
        Segment::holding(self.timeline, self.start, self.segment_size)
    }
}

/// `XLOG_PAGE_MAGIC` of each major version; it changes whenever the WAL does.
const fn version_of(magic: u16) -> Option<MajorVersion> {
    match magic {
        0xD106 => Some(MajorVersion(13)),
        0xD10D => Some(MajorVersion(14)),
        0xD110 => Some(MajorVersion(15)),
        0xD113 => Some(MajorVersion(16)),
        0xD116 => Some(MajorVersion(17)),
        0xD118 => Some(MajorVersion(18)),
        _ => None,
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
