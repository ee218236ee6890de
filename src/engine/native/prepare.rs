//! Making the target ready: old data set aside, directories made, the lock taken, the mark set, the ledger open.
//!
//! Promises: nothing is marked, moved or written that another restore has the lock of; the mark names a directory before
//! it is created; nothing is overwritten by a rename.

use super::{
    errors::at_target,
    home,
    ledger::{self, Ledger, Line},
    lock,
    mark::{self, Mark},
    mark_place::MarkPlace,
    places::TargetPlaces,
    plan::CopyPlan,
    request::CopyRequest,
    root::{Access, Root},
    set_aside::{self, follow_links, rename},
    target_state,
};
use crate::{
    domain::{Failure, plan::TargetState},
    engine::{Observer, real_path::nearest, watched::Heartbeat},
    postgres::{control::CONTROL_FILE, directories},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

/// Makes the target ready for a copy.
pub(super) fn prepare(
    order: &CopyRequest,
    copy_plan: &CopyPlan,
    observer: &dyn Observer,
) -> Result<(TargetPlaces, Ledger), Failure> {
    let directory = order.target.directory();
    make_room(order, copy_plan, observer)?;
    let mut mark = copy_plan.leftover.as_ref().map_or_else(
        || {
            let tablespaces = copy_plan.tablespaces.clone();
            Mark::new(order.session, &order.backup, copy_plan.manifest.identity(), tablespaces)
        },
        |left| left.mark.clone(),
    );
    (mark.session, mark.kept) = (order.session, false);
    for place in copy_plan.tablespaces.values() {
        if copy_plan.leftover.is_none() {
            // Of an attempt whose data directory, and with it the ledger, somebody removed.
            let cleared = home::clear(place, order.session).map_err(|error| at_target("clear", place, &error))?;
            // What begins with `PG_` in a home that is marked would be cleared as the session's own one day.
            if cleared.is_none() && target_state::is_occupied(place)? {
                return Err(came_meanwhile(place));
            }
        }
        note_missing(place, &mut mark.created);
    }
    let access = copy_plan.access;
    let (data, place, ledger) = if matches!(copy_plan.plan.target, TargetState::Missing | TargetState::SetAside { .. })
    {
        if let Some(above) = directory.parent() {
            check_device(above, order.device_of(directory))?;
            note_missing(above, &mut mark.created);
            make_noted(above, &mark.created, access)?;
        }
        mark.create_marked(directory, order.mark, access)?
    } else {
        let failed = |error: io::Error| at_target("open", directory, &error);
        let root =
            Root::open(directory, access).and_then(|root| root.on(order.device_of(directory))).map_err(failed)?;
        let mark_there = || match mark::find(&root) {
            Ok(found) => Ok(found.map(|(_, mark)| mark)),
            Err(error) => Err(at_target("read the mark of", directory, &error)),
        };
        let was_empty = copy_plan.plan.target == TargetState::Empty;
        if was_empty && mark_there()?.is_none() && target_state::is_occupied(directory)? {
            return Err(came_meanwhile(directory));
        }
        let location = copy_plan.leftover.as_ref().map_or(order.mark, |left| left.location);
        let place = MarkPlace::new(location, &root).map_err(failed)?;
        // The lock before the mark: whoever has it works here.
        let boot = ledger::boot_id();
        let ledger =
            if copy_plan.leftover.is_some() { ledger::open(&place, &boot)? } else { ledger::begin(&place, &boot)? };
        let found = mark_there()?;
        if found.as_ref() != copy_plan.leftover.as_ref().map(|left| &left.mark) {
            let cause = format!("another restore came to {} after the plan was made", directory.display());
            return Err(Failure::incurable(cause, "see whose it is, and choose another target or retry"));
        }
        access.give_directory(root.fd()).map_err(|error| at_target("set the owner of", directory, &error))?;
        mark.write(&place, &root).map_err(|error| at_target("mark", directory, &error))?;
        (root, place, ledger)
    };
    let control = Path::new(CONTROL_FILE);
    if copy_plan.leftover.is_some() && !copy_plan.reused.contains_key(control) {
        let gone = data.remove(control);
        gone.map_err(|error| at_target("remove", &data.path().join(control), &error))?;
    }
    let mut tablespaces = BTreeMap::new();
    for (oid, place) in &copy_plan.tablespaces {
        make_noted(place, &mark.created, access)?;
        let root = Root::open(place, access)
            .and_then(|root| root.on(order.device_of(place)))
            .map_err(|error| at_target("open", place, &error))?;
        access.give_directory(root.fd()).map_err(|error| at_target("set the owner of", place, &error))?;
        home::mark(&root, order.session, directory, &mark.created).map_err(|error| at_target("mark", place, &error))?;
        tablespaces.insert(*oid, root);
    }
    let places = TargetPlaces { data, mark: place, tablespaces };
    announce(copy_plan, &places, &ledger)?;
    Ok((places, ledger))
}

/// Something that is not a restore's, or there would be a mark.
fn came_meanwhile(place: &Path) -> Failure {
    let cause = format!("{} is not empty any more: something was put there after the plan was made", place.display());
    Failure::incurable(cause, "see whose it is, and choose another target or retry")
}

/// Enters all that is about to be created, durably, before the first of it is.
fn announce(copy_plan: &CopyPlan, places: &TargetPlaces, ledger: &Ledger) -> Result<(), Failure> {
    let mut all: BTreeSet<PathBuf> = BTreeSet::new();
    let mut last = None;
    for file in &copy_plan.manifest.files {
        // Files of one directory stand together in a manifest.
        let above = file.path.parent();
        if above != last {
            all.extend(file.path.ancestors().skip(1).map(Path::to_owned));
            last = above;
        }
    }
    if let super::layout::Form::Plain(tree) = &copy_plan.layout.form {
        all.extend(tree.directories.iter().cloned());
    }
    // Tools that carry backups from place to place may lose those with nothing in them. Besides, archives are read side
    // by side: that of the WAL must not wait for the base to make its directories.
    all.extend(directories::fixed(copy_plan.plan.version).map(Path::to_owned));
    if let Some(below) = copy_plan.plan.version.and_then(directories::of_tablespace) {
        for oid in copy_plan.tablespaces.keys() {
            let home = Path::new("pg_tblspc").join(oid.to_string());
            // What lies in a directory follows it in order.
            let next = all.range(home.clone()..).find(|path| **path != home);
            if next.is_none_or(|path| !path.starts_with(&home)) {
                all.insert(home.join(&below));
            }
        }
    }
    all.remove(Path::new(""));
    // What is listed already need not be listed again for each attempt.
    let listed: BTreeSet<&Path> =
        copy_plan.leftover.iter().flat_map(|left| &left.account.created).map(PathBuf::as_path).collect();
    let files = copy_plan.manifest.files.iter().map(|file| &file.path);
    let fresh = all.iter().chain(files).filter(|path| !listed.contains(path.as_path()));
    let lines: Vec<Line> = fresh.cloned().map(Line::Create).collect();
    if !lines.is_empty() {
        let noted = ledger.add(&lines).and_then(|()| ledger.sync());
        noted.map_err(|error| at_target("write the ledger in", places.data.path(), &error))?;
    }
    for path in &all {
        let made = places.create_directory(path);
        made.map_err(|error| at_target("create", &places.shown(path), &error))?;
    }
    Ok(())
}

fn make_room(order: &CopyRequest, copy_plan: &CopyPlan, observer: &dyn Observer) -> Result<(), Failure> {
    let (directory, session) = (order.target.directory(), order.session);
    let mut moved_data = directory.to_owned();
    if let TargetState::SetAside { to } = &copy_plan.plan.target {
        set_aside::check(directory, session, &Heartbeat::default())?;
        let root = Root::open(directory, copy_plan.access).map_err(|error| at_target("open", directory, &error))?;
        // Held until the directory has its new name: nobody restores into what is being moved.
        let _locks = lock::take_all(&root)?;
        rename(directory, to)?;
        observer.note(format!("the old data in {} was set aside as {}", directory.display(), to.display()));
        moved_data.clone_from(to);
    }
    for (from, to) in &copy_plan.aside {
        set_aside::check(from, session, &Heartbeat::default())?;
        rename(from, to)?;
        observer.note(format!("the old tablespace in {} was set aside as {}", from.display(), to.display()));
        follow_links(&moved_data, from, to)?;
    }
    Ok(())
}

/// Refuses to make anything in a place that is not on its device: its own file system is not mounted.
fn check_device(place: &Path, device: Option<u64>) -> Result<(), Failure> {
    let failed = |error: io::Error| at_target("create directories in", place, &error);
    let there = nearest(place)?;
    let root = Root::open(&there, Access { owner: None, group: false }).and_then(|root| root.on(device));
    root.map(|_| ()).map_err(failed)
}

/// Adds the directories above and including `place` that are not there, upper ones first.
fn note_missing(place: &Path, created: &mut Vec<PathBuf>) {
    let mut missing: Vec<PathBuf> = place
        .ancestors()
        .take_while(|path| path.symlink_metadata().is_err())
        .map(Path::to_owned)
        .filter(|path| !created.contains(path))
        .collect();
    missing.reverse();
    created.append(&mut missing);
}

/// Gives a directory to its owner, durably: one that was just made, or one whose maker was killed before it could.
fn give(path: &Path, access: Access, made: bool) -> io::Result<()> {
    let root = Root::open(path, access)?;
    if made || access.is_to_be_given(root.fd())? {
        access.give_directory(root.fd())?;
        mark::sync_parent(path)?;
    }
    Ok(())
}

/// Makes the directories down to `place` that the mark names; others must stand.
fn make_noted(place: &Path, noted: &[PathBuf], access: Access) -> Result<(), Failure> {
    for path in noted.iter().filter(|path| place.starts_with(path)) {
        let failed = |error: io::Error| at_target("create", path, &error);
        match fs::create_dir(path) {
            Ok(()) => give(path, access, true).map_err(failed)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => give(path, access, false).map_err(failed)?,
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(())
}
