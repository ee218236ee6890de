//! The locks of what a session starts and what outlives its worker: `server.lock` and `overlay.lock` in the session's
//! directory, locked and given to each such process as its standard input, and so to whatever that starts.
//!
//! The lock is held from the moment a server process comes to be until the last of its children is gone, without a gap
//! in which only a record could show it, or not show it yet. The file is empty: who reads it is at the end, as with
//! /dev/null.
//!
//! Promises: when [`kill_holders`] has succeeded, no process that a server of this session left behind can write any more. Never:
//! touches a process that does not hold the lock.

use crate::{
    domain::{Failure, fact::ProcessMark},
    private_file, process,
    worker::attempt_files,
};
use rustix::process::Signal;
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// Held by the session's servers.
pub(in crate::worker) const SERVER: &str = "server.lock";

/// Held by the process that serves its files.
pub(in crate::worker) const OVERLAY: &str = "overlay.lock";

/// How often it is looked whether all are gone.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// How long children may outlive their server: PostgreSQL's notice its death within milliseconds.
const GRACE: Duration = Duration::from_millis(500);

/// A killed process goes at once, unless it waits for a device.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A fresh lock of this name for one process. Nothing of an earlier one is left then.
pub(in crate::worker) fn acquire(attempt_dir: &Path, name: &str) -> Result<File, Failure> {
    kill_holders(attempt_dir, name)?;
    let path = attempt_dir.with_file_name(name);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let lock = private_file::open(&path, &mut options).map_err(|e| failed(&path, &e))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            Err(Failure::bug("two servers or overlays of one session are started at once"))
        }
        Err(TryLockError::Error(e)) => Err(failed(&path, &e)),
    }
}

/// Kills whoever holds the session's lock of this name; returns whether there was anything.
pub(in crate::worker) fn kill_holders(attempt_dir: &Path, name: &str) -> Result<bool, Failure> {
    let path = attempt_dir.with_file_name(name);
    let lock = match File::open(&path) {
        Ok(lock) => lock,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(failed(&path, &e)),
    };
    let began = Instant::now();
    let mut found = false;
    loop {
        match lock.try_lock() {
            // Unlocked explicitly: a process that another thread is just starting has a copy of the file until it
            // execs.
            Ok(()) => return lock.unlock().map(|()| found).map_err(|e| failed(&path, &e)),
            Err(TryLockError::WouldBlock) => found = true,
            Err(TryLockError::Error(e)) => return Err(failed(&path, &e)),
        }
        if began.elapsed() >= GRACE {
            let held = holders(&lock).map_err(|e| failed(&path, &e))?;
            for holder in &held {
                process::signal(*holder, Signal::KILL).map_err(|e| failed(&path, &e))?;
            }
            if began.elapsed() >= TIMEOUT {
                return Err(lives(&held));
            }
        }
        thread::sleep(POLL_INTERVAL);
    }
}

/// Who holds the lock: not whoever has the file open, but those whose own descriptor has the lock.
fn holders(lock: &File) -> io::Result<Vec<ProcessMark>> {
    let lock = lock.metadata()?;
    let holds = |pid: &u32| {
        let place = PathBuf::from(format!("/proc/{pid}"));
        // A process that is gone by now, or another user's, shows nothing.
        let open = fs::read_dir(place.join("fd")).into_iter().flatten().filter_map(Result::ok);
        open.filter(|entry| {
            let file = fs::metadata(entry.path());
            file.is_ok_and(|file| (file.dev(), file.ino()) == (lock.dev(), lock.ino()))
        })
        .any(|entry| {
            // Each lock that an open file has is listed there (proc(5), `/proc/<pid>/fdinfo`).
            let fdinfo = fs::read_to_string(place.join("fdinfo").join(entry.file_name()));
            fdinfo.is_ok_and(|fdinfo| fdinfo.lines().any(|line| line.starts_with("lock:") && line.contains("FLOCK")))
        })
    };
    let others = process::pids()?.filter(|pid| *pid != std::process::id());
    Ok(others.filter(holds).filter_map(process::mark).collect())
}

fn lives(held: &[ProcessMark]) -> Failure {
    let advice = "see what it waits for (a device, a network file system), end it, then go on";
    match held.first() {
        Some(holder) => Failure::disruption(
            format!("process {} that an earlier attempt started does not end, even when killed", holder.pid),
            advice,
        ),
        None => Failure::disruption(
            "what an earlier attempt started still runs where it cannot be seen from here",
            "see whether it runs in another container, end it, then go on",
        ),
    }
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    attempt_files::failure(&format!("looking for processes that hold {}", path.display()), error)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use std::process::{Child, Command, Stdio};

    /// Killed and waited for when the test ends, however it ends.
    struct Started(Child);

    impl Started {
        fn new(command: &mut Command) -> Self {
            Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
        }

        fn end(&mut self) {
            self.0.kill().unwrap();
            self.0.wait().unwrap();
        }
    }

    impl Drop for Started {
        fn drop(&mut self) {
            self.end();
        }
    }

    #[test]
    fn whoever_holds_the_lock_is_killed_and_nobody_else() {
        let session = tempfile::tempdir().unwrap();
        let attempt = session.path().join("1");
        assert!(!kill_holders(&attempt, SERVER).unwrap(), "no server was ever started");
        let lock = acquire(&attempt, SERVER).unwrap();
        // A server in a session of its own with a child, as postgres is; the server dies first.
        let script = "exec 3<&0; timeout 60 tail -f /dev/null & wait";
        let mut server = Started::new(Command::new("setsid").args(["sh", "-c", script]).stdin(lock));
        let file = File::open(attempt.with_file_name(SERVER)).unwrap();
        let mut bystander =
            Started::new(Command::new("tail").args(["-f", "/dev/null"]).stdin(file.try_clone().unwrap()));
        let began = Instant::now();
        // The shell, and the two that it has started.
        while holders(&file).unwrap().len() < 3 {
            assert!(began.elapsed() < TIMEOUT, "{:?}", holders(&file));
            thread::yield_now();
        }
        server.end();
        assert_eq!(holders(&file).unwrap().len(), 2, "its children live on");
        assert!(kill_holders(&session.path().join("2"), SERVER).unwrap(), "the next attempt finds them");
        assert_eq!(holders(&file).unwrap(), Vec::new());
        assert!(!kill_holders(&attempt, SERVER).unwrap());
        assert!(bystander.0.try_wait().unwrap().is_none(), "it had the file open, and no lock");
    }
}
