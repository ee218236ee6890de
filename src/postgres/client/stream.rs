//! A `psql` that is fed and read while it works: rows that pass through without being held.
//!
//! Promises: what it says and how it ended is classified; dropped before its end it asks the server to stop, too. Never:
//! runs the caller's `.psqlrc`, or takes the end of its input for a wish to commit.

use super::{Client, statement::of_statement};
use crate::{
    domain::{Failure, PasswordSource, ServerAddress},
    postgres::account::Account,
    process,
};
use rustix::process::Signal;
use serde::de::DeserializeOwned;
use std::{
    io::{BufReader, Read},
    os::unix::process::ExitStatusExt,
    process::{Child, ChildStdin, ChildStdout, Stdio},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// What it says on standard error before nobody reads on: an error, its detail and its context.
const MAX_SAID: u64 = 64 << 10;

/// The bytes of an answer: a hundred thousand tables with their names.
const MAX_ANSWER: u64 = 64 << 20;

/// What it may take to ask the server to stop and to end; libpq's own request for that takes a connection.
const EXIT_GRACE: Duration = Duration::from_secs(2);

/// How often it is looked whether it is gone.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Settings by which one row has one text on every server, and all names in a statement are qualified or PostgreSQL's.
pub const FIXED: &str = "set client_encoding = 'UTF8'; set search_path = pg_catalog; set datestyle = 'ISO, MDY'; set intervalstyle = 'postgres'; \
                         set extra_float_digits = 3; set bytea_output = 'hex'; set timezone = 'UTC'; \
                         set xmloption = 'content'; set standard_conforming_strings = on; \
                         set lc_monetary = 'C'; set statement_timeout = 0; set row_security = off";

/// One at work. Dropping it ends it.
#[derive(Debug)]
pub struct PsqlStream {
    child: Child,
    /// Where the script goes; `None` when it has one already, or has all of it.
    pub input: Option<ChildStdin>,
    /// What it answers; `None` when somebody else reads it.
    pub output: Option<BufReader<ChildStdout>>,
    said: Option<JoinHandle<String>>,
}

impl Client {
    /// Reaches an open restore point by its socket, to write what is a session's own there: it is read-only otherwise. The
    /// variables of libpq are for other servers.
    pub fn to_open_point(address: &ServerAddress, account: &Account, database: &str) -> Result<Self, Failure> {
        let conninfo = format!("{} options='-c default_transaction_read_only=off'", address.conninfo(database));
        Self::new(&address.programs, account, &conninfo, &PasswordSource::None, &[])
    }

    /// The same in another database, whatever the connection string says.
    #[must_use]
    pub fn in_database(&self, database: &str) -> Self {
        let conninfo = format!("{} dbname={}", self.conninfo, crate::postgres::quote::conninfo(database));
        Self { conninfo, ..self.clone() }
    }

    /// The same in this database unless the connection string names one.
    #[must_use]
    pub fn by_default_in(&self, database: &str) -> Self {
        let conninfo = format!("dbname={} {}", crate::postgres::quote::conninfo(database), self.conninfo);
        Self { conninfo, ..self.clone() }
    }

    /// Runs these commands in one session, each by itself; a script on standard input when there are none.
    pub fn stream(&self, application_name: &str, commands: &[&str]) -> Result<PsqlStream, Failure> {
        let mut command = self.command("psql", application_name, "");
        command.args(["--no-psqlrc", "--tuples-only", "--no-align", "--quiet"]);
        command.args(["--set=ON_ERROR_STOP=1", "--set=VERBOSITY=verbose"]);
        for text in commands {
            command.arg("-c").arg(text);
        }
        let input = if commands.is_empty() { Stdio::piped() } else { Stdio::null() };
        command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
        let unstarted = |error: &dyn std::fmt::Display| {
            let cause = format!("psql in {} cannot be run: {error}", self.programs.display());
            Failure::incurable(
                cause,
                "install the client programs of PostgreSQL, or name their directory with binaries",
            )
        };
        let mut child = command.spawn().map_err(|error| unstarted(&error))?;
        let (Some(output), Some(errors)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(Failure::bug("psql was started without its pipes"));
        };
        let read = move || {
            let mut said = Vec::new();
            // What cannot be read is not said.
            let _: std::io::Result<usize> = errors.take(MAX_SAID).read_to_end(&mut said);
            String::from_utf8_lossy(&said).into_owned()
        };
        let input = child.stdin.take();
        Ok(PsqlStream { child, input, output: Some(BufReader::new(output)), said: Some(thread::spawn(read)) })
    }

    /// Runs a query that returns one JSON value, whose size is that of what is asked for. `doing` says what it is for.
    pub fn query<T: DeserializeOwned>(&self, doing: &str, application_name: &str, query: &str) -> Result<T, Failure> {
        /// Looking at the catalogs of a hundred thousand tables, with their sizes; the size of a table that is being
        /// rewritten is waited for.
        const LIMIT: &str = "set statement_timeout = '5min'; set lock_timeout = '30s'";
        let mut stream =
            self.stream(application_name, &[FIXED, LIMIT, "set default_transaction_read_only = on", query])?;
        let mut text = String::new();
        let output = stream.output.take().ok_or_else(|| Failure::bug("psql has no output"))?;
        let read = output.take(MAX_ANSWER).read_to_string(&mut text);
        stream.finish(doing)?;
        read.map_err(|error| Failure::disruption(format!("{doing}: {error}"), ""))?;
        serde_json::from_str(text.trim())
            .map_err(|error| Failure::bug(format!("{doing}: the server's answer has another shape: {error}")))
    }
}

impl PsqlStream {
    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has ended with nothing more to read; a failure when it was not well.
    pub fn finish(mut self, doing: &str) -> Result<(), Failure> {
        drop(self.input.take());
        let status = self.child.wait().map_err(|error| Failure::disruption(format!("{doing}: psql: {error}"), ""))?;
        let said = self.said.take().and_then(|said| said.join().ok()).unwrap_or_default();
        match (status.success(), status.signal()) {
            (true, _) => Ok(()),
            (false, Some(signal)) => Err(super::of_signal("psql", signal)),
            (false, None) => Err(of_statement(doing, &said)),
        }
    }
}

impl Drop for PsqlStream {
    /// Interrupted first: then it asks the server to stop, which else works on until it wants to send a row.
    fn drop(&mut self) {
        drop(self.input.take());
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        if let Some(mark) = process::mark(self.child.id()) {
            let _gone: std::io::Result<bool> = process::signal(mark, Signal::INT);
        }
        let began = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && began.elapsed() < EXIT_GRACE {
            thread::park_timeout(POLL_INTERVAL);
        }
        // What cannot be signalled is gone.
        let _gone: std::io::Result<()> = self.child.kill();
        let _reaped: std::io::Result<std::process::ExitStatus> = self.child.wait();
    }
}
