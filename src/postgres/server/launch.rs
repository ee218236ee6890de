//! Starting a server process.
//!
//! Promises: `postgres` itself is run, as the given user, in a session of its own, so that a signal to our process group
//! does not reach it; its pid is known from the first moment. Never: goes through `pg_ctl`, which hands a line to a shell.

use super::classify::{self, ServerEnd};
use crate::{
    domain::{Failure, fact::ProcessMark},
    postgres::{account::Account, binaries::Binaries},
    process,
};
use std::{
    ffi::OsString,
    fs::File,
    io,
    os::unix::process::{CommandExt, ExitStatusExt},
    path::Path,
    process::{Child, Command},
};

/// Makes a program the leader of a session of its own without changing its pid (util-linux).
const SETSID: &str = "/usr/bin/setsid";

/// A server that this process has started, or taken over.
#[derive(Debug)]
pub struct Server {
    /// `None` for one that another process has started: nobody hears how it ends.
    child: Option<Child>,
    mark: ProcessMark,
}

impl Server {
    /// Starts `postgres` with these arguments; what it logs goes to `log`. It and all that it starts hold `input` as
    /// their standard input.
    pub fn start(
        account: &Account,
        binaries: &Binaries,
        arguments: &[OsString],
        input: File,
        log: &File,
    ) -> Result<Self, Failure> {
        let failed = |e: io::Error| classify::of_io(&format!("starting {}", binaries.postgres().display()), &e);
        let mut command = if Path::new(SETSID).is_file() {
            let mut command = account.command(SETSID);
            command.arg(binaries.postgres());
            command
        } else {
            let mut command = account.command(binaries.postgres());
            command.process_group(0);
            command
        };
        command.args(arguments);
        command.stdin(input).stdout(log.try_clone().map_err(failed)?).stderr(log.try_clone().map_err(failed)?);
        Self::spawn(&mut command).map_err(failed)
    }

    fn spawn(command: &mut Command) -> io::Result<Self> {
        let child = command.spawn()?;
        // Until we have waited for it, the child is in /proc, dead or alive.
        let mark = process::mark(child.id()).ok_or_else(|| io::Error::other("it is not in /proc"))?;
        Ok(Self { child: Some(child), mark })
    }

    /// A server that an earlier process has started.
    pub const fn adopted(mark: ProcessMark) -> Self {
        Self { child: None, mark }
    }

    /// What identifies it.
    pub fn mark(&self) -> ProcessMark {
        self.mark
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ServerEnd> {
        let Some(child) = &mut self.child else {
            return (!process::is_alive(self.mark)).then_some(ServerEnd::Unknown);
        };
        match child.try_wait() {
            Ok(None) => None,
            Ok(Some(status)) => Some(match (status.code(), status.signal()) {
                (Some(code), _) => ServerEnd::Exited(code),
                (None, Some(signal)) => ServerEnd::Signalled(signal),
                (None, None) => ServerEnd::Unknown,
            }),
            Err(_) => Some(ServerEnd::Unknown),
        }
    }
}

/// The command as a person would type it, for the log.
pub fn command_line(binaries: &Binaries, arguments: &[OsString]) -> String {
    let mut line = word(&binaries.postgres().to_string_lossy());
    for argument in arguments {
        line.push(' ');
        line.push_str(&word(&argument.to_string_lossy()));
    }
    line
}

fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,%+@".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    #[test]
    fn a_command_line_can_be_pasted() {
        assert_eq!(word("-c"), "-c");
        assert_eq!(word("log_line_prefix=%m [%p]"), "'log_line_prefix=%m [%p]'");
        assert_eq!(word("it's"), r"'it'\''s'");
        assert_eq!(word(""), "''");
    }

    #[test]
    fn the_end_of_a_server_is_told_apart() {
        for (script, end) in [("exit 3", ServerEnd::Exited(3)), ("kill -9 $$", ServerEnd::Signalled(9))] {
            let mut server = Server::spawn(Command::new("/bin/sh").args(["-c", script])).unwrap();
            server.child.as_mut().unwrap().wait().unwrap();
            assert_eq!(server.ended(), Some(end));
            assert!(!process::is_alive(server.mark()));
        }
    }
}
