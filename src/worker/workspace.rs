//! Where an attempt works: its own directory, and the data directory of its session.

use crate::{domain::Failure, postgres::server::classify};
use std::{
    fs, io,
    path::{Path, PathBuf},
};
use uuid::Uuid;

/// The two directories, and the session whose records in them count.
#[derive(Debug, Clone, Copy)]
pub(super) struct Workspace<'a> {
    /// The attempt's own directory: ticket, events, log and records.
    pub(super) attempt: &'a Path,
    /// The session's name; what carries another one is not ours.
    pub(super) session: Uuid,
    /// The data directory that is restored.
    pub(super) data: &'a Path,
}

impl Workspace<'_> {
    /// The directories of all attempts of the session.
    pub(super) fn attempts(&self) -> Result<Vec<PathBuf>, Failure> {
        let failed = |e: io::Error| classify::of_io("reading the session's attempts", &e);
        let Some(session) = self.attempt.parent() else { return Ok(Vec::new()) };
        let entries = fs::read_dir(session).map_err(failed)?;
        let paths =
            entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>().map_err(failed)?;
        Ok(paths.into_iter().filter(|path| path.is_dir()).collect())
    }
}
