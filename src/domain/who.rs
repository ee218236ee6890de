//! Who acts, and through which face: what a change of a session carries into the journal.

use super::instance::printable;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A person, as far as a process can tell, and the process that speaks for the person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    user: String,
    host: String,
    pid: u32,
    tty: Option<String>,
}

/// The face through which a session was started (R27).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A console. Also what records say that are older than the question.
    #[default]
    Console,
    /// The command line.
    CommandLine,
}

/// Which sessions a cancel may touch (R27).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// All.
    AnyOrigin,
    /// Only those that were started from the command line.
    CommandLine,
}

impl Who {
    /// The words come from the environment or from another process: what could steer a terminal is escaped.
    pub fn new(user: &str, host: &str, pid: u32, tty: Option<&str>) -> Self {
        Self { user: printable(user), host: printable(host), pid, tty: tty.map(printable) }
    }

    /// The same person, with the process id that the kernel tells instead of the one that was claimed. The words are
    /// escaped again: they may come from a peer that did not.
    #[must_use]
    pub fn vouched(&self, pid: u32) -> Self {
        Self::new(&self.user, &self.host, pid, self.tty.as_deref())
    }

    /// The person.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The machine.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// `user@host`.
    pub fn account(&self) -> String {
        format!("{}@{}", self.user, self.host)
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{} (process {}", self.user, self.host, self.pid)?;
        match &self.tty {
            Some(tty) => write!(f, " on {tty})"),
            None => f.write_str(", no terminal)"),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Console => "a console",
            Self::CommandLine => "the command line",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_acts_is_one_printable_phrase() {
        let who = Who::new("ops", "bastion", 42, Some("pts/3"));
        assert_eq!(who.to_string(), "ops@bastion (process 42 on pts/3)");
        assert_eq!(who.vouched(43).to_string(), "ops@bastion (process 43 on pts/3)");
        assert_eq!(Who::new("o\u{1b}ps", "h", 1, None).to_string(), "o\\u{1b}ps@h (process 1, no terminal)");
    }
}
