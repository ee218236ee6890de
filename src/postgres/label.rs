//! `backup_label` and `tablespace_map`: what the server writes into the base of a backup.
//!
//! Promises: the two files are read as PostgreSQL's own recovery reads them, and what does not fit is reported with its
//! line. Never: a path of a tablespace map is only reported here; nobody may write to it for that reason alone.
//!
//! Sources: `do_pg_backup_start`, `read_backup_label` and `read_tablespace_map` in `xlog.c` and `xlogrecovery.c`.

use crate::domain::{Lsn, Timeline, Timestamp, instance::printable};
use std::{collections::BTreeMap, ffi::OsString, os::unix::ffi::OsStringExt, path::PathBuf};
use thiserror::Error;

/// The name of the label in a data directory.
pub const BACKUP_LABEL: &str = "backup_label";

/// The name of the tablespace map in the base of a tar backup.
pub const TABLESPACE_MAP: &str = "tablespace_map";

/// The facts of a `backup_label`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupLabel {
    /// Where replay must begin.
    pub start_wal: Lsn,
    /// The name of the segment that holds it.
    pub start_segment: String,
    /// The checkpoint that the backup began with.
    pub checkpoint: Lsn,
    /// When the backup began, if the server wrote it in a zone that has one meaning everywhere.
    ///
    /// The server writes the zone of its `log_timezone` as an abbreviation; `CST` is three zones, so only `UTC` and
    /// `GMT` are believed.
    pub start_time: Option<Timestamp>,
    /// What the operator called the backup.
    pub label: String,
    /// The timeline the backup began on; servers before version 11 do not record it.
    pub start_timeline: Option<Timeline>,
    /// Where the backup this one builds upon began: set for an incremental backup (version 17 and newer).
    pub incremental_from: Option<Lsn>,
    /// The timeline on which that one began; set with it.
    pub incremental_from_timeline: Option<Timeline>,
}

/// Why a `backup_label` or `tablespace_map` cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LabelError {
    /// A line that must be there is not.
    #[error("backup_label has no line {0:?}")]
    Missing(&'static str),
    /// A line is there, and its value is not of its kind.
    #[error("backup_label says {value:?} for {key:?}")]
    Value {
        /// The key.
        key: &'static str,
        /// What follows it.
        value: String,
    },
    /// A line of the tablespace map is not an OID, a space and an absolute path.
    #[error("line {line} of tablespace_map is not an OID and an absolute path")]
    Map {
        /// Counted from 1.
        line: usize,
    },
    /// A tablespace is there twice.
    #[error("tablespace_map names tablespace {0} twice")]
    Twice(u32),
}

impl BackupLabel {
    /// Reads the bytes of a `backup_label`. Lines that are not known are passed over, as PostgreSQL does.
    pub fn parse(bytes: &[u8]) -> Result<Self, LabelError> {
        const START: &str = "START WAL LOCATION";
        let text = String::from_utf8_lossy(bytes);
        let optional = |key: &str| {
            text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).map(|value| value.trim().to_owned())
        };
        let line = |key| optional(key).ok_or(LabelError::Missing(key));
        let wrong = |key, value: &str| LabelError::Value { key, value: printable(value) };
        let lsn = |key, value: &str| value.parse::<Lsn>().map_err(|_| wrong(key, value));

        let start = line(START)?;
        let (position, file) = start.split_once(" (file ").ok_or_else(|| wrong(START, &start))?;
        let checkpoint = line("CHECKPOINT LOCATION")?;
        let timeline = |key| {
            let parse = |value: String| value.parse().map(Timeline).map_err(|_| wrong(key, &value));
            optional(key).map(parse).transpose()
        };
        let start_timeline = timeline("START TIMELINE")?;
        let incremental_from_timeline = timeline("INCREMENTAL FROM TLI")?;
        let incremental_from =
            optional("INCREMENTAL FROM LSN").map(|value| lsn("INCREMENTAL FROM LSN", &value)).transpose()?;
        Ok(Self {
            start_wal: lsn(START, position)?,
            start_segment: printable(file.trim_end_matches(')')),
            checkpoint: lsn("CHECKPOINT LOCATION", &checkpoint)?,
            start_time: optional("START TIME").and_then(|value| moment(&value)),
            label: printable(&optional("LABEL").unwrap_or_default()),
            start_timeline,
            incremental_from,
            incremental_from_timeline,
        })
    }
}

/// Reads the bytes of a `tablespace_map`: the OID of each tablespace and the path it had on the server that was backed
/// up. In a path a line feed, a carriage return and a backslash are written with a backslash before them.
pub fn parse_tablespace_map(bytes: &[u8]) -> Result<BTreeMap<u32, PathBuf>, LabelError> {
    let mut map = BTreeMap::new();
    for (index, line) in unescaped_lines(bytes).into_iter().enumerate() {
        let refuse = || LabelError::Map { line: index + 1 };
        let space = line.iter().position(|b| *b == b' ').ok_or_else(refuse)?;
        let digits = str::from_utf8(&line[..space]).map_err(|_| refuse())?;
        let decimal = digits.bytes().all(|b| b.is_ascii_digit());
        let oid = digits.parse().ok().filter(|oid| decimal && *oid != 0).ok_or_else(refuse)?;
        let path = PathBuf::from(OsString::from_vec(line[space + 1..].to_vec()));
        if !path.is_absolute() || line.contains(&0) {
            return Err(refuse());
        }
        if map.insert(oid, path).is_some() {
            return Err(LabelError::Twice(oid));
        }
    }
    Ok(map)
}

/// The lines of a map with their escapes undone. An empty line carries nothing and is left out.
fn unescaped_lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    let mut line = Vec::new();
    let mut escaped = false;
    for &byte in bytes {
        match byte {
            b'\\' if !escaped => escaped = true,
            b'\n' | b'\r' if !escaped => lines.push(std::mem::take(&mut line)),
            _ => {
                line.push(byte);
                escaped = false;
            }
        }
    }
    lines.push(line);
    lines.retain(|line| !line.is_empty());
    lines
}

fn moment(value: &str) -> Option<Timestamp> {
    let civil = value.strip_suffix(" UTC").or_else(|| value.strip_suffix(" GMT"))?;
    format!("{}Z", civil.replacen(' ', "T", 1)).parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use std::path::Path;

    /// As PostgreSQL 15 writes it.
    const REAL: &str = "START WAL LOCATION: 0/B00028 (file 00000001000000000000000B)
CHECKPOINT LOCATION: 0/B00060
BACKUP METHOD: streamed
BACKUP FROM: primary
START TIME: 2026-11-20 02:00:00 UTC
LABEL: nightly: orders
START TIMELINE: 1
";

    #[test]
    fn a_real_label_is_read() {
        let label = BackupLabel::parse(REAL.as_bytes()).unwrap();
        assert_eq!(label.start_wal, Lsn(0xB0_0028));
        assert_eq!(label.start_segment, "00000001000000000000000B");
        assert_eq!(label.checkpoint, Lsn(0xB0_0060));
        assert_eq!(label.start_time, Some("2026-11-20T02:00:00Z".parse().unwrap()));
        assert_eq!(label.label, "nightly: orders");
        assert_eq!(label.start_timeline, Some(Timeline(1)));
        assert_eq!(label.incremental_from, None);
    }

    #[test]
    fn a_zone_that_can_mean_several_is_not_guessed() {
        let label = BackupLabel::parse(REAL.replace(" UTC", " CST").as_bytes()).unwrap();
        assert_eq!(label.start_time, None);
    }

    #[test]
    fn an_incremental_backup_says_so() {
        let label = format!("{REAL}INCREMENTAL FROM LSN: 0/A00028\nINCREMENTAL FROM TLI: 2\n");
        let label = BackupLabel::parse(label.as_bytes()).unwrap();
        assert_eq!(label.incremental_from, Some(Lsn(0xA0_0028)));
        assert_eq!(label.incremental_from_timeline, Some(Timeline(2)));
    }

    #[test]
    fn a_damaged_label_is_told_by_its_line() {
        let parse = |from, to| BackupLabel::parse(REAL.replace(from, to).as_bytes()).unwrap_err().to_string();
        assert_eq!(parse("CHECKPOINT", "CHECK"), "backup_label has no line \"CHECKPOINT LOCATION\"");
        assert_eq!(parse("0/B00060", "\u{1b}c"), "backup_label says \"\\\\u{1b}c\" for \"CHECKPOINT LOCATION\"");
        assert!(parse("(file", "file").contains("START WAL LOCATION"));
        assert!(parse("TIMELINE: 1", "TIMELINE: -1").contains("START TIMELINE"));
        assert_eq!(BackupLabel::parse(b""), Err(LabelError::Missing("START WAL LOCATION")));
    }

    #[test]
    fn a_tablespace_map_undoes_its_escapes() {
        let map = parse_tablespace_map(b"16384 /srv/fast disk\n16385 /srv/a\\\nb\\\\c\n").unwrap();
        assert_eq!(map[&16384], Path::new("/srv/fast disk"));
        assert_eq!(map[&16385], Path::new("/srv/a\nb\\c"));
        assert!(parse_tablespace_map(b"").unwrap().is_empty());
    }

    #[test]
    fn a_tablespace_map_that_is_not_one_is_refused() {
        for (bytes, line) in
            [(&b"16384\n"[..], 1), (b"0 /srv\n", 1), (b"+1 /srv\n", 1), (b"1 /a\nx /srv\n", 2), (b"1 srv\n", 1)]
        {
            assert_eq!(parse_tablespace_map(bytes), Err(LabelError::Map { line }));
        }
        assert_eq!(parse_tablespace_map(b"7 /a\n7 /b\n"), Err(LabelError::Twice(7)));
    }
}
