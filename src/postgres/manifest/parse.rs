//! From bytes to a [`Manifest`]: first the form (JSON, fields), then the meaning, then the manifest's own checksum.
//!
//! What `pg_verifybackup` 15 takes is taken, and the reverse, but for what it takes and a restore cannot use: a manifest
//! without WAL ranges does not show where recovery begins; timeline 0 and a range that ends before it begins have no
//! WAL (with `-n` it does not look at either); a field that is there twice can mean two files; a text that is not
//! quoted or not UTF-8, and a number with blanks or a sign, are written by no PostgreSQL; a path that is empty,
//! absolute or has `.` or `..` in it names no file of a data directory.

use super::{
    Algorithm, Checksum, Manifest, ManifestError, ManifestFile, WalRange,
    checksum::{from_hex, last_line_start, to_hex},
    diagnose,
    json::{Number, Object, Text, present},
};
use crate::domain::{Lsn, SystemIdentifier, Timeline, Timestamp};
use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};
use sha2::{Digest, Sha256};
use std::{
    collections::HashSet,
    ffi::{OsStr, OsString},
    fmt,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::PathBuf,
};

/// The fields as PostgreSQL names them; `serde` reports the missing, doubled and unknown ones with line and column.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawManifest<'a> {
    #[serde(rename = "PostgreSQL-Backup-Manifest-Version")]
    version: Number,
    #[serde(rename = "System-Identifier", default, deserialize_with = "present")]
    system_identifier: Option<Number>,
    #[serde(rename = "Files")]
    files: Files,
    #[serde(rename = "WAL-Ranges")]
    wal_ranges: Vec<Object<RawRange>>,
    #[serde(rename = "Manifest-Checksum", default, borrow, deserialize_with = "present")]
    checksum: Option<Text<'a>>,
}

/// The entries, each checked when it is read: of a large cluster there are millions, and their raw form would take as
/// much memory again.
struct Files {
    entries: Vec<ManifestFile>,
    /// What is wrong with the first that is no file of a data directory; no entry behind it is kept.
    wrong: Option<ManifestError>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile<'a> {
    #[serde(rename = "Path", default, borrow, deserialize_with = "present")]
    path: Option<Text<'a>>,
    #[serde(rename = "Encoded-Path", default, borrow, deserialize_with = "present")]
    encoded_path: Option<Text<'a>>,
    #[serde(rename = "Size")]
    size: Number,
    #[serde(rename = "Last-Modified", default, borrow, deserialize_with = "present")]
    modified: Option<Text<'a>>,
    #[serde(rename = "Checksum-Algorithm", default, borrow, deserialize_with = "present")]
    algorithm: Option<Text<'a>>,
    #[serde(rename = "Checksum", default, borrow, deserialize_with = "present")]
    checksum: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRange {
    #[serde(rename = "Timeline")]
    timeline: Number,
    #[serde(rename = "Start-LSN")]
    start: String,
    #[serde(rename = "End-LSN")]
    end: String,
}

struct FilesVisitor;

impl<'de> Deserialize<'de> for Files {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(FilesVisitor)
    }
}

impl<'de> Visitor<'de> for FilesVisitor {
    type Value = Files;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Files, A::Error> {
        let mut files = Files { entries: Vec::new(), wrong: None };
        // Read to the end in any case: what is no JSON at all is told first.
        while let Some(Object(raw)) = list.next_element::<Object<RawFile<'de>>>()? {
            if files.wrong.is_none() {
                match file_entry(files.entries.len() + 1, &raw) {
                    Ok(entry) => files.entries.push(entry),
                    Err(wrong) => files.wrong = Some(wrong),
                }
            }
        }
        Ok(files)
    }
}

pub(super) fn parse(bytes: &[u8]) -> Result<Manifest, ManifestError> {
    let (manifest, wrong) = parse_altered(bytes)?;
    wrong.map_or(Ok(manifest), Err)
}

/// The manifest, and what is wrong with its own checksum.
pub(super) fn parse_altered(bytes: &[u8]) -> Result<(Manifest, Option<ManifestError>), ManifestError> {
    let Object(raw): Object<RawManifest<'_>> =
        serde_json::from_slice(bytes).map_err(|error| diagnose::unreadable(bytes, &error))?;
    let version = match raw.version {
        Number(1) => 1,
        Number(2) => 2,
        Number(other) => return Err(ManifestError::UnknownVersion(other)),
    };
    if !begins_with_version(bytes) {
        return Err(ManifestError::VersionNotFirst);
    }
    if (version >= 2) != raw.system_identifier.is_some() {
        return Err(ManifestError::SystemIdentifier { version, present: raw.system_identifier.is_some() });
    }
    let Files { entries: files, wrong } = raw.files;
    wrong.map_or(Ok(()), Err)?;
    check_together(&files)?;
    let ranges = raw.wal_ranges.into_iter().enumerate().map(|(at, Object(range))| wal_range(at + 1, &range));
    let wal_ranges = ranges.collect::<Result<Vec<_>, _>>()?;
    if wal_ranges.is_empty() {
        return Err(ManifestError::NoWalRange);
    }
    let checksum: [u8; 32] = Sha256::digest(&bytes[..last_line_start(bytes)]).into();
    let wrong = match raw.checksum {
        None => Some(ManifestError::NoChecksum),
        Some(Text(written)) if bytes.ends_with(b"\n") && written.eq_ignore_ascii_case(&to_hex(&checksum)) => None,
        Some(Text(written)) => Some(diagnose::mismatched(bytes, &written)),
    };
    let system_identifier = raw.system_identifier.map(|Number(number)| SystemIdentifier(number));
    Ok((Manifest { version, system_identifier, files, wal_ranges, checksum }, wrong))
}

/// PostgreSQL reads no manifest whose version does not come first: what follows may depend on it.
fn begins_with_version(bytes: &[u8]) -> bool {
    let inside = bytes.trim_ascii_start().strip_prefix(b"{").unwrap_or_default();
    inside.trim_ascii_start().starts_with(b"\"PostgreSQL-Backup-Manifest-Version\"")
}

fn file_entry(number: usize, raw: &RawFile<'_>) -> Result<ManifestFile, ManifestError> {
    let wrong = |what: &str| {
        let path = raw.path.as_ref().or(raw.encoded_path.as_ref()).map_or("no path", |Text(path)| path).to_owned();
        ManifestError::File { number, path, what: what.to_owned() }
    };
    let path = match (&raw.path, &raw.encoded_path) {
        (Some(Text(path)), None) => path.as_bytes().to_vec(),
        (None, Some(Text(hex))) => from_hex(hex).ok_or_else(|| wrong("Encoded-Path is not hexadecimal"))?,
        (Some(_), Some(_)) => return Err(wrong("it has both Path and Encoded-Path")),
        (None, None) => return Err(wrong("it has neither Path nor Encoded-Path")),
    };
    let path = checked_path(path).map_err(wrong)?;
    let algorithm = match &raw.algorithm {
        None => Algorithm::None,
        Some(Text(name)) => Algorithm::named(name).ok_or_else(|| {
            wrong(&format!("Checksum-Algorithm {name:?} is unknown: update howdah, or make a backup with CRC32C"))
        })?,
    };
    let checksum = match &raw.checksum {
        None if algorithm == Algorithm::None => Checksum::none(),
        None => return Err(wrong("it has a Checksum-Algorithm, but no Checksum")),
        Some(_) if raw.algorithm.is_none() => return Err(wrong("it has a Checksum, but no Checksum-Algorithm")),
        Some(_) if algorithm == Algorithm::None => Checksum::none(),
        Some(Text(hex)) => Checksum::from_hex(algorithm, hex).ok_or_else(|| {
            wrong(&format!(
                "Checksum is not {} hexadecimal digits, as {} needs",
                algorithm.digest_len() * 2,
                algorithm.name()
            ))
        })?,
    };
    let modified = raw.modified.as_ref().and_then(|Text(text)| last_modified(text));
    Ok(ManifestFile { path, size: raw.size.0, modified, checksum })
}

/// The path, if it stays below the directory that it is joined to and is in its plain form.
fn checked_path(bytes: Vec<u8>) -> Result<PathBuf, &'static str> {
    if bytes.is_empty() {
        return Err("the path is empty");
    }
    if bytes.contains(&0) {
        return Err("the path has a NUL byte in it");
    }
    if bytes.starts_with(b"/") {
        return Err("the path is absolute; it must lie below the data directory");
    }
    for part in bytes.split(|byte| *byte == b'/') {
        match part {
            b"" => return Err("the path has an empty part"),
            b"." | b".." => return Err("the path has . or .. in it; it must lie below the data directory"),
            _ => {}
        }
    }
    Ok(PathBuf::from(OsString::from_vec(bytes)))
}

/// PostgreSQL writes `2026-11-20 23:44:44 GMT` (`pg_strftime` with `%Y-%m-%d %H:%M:%S %Z` in GMT). Nothing is verified
/// by it, so another text is as good as none.
fn last_modified(text: &str) -> Option<Timestamp> {
    let civil: jiff::civil::DateTime = text.strip_suffix(" GMT")?.parse().ok()?;
    civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// What only shows when all entries are looked at together.
fn check_together(files: &[ManifestFile]) -> Result<(), ManifestError> {
    let mut paths: HashSet<&[u8]> = HashSet::with_capacity(files.len());
    if let Some(twice) = files.iter().find(|file| !paths.insert(file.path.as_os_str().as_bytes())) {
        return Err(ManifestError::Duplicate(twice.path.clone()));
    }
    let mut last: &[u8] = b"";
    for file in files {
        // Each directory ends before a slash; the parts of a path were checked when it was read.
        let path = file.path.as_os_str().as_bytes();
        let directory = &path[..path.iter().rposition(|byte| *byte == b'/').unwrap_or(0)];
        // Files of one directory mostly follow each other.
        if std::mem::replace(&mut last, directory) == directory {
            continue;
        }
        let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        if let Some(above) = slashes.map(|at| &path[..at]).find(|above| paths.contains(above)) {
            return Err(ManifestError::FileAsDirectory(PathBuf::from(OsStr::from_bytes(above))));
        }
    }
    // File offsets are signed, so no sum above that can lie on a disk.
    let sum = files.iter().try_fold(0_u64, |sum, file| sum.checked_add(file.size));
    sum.filter(|sum| i64::try_from(*sum).is_ok()).map(|_| ()).ok_or(ManifestError::SizeOverflow)
}

fn wal_range(number: usize, raw: &RawRange) -> Result<WalRange, ManifestError> {
    let wrong = |what: String| ManifestError::WalRange { number, what };
    let lsn = |field: &str, text: &str| text.parse::<Lsn>().map_err(|error| wrong(format!("{field}: {error}")));
    let (start, end) = (lsn("Start-LSN", &raw.start)?, lsn("End-LSN", &raw.end)?);
    let Number(timeline) = raw.timeline;
    let timeline = u32::try_from(timeline).ok().filter(|number| *number > 0).map(Timeline);
    let timeline = timeline.ok_or_else(|| wrong(format!("Timeline is {}; timelines count from 1", raw.timeline.0)))?;
    if start > end {
        return Err(wrong(format!("Start-LSN {start} lies behind End-LSN {end}")));
    }
    Ok(WalRange { timeline, start, end })
}
