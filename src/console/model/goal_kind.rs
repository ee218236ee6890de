//! Kinds of goals, the rows of their page, and steps along its line.

use crate::domain::RecoveryGoal;

/// Kinds of goals, in the order of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoalKind {
    /// The backup's own end.
    OwnEnd,
    /// The end of the archive.
    Latest,
    /// A moment.
    Time,
    /// A restore point in the WAL.
    Name,
    /// A position.
    Lsn,
    /// A transaction.
    Xid,
    /// The first consistent position, with the archive.
    Immediate,
}

/// Rows of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoalRow {
    /// The kind of goal.
    Kind,
    /// The line: arrows move the moment.
    Line,
    /// What is typed, or the list of restore points.
    Value,
    /// What happens at the goal.
    Then,
    /// Whether what happened exactly there is part of it.
    Inclusive,
    /// The timeline.
    Timeline,
    /// The restore point that is restored first.
    Base,
}

/// A step along the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineStep {
    /// So many seconds.
    Seconds(i64),
    /// The commit before or after.
    Commit {
        /// Whether the later one.
        later: bool,
    },
    /// The earliest or the latest that is possible.
    Edge {
        /// Whether the latest.
        latest: bool,
    },
}

impl GoalKind {
    /// Its words on the page.
    pub const fn label(self) -> &'static str {
        match self {
            Self::OwnEnd => "the backup's own end",
            Self::Latest => "latest: the end of the archive",
            Self::Time => "a time",
            Self::Name => "a named restore point",
            Self::Lsn => "an LSN",
            Self::Xid => "a transaction",
            Self::Immediate => "immediate: as soon as consistent",
        }
    }

    pub(super) const fn of(goal: &RecoveryGoal) -> Self {
        match goal {
            RecoveryGoal::Consistent => Self::OwnEnd,
            RecoveryGoal::Immediate => Self::Immediate,
            RecoveryGoal::Latest => Self::Latest,
            RecoveryGoal::Time(_) => Self::Time,
            RecoveryGoal::Lsn(_) => Self::Lsn,
            RecoveryGoal::Xid(_) => Self::Xid,
            RecoveryGoal::Name(_) => Self::Name,
        }
    }

    /// Which of the texts of the page is typed for it.
    pub(super) const fn text(self) -> Option<usize> {
        match self {
            Self::Time => Some(0),
            Self::Lsn => Some(1),
            Self::Xid => Some(2),
            Self::OwnEnd | Self::Latest | Self::Name | Self::Immediate => None,
        }
    }
}
