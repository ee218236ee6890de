//! The WAL that a backup needs: its segments are scanned while their files are read, and joined at the end.
//!
//! Promises: the size of segments is what the first good header says, not what a name or a setting lets one guess;
//! WAL that is not there by design, or whose form is not known here, is reported as not checked (S15). Never:
//! keeps a segment in memory.

use super::{Damage, findings, listing::Listing, plan::Files};
use crate::{
    domain::{ByteCount, MajorVersion, SystemIdentifier, Verification},
    engine::source::{
        layout::{self, is_done, is_segment},
        mutex::lock,
    },
    postgres::{
        manifest::WalRange,
        wal::{
            LONG_HEADER, NEWEST_VERSION, RangeCheck, Segment, SegmentHeader, SegmentReport, SegmentScan, SegmentSize,
            WalFault, Wanted,
        },
    },
};
use std::{
    collections::BTreeSet,
    ffi::OsStr,
    path::Path,
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

/// Scanned segments that are kept: 4 TiB of WAL in segments of the usual size, and 100 MB of memory.
const MAX_SEGMENTS: usize = 1 << 18;

/// What is looked for, and what was found of it.
#[derive(Debug)]
pub(super) struct WalSearch {
    ranges: Vec<WalRange>,
    version: Option<MajorVersion>,
    size: OnceLock<SegmentSize>,
    scanned: Mutex<Vec<Scanned>>,
    /// Whether the backup was made with WAL.
    is_there: AtomicBool,
    /// Whether it has an archive of its own.
    has_archive: bool,
}

/// One segment, read for one range.
#[derive(Debug)]
struct Scanned {
    range: usize,
    segment: Segment,
    size: SegmentSize,
    report: SegmentReport,
}

/// A segment whose bytes come.
pub(super) struct WalFile {
    name: String,
    length: u64,
    /// Bytes that came before there were enough to read the header.
    start: Vec<u8>,
    scans: Option<Vec<(usize, Segment, SegmentSize, SegmentScan)>>,
}

impl WalSearch {
    pub(super) fn new(listing: Option<&Listing>, known: Option<WalRange>, files: &Files) -> Self {
        let ranges = listing.map_or_else(|| known.into_iter().collect(), |listing| listing.manifest.wal_ranges.clone());
        let (is_there, has_archive) = match files {
            Files::Plain { has_wal, .. } => (*has_wal, false),
            Files::Tar { wal, .. } => (!wal.is_empty(), !wal.is_empty()),
        };
        let fetched = listing.is_some_and(Listing::fetched_wal);
        Self {
            ranges,
            version: listing.and_then(|listing| layout::version(&listing.manifest)),
            size: OnceLock::new(),
            scanned: Mutex::default(),
            is_there: AtomicBool::new(is_there || fetched),
            has_archive,
        }
    }

    /// Whether the WAL has an archive of its own.
    pub(super) const fn has_archive(&self) -> bool {
        self.has_archive
    }

    /// Notes that a file of `pg_wal` came.
    pub(super) fn note(&self, path: &Path) {
        if is_segment(path) || is_done(path) {
            self.is_there.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the form of the WAL is known.
    fn is_known(&self) -> bool {
        self.version.is_none_or(|version| version <= NEWEST_VERSION)
    }

    /// Joins what was scanned. `broken` is the archive that holds WAL and could not be read to its end.
    pub(super) fn join(
        &self,
        cluster: Option<SystemIdentifier>,
        broken: Option<&str>,
        verification: &mut Verification,
        found: &mut dyn FnMut(&Damage),
    ) {
        let unchecked = if self.ranges.is_empty() {
            Some("WAL: nothing says which the backup needs".to_owned())
        } else if !self.is_there.load(Ordering::Relaxed) && broken.is_none() {
            Some("WAL: the backup was made without it (pg_basebackup -X none)".to_owned())
        } else if !self.is_known() {
            let version = self.version.unwrap_or(NEWEST_VERSION);
            Some(format!("WAL: this howdah does not know the form that PostgreSQL {version} writes"))
        } else {
            None
        };
        if let Some(unchecked) = unchecked {
            verification.unchecked.push(unchecked);
            return;
        }
        let mut scanned = std::mem::take(&mut *lock(&self.scanned));
        if scanned.len() == MAX_SEGMENTS {
            verification.unchecked.push(format!("WAL behind the first {MAX_SEGMENTS} segments"));
        }
        let size = self.size.get().copied().or(scanned.first().map(|one| one.size)).unwrap_or(SegmentSize::DEFAULT);
        // A size that was guessed of a damaged segment does not fit the others: it counts as not there.
        scanned.retain(|one| one.size == size);
        let mut checks: Vec<RangeCheck> =
            self.ranges.iter().map(|range| RangeCheck::new(range.timeline, range.start, range.end, size)).collect();
        let mut twice = BTreeSet::new();
        for one in scanned {
            if !checks[one.range].add(one.segment, one.report) {
                twice.insert(one.segment.file_name(size));
            }
        }
        for name in twice {
            findings::add(verification, Damage::Duplicate { file: format!("pg_wal/{name}") }, found);
        }
        for (range, check) in self.ranges.iter().zip(checks) {
            let (bytes, problems) = check.finish(cluster);
            verification.wal_bytes = ByteCount(verification.wal_bytes.0 + bytes);
            for problem in problems {
                let problem_text = match (problem.fault, broken) {
                    (WalFault::Missing { .. }, Some(archive)) => format!("{archive} breaks off before it"),
                    (fault, _) => fault.to_string(),
                };
                let damage = Damage::Wal { timeline: range.timeline, at: problem.at, problem: problem_text };
                findings::add(verification, damage, found);
            }
        }
    }
}

impl WalFile {
    /// The segment at this path, if it is one by its name.
    pub(super) fn new(path: &Path, length: u64) -> Option<Self> {
        let name = path.file_name().and_then(OsStr::to_str).filter(|_| is_segment(path))?.to_owned();
        Some(Self { name, length, start: Vec::new(), scans: None })
    }

    /// Takes the next bytes.
    pub(super) fn take(&mut self, search: &WalSearch, bytes: &[u8]) {
        if self.scans.is_none() && self.start.len() + bytes.len() < LONG_HEADER {
            self.start.extend_from_slice(bytes);
            return;
        }
        if self.scans.is_none() {
            let start = std::mem::take(&mut self.start);
            self.begin(search, &[&start, &bytes[..bytes.len().min(LONG_HEADER)]].concat());
            self.pass_on(&start);
        }
        self.pass_on(bytes);
    }

    fn pass_on(&mut self, bytes: &[u8]) {
        for (_, _, _, scan) in self.scans.iter_mut().flatten() {
            scan.take(bytes);
        }
    }

    /// Finds out which ranges want the segment.
    fn begin(&mut self, search: &WalSearch, start: &[u8]) {
        let said = SegmentHeader::parse(start).ok().filter(|header| header.version.is_some());
        let known = said.map(|header| *search.size.get_or_init(|| header.segment_size));
        let of_length = || u32::try_from(self.length).ok().and_then(SegmentSize::new);
        let size = known.or(search.size.get().copied()).or_else(of_length).unwrap_or(SegmentSize::DEFAULT);
        let Some(segment) = Segment::from_file_name(&self.name, size).filter(|_| search.is_known()) else {
            self.scans = Some(Vec::new());
            return;
        };
        let ranges = search.ranges.iter().enumerate();
        let wanted =
            ranges.filter(|(_, range)| RangeCheck::new(range.timeline, range.start, range.end, size).wants(segment));
        let version = search.version;
        let scan = |(at, range): (usize, &WalRange)| {
            let wanted = Wanted { segment, size, start: range.start, stop: range.end, version };
            (at, segment, size, SegmentScan::new(wanted))
        };
        self.scans = Some(wanted.map(scan).collect());
    }

    /// The file is at its end.
    pub(super) fn finish(mut self, search: &WalSearch) {
        if self.scans.is_none() {
            let start = std::mem::take(&mut self.start);
            self.begin(search, &start);
            self.pass_on(&start);
        }
        let mut scanned = lock(&search.scanned);
        for (range, segment, size, scan) in self.scans.into_iter().flatten() {
            if scanned.len() < MAX_SEGMENTS {
                scanned.push(Scanned { range, segment, size, report: scan.finish() });
            }
        }
    }
}
