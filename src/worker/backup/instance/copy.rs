//! `pg_basebackup` at work.
//!
//! Promises: it ends with the attempt, in whatever way that ends, and with it the process that it starts for the WAL;
//! what it says is in the attempt's log. Never: takes its silence for progress.

use crate::{
    domain::{ByteCount, Failure, Progress, Step},
    engine::{Halt, Observer},
    postgres::client::{
        Client,
        basebackup::{self, BaseBackupOptions, PROGRAM, Received},
        of_message, of_signal,
    },
    private_file, process,
    worker::{attempt_files, backup::Backup},
};
use rustix::process::Signal;
use std::{
    collections::VecDeque,
    fs::{File, OpenOptions},
    io::Read,
    os::unix::process::ExitStatusExt,
    process::{Child, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

/// What it says on standard error, in the attempt's directory: a file, since a pipe breaks with its reader. It is there
/// before the program is started.
pub(in crate::worker::backup) const SAID: &str = "pg_basebackup.log";

/// How often it is looked at; it reports its progress once a second.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The last lines, among which is the reason when it gives up.
const KEPT: usize = 50;

/// Runs it to its end, through the steps Checkpoint and Copy.
pub(in crate::worker::backup) fn run(
    backup: &Backup<'_>,
    client: &Client,
    options: &BaseBackupOptions<'_>,
) -> Result<(), Halt> {
    let report = backup.report;
    let path = backup.attempt_dir.join(SAID);
    let opened = |options: &mut OpenOptions| {
        private_file::open(&path, options).map_err(|error| attempt_files::failure("opening a log", &error))
    };
    let output = opened(OpenOptions::new().append(true).create(true))?;
    let said = opened(OpenOptions::new().read(true))?;
    let other = output.try_clone().map_err(|error| attempt_files::failure("opening a log", &error))?;
    let mut command = client.base_backup(options)?;
    command.stdout(Stdio::from(output)).stderr(Stdio::from(other));
    report.log(&format!("running {command:?}", command = Shown(&command)));
    let child = command.spawn().map_err(|error| {
        Failure::disruption(format!("{} cannot be run: {error}", command.get_program().display()), "")
    })?;
    let mut running = Running { child, said, line: Vec::new(), kept: VecDeque::new(), received: None };
    let status = running.watch(backup)?;
    if backup.stop.requested() {
        return Err(Halt::Stopped);
    }
    if status.success() {
        report.done("");
        return Ok(());
    }
    let said: Vec<String> = running.kept.drain(..).collect();
    Err(match status.signal() {
        Some(signal) => of_signal(PROGRAM, signal).into(),
        None => of_message(PROGRAM, &said.join("\n")).into(),
    })
}

/// A command without its environment, which may hold a password.
struct Shown<'a>(&'a std::process::Command);

impl std::fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.get_program().display())?;
        self.0.get_args().try_for_each(|argument| write!(f, " {argument:?}"))
    }
}

/// Ended when this is dropped.
struct Running {
    child: Child,
    said: File,
    /// The line that is not finished yet.
    line: Vec<u8>,
    kept: VecDeque<String>,
    received: Option<Received>,
}

impl Running {
    fn watch(&mut self, backup: &Backup<'_>) -> Result<ExitStatus, Halt> {
        let mut moved = Instant::now();
        let patience = backup.ticket.settings.start_timeout;
        loop {
            let ended =
                self.child.try_wait().map_err(|error| Failure::disruption(format!("{PROGRAM}: {error}"), ""))?;
            let before = self.received;
            self.listen(backup)?;
            if let Some(status) = ended {
                return Ok(status);
            }
            if backup.stop.requested() {
                return Err(Halt::Stopped);
            }
            if self.received != before {
                moved = Instant::now();
            }
            // Before the first byte it waits for the server's checkpoint, which takes what it takes.
            if self.received.is_some_and(|received| received.bytes > 0) && moved.elapsed() >= patience {
                let cause = format!("the server has sent nothing for {} s", patience.as_secs());
                return Err(Failure::disruption(cause, "see what it waits for: disk, network, archive_command").into());
            }
            thread::sleep(POLL_INTERVAL);
        }
    }

    /// Reads what it has said since.
    fn listen(&mut self, backup: &Backup<'_>) -> Result<(), Failure> {
        let mut bytes = Vec::new();
        self.said.read_to_end(&mut bytes).map_err(|error| attempt_files::failure("reading a log", &error))?;
        for byte in bytes {
            if byte == b'\n' || byte == b'\r' {
                let line = std::mem::take(&mut self.line);
                self.hear(backup, &String::from_utf8_lossy(&line));
            } else {
                self.line.push(byte);
            }
        }
        Ok(())
    }

    fn hear(&mut self, backup: &Backup<'_>, line: &str) {
        let report = backup.report;
        if let Some(received) = basebackup::progress(line) {
            if received.bytes > 0 && self.received.is_none_or(|before| before.bytes == 0) {
                report.done("the server has made its checkpoint");
                report.begin(Step::Copy, "");
            }
            self.received = Some(received);
            report.progress(Progress {
                bytes_done: ByteCount(received.bytes),
                bytes_total: ByteCount(received.total.max(received.bytes)),
                ..Progress::default()
            });
        } else if !line.trim().is_empty() {
            report.log(line);
            if self.kept.len() == KEPT {
                self.kept.pop_front();
            }
            self.kept.push_back(line.to_owned());
        }
    }
}

impl Drop for Running {
    /// Killed, not asked: what it has written is removed by whoever comes next, and its connection by the server.
    fn drop(&mut self) {
        if let Ok(Some(_)) = self.child.try_wait() {
            end_group();
            return;
        }
        // What cannot be signalled is gone.
        let _gone: std::io::Result<()> = self.child.kill();
        let _reaped: std::io::Result<ExitStatus> = self.child.wait();
        end_group();
    }
}

/// The process that it starts for the WAL outlives it when it is killed. A worker leads its own process group, and
/// nobody else is in it.
fn end_group() {
    let own = std::process::id();
    let Some(mark) = process::mark(own) else { return };
    for member in process::group_members(mark).unwrap_or_default().into_iter().filter(|member| member.pid != own) {
        let _gone: std::io::Result<bool> = process::signal(member, Signal::KILL);
    }
}
