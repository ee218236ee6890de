//! The restore of a tree of files from a restic repository.
//!
//! The files come in to a directory that bears the session's uuid in its name, in or beside the one that was ordered. They
//! get their names when restic has read them back and they were counted, and are on the disk. So whoever comes next finds
//! a tree whole or not at all.
//!
//! Promises: nothing that stands at the target is changed; an attempt that was ended leaves what it has made in that
//! directory alone. Never: writes to the repository, not even a lock.

mod copy;
mod dispose;
mod lift;
mod place;
mod plan;
mod proof;
mod record;
mod remove;
mod said;
mod survey;
mod wanted;

use super::{
    event_writer::EventWriter, places::ClaimingSession, restore::completion, signals::Stop, workspace::Workspace,
};
use crate::{
    domain::{
        Achieved, ByteCount, DataPlan, Disposition, Failure, FilesRestore, Hold, InstanceName, Order, Plan, Progress,
        RestoreOrder, Step, Success, WorkerSettings, fact::End, path_text::shown, ticket::Ticket,
    },
    engine::{
        Halt, Observer,
        claim::{self, Own},
        durable,
        watched::watched,
    },
    postgres::{configure::DataDirectory, server::classify},
};
use lift::{Dressed, Found};
use place::Staging;
use plan::{Planned, Subject};
use record::Lifting;
use std::{fs, io, path::Path};
use uuid::Uuid;

/// A tree being restored.
pub(super) struct TreeRestore<'a> {
    attempt_dir: &'a Path,
    ticket: &'a Ticket,
    order: &'a FilesRestore,
    places: ClaimingSession,
    report: &'a EventWriter,
    stop: &'a Stop,
}

/// Makes the plan and writes nothing.
pub(super) fn plan(order: &FilesRestore, settings: &WorkerSettings, own: &Own) -> Result<DataPlan, Failure> {
    let (holds, own) = (holds(order), own.clone());
    watched(InstanceName::as_str(&order.tree), settings.stall_timeout, move |_| {
        Ok::<(), Failure>(claim::refuse_if_held(&holds, &own, None)?)
    })?;
    let subject = Subject { order, settings, session: Uuid::nil() };
    match plan::plan(&subject, &|| false) {
        Ok(planned) => Ok(planned.plan),
        Err(Halt::Failed(failure)) => Err(failure),
        Err(Halt::Stopped) => Err(Failure::bug("a plan was stopped, and nobody can do that")),
    }
}

fn holds(order: &FilesRestore) -> Vec<Hold> {
    Order::Restore(RestoreOrder::Files(order.clone())).holds()
}

impl<'a> TreeRestore<'a> {
    pub(super) fn new(
        attempt_dir: &'a Path,
        ticket: &'a Ticket,
        order: &'a FilesRestore,
        report: &'a EventWriter,
        stop: &'a Stop,
    ) -> Self {
        let places = ClaimingSession::of(ticket, attempt_dir);
        Self { attempt_dir, ticket, order, places, report, stop }
    }

    /// Restores it.
    pub(super) fn run(&self) -> Result<Success, Halt> {
        let report = self.report;
        report.begin(Step::Check, "");
        // Held until the attempt has ended, in whatever way.
        let _places = self.places.enter(&holds(self.order), None).map_err(Failure::from)?;
        if let Some(success) = completion::of_session(&self.workspace())? {
            report.done("");
            report.skip(Step::Copy, "an earlier attempt has done it");
            report.begin(Step::Finish, "");
            self.leave()?;
            return Ok(success);
        }
        let lifting = match self.interrupted()? {
            Some(lifting) => {
                report.done("an earlier attempt has restored it, and was ended while it got its name");
                report.skip(Step::Copy, "an earlier attempt has done it");
                lifting
            }
            None => self.copy()?,
        };
        report.begin(Step::Finish, "");
        let success = self.finish(&lifting)?;
        report.done(&format!("the files are in {}", shown(&self.order.directory)));
        Ok(success)
    }

    /// Deals with what attempts have left, once none of them is alive.
    pub(super) fn dispose(&self, wish: Disposition) -> Result<End, Halt> {
        dispose::dispose(self, wish)
    }

    /// What an earlier attempt was giving its name to, where it is still to be found.
    fn interrupted(&self) -> Result<Option<Lifting>, Failure> {
        let Some(lifting) = record::of_session(&self.workspace())? else { return Ok(None) };
        match lift::find(&lifting, &self.order.directory)? {
            Found::Waits | Found::Named => Ok(Some(lifting)),
            Found::Gone => {
                self.report.note("what an earlier attempt had restored is not there any more: it is begun anew");
                Ok(None)
            }
        }
    }

    /// Brings the files in, and proves them.
    fn copy(&self) -> Result<Lifting, Halt> {
        let report = self.report;
        let subject = Subject { order: self.order, settings: &self.ticket.settings, session: self.ticket.session_uuid };
        let planned = plan::plan(&subject, &|| self.stop.requested())?;
        report.planned(Plan::Data(planned.plan.clone()));
        report
            .done(&format!("{} in {} files, {} free", planned.plan.bytes, planned.plan.files, planned.plan.free_bytes));
        self.go_on()?;
        report.begin(Step::Copy, "");
        record::forget(&self.workspace())?;
        self.make_incoming(&planned)?;
        let said = copy::run(self, &planned)?;
        report.detail("counting what was restored");
        let tree = proof::prove(self, &planned, &said)?;
        report.detail("bringing it to the disk");
        let synced = durable::sync_tree(&planned.room.incoming, &|| self.stop.requested());
        let synced = synced.map_err(|error| failure("bringing to the disk", &planned.room.incoming, &error))?;
        report.log(&format!("the tree is on the disk, {synced}"));
        self.go_on()?;
        let (bytes, files) = (planned.plan.bytes, planned.plan.files);
        report.progress(Progress {
            bytes_done: bytes,
            bytes_total: bytes,
            files_done: files,
            files_total: files,
            ..Progress::default()
        });
        let unchecked = unchecked(planned.room.staging);
        let whole = (planned.survey.counts, planned.plan.warnings.clone(), unchecked);
        let lifting = lift::prepare(&self.workspace(), planned.room.staging, &tree, whole)?;
        report.done("");
        Ok(lifting)
    }

    /// Makes the directory that the files come in to, or makes it empty where restic cannot go on with what is in it.
    fn make_incoming(&self, planned: &Planned) -> Result<(), Failure> {
        let incoming = &planned.room.incoming;
        if planned.continues() {
            self.report.note("what an earlier attempt had restored is read again, and what differs is written");
        } else if self.remove_incoming()? {
            self.report.note("what an earlier attempt had restored was removed: this restic cannot go on from it");
        }
        let (Some(above), Some(name)) = (incoming.parent(), incoming.file_name().and_then(|name| name.to_str())) else {
            return Err(Failure::bug(format!("{} is no directory to come in to", shown(incoming))));
        };
        let made = DataDirectory::open(above).and_then(|above| above.make_below(name, None));
        made.map(drop).map_err(|error| failure("making", incoming, &error))
    }

    /// Gives the tree its name, and notes that.
    fn finish(&self, lifting: &Lifting) -> Result<Success, Failure> {
        let directory = &self.order.directory;
        match lift::find(lifting, directory)? {
            Found::Waits => lift::lift(lifting, directory)?,
            Found::Named => lift::settle(lifting, directory)?,
            Found::Gone => {
                let cause = format!("what was restored to {} is not there any more", shown(directory));
                return Err(Failure::disruption(cause, "the next attempt begins anew"));
            }
        }
        let success = Success {
            result: Achieved::Files { files: lifting.counts.files, bytes: ByteCount(lifting.counts.bytes) },
            warnings: lifting.warnings.clone(),
            unchecked: lifting.unchecked.clone(),
        };
        completion::keep(&self.workspace(), &success)?;
        self.leave()?;
        Ok(success)
    }

    /// Removes the directory that the files came in to, and gives the place back. What changes the directory that was
    /// there already ends with that, and its own attributes come after it.
    fn leave(&self) -> Result<(), Failure> {
        let lifting = record::of_session(&self.workspace())?;
        let dressed =
            lifting.and_then(|lifting| Dressed::of(&lifting, &self.order.directory).transpose()).transpose()?;
        self.remove_incoming()?;
        self.places.leave(&holds(self.order))?;
        dressed.map_or(Ok(()), |dressed| dressed.dress())
    }

    /// Removes what the session has brought in, wherever that is; whether there was anything.
    fn remove_incoming(&self) -> Result<bool, Failure> {
        let mut removed = false;
        for staging in [Staging::Beside, Staging::Inside] {
            let incoming = staging.incoming(&self.order.directory, self.ticket.session_uuid);
            // What stands at the target may be no directory of ours, or none at all.
            let is_real = fs::symlink_metadata(&self.order.directory).is_ok_and(|about| about.is_dir());
            if staging == Staging::Beside || is_real {
                removed |= remove::remove(&incoming)?;
            }
        }
        Ok(removed)
    }

    fn workspace(&self) -> Workspace<'a> {
        Workspace { attempt: self.attempt_dir, session: self.ticket.session_uuid, data: &self.order.directory }
    }

    fn go_on(&self) -> Result<(), Halt> {
        if self.stop.requested() { Err(Halt::Stopped) } else { Ok(()) }
    }
}

/// What was not verified (S15).
fn unchecked(staging: Staging) -> Vec<String> {
    let attributes = "owners, modes, times and other attributes were set as far as this user may, and not compared";
    let own = "the directory was there already: other attributes of the tree's own were not given to it";
    let own = (staging == Staging::Inside).then_some(own);
    [Some(attributes), own].into_iter().flatten().map(ToOwned::to_owned).collect()
}

fn failure(doing: &str, path: &Path, error: &io::Error) -> Failure {
    classify::of_io(&format!("{doing} {}", shown(path)), error)
}
