//! How a session ended.

use super::{Disposed, Port};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The two ends of a session (R4, R5). Failing is not one of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The instance is back.
    Succeeded(Success),
    /// A person ended it.
    Cancelled {
        /// What became of the partial data.
        disposed: Disposed,
    },
}

/// What a successful attempt left behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Success {
    /// The server's state, never guessed.
    pub server: ServerOutcome,
}

/// What became of the server (S5: success says whether a real query was answered).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerOutcome {
    /// It answered the probe and runs.
    Running {
        /// Where it listens.
        port: Port,
        /// What it answered.
        answer: String,
    },
    /// It answered the probe and was stopped cleanly.
    Stopped {
        /// What it answered.
        answer: String,
    },
    /// None was started; the files are restored and verified.
    NotStarted {
        /// Why.
        reason: String,
    },
}

impl fmt::Display for ServerOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Running { port, answer } => write!(f, "server runs on port {port}; it answered: {answer}"),
            Self::Stopped { answer } => write!(f, "server answered: {answer}; it was stopped again as asked"),
            Self::NotStarted { reason } => write!(f, "files restored and verified; no server was started: {reason}"),
        }
    }
}
