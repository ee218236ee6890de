//! Processes as the kernel shows them (proc(5)): who is alive, in which group, and whether a pid is still the one meant.
//!
//! Promises: a signal reaches only a process whose start time was looked at while the kernel held on to it; a mark from
//! another run of the kernel, or from another namespace of pids, names nobody here. A zombie counts as dead, since it can
//! write nothing any more.

mod stat;

pub use stat::{Stat, stat};

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
use uuid::Uuid;

/// The running program itself, even after its file was replaced by an upgrade (proc(5), `/proc/self/exe`).
pub const OWN_PROGRAM: &str = "/proc/self/exe";

/// The mark of a process that is alive now, or a zombie whose parent has not waited for it yet.
pub fn mark(pid: u32) -> Option<ProcessMark> {
    stat(pid).map(|stat| mark_with(pid, stat))
}

fn mark_with(pid: u32, stat: Stat) -> ProcessMark {
    ProcessMark { pid, started: stat.started, realm: realm() }
}

/// Whether this very process is alive: same pid, same start time, and not only a zombie.
pub fn is_alive(mark: ProcessMark) -> bool {
    is_here(mark) && stat(mark.pid).is_some_and(|stat| stat.started == mark.started && !stat.zombie)
}

/// Signals exactly this process; `true` when it was there.
///
/// # Errors
///
/// The pid is one that is never ours to signal (0, 1, or no pid at all), or the kernel refuses, as for another user's.
pub fn signal(mark: ProcessMark, signal: Signal) -> io::Result<bool> {
    signal_held(mark, signal, |pid| pidfd_open(pid, PidfdFlags::empty()))
}

/// The same with how the process of a pid is opened.
fn signal_held(
    mark: ProcessMark,
    signal: Signal,
    open: impl FnOnce(Pid) -> rustix::io::Result<OwnedFd>,
) -> io::Result<bool> {
    let raw = i32::try_from(mark.pid).ok().filter(|raw| *raw > 1);
    let Some(pid) = raw.and_then(Pid::from_raw) else {
        return Err(io::Error::other(format!("{} is not the pid of a process to signal", mark.pid)));
    };
    // The descriptor holds on to one process: if its start time is right now, the signal cannot reach another.
    let held = match open(pid) {
        Ok(held) => held,
        Err(Errno::SRCH) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    if !is_alive(mark) {
        return Ok(false);
    }
    match pidfd_send_signal(&held, signal) {
        Ok(()) => Ok(true),
        Err(Errno::SRCH) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The living members of the process group that this process leads or led.
///
/// The kernel does not give a pid out again while a group or session of that number has members; so if the pid now
/// belongs to another process, the group is gone. Where nobody has the pid, the number may be that of a group of
/// another realm: a mark that does not tell its realm then names nobody.
pub fn group_members(leader: ProcessMark) -> io::Result<Vec<ProcessMark>> {
    let found = stat(leader.pid);
    let same = found.is_some_and(|stat| stat.started == leader.started);
    let led = found.is_none() && leader.realm.is_some();
    if !is_here(leader) || !(same || led) {
        return Ok(Vec::new());
    }
    // Whoever is in the group is in the leader's session too, and came after it.
    let belongs = |stat: Stat| {
        stat.group == leader.pid && stat.session == leader.pid && stat.started >= leader.started && !stat.zombie
    };
    let mark = |pid| Some(mark_with(pid, stat(pid).filter(|stat| belongs(*stat))?));
    Ok(pids()?.filter_map(mark).collect())
}

/// The pids of a process's children.
pub fn children(parent: u32) -> Vec<u32> {
    // Where /proc cannot be listed nothing is known of children either.
    let Ok(all) = pids() else { return Vec::new() };
    all.filter(|pid| stat(*pid).is_some_and(|stat| stat.parent == parent)).collect()
}

/// The pids of all processes that are to be seen.
pub fn pids() -> io::Result<impl Iterator<Item = u32>> {
    Ok(fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()))
}

/// The arguments that a living process of this user shows. Another user's process is never ours, whatever it is called.
pub fn own_arguments(pid: u32) -> Option<Vec<Vec<u8>>> {
    let place = PathBuf::from(format!("/proc/{pid}"));
    let own = fs::metadata(&place).is_ok_and(|process| process.uid() == rustix::process::geteuid().as_raw());
    let line = own.then(|| fs::read(place.join("cmdline")).ok())??;
    Some(line.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect())
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

/// The files that a process has open, by number, as the kernel names them: one that was removed ends in ` (deleted)`. None
/// of a process that is gone by now, or is another user's.
pub fn open_files(pid: u32) -> Vec<(u32, PathBuf)> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().filter_map(Result::ok);
    let named =
        |entry: fs::DirEntry| Some((entry.file_name().to_str()?.parse().ok()?, fs::read_link(entry.path()).ok()?));
    entries.filter_map(named).collect()
}

/// Whether the numbers of a mark count where we are. An old record does not tell; its start time must do.
fn is_here(mark: ProcessMark) -> bool {
    mark.realm.is_none() || mark.realm == realm()
}

/// Whether a mark is of this run of the kernel and of another namespace of pids: then nobody here can see the process,
/// and it may live all the same.
pub fn is_out_of_sight(mark: ProcessMark) -> bool {
    matches!((mark.realm, realm()), (Some(its), Some(ours)) if its.boot == ours.boot && its.namespace != ours.namespace)
}

/// The run of the kernel; `None` where the system does not tell.
pub fn boot() -> Option<Uuid> {
    realm().map(|realm| realm.boot)
}

/// This machine, as it calls itself.
pub fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use std::{
        io::{BufRead, BufReader},
        os::unix::process::ExitStatusExt,
        process::{Child, Command, Stdio},
    };

    #[test]
    fn a_reused_pid_is_neither_alive_nor_a_group() {
        let own = super::mark(std::process::id()).unwrap();
        assert!(is_alive(own));
        let older = ProcessMark { started: own.started - 1, ..own };
        assert!(!is_alive(older));
        assert_eq!(group_members(older).unwrap(), Vec::new());
    }

    #[test]
    fn a_process_is_known_by_its_start_time_too() {
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        let mark = super::mark(child.id()).unwrap();
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

    /// A leader of a session that is gone, and the child that it has left behind.
    fn headless_group() -> (ProcessMark, ProcessMark) {
        let script = "tail -f /dev/null >/dev/null & echo $!; read -r line";
        let mut leader: Child = Command::new("setsid")
            .args(["sh", "-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mark = super::mark(leader.id()).unwrap();
        let mut line = String::new();
        BufReader::new(leader.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let child = super::mark(line.trim().parse().unwrap());
        leader.kill().unwrap();
        leader.wait().unwrap();
        (mark, child.unwrap())
    }

    #[test]
    fn a_group_without_its_leader_is_ours_only_where_its_numbers_count() {
        let (leader, child) = headless_group();
        let realm = leader.realm.expect("Linux tells it");
        let rebooted = Some(Realm { boot: uuid::Uuid::nil(), ..realm });
        let contained = Some(Realm { namespace: realm.namespace + 1, ..realm });
        for elsewhere in [rebooted, contained, None] {
            assert_eq!(group_members(ProcessMark { realm: elsewhere, ..leader }).unwrap(), Vec::new());
        }
        let younger = ProcessMark { started: child.started + 1, ..leader };
        assert_eq!(group_members(younger).unwrap(), Vec::new(), "it was there before such a leader");
        assert_eq!(group_members(leader).unwrap(), [child]);
        signal(child, Signal::KILL).unwrap();
        while is_alive(child) {
            std::thread::yield_now();
        }
        assert_eq!(group_members(leader).unwrap(), Vec::new());
    }

    fn sleeper() -> Child {
        Command::new("sleep").arg("1000").spawn().unwrap()
    }

    /// Ends a process, and insists that nothing had ended it before.
    fn ends_by_our_own_signal(child: &mut Child) {
        signal(super::mark(child.id()).unwrap(), Signal::TERM).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(Signal::TERM.as_raw()));
    }

    #[test]
    fn a_process_with_another_start_time_is_not_signalled() {
        let mut child = sleeper();
        let mark = super::mark(child.id()).unwrap();
        for started in [mark.started - 1, mark.started + 1] {
            signal(ProcessMark { started, ..mark }, Signal::KILL).unwrap();
        }
        ends_by_our_own_signal(&mut child);
    }

    #[test]
    fn a_pid_that_is_reused_just_before_it_is_held_is_not_signalled() {
        let (mut meant, mut bystander) = (sleeper(), sleeper());
        let mark = super::mark(meant.id()).unwrap();
        let reused = |_| {
            meant.kill().unwrap();
            meant.wait().unwrap();
            pidfd_open(Pid::from_child(&bystander), PidfdFlags::empty())
        };
        assert!(!signal_held(mark, Signal::KILL, reused).unwrap());
        ends_by_our_own_signal(&mut bystander);
    }

    #[test]
    fn init_and_the_own_group_are_never_signalled_by_number_0_or_1() {
        for number in [0, 1, u32::MAX] {
            assert!(signal(ProcessMark { pid: number, started: 1, realm: None }, Signal::KILL).is_err());
        }
    }
}
