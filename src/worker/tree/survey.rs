//! A look at the snapshot before anything is written: whether it is there, what is wanted of it, and how much that is.

use super::wanted::{Counts, Wanted};
use crate::{
    domain::{Failure, FilesRestore, instance::printable, path_text::shown, workload::short_id},
    engine::{Halt, watched::watched},
    restic::{
        Restic,
        answer::{Snapshot, is_identifier, lock},
        listing::{Listed, NodeKind},
    },
};
use std::{fs, io, path::PathBuf};

/// In a local repository (restic's "Repository layout"), each lock a file by its identifier.
const LOCKS: &str = "locks";

/// What was found.
pub(super) struct Survey {
    pub(super) snapshot: Snapshot,
    pub(super) wanted: Wanted,
    pub(super) counts: Counts,
    /// Of what is wanted, devices, which only root can make.
    pub(super) devices: u64,
    /// Of what is wanted, sockets and the like, of which restic makes none again.
    pub(super) unmade: u64,
}

/// Lists the snapshot.
pub(super) fn look(restic: &Restic, order: &FilesRestore, stop: &dyn Fn() -> bool) -> Result<Survey, Halt> {
    let mut found: Option<Survey> = None;
    let mut has_tree = false;
    let is_whole = restic.list(&order.snapshot, stop, &mut |listed| {
        match (listed, &mut found) {
            (Listed::Snapshot(snapshot), None) => {
                let wanted = Wanted::new(tree_of(&snapshot, order)?, &order.include)?;
                found = Some(Survey { snapshot, wanted, counts: Counts::default(), devices: 0, unmade: 0 });
            }
            (Listed::Node(node), Some(found)) => {
                has_tree |= found.wanted.tree().as_os_str() == node.path.as_str() && node.kind == NodeKind::Directory;
                if found.wanted.takes(&node) {
                    found.counts.add(node.kind, node.size);
                    found.devices += u64::from(node.kind == NodeKind::Device);
                    found.unmade += u64::from(node.kind == NodeKind::Unmade);
                }
            }
            (Listed::Snapshot(_), Some(_)) | (Listed::Node(_), None) => {
                return Err(Failure::disruption("restic lists a snapshot in an order that is not known", ""));
            }
        }
        Ok(())
    })?;
    if !is_whole {
        return Err(Halt::Stopped);
    }
    let found = found.ok_or_else(|| unknown(restic, order))?;
    if !has_tree && found.wanted.tree().parent().is_some() {
        let cause = format!(
            "the snapshot {} does not hold {} under its own path",
            short_id(&order.snapshot),
            shown(found.wanted.tree())
        );
        return Err(Failure::incurable(cause, "it was made with a relative path: restore it with restic").into());
    }
    if let Some(path) = found.wanted.missing() {
        let cause = format!("{} is not in the snapshot {}", shown(path), short_id(&order.snapshot));
        return Err(Failure::incurable(cause, "name what is in it: restic ls lists that").into());
    }
    Ok(found)
}

/// Refuses a repository that somebody holds for himself alone, to prune it for instance.
pub(super) fn refuse_locked(restic: &Restic) -> Result<(), Failure> {
    for id in lock_names(restic)? {
        // Gone meanwhile, or nobody can read it: then it bars nobody.
        let Ok(answer) = restic.ask(&["cat", "lock", &id]) else { continue };
        if let Some(lock) = lock(&answer).filter(|lock| lock.exclusive) {
            let cause = format!(
                "the restic repository {} is locked exclusively by process {} on {}",
                shown(restic.repository()),
                lock.pid,
                printable(&lock.hostname)
            );
            let advice = "wait for the other restic; restic unlock removes a lock that a crash has left";
            return Err(Failure::disruption(cause, advice));
        }
    }
    Ok(())
}

fn lock_names(restic: &Restic) -> Result<Vec<String>, Failure> {
    let directory: PathBuf = restic.repository().join(LOCKS);
    watched(&shown(&directory), restic.limit(), move |heartbeat| {
        let failed = |error: io::Error| {
            let cause = format!("looking for locks in {}: {error}", shown(&directory));
            Failure::disruption(cause, "see whether the repository is mounted, or was moved away")
        };
        let mut found = Vec::new();
        for entry in fs::read_dir(&directory).map_err(failed)? {
            heartbeat.beat();
            let name = entry.map_err(failed)?.file_name();
            found.extend(name.to_str().filter(|name| is_identifier(name)).map(ToOwned::to_owned));
        }
        Ok(found)
    })
}

/// The directory that was backed up, of the snapshot that was asked for.
fn tree_of<'a>(snapshot: &'a Snapshot, order: &FilesRestore) -> Result<&'a std::path::Path, Failure> {
    if snapshot.id != order.snapshot {
        let cause = format!("restic answers with the snapshot {}", printable(&snapshot.id));
        return Err(Failure::incurable(cause, "name the snapshot by its full identifier"));
    }
    match snapshot.paths.as_slice() {
        [tree] if tree.is_absolute() => Ok(tree),
        paths => {
            let cause = format!("the snapshot {} is of {} trees, not of one", short_id(&snapshot.id), paths.len());
            Err(Failure::incurable(cause, "restore it with restic: howdah restores what its own jobs have made"))
        }
    }
}

/// The repository has answered, and knows none of this name.
pub(super) fn unknown(restic: &Restic, order: &FilesRestore) -> Failure {
    let cause = format!(
        "the snapshot {} is not in the repository {}",
        short_id(&printable(&order.snapshot)),
        shown(restic.repository())
    );
    Failure::incurable(cause, "it was forgotten, or is in another repository: choose another restore point")
}
