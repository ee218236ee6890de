//! A journal of a site that has backed up many instances, for the benchmark of opening.

use super::journal::entry;
use howdah::{
    domain::{
        Achieved, AttemptNo, BackupObject, ByteCount, InstanceName, JobId, JobKind, JobObject, JobSpec, Order, Origin,
        Parent, PasswordSource, SessionId, Success, Timestamp, Who,
    },
    journal::{Batch, JobEntry, JobRecord, SqliteJournal},
    machine::{
        Event,
        event::Created,
        job::{JobCommand, JobCreated, JobRun, ObjectEnd, decide, evolve},
    },
};
use std::{num::NonZeroU16, path::Path};
use uuid::Uuid;

const RUNS: u64 = 1_000;
const OBJECTS: u64 = 50;

/// Writes runs of as many jobs, each of which has made a restore point of each of its objects.
pub(crate) fn fill(path: &Path) {
    let mut journal = SqliteJournal::open(path).unwrap();
    for number in 1..=RUNS {
        let at: Timestamp = "2026-11-20T02:00:00Z".parse().unwrap();
        let (id, uuid, who) = (JobId(number), Uuid::from_u128(u128::from(number) << 64), Who::new("ops", "h", 1, None));
        let created = JobCreated { id, uuid, spec: job(number), who, origin: Origin::CommandLine, at };
        let mut run = JobEntry { after: JobRun::create(created.clone()), changes: vec![] };
        run.changes.push(JobRecord::Created(Box::new(created)));
        let mut entries = Vec::new();
        for (object, session) in ((number - 1) * OBJECTS + 1..=number * OBJECTS).enumerate() {
            let order = run.after.order(object).unwrap();
            entries.push(entry(of_run(session, id, order, at), made()));
            let (session, made) = (SessionId(session), made_point().result.to_string());
            for command in [
                JobCommand::ObjectStarted { object, session },
                JobCommand::ObjectEnded { session, end: ObjectEnd::Succeeded { made } },
            ] {
                for event in decide(&run.after, command, at).unwrap() {
                    run.after = evolve(run.after, &event, at);
                    run.changes.push(JobRecord::Happened { at, event });
                }
            }
        }
        assert!(!run.after.is_ongoing(), "it has ended");
        journal.append(&Batch { entries, jobs: vec![run] }).unwrap();
    }
}

fn job(number: u64) -> JobSpec {
    let object = |object: u64| {
        let object = BackupObject::Instance {
            name: InstanceName::new(&format!("orders-{object}")),
            conninfo: format!("host=db-{object}"),
            password: PasswordSource::None,
            tar: None,
            checksums: "CRC32C".to_owned(),
            slot: None,
        };
        JobObject { object, repository: Some("/backup".into()), max_rate: None }
    };
    let (name, objects) = (InstanceName::new(&format!("nightly-{number}")), (1..=OBJECTS).map(object).collect());
    JobSpec::new(name, JobKind::Instance, objects, NonZeroU16::MIN, JobSpec::default_policy()).unwrap()
}

fn made_point() -> Success {
    let result = Achieved::RestorePoint { label: "2026-11-20T020000".to_owned(), bytes: ByteCount(1 << 30), how: None };
    Success { result, warnings: Vec::new(), unchecked: Vec::new() }
}

/// The life of an object that has its restore point.
fn made() -> Vec<Event> {
    let attempt = AttemptNo(1);
    vec![Event::Launched { attempt }, Event::Succeeded { attempt, success: made_point() }]
}

fn of_run(number: u64, run: JobId, order: Order, at: Timestamp) -> Created {
    Created {
        id: SessionId(number),
        uuid: Uuid::from_u128(number.into()),
        order,
        parent: Some(Parent::Job(run)),
        policy: JobSpec::default_policy(),
        by: "ops@bastion".into(),
        origin: Origin::CommandLine,
        at,
        places: Vec::new(),
    }
}
