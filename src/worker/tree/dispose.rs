//! Removing what attempts at restoring a tree have left.
//!
//! Promises: a tree that has its name is whole, and stays: somebody may use it already. Never: removes anything else than
//! the directory that bears the session's uuid.

use super::{Staging, TreeRestore, holds};
use crate::{
    domain::{Disposed, Disposition, Failure, fact::End, path_text::shown},
    engine::Halt,
    worker::{places::Barred, restore::completion},
};

/// Removes what is the session's own, or keeps it. A success where an attempt had restored all of it.
pub(super) fn dispose(tree: &TreeRestore<'_>, wish: Disposition) -> Result<End, Halt> {
    let holds = holds(tree.order);
    let _places = match tree.places.enter(&holds, None) {
        Ok(places) => places,
        // Refused when it came: another session works there, and this one has nothing there.
        Err(Barred::Held(_)) => return Ok(End::Disposed(Disposed::Nothing)),
        Err(barred) => return Err(Failure::from(barred).into()),
    };
    let stays = "the tree was restored before the session was stopped, and stays";
    if let Some(success) = completion::of_session(&tree.workspace())? {
        tree.report.note(stays);
        tree.leave()?;
        return Ok(End::Succeeded(success));
    }
    if let Some(lifting) = tree.interrupted()? {
        // It is whole, and some of it may have its name.
        let success = tree.finish(&lifting)?;
        tree.report.note(stays);
        return Ok(End::Succeeded(success));
    }
    let kept = [Staging::Beside, Staging::Inside]
        .map(|staging| staging.incoming(&tree.order.directory, tree.ticket.session_uuid))
        .into_iter()
        .find(|incoming| incoming.is_dir());
    let disposed = match (wish, kept) {
        (Disposition::Keep | Disposition::SetAside, Some(incoming)) => {
            tree.report.note(&format!("what was restored so far is in {}", shown(&incoming)));
            Disposed::Kept
        }
        (Disposition::Default | Disposition::Remove | Disposition::Keep | Disposition::SetAside, _) => {
            if tree.remove_incoming()? { Disposed::Removed } else { Disposed::Nothing }
        }
    };
    tree.places.leave(&holds)?;
    Ok(End::Disposed(disposed))
}
