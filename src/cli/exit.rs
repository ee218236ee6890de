//! Exit codes: each end of a command is distinguished.

use crate::domain::Success;
use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It did what was asked; a restore succeeded.
    Done = 0,
    /// howdah itself failed.
    Broken = 1,
    /// The command line or the settings are wrong.
    Usage = 2,
    /// It was refused; nothing was begun.
    Refused = 3,
    /// The session is stuck and needs a person.
    Stuck = 4,
    /// The session was cancelled.
    Cancelled = 5,
    /// It did what was asked, and a person should read the warning that it gave.
    Warned = 6,
}

impl Exit {
    /// The end of a restore that succeeded.
    pub const fn of(success: &Success) -> Self {
        if success.warnings.is_empty() { Self::Done } else { Self::Warned }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
