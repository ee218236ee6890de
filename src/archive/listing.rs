//! What is in an archive: its directory, read once.
//!
//! Promises: names, sizes and times of all that has a name of an archive, in memory that grows by some forty bytes a
//! segment; of several files for one segment the one that is used. Histories are read whole, segments no further than the
//! header, and of these only the first and the last of each timeline. Never: opens what is not a regular file, or looks
//! below the directory.

use super::{ArchiveFile, SegmentName, TimelineHistory, file, history};
use crate::{
    domain::{Compression, SystemIdentifier, Timeline, Timestamp, instance::printable},
    postgres::wal::{Segment, SegmentHeader, SegmentSize},
};
use std::{
    collections::BTreeMap,
    fs::{self, DirEntry, Metadata},
    io,
    path::{Path, PathBuf},
};

/// The most files of an archive that are looked at: 64 TiB of WAL in segments of the usual size.
const MAX_FILES: usize = 4_000_000;

/// The most histories that are read: those of the newest timelines. A timeline begins with a promotion.
const MAX_HISTORIES: usize = 1_000;

/// An archive, as its directory lists it.
#[derive(Debug, Clone)]
pub struct Listing {
    /// The directory.
    pub directory: PathBuf,
    /// The size of a segment, and whose they are, as the newest readable header says; that of the cluster which was asked
    /// for before others.
    pub header: Option<SegmentHeader>,
    /// The segments of each timeline, by number. Empty where no header can be read.
    pub timelines: BTreeMap<Timeline, Vec<Stored>>,
    /// The histories, or printable clauses that say why one cannot be read.
    pub histories: BTreeMap<Timeline, Result<TimelineHistory, String>>,
    /// The segments that count.
    pub segments: u64,
    /// The bytes that they take.
    pub bytes: u64,
    /// What is odd: printable sentences.
    pub problems: Vec<String>,
}

/// The file of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// The number of the segment.
    pub number: u64,
    /// How its name says that it is packed.
    pub packing: Compression,
    /// Whether it was not full yet. It counts only as the last of its timeline.
    pub partial: bool,
    /// Whether the ending for packing comes before `.partial`.
    packed_first: bool,
    /// The bytes of the file.
    pub bytes: u64,
    /// When it was last written.
    pub modified: Timestamp,
}

/// A file of a segment, before its number is known.
#[derive(Clone, Copy)]
struct Named {
    name: SegmentName,
    stored: Stored,
}

impl Listing {
    /// Reads a directory. Segments that are of `cluster` decide on their size, where that is known.
    pub fn read(directory: &Path, cluster: Option<SystemIdentifier>) -> io::Result<Self> {
        let mut found = Vec::new();
        let mut histories = Vec::new();
        let mut problems = Vec::new();
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            match ArchiveFile::parse(name) {
                Some(ArchiveFile::Segment { name: segment, packing, partial }) => {
                    let Some(about) = about(&entry)? else { continue };
                    let packed_first = partial && packing != Compression::None && name.ends_with(".partial");
                    let modified = modified(&about);
                    let bytes = about.len();
                    let stored = Stored { number: 0, packing, partial, packed_first, bytes, modified };
                    found.push(Named { name: segment, stored });
                }
                Some(ArchiveFile::History { timeline, packing }) => {
                    if about(&entry)?.is_some() {
                        histories.push((timeline, packing));
                    }
                }
                Some(ArchiveFile::BackupHistory { .. }) | None => {}
            }
            if found.len() + histories.len() >= MAX_FILES {
                problems.push(format!("it holds more than {MAX_FILES} files, and only so many were looked at"));
                break;
            }
        }
        found.sort_unstable_by_key(Named::rank);
        found.dedup_by_key(|named| named.name);
        let mut listing = Self {
            directory: directory.to_owned(),
            header: None,
            timelines: BTreeMap::new(),
            histories: read_histories(directory, histories, &mut problems)?,
            segments: 0,
            bytes: 0,
            problems,
        };
        listing.identify(&found, cluster)?;
        listing.number(&found);
        Ok(listing)
    }

    /// The size of a segment.
    pub fn size(&self) -> Option<SegmentSize> {
        self.header.map(|header| header.segment_size)
    }

    /// The file for a segment.
    pub fn stored(&self, segment: Segment) -> Option<&Stored> {
        let stored = self.timelines.get(&segment.timeline)?;
        stored.binary_search_by_key(&segment.number, |one| one.number).ok().map(|at| &stored[at])
    }

    /// The names of the files that may still grow: the last of each timeline, and those that have not the size of a segment.
    pub fn open_files(&self) -> Vec<String> {
        /// An archive with more that are not whole is broken, and they do not grow.
        const MOST: usize = 100;
        let Some(size) = self.size() else { return Vec::new() };
        let name =
            |timeline: Timeline, one: &Stored| one.file_name(&Segment { timeline, number: one.number }.file_name(size));
        let last = self.timelines.iter().filter_map(|(timeline, stored)| Some(name(*timeline, stored.last()?)));
        let all = self.timelines.iter().flat_map(|(timeline, stored)| stored.iter().map(move |one| (*timeline, one)));
        let faulty = all.filter(|(_, one)| one.fault(size).is_some()).map(|(timeline, one)| name(timeline, one));
        last.chain(faulty.take(MOST)).collect()
    }

    /// Where the file of a segment is.
    pub fn path(&self, timeline: Timeline, stored: &Stored) -> PathBuf {
        let size = self.size().unwrap_or(SegmentSize::DEFAULT);
        let name = Segment { timeline, number: stored.number }.file_name(size);
        self.directory.join(stored.file_name(&name))
    }

    /// The history of a timeline; a printable clause where there is none, or one that cannot be believed.
    pub fn history(&self, timeline: Timeline) -> Result<TimelineHistory, String> {
        match self.histories.get(&timeline) {
            Some(history) => history.clone(),
            None if timeline == Timeline(1) => Ok(TimelineHistory::first()),
            None => Err(format!("{:08X}.history is not in the archive", timeline.0)),
        }
    }

    /// Finds out what a segment is, from the headers at the ends of the timelines.
    fn identify(&mut self, found: &[Named], cluster: Option<SystemIdentifier>) -> io::Result<()> {
        let mut headers: Vec<(SegmentName, SegmentHeader)> = Vec::new();
        for group in found.chunk_by(|one, next| one.name.timeline == next.name.timeline).rev() {
            let [first, ..] = group else { continue };
            let last = group.last().filter(|last| last.name != first.name);
            for named in last.into_iter().chain([first]) {
                let name = named.stored.file_name(&named.name.to_string());
                match file::header(&self.directory.join(&name)) {
                    Ok(Ok(header)) => headers.push((named.name, header)),
                    Ok(Err(why)) => self.problems.push(format!("{name} is no WAL segment ({})", printable(&why))),
                    // It was cleaned up a moment ago.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) if is_of_file(&error) => self.problems.push(format!("{name} cannot be read ({error})")),
                    Err(error) => return Err(error),
                }
            }
        }
        let own = headers.iter().find(|(_, header)| Some(header.system_identifier) == cluster);
        let Some((_, chosen)) = own.or(headers.first()).copied() else { return Ok(()) };
        for (name, header) in &headers {
            let sizes = (header.segment_size.bytes(), chosen.segment_size.bytes());
            if header.system_identifier != chosen.system_identifier {
                let (found, others) = (header.system_identifier, chosen.system_identifier);
                self.problems.push(format!("{name} is of the cluster {found}, and others are of {others}"));
            } else if sizes.0 != sizes.1 {
                self.problems.push(format!("{name} says that segments have {} bytes, and others {}", sizes.0, sizes.1));
            } else if Some(header.segment().number) != number_of(name, header.segment_size).map(|one| one.number) {
                // Its timeline may be an older one: a timeline begins with a copy of the segment that it forked in.
                self.problems.push(format!("{name} holds the WAL of another place: its header says {}", header.start));
            }
        }
        self.header = Some(chosen);
        Ok(())
    }

    /// Files the segments by number, now that the size of one is known. A `.partial` stays only as the last of its timeline.
    fn number(&mut self, found: &[Named]) {
        let Some(size) = self.size() else { return };
        let mut misfits = 0_u64;
        for named in found {
            let Some(segment) = number_of(&named.name, size) else {
                misfits += 1;
                continue;
            };
            let stored = self.timelines.entry(segment.timeline).or_default();
            stored.push(Stored { number: segment.number, ..named.stored });
        }
        for stored in self.timelines.values_mut() {
            let last = stored.last().map(|last| last.number);
            stored.retain(|one| !one.partial || Some(one.number) == last);
            self.segments += stored.len() as u64;
            self.bytes += stored.iter().map(|one| one.bytes).sum::<u64>();
        }
        if misfits > 0 {
            let bytes = size.bytes();
            self.problems.push(format!("{misfits} files are named as no segment of {bytes} bytes is"));
        }
    }
}

impl Stored {
    /// Why it is no whole segment, as far as its size tells: a printable clause.
    pub fn fault(&self, size: SegmentSize) -> Option<String> {
        let (found, expected) = (self.bytes, size.bytes());
        match (self.packing, self.partial) {
            (_, true) => None,
            (Compression::None, false) if found == expected => None,
            (Compression::None, false) => Some(format!("it has {found} instead of {expected} bytes")),
            (Compression::Gzip | Compression::Lz4 | Compression::Zstd, false) if found > 0 => None,
            (Compression::Gzip | Compression::Lz4 | Compression::Zstd, false) => Some("it is empty".to_owned()),
        }
    }

    /// The name of its file.
    fn file_name(&self, segment: &str) -> String {
        let packing = ending(self.packing);
        match (self.partial, self.packed_first) {
            (false, _) => format!("{segment}{packing}"),
            (true, true) => format!("{segment}{packing}.partial"),
            (true, false) => format!("{segment}.partial{packing}"),
        }
    }
}

impl Named {
    /// Sorts by segment; of several files for one the whole one comes first, and of those the one that is not packed.
    fn rank(&self) -> (SegmentName, bool, Compression, bool) {
        (self.name, self.stored.partial, self.stored.packing, self.stored.packed_first)
    }
}

/// What the name of a packed file ends with.
fn ending(packing: Compression) -> &'static str {
    match packing {
        Compression::None => "",
        Compression::Gzip => ".gz",
        Compression::Lz4 => ".lz4",
        Compression::Zstd => ".zst",
    }
}

/// The segment that a name means at this size, if it can be one.
fn number_of(name: &SegmentName, size: SegmentSize) -> Option<Segment> {
    let per_log = (1 << 32) / size.bytes();
    let part = u64::from(name.part);
    (part < per_log).then(|| Segment { timeline: name.timeline, number: u64::from(name.log) * per_log + part })
}

/// What is known of an entry that is a regular file or leads to one; `None` for anything else.
fn about(entry: &DirEntry) -> io::Result<Option<Metadata>> {
    let kind = entry.file_type()?;
    let about = if kind.is_symlink() {
        fs::metadata(entry.path())
    } else if kind.is_file() {
        entry.metadata()
    } else {
        return Ok(None);
    };
    match about {
        Ok(about) => Ok(about.is_file().then_some(about)),
        // It was cleaned up a moment ago, or its link leads nowhere.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether an error is about this one file, and not about the disk that all are on.
fn is_of_file(error: &io::Error) -> bool {
    error.raw_os_error().is_none() || error.kind() == io::ErrorKind::PermissionDenied
}

fn modified(about: &Metadata) -> Timestamp {
    about.modified().ok().and_then(|time| Timestamp::try_from(time).ok()).unwrap_or_default()
}

/// Reads the histories of the newest timelines; of two files for one the one that is not packed.
fn read_histories(
    directory: &Path,
    mut found: Vec<(Timeline, Compression)>,
    problems: &mut Vec<String>,
) -> io::Result<BTreeMap<Timeline, Result<TimelineHistory, String>>> {
    found.sort_unstable();
    found.dedup_by_key(|(timeline, _)| *timeline);
    if found.len() > MAX_HISTORIES {
        problems.push(format!("it holds {} histories, and only the last {MAX_HISTORIES} were read", found.len()));
    }
    let mut histories = BTreeMap::new();
    for (timeline, packing) in found.into_iter().rev().take(MAX_HISTORIES) {
        let name = format!("{:08X}.history{}", timeline.0, ending(packing));
        let history = match file::small(&directory.join(&name), history::MAX_LEN) {
            Ok(bytes) => TimelineHistory::parse(timeline, &bytes).map_err(|error| error.to_string()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) if is_of_file(&error) => Err(error.to_string()),
            Err(error) => return Err(error),
        };
        let history = history.map_err(|why| format!("{name} cannot be believed: {}", printable(&why)));
        histories.insert(timeline, history);
    }
    Ok(histories)
}
