//! How far recovery goes, and where it is paused, as programs see it.

use crate::domain::{AtTarget, Lsn, Recovery, RecoveryGoal, RecoveryTimeline, Timestamp, Upstream, fact::PausePoint};
use serde::Serialize;
use serde_json::Value;

/// The wish for a recovery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "each field is explained where scripts look for it: howdah session list --help")]
pub struct RecoveryObject {
    pub goal: RecoveryGoal,
    pub inclusive: bool,
    pub timeline: Value,
    pub at_target: AtTarget,
    pub archive: Option<String>,
    pub standby_of: Option<Upstream>,
}

/// Where recovery is paused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "each field is explained where scripts look for it: howdah session list --help")]
pub struct PausedObject {
    pub lsn: Lsn,
    pub committed: Option<Timestamp>,
    pub answer: String,
    pub server: Option<PausedServerObject>,
}

/// The server that waits there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "each field is explained where scripts look for it: howdah session list --help")]
pub struct PausedServerObject {
    pub sockets: String,
    pub port: u16,
    pub psql: String,
}

impl RecoveryObject {
    /// The wish as programs see it.
    pub fn of(recovery: &Recovery) -> Self {
        let Recovery { goal, inclusive, timeline, at_target, standby_of, archive } = recovery.clone();
        let archive = archive.map(|archive| archive.to_string_lossy().into_owned());
        let timeline = match timeline {
            RecoveryTimeline::Latest | RecoveryTimeline::Current => timeline.word().into(),
            RecoveryTimeline::Number(number) => number.0.into(),
        };
        Self { goal, inclusive, timeline, at_target, archive, standby_of }
    }
}

impl PausedObject {
    /// The pause as programs see it.
    pub fn of(at: &PausePoint) -> Self {
        let server = at.server.as_ref().map(|server| PausedServerObject {
            sockets: server.address.sockets.to_string_lossy().into_owned(),
            port: server.address.port.number(),
            psql: server.address.psql("postgres"),
        });
        Self { lsn: at.at, committed: at.committed, answer: at.answer.clone(), server }
    }
}
