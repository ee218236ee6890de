//! What the system's errors mean for a restore: wait, or ask a person.
//!
//! Promises: the class follows from the error number and from what still stands, never from wording.

use crate::{domain::Failure, postgres::compression};
use rustix::io::Errno;
use std::{
    fmt::Display,
    fs, io,
    path::{Path, PathBuf},
};

/// What a person can do about a backup that is not what its manifest says.
pub(super) const DAMAGED: &str = "this backup is damaged: restore another one, or get an undamaged copy of it";

/// Error numbers that tell of a disk, a host or a network that is gone for now: waiting may bring it back.
const PASSING: [Errno; 24] = [
    Errno::IO,
    Errno::STALE,
    Errno::TIMEDOUT,
    Errno::NOTCONN,
    Errno::HOSTDOWN,
    Errno::HOSTUNREACH,
    Errno::NETDOWN,
    Errno::NETUNREACH,
    Errno::NETRESET,
    Errno::CONNRESET,
    Errno::CONNREFUSED,
    Errno::CONNABORTED,
    Errno::PIPE,
    Errno::SHUTDOWN,
    Errno::NODEV,
    Errno::NXIO,
    Errno::NOMEDIUM,
    Errno::REMOTEIO,
    Errno::NOLINK,
    Errno::COMM,
    Errno::AGAIN,
    Errno::NOMEM,
    Errno::MFILE,
    Errno::NFILE,
];

/// Where the backup lies: a missing file is one thing when the backup stands, another when all of it is gone.
#[derive(Debug, Clone)]
pub(super) struct Backup {
    directory: PathBuf,
}

impl Backup {
    pub(super) fn at(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    /// A failure to do something (`read`, `list`) with a file of the backup.
    pub(super) fn failure(&self, doing: &str, path: &Path, error: &io::Error) -> Failure {
        let cause = format!("cannot {doing} {}: {error}", path.display());
        match errno(error) {
            _ if self.is_gone() => self.gone(),
            Some(errno) if PASSING.contains(&errno) => Failure::disruption(cause, "the repository may come back"),
            Some(Errno::NOENT | Errno::NOTDIR) => {
                Failure::incurable(format!("{} is missing from the backup", path.display()), DAMAGED)
            }
            Some(Errno::ACCESS | Errno::PERM) => {
                Failure::incurable(cause, "give the user that runs howdah the right to read the backup, then retry")
            }
            None if compression::is_damage(error) => {
                Failure::incurable(format!("{} is cut short or corrupt: {error}", path.display()), DAMAGED)
            }
            Some(_) | None => Failure::incurable(cause, "look at the repository, then retry"),
        }
    }

    /// The failure for a backup that is not there at all.
    pub(super) fn gone(&self) -> Failure {
        Failure::disruption(
            format!("the backup {} is not there: its repository vanished", self.directory.display()),
            "mount or move the repository back; the restore goes on where it was",
        )
    }

    /// Whether the whole backup vanished: its directory is not there, cannot be reached, or is the empty place that an
    /// unmounted repository leaves.
    pub(super) fn is_gone(&self) -> bool {
        match fs::read_dir(&self.directory) {
            Ok(mut entries) => match entries.next() {
                None => true,
                Some(Ok(_)) => false,
                Some(Err(error)) => is_passing(&error),
            },
            Err(error) => error.kind() == io::ErrorKind::NotFound || is_passing(&error),
        }
    }
}

/// A failure to do something (`create`, `write`) at the target.
pub(super) fn at_target(doing: &str, path: &Path, error: &io::Error) -> Failure {
    let cause = format!("cannot {doing} {}: {error}", path.display());
    match errno(error) {
        Some(Errno::NOSPC) => Failure::incurable(cause, "free space there or choose another target, then retry"),
        Some(Errno::DQUOT) => Failure::incurable(cause, "raise the quota or choose another target, then retry"),
        Some(Errno::ACCESS | Errno::PERM) => {
            Failure::incurable(cause, "give the user that runs howdah the right to write there, then retry")
        }
        Some(Errno::ROFS) => Failure::incurable(cause, "the file system is read-only: choose another target"),
        Some(Errno::EXIST) => {
            Failure::incurable(cause, "something else writes to the target: find out what, clear it away, then retry")
        }
        Some(Errno::LOOP | Errno::NOTDIR) => {
            Failure::incurable(cause, "a link or a file stands where a directory must be: clear it away, then retry")
        }
        Some(errno) if PASSING.contains(&errno) => {
            Failure::disruption(cause, "the target's disk or host may come back")
        }
        Some(_) | None => Failure::incurable(cause, "look at the target, then retry"),
    }
}

/// A failure because a file of the backup is not what the manifest says.
pub(super) fn damaged(path: &Path, what: impl Display) -> Failure {
    Failure::incurable(format!("{} in the backup {what}", path.display()), DAMAGED)
}

fn is_passing(error: &io::Error) -> bool {
    errno(error).is_some_and(|errno| PASSING.contains(&errno))
}

fn errno(error: &io::Error) -> Option<Errno> {
    error.raw_os_error().map(Errno::from_raw_os_error)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::domain::FailureClass;

    #[test]
    fn d04_waiting_is_for_what_may_come_back_alone() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("backup_manifest"), "").unwrap();
        let standing = Backup::at(place.path());
        let file = place.path().join("base.tar");
        let class = |number| standing.failure("read", &file, &io::Error::from_raw_os_error(number)).class;
        for errno in [Errno::IO, Errno::STALE, Errno::TIMEDOUT, Errno::NOTCONN, Errno::HOSTDOWN] {
            assert_eq!(class(errno.raw_os_error()), FailureClass::Disruption, "{errno}");
        }
        for errno in [Errno::NOENT, Errno::ACCESS, Errno::PERM] {
            assert_eq!(class(errno.raw_os_error()), FailureClass::Incurable, "{errno}");
        }
        for errno in [Errno::NOSPC, Errno::DQUOT, Errno::ACCESS, Errno::ROFS] {
            let failure = at_target("write", &file, &io::Error::from_raw_os_error(errno.raw_os_error()));
            assert_eq!(failure.class, FailureClass::Incurable, "{errno}");
            assert!(!failure.advice.is_empty());
        }
    }

    #[test]
    fn r08_a_backup_that_vanished_whole_is_a_disruption() {
        let place = tempfile::tempdir().unwrap();
        let missing = io::Error::from_raw_os_error(Errno::NOENT.raw_os_error());
        for gone in [place.path().to_owned(), place.path().join("unmounted/backup")] {
            let failure = Backup::at(&gone).failure("read", &gone.join("base.tar"), &missing);
            assert_eq!(failure.class, FailureClass::Disruption, "{failure}");
        }
    }
}
