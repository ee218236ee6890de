//! The hidden verb `hook`: runs one hook to its end, or to the end of its time.
//!
//! Promises: needs neither its owner nor a terminal; the hook, and what it has started and not let go of, ends in time;
//! how it ended is in the log. Never: signals a process that could be another one by now.

use super::tail::Tail;
use crate::{
    app::log,
    cli::exit::Exit,
    domain::{SessionId, instance::printable_name},
};
use anyhow::Context;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open},
};
use serde::{Deserialize, Serialize};
use std::{
    io::{self, PipeReader, Read, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

/// What is to be run, on standard input.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Job {
    pub(super) state: PathBuf,
    pub(super) command: Vec<String>,
    pub(super) time_limit: Duration,
    pub(super) session: SessionId,
    pub(super) event: String,
    /// What the hook gets on its standard input.
    pub(super) input: String,
}

/// How a hook ended.
#[derive(Debug)]
struct Ended {
    status: ExitStatus,
    /// Whether its time was over.
    was_late: bool,
    output: Tail,
}

/// Runs the hook that standard input names.
pub(in crate::app) fn run() -> anyhow::Result<Exit> {
    let job: Job = serde_json::from_reader(io::stdin().lock()).context("the hook's job cannot be read")?;
    log::begin(&job.state)?;
    let (session, event) = (job.session.0, job.event.as_str());
    let program = job.command.first().map(|program| printable_name(program.as_ref())).unwrap_or_default();
    match supervise(&job) {
        Ok(Ended { status, was_late: false, output }) if status.success() => {
            tracing::info!(session, event, program, output = output.text(), "the hook has ended");
        }
        Ok(Ended { was_late: true, output, .. }) => {
            let limit = job.time_limit.as_secs_f64();
            tracing::warn!(
                session,
                event,
                program,
                limit,
                output = output.text(),
                "the hook was killed: its time was over"
            );
        }
        Ok(Ended { status, was_late: false, output }) => {
            let (code, signal) = (status.code(), status.signal());
            tracing::warn!(session, event, program, code, signal, output = output.text(), "the hook failed");
        }
        Err(error) => tracing::warn!(session, event, program, %error, "the hook could not be run"),
    }
    Ok(Exit::Done)
}

fn supervise(job: &Job) -> io::Result<Ended> {
    let deadline = Instant::now() + job.time_limit;
    let (mut child, mut reader) = start(job)?;
    // Its number and its group are its own until it is waited for.
    let group = Pid::from_child(&child);
    let watched = watch(&child, &mut reader, deadline);
    if !matches!(watched, Ok((true, _))) {
        // What has ended meanwhile needs no signal.
        let _: rustix::io::Result<()> = kill_process_group(group, Signal::KILL);
    }
    let status = child.wait()?;
    let (is_over, output) = watched?;
    Ok(Ended { status, was_late: !is_over, output })
}

/// Starts the hook, in a group of its own and with the environment of this process.
fn start(job: &Job) -> io::Result<(Child, PipeReader)> {
    let (program, arguments) = job.command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let (reader, writer) = io::pipe()?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(writer.try_clone()?).stderr(writer).process_group(0);
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        let input = format!("{}\n", job.input);
        // A hook that reads nothing holds up this thread alone, which ends with the process.
        std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    }
    Ok((child, reader))
}

/// Waits until nobody holds the hook's output any more and it has ended, or its time is over; which, and the output.
fn watch(child: &Child, reader: &mut PipeReader, deadline: Instant) -> io::Result<(bool, Tail)> {
    let process = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    let (mut output, mut bytes) = (Tail::default(), [0; 4096]);
    loop {
        if !is_ready(PollFd::new(&*reader, PollFlags::IN), deadline)? {
            return Ok((false, output));
        }
        match reader.read(&mut bytes)? {
            0 => break,
            read => output.push(&bytes[..read]),
        }
    }
    Ok((is_ready(PollFd::new(&process, PollFlags::IN), deadline)?, output))
}

/// Waits until something can be read, or has ended; false when the time is over first.
fn is_ready(watched: PollFd<'_>, deadline: Instant) -> io::Result<bool> {
    let mut watched = [watched];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match poll(&mut watched, Some(&Timespec::try_from(left).map_err(io::Error::other)?)) {
            Ok(0) if left.is_zero() => return Ok(false),
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(!left.is_zero()),
            Err(error) => return Err(error.into()),
        }
    }
}
