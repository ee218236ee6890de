//! A standby's beginning: the slot, a base backup through it, its settings, its place.
//!
//! Promises: what comes in is below the session's own name until it is whole, verified, on the disk and set up as a standby:
//! nothing that stands under the standby's name could be started as a second primary. Never: leaves a slot that the record
//! does not tell of.

use super::{
    Backup, Wanted, anew, make_slot,
    mark::StandbyMark,
    place,
    plan::Planned,
    primary,
    record::{Record, SlotState, Stage},
};
use crate::{
    domain::{BackupForm, Failure, FailureClass, PasswordSource, Step},
    engine::{Halt, Observer},
    postgres::{
        account::Account,
        client::{Client, basebackup::BaseBackupOptions},
        configure::{
            self, ConfigureOptions, UnknownLibrary,
            follow::{FollowOptions, follow},
        },
    },
    worker::{
        backup::{
            instance::{copy, server},
            repository::{self, PointDirectory},
            seal,
        },
        event_writer,
    },
};
use std::path::{Path, PathBuf};

/// All that a seed needs.
pub(super) struct Seed<'a, 'b> {
    pub(super) backup: &'a Backup<'b>,
    pub(super) wanted: Wanted<'a>,
    pub(super) account: &'a Account,
    pub(super) client: &'a Client,
    pub(super) planned: &'a Planned,
}

impl Seed<'_, '_> {
    /// Receives a base backup and puts it in place.
    pub(super) fn run(&self, directory: &PointDirectory, record: &mut Record) -> Result<(), Halt> {
        let Self { backup, wanted, planned, .. } = self;
        self.begin(directory)?;
        record.found_empty = planned.found_empty;
        record.stage = Stage::Begun;
        record.keep(backup.attempt_dir)?;
        make_slot(backup, wanted, self.client, planned, record)?;
        let incoming =
            self.receive(directory, wanted.slot).inspect_err(|halt| self.give_up(halt, wanted.slot, record))?;
        record.stage = Stage::Placing;
        record.keep(backup.attempt_dir)?;
        place::put(&incoming, wanted.directory, planned.found_empty)?;
        self.done();
        Ok(())
    }

    /// The same beside an earlier standby, which then goes aside for it.
    pub(super) fn run_anew(&self, directory: &PointDirectory, record: &mut Record) -> Result<(), Halt> {
        let Self { backup, wanted, .. } = self;
        self.begin(directory)?;
        let slot = anew::make_slot(self.client, backup.ticket.session_uuid)?;
        let incoming = self.receive(directory, &slot).inspect_err(|halt| self.give_up(halt, &slot, record))?;
        record.found_empty = false;
        record.stage = Stage::Placing;
        record.keep(backup.attempt_dir)?;
        anew::exchange(backup, wanted, self.client, (&incoming, record))?;
        self.done();
        Ok(())
    }

    fn begin(&self, directory: &PointDirectory) -> Result<(), Failure> {
        let report = self.backup.report;
        report.begin(Step::Checkpoint, "");
        if directory.remove_incoming()? {
            report.note("what an earlier attempt had received was removed: a base backup cannot be resumed");
        }
        Ok(())
    }

    /// What came in is of no use to another attempt, and one that waits for a person may never come: nothing is to hold WAL
    /// at the primary until then.
    fn give_up(&self, halt: &Halt, slot: &str, record: &mut Record) {
        let Halt::Failed(Failure { class: FailureClass::Incurable, .. }) = halt else { return };
        let is_jobs = slot == self.wanted.slot;
        if is_jobs && record.slot != SlotState::Made {
            return;
        }
        let report = self.backup.report;
        match primary::drop_slot(self.client, slot, SlotState::Made) {
            Ok(_) => report.note(&format!("the slot {slot} is dropped: it would hold WAL until somebody retries")),
            Err(failure) => return report.note(&format!("the slot {slot} goes on holding WAL: {failure}")),
        }
        if is_jobs {
            record.slot = SlotState::NotMade;
            record.keep(self.backup.attempt_dir).unwrap_or_else(|failure| report.note(&failure.to_string()));
        }
    }

    fn done(&self) {
        self.backup.report.done(&format!("in {}", self.wanted.directory.display()));
    }

    /// Receives a base backup through this slot, and makes a standby of it: whole, verified, marked, and on the disk.
    fn receive(&self, directory: &PointDirectory, slot: &str) -> Result<PathBuf, Halt> {
        let Self { backup, wanted, account, planned, .. } = self;
        let (report, session) = (backup.report, backup.ticket.session_uuid);
        backup.go_on()?;
        let incoming = directory.make_incoming(account.owner(), account.owner(), || backup.note_made_directory())?;
        let name = server::application_name(session);
        let options = BaseBackupOptions {
            directory: &incoming,
            tar: None,
            checksums: "CRC32C",
            slot: Some(slot),
            max_rate: backup.order.max_rate,
            application_name: &name,
            version: planned.programs.version,
        };
        copy::run(backup, self.client, &options)?;

        report.begin(Step::Seal, "");
        seal::compare(backup, &incoming, BackupForm::Plain, Some(planned.cluster), damaged)?;
        configure_as_standby(&incoming, wanted, account, planned)?;
        let contents = place::names(&incoming).map_err(|error| repository::failure("looking at", &incoming, &error))?;
        let made = (event_writer::now(), contents);
        let where_and_how = (wanted.directory, wanted.slot);
        StandbyMark::new(backup.order, session, where_and_how, planned.cluster, made)
            .leave(&incoming, account.owner())?;
        let bytes = seal::bring_to_disk(backup, &incoming)?;
        report.detail(&format!("{bytes} are whole"));
        backup.go_on()?;
        Ok(incoming)
    }
}

/// The settings once more under the standby's own name, since some of them hold it.
pub(super) fn configure_in_place(
    backup: &Backup<'_>,
    wanted: &Wanted<'_>,
    account: &Account,
    planned: &Planned,
    record: &mut Record,
) -> Result<(), Halt> {
    let report = backup.report;
    report.begin(Step::Configure, "");
    let notes = configure_as_standby(wanted.directory, wanted, account, planned)?;
    for note in notes {
        report.log(&note);
    }
    record.stage = Stage::Configured;
    record.keep(backup.attempt_dir)?;
    report.done(&format!("port {}, following its primary through the slot {}", wanted.port, wanted.slot));
    backup.go_on()
}

/// A copy that does nothing to the world around it, but for following its primary.
fn configure_as_standby(
    data: &Path,
    wanted: &Wanted<'_>,
    account: &Account,
    planned: &Planned,
) -> Result<Vec<String>, Failure> {
    let version = planned.binaries.version();
    let configured = configure::configure(&ConfigureOptions {
        data,
        port: wanted.port,
        account,
        binaries: Some(&planned.binaries),
        control: data,
        version: Some(version),
        unknown: UnknownLibrary::Kept,
    })?;
    let passfile = match wanted.password {
        PasswordSource::Passfile(path) => Some(path.as_path()),
        PasswordSource::None | PasswordSource::Command(_) => None,
    };
    follow(&FollowOptions { data, account, version, conninfo: wanted.conninfo, passfile, slot: wanted.slot })?;
    // What it is to be is said by whoever configures a copy; that it follows nobody is no longer so.
    let of_copy = |note: &String| note.contains(place::STANDBY_SIGNAL) || note.contains("primary_conninfo");
    let notes = configured.notes.into_iter().filter(|note| !of_copy(note));
    Ok(notes.chain(configured.warnings).collect())
}

/// Nothing of it is kept: another attempt receives all of it anew.
fn damaged(what: &str) -> Failure {
    let cause = format!("what was received is damaged: {what}");
    Failure::disruption(cause, "see the disks, the memory and the network on its way")
}
