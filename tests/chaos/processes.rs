//! The processes of this machine, as their command lines tell them.

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::{fs, path::Path};

/// Living processes (not zombies) whose command line holds this text, each with its command line.
pub(crate) fn that_name(text: &str) -> Vec<(u32, String)> {
    let pids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| {
        // A zombie has no command line.
        let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        line.contains(text).then_some((pid, line))
    })
    .collect()
}

/// Whether this is the working directory of any process, as a data directory is of all processes of its server.
pub(crate) fn any_stands_in(directory: &Path) -> bool {
    let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    processes.filter_map(|process| fs::read_link(process.path().join("cwd")).ok()).any(|place| place == directory)
}

/// Kills one process, unless it is gone.
pub(crate) fn kill(pid: u32) {
    let _gone_meanwhile = kill_process(of(pid), Signal::KILL);
}

/// Kills a whole process group, unless it is gone.
pub(crate) fn kill_group(leader: u32) {
    let _gone_meanwhile = kill_process_group(of(leader), Signal::KILL);
}

fn of(pid: u32) -> Pid {
    Pid::from_raw(i32::try_from(pid).unwrap()).unwrap()
}
