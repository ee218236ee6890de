//! The record of the server that a session has started: `server.json`, in the attempt's directory and at the target.
//!
//! Promises: it is on disk before the server runs, so that whoever comes after a crash can find it. Never: it is no proof
//! by itself; the process is looked at before anything is done to it.

use super::attempt_files;
use crate::{
    domain::{Failure, fact::ProcessMark},
    postgres::{configure::DataDirectory, server::classify},
};
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    path::{Path, PathBuf},
};
use uuid::Uuid;

/// The session's own directory at the target; the engine makes it and removes it.
const MARKS: &str = crate::domain::restored::MARK;

const NAME: &str = "server.json";

/// A record is a few hundred bytes; more than this is something else.
const LONGEST: u64 = 1 << 20;

/// The version of the record that this build writes and reads.
const VERSION: u32 = 1;

/// One server of one session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    version: u32,
    /// The session that started it.
    pub(super) session: Uuid,
    /// Its data directory.
    pub(super) data: PathBuf,
    /// How far it is known.
    pub(super) state: State,
    /// The private directory of a guarded start.
    pub(super) guard: Option<PathBuf>,
    /// Where its programs are: for a person who reads this.
    binaries: PathBuf,
    /// The user it runs as: for a person who reads this.
    user: String,
}

/// What is known of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// It is about to be started, or was and its pid was not written any more.
    Starting,
    /// It was started.
    Started(ProcessMark),
    /// It was stopped again.
    Stopped,
}

impl Record {
    pub(super) fn new(session: Uuid, data: &Path, guard: Option<&Path>, binaries: &Path, user: &str) -> Self {
        Self {
            version: VERSION,
            session,
            data: data.to_owned(),
            state: State::Starting,
            guard: guard.map(Path::to_owned),
            binaries: binaries.to_owned(),
            user: user.to_owned(),
        }
    }

    /// Writes it to both places.
    pub(super) fn keep(&self, attempt_dir: &Path) -> Result<(), Failure> {
        const DOING: &str = "noting the server that is about to start";
        let keep = || DataDirectory::open(attempt_dir)?.replace(NAME, &serde_json::to_vec(self)?, None);
        keep().map_err(|e| attempt_files::failure(DOING, &e))?;
        let mark = || -> io::Result<()> {
            let bytes = serde_json::to_vec(self)?;
            match DataDirectory::open(&self.data)?.below(MARKS) {
                Ok(marks) => marks.replace(NAME, &bytes, None),
                // The engine has removed its marks: the restore is done, and the attempt's own record is enough.
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
pub(super) fn of_session(session: Uuid, data: &Path, attempt_dir: &Path) -> Result<Vec<Record>, Failure> {
    let mut places = vec![data.join(MARKS)];
    places.extend(attempts(attempt_dir)?);
    let mut records = Vec::new();
    for place in places {
        let failed = |e: &io::Error| classify::of_io(&format!("reading {}", place.join(NAME).display()), e);
        let bytes = match DataDirectory::open(&place) {
            Ok(directory) => directory.read(NAME, LONGEST).map_err(|e| failed(&e))?,
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => None,
            Err(e) => return Err(failed(&e)),
        };
        let Some(bytes) = bytes else { continue };
        let record: Record = serde_json::from_slice(&bytes).map_err(|e| failed(&e.into()))?;
        if record.session == session && record.data == data {
            records.push(record);
        }
    }
    Ok(records)
}

/// The directories of all attempts of the session that this attempt belongs to.
pub(super) fn attempts(attempt_dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |e: io::Error| classify::of_io("reading the session's attempts", &e);
    let Some(session) = attempt_dir.parent() else { return Ok(Vec::new()) };
    let entries = fs::read_dir(session).map_err(failed)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>().map_err(failed)?;
    Ok(paths.into_iter().filter(|path| path.is_dir()).collect())
}
