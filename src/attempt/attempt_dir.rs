//! Where an attempt keeps its files: `attempts/<session>/<n>/` below the state directory.
//!
//! Promises: the directory of a session is made for it and for nobody else, and bears its uuid: a number that is given
//! again, since a journal was lost or put back, finds the place taken. Never: takes an existing directory for a new
//! one.

use crate::{
    domain::{AttemptNo, SessionId},
    private_file,
};
use serde::Deserialize;
use std::{
    collections::BTreeSet,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};
use uuid::Uuid;

/// The directory of all attempts in a state directory.
const ATTEMPTS: &str = "attempts";

/// The file in a session's directory that holds its uuid.
const SESSION: &str = "session";

/// A ticket is a few kilobytes; more than this is something else.
pub(super) const MAX_TICKET: u64 = 16 << 20;

/// No state directory holds so many sessions; a name that is a larger number was not written by us.
const MAX_SESSION: u64 = 1 << 53;

/// The directory of one attempt and the names in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptDir {
    session: PathBuf,
    directory: PathBuf,
}

impl AttemptDir {
    /// The place of an attempt below a state directory.
    pub fn new(state: &Path, session: SessionId, attempt: AttemptNo) -> Self {
        let session = state.join(ATTEMPTS).join(session.to_string());
        Self { directory: session.join(attempt.to_string()), session }
    }

    /// The directory itself.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The directory of its session.
    pub(super) fn session(&self) -> &Path {
        &self.session
    }

    /// Makes the directory for this session, durably. One that stands is an error.
    pub(super) fn make(&self, session: Uuid) -> io::Result<()> {
        let private = |path: &Path| DirBuilder::new().mode(0o700).create(path);
        let attempts = self.session.parent().unwrap_or(&self.session);
        DirBuilder::new().recursive(true).mode(0o700).create(attempts)?;
        match private(&self.session) {
            Ok(()) => {
                let path = self.session.join(SESSION);
                let mut file = private_file::open(&path, OpenOptions::new().write(true).create_new(true))?;
                writeln!(file, "{session}")?;
                file.sync_all()?;
                File::open(attempts)?.sync_all()?;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && self.is_of(session)? => {}
            Err(error) => return Err(error),
        }
        private(&self.directory)?;
        File::open(&self.session)?.sync_all()
    }

    /// Whether the session's directory is of this session, or does not stand yet. Where it does not say so itself, a ticket
    /// in it does: it was made by a howdah that did not write the uuid yet, or died before it could.
    pub fn is_of(&self, session: Uuid) -> io::Result<bool> {
        match owner_of(&self.session)? {
            Some(owner) => Ok(owner == session),
            None => Ok(true),
        }
    }

    /// The order that the worker carries out.
    pub fn ticket(&self) -> PathBuf {
        self.directory.join("ticket.json")
    }

    /// What the worker reports, a fact a line.
    pub fn events(&self) -> PathBuf {
        self.directory.join("events.jsonl")
    }

    /// The raw output of the engine and of the server.
    pub fn output(&self) -> PathBuf {
        self.directory.join("output.log")
    }
}

/// The numbers of all sessions that have left anything in a state directory.
pub fn sessions(state: &Path) -> io::Result<BTreeSet<SessionId>> {
    let numbers = numbers(&state.join(ATTEMPTS))?.into_iter();
    Ok(numbers.filter(|number| *number <= MAX_SESSION).map(SessionId).collect())
}

/// The entries of a directory that are numbers; none where there is no such directory.
pub(super) fn numbers(directory: &Path) -> io::Result<Vec<u64>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut numbers = Vec::new();
    for entry in entries {
        numbers.extend(entry?.file_name().to_str().and_then(|name| name.parse::<u64>().ok()));
    }
    Ok(numbers)
}

/// The uuid of the session that has this number, as far as its directory records it.
pub fn uuid_of(state: &Path, session: SessionId) -> Option<Uuid> {
    owner_of(AttemptDir::new(state, session, AttemptNo(1)).session()).ok().flatten()
}

/// The session that a directory was made for, as far as it records that: by its own file, else by the ticket of an
/// attempt.
fn owner_of(session: &Path) -> io::Result<Option<Uuid>> {
    #[derive(Deserialize)]
    struct Ticket {
        session_uuid: Uuid,
    }
    // Half a line is what a crash left of the file.
    if let Some(owner) = read_start(&session.join(SESSION), 64)?.and_then(|text| text.trim().parse().ok()) {
        return Ok(Some(owner));
    }
    let entries = match fs::read_dir(session) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let text = read_start(&entry?.path().join("ticket.json"), MAX_TICKET)?;
        if let Some(ticket) = text.and_then(|text| serde_json::from_str::<Ticket>(&text).ok()) {
            return Ok(Some(ticket.session_uuid));
        }
    }
    Ok(None)
}

/// The text at the beginning of a file; `None` where there is no such file.
pub(super) fn read_start(path: &Path, most: u64) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    // A pipe in its place would keep whoever opens it waiting.
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return Ok(None);
    }
    match File::open(path) {
        Ok(file) => file.take(most).read_to_end(&mut bytes)?,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    #[test]
    fn a_directory_is_made_once_and_for_one_session() {
        let state = tempfile::tempdir().unwrap();
        let (ours, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let dir = |attempt| AttemptDir::new(state.path(), SessionId(7), AttemptNo(attempt));
        dir(1).make(ours).unwrap();
        dir(2).make(ours).unwrap();
        for (attempt, session) in [(2, ours), (3, other)] {
            assert_eq!(dir(attempt).make(session).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        }
        assert!(!dir(3).directory().exists());
        assert!(dir(1).is_of(ours).unwrap() && !dir(1).is_of(other).unwrap());
    }

    #[test]
    fn a_directory_without_a_name_of_its_own_is_known_by_its_tickets() {
        let state = tempfile::tempdir().unwrap();
        let dir = AttemptDir::new(state.path(), SessionId(7), AttemptNo(1));
        assert!(dir.is_of(Uuid::from_u128(1)).unwrap(), "there is nothing yet");
        fs::create_dir_all(dir.directory()).unwrap();
        fs::write(dir.session().join(SESSION), "0000").unwrap();
        fs::write(dir.ticket(), format!(r#"{{"version":1,"session_uuid":"{}"}}"#, Uuid::from_u128(1))).unwrap();
        assert!(dir.is_of(Uuid::from_u128(1)).unwrap() && !dir.is_of(Uuid::from_u128(2)).unwrap());
    }

    #[test]
    fn sessions_are_found_among_names_that_others_made() {
        let state = tempfile::tempdir().unwrap();
        assert!(sessions(state.path()).unwrap().is_empty());
        for name in ["3", "12", "x", "-5", "18446744073709551615"] {
            fs::create_dir_all(state.path().join(ATTEMPTS).join(name)).unwrap();
        }
        assert_eq!(sessions(state.path()).unwrap(), [3, 12].map(SessionId).into());
    }
}
