//! Dealing with the partial data of a cancelled session.
//!
//! Promises: the session's own server is gone before its files are touched. Never: it decides what is the session's own;
//! the engine has that on record.

use super::{engines::Engines, leftover};
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
    leftover::clear(session_uuid, target.directory(), attempt_dir)?;
    Ok((engines.dispose)(target, session_uuid, wish))
}
