//! The native engine: restores what `pg_basebackup` writes, plain directories and archives (tar, bare or packed with
//! gzip, LZ4 or Zstandard).
//!
//! Promises: copies, verifies and makes durable in one pass; resumes by a ledger in the target; puts
//! `global/pg_control` in place last, after the cluster was configured (S3). Never: writes outside the target's directories, follows a link there, or
//! copies a file that nothing accounts for.

mod archives;
mod copy;
mod durable;
mod finalize;
mod inspect;
mod judge;
mod mapping;
mod members;
mod output;
mod partial;
mod plain;
mod plain_copy;
mod plan;
mod prepare;
mod request;
mod small_files;
mod staged;
mod tar_copy;
#[cfg(test)]
pub(super) mod tests;
mod work;
mod write_back;

use super::{
    Engine, Halt, Observer, Planned,
    claim::target::{home, ledger, lock, mark, mark_place, places, root, set_aside, site, space, target_state},
    source::{archive, buffers, copy_log, errors, layout, member, mutex, read, run, shared, throttle, tree},
};
use crate::domain::{BackupForm, ClusterRestore, Failure, WorkerSettings};
use copy::CopyOptions;
pub use inspect::{Inspected, Source, inspect};
use ledger::Line;
use mark_place::MarkPlace;
pub use members::{ArchiveMember, MemberData, Members};
use plan::CopyPlan;
pub(in crate::engine) use plan::read_manifest;
use request::CopyRequest;
use root::{Access, Root};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use uuid::Uuid;

/// The engine, set up for one request of one session.
#[derive(Debug)]
pub struct NativeEngine {
    order: CopyRequest,
    options: CopyOptions,
    copy_plan: Option<CopyPlan>,
}

impl NativeEngine {
    /// Sets the engine up for the backup in `backup`, which has this form. `owner` is the user and group that own the
    /// restored files; `None` keeps our own.
    pub fn new(
        (backup, form): (&Path, BackupForm),
        request: &ClusterRestore,
        session_uuid: Uuid,
        owner: Option<(u32, u32)>,
        settings: &WorkerSettings,
    ) -> Self {
        let order = CopyRequest {
            backup: backup.to_owned(),
            form,
            cluster: request.point.facts.system_identifier,
            target: request.target.clone(),
            existing: request.existing,
            session: session_uuid,
            owner,
            reserved: reserved(settings),
            devices: Vec::new(),
            mark: request.point.source.mark_location(),
            disks: Arc::new(space::Machine),
        };
        let (threads, stall) = (settings.copy_workers, settings.stall_timeout);
        Self { order, options: CopyOptions { max_rate: request.max_rate, threads, stall }, copy_plan: None }
    }

    /// The same, for a target whose directories must be on these devices: those that were claimed.
    #[must_use]
    pub fn on_devices(mut self, devices: &[(PathBuf, u64)]) -> Self {
        self.order.devices = devices.to_vec();
        self
    }

    /// The target's own directory, opened.
    fn root(&self) -> Result<Root, Failure> {
        let directory = self.order.target.directory();
        Root::open(directory, Access { owner: self.order.owner, group: false })
            .and_then(|root| root.on(self.order.device_of(directory)))
            .map_err(|error| errors::at_target("open", directory, &error))
    }
}

/// The places that no restore goes into.
fn reserved(settings: &WorkerSettings) -> Vec<(PathBuf, &'static str)> {
    let repositories = settings.repositories.iter().map(|path| (path.clone(), "the repository"));
    repositories.chain(settings.state.clone().map(|path| (path, "the state directory"))).collect()
}

impl Engine for NativeEngine {
    fn plan(&mut self) -> Result<Planned, Failure> {
        let copy_plan = plan::plan_watched(&self.order, self.options.stall)?;
        let planned = Planned { files: copy_plan.plan.clone(), warnings: copy_plan.warnings.clone() };
        self.copy_plan = Some(copy_plan);
        Ok(planned)
    }

    fn copy(&mut self, observer: &dyn Observer) -> Result<(), Halt> {
        if self.copy_plan.is_none() {
            self.plan()?;
        }
        let Some(copy_plan) = self.copy_plan.take() else {
            return Err(Failure::bug("the copy began without a plan").into());
        };
        if copy_plan.server_started {
            observer.note("all files were restored by an earlier attempt; the server goes on with them".to_owned());
            let shared = shared::Shared::new(copy_plan.plan.bytes.0, copy_plan.plan.files, None);
            shared.reuse_all();
            observer.progress(shared.progress());
            return Ok(());
        }
        copy::copy(&self.order, copy_plan, self.options, observer)
    }

    fn before_server_start(&mut self) -> Result<(), Failure> {
        let root = self.root()?;
        let ledger = ledger::open(&mark_place(&root)?, &ledger::boot_id())?;
        let noted = ledger.add(&[Line::ServerStarted]).and_then(|()| ledger.sync());
        noted.map_err(|error| errors::at_target("note in the ledger of", root.path(), &error))
    }

    fn complete(&mut self) -> Result<(), Failure> {
        let (root, boot) = (self.root()?, ledger::boot_id());
        let place = mark_place(&root)?;
        let ledger = ledger::open(&place, &boot)?;
        let account = ledger::read(&place, &boot)
            .map_err(|error| errors::at_target("read the ledger of", root.path(), &error))?;
        staged::install(&root, &place, &account, &ledger)
    }
}

/// Where the mark stands that a copy has set.
fn mark_place(root: &Root) -> Result<MarkPlace, Failure> {
    let found = mark::find(root).map_err(|error| errors::at_target("read the mark of", root.path(), &error))?;
    found.map(|(place, _)| place).ok_or_else(|| {
        let cause = format!("the mark of the restore into {} is gone", root.path().display());
        Failure::incurable(cause, "find out who removed it, then cancel this restore and start a new one")
    })
}
