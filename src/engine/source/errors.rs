//! What the system's errors mean for a restore: wait, or ask a person.
//!
//! Promises: the class follows from the error number and from what still stands, never from wording.

pub(in crate::engine) use crate::engine::at_target::at_target;

use crate::{
    domain::Failure,
    engine::at_target::{errno, is_passing},
    postgres::compression,
};
use rustix::io::Errno;
use std::{
    fmt::Display,
    fs, io,
    path::{Path, PathBuf},
};

/// What a person can do about a backup that is not what its manifest says.
pub(in crate::engine) const DAMAGED: &str =
    "this backup is damaged: restore another one, or get an undamaged copy of it";

/// Where the backup lies: a missing file is one thing when the backup stands, another when all of it is gone.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Backup {
    directory: PathBuf,
}

impl Backup {
    pub(in crate::engine) fn at(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    /// A failure to do something (`read`, `list`) with a file of the backup.
    pub(in crate::engine) fn failure(&self, doing: &str, path: &Path, error: &io::Error) -> Failure {
        let cause = format!("cannot {doing} {}: {error}", path.display());
        match errno(error) {
            _ if self.is_gone() => self.gone(),
            Some(_) if is_passing(error) => Failure::disruption(cause, "the repository may come back"),
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
    pub(in crate::engine) fn gone(&self) -> Failure {
        Failure::disruption(
            format!("the backup {} is not there: its repository vanished", self.directory.display()),
            "mount or move the repository back",
        )
    }

    /// Whether the whole backup vanished: its directory is not there, cannot be reached, or is the empty place that an
    /// unmounted repository leaves.
    pub(in crate::engine) fn is_gone(&self) -> bool {
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

/// A failure because a file of the backup is not what the manifest says.
pub(in crate::engine) fn damaged(path: &Path, what: impl Display) -> Failure {
    Failure::incurable(format!("{} in the backup {what}", path.display()), DAMAGED)
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
