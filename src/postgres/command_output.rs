//! The output of a program that is asked something and answers at once.
//!
//! Promises: it never takes much longer than it may: a program that is late is killed, with all that it started, and
//! what it prints beyond [`MAX_OUTPUT_LEN`] bytes is not read. Never: reads from our standard input or writes to our
//! terminal.

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{Pid, Signal, kill_process_group},
};
use std::{
    io::{self, Read},
    ops::ControlFlow,
    os::{fd::AsFd, unix::process::CommandExt},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};
use thiserror::Error;

/// What any program that is only asked a question may take: a healthy one answers in a tenth of a second, a person waits.
pub const LIMIT: Duration = Duration::from_secs(5);

/// The bytes of an answer that are read; a version or a list of properties takes far fewer.
const MAX_OUTPUT_LEN: u64 = 64 << 10;

/// The bytes of a line that are handed on; what says when and where stands at its beginning.
const MAX_LINE_LEN: usize = 1024;

/// How often we look whether a program that has closed its output is gone; Linux before 5.3 has no other way.
const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum CommandError {
    /// The program cannot be run.
    #[error("it cannot be run: {0}")]
    Unstarted(#[from] io::Error),
    /// It did not answer in time, or did not end.
    #[error("it gave no answer in {} s", .0.as_secs_f32())]
    Late(Duration),
    /// It exited with a failure.
    #[error("it ended with {0}")]
    Failed(ExitStatus),
}

/// All that a program said, and how it ended.
#[derive(Debug)]
pub struct CommandAnswer {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output; bytes that are no text are replaced.
    pub stdout: String,
    /// The beginning of its standard error, likewise.
    pub stderr: String,
}

/// Runs a program whose failure says why on standard error. It is an answer, whatever its exit status.
pub fn command_answer(command: &mut Command, limit: Duration) -> Result<CommandAnswer, CommandError> {
    long_answer(command, limit, MAX_OUTPUT_LEN)
}

/// The same of a program that may answer with so many bytes; what is beyond them is not read.
pub fn long_answer(command: &mut Command, limit: Duration, max_len: u64) -> Result<CommandAnswer, CommandError> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let end = Instant::now() + limit;
    let mut child = command.spawn()?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    // Both at once: a program that waits until somebody reads the one would never end the other.
    let said = thread::scope(|scope| {
        let errors = scope.spawn(move || err.map_or_else(|| Ok(Vec::new()), |err| read(err, end, MAX_OUTPUT_LEN)));
        let out = out.map_or_else(|| Ok(Vec::new()), |out| read(out, end, max_len));
        let err = errors.join().unwrap_or_else(|_| Err(io::Error::other("a thread that reads panicked")));
        out.and_then(|out| Ok((out, err?)))
    });
    match said.and_then(|said| Ok((said, wait(&mut child, end)?))) {
        Ok(((out, err), status)) => {
            let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
            Ok(CommandAnswer { status, stdout: text(out), stderr: text(err) })
        }
        Err(error) => {
            kill(&mut child);
            Err(if error.kind() == io::ErrorKind::TimedOut { CommandError::Late(limit) } else { error.into() })
        }
    }
}

/// Gives each line of its standard output to `each` while it comes, without what is beyond [`MAX_LINE_LEN`] bytes of it;
/// ends the program as soon as that wants no more. Gives how it ended by itself, and the beginning of its standard error.
pub fn each_line(
    command: &mut Command,
    limit: Duration,
    each: &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> Result<Option<(ExitStatus, String)>, CommandError> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let end = Instant::now() + limit;
    let mut child = command.spawn()?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let said = thread::scope(|scope| {
        let errors = scope.spawn(move || err.map_or_else(|| Ok(Vec::new()), |err| read(err, end, MAX_OUTPUT_LEN)));
        let out = out.map_or(Ok(ControlFlow::Continue(())), |out| read_lines(out, end, each));
        if matches!(out, Ok(ControlFlow::Break(())) | Err(_)) {
            kill(&mut child);
        }
        let err = errors.join().unwrap_or_else(|_| Err(io::Error::other("a thread that reads panicked")));
        out.and_then(|flow| Ok((flow, err?)))
    });
    let ended = said.and_then(|(flow, err)| match flow {
        ControlFlow::Break(()) => Ok(None),
        ControlFlow::Continue(()) => Ok(Some((wait(&mut child, end)?, String::from_utf8_lossy(&err).into_owned()))),
    });
    ended.map_err(|error| {
        kill(&mut child);
        if error.kind() == io::ErrorKind::TimedOut { CommandError::Late(limit) } else { error.into() }
    })
}

/// What the program writes to standard output; bytes that are no text are replaced.
pub fn command_output(command: &mut Command, limit: Duration) -> Result<String, CommandError> {
    // A group of its own, so that what it starts can be killed with it.
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
    let end = Instant::now() + limit;
    let mut child = command.spawn()?;
    let said = child.stdout.take().map_or_else(|| Ok(Vec::new()), |out| read(out, end, MAX_OUTPUT_LEN));
    let ended = said.and_then(|said| Ok((said, wait(&mut child, end)?)));
    match ended {
        Ok((said, status)) if status.success() => Ok(String::from_utf8_lossy(&said).into_owned()),
        Ok((_, status)) => Err(CommandError::Failed(status)),
        Err(error) => {
            kill(&mut child);
            Err(if error.kind() == io::ErrorKind::TimedOut { CommandError::Late(limit) } else { error.into() })
        }
    }
}

fn read(out: impl Read + AsFd, end: Instant, max_len: u64) -> io::Result<Vec<u8>> {
    let mut said = Vec::new();
    let _whole: ControlFlow<()> = read_pieces(out, end, &mut |piece| {
        let room = usize::try_from(max_len).unwrap_or(usize::MAX) - said.len();
        said.extend_from_slice(&piece[..piece.len().min(room)]);
        if piece.len() >= room { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    Ok(said)
}

fn read_lines(
    out: impl Read + AsFd,
    end: Instant,
    each: &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> io::Result<ControlFlow<()>> {
    let mut line = Vec::new();
    read_pieces(out, end, &mut |mut piece| {
        while let Some(length) = piece.iter().position(|byte| *byte == b'\n') {
            line.extend_from_slice(&piece[..length.min(MAX_LINE_LEN.saturating_sub(line.len()))]);
            each(&String::from_utf8_lossy(&std::mem::take(&mut line)))?;
            piece = &piece[length + 1..];
        }
        line.extend_from_slice(&piece[..piece.len().min(MAX_LINE_LEN.saturating_sub(line.len()))]);
        ControlFlow::Continue(())
    })
}

fn read_pieces(
    mut out: impl Read + AsFd,
    end: Instant,
    each: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
) -> io::Result<ControlFlow<()>> {
    loop {
        let left = Timespec::try_from(left(end)?).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(&out, PollFlags::IN)], Some(&left)) {
            Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
            Ok(_) => {}
            // A signal that asks us to stop is heard elsewhere, and is none of the program's.
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        let mut piece = [0; 16384];
        let count = match out.read(&mut piece) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        if count == 0 {
            return Ok(ControlFlow::Continue(()));
        }
        if each(&piece[..count]).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
}

fn wait(child: &mut Child, end: Instant) -> io::Result<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        thread::park_timeout(left(end)?.min(POLL_INTERVAL));
    }
}

fn left(end: Instant) -> io::Result<Duration> {
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// Its number is its own until we have waited for it, so nobody else can be hit. One that the kernel cannot end now (it
/// waits for a dead disk) is left behind: we have promised to come back.
fn kill(child: &mut Child) {
    kill_process_group(Pid::from_child(child), Signal::KILL).unwrap_or_default();
    let soon = Instant::now() + Duration::from_secs(1);
    // Whoever is not gone then is told no better by an error.
    let _: io::Result<ExitStatus> = wait(child, soon);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    const SHORT: Duration = Duration::from_millis(100);

    fn shell(script: &str, limit: Duration) -> Result<String, CommandError> {
        command_output(Command::new("sh").args(["-c", script]), limit)
    }

    #[test]
    fn a_signal_does_not_end_the_wait_for_an_answer() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _entered = runtime.enter();
        let _heard = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::user_defined1()).unwrap();
        // The number of a thread is where kill(2) tries first.
        let thread = rustix::thread::gettid().as_raw_nonzero();
        let script = format!("for i in 1 2 3 4 5 6 7 8 9; do kill -USR1 {thread}; done; echo yes");
        for _ in 0..5 {
            assert_eq!(shell(&script, LIMIT).unwrap(), "yes\n");
        }
    }

    #[test]
    fn an_answer_is_what_stands_on_standard_output() {
        assert_eq!(shell("echo yes; echo no >&2; cat", LIMIT).unwrap(), "yes\n");
        assert!(
            matches!(shell("echo yes; exit 3", LIMIT), Err(CommandError::Failed(status)) if status.code() == Some(3))
        );
        assert!(matches!(
            command_output(&mut Command::new("/no/such/program"), LIMIT),
            Err(CommandError::Unstarted(_))
        ));
    }

    #[test]
    fn a_failure_says_why_even_when_it_says_much() {
        let script = "echo yes; head -c 60000 /dev/zero | tr '\\0' e >&2; exit 3";
        let answer = command_answer(Command::new("sh").args(["-c", script]), LIMIT).unwrap();
        assert_eq!((answer.status.code(), answer.stdout.as_str(), answer.stderr.len()), (Some(3), "yes\n", 60_000));
        let late = command_answer(Command::new("tail").args(["-f", "/dev/null"]), SHORT);
        assert!(matches!(late, Err(CommandError::Late(SHORT))));
    }

    #[test]
    fn an_endless_answer_is_cut() {
        assert!(matches!(shell("exec yes", LIMIT), Err(CommandError::Failed(_))));
        let whole = |script: &str| shell(script, LIMIT).unwrap().len() as u64;
        // Pieces that do not add up to the limit.
        assert_eq!(whole("(echo; yes) | head -c 1000000; true"), MAX_OUTPUT_LEN);
        assert_eq!(whole("echo; yes | head -c 65000"), 65_001);
    }

    #[test]
    fn who_is_late_is_killed_with_all_that_it_started() {
        let file = tempfile::NamedTempFile::new().unwrap();
        // The inner one keeps the pipe open, writes nothing more, and would never end by itself.
        let script = format!("tail -f /dev/null & echo $! >{:?}; echo yes; exec tail -f /dev/null", file.path());
        assert!(matches!(shell(&script, SHORT), Err(CommandError::Late(SHORT))));
        let inner = std::fs::read_to_string(file.path()).unwrap();
        let state = || std::fs::read_to_string(format!("/proc/{}/stat", inner.trim())).unwrap_or_default();
        let begun = Instant::now();
        // The kernel needs a moment to end it.
        while !state().is_empty() && !state().contains(") Z ") {
            assert!(begun.elapsed() < LIMIT, "{}", state());
            thread::park_timeout(POLL_INTERVAL);
        }
        // One that has closed its output and goes on is late, too.
        assert!(matches!(shell("exec >/dev/null; exec tail -f /dev/null", SHORT), Err(CommandError::Late(SHORT))));
    }
}
