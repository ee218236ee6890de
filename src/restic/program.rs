//! `restic` as a program: how it is started and asked.
//!
//! Promises: it gets the password as the name of a file alone, and no variable of our environment; a question leaves no
//! lock and no cache behind. Never: reads the password.

use super::{
    answer::{self, Snapshot},
    refusals,
};
use crate::{
    domain::{ByteCount, Failure, WorkerSettings, instance::printable_name},
    postgres::{
        account::Account,
        command_output::{CommandError, LIMIT, command_answer, long_answer},
    },
};
use std::{
    fmt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use uuid::Uuid;

/// The program.
pub(crate) const PROGRAM: &str = "restic";

/// The oldest one whose output was held against this module.
const OLDEST: Version = Version { major: 0, minor: 14 };

/// The longest answer that is taken: a list of some ten thousand snapshots.
const MAX_ANSWER_LEN: u64 = 16 << 20;

/// One repository, and how it is reached.
#[derive(Debug, Clone)]
pub(crate) struct Restic {
    program: PathBuf,
    account: Account,
    repository: PathBuf,
    password_file: PathBuf,
    limit: Duration,
}

/// What `restic version` calls itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    major: u32,
    minor: u32,
}

impl Restic {
    /// The program is looked for among the directories of the setting `binaries` first.
    pub(crate) fn new(account: &Account, settings: &WorkerSettings, repository: &Path, password_file: &Path) -> Self {
        Self::found_in(&settings.binaries, account, (repository, password_file), settings.stall_timeout)
    }

    /// The same with the directories alone; `limit` is how long anything may take that only looks.
    pub(crate) fn found_in(
        directories: &[PathBuf],
        account: &Account,
        (repository, password_file): (&Path, &Path),
        limit: Duration,
    ) -> Self {
        let named = directories.iter().map(|directory| directory.join(PROGRAM)).find(|path| path.is_file());
        Self {
            program: named.unwrap_or_else(|| PROGRAM.into()),
            account: account.clone(),
            repository: repository.to_owned(),
            password_file: password_file.to_owned(),
            limit,
        }
    }

    /// The same for a repository that is somewhere else as yet.
    pub(crate) fn at(&self, repository: &Path) -> Self {
        Self { repository: repository.to_owned(), ..self.clone() }
    }

    pub(crate) fn repository(&self) -> &Path {
        &self.repository
    }

    /// How long anything may take that only looks.
    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }

    pub(crate) fn uid(&self) -> u32 {
        self.account.uid()
    }

    /// The version; one that is too old is refused.
    pub(crate) fn version(&self) -> Result<Version, Failure> {
        let install = "install restic 0.14 or newer, or name its directory with binaries under [worker] in howdah.toml";
        let mut command = self.account.command(&self.program);
        let answer = command_answer(command.arg("version"), LIMIT).map_err(|error| {
            let cause = format!("{PROGRAM}: {error}");
            match error {
                CommandError::Late(_) => Failure::disruption(cause, ""),
                CommandError::Unstarted(_) | CommandError::Failed(_) => Failure::incurable(cause, install),
            }
        })?;
        match Version::of(&answer.stdout) {
            Some(version) if version >= OLDEST => Ok(version),
            Some(version) => Err(Failure::incurable(format!("this is restic {version}, which is too old"), install)),
            None => Err(Failure::incurable(format!("{PROGRAM} does not report its version"), install)),
        }
    }

    /// A command that writes to the repository; what it keeps of it to be faster is in `cache`, or nowhere.
    pub(crate) fn command(&self, cache: Option<&Path>) -> Command {
        let mut command = self.account.command(&self.program);
        command.arg("--repo").arg(&self.repository).arg("--password-file").arg(&self.password_file);
        match cache {
            Some(directory) => command.arg("--cache-dir").arg(directory),
            None => command.arg("--no-cache"),
        };
        command
    }

    /// Makes the repository, where nothing is but an empty directory. In the attempt's own process group, since it
    /// writes: what ends the attempt ends it.
    pub(crate) fn init(&self) -> Result<(), Failure> {
        let doing = format!("making a restic repository in {}", self.repository.display());
        let made = self.command(None).arg("init").output();
        let made = made.map_err(|error| Failure::disruption(format!("{PROGRAM} cannot be run: {error}"), ""))?;
        let said = String::from_utf8_lossy(&made.stderr);
        if made.status.success() { Ok(()) } else { Err(refusals::of_end(&doing, made.status, &said)) }
    }

    /// Asks, and gets the answer of a program that ended well.
    pub(crate) fn ask(&self, question: &[&str]) -> Result<String, Failure> {
        let mut command = self.command(None);
        command.arg("--no-lock").args(question);
        let doing = format!("asking the restic repository in {}", printable_name(self.repository.as_os_str()));
        let answer = long_answer(&mut command, self.limit, MAX_ANSWER_LEN).map_err(|error| {
            Failure::disruption(format!("{doing}: {error}"), "see the disk that the repository is on")
        })?;
        // Whoever is not read to the end does not end well either.
        if answer.stdout.len() as u64 >= MAX_ANSWER_LEN {
            let cause = format!("{doing}: the answer is longer than {}", ByteCount(MAX_ANSWER_LEN));
            return Err(Failure::incurable(cause, "have snapshots forgotten that nobody needs"));
        }
        if answer.status.success() {
            Ok(answer.stdout)
        } else {
            Err(refusals::of_end(&doing, answer.status, &answer.stderr))
        }
    }

    /// The identifier that the repository's own configuration names; that it can be read means that the password is
    /// right.
    pub(crate) fn identifier(&self) -> Result<String, Failure> {
        answer::identifier(&self.ask(&["cat", "config"])?)
    }

    /// Whether this snapshot is in the repository.
    pub(crate) fn has(&self, id: &str) -> Result<bool, Failure> {
        let found = answer::snapshots(&self.ask(&["snapshots", "--json", "--", id])?)?;
        Ok(found.iter().any(|snapshot| snapshot.id == id))
    }

    /// The snapshot that this session has made.
    pub(crate) fn made(&self, session: Uuid) -> Result<Option<Snapshot>, Failure> {
        let found = answer::snapshots(&self.ask(&["snapshots", "--json", "--tag", &tag(session)])?)?;
        Ok(found.into_iter().find(|snapshot| snapshot.has(&tag(session))))
    }

    /// The bytes of all files of a snapshot.
    pub(crate) fn size_of(&self, snapshot: &Snapshot) -> Result<ByteCount, Failure> {
        answer::size(&self.ask(&["stats", "--json", "--mode", "restore-size", &snapshot.id])?)
    }
}

impl Version {
    pub(crate) const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// From `restic 0.14.0 compiled with go1.19.8 on linux/amd64`.
    fn of(answer: &str) -> Option<Self> {
        let mut words = answer.lines().next()?.split_whitespace();
        let number = words.next().filter(|name| *name == PROGRAM).and(words.next())?;
        let mut parts = number.split('.').map(|part| part.parse().ok());
        Some(Self { major: parts.next()??, minor: parts.next()?? })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// By what the snapshot of a session is known.
pub(crate) fn tag(session: Uuid) -> String {
    format!("howdah-session-{session}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use std::ffi::OsStr;

    #[test]
    fn versions_are_compared_by_number() {
        let of = |number: &str| Version::of(&format!("restic {number} compiled with go1.19.8 on linux/amd64\n"));
        assert!(of("0.9.6").unwrap() < OLDEST && of("0.14.0").unwrap() >= OLDEST && of("1.0.0").unwrap() > OLDEST);
        assert_eq!(of("0.18.1-dev").unwrap().to_string(), "0.18");
        for strange in ["", "restic", "borg 1.2.4", "restic x.y"] {
            assert_eq!(Version::of(strange), None, "{strange}");
        }
    }

    #[test]
    fn restic_gets_no_password_and_no_variable_of_ours() {
        let account = Account::own().unwrap();
        let restic = Restic::new(&account, &WorkerSettings::default(), Path::new("/r"), Path::new("/secret/pw"));
        let command = restic.command(None);
        let names: Vec<_> = command.get_envs().filter_map(|(name, value)| value.and(Some(name))).collect();
        assert!(names.iter().all(|name| [OsStr::new("HOME"), "LC_ALL".as_ref(), "PATH".as_ref()].contains(name)));
        assert!(command.get_args().any(|argument| argument == "/secret/pw"));
    }
}
