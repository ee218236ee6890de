//! What can be wrong with the WAL of a range.

use super::HeaderError;
use crate::domain::{Lsn, SystemIdentifier, Timeline, quantity::many};
use thiserror::Error;

/// WAL that cannot be replayed from a position on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalProblem {
    /// The position of the first record that cannot be read.
    pub at: Lsn,
    /// Why not.
    pub fault: WalFault,
}

/// Why a record cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WalFault {
    /// The segment does not begin as one.
    #[error("{0}")]
    Header(HeaderError),
    /// The page was written by another version than the segment's first page, the backup, or any that is known.
    #[error("the page at {page} has the magic number {found:#06X}")]
    Magic {
        /// The page.
        page: Lsn,
        /// What stands there.
        found: u16,
    },
    /// The page belongs elsewhere: that of a segment which was used before, or renamed.
    #[error("the page at {page} says that it is that of {found}")]
    Address {
        /// Where it stands.
        page: Lsn,
        /// What it says.
        found: Lsn,
    },
    /// The page is of a timeline that cannot come here.
    #[error("the page at {page} is of timeline {}", .found.0)]
    Timeline {
        /// The page.
        page: Lsn,
        /// What it says.
        found: Timeline,
    },
    /// The segment was written by another cluster.
    #[error("the segment belongs to another cluster: {found} instead of {expected}")]
    Cluster {
        /// Whose it is.
        found: SystemIdentifier,
        /// Whose it should be.
        expected: SystemIdentifier,
    },
    /// The segment says another size than the others.
    #[error("the segment says that segments have {found} bytes, and others say {expected}")]
    SegmentSize {
        /// What it says.
        found: u64,
        /// What the others say.
        expected: u64,
    },
    /// The header of a page has flags that no version sets there.
    #[error("the page at {page} has the flags {found:#06x}")]
    Flags {
        /// The page.
        page: Lsn,
        /// What stands there.
        found: u16,
    },
    /// A length that no record has; 0 stands where nothing was written.
    #[error("there is no record: its length would be {0}")]
    Length(u32),
    /// The bytes of the record are not those that were written.
    #[error("the record is damaged: its checksum does not match")]
    Checksum,
    /// The record does not follow the one before it.
    #[error("the record says that the one before it is at {found}, which is at {expected}")]
    Previous {
        /// What it says.
        found: Lsn,
        /// What was read.
        expected: Lsn,
    },
    /// The next page does not go on with the record.
    #[error("the record is not continued on the page at {0}")]
    NotContinued(Lsn),
    /// The next page goes on with a record of another length.
    #[error("the record is continued on the page at {page} with {found} bytes, and lacks {expected}")]
    ContinuedLength {
        /// The page.
        page: Lsn,
        /// What it says.
        found: u64,
        /// What is lacking.
        expected: u64,
    },
    /// A page goes on with a record, and none has begun.
    #[error("the page at {0} continues a record that does not begin before it")]
    NothingToContinue(Lsn),
    /// The segment's file ends too soon.
    #[error("the segment has {found} of {expected} bytes")]
    Short {
        /// The bytes that it has.
        found: u64,
        /// The size of a segment.
        expected: u64,
    },
    /// The segment's file goes on behind the end of a segment.
    #[error("the segment has more than {expected} bytes")]
    Long {
        /// The size of a segment.
        expected: u64,
    },
    /// Segments are not there.
    #[error("the WAL up to {until} is missing ({})", many(*.segments, "segment"))]
    Missing {
        /// How many in a row.
        segments: u64,
        /// Where the next one begins, or the range ends.
        until: Lsn,
    },
    /// The range ends in the middle of a record whose rest is not there.
    #[error("the record is cut off at {0}")]
    CutOff(Lsn),
}
