//! Sessions in every phase, each with the story that led there.

#![allow(dead_code, reason = "each test binary uses its own part of the stage")]

use howdah::{
    domain::{
        AttemptNo, BackupFacts, BackupForm, BackupSource, ByteCount, ClusterRestore, Compression, Disposed,
        Disposition, ExistingData, Failure, FilePlan, InstanceName, Lsn, MajorVersion, MissingWal, Order, Origin, Plan,
        Port, Progress, Reached, Recovery, RestorePlan, RestorePoint, RetryPolicy, ServerOutcome, ServerWish,
        SessionId, Step, StepState, Success, SystemIdentifier, Target, Timeline, Timestamp, WalProgress,
        fact::ProcessMark,
        plan::{ServerPlan, SwitchedOff, TablespacePlan, TargetState, WalFinding},
    },
    machine::{Cause, Event, Session, StuckReason, event::Created, evolve},
};
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

pub(crate) const GIB: u64 = 1 << 30;

/// The moment at which every scene plays.
pub(crate) fn now() -> Timestamp {
    "2026-11-20T14:02:11Z".parse().unwrap()
}

pub(crate) fn ago(length: Duration) -> Timestamp {
    now().checked_sub(length).unwrap()
}

pub(crate) fn mins(minutes: u64) -> Duration {
    Duration::from_mins(minutes)
}

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn point(instance: &str, label: &str, size: u64) -> RestorePoint {
    RestorePoint {
        instance: InstanceName::new(instance),
        label: label.to_owned(),
        source: BackupSource::BaseBackup {
            directory: format!("/backups/{instance}/{label}").into(),
            form: BackupForm::Tar(Compression::Zstd),
        },
        facts: BackupFacts {
            size: ByteCount(size),
            files: 4_213,
            timeline: Timeline(1),
            start_lsn: Lsn(0x1600_0028),
            stop_lsn: Lsn(0x16B3_74D8),
            taken_at: "2026-11-20T02:00:00Z".parse().unwrap(),
            version: Some(MajorVersion(15)),
            system_identifier: None,
        },
        repository: Some("/backups".into()),
    }
}

pub(crate) fn request(instance: &str, port: u16) -> ClusterRestore {
    ClusterRestore {
        point: point(instance, "2026-11-20T0200", 61 * GIB),
        target: Target::new(format!("/srv/pg/{instance}"), Port::new(port).unwrap()).unwrap(),
        recovery: Recovery::to_consistency(),
        server: ServerWish::LeaveRunning,
        max_rate: None,
        existing: ExistingData::Refuse,
        missing_wal: MissingWal::Refuse,
    }
}

pub(crate) fn plan(instance: &str, port: u16, target: TargetState) -> RestorePlan {
    let files = FilePlan {
        bytes: ByteCount(61 * GIB + GIB / 2),
        files: 4_213,
        reused: ByteCount(0),
        free_bytes: ByteCount(210 * GIB),
        free_inodes: Some(13_107_200),
        target,
        tablespaces: vec![TablespacePlan {
            oid: 16_384,
            original: "/fast/ts".into(),
            directory: format!("/srv/pg/{instance}.tablespaces/16384").into(),
        }],
        wal: WalFinding::Included { start: Lsn(0x1600_0028), stop: Lsn(0x16B3_74D8) },
        checksum: "CRC32C".to_owned(),
        version: Some(MajorVersion(15)),
        system_identifier: Some(SystemIdentifier(7_579_265_441_411_437_183)),
    };
    RestorePlan {
        directory: format!("/srv/pg/{instance}").into(),
        files,
        server: ServerPlan::Start {
            binaries: "/usr/lib/postgresql/15/bin".into(),
            version: MajorVersion(15),
            user: "postgres".to_owned(),
            port: Port::new(port).unwrap(),
            leave_running: true,
        },
        warnings: vec!["archive_mode was on where the backup was made; it is off here".to_owned()],
        switched_off: vec![SwitchedOff {
            line: "max_logical_replication_workers = '0'".to_owned(),
            effect: "run the source's subscriptions".to_owned(),
        }],
        backup: Some(format!("/backups/{instance}/2026-11-20T0200").into()),
        recovery: None,
    }
}

/// A session and the story that led to where it stands.
pub(crate) struct Story {
    session: Session,
    at: Timestamp,
}

impl Story {
    /// A restore.
    pub(crate) fn begins(id: u64, instance: &str, before: Duration) -> Self {
        Self::of(request(instance, 5432 + u16::try_from(id % 1000).unwrap()).into(), id, before)
    }

    pub(crate) fn of(order: Order, id: u64, before: Duration) -> Self {
        let at = ago(before);
        let session = Session::create(Created {
            id: SessionId(id),
            uuid: Uuid::from_u128(u128::from(id)),
            parent: order.parent(),
            order,
            policy: RetryPolicy::default(),
            by: "ops@bastion".to_owned(),
            origin: Origin::Console,
            at,
            places: Vec::new(),
        });
        Self { session, at }
    }

    pub(crate) fn after(mut self, length: Duration) -> Self {
        self.at = self.at.checked_add(length).unwrap();
        self
    }

    #[allow(clippy::needless_pass_by_value, reason = "a story is told in events that are made where they are told")]
    pub(crate) fn then(mut self, event: Event) -> Self {
        self.session = evolve(self.session, &event, self.at);
        self
    }

    pub(crate) fn attempt(&self) -> AttemptNo {
        self.session.attempts().last().map_or(AttemptNo(1), |record| record.number)
    }

    /// An attempt is launched and its worker begins.
    pub(crate) fn launched(self) -> Self {
        let attempt = self.session.next_attempt();
        self.then(Event::Launched { attempt })
            .then(Event::Began { attempt, mark: ProcessMark { pid: 4_711, started: 99, realm: None } })
    }

    pub(crate) fn step(self, step: Step, state: StepState) -> Self {
        let attempt = self.attempt();
        self.then(Event::StepChanged { attempt, step, state })
    }

    pub(crate) fn done(self, step: Step, took: Duration, detail: &str) -> Self {
        self.step(step, StepState::Done { took, detail: detail.to_owned() })
    }

    pub(crate) fn doing(self, step: Step, detail: &str) -> Self {
        self.step(step, StepState::Running { detail: detail.to_owned() })
    }

    pub(crate) fn copied(self, done: u64, reused: u64) -> Self {
        let attempt = self.attempt();
        let total = 61 * GIB + GIB / 2;
        let progress = Progress {
            bytes_done: ByteCount(done),
            bytes_total: ByteCount(total),
            bytes_reused: ByteCount(reused),
            files_done: 4_213 * done / total,
            files_total: 4_213,
            wal: None,
        };
        self.then(Event::Progressed { attempt, progress })
    }

    pub(crate) fn planned(self) -> Self {
        let (attempt, name) = (self.attempt(), self.session.title().as_str().to_owned());
        let port = self.session.order().port().unwrap().number();
        let plan = Box::new(Plan::Restore(plan(&name, port, TargetState::Missing)));
        self.then(Event::Planned { attempt, plan })
    }

    pub(crate) fn replayed(self, share: u64) -> Self {
        let attempt = self.attempt();
        let (start, stop) = (0x1600_0000, 0x1700_0000);
        let at = start + (stop - start) * share / 100;
        let progress = Progress {
            bytes_done: ByteCount(61 * GIB),
            bytes_total: ByteCount(61 * GIB),
            bytes_reused: ByteCount(0),
            files_done: 4_213,
            files_total: 4_213,
            wal: Some(WalProgress::of_backup(Lsn(start), Lsn(at), Lsn(stop))),
        };
        self.then(Event::Progressed { attempt, progress })
    }

    pub(crate) fn disrupted(self, cause: &str, tries_used: u32, next: Duration) -> Self {
        let attempt = self.attempt();
        let failure = Failure::disruption(cause, "").in_step(Step::Copy);
        let reached = Reached { wal: Lsn(0), bytes: ByteCount(31 * GIB) };
        let next_try = now().checked_add(next).unwrap();
        self.then(Event::Disrupted { attempt, failure, reached, tries_used, next_try })
    }

    pub(crate) fn stuck(self, failure: Failure, reason: StuckReason) -> Self {
        let attempt = self.attempt();
        self.then(Event::GotStuck { attempt, failure, reached: Reached::default(), reason })
    }

    pub(crate) fn cancel(self) -> Self {
        let deadline = self.at.checked_add(secs(30)).unwrap();
        self.then(Event::CancelRequested { disposition: Disposition::Default, by: "ops@bastion".to_owned(), deadline })
    }

    pub(crate) fn shown(self) -> Session {
        self.session
    }

    pub(crate) fn arc(self) -> Arc<Session> {
        Arc::new(self.session)
    }
}

pub(crate) fn queued(id: u64, name: &str) -> Arc<Session> {
    Story::begins(id, name, mins(1)).arc()
}

pub(crate) fn checking(id: u64, name: &str) -> Arc<Session> {
    Story::begins(id, name, secs(3)).launched().doing(Step::Check, "").arc()
}

pub(crate) fn copying(id: u64, name: &str) -> Arc<Session> {
    copying_at(id, name, 38 * GIB)
}

pub(crate) fn copying_at(id: u64, name: &str, bytes: u64) -> Arc<Session> {
    Story::begins(id, name, mins(21))
        .launched()
        .done(Step::Check, secs(2), "61.5 GiB needed, 210 GiB free")
        .doing(Step::Copy, "")
        .copied(31 * GIB, 0)
        .after(mins(5))
        .disrupted("repository host db2 refused the connection", 0, Duration::ZERO)
        .then(Event::Requeued { cause: Cause::Try(1), by: None })
        .after(mins(5))
        .launched()
        .done(Step::Check, secs(2), "61.5 GiB needed, 210 GiB free")
        .doing(Step::Copy, "")
        .copied(bytes, 31 * GIB)
        .then(Event::DisruptionOver { attempt: AttemptNo(2) })
        .then(Event::Noted { attempt: AttemptNo(2), note: "resumed at 31.0 GiB".to_owned() })
        .arc()
}

pub(crate) fn replaying(id: u64, name: &str) -> Arc<Session> {
    Story::begins(id, name, mins(9))
        .launched()
        .done(Step::Check, secs(2), "61.5 GiB needed, 210 GiB free")
        .done(Step::Copy, mins(6), "4,213 files verified")
        .done(Step::Configure, secs(1), "")
        .done(Step::Start, secs(2), "PostgreSQL 15")
        .doing(Step::Replay, "")
        .replayed(81)
        .arc()
}

pub(crate) fn waiting(id: u64, name: &str) -> Arc<Session> {
    let mut story = Story::begins(id, name, mins(25)).launched().copied(31 * GIB, 0);
    story = story.disrupted("repository host db2 refused the connection", 0, Duration::ZERO);
    for number in 1..=3 {
        story = story.after(mins(5)).then(Event::Requeued { cause: Cause::Try(number), by: None }).launched();
        story = story.disrupted("read of base.tar.zst brought nothing for 60 s", number, secs(192));
    }
    story.arc()
}

pub(crate) fn stuck(id: u64, name: &str) -> Arc<Session> {
    let failure = Failure::incurable(
        "no space left on /srv/pg/audit: 61.5 GiB needed, 12.0 GiB free",
        "free 49.5 GiB there or cancel and choose another directory",
    );
    Story::begins(id, name, mins(12)).launched().doing(Step::Check, "").stuck(failure, StuckReason::Incurable).arc()
}

pub(crate) fn used_up(id: u64, name: &str) -> Arc<Session> {
    let failure = Failure::disruption("the repository /backups is not there", "mount it again, then retry");
    Story::begins(id, name, mins(70))
        .launched()
        .copied(31 * GIB, 0)
        .disrupted("repository host db2 refused the connection", 0, Duration::ZERO)
        .then(Event::Requeued { cause: Cause::Try(10), by: None })
        .after(mins(50))
        .launched()
        .stuck(failure, StuckReason::TriesUsedUp)
        .arc()
}

pub(crate) fn cancelling(id: u64, name: &str) -> Arc<Session> {
    Story::begins(id, name, mins(3)).launched().doing(Step::Copy, "").copied(4 * GIB, 0).after(mins(2)).cancel().arc()
}

pub(crate) fn overdue(id: u64, name: &str) -> Arc<Session> {
    let story = Story::begins(id, name, mins(3)).launched().doing(Step::Copy, "").copied(4 * GIB, 0);
    story.after(mins(2)).cancel().then(Event::CancelOverdue).arc()
}

pub(crate) fn succeeded(id: u64, name: &str) -> Session {
    let story = Story::begins(id, name, mins(73)).launched();
    let took = [secs(2), mins(6), secs(1), secs(2), mins(2), secs(1), secs(1)];
    let steps = story.session.order().steps();
    let story = steps.iter().zip(took).fold(story, |story, (step, took)| story.done(*step, took, ""));
    let answer = "PostgreSQL 15.14, 42 tables".to_owned();
    let success = Success::of_cluster(ServerOutcome::Running { port: Port::new(5433).unwrap(), answer });
    let attempt = story.attempt();
    story.copied(61 * GIB + GIB / 2, 0).after(secs(521)).then(Event::Succeeded { attempt, success }).shown()
}

pub(crate) fn cancelled(id: u64, name: &str) -> Session {
    let story = Story::begins(id, name, mins(95)).launched().copied(4 * GIB, 0).after(mins(4)).cancel();
    story.then(Event::Cancelled { disposed: Disposed::Removed }).shown()
}
