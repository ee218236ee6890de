//! The page on which a goal of recovery is chosen, beside the recoverable window.
//!
//! Promises: it opens on what holds already and keeps nothing until it is accepted; commits are asked for when the goal has
//! come to rest, never at each key.

use super::{
    goal_kind::{GoalKind, GoalRow},
    goal_wish::{GoalWish, Reachable},
    surroundings::{GoalPlace, Surroundings},
    tree::InstanceKey,
};
use crate::{
    console::message::{NearGoal, RequestId},
    domain::{
        Lsn, RecoveryGoal, Timestamp, WalRestorePoint, WalWindow,
        fact::PausePoint,
        moment::{TypedMoment, Zones},
        recovery::moment,
    },
    machine::{Command, Phase, Resume, Session, decide},
    manager::Moment,
};
use std::{sync::Arc, time::Duration};
use tui_input::Input;

/// A key that repeats comes 30 times a second; behind this pause a person has let go of it.
const REST: Duration = Duration::from_millis(400);

/// The page.
#[derive(Debug, Clone)]
pub struct GoalPage {
    /// What it is for.
    pub purpose: GoalPurpose,
    /// The instance, where the catalog has it.
    pub key: Option<InstanceKey>,
    /// What the instance is called.
    pub title: String,
    /// The label of the restore point that is restored where the goal names none by itself.
    pub own: Option<String>,
    /// The kind of goal.
    pub kind: GoalKind,
    /// What is typed for a moment, a position, a transaction.
    pub texts: [Input; 3],
    /// The zones that a moment may be typed in.
    pub zones: Zones,
    /// How a typed moment was read.
    pub read_as: Option<String>,
    /// How far; its goal is the last one that could be read.
    pub wish: GoalWish,
    /// What is wrong with what was typed.
    pub problem: Option<String>,
    /// The row that the keys go to.
    pub row: GoalRow,
    /// Which query reads the window.
    pub ticket: RequestId,
    /// The window.
    pub window: WindowState,
    /// Which query reads commits, and around which place; `None` while none does.
    pub asked: Option<(RequestId, GoalPlace)>,
    /// The commits that were read last: of the goal then.
    pub commits: Option<Surroundings>,
    /// When, in steady time, the goal will have come to rest.
    pub rests: Option<Timestamp>,
}

/// What a goal is chosen for.
#[derive(Debug, Clone)]
pub enum GoalPurpose {
    /// A choice of the wizard's form.
    Choice(usize),
    /// A restore point that is to be opened: the question below the page.
    Open,
    /// A session that is paused.
    GoOn(Arc<Session>),
}

/// How the reading of a window stands.
#[derive(Debug, Clone)]
pub enum WindowState {
    /// It is being read.
    Reading,
    /// It was read.
    Read(Arc<WalWindow>),
    /// It could not be read, for this reason.
    Unknown(String),
}

impl GoalPage {
    /// A page that opens on this wish.
    pub fn new(
        purpose: GoalPurpose,
        key: Option<InstanceKey>,
        wish: GoalWish,
        ticket: RequestId,
        zones: Zones,
    ) -> Self {
        let kind = GoalKind::of(&wish.goal);
        let mut texts = [Input::default(), Input::default(), Input::default()];
        if let Some((at, text)) = kind.text().zip(typed(&wish.goal)) {
            texts[at] = Input::new(text);
        }
        let window = if key.is_some() {
            WindowState::Reading
        } else {
            WindowState::Unknown("its archive is not in the catalog".to_owned())
        };
        Self {
            purpose,
            key,
            title: String::new(),
            own: None,
            kind,
            texts,
            zones,
            read_as: None,
            wish,
            problem: None,
            row: GoalRow::Kind,
            ticket,
            window,
            asked: None,
            commits: None,
            rests: None,
        }
    }

    /// The window, once it was read.
    pub const fn window(&self) -> Option<&Arc<WalWindow>> {
        match &self.window {
            WindowState::Read(window) => Some(window),
            WindowState::Reading | WindowState::Unknown(_) => None,
        }
    }

    /// The rows that there are now.
    pub fn rows(&self) -> Vec<GoalRow> {
        let goes_on = matches!(self.purpose, GoalPurpose::GoOn(..));
        let beyond = self.kind != GoalKind::OwnEnd;
        let has_line = self.window().is_some_and(|window| reach(window).is_some());
        let has_value = matches!(self.kind, GoalKind::Time | GoalKind::Lsn | GoalKind::Xid | GoalKind::Name);
        let is_exact = matches!(self.kind, GoalKind::Time | GoalKind::Lsn | GoalKind::Xid);
        let for_choice = matches!(self.purpose, GoalPurpose::Choice(_));
        let all = [
            (true, GoalRow::Kind),
            (has_line, GoalRow::Line),
            (has_value, GoalRow::Value),
            (beyond && for_choice, GoalRow::Then),
            (is_exact, GoalRow::Inclusive),
            (beyond && !goes_on, GoalRow::Timeline),
            (beyond && !goes_on, GoalRow::Base),
        ];
        all.into_iter().filter(|(has, _)| *has).map(|(_, row)| row).collect()
    }

    /// The text that is typed in now, where the keys go to one.
    pub fn input(&mut self) -> Option<&mut Input> {
        let at = self.kind.text().filter(|_| self.row == GoalRow::Value)?;
        self.texts.get_mut(at)
    }

    /// The text of the present kind.
    pub fn text(&self) -> Option<&Input> {
        self.texts.get(self.kind.text()?)
    }

    /// Whether the keys go to a text.
    pub fn takes_text(&self) -> bool {
        self.row == GoalRow::Value && self.kind.text().is_some()
    }

    /// Reads what was typed.
    pub fn read_text(&mut self, now: Moment) {
        let Some(text) = self.text().map(|input| input.value().trim().to_owned()) else { return };
        self.read_as = None;
        let read = match self.kind {
            GoalKind::Time => {
                TypedMoment::read(&text, now.wall, &self.zones).map_err(|error| error.to_string()).map(|typed| {
                    self.read_as = Some(typed.read_as);
                    RecoveryGoal::Time(typed.at)
                })
            }
            GoalKind::Lsn => text.parse::<Lsn>().map(RecoveryGoal::Lsn).map_err(|error| error.to_string()),
            GoalKind::Xid => {
                let refuse = |_| "write a transaction as its number, such as 9078".to_owned();
                text.parse().map(RecoveryGoal::Xid).map_err(refuse)
            }
            GoalKind::OwnEnd | GoalKind::Latest | GoalKind::Name | GoalKind::Immediate => return,
        };
        match read {
            Ok(goal) => (self.wish.goal, self.problem) = (goal, None),
            Err(problem) => self.problem = Some(problem),
        }
        self.moved(now.steady);
    }

    /// The goal has changed: its commits are asked for when it has come to rest.
    pub fn moved(&mut self, steady: Timestamp) {
        self.rests = steady.checked_add(REST).ok();
        if !self.rows().contains(&self.row) {
            self.row = GoalRow::Kind;
        }
    }

    /// What the goal needs, or why it cannot be.
    ///
    /// # Errors
    ///
    /// A printable sentence.
    pub fn judged(&self) -> Result<Reachable, String> {
        if let Some(problem) = &self.problem {
            return Err(problem.clone());
        }
        let paused = self.paused();
        if let (GoalPurpose::GoOn(session), Some((since, _))) = (&self.purpose, paused) {
            let resume = Resume::GoOn { goal: self.wish.goal.clone(), inclusive: self.wish.inclusive };
            let command = Command::Resume { resume, by: String::new() };
            decide(session, command, since).map_err(|refusal| refusal.to_string())?;
        }
        match &self.window {
            WindowState::Read(window) => {
                let found = self.wish.judged(window, self.own.as_deref(), self.commits.as_ref())?;
                match (paused, found.lsn) {
                    (Some((_, from)), Some(lsn)) if lsn <= from.at => {
                        Err(format!("its recovery is paused at {} already: choose what comes after", from.at))
                    }
                    (Some(_) | None, _) => Ok(found),
                }
            }
            WindowState::Reading if self.wish.goal != RecoveryGoal::Consistent => {
                Err("the archive is still being read".to_owned())
            }
            WindowState::Reading => Ok(self.unknown(None)),
            WindowState::Unknown(_) if self.wish.goal == RecoveryGoal::Consistent => Ok(self.unknown(None)),
            WindowState::Unknown(why) => {
                Ok(self.unknown(Some(format!("whether it can be reached is not known here: {why}"))))
            }
        }
    }

    /// Since when and where the session is paused that goes on.
    pub fn paused(&self) -> Option<(Timestamp, &PausePoint)> {
        match &self.purpose {
            GoalPurpose::GoOn(session) => match session.phase() {
                Phase::Paused { since, at } => Some((*since, at)),
                Phase::Queued { .. }
                | Phase::Running { .. }
                | Phase::Waiting { .. }
                | Phase::Stuck { .. }
                | Phase::Cancelling { .. }
                | Phase::Completed { .. } => None,
            },
            GoalPurpose::Choice(_) | GoalPurpose::Open => None,
        }
    }

    fn unknown(&self, doubt: Option<String>) -> Reachable {
        let at = if let RecoveryGoal::Time(at) = self.wish.goal { Some(at) } else { None };
        Reachable { base: self.wish.base.clone(), path: Vec::new(), at, lsn: None, doubt }
    }

    /// What to ask for, where the goal has come to rest.
    pub fn commits_due(&self, steady: Timestamp) -> Option<(InstanceKey, GoalPlace)> {
        self.rests.filter(|rests| *rests <= steady)?;
        Some((self.key.clone()?, self.place(&self.judged().ok()?)?))
    }

    /// The place of the goal in the archive, where it is known.
    pub fn place(&self, found: &Reachable) -> Option<GoalPlace> {
        let near = found.lsn.map(NearGoal::Position).or_else(|| found.at.map(NearGoal::Moment))?;
        Some(GoalPlace { timeline: found.timeline(self.window()?)?, near })
    }

    /// The commits around the goal as it stands now, once they were read.
    pub fn surroundings(&self, found: &Reachable) -> Option<&Surroundings> {
        let place = self.place(found)?;
        self.commits.as_ref().filter(|read| read.hold_for(place))
    }

    /// The named restore points that can be chosen, oldest first.
    pub fn names(&self) -> &[WalRestorePoint] {
        self.window().map_or(&[], |window| &window.restore_points)
    }
}

/// The earliest and the latest moment that some restore point can be brought to.
pub fn reach(window: &WalWindow) -> Option<(Timestamp, Timestamp)> {
    let from = window.spans.iter().filter_map(|span| span.from.at).min()?;
    let to = window.spans.iter().filter_map(|span| span.to.at).max()?;
    Some((from, to))
}

/// The text that a goal is typed as.
fn typed(goal: &RecoveryGoal) -> Option<String> {
    match goal {
        RecoveryGoal::Time(at) => Some(moment(*at)),
        RecoveryGoal::Lsn(at) => Some(at.to_string()),
        RecoveryGoal::Xid(xid) => Some(xid.to_string()),
        RecoveryGoal::Consistent | RecoveryGoal::Immediate | RecoveryGoal::Latest | RecoveryGoal::Name(_) => None,
    }
}
