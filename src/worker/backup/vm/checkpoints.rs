//! Checkpoints of a job that sessions have left at libvirt: an aborted backup whose disposal did not come to its end, or
//! an older one that could not be deleted when it was not needed any more.
//!
//! Promises: only a checkpoint of the job's own naming is looked at, and only one whose session has ended and that no
//! increment needs is deleted. Never: takes a repository that is not there for one without restore points.

use super::{Virsh, machine::Machine, points_in, remains, wanted};
use crate::{
    domain::{BackupOrder, CheckpointVerdict, Failure, LeftCheckpoint, SessionStanding, WorkerSettings},
    worker::backup::Subject,
};
use uuid::Uuid;

/// The characters of a UUID.
const UUID_LEN: usize = 36;

/// How a session stands.
pub type AskSession<'a> = &'a dyn Fn(Uuid) -> SessionStanding;

/// The checkpoints of the order's job on its machine.
pub fn look(
    order: &BackupOrder,
    settings: &WorkerSettings,
    standing: AskSession<'_>,
) -> Result<Vec<LeftCheckpoint>, Failure> {
    let (_, _, found) = find(order, settings, standing)?;
    Ok(found)
}

/// Deletes one that was found stale, if it still is; why something of it stays, where it does.
pub fn delete(
    order: &BackupOrder,
    settings: &WorkerSettings,
    standing: AskSession<'_>,
    left: &LeftCheckpoint,
) -> Result<Option<String>, Failure> {
    let (virsh, machine, found) = find(order, settings, standing)?;
    match found.iter().find(|found| found.name == left.name) {
        None => Ok(None),
        Some(found) if found.verdict == CheckpointVerdict::Stale => {
            remains::delete(&virsh, &machine, &found.name).map(|deleted| deleted.bitmaps)
        }
        Some(found) => Err(Failure::disruption(format!("it is not stale any more: {}", found.verdict.reason()), "")),
    }
}

fn find(
    order: &BackupOrder,
    settings: &WorkerSettings,
    standing: AskSession<'_>,
) -> Result<(Virsh, Machine, Vec<LeftCheckpoint>), Failure> {
    let wanted = wanted(order)?;
    let virsh = Virsh::new(wanted.uri)?;
    let machine = virsh.machine(wanted.domain)?;
    let directory = Subject { order, settings, session: Uuid::nil(), in_use: &[] }.point_directory()?;
    let contents = directory.look()?;
    let is_there = contents.nearest == directory.path;
    let points = points_in(&contents);
    let own = || points.iter().filter(|point| point.record.job == order.job && point.record.object == *wanted.name);
    let newest = own().max_by_key(|point| (point.record.finished, &point.label));
    let mut found = Vec::new();
    for name in virsh.checkpoints(&machine)? {
        let tail = name.len().checked_sub(UUID_LEN).and_then(|at| name.get(at..));
        let Some(session) = tail.and_then(|tail| Uuid::parse_str(tail).ok()) else { continue };
        if order.checkpoint_name(session).as_ref() != Some(&name) {
            continue;
        }
        let verdict = match newest.filter(|point| point.record.checkpoint == name) {
            Some(point) => CheckpointVerdict::Needed { point: point.label.clone() },
            None if !is_there => {
                let why = format!("{} is not there, whose restore points may need it", directory.path.display());
                CheckpointVerdict::Unproven(why)
            }
            None => of_session(standing(session), own().any(|point| point.record.checkpoint == name)),
        };
        let (object, machine) = (wanted.name.clone(), machine.name.clone());
        found.push(LeftCheckpoint { object, machine, name, session, verdict });
    }
    Ok((virsh, machine, found))
}

/// `has_point` is whether a restore point of the job names it: then its session has ended, whoever knows of it.
fn of_session(standing: SessionStanding, has_point: bool) -> CheckpointVerdict {
    match standing {
        SessionStanding::Ongoing(session) => CheckpointVerdict::InUse(session),
        SessionStanding::Ended { .. } => CheckpointVerdict::Stale,
        SessionStanding::Recoverable(session) => {
            CheckpointVerdict::Unproven(format!("session {session} is not in the journal, and may be brought back"))
        }
        SessionStanding::Unreadable(why) => CheckpointVerdict::Unproven(why),
        SessionStanding::Unknown | SessionStanding::NoState if has_point => CheckpointVerdict::Stale,
        SessionStanding::Unknown | SessionStanding::NoState => CheckpointVerdict::Unproven(
            "this state directory does not know its session; where nobody does: virsh checkpoint-delete".to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::SessionId;

    #[test]
    fn a_checkpoint_is_stale_when_its_session_is_known_to_have_ended() {
        let ended = SessionStanding::Ended { id: SessionId(1), files: "/s".into() };
        assert_eq!(of_session(ended, false), CheckpointVerdict::Stale);
        assert_eq!(of_session(SessionStanding::Unknown, true), CheckpointVerdict::Stale);
        assert_eq!(of_session(SessionStanding::Ongoing(SessionId(2)), true), CheckpointVerdict::InUse(SessionId(2)));
        for unknown in [
            SessionStanding::Unknown,
            SessionStanding::NoState,
            SessionStanding::Recoverable(SessionId(3)),
            SessionStanding::Unreadable("x".to_owned()),
        ] {
            assert!(matches!(of_session(unknown, false), CheckpointVerdict::Unproven(_)));
        }
    }
}
