//! What lies over the main screen: menu, questions, reports, help, palette.

use super::{
    compare_dialog::CompareDialog, goal_page::GoalPage, node::Node, opening::Opening, take_dialog::TakeDialog,
};
use crate::{
    console::{
        action::{Action, Verdict},
        message::{Intent, PlannedOrder, RequestId},
    },
    domain::{Disposition, Failure, JobId, JobSpec, ObjectPlan, Order, SessionId, StopMode, instance::printable_name},
};
use std::path::PathBuf;
use tui_input::Input;

/// One thing over the main screen.
#[derive(Debug, Clone)]
pub enum Overlay {
    /// What can be done with the selection.
    Menu(Menu),
    /// What can be copied of the selection.
    Copy(CopyMenu),
    /// Losing work: cancel.
    Cancel(CancelDialog),
    /// Another question with two buttons.
    Confirm(Confirmation),
    /// What became of an act on several sessions.
    Report(TextView),
    /// Every key.
    Help(TextView),
    /// Every action, by name.
    Palette(Palette),
    /// Destroying data: type the directory's name.
    TypeName(TypeName),
    /// How a run of a job is to be stopped.
    StopRun(StopDialog),
    /// The plan of a run before it is started.
    StartJob(StartDialog),
    /// The plan of an order before it is given.
    Plan(Box<PlanDialog>),
    /// Where items are taken to.
    Take(Box<TakeDialog>),
    /// A table beside the live one.
    Compare(Box<CompareDialog>),
    /// How far a recovery goes.
    Goal(Box<GoalPage>),
}

/// A plan, and the question whether to carry it out (S7).
#[derive(Debug, Clone)]
pub struct PlanDialog {
    /// Above it.
    pub title: String,
    /// The button that carries it out.
    pub button: &'static str,
    /// Which query made the plan.
    pub ticket: RequestId,
    /// The plan; `None` while it is being made.
    pub plan: Option<Result<PlannedOrder, Failure>>,
    /// What is opened, where it is an opening: its goal can be changed.
    pub opening: Option<Box<Opening>>,
    /// Where the keys go.
    pub focus: PlanFocus,
    /// Lines scrolled down.
    pub scroll: usize,
}

/// The buttons of that question. The safe one comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanFocus {
    /// Leave everything as it is.
    Leave,
    /// Carry it out.
    CarryOut,
    /// Choose how far recovery goes.
    Goal,
}

impl PlanDialog {
    /// The button before or after the one with the keys, around the ends.
    pub fn step(&mut self, forward: bool) {
        self.focus = match (self.focus, forward, self.opening.is_some()) {
            (PlanFocus::Leave, true, _) | (PlanFocus::Leave, false, false) | (PlanFocus::Goal, false, _) => {
                PlanFocus::CarryOut
            }
            (PlanFocus::CarryOut, true, true) | (PlanFocus::Leave, false, true) => PlanFocus::Goal,
            (PlanFocus::CarryOut, true, false) | (PlanFocus::CarryOut, false, _) | (PlanFocus::Goal, true, _) => {
                PlanFocus::Leave
            }
        };
    }

    /// The order that is planned, or why it cannot be given yet, or at all.
    pub fn order(&self) -> Result<&Order, String> {
        match &self.plan {
            None => Err("its plan is still being made".to_owned()),
            Some(Ok(planned)) => Ok(&planned.order),
            Some(Err(failure)) => Err(failure.cause.clone()),
        }
    }
}

/// The question how a run is to be stopped.
#[derive(Debug, Clone)]
pub struct StopDialog {
    /// The run.
    pub run: JobId,
    /// Where the keys go.
    pub focus: StopFocus,
}

/// The buttons of that question. The safe one comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopFocus {
    /// Leave it as it is.
    Leave,
    /// Stop it gracefully.
    Graceful,
    /// Stop it immediately.
    Immediate,
}

/// The plan of a run, and the question whether to start it (S7).
#[derive(Debug, Clone)]
pub struct StartDialog {
    /// What is to be started.
    pub spec: JobSpec,
    /// Which query made the plan.
    pub ticket: RequestId,
    /// The plan; `None` while it is being made.
    pub plan: Option<Vec<ObjectPlan>>,
    /// Whether the keys go to the button that starts it; the other, safe one comes first.
    pub armed: bool,
    /// Lines scrolled down.
    pub scroll: usize,
}

impl StartDialog {
    /// Why the run cannot be started yet, or at all.
    pub fn refusal(&self) -> Option<&'static str> {
        match &self.plan {
            None => Some("its plan is still being made"),
            Some(plan) if plan.iter().all(|(_, plan)| plan.is_err()) => {
                Some("none of its objects can be backed up now")
            }
            Some(_) => None,
        }
    }
}

impl StopFocus {
    /// The next button, around the end.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Leave => Self::Graceful,
            Self::Graceful => Self::Immediate,
            Self::Immediate => Self::Leave,
        }
    }

    /// What it does to the run.
    pub const fn mode(self) -> Option<StopMode> {
        match self {
            Self::Leave => None,
            Self::Graceful => Some(StopMode::Graceful),
            Self::Immediate => Some(StopMode::Immediate),
        }
    }
}

/// The context menu.
#[derive(Debug, Clone)]
pub struct Menu {
    /// What it is for.
    pub title: String,
    /// The items; a refused one says why.
    pub items: Vec<(Action, Verdict)>,
    /// The selected item.
    pub at: usize,
}

/// What can be copied.
#[derive(Debug, Clone)]
pub struct CopyMenu {
    /// What each is called, and its text.
    pub items: Vec<(&'static str, String)>,
    /// The selected one.
    pub at: usize,
}

/// The question before a cancel.
#[derive(Debug, Clone)]
pub struct CancelDialog {
    /// The sessions that will be cancelled: exactly these, whatever comes up meanwhile.
    pub sessions: Vec<SessionId>,
    /// What is to become of partial data.
    pub disposition: Disposition,
    /// Where the keys go.
    pub focus: CancelFocus,
}

/// The parts of the cancel question. The safe button comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelFocus {
    /// Leave everything as it is.
    Keep,
    /// Cancel.
    Cancel,
    /// The disposition.
    Disposition,
}

/// A question with two buttons.
#[derive(Debug, Clone)]
pub struct Confirmation {
    /// What it is about.
    pub title: String,
    /// What will happen.
    pub lines: Vec<String>,
    /// The label of the button that does it.
    pub button: &'static str,
    /// What is done.
    pub intent: Intent,
    /// Whether the keys go to the button that does it; the other, safe one comes first.
    pub armed: bool,
}

/// Something to read and close.
#[derive(Debug, Clone)]
pub struct TextView {
    /// What it is about.
    pub title: String,
    /// The text; help makes its own when it is painted.
    pub lines: Vec<String>,
    /// Lines scrolled down.
    pub scroll: usize,
}

/// The palette.
#[derive(Debug, Clone)]
pub struct Palette {
    /// What was typed.
    pub input: Input,
    /// What matches, best first.
    pub found: Vec<PaletteRow>,
    /// The selected one.
    pub at: usize,
}

/// One row of the palette.
#[derive(Debug, Clone)]
pub enum PaletteRow {
    /// An action, and whether it may be done now.
    Act(Action, Verdict),
    /// A row of the tree to go to, and what it is called.
    Go(Node, String),
}

/// The question that wants a name typed, for each directory that will be renamed.
#[derive(Debug, Clone)]
pub struct TypeName {
    /// The directories that are still to be confirmed, with their new names; the first is asked for.
    pub directories: Vec<(PathBuf, PathBuf)>,
    /// What was typed.
    pub input: Input,
    /// Whether what was typed last was not the name.
    pub wrong: bool,
}

impl TypeName {
    /// The name that has to be typed: the last part of the directory's path, as it is shown.
    pub fn wanted(&self) -> Option<String> {
        let (directory, _) = self.directories.first()?;
        Some(printable_name(directory.file_name()?))
    }
}

impl CancelFocus {
    /// The next part, around the end.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Keep => Self::Cancel,
            Self::Cancel => Self::Disposition,
            Self::Disposition => Self::Keep,
        }
    }

    /// The part before, around the beginning.
    #[must_use]
    pub const fn previous(self) -> Self {
        self.next().next()
    }
}
