//! What stands where copies go, and giving copies their names.
//!
//! Promises: a file that is replaced was copied by this job, is as it was left then, and is so at the moment before.

use super::{
    super::{
        copier::{self, FileIdentity},
        repository,
    },
    Backup, CopiedFile, CopyRecord, EntryKind, SourceEntry, Wanted, in_incoming,
};
use crate::{
    domain::{ByteCount, Failure},
    engine::Halt,
};
use rustix::{
    fs::{CWD, RenameFlags, renameat_with},
    io::Errno,
};
use std::{
    fs::{self, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

/// What becomes of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing is there.
    Make,
    /// This is there, copied by this job, and is replaced.
    Replace(CopiedFile),
    /// It is there, as it should be.
    Same,
}

/// All entries, each with what becomes of it.
#[derive(Debug, Clone)]
pub(super) struct Judged {
    pub(super) entries: Vec<(SourceEntry, Verdict)>,
}

impl Judged {
    /// Those that are copied.
    pub(super) fn to_copy(&self) -> impl DoubleEndedIterator<Item = &SourceEntry> {
        self.entries.iter().filter(|(_, verdict)| *verdict != Verdict::Same).map(|(entry, _)| entry)
    }

    /// Files and links that are there already.
    pub(super) fn same(&self) -> u64 {
        let is_same =
            |entry: &&(SourceEntry, Verdict)| entry.1 == Verdict::Same && entry.0.kind != EntryKind::Directory;
        self.entries.iter().filter(is_same).count() as u64
    }

    /// The bytes and files that are copied.
    pub(super) fn amount(&self) -> (ByteCount, u64) {
        let sizes = self.to_copy().filter_map(|entry| match entry.kind {
            EntryKind::File(identity) => Some(identity.size),
            EntryKind::Directory | EntryKind::Link(_) => None,
        });
        sizes.fold((ByteCount(0), 0), |(bytes, files), size| (ByteCount(bytes.0 + size), files + 1))
    }
}

/// Looks what stands at the place. What is not this job's own is refused.
pub(super) fn judge(place: &Path, entries: &[SourceEntry], record: &CopyRecord) -> Result<Judged, Failure> {
    let (mut judged, mut foreign) = (Vec::new(), Vec::new());
    for entry in entries {
        let at = at(place, &entry.path);
        let about = match fs::symlink_metadata(&at) {
            Ok(about) => Some(about),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(repository::failure("looking at", &at, &error)),
        };
        let verdict = match (&entry.kind, about) {
            (_, None) => Some(Verdict::Make),
            (EntryKind::Directory, Some(about)) => about.is_dir().then_some(Verdict::Same),
            (EntryKind::Link(leads_to), Some(_)) => {
                fs::read_link(&at).is_ok_and(|found| found == *leads_to).then_some(Verdict::Same)
            }
            (EntryKind::File(identity), Some(about)) => {
                let own = about.is_file().then(|| record.find(&entry.path, FileIdentity::of(&about))).flatten();
                own.map(|copy| if copy.identity == *identity { Verdict::Same } else { Verdict::Replace(copy) })
            }
        };
        match verdict {
            Some(verdict) => judged.push((entry.clone(), verdict)),
            None => foreign.push(at),
        }
    }
    match foreign.first() {
        None => Ok(Judged { entries: judged }),
        Some(first) => Err(Failure::incurable(
            format!("{} is there, and this job did not make it as it is ({} such)", first.display(), foreign.len()),
            "move it away, or choose another target: nothing there is overwritten",
        )),
    }
}

/// Gives the copies their names.
pub(super) fn put(
    backup: &Backup<'_>,
    judged: &Judged,
    record: &CopyRecord,
    wanted: &Wanted,
    incoming: &Path,
) -> Result<(), Halt> {
    for (entry, verdict) in &judged.entries {
        backup.go_on()?;
        let (from, to) = (in_incoming(wanted, entry, incoming), at(&wanted.place, &entry.path));
        let failed = |error: io::Error| Halt::from(repository::failure("putting in place", &to, &error));
        match (&entry.kind, verdict) {
            (_, Verdict::Same) => {}
            // Open to others when all is in it.
            (EntryKind::Directory, _) => match fs::DirBuilder::new().mode(0o700).create(&to) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_directory(&to) => {}
                Err(error) => return Err(failed(error)),
            },
            (_, Verdict::Make) => match rename_new(&from, &to) {
                Ok(()) => {}
                Err(Errno::EXIST) => return Err(came_between(&to).into()),
                Err(error) => return Err(failed(error.into())),
            },
            (_, Verdict::Replace(old)) => {
                if !is_still(backup, &to, *old)? || record.find(&entry.path, old.identity).is_none() {
                    return Err(came_between(&to).into());
                }
                fs::rename(&from, &to).map_err(failed)?;
            }
        }
    }
    Ok(())
}

fn at(place: &Path, path: &Path) -> PathBuf {
    if path.as_os_str().is_empty() { place.to_owned() } else { place.join(path) }
}

fn is_directory(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|about| about.is_dir())
}

/// Whether a file is what the job has copied there: read once more, since it is replaced.
fn is_still(backup: &Backup<'_>, path: &Path, copy: CopiedFile) -> Result<bool, Halt> {
    let failed = |error: io::Error| Halt::from(repository::failure("reading", path, &error));
    let about = fs::symlink_metadata(path).map_err(failed)?;
    if !about.is_file() || FileIdentity::of(&about) != copy.identity {
        return Ok(false);
    }
    let mut file = File::open(path).map_err(failed)?;
    let sum = copier::sum_of(&mut file, &|| backup.go_on()).map_err(|halt| halt.or_else(failed))?;
    Ok(sum == copy.sum)
}

fn came_between(path: &Path) -> Failure {
    Failure::incurable(
        format!("{} was made or changed by somebody else meanwhile", path.display()),
        "move it away, or choose another target: nothing there is overwritten",
    )
}

/// Renames unless something has the new name. A link is not made over anything either, where the file system knows no
/// such flag.
fn rename_new(from: &Path, to: &Path) -> Result<(), Errno> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            rustix::fs::link(from, to)?;
            rustix::fs::unlink(from)
        }
        done => done,
    }
}
