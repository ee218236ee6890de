//! What follows from a session as it stands: how far it has come, how long it takes and waits, where its data lies.
//!
//! Promise: every reader is given the same figure, on the screen, on the command line and in JSON.

use super::{Phase, Session};
use crate::domain::{ByteCount, Outcome, Progress, Step, StepState, Timestamp};
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

    /// Bytes a second of the step that copies or reads files, in the newest attempt; `None` while that step has not ended,
    /// or was over too soon to say.
    pub fn average_rate(&self) -> Option<u64> {
        /// In less than this a few megabytes go into the cache of any disk.
        const LEAST: Duration = Duration::from_millis(100);
        let took = [Step::Copy, Step::Read].iter().find_map(|step| match self.step(*step) {
            StepState::Done { took, .. } => Some(*took),
            StepState::Pending
            | StepState::Running { .. }
            | StepState::Skipped { .. }
            | StepState::Failed { .. }
            | StepState::Stopped => None,
        })?;
        let moved = self.progress.bytes_done.0.saturating_sub(self.progress.bytes_reused.0);
        (took >= LEAST && moved > 0)
            .then(|| u64::try_from(u128::from(moved) * 1000 / took.as_millis()).unwrap_or(u64::MAX))
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    #[test]
    fn the_average_rate_is_of_what_this_attempt_copied_and_of_the_time_that_took() {
        let record = include_str!("../../tests/records/v2/session_running.json");
        let mut session: Session = serde_json::from_str(record).unwrap();
        session.progress = Progress { bytes_done: ByteCount(5000), bytes_reused: ByteCount(1000), ..session.progress };
        assert_eq!(session.average_rate(), None, "it copies still");
        for (took, rate) in [(Duration::from_secs(8), Some(500)), (Duration::from_millis(99), None)] {
            session.steps = vec![(Step::Copy, StepState::Done { took, detail: String::new() })];
            assert_eq!(session.average_rate(), rate);
        }
        session.progress.bytes_reused = ByteCount(6000);
        assert_eq!(session.average_rate(), None, "nothing was copied");
    }
}
