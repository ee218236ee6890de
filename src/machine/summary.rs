//! A session in one line: what lists need of one that has ended, or that cannot be read.

use super::{Phase, Session};
use crate::domain::{
    ByteCount, InstanceName, ItemDestination, ItemOrder, Kind, Order, Outcome, Parent, SessionId, Step, StepState,
    Timestamp, explore,
    instance::{printable, printable_name},
};
use serde::{Deserialize, Serialize};
use std::{path::Path, time::Duration};

/// A completed session, as the tree needs it. The whole session is read from the journal when it is selected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompletedRow {
    /// The session.
    pub id: SessionId,
    /// Under which heading it stood.
    pub kind: Kind,
    /// The name of what it was about.
    pub title: InstanceName,
    /// When it ended.
    pub ended: Timestamp,
    /// From order to end.
    pub took: Duration,
    /// How it ended.
    pub result: CompletedResult,
    /// What else a table shows of it. An owner of an older build does not send it.
    #[serde(default)]
    pub details: CompletedDetails,
}

/// What a table shows of a completed session beside its outcome; nothing of one whose record cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CompletedDetails {
    /// The last part of its target directory and its port, of items the server that they went to, of work without any of
    /// them the restore point; printable.
    pub target: String,
    /// Who ordered it.
    pub by: String,
    /// Bytes that were copied or read and verified.
    pub bytes: Option<ByteCount>,
    /// Bytes a second of the step that copies or reads, in the last attempt.
    pub rate: Option<u64>,
    /// Tries made in all, over all disruptions (D3).
    pub tries: Option<u32>,
    /// The explore session that items were to be taken out of; `None` for all other work.
    #[serde(default)]
    pub taken_from: Option<SessionId>,
}

/// A session that has ended, as the history lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastSession {
    /// Its row.
    pub row: CompletedRow,
    /// Whether a person has taken it off the screen.
    pub is_dismissed: bool,
}

/// The ends, as the tree tells them apart (D10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CompletedResult {
    /// What was asked for is there.
    Succeeded,
    /// The backup is damaged.
    Damaged,
    /// A person ended it.
    Cancelled,
    /// A person stopped what was held open.
    Stopped,
    /// It failed, and nobody was asked.
    Failed,
}

impl CompletedResult {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Succeeded, Self::Damaged, Self::Cancelled, Self::Stopped, Self::Failed];

    /// Its name in the journal and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Damaged => "damaged",
            Self::Cancelled => "cancelled",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }

    /// That of an outcome.
    pub const fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Succeeded(_) => Self::Succeeded,
            Outcome::Damaged(_) => Self::Damaged,
            Outcome::Cancelled { .. } => Self::Cancelled,
            Outcome::Stopped { .. } => Self::Stopped,
            Outcome::Failed { .. } => Self::Failed,
        }
    }
}

/// How many sessions have ended, by kind and result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EndedCounts([[usize; CompletedResult::ALL.len()]; Kind::ALL.len()]);

impl EndedCounts {
    /// Those of this kind with this result.
    pub const fn count(&self, kind: Kind, result: CompletedResult) -> usize {
        self.0[kind as usize][result as usize]
    }

    /// The same, to change it.
    pub const fn count_mut(&mut self, kind: Kind, result: CompletedResult) -> &mut usize {
        &mut self.0[kind as usize][result as usize]
    }

    /// Those of one kind alone.
    #[must_use]
    pub fn of(&self, kind: Kind) -> Self {
        let mut of_kind = Self::default();
        of_kind.0[kind as usize] = self.0[kind as usize];
        of_kind
    }

    /// Those with this result, of all kinds.
    pub fn with(&self, result: CompletedResult) -> usize {
        self.0.iter().map(|of_kind| of_kind[result as usize]).sum()
    }

    /// All of them.
    pub fn total(&self) -> usize {
        self.0.iter().flatten().sum()
    }

    /// The same with each number at most this: whoever sums up what another process told cannot overflow.
    #[must_use]
    pub fn at_most(&self, most: usize) -> Self {
        Self(self.0.map(|of_kind| of_kind.map(|count| count.min(most))))
    }
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
        let (kind, title) = (session.order().kind(), session.title().clone());
        let (took, result) = (session.elapsed(*at), CompletedResult::of(outcome));
        Some(Self { id: session.id(), kind, title, ended: *at, took, result, details: CompletedDetails::of(session) })
    }

    /// When it was ordered.
    pub fn began(&self) -> Timestamp {
        self.ended.checked_sub(self.took).unwrap_or(self.ended)
    }

    /// Whether its order was to take items out.
    pub const fn took_items(&self) -> bool {
        self.details.taken_from.is_some()
    }
}

impl PastSession {
    /// The entry of a session that has ended; `None` for an ongoing one.
    pub fn of(session: &Session) -> Option<Self> {
        Some(Self { row: CompletedRow::of(session)?, is_dismissed: session.is_dismissed() })
    }

    /// The order of the history: the newest first.
    pub fn sort(past: &mut [Self]) {
        past.sort_by_key(|one| std::cmp::Reverse((one.row.ended, one.row.id)));
    }
}

impl CompletedDetails {
    fn of(session: &Session) -> Self {
        Self {
            target: session.target_text(),
            by: session.by().to_owned(),
            bytes: Some(session.bytes_done()),
            rate: session.average_rate(),
            tries: Some(session.tries_total()),
            taken_from: match session.parent() {
                Some(Parent::Explore(session)) => Some(session),
                Some(Parent::Job(_)) | None => None,
            },
        }
    }
}

impl Session {
    /// What a restore point that is held open occupies, where that is known.
    pub fn occupied(&self) -> Option<ByteCount> {
        let held = self.steps().iter().find(|(step, _)| *step == Step::Hold);
        match held {
            Some((_, StepState::Running { detail })) => explore::occupied(detail),
            Some(_) | None => None,
        }
    }

    /// The last part of the target directory and the port, printable; of items the server that they go to; of work without
    /// any of them, the restore point.
    pub fn target_text(&self) -> String {
        if let Order::Items(ItemOrder { to: ItemDestination::Server { conninfo, .. }, .. }) = self.order() {
            return printable(conninfo);
        }
        let last = self.order().directory().and_then(Path::file_name).map(printable_name);
        let port = self.order().port().map(|port| format!(":{port}"));
        let both = [last, port].into_iter().flatten().collect::<Vec<_>>().join(" ");
        if both.is_empty() { self.order().label().map_or_else(String::new, printable) } else { both }
    }
}
