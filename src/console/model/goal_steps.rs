//! What the keys change on the page of a goal: the value of a row, a step along the line.

use super::{
    goal_kind::{GoalKind, GoalRow, LineStep},
    goal_page::{GoalPage, GoalPurpose, reach},
    goal_wish::{GoalWish, bases, timelines},
};
use crate::{
    domain::{AtTarget, RecoveryGoal, RecoveryTimeline, Timestamp, WalCommit, recovery::moment},
    manager::Moment,
};
use std::time::Duration;
use tui_input::Input;

const KINDS: [GoalKind; 7] = [
    GoalKind::OwnEnd,
    GoalKind::Latest,
    GoalKind::Time,
    GoalKind::Name,
    GoalKind::Lsn,
    GoalKind::Xid,
    GoalKind::Immediate,
];
const THEN: [AtTarget; 3] = [AtTarget::Pause, AtTarget::Promote, AtTarget::ShutDown];

impl GoalPage {
    /// Another value of the row that the keys go to.
    pub fn step(&mut self, by: isize, now: Moment) {
        match self.row {
            GoalRow::Kind => self.step_kind(by, now),
            GoalRow::Value => self.step_name(by),
            GoalRow::Line => {
                self.step_line(LineStep::Seconds(if by < 0 { -60 } else { 60 }), now);
            }
            GoalRow::Then => self.wish.at_target = stepped(&THEN, &self.wish.at_target, by),
            GoalRow::Inclusive => self.wish.inclusive = !self.wish.inclusive,
            GoalRow::Timeline => {
                let known = self.window().map_or_else(Vec::new, |window| timelines(window));
                let mut all = vec![RecoveryTimeline::Latest, RecoveryTimeline::Current];
                all.extend(known.into_iter().map(RecoveryTimeline::Number));
                self.wish.timeline = stepped(&all, &self.wish.timeline, by);
            }
            GoalRow::Base => {
                let known = self.window().map_or_else(Vec::new, |window| bases(window));
                let mut all = vec![None];
                all.extend(known.into_iter().map(|label| Some(label.to_owned())));
                self.wish.base = stepped(&all, &self.wish.base, by);
            }
        }
        self.moved(now.steady);
    }

    fn step_kind(&mut self, by: isize, now: Moment) {
        let kinds: Vec<GoalKind> = KINDS.into_iter().filter(|kind| self.offers(*kind)).collect();
        let kind = stepped(&kinds, &self.kind, by);
        if kind == self.kind {
            return;
        }
        match (self.kind, kind) {
            (GoalKind::OwnEnd, _) => self.wish.at_target = AtTarget::Pause,
            (_, GoalKind::OwnEnd) => self.wish = GoalWish::own_end(),
            _ => {}
        }
        (self.kind, self.problem, self.read_as) = (kind, None, None);
        match kind {
            GoalKind::OwnEnd => self.wish.goal = RecoveryGoal::Consistent,
            GoalKind::Latest => self.wish.goal = RecoveryGoal::Latest,
            GoalKind::Immediate => self.wish.goal = RecoveryGoal::Immediate,
            GoalKind::Name => self.step_name(0),
            GoalKind::Time | GoalKind::Lsn | GoalKind::Xid => self.begin_text(now),
        }
    }

    fn offers(&self, kind: GoalKind) -> bool {
        match (&self.purpose, kind) {
            (GoalPurpose::GoOn(..), GoalKind::OwnEnd | GoalKind::Immediate) => false,
            (GoalPurpose::Choice(_) | GoalPurpose::Open | GoalPurpose::GoOn(..), _) => true,
        }
    }

    /// What a text begins with: for a moment the latest that is possible, as far as that is known.
    fn begin_text(&mut self, now: Moment) {
        let Some(at) = self.kind.text() else { return };
        let latest = self.window().and_then(|window| reach(window)).map(|(_, latest)| latest);
        if let (GoalKind::Time, Some(latest), true) = (self.kind, latest, self.texts[at].value().is_empty()) {
            self.texts[at] = Input::new(moment(latest));
        }
        if self.texts[at].value().is_empty() {
            self.problem = Some(match self.kind {
                GoalKind::Lsn => "write the LSN, such as 0/33D28390".to_owned(),
                GoalKind::Xid => "write the number of the transaction, such as 9078".to_owned(),
                GoalKind::Time | GoalKind::OwnEnd | GoalKind::Latest | GoalKind::Name | GoalKind::Immediate => {
                    "write the time, such as 13:29:59".to_owned()
                }
            });
        } else {
            self.read_text(now);
        }
    }

    fn step_name(&mut self, by: isize) {
        if self.kind != GoalKind::Name {
            return;
        }
        let names: Vec<String> = self.names().iter().map(|point| point.name.clone()).collect();
        let chosen = if let RecoveryGoal::Name(name) = &self.wish.goal { Some(name) } else { None };
        let at = chosen.and_then(|name| names.iter().position(|one| one == name));
        let to = at.map_or(names.len().saturating_sub(1), |at| at.saturating_add_signed(by).min(names.len() - 1));
        match names.into_iter().nth(to) {
            Some(name) => (self.wish.goal, self.problem) = (RecoveryGoal::Name(name), None),
            None => self.problem = Some("no restore point was found in the archive's WAL".to_owned()),
        }
    }

    /// Moves the goal along the line, where there is one and a next place on it. Whatever it was, it is a moment then.
    pub fn step_line(&mut self, step: LineStep, now: Moment) -> bool {
        let Some((earliest, latest)) = self.window().and_then(|window| reach(window)) else { return false };
        let wished = if let RecoveryGoal::Time(at) = self.wish.goal { Some(at) } else { None };
        let from = wished.or_else(|| self.judged().ok()?.at).unwrap_or(latest);
        let to = match step {
            LineStep::Seconds(seconds) => {
                let whole = Timestamp::from_second(from.as_second()).unwrap_or(from);
                let length = Duration::from_secs(seconds.unsigned_abs());
                let moved = if seconds < 0 { whole.checked_sub(length) } else { whole.checked_add(length) };
                moved.unwrap_or(from)
            }
            LineStep::Commit { later } => match self.commit_beside(from, later) {
                Some(commit) => commit.at,
                None => return false,
            },
            LineStep::Edge { latest: true } => latest,
            LineStep::Edge { latest: false } => earliest,
        };
        if self.kind == GoalKind::OwnEnd {
            self.wish.at_target = AtTarget::Pause;
        }
        (self.kind, self.problem, self.wish.goal) = (GoalKind::Time, None, RecoveryGoal::Time(to));
        (self.texts[0], self.read_as) = (Input::new(moment(to)), None);
        self.moved(now.steady);
        true
    }

    /// The nearest commit before or after a moment, of those around the goal: between them is no other.
    fn commit_beside(&self, at: Timestamp, later: bool) -> Option<&WalCommit> {
        let all = self.surroundings(&self.judged().ok()?)?.all();
        if later {
            all.filter(|commit| commit.at > at).min_by_key(|commit| commit.at)
        } else {
            all.filter(|commit| commit.at < at).max_by_key(|commit| commit.at)
        }
    }
}

/// The value before or after the present one, without going around.
fn stepped<T: PartialEq + Clone>(all: &[T], now: &T, by: isize) -> T {
    let at = all.iter().position(|one| one == now).unwrap_or(0);
    all.get(at.saturating_add_signed(by).min(all.len().saturating_sub(1))).unwrap_or(now).clone()
}
