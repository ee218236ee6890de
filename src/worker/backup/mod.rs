//! Backups of the objects of jobs: one folder for each kind of object, which plans, makes, stops, and proves gone.
//!
//! Promises: a restore point appears when it is whole, verified and on the disk, and not before; what an attempt leaves
//! bears its session's name, here and at what is backed up, and is found by that alone. Never: touches what another
//! session, another job or anybody else has made.

mod copier;
mod file_copy;
mod files;
mod instance;
mod keep;
mod point_copy;
mod repository;
mod rights;
mod seal;
mod standby;
mod vm;

use super::{
    attempt_files,
    event_writer::EventWriter,
    places::{Barred, ClaimingSession},
    signals::Stop,
    workspace::Workspace,
};
use crate::{
    domain::{
        BackupObject, BackupOrder, BackupPlan, ByteCount, Disposed, Disposition, Failure, Success, WorkerSettings,
        fact::End, ticket::Ticket,
    },
    engine::{
        Halt,
        claim::{self, Own},
        watched::watched,
    },
    postgres::account::Account,
    private_file,
};
use repository::PointDirectory;
pub(super) use repository::{failure as repository_failure, rename_new};
use std::{
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
};
use uuid::Uuid;
pub use vm::checkpoints;

/// In an attempt's directory: this session has made the object's directory in the repository.
const MADE_DIRECTORY: &str = "made-directory";

/// From so many bytes on removing them takes long enough to be told.
const LARGE: ByteCount = ByteCount(1 << 30);

/// What is backed up, and how: all that a plan needs.
#[derive(Clone, Copy)]
struct Subject<'a> {
    order: &'a BackupOrder,
    settings: &'a WorkerSettings,
    session: Uuid,
    /// Backups that other sessions read; none is known to a plan alone.
    in_use: &'a [PathBuf],
}

/// One object being backed up.
pub(super) struct Backup<'a> {
    pub(super) attempt_dir: &'a Path,
    pub(super) ticket: &'a Ticket,
    pub(super) order: &'a BackupOrder,
    pub(super) places: ClaimingSession,
    pub(super) report: &'a EventWriter,
    pub(super) stop: &'a Stop,
}

/// Makes the plan of a backup and writes nothing, here or at what is backed up.
pub(super) fn plan(order: &BackupOrder, settings: &WorkerSettings, own: &Own) -> Result<BackupPlan, Failure> {
    let subject = Subject { order, settings, session: Uuid::nil(), in_use: &[] };
    let (holds, own) = (order.holds(), own.clone());
    watched(order.object.name().as_str(), settings.stall_timeout, move |_| {
        Ok::<(), Failure>(claim::refuse_if_held(&holds, &own, None)?)
    })?;
    let account = || Account::for_server(&settings.os_user);
    match &order.object {
        BackupObject::Instance { .. } => instance::plan(&subject, &account()?),
        BackupObject::FileCopy { .. } => file_copy::check(&subject, &account()?).map(|checked| checked.plan),
        BackupObject::PointCopy { .. } => point_copy::check(&subject, &account()?).map(|checked| checked.plan),
        BackupObject::VirtualMachine { .. } => vm::plan(&subject),
        BackupObject::FileTree { .. } => files::plan(&subject, &Account::own()?),
        BackupObject::Standby { .. } => standby::plan(&subject, &account()?),
    }
}

/// The version of restic that trees are backed up with.
pub(super) fn restic_version(settings: &WorkerSettings) -> Result<String, Failure> {
    files::version(settings)
}

impl Subject<'_> {
    /// The directory of the object's restore points.
    fn point_directory(&self) -> Result<PointDirectory, Failure> {
        let order = self.order;
        match order.folder() {
            Some(path) => Ok(PointDirectory::new(path, self.session, self.settings.stall_timeout)),
            None if order.repository.is_none() => Err(Failure::incurable(
                format!("the job {} names no repository for {}", order.job, order.object.name()),
                "name one with repository in the settings of the job",
            )),
            None => Err(Failure::incurable(
                format!("{} cannot be the name of a directory in a repository", order.object.name()),
                "give the object a name without slashes that begins with a letter or a digit",
            )),
        }
    }
}

impl<'a> Backup<'a> {
    pub(super) fn new(
        attempt_dir: &'a Path,
        ticket: &'a Ticket,
        order: &'a BackupOrder,
        report: &'a EventWriter,
        stop: &'a Stop,
    ) -> Self {
        let places = ClaimingSession::of(ticket, attempt_dir);
        Self { attempt_dir, ticket, order, places, report, stop }
    }

    /// Makes the restore point.
    pub(super) fn run(&self) -> Result<Success, Halt> {
        match &self.order.object {
            BackupObject::Instance { .. } => instance::run(self),
            BackupObject::FileCopy { .. } => file_copy::run(self),
            BackupObject::PointCopy { .. } => point_copy::run(self),
            BackupObject::VirtualMachine { .. } => vm::run(self),
            BackupObject::FileTree { .. } => files::run(self),
            BackupObject::Standby { .. } => standby::run(self),
        }
    }

    /// Deals with what attempts have left, once none of them is alive: the checkpoint first, then the files. A success
    /// where one of them had done the work already.
    pub(super) fn dispose(&self, wish: Disposition) -> Result<End, Halt> {
        match &self.order.object {
            BackupObject::Instance { .. } => instance::dispose(self, wish),
            BackupObject::FileCopy { .. } => file_copy::dispose(self, wish).map(End::Disposed),
            BackupObject::PointCopy { .. } => {
                self.remove_incoming(&self.subject().point_directory()?, wish).map(End::Disposed)
            }
            BackupObject::VirtualMachine { .. } => vm::dispose(self, wish),
            BackupObject::FileTree { .. } => files::dispose(self, wish),
            BackupObject::Standby { .. } => standby::dispose(self, wish),
        }
    }

    fn subject(&self) -> Subject<'a> {
        let Ticket { settings, session_uuid, in_use, .. } = self.ticket;
        Subject { order: self.order, settings, session: *session_uuid, in_use }
    }

    /// Known on disk before it is true, so that a disposal removes the directory if it is empty then.
    fn note_made_directory(&self) -> Result<(), Failure> {
        let path = self.attempt_dir.join(MADE_DIRECTORY);
        let made = private_file::open(&path, OpenOptions::new().write(true).create(true).truncate(false));
        made.and_then(|file| file.sync_all()).map_err(|error| attempt_files::failure("noting what is made", &error))
    }

    /// The object's directory goes with its only content, where this session has made it.
    fn remove_made_directory(&self, directory: &Path) -> Result<(), Failure> {
        let session = self.ticket.session_uuid;
        let workspace = Workspace { attempt: self.attempt_dir, session, data: directory };
        if workspace.attempts()?.iter().any(|attempt| attempt.join(MADE_DIRECTORY).exists()) {
            // One with anything in it is not removed by this, and one that is gone is as it should be.
            let _in_use: std::io::Result<()> = fs::remove_dir(directory);
        }
        Ok(())
    }

    /// The disposal of an object whose checkpoint is nothing but the directory that its data comes in to.
    fn remove_incoming(&self, directory: &PointDirectory, wish: Disposition) -> Result<Disposed, Halt> {
        let holds = self.order.holds();
        let places = self.places.enter(&holds, None);
        let left = directory.look()?.leftover;
        let _places = match (places, left) {
            (Ok(places), _) => places,
            // Refused when it came: another session works there.
            (Err(Barred::Held(_)), None) => return Ok(Disposed::Nothing),
            (Err(barred), _) => return Err(Failure::from(barred).into()),
        };
        let disposed = match (wish, left) {
            (_, None) => Disposed::Nothing,
            (Disposition::Keep | Disposition::SetAside, Some(_)) => Disposed::Kept,
            (Disposition::Default | Disposition::Remove, Some(size)) => {
                if size >= LARGE {
                    self.report.note(&format!("removing {size} from {}", directory.incoming().display()));
                }
                directory.remove_incoming()?;
                Disposed::Removed
            }
        };
        self.remove_made_directory(&directory.path)?;
        self.places.leave(&holds)?;
        Ok(disposed)
    }

    fn go_on(&self) -> Result<(), Halt> {
        if self.stop.requested() { Err(Halt::Stopped) } else { Ok(()) }
    }
}
