//! How a session ended.

use super::{
    ByteCount, Disposed, Failure, Port, Verification,
    instance::printable,
    quantity::{count, many},
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The ends of a session (R4, R5). Failing is none of them for a restore: that waits for a person (R6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// What was asked for is there.
    Succeeded(Success),
    /// The backup was read to its end, and is damaged.
    Damaged(Verification),
    /// A person ended it.
    Cancelled {
        /// What became of the partial data.
        disposed: Disposed,
    },
    /// A person stopped what was held open.
    Stopped {
        /// What became of what it had made.
        disposed: Disposed,
    },
    /// It failed, and nobody is asked: an object of a job.
    Failed {
        /// The last failure.
        failure: Failure,
        /// What became of the partial data.
        disposed: Disposed,
    },
}

/// What a successful attempt left behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Success {
    /// What is there now.
    pub result: Achieved,
    /// What a person should read although it is done: printable sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// What was not verified, each with its reason (S15): printable sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unchecked: Vec<String>,
}

/// What is there after a success, by kind of work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Achieved {
    /// A cluster; the server's state, never guessed.
    Cluster(ServerOutcome),
    /// A virtual machine.
    VirtualMachine {
        /// Its name.
        name: String,
        /// What showed that it runs, and what was heard of its guest: a clause; `None` where it was not started.
        answer: Option<String>,
    },
    /// Files.
    Files {
        /// How many.
        files: u64,
        /// Their bytes.
        bytes: ByteCount,
    },
    /// A backup was read to its end, and is sound as far as it was checked.
    Verified(Verification),
    /// Items were taken out.
    Items {
        /// How many.
        items: u64,
    },
    /// A restore point.
    RestorePoint {
        /// Its name.
        label: String,
        /// Its bytes.
        bytes: ByteCount,
        /// How it was made, where that differs from one to the next: a clause.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        how: Option<String>,
    },
    /// Copies of files or of restore points.
    Copied {
        /// How many are there now, those that were there before not counted.
        copies: u64,
        /// Their bytes.
        bytes: ByteCount,
        /// How many were there already, the same in all.
        skipped: u64,
    },
}

impl Success {
    /// A restored cluster with nothing to add.
    pub const fn of_cluster(server: ServerOutcome) -> Self {
        Self { result: Achieved::Cluster(server), warnings: Vec::new(), unchecked: Vec::new() }
    }

    /// What became of the restored cluster's server, where a cluster was restored.
    pub const fn server(&self) -> Option<&ServerOutcome> {
        match &self.result {
            Achieved::Cluster(server) => Some(server),
            Achieved::VirtualMachine { .. }
            | Achieved::Files { .. }
            | Achieved::Verified(_)
            | Achieved::Items { .. }
            | Achieved::RestorePoint { .. }
            | Achieved::Copied { .. } => None,
        }
    }

    /// Each warning, then what was not verified, as clauses that follow what is there.
    pub fn remarks(&self) -> String {
        let warnings = self.warnings.iter().map(|warning| format!("; warning: {warning}"));
        warnings.chain(self.unchecked.iter().map(|unchecked| format!("; not verified: {unchecked}"))).collect()
    }

    /// Whether there is something that a person should read.
    pub const fn needs_reading(&self) -> bool {
        !self.warnings.is_empty() || !self.unchecked.is_empty()
    }
}

impl fmt::Display for Success {
    /// What is there, then each warning, then what was not verified, in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.result, self.remarks())
    }
}

impl fmt::Display for Achieved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster(server) => server.fmt(f),
            Self::VirtualMachine { name, answer: Some(answer) } => {
                write!(f, "virtual machine {} runs: {}", printable(name), printable(answer))
            }
            Self::VirtualMachine { name, answer: None } => {
                write!(f, "virtual machine {} restored, not started", printable(name))
            }
            Self::Files { files, bytes } => write!(f, "{} restored, {bytes}", many(*files, "file")),
            Self::Verified(verification) => verification.fmt(f),
            Self::Items { items: 1 } => f.write_str("1 item taken out"),
            Self::Items { items } => write!(f, "{items} items taken out"),
            Self::Copied { copies, bytes, skipped } => {
                let noun = if *copies == 1 { "copy" } else { "copies" };
                write!(f, "{} {noun} made, {bytes}", count(*copies))?;
                if *skipped == 0 { Ok(()) } else { write!(f, "; {} there already", count(*skipped)) }
            }
            Self::RestorePoint { label, bytes, how } => {
                write!(f, "restore point {}, {bytes}", printable(label))?;
                how.as_ref().map_or(Ok(()), |how| write!(f, ", {}", printable(how)))
            }
        }
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
        let plain = Success::of_cluster(ServerOutcome::NotStarted { reason: "as asked".to_owned() });
        assert_eq!(plain.to_string(), "files restored; no server was started: as asked");
        let shown = Success { warnings: vec!["w".to_owned()], unchecked: vec!["u".to_owned()], ..plain.clone() };
        assert_eq!(shown.to_string(), format!("{plain}; warning: w; not verified: u"));
    }
}
