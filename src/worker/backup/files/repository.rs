//! The restic repository of an object: whether it is there, and making one.
//!
//! Promises: one is made only where nothing stands, gets its name when it is whole, by one rename, and never replaces one
//! that this session has worked in. Never: changes what stands there.

use super::{
    super::{
        Backup,
        repository::{self, PointDirectory, rename_new},
    },
    note::RunNote,
};
use crate::{
    domain::{Failure, workload::short_id},
    engine::{Halt, durable, watched::watched},
    restic::Restic,
};
use std::{
    fs::{self, File},
    io,
    path::Path,
    time::Duration,
};

/// Without it a directory is no restic repository ("Repository layout").
const CONFIG: &str = "config";

/// What is where the repository is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RepositoryState {
    /// Nothing.
    Missing,
    /// The repository, and the password is right.
    There {
        /// Its identifier.
        id: String,
    },
}

/// What the file system shows.
enum Seen {
    Nothing,
    Config,
    Other,
}

/// Looks, and asks the repository who it is. `runs` are what the session has started before: the repository that they
/// worked in is the only one that goes on.
pub(super) fn look(restic: &Restic, runs: &[RunNote]) -> Result<RepositoryState, Failure> {
    let place = restic.repository();
    let before = runs.first().map(|run| run.repository.as_str());
    match (see(place, restic.limit())?, before) {
        (Seen::Nothing, None) => Ok(RepositoryState::Missing),
        (Seen::Other, None) => Err(Failure::incurable(
            format!("{} is there, and is no restic repository", place.display()),
            "move it away, or give the object another name: nothing there is overwritten",
        )),
        (Seen::Nothing | Seen::Other, Some(id)) => Err(gone(place, id)),
        (Seen::Config, _) => match (restic.identifier()?, before) {
            (found, Some(id)) if found != id => Err(gone(place, id)),
            (id, _) => Ok(RepositoryState::There { id }),
        },
    }
}

/// A failure unless the repository is the one of this identifier.
pub(super) fn refuse_other(restic: &Restic, id: &str) -> Result<(), Failure> {
    let place = restic.repository();
    match see(place, restic.limit())? {
        Seen::Config if restic.identifier()? == id => Ok(()),
        Seen::Nothing | Seen::Config | Seen::Other => Err(gone(place, id)),
    }
}

/// Makes the repository; its identifier.
pub(super) fn make(backup: &Backup<'_>, restic: &Restic) -> Result<String, Halt> {
    let place = restic.repository();
    let directory = incoming(backup, place)?;
    directory.remove_incoming()?;
    let made = directory.make_incoming(None, None, || Ok(()))?;
    restic.at(&made).init()?;
    let id = restic.at(&made).identifier()?;
    let synced = durable::sync_tree(&made, &|| false);
    synced.map_err(|error| repository::failure("bringing to the disk", &made, &error))?;
    if !rename_new(&made, place).map_err(|error| repository::failure("renaming", &made, &error))? {
        let cause = format!("{} was made by somebody else meanwhile", place.display());
        return Err(Failure::disruption(cause, "").into());
    }
    let synced = File::open(&directory.path).and_then(|above| above.sync_all());
    synced.map_err(|error| repository::failure("syncing", &directory.path, &error))?;
    backup.report.note(&format!("a new restic repository was made, {} in {}", short_id(&id), place.display()));
    Ok(id)
}

/// Where this session makes one before it has its name: in the directory above.
pub(super) fn incoming(backup: &Backup<'_>, place: &Path) -> Result<PointDirectory, Failure> {
    let above = place.parent().ok_or_else(|| Failure::bug(format!("{} has no parent", place.display())))?;
    let ticket = backup.ticket;
    Ok(PointDirectory::new(above.to_owned(), ticket.session_uuid, ticket.settings.stall_timeout))
}

fn gone(place: &Path, id: &str) -> Failure {
    Failure::disruption(
        format!("the restic repository {} is not at {} any more", short_id(id), place.display()),
        "mount it or move it back; what stands in its place without a config holds no restore point",
    )
}

fn see(place: &Path, limit: Duration) -> Result<Seen, Failure> {
    let place = place.to_owned();
    watched(&place.display().to_string(), limit, move |_| {
        let failed = |error: &io::Error| repository::failure("looking at", &place, error);
        let is_there = |path: &Path| match fs::symlink_metadata(path) {
            Ok(about) => Ok(Some(about)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&error)),
        };
        match is_there(&place)? {
            None => Ok(Seen::Nothing),
            Some(about) if !about.is_dir() => Ok(Seen::Other),
            Some(_) => Ok(if is_there(&place.join(CONFIG))?.is_some() { Seen::Config } else { Seen::Other }),
        }
    })
}
