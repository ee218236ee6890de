//! The backup manifest: what a backup holds, byte for byte, in the words of PostgreSQL ("Backup Manifest Format" in
//! its documentation), versions 1 (13 to 16) and 2 (17 and later).
//!
//! Promises: a [`Manifest`] has passed its own checksum, each path in it stays below the data directory and occurs once,
//! no file lies in another, and the sizes can be added up. Never: looks at the files it names.

mod checksum;
mod diagnose;
mod error;
mod json;
mod parse;
#[cfg(test)]
mod tests;

pub use checksum::{Algorithm, Checksum, Hasher};
pub use error::ManifestError;

use crate::domain::{ByteCount, Lsn, SystemIdentifier, Timeline, Timestamp};
use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

/// The manifest's name in a plain backup and beside the archives of a tar backup.
pub const FILE_NAME: &str = "backup_manifest";

/// The largest manifest that is read. One file takes about 150 bytes in it, so this is room for seven million files;
/// what is larger is no manifest, and must not fill the memory.
const MAX_LEN: u64 = 1 << 30;

/// The last line of a manifest is about a hundred bytes long.
const LAST_LINE: u64 = 4096;

/// The checksum that a manifest records of itself on its last line; nothing is verified. `None` when there is none.
pub fn written_checksum(file: &mut File) -> io::Result<Option<String>> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LAST_LINE)))?;
    let mut end = Vec::new();
    file.take(LAST_LINE).read_to_end(&mut end)?;
    let line = String::from_utf8_lossy(&end[checksum::last_line_start(&end)..]).into_owned();
    let value = line.split_once("\"Manifest-Checksum\"").and_then(|(_, value)| value.split('"').nth(1));
    Ok(value.filter(|digest| checksum::from_hex(digest).is_some_and(|digest| digest.len() == 32)).map(str::to_owned))
}

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The format's version, 1 or 2.
    pub version: u32,
    /// The cluster that was backed up; recorded from version 2 on.
    pub system_identifier: Option<SystemIdentifier>,
    /// The files, in the order of the manifest. `pg_wal` and the manifest itself are not among them.
    pub files: Vec<ManifestFile>,
    /// The WAL that recovery needs, at least one range; newest timeline first, as PostgreSQL writes them.
    pub wal_ranges: Vec<WalRange>,
    /// SHA-256 over the manifest's bytes before its last line: as good as a name of this very backup.
    pub checksum: [u8; 32],
}

/// One file of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestFile {
    /// Where it lies below the data directory; files of a tablespace below `pg_tblspc/<oid>`.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// When it was last modified on the server, where the manifest records it.
    pub modified: Option<Timestamp>,
    /// The checksum of its bytes.
    pub checksum: Checksum,
}

/// WAL of one timeline that recovery needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalRange {
    /// The timeline.
    pub timeline: Timeline,
    /// Where replay begins.
    pub start: Lsn,
    /// Where it must at least get.
    pub end: Lsn,
}

impl Manifest {
    /// Reads the manifest in the file at `path`.
    pub fn read(path: &Path) -> Result<Self, ManifestError> {
        Self::parse(&Self::read_bytes(path)?)
    }

    /// The bytes of the manifest in the file at `path`, for [`Manifest::parse`]; refused when far too many.
    pub fn read_bytes(path: &Path) -> Result<Vec<u8>, ManifestError> {
        let unreadable = |source: io::Error| ManifestError::Unreadable { path: path.to_owned(), source };
        let file = File::open(path).map_err(unreadable)?;
        let about = file.metadata().map_err(unreadable)?;
        if !about.is_file() {
            return Err(ManifestError::NotAFile(path.to_owned()));
        }
        let mut bytes = Vec::new();
        if about.len() <= MAX_LEN {
            // The file may grow meanwhile; the limit holds for what is really read.
            file.take(MAX_LEN + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        }
        if about.len().max(bytes.len() as u64) > MAX_LEN {
            return Err(ManifestError::TooLarge { limit: ByteCount(MAX_LEN) });
        }
        Ok(bytes)
    }

    /// Reads a manifest from its bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        parse::parse(bytes)
    }

    /// Reads a manifest that may have been altered: what is wrong with its own checksum comes beside what it says. Fails
    /// when it says nothing that could be used.
    pub fn parse_altered(bytes: &[u8]) -> Result<(Self, Option<ManifestError>), ManifestError> {
        parse::parse_altered(bytes)
    }

    /// The bytes of all files together.
    pub fn total_size(&self) -> ByteCount {
        // The sum was checked against overflow when the manifest was read.
        ByteCount(self.files.iter().map(|file| file.size).sum())
    }

    /// Where replay begins: the lowest start of all ranges.
    pub fn start_lsn(&self) -> Lsn {
        self.wal_ranges.iter().map(|range| range.start).min().unwrap_or_default()
    }

    /// Where the cluster becomes consistent: the highest end of all ranges.
    pub fn stop_lsn(&self) -> Lsn {
        self.wal_ranges.iter().map(|range| range.end).max().unwrap_or_default()
    }

    /// The timeline that the backup ends on.
    pub fn timeline(&self) -> Timeline {
        self.wal_ranges.iter().map(|range| range.timeline).max().unwrap_or(Timeline(1))
    }

    /// The newest modification of a file on the server, where any is recorded: a moment inside the backup, in UTC.
    pub fn newest_change(&self) -> Option<Timestamp> {
        self.files.iter().filter_map(|file| file.modified).max()
    }

    /// The names of the checksum algorithms in use, usually one: `CRC32C`, or `NONE` when there are no checksums.
    pub fn checksum_name(&self) -> String {
        let used: BTreeSet<Algorithm> = self.files.iter().map(|file| file.checksum.algorithm()).collect();
        let names: Vec<&str> = used.into_iter().map(Algorithm::name).collect();
        if names.is_empty() { Algorithm::None.name().to_owned() } else { names.join(", ") }
    }

    /// The manifest's own checksum in hex: two backups never share it.
    pub fn identity(&self) -> String {
        checksum::to_hex(&self.checksum)
    }
}
