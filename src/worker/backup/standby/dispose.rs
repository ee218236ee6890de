//! Removing what attempts at a standby have left: the server that they started, the slot that they made, the files.
//!
//! Promises: a standby that had caught up stays, and is reported as what it is; so does one of an earlier run, in the state
//! that it was found in; "removed" is said when the server is gone, the primary was asked for the slot, and the directory
//! was looked for. Never: drops a slot, removes a directory or stops a server that the session did not make or start.

use super::{
    Backup, Wanted, anew, client, incoming,
    mark::StandbyMark,
    place, primary,
    record::{Record, SlotState, Stage},
    wanted, workspace,
};
use crate::{
    domain::{Disposed, Disposition, Failure, fact::End, instance::printable_name},
    engine::Halt,
    postgres::{account::Account, server::pidfile},
    worker::{
        backup::{
            LARGE,
            instance::server::{self, ServerFacts},
            repository::{self, PointDirectory},
        },
        places::Barred,
        server::orphan_server,
    },
};
use std::io;

/// What was found at the primary.
struct Proof {
    /// There was something of the session.
    found: bool,
    /// What could not be seen, or is not gone.
    unseen: Option<String>,
}

/// Ends and removes what is the session's own.
pub(in crate::worker::backup) fn dispose(backup: &Backup<'_>, wish: Disposition) -> Result<End, Halt> {
    let (report, subject) = (backup.report, backup.subject());
    let wanted = wanted(backup.order)?;
    let holds = backup.order.holds();
    let places = backup.places.enter(&holds, None);
    let Some(record) = Record::read(backup.attempt_dir, subject.session)? else {
        // It has made nothing; what it may have started stands in the records of servers, and that comes later.
        match places {
            Ok(_) | Err(Barred::Held(_)) => {}
            Err(barred @ Barred::Failed(_)) => return Err(Failure::from(barred).into()),
        }
        orphan_server::stop(&workspace(backup, &wanted))?;
        backup.places.leave(&holds)?;
        return Ok(End::Disposed(Disposed::Nothing));
    };
    if let Stage::Done(success) = record.stage {
        report.note("the standby had caught up before it was stopped, and stays");
        backup.places.leave(&holds)?;
        return Ok(End::Succeeded(success));
    }
    let _places = places.map_err(Failure::from)?;
    let failed = |error: io::Error| repository::failure("looking at", wanted.directory, &error);
    let promoted = place::promoted(wanted.directory).map_err(failed)?;
    if promoted == Some(subject.session) {
        report.note("the standby was promoted meanwhile: it is a server of its own, and stays as it is");
        let proof = clear_primary(backup, &wanted, &record);
        incoming(&wanted, &subject)?.remove_incoming()?;
        if let Some(anew) = &record.anew {
            report.note(&anew::warning(anew));
        }
        backup.places.leave(&holds)?;
        let kept = proof.unseen.map_or(Disposed::Kept, |what| Disposed::RemovedUnproven { what });
        return Ok(End::Disposed(kept));
    }
    if promoted.is_some() {
        // Of an earlier run, and maybe started by this session.
        report.note("the earlier standby was promoted meanwhile: it is a server of its own, and stays as it is");
    } else if orphan_server::stop(&workspace(backup, &wanted))? {
        report.note("the standby that this session had started was stopped");
    }
    if matches!(wish, Disposition::Keep | Disposition::SetAside) {
        report.note(&format!("what was received stays, and the slot {} goes on holding WAL", wanted.slot));
        put_back(backup, &wanted, &record)?;
        backup.places.leave(&holds)?;
        return Ok(End::Disposed(Disposed::Kept));
    }
    let proof = clear_primary(backup, &wanted, &record);
    let files = remove_files(backup, &wanted, &incoming(&wanted, &subject)?, &record)?;
    put_back(backup, &wanted, &record)?;
    backup.places.leave(&holds)?;
    Ok(End::Disposed(said(proof, files)))
}

/// An earlier standby is where and as it was (R36).
fn put_back(backup: &Backup<'_>, wanted: &Wanted<'_>, record: &Record) -> Result<(), Failure> {
    record.anew.as_ref().map_or(Ok(()), |anew| anew::roll_back(backup, wanted, anew))
}

/// What may be said after all was looked at, or was not.
fn said(proof: Proof, files: Option<u64>) -> Disposed {
    match (proof.unseen, files) {
        (Some(what), _) => Disposed::RemovedUnproven { what },
        (None, Some(left)) if left > 0 => Disposed::RemovedExcept { left },
        (None, None) if !proof.found => Disposed::Nothing,
        (None, Some(_) | None) => Disposed::Removed,
    }
}

/// Removes what came in, and the standby where this session has put it in place; returns how many entries were left as
/// somebody else's, `None` where there was nothing.
fn remove_files(
    backup: &Backup<'_>,
    wanted: &Wanted<'_>,
    directory: &PointDirectory,
    record: &Record,
) -> Result<Option<u64>, Failure> {
    let report = backup.report;
    let contents = directory.look()?;
    if let Some(size) = contents.leftover.filter(|size| *size >= LARGE) {
        report.note(&format!("removing {size} from {}", directory.incoming().display()));
    }
    let received = directory.remove_incoming()?;
    let shown = printable_name(wanted.directory.as_os_str());
    let placed = place::remove(wanted.directory, backup.ticket.session_uuid, record.found_empty)?;
    match placed {
        Some(0) => report.note(&format!("the standby in {shown} is removed")),
        Some(left) => report.note(&format!("the standby in {shown} is removed, but for {left} entries of others")),
        None => {}
    }
    backup.remove_made_directory(&directory.path)?;
    Ok(placed.or_else(|| received.then_some(0)))
}

/// Ends the session's connections to the primary and drops its slot.
fn clear_primary(backup: &Backup<'_>, wanted: &Wanted<'_>, record: &Record) -> Proof {
    if record.slot == SlotState::NotMade && record.anew.is_none() {
        return Proof { found: false, unseen: None };
    }
    match clear(backup, wanted, record) {
        Ok(found) => {
            if found {
                backup.report.note("what this session had made at the primary is gone from there");
            }
            Proof { found, unseen: None }
        }
        Err(failure) => {
            backup.report.note(&format!("the slot {} at the primary may still be there: {failure}", wanted.slot));
            let what = format!("the slot {} at the primary ({})", wanted.slot, failure.cause);
            Proof { found: true, unseen: Some(what) }
        }
    }
}

fn clear(backup: &Backup<'_>, wanted: &Wanted<'_>, record: &Record) -> Result<bool, Failure> {
    let subject = backup.subject();
    let account = Account::for_server(&subject.settings.os_user)?;
    let client = client(wanted, &subject, &account)?;
    let found = ServerFacts::ask(&client)?.cluster()?;
    if record.cluster != Some(found) {
        return Err(Failure::incurable(
            format!("another server answers there now, the cluster {found}"),
            format!("at the primary: select pg_drop_replication_slot('{}')", wanted.slot),
        ));
    }
    let ended = server::end_backup(&client, subject.session)?;
    let cleared = record.anew.is_some() && anew::clear(&client, subject.session)?;
    if record.slot == SlotState::NotMade {
        return Ok(cleared || ended > 0);
    }
    let streams =
        || Ok::<_, Failure>(primary::free_slot(&client, wanted.slot)?.is_some_and(|slot| slot.active_pid.is_some()));
    if runs_an_earlier_standby(backup, wanted)? && streams()? {
        backup
            .report
            .note(&format!("the slot {} stays: the standby of an earlier run streams through it", wanted.slot));
        return Ok(ended > 0);
    }
    let dropped = primary::drop_slot(&client, wanted.slot, record.slot)?;
    if !dropped && matches!(record.slot, SlotState::Making { .. }) && primary::slot(&client, wanted.slot)?.is_some() {
        return Err(Failure::incurable(
            "a slot of that name is there which may be somebody else's, and stays",
            format!("where nobody needs it: select pg_drop_replication_slot('{}')", wanted.slot),
        ));
    }
    Ok(dropped || cleared || ended > 0)
}

/// Whether a standby runs there that this session has neither made nor started. A slot that was made again for one which
/// does not stream would hold WAL for nobody.
fn runs_an_earlier_standby(backup: &Backup<'_>, wanted: &Wanted<'_>) -> Result<bool, Failure> {
    let failed = |error: io::Error| repository::failure("looking at", wanted.directory, &error);
    let looked = StandbyMark::read(wanted.directory).and_then(|mark| Ok((mark, pidfile::may_run(wanted.directory)?)));
    match looked {
        Ok((Some(mark), Some(_))) => Ok(mark.session != backup.ticket.session_uuid),
        Ok(_) => Ok(false),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(false),
        Err(error) => Err(failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r34_removed_is_said_when_all_was_seen() {
        let proof = |found, unseen: Option<&str>| Proof { found, unseen: unseen.map(str::to_owned) };
        for (proof, files, meant) in [
            (proof(false, None), None, Disposed::Nothing),
            (proof(true, None), None, Disposed::Removed),
            (proof(false, None), Some(0), Disposed::Removed),
            (proof(true, None), Some(2), Disposed::RemovedExcept { left: 2 }),
            (proof(true, Some("x")), Some(0), Disposed::RemovedUnproven { what: "x".to_owned() }),
            (proof(true, Some("x")), None, Disposed::RemovedUnproven { what: "x".to_owned() }),
        ] {
            assert_eq!(said(proof, files), meant);
        }
    }
}
