//! Dealing with the partial data of a cancelled session.
//!
//! Promises: the session's places are its own while they are cleared; its own server is gone before its files are
//! touched; a restore that was done is left as it is. Never: it decides what is the session's own; the engine has that on
//! record.

use super::{
    engines::Engines,
    finished, history, leftover,
    places::{self, Barred, Session},
};
use crate::{
    domain::{Disposed, Disposition, Failure, Target, ticket::Ticket},
    engine::Halt,
};
use std::path::Path;

/// Does what was wished; the engine says what that came to.
pub(super) fn dispose(
    attempt_dir: &Path,
    ticket: &Ticket,
    target: &Target,
    wish: Disposition,
    engines: &Engines<'_>,
) -> Result<Disposed, Halt> {
    let (session, uuid) = (Session::of(ticket, attempt_dir), ticket.session_uuid);
    let holds = places::holds_of(target);
    let places = session.enter(&holds, None);
    if finished::of_session(uuid, target.directory(), attempt_dir)?.is_some() && !(engines.is_marked)(target, uuid) {
        // The restore was done before it was cancelled, and only its end had not been told: what stands there is a whole
        // cluster with nothing of ours in it, maybe with its server running.
        (engines.unmark)(target, uuid)?;
        session.leave(&holds)?;
        return Ok(Disposed::Kept);
    }
    leftover::clear(uuid, target.directory(), attempt_dir)?;
    let disposed = match places {
        Ok(_places) => (engines.dispose)(target, uuid, wish),
        // Refused when it came: it has never worked there.
        Err(Barred::Held(_)) if !(engines.is_marked)(target, uuid) => Disposed::Nothing,
        Err(barred) => return Err(Failure::from(barred).into()),
    };
    session.leave(&holds)?;
    // It was removed by somebody, or by a disposal that was killed before it could say so.
    let gone = disposed == Disposed::Nothing && history::has_copied(attempt_dir)?;
    Ok(if gone { Disposed::Gone } else { disposed })
}
