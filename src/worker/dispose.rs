//! Dealing with the partial data of a cancelled session.
//!
//! Promises: the session's own server is gone before its files are touched; a restore that was done is left as it is. Never: it decides what is the session's own;
//! the engine has that on record.

use super::{engines::Engines, finished, leftover};
use crate::{
    domain::{Disposed, Disposition, Target},
    engine::Halt,
};
use std::path::Path;
use uuid::Uuid;

/// Does what was wished; the engine says what that came to.
pub(super) fn dispose(
    attempt_dir: &Path,
    session_uuid: Uuid,
    target: &Target,
    wish: Disposition,
    engines: &Engines<'_>,
) -> Result<Disposed, Halt> {
    if finished::of_session(session_uuid, target.directory(), attempt_dir)?.is_some()
        && !(engines.is_marked)(target, session_uuid)
    {
        // The restore was done before it was cancelled, and only its end had not been told: what stands there is a whole
        // cluster with nothing of ours in it, maybe with its server running.
        (engines.unmark)(target, session_uuid)?;
        return Ok(Disposed::Kept);
    }
    leftover::clear(session_uuid, target.directory(), attempt_dir)?;
    Ok((engines.dispose)(target, session_uuid, wish))
}
