//! Exit codes: each end of a command is distinguished.

use crate::domain::{Achieved, Outcome, Success};
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
    /// A person cancelled or stopped it.
    Cancelled = 5,
    /// It did what was asked, and a person should read the warning that it gave.
    Warned = 6,
    /// It came to its end, and that is not good: a backup is damaged, a job failed.
    Bad = 7,
    /// `wal fetch` has nothing that a recovery may go on from: PostgreSQL gives up above 125.
    Withheld = 255,
}

impl Exit {
    /// Of two ends the one that a person must know of first: a fault of howdah, then what is bad, then what needs a
    /// person, was refused, was ended by a person, or has a warning.
    #[must_use]
    pub const fn max(self, other: Self) -> Self {
        if self.rank() >= other.rank() { self } else { other }
    }

    const fn rank(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Warned => 1,
            Self::Cancelled => 2,
            Self::Refused => 3,
            Self::Stuck => 4,
            Self::Bad => 5,
            Self::Usage => 6,
            Self::Broken => 7,
            Self::Withheld => 8,
        }
    }

    /// The end of a session.
    pub const fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Succeeded(success) => Self::of_success(success),
            Outcome::Damaged(_) | Outcome::Failed { .. } => Self::Bad,
            Outcome::Cancelled { .. } | Outcome::Stopped { .. } => Self::Cancelled,
        }
    }

    /// What could not be checked is all that a verification is for; a restore says it and is done.
    const fn of_success(success: &Success) -> Self {
        let is_verified = matches!(success.result, Achieved::Verified(_));
        if success.warnings.is_empty() && (success.unchecked.is_empty() || !is_verified) {
            Self::Done
        } else {
            Self::Warned
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
