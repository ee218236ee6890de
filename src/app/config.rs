//! Settings: built-in values, then `howdah.toml`, then the environment and flags (which clap reads).

mod hook;
mod job;
mod print;
mod read;
mod repository;
mod standby;
mod theme;

pub use hook::HookSettings;
pub use job::{FormSetting, JobSetting};
pub(in crate::app) use print::print;
pub use repository::{RepositorySetting, SourceKind};

use crate::{
    console::{
        KeymapError,
        capabilities::NoCursor,
        theme::{OwnTheme, UnknownTheme},
    },
    domain::{ByteCount, JobSpec, RetryPolicy, WhenUsedUp, WorkerSettings, environment::VariablePattern},
};
use etcetera::{BaseStrategy, choose_base_strategy};
use repository::Repositories;
use serde::{Deserialize, Deserializer};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};
use thiserror::Error;

/// The contents of `howdah.toml`. An unknown key is an error: a misspelt limit must not be no limit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Directories with backups: the short form of `[[repository]]` of the kind `directory`.
    pub repositories: Vec<PathBuf>,
    /// `[[repository]]`.
    #[serde(deserialize_with = "repository::all")]
    pub repository: Vec<RepositorySetting>,
    /// Where new restores go by default, one directory an instance.
    pub restore_dir: PathBuf,
    /// Where restore points are opened, one directory a session; below `restore_dir` when `None`.
    pub explore_dir: Option<PathBuf>,
    /// The most bytes that one of them takes there; most of what is free when `None`.
    #[serde(deserialize_with = "amount")]
    pub explore_limit: Option<ByteCount>,
    /// Attempts that may run at once.
    pub max_running: usize,
    /// When to try again.
    pub retry: Retry,
    /// How a restore works.
    pub worker: Worker,
    /// How the screen looks and behaves.
    pub console: Screen,
    /// `[themes.NAME]`.
    #[serde(deserialize_with = "theme::all")]
    pub themes: BTreeMap<String, OwnTheme>,
    /// What is run when a session ends or needs a person.
    pub hook: HookSettings,
    /// `[[job]]`.
    pub job: Vec<JobSetting>,
}

/// `[retry]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// Tries for one disruption.
    pub tries: u32,
    /// From a failure to the next try, such as `5m`.
    #[serde(deserialize_with = "duration")]
    pub every: Duration,
    /// Whether a person may retry while tries remain.
    pub while_waiting: bool,
}

/// `[worker]`; see [`WorkerSettings`] for what each means.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "each field is explained where the worker uses it")]
pub struct Worker {
    pub binaries: Vec<PathBuf>,
    pub os_user: String,
    pub probe_role: String,
    pub copy_workers: usize,
    #[serde(deserialize_with = "duration")]
    pub stall_timeout: Duration,
    #[serde(deserialize_with = "duration")]
    pub start_timeout: Duration,
    pub environment: Vec<VariablePattern>,
}

/// `[console]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Screen {
    /// The name of a theme.
    pub theme: Option<String>,
    /// Only ASCII on the screen; what the terminal can show where nothing is said.
    pub ascii: Option<bool>,
    /// Whether the mouse is captured at the start.
    pub mouse: bool,
    /// Keys by the name of their action.
    pub keys: BTreeMap<String, Vec<String>>,
    /// Whether the terminal is rung when a session completes or needs a person.
    pub bell: bool,
}

/// Why the settings cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the settings file {path:?} cannot be read: {cause}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// The file says something that is not a setting.
    #[error("the settings file {path:?} is not right; mend it or remove the line: {cause}")]
    Wrong {
        /// The file.
        path: PathBuf,
        /// What and where.
        cause: Box<toml::de::Error>,
    },
    /// The keys that were set cannot be.
    #[error("[console.keys] in howdah.toml: {0}")]
    Keys(KeymapError),
    /// A job cannot be carried out as it is written.
    #[error("the job {job:?} in howdah.toml: {problem}")]
    Job {
        /// Its name.
        job: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// Two jobs that the command line could not tell apart.
    #[error("two jobs have the name {0:?} in howdah.toml: give each one of its own")]
    TwoJobs(String),
    /// The theme that was named is none.
    #[error("--theme, or theme under [console] in howdah.toml: {0}")]
    Theme(UnknownTheme),
    /// The screen cannot be painted here.
    #[error(transparent)]
    Terminal(NoCursor),
    /// There is no home directory to look in.
    #[error("there is no home directory: name the state directory with --state-dir")]
    NoHome,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            repositories: Vec::new(),
            repository: Vec::new(),
            restore_dir: default_restore_dir(),
            explore_dir: None,
            explore_limit: None,
            // Two cores copy at full speed with two sessions; four keep a slow repository from holding up all.
            max_running: 4,
            retry: Retry::default(),
            worker: Worker::default(),
            console: Screen::default(),
            themes: BTreeMap::new(),
            hook: HookSettings::default(),
            job: Vec::new(),
        }
    }
}

impl Default for Retry {
    fn default() -> Self {
        let RetryPolicy { tries, every, while_waiting, .. } = RetryPolicy::default();
        Self { tries, every, while_waiting }
    }
}

impl Default for Screen {
    fn default() -> Self {
        Self { theme: None, ascii: None, mouse: false, keys: BTreeMap::new(), bell: true }
    }
}

impl Default for Worker {
    fn default() -> Self {
        let WorkerSettings {
            binaries,
            os_user,
            probe_role,
            copy_workers,
            stall_timeout,
            start_timeout,
            environment,
            ..
        } = WorkerSettings::default();
        Self { binaries, os_user, probe_role, copy_workers, stall_timeout, start_timeout, environment }
    }
}

impl Config {
    /// Reads the settings file: the one that is named, which must exist, else the user's own if there is one.
    pub fn read(named: Option<&Path>) -> Result<Self, ConfigError> {
        Ok(Self::read_written(named)?.0)
    }

    /// The same, and beside it what the file itself says, which may be nothing.
    fn read_written(named: Option<&Path>) -> Result<(Self, toml::Table), ConfigError> {
        let defaults = || (Self::default(), toml::Table::new());
        let Some(path) = settings_file(named) else { return Ok(defaults()) };
        match fs::read_to_string(&path) {
            Ok(text) => {
                let both = toml::from_str(&text).and_then(|config| Ok((config, toml::from_str(&text)?)));
                both.map_err(|cause| ConfigError::Wrong { path, cause: Box::new(cause) })
            }
            Err(cause) if cause.kind() == io::ErrorKind::NotFound && named.is_none() => Ok(defaults()),
            Err(cause) => Err(ConfigError::Unreadable { path, cause }),
        }
    }

    /// Where backups are looked for: what flags and the environment name, else all that the file does, the short form
    /// first, and last what jobs write to.
    pub fn repository_paths(&self, flags: &[PathBuf]) -> Vec<PathBuf> {
        if !flags.is_empty() {
            return flags.to_vec();
        }
        let with_kind = self.repository.iter().map(|RepositorySetting { kind: SourceKind::Directory, path, .. }| path);
        let mut paths: Vec<PathBuf> = self.repositories.iter().chain(with_kind).cloned().collect();
        let (jobs, _) = self.jobs();
        let written = jobs.iter().flat_map(JobSpec::objects).filter_map(|object| object.repository.clone());
        for path in written {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        paths
    }

    /// The jobs that can be carried out, in the order of the file, and what is wrong with the others. Of two with one
    /// name neither is meant.
    pub fn jobs(&self) -> (Vec<JobSpec>, Vec<ConfigError>) {
        let repositories = Repositories { short: &self.repositories, named: &self.repository };
        let (mut specs, mut problems) = (Vec::new(), Vec::new());
        for (at, job) in self.job.iter().enumerate() {
            let is_namesake = |other: &JobSetting| other.name == job.name;
            if self.job[..at].iter().any(is_namesake) {
                problems.push(ConfigError::TwoJobs(job.name.clone()));
            } else if !self.job[at + 1..].iter().any(is_namesake) {
                match job.spec(&repositories) {
                    Ok(spec) => specs.push(spec),
                    Err(problem) => problems.push(ConfigError::Job { job: job.name.clone(), problem }),
                }
            }
        }
        (specs, problems)
    }

    /// How disrupted sessions are tried again.
    pub fn policy(&self) -> RetryPolicy {
        let Retry { tries, every, while_waiting } = self.retry;
        RetryPolicy { tries, every, while_waiting, when_used_up: WhenUsedUp::Ask }
    }

    /// What workers are told, but for the places that the command line may name.
    pub fn worker_settings(&self) -> WorkerSettings {
        let Worker { binaries, os_user, probe_role, copy_workers, stall_timeout, start_timeout, environment } =
            self.worker.clone();
        let (repositories, state) = (Vec::new(), None);
        WorkerSettings {
            binaries,
            os_user,
            probe_role,
            copy_workers,
            stall_timeout,
            start_timeout,
            repositories,
            state,
            environment,
            explore_limit: self.explore_limit,
        }
    }

    /// Where restore points are opened.
    pub fn explore_dir(&self) -> PathBuf {
        self.explore_dir.clone().unwrap_or_else(|| self.restore_dir.join(".howdah-explore"))
    }
}

/// The settings file that is read: the named one, else the user's own, which need not be there. `None` without a home.
pub fn settings_file(named: Option<&Path>) -> Option<PathBuf> {
    let own = || Some(choose_base_strategy().ok()?.config_dir().join("howdah").join("howdah.toml"));
    named.map(Path::to_owned).or_else(own)
}

/// The state directory: the named one, else `$XDG_STATE_HOME/howdah`.
pub fn state_dir(named: Option<&Path>) -> Result<PathBuf, ConfigError> {
    if let Some(path) = named {
        return std::path::absolute(path).map_err(|cause| ConfigError::Unreadable { path: path.to_owned(), cause });
    }
    let base = choose_base_strategy().map_err(|_| ConfigError::NoHome)?;
    base.state_dir().map(|state| state.join("howdah")).ok_or(ConfigError::NoHome)
}

/// A place that the server's own user can reach: below /var/lib for root (PostgreSQL never runs as root, and root's
/// home is closed to others), else in the user's own data directory.
fn default_restore_dir() -> PathBuf {
    let system = || PathBuf::from("/var/lib/howdah");
    if rustix::process::geteuid().is_root() {
        return system();
    }
    choose_base_strategy().map_or_else(|_| system(), |base| base.data_dir().join("howdah").join("restored"))
}

fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ByteCount>, D::Error> {
    String::deserialize(deserializer)?.parse().map(Some).map_err(serde::de::Error::custom)
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    crate::cli::restore_options::span(&text).map_err(serde::de::Error::custom)
}

/// A span as it is read.
fn span_text(span: Duration) -> String {
    let friendly = jiff::SignedDuration::try_from(span).map(|span| format!("{span:#}"));
    friendly.unwrap_or_else(|_| format!("{}s", span.as_secs()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    fn of(text: &str) -> Result<Config, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn r09_d2_ten_tries_every_five_minutes_unless_set() {
        let standard = of("").unwrap().policy();
        assert_eq!((standard.tries, standard.every), (10, Duration::from_mins(5)));
        let set = of("[retry]\ntries = 3\nevery = \"2s\"").unwrap().policy();
        assert_eq!((set.tries, set.every), (3, Duration::from_secs(2)));
    }

    #[test]
    fn an_unknown_key_or_a_wrong_span_is_named() {
        for (text, named) in [
            ("max_runing = 3", "max_runing"),
            ("[retry]\nevery = \"soon\"", "soon"),
            ("[retry]\nevery = \"-5m\"", "-5m"),
            ("[worker]\nos_usr = \"x\"", "os_usr"),
            ("[worker]\nenvironment = [\"PGBACKREST_*\", \"*\"]", "does not name a variable"),
        ] {
            let error = of(text).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}
