//! Programs of PostgreSQL that connect to a server somewhere: `psql` to ask it, `pg_basebackup` to copy it, `pg_dump` and
//! `pg_restore` to take items out of one into another. All go through libpq, so that a connection string, a service or a
//! password file means to howdah what it means everywhere.
//!
//! Promises: no program asks for a password at a terminal; a password is in the environment of that program alone, never
//! among its arguments, in a file or in a message; a dead network is noticed within half a minute, unless the connection
//! string says otherwise. Never: resolves or stores anything that libpq does.

pub mod basebackup;
pub mod dump;
pub mod psql;
mod refusals;
mod statement;
pub mod stream;

use super::{
    account::Account,
    command_output::{CommandError, command_output},
};
use crate::domain::{Failure, PasswordSource, environment::VariablePattern};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

pub use refusals::{of_message, of_signal};
pub use statement::of_statement;

/// What is said before the connection string, so that the string counts where it says otherwise: how soon a server that
/// is gone without a word is given up.
const TIMEOUTS: &str = "connect_timeout=10 keepalives_idle=10 keepalives_interval=5 keepalives_count=3 \
                        tcp_user_timeout=30000";

/// A password manager may ask a server of its own; a person waits for no longer than this.
const PASSWORD_LIMIT: Duration = Duration::from_secs(30);

/// How a server is reached, by whom, and with which programs.
#[derive(Clone)]
pub struct Client {
    /// The directory of the programs.
    programs: PathBuf,
    account: Account,
    conninfo: String,
    variables: Vec<(OsString, OsString)>,
}

impl Client {
    /// Gets the password ready, if a program has it. `environment` names the variables that are handed on where they
    /// are libpq's own (`PG...`).
    pub fn new(
        programs: &Path,
        account: &Account,
        conninfo: &str,
        password: &PasswordSource,
        environment: &[VariablePattern],
    ) -> Result<Self, Failure> {
        let is_wanted = |name: &OsString| {
            name.as_encoded_bytes().starts_with(b"PG") && environment.iter().any(|pattern| pattern.matches(name))
        };
        let mut variables: Vec<_> = std::env::vars_os().filter(|(name, _)| is_wanted(name)).collect();
        match password {
            PasswordSource::None => {}
            PasswordSource::Passfile(path) => variables.push(("PGPASSFILE".into(), path.into())),
            PasswordSource::Command(command) => {
                variables.push(("PGPASSWORD".into(), from_command(account, command)?.into()));
            }
        }
        Ok(Self { programs: programs.to_owned(), account: account.clone(), conninfo: conninfo.to_owned(), variables })
    }

    /// The same with the programs of another directory.
    #[must_use]
    pub fn with_programs(self, programs: &Path) -> Self {
        Self { programs: programs.to_owned(), ..self }
    }

    /// A program that connects, and shows itself by this name in `pg_stat_activity`.
    fn command(&self, program: &str, application_name: &str, more: &str) -> Command {
        let mut command = self.account.command(self.programs.join(program));
        // The last of two counts (libpq, `conninfo_parse`): the name is ours, whatever the string says.
        let conninfo = format!("{TIMEOUTS}{more} {} application_name={application_name}", self.conninfo);
        command.envs(self.variables.iter().cloned()).arg("--no-password").arg("--dbname").arg(conninfo);
        command
    }
}

impl std::fmt::Debug for Client {
    /// The variables may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("programs", &self.programs)
            .field("conninfo", &self.conninfo)
            .finish_non_exhaustive()
    }
}

/// The first line that the program prints. Nothing of it is in a failure.
fn from_command(account: &Account, command: &[String]) -> Result<String, Failure> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(Failure::incurable("password_command names no program", "name the program and its arguments"));
    };
    let said = command_output(account.command(program).args(arguments), PASSWORD_LIMIT).map_err(|error| {
        let cause = format!("the password_command {program} gave no password: {error}");
        let advice = format!("run it as {} and see that it prints the password alone", account.name());
        match error {
            CommandError::Late(_) => Failure::disruption(cause, advice),
            CommandError::Unstarted(_) | CommandError::Failed(_) => Failure::incurable(cause, advice),
        }
    })?;
    match said.lines().next() {
        Some(password) if !password.is_empty() => Ok(password.to_owned()),
        Some(_) | None => Err(Failure::incurable(
            format!("the password_command {program} printed no password in its first line"),
            format!("run it as {} and see that it prints the password alone", account.name()),
        )),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::domain::FailureClass;

    fn client(password: &PasswordSource) -> Result<Client, Failure> {
        let conninfo = "host=a application_name=theirs connect_timeout=3";
        Client::new(Path::new("/programs"), &Account::own().unwrap(), conninfo, password, &[])
    }

    fn command(words: &[&str]) -> PasswordSource {
        PasswordSource::Command(words.iter().map(|word| (*word).to_owned()).collect())
    }

    #[test]
    fn s11_a_password_is_in_the_environment_of_its_program_alone() {
        let client = client(&command(&["printf", "hunter2\nmore"])).unwrap();
        let made = client.command("psql", "ours", "");
        let arguments: Vec<_> = made.get_args().map(|argument| argument.to_str().unwrap()).collect();
        assert!(arguments.iter().all(|argument| !argument.contains("hunter2")), "{arguments:?}");
        assert!(!format!("{client:?}").contains("hunter2"));
        let found = made.get_envs().find(|(name, _)| *name == "PGPASSWORD").unwrap();
        assert_eq!(found.1.unwrap(), "hunter2");
    }

    #[test]
    fn the_name_of_the_connection_is_ours_and_the_patience_is_theirs() {
        let made = client(&PasswordSource::None).unwrap().command("psql", "ours", "");
        let conninfo = made.get_args().last().unwrap().to_str().unwrap().to_owned();
        assert!(conninfo.ends_with("application_name=ours"), "{conninfo}");
        assert!(conninfo.find("connect_timeout=10") < conninfo.find("connect_timeout=3 "), "{conninfo}");
    }

    #[test]
    fn a_password_command_that_fails_is_named_and_shows_nothing_of_what_it_said() {
        for words in [&["sh", "-c", "echo hunter2; exit 3"][..], &["/no/such/program"], &["true"], &[]] {
            let failure = client(&command(words)).unwrap_err();
            assert_eq!(failure.class, FailureClass::Incurable);
            assert!(
                failure.cause.contains("password_command") && !failure.to_string().contains("hunter2"),
                "{failure}"
            );
        }
    }
}
