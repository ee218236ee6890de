//! What the system's errors at a target mean for a restore: wait, or ask a person.
//!
//! Promises: the class follows from the error number, never from wording.

use crate::domain::{Failure, failure::FILE_SIZE_LIMIT};
use rustix::io::Errno;
use std::{io, path::Path};

/// Error numbers that mean a disk, a host or a network that is gone for now: waiting may bring it back.
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

/// A failure to do something (`create`, `write`) at the target.
pub(in crate::engine) fn at_target(doing: &str, path: &Path, error: &io::Error) -> Failure {
    let cause = format!("cannot {doing} {}: {error}", path.display());
    match errno(error) {
        Some(Errno::NOSPC) => Failure::incurable(cause, "free space there or choose another target, then retry"),
        Some(Errno::DQUOT) => Failure::incurable(cause, "raise the quota or choose another target, then retry"),
        Some(Errno::FBIG) => Failure::incurable(cause, FILE_SIZE_LIMIT),
        Some(Errno::ACCESS | Errno::PERM) => {
            Failure::incurable(cause, "give the user that runs howdah the right to write there, then retry")
        }
        // What a file system that was forced off, or is being brought back, answers.
        Some(Errno::ROFS) => {
            Failure::disruption(cause, "the file system is read-only now: mount it to be written again")
        }
        Some(Errno::XDEV) => Failure::disruption(
            format!("{cause}: another file system is there than when the restore was ordered"),
            "mount again what was there; nothing was written meanwhile",
        ),
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

/// Whether waiting may bring back what the error is about.
pub(in crate::engine) fn is_passing(error: &io::Error) -> bool {
    errno(error).is_some_and(|errno| PASSING.contains(&errno))
}

/// The error's number, if the system gave one.
pub(in crate::engine) fn errno(error: &io::Error) -> Option<Errno> {
    error.raw_os_error().map(Errno::from_raw_os_error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::FailureClass;

    #[test]
    fn d04_what_a_person_must_mend_at_the_target_is_not_waited_for() {
        for errno in [Errno::NOSPC, Errno::DQUOT, Errno::FBIG, Errno::ACCESS, Errno::EXIST] {
            let error = io::Error::from_raw_os_error(errno.raw_os_error());
            let failure = at_target("write", Path::new("/srv/pg"), &error);
            assert_eq!(failure.class, FailureClass::Incurable, "{errno}");
            assert!(!failure.advice.is_empty());
            assert_eq!(failure.advice.contains("ulimit -f"), errno == Errno::FBIG, "{failure}");
        }
    }

    #[test]
    fn r08_a_target_whose_file_system_went_away_is_a_disruption() {
        for errno in [Errno::ROFS, Errno::NOTCONN, Errno::XDEV, Errno::STALE, Errno::IO, Errno::HOSTDOWN] {
            let error = io::Error::from_raw_os_error(errno.raw_os_error());
            assert_eq!(at_target("write", Path::new("/srv/pg"), &error).class, FailureClass::Disruption, "{errno}");
        }
    }
}
