//! The answer to a command: what became of it, session by session.

use crate::{
    domain::{InstanceName, SessionId},
    machine::Refusal,
};
use serde::{Deserialize, Serialize};

/// What became of one command on all sessions it was meant for (R15: each one skipped is reported with its reason).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Receipt {
    /// One line a session, in the order of the screen.
    pub lines: Vec<ReceiptLine>,
}

/// What became of it for one session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptLine {
    /// The session; `None` when it was to be created and was refused.
    pub session: Option<SessionId>,
    /// What it is about; `None` when there is no such session.
    pub title: Option<InstanceName>,
    /// Done, or why not.
    pub result: Result<(), Refusal>,
}

impl Receipt {
    /// How many were done.
    pub fn done(&self) -> usize {
        self.lines.iter().filter(|line| line.result.is_ok()).count()
    }

    /// Those that were refused, each with its reason.
    pub fn refused(&self) -> impl Iterator<Item = (&ReceiptLine, &Refusal)> {
        self.lines.iter().filter_map(|line| line.result.as_ref().err().map(|refusal| (line, refusal)))
    }
}
