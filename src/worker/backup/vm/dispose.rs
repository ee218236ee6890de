//! Removing what attempts at a machine's backup have left: first at libvirt, then on the disk.
//!
//! Promises: a restore point that was finished stays; "removed" is said when libvirt was looked at and has neither job nor
//! checkpoint of the session; what could not be seen is told. The guest goes on.

use super::{
    ANSWERED, CHECKPOINT_XML, checkpoint_of, made, point, points_in,
    remains::{Cleared, Remains},
    success,
    virsh::Virsh,
    wanted,
};
use crate::{
    domain::{Disposed, Disposition, Failure, fact::End},
    engine::Halt,
    libvirt::machine::Machine,
    worker::{
        backup::{Backup, LARGE, MADE_DIRECTORY, repository::PointDirectory},
        places::Barred,
        workspace::Workspace,
    },
};
use std::path::PathBuf;
use uuid::Uuid;

/// Ends and removes what is the session's own.
pub(in crate::worker::backup) fn dispose(backup: &Backup<'_>, wish: Disposition) -> Result<End, Halt> {
    let report = backup.report;
    // Refused for its name or its repository when it came: it has never worked.
    let Ok(directory) = backup.subject().point_directory() else { return Ok(End::Disposed(Disposed::Nothing)) };
    let holds = backup.order.holds();
    // Entering makes a repository that is gone, and an empty one says nothing of what lies in the one that was there.
    let seen = directory.look()?;
    let nearest = seen.nearest.clone();
    if let Some(point) = made(&points_in(&seen), backup) {
        let _places = backup.places.enter(&holds, None);
        report.note(&format!("the restore point {} was finished before it was stopped, and stays", point.label));
        backup.places.leave(&holds)?;
        return success(point, Vec::new()).map(End::Succeeded);
    }
    // Where none has asked libvirt for anything it has nothing of the session, whoever may ask it.
    let has_asked = attempts(backup)?.iter().any(|attempt| attempt.join(CHECKPOINT_XML).exists());
    // What libvirt has is known by the session's uuid, whoever holds the places; and what is claimed durably while QEMU
    // writes waits for what it has written.
    let proof = if has_asked { clear(backup, &directory) } else { Ok(Cleared::default()) };
    let places = backup.places.enter(&holds, None);
    let contents = directory.look()?;
    match &proof {
        Ok(cleared) if cleared.job => report.note("the backup was aborted; the machine goes on"),
        Ok(_) => {}
        Err(failure) => report.note(&format!("what the session has at libvirt was not seen: {failure}")),
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
    // An earlier disposal has removed the object's directory where the session had made it, and never the one above it.
    let is_there = nearest == directory.path
        || Some(nearest.as_path()) == directory.path.parent()
            && attempts(backup)?.iter().any(|attempt| attempt.join(MADE_DIRECTORY).exists());
    if has_asked && disposed == Disposed::Nothing && !is_there {
        let what = format!("{}, whose directory is not there", directory.incoming().display());
        return Ok(End::Disposed(Disposed::RemovedUnproven { what }));
    }
    Ok(End::Disposed(proven(proof, disposed)))
}

/// Whether an attempt has asked libvirt for a backup, and was gone before there was an answer.
pub(super) fn is_unanswered(backup: &Backup<'_>) -> Result<bool, Failure> {
    let is_open = |attempt: &PathBuf| attempt.join(CHECKPOINT_XML).exists() && !attempt.join(ANSWERED).exists();
    Ok(attempts(backup)?.iter().any(is_open))
}

fn attempts(backup: &Backup<'_>) -> Result<Vec<PathBuf>, Failure> {
    let session = backup.ticket.session_uuid;
    Workspace { attempt: backup.attempt_dir, session, data: backup.attempt_dir }.attempts()
}

fn clear(backup: &Backup<'_>, directory: &PointDirectory) -> Result<Cleared, Failure> {
    let wanted = wanted(backup.order)?;
    let virsh = Virsh::new(wanted.uri)?;
    // By the UUID that it had: its name may be another's by now.
    let begun: Option<point::Begun> = point::read(&directory.incoming(), point::BEGUN);
    let machine = match begun.filter(|begun| Uuid::parse_str(&begun.uuid).is_ok()) {
        Some(begun) => Machine::known(begun.machine, begun.uuid),
        None => virsh.machine(wanted.domain)?,
    };
    let checkpoint = checkpoint_of(backup.order, backup.ticket.session_uuid)?;
    let incoming = directory.incoming();
    let remains = Remains { virsh: &virsh, machine: &machine, checkpoint: &checkpoint, incoming: &incoming };
    let cleared = remains.clear(is_unanswered(backup)?)?;
    if cleared.checkpoint {
        backup.report.note(&format!("the checkpoint {checkpoint} was deleted, and libvirt does not have it any more"));
    }
    Ok(cleared)
}

/// What may be said after libvirt was looked at, or was not.
fn proven(proof: Result<Cleared, Failure>, disposed: Disposed) -> Disposed {
    match (proof, disposed) {
        (Ok(Cleared { bitmaps: Some(what), .. }), Disposed::Removed | Disposed::Nothing) => {
            Disposed::RemovedUnproven { what }
        }
        (Ok(cleared), Disposed::Nothing) if cleared.job || cleared.checkpoint => Disposed::Removed,
        (Err(failure), Disposed::Removed | Disposed::Nothing) => {
            Disposed::RemovedUnproven { what: format!("the backup and its checkpoint at libvirt ({})", failure.cause) }
        }
        (Ok(_) | Err(_), disposed) => disposed,
    }
}
