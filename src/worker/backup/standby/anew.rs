//! A standby in the place of an earlier one of the same object that cannot follow its primary any more.
//!
//! The new one comes in beside it, through a slot of the session's own name, and the earlier one is not touched
//! meanwhile: not its files, its server or its slot. When the new one is whole, the earlier one is stopped and renamed
//! aside, and the new one gets its name and its slot.
//!
//! The earlier one is set aside, never removed: that its WAL is gone at the primary does not say that the primary has all
//! that it has, and it may be the last copy (S8).
//!
//! Promises: only a standby that the job's own mark names, that is no server of its own and that shut down as a standby
//! goes aside; whenever it is interrupted, each step can be done again or be undone. Never: removes an earlier standby, or
//! drops a slot that holds WAL or that somebody streams from.

use super::{
    Backup, Wanted,
    mark::StandbyMark,
    place, plan, primary,
    record::{Anew, Record, SlotState, Stage},
    workspace,
};
use crate::{
    domain::{Failure, instance::printable_name},
    engine::claim,
    postgres::{
        account::Account,
        binaries::Binaries,
        client::Client,
        control::{CONTROL_FILE, CONTROL_PREFIX, ClusterState, ControlFile},
        server::{
            pidfile,
            stop::{StopMode, stop},
        },
    },
    worker::{
        backup::{rename_new, repository},
        restore::version_of,
        server::{ServerSupervisor, orphan_server},
    },
};
use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};
use uuid::Uuid;

/// The slot that holds WAL for a new seed, by a name that only this session gives.
pub(super) fn own_slot(session: Uuid) -> String {
    format!("howdah_{}", session.simple())
}

/// Notes what is to be done, before anything is made.
pub(super) fn begin(backup: &Backup<'_>, wanted: &Wanted<'_>, record: &mut Record, why: &str) -> Result<(), Failure> {
    let directory = wanted.directory;
    let earlier = mark_at(directory)?.ok_or_else(|| changed(wanted))?.session;
    let aside = claim::free_name(directory);
    record.anew = Some(Anew { why: why.to_owned(), earlier, aside, ran: false });
    record.stage = Stage::Begun;
    record.keep(backup.attempt_dir)
}

/// Makes the slot of the session's own name, where it is not there or has lost its WAL.
pub(super) fn make_slot(client: &Client, session: Uuid) -> Result<String, Failure> {
    let name = own_slot(session);
    if primary::slot(client, &name)?.is_none_or(|slot| slot.is_lost()) {
        primary::drop_slot(client, &name, SlotState::Made)?;
        let at = primary::position(client)?;
        primary::make_slot(client, &name, at)?;
    }
    Ok(name)
}

/// Goes on with what an earlier attempt was ended in; where what had been received is not there any more, the earlier
/// standby is put back and all begins anew.
pub(super) fn resume(
    backup: &Backup<'_>,
    wanted: &Wanted<'_>,
    client: &Client,
    (incoming, record): (&Path, &mut Record),
) -> Result<(), Failure> {
    let Some(anew) = record.anew.clone().filter(|_| record.stage == Stage::Placing) else { return Ok(()) };
    let session = backup.ticket.session_uuid;
    let is_own = |path: &Path| Ok::<_, Failure>(mark_at(path)?.is_some_and(|mark| mark.session == session));
    if is_own(wanted.directory)? || is_own(incoming)? {
        return exchange(backup, wanted, client, (incoming, record));
    }
    roll_back(backup, wanted, &anew)?;
    record.stage = Stage::Begun;
    record.keep(backup.attempt_dir)
}

/// The new standby is whole, and takes the place. Done again it goes on.
pub(super) fn exchange(
    backup: &Backup<'_>,
    wanted: &Wanted<'_>,
    client: &Client,
    (incoming, record): (&Path, &mut Record),
) -> Result<(), Failure> {
    let Some(anew) = record.anew.clone() else { return Err(Failure::bug("no earlier standby is known")) };
    let (directory, session) = (wanted.directory, backup.ticket.session_uuid);
    let session_at = |path: &Path| Ok::<_, Failure>(mark_at(path)?.map(|mark| mark.session));
    if session_at(directory)? != Some(session) {
        if session_at(directory)? == Some(anew.earlier) {
            refuse_active(primary::free_slot(client, wanted.slot)?.as_ref(), wanted)?;
            stop_earlier(backup, wanted, record)?;
            set_aside(backup, wanted, record)?;
        } else if directory.symlink_metadata().is_ok() || session_at(&anew.aside)? != Some(anew.earlier) {
            return Err(changed(wanted));
        }
        place::put(incoming, directory, false)?;
    }
    give_slot(backup, wanted, client, record)
}

/// Ends what was there for the seed alone, once the standby streams through its own slot.
pub(super) fn clear(client: &Client, session: Uuid) -> Result<bool, Failure> {
    primary::drop_slot(client, &own_slot(session), SlotState::Made)
}

/// Puts the earlier standby back, where it has gone aside and nothing has come to its place, and starts it where this
/// session had stopped it. What could not be done is said.
pub(super) fn roll_back(backup: &Backup<'_>, wanted: &Wanted<'_>, anew: &Anew) -> Result<(), Failure> {
    let (report, directory) = (backup.report, wanted.directory);
    let failed = |error: io::Error| repository::failure("putting back", &anew.aside, &error);
    let is_earlier = |path: &Path| Ok::<_, Failure>(mark_at(path)?.is_some_and(|mark| mark.session == anew.earlier));
    let shown = printable_name(directory.as_os_str());
    if is_earlier(&anew.aside)? {
        let aside = printable_name(anew.aside.as_os_str());
        if !rename_new(&anew.aside, directory).map_err(failed)? {
            report.note(&format!("the earlier standby stays in {aside}: something else is in {shown}"));
            return Ok(());
        }
        place::sync_parent(directory).map_err(failed)?;
        report.note(&format!("the earlier standby is in {shown} again"));
    }
    let runs = || pidfile::may_run(directory).map(|process| process.is_some());
    if !anew.ran || !is_earlier(directory)? || runs().map_err(failed)? {
        return Ok(());
    }
    match start(backup, wanted) {
        Ok(()) => report.note("the earlier standby runs again"),
        Err(failure) => report.note(&format!("the earlier standby could not be started again: {failure}")),
    }
    Ok(())
}

/// What a person reads when all is done.
pub(super) fn warning(anew: &Anew) -> String {
    format!(
        "the standby was seeded anew ({}); the earlier one is kept as {}: remove it when nobody needs it",
        anew.why,
        printable_name(anew.aside.as_os_str())
    )
}

fn start(backup: &Backup<'_>, wanted: &Wanted<'_>) -> Result<(), Failure> {
    let settings = &backup.ticket.settings;
    let account = Account::for_server(&settings.os_user)?;
    let version = version_of(wanted.directory)?;
    let binaries = Binaries::find(version, settings, std::env::var_os("PATH").as_deref(), Some(&account))
        .map_err(|none| Failure::incurable(none.to_string(), "install the server programs of that version"))?;
    let mut server = supervisor(backup, wanted, &account, binaries);
    let started = server.start_open().and_then(|()| server.wait_for_answer());
    let failed = |halt| match halt {
        crate::engine::Halt::Failed(failure) => failure,
        crate::engine::Halt::Stopped => Failure::disruption("it was stopped before it answered", ""),
    };
    match started {
        Ok(()) => server.let_go(),
        Err(halt) => {
            server.clear()?;
            return Err(failed(halt));
        }
    }
    Ok(())
}

/// One that is started as its own settings say.
pub(super) fn supervisor<'a>(
    backup: &Backup<'a>,
    wanted: &Wanted<'a>,
    account: &Account,
    binaries: Binaries,
) -> ServerSupervisor<'a> {
    ServerSupervisor {
        workspace: workspace(backup, wanted),
        stop: backup.stop,
        account: account.clone(),
        binaries,
        port: wanted.port,
        patience: backup.ticket.settings.start_timeout,
        settings: Vec::new(),
        listens: false,
        running: None,
    }
}

/// Stops the earlier standby, once it is seen that it is one, and sees that it ended as one.
fn stop_earlier(backup: &Backup<'_>, wanted: &Wanted<'_>, record: &mut Record) -> Result<(), Failure> {
    let data = wanted.directory;
    let failed = |error: io::Error| repository::failure("looking for a server on", data, &error);
    refuse_own_server(wanted)?;
    if let Some(running) = pidfile::running(data).map_err(failed)? {
        let started_here = orphan_server::runs(&workspace(backup, wanted))?;
        if let Some(anew) = record.anew.as_mut().filter(|_| !started_here) {
            // Known before it is so: whoever undoes this starts it again.
            anew.ran = true;
            record.keep(backup.attempt_dir)?;
        }
        let patience = backup.ticket.settings.start_timeout;
        stop(running, StopMode::Fast, patience, &|| backup.stop.requested())?;
        backup.report.note("the earlier standby was stopped: the new one is whole");
    }
    if let Some(process) = pidfile::may_run(data).map_err(failed)? {
        return Err(Failure::incurable(
            format!("whether process {process} is the earlier standby's server cannot be seen from here"),
            "stop that standby; nothing of it is changed",
        ));
    }
    refuse_own_server(wanted)
}

/// Somebody may have promoted it; of what says neither the one nor the other nothing is touched.
fn refuse_own_server(wanted: &Wanted<'_>) -> Result<(), Failure> {
    if !place::is_standby(wanted.directory) {
        return Err(plan::promoted(wanted));
    }
    match state_of(wanted.directory)? {
        ClusterState::InArchiveRecovery | ClusterState::ShutDownInRecovery => Ok(()),
        ClusterState::StartingUp
        | ClusterState::ShutDown
        | ClusterState::ShuttingDown
        | ClusterState::InCrashRecovery
        | ClusterState::InProduction
        | ClusterState::Unknown(_) => Err(plan::promoted(wanted)),
    }
}

fn state_of(data: &Path) -> Result<ClusterState, Failure> {
    let path = data.join(CONTROL_FILE);
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(CONTROL_PREFIX);
        File::open(&path)?.take(CONTROL_PREFIX as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|error| repository::failure("reading", &path, &error))?;
    let control =
        ControlFile::parse(&bytes).map_err(|error| Failure::incurable(error.to_string(), "see what it is"))?;
    Ok(control.state)
}

/// Renames the earlier standby; another name is noted where that one is taken meanwhile.
fn set_aside(backup: &Backup<'_>, wanted: &Wanted<'_>, record: &mut Record) -> Result<(), Failure> {
    let directory = wanted.directory;
    let failed = |error: io::Error| repository::failure("setting aside", directory, &error);
    loop {
        let Some(anew) = record.anew.as_mut() else { return Err(Failure::bug("no earlier standby is known")) };
        if rename_new(directory, &anew.aside).map_err(failed)? {
            place::sync_parent(directory).map_err(failed)?;
            let aside = printable_name(anew.aside.as_os_str());
            backup.report.note(&format!("the earlier standby is set aside as {aside}"));
            return Ok(());
        }
        anew.aside = claim::free_name(directory);
        record.keep(backup.attempt_dir)?;
    }
}

/// The slot of the job holds what the seed needs: one that has lost its WAL holds none, and is made anew.
fn give_slot(backup: &Backup<'_>, wanted: &Wanted<'_>, client: &Client, record: &mut Record) -> Result<(), Failure> {
    let (name, own) = (wanted.slot, own_slot(backup.ticket.session_uuid));
    let there = primary::free_slot(client, name)?;
    refuse_active(there.as_ref(), wanted)?;
    if there.as_ref().is_some_and(|slot| !slot.is_lost()) {
        return Ok(());
    }
    // One that an earlier attempt has made already was seen above.
    let holding = primary::slot(client, &own)?.and_then(|slot| slot.restart);
    if there.is_some() {
        primary::drop_slot(client, name, SlotState::Made)?;
        backup.report.note(&format!("the slot {name}, which had lost its WAL, is made anew"));
    }
    // Without one that holds it the standby will find out whether the primary has it still.
    let at = holding.map_or_else(|| primary::position(client), Ok)?;
    record.slot = SlotState::Making { at };
    record.keep(backup.attempt_dir)?;
    let made = match holding {
        Some(_) => primary::copy_slot(client, &own, name)?,
        None => primary::make_slot(client, name, at)?,
    };
    record.slot = if made { SlotState::Made } else { SlotState::NotMade };
    record.keep(backup.attempt_dir)?;
    if made {
        return Ok(());
    }
    let cause = format!("somebody has made a replication slot {name} meanwhile");
    Err(Failure::disruption(cause, "the next attempt looks at it"))
}

/// One that somebody streams from who is not the standby.
pub(super) fn refuse_active(slot: Option<&primary::Slot>, wanted: &Wanted<'_>) -> Result<(), Failure> {
    match slot.and_then(|slot| slot.active_pid) {
        Some(pid) => Err(plan::in_use(wanted.slot, pid)),
        None => Ok(()),
    }
}

/// The mark at a place; `None` where there is nothing, or something else.
pub(super) fn mark_at(directory: &Path) -> Result<Option<StandbyMark>, Failure> {
    match StandbyMark::read(directory) {
        Ok(mark) => Ok(mark),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(repository::failure("looking at", directory, &error)),
    }
}

fn changed(wanted: &Wanted<'_>) -> Failure {
    Failure::incurable(
        format!("{} is not the standby any more that was looked at", printable_name(wanted.directory.as_os_str())),
        "see who has changed it: nothing there is overwritten",
    )
}
