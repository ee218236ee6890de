//! The servers that finished restores left running, for the screen: off its threads, and refused where nothing may be
//! changed.

use crate::{
    attempt::AttemptDir,
    domain::{AttemptNo, LeftServer, fact::ProcessMark},
    machine::Session,
    worker::left_server,
};
use std::path::{Path, PathBuf};

/// Where a session has restored to, and the directory of one of its attempts.
fn places(state: &Path, session: &Session) -> Result<(PathBuf, PathBuf), String> {
    let data = session.order().directory().ok_or("this session has no data directory")?;
    let newest = session.attempts().last().map_or(AttemptNo(1), |attempt| attempt.number);
    Ok((data.to_owned(), AttemptDir::new(state, session.id(), newest).directory().to_owned()))
}

/// Looks at the server of a session.
pub(super) fn look(state: &Path, session: &Session) -> Result<LeftServer, String> {
    let (data, attempt) = places(state, session)?;
    left_server::look(&data, session.uuid(), &attempt).map_err(|failure| failure.to_string())
}

/// Asks the server of a session to stop.
pub(super) fn stop(state: &Path, session: &Session, process: ProcessMark, by: &str) -> Result<bool, String> {
    let (data, attempt) = places(state, session)?;
    let ended = left_server::stop(&data, session.uuid(), &attempt, process).map_err(|failure| failure.to_string())?;
    tracing::info!(session = session.id().0, pid = process.pid, by, ended, "a server that a restore left was stopped");
    Ok(ended)
}
