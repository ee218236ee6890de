//! A session in one line: what lists need of one that has ended, or that cannot be read.

use super::{Phase, Session};
use crate::domain::{InstanceName, Outcome, SessionId, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A completed session, as the tree needs it. The whole session is read from the journal when it is selected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompletedRow {
    /// The session.
    pub id: SessionId,
    /// Its instance.
    pub instance: InstanceName,
    /// When it ended.
    pub ended: Timestamp,
    /// From order to end.
    pub took: Duration,
    /// How it ended.
    pub result: CompletedResult,
}

/// The two ends, as the tree tells them apart (D10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CompletedResult {
    /// The instance is back.
    Succeeded,
    /// A person ended it.
    Cancelled,
}

/// A record in the journal that this build cannot read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreadableSession {
    /// Its number.
    pub id: SessionId,
    /// Why.
    pub problem: String,
}

impl CompletedRow {
    /// The row of a session that has ended; `None` for an ongoing one.
    pub fn of(session: &Session) -> Option<Self> {
        let Phase::Completed { at, outcome } = session.phase() else { return None };
        let result = match outcome {
            Outcome::Succeeded(_) => CompletedResult::Succeeded,
            Outcome::Cancelled { .. } => CompletedResult::Cancelled,
        };
        let instance = session.request().point.instance.clone();
        Some(Self { id: session.id(), instance, ended: *at, took: session.elapsed(*at), result })
    }
}
