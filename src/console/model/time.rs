//! When the passing of time alone changes the picture: the screen's only reason to wake without a message.

use super::{
    Model,
    dialog::Overlay,
    events::EVENTS_EVERY,
    explored::ExploredLine,
    preview::{LOG_EVERY, Tab},
    tree::{Group, Node, TreeRow},
};
use crate::{
    domain::Timestamp,
    machine::{Phase, Session},
};
use std::{sync::Arc, time::Duration};

impl Model {
    /// When, in steady time, the passing of time alone changes the picture next. `None`: never, so nothing needs to be
    /// drawn.
    pub fn next_change(&self) -> Option<Timestamp> {
        let notice = self.notice.as_ref().map(|notice| notice.until);
        let passed = u64::try_from(self.now.wall.subsec_millisecond()).unwrap_or(0).min(999);
        let second = Duration::from_millis(1_000 - passed);
        let tick = self.is_ticking().then(|| self.now.steady.checked_add(second).ok());
        let looks = [
            self.log_due(),
            self.events_due(),
            self.run_events_due(),
            self.past_due(),
            self.server_due(),
            self.filter_due(),
            self.goal_due(),
        ];
        [notice, tick.flatten()].into_iter().chain(looks).flatten().min()
    }

    /// When a row leaves the time that the filter asks for, or comes out of it.
    fn filter_due(&self) -> Option<Timestamp> {
        let due = self.tree.filter_due().filter(|_| self.frozen.is_none() && self.away_since().is_none())?;
        self.now.steady.checked_add(due.duration_since(self.now.wall)).ok()
    }

    /// When the goal that is being chosen has come to rest.
    fn goal_due(&self) -> Option<Timestamp> {
        let rests = |overlay: &Overlay| if let Overlay::Goal(page) = overlay { page.rests } else { None };
        self.overlays.iter().find_map(rests)
    }

    /// Whether a countdown or an elapsed time is in view, so that the picture changes every second.
    pub fn is_ticking(&self) -> bool {
        self.frozen.is_none() && self.away_since().is_none() && self.something_runs_in_view()
    }

    /// When the log in view has to be read again.
    pub(in crate::console) fn log_due(&self) -> Option<Timestamp> {
        if self.preview.tab != Tab::Log || self.preview.asked.is_some() {
            return None;
        }
        let (session, attempt) = self.log_attempt()?;
        let read = self.preview.log.as_ref().filter(|log| (log.session, log.attempt) == (session, attempt));
        let Some(log) = read else { return Some(self.now.steady) };
        let lives = self.session()?.live_attempt() == Some(attempt);
        (lives && self.frozen.is_none()).then(|| log.read.checked_add(LOG_EVERY).ok()).flatten()
    }

    /// When the events in view have to be read: once, and again when their session has changed since.
    pub(in crate::console) fn events_due(&self) -> Option<Timestamp> {
        if self.preview.tab != Tab::Events || self.preview.asked_events.is_some() {
            return None;
        }
        let session = self.session()?;
        let Some(events) = self.preview.events_of(session.id()) else { return Some(self.now.steady) };
        if self.frozen.is_some() || Arc::ptr_eq(&events.of, session) {
            return None;
        }
        events.read.checked_add(EVENTS_EVERY).ok()
    }

    fn something_runs_in_view(&self) -> bool {
        let snapshot = &self.shown.snapshot;
        let in_tree = self.rows_in_view().filter_map(|at| self.tree.row(at)).any(|row| match row {
            TreeRow::Ongoing(at) => snapshot.ongoing.get(at).is_some_and(|one| is_moving(one)),
            TreeRow::Explored(at) => match self.shown.explored.lines.get(at) {
                Some(ExploredLine::Session(at)) => snapshot.ongoing.get(*at).is_some_and(|one| is_moving(one)),
                Some(ExploredLine::Item(_)) | None => false,
            },
            // A job that runs has objects that do.
            TreeRow::Job(at) => self.shown.jobs.line(at).is_some_and(|(job, _)| job.run.is_some()),
            TreeRow::Group(_)
            | TreeRow::Completed(_)
            | TreeRow::Unreadable(_)
            | TreeRow::Instance(_)
            | TreeRow::Past(_)
            | TreeRow::Run(_)
            | TreeRow::UnreadableRun(_) => false,
        });
        let in_preview = self.session().is_some_and(|one| is_moving(one));
        let in_summary = match self.tree.selected() {
            Node::Group(group @ (Group::Restore | Group::Verify | Group::Explore | Group::Backup)) => {
                group.kind().is_some_and(|kind| snapshot.ongoing_of(kind).any(|one| is_moving(one)))
            }
            Node::Group(Group::Jobs) => !snapshot.runs.is_empty(),
            Node::Job(_) | Node::Object(..) => self.run().is_some_and(|run| run.is_ongoing()),
            Node::Group(Group::Completed | Group::Unreadable | Group::Instances | Group::Runs | Group::History)
            | Node::Session(_)
            | Node::Unreadable(_)
            | Node::Instance(_)
            | Node::Run(_)
            | Node::UnreadableRun(_)
            | Node::Item(..) => false,
        };
        in_tree || in_preview || in_summary
    }
}

/// Whether a countdown or an elapsed time belongs to this session.
const fn is_moving(session: &Session) -> bool {
    match session.phase() {
        Phase::Running { .. } | Phase::Waiting { .. } | Phase::Cancelling { .. } => true,
        Phase::Queued { .. } | Phase::Stuck { .. } | Phase::Paused { .. } | Phase::Completed { .. } => false,
    }
}
