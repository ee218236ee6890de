//! What a backup is, read from its manifest and a few small files.
//!
//! Promises: the manifest is verified against its own checksum; all that can be seen without reading the backup whole
//! to be missing is reported as a sentence. Never: reads a file of the backup beyond its first bytes.

use super::{
    chain::{self, MadeFrom},
    restored,
    scan::Layout,
    wording::{self, problem, refused},
};
use crate::{
    domain::{BackupFacts, BackupForm, MajorVersion, SystemIdentifier, Timestamp},
    postgres::{
        compression,
        control::{CONTROL_FILE, CONTROL_PREFIX, ControlFile},
        label::BACKUP_LABEL,
        manifest::{self, Manifest, ManifestError},
        tarset::{TarSet, oid},
        wal::{LONG_HEADER, Segment, SegmentHeader, SegmentSize},
    },
};
use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

/// What to do about a backup that is not as it was taken.
pub(super) const ANOTHER: &str = "copy it again from where it came, or use another backup";

/// A version and a cluster, each where it is known.
type Identity = (Option<MajorVersion>, Option<SystemIdentifier>);

/// What a backup is, read from it alone.
pub(super) struct Seen {
    pub(super) form: BackupForm,
    pub(super) facts: BackupFacts,
    /// What an incremental one was made from.
    pub(super) from: Option<MadeFrom>,
}

/// Reads what was found in `directory`, or tells why it cannot be read.
pub(super) fn read(directory: &Path, finding: &Layout) -> Result<Seen, String> {
    if directory.to_str().is_none() {
        return Err(problem("the name of the directory is not UTF-8", "rename it, so that it can be written down"));
    }
    if let Layout::Fault(fault) = finding {
        return Err(fault.clone());
    }
    let path = directory.join(manifest::FILE_NAME);
    let about = regular(&path)?;
    let manifest = Manifest::read(&path).map_err(|error| unusable(&error))?;
    let (form, (version, found)) = match finding {
        Layout::Tar(set) => tar(set, &manifest)?,
        Layout::Plain | Layout::Machine | Layout::Restic | Layout::Fault(_) => {
            (BackupForm::Plain, plain(directory, &manifest)?)
        }
    };
    if let (Some(reported), Some(found)) = (manifest.system_identifier, found)
        && reported != found
    {
        let cause = format!("the manifest is of the cluster {reported}, and the files are of the cluster {found}");
        return Err(problem(&cause, ANOTHER));
    }
    let facts = BackupFacts {
        size: manifest.total_size(),
        files: manifest.files.len() as u64,
        timeline: manifest.timeline(),
        start_lsn: manifest.start_lsn(),
        stop_lsn: manifest.stop_lsn(),
        taken_at: taken_at(&manifest, &about),
        version,
        system_identifier: manifest.system_identifier.or(found),
    };
    let from = if chain::is_incremental(&manifest) { Some(chain::made_from(directory, finding)?) } else { None };
    Ok(Seen { form, facts, from })
}

/// When the backup ended, as nearly as it tells itself: the newest modification of a file on the server.
///
/// That moment lies inside the backup (the server stamps `backup_label` when it begins, and sends `pg_control`, which
/// each checkpoint rewrites, last), it is in UTC, guarded by the manifest's checksum, and survives being copied. The
/// modification time of `backup_manifest` is nearer to the end only until somebody copies it without `-p`, and
/// `START TIME` in `backup_label` is in a zone that is only abbreviated; so the former serves where no file is listed.
fn taken_at(manifest: &Manifest, about: &fs::Metadata) -> Timestamp {
    let written = || about.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
    manifest.newest_change().or_else(written).unwrap_or_default()
}

fn unusable(error: &ManifestError) -> String {
    match error {
        ManifestError::Unreadable { source, .. } => refused(manifest::FILE_NAME, source),
        ManifestError::UnknownVersion(_) => problem(&error.to_string(), "restore it with a newer howdah"),
        ManifestError::NotAFile(_)
        | ManifestError::TooLarge { .. }
        | ManifestError::Empty
        | ManifestError::NotJson(_)
        | ManifestError::Nul { .. }
        | ManifestError::CutShort { .. }
        | ManifestError::Trailing(_)
        | ManifestError::NoLineBreak
        | ManifestError::Malformed { .. }
        | ManifestError::VersionNotFirst
        | ManifestError::SystemIdentifier { .. }
        | ManifestError::File { .. }
        | ManifestError::Duplicate(_)
        | ManifestError::FileAsDirectory(_)
        | ManifestError::SizeOverflow
        | ManifestError::WalRange { .. }
        | ManifestError::NoWalRange
        | ManifestError::NoChecksum
        | ManifestError::NoDigest { .. }
        | ManifestError::Reformatted
        | ManifestError::LineEnds
        | ManifestError::WrongChecksum => problem(&format!("backup_manifest: {error}"), ANOTHER),
    }
}

fn plain(directory: &Path, manifest: &Manifest) -> Result<Identity, String> {
    if let Some(fault) = restored::fault(directory, manifest)? {
        return Err(fault);
    }
    if fs::symlink_metadata(directory.join(BACKUP_LABEL)).is_err() {
        let cause = "backup_label is missing: a server was started on the backup, or the copy is not whole";
        return Err(problem(cause, ANOTHER));
    }
    let version = prefix(&directory.join("PG_VERSION"), 16)?;
    let text = String::from_utf8_lossy(&version);
    let Ok(version) = text.trim_end().parse() else {
        return Err(problem(&format!("PG_VERSION holds {text:?}, which is no major version"), ANOTHER));
    };
    let control = prefix(&directory.join(CONTROL_FILE), CONTROL_PREFIX)?;
    let control = ControlFile::parse(&control).map_err(|error| problem(&error.to_string(), ANOTHER))?;
    for oid in tablespaces(manifest) {
        let home = directory.join("pg_tblspc").join(oid.to_string());
        if let Err(error) = fs::read_dir(&home) {
            let lies = fs::read_link(&home).map(|to| format!(", which should be at {}", wording::path(&to)));
            return Err(refused(&format!("tablespace {oid}{}", lies.unwrap_or_default()), &error));
        }
    }
    Ok((Some(MajorVersion(version)), Some(control.system_identifier)))
}

fn tar(set: &TarSet, manifest: &Manifest) -> Result<(BackupForm, Identity), String> {
    if let Some(oid) = tablespaces(manifest).into_iter().find(|oid| !set.tablespaces.contains_key(oid)) {
        let cause = format!("{oid}.tar, the archive of a tablespace, is missing");
        return Err(problem(&cause, "copy all archives of the backup"));
    }
    for archive in set.tablespaces.values().chain([&set.base]).chain(&set.wal) {
        first_member(archive, *archive != set.base)?;
    }
    let packing = compression::detect_file(&set.base).map_err(|error| refused(&shown(&set.base), &error))?;
    let header = set.wal.as_deref().map(first_segment).transpose()?.flatten();
    let identity = (header.and_then(|header| header.version), header.map(|header| header.system_identifier));
    Ok((BackupForm::Tar(packing), identity))
}

/// The tablespaces that have files in the manifest.
fn tablespaces(manifest: &Manifest) -> BTreeSet<u32> {
    let below = |path: &Path| oid(path.strip_prefix("pg_tblspc").ok()?.iter().next()?.to_str()?);
    manifest.files.iter().filter_map(|file| below(&file.path)).collect()
}

/// Sees whether an archive begins as one: unpacks no more than the first header. An archive without any member, which
/// that of a tablespace may be, begins with a block of zeros.
fn first_member(archive: &Path, may_be_empty: bool) -> Result<(), String> {
    regular(archive)?;
    let mut block = [0; 512];
    let (_, mut unpacked) = compression::open(archive).map_err(|error| damaged(archive, &error))?;
    unpacked.read_exact(&mut block).map_err(|error| damaged(archive, &error))?;
    let empty = block.iter().all(|byte| *byte == 0);
    if (empty && may_be_empty) || &block[257..262] == b"ustar" {
        Ok(())
    } else {
        Err(problem(&format!("{} is not a tar archive, packed or not", shown(archive)), ANOTHER))
    }
}

/// The header of the first WAL segment in an archive; `None` when it holds none.
///
/// History files may come before it; they are small, as is all else that PostgreSQL puts there.
fn first_segment(archive: &Path) -> Result<Option<SegmentHeader>, String> {
    /// Far more than the timelines that a cluster goes through.
    const MEMBERS: usize = 64;
    let failed = |error: &io::Error| damaged(archive, error);
    let (_, unpacked) = compression::open(archive).map_err(|error| failed(&error))?;
    let mut unpacked = tar::Archive::new(unpacked);
    for member in unpacked.entries().map_err(|error| failed(&error))?.take(MEMBERS) {
        let member = member.map_err(|error| failed(&error))?;
        let name = String::from_utf8_lossy(&member.path_bytes()).into_owned();
        // Any size serves to tell the name of a segment from others; the smallest allows the most names.
        let smallest = SegmentSize::new(1 << 20).unwrap_or(SegmentSize::DEFAULT);
        if Segment::from_file_name(&name, smallest).is_none() {
            continue;
        }
        let mut header = Vec::with_capacity(LONG_HEADER);
        member.take(LONG_HEADER as u64).read_to_end(&mut header).map_err(|error| failed(&error))?;
        return SegmentHeader::parse(&header)
            .map(Some)
            .map_err(|error| problem(&format!("{name} in {} is no WAL segment ({error})", shown(archive)), ANOTHER));
    }
    Ok(None)
}

pub(super) fn damaged(archive: &Path, error: &io::Error) -> String {
    if compression::is_damage(error) {
        problem(&format!("{} is damaged or cut short ({error})", shown(archive)), ANOTHER)
    } else {
        refused(&shown(archive), error)
    }
}

/// The first bytes of a file, at most so many.
pub(super) fn prefix(path: &Path, most: usize) -> Result<Vec<u8>, String> {
    regular(path)?;
    let mut bytes = Vec::with_capacity(most);
    let read = File::open(path).and_then(|file| file.take(most as u64).read_to_end(&mut bytes));
    read.map_err(|error| refused(&shown(path), &error))?;
    Ok(bytes)
}

/// Sees that a file is one before it is opened: opening a named pipe would wait for ever.
fn regular(path: &Path) -> Result<fs::Metadata, String> {
    let about = fs::symlink_metadata(path).map_err(|error| refused(&shown(path), &error))?;
    if about.is_file() {
        Ok(about)
    } else {
        Err(problem(&format!("{} is not a regular file", shown(path)), "put the file itself in its place"))
    }
}

/// The last part of a path; the row tells the directory.
pub(super) fn shown(path: &Path) -> String {
    wording::name(path.file_name().unwrap_or_default())
}
