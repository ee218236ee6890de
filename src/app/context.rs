//! What every verb needs: settings, state directory, repositories, and who is asking.

use super::{
    config::{Config, state_dir},
    handover::KeeperCommand,
    logout::Sessions,
    owner::OwnerSettings,
    state_directory,
};
use crate::{
    catalog::{self, Access, RepositoryPath},
    cli::{args::Common, state::CommandForm},
    domain::{BackupObject, JobId, Who, WorkerSettings, Workload, Zones, path_text::quoted},
    manager::ManagerSettings,
    process,
};
use anyhow::Context;
use etcetera::BaseStrategy;
use jiff::tz::TimeZone;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use uuid::Uuid;

/// What every verb but `worker` needs.
pub(super) struct AppContext {
    pub(super) config: Config,
    pub(super) state: PathBuf,
    pub(super) repositories: Vec<PathBuf>,
    pub(super) ascii: bool,
    pub(super) read_only: bool,
    /// The settings file, if one was named.
    named: Option<PathBuf>,
}

impl AppContext {
    pub(super) fn read(common: &Common) -> anyhow::Result<Self> {
        let config = Config::read(common.config.as_deref())?;
        let state = state_dir(common.state_dir.as_deref())?;
        let named = config.repository_paths(&common.repo);
        let repositories = named.iter().map(|path| absolute(path)).collect::<anyhow::Result<Vec<_>>>()?;
        let named = common.config.as_deref().map(absolute).transpose()?;
        let read_only = common.read_only;
        let ascii = common.ascii || config.console.ascii == Some(true);
        Ok(Self { config, state, repositories, ascii, read_only, named })
    }

    /// The repositories to read: the operator's own, else the sample.
    pub(super) fn sources(&self) -> anyhow::Result<Vec<RepositoryPath>> {
        sources(&self.repositories, &self.access(), &self.state, self.read_only)
    }

    /// The same for what these words name. What only restic knows takes seconds to ask for, and a disk that hangs longer:
    /// it is asked where a tree may be meant.
    pub(super) fn sources_for<'a>(
        &self,
        words: impl IntoIterator<Item = &'a String>,
    ) -> anyhow::Result<Vec<RepositoryPath>> {
        let mut access = self.access();
        if !words.into_iter().any(|word| word.contains(Workload::FileTree.prefix())) {
            Arc::make_mut(&mut access).passwords.clear();
        }
        sources(&self.repositories, &access, &self.state, self.read_only)
    }

    /// What the settings know of the objects in the repositories.
    pub(super) fn access(&self) -> Arc<Access> {
        access_of(&self.config)
    }

    /// The settings of an owner: of its manager, of the workers, of its hooks.
    pub(super) fn owner_settings(&self) -> OwnerSettings {
        let (max_running, policy) = (self.config.max_running, self.config.policy());
        let manager = ManagerSettings { max_running, policy, worker: self.worker_settings() };
        OwnerSettings { manager, hook: self.config.hook.clone() }
    }

    /// The settings of workers.
    pub(super) fn worker_settings(&self) -> WorkerSettings {
        let (repositories, state) = (self.repositories.clone(), Some(self.state.clone()));
        WorkerSettings { repositories, state, ..self.config.worker_settings() }
    }

    /// How a keeper is started that owns what these settings mean.
    pub(super) fn keeper(&self) -> KeeperCommand {
        let environment = self.config.worker.environment.clone();
        KeeperCommand { state: self.state.clone(), config: self.named.clone(), environment }
    }

    /// How commands are written that mean the sessions of this state directory.
    pub(super) fn command_form(&self) -> CommandForm {
        let is_own = state_dir(None).is_ok_and(|own| own == self.state);
        CommandForm::new((!is_own).then(|| quoted(&self.state)))
    }
}

/// The zones of this machine.
pub(super) fn zones() -> Zones {
    Zones { local: TimeZone::system(), database: jiff::tz::db().clone() }
}

/// What settings know of the objects in the repositories.
pub(super) fn access_of(config: &Config) -> Arc<Access> {
    let mut access = Access { programs: config.worker_settings().binaries, ..Access::default() };
    for repository in &config.repository {
        let Some(wal) = repository.wal.clone() else { continue };
        // The catalog names repositories from the root on, links resolved.
        let root = std::fs::canonicalize(&repository.path).unwrap_or_else(|_| repository.path.clone());
        access.wal.insert(root, wal);
    }
    let (jobs, _) = config.jobs();
    for spec in jobs {
        let orders = (0..spec.objects().len()).filter_map(|at| spec.order(at, JobId(0), Uuid::nil()));
        for order in orders {
            let Some(folder) = order.folder() else { continue };
            // The catalog names directories from the root on, links resolved.
            let folder = std::fs::canonicalize(&folder).unwrap_or(folder);
            match order.object {
                BackupObject::FileTree { password_file: Some(file), .. } => {
                    access.passwords.insert(folder, file);
                }
                BackupObject::VirtualMachine { uri, .. } => {
                    access.connections.insert(folder, uri);
                }
                BackupObject::FileTree { password_file: None, .. }
                | BackupObject::Instance { .. }
                | BackupObject::Standby { .. }
                | BackupObject::FileCopy { .. }
                | BackupObject::PointCopy { .. } => {}
            }
        }
    }
    Arc::new(access)
}

/// The sessions of this state directory, for a look at what a restart of the machine does to them.
pub(super) fn sessions(state: &Path) -> Sessions {
    let config_home = etcetera::choose_base_strategy().ok().map(|base| base.config_dir());
    Sessions { state: state.to_owned(), usual_state: state_dir(None).ok(), config_home }
}

/// The operator's own repositories, else the sample, unpacked where it can be read. Who only looks unpacks nothing.
pub(super) fn sources(
    own: &[PathBuf],
    access: &Arc<Access>,
    state: &Path,
    read_only: bool,
) -> anyhow::Result<Vec<RepositoryPath>> {
    if !own.is_empty() || read_only {
        return Ok(own.iter().map(|path| RepositoryPath::own(path).with(Arc::clone(access))).collect());
    }
    state_directory::prepare(state)?;
    let sample = catalog::sample::unpack(state).context("the sample repository cannot be unpacked")?;
    Ok(vec![RepositoryPath::sample(sample)])
}

/// Who is asking, as the journal tells it. Behind `sudo` that is the person, not the account that was borrowed.
pub(super) fn who() -> Who {
    let named = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let uid = rustix::process::getuid().as_raw();
    let own = named("USER").or_else(|| named("LOGNAME"));
    let own = own.unwrap_or_else(|| if uid == 0 { "root".to_owned() } else { format!("uid {uid}") });
    let user =
        named("SUDO_USER").filter(|person| *person != own).map_or(own.clone(), |person| format!("{person} as {own}"));
    let host = process::host();
    let terminal = rustix::termios::ttyname(std::io::stdin(), Vec::new()).ok();
    let terminal = terminal.map(|name| name.to_string_lossy().trim_start_matches("/dev/").to_owned());
    Who::new(&user, &host, std::process::id(), terminal.as_deref())
}

fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("{} is not a path", path.display()))
}
