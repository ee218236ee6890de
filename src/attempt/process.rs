//! Processes as the kernel tells them: who is alive in a group, and whether a pid is still the one that was meant.
//! Source of the fields: proc(5), `/proc/<pid>/stat`.

use crate::domain::fact::ProcessMark;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::{
    fs, io,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

/// What `/proc/<pid>/stat` says of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    zombie: bool,
    group: u32,
    started: u64,
}

/// Whether this very process is alive: same pid, same start time, and not only a zombie.
pub fn is_alive(mark: ProcessMark) -> bool {
    stat(mark.pid).is_some_and(|stat| stat.started == mark.started && !stat.zombie)
}

/// The living members of the process group that this process leads or led.
///
/// The kernel does not give a pid out again while a group or session of that number has members; so if the pid now
/// belongs to another process, the group is gone.
pub fn group_members(leader: ProcessMark) -> io::Result<Vec<u32>> {
    if stat(leader.pid).is_some_and(|stat| stat.started != leader.started) {
        return Ok(Vec::new());
    }
    let mut members = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        if stat(pid).is_some_and(|stat| stat.group == leader.pid && !stat.zombie) {
            members.push(pid);
        }
    }
    Ok(members)
}

/// Asks this very process to stop. One that is gone has stopped.
pub fn ask_to_stop(mark: ProcessMark) -> io::Result<()> {
    if !is_alive(mark) {
        return Ok(());
    }
    told(kill_process(pid(mark)?, Signal::TERM))
}

/// Kills the whole process group that this process leads or led, unless it is gone. A worker that has only just been
/// started leads none yet and is killed by itself.
pub fn kill_group(leader: ProcessMark) -> io::Result<()> {
    if !group_members(leader)?.is_empty() {
        told(kill_process_group(pid(leader)?, Signal::KILL))?;
    }
    if is_alive(leader) { told(kill_process(pid(leader)?, Signal::KILL)) } else { Ok(()) }
}

/// The mark of a process that is alive now, or a zombie whose parent has not waited for it yet.
pub fn mark_of(pid: u32) -> Option<ProcessMark> {
    stat(pid).map(|stat| ProcessMark { pid, started: stat.started })
}

/// The living worker that was started for this directory of an attempt, told by its command line: `worker <directory>`.
/// A process shows it from the moment it runs, before it has said a word.
pub fn worker_in(directory: &Path) -> Option<ProcessMark> {
    let own = rustix::process::geteuid().as_raw();
    let is_worker = |pid: &u32| {
        let place = PathBuf::from(format!("/proc/{pid}"));
        // Another user's process is never ours, whatever it is called.
        fs::metadata(&place).is_ok_and(|process| process.uid() == own)
            && fs::read(place.join("cmdline")).is_ok_and(|line| names_worker(&line, directory))
    };
    let pids = fs::read_dir("/proc").ok()?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(is_worker).find_map(mark_of).filter(|mark| is_alive(*mark))
}

fn names_worker(command_line: &[u8], directory: &Path) -> bool {
    let arguments: Vec<&[u8]> = command_line.split(|byte| *byte == 0).collect();
    arguments.windows(2).any(|pair| pair == [b"worker".as_slice(), directory.as_os_str().as_bytes()])
}

fn told(result: Result<(), rustix::io::Errno>) -> io::Result<()> {
    match result {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn pid(mark: ProcessMark) -> io::Result<Pid> {
    let raw = i32::try_from(mark.pid).ok().filter(|raw| *raw > 1);
    raw.and_then(Pid::from_raw).ok_or_else(|| io::Error::other(format!("{} is not the pid of a worker", mark.pid)))
}

fn stat(pid: u32) -> Option<Stat> {
    parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Fields are counted behind the last `)`: the command's own name before it may hold anything.
fn parse(line: &str) -> Option<Stat> {
    let mut fields = line.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?;
    let group = fields.nth(1)?.parse().ok()?;
    // The group is field 5, the start time field 22: 16 fields lie between.
    let started = fields.nth(16)?.parse().ok()?;
    Some(Stat { zombie: matches!(state, "Z" | "X"), group, started })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    #[test]
    fn a_command_name_full_of_traps_is_read_past() {
        let line = "12 (a) Z 1 2) S 1 34 34 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 5678 1 1";
        assert_eq!(parse(line), Some(Stat { zombie: false, group: 34, started: 5678 }));
        assert_eq!(parse("12 (x) Z 1 34"), None);
    }

    #[test]
    fn a_reused_pid_is_neither_alive_nor_a_group() {
        let own = mark_of(std::process::id()).unwrap();
        assert!(is_alive(own));
        let older = ProcessMark { started: own.started - 1, ..own };
        assert!(!is_alive(older));
        assert_eq!(group_members(older).unwrap(), Vec::<u32>::new());
    }

    #[test]
    fn a_worker_is_told_by_its_whole_directory() {
        let directory = Path::new("/state/attempts/1/1");
        assert!(names_worker(b"howdah\0worker\0/state/attempts/1/1\0", directory));
        for other in [
            b"howdah\0worker\0/state/attempts/1/11\0".as_slice(),
            b"howdah\0worker /state/attempts/1/1\0",
            b"howdah\0/state/attempts/1/1\0worker\0",
            b"",
        ] {
            assert!(!names_worker(other, directory), "{}", String::from_utf8_lossy(other));
        }
        assert_eq!(worker_in(Path::new("/no/such/attempt")), None);
    }

    #[test]
    fn init_and_the_own_group_are_never_signalled_by_number_0_or_1() {
        for number in [0, 1, u32::MAX] {
            assert!(pid(ProcessMark { pid: number, started: 1 }).is_err());
        }
    }
}
