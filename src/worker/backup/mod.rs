//! Backups of the objects of jobs: one folder for each kind of object, which plans, makes, stops, and proves gone.
//!
//! Promises: a restore point appears when it is whole, verified and on the disk, and not before; what an attempt leaves
//! bears its session's name, here and at what is backed up, and is found by that alone. Never: touches what another
//! session, another job or anybody else has made.

mod copier;
mod file_copy;
mod instance;
mod repository;

use super::{event_writer::EventWriter, places::ClaimingSession, signals::Stop};
use crate::{
    domain::{BackupObject, BackupOrder, Disposed, Disposition, Failure, Success, ticket::Ticket},
    engine::Halt,
};
use std::path::Path;

/// One object being backed up.
pub(super) struct Backup<'a> {
    pub(super) attempt_dir: &'a Path,
    pub(super) ticket: &'a Ticket,
    pub(super) order: &'a BackupOrder,
    pub(super) places: ClaimingSession,
    pub(super) report: &'a EventWriter,
    pub(super) stop: &'a Stop,
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
            BackupObject::VirtualMachine { .. }
            | BackupObject::FileTree { .. }
            | BackupObject::Standby { .. }
            | BackupObject::PointCopy { .. } => Err(self.unsupported().into()),
        }
    }

    /// Deals with what attempts have left, once none of them is alive: the checkpoint first, then the files.
    pub(super) fn dispose(&self, wish: Disposition) -> Result<Disposed, Halt> {
        match &self.order.object {
            BackupObject::Instance { .. } => instance::dispose(self, wish),
            BackupObject::FileCopy { .. } => file_copy::dispose(self, wish),
            BackupObject::VirtualMachine { .. }
            | BackupObject::FileTree { .. }
            | BackupObject::Standby { .. }
            | BackupObject::PointCopy { .. } => Err(self.unsupported().into()),
        }
    }

    fn unsupported(&self) -> Failure {
        let cause = format!("this howdah cannot back up {}", self.order.object.name());
        Failure::incurable(cause, "use the newer howdah that ordered it, then retry")
    }

    fn go_on(&self) -> Result<(), Halt> {
        if self.stop.requested() { Err(Halt::Stopped) } else { Ok(()) }
    }
}
