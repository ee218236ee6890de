//! From the words of the command line to the part that does the work.

use super::{
    config::{Config, state_dir},
    console, owner, restore, worker,
};
use crate::{
    catalog::{self, RepositoryPath},
    cli::{
        args::{BackupVerb, Cli, Common, Verb},
        backup_list,
        exit::Exit,
    },
};
use anyhow::Context;
use std::{
    fs::OpenOptions,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Mutex,
};

/// What every verb but `worker` stands on.
pub(super) struct Setting {
    pub(super) config: Config,
    pub(super) state: PathBuf,
    pub(super) repositories: Vec<PathBuf>,
    pub(super) ascii: bool,
}

/// Does what the command line says.
pub fn run(cli: Cli) -> anyhow::Result<Exit> {
    match cli.verb {
        Some(Verb::Worker(args)) => worker::run(&args),
        Some(Verb::Backup(BackupVerb::List { json })) => list(&Setting::read(&cli.common)?, json),
        Some(Verb::Restore(args)) => restore::run(&Setting::read(&cli.common)?, &args),
        None => console::run(&Setting::read(&cli.common)?),
    }
}

impl Setting {
    fn read(common: &Common) -> anyhow::Result<Self> {
        let config = Config::read(common.config.as_deref())?;
        let state = state_dir(common.state_dir.as_deref())?;
        let named = if common.repo.is_empty() { &config.repositories } else { &common.repo };
        let repositories = named.iter().map(|path| absolute(path)).collect::<anyhow::Result<Vec<_>>>()?;
        Ok(Self { repositories, state, ascii: common.ascii || config.console.ascii, config })
    }

    /// The repositories to read: the operator's own, else the sample.
    pub(super) fn sources(&self) -> anyhow::Result<Vec<RepositoryPath>> {
        sources(&self.repositories, &self.state)
    }

    /// Begins to log into the state directory, which must stand.
    pub(super) fn log(&self) -> anyhow::Result<()> {
        let path = self.state.join("howdah.log");
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("cannot log to {}", path.display()))?;
        tracing_subscriber::fmt().with_writer(Mutex::new(file)).with_ansi(false).init();
        Ok(())
    }
}

/// The operator's own repositories, else the sample, unpacked where it can be read.
pub(super) fn sources(own: &[PathBuf], state: &Path) -> anyhow::Result<Vec<RepositoryPath>> {
    if !own.is_empty() {
        return Ok(own.iter().map(RepositoryPath::own).collect());
    }
    owner::prepare(state)?;
    let sample = catalog::sample::unpack(state).context("the sample repository cannot be unpacked")?;
    Ok(vec![RepositoryPath::sample(sample)])
}

/// Who is asking, as the journal tells it.
pub(super) fn who() -> String {
    let uid = rustix::process::getuid().as_raw();
    let named = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
    let user = named.unwrap_or_else(|_| if uid == 0 { "root".to_owned() } else { format!("uid {uid}") });
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    crate::domain::instance::printable(&format!("{user}@{host}"))
}

fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("{} is not a path", path.display()))
}

/// What is wrong with one backup stands in its row; what is wrong with a repository as a whole is told beside the list.
fn list(setting: &Setting, json: bool) -> anyhow::Result<Exit> {
    match backup_list::run(&setting.sources()?, json, &mut io::stdout().lock()) {
        // `| head` has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Done),
        Err(error) => Err(error).context("the list cannot be written"),
        Ok(listed) => {
            for problem in &listed.repository_problems {
                writeln!(io::stderr(), "howdah: {problem}")?;
            }
            let useless = !listed.repository_problems.is_empty() && listed.restorable + listed.unreadable == 0;
            Ok(if useless { Exit::Refused } else { Exit::Done })
        }
    }
}
