//! A journal of a site that has restored for years, for the benchmarks.

use howdah::{
    domain::{
        AttemptNo, BackupFacts, BackupForm, BackupSource, ByteCount, ClusterRestore, Disposed, ExistingData, Failure,
        InstanceName, Lsn, MissingWal, Origin, Port, Reached, Recovery, RestorePoint, RetryPolicy, ServerWish,
        SessionId, Target, Timeline, Timestamp,
    },
    journal::{Batch, JournalEntry, JournalRecord, SqliteJournal},
    machine::{Event, Session, StuckReason, event::Created, evolve},
};
use std::path::Path;
use uuid::Uuid;

pub(crate) const COMPLETED: u64 = 100_000;
pub(crate) const ONGOING: u64 = 1_000;

/// Writes the completed sessions, then the ongoing ones, each with the life that `life` gives it after it was created.
pub(crate) fn fill(path: &Path, life: impl Fn(u64) -> Vec<Event>) {
    let mut journal = SqliteJournal::open(path).unwrap();
    let numbers: Vec<u64> = (1..=COMPLETED + ONGOING).collect();
    for some in numbers.chunks(5_000) {
        let at: Timestamp = "2026-11-20T02:00:00Z".parse().unwrap();
        let entries = some.iter().map(|number| entry(created(*number, at), life(*number))).collect();
        journal.append(&Batch { entries, ..Batch::default() }).unwrap();
    }
}

/// A completed session.
pub(crate) fn cancelled() -> Vec<Event> {
    vec![Event::Cancelled { disposed: Disposed::Removed }]
}

/// A session that waits for a person.
pub(crate) fn stuck() -> Vec<Event> {
    let attempt = AttemptNo(1);
    let failure = Failure::incurable("the file system of the target is full", "make room, then retry");
    let stuck = Event::GotStuck { attempt, failure, reached: Reached::default(), reason: StuckReason::Incurable };
    vec![Event::Launched { attempt }, stuck]
}

/// A session with its life.
pub(crate) fn entry(created: Created, life: Vec<Event>) -> JournalEntry {
    let at = created.at;
    let mut changes = vec![JournalRecord::Created(Box::new(created.clone()))];
    let mut after = Session::create(created);
    for event in life {
        after = evolve(after, &event, at);
        changes.push(JournalRecord::Happened { at, event });
    }
    JournalEntry { after, changes }
}

fn created(number: u64, at: Timestamp) -> Created {
    let instance = InstanceName::new(&format!("orders-{number}"));
    let facts = BackupFacts {
        size: ByteCount(1 << 30),
        files: 1_000,
        timeline: Timeline(1),
        start_lsn: Lsn(0x0200_0028),
        stop_lsn: Lsn(0x0200_0100),
        taken_at: at,
        version: None,
        system_identifier: None,
    };
    let point = RestorePoint {
        source: BackupSource::BaseBackup { directory: format!("/backup/{instance}/b").into(), form: BackupForm::Plain },
        instance,
        label: "b".to_owned(),
        facts,
        repository: None,
    };
    let port = Port::new(u16::try_from(1_024 + number % 60_000).unwrap()).unwrap();
    let request = ClusterRestore {
        point,
        target: Target::new(format!("/srv/pg/orders-{number}"), port).unwrap(),
        recovery: Recovery::to_consistency(),
        server: ServerWish::LeaveRunning,
        max_rate: None,
        existing: ExistingData::Refuse,
        missing_wal: MissingWal::Refuse,
    };
    let policy = RetryPolicy::default();
    Created {
        id: SessionId(number),
        uuid: Uuid::from_u128(number.into()),
        order: request.into(),
        parent: None,
        policy,
        by: "ops@bastion".into(),
        origin: Origin::Console,
        at,
        places: Vec::new(),
    }
}
