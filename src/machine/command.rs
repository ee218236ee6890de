//! What can be asked of a session: by a person, by the clock, by its attempt.

use super::Trace;
use crate::domain::{
    AtTarget, AttemptNo, Disposition, Failure, Kind, Reach, Recovery, RecoveryGoal, SessionId,
    fact::{End, Fact, PausePoint},
};
use serde::{Deserialize, Serialize};

/// One thing asked of one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A person wants another attempt now.
    Retry {
        /// Who.
        by: String,
    },
    /// A person wants the session to end.
    Cancel {
        /// What to do with partial data.
        disposition: Disposition,
        /// Which sessions the wish may touch.
        reach: Reach,
        /// Who.
        by: String,
    },
    /// A person no longer needs what an explore session holds open.
    Stop {
        /// Which sessions the wish may touch.
        reach: Reach,
        /// Who.
        by: String,
    },
    /// A person wants the session to come to its end soon: an attempt that runs is the last one, one that is waited for
    /// comes at once and is the last, and where none was ever made none is.
    Finish {
        /// Who.
        by: String,
    },
    /// A person wants recovery to go on from where it paused.
    Resume {
        /// How.
        resume: Resume,
        /// Who.
        by: String,
    },
    /// A person wants an overdue cancel to kill the attempt's processes.
    Force {
        /// Who.
        by: String,
    },
    /// A person has seen the end and wants the session off the screen.
    Dismiss {
        /// Who.
        by: String,
    },
    /// A person wants the session back that the journal does not know.
    Recover,
    /// The files of its attempts tell of more than the journal does.
    CatchUp(Trace),
    /// A slot is free: the next attempt of a queued session may begin.
    Launch,
    /// The clock has reached the session's next wake.
    Wake,
    /// The owner that had started the attempt is gone, and so is the attempt (D9); of one that paused, its server is gone.
    Lost {
        /// The attempt that was lost.
        attempt: AttemptNo,
    },
    /// An attempt reports. Reports of any but the current attempt are ignored.
    Report {
        /// The attempt that reports.
        attempt: AttemptNo,
        /// What it says.
        report: Report,
    },
}

/// What an attempt reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// What its worker says of it. An end counts only with [`Report::Over`].
    Fact(Fact),
    /// It could not be launched.
    NotLaunched(Failure),
    /// Its whole process group is proven gone. `None`: it died without a last word.
    Over(Option<End>),
}

/// Which sessions a person means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// These, each once.
    Sessions(Vec<SessionId>),
    /// Every ongoing session of a kind; of the restores, the Restore node (R15, R17).
    Ongoing(Kind),
    /// Every completed session of a kind.
    Completed(Kind),
}

/// How recovery goes on from where it paused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resume {
    /// To a later goal.
    GoOn {
        /// The goal.
        goal: RecoveryGoal,
        /// Whether what happened exactly there is part of the result.
        inclusive: bool,
    },
    /// No further: the server is opened for writing.
    Promote,
    /// No further: the server is shut down where it is.
    StopHere,
}

impl Resume {
    /// Whether recovery can get there from where it is paused: it only goes forward, and each goal stops where it is
    /// reached. Where only replay can tell, it is taken to be so.
    pub fn is_ahead(&self, paused: &Recovery, at: &PausePoint) -> bool {
        let Self::GoOn { goal, inclusive } = self else { return true };
        let is_same = (goal, *inclusive) == (&paused.goal, paused.inclusive);
        match goal {
            RecoveryGoal::Consistent | RecoveryGoal::Immediate => false,
            // More may have been archived since.
            RecoveryGoal::Latest => true,
            // The record that begins where replay stands is the next one.
            RecoveryGoal::Lsn(lsn) => *lsn > at.at || (*lsn == at.at && *inclusive),
            RecoveryGoal::Time(time) => {
                let includes_more = *inclusive && !paused.inclusive;
                let passes_goal = match paused.goal {
                    RecoveryGoal::Time(was) => *time > was || (*time == was && includes_more),
                    RecoveryGoal::Consistent
                    | RecoveryGoal::Immediate
                    | RecoveryGoal::Latest
                    | RecoveryGoal::Lsn(_)
                    | RecoveryGoal::Xid(_)
                    | RecoveryGoal::Name(_) => true,
                };
                passes_goal && at.committed.is_none_or(|passed| *time > passed)
            }
            RecoveryGoal::Xid(_) | RecoveryGoal::Name(_) => !is_same,
        }
    }

    /// The wish for the recovery from now on.
    pub fn applied(self, paused: &Recovery) -> Recovery {
        let paused = paused.clone();
        match self {
            Self::GoOn { goal, inclusive } => Recovery { goal, inclusive, ..paused },
            Self::Promote => Recovery { at_target: AtTarget::Promote, ..paused },
            Self::StopHere => Recovery { at_target: AtTarget::ShutDown, ..paused },
        }
    }
}
