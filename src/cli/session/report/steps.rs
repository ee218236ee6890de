//! The steps of each attempt with their times, from the history.
//!
//! Promises: a step that was under way when its attempt ended has ended with it. Never: invents a moment.

use super::parts::StepReport;
use crate::{
    cli::session::format,
    domain::{AttemptNo, Step, StepState, Timestamp},
    journal::{HistoryLine, JournalRecord},
    machine::{AttemptEnd, AttemptRecord, Event, Session},
};
use std::{collections::BTreeMap, time::Duration};

/// The steps of all attempts.
#[derive(Debug, Default)]
pub(super) struct Steps(BTreeMap<AttemptNo, Vec<Known>>);

/// What is known of one step.
#[derive(Debug, Clone)]
struct Known {
    step: Step,
    began: Option<Timestamp>,
    state: StepState,
}

/// The steps that read or write the bytes of a backup.
const COPYING: [Step; 3] = [Step::Copy, Step::Read, Step::Wal];

impl Steps {
    /// From the history, and, for the attempt that made the session's own steps, from the session as it stands now.
    pub(super) fn of(session: &Session, history: &[HistoryLine]) -> Self {
        let mut steps = Self::default();
        for line in history {
            if let Some(JournalRecord::Happened { at, event: Event::StepChanged { attempt, step, state } }) =
                &line.record
            {
                steps.change(*attempt, *step, state, Some(*at));
            }
        }
        // A worker that deals with partial data leaves the steps of the attempt before it.
        let newest = session.attempts().iter().rev().find(|record| record.cause.is_some());
        if let Some(record) = newest {
            for (step, state) in session.steps() {
                let is_over = record.ended.is_some() && steps.knows(record.number, *step);
                // What ended with its attempt has no time of its own there; the history tells when it began.
                if !is_over && !matches!(state, StepState::Pending) {
                    steps.change(record.number, *step, state, None);
                }
            }
        }
        steps
    }

    /// Those of one attempt, in the order in which they came.
    pub(super) fn of_attempt(&self, record: &AttemptRecord) -> Vec<StepReport> {
        self.ended(record).filter_map(|known| known.report(record)).collect()
    }

    /// How long all attempts have copied or read; one that is under way counts until `now`.
    pub(super) fn copying(&self, attempts: &[AttemptRecord], now: Timestamp) -> Duration {
        let of_one = |record: &AttemptRecord| {
            let copying = self.ended(record).filter(|known| COPYING.contains(&known.step));
            copying.filter_map(|known| known.took(record, Some(now))).sum::<Duration>()
        };
        attempts.iter().map(of_one).sum()
    }

    fn knows(&self, attempt: AttemptNo, step: Step) -> bool {
        self.0.get(&attempt).is_some_and(|steps| steps.iter().any(|known| known.step == step))
    }

    fn change(&mut self, attempt: AttemptNo, step: Step, state: &StepState, at: Option<Timestamp>) {
        let steps = self.0.entry(attempt).or_default();
        // Only a step that is heard of while it runs has begun at that moment.
        let began = at.filter(|_| matches!(state, StepState::Running { .. }));
        if let Some(known) = steps.iter_mut().find(|known| known.step == step) {
            known.began = known.began.or(began);
            known.state = state.clone();
        } else {
            steps.push(Known { step, began, state: state.clone() });
        }
    }

    /// The steps of an attempt as its end left them.
    fn ended(&self, record: &AttemptRecord) -> impl Iterator<Item = Known> {
        let end = record.ended.as_ref().map(|(_, end)| end.clone());
        self.0.get(&record.number).into_iter().flatten().cloned().map(move |known| match (known.state, &end) {
            (StepState::Running { detail }, Some(end)) => {
                let took = Duration::ZERO;
                let state = match end {
                    AttemptEnd::Done => StepState::Done { took, detail },
                    AttemptEnd::Failed(_) => StepState::Failed { took },
                    AttemptEnd::Stopped | AttemptEnd::Unrecorded => StepState::Stopped,
                };
                Known { state, ..known }
            }
            (state, _) => Known { state, ..known },
        })
    }
}

impl Known {
    fn report(&self, record: &AttemptRecord) -> Option<StepReport> {
        let (state, detail) = format::step_words(&self.state)?;
        let detail = Some(detail).filter(|detail| !detail.is_empty()).map(str::to_owned);
        Some(StepReport { step: self.step, began: self.began, took: self.took(record, None), state, detail })
    }

    /// How long it took: as the worker measured it, else from its beginning to the end of the attempt, or to `now` while
    /// it is under way.
    fn took(&self, record: &AttemptRecord, now: Option<Timestamp>) -> Option<Duration> {
        let until = |end: Option<Timestamp>| span(self.began?, end?);
        let ended = record.ended.as_ref().map(|(at, _)| *at);
        match &self.state {
            StepState::Done { took, .. } | StepState::Failed { took } if !took.is_zero() => Some(*took),
            StepState::Done { .. } | StepState::Failed { .. } | StepState::Stopped => until(ended),
            StepState::Running { .. } => until(now),
            StepState::Pending | StepState::Skipped { .. } => None,
        }
    }
}

/// From one moment to another; `None` where the clock was set back between them.
pub(super) fn span(from: Timestamp, to: Timestamp) -> Option<Duration> {
    Duration::try_from(to.duration_since(from)).ok()
}
