//! Questions to a server, asked by `psql`.
//!
//! Promises: an answer comes in time or the asking ends; what goes wrong is classified. Never: runs the caller's
//! `.psqlrc`, or leaves a statement running for long on the server.

use super::{Client, of_message};
use crate::{
    domain::Failure,
    postgres::command_output::{CommandError, command_answer},
};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// How our own questions show in `pg_stat_activity`.
const APPLICATION_NAME: &str = "howdah-query";

/// More than connecting may take, and the statement after it.
const LIMIT: Duration = Duration::from_secs(25);

/// What a statement may take on the server, and that the names in it are PostgreSQL's own.
const SETTINGS: &str = "set statement_timeout = '10s'; set search_path = pg_catalog";

impl Client {
    /// Runs a query that returns one JSON value.
    pub fn ask<T: DeserializeOwned>(&self, query: &str) -> Result<T, Failure> {
        // The database is only a place to ask in; the connection string may name another one.
        let mut command = self.command("psql", APPLICATION_NAME, " dbname=postgres");
        command.args(["--no-psqlrc", "--tuples-only", "--no-align", "--quiet", "--set=ON_ERROR_STOP=1"]);
        command.args(["-c", SETTINGS, "-c", query]);
        let answer = command_answer(&mut command, LIMIT).map_err(|error| match error {
            CommandError::Late(limit) => Failure::disruption(
                format!("the server has not answered a question in {} s", limit.as_secs()),
                "see whether it is there, and what it waits for",
            ),
            CommandError::Unstarted(_) | CommandError::Failed(_) => Failure::incurable(
                format!("psql in {}: {error}", self.programs.display()),
                "install the client programs of PostgreSQL, or name their directory with the setting binaries",
            ),
        })?;
        if !answer.status.success() {
            return Err(of_message("asking the server", &answer.stderr));
        }
        serde_json::from_str(answer.stdout.trim())
            .map_err(|error| Failure::bug(format!("the server's answer has another shape: {error}")))
    }
}
