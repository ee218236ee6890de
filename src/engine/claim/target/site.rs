//! Where a restore may go at all (S8): not into a backup, a repository, a cluster or a directory of the system.
//!
//! Promises: only looks; links are followed before places are compared. Never: what is refused here is allowed by typing
//! a name.

use super::{
    mark::Mark,
    mark_place::MarkPlace,
    root::{Access, Root},
    target_state,
};
use crate::{
    domain::{
        Failure, Target,
        restored::{self, MarkLocation},
    },
    engine::{at_target::at_target, claim, real_path::real},
};
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

/// Directories of the system (hier(7)): a cluster may go below one, but never in its place.
const SYSTEM: [&str; 27] = [
    "/bin",
    "/boot",
    "/etc",
    "/home",
    "/lib",
    "/lib32",
    "/lib64",
    "/media",
    "/mnt",
    "/opt",
    "/root",
    "/run",
    "/sbin",
    "/srv",
    "/tmp",
    "/usr",
    "/usr/bin",
    "/usr/lib",
    "/usr/local",
    "/usr/share",
    "/var",
    "/var/cache",
    "/var/lib",
    "/var/log",
    "/var/run",
    "/var/spool",
    "/var/tmp",
];

/// What the kernel makes up: nothing in it is kept, but for memory that is meant to hold files.
const KERNEL: [&str; 3] = ["/dev", "/proc", "/sys"];
const MEMORY: &str = "/dev/shm";

/// Where a restore is about to go, and what it must keep away from.
#[derive(Debug)]
pub(in crate::engine) struct Site<'a> {
    pub(in crate::engine) target: &'a Target,
    /// Where each tablespace goes.
    pub(in crate::engine) tablespaces: &'a BTreeMap<u32, PathBuf>,
    /// The directories that the backup is in.
    pub(in crate::engine) sources: &'a [PathBuf],
    /// Repositories and the state directory, and what each is called.
    pub(in crate::engine) reserved: &'a [(PathBuf, &'static str)],
}

/// Refuses places that a restore must not go to.
pub(in crate::engine) fn check(site: &Site<'_>) -> Result<(), Failure> {
    let sources = site.sources.iter().map(|source| real(source)).collect::<Result<Vec<_>, _>>()?;
    let mut reserved = Vec::new();
    for (directory, what) in site.reserved {
        reserved.push((real(directory)?, *what));
    }
    let mut places = vec![real(site.target.directory())?];
    for directory in site.tablespaces.values() {
        places.push(real(directory)?);
    }
    for (at, place) in places.iter().enumerate() {
        refuse_the_systems_own(place)?;
        let overlaps = |other: &Path| place.starts_with(other) || other.starts_with(place);
        if let Some(source) = sources.iter().find(|source| overlaps(source)) {
            let cause = format!("the target {} and the backup {} lie in each other", place.display(), source.display());
            return Err(Failure::incurable(cause, "choose a target outside the backup"));
        }
        if let Some((directory, what)) = reserved.iter().find(|(directory, _)| overlaps(directory)) {
            let cause = format!("the target {} and {what} {} lie in each other", place.display(), directory.display());
            return Err(Failure::incurable(cause, format!("choose a target outside {what}")));
        }
        if let Some(other) = places[..at].iter().find(|other| overlaps(other)) {
            let cause = format!("the target directories {} and {} lie in each other", place.display(), other.display());
            return Err(Failure::incurable(cause, "give the data directory and each tablespace a place of its own"));
        }
        if let Some(cluster) = place.ancestors().skip(1).find(|above| target_state::is_data_directory(above)) {
            let cause = format!("the target {} lies in the data directory {}", place.display(), cluster.display());
            return Err(Failure::incurable(cause, "choose a target outside every cluster"));
        }
    }
    Ok(())
}

/// Refuses a target that cannot have its mark there.
pub(in crate::engine) fn check_mark(location: MarkLocation, target: &Path, access: Access) -> Result<(), Failure> {
    match location {
        MarkLocation::Inside => Ok(()),
        MarkLocation::Beside => check_mark_beside(target, access),
    }
}

fn check_mark_beside(target: &Path, access: Access) -> Result<(), Failure> {
    let Some(directory) = restored::mark_beside(target) else {
        let cause = format!("the name of {} is too long for the mark of the restore beside it", target.display());
        return Err(Failure::incurable(cause, "choose a target with a shorter name"));
    };
    if claim::is_mount_point(target) {
        let cause = format!("{} is a mount point: the mark of the restore cannot stand beside it", target.display());
        return Err(Failure::incurable(cause, "restore into an empty directory below it"));
    }
    let failed = |error: io::Error| at_target("look at", &directory, &error);
    match directory.symlink_metadata() {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    }
    let place = MarkPlace::beside(target, access).map_err(failed)?;
    // Where there is no data directory yet, whoever restores owns what will be one.
    let data = Root::open(target, access).ok();
    place.refuse_others(data.as_ref())?;
    if Mark::is_unreadable(&place).map_err(failed)? {
        let cause = format!("the mark in {} was not written by this howdah, or by an older one", directory.display());
        return Err(Failure::incurable(cause, "see whose it is with the newer howdah, or choose another target"));
    }
    Ok(())
}

fn refuse_the_systems_own(place: &Path) -> Result<(), Failure> {
    let in_memory = place.starts_with(MEMORY) && place != Path::new(MEMORY);
    let kernels = !in_memory && KERNEL.iter().any(|directory| place.starts_with(directory));
    if kernels || SYSTEM.iter().any(|directory| place == Path::new(directory)) {
        let cause = format!("{} is a directory of the system", place.display());
        return Err(Failure::incurable(cause, "name a directory for this cluster alone"));
    }
    Ok(())
}
