//! Bringing what was copied to the disk.
//!
//! Promises: what could not be written is an error. Never: trusts `syncfs` where the kernel or the file system does not
//! report that.

use super::{errors::at_target, places::TargetPlaces, root::Root, shared::Shared};
use crate::{
    domain::{
        quantity::{count, seconds},
        restored::MarkLocation,
    },
    engine::{Halt, durable},
};
use rustix::io::Errno;
use std::{
    collections::BTreeSet,
    fs, io,
    path::Path,
    time::{Duration, Instant},
};

/// A place that takes so long is told by its name.
const SLOW: Duration = Duration::from_secs(1);

/// Makes all files and directories durable: the whole file system at once where it can be relied upon, as PostgreSQL
/// itself does with `recovery_init_sync_method = syncfs`; else one by one.
pub(super) fn sync_all(places: &TargetPlaces, shared: &Shared) -> Result<(), Halt> {
    let began = Instant::now();
    let mut one_by_one = 0;
    for root in places.roots() {
        let of_root = Instant::now();
        if syncs_whole(root) {
            sync_whole(root)?;
        } else {
            one_by_one += sync_below(shared, root.path())?;
        }
        if of_root.elapsed() >= SLOW {
            shared.log.say(format!("{} was synced in {}", root.path().display(), seconds(of_root.elapsed())));
        }
        super::mark::sync_parent(root.path()).map_err(|error| at_target("make durable", root.path(), &error))?;
    }
    // What waits in a mark beside the data lies below none of these.
    if places.mark.location() == MarkLocation::Beside && !syncs_whole(places.mark.root()) {
        one_by_one += sync_below(shared, &places.mark.path())?;
    }
    let files = if one_by_one > 0 {
        format!(", {} files and directories one by one", count(one_by_one))
    } else {
        String::new()
    };
    shared.log.say(format!("all is on the disk: synced in {}{files}", seconds(began.elapsed())));
    Ok(())
}

/// Whether all places are on file systems that are written whole.
pub(super) fn all_sync_whole(places: &TargetPlaces) -> bool {
    places.roots().all(syncs_whole)
}

/// Writes what is dirty on the file system of each place, which must be written whole.
pub(super) fn write_whole(places: &TargetPlaces) -> Result<(), Halt> {
    let mut written = BTreeSet::new();
    places.roots().filter(|root| written.insert(root.device())).try_for_each(sync_whole)
}

fn sync_whole(root: &Root) -> Result<(), Halt> {
    let failed = |error: Errno| at_target("make durable", root.path(), &error.into()).into();
    rustix::fs::syncfs(root.fd()).map_err(failed)
}

fn syncs_whole(root: &Root) -> bool {
    durable::syncs_whole(root.fd())
}

/// Gives how many were synced.
fn sync_below(shared: &Shared, directory: &Path) -> Result<u64, Halt> {
    let mut all = 0;
    let failed = |path: &Path, error: &io::Error| at_target("make durable", path, error);
    for entry in walkdir::WalkDir::new(directory).follow_links(false) {
        shared.go_on()?;
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(directory).to_owned();
            failed(&path, &error.into())
        })?;
        if entry.file_type().is_file() || entry.file_type().is_dir() {
            let synced = fs::File::open(entry.path()).and_then(|file| file.sync_all());
            synced.map_err(|error| failed(entry.path(), &error))?;
            all += 1;
        }
    }
    Ok(all)
}
