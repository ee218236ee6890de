//! A PostgreSQL server and the standby that follows it.
//!
//! A run makes the standby where there is none: a base backup through a physical slot, configured as a copy that does
//! nothing to the world around it but follow its primary, started, and waited for until it has caught up. A later run
//! measures, starts what is down, and makes a slot that is gone; only where it is proven that the standby can never stream
//! again it is seeded anew, beside the earlier one, which goes aside when the new one is whole (`anew`). The standby stays
//! when the run has ended, and its mark says whose it is.
//!
//! Its checkpoint is the slot, the directory that the base backup comes in to, and, until the run has done its work, the
//! standby itself: what a session has made of these is in its record before it is made.
//!
//! The standby connects for ever, so its password is where libpq finds it without howdah: in the usual password file of
//! the server's user, or in the passfile of the job, which its `primary_conninfo` names. A `password_command` is none.
//!
//! Promises: a standby of an earlier run is left as it was by a stop (R36); a slot, a directory or a server that the
//! session did not make or start is not touched; one that was promoted least of all.

mod anew;
mod catch_up;
mod dispose;
mod judge;
mod lag;
mod mark;
mod place;
mod plan;
mod primary;
mod record;
mod seed;
mod standby_facts;
mod work;

pub(super) use dispose::dispose;

use super::{Backup, Subject, instance, repository::PointDirectory};
use crate::{
    domain::{
        Achieved, BackupObject, BackupOrder, BackupPlan, Failure, InstanceName, PasswordSource, Plan, Port,
        ServerOutcome, Step, Success,
    },
    engine::{Halt, Observer},
    postgres::{
        account::Account,
        client::Client,
        configure,
        server::{classify, replay::ServerStage},
    },
    worker::{catch_panic, server::ServerSupervisor, workspace::Workspace},
};
use catch_up::{CatchUp, Caught, Settled};
use plan::Planned;
use record::{Record, SlotState, Stage};
use std::{path::Path, time::Duration};
use work::Work;

/// The server and the standby, as the order names them.
#[derive(Debug, Clone, Copy)]
struct Wanted<'a> {
    name: &'a InstanceName,
    conninfo: &'a str,
    password: &'a PasswordSource,
    directory: &'a Path,
    port: Port,
    slot: &'a str,
    max_lag: Duration,
}

impl<'a> Wanted<'a> {
    /// The primary, as one that is backed up.
    fn instance(&self) -> instance::plan::Wanted<'a> {
        instance::plan::Wanted {
            name: self.name,
            conninfo: self.conninfo,
            password: self.password,
            tar: None,
            checksums: "CRC32C",
            slot: None,
        }
    }
}

/// The plan alone.
pub(super) fn plan(subject: &Subject<'_>, account: &Account) -> Result<BackupPlan, Failure> {
    let wanted = wanted(subject.order)?;
    let client = client(&wanted, subject, account)?;
    let directory = incoming(&wanted, subject)?;
    let record = Record::new(subject.session);
    plan::plan(&wanted, subject, account, &client, (&directory, &record)).map(|planned| planned.plan)
}

/// Runs the steps; a server that was started runs afterwards only where all is done.
pub(super) fn run<'a>(backup: &Backup<'a>) -> Result<Success, Halt> {
    let mut supervisor: Option<ServerSupervisor<'a>> = None;
    let result = catch_panic(|| steps(backup, &mut supervisor));
    let promoted = wanted(backup.order).is_ok_and(|wanted| matches!(place::promoted(wanted.directory), Ok(Some(_))));
    if let Some(server) = supervisor.as_mut().filter(|_| promoted) {
        backup.report.note("the standby was promoted meanwhile: it is a server of its own, and runs on");
        server.let_go();
    }
    let cleared = supervisor.as_mut().map_or(Ok(()), ServerSupervisor::clear);
    match (result, cleared) {
        (result, Ok(())) => result,
        (Err(Halt::Failed(first)), Err(failure)) => {
            backup.report.note(&failure.to_string());
            Err(first.into())
        }
        // Stopped means that nothing runs any more: it must not be said when it is not so.
        (Ok(_) | Err(Halt::Stopped), Err(failure)) => Err(failure.into()),
    }
}

fn steps<'a>(backup: &Backup<'a>, supervisor: &mut Option<ServerSupervisor<'a>>) -> Result<Success, Halt> {
    let (report, subject) = (backup.report, backup.subject());
    report.begin(Step::Check, "");
    let wanted = wanted(backup.order)?;
    let account = Account::for_server(&subject.settings.os_user)?;
    let holds = backup.order.holds();
    // Held until the attempt has ended, in whatever way.
    let _places = backup.places.enter(&holds, account.owner()).map_err(Failure::from)?;
    let mut record = Record::read(backup.attempt_dir, subject.session)?.unwrap_or_else(|| Record::new(subject.session));
    if let Stage::Done(success) = record.stage {
        return already_done(backup, success);
    }
    let client = client(&wanted, &subject, &account)?;
    plan::refuse_other_primary(&wanted, &client, &record)?;
    let ended = instance::server::end_backup(&client, subject.session)?;
    if ended > 0 {
        report.note(&format!("an earlier attempt had left {ended} walsenders on the primary; they were ended"));
    }
    let directory = incoming(&wanted, &subject)?;
    anew::resume(backup, &wanted, &client, (&directory.incoming(), &mut record))?;
    let mut planned = plan::plan(&wanted, &subject, &account, &client, (&directory, &record))?;
    report.planned(Plan::Backup(planned.plan.clone()));
    report.done(&planned.plan.method.join("; "));
    backup.go_on()?;
    let client = client.with_programs(&planned.programs.directory);
    // Known before anything is made or started: whoever removes it needs that.
    record.cluster = Some(planned.cluster);
    record.keep(backup.attempt_dir)?;
    let work = Work { backup, wanted, account: &account, client: &client, directory: &directory };
    work.bring_up(&planned, (&mut record, supervisor))?;
    let settle = |planned: &Planned, supervisor: &mut Option<ServerSupervisor<'a>>| {
        CatchUp::new(backup, wanted, &account, (&client, planned)).settle(supervisor.as_mut())
    };
    if let Settled::SeedAnew(why) = settle(&planned, supervisor)? {
        planned = work.seed_anew(planned, &why, (&mut record, supervisor))?;
        if let Settled::SeedAnew(why) = settle(&planned, supervisor)? {
            return Err(Failure::disruption(why, "the next attempt seeds it anew").into());
        }
    }
    work.it_streams(&planned, &mut record)?;
    let caught = CatchUp::new(backup, wanted, &account, (&client, &planned)).run(supervisor.as_mut())?;
    finish(backup, &wanted, caught, (record, supervisor))
}

/// Makes the slot where it is to be made; from then on the session's record says so.
fn make_slot(
    backup: &Backup<'_>,
    wanted: &Wanted<'_>,
    client: &Client,
    planned: &Planned,
    record: &mut Record,
) -> Result<(), Failure> {
    match (planned.owns_slot, planned.makes_slot) {
        (true, false) => {
            // From here on it moves, and is known by the record alone.
            record.slot = SlotState::Made;
            return record.keep(backup.attempt_dir);
        }
        (false, false) => return Ok(()),
        (true, true) => {
            primary::drop_slot(client, wanted.slot, record.slot)?;
            backup
                .report
                .note(&format!("the slot {} of an earlier attempt had lost WAL and is made anew", wanted.slot));
        }
        (false, true) => {}
    }
    let at = primary::position(client)?;
    record.slot = SlotState::Making { at };
    record.keep(backup.attempt_dir)?;
    if !primary::make_slot(client, wanted.slot, at)? {
        record.slot = SlotState::NotMade;
        record.keep(backup.attempt_dir)?;
        return Err(Failure::incurable(
            format!("somebody has made a replication slot {} meanwhile", wanted.slot),
            "name another slot, or see whose it is: it is not touched",
        ));
    }
    record.slot = SlotState::Made;
    record.keep(backup.attempt_dir)?;
    backup.report.log(&format!("the slot {} is made; it holds WAL from {at} on", wanted.slot));
    Ok(())
}

/// Starts the standby as its own settings say, and waits until it can be asked.
fn start<'a>(
    backup: &Backup<'a>,
    wanted: &Wanted<'a>,
    account: &Account,
    (planned, supervisor): (&Planned, &mut Option<ServerSupervisor<'a>>),
) -> Result<(), Halt> {
    let report = backup.report;
    let as_whom = format!("PostgreSQL {} as {}", planned.binaries.version(), account.name());
    report.begin(Step::Start, &as_whom);
    let supervisor = supervisor.insert(anew::supervisor(backup, wanted, account, planned.binaries.clone()));
    let mut started = || {
        supervisor.start_open()?;
        supervisor.wait(ServerStage::Consistent, &mut |_| ())?;
        supervisor.wait_for_answer()
    };
    started().map_err(|halt| match halt {
        Halt::Failed(failure) => Halt::Failed(classify::of_standby(failure)),
        Halt::Stopped => Halt::Stopped,
    })?;
    report.detail(&format!("{as_whom}, on port {}", wanted.port));
    Ok(())
}

/// From the record on the session has done its work, and its standby stays.
fn finish(
    backup: &Backup<'_>,
    wanted: &Wanted<'_>,
    Caught { answer, unchecked }: Caught,
    (mut record, supervisor): (Record, &mut Option<ServerSupervisor<'_>>),
) -> Result<Success, Halt> {
    let report = backup.report;
    report.begin(Step::Finish, "");
    backup.go_on()?;
    let result = Achieved::Cluster(ServerOutcome::Running { port: wanted.port, answer });
    let warnings = record.anew.as_ref().map(anew::warning).into_iter().collect();
    let success = Success { result, warnings, unchecked };
    record.stage = Stage::Done(success.clone());
    record.keep(backup.attempt_dir)?;
    if let Some(supervisor) = supervisor {
        supervisor.let_go();
    }
    backup.places.leave(&backup.order.holds())?;
    report.done("the standby stays, and goes on");
    Ok(success)
}

/// An earlier attempt was ended between its record and its own last word.
fn already_done(backup: &Backup<'_>, success: Success) -> Result<Success, Halt> {
    let report = backup.report;
    report.done("");
    for step in [Step::Checkpoint, Step::Copy, Step::Seal, Step::Configure, Step::Start, Step::Replay] {
        report.skip(step, "an earlier attempt has done it");
    }
    report.begin(Step::Finish, "");
    backup.places.leave(&backup.order.holds())?;
    report.done("");
    Ok(success)
}

/// The order names a standby: that is why it came here.
fn wanted(order: &BackupOrder) -> Result<Wanted<'_>, Failure> {
    match &order.object {
        BackupObject::Standby { name, conninfo, password, directory, port, slot, max_lag } => {
            let (port, max_lag) = (*port, *max_lag);
            Ok(Wanted { name, conninfo, password, directory, port, slot, max_lag })
        }
        BackupObject::Instance { .. }
        | BackupObject::VirtualMachine { .. }
        | BackupObject::FileTree { .. }
        | BackupObject::FileCopy { .. }
        | BackupObject::PointCopy { .. } => Err(Failure::bug("an object that is no standby is treated as one")),
    }
}

/// How the primary is asked; what could never be carried out is refused before.
fn client(wanted: &Wanted<'_>, subject: &Subject<'_>, account: &Account) -> Result<Client, Failure> {
    let refuse = |cause: String| Failure::incurable(cause, "correct the object in the settings of the job");
    instance::plan::refuse_malformed(&wanted.instance())?;
    if !crate::domain::is_slot_name(wanted.slot) {
        return Err(refuse(format!("{:?} is not the name of a replication slot", wanted.slot)));
    }
    if matches!(wanted.password, PasswordSource::Command(_)) {
        return Err(refuse("a standby cannot run a password_command: name a passfile".to_owned()));
    }
    let programs = instance::plan::newest(subject.settings, account)?;
    instance::plan::client(&wanted.instance(), subject.settings, account, &programs)
}

/// Where the base backup comes in to: beside the standby's place, under the session's name.
fn incoming(wanted: &Wanted<'_>, subject: &Subject<'_>) -> Result<PointDirectory, Failure> {
    let parent = wanted.directory.parent().filter(|_| wanted.directory.is_absolute());
    let parent = parent.ok_or_else(|| {
        let cause = format!("{} cannot be the data directory of a standby", wanted.directory.display());
        Failure::incurable(cause, "name a whole path")
    })?;
    Ok(PointDirectory::new(parent.to_owned(), subject.session, subject.settings.stall_timeout))
}

fn workspace<'a>(backup: &Backup<'a>, wanted: &Wanted<'a>) -> Workspace<'a> {
    Workspace { attempt: backup.attempt_dir, session: backup.ticket.session_uuid, data: wanted.directory }
}

/// How the standby is asked: by its socket, as the role that asks restored servers.
fn standby_client(backup: &Backup<'_>, account: &Account, planned: &Planned, port: Port) -> Result<Client, Failure> {
    let settings = &backup.ticket.settings;
    let sockets = configure::socket_directory(account);
    let role = settings.probe_role.replace('\\', r"\\").replace('\'', r"\'");
    let conninfo = format!("host={} port={port} user='{role}'", sockets.display());
    Client::new(&planned.programs.directory, account, &conninfo, &PasswordSource::None, &[])
}
