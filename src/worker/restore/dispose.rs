//! Dealing with the partial data of a cancelled session.
//!
//! Promises: the session's places are its own while they are cleared; its own server is gone before its files are
//! touched; a restore that was done is left as it is. Never: decides what is the session's own; the engine has that on
//! record.

use super::{completion, history};
use crate::{
    domain::{Disposed, Disposition, Failure, Target, ticket::Ticket},
    engine::Halt,
    worker::{
        engine_factory::EngineFactory,
        places::{self, Barred, ClaimingSession},
        server::orphan_server,
        workspace::Workspace,
    },
};
use std::path::Path;

/// Does what was wished; the engine returns what that came to.
pub(in crate::worker) fn dispose(
    attempt_dir: &Path,
    ticket: &Ticket,
    target: &Target,
    wish: Disposition,
    factory: &EngineFactory<'_>,
) -> Result<Disposed, Halt> {
    let (session, uuid) = (ClaimingSession::of(ticket, attempt_dir), ticket.session_uuid);
    let workspace = Workspace { attempt: attempt_dir, session: uuid, data: target.directory() };
    let holds = places::holds_of(target);
    let places = session.enter(&holds, None);
    if completion::of_session(&workspace)?.is_some() && !(factory.is_marked)(target, uuid) {
        // The restore was done before it was cancelled, and only its end had not been reported: what stands there is a
        // whole cluster with nothing of ours in it, maybe with its server running.
        (factory.unmark)(target, uuid)?;
        session.leave(&holds)?;
        return Ok(Disposed::Kept);
    }
    orphan_server::stop(&workspace)?;
    let disposed = match places {
        Ok(_places) => (factory.dispose)(target, uuid, wish),
        // Refused when it came: it has never worked there.
        Err(Barred::Held(_)) if !(factory.is_marked)(target, uuid) => Disposed::Nothing,
        Err(barred) => return Err(Failure::from(barred).into()),
    };
    session.leave(&holds)?;
    // It was removed by somebody, or by a disposal that was killed before it could report that.
    let gone = disposed == Disposed::Nothing && history::has_copied(&workspace)?;
    Ok(if gone { Disposed::Gone } else { disposed })
}
