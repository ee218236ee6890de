//! The processes that a session has started in its scratch, known by where they work and by the lock that they hold.
//!
//! Promises: a process is called the session's only where it works on that very data directory or upper directory, and has
//! the session's lock as its standard input, as only the session gives it. Never: ends any other.

use crate::{
    domain::{Failure, fact::ProcessMark},
    overlay,
    postgres::server::{
        classify,
        stop::{self, StopMode},
    },
    process,
    worker::server::server_lock,
};
use rustix::process::Signal;
use std::{
    io,
    path::Path,
    thread,
    time::{Duration, Instant},
};
use uuid::Uuid;

/// What a shutdown checkpoint of its small buffers may take: its data is thrown away.
const FAST_TIMEOUT: Duration = Duration::from_secs(5);

/// How long children may outlive their server, and an overlay its mount: both notice it within milliseconds.
const GRACE: Duration = Duration::from_secs(1);

/// A killed process goes at once, unless it waits for a device.
const KILL_TIMEOUT: Duration = Duration::from_secs(10);

/// How often it is looked whether all are gone.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Who works in a scratch.
#[derive(Debug, Clone, Default)]
pub(super) struct Processes {
    /// Of the session's server, the first of them first.
    pub(super) servers: Vec<ProcessMark>,
    /// What serves its files.
    pub(super) overlays: Vec<ProcessMark>,
    /// A server that no session has started there.
    pub(super) foreign: Option<u32>,
}

/// Looks for them. The scratch is named without links, and nothing of what is mounted in it is touched.
pub(super) fn of(scratch: &Path) -> io::Result<Processes> {
    let (data, written) = (scratch.join("files/data"), scratch.join("written"));
    let mut found = Processes::default();
    for pid in process::pids()? {
        let Some(mark) = process::mark(pid).filter(|mark| process::is_alive(*mark)) else { continue };
        match process::name(pid).as_deref() {
            Some("postgres") if process::directory(pid).as_deref() == Some(&data) => {
                if has_lock(pid, server_lock::SERVER) {
                    found.servers.push(mark);
                } else {
                    found.foreign = Some(pid);
                }
            }
            Some("howdah") if has_lock(pid, server_lock::OVERLAY) => {
                if process::open_files(pid).iter().any(|(_, path)| path.starts_with(&written)) {
                    found.overlays.push(mark);
                }
            }
            Some(_) | None => {}
        }
    }
    let pids: Vec<u32> = found.servers.iter().map(|mark| mark.pid).collect();
    let is_child = |mark: &ProcessMark| process::stat(mark.pid).is_some_and(|stat| pids.contains(&stat.parent));
    found.servers.sort_by_key(is_child);
    Ok(found)
}

/// Whether this is the standard input of the process, be its name still there or not.
fn has_lock(pid: u32, name: &str) -> bool {
    let open = process::open_files(pid);
    let input = open.iter().find(|(number, _)| *number == 0).and_then(|(_, path)| path.file_name()?.to_str());
    input.is_some_and(|input| input.strip_suffix(" (deleted)").unwrap_or(input) == name)
}

/// Shuts the server down, takes the files away from it, and ends who served them. The mount is known by its name.
pub(super) fn end(found: &Processes, session: Uuid) -> Result<(), Failure> {
    let failed = |error: io::Error| classify::of_io("ending what a crashed session had started", &error);
    if let Some(first) = found.servers.first()
        && !stop::request(*first, FAST_TIMEOUT)?
    {
        // It may wait for files that are not served any more; they are errors as soon as who served them is gone.
        kill(&found.overlays).map_err(failed)?;
        stop::stop(*first, StopMode::Immediate, Duration::ZERO, &|| false)?;
    }
    outlast(&found.servers).map_err(failed)?;
    let unmounted = overlay::unmount(&super::super::overlay::name(session));
    unmounted.map_err(|error| Failure::disruption(error.to_string(), "see who uses it (fuser -m), then try again"))?;
    outlast(&found.overlays).map_err(failed)
}

/// Waits until all are gone; those that take too long are killed.
fn outlast(marks: &[ProcessMark]) -> io::Result<()> {
    let began = Instant::now();
    loop {
        let Some(first) = marks.iter().find(|mark| process::is_alive(**mark)) else { return Ok(()) };
        if began.elapsed() >= GRACE {
            kill(marks)?;
        }
        if began.elapsed() >= GRACE + KILL_TIMEOUT {
            return Err(io::Error::other(format!("process {} does not end, even when killed", first.pid)));
        }
        thread::sleep(POLL_INTERVAL);
    }
}

fn kill(marks: &[ProcessMark]) -> io::Result<()> {
    marks.iter().try_for_each(|mark| process::signal(*mark, Signal::KILL).map(drop))
}
