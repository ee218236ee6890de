//! The members of archives that are not packed: where the bytes of each file lie, so that they can be read there.
//!
//! Promises: the headers are read, and the data between them are passed over by seeking; a file is listed once, only where
//! the manifest or the rules for WAL account for it, with the size that the manifest says, and wholly inside its archive.
//! Never: lists what a copy of the archive would refuse.

use super::{
    errors::{Backup, DAMAGED, damaged},
    layout::{Expect, Index, in_tablespace},
    member::{self, Kind, Member},
    plain,
    plan::kinds,
};
use crate::{
    domain::{Failure, MajorVersion, quantity::many, restored::MARK},
    engine::watched::Heartbeat,
    postgres::{directories, label::TABLESPACE_MAP, manifest::Manifest, tarset::TarSet},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// The unit of an archive (POSIX pax, "ustar Interchange Format").
const BLOCK: usize = 512;

/// A file or directory of the backup, as its archive has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveMember {
    /// Its path below the data directory, with each tablespace below `pg_tblspc`.
    pub path: PathBuf,
    /// When it was changed, in seconds since 1970.
    pub modified: i64,
    /// Where its bytes are; `None` of a directory.
    pub data: Option<MemberData>,
}

/// Where the bytes of a file are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberData {
    /// The archive.
    pub archive: PathBuf,
    /// The first byte.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
}

/// All that the archives hold, upper directories before what is in them.
#[derive(Debug)]
pub struct Members {
    /// Files and directories.
    pub all: Vec<ArchiveMember>,
    /// Archives that were read.
    pub archives: u64,
    /// How long it took.
    pub took: Duration,
}

/// Lists the members of a set of archives, none of which is packed, and says what a person should know of them.
pub(super) fn list(
    backup: &Backup,
    set: &TarSet,
    (manifest, index): (&Manifest, &Index),
    (tablespaces, version): (&BTreeMap<u32, PathBuf>, Option<MajorVersion>),
    heartbeat: &Heartbeat,
) -> Result<(Members, Vec<String>), Failure> {
    let began = Instant::now();
    let mut list =
        List { backup, manifest, index, tablespaces, all: fixed(tablespaces, version), seen: HashSet::new() };
    let (mut archives, mut cut) = (0, Vec::new());
    for (archive, kind) in kinds(set) {
        if !list.read(archive, kind, heartbeat)? {
            cut.push(archive.file_name().unwrap_or_default().to_string_lossy().into_owned());
        }
        archives += 1;
    }
    let mut missing: BTreeSet<&Path> = index.paths().map(|(path, _)| path).collect();
    missing.retain(|path| !list.seen.contains(*path) && *path != Path::new(TABLESPACE_MAP));
    match (missing.first(), cut.first()) {
        (Some(path), None) => return Err(plain::missing(path, missing.len() - 1)),
        (Some(path), Some(archive)) => {
            let files = many(missing.len() as u64, "file");
            let cause = format!("{archive} in the backup is cut short: it lacks {files}, {} first", path.display());
            return Err(Failure::incurable(cause, DAMAGED));
        }
        (None, _) => {}
    }
    let warn =
        |archive| format!("{archive} is cut short behind its last file: the empty blocks at its end are missing");
    let members = Members { all: list.all, archives, took: began.elapsed() };
    Ok((members, cut.into_iter().map(warn).collect()))
}

struct List<'a> {
    backup: &'a Backup,
    manifest: &'a Manifest,
    index: &'a Index,
    tablespaces: &'a BTreeMap<u32, PathBuf>,
    all: Vec<ArchiveMember>,
    seen: HashSet<PathBuf>,
}

impl List<'_> {
    /// Reads the headers of an archive; whether it ends as an archive does.
    fn read(&mut self, archive: &Path, kind: Kind, heartbeat: &Heartbeat) -> Result<bool, Failure> {
        let failed = |error: io::Error| self.backup.failure("read", archive, &error);
        let file = File::open(archive).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let mut bare = tar::Archive::new(&file);
        let mut end = 0;
        for entry in bare.entries_with_seek().map_err(failed)?.raw(true) {
            heartbeat.beat();
            let entry = entry.map_err(failed)?;
            let header = entry.header();
            let modified = header.mtime().ok().and_then(|time| i64::try_from(time).ok()).unwrap_or(0);
            let offset = entry.raw_file_position();
            end = match member::read(archive, kind, header)? {
                Member::Directory(path) => {
                    self.check_place(&path, kind)?;
                    self.all.push(ArchiveMember { path, modified, data: None });
                    offset
                }
                Member::File(path, size) => {
                    let stop = offset.checked_add(size).filter(|stop| *stop <= length).ok_or_else(|| {
                        let name = Path::new(archive.file_name().unwrap_or_default());
                        damaged(name, format_args!("is cut short in the middle of {}", path.display()))
                    })?;
                    self.file(path, modified, (archive, offset, size), kind)?;
                    stop.next_multiple_of(BLOCK as u64)
                }
            };
        }
        let mut last = [1; BLOCK];
        match file.read_exact_at(&mut last, end) {
            Ok(()) => Ok(last.iter().all(|byte| *byte == 0)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(failed(error)),
        }
    }

    fn file(
        &mut self,
        path: PathBuf,
        modified: i64,
        (archive, offset, length): (&Path, u64, u64),
        kind: Kind,
    ) -> Result<(), Failure> {
        self.check_place(&path, kind)?;
        let expect = self.index.expect(&path).ok_or_else(|| plain::extra(&path))?;
        if let Expect::Listed(at) = expect
            && self.manifest.files[at].size != length
        {
            return Err(plain::wrong_size(&path, length, self.manifest.files[at].size));
        }
        if !self.seen.insert(path.clone()) {
            return Err(damaged(&path, "is there twice"));
        }
        // The manifest beside the archives is the one that counts.
        if expect != Expect::Manifest {
            let data = Some(MemberData { archive: archive.to_owned(), offset, length });
            self.all.push(ArchiveMember { path, modified, data });
        }
        Ok(())
    }

    /// A member of the base must not lie in a tablespace that has an archive of its own, nor where a mark of ours stands.
    fn check_place(&self, path: &Path, kind: Kind) -> Result<(), Failure> {
        let foreign =
            kind == Kind::Base && in_tablespace(path).is_some_and(|(oid, _)| self.tablespaces.contains_key(&oid));
        if foreign || path.starts_with(MARK) { Err(plain::extra(path)) } else { Ok(()) }
    }
}

/// The directories that every cluster has: a tool that packs files alone loses those that were empty.
fn fixed(tablespaces: &BTreeMap<u32, PathBuf>, version: Option<MajorVersion>) -> Vec<ArchiveMember> {
    let below = version.and_then(directories::of_tablespace);
    let homes = tablespaces.keys().map(|oid| Path::new("pg_tblspc").join(oid.to_string()));
    let homes = homes.filter_map(|home| Some(home.join(below.as_ref()?)));
    let all = directories::fixed(version).map(Path::to_owned).chain(homes);
    all.map(|path| ArchiveMember { path, modified: 0, data: None }).collect()
}
