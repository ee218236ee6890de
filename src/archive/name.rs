//! The names of files in a WAL archive.
//!
//! Promises: a name is read without knowing the size of a segment, and means one thing. Never: opens a file; a name says
//! what a file claims to be.
//!
//! Sources: `xlog_internal.h` of PostgreSQL (`XLogFileName`, `IsPartialXLogFileName`, `TLHistoryFileName`,
//! `BackupHistoryFileName`); the endings are those that `gzip`, `lz4`, `zstd` and `pg_receivewal -Z` give.

use crate::domain::{Compression, Timeline};
use std::fmt;

/// A file in an archive, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ArchiveFile {
    /// A segment.
    Segment {
        /// Which.
        name: SegmentName,
        /// How its name says that it is packed.
        packing: Compression,
        /// Whether it is one that was not full yet (`.partial`).
        partial: bool,
    },
    /// The history of a timeline.
    History {
        /// Whose.
        timeline: Timeline,
        /// How its name says that it is packed.
        packing: Compression,
    },
    /// What the server noted of a base backup.
    BackupHistory {
        /// The segment that the backup began in.
        start: SegmentName,
        /// The offset in it.
        offset: u32,
    },
}

/// The three parts of a segment's name. What they mean as a position depends on the size of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentName {
    /// The timeline.
    pub timeline: Timeline,
    /// The number of 4 GiB before it.
    pub log: u32,
    /// Its number in these 4 GiB.
    pub part: u32,
}

const ENDINGS: [(&str, Compression); 3] =
    [(".gz", Compression::Gzip), (".lz4", Compression::Lz4), (".zst", Compression::Zstd)];

impl ArchiveFile {
    /// What a file of this name claims to be; `None` for one that has no place in an archive.
    pub fn parse(name: &str) -> Option<Self> {
        let packed = ENDINGS.iter().find_map(|(ending, packing)| Some((name.strip_suffix(ending)?, *packing)));
        let (bare, packing) = packed.unwrap_or((name, Compression::None));
        if let Some(timeline) = bare.strip_suffix(".history") {
            let timeline = Timeline(hex(timeline, 8)?);
            return (timeline.0 != 0).then_some(Self::History { timeline, packing });
        }
        // `pg_receivewal -Z` writes SEGMENT.gz.partial, and what is packed afterwards ends the other way round.
        let (bare, packing, partial) = match bare.strip_suffix(".partial") {
            Some(inner) if packing == Compression::None => {
                let packed = ENDINGS.iter().find_map(|(ending, packing)| Some((inner.strip_suffix(ending)?, *packing)));
                let (bare, packing) = packed.unwrap_or((inner, Compression::None));
                (bare, packing, true)
            }
            Some(inner) => (inner, packing, true),
            None => (bare, packing, false),
        };
        if let Some(name) = SegmentName::parse(bare) {
            return Some(Self::Segment { name, packing, partial });
        }
        let (start, offset) = bare.strip_suffix(".backup")?.split_once('.')?;
        let (start, offset) = (SegmentName::parse(start)?, hex(offset, 8)?);
        (packing == Compression::None && !partial).then_some(Self::BackupHistory { start, offset })
    }
}

impl SegmentName {
    /// The name as PostgreSQL asks for it: 24 upper-case hexadecimal digits.
    pub fn parse(name: &str) -> Option<Self> {
        if name.len() != 24 || !name.is_ascii() {
            return None;
        }
        let (timeline, log, part) = (hex(&name[..8], 8)?, hex(&name[8..16], 8)?, hex(&name[16..], 8)?);
        (timeline != 0).then_some(Self { timeline: Timeline(timeline), log, part })
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08X}{:08X}{:08X}", self.timeline.0, self.log, self.part)
    }
}

fn hex(text: &str, digits: usize) -> Option<u32> {
    let is_hex = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'));
    if text.len() == digits && is_hex { u32::from_str_radix(text, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEGMENT: &str = "00000002000000A1000000FE";

    fn segment(packing: Compression, partial: bool) -> ArchiveFile {
        let name = SegmentName { timeline: Timeline(2), log: 0xA1, part: 0xFE };
        ArchiveFile::Segment { name, packing, partial }
    }

    #[test]
    fn segments_are_known_packed_or_not_and_not_yet_full_ones_too() {
        let of = |ending: &str| ArchiveFile::parse(&format!("{SEGMENT}{ending}"));
        assert_eq!(of(""), Some(segment(Compression::None, false)));
        assert_eq!(of(".gz"), Some(segment(Compression::Gzip, false)));
        assert_eq!(of(".lz4"), Some(segment(Compression::Lz4, false)));
        assert_eq!(of(".zst"), Some(segment(Compression::Zstd, false)));
        assert_eq!(of(".partial"), Some(segment(Compression::None, true)));
        assert_eq!(of(".gz.partial"), Some(segment(Compression::Gzip, true)));
        assert_eq!(of(".partial.zst"), Some(segment(Compression::Zstd, true)));
        for ending in [".gz.gz", ".gz.partial.gz", ".tmp", ".GZ", ".partial.partial", ".history", " "] {
            assert_eq!(of(ending), None, "{ending}");
        }
        assert_eq!(SegmentName::parse(SEGMENT).map(|name| name.to_string()).as_deref(), Some(SEGMENT));
    }

    #[test]
    fn histories_and_notes_of_backups_are_known() {
        let history = |packing| Some(ArchiveFile::History { timeline: Timeline(0x1F), packing });
        assert_eq!(ArchiveFile::parse("0000001F.history"), history(Compression::None));
        assert_eq!(ArchiveFile::parse("0000001F.history.gz"), history(Compression::Gzip));
        let start = SegmentName { timeline: Timeline(2), log: 0xA1, part: 0xFE };
        let note = ArchiveFile::parse(&format!("{SEGMENT}.00000028.backup"));
        assert_eq!(note, Some(ArchiveFile::BackupHistory { start, offset: 0x28 }));
    }

    #[test]
    fn anything_else_is_no_part_of_an_archive() {
        for name in [
            "",
            "1F.history",
            "00000000.history",
            "0000001f.history",
            "000000000000000100000001",
            "00000001000000000000000",
            "0000000100000000000000011",
            "00000001000000000000000g",
            "00000001000000000000000\u{e9}",
            "000000010000000000000001.0000028.backup",
            "archive_status",
        ] {
            assert_eq!(ArchiveFile::parse(name), None, "{name}");
        }
    }
}
