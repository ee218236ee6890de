//! Where the files go: what stands there, how much room there is, and where they come in before they have their names.
//!
//! A directory that is missing is made beside its name, and gets it by one rename. One that is there and empty may be a
//! mount point, and is filled from a directory in it. Both bear the session's uuid.
//!
//! Promises: only looks. Never: takes what bears no uuid of this session for its own.

use crate::{
    domain::{ByteCount, Failure, instance::printable_name, path_text::shown},
    engine::{claim, watched::watched},
    postgres::server::classify,
};
use rustix::fs::{Access, AtFlags, CWD, accessat};
use serde::{Deserialize, Serialize};
use std::{
    ffi::{OsStr, OsString},
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};
use uuid::Uuid;

/// How many of several names are shown.
const SHOWN: usize = 3;

/// What a new file system holds at its root.
const LOST_AND_FOUND: &str = "lost+found";

/// Where the files come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Staging {
    /// Beside the directory, which does not exist.
    Beside,
    /// In the directory, which is empty.
    Inside,
}

/// What was found.
#[derive(Debug, Clone)]
pub(super) struct Room {
    pub(super) staging: Staging,
    /// The directory that they come in to.
    pub(super) incoming: PathBuf,
    /// What an earlier attempt of the session has left in it.
    pub(super) leftover: Option<ByteCount>,
    pub(super) free_bytes: ByteCount,
    /// File systems without a table of inodes report none at all.
    pub(super) free_inodes: Option<u64>,
}

impl Staging {
    /// The directory that a session's files come in to.
    pub(super) fn incoming(self, directory: &Path, session: Uuid) -> PathBuf {
        match self {
            Self::Beside => directory.parent().unwrap_or(directory).join(name(session)),
            Self::Inside => directory.join(name(session)),
        }
    }
}

/// The name that says whose it is.
fn name(session: Uuid) -> String {
    format!(".howdah-files-{session}")
}

/// Looks at the directory; one that holds anything of others is refused, and so is one in the repository or in the tree
/// that was backed up.
pub(super) fn look(
    directory: &Path,
    session: Uuid,
    (repository, tree): (&Path, &Path),
    stall: Duration,
) -> Result<Room, Failure> {
    let [directory, repository, tree] = [directory, repository, tree].map(Path::to_owned);
    watched(&shown(&directory), stall, move |heartbeat| {
        let failed = |error: io::Error| classify::of_io(&format!("looking at {}", shown(&directory)), &error);
        if !directory.is_absolute() || directory.parent().is_none() {
            return Err(refuse(&directory, "is no place for files", "name a whole path, other than the root"));
        }
        let staging = match fs::symlink_metadata(&directory) {
            Ok(about) if about.is_dir() => Staging::Inside,
            Ok(about) if about.is_symlink() => {
                return Err(refuse(&directory, "is a symbolic link", "name what it leads to"));
            }
            Ok(_) => return Err(refuse(&directory, "is no directory", "name a directory, or one that does not exist")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Staging::Beside,
            Err(error) => return Err(failed(error)),
        };
        let nearest = directory.ancestors().find(|path| path.is_dir()).unwrap_or(&directory);
        let real = nearest.canonicalize().map_err(failed)?;
        let rest = directory.strip_prefix(nearest).unwrap_or(Path::new(""));
        refuse_inside(&directory, &real.join(rest), &repository, &tree)?;
        if staging == Staging::Inside {
            refuse_occupied(&directory, session)?;
        }
        if accessat(CWD, nearest, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS).is_err() {
            let advice = "give the user that howdah runs as the right, or choose another place";
            return Err(refuse(nearest, "may not be written to", advice));
        }
        let incoming = staging.incoming(&directory, session);
        let about = rustix::fs::statvfs(nearest).map_err(|error| failed(error.into()))?;
        let is_there = fs::symlink_metadata(&incoming).is_ok_and(|about| about.is_dir());
        Ok(Room {
            staging,
            leftover: is_there.then(|| size_of(&incoming, &|| heartbeat.beat())),
            incoming,
            free_bytes: ByteCount(about.f_bavail.saturating_mul(about.f_frsize)),
            free_inodes: (about.f_files > 0).then_some(about.f_favail),
        })
    })
}

/// A restore into the repository would be part of it, and one into the tree of its next backup. The tree's own directory
/// may be missing or empty because of what the restore is to put right.
fn refuse_inside(directory: &Path, real: &Path, repository: &Path, tree: &Path) -> Result<(), Failure> {
    let advice = "choose a directory elsewhere";
    if repository.canonicalize().is_ok_and(|repository| real.starts_with(repository)) {
        return Err(refuse(directory, "is in the restic repository", advice));
    }
    // Where the whole machine is backed up, every place of it is in the tree.
    let is_part = tree.parent().is_some();
    if is_part && tree.canonicalize().is_ok_and(|tree| real != tree && real.starts_with(tree)) {
        return Err(refuse(directory, &format!("is in {}, the tree that is backed up", shown(tree)), advice));
    }
    Ok(())
}

fn refuse_occupied(directory: &Path, session: Uuid) -> Result<(), Failure> {
    let failed = |error: io::Error| classify::of_io(&format!("looking into {}", shown(directory)), &error);
    let mut foreign: Vec<OsString> = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let found = entry.map_err(failed)?.file_name();
        let is_ours = found == OsStr::new(&name(session)) || found == OsStr::new(claim::INSIDE);
        let is_of_the_disk = found == OsStr::new(LOST_AND_FOUND) && claim::is_mount_point(directory);
        if !is_ours && !is_of_the_disk {
            foreign.push(found);
        }
        if foreign.len() > SHOWN {
            break;
        }
    }
    if foreign.is_empty() {
        return Ok(());
    }
    foreign.sort();
    let more = if foreign.len() > SHOWN { ", ..." } else { "" };
    let names: Vec<String> = foreign.iter().take(SHOWN).map(|name| printable_name(name)).collect();
    let why = format!("is not empty: {}{more}", names.join(", "));
    Err(refuse(directory, &why, "name a directory that is empty or does not exist: nothing is overwritten"))
}

/// The bytes of all files below; what cannot be read counts as none.
fn size_of(directory: &Path, beat: &dyn Fn()) -> ByteCount {
    let entries = walkdir::WalkDir::new(directory).follow_links(false).into_iter().filter_map(Result::ok);
    let sizes = entries.inspect(|_| beat()).filter_map(|entry| entry.metadata().ok());
    ByteCount(sizes.filter(fs::Metadata::is_file).map(|about| about.len()).sum())
}

fn refuse(path: &Path, why: &str, advice: &str) -> Failure {
    Failure::incurable(format!("{} {why}", shown(path)), advice)
}
