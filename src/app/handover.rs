//! Handing over: an owner that leaves starts a keeper, and the keeper does what every owner does after a crash.
//!
//! Promise: the keeper needs nothing of the process that started it, neither its terminal nor its process group. Never:
//! touches a session; the journal has all that the keeper needs.

use super::{
    log, logout,
    state_directory::{self, StateDirectoryError},
};
use crate::{
    domain::environment::{self, VariablePattern},
    private_file,
    process::OWN_PROGRAM,
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::setsid,
};
use std::{
    ffi::OsString,
    fs::OpenOptions,
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};
use thiserror::Error;

/// How long a keeper may take to own the state directory. It reads the journal, which takes a tenth of a second with
/// a hundred thousand sessions; a machine in trouble may take long, and a person waits for this line.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What a keeper says on its standard output once the state directory is owned; the process id of the owner follows,
/// which is another one where somebody was faster.
const READY: &str = "ready ";

/// How to start a keeper for one state directory.
#[derive(Debug, Clone)]
pub(super) struct KeeperCommand {
    /// The state directory.
    pub(super) state: PathBuf,
    /// The settings file, if one was named.
    pub(super) config: Option<PathBuf>,
    /// What its workers get of this environment beyond what they need.
    pub(super) environment: Vec<VariablePattern>,
}

/// Why no keeper runs.
#[derive(Debug, Error)]
pub(super) enum KeeperError {
    /// The state directory cannot be used.
    #[error(transparent)]
    State(#[from] StateDirectoryError),
    /// It could not be started.
    #[error("the keeper could not be started: {0}; start one by hand: howdah keeper")]
    Start(#[from] io::Error),
    /// It ended before it owned the state directory.
    #[error("the keeper ended at once; {} says why", .log.display())]
    Ended {
        /// Its log.
        log: PathBuf,
    },
    /// It did not say a word in time.
    #[error("the keeper did not answer in {} seconds; {} may say why", TIMEOUT.as_secs(), .log.display())]
    Silent {
        /// Its log.
        log: PathBuf,
    },
}

impl KeeperCommand {
    /// Starts a keeper and waits until it owns the state directory; its process id. Where one cannot be started out of
    /// the reach of a logout, one is started within it: better than none.
    pub(super) fn start(&self) -> Result<u32, KeeperError> {
        let Some(prefix) = logout::scope_prefix(&logout::gather()) else { return self.start_with(&[]) };
        self.start_with(&prefix).or_else(|error| {
            tracing::warn!(%error, ?prefix, "the keeper could not be started in a scope of its own");
            self.start_with(&[])
        })
    }

    fn start_with(&self, prefix: &[OsString]) -> Result<u32, KeeperError> {
        state_directory::prepare(&self.state)?;
        let log = self.state.join(log::NAME);
        let mut child = self.command(prefix, &log)?.spawn()?;
        let answer = child.stdout.take().map_or(Ok(FirstLine::Nothing), first_line)?;
        match answer {
            FirstLine::Ready(pid) => {
                reap(child)?;
                Ok(pid)
            }
            FirstLine::Nothing => {
                reap(child)?;
                Err(KeeperError::Ended { log })
            }
            FirstLine::Silence => Err(KeeperError::Silent { log }),
        }
    }

    fn command(&self, prefix: &[OsString], log: &Path) -> io::Result<Command> {
        let log = private_file::open(log, OpenOptions::new().append(true).create(true))?;
        let mut command = match prefix.split_first() {
            None => {
                let mut command = Command::new(OWN_PROGRAM);
                command.arg0("howdah");
                command
            }
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(std::env::current_exe()?);
                command
            }
        };
        command.args(["keeper", "--until-idle", "--detach", "--state-dir"]).arg(&self.state);
        if let Some(config) = &self.config {
            command.arg("--config").arg(config);
        }
        command.env_clear().envs(environment::for_keeper(std::env::vars_os(), &self.environment));
        // A group of its own at once: a hang-up of our terminal is told to our group, and may come at this very moment.
        command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).process_group(0);
        Ok(command)
    }
}

/// The first half of a keeper's way out of its starter's terminal. A process that leads a group cannot begin a session
/// of its own, so it starts itself once more and ends; true where that has been done.
pub(super) fn step_away() -> io::Result<bool> {
    if setsid().is_ok() {
        return Ok(false);
    }
    Command::new(OWN_PROGRAM).arg0("howdah").args(std::env::args_os().skip(1)).spawn()?;
    Ok(true)
}

/// Tells whoever started this keeper which process owns the state directory, and lets go of the way it was told.
pub(super) fn announce(owner: u32) -> io::Result<()> {
    let mut out = io::stdout();
    // Whoever started us may have gone: the work is the same.
    let _: io::Result<()> = writeln!(out, "{READY}{owner}").and_then(|()| out.flush());
    let nothing = OpenOptions::new().write(true).open("/dev/null")?;
    Ok(rustix::stdio::dup2_stdout(&nothing)?)
}

enum FirstLine {
    Ready(u32),
    Nothing,
    Silence,
}

fn first_line(out: ChildStdout) -> io::Result<FirstLine> {
    let mut watched = [PollFd::new(&out, PollFlags::IN)];
    let begun = Instant::now();
    loop {
        let left = TIMEOUT.saturating_sub(begun.elapsed());
        match poll(&mut watched, Some(&Timespec::try_from(left).map_err(io::Error::other)?)) {
            Ok(0) => return Ok(FirstLine::Silence),
            Ok(_) => break,
            // The process that stepped away has ended, and its parent is told.
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let mut line = String::new();
    // A line of a process that may be any program: never more than the words that we know.
    BufReader::new(out.take(64)).read_line(&mut line)?;
    Ok(line.strip_prefix(READY).and_then(|pid| pid.trim().parse().ok()).map_or(FirstLine::Nothing, FirstLine::Ready))
}

/// The process that was started only stepped away; it ends at once, and nobody else waits for it.
fn reap(mut child: Child) -> io::Result<()> {
    child.wait().map(drop)
}
