//! Starts the process that serves an overlay, and asks whether it does.
//!
//! The process says on its standard output, one line, that it has mounted, or why not. Its standard input is the lock of
//! whoever starts it: as long as the process lives, the lock is held.

use super::{
    error::{OverlayError, failed},
    mounts::is_mounted,
};
use crate::{
    domain::fact::ProcessMark,
    process::{self, OWN_PROGRAM},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{Pid, PidfdFlags, Signal, pidfd_open},
};
use std::{
    fs::File,
    io::Read as _,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// What the process says when it has mounted; anything else is an error in words.
pub const MOUNTED: &str = "mounted";

/// A longer line would be no sentence.
const MAX_LINE: usize = 16 << 10;

/// A process that was started and has not mounted yet.
#[derive(Debug)]
pub struct Starting {
    child: Child,
}

/// A process that serves an overlay. It goes on when this is dropped.
#[derive(Debug)]
pub struct Serving {
    child: Child,
    mark: ProcessMark,
}

/// Starts `howdah overlay` on an order. `lock` becomes its standard input, `log` takes what it notes.
pub fn start(order: &Path, lock: File, log: File) -> Result<Starting, OverlayError> {
    start_with(Path::new(OWN_PROGRAM), order, lock, log)
}

/// The same with another program than this one.
pub fn start_with(program: &Path, order: &Path, lock: File, log: File) -> Result<Starting, OverlayError> {
    let mut command = Command::new(program);
    command.arg0("howdah").arg("overlay").arg(order).stdin(lock).stdout(Stdio::piped()).stderr(log);
    // It must not hold on to a directory that somebody wants to unmount.
    command.current_dir("/");
    let child = command.spawn().map_err(failed("cannot start", program))?;
    Ok(Starting { child })
}

impl Starting {
    /// Waits until it has mounted. One that takes longer than this is killed.
    pub fn wait(mut self, timeout: Duration) -> Result<Serving, OverlayError> {
        let line = match self.line(timeout) {
            Ok(line) => line,
            Err(why) => {
                // It may have ended by itself meanwhile.
                let _gone = self.child.kill();
                why
            }
        };
        if line == MOUNTED
            && let Some(mark) = process::mark(self.child.id())
        {
            return Ok(Serving { child: self.child, mark });
        }
        let ended = self.child.wait().map_err(failed("cannot wait for", Path::new("howdah overlay")))?;
        let words = if line.is_empty() { format!("it ended without a word ({ended})") } else { line };
        Err(OverlayError::NotServing(words))
    }

    /// The line that it says; nothing where it ends without.
    fn line(&mut self, timeout: Duration) -> Result<String, String> {
        let deadline = Instant::now() + timeout;
        let Some(says) = &mut self.child.stdout else { return Ok(String::new()) };
        let mut line = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 3600, tv_nsec: 0 });
            match poll(&mut [PollFd::new(&*says, PollFlags::IN)], Some(&left)) {
                Ok(0) => return Err(format!("it has not mounted within {} s and was killed", timeout.as_secs())),
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.to_string()),
            }
            let mut buffer = [0; 4096];
            let read = says.read(&mut buffer).map_err(|error| error.to_string())?;
            line.extend(&buffer[..read]);
            if read == 0 || buffer[..read].contains(&b'\n') || line.len() > MAX_LINE {
                let text = String::from_utf8_lossy(&line);
                return Ok(text.lines().next().unwrap_or_default().to_owned());
            }
        }
    }
}

impl Serving {
    /// The process, for whoever takes it over.
    pub const fn mark(&self) -> ProcessMark {
        self.mark
    }

    /// Waits until it has ended, as it does when it is unmounted; `false` when it takes longer than this.
    pub fn wait(&mut self, timeout: Duration) -> Result<bool, OverlayError> {
        let io = |error: std::io::Error| failed("cannot wait for", Path::new("howdah overlay"))(error);
        let pid = Pid::from_child(&self.child);
        let held = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(held) => held,
            Err(Errno::SRCH) => return self.child.wait().map(|_| true).map_err(io),
            Err(error) => return Err(io(error.into())),
        };
        let deadline = Instant::now() + timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 3600, tv_nsec: 0 });
            match poll(&mut [PollFd::new(&held, PollFlags::IN)], Some(&left)) {
                Ok(0) => return Ok(false),
                Ok(_) => return self.child.wait().map(|_| true).map_err(io),
                Err(Errno::INTR) => {}
                Err(error) => return Err(io(error.into())),
            }
        }
    }

    /// Kills it; the mount stays, and every file of it is an error until it is unmounted.
    pub fn kill(&mut self) -> Result<(), OverlayError> {
        let io = |error: std::io::Error| failed("cannot kill", Path::new("howdah overlay"))(error);
        process::signal(self.mark, Signal::KILL).map_err(io)?;
        self.child.wait().map(drop).map_err(io)
    }
}

/// Whether an overlay is mounted and the process that serves it alive.
pub fn is_served(name: &str, process: ProcessMark) -> Result<bool, OverlayError> {
    Ok(process::is_alive(process) && is_mounted(name)?)
}
