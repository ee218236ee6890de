//! What an event asks of a run's sessions, and which objects are to be begun.

use super::{JobEvent, JobPhase, JobRun, ObjectState};
use crate::{
    domain::{Disposition, Reach, SessionId, StopMode},
    machine::Command,
};

/// One thing that is asked of a session of the run, in the same turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobEffect {
    /// End it, and remove what it has made (R32, R34).
    Cancel {
        /// The session.
        session: SessionId,
    },
    /// Bring it to its end: an attempt that it waits for comes at once, and none follows it (R37).
    Finish {
        /// The session.
        session: SessionId,
    },
}

impl JobEffect {
    /// The session.
    pub const fn session(self) -> SessionId {
        match self {
            Self::Cancel { session } | Self::Finish { session } => session,
        }
    }

    /// What is asked of it, for whoever has stopped the run. Of jobs no rule of origin holds.
    pub fn command(self, by: &str) -> Command {
        let by = by.to_owned();
        match self {
            Self::Cancel { .. } => Command::Cancel { disposition: Disposition::Remove, reach: Reach::AnyOrigin, by },
            Self::Finish { .. } => Command::Finish { by },
        }
    }
}

/// What an event that has just happened asks for; `run` is as it stands after the event. Never called on replay.
pub fn react(run: &JobRun, event: &JobEvent) -> Vec<JobEffect> {
    match event {
        JobEvent::StopRequested { mode: StopMode::Immediate, .. } => {
            run.processing().map(|(_, session)| JobEffect::Cancel { session }).collect()
        }
        JobEvent::StopRequested { mode: StopMode::Graceful, .. } => {
            run.processing().map(|(_, session)| JobEffect::Finish { session }).collect()
        }
        JobEvent::ObjectStarted { .. }
        | JobEvent::ObjectRefused { .. }
        | JobEvent::ObjectCancelRequested { .. }
        | JobEvent::ObjectEnded { .. }
        | JobEvent::Ended { .. }
        | JobEvent::Dismissed { .. } => vec![],
    }
}

/// The objects that are to be begun now, in the order of the settings (R41), as many as may be in process at a time; none
/// after a stop (R38). To begin one takes a while, since its place is claimed first: until its session is stored it is
/// named again, here as by the next owner.
pub fn startable(run: &JobRun) -> Vec<usize> {
    match run.phase {
        JobPhase::Running => {}
        JobPhase::StoppingGracefully { .. } | JobPhase::StoppingImmediately { .. } | JobPhase::Done { .. } => {
            return vec![];
        }
    }
    let free = usize::from(run.spec.at_once().get()).saturating_sub(run.processing().count());
    let pending = run.objects.iter().enumerate().filter(|(_, state)| **state == ObjectState::Pending);
    pending.map(|(object, _)| object).take(free).collect()
}
