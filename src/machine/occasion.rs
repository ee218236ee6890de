//! What somebody may want to be told of a session while nobody looks: its end, and that it needs a person.
//!
//! Promise: an occasion is told apart from every other of its session, also by an owner that comes later.

use super::{CancelStage, Phase, Session, session::Urgency};
use crate::domain::{AttemptNo, Timestamp};
use serde::{Deserialize, Serialize};

/// A state that a session has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occasion {
    /// Which.
    pub kind: OccasionKind,
    /// The attempt that led to it; `None` where it comes once in the life of a session.
    pub attempt: Option<AttemptNo>,
    /// When.
    pub at: Timestamp,
}

/// The kinds of occasions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OccasionKind {
    /// It has ended, however.
    Completed,
    /// It failed, and no try follows.
    Stuck,
    /// It waits for a person without having failed: its recovery is paused, or what a cancel wants gone is still alive.
    NeedsAPerson,
}

impl OccasionKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Completed, Self::Stuck, Self::NeedsAPerson];

    /// Its name in the settings and for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Stuck => "stuck",
            Self::NeedsAPerson => "needs-a-person",
        }
    }
}

impl Occasion {
    /// The one that the session stands at. Of one that a person has taken off the screen nobody need be told.
    pub fn of(session: &Session) -> Option<Self> {
        let newest = session.attempts.last().map(|record| record.number);
        let (kind, attempt, at) = match &session.phase {
            Phase::Completed { .. } if session.dismissed => return None,
            Phase::Completed { at, .. } => (OccasionKind::Completed, None, *at),
            Phase::Stuck { since, .. } => (OccasionKind::Stuck, newest, *since),
            Phase::Paused { since, .. } => (OccasionKind::NeedsAPerson, newest, *since),
            Phase::Cancelling {
                stage:
                    CancelStage::Stopping { attempt, deadline, urgency: Urgency::Overdue }
                    | CancelStage::Disposing { attempt, deadline, urgency: Urgency::Overdue },
                ..
            } => (OccasionKind::NeedsAPerson, Some(*attempt), *deadline),
            Phase::Cancelling {
                stage:
                    CancelStage::Stopping { urgency: Urgency::InTime | Urgency::Forced, .. }
                    | CancelStage::Disposing { urgency: Urgency::InTime | Urgency::Forced, .. },
                ..
            }
            | Phase::Queued { .. }
            | Phase::Running { .. }
            | Phase::Waiting { .. } => return None,
        };
        Some(Self { kind, attempt, at })
    }
}
