//! When the history is read: as soon as somebody looks at it, and again when more sessions have ended or were dismissed.

use super::{Model, tree::Screen};
use crate::{
    domain::Timestamp,
    machine::{CompletedRow, PastSession},
};
use std::{sync::Arc, time::Duration};

/// A hundred thousand rows take a tenth of a second to read; sessions that end one after the other share a reading.
const READ_EVERY: Duration = Duration::from_secs(2);

/// What is known of the history.
#[derive(Debug, Clone, Default)]
pub(in crate::console) struct PastState {
    /// What was completed when it was asked for; `None` while nothing is asked.
    asked: Option<Arc<Vec<Arc<CompletedRow>>>>,
    /// What was completed when it was read last, and when that was.
    read: Option<(Arc<Vec<Arc<CompletedRow>>>, Timestamp)>,
    /// Why it could not be read.
    problem: Option<String>,
}

impl Model {
    /// Whether the history was read at all.
    pub const fn knows_past(&self) -> bool {
        self.past.read.is_some()
    }

    /// Why the history could not be read the last time.
    pub fn past_problem(&self) -> Option<&str> {
        self.past.problem.as_deref()
    }

    /// When the history has to be read.
    pub(in crate::console) fn past_due(&self) -> Option<Timestamp> {
        if self.tree.screen() != Screen::History || self.past.asked.is_some() {
            return None;
        }
        let Some((completed, at)) = &self.past.read else { return Some(self.now.steady) };
        let stands = Arc::ptr_eq(completed, &self.shown.snapshot.completed);
        if stands && self.past.problem.is_none() { None } else { at.checked_add(READ_EVERY).ok() }
    }

    /// Remembers that the history is being read.
    pub(in crate::console) fn ask_past(&mut self) {
        self.past.asked = Some(Arc::clone(&self.shown.snapshot.completed));
    }

    /// Takes in the history, or why it could not be read; then what was known of it stays.
    pub(in crate::console) fn take_past(&mut self, answer: Result<Vec<PastSession>, String>) {
        let Some(completed) = self.past.asked.take() else { return };
        self.past.read = Some((completed, self.now.steady));
        match answer {
            Ok(past) => {
                let before = self.shown.clone();
                self.shown.past = Arc::new(past);
                self.past.problem = None;
                let now = self.now();
                self.tree.refresh(&self.shown, &before, now);
            }
            Err(problem) => self.past.problem = Some(problem),
        }
    }
}
