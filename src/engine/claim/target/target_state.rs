//! What stands at a target before a restore, and whether it may be touched (S2, S8).
//!
//! Promises: only looks. A directory counts as ours only by its mark, never by its contents.

use super::{
    ledger::{self, LedgerAccount},
    mark::{self, Mark},
    mark_place,
    root::{Access, Root},
};
use crate::{
    domain::{Failure, restored::MarkLocation},
    engine::{at_target::at_target, claim},
    postgres::server::pidfile,
};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// What was found.
#[derive(Debug)]
pub(in crate::engine) enum TargetContents {
    /// Nothing.
    Missing,
    /// An empty directory.
    Empty,
    /// What a restore left.
    Leftover(Box<Leftover>),
    /// Something else.
    Foreign,
}

/// What a restore left at its target.
#[derive(Debug)]
pub(in crate::engine) struct Leftover {
    pub(in crate::engine) mark: Mark,
    pub(in crate::engine) location: MarkLocation,
    pub(in crate::engine) account: LedgerAccount,
}

/// Looks at a data directory.
pub(in crate::engine) fn inspect(directory: &Path) -> Result<TargetContents, Failure> {
    let failed = |error: &io::Error| at_target("look into", directory, error);
    let Some(mut names) = entries(directory)? else { return Ok(TargetContents::Missing) };
    let root = Root::open(directory, Access { owner: None, group: false }).map_err(|error| failed(&error))?;
    if let Some((place, mark)) = mark::find(&root).map_err(|error| failed(&error))? {
        let account = ledger::read(&place, &ledger::boot_id()).map_err(|error| failed(&error))?;
        return Ok(TargetContents::Leftover(Box::new(Leftover { mark, location: place.location(), account })));
    }
    // A mark's directory without a mark is what a crash just before the first mark leaves.
    names.retain(|name| !is_ours(name));
    Ok(if names.is_empty() { TargetContents::Empty } else { TargetContents::Foreign })
}

/// Looks at the home of a tablespace: `true` when it holds something.
pub(in crate::engine) fn is_occupied(directory: &Path) -> Result<bool, Failure> {
    Ok(entries(directory)?.is_some_and(|names| !names.iter().all(|name| is_ours(name))))
}

/// Whether this is one of the names that howdah itself puts into a directory while it restores.
fn is_ours(name: &Path) -> bool {
    name == Path::new(mark_place::DIRECTORY) || name == Path::new(claim::INSIDE)
}

/// The process that runs a server on the data directory, if there is one and it is alive.
pub(in crate::engine) fn postmaster(directory: &Path) -> Result<Option<u32>, Failure> {
    match pidfile::may_run(directory) {
        Ok(server) => Ok(server),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at_target("look for a server on", directory, &error)),
    }
}

/// Whether this is the data directory of a cluster, running or not.
pub(in crate::engine) fn is_data_directory(directory: &Path) -> bool {
    directory.join("PG_VERSION").is_file() && directory.join("global").is_dir()
}

/// The names in a directory, `None` when it is not there; anything but a directory is refused.
fn entries(directory: &Path) -> Result<Option<Vec<PathBuf>>, Failure> {
    let failed = |error: &io::Error| at_target("look into", directory, error);
    let kind = match directory.symlink_metadata() {
        Ok(about) => about.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(&error)),
    };
    if kind.is_symlink() {
        let cause = format!("the target {} is a symbolic link", directory.display());
        return Err(Failure::incurable(cause, "name the directory that it leads to"));
    }
    if !kind.is_dir() {
        let cause = format!("the target {} is not a directory", directory.display());
        return Err(Failure::incurable(cause, "choose another target, or move that file away"));
    }
    let listed = fs::read_dir(directory).and_then(|entries| {
        entries.map(|entry| entry.map(|entry| PathBuf::from(entry.file_name()))).collect::<io::Result<Vec<_>>>()
    });
    listed.map(Some).map_err(|error| failed(&error))
}
