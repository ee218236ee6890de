//! Where an attempt keeps its files: `attempts/<session>/<n>/` below the state directory.

use crate::domain::{AttemptNo, SessionId};
use std::path::{Path, PathBuf};

/// The directory of one attempt and the names in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptPlace {
    directory: PathBuf,
}

impl AttemptPlace {
    /// The place of an attempt below a state directory.
    pub fn new(state: &Path, session: SessionId, attempt: AttemptNo) -> Self {
        Self { directory: state.join("attempts").join(session.to_string()).join(attempt.to_string()) }
    }

    /// The directory itself.
    pub fn directory(&self) -> &Path {
        &self.directory
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
