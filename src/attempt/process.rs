//! Processes as the kernel tells them: who is alive in a group, and whether a pid is still the one that was meant.
//! Source of the fields: proc(5), `/proc/<pid>/stat`.

use crate::domain::fact::ProcessMark;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::{fs, io};

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
    fn init_and_the_own_group_are_never_signalled_by_number_0_or_1() {
        for number in [0, 1, u32::MAX] {
            assert!(pid(ProcessMark { pid: number, started: 1 }).is_err());
        }
    }
}
