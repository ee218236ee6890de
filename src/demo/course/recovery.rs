//! Recoveries of a story that go beyond the backup's own end: their replay, and what happens at their goal.

use super::{Courses, FIRST_PROCESS, REPLAY, answer, replay, success};
use crate::{
    demo::{archive::SimulatedArchive, open_points, reports::Reports},
    domain::{
        Achieved, AtTarget, ByteCount, ClusterRestore, Lsn, Progress, Recovery, RestorePoint, ServerOutcome, Step,
        Success, WalProgress,
        fact::{End, Fact, PausePoint, PausedServer, ProcessMark},
    },
};
use std::sync::PoisonError;
use uuid::Uuid;

/// The size of a segment.
const SEGMENT: ByteCount = ByteCount(16 << 20);

impl Courses {
    /// The archive that an order is recovered with, if it goes beyond the backup's own end.
    fn archive(&self, (point, recovery): (&RestorePoint, &Recovery)) -> Option<&SimulatedArchive> {
        self.story.archive_of(&point.instance).filter(|_| recovery.goes_beyond_backup())
    }

    /// Replays what the order asks for. Who goes on to a later goal replays all of it again; who goes on at the same one
    /// replays nothing.
    pub(super) fn recover(
        &self,
        reports: &mut Reports,
        (point, recovery, session): (&RestorePoint, &Recovery, Uuid),
        progress: &mut Progress,
    ) {
        let Some(archive) = self.archive((point, recovery)) else { return replay(reports, point, progress) };
        let (start, stop) = (point.facts.start_lsn, point.facts.stop_lsn);
        let goal = archive.goal((point, recovery));
        let mut paused = self.paused.lock().unwrap_or_else(PoisonError::into_inner);
        let mut at = paused.insert(session, goal).filter(|paused| *paused == goal).unwrap_or(start);
        reports.begin(Step::Replay);
        loop {
            let committed = (at >= stop).then(|| archive.committed(at));
            let wal = WalProgress {
                goal: Some(goal),
                committed,
                segment: Some(SEGMENT),
                ..WalProgress::of_backup(start, at, stop)
            };
            progress.wal = Some(wal);
            reports.fact(Fact::Progress(*progress));
            if at >= goal {
                break;
            }
            let tick = reports.tick();
            reports.pass(tick);
            let bytes = u64::try_from(u128::from(REPLAY) * tick.as_millis() / 1_000).unwrap_or(u64::MAX).max(1);
            at = Lsn(at.0.saturating_add(bytes)).min(goal);
        }
        reports.done(&format!("to {}", recovery.goal));
    }

    /// How an attempt ends that has done all its steps.
    pub(super) fn ended(&self, order: &ClusterRestore) -> End {
        let recovery = (&order.point, &order.recovery);
        let Some(archive) = self.archive(recovery) else { return End::Succeeded(success(order)) };
        let at = archive.goal(recovery);
        match order.recovery.at_target {
            AtTarget::Promote => End::Succeeded(success(order)),
            AtTarget::ShutDown => {
                let result = Achieved::Cluster(ServerOutcome::Stopped { answer: answer(order) });
                End::Succeeded(Success { result, warnings: Vec::new(), unchecked: Vec::new() })
            }
            AtTarget::Pause => {
                let mark = ProcessMark { pid: FIRST_PROCESS, started: at.0, realm: None };
                let server = PausedServer { mark, address: open_points::address(&self.story, &order.point) };
                End::Paused(PausePoint {
                    at,
                    committed: Some(archive.committed(at)),
                    answer: answer(order),
                    server: Some(Box::new(server)),
                })
            }
        }
    }
}
