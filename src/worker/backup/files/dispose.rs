//! Proving that attempts at a tree's backup have left neither snapshot nor lock, and removing their own lock.
//!
//! Promises: a snapshot that was finished stays, and is told as the success that it is; "removed" is said when the
//! repository was looked at and names nothing of the session. Never: removes a snapshot.

use super::{RepositoryState, finish, folder, locks, made_earlier, note, repository, wanted};
use crate::{
    domain::{Disposed, Disposition, Failure, fact::End, quantity::many},
    engine::Halt,
    postgres::account::Account,
    restic::Restic,
    worker::{backup::Backup, places::Barred},
};

/// What was found of the session in the repository.
enum Found {
    Nothing,
    Success(Box<crate::domain::Success>),
}

/// Removes what is the session's own.
pub(in crate::worker::backup) fn dispose(backup: &Backup<'_>, _wish: Disposition) -> Result<End, Halt> {
    // Refused for its settings when it came: it has never worked.
    let Ok(place) = folder(backup.order) else { return Ok(End::Disposed(Disposed::Nothing)) };
    let holds = backup.order.holds();
    let started = note::was_started(backup)?;
    let _places = match backup.places.enter(&holds, None) {
        Ok(places) => places,
        // Refused when it came: another session works there.
        Err(Barred::Held(_)) if !started => return Ok(End::Disposed(Disposed::Nothing)),
        Err(barred) => return Err(Failure::from(barred).into()),
    };
    // A repository that was being made has no name yet, and nobody knows it.
    let unmade = repository::incoming(backup, &place)?.remove_incoming()?;
    let disposed = if started {
        match ask_repository(backup, &place) {
            Ok(Found::Success(success)) => return finish(backup, *success).map(End::Succeeded),
            Ok(Found::Nothing) => Disposed::Removed,
            Err(failure) => {
                backup.report.note(&format!("what the session has left in the repository was not seen: {failure}"));
                let what = format!("its lock or snapshot in {} ({})", place.display(), failure.cause);
                Disposed::RemovedUnproven { what }
            }
        }
    } else if unmade {
        Disposed::Removed
    } else {
        Disposed::Nothing
    };
    backup.places.leave(&holds)?;
    Ok(End::Disposed(disposed))
}

fn ask_repository(backup: &Backup<'_>, place: &std::path::Path) -> Result<Found, Failure> {
    let report = backup.report;
    let account = Account::own()?;
    let restic = Restic::new(&account, &backup.ticket.settings, place, wanted(backup.order)?.password_file);
    let runs = note::of_session(backup)?;
    match repository::look(&restic, &runs)? {
        // The note of the first restic comes right after its start: one that has none did nothing yet.
        RepositoryState::Missing => return Ok(Found::Nothing),
        RepositoryState::There { .. } => {}
    }
    let removed = locks::remove_own(&restic, &runs)?;
    if removed > 0 {
        report.note(&format!("{} of the session in the repository removed", many(removed as u64, "lock")));
    }
    let Some(snapshot) = restic.made(backup.ticket.session_uuid)? else {
        report.note("the repository names no snapshot of the session; pieces that none names stay until restic prune");
        return Ok(Found::Nothing);
    };
    let label = snapshot.label();
    report.note(&format!("the restore point {label} was finished before it was stopped, and stays"));
    Ok(Found::Success(Box::new(made_earlier(backup, &restic, &snapshot)?)))
}
