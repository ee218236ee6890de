//! A restic at work: started by an attempt, heard while it works, and ended with the attempt.
//!
//! Promises: what it says goes to a file in the attempt's directory, since a pipe breaks with its reader, and is read to
//! its end; a stop reaches it as SIGINT, and as SIGKILL when it does not end. Never: outlives what holds it.

use super::attempt_files;
use crate::{
    domain::{Failure, fact::ProcessMark, instance::printable_name},
    private_file, process,
    restic::PROGRAM,
};
use rustix::process::Signal;
use std::{
    fs::{File, OpenOptions},
    io::{self, Read},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

/// What it says, in the attempt's directory. The file is there before the program is started.
pub(super) const SAID: &str = "restic.log";

/// How often it is looked at.
pub(super) const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// What it takes to put itself in order when it is asked to stop: measured, milliseconds. Where both of its connections
/// are busy writing slowly, its lock waits until a piece is whole, many seconds later; the lock is then ours to remove.
const STOP_LIMIT: Duration = Duration::from_secs(3);

/// A line holds a path at most, each byte of which may be escaped; what is beyond this is cut.
const MAX_LINE_LEN: usize = 64 << 10;

/// Ended when this is dropped.
pub(super) struct ResticProcess {
    child: Child,
    file: File,
    /// The line that is not finished yet.
    line: Vec<u8>,
}

impl ResticProcess {
    /// Starts it.
    pub(super) fn start(mut command: Command, attempt_dir: &Path) -> Result<Self, Failure> {
        let path = attempt_dir.join(SAID);
        let failed = |error: io::Error| attempt_files::failure("opening a log", &error);
        let opened = |options: &mut OpenOptions| private_file::open(&path, options).map_err(failed);
        let output = opened(OpenOptions::new().append(true).create(true))?;
        let file = opened(OpenOptions::new().read(true))?;
        let other = output.try_clone().map_err(failed)?;
        command.stdout(Stdio::from(output)).stderr(Stdio::from(other));
        let child =
            command.spawn().map_err(|error| Failure::disruption(format!("{PROGRAM} cannot be run: {error}"), ""))?;
        Ok(Self { child, file, line: Vec::new() })
    }

    /// By what the process is known.
    pub(super) fn mark(&self) -> Result<ProcessMark, Failure> {
        process::mark(self.child.id()).ok_or_else(|| Failure::disruption("restic is not to be seen in /proc", ""))
    }

    /// How it ended, once it has.
    pub(super) fn ended(&mut self) -> Result<Option<ExitStatus>, Failure> {
        self.child.try_wait().map_err(|error| Failure::disruption(format!("{PROGRAM}: {error}"), ""))
    }

    /// Asked first, so that it takes its lock along.
    pub(super) fn stop(&mut self) -> Result<(), Failure> {
        let asked = Instant::now();
        if let Ok(mark) = self.mark() {
            // What cannot be signalled is gone, or is killed below.
            let _gone: io::Result<bool> = process::signal(mark, Signal::INT);
        }
        while self.ended()?.is_none() {
            if asked.elapsed() >= STOP_LIMIT {
                self.kill();
                break;
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Ends it at once.
    pub(super) fn kill(&mut self) {
        // What cannot be killed is gone.
        let _gone: io::Result<()> = self.child.kill();
        let _reaped: io::Result<ExitStatus> = self.child.wait();
    }

    /// The lines that it has finished since it was asked last.
    pub(super) fn lines(&mut self) -> Result<Vec<String>, Failure> {
        let mut bytes = Vec::new();
        self.file.read_to_end(&mut bytes).map_err(|error| attempt_files::failure("reading a log", &error))?;
        let mut lines = Vec::new();
        for byte in bytes {
            if byte != b'\n' && byte != b'\r' {
                if self.line.len() < MAX_LINE_LEN {
                    self.line.push(byte);
                }
                continue;
            }
            lines.push(String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned());
        }
        Ok(lines)
    }
}

impl Drop for ResticProcess {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            self.kill();
        }
    }
}

/// The command line, as it may be shown.
pub(super) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(printable_name).collect::<Vec<_>>().join(" ")
}
