//! The processes of one attempt: its worker, and whoever is in the worker's group.
//!
//! Promises: a process counts as the worker only if pid and start time are those of the mark, it is this user's, and
//! its command line names the attempt's own directory; what is not proven to be of the attempt is never signalled.
//! Never: trusts a file alone, since files can be wrong.

use crate::{
    domain::{AttemptNo, fact::ProcessMark},
    process::{group_members, is_alive, is_out_of_sight, mark, own_arguments, pids, signal},
};
use rustix::process::Signal;
use std::{
    io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// How often it is looked whether a killed process is gone.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// How long the worker of an earlier attempt may take to die: a killed process goes at once, unless it waits for a device.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// The argument before the directory on a worker's command line.
const VERB: &[u8] = b"worker";

/// The processes of the attempt in one directory.
#[derive(Debug, Clone)]
pub(super) struct WorkerGroup {
    directory: PathBuf,
    /// Who is recorded as the worker.
    pub(super) worker: Option<ProcessMark>,
}

impl WorkerGroup {
    pub(super) const fn new(directory: PathBuf, worker: Option<ProcessMark>) -> Self {
        Self { directory, worker }
    }

    /// Whether the worker is alive.
    pub(super) fn is_running(&self) -> bool {
        self.worker.is_some_and(|mark| is_alive(mark) && is_worker(mark.pid, &self.directory))
    }

    /// All that live: the worker, and its group, whether or not the worker still leads it.
    pub(super) fn members(&self) -> io::Result<Vec<ProcessMark>> {
        let Some(mark) = self.worker else { return Ok(Vec::new()) };
        if is_alive(mark) && !is_worker(mark.pid, &self.directory) {
            return Ok(Vec::new());
        }
        let mut members = group_members(mark)?;
        // A worker that has only just been started leads no group of its own yet.
        if is_alive(mark) && !members.contains(&mark) {
            members.push(mark);
        }
        Ok(members)
    }

    /// Whether it is proven that none lives. One that lives where it cannot be seen from here is not proven to be gone.
    pub(super) fn is_gone(&self) -> bool {
        match self.worker {
            Some(mark) if is_out_of_sight(mark) => false,
            Some(_) => self.members().is_ok_and(|members| members.is_empty()),
            // It may have been started and not have written a line yet.
            None => worker_in(&self.directory).is_none(),
        }
    }

    /// Asks the worker to stop. One that is gone has stopped.
    pub(super) fn ask_to_stop(&self) -> io::Result<()> {
        match self.worker {
            Some(mark) if self.is_running() => signal(mark, Signal::TERM).map(drop),
            Some(_) | None => Ok(()),
        }
    }

    /// Kills all that live now. One of them may have had a child meanwhile: look again until nobody is left.
    pub(super) fn kill(&self) -> io::Result<()> {
        self.members()?.into_iter().try_for_each(|mark| signal(mark, Signal::KILL).map(drop))
    }
}

/// The living worker that was started for this directory. A process shows it from the moment it runs, before it has said
/// a word.
pub(super) fn worker_in(directory: &Path) -> Option<ProcessMark> {
    pids().ok()?.filter(|pid| is_worker(*pid, directory)).find_map(mark).filter(|mark| is_alive(*mark))
}

/// Kills the workers of a session's earlier attempts. There are none, but for one that its owner had let loose a moment
/// before it died: such a process is no worker yet when the next owner looks for it, and may become one later.
pub(super) fn kill_earlier(session: &Path, than: AttemptNo) -> io::Result<()> {
    let began = Instant::now();
    loop {
        let mut left = earlier(session, than)?.into_iter().peekable();
        if left.peek().is_none() || began.elapsed() > KILL_TIMEOUT {
            // What cannot be killed holds the session's lock, and the new worker reports that.
            return Ok(());
        }
        for group in left {
            tracing::warn!(worker = ?group.worker, "the worker of an earlier attempt is killed");
            group.kill()?;
        }
        thread::sleep(POLL_INTERVAL);
    }
}

fn earlier(session: &Path, than: AttemptNo) -> io::Result<Vec<WorkerGroup>> {
    let group = |pid: u32| {
        let directory = directory_of(&own_arguments(pid)?)?;
        let number: u32 = directory.file_name()?.to_str()?.parse().ok()?;
        let mark = mark(pid).filter(|mark| is_alive(*mark))?;
        (directory.parent() == Some(session) && number < than.0).then(|| WorkerGroup::new(directory, Some(mark)))
    };
    Ok(pids()?.filter_map(group).collect())
}

fn is_worker(pid: u32, directory: &Path) -> bool {
    own_arguments(pid).is_some_and(|arguments| directory_of(&arguments).is_some_and(|named| named == directory))
}

/// The directory that a command line sets a worker to.
fn directory_of(arguments: &[Vec<u8>]) -> Option<PathBuf> {
    let pair = arguments.windows(2).find(|pair| pair[0] == VERB)?;
    Some(PathBuf::from(std::ffi::OsStr::from_bytes(&pair[1])))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use std::process::{Child, Command};

    /// A process of its own group that shows these arguments.
    struct Bystander(Child);

    impl Bystander {
        fn showing(arguments: &[&str]) -> Self {
            use std::os::unix::process::CommandExt;
            let script = ["-c", "tail -f /dev/null; :", "howdah"];
            let child = Command::new("sh").args(script).args(arguments).process_group(0).spawn().unwrap();
            Self(child)
        }

        fn mark(&self) -> ProcessMark {
            mark(self.0.id()).unwrap()
        }
    }

    impl Drop for Bystander {
        fn drop(&mut self) {
            rustix::process::kill_process_group(rustix::process::Pid::from_child(&self.0), Signal::KILL).unwrap();
            self.0.wait().unwrap();
        }
    }

    #[test]
    fn a_worker_is_told_by_its_whole_directory() {
        let named = |line: &[u8]| directory_of(&line.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect::<Vec<_>>());
        let directory = Path::new("/state/attempts/1/1");
        assert_eq!(named(b"howdah\0worker\0/state/attempts/1/1\0").as_deref(), Some(directory));
        for other in [
            b"howdah\0worker\0/state/attempts/1/11\0".as_slice(),
            b"howdah\0worker /state/attempts/1/1\0",
            b"howdah\0/state/attempts/1/1\0worker\0",
            b"",
        ] {
            assert_ne!(named(other).as_deref(), Some(directory), "{}", String::from_utf8_lossy(other));
        }
        assert_eq!(worker_in(Path::new("/no/such/attempt")), None);
    }

    #[test]
    fn a_process_with_the_right_numbers_and_another_ticket_is_left_alone() {
        let other = Bystander::showing(&["worker", "/no/such/state/attempts/1/2"]);
        let group = WorkerGroup::new("/no/such/state/attempts/1/1".into(), Some(other.mark()));
        assert!(!group.is_running());
        assert_eq!(group.members().unwrap(), Vec::new());
        group.ask_to_stop().unwrap();
        group.kill().unwrap();
        assert!(is_alive(other.mark()));
    }

    #[test]
    fn only_workers_of_earlier_attempts_of_the_same_session_are_killed() {
        let session = Path::new("/no/such/state/attempts/7");
        let show = |dir: &str| Bystander::showing(&["worker", &session.join(dir).to_string_lossy()]);
        let (first, second, third) = (show("1"), show("2"), show("3"));
        let others = [show("../8/1"), show("x"), Bystander::showing(&["/no/such/state/attempts/7/1", "worker"])];
        kill_earlier(session, AttemptNo(3)).unwrap();
        assert!(!is_alive(first.mark()) && !is_alive(second.mark()));
        assert!([&third].into_iter().chain(&others).all(|left| is_alive(left.mark())));
    }
}
