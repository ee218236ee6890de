//! What the kernel shows of the processes of one round, and how they are killed.

use howdah::{
    domain::fact::ProcessMark,
    process::{is_alive, mark, signal},
};
use rustix::process::Signal;
use std::{
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// The command line of a process, argument by argument; empty for one that is gone or only a zombie.
pub(crate) fn arguments(pid: u32) -> Vec<Vec<u8>> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect()
}

pub(crate) fn pids() -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// The word behind this one on a command line, as a path.
fn behind(arguments: &[Vec<u8>], word: &str) -> Option<PathBuf> {
    let pair = arguments.windows(2).find(|pair| pair[0] == word.as_bytes())?;
    Some(PathBuf::from(OsStr::from_bytes(&pair[1])))
}

/// The directory of the attempt that a worker works for.
pub(crate) fn worker_of(arguments: &[Vec<u8>]) -> Option<PathBuf> {
    behind(arguments, "worker")
}

/// The data directory of a postmaster. Its children show it, too, before they have a title of their own: they are told
/// apart by their parent, and when it was killed, by the lock file, which names the postmaster.
pub(crate) fn postmaster_of(pid: u32, shown: &[Vec<u8>]) -> Option<PathBuf> {
    let data = server_of(shown)?;
    let parent = parent_of(pid)?;
    if parent == 1 {
        let lock = fs::read_to_string(data.join("postmaster.pid")).ok()?;
        return (lock.lines().next()?.trim().parse() == Ok(pid)).then_some(data);
    }
    (server_of(&arguments(parent)).as_ref() != Some(&data)).then_some(data)
}

fn server_of(shown: &[Vec<u8>]) -> Option<PathBuf> {
    shown.first().filter(|program| program.ends_with(b"/postgres")).and_then(|_| behind(shown, "-D"))
}

fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// The owner of a state directory, by its lock.
pub(crate) fn owner(state: &Path) -> Option<ProcessMark> {
    let pid: u32 = fs::read_to_string(state.join("owner.lock")).ok()?.trim().parse().ok()?;
    let mark = mark(pid).filter(|mark| is_alive(*mark))?;
    // The lock of an owner that is gone names whoever has its number now.
    let names = |argument: &Vec<u8>| argument == state.as_os_str().as_bytes();
    arguments(pid).iter().any(names).then_some(mark)
}

/// The workers of a state directory.
pub(crate) fn workers(state: &Path) -> Vec<ProcessMark> {
    let ours = |pid: &u32| worker_of(&arguments(*pid)).is_some_and(|attempt| attempt.starts_with(state));
    pids().into_iter().filter(ours).filter_map(mark).collect()
}

/// The postmasters of a data directory.
pub(crate) fn engines(data: &Path) -> Vec<ProcessMark> {
    let ours = |pid: &u32| postmaster_of(*pid, &arguments(*pid)).is_some_and(|of| of == data);
    pids().into_iter().filter(ours).filter_map(mark).collect()
}

/// The children of a process.
pub(crate) fn children(parent: u32) -> Vec<ProcessMark> {
    pids().into_iter().filter(|pid| parent_of(*pid) == Some(parent)).filter_map(mark).collect()
}

/// Kills one process, in the way that nothing survives; says whether it was there.
pub(crate) fn kill(mark: ProcessMark) -> bool {
    let there = is_alive(mark);
    signal(mark, Signal::KILL).unwrap();
    there
}

/// Every living process that has to do with a directory: by command line, working directory, environment or an open
/// file. Each is told with what it shows.
pub(crate) fn strangers(directory: &Path) -> Vec<(ProcessMark, String)> {
    let name = directory.as_os_str().as_bytes();
    let holds = |bytes: &[u8]| bytes.windows(name.len()).any(|part| part == name);
    let belongs = |pid: &u32| {
        let place = PathBuf::from(format!("/proc/{pid}"));
        let link = |link: &Path| fs::read_link(link).is_ok_and(|to| holds(to.as_os_str().as_bytes()));
        let file = |file: &str| fs::read(place.join(file)).is_ok_and(|bytes| holds(&bytes));
        *pid != std::process::id()
            && (file("cmdline")
                || file("environ")
                || link(&place.join("cwd"))
                || fs::read_dir(place.join("fd")).into_iter().flatten().flatten().any(|entry| link(&entry.path())))
    };
    let shown = |pid: u32| {
        let line = arguments(pid).join(&b' ');
        Some((mark(pid).filter(|mark| is_alive(*mark))?, String::from_utf8_lossy(&line).into_owned()))
    };
    pids().into_iter().filter(belongs).filter_map(shown).collect()
}

/// Ends the owner of a state directory in the way that is meant for it, and whoever takes its place.
pub(crate) fn owner_leaves(state: &Path) -> Result<(), String> {
    /// Its sessions may be at a step that takes its time.
    const TIMEOUT: Duration = Duration::from_secs(90);
    let begun = Instant::now();
    while let Some(owner) = owner(state) {
        signal(owner, Signal::TERM).unwrap();
        thread::park_timeout(Duration::from_millis(10));
        if begun.elapsed() > TIMEOUT {
            return Err("the owner does not leave".to_owned());
        }
    }
    Ok(())
}

/// The last lines of a file, for whoever has to find out what went wrong; nothing of one that cannot be read.
pub(crate) fn last_lines(path: &Path) -> String {
    let Ok(text) = fs::read_to_string(path) else { return String::new() };
    let lines: Vec<&str> = text.lines().collect();
    format!("--- {}\n{}\n", path.display(), lines[lines.len().saturating_sub(60)..].join("\n"))
}
