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
    /// What a person should read although the restore is done: printable sentences. None in records that are older than
    /// the question.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// What was not verified, each with its reason (S15): printable sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unchecked: Vec<String>,
}

impl Success {
    /// A success with nothing to add.
    pub const fn plain(server: ServerOutcome) -> Self {
        Self { server, warnings: Vec::new(), unchecked: Vec::new() }
    }
}

impl fmt::Display for Success {
    /// The server's state, then each warning, then what was not verified, in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.server.fmt(f)?;
        for warning in &self.warnings {
            write!(f, "; warning: {warning}")?;
        }
        for unchecked in &self.unchecked {
            write!(f, "; not verified: {unchecked}")?;
        }
        Ok(())
    }
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
    /// None was started; each file that the manifest lists is restored and verified as far as the manifest tells.
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
            Self::NotStarted { reason } => write!(f, "files restored; no server was started: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_success_says_what_to_read_and_what_was_not_verified() {
        let plain = Success::plain(ServerOutcome::NotStarted { reason: "as asked".to_owned() });
        assert_eq!(plain.to_string(), "files restored; no server was started: as asked");
        let told = Success { warnings: vec!["w".to_owned()], unchecked: vec!["u".to_owned()], ..plain.clone() };
        assert_eq!(told.to_string(), format!("{plain}; warning: w; not verified: u"));
        let old: Success =
            serde_json::from_str(r#"{"server":{"not_started":{"reason":"as asked"}}}"#).expect("version 1");
        assert_eq!(old, plain);
    }
}
