//! What follows from a session as it stands: how far it has come, how long it takes and waits, where its data lies.
//!
//! Promise: every reader is given the same figure, on the screen, on the command line and in JSON.

use super::{Phase, Session};
use crate::domain::{ByteCount, Outcome, Progress, StepState, Timestamp};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

impl Session {
    /// Bytes that are copied and verified, as far as any attempt has come: between two attempts, and before a new one has
    /// looked, what the earlier ones left still counts. Of what succeeded all are there, also where nobody was listening
    /// when the last ones came.
    pub fn bytes_done(&self) -> ByteCount {
        if let Phase::Completed { outcome: Outcome::Succeeded(_), .. } = self.phase {
            return self.bytes_total();
        }
        self.progress.bytes_done.max(self.reached.bytes).max(self.furthest.bytes)
    }

    /// Bytes in all, as the newest plan names them; zero while no attempt has made one.
    pub fn bytes_total(&self) -> ByteCount {
        let planned = self.plan.as_ref().map_or(ByteCount(0), |plan| plan.bytes());
        if self.progress.bytes_total.0 > 0 { self.progress.bytes_total } else { planned }
    }

    /// The share of bytes done, 0.0 to 1.0; 0.0 while the total is unknown.
    pub fn ratio(&self) -> f64 {
        Progress { bytes_done: self.bytes_done(), bytes_total: self.bytes_total(), ..self.progress }.ratio()
    }

    /// Where data of the session may lie: its data directory, then each directory of a tablespace.
    pub fn directories(&self) -> Vec<&Path> {
        let mut all: Vec<&Path> = self.order.directory().into_iter().collect();
        let planned = self.restore_plan().into_iter().flat_map(|plan| &plan.files.tablespaces);
        let ordered = self.order.cluster().into_iter().flat_map(|order| order.target.tablespaces().values());
        for directory in planned.map(|space| &space.directory).chain(ordered).map(PathBuf::as_path) {
            if !all.contains(&directory) {
                all.push(directory);
            }
        }
        all
    }

    /// How long until the clock tries again; `None` where it does not wait for that. At most one whole pause: where the
    /// clock was set back, no reader shows a wait that will not be.
    pub fn until_next_try(&self, now: Timestamp) -> Option<Duration> {
        let Phase::Waiting { next_try, .. } = &self.phase else { return None };
        Some(Duration::try_from(next_try.duration_since(now)).unwrap_or_default().min(self.policy.every))
    }

    /// How long the session took, or has taken until `now`. Where the clock was set back meanwhile, at least as long as
    /// the steps of its newest attempt, which were measured without it.
    pub fn elapsed(&self, now: Timestamp) -> Duration {
        let end = if let Phase::Completed { at, .. } = &self.phase { *at } else { now };
        let steps = self.steps.iter().filter_map(|(_, state)| match state {
            StepState::Done { took, .. } | StepState::Failed { took } => Some(*took),
            StepState::Pending | StepState::Running { .. } | StepState::Skipped { .. } | StepState::Stopped => None,
        });
        Duration::try_from(end.duration_since(self.created_at)).unwrap_or_default().max(steps.sum())
    }
}
