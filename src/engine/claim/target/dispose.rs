//! Dealing with the partial data of a cancelled session (D7).
//!
//! Promises: works under the target's lock; removes what the ledger names, and after a server ran, what a server makes in
//! a data directory; nothing else. May be run again after it was interrupted: the mark goes last. Never: follows a
//! link, or touches a target that bears the mark of another session or none.

use super::{
    home,
    ledger::{self, LedgerAccount},
    lock,
    mark::{self, Mark},
    mark_place::{DIRECTORY, MarkPlace},
    removal::{names, remove_if_empty, remove_tree},
    root::{Access, Root},
    set_aside::{self, follow_links, rename},
    staging, target_state,
};
use crate::{
    domain::{Disposed, Disposition, Failure, Target, restored::MarkLocation},
    engine::{at_target::at_target, claim, source::layout::in_tablespace},
};
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};
use uuid::Uuid;

/// What a server makes at the top of a data directory besides what was restored (`src/bin/initdb`, `src/backend` of
/// PostgreSQL 13 to 18): these, and all that begin with `pg_`.
const SERVERS_OWN: [&str; 17] = [
    "PG_VERSION",
    "backup_label",
    "backup_label.old",
    "backup_manifest",
    "base",
    "current_logfiles",
    "current_logfiles.tmp",
    "global",
    "log",
    "postgresql.auto.conf",
    "postgresql.auto.conf.tmp",
    "postgresql.conf",
    "postmaster.opts",
    "postmaster.pid",
    "recovery.signal",
    "standby.signal",
    "tablespace_map.old",
];

/// Deals with what `session` left at `target`, when nothing but the two is known any more.
pub fn dispose(target: &Target, session: Uuid, wish: Disposition) -> Disposed {
    let disposed = attempt(target, session, wish).and_then(|disposed| {
        // What was put together beside the target is of no use to anybody else.
        let removed = staging::remove(target.directory(), session)?;
        Ok(if removed && disposed == Disposed::Nothing { Disposed::Removed } else { disposed })
    });
    disposed.unwrap_or_else(|failure| Disposed::Failed { cause: failure.to_string() })
}

fn attempt(target: &Target, session: Uuid, wish: Disposition) -> Result<Disposed, Failure> {
    let directory = target.directory();
    let shadow = mark::shadow(directory, session);
    if shadow.symlink_metadata().is_ok() {
        fs::remove_dir_all(&shadow).map_err(|error| at_target("remove", &shadow, &error))?;
    }
    let access = Access { owner: None, group: false };
    let root = match Root::open(directory, access) {
        Ok(root) => root,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return clear_rest(target, None, session, wish),
        // A link or a file at this place was never ours.
        Err(_) if directory.symlink_metadata().is_ok_and(|about| !about.is_dir()) => {
            return clear_rest(target, None, session, wish);
        }
        Err(error) => return Err(at_target("open", directory, &error)),
    };
    let failed = |error: io::Error| at_target("read the mark of", directory, &error);
    let marked = || mark::find(&root).map_err(failed).map(|found| found.filter(|(_, mark)| mark.session == session));
    let Some((place, _)) = marked()? else { return clear_rest(target, Some(&root), session, wish) };
    // Read again under the lock: from here on nobody else marks this directory, or works in it.
    let _lock = lock::take(&place)?;
    let Some((place, mut mark)) = marked()? else { return clear_rest(target, Some(&root), session, wish) };
    if let Some(pid) = target_state::postmaster(directory)? {
        let cause = format!("a server runs on {} (postmaster process {pid})", directory.display());
        return Err(Failure::incurable(cause, "stop it, then cancel again"));
    }
    let wish = match wish {
        Disposition::Default if mark.created_directory => Disposition::Remove,
        Disposition::Default => Disposition::Keep,
        Disposition::Remove | Disposition::Keep | Disposition::SetAside => wish,
    };
    match wish {
        Disposition::Keep | Disposition::Default => {
            mark.kept = true;
            mark.write(&place, &root).map_err(|error| at_target("mark", directory, &error))?;
            Ok(Disposed::Kept)
        }
        Disposition::SetAside => {
            let to = set_aside::free_name(directory);
            mark.kept = true;
            mark.write(&place, &root).map_err(|error| at_target("mark", directory, &error))?;
            rename(directory, &to)?;
            for place in mark.tablespaces.values().filter(|place| place.is_dir()) {
                let home = set_aside::free_name(place);
                home::unmark(place, session).map_err(|error| at_target("unmark", place, &error))?;
                rename(place, &home)?;
                follow_links(&to, place, &home)?;
            }
            Ok(Disposed::SetAside { to })
        }
        Disposition::Remove => {
            let account = ledger::read(&place, "").map_err(failed)?;
            Removal { directory, root, place, mark, account, left: 0 }.run()
        }
    }
}

/// Deals with what is left where no data directory of the session stands: it is gone, or was never there, or another one
/// has its name.
fn clear_rest(target: &Target, stands: Option<&Root>, session: Uuid, wish: Disposition) -> Result<Disposed, Failure> {
    let disposed = clear_homes(target, session, wish)?;
    let failed = |error: io::Error| at_target("remove the mark of", target.directory(), &error);
    let Some(place) = MarkPlace::find_beside(target.directory(), stands).map_err(failed)? else { return Ok(disposed) };
    let is_ours = |mark: Option<&Mark>| match mark {
        Some(mark) => Ok(mark.session == session),
        // One that was not written yet.
        None => Mark::is_unreadable(&place).map(|newer| !newer),
    };
    if !Mark::read(&place).and_then(|mark| is_ours(mark.as_ref())).map_err(failed)? {
        return Ok(disposed);
    }
    let _lock = lock::take(&place)?;
    let mark = Mark::read(&place).map_err(failed)?;
    if !is_ours(mark.as_ref()).map_err(failed)? {
        return Ok(disposed);
    }
    let created = mark.map(|mark| mark.created).unwrap_or_default();
    place.clear().map_err(failed)?;
    created.iter().rev().try_for_each(|above| remove_if_empty(above)).map_err(failed)?;
    Ok(disposed)
}

/// Deals with the homes of tablespaces whose data directory is gone or is somebody else's: their own marks say that they
/// are the session's.
fn clear_homes(target: &Target, session: Uuid, wish: Disposition) -> Result<Disposed, Failure> {
    let failed = |error: io::Error| at_target("clear the tablespaces of", target.directory(), &error);
    let homes = home::candidates(target).map_err(failed)?;
    let mut homes = homes.into_iter().filter(|home| home::is_marked(home, session)).peekable();
    if homes.peek().is_none() {
        return Ok(Disposed::Nothing);
    }
    match wish {
        Disposition::Keep | Disposition::SetAside => Ok(Disposed::Kept),
        Disposition::Default | Disposition::Remove => {
            let mut left = 0;
            for home in homes {
                left += home::clear(&home, session).map_err(failed)?.unwrap_or(0);
            }
            Ok(if left == 0 { Disposed::Gone } else { Disposed::RemovedExcept { left } })
        }
    }
}

struct Removal<'a> {
    directory: &'a Path,
    root: Root,
    place: MarkPlace,
    mark: Mark,
    account: LedgerAccount,
    left: u64,
}

impl Removal<'_> {
    fn run(mut self) -> Result<Disposed, Failure> {
        let access = self.root.access();
        let mut paths: BTreeSet<PathBuf> = self.account.created.iter().cloned().collect();
        // Recovery renames these two; a server that was never started leaves them.
        paths.extend([PathBuf::from("backup_manifest"), PathBuf::from("pg_tblspc"), PathBuf::from("pg_wal")]);
        // From below to above: a path sorts before whatever lies in it.
        for path in paths.iter().rev() {
            let (root, below) = match in_tablespace(path) {
                Some((oid, below)) if self.mark.tablespaces.contains_key(&oid) && !below.as_os_str().is_empty() => {
                    let Ok(root) = Root::open(&self.mark.tablespaces[&oid], access) else { continue };
                    (root, below)
                }
                Some(_) | None => (self.reopened()?, path.as_path()),
            };
            // A part of the path that became something else is not ours any more; it shows in the count below.
            let _ = root.remove(below);
        }
        if self.account.server_started {
            self.remove_servers_own()?;
        }
        self.count_left()?;
        self.remove_mark()?;
        Ok(if self.left == 0 { Disposed::Removed } else { Disposed::RemovedExcept { left: self.left } })
    }

    fn reopened(&self) -> Result<Root, Failure> {
        Root::open(self.directory, self.root.access()).map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &io::Error) -> Failure {
        at_target("remove", self.directory, error)
    }

    fn remove_servers_own(&self) -> Result<(), Failure> {
        for name in names(self.directory).map_err(|error| self.failed(&error))? {
            let own = name.to_str().is_some_and(|name| name.starts_with("pg_") || SERVERS_OWN.contains(&name));
            if own {
                remove_tree(&self.directory.join(&name)).map_err(|error| self.failed(&error))?;
            }
        }
        for place in self.mark.tablespaces.values() {
            for name in names(place).map_err(|error| self.failed(&error))? {
                if name.to_str().is_some_and(|name| name.starts_with("PG_")) {
                    remove_tree(&place.join(&name)).map_err(|error| self.failed(&error))?;
                }
            }
        }
        Ok(())
    }

    /// Counts what is not ours, directory by directory.
    fn count_left(&mut self) -> Result<(), Failure> {
        let ours = |path: &Path| path.ends_with(DIRECTORY) || path.ends_with(claim::INSIDE);
        for place in std::iter::once(self.directory).chain(self.mark.tablespaces.values().map(PathBuf::as_path)) {
            let entries = walkdir::WalkDir::new(place).min_depth(1).follow_links(false).into_iter();
            for entry in entries.filter_entry(|entry| entry.depth() > 1 || !ours(entry.path())) {
                match entry {
                    // Directories stand only because of what is in them.
                    Ok(entry) if entry.file_type().is_dir() && !is_empty(entry.path()) => {}
                    Ok(_) => self.left += 1,
                    Err(error) if error.io_error().is_some_and(|error| error.kind() == io::ErrorKind::NotFound) => {}
                    Err(error) => return Err(self.failed(&error.into())),
                }
            }
        }
        Ok(())
    }

    /// The mark goes last. An upper directory that the session made goes only when it is empty.
    fn remove_mark(&self) -> Result<(), Failure> {
        let mut places = self.mark.created.clone();
        places.sort();
        for home in self.mark.tablespaces.values() {
            home::unmark(home, self.mark.session).map_err(|error| self.failed(&error))?;
        }
        for place in places.iter().rev().filter(|place| !self.directory.starts_with(place)) {
            remove_if_empty(place).map_err(|error| self.failed(&error))?;
        }
        let remove_mark = || self.place.clear().map_err(|error| self.failed(&error));
        let inside = self.place.location() == MarkLocation::Inside;
        if inside {
            remove_mark()?;
        }
        if self.mark.created_directory {
            remove_if_empty(self.directory).map_err(|error| self.failed(&error))?;
        }
        if !inside {
            remove_mark()?;
        }
        for place in places.iter().rev().filter(|place| self.directory.starts_with(place)) {
            remove_if_empty(place).map_err(|error| self.failed(&error))?;
        }
        match mark::sync_parent(self.directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.failed(&error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

fn is_empty(directory: &Path) -> bool {
    fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_none())
}
