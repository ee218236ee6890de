//! Small files in `base.tar` that the plan needs before anything is unpacked.
//!
//! Promises: a bare archive is read by seeking from member to member; a packed one must be unpacked up to the last file
//! that is wanted, and each read beats the pulse, so that slow is told from hanging. Never: writes.

use super::{
    archives::is_bare,
    member::{self, Kind, Member},
    trouble::Backup,
};
use crate::{
    domain::{Failure, SystemIdentifier},
    engine::watched::Pulse,
    postgres::{
        compression,
        control::{CONTROL_FILE, ControlFile},
    },
};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

/// More bytes than a file has that is wanted here; of a longer one the beginning is kept.
const LARGEST: u64 = 1 << 20;

/// The cluster that `pg_control` in the archive names. The server sends it last, so all of a packed archive is read.
pub(super) fn cluster(backup: &Backup, base: &Path, pulse: &Pulse) -> Result<Option<SystemIdentifier>, Failure> {
    let control = Path::new(CONTROL_FILE);
    let found = read(backup, base, pulse, &|path| path == control, &|found| found.contains_key(control))?;
    let parsed = found.get(control).and_then(|bytes| ControlFile::parse(bytes).ok());
    Ok(parsed.map(|control| control.system_identifier))
}

/// The files of `base` that are wanted, until there are enough of them.
pub(super) fn read(
    backup: &Backup,
    base: &Path,
    pulse: &Pulse,
    wanted: &dyn Fn(&Path) -> bool,
    enough: &dyn Fn(&Files) -> bool,
) -> Result<Files, Failure> {
    let failed = |error: &io::Error| backup.failure("read", base, error);
    let file = File::open(base).map_err(|error| failed(&error))?;
    let mut search = Search { base, wanted, enough, found: BTreeMap::new() };
    let searched = if is_bare(backup, base)? {
        let mut archive = tar::Archive::new(BufReader::new(file));
        archive.entries_with_seek().map(|entries| search.take_in(entries, pulse))
    } else {
        let source = Beating { source: file, pulse: pulse.clone() };
        let (_, reader) = compression::unpack(source).map_err(|error| failed(&error))?;
        tar::Archive::new(reader).entries().map(|entries| search.take_in(entries, pulse))
    };
    match searched {
        Ok(Ok(())) => Ok(search.found),
        Ok(Err(Unread::Refused(failure))) => Err(failure),
        Ok(Err(Unread::Failed(error))) | Err(error) => Err(failed(&error)),
    }
}

/// Files by their path below the data directory.
pub(super) type Files = BTreeMap<PathBuf, Vec<u8>>;

struct Search<'a> {
    base: &'a Path,
    wanted: &'a dyn Fn(&Path) -> bool,
    enough: &'a dyn Fn(&Files) -> bool,
    found: Files,
}

enum Unread {
    Refused(Failure),
    Failed(io::Error),
}

impl Search<'_> {
    fn take_in<R: Read>(&mut self, entries: tar::Entries<'_, R>, pulse: &Pulse) -> Result<(), Unread> {
        for entry in entries.raw(true) {
            pulse.beat();
            let mut entry = entry.map_err(Unread::Failed)?;
            let member = member::read(self.base, Kind::Base, entry.header()).map_err(Unread::Refused)?;
            let Member::File(path, _) = member else { continue };
            if !(self.wanted)(&path) {
                continue;
            }
            let mut bytes = Vec::new();
            entry.by_ref().take(LARGEST).read_to_end(&mut bytes).map_err(Unread::Failed)?;
            self.found.entry(path).or_insert(bytes);
            if (self.enough)(&self.found) {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Beats with each read, so that unpacking one large member is no silence.
struct Beating {
    source: File,
    pulse: Pulse,
}

impl Read for Beating {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.pulse.beat();
        self.source.read(into)
    }
}
