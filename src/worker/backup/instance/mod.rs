//! The backup of a PostgreSQL server by `pg_basebackup`.
//!
//! Its checkpoint is the backup session on the server with its temporary slot, and the directory that it comes in to.
//! Both bear the session's uuid: the directory in its name, the session on the server in its `application_name`. The slot
//! bears the number of its walsender, since `pg_basebackup` names a temporary slot itself; a slot of our own naming would
//! have to be a permanent one, which holds back WAL for ever on a server that we cannot reach any more.
//!
//! Promises: what has its name in the repository was compared with its manifest and is on the disk.

pub(super) mod copy;
mod dispose;
pub(super) mod plan;
pub(super) mod server;

pub(super) use dispose::dispose;

use super::{
    Backup, Subject, keep,
    repository::{self, ExistingPoint, PointDirectory},
    seal,
};
use crate::{
    domain::{Achieved, BackupForm, BackupObject, BackupOrder, BackupPlan, ByteCount, Failure, Plan, Step, Success},
    engine::{Halt, Observer},
    postgres::{
        account::Account,
        client::{Client, basebackup::BaseBackupOptions},
    },
    worker::event_writer,
};
use plan::{Planned, Wanted};

/// Runs the steps, in order.
pub(super) fn run(backup: &Backup<'_>) -> Result<Success, Halt> {
    let report = backup.report;
    report.begin(Step::Check, "");
    let wanted = wanted(backup.order)?;
    plan::refuse_malformed(&wanted)?;
    let settings = &backup.ticket.settings;
    let account = Account::for_server(&settings.os_user)?;
    let directory = backup.subject().point_directory()?;
    let holds = backup.order.holds();
    // Held until the attempt has ended, in whatever way.
    let _places = backup.places.enter(&holds, account.owner()).map_err(Failure::from)?;
    let contents = directory.look()?;
    if let Some(point) = directory.made(&contents) {
        return already_made(backup, &directory, &point);
    }
    let newest = plan::newest(settings, &account)?;
    let client = plan::client(&wanted, settings, &account, &newest)?;
    let ended = server::end_backup(&client, backup.ticket.session_uuid)?;
    if ended > 0 {
        report.note(&format!("an earlier attempt had left {ended} walsenders on the server; they were ended"));
    }
    let planned = plan::plan(&wanted, settings, &account, &client, (&directory, &contents))?;
    let Planned { plan, programs, cluster } = with_keep(&backup.subject(), &directory, planned)?;
    let shown = format!("about {} needed, {} free", plan.bytes, plan.free_bytes);
    report.planned(Plan::Backup(plan));
    report.done(&shown);
    backup.go_on()?;

    report.begin(Step::Checkpoint, "");
    let started = event_writer::now();
    if directory.remove_incoming()? {
        report.note("what an earlier attempt had received was removed: a base backup cannot be resumed");
    }
    let incoming = directory.make_incoming(account.owner(), account.owner(), || backup.note_made_directory())?;
    let client = client.with_programs(&programs.directory);
    let name = server::application_name(backup.ticket.session_uuid);
    let options = BaseBackupOptions {
        directory: &incoming,
        tar: wanted.tar,
        checksums: wanted.checksums,
        slot: wanted.slot,
        max_rate: backup.order.max_rate,
        application_name: &name,
        version: programs.version,
    };
    copy::run(backup, &client, &options)?;

    report.begin(Step::Seal, "");
    let form = wanted.tar.map_or(BackupForm::Plain, BackupForm::Tar);
    let found = seal::compare(backup, &incoming, form, Some(cluster), damaged)?;
    backup.go_on()?;
    let finished = event_writer::now();
    let mark = seal::mark(backup, &incoming, Some(cluster), (started, finished))?;
    repository::leave_mark(&incoming, &mark, account.owner())?;
    let bytes = seal::bring_to_disk(backup, &incoming)?;
    backup.go_on()?;
    let label = directory.put_in_place(&finished.strftime("%Y-%m-%dT%H%M%S").to_string())?;
    report.log(&format!("the restore point is {}", directory.path.join(&label).display()));
    report.done(&format!("{label} is in place"));
    let warnings = keep::expire(backup, &directory, Some(cluster), Some(&label));

    report.begin(Step::Finish, "");
    finish(backup, &client);
    backup.places.leave(&holds)?;
    report.done("nothing of the backup is left on the server");
    Ok(success(label, bytes, warnings, found.unchecked))
}

/// The plan alone.
pub(super) fn plan(subject: &Subject<'_>, account: &Account) -> Result<BackupPlan, Failure> {
    let (wanted, settings) = (wanted(subject.order)?, subject.settings);
    plan::refuse_malformed(&wanted)?;
    let directory = subject.point_directory()?;
    let contents = directory.look()?;
    let client = plan::client(&wanted, settings, account, &plan::newest(settings, account)?)?;
    let planned = plan::plan(&wanted, settings, account, &client, (&directory, &contents))?;
    with_keep(subject, &directory, planned).map(|planned| planned.plan)
}

/// The same plan with what becomes of older restore points.
fn with_keep(subject: &Subject<'_>, directory: &PointDirectory, mut planned: Planned) -> Result<Planned, Failure> {
    let foreseen = keep::foresee(subject, directory, Some(planned.cluster), vec![keep::to_be_made()])?;
    planned.plan.keep = foreseen.map(|foreseen| foreseen.plan);
    Ok(planned)
}

/// The order names an instance: that is why it came here.
fn wanted(order: &BackupOrder) -> Result<Wanted<'_>, Failure> {
    match &order.object {
        BackupObject::Instance { name, conninfo, password, tar, checksums, slot } => {
            Ok(Wanted { name, conninfo, password, tar: *tar, checksums, slot: slot.as_deref() })
        }
        BackupObject::VirtualMachine { .. }
        | BackupObject::FileTree { .. }
        | BackupObject::Standby { .. }
        | BackupObject::FileCopy { .. }
        | BackupObject::PointCopy { .. } => Err(Failure::bug("an object that is no instance is backed up as one")),
    }
}

/// An earlier attempt was ended between the restore point's last rename and its own last word.
fn already_made(backup: &Backup<'_>, directory: &PointDirectory, point: &ExistingPoint) -> Result<Success, Halt> {
    let report = backup.report;
    report.done("");
    for step in [Step::Checkpoint, Step::Copy, Step::Seal] {
        report.skip(step, "an earlier attempt has done it");
    }
    let cluster = point.mark.as_ref().and_then(|mark| mark.system_identifier);
    let warnings = keep::expire(backup, directory, cluster, point.path.file_name().and_then(|name| name.to_str()));
    report.begin(Step::Finish, "");
    let holds = backup.order.holds();
    backup.places.leave(&holds)?;
    report.done(&format!("{} is in place", point.label));
    made(point, warnings)
}

/// What an attempt that could not say so any more has made.
fn made(point: &ExistingPoint, warnings: Vec<String>) -> Result<Success, Halt> {
    let bytes = ByteCount(seal::size_of(&point.path)?);
    Ok(success(point.label.clone(), bytes, warnings, Vec::new()))
}

fn success(label: String, bytes: ByteCount, warnings: Vec<String>, unchecked: Vec<String>) -> Success {
    Success { result: Achieved::RestorePoint { label, bytes, how: None }, warnings, unchecked }
}

/// Nothing of it is kept: another attempt receives all of it anew.
fn damaged(what: &str) -> Failure {
    let cause = format!("what was received is damaged: {what}");
    Failure::disruption(cause, "see the disks, the memory and the network on its way")
}

/// The restore point is made, whatever the server says now.
fn finish(backup: &Backup<'_>, client: &Client) {
    match server::end_backup(client, backup.ticket.session_uuid) {
        Ok(0) => {}
        Ok(ended) => backup.report.note(&format!("{ended} walsenders of the backup were still there, and were ended")),
        Err(failure) => backup.report.note(&format!("what the backup left on the server was not seen: {failure}")),
    }
}
