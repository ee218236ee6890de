//! The record of the server that a session has started: `server.json`, in the attempt's directory and at the target.
//!
//! Promises: it is on disk before the server runs, so that whoever comes after a crash can find it. Never: it is no proof
//! by itself; the process is looked at before anything is done to it.

use crate::{
    domain::{Failure, fact::ProcessMark, restored},
    engine::claim,
    postgres::{configure::DataDirectory, server::classify},
    worker::{attempt_files, workspace::Workspace},
};
use serde::{Deserialize, Serialize};
use std::{
    io,
    path::{Path, PathBuf},
};
use uuid::Uuid;

const NAME: &str = "server.json";

/// A record is a few hundred bytes; more than this is something else.
const MAX_LEN: u64 = 1 << 20;

/// The version of the record that this build writes and reads.
const VERSION: u32 = 1;

/// One server of one session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::worker) struct ServerRecord {
    version: u32,
    /// The session that started it.
    pub(in crate::worker) session: Uuid,
    /// Its data directory.
    pub(in crate::worker) data: PathBuf,
    /// How far it is known.
    pub(in crate::worker) state: ServerState,
    /// The private directory of an isolated start.
    #[serde(rename = "guard")]
    pub(in crate::worker) private_directory: Option<PathBuf>,
    /// Where its programs are: for a person who reads this.
    binaries: PathBuf,
    /// The user it runs as: for a person who reads this.
    user: String,
}

/// What is known of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::worker) enum ServerState {
    /// It is about to be started, or was and its pid was not written any more.
    Starting,
    /// It was started.
    Started(ProcessMark),
    /// It was stopped again.
    Stopped,
}

impl ServerRecord {
    pub(in crate::worker) fn new(
        workspace: &Workspace<'_>,
        private_directory: Option<&Path>,
        binaries: &Path,
        user: &str,
    ) -> Self {
        Self {
            version: VERSION,
            session: workspace.session,
            data: workspace.data.to_owned(),
            state: ServerState::Starting,
            private_directory: private_directory.map(Path::to_owned),
            binaries: binaries.to_owned(),
            user: user.to_owned(),
        }
    }

    /// Writes it to both places.
    pub(in crate::worker) fn keep(&self, attempt_dir: &Path) -> Result<(), Failure> {
        const DOING: &str = "noting the server that is about to start";
        let keep = || DataDirectory::open(attempt_dir)?.replace(NAME, &serde_json::to_vec(self)?, None);
        keep().map_err(|e| attempt_files::failure(DOING, &e))?;
        let mark = || -> io::Result<()> {
            // Without one the restore is done, and the attempt's own record is enough.
            let Some(mark) = claim::mark_of(&self.data, self.session)? else { return Ok(()) };
            match DataDirectory::open(&mark) {
                Ok(mark) => mark.replace(NAME, &serde_json::to_vec(self)?, None),
                Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
                Err(e) => Err(e),
            }
        };
        mark().map_err(|e| classify::of_io(DOING, &e))
    }
}

/// All records of this session for this data directory: at the target, and in the directories of its attempts.
///
/// A record that cannot be read is an error: behind it may be a server that still writes.
pub(in crate::worker) fn of_session(workspace: &Workspace<'_>) -> Result<Vec<ServerRecord>, Failure> {
    let mut places: Vec<_> = restored::marks_of(workspace.data).collect();
    places.extend(workspace.attempts()?);
    let mut records = Vec::new();
    for place in places {
        let failed = |e: &io::Error| classify::of_io(&format!("reading {}", place.join(NAME).display()), e);
        let bytes = match DataDirectory::open(&place) {
            Ok(directory) => directory.read(NAME, MAX_LEN).map_err(|e| failed(&e))?,
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => None,
            Err(e) => return Err(failed(&e)),
        };
        let Some(bytes) = bytes else { continue };
        let record: ServerRecord = serde_json::from_slice(&bytes).map_err(|e| failed(&e.into()))?;
        if record.session == workspace.session && record.data == workspace.data {
            records.push(record);
        }
    }
    Ok(records)
}
