//! Stopping a server, ours or one that an earlier attempt of ours left.
//!
//! Promises: returns only when the process is gone; signals exactly the process that was marked; grows stronger when it
//! is not obeyed. Never: touches a server that is not marked.

use super::classify;
use crate::domain::{Failure, fact::ProcessMark};
use crate::process;
use rustix::process::Signal;
use std::{
    thread,
    time::{Duration, Instant},
};

/// How a server is asked to stop (postgres(1)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopMode {
    /// Clients are sent away, a last checkpoint is written.
    Fast,
    /// At once, as in a crash; the next start replays WAL.
    Immediate,
}

/// How often we look whether it is gone.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// PostgreSQL itself kills its children 5 seconds after an immediate stop (`SIGKILL_CHILDREN_AFTER_SECS`); after twice
/// that, nothing is left that would obey.
const IMMEDIATE_TIMEOUT: Duration = Duration::from_secs(10);

/// A killed process goes at once, unless it waits for a device.
const KILL_TIMEOUT: Duration = Duration::from_secs(10);

/// Stops the server. A fast stop becomes an immediate one after `patience`, or as soon as `hurry` returns `true`.
pub fn stop(mark: ProcessMark, mode: StopMode, patience: Duration, hurry: &dyn Fn() -> bool) -> Result<(), Failure> {
    if mode == StopMode::Fast && ask(mark, Signal::INT, patience, hurry)? {
        return Ok(());
    }
    let never = || false;
    if ask(mark, Signal::QUIT, IMMEDIATE_TIMEOUT, &never)? {
        return Ok(());
    }
    let children = process::children(mark.pid).into_iter().filter_map(process::mark);
    let all: Vec<ProcessMark> = std::iter::once(mark).chain(children).collect();
    for one in &all {
        send(*one, Signal::KILL)?;
    }
    for one in all {
        if !gone(one, KILL_TIMEOUT, &never) {
            return Err(Failure::incurable(
                format!("process {} of the server does not end, even when killed", one.pid),
                "see what it waits for (a device, a network file system), end it, then go on",
            ));
        }
    }
    Ok(())
}

/// Asks for a fast stop and waits that long; returns whether the server is gone. Nothing stronger follows.
pub fn request(mark: ProcessMark, patience: Duration) -> Result<bool, Failure> {
    ask(mark, Signal::INT, patience, &|| false)
}

/// Signals and waits; returns whether the process is gone.
fn ask(mark: ProcessMark, signal: Signal, patience: Duration, hurry: &dyn Fn() -> bool) -> Result<bool, Failure> {
    Ok(!send(mark, signal)? || gone(mark, patience, hurry))
}

fn send(mark: ProcessMark, signal: Signal) -> Result<bool, Failure> {
    process::signal(mark, signal)
        .map_err(|e| classify::of_io(&format!("stopping the server, process {}", mark.pid), &e))
}

fn gone(mark: ProcessMark, patience: Duration, hurry: &dyn Fn() -> bool) -> bool {
    let began = Instant::now();
    while process::is_alive(mark) {
        if began.elapsed() >= patience || hurry() {
            return false;
        }
        thread::sleep(POLL_INTERVAL);
    }
    true
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use std::{
        io::{BufRead, BufReader},
        process::{Child, Command, Stdio},
    };

    /// A process that has set its traps before we go on.
    fn stubborn(traps: &str) -> (Child, ProcessMark) {
        let script = format!("{traps}; echo ready; while :; do sleep 0.05; done");
        let mut child = Command::new("/bin/sh").args(["-c", &script]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let mark = process::mark(child.id()).unwrap();
        (child, mark)
    }

    #[test]
    fn a_fast_stop_that_is_not_obeyed_becomes_an_immediate_one() {
        let (mut child, mark) = stubborn("trap '' INT; trap 'exit 0' QUIT");
        stop(mark, StopMode::Fast, Duration::from_millis(1), &|| false).unwrap();
        assert!(!process::is_alive(mark));
        child.wait().unwrap();
        stop(mark, StopMode::Fast, Duration::ZERO, &|| false).unwrap();
    }

    #[test]
    fn hurry_ends_the_patience() {
        let (mut child, mark) = stubborn("trap '' INT; trap 'exit 0' QUIT");
        stop(mark, StopMode::Fast, Duration::from_hours(1), &|| true).unwrap();
        child.wait().unwrap();
    }
}
