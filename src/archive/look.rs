//! One look for one file: in the spool, in the archive, and in what the server has itself.
//!
//! Promises: see [`super::fetch`]. Never: waits for an archive to come back; whoever calls does.

use super::{
    ArchiveFile, ClusterWal, NeededWal, Outcome, SegmentName, TimelineHistory,
    answer::WriteLimit,
    history,
    missing::{self, Listing, Missing},
    place::{FreshFile, PlaceError, move_to},
    segment::{ArchivedFile, Expected, ReadError, WHOLE},
    spool::{Ready, Spool},
};
use crate::{
    domain::{ByteCount, Timeline, path_text},
    postgres::wal::{LONG_HEADER, Segment},
};
use rustix::io::Errno;
use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// What the name of a segment that was not full may end with (`pg_receivewal`, and what packs its files afterwards).
const PARTIAL: [&str; 7] =
    [".partial", ".gz.partial", ".lz4.partial", ".zst.partial", ".partial.gz", ".partial.lz4", ".partial.zst"];

/// A note of a base backup has a few lines.
const MAX_NOTE_LEN: u64 = 1 << 16;

/// A prefetch that writes takes a fraction of a second; one that takes longer waits for the archive as we would.
const COMING: Duration = Duration::from_secs(5);

/// How often we look whether it is ready: a part of what unpacking takes.
const COMING_INTERVAL: Duration = Duration::from_millis(2);

/// A file that PostgreSQL asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// A segment.
    Segment(Segment),
    /// The history of a timeline.
    History(Timeline),
    /// The note of a base backup, by its name.
    BackupHistory(String),
}

/// All that a look needs.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) archive: PathBuf,
    pub(super) wal: ClusterWal,
    pub(super) asked: Asked,
    pub(super) to: PathBuf,
    pub(super) spool: Option<Spool>,
    pub(super) needed: Option<NeededWal>,
    /// The number of the last segment that is needed, where that is known.
    pub(super) last: Option<u64>,
    /// Grows with all that is seen of the archive.
    pub(super) beats: Arc<AtomicU64>,
}

/// The archive cannot be used now: a clause that says why.
type Unusable = String;

impl Look {
    /// Hands the file over, or says why not; an error when it is worth looking again.
    pub(super) fn once(&self) -> Result<Outcome, Unusable> {
        if fs::symlink_metadata(&self.to).is_ok() {
            return Ok(self.in_the_way());
        }
        let found = match &self.asked {
            Asked::Segment(segment) => self.segment(*segment),
            Asked::History(timeline) => self.history(*timeline),
            Asked::BackupHistory(name) => self.note(name),
        };
        match found {
            Ok(outcome @ (Outcome::Handed { .. } | Outcome::InTheWay { .. })) => Ok(outcome),
            // PostgreSQL takes its own next, whatever the archive is like.
            Ok(_) | Err(_) if self.is_local() => Ok(Outcome::Local),
            Ok(Outcome::End) => Ok(Outcome::End),
            // It reads ahead of what it replays: a gap behind the goal is none of its business.
            Ok(_) | Err(_) if self.is_beyond() => Ok(Outcome::Beyond),
            other => other,
        }
    }

    fn segment(&self, segment: Segment) -> Result<Outcome, Unusable> {
        let name = segment.file_name(self.wal.size);
        if let Some(outcome) = self.take_ready(segment, &name) {
            return Ok(outcome);
        }
        if let Some(outcome) = self.first_of(segment, &name, &WHOLE, false)? {
            return Ok(outcome);
        }
        let listing = self.listing(segment.timeline)?;
        Ok(match missing::judge(segment, self.wal.size, &listing, self.needed.as_ref()) {
            Missing::Partial(_) => match self.first_of(segment, &name, &PARTIAL, true)? {
                Some(outcome) => outcome,
                None => return Err("it changes while it is looked at".to_owned()),
            },
            Missing::End => Outcome::End,
            Missing::Gap(behind) => Outcome::Gap { behind: behind.to_string() },
            Missing::Lost(before) => Outcome::Lost { before: Some(before.to_string()) },
            Missing::Unreachable(cause) => return Err(cause.to_owned()),
        })
    }

    /// What the prefetch has ready is only given its name.
    fn take_ready(&self, segment: Segment, name: &str) -> Option<Outcome> {
        let spool = self.spool.as_ref()?;
        let end = Instant::now() + COMING;
        let mut file = loop {
            match spool.ready(name) {
                Ready::Yes(file) => break file,
                Ready::Coming if Instant::now() < end => thread::sleep(COMING_INTERVAL),
                Ready::Coming | Ready::No => return None,
            }
            self.beats.fetch_add(1, Ordering::Relaxed);
        };
        // It was verified when it got its name; by whom, and for which job, nobody wrote on it.
        if !self.is_segment(&mut file, segment) {
            return None;
        }
        match move_to(spool.directory(), name, &self.to) {
            Ok(()) => Some(Outcome::Handed { bytes: ByteCount(self.wal.size.bytes()), prefetched: true }),
            Err(PlaceError::Taken) => Some(self.in_the_way()),
            Err(PlaceError::Elsewhere | PlaceError::Io(_)) => None,
        }
    }

    /// The first file of these names that is the segment; else what is wrong with the first that is there.
    fn first_of(
        &self,
        segment: Segment,
        name: &str,
        endings: &[&str],
        is_partial: bool,
    ) -> Result<Option<Outcome>, Unusable> {
        let mut first_fault = None;
        for ending in endings {
            let file = format!("{name}{ending}");
            let outcome = match self.unpack(segment, &file, is_partial) {
                Ok(None) => continue,
                Ok(Some(outcome)) => outcome,
                Err(error) => self.of_error(&file, error)?,
            };
            // A good one under another of the names counts more.
            if !matches!(outcome, Outcome::Faulty { .. } | Outcome::Denied { .. }) {
                return Ok(Some(outcome));
            }
            first_fault.get_or_insert(outcome);
        }
        Ok(first_fault)
    }

    fn unpack(&self, segment: Segment, file: &str, is_partial: bool) -> Result<Option<Outcome>, ReadError> {
        let archived = ArchivedFile::open(&self.archive.join(file))?;
        self.beats.fetch_add(1, Ordering::Relaxed);
        let Some(archived) = archived else { return Ok(None) };
        let mut fresh = FreshFile::beside(&self.to).map_err(ReadError::Target)?;
        let history = self.needed.as_ref().map(|needed| &needed.path);
        let expected = Expected { segment, wal: self.wal, history, is_partial };
        archived.unpack(expected, &mut fresh.file, &self.beats)?;
        self.place(fresh, self.wal.size.bytes()).map(Some)
    }

    fn place(&self, fresh: FreshFile, bytes: u64) -> Result<Outcome, ReadError> {
        match fresh.place(&self.to) {
            Ok(()) => Ok(Outcome::Handed { bytes: ByteCount(bytes), prefetched: false }),
            Err(PlaceError::Taken) => Ok(self.in_the_way()),
            Err(PlaceError::Elsewhere) => Err(ReadError::Target(Errno::XDEV.into())),
            Err(PlaceError::Io(error)) => Err(ReadError::Target(error)),
        }
    }

    /// Whether this timeline is known to be one that replay passes.
    fn follows(&self, timeline: Timeline) -> bool {
        self.needed.as_ref().is_some_and(|needed| needed.path.passes(timeline))
    }

    fn history(&self, timeline: Timeline) -> Result<Outcome, Unusable> {
        let name = TimelineHistory::file_name(timeline);
        let mut damaged = None;
        for ending in WHOLE {
            let file = format!("{name}{ending}");
            match self.small(&file, history::MAX_LEN) {
                Ok(None) => {}
                Ok(Some(bytes)) => match TimelineHistory::parse(timeline, &bytes) {
                    Ok(_) => return self.hand_bytes(&file, &bytes),
                    // Of a timeline that is not followed the server asks whether it is taken; what it says counts nothing.
                    Err(_) if !self.follows(timeline) => return self.hand_bytes(&file, &bytes),
                    Err(error) => drop(damaged.get_or_insert(Outcome::History { file, what: error.to_string() })),
                },
                Err(ReadError::Fault(fault)) => {
                    let what = fault.to_string();
                    damaged.get_or_insert(Outcome::History { file, what });
                }
                Err(error) => return self.of_error(&file, error),
            }
        }
        if let Some(damaged) = damaged {
            return Ok(damaged);
        }
        let listing = self.listing(timeline)?;
        let Some(needed) = self.needed.as_ref().filter(|needed| needed.path.passes(timeline)) else {
            return if listing.files.is_empty() { Err("nothing is in it".to_owned()) } else { Ok(Outcome::End) };
        };
        let is_needed = |name: SegmentName| {
            Segment::from_file_name(&name.to_string(), self.wal.size).is_some_and(|segment| needed.needs(segment))
        };
        let is_the_archive = listing.files.iter().any(|file| match *file {
            ArchiveFile::Segment { name, .. } => is_needed(name),
            ArchiveFile::History { .. } | ArchiveFile::BackupHistory { .. } => false,
        });
        if is_the_archive { Ok(Outcome::Lost { before: None }) } else { Err(missing::NOT_AS_IT_WAS.to_owned()) }
    }

    fn note(&self, name: &str) -> Result<Outcome, Unusable> {
        match self.small(name, MAX_NOTE_LEN) {
            Ok(Some(bytes)) => self.hand_bytes(name, &bytes),
            Ok(None) if self.listing(Timeline(u32::MAX))?.files.is_empty() => Err("nothing is in it".to_owned()),
            Ok(None) => Ok(Outcome::End),
            Err(error) => self.of_error(name, error),
        }
    }

    fn small(&self, file: &str, max_len: u64) -> Result<Option<Vec<u8>>, ReadError> {
        let archived = ArchivedFile::open(&self.archive.join(file))?;
        self.beats.fetch_add(1, Ordering::Relaxed);
        archived.map(|archived| archived.read(max_len)).transpose()
    }

    fn hand_bytes(&self, file: &str, bytes: &[u8]) -> Result<Outcome, Unusable> {
        let written = FreshFile::beside(&self.to).and_then(|mut fresh| {
            fresh.file.write_all(bytes)?;
            Ok(fresh)
        });
        let placed = written.map_err(ReadError::Target).and_then(|fresh| self.place(fresh, bytes.len() as u64));
        placed.or_else(|error| self.of_error(file, error))
    }

    /// All names in the archive, with the histories of the timelines behind this one.
    fn listing(&self, timeline: Timeline) -> Result<Listing, Unusable> {
        let unusable = |error: io::Error| error.to_string();
        let mut listing = Listing::default();
        for entry in fs::read_dir(&self.archive).map_err(unusable)? {
            let name = entry.map_err(unusable)?.file_name();
            self.beats.fetch_add(1, Ordering::Relaxed);
            let Some((name, file)) = name.to_str().and_then(|name| Some((name, ArchiveFile::parse(name)?))) else {
                continue;
            };
            listing.files.push(file);
            if let ArchiveFile::History { timeline: later, .. } = file
                && later > timeline
                && let Ok(Some(bytes)) = self.small(name, history::MAX_LEN)
                && let Ok(history) = TimelineHistory::parse(later, &bytes)
            {
                listing.histories.push(history);
            }
        }
        Ok(listing)
    }

    /// What an error of one file amounts to; an error of ours when the archive may come back.
    fn of_error(&self, file: &str, error: ReadError) -> Result<Outcome, Unusable> {
        let file = file.to_owned();
        match error {
            ReadError::Fault(fault) => Ok(Outcome::Faulty { file, fault }),
            ReadError::Archive(error) => {
                let is_denied = error.kind() == io::ErrorKind::PermissionDenied;
                // Where the directory itself is closed to us another file system may be meant to be there.
                if is_denied && fs::symlink_metadata(self.archive.join(&file)).is_ok() {
                    return Ok(Outcome::Denied { file });
                }
                Err(format!("{file}: {error}"))
            }
            ReadError::Target(error) => {
                let limit = match Errno::from_io_error(&error) {
                    Some(Errno::NOSPC | Errno::DQUOT) => WriteLimit::Room,
                    Some(Errno::FBIG) => WriteLimit::FileSize,
                    Some(_) | None => WriteLimit::Other,
                };
                Ok(Outcome::Unwritten { cause: error.to_string(), limit })
            }
        }
    }

    fn in_the_way(&self) -> Outcome {
        Outcome::InTheWay { path: path_text::shown(&self.to) }
    }

    fn is_beyond(&self) -> bool {
        match self.asked {
            Asked::Segment(segment) => self.last.is_some_and(|last| last < segment.number),
            Asked::History(_) | Asked::BackupHistory(_) => false,
        }
    }

    /// Whether the server's own `pg_wal`, where it wants the file, has it under its name.
    fn is_local(&self) -> bool {
        let open = |name: &str| ArchivedFile::open(&self.to.with_file_name(name)).ok().flatten();
        match &self.asked {
            Asked::Segment(segment) => {
                let path = self.to.with_file_name(segment.file_name(self.wal.size));
                let is_here = fs::symlink_metadata(&path).is_ok_and(|found| found.is_file());
                is_here && File::open(path).is_ok_and(|mut file| self.is_segment(&mut file, *segment))
            }
            Asked::History(timeline) => {
                let bytes = open(&TimelineHistory::file_name(*timeline)).map(|file| file.read(history::MAX_LEN));
                bytes.is_some_and(|bytes| bytes.is_ok_and(|bytes| TimelineHistory::parse(*timeline, &bytes).is_ok()))
            }
            Asked::BackupHistory(_) => false,
        }
    }

    /// Whether an open file has the size and the header of the segment.
    fn is_segment(&self, file: &mut File, segment: Segment) -> bool {
        let mut header = [0; LONG_HEADER];
        let history = self.needed.as_ref().map(|needed| &needed.path);
        let expected = Expected { segment, wal: self.wal, history, is_partial: false };
        file.metadata().is_ok_and(|found| found.len() == self.wal.size.bytes())
            && file.read_exact(&mut header).is_ok()
            && expected.check_header(&header).is_ok()
    }
}
