//! The record of a recovery to a goal: `recovery.json`, below the session's mark in the target.
//!
//! Promises: it is on disk before what it announces is done, so that the next attempt knows whether the recovery goes on,
//! waits, or was ended by us. Never: it is no proof that a server runs; its process is looked at.

use crate::{
    domain::{Failure, Recovery, RecoveryPlan, fact::PausePoint},
    engine::claim,
    postgres::{configure::DataDirectory, server::classify},
    worker::workspace::Workspace,
};
use serde::{Deserialize, Serialize};
use std::{io, path::PathBuf};
use uuid::Uuid;

const NAME: &str = "recovery.json";

/// A record is a few hundred bytes; more than this is something else.
const MAX_LEN: u64 = 1 << 20;

/// The version of the record that this build writes and reads.
const VERSION: u32 = 1;

/// One recovery of one session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::worker) struct RecoveryRecord {
    version: u32,
    session: Uuid,
    /// The wish that it was begun with.
    pub(super) recovery: Recovery,
    /// How far it is.
    pub(super) stage: RecoveryStage,
    /// What a person should read when the restore is done.
    pub(super) warnings: Vec<String>,
    /// What was not verified.
    pub(super) unchecked: Vec<String>,
    /// The replay that led to the pause that this one is to come back to.
    #[serde(default)]
    pub(super) pinned: Option<Box<RecoveryPlan>>,
}

/// How far a recovery is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RecoveryStage {
    /// It replays WAL, or is about to.
    Replaying,
    /// It has reached its goal, and its server was left running there.
    Paused {
        /// Where.
        point: Box<PausePoint>,
        /// What the server logs goes here.
        log: PathBuf,
        /// The replay that led there.
        plan: Box<RecoveryPlan>,
    },
    /// It has reached its goal, and the server was asked to open, or is about to be.
    Promoting,
}

impl RecoveryRecord {
    pub(super) fn new(
        session: Uuid,
        recovery: &Recovery,
        stage: RecoveryStage,
        (warnings, unchecked): (Vec<String>, Vec<String>),
    ) -> Self {
        let (recovery, pinned) = (recovery.clone(), None);
        Self { version: VERSION, session, recovery, stage, warnings, unchecked, pinned }
    }

    /// Whether this wish has the same goal on the same timeline, whatever is to happen there.
    pub(super) fn is_for(&self, wish: &Recovery) -> bool {
        let Recovery { goal, inclusive, timeline, at_target: _, standby_of, archive } = wish;
        let own = &self.recovery;
        (&own.goal, own.inclusive, own.timeline) == (goal, *inclusive, *timeline)
            && (&own.standby_of, &own.archive) == (standby_of, archive)
    }

    /// Writes it, durably.
    pub(super) fn keep(&self, workspace: &Workspace<'_>) -> Result<(), Failure> {
        let failed =
            |e: &io::Error| classify::of_io(&format!("noting how far recovery is, at {}", workspace.data.display()), e);
        let mark = claim::mark_of(workspace.data, workspace.session).map_err(|e| failed(&e))?;
        let mark = mark.ok_or_else(|| Failure::bug("a recovery is noted where no mark of its session is"))?;
        let bytes = serde_json::to_vec(self).map_err(|e| failed(&e.into()))?;
        DataDirectory::open(&mark).and_then(|mark| mark.replace(NAME, &bytes, None)).map_err(|e| failed(&e))
    }

    /// That of this session; `None` where no recovery was begun. What cannot be read is an error: behind it may be a server
    /// that was opened.
    pub(in crate::worker) fn of_session(workspace: &Workspace<'_>) -> Result<Option<Self>, Failure> {
        let failed = |e: &io::Error| classify::of_io(&format!("reading {NAME} at {}", workspace.data.display()), e);
        let mark = match claim::mark_of(workspace.data, workspace.session) {
            Ok(mark) => mark,
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => return Err(failed(&e)),
        };
        let Some(mark) = mark else { return Ok(None) };
        let bytes = DataDirectory::open(&mark).and_then(|mark| mark.read(NAME, MAX_LEN)).map_err(|e| failed(&e))?;
        let Some(bytes) = bytes else { return Ok(None) };
        let record: Self = serde_json::from_slice(&bytes).map_err(|e| failed(&e.into()))?;
        if record.version > VERSION {
            let cause = format!("{NAME} at {} was written by a newer howdah", workspace.data.display());
            return Err(Failure::incurable(cause, "use that one, then retry"));
        }
        Ok((record.session == workspace.session).then_some(record))
    }
}
