//! `restic backup` at work.
//!
//! Promises: what it says is read to its end; a stop reaches it as SIGINT, after which it removes its lock by itself, and
//! it ends with the attempt in whatever way that ends. Never: takes its last word for a restore point.

use super::{
    super::{Backup, attempt_files},
    Wanted,
    note::{self, RunNote},
    said::{Said, Status},
};
use crate::{
    domain::{ByteCount, Failure, Progress, fact::ProcessMark, instance::printable_name},
    engine::{Halt, Observer},
    private_file, process,
    restic::{PROGRAM, Restic, refusals, tag},
    worker::event_writer,
};
use rustix::process::Signal;
use std::{
    ffi::OsString,
    fs::{File, OpenOptions},
    io::Read,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How often it is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// How often it reports, a second; each line stays in the attempt's directory.
const REPORTS: &str = "2";

/// What it takes to put itself in order when it is asked to stop: measured, milliseconds. Where both of its connections
/// are busy writing slowly, its lock waits until a piece is whole, many seconds later; the lock is then ours to remove.
const STOP_LIMIT: Duration = Duration::from_secs(3);

/// What it takes to remove its lock after its last word. Where the repository was moved away it tries that for many
/// minutes; the lock is then ours to remove.
const UNLOCK_LIMIT: Duration = Duration::from_secs(5);

/// It could not read all of the tree, and has stored the rest (restic's manual, "Exit codes").
const PARTIAL: i32 = 3;

/// In the state directory: what restic keeps of its repositories to be faster.
const CACHE: &str = "restic-cache";

/// Runs it to its end; what it has said.
pub(super) fn run(backup: &Backup<'_>, restic: &Restic, wanted: &Wanted<'_>, id: &str) -> Result<Said, Halt> {
    let path = backup.attempt_dir.join(note::SAID);
    let opened = |options: &mut OpenOptions| {
        private_file::open(&path, options).map_err(|error| attempt_files::failure("opening a log", &error))
    };
    let output = opened(OpenOptions::new().append(true).create(true))?;
    let file = opened(OpenOptions::new().read(true))?;
    let other = output.try_clone().map_err(|error| attempt_files::failure("opening a log", &error))?;
    let mut command = command(backup, restic, wanted);
    command.stdout(Stdio::from(output)).stderr(Stdio::from(other));
    backup.report.log(&format!("running {}", shown(&command)));
    let began = event_writer::now();
    let child =
        command.spawn().map_err(|error| Failure::disruption(format!("{PROGRAM} cannot be run: {error}"), ""))?;
    let mut running = Running { child, file, line: Vec::new(), said: Said::default() };
    RunNote::new(id, running.mark()?, began).keep(backup.attempt_dir)?;
    let status = running.watch(backup)?;
    if backup.stop.requested() {
        return Err(Halt::Stopped);
    }
    let said = std::mem::take(&mut running.said);
    match status {
        Some(status) if !status.success() && status.code() != Some(PARTIAL) => {
            Err(refusals::of_end("restic backup", status, &said.text()).into())
        }
        Some(_) | None => Ok(said),
    }
}

fn command(backup: &Backup<'_>, restic: &Restic, wanted: &Wanted<'_>) -> Command {
    let above = backup.attempt_dir.ancestors().nth(3).unwrap_or(backup.attempt_dir);
    let cache = backup.ticket.settings.state.as_deref().unwrap_or(above).join(CACHE);
    let mut command = restic.command(Some(&cache));
    command.env("RESTIC_PROGRESS_FPS", REPORTS).args(["backup", "--json"]);
    command.arg("--tag").arg(tag(backup.ticket.session_uuid));
    command.arg("--tag").arg(format!("howdah-run-{}", backup.order.run_uuid));
    if let Some(rate) = backup.order.max_rate {
        // In KiB; 0 would be no limit.
        command.arg(format!("--limit-upload={}", rate.bytes().div_ceil(1 << 10)));
    }
    for pattern in wanted.exclude {
        let mut argument = OsString::from("--exclude=");
        argument.push(pattern);
        command.arg(argument);
    }
    command.arg("--").arg(wanted.path);
    command
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(printable_name).collect::<Vec<_>>().join(" ")
}

/// Ended when this is dropped.
struct Running {
    child: Child,
    file: File,
    /// The line that is not finished yet.
    line: Vec<u8>,
    said: Said,
}

impl Running {
    fn mark(&self) -> Result<ProcessMark, Failure> {
        process::mark(self.child.id()).ok_or_else(|| Failure::disruption("restic is not to be seen in /proc", ""))
    }

    /// How it ended; `None` when it was ended after its last word.
    fn watch(&mut self, backup: &Backup<'_>) -> Result<Option<ExitStatus>, Halt> {
        let settings = &backup.ticket.settings;
        let mut moved = (Instant::now(), None::<Status>);
        let mut last_word = None;
        loop {
            let ended = self.ended()?;
            self.listen(backup)?;
            if let Some(status) = ended {
                return Ok(Some(status));
            }
            if backup.stop.requested() {
                self.stop()?;
                self.listen(backup)?;
                return Err(Halt::Stopped);
            }
            if self.said.summary.is_some() {
                if last_word.get_or_insert_with(Instant::now).elapsed() >= UNLOCK_LIMIT {
                    backup.report.log("restic has said its last word and does not end: it is killed");
                    self.kill();
                    return Ok(None);
                }
            } else if self.said.status != moved.1 {
                moved = (Instant::now(), self.said.status);
            } else if backup.order.max_rate.is_none() && moved.0.elapsed() >= settings.start_timeout {
                // Where a rate is set, what it stores is slower than what it reads, and that alone is reported.
                let cause = format!("restic has read nothing for {} s", settings.start_timeout.as_secs());
                self.stop()?;
                return Err(Failure::disruption(cause, "see what it waits for: the tree's disk or the target's").into());
            }
            thread::sleep(POLL_INTERVAL);
        }
    }

    fn ended(&mut self) -> Result<Option<ExitStatus>, Failure> {
        self.child.try_wait().map_err(|error| Failure::disruption(format!("{PROGRAM}: {error}"), ""))
    }

    /// Asked first, so that it takes its lock along.
    fn stop(&mut self) -> Result<(), Failure> {
        let asked = Instant::now();
        if let Ok(mark) = self.mark() {
            // What cannot be signalled is gone, or is killed below.
            let _gone: std::io::Result<bool> = process::signal(mark, Signal::INT);
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

    fn kill(&mut self) {
        // What cannot be killed is gone.
        let _gone: std::io::Result<()> = self.child.kill();
        let _reaped: std::io::Result<ExitStatus> = self.child.wait();
    }

    /// Reads what it has said since.
    fn listen(&mut self, backup: &Backup<'_>) -> Result<(), Failure> {
        let mut bytes = Vec::new();
        self.file.read_to_end(&mut bytes).map_err(|error| attempt_files::failure("reading a log", &error))?;
        for byte in bytes {
            if byte != b'\n' && byte != b'\r' {
                self.line.push(byte);
                continue;
            }
            let line = std::mem::take(&mut self.line);
            let line = String::from_utf8_lossy(&line);
            if self.said.hear(&line) {
                backup.report.log(&line);
            }
        }
        if let Some(Status { total_files, files_done, total_bytes, bytes_done }) = self.said.status {
            backup.report.progress(Progress {
                bytes_done: ByteCount(bytes_done),
                bytes_total: ByteCount(total_bytes.max(bytes_done)),
                files_done,
                files_total: total_files.max(files_done),
                ..Progress::default()
            });
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            self.kill();
        }
    }
}
