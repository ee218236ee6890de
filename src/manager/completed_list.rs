//! The sessions under Completed, as the tree shows them. Promise: what was dismissed never comes back.

use crate::{
    domain::SessionId,
    machine::{CompletedRow, EndedCounts, Session},
};
use std::{collections::HashSet, sync::Arc};

/// Completed and not dismissed sessions, newest first, and how many there are in all.
#[derive(Debug)]
pub(super) struct CompletedList {
    rows: Arc<Vec<Arc<CompletedRow>>>,
    ended: EndedCounts,
    /// Dismissed since the journal was opened: rows that were read before may still hold them.
    dismissed: HashSet<SessionId>,
}

impl CompletedList {
    /// The newest rows, and how many there are in all.
    pub(super) fn new(rows: Vec<CompletedRow>, ended: EndedCounts) -> Self {
        let rows = Arc::new(rows.into_iter().map(Arc::new).collect());
        Self { rows, ended, dismissed: HashSet::new() }
    }

    pub(super) const fn rows(&self) -> &Arc<Vec<Arc<CompletedRow>>> {
        &self.rows
    }

    pub(super) const fn ended(&self) -> &EndedCounts {
        &self.ended
    }

    /// Applies the changes of sessions: those that have ended come, those that were dismissed go. All at once, since
    /// a person may dismiss a hundred thousand.
    pub(super) fn apply(&mut self, changed: &[Arc<Session>]) {
        let mut gone = HashSet::new();
        for session in changed {
            let Some(row) = CompletedRow::of(session) else { continue };
            let count = self.ended.count_mut(row.kind, row.result);
            if session.is_dismissed() {
                *count = count.saturating_sub(1);
                gone.insert(row.id);
            } else {
                *count += 1;
                Arc::make_mut(&mut self.rows).insert(0, Arc::new(row));
            }
        }
        if !gone.is_empty() {
            Arc::make_mut(&mut self.rows).retain(|row| !gone.contains(&row.id));
            self.dismissed.extend(gone);
        }
    }

    /// Adds the rows that were left out at the opening.
    pub(super) fn extend(&mut self, rows: Vec<CompletedRow>) {
        let known: HashSet<SessionId> = self.rows.iter().map(|row| row.id).collect();
        let is_new = |row: &CompletedRow| !known.contains(&row.id) && !self.dismissed.contains(&row.id);
        let all = Arc::make_mut(&mut self.rows);
        all.extend(rows.into_iter().filter(is_new).map(Arc::new));
        all.sort_by_key(|row| std::cmp::Reverse((row.ended, row.id)));
        self.ended = EndedCounts::default();
        for row in all.iter() {
            *self.ended.count_mut(row.kind, row.result) += 1;
        }
    }
}
