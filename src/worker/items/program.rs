//! A program of PostgreSQL at work for an attempt: `pg_dump`, `pg_restore`, `psql`.
//!
//! Promises: it ends with the attempt, in whatever way that ends; what it says is in the attempt's log. Never: leaves a
//! statement running on a server that can still be asked to end it.

use crate::{
    domain::{Failure, instance::printable_name},
    engine::{Halt, Observer},
    postgres::client::{of_signal, of_statement},
    process,
    worker::{event_writer::EventWriter, signals::Stop},
};
use rustix::process::Signal;
use std::{
    collections::VecDeque,
    io::{BufRead, BufReader},
    os::unix::process::ExitStatusExt,
    process::{Child, Command, Stdio},
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::{RecvTimeoutError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

/// How often it is looked whether the attempt is to stop.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// What a program may take to ask its servers to stop, and to end.
const EXIT_GRACE: Duration = Duration::from_secs(3);

/// The last lines, among which is the reason when it gives up.
const KEPT: usize = 50;

/// Lines that wait to be heard.
const QUEUED: usize = 100;

/// Runs a program to its end; `hear` gets what it says on standard error.
pub(super) fn run(
    command: &mut Command,
    doing: &str,
    (report, stop): (&EventWriter, &Stop),
    hear: &mut dyn FnMut(&str),
) -> Result<(), Halt> {
    let name = command.get_args().chain([command.get_program()]).find_map(program_name).unwrap_or_default();
    report.log(&format!("running {}", shown(command)));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let spawned = command.spawn();
    let mut child = Running(spawned.map_err(|error| {
        let cause = format!("{name} cannot be run: {error}");
        Failure::incurable(cause, "install the client programs of PostgreSQL, or name their directory with binaries")
    })?);
    let Some(said) = child.0.stderr.take() else { return Err(Failure::bug("a program without its pipe").into()) };
    let (sender, lines) = sync_channel::<String>(QUEUED);
    thread::spawn(move || {
        for line in BufReader::new(said).split(b'\n').map_while(Result::ok) {
            // Nobody listens any more when the attempt has ended.
            if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
        }
    });
    let mut kept = VecDeque::new();
    loop {
        if stop.requested() {
            return Err(Halt::Stopped);
        }
        match lines.recv_timeout(POLL_INTERVAL) {
            Ok(line) => {
                report.log(&line);
                hear(&line);
                if kept.len() == KEPT {
                    kept.pop_front();
                }
                kept.push_back(line);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    let status = child.0.wait().map_err(|error| Failure::disruption(format!("{name}: {error}"), ""))?;
    match (status.success(), status.signal()) {
        (true, _) => Ok(()),
        (false, Some(signal)) => Err(of_signal(&name, signal).into()),
        (false, None) => Err(of_statement(doing, &kept.make_contiguous().join("\n")).into()),
    }
}

/// The program itself, whoever starts it for us.
fn program_name(word: &std::ffi::OsStr) -> Option<String> {
    let path = std::path::Path::new(word);
    let name = path.file_name()?.to_str()?;
    (path.is_absolute() && (name.starts_with("pg_") || name == "psql")).then(|| name.to_owned())
}

/// A command without its environment, which may hold a password.
fn shown(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    words.map(|word| format!("\"{}\"", printable_name(word))).collect::<Vec<_>>().join(" ")
}

/// Ended when this is dropped.
struct Running(Child);

impl Drop for Running {
    /// Asked first: `pg_dump` and `pg_restore` ask their servers to stop then, and end their own processes.
    fn drop(&mut self) {
        if !matches!(self.0.try_wait(), Ok(None)) {
            return;
        }
        end(self.0.id());
        let began = Instant::now();
        while matches!(self.0.try_wait(), Ok(None)) && began.elapsed() < EXIT_GRACE {
            thread::park_timeout(Duration::from_millis(5));
        }
        // What cannot be signalled is gone.
        let _gone: std::io::Result<()> = self.0.kill();
        let _reaped: std::io::Result<std::process::ExitStatus> = self.0.wait();
    }
}

fn end(pid: u32) {
    if let Some(mark) = process::mark(pid) {
        let _gone: std::io::Result<bool> = process::signal(mark, Signal::TERM);
    }
}

/// Does work that reads and writes these programs of ours, and ends them when the attempt is to stop: then the work fails, and the
/// stop is its reason.
pub(super) fn unless_stopped<T>(
    pids: &[u32],
    stop: &Stop,
    work: impl FnOnce() -> Result<T, Failure>,
) -> Result<T, Halt> {
    let marks: Vec<_> = pids.iter().filter_map(|pid| process::mark(*pid)).collect();
    let over = AtomicBool::new(false);
    let result = thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut asked: Option<Instant> = None;
            while !over.load(Ordering::Relaxed) {
                let signal = match asked {
                    None if stop.requested() => Some(Signal::INT),
                    Some(since) if since.elapsed() >= EXIT_GRACE => Some(Signal::KILL),
                    None | Some(_) => None,
                };
                if let Some(signal) = signal {
                    asked.get_or_insert_with(Instant::now);
                    for mark in &marks {
                        let _gone: std::io::Result<bool> = process::signal(*mark, signal);
                    }
                }
                thread::park_timeout(POLL_INTERVAL);
            }
        });
        let result = work();
        over.store(true, Ordering::Relaxed);
        watcher.thread().unpark();
        result
    });
    match result {
        Err(_) if stop.requested() => Err(Halt::Stopped),
        result => Ok(result?),
    }
}
