//! From bytes to a [`Manifest`]: first the form (JSON, fields), then the meaning, then the manifest's own checksum.

use super::{
    Algorithm, Checksum, Manifest, ManifestError, ManifestFile, WalRange,
    checksum::{from_hex, to_hex},
};
use crate::domain::{Lsn, SystemIdentifier, Timeline, Timestamp};
use serde::{Deserialize, Deserializer};
use sha2::{Digest, Sha256};
use std::{
    borrow::Cow,
    ffi::OsString,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

/// The fields as PostgreSQL names them; `serde` tells the missing, doubled and unknown ones with line and column.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawManifest<'a> {
    #[serde(rename = "PostgreSQL-Backup-Manifest-Version")]
    version: u64,
    #[serde(rename = "System-Identifier", default, deserialize_with = "present")]
    system_identifier: Option<u64>,
    #[serde(rename = "Files", borrow)]
    files: Vec<RawFile<'a>>,
    #[serde(rename = "WAL-Ranges")]
    wal_ranges: Vec<RawRange>,
    #[serde(rename = "Manifest-Checksum", borrow)]
    checksum: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile<'a> {
    #[serde(rename = "Path", default, borrow, deserialize_with = "present")]
    path: Option<Cow<'a, str>>,
    #[serde(rename = "Encoded-Path", default, borrow, deserialize_with = "present")]
    encoded_path: Option<Cow<'a, str>>,
    #[serde(rename = "Size")]
    size: u64,
    #[serde(rename = "Last-Modified", borrow)]
    modified: Cow<'a, str>,
    #[serde(rename = "Checksum-Algorithm", default, borrow, deserialize_with = "present")]
    algorithm: Option<Cow<'a, str>>,
    #[serde(rename = "Checksum", default, borrow, deserialize_with = "present")]
    checksum: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRange {
    #[serde(rename = "Timeline")]
    timeline: u32,
    #[serde(rename = "Start-LSN")]
    start: String,
    #[serde(rename = "End-LSN")]
    end: String,
}

/// The version alone, to name it even when the rest has a form that nobody knows yet.
#[derive(Deserialize)]
struct VersionAlone {
    #[serde(rename = "PostgreSQL-Backup-Manifest-Version")]
    version: u64,
}

/// A field that may be left out, but is never `null`.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

pub(super) fn parse(bytes: &[u8]) -> Result<Manifest, ManifestError> {
    let last_line = last_line_start(bytes)?;
    let raw: RawManifest<'_> = serde_json::from_slice(bytes).map_err(|error| malformed(bytes, &error))?;
    let version = match raw.version {
        1 => 1,
        2 => 2,
        other => return Err(ManifestError::UnknownVersion(other)),
    };
    if (version >= 2) != raw.system_identifier.is_some() {
        return Err(ManifestError::SystemIdentifier { version, present: raw.system_identifier.is_some() });
    }
    let files = raw.files.into_iter().enumerate().map(|(at, file)| file_entry(at + 1, file));
    let files = files.collect::<Result<Vec<_>, _>>()?;
    check_together(&files)?;
    let ranges = raw.wal_ranges.into_iter().enumerate().map(|(at, range)| wal_range(at + 1, &range));
    let wal_ranges = ranges.collect::<Result<Vec<_>, _>>()?;
    if wal_ranges.is_empty() {
        return Err(ManifestError::NoWalRange);
    }
    let checksum: [u8; 32] = Sha256::digest(&bytes[..last_line]).into();
    if !raw.checksum.eq_ignore_ascii_case(&to_hex(&checksum)) {
        return Err(ManifestError::WrongChecksum);
    }
    let system_identifier = raw.system_identifier.map(SystemIdentifier);
    Ok(Manifest { version, system_identifier, files, wal_ranges, checksum })
}

/// Where the last line begins, which holds the checksum over everything before it.
fn last_line_start(bytes: &[u8]) -> Result<usize, ManifestError> {
    let body = bytes.strip_suffix(b"\n").ok_or(ManifestError::CutShort)?;
    let start = body.iter().rposition(|byte| *byte == b'\n').ok_or(ManifestError::CutShort)? + 1;
    if body[start..].starts_with(b"\"Manifest-Checksum\"") { Ok(start) } else { Err(ManifestError::CutShort) }
}

fn malformed(bytes: &[u8], error: &serde_json::Error) -> ManifestError {
    if let Ok(VersionAlone { version }) = serde_json::from_slice(bytes)
        && !(1..=2).contains(&version)
    {
        return ManifestError::UnknownVersion(version);
    }
    let text = error.to_string();
    // serde_json ends its text with the place, which the error tells itself.
    let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what).to_owned();
    ManifestError::Malformed { line: error.line(), column: error.column(), what }
}

fn file_entry(number: usize, raw: RawFile<'_>) -> Result<ManifestFile, ManifestError> {
    let written = raw.path.as_deref().or(raw.encoded_path.as_deref()).unwrap_or("no path").to_owned();
    let wrong = |what: &str| ManifestError::File { number, path: written.clone(), what: what.to_owned() };
    let path = match (raw.path, raw.encoded_path) {
        (Some(path), None) => path.into_owned().into_bytes(),
        (None, Some(hex)) => from_hex(&hex).ok_or_else(|| wrong("Encoded-Path is not hexadecimal"))?,
        (Some(_), Some(_)) => return Err(wrong("it has both Path and Encoded-Path")),
        (None, None) => return Err(wrong("it has neither Path nor Encoded-Path")),
    };
    let path = checked_path(path).map_err(wrong)?;
    let modified = last_modified(&raw.modified).ok_or_else(|| wrong("Last-Modified is not a time in GMT"))?;
    let algorithm = match raw.algorithm.as_deref() {
        None => Algorithm::None,
        Some(name) => Algorithm::named(name).ok_or_else(|| {
            wrong(&format!("Checksum-Algorithm {name:?} is unknown: update howdah, or make a backup with CRC32C"))
        })?,
    };
    let checksum = match raw.checksum {
        None if algorithm == Algorithm::None => Checksum::none(),
        None => return Err(wrong("it has a Checksum-Algorithm, but no Checksum")),
        Some(_) if raw.algorithm.is_none() => return Err(wrong("it has a Checksum, but no Checksum-Algorithm")),
        Some(hex) => Checksum::from_hex(algorithm, &hex).ok_or_else(|| {
            wrong(&format!(
                "Checksum is not {} hexadecimal digits, as {} needs",
                algorithm.digest_len() * 2,
                algorithm.name()
            ))
        })?,
    };
    Ok(ManifestFile { path, size: raw.size, modified, checksum })
}

/// The path, if it stays below the directory that it is joined to and says what it means.
fn checked_path(bytes: Vec<u8>) -> Result<PathBuf, &'static str> {
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

/// PostgreSQL writes `2026-11-20 23:44:44 GMT` (`pg_strftime` with `%Y-%m-%d %H:%M:%S %Z` in GMT).
fn last_modified(text: &str) -> Option<Timestamp> {
    let civil: jiff::civil::DateTime = text.strip_suffix(" GMT")?.parse().ok()?;
    civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// What only shows when all entries are looked at together.
fn check_together(files: &[ManifestFile]) -> Result<(), ManifestError> {
    let mut paths: Vec<&Path> = files.iter().map(|file| file.path.as_path()).collect();
    // Paths sort part by part, so whatever lies below a path comes right behind it.
    paths.sort_unstable();
    for pair in paths.windows(2) {
        if pair[0] == pair[1] {
            return Err(ManifestError::Duplicate(pair[0].to_owned()));
        }
        if pair[1].starts_with(pair[0]) {
            return Err(ManifestError::FileAsDirectory(pair[0].to_owned()));
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
    if raw.timeline == 0 {
        return Err(wrong("Timeline is 0; timelines count from 1".to_owned()));
    }
    if start > end {
        return Err(wrong(format!("Start-LSN {start} lies behind End-LSN {end}")));
    }
    Ok(WalRange { timeline: Timeline(raw.timeline), start, end })
}
