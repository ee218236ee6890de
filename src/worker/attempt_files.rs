//! What a failure to write an attempt's own files amounts to: its lock, its raw output, its records.
//!
//! They lie below the state directory, not at the target. A full disk there means nothing for the restore, so it is
//! waited for as a repository that vanished is: when there is room again the session goes on without a person.

use crate::{domain::Failure, postgres::server::classify};
use rustix::io::Errno;
use std::io;

/// The failure; `doing` describes what was tried, naming the thing.
pub(super) fn failure(doing: &str, error: &io::Error) -> Failure {
    match Errno::from_io_error(error) {
        Some(Errno::NOSPC | Errno::DQUOT) => Failure::disruption(
            format!("{doing}: {error}"),
            "make room on the disk of the state directory; the session goes on by itself then",
        ),
        Some(_) | None => classify::of_io(doing, error),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use crate::{
        domain::{Failure, FailureClass, ServerOutcome, Success},
        engine::Halt,
        worker::{
            restore::completion,
            server::{server_lock, server_record::ServerRecord},
            session_lock,
            signals::Stop,
            workspace::Workspace,
        },
    };
    use std::{
        fs::{self, File},
        path::Path,
        process::Command,
        time::Duration,
    };
    use uuid::Uuid;

    /// A file system without room for anything. Dropping it unmounts it.
    struct FullDisk(tempfile::TempDir);

    impl FullDisk {
        /// `None` where this machine does not let us mount one.
        fn with(directory: &str) -> Option<Self> {
            let place = tempfile::tempdir().unwrap();
            let options = ["-t", "tmpfs", "-o", "size=16k,nr_inodes=16", "howdah-test"];
            let mounted = Command::new("mount").args(options).arg(place.path()).output().ok()?.status.success();
            let disk = mounted.then_some(Self(place))?;
            fs::create_dir_all(disk.0.path().join(directory)).unwrap();
            while (0..32).any(|number| File::create_new(disk.0.path().join(number.to_string())).is_ok()) {}
            Some(disk)
        }
    }

    impl Drop for FullDisk {
        fn drop(&mut self) {
            Command::new("umount").arg("-l").arg(self.0.path()).status().unwrap();
        }
    }

    #[test]
    fn a_full_disk_under_the_state_directory_is_waited_for() {
        // Only root mounts.
        let Some(disk) = FullDisk::with("7/1") else { return };
        let attempt = disk.0.path().join("7/1");
        let data = Path::new("/no/such/data");
        let success = Success::of_cluster(ServerOutcome::Stopped { answer: String::new() });
        let failed = |result: Result<(), Halt>| match result {
            Err(Halt::Failed(failure)) => failure,
            other => panic!("{other:?}"),
        };
        let workspace = Workspace { attempt: &attempt, session: Uuid::nil(), data };
        let record = ServerRecord::new(&workspace, None, data, "postgres");
        let failures: [Failure; 4] = [
            failed(session_lock::wait(&attempt, Duration::ZERO, &Stop::default()).map(drop)),
            server_lock::acquire(&attempt, server_lock::SERVER).unwrap_err(),
            record.keep(&attempt).unwrap_err(),
            completion::keep(&workspace, &success).unwrap_err(),
        ];
        for failure in failures {
            assert_eq!(failure.class, FailureClass::Disruption, "{failure}");
            assert!(failure.advice.contains("room on the disk of the state directory"), "{failure}");
        }
    }
}
