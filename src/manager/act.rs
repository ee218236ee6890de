//! What a person can ask of sessions that exist.

use crate::{domain::Disposition, machine::Command};

/// One verb; it is applied to every session of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Act {
    /// Another attempt now.
    Retry,
    /// End the session.
    Cancel(Disposition),
    /// Kill what a cancel waits for.
    Force,
    /// Take it off the screen.
    Dismiss,
}

impl Act {
    /// The machine's command for it.
    pub fn command(self, by: &str) -> Command {
        let by = by.to_owned();
        match self {
            Self::Retry => Command::Retry { by },
            Self::Cancel(disposition) => Command::Cancel { disposition, by },
            Self::Force => Command::Force { by },
            Self::Dismiss => Command::Dismiss { by },
        }
    }
}
