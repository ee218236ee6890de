//! The lock that a restic of this session has left when it was killed.
//!
//! Promises: what is removed is the one file that such a restic has made, proven by host, user, pid and time, once the
//! process is gone. `restic unlock` is not used: it removes what any dead process of this host has left.
//! Never: touches the lock of a process that lives, or of anybody else.

use super::{super::repository, note::RunNote};
use crate::{
    domain::Failure,
    engine::watched::watched,
    process,
    restic::{
        Restic,
        answer::{self, Lock},
    },
};
use std::{fs, io, path::Path, time::Duration};

/// In a local repository (restic's "Repository layout"), each lock a file by its identifier.
const DIRECTORY: &str = "locks";

/// Removes the locks that these have left; how many there were.
pub(super) fn remove_own(restic: &Restic, runs: &[RunNote]) -> Result<usize, Failure> {
    let directory = restic.repository().join(DIRECTORY);
    let ended: Vec<&RunNote> = runs.iter().filter(|run| is_gone(run)).collect();
    if ended.is_empty() {
        return Ok(0);
    }
    let mut removed = 0;
    for id in identifiers(&directory, restic.limit())? {
        // Gone meanwhile, or nobody can read it: then it proves nothing.
        let Ok(answer) = restic.ask(&["cat", "lock", &id]) else { continue };
        let Some(lock) = answer::lock(&answer) else { continue };
        if ended.iter().any(|run| is_of(&lock, run, restic.uid())) {
            let path = directory.join(&id);
            match fs::remove_file(&path) {
                Ok(()) => removed += 1,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(repository::failure("removing our own lock", &path, &error)),
            }
        }
    }
    Ok(removed)
}

/// The process is gone, and no other one has its pid now.
fn is_gone(run: &RunNote) -> bool {
    !process::is_out_of_sight(run.process) && process::stat(run.process.pid).is_none_or(|stat| stat.zombie)
}

fn is_of(lock: &Lock, run: &RunNote, uid: u32) -> bool {
    let in_its_time = lock.time >= run.began && run.until.is_some_and(|until| lock.time <= until);
    lock.hostname == run.host && lock.uid == uid && lock.pid == run.process.pid && in_its_time
}

fn identifiers(directory: &Path, limit: Duration) -> Result<Vec<String>, Failure> {
    let directory = directory.to_owned();
    watched(&directory.display().to_string(), limit, move |heartbeat| {
        let failed = |error: io::Error| repository::failure("looking for locks in", &directory, &error);
        let mut found = Vec::new();
        for entry in fs::read_dir(&directory).map_err(failed)? {
            heartbeat.beat();
            let name = entry.map_err(failed)?.file_name();
            found.extend(name.to_str().filter(|name| answer::is_identifier(name)).map(ToOwned::to_owned));
        }
        Ok(found)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::domain::fact::ProcessMark;

    #[test]
    fn a_lock_is_ours_by_host_user_pid_and_time_and_by_nothing_less() {
        let at = |second: u32| format!("2026-11-23T02:17:{second:02}Z").parse().unwrap();
        let process = ProcessMark { pid: 4680, started: 1, realm: None };
        let run = RunNote { host: "vm".to_owned(), until: Some(at(40)), ..RunNote::new("r", process, at(10)) };
        let lock = Lock { time: at(20), hostname: "vm".to_owned(), pid: 4680, uid: 7, exclusive: false };
        assert!(is_of(&lock, &run, 7));
        for other in [
            Lock { time: at(9), ..lock.clone() },
            Lock { time: at(41), ..lock.clone() },
            Lock { hostname: "other".to_owned(), ..lock.clone() },
            Lock { pid: 4681, ..lock.clone() },
            Lock { uid: 8, ..lock.clone() },
        ] {
            assert!(!is_of(&other, &run, 7), "{other:?}");
        }
        assert!(!is_of(&lock, &RunNote { until: None, ..run.clone() }, 7));
        let own = process::mark(std::process::id()).unwrap();
        assert!(!is_gone(&RunNote { process: ProcessMark { started: 0, ..own }, ..run.clone() }), "the pid is in use");
    }
}
