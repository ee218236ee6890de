//! The data directory of a standby: what stands there, giving it its name, and removing one that a session has made.
//!
//! Promises: a standby comes to its place by one rename, and never over anything but an empty directory; of one that is
//! removed goes what was received and what its server has made, the mark last. Never: follows a link, or touches a
//! directory without the session's mark.

use super::mark::{self, StandbyMark};
use crate::{
    domain::{BackupOrder, Failure, instance::printable_name},
    engine::claim,
    postgres::configure::DataDirectory,
    worker::backup::{rename_new, repository},
};
use std::{
    ffi::OsStr,
    fs::{self, File},
    io,
    os::fd::{AsFd, AsRawFd},
    path::{Path, PathBuf},
};
use uuid::Uuid;

/// What makes a server follow a primary; a promotion removes it (`xlogrecovery.h`).
pub(super) const STANDBY_SIGNAL: &str = "standby.signal";

/// What a server makes at the top of its data directory; so are all names that begin with `pg_`.
const SERVERS_OWN: [&str; 12] = [
    "PG_VERSION",
    "backup_label.old",
    "base",
    "current_logfiles",
    "current_logfiles.tmp",
    "global",
    "log",
    "postgresql.auto.conf",
    "postmaster.opts",
    "postmaster.pid",
    STANDBY_SIGNAL,
    "tablespace_map.old",
];

/// Without it no server starts: it goes first.
const GLOBAL: &str = "global";

/// What stands at the standby's place.
#[derive(Debug, Clone)]
pub(super) enum Occupant {
    /// Nothing.
    Nothing,
    /// An empty directory.
    Empty,
    /// A standby of this object.
    Own(Box<StandbyMark>),
}

/// Looks, and refuses what is not the object's own.
pub(super) fn look(directory: &Path, order: &BackupOrder) -> Result<Occupant, Failure> {
    let shown = printable_name(directory.as_os_str());
    let refuse = |cause: String| {
        Err(Failure::incurable(cause, "move it away, or name another directory: nothing there is overwritten"))
    };
    let failed = |error: io::Error| repository::failure("looking at", directory, &error);
    match directory.symlink_metadata() {
        Ok(about) if about.is_symlink() => return refuse(format!("{shown} is a symbolic link")),
        Ok(about) if !about.is_dir() => return refuse(format!("{shown} is no directory")),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Occupant::Nothing),
        Err(error) => return Err(failed(error)),
    }
    if names(directory).map_err(failed)?.is_empty() {
        return Ok(Occupant::Empty);
    }
    let Some(mark) = StandbyMark::read(directory).map_err(failed)? else {
        return refuse(format!("{shown} is not empty, and no job has made a standby there"));
    };
    if mark.directory != directory {
        let made = printable_name(mark.directory.as_os_str());
        return refuse(format!("{shown} is a copy of the standby that was made in {made}"));
    }
    if (&mark.job, &mark.object) != (&order.job, order.object.name()) {
        return refuse(format!("{shown} is the standby of {} of the job {}", mark.object, mark.job));
    }
    Ok(Occupant::Own(Box::new(mark)))
}

/// Refuses a place that a standby cannot come to by a rename, or must not.
pub(super) fn refuse_unfit(directory: &Path) -> Result<(), Failure> {
    let shown = printable_name(directory.as_os_str());
    if claim::is_mount_point(directory) {
        return Err(Failure::incurable(
            format!("{shown} is a mount point, and a standby comes to its place by a rename"),
            "name a directory below it",
        ));
    }
    let is_cluster = |above: &&Path| above.join("PG_VERSION").is_file() && above.join(GLOBAL).is_dir();
    if let Some(cluster) = directory.ancestors().skip(1).find(is_cluster) {
        let cause = format!("{shown} lies in the data directory {}", printable_name(cluster.as_os_str()));
        return Err(Failure::incurable(cause, "name a directory outside every cluster"));
    }
    Ok(())
}

/// The printable names at the top of a directory, those of claims left out.
pub(super) fn names(directory: &Path) -> io::Result<Vec<String>> {
    let entries = fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.file_name()));
    let names = entries.collect::<io::Result<Vec<_>>>()?;
    let own = names.iter().filter(|name| Path::new(name) != Path::new(claim::INSIDE));
    Ok(own.map(|name| printable_name(name)).collect())
}

/// Gives a whole standby its name.
pub(super) fn put(incoming: &Path, directory: &Path, found_empty: bool) -> Result<(), Failure> {
    let failed = |error: io::Error| repository::failure("renaming", incoming, &error);
    let put = if found_empty {
        // Put over an empty directory alone (rename(2)).
        match fs::rename(incoming, directory) {
            Ok(()) => true,
            Err(error) if matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotADirectory) => {
                false
            }
            Err(error) => return Err(failed(error)),
        }
    } else {
        rename_new(incoming, directory).map_err(failed)?
    };
    if !put {
        return Err(Failure::incurable(
            format!("{} was made by somebody else meanwhile", printable_name(directory.as_os_str())),
            "move it away: nothing there is overwritten",
        ));
    }
    sync_parent(directory).map_err(failed)
}

/// Removes the standby that this session has made; returns how many entries at its top are somebody else's, `None` where
/// it has made none. An empty directory that was there before stays.
pub(super) fn remove(directory: &Path, session: Uuid, found_empty: bool) -> Result<Option<u64>, Failure> {
    let failed = |error: io::Error| repository::failure("removing", directory, &error);
    let Some(held) = held(directory).map_err(failed)? else { return Ok(None) };
    // What is removed is in the directory that was looked at, whatever stands at its name meanwhile.
    let through = PathBuf::from(format!("/proc/self/fd/{}", held.as_fd().as_raw_fd()));
    let mark = StandbyMark::read(&through).map_err(failed)?.filter(|mark| mark.session == session);
    let Some(mark) = mark else { return Ok(None) };
    let remove = || -> io::Result<u64> {
        let mut left = 0;
        let mut own = Vec::new();
        for entry in fs::read_dir(&through)? {
            let name = entry?.file_name();
            let shown = printable_name(&name);
            let made_later = shown.starts_with("pg_") || SERVERS_OWN.contains(&shown.as_str());
            if made_later || mark.contents.contains(&shown) { own.push(name) } else { left += 1 }
        }
        own.sort_by_key(|name| (name == mark::DIRECTORY, name != GLOBAL));
        own.iter().try_for_each(|name| remove_tree(&through.join(name)))?;
        if left == 0 && !found_empty {
            fs::remove_dir(directory)?;
        }
        sync_parent(directory)?;
        Ok(left)
    };
    remove().map(Some).map_err(failed)
}

/// The directory, held open; `None` where there is none, or a link or a file in its place.
fn held(directory: &Path) -> io::Result<Option<DataDirectory>> {
    let (Some(above), Some(name)) = (directory.parent(), directory.file_name()) else { return Ok(None) };
    match DataDirectory::open(above).and_then(|above| above.below(name)) {
        Ok(held) => Ok(Some(held)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

fn remove_tree(path: &Path) -> io::Result<()> {
    if path.symlink_metadata()?.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

pub(super) fn sync_parent(directory: &Path) -> io::Result<()> {
    File::open(directory.parent().unwrap_or(directory))?.sync_all()
}

/// Whether a data directory is that of a standby: one that was promoted is a server of its own.
pub(super) fn is_standby(directory: &Path) -> bool {
    directory.join(OsStr::new(STANDBY_SIGNAL)).symlink_metadata().is_ok()
}

/// The session that has made the standby there, where it was promoted: it is a server of its own, with data that nobody
/// else has. Of one that is being removed the cluster's files go first.
pub(super) fn promoted(directory: &Path) -> io::Result<Option<Uuid>> {
    let mark = match StandbyMark::read(directory) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => None,
        read => read?,
    };
    Ok(mark.filter(|_| directory.join(GLOBAL).is_dir() && !is_standby(directory)).map(|mark| mark.session))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::domain::{BackupObject, InstanceName, JobId, PasswordSource, Port, SystemIdentifier, Timestamp};
    use std::time::Duration;

    const SESSION: Uuid = Uuid::from_u128(1);

    fn order(directory: &Path) -> BackupOrder {
        let name = InstanceName::new("shop");
        let object = BackupObject::Standby {
            name: name.clone(),
            conninfo: String::new(),
            password: PasswordSource::None,
            directory: directory.to_owned(),
            port: Port::new(5433).unwrap(),
            slot: "s".to_owned(),
            max_lag: Duration::from_secs(1),
        };
        let (job, run, run_uuid) = (InstanceName::new("nightly"), JobId(1), Uuid::nil());
        BackupOrder { job, run, run_uuid, object, repository: None, max_rate: None, keep: None }
    }

    /// A standby that the session has made, with what its server has made since.
    fn made(place: &Path) -> PathBuf {
        let incoming = place.join(".incoming");
        for name in ["pg_wal", "global", "base"] {
            fs::create_dir_all(incoming.join(name)).unwrap();
        }
        fs::write(incoming.join("postgresql.conf"), "").unwrap();
        let data = place.join("standby");
        let contents = names(&incoming).unwrap();
        let mark = StandbyMark::new(
            &order(&data),
            SESSION,
            (&data, "s"),
            SystemIdentifier(7),
            (Timestamp::UNIX_EPOCH, contents),
        );
        mark.leave(&incoming, None).unwrap();
        put(&incoming, &data, false).unwrap();
        fs::write(data.join("postmaster.opts"), "").unwrap();
        data
    }

    #[test]
    fn s08_only_what_is_empty_or_the_objects_own_is_not_refused() {
        let place = tempfile::tempdir().unwrap();
        let data = place.path().join("standby");
        let look_at = |data: &Path, order: &BackupOrder| look(data, order).map_err(|failure| failure.cause);
        let refused = |data: &Path, order: &BackupOrder, says: &str| {
            let cause = look_at(data, order).unwrap_err();
            assert!(cause.contains(says), "{cause}");
        };
        assert!(matches!(look_at(&data, &order(&data)), Ok(Occupant::Nothing)));
        fs::create_dir(&data).unwrap();
        assert!(matches!(look_at(&data, &order(&data)), Ok(Occupant::Empty)));
        fs::write(data.join("x"), "").unwrap();
        refused(&data, &order(&data), "is not empty, and no job");
        refused(&data.join("x"), &order(&data), "is no directory");
        let link = place.path().join("link");
        std::os::unix::fs::symlink(&data, &link).unwrap();
        refused(&link, &order(&link), "is a symbolic link");
        fs::remove_dir_all(&data).unwrap();
        let data = made(place.path());
        assert!(matches!(look_at(&data, &order(&data)), Ok(Occupant::Own(mark)) if mark.session == SESSION));
        let other = BackupOrder { job: InstanceName::new("other"), ..order(&data) };
        refused(&data, &other, "is the standby of shop of the job nightly");
        let moved = place.path().join("moved");
        fs::rename(&data, &moved).unwrap();
        refused(&moved, &order(&moved), "is a copy of the standby that was made in");
    }

    #[test]
    fn a_standby_is_never_put_over_anything() {
        let place = tempfile::tempdir().unwrap();
        let (incoming, data) = (place.path().join("incoming"), place.path().join("data"));
        fs::create_dir(&incoming).unwrap();
        fs::create_dir(&data).unwrap();
        assert!(put(&incoming, &data, false).unwrap_err().cause.contains("by somebody else"));
        fs::write(data.join("x"), "theirs").unwrap();
        assert!(put(&incoming, &data, true).unwrap_err().cause.contains("by somebody else"));
        assert_eq!(fs::read_to_string(data.join("x")).unwrap(), "theirs");
        fs::remove_file(data.join("x")).unwrap();
        put(&incoming, &data, true).unwrap();
        assert!(!incoming.exists());
    }

    #[test]
    fn a_standby_that_was_promoted_is_known_from_one_that_is_being_removed() {
        let place = tempfile::tempdir().unwrap();
        let data = place.path().join("standby");
        assert_eq!(promoted(&data).unwrap(), None, "nothing is there");
        let data = made(place.path());
        fs::write(data.join(STANDBY_SIGNAL), "").unwrap();
        assert_eq!(promoted(&data).unwrap(), None);
        fs::remove_file(data.join(STANDBY_SIGNAL)).unwrap();
        assert_eq!(promoted(&data).unwrap(), Some(SESSION));
        fs::remove_dir(data.join(GLOBAL)).unwrap();
        assert_eq!(promoted(&data).unwrap(), None, "its removal was interrupted");
    }

    #[test]
    fn what_somebody_has_put_into_a_standby_stays_when_it_is_removed() {
        let place = tempfile::tempdir().unwrap();
        let data = made(place.path());
        assert_eq!(remove(&data, Uuid::from_u128(2), false).unwrap(), None, "another session's");
        let link = place.path().join("link");
        std::os::unix::fs::symlink(&data, &link).unwrap();
        assert_eq!(remove(&link, SESSION, false).unwrap(), None, "no link is followed");
        fs::write(data.join("notes.txt"), "theirs").unwrap();
        assert_eq!(remove(&data, SESSION, false).unwrap(), Some(1));
        assert_eq!(names(&data).unwrap(), ["notes.txt"]);
        assert_eq!(remove(&data, SESSION, false).unwrap(), None, "there is no mark any more");
        fs::remove_dir_all(&data).unwrap();
        let data = made(place.path());
        assert_eq!(remove(&data, SESSION, true).unwrap(), Some(0));
        assert!(data.is_dir() && names(&data).unwrap().is_empty(), "an empty directory that was there stays");
        fs::remove_dir(&data).unwrap();
        let data = made(place.path());
        assert_eq!(remove(&data, SESSION, false).unwrap(), Some(0));
        assert!(!data.exists());
        assert_eq!(remove(&data, SESSION, false).unwrap(), None);
    }
}
