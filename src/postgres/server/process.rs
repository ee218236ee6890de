//! Processes as `/proc` tells them (proc(5)).
//!
//! Promises: a process is known by pid and start time together, and by where they count, so that a reused pid is never
//! taken for it and never signalled, not even after a reboot. Never: a zombie does not count as alive, since it can write nothing any more.

use crate::domain::fact::{ProcessMark, Realm};
use rustix::{
    io::Errno,
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};
use std::{
    fs, io,
    os::{fd::OwnedFd, unix::fs::MetadataExt},
    path::PathBuf,
    sync::OnceLock,
};

/// What `/proc/<pid>/stat` says, as far as we need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// The parent's pid.
    pub parent: u32,
    /// Start time in clock ticks since boot.
    pub started: u64,
    /// Processor time used so far, in clock ticks.
    pub busy: u64,
    /// Whether it has ended and only waits for its parent to notice.
    pub zombie: bool,
}

/// Reads `/proc/<pid>/stat`; `None` when there is no such process.
pub fn stat(pid: u32) -> Option<Stat> {
    parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The mark of a process that is there now.
pub fn mark(pid: u32) -> Option<ProcessMark> {
    stat(pid).map(|stat| ProcessMark { pid, started: stat.started, realm: realm() })
}

/// Where the pids count that this process sees; `None` where the system does not tell.
fn realm() -> Option<Realm> {
    // Neither changes while this process lives.
    static REALM: OnceLock<Option<Realm>> = OnceLock::new();
    *REALM.get_or_init(|| {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim().parse().ok()?;
        Some(Realm { boot, namespace: fs::metadata("/proc/self/ns/pid").ok()?.ino() })
    })
}

/// The run of the kernel; `None` where the system does not tell.
pub fn boot() -> Option<uuid::Uuid> {
    realm().map(|realm| realm.boot)
}

/// Whether exactly this process still runs.
pub fn is_alive(mark: ProcessMark) -> bool {
    let here = mark.realm.is_none() || mark.realm == realm();
    here && stat(mark.pid).is_some_and(|stat| stat.started == mark.started && !stat.zombie)
}

/// Signals exactly this process; says whether it was there.
pub fn signal(mark: ProcessMark, signal: Signal) -> io::Result<bool> {
    signal_held(mark, signal, |pid| pidfd_open(pid, PidfdFlags::empty()))
}

/// The same with how the process of a pid is opened.
fn signal_held(
    mark: ProcessMark,
    signal: Signal,
    open: impl FnOnce(Pid) -> rustix::io::Result<OwnedFd>,
) -> io::Result<bool> {
    let Some(pid) = i32::try_from(mark.pid).ok().and_then(Pid::from_raw) else { return Ok(false) };
    // The descriptor holds on to one process: if its start time is right now, the signal cannot reach another.
    let held = match open(pid) {
        Ok(held) => held,
        Err(Errno::SRCH) => return Ok(false),
        Err(e) => return Err(e.into()),
    };
    if !is_alive(mark) {
        return Ok(false);
    }
    match pidfd_send_signal(&held, signal) {
        Ok(()) => Ok(true),
        Err(Errno::SRCH) => Ok(false),
        Err(e) => Err(e.into()),
    }
}

/// The pids of a process's children.
pub fn children(parent: u32) -> Vec<u32> {
    all().into_iter().filter(|pid| stat(*pid).is_some_and(|stat| stat.parent == parent)).collect()
}

/// The pids of all processes that are to be seen.
pub fn all() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// The name of the program that a process runs (proc(5), `/proc/<pid>/comm`).
pub fn name(pid: u32) -> Option<String> {
    Some(fs::read_to_string(format!("/proc/{pid}/comm")).ok()?.trim_end().to_owned())
}

/// What a process shows as its command line. PostgreSQL writes what it does there.
pub fn title(pid: u32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ").trim_end().to_owned()
}

/// The working directory; a postmaster's is its data directory.
pub fn directory(pid: u32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/cwd")).ok()
}

/// The name stands in parentheses and may hold any byte, so the fields are counted from its last one on.
fn parse(text: &str) -> Option<Stat> {
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    // proc(5) counts from 1 with the pid; `fields[0]` is field 3, the state.
    let field = |number: usize| fields.get(number - 3).copied();
    let number = |n: usize| field(n)?.parse::<u64>().ok();
    Some(Stat {
        parent: field(4)?.parse().ok()?,
        started: number(22)?,
        busy: number(14)?.saturating_add(number(15)?),
        zombie: matches!(field(3)?, "Z" | "X"),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use std::{os::unix::process::ExitStatusExt, process::Command};

    #[test]
    fn a_name_full_of_parentheses_does_not_shift_the_fields() {
        let text = "7 (a) R 1 (b)) S 3 7 7 0 -1 4194560 1 0 0 0 11 22 0 0 20 0 1 0 4242 1000 10 rest";
        assert_eq!(parse(text), Some(Stat { parent: 3, started: 4242, busy: 33, zombie: false }));
        assert_eq!(parse("7 (x) Z"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn a_process_is_known_by_its_start_time_too() {
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        let mark = mark(child.id()).unwrap();
        let other = ProcessMark { started: mark.started + 1, ..mark };
        assert!(is_alive(mark) && !is_alive(other));
        let realm = mark.realm.expect("Linux tells it");
        let [mut rebooted, mut contained] = [mark; 2];
        rebooted.realm = Some(Realm { boot: uuid::Uuid::nil(), ..realm });
        contained.realm = Some(Realm { namespace: realm.namespace + 1, ..realm });
        for elsewhere in [rebooted, contained] {
            assert!(!signal(elsewhere, Signal::KILL).unwrap(), "the same numbers mean another process there");
        }
        assert!(is_alive(ProcessMark { realm: None, ..mark }), "an old record");
        assert!(children(std::process::id()).contains(&child.id()));
        assert!(!signal(other, Signal::KILL).unwrap(), "a reused pid is left alone");
        assert!(signal(mark, Signal::KILL).unwrap());
        child.wait().unwrap();
        assert!(!is_alive(mark));
        assert!(!signal(mark, Signal::KILL).unwrap());
    }

    #[test]
    fn a_pid_that_is_reused_just_before_it_is_held_is_not_signalled() {
        let mut sleepers = [(); 2].map(|()| Command::new("sleep").arg("1000").spawn().unwrap());
        let [meant, bystander] = sleepers.each_mut();
        let meant_mark = mark(meant.id()).unwrap();
        let reused = |_| {
            meant.kill().unwrap();
            meant.wait().unwrap();
            pidfd_open(Pid::from_child(bystander), PidfdFlags::empty())
        };
        assert!(!signal_held(meant_mark, Signal::KILL, reused).unwrap());
        // A signal that had been sent before would have ended it otherwise.
        assert!(signal(mark(bystander.id()).unwrap(), Signal::TERM).unwrap());
        assert_eq!(bystander.wait().unwrap().signal(), Some(Signal::TERM.as_raw()));
    }
}
