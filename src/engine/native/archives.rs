//! Looking into the archives of a tar backup, no further than is cheap.
//!
//! Promises: the tablespace map is read and verified, each tablespace has its archive and each archive its tablespace;
//! WAL is listed where that takes no reading of the whole base. Never: writes.

use super::{
    errors::{Backup, DAMAGED, damaged},
    layout::{self, Form, Index, Layout, in_tablespace},
    member::{self, Kind, Member},
    small_files::{self, Questions},
};
use crate::{
    domain::{Failure, MajorVersion, SystemIdentifier},
    engine::watched::Heartbeat,
    postgres::{
        compression,
        label::{self, TABLESPACE_MAP},
        manifest::{Hasher, Manifest},
        pg_tablespace,
        tarset::{TarSet, TarSetError},
        wal::{LONG_HEADER, Segment, SegmentHeader, SegmentSize},
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

/// A tablespace map has a line a tablespace; what is longer than this is none.
const MAX_MAP_LEN: u64 = 16 << 20;

/// Looks into the tar backup in `directory`, of the cluster `known` where that was found out before.
pub(super) fn inspect(
    directory: &Path,
    manifest: &Manifest,
    index: &Index,
    known: Option<SystemIdentifier>,
    heartbeat: &Heartbeat,
) -> Result<Layout, Failure> {
    let backup = Backup::at(directory);
    let set = match TarSet::find(directory) {
        Ok(Some(set)) => set,
        Ok(None) if backup.is_gone() => return Err(backup.gone()),
        Ok(None) => return Err(Failure::incurable(format!("{} holds no base.tar", directory.display()), DAMAGED)),
        Err(TarSetError::Unreadable { path, source }) => return Err(backup.failure("list", &path, &source)),
        Err(error @ (TarSetError::NoBase { .. } | TarSetError::Twice { .. } | TarSetError::NotAFile(_))) => {
            return Err(Failure::incurable(format!("in {}: {error}", directory.display()), DAMAGED));
        }
    };
    let tablespaces = tablespaces(&backup, &set, manifest, index, heartbeat)?;
    let (mut wal, mut warnings) = (BTreeMap::new(), Vec::new());
    let mut header = None;
    if let Some(archive) = &set.wal {
        header = list_wal(&backup, archive, Kind::Wal, &mut wal, heartbeat)?;
    } else if manifest.files.iter().any(|file| file.path.starts_with("pg_wal/archive_status")) {
        // With `-X fetch` the server puts the WAL into the base and lists a `.done` file for each segment of it.
        wal.extend(fetched(manifest));
    } else if small_files::is_bare(&backup, &set.base)? {
        header = list_wal(&backup, &set.base, Kind::Base, &mut wal, heartbeat)?;
    }
    let finding = layout::wal_finding(manifest, &wal, header.map(|header| header.segment_size));
    if let Some(header) = header.filter(|header| header.start > manifest.start_lsn()) {
        warnings.push(format!("the first WAL segment begins at {}, behind the start of the backup", header.start));
    }
    let version = layout::version(manifest).or_else(|| header.and_then(|header| header.version)).or(in_names(manifest));
    let recorded = manifest.system_identifier.or_else(|| header.map(|header| header.system_identifier)).or(known);
    let questions = Questions { cluster: recorded.is_none(), tablespaces: may_lack_tablespaces(version) };
    let answers = small_files::ask(&backup, &set.base, index, questions, heartbeat)?;
    let system_identifier = recorded.or(answers.cluster);
    let lost = answers.tablespaces.iter().filter(|one| !set.tablespaces.contains_key(&one.oid));
    warnings.extend(lost.map(|one| pg_tablespace::lost(one, version)));
    Ok(Layout { form: Form::Tar(set), tablespaces, wal, finding, version, system_identifier, warnings })
}

/// PostgreSQL 15 came with tablespaces inside the data directory (`allow_in_place_tablespaces`), and leaves them out of
/// tar backups; from 16 on they have archives of their own (measured with 15.18 and 16.2).
fn may_lack_tablespaces(version: Option<MajorVersion>) -> bool {
    version.is_none_or(|version| version == MajorVersion(15))
}

/// The tablespaces of the map, each with its archive.
fn tablespaces(
    backup: &Backup,
    set: &TarSet,
    manifest: &Manifest,
    index: &Index,
    heartbeat: &Heartbeat,
) -> Result<BTreeMap<u32, PathBuf>, Failure> {
    let map = match index.position(Path::new(TABLESPACE_MAP)) {
        Some(at) => {
            let bytes = read_map(backup, &set.base, manifest, at, heartbeat)?;
            label::parse_tablespace_map(&bytes)
                .map_err(|error| damaged(Path::new(TABLESPACE_MAP), format!("is wrong: {error}")))?
        }
        None => BTreeMap::new(),
    };
    let (named, there): (BTreeSet<u32>, BTreeSet<u32>) =
        (map.keys().copied().collect(), set.tablespaces.keys().copied().collect());
    if let Some(oid) = named.difference(&there).next() {
        let cause = format!("the archive {oid}.tar of a tablespace is missing from the backup");
        return Err(Failure::incurable(cause, DAMAGED));
    }
    if let Some(oid) = there.difference(&named).find(|oid| !is_in_place(manifest, **oid)) {
        let cause =
            format!("the archive {oid}.tar is in the backup, but its tablespace_map does not name tablespace {oid}");
        return Err(Failure::incurable(cause, "move the archive out of the backup if it does not belong there"));
    }
    Ok(map)
}

/// Whether an archive that the map does not name is that of a tablespace inside the data directory, which PostgreSQL 16
/// and later give one. A manifest lists what is in it; that an empty one may be there is known by the version.
fn is_in_place(manifest: &Manifest, oid: u32) -> bool {
    manifest.files.iter().any(|file| in_tablespace(&file.path).is_some_and(|(other, _)| other == oid))
        || layout::version(manifest).is_some_and(|version| version >= MajorVersion(16))
}

/// The bytes of the tablespace map; the server writes it among the first members of the base.
fn read_map(
    backup: &Backup,
    base: &Path,
    manifest: &Manifest,
    at: usize,
    heartbeat: &Heartbeat,
) -> Result<Vec<u8>, Failure> {
    let listed = &manifest.files[at];
    let failed = |error: &io::Error| backup.failure("read", base, error);
    let (_, reader) = compression::open(base).map_err(|error| failed(&error))?;
    let mut archive = tar::Archive::new(reader);
    for entry in archive.entries().map_err(|error| failed(&error))?.raw(true) {
        heartbeat.beat();
        let mut entry = entry.map_err(|error| failed(&error))?;
        if member::read(base, Kind::Base, entry.header())? != Member::File(TABLESPACE_MAP.into(), listed.size) {
            continue;
        }
        let mut bytes = Vec::new();
        entry.by_ref().take(MAX_MAP_LEN).read_to_end(&mut bytes).map_err(|error| failed(&error))?;
        let mut hasher = Hasher::new(listed.checksum.algorithm());
        hasher.update(&bytes);
        if hasher.finish() != listed.checksum {
            return Err(damaged(&listed.path, "does not match the manifest: its bytes were altered"));
        }
        return Ok(bytes);
    }
    Err(super::plain::missing(&listed.path, 0))
}

/// Notes the WAL files of an archive, and reads the header of its first segment.
fn list_wal(
    backup: &Backup,
    archive: &Path,
    kind: Kind,
    wal: &mut BTreeMap<PathBuf, u64>,
    heartbeat: &Heartbeat,
) -> Result<Option<SegmentHeader>, Failure> {
    let failed = |error: &io::Error| backup.failure("read", archive, error);
    let mut listing = Listing { archive, kind, wal, first: None, heartbeat };
    let listed = if small_files::is_bare(backup, archive)? {
        let file = File::open(archive).map_err(|error| failed(&error))?;
        let mut bare = tar::Archive::new(BufReader::new(file));
        bare.entries_with_seek().map(|entries| listing.add_all(entries))
    } else {
        let (_, reader) = compression::open(archive).map_err(|error| failed(&error))?;
        tar::Archive::new(reader).entries().map(|entries| listing.add_all(entries))
    };
    match listed {
        Ok(Ok(())) => Ok(listing.first),
        Ok(Err(Unlisted::Refused(failure))) => Err(failure),
        Ok(Err(Unlisted::Unread(error))) | Err(error) => Err(failed(&error)),
    }
}

struct Listing<'a> {
    archive: &'a Path,
    kind: Kind,
    wal: &'a mut BTreeMap<PathBuf, u64>,
    first: Option<SegmentHeader>,
    heartbeat: &'a Heartbeat,
}

enum Unlisted {
    Refused(Failure),
    Unread(io::Error),
}

impl Listing<'_> {
    fn add_all<R: Read>(&mut self, entries: tar::Entries<'_, R>) -> Result<(), Unlisted> {
        for entry in entries.raw(true) {
            self.heartbeat.beat();
            let mut entry = entry.map_err(Unlisted::Unread)?;
            let found = member::read(self.archive, self.kind, entry.header()).map_err(Unlisted::Refused)?;
            let Member::File(path, size) = found else { continue };
            if !path.starts_with("pg_wal") {
                continue;
            }
            if self.first.is_none() && layout::is_segment(&path) {
                let mut start = Vec::new();
                entry.by_ref().take(LONG_HEADER as u64).read_to_end(&mut start).map_err(Unlisted::Unread)?;
                self.first = SegmentHeader::parse(&start).ok();
            }
            self.wal.insert(path, size);
        }
        Ok(())
    }
}

/// The WAL that the `.done` files of the manifest promise, and its size as far as their names show it.
fn fetched(manifest: &Manifest) -> BTreeMap<PathBuf, u64> {
    let names: BTreeSet<&str> = manifest
        .files
        .iter()
        .filter_map(|file| file.path.strip_prefix("pg_wal/archive_status").ok()?.to_str()?.strip_suffix(".done"))
        .filter(|name| name.len() == 24)
        .collect();
    let fits = |size: SegmentSize| {
        let mut needed =
            manifest.wal_ranges.iter().flat_map(|range| Segment::range(range.timeline, range.start, range.end, size));
        needed.all(|segment| names.contains(segment.file_name(size).as_str()))
    };
    // Sixteen first: it is the usual size, and small ranges fit several.
    let sizes = [16_u32, 1, 2, 4, 8, 32, 64, 128, 256, 512, 1024].map(|mib| SegmentSize::new(mib << 20));
    let size = sizes.into_iter().flatten().find(|size| fits(*size)).unwrap_or(SegmentSize::DEFAULT);
    names.into_iter().map(|name| (Path::new("pg_wal").join(name), size.bytes())).collect()
}

/// The major version in the name that each tablespace has for it, such as `PG_15_202209061`.
fn in_names(manifest: &Manifest) -> Option<MajorVersion> {
    manifest.files.iter().find_map(|file| {
        let (_, below) = in_tablespace(&file.path)?;
        let name = below.components().next()?.as_os_str().to_str()?;
        name.strip_prefix("PG_")?.split('_').next()?.parse().ok().map(MajorVersion)
    })
}
