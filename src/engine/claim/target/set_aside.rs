//! Giving old data another name to make room for a restore, and what may be given one (S8).
//!
//! Promises: the check only looks, and nothing is renamed over what stands; a directory on or in which a server runs, another session works or a file system is mounted
//! stays where it is. Never: follows a link.

use super::{
    lock, mark,
    mark_place::{self, MarkPlace},
    new_name,
    root::{Access, Root},
    target_state,
};
use crate::{
    domain::{Failure, restored::MarkLocation},
    engine::{at_target::at_target, claim, real_path::real, watched::Heartbeat},
    postgres::server::pidfile,
    process,
};
use std::{
    fs, io,
    path::{Path, PathBuf},
};
use uuid::Uuid;

/// Refuses to set this directory aside for `session` where that would hit somebody.
pub(in crate::engine) fn check(directory: &Path, session: Uuid, heartbeat: &Heartbeat) -> Result<(), Failure> {
    if claim::is_mount_point(directory) {
        let cause = format!("{} is a mount point, which cannot be renamed", directory.display());
        return Err(Failure::incurable(cause, "restore into an empty directory below it"));
    }
    let root = Root::open(directory, Access { owner: None, group: false })
        .map_err(|error| at_target("open", directory, &error))?;
    lock::take_all(&root)?;
    refuse_servers_at_work(directory)?;
    refuse_what_lies_below(directory, session, heartbeat)
}

/// A server works in its data directory, whatever its lock file says.
fn refuse_servers_at_work(directory: &Path) -> Result<(), Failure> {
    let place = real(directory)?;
    let mut pids = process::pids().map_err(|error| at_target("look for servers on", directory, &error))?;
    let at_work = pids.find(|pid| {
        let works_below = process::directory(*pid).is_some_and(|works_in| works_in.starts_with(&place));
        works_below && matches!(process::name(*pid).as_deref(), Some("postgres" | "postmaster"))
    });
    at_work.map_or(Ok(()), |pid| Err(runs(directory, pid)))
}

fn refuse_what_lies_below(directory: &Path, session: Uuid, heartbeat: &Heartbeat) -> Result<(), Failure> {
    let entries = walkdir::WalkDir::new(directory).min_depth(1).follow_links(false).into_iter();
    // The files of a data directory are many, and no other one lies among them.
    let entries = entries.filter_entry(|entry| {
        let name = entry.file_name().to_string_lossy();
        let of_a_cluster = matches!(&*name, "base" | "global") || name.starts_with("pg_");
        !(of_a_cluster && entry.path().parent().is_some_and(target_state::is_data_directory))
    });
    for entry in entries {
        heartbeat.beat();
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(directory).to_owned();
            at_target("look into", &path, &error.into())
        })?;
        let above = entry.path().parent().unwrap_or(directory);
        if entry.file_name() == pidfile::NAME
            && let Some(pid) = target_state::postmaster(above)?
        {
            return Err(runs(above, pid));
        }
        if let Some(held) = claim::at(entry.path()).filter(|held| held.session != session) {
            let cause = format!("{} below {} is held by {held}", held.place, directory.display());
            return Err(Failure::incurable(cause, "choose another target, or cancel that session"));
        }
        let own = entry.depth() == 1 && entry.file_name() == mark_place::DIRECTORY;
        let marks = MarkPlace::at(entry.path(), Access { owner: None, group: false });
        if let Some(place) = marks.map_err(|error| at_target("open", above, &error))?.filter(|_| !own) {
            lock::take_if_there(&place)?;
        }
    }
    Ok(())
}

fn runs(directory: &Path, pid: u32) -> Failure {
    let cause = format!("a server runs on {} or below it (process {pid})", directory.display());
    Failure::incurable(cause, "stop that server, or choose another target, then retry")
}

/// The first free name for a directory that is set aside.
pub(crate) fn free_name(directory: &Path) -> PathBuf {
    let name = |number: u32| {
        let mut name = directory.file_name().unwrap_or_default().to_owned();
        name.push(format!(".set-aside-{number}"));
        directory.with_file_name(name)
    };
    let free = (1..u32::MAX).map(name).find(|path| path.symlink_metadata().is_err());
    free.expect("a directory cannot hold four billion names of the same kind")
}

/// Lets the links of a data directory that was set aside lead to where its tablespace is now.
pub(in crate::engine) fn follow_links(data: &Path, from: &Path, to: &Path) -> Result<(), Failure> {
    let Ok(entries) = fs::read_dir(data.join("pg_tblspc")) else { return Ok(()) };
    for entry in entries.filter_map(Result::ok) {
        if fs::read_link(entry.path()).is_ok_and(|leads_to| leads_to == from) {
            let failed = |error: io::Error| at_target("change the link", &entry.path(), &error);
            fs::remove_file(entry.path()).map_err(failed)?;
            std::os::unix::fs::symlink(to, entry.path()).map_err(failed)?;
        }
    }
    Ok(())
}

/// Gives a directory its new name. Its mark goes with it: one that stands beside it goes inside first.
pub(in crate::engine) fn rename(from: &Path, to: &Path) -> Result<(), Failure> {
    let root = Root::open(from, Access { owner: None, group: false });
    let marked = root.and_then(|root| {
        let beside = mark::find(&root)?.filter(|(place, _)| place.location() == MarkLocation::Beside);
        beside.map_or(Ok(()), |(place, _)| place.move_into(&root))
    });
    marked.map_err(|error| at_target("move the mark into", from, &error))?;
    new_name::rename(from, to).map_err(|error| at_target("set aside", from, &error))?;
    mark::sync_parent(to).map_err(|error| at_target("make durable", to, &error))
}
