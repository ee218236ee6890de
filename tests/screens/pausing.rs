//! Sessions that recover beyond their backup's own end: replaying, and paused at their goal.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::{GIB, Story, mins, on, point, request, secs};
use howdah::{
    domain::{
        AtTarget, ByteCount, ClusterRestore, Lsn, MajorVersion, Plan, Port, Progress, Reached, Recovery, RecoveryGoal,
        RecoveryPlan, RecoveryTimeline, RestorePlan, ServerAddress, Step, Timeline, WalProgress,
        fact::{PausePoint, PausedServer, ProcessMark},
        plan::TargetState,
    },
    machine::{Event, Session},
};
use std::{sync::Arc, time::Duration};

/// Where the backup of the window is consistent, and where its recovery is to end.
const START: u64 = 0x3000_0028;
const CONSISTENT: u64 = 0x3100_0000;
const GOAL: u64 = 0x4900_0000;

/// To 13:29:59 on timeline 2, then pause.
pub(crate) fn recovery() -> Recovery {
    Recovery {
        goal: RecoveryGoal::Time(on("20T13:29:59")),
        inclusive: true,
        timeline: RecoveryTimeline::Number(Timeline(2)),
        at_target: AtTarget::Pause,
        standby_of: None,
        archive: Some("/srv/wal/orders".into()),
    }
}

fn planned(name: &str, port: u16) -> RestorePlan {
    let recovery = RecoveryPlan {
        archive: "/srv/wal/orders".into(),
        goal: recovery().goal.to_string(),
        then: "then it pauses there, read-only".to_owned(),
        path: vec![Timeline(1), Timeline(2)],
        start: Lsn(START),
        consistent: Lsn(CONSISTENT),
        end: Lsn(GOAL),
        last_record: None,
        until: Some(on("20T13:29:59")),
        segment_size: ByteCount(16 << 20),
        segments: 25,
        bytes: ByteCount(25 * (16 << 20)),
        first: "000000010000000000000030".to_owned(),
        last: "000000020000000000000048".to_owned(),
        takes: Some((secs(20), secs(40))),
    };
    RestorePlan { recovery: Some(Box::new(recovery)), ..super::plan(name, port, TargetState::Missing) }
}

fn begun(id: u64, name: &str) -> Story {
    let port = 5432 + u16::try_from(id % 1000).unwrap();
    let order =
        ClusterRestore { recovery: recovery(), point: point(name, "2026-11-20T0200", 61 * GIB), ..request(name, port) };
    let story = Story::of(order.into(), id, mins(12)).launched();
    let (attempt, plan) = (story.attempt(), Box::new(Plan::Restore(planned(name, port))));
    story.then(Event::Planned { attempt, plan })
}

fn copied(id: u64, name: &str) -> Story {
    begun(id, name)
        .done(Step::Check, secs(2), "61.5 GiB needed, 210 GiB free")
        .done(Step::Copy, mins(6), "4,213 files verified")
        .done(Step::Configure, secs(1), "")
        .done(Step::Start, secs(2), "PostgreSQL 15")
        .doing(Step::Replay, "")
}

fn replayed(story: Story, at: u64, committed: Option<&str>) -> Story {
    let attempt = story.attempt();
    let wal = WalProgress {
        goal: Some(Lsn(GOAL)),
        committed: committed.map(on),
        segment: Some(ByteCount(16 << 20)),
        ..WalProgress::of_backup(Lsn(START), Lsn(at), Lsn(CONSISTENT))
    };
    let bytes = ByteCount(61 * GIB);
    let progress = Progress {
        bytes_done: bytes,
        bytes_total: bytes,
        files_done: 4_213,
        files_total: 4_213,
        wal: Some(wal),
        ..Progress::default()
    };
    story.then(Event::Progressed { attempt, progress })
}

/// It copies, and its replay is planned.
pub(crate) fn copying_to_a_goal(id: u64, name: &str) -> Arc<Session> {
    begun(id, name).done(Step::Check, secs(2), "").doing(Step::Copy, "").copied(38 * GIB, 0).arc()
}

/// It has replayed up to this position.
pub(crate) fn recovering(id: u64, name: &str, at: u64, committed: Option<&str>) -> Arc<Session> {
    replayed(copied(id, name), at, committed).arc()
}

/// It waits at 13:29:58.5, and its server answers.
pub(crate) fn paused(id: u64, name: &str) -> Arc<Session> {
    let story = replayed(copied(id, name), 0x48f3_74d8, Some("20T13:29:58.5")).after(Duration::from_mins(8));
    let (attempt, reached) = (story.attempt(), Reached { wal: Lsn(0x48f3_74d8), bytes: ByteCount(61 * GIB) });
    let address = ServerAddress {
        sockets: "/tmp/howdah-3f2a".into(),
        port: Port::new(5432).unwrap(),
        role: "postgres".to_owned(),
        programs: "/usr/lib/postgresql/15/bin".into(),
        version: MajorVersion(15),
    };
    let mark = ProcessMark { pid: 4_799, started: 7, realm: None };
    let at = PausePoint {
        at: Lsn(0x48f3_74d8),
        committed: Some(on("20T13:29:58.5")),
        answer: "PostgreSQL 15.18, 42 tables\u{1b}[2J".to_owned(),
        server: Some(Box::new(PausedServer { mark, address })),
    };
    story.then(Event::Paused { attempt, at, reached }).arc()
}
