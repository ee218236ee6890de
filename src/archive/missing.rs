//! What it means that a segment is not in the archive: the end of it, a gap, or an archive that is not all there.
//!
//! PostgreSQL makes no difference between them: each ends a recovery, and one without a target opens the server. An archive
//! that is not mounted looks like an empty directory, or like somebody else's.
//!
//! Promises: `End` only where the archive shows WAL, nothing of it is behind the segment, and the plan did not find it there.
//! Never: looks at a disk; it judges a listing.

use super::{ArchiveFile, NeededWal, SegmentName, TimelineHistory};
use crate::postgres::wal::{Segment, SegmentSize};

/// What is said of a directory that shows another content than the plan found.
pub const NOT_AS_IT_WAS: &str = "none of the WAL that was there is in it";

/// What is in the archive, by the names.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// The files that have a place in an archive.
    pub files: Vec<ArchiveFile>,
    /// The histories that can be read.
    pub histories: Vec<TimelineHistory>,
}

/// Why a segment is not there as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// It is there as far as it had been filled, and nothing of its timeline is behind it: a name of it.
    Partial(ArchiveFile),
    /// The archive ends before it.
    End,
    /// There is WAL behind it: the first segment there.
    Gap(SegmentName),
    /// The plan found it, and it was taken away from the end of the archive: the last needed segment before it.
    Lost(SegmentName),
    /// This is not the archive as it was: a clause that says what is seen.
    Unreachable(&'static str),
}

/// Judges a segment that could not be opened under any name of a whole one.
pub fn judge(asked: Segment, size: SegmentSize, listing: &Listing, needed: Option<&NeededWal>) -> Missing {
    let segments = || {
        listing.files.iter().filter_map(|file| match *file {
            ArchiveFile::Segment { name, partial, .. } => Some((name, numbered(name, size)?, partial, *file)),
            ArchiveFile::History { .. } | ArchiveFile::BackupHistory { .. } => None,
        })
    };
    if segments().any(|(_, segment, partial, _)| segment == asked && !partial) {
        return Missing::Unreachable("it is listed and cannot be opened");
    }
    let behind = segments().filter(|(_, segment, ..)| {
        let is_own = segment.timeline == asked.timeline && segment.number > asked.number;
        is_own || listing.histories.iter().any(|history| leads_on(history, *segment, asked, size))
    });
    if let Some((name, ..)) = behind.min_by_key(|(_, segment, ..)| (segment.number, segment.timeline)) {
        return Missing::Gap(name);
    }
    if let Some((.., partial)) = segments().find(|(_, segment, ..)| *segment == asked) {
        return Missing::Partial(partial);
    }
    if segments().next().is_none() {
        return Missing::Unreachable("no WAL is in it");
    }
    let Some(needed) = needed.filter(|needed| needed.needs(asked)) else { return Missing::End };
    let before = segments().filter(|(_, segment, ..)| {
        segment.number < asked.number && needed.segment(segment.number).timeline == segment.timeline
    });
    match before.max_by_key(|(_, segment, ..)| segment.number) {
        Some((name, ..)) => Missing::Lost(name),
        None => Missing::Unreachable(NOT_AS_IT_WAS),
    }
}

/// The segment of a name; `None` for a name that no cluster of this segment size gives.
fn numbered(name: SegmentName, size: SegmentSize) -> Option<Segment> {
    Segment::from_file_name(&name.to_string(), size)
}

/// Whether a segment is of a later timeline that had the whole of the asked segment before it began.
fn leads_on(history: &TimelineHistory, segment: Segment, asked: Segment, size: SegmentSize) -> bool {
    let end = Segment { number: asked.number.saturating_add(1), ..asked }.start(size);
    segment.timeline == history.timeline
        && segment.number > asked.number
        && history.leaves(asked.timeline).is_some_and(|left| end <= left)
}
