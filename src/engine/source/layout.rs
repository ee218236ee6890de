//! What a backup is made of, as far as it is known before its bytes are read.
//!
//! Promises: every file is expected for a reason: the manifest lists it, it is WAL, or it is one of the few that
//! `pg_basebackup -R` changes. Never: copies a file without such a reason.

use crate::{
    domain::{
        Lsn, MajorVersion, SystemIdentifier, Timeline,
        plan::WalFinding,
        point_mark::{POINT_MARK, POINT_MARK_DIRECTORY},
    },
    postgres::{
        control::CONTROL_FILE,
        label::TABLESPACE_MAP,
        manifest::{self, Algorithm, Hasher, Manifest},
        tarset::TarSet,
        wal::{Segment, SegmentSize},
    },
};
use std::{
    collections::{BTreeMap, HashMap},
    ffi::OsStr,
    path::{Path, PathBuf},
};

/// A backup, looked at.
#[derive(Debug)]
pub(in crate::engine) struct Layout {
    pub(in crate::engine) form: Form,
    /// Tablespaces with a place of their own, and where they lived.
    pub(in crate::engine) tablespaces: BTreeMap<u32, PathBuf>,
    /// Files of `pg_wal` by name and size, as far as they are known.
    pub(in crate::engine) wal: BTreeMap<PathBuf, u64>,
    pub(in crate::engine) finding: WalFinding,
    pub(in crate::engine) version: Option<MajorVersion>,
    pub(in crate::engine) system_identifier: Option<SystemIdentifier>,
    pub(in crate::engine) warnings: Vec<String>,
}

/// The two forms.
#[derive(Debug)]
pub(in crate::engine) enum Form {
    /// Files in directories.
    Plain(Tree),
    /// Archives.
    Tar(TarSet),
}

/// The files and directories of a plain backup.
#[derive(Debug, Default)]
pub(in crate::engine) struct Tree {
    pub(in crate::engine) files: Vec<SourceFile>,
    pub(in crate::engine) directories: Vec<PathBuf>,
}

/// One file of a plain backup.
#[derive(Debug)]
pub(in crate::engine) struct SourceFile {
    /// Where it is read.
    pub(in crate::engine) source: PathBuf,
    /// Its path below the data directory, in the manifest's terms.
    pub(in crate::engine) path: PathBuf,
    pub(in crate::engine) size: u64,
}

/// Why a file may be there, and what its bytes must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) enum Expect {
    /// The manifest lists it, at this place in its list.
    Listed(usize),
    /// The manifest lists it, but `pg_basebackup -R` may have written to it since.
    MayDiffer(Option<usize>),
    /// WAL, which no manifest lists.
    Wal,
    /// The manifest itself, which is written apart.
    Manifest,
}

/// Where the paths of a manifest are looked up.
#[derive(Debug, Default)]
pub(in crate::engine) struct Index(HashMap<PathBuf, usize>);

/// Segments that are named when they are missing or damaged; the rest of a long row adds nothing.
const NAMED: usize = 3;

/// The files that `pg_basebackup -R` writes after the server made the manifest (`pg_verifybackup` passes them over too).
const MAY_DIFFER: [&str; 3] = ["postgresql.auto.conf", "standby.signal", "recovery.signal"];

/// Files that the engine writes itself at the end, in place of the backup's copy.
pub(in crate::engine) const WRITTEN_LAST: [&str; 2] = [CONTROL_FILE, TABLESPACE_MAP];

impl Index {
    pub(in crate::engine) fn of(manifest: &Manifest) -> Self {
        Self(manifest.files.iter().enumerate().map(|(at, file)| (file.path.clone(), at)).collect())
    }

    /// The reason for a file at this path; `None` when there is none.
    pub(in crate::engine) fn expect(&self, path: &Path) -> Option<Expect> {
        let listed = self.position(path);
        if MAY_DIFFER.iter().any(|name| path == Path::new(name)) {
            Some(Expect::MayDiffer(listed))
        } else if let Some(at) = listed {
            Some(Expect::Listed(at))
        } else if path == Path::new(manifest::FILE_NAME) {
            Some(Expect::Manifest)
        } else {
            is_wal(path).then_some(Expect::Wal)
        }
    }

    /// Where the manifest lists this path.
    pub(in crate::engine) fn position(&self, path: &Path) -> Option<usize> {
        self.0.get(path).copied()
    }

    /// How many paths the manifest lists.
    pub(in crate::engine) fn len(&self) -> usize {
        self.0.len()
    }

    /// The paths of the manifest, in no order.
    pub(in crate::engine) fn paths(&self) -> impl Iterator<Item = (&Path, usize)> {
        self.0.iter().map(|(path, at)| (path.as_path(), *at))
    }
}

/// The OID of the tablespace that a path lies in, and the rest of the path.
pub(in crate::engine) fn in_tablespace(path: &Path) -> Option<(u32, &Path)> {
    let below = path.strip_prefix("pg_tblspc").ok()?;
    let first = below.components().next()?.as_os_str();
    let oid = crate::postgres::tarset::oid(first.to_str()?)?;
    Some((oid, below.strip_prefix(first).ok()?))
}

/// Whether this is the mark that a job leaves in the restore point that it has made.
pub(in crate::engine) fn is_point_mark(path: &Path) -> bool {
    path == Path::new(POINT_MARK_DIRECTORY).join(POINT_MARK)
}

/// Whether a path is one of those that a server or `pg_receivewal` leaves in `pg_wal`.
fn is_wal(path: &Path) -> bool {
    let Ok(below) = path.strip_prefix("pg_wal") else { return false };
    let (name, status) = match below.strip_prefix("archive_status") {
        Ok(name) => (name, true),
        Err(_) => (below, false),
    };
    let Some(text) = name.to_str() else { return false };
    let text = match text.strip_suffix(".done").or_else(|| text.strip_suffix(".ready")) {
        Some(inner) if status => inner,
        Some(_) => return false,
        None if status => return false,
        None => text.strip_suffix(".partial").unwrap_or(text),
    };
    let hex = |part: &str, length: usize| part.len() == length && part.bytes().all(|b| b.is_ascii_hexdigit());
    match text.split_once('.') {
        None => hex(text, 24),
        Some((timeline, "history")) => hex(timeline, 8),
        Some((segment, rest)) => hex(segment, 24) && rest.strip_suffix(".backup").is_some_and(|at| hex(at, 8)),
    }
}

/// Whether the segments that recovery needs are among those of `pg_wal`, each whole. `size` is what a segment's own
/// header says; without one, the largest file counts as whole.
pub(in crate::engine) fn wal_finding(
    manifest: &Manifest,
    wal: &BTreeMap<PathBuf, u64>,
    size: Option<SegmentSize>,
) -> WalFinding {
    let sizes = wal.iter().filter(|(path, _)| is_segment(path)).map(|(_, size)| *size);
    let largest = || sizes.max().and_then(|size| SegmentSize::new(u32::try_from(size).ok()?));
    let size = size.or_else(largest).unwrap_or(SegmentSize::DEFAULT);
    let timelines: Vec<Timeline> = manifest.wal_ranges.iter().map(|range| range.timeline).collect();
    let found = |timeline: Timeline, number: u64| {
        let name = Segment { timeline, number }.file_name(size);
        wal.get(&Path::new("pg_wal").join(&name)).map(|bytes| (name, *bytes))
    };
    let (mut needed, mut missing, mut damaged) = (0_u64, Vec::new(), Vec::new());
    for range in &manifest.wal_ranges {
        for segment in Segment::range(range.timeline, range.start, range.end, size) {
            needed += 1;
            // Where a timeline ends, its last segment may be kept under the name of the next one alone.
            let newer = timelines.iter().filter(|newer| **newer >= range.timeline);
            let kept: Vec<(String, u64)> = newer.filter_map(|newer| found(*newer, segment.number)).collect();
            if kept.is_empty() && missing.len() < NAMED {
                missing.push(segment.file_name(size));
            } else if kept.iter().all(|(_, bytes)| *bytes != size.bytes()) && damaged.len() < NAMED {
                damaged.extend(kept.iter().map(|(name, bytes)| format!("{name} has {bytes} bytes")));
            }
            // A range is hostile or absurd long before this; the answer will not change.
            if needed > 1_000_000 {
                return WalFinding::Missing { what: "more than a million WAL segments would be needed".to_owned() };
            }
        }
    }
    let (start, stop): (Lsn, Lsn) = (manifest.start_lsn(), manifest.stop_lsn());
    let missing = (!missing.is_empty()).then(|| format!("{} is not in the backup", missing.join(", ")));
    let damaged = (!damaged.is_empty()).then(|| format!("{}, and a segment has {}", damaged.join(", "), size.bytes()));
    match (missing, damaged) {
        (None, None) => WalFinding::Included { start, stop },
        (Some(what), None) | (None, Some(what)) => {
            WalFinding::Missing { what: format!("WAL from {start} to {stop} is needed, and {what}") }
        }
        (Some(missing), Some(damaged)) => {
            WalFinding::Missing { what: format!("WAL from {start} to {stop} is needed, and {missing}; {damaged}") }
        }
    }
}

/// Whether a file of `pg_wal` is a segment by its name.
pub(in crate::engine) fn is_segment(path: &Path) -> bool {
    path.file_name().and_then(OsStr::to_str).is_some_and(|name| name.len() == 24)
}

/// Whether a path is that of the note that `pg_basebackup` or the server leaves for a segment that it has brought.
pub(in crate::engine) fn is_done(path: &Path) -> bool {
    path.starts_with("pg_wal/archive_status")
        && path.file_stem().and_then(OsStr::to_str).is_some_and(|name| name.len() == 24)
        && path.extension().is_some_and(|ending| ending == "done")
}

/// The major version, from the checksum of `PG_VERSION`: the file holds nothing but the number.
pub(in crate::engine) fn version(manifest: &Manifest) -> Option<MajorVersion> {
    let listed = manifest.files.iter().find(|file| file.path == Path::new("PG_VERSION"))?;
    let algorithm = listed.checksum.algorithm();
    // Manifests came with 13; 99 leaves room for some generations.
    (13..=99).map(MajorVersion).filter(|_| algorithm != Algorithm::None).find(|version| {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(format!("{version}\n").as_bytes());
        hasher.finish() == listed.checksum
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_server_leaves_there_counts_as_wal() {
        for (path, wal) in [
            ("pg_wal/00000001000000000000000B", true),
            ("pg_wal/00000001000000000000000B.partial", true),
            ("pg_wal/00000002.history", true),
            ("pg_wal/00000001000000000000000B.00000028.backup", true),
            ("pg_wal/archive_status/00000001000000000000000B.done", true),
            ("pg_wal/archive_status/00000002.history.ready", true),
            ("pg_wal/archive_status/00000001000000000000000B", false),
            ("pg_wal/00000001000000000000000B.done", false),
            ("pg_wal/00000001000000000000000", false),
            ("pg_wal/evil.sh", false),
            ("pg_wal/archive_status", false),
            ("pg_wal/deeper/00000001000000000000000B", false),
            ("00000001000000000000000B", false),
        ] {
            assert_eq!(is_wal(Path::new(path)), wal, "{path}");
        }
    }

    #[test]
    fn a_path_in_a_tablespace_is_told_by_its_oid() {
        let (oid, rest) = in_tablespace(Path::new("pg_tblspc/16384/PG_15/1")).expect("a tablespace");
        assert_eq!((oid, rest), (16384, Path::new("PG_15/1")));
        assert_eq!(in_tablespace(Path::new("pg_tblspc/x/1")), None);
        assert_eq!(in_tablespace(Path::new("base/16384")), None);
    }
}
