//! What becomes of the partial data of a cancelled session (rule D7).

use serde::{Deserialize, Serialize};
use std::{fmt, path::PathBuf};

/// The wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    /// Remove when the session created the directory, else keep.
    Default,
    /// Remove what this session created, nothing else.
    Remove,
    /// Leave it for a later restore to the same place.
    Keep,
    /// Rename the directory.
    SetAside,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disposed {
    /// No byte had been written.
    Nothing,
    /// It had been written, and was not there any more: somebody removed or replaced it.
    Gone,
    /// All of it is gone.
    Removed,
    /// What the session created is gone; this many entries were not its own and were left.
    RemovedExcept {
        /// Entries left where they are.
        left: u64,
    },
    /// All of it is gone from the disk; that nothing of it is left elsewhere, as on the server that was backed up, could
    /// not be seen.
    RemovedUnproven {
        /// What could not be seen, and why.
        what: String,
    },
    /// It stands where it was.
    Kept,
    /// It was renamed to this.
    SetAside {
        /// The new name of the data directory.
        to: PathBuf,
    },
    /// It could not be dealt with, for this reason; it stands where it was.
    Failed {
        /// The cause.
        cause: String,
    },
}

impl fmt::Display for Disposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Default => "default",
            Self::Remove => "remove",
            Self::Keep => "keep",
            Self::SetAside => "set aside",
        })
    }
}

impl fmt::Display for Disposed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing had been written"),
            Self::Gone => f.write_str("the partial data was no longer there: the target had been removed or replaced"),
            Self::Removed => f.write_str("partial data removed"),
            Self::RemovedExcept { left: 1 } => f.write_str("partial data removed, 1 foreign entry left in place"),
            Self::RemovedExcept { left } => write!(f, "partial data removed, {left} foreign entries left in place"),
            Self::RemovedUnproven { what } => {
                write!(f, "partial data removed; not proven: {}", super::instance::printable(what))
            }
            Self::Kept => f.write_str("partial data kept"),
            Self::SetAside { to } => {
                write!(f, "partial data set aside as {}", super::instance::printable(&to.to_string_lossy()))
            }
            Self::Failed { cause } => write!(f, "partial data left as it is: {}", super::instance::printable(cause)),
        }
    }
}
