//! What small files in `base.tar` give the plan before anything is unpacked: the cluster, and its tablespaces.
//!
//! Promises: a bare archive is read by seeking from member to member; a packed one must be unpacked up to the last file
//! that is wanted, and each read is a heartbeat, so that slow is not taken for hanging. Never: writes.

use super::{
    errors::Backup,
    layout::Index,
    member::{self, Kind, Member},
};
use crate::{
    domain::{Compression, Failure, SystemIdentifier},
    engine::watched::Heartbeat,
    postgres::{
        compression,
        control::{CONTROL_FILE, ControlFile},
        pg_tablespace::{self, Tablespace},
    },
};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

/// More bytes than a file has that is wanted here; of a longer one the beginning is kept.
const MAX_FILE_LEN: u64 = 1 << 20;

/// More files than lie in `global`; those of a hostile archive must not fill the memory.
const MAX_FILES: usize = 256;

/// A bare archive of so many files is looked through in a moment even where each look goes over a network.
const FEW_FILES: usize = 20_000;

/// A packed archive of this size is unpacked in a second or two.
const SMALL_ARCHIVE: u64 = 64 << 20;

/// What is to be found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Questions {
    /// Which cluster it is. The server sends `pg_control` last, so all of a packed archive is read for this.
    pub(super) cluster: bool,
    /// Which tablespaces it has; left out where that would take long.
    pub(super) tablespaces: bool,
}

/// What was found out.
#[derive(Debug, Default)]
pub(super) struct Answers {
    pub(super) cluster: Option<SystemIdentifier>,
    pub(super) tablespaces: Vec<Tablespace>,
}

type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Looks into `base` for what is asked.
pub(super) fn ask(
    backup: &Backup,
    base: &Path,
    index: &Index,
    questions: Questions,
    heartbeat: &Heartbeat,
) -> Result<Answers, Failure> {
    let is_packed = !is_bare(backup, base)?;
    let size = fs::metadata(base).map_err(|error| backup.failure("look at", base, &error))?.len();
    let is_quick = if is_packed { size <= SMALL_ARCHIVE } else { index.len() <= FEW_FILES };
    let questions = Questions { tablespaces: questions.tablespaces && (is_quick || questions.cluster), ..questions };
    if !questions.cluster && !questions.tablespaces {
        return Ok(Answers::default());
    }
    let mut search = Search { base, questions, found: BTreeMap::new() };
    let failed = |error: &io::Error| backup.failure("read", base, error);
    let file = File::open(base).map_err(|error| failed(&error))?;
    let searched = if is_packed {
        let source = Beating { source: file, heartbeat: heartbeat.clone() };
        let (_, reader) = compression::unpack(source).map_err(|error| failed(&error))?;
        tar::Archive::new(reader).entries().map(|entries| search.take_in(entries, heartbeat))
    } else {
        let mut archive = tar::Archive::new(BufReader::new(file));
        archive.entries_with_seek().map(|entries| search.take_in(entries, heartbeat))
    };
    match searched {
        Ok(Ok(())) => Ok(search.answers()),
        Ok(Err(Unread::Refused(failure))) => Err(failure),
        Ok(Err(Unread::Failed(error))) | Err(error) => Err(failed(&error)),
    }
}

struct Search<'a> {
    base: &'a Path,
    questions: Questions,
    found: Files,
}

enum Unread {
    Refused(Failure),
    Failed(io::Error),
}

impl Search<'_> {
    fn take_in<R: Read>(&mut self, entries: tar::Entries<'_, R>, heartbeat: &Heartbeat) -> Result<(), Unread> {
        for entry in entries.raw(true) {
            heartbeat.beat();
            let mut entry = entry.map_err(Unread::Failed)?;
            let member = member::read(self.base, Kind::Base, entry.header()).map_err(Unread::Refused)?;
            let Member::File(path, _) = member else { continue };
            if !self.wants(&path) {
                continue;
            }
            let mut bytes = Vec::new();
            entry.by_ref().take(MAX_FILE_LEN).read_to_end(&mut bytes).map_err(Unread::Failed)?;
            self.found.entry(path).or_insert(bytes);
            if self.has_all() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The file of a catalog has a number for a name, and the map that holds the number may come behind it.
    fn wants(&self, path: &Path) -> bool {
        if path == Path::new(CONTROL_FILE) {
            return self.questions.cluster;
        }
        let name = path.strip_prefix(pg_tablespace::DIRECTORY).ok().and_then(Path::to_str);
        let of_catalog = |name: &str| name == pg_tablespace::MAP_NAME || name.parse::<u32>().is_ok();
        self.questions.tablespaces && name.is_some_and(of_catalog) && self.found.len() < MAX_FILES
    }

    fn has_all(&self) -> bool {
        (!self.questions.cluster || self.found.contains_key(Path::new(CONTROL_FILE)))
            && (!self.questions.tablespaces || self.catalog().is_some())
    }

    fn catalog(&self) -> Option<&Vec<u8>> {
        let file = |name: &str| self.found.get(&Path::new(pg_tablespace::DIRECTORY).join(name));
        file(&pg_tablespace::file_name(file(pg_tablespace::MAP_NAME)?)?)
    }

    fn answers(&self) -> Answers {
        let control = self.found.get(Path::new(CONTROL_FILE)).and_then(|bytes| ControlFile::parse(bytes).ok());
        Answers {
            cluster: control.map(|control| control.system_identifier),
            tablespaces: self.catalog().map_or_else(Vec::new, |file| pg_tablespace::tablespaces(file)),
        }
    }
}

/// Beats with each read, so that unpacking one large member is no silence.
struct Beating {
    source: File,
    heartbeat: Heartbeat,
}

impl Read for Beating {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.heartbeat.beat();
        self.source.read(into)
    }
}

/// Whether an archive is not packed.
pub(super) fn is_bare(backup: &Backup, archive: &Path) -> Result<bool, Failure> {
    let packing = compression::detect_file(archive).map_err(|error| backup.failure("read", archive, &error))?;
    Ok(packing == Compression::None)
}
