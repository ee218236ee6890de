//! Values that the floors share: one request, one session, one failure of each class, ends, reports.

use howdah::{
    domain::{
        AttemptNo, BackupFacts, BackupForm, BackupObject, BackupOrder, BackupSource, ByteCount, ClusterRestore,
        Compression, Damage, ExistingData, ExploreOrder, Failure, FilePlan, InstanceName, JobId, Lsn, MissingWal,
        Order, Origin, PasswordSource, Plan, Port, Progress, Recovery, RecoveryGoal, RestorePlan, RestorePoint,
        RetryPolicy, ServerOutcome, ServerWish, SessionId, Success, Target, Timeline, Timestamp, Verification,
        VerifyOrder, WalProgress, WhenUsedUp,
        fact::PausePoint,
        fact::{End, ProcessMark},
        plan::{ServerPlan, TargetState, WalFinding},
    },
    machine::{Command, Report, Resume, Session, event::Created},
};
use std::time::Duration;
use uuid::Uuid;

/// The moment at which all tests begin.
pub(crate) fn start() -> Timestamp {
    "2026-11-20T02:00:00Z".parse().unwrap()
}

/// So many seconds after the beginning.
pub(crate) fn after(seconds: i64) -> Timestamp {
    start() + jiff::SignedDuration::from_secs(seconds)
}

/// A request that clashes with no other of another number.
pub(crate) fn request(number: u64) -> ClusterRestore {
    let instance = InstanceName::new(&format!("orders-{number}"));
    let port = Port::new(u16::try_from((5432 + number) % 65535 + 1).unwrap()).unwrap();
    ClusterRestore {
        point: RestorePoint {
            source: BackupSource::BaseBackup {
                directory: format!("/backup/{instance}/2026-11-20T0200").into(),
                form: BackupForm::Tar(Compression::Zstd),
            },
            instance,
            label: "2026-11-20T0200".to_owned(),
            facts: BackupFacts {
                size: ByteCount(1000),
                files: 10,
                timeline: Timeline(1),
                start_lsn: Lsn(0x200_0028),
                stop_lsn: Lsn(0x200_0100),
                taken_at: start(),
                version: None,
                system_identifier: None,
            },
            repository: None,
        },
        target: Target::new(format!("/srv/pg/orders-{number}"), port).unwrap(),
        recovery: Recovery::to_consistency(),
        server: ServerWish::LeaveRunning,
        max_rate: None,
        existing: ExistingData::Refuse,
        missing_wal: MissingWal::Refuse,
    }
}

pub(crate) fn created(number: u64, policy: RetryPolicy) -> Created {
    let uuid = Uuid::from_u128(u128::from(number));
    Created {
        id: SessionId(number),
        uuid,
        order: request(number).into(),
        parent: None,
        policy,
        by: "ops".to_owned(),
        origin: Origin::Console,
        at: start(),
        places: Vec::new(),
    }
}

pub(crate) fn session(number: u64, policy: RetryPolicy) -> Session {
    Session::create(created(number, policy))
}

/// A policy of few tries, so that a search ends soon.
pub(crate) fn short_policy(while_waiting: bool) -> RetryPolicy {
    RetryPolicy { tries: 2, every: Duration::from_mins(5), while_waiting, when_used_up: WhenUsedUp::Ask }
}

/// A session of this order that is new.
pub(crate) fn session_of(order: Order, policy: RetryPolicy) -> Session {
    Session::create(Created { order, ..created(1, policy) })
}

pub(crate) fn verify_order() -> Order {
    Order::Verify(VerifyOrder { point: request(1).point, max_rate: None })
}

pub(crate) fn explore_order() -> Order {
    let (scratch, recovery) = ("/srv/pg/.howdah-explore/1".into(), Recovery::to_consistency());
    Order::Explore(ExploreOrder { point: request(1).point, scratch, recovery, port: None })
}

pub(crate) fn backup_order() -> Order {
    let name = InstanceName::new("orders-1");
    let (conninfo, checksums) = ("host=orders-1".to_owned(), "CRC32C".to_owned());
    let (password, tar) = (PasswordSource::None, Some(Compression::Zstd));
    let object = BackupObject::Instance { name, conninfo, password, tar, checksums, slot: None };
    let (job, run, run_uuid) = (InstanceName::new("nightly"), JobId(0), Uuid::nil());
    Order::Backup(BackupOrder {
        job,
        run,
        run_uuid,
        object,
        repository: Some("/backup".into()),
        max_rate: None,
        keep: None,
    })
}

pub(crate) fn pause_point() -> PausePoint {
    PausePoint { at: Lsn(0x200_0100), committed: Some(start()), answer: "PostgreSQL 15.4".to_owned(), server: None }
}

/// To go on to this position.
pub(crate) const fn go_on(lsn: u64) -> Resume {
    Resume::GoOn { goal: RecoveryGoal::Lsn(Lsn(lsn)), inclusive: true }
}

pub(crate) fn damaged() -> Verification {
    let mut found = Verification { files: 9, bytes: ByteCount(900), ..Verification::default() };
    found.add(Damage::Altered { file: "base/1/1259".to_owned() });
    found.add(Damage::Wal { timeline: Timeline(1), at: Lsn(0x200_0060), problem: "the CRC is wrong".to_owned() });
    found
}

pub(crate) fn disruption() -> Failure {
    Failure::disruption("the repository is gone", "")
}

pub(crate) fn incurable() -> Failure {
    Failure::incurable("no space left", "make room, then retry")
}

pub(crate) fn success() -> Success {
    Success::of_cluster(ServerOutcome::NotStarted { reason: "as asked".to_owned() })
}

/// Progress with so many bytes and, when replay has begun, WAL.
pub(crate) fn progress(bytes: u64, wal: Option<u64>) -> Progress {
    let wal = wal.map(|at| WalProgress::of_backup(Lsn(0), Lsn(at), Lsn(100)));
    Progress { bytes_done: ByteCount(bytes), bytes_total: ByteCount(1000), wal, ..Progress::default() }
}

pub(crate) fn plan() -> Plan {
    Plan::Restore(restore_plan())
}

pub(crate) fn restore_plan() -> RestorePlan {
    let files = FilePlan {
        bytes: ByteCount(1000),
        files: 10,
        reused: ByteCount(0),
        free_bytes: ByteCount(1 << 40),
        free_inodes: None,
        target: TargetState::Missing,
        tablespaces: Vec::new(),
        wal: WalFinding::Included { start: Lsn(0x200_0028), stop: Lsn(0x200_0100) },
        checksum: "CRC32C".to_owned(),
        version: None,
        system_identifier: None,
    };
    RestorePlan {
        directory: "/srv/pg/orders-1".into(),
        files,
        server: ServerPlan::NoServer { reason: "as asked".to_owned() },
        warnings: Vec::new(),
        switched_off: Vec::new(),
        backup: None,
        recovery: None,
    }
}

pub(crate) const fn mark(attempt: AttemptNo) -> ProcessMark {
    ProcessMark { pid: 1000 + attempt.0, started: 7, realm: None }
}

pub(crate) fn over(end: End) -> Report {
    Report::Over(Some(end))
}

pub(crate) fn retry() -> Command {
    Command::Retry { by: "ops".to_owned() }
}
