//! One worker at a time for each session: `lock` in the session's directory, held for the worker's life.
//!
//! Promises: whoever holds it works for the newest attempt of its session, and no other worker of that session touches
//! the target meanwhile, in whatever way it came to life. Never: believes that somebody is gone; the kernel
//! gives the lock back when they are.

use super::{attempt_files, signals::Stop};
use crate::{
    domain::{AttemptNo, Failure},
    engine::Halt,
    private_file,
};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    path::Path,
    thread,
    time::{Duration, Instant},
};

const NAME: &str = "lock";

/// How often it is looked whether the other one is gone.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// How long another worker may take to go: it has been killed, and goes at once unless it waits for a device.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

/// The lock, held until this is dropped.
#[derive(Debug)]
pub(super) struct SessionLock {
    _lock: File,
}

/// Takes the lock for the attempt in this directory, waiting for whoever has it.
pub(super) fn wait(attempt_dir: &Path, patience: Duration, stop: &Stop) -> Result<SessionLock, Halt> {
    let (Some(session), Some(attempt)) = (attempt_dir.parent(), number(attempt_dir)) else {
        return Err(Failure::bug(format!("{} is not the directory of an attempt", attempt_dir.display())).into());
    };
    let path = session.join(NAME);
    let failed = |e: io::Error| attempt_files::failure(&format!("taking the lock {}", path.display()), &e);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let mut lock = private_file::open(&path, &mut options).map_err(failed)?;
    let began = Instant::now();
    loop {
        match lock.try_lock() {
            Ok(()) => break,
            Err(TryLockError::Error(e)) => return Err(failed(e).into()),
            Err(TryLockError::WouldBlock) if stop.requested() => return Err(Halt::Stopped),
            Err(TryLockError::WouldBlock) if began.elapsed() >= patience => return Err(held(&mut lock).into()),
            Err(TryLockError::WouldBlock) => thread::sleep(POLL_INTERVAL),
        }
    }
    // Asked only now: a newer attempt that comes after this look finds the lock held.
    if let Some(newer) = newest(session).map_err(failed)?.filter(|newest| *newest > attempt) {
        let cause = format!("attempt {newer} has taken the place of this one before it came to work");
        return Err(Failure::disruption(cause, "").into());
    }
    let note = format!("{attempt} {}\n", std::process::id());
    lock.set_len(0).and_then(|()| lock.rewind()).and_then(|()| lock.write_all(note.as_bytes())).map_err(failed)?;
    Ok(SessionLock { _lock: lock })
}

/// Whether a worker of the session with these files is at work.
pub(super) fn is_held(session: &Path) -> io::Result<bool> {
    let lock = match File::open(session.join(NAME)) {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    // Whoever wants it meanwhile asks again.
    match lock.try_lock_shared() {
        Ok(()) => lock.unlock().map(|()| false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Who has the lock, as far as the file shows.
fn held(lock: &mut File) -> Failure {
    let mut text = String::new();
    let read = lock.rewind().and_then(|()| lock.take(64).read_to_string(&mut text));
    let mut numbers = text.split_ascii_whitespace().map_while(|word| word.parse::<u32>().ok());
    match (read, numbers.next(), numbers.next()) {
        (Ok(_), Some(attempt), Some(pid)) => Failure::disruption(
            format!("process {pid} still works for attempt {attempt} of this session"),
            format!("see what it waits for (a device, a network file system); kill {pid} if it does not end"),
        ),
        (_, _, _) => Failure::disruption("another process still works for this session", ""),
    }
}

fn newest(session: &Path) -> io::Result<Option<AttemptNo>> {
    let mut newest = None;
    for entry in fs::read_dir(session)? {
        let path = entry?.path();
        newest = newest.max(number(&path).filter(|_| path.is_dir()));
    }
    Ok(newest)
}

/// The number of an attempt, by its directory's name.
fn number(attempt_dir: &Path) -> Option<AttemptNo> {
    attempt_dir.file_name()?.to_str()?.parse().ok().map(AttemptNo)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::domain::FailureClass;
    use std::path::PathBuf;

    const SHORT: Duration = Duration::from_millis(50);

    fn attempts(session: &Path) -> [PathBuf; 2] {
        let both = [session.join("9"), session.join("10")];
        for directory in &both {
            fs::create_dir(directory).unwrap();
        }
        both
    }

    fn failure(result: Result<SessionLock, Halt>) -> Failure {
        let Err(Halt::Failed(failure)) = result else { panic!("{result:?}") };
        failure
    }

    #[test]
    fn a_worker_that_comes_late_gives_up_for_the_newer_one() {
        let session = tempfile::tempdir().unwrap();
        let [old, new] = attempts(session.path());
        let late = failure(wait(&old, SHORT, &Stop::default()));
        assert_eq!(late.class, FailureClass::Disruption);
        assert!(late.cause.contains("attempt 10"), "{late}");
        wait(&new, SHORT, &Stop::default()).unwrap();
        let nowhere = failure(wait(&session.path().join("x"), SHORT, &Stop::default()));
        assert_eq!(nowhere.class, FailureClass::Bug);
    }

    #[test]
    fn the_next_attempt_waits_for_whoever_works_and_names_them_in_the_end() {
        let session = tempfile::tempdir().unwrap();
        let [old, new] = attempts(session.path());
        fs::remove_dir(&new).unwrap();
        let works = wait(&old, SHORT, &Stop::default()).unwrap();
        fs::create_dir(&new).unwrap();
        let refused = failure(wait(&new, SHORT, &Stop::default()));
        assert_eq!(refused.class, FailureClass::Disruption);
        let named = format!("process {} still works for attempt 9", std::process::id());
        assert!(refused.cause.contains(&named), "{refused}");
        let stop = Stop::default();
        stop.request();
        assert!(matches!(wait(&new, TIMEOUT, &stop), Err(Halt::Stopped)));
        let waits = thread::spawn(move || wait(&new, TIMEOUT, &Stop::default()));
        drop(works);
        waits.join().unwrap().unwrap();
    }
}
