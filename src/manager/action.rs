//! What a person can ask of sessions that exist.

use crate::{
    domain::{Disposition, Reach, Who},
    machine::{Command, Resume},
};
use serde::{Deserialize, Serialize};

/// One verb; it is applied to every session of a scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionAction {
    /// Another attempt now.
    Retry,
    /// End the session, if it is within reach.
    Cancel(Disposition, Reach),
    /// Close what an explore session holds open, if it is within reach.
    Stop(Reach),
    /// Let recovery go on from where it is paused.
    Resume(Resume),
    /// Kill what a cancel waits for.
    Force,
    /// Take it off the screen.
    Dismiss,
    /// Bring back one that the journal does not know, from the files of its attempts.
    Recover,
}

impl SessionAction {
    /// Whether it ends a session that others may belong to.
    pub const fn ends(&self) -> bool {
        match self {
            Self::Cancel(..) | Self::Stop(_) => true,
            Self::Retry | Self::Resume(_) | Self::Force | Self::Dismiss | Self::Recover => false,
        }
    }

    /// The machine's command for it.
    pub fn command(&self, by: &Who) -> Command {
        let by = by.to_string();
        match self {
            Self::Retry => Command::Retry { by },
            Self::Cancel(disposition, reach) => Command::Cancel { disposition: *disposition, reach: *reach, by },
            Self::Stop(reach) => Command::Stop { reach: *reach, by },
            Self::Resume(resume) => Command::Resume { resume: resume.clone(), by },
            Self::Force => Command::Force { by },
            Self::Dismiss => Command::Dismiss { by },
            Self::Recover => Command::Recover,
        }
    }
}
