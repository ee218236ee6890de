//! Removing what attempts at an instance's backup have left: first on the server, then on the disk.
//!
//! Promises: a restore point that was finished stays, and is told as what it is; "removed" is said when the server was looked at and holds nothing of
//! the session; what could not be seen is told. Never: ends or removes what does not bear the session's uuid.

use super::{copy, made, plan, server, wanted};
use crate::{
    domain::{Disposed, Disposition, Failure, fact::End},
    engine::Halt,
    postgres::account::Account,
    worker::{
        backup::{Backup, LARGE},
        places::Barred,
        workspace::Workspace,
    },
};

/// Ends and removes what is the session's own.
pub(in crate::worker::backup) fn dispose(backup: &Backup<'_>, wish: Disposition) -> Result<End, Halt> {
    let report = backup.report;
    // Refused for its name or its repository when it came: it has never worked.
    let Ok(directory) = backup.subject().point_directory() else { return Ok(End::Disposed(Disposed::Nothing)) };
    let holds = backup.order.holds();
    let places = backup.places.enter(&holds, None);
    let workspace =
        Workspace { attempt: backup.attempt_dir, session: backup.ticket.session_uuid, data: &directory.path };
    let attempts = workspace.attempts()?;
    // Where none was started the server has nothing of the session, whoever may ask it.
    let proof =
        if attempts.iter().any(|attempt| attempt.join(copy::SAID).exists()) { end_on_server(backup) } else { Ok(0) };
    if let Err(failure) = &proof {
        report.note(&format!("what the session has on the server was not seen: {failure}"));
    }
    let contents = directory.look()?;
    if let Some(point) = directory.made(&contents) {
        report.note(&format!("the restore point {} was finished before it was stopped, and stays", point.label));
        backup.places.leave(&holds)?;
        return made(&point, Vec::new()).map(End::Succeeded);
    }
    let _places = match (places, contents.leftover) {
        (Ok(places), _) => places,
        // Refused when it came: another session works there.
        (Err(Barred::Held(_)), None) => return Ok(End::Disposed(proven(proof, Disposed::Nothing))),
        (Err(barred), _) => return Err(Failure::from(barred).into()),
    };
    let disposed = match (wish, contents.leftover) {
        (Disposition::Keep | Disposition::SetAside, Some(size)) => {
            let shown = directory.incoming();
            report.note(&format!("{} with {size} stays as it is; nothing can be restored from it", shown.display()));
            Disposed::Kept
        }
        (_, Some(size)) => {
            if size >= LARGE {
                report.note(&format!("removing {size} from {}", directory.incoming().display()));
            }
            directory.remove_incoming()?;
            Disposed::Removed
        }
        (_, None) => Disposed::Nothing,
    };
    backup.remove_made_directory(&directory.path)?;
    backup.places.leave(&holds)?;
    Ok(End::Disposed(proven(proof, disposed)))
}

/// What may be said after the server was looked at, or was not.
fn proven(proof: Result<usize, Failure>, disposed: Disposed) -> Disposed {
    match (proof, disposed) {
        (Ok(ended), Disposed::Nothing) if ended > 0 => Disposed::Removed,
        (Err(failure), Disposed::Removed | Disposed::Nothing) => {
            Disposed::RemovedUnproven { what: format!("the backup session on the server ({})", failure.cause) }
        }
        (Ok(_) | Err(_), disposed) => disposed,
    }
}

fn end_on_server(backup: &Backup<'_>) -> Result<usize, Failure> {
    let settings = &backup.ticket.settings;
    let account = Account::for_server(&settings.os_user)?;
    let programs = plan::newest(settings, &account)?;
    let client = plan::client(&wanted(backup.order)?, settings, &account, &programs)?;
    server::end_backup(&client, backup.ticket.session_uuid)
}
