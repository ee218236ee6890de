//! Old records: what a howdah has once written to disk is read for ever.
//!
//! `tests/records/v1/` holds an event of each kind, a session in each phase, a ticket of each work and a fact line of
//! each kind, as version 1 wrote them. These files are never rewritten; a new version gets a folder of its own. A file
//! for a variant that is new in a version is made by `HOWDAH_WRITE_RECORDS=1 cargo test --test machine records`, which
//! leaves those that exist alone.

use super::sample;
use howdah::{
    domain::{
        AttemptNo, Disposed, Disposition, Lsn, MajorVersion, Reach, Reached, RetryPolicy, ServerOutcome, SessionId,
        Step, StepState, Success, SystemIdentifier, WorkerSettings,
        fact::{Began, End, Fact, FactLine, ProcessMark, Realm},
        plan::{ServerPlan, TablespacePlan, TargetState},
        restored::{RECORD_VERSION, RestoreRecord},
        ticket::{Ticket, Work},
    },
    machine::{Cause, Command, Event, Report, Session, StuckReason, decide, event::Created, evolve},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{collections::BTreeMap, fs, path::PathBuf, time::Duration};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/records/v1")
}

/// Reads the checked-in record of this name and compares it with what it was made from.
fn check<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(name: &str, meant: &T) {
    let path = folder().join(format!("{name}.json"));
    if std::env::var_os("HOWDAH_WRITE_RECORDS").is_some() && !path.exists() {
        fs::create_dir_all(folder()).unwrap();
        fs::write(&path, serde_json::to_string_pretty(meant).unwrap() + "\n").unwrap();
    }
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("no record {name}: {error}"));
    let read: T = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name} can no longer be read: {error}"));
    assert_eq!(&read, meant, "{name} means something else now");
}

fn plan() -> howdah::domain::Plan {
    let (original, directory) = ("/old/ts".into(), "/srv/pg/orders-1.tablespaces/16384".into());
    howdah::domain::Plan {
        standing: TargetState::SetAside { to: "/srv/pg/orders-1.old".into() },
        tablespaces: vec![TablespacePlan { oid: 16384, original, directory }],
        server: ServerPlan::Start {
            binaries: "/usr/lib/postgresql/15/bin".into(),
            version: MajorVersion(15),
            user: "postgres".to_owned(),
            port: sample::request(1).target.port(),
            leave_running: true,
        },
        warnings: vec!["checksums are off".to_owned()],
        ..sample::plan()
    }
}

/// A plan that tells which backup it is of.
fn plan_of_cluster() -> howdah::domain::Plan {
    let (backup, cluster) = ("/backup/orders-1/2026-11-20T0200".into(), SystemIdentifier(u64::MAX - 1));
    howdah::domain::Plan { backup: Some(backup), system_identifier: Some(cluster), ..plan() }
}

fn ran() -> Success {
    let port = sample::request(1).target.port();
    Success::plain(ServerOutcome::Running { port, answer: "PostgreSQL 15.4".to_owned() })
}

fn done() -> StepState {
    StepState::Done { took: Duration::from_millis(1500), detail: "61.4 GiB".to_owned() }
}

fn events() -> BTreeMap<&'static str, Event> {
    let attempt = AttemptNo(2);
    let reached = Reached { wal: Lsn(0x16_B374_D848), bytes: howdah::domain::ByteCount(42) };
    let failure = || sample::disruption().in_step(Step::Copy);
    let by = || "ops@bastion".to_owned();
    BTreeMap::from([
        ("requeued", Event::Requeued { cause: Cause::Try(3), by: None }),
        ("requeued_by", Event::Requeued { cause: Cause::Retry, by: Some(by()) }),
        ("launched", Event::Launched { attempt }),
        ("found", Event::Found { attempt }),
        ("began", Event::Began { attempt, mark: sample::mark(attempt) }),
        ("planned", Event::Planned { attempt, plan: Box::new(plan()) }),
        ("planned_of_cluster", Event::Planned { attempt, plan: Box::new(plan_of_cluster()) }),
        ("step_changed", Event::StepChanged { attempt, step: Step::Copy, state: done() }),
        ("step_stopped", Event::StepChanged { attempt, step: Step::Copy, state: StepState::Stopped }),
        ("progressed", Event::Progressed { attempt, progress: sample::progress(10, Some(5)) }),
        ("noted", Event::Noted { attempt, note: "a note".to_owned() }),
        ("disruption_over", Event::DisruptionOver { attempt }),
        (
            "disrupted",
            Event::Disrupted { attempt, failure: failure(), reached, tries_used: 3, next_try: sample::after(300) },
        ),
        ("rescheduled", Event::Rescheduled { due: sample::after(300) }),
        ("got_stuck", Event::GotStuck { attempt, failure: failure(), reached, reason: StuckReason::TriesUsedUp }),
        ("succeeded", Event::Succeeded { attempt, success: ran() }),
        (
            "cancel_requested",
            Event::CancelRequested { disposition: Disposition::SetAside, by: by(), deadline: sample::after(30) },
        ),
        ("cancel_overdue", Event::CancelOverdue),
        ("forced", Event::Forced { by: by() }),
        ("disposal_launched", Event::DisposalLaunched { attempt, deadline: sample::after(60) }),
        ("cancelled", Event::Cancelled { disposed: Disposed::SetAside { to: "/srv/pg/orders-1.cancelled".into() } }),
        ("dismissed", Event::Dismissed { by: by() }),
    ])
}

/// A session in each phase, each made from the one before by what really leads there.
fn sessions() -> Vec<(&'static str, Session)> {
    let by = || "ops@bastion".to_owned();
    let turn = |session: &Session, command, seconds| {
        let now = sample::after(seconds);
        decide(session, command, now)
            .unwrap()
            .iter()
            .fold(session.clone(), |session, event| evolve(session, event, now))
    };
    let said = |session: &Session, report, seconds| {
        turn(session, Command::Report { attempt: session.live_attempt().unwrap(), report }, seconds)
    };
    let queued = sample::session(7, RetryPolicy::default());
    let mut running = turn(&queued, Command::Launch, 1);
    running = said(&running, Report::Fact(Fact::Began(Began::of(sample::mark(AttemptNo(1)), None))), 2);
    running = said(&running, Report::Fact(Fact::Planned(Box::new(plan()))), 2);
    running = said(&running, Report::Fact(Fact::Step { step: Step::Check, state: done() }), 3);
    running = said(
        &running,
        Report::Fact(Fact::Step { step: Step::Copy, state: StepState::Running { detail: "base.tar".to_owned() } }),
        3,
    );
    running = said(&running, Report::Fact(Fact::Note("a note".to_owned())), 3);
    running = said(&running, Report::Fact(Fact::Progress(sample::progress(10, Some(5)))), 4);
    let waiting = said(&running, sample::over(End::Failed(sample::disruption())), 5);
    let stuck = said(&running, sample::over(End::Failed(sample::incurable())), 5);
    let stopping =
        turn(&running, Command::Cancel { disposition: Disposition::Default, reach: Reach::AnyOrigin, by: by() }, 6);
    let disposing = said(&stopping, sample::over(End::Stopped), 7);
    let cancelled = said(&disposing, sample::over(End::Disposed(Disposed::RemovedExcept { left: 2 })), 8);
    let succeeded = said(&running, sample::over(End::Succeeded(ran())), 9);
    let dismissed = turn(&succeeded, Command::Dismiss { by: by() }, 10);
    vec![
        ("queued", queued),
        ("running", running),
        ("waiting", waiting),
        ("stuck", stuck),
        ("stopping", stopping),
        ("disposing", disposing),
        ("cancelled", cancelled),
        ("succeeded", succeeded),
        ("dismissed", dismissed),
    ]
}

fn realm() -> Realm {
    Realm { boot: uuid::Uuid::from_u128(7), namespace: 4_026_531_836 }
}

fn facts() -> Vec<(&'static str, Fact)> {
    vec![
        ("began", Fact::Began(Began::of(sample::mark(AttemptNo(1)), None))),
        (
            "began_in_realm",
            Fact::Began(Began::of(ProcessMark { realm: Some(realm()), ..sample::mark(AttemptNo(1)) }, None)),
        ),
        ("planned", Fact::Planned(Box::new(plan()))),
        ("step", Fact::Step { step: Step::Replay, state: StepState::Skipped { reason: "as asked".to_owned() } }),
        ("progress", Fact::Progress(sample::progress(10, Some(5)))),
        ("note", Fact::Note("a note".to_owned())),
        ("ended_succeeded", Fact::Ended(End::Succeeded(ran()))),
        ("ended_failed", Fact::Ended(End::Failed(sample::incurable().in_step(Step::Probe)))),
        ("ended_stopped", Fact::Ended(End::Stopped)),
        ("ended_disposed", Fact::Ended(End::Disposed(Disposed::Failed { cause: "EIO".to_owned() }))),
    ]
}

#[test]
fn records_of_events_are_read_for_ever() {
    let created: Created = sample::created(7, RetryPolicy::default());
    check("created", &created);
    let mut in_repository = created;
    in_repository.request.point.repository = Some("/backup".into());
    check("created_in_repository", &in_repository);
    for (name, event) in events() {
        check(&format!("event_{name}"), &event);
    }
}

#[test]
fn records_of_sessions_are_read_for_ever() {
    for (name, session) in sessions() {
        check(&format!("session_{name}"), &session);
    }
}

#[test]
fn records_of_attempts_are_read_for_ever() {
    let request = sample::request(7);
    let dispose = Work::Dispose { target: request.target.clone(), disposition: Disposition::Keep };
    for (name, work) in [("restore", Work::Restore(request)), ("dispose", dispose)] {
        let (session, attempt) = (SessionId(7), AttemptNo(2));
        let session_uuid = uuid::Uuid::from_u128(7);
        let settings = WorkerSettings::default();
        let ticket = Ticket { version: 1, session, session_uuid, attempt, work, settings, places: vec![], by: None };
        check(&format!("ticket_{name}"), &ticket);
        check(&format!("ticket_{name}_by"), &Ticket { by: Some("ops@bastion".to_owned()), ..ticket });
    }
    for (name, fact) in facts() {
        check(&format!("fact_{name}"), &FactLine { version: 1, at: sample::start(), fact });
    }
}

#[test]
fn records_of_finished_restores_are_read_for_ever() {
    let point = sample::request(7).point;
    let record = RestoreRecord {
        version: RECORD_VERSION,
        session: uuid::Uuid::from_u128(7),
        by: Some("ops@bastion".to_owned()),
        finished: sample::start(),
        backup: point.path,
        repository: Some("/backup".into()),
        instance: point.instance,
        label: point.label,
        system_identifier: Some(SystemIdentifier(u64::MAX - 1)),
        manifest: Some("5e".repeat(32)),
    };
    check("restore_record", &record);
}

/// A howdah to come may know more steps than the record: what an old record has never heard of was not begun.
#[test]
fn records_with_fewer_steps_are_read_and_go_on() {
    let mut record = serde_json::to_value(&sessions()[1].1).unwrap();
    record["steps"].as_array_mut().unwrap().truncate(1);
    let session: Session = serde_json::from_value(record).unwrap();
    assert_eq!(session.step(Step::Finish), &StepState::Pending);
    let event = Event::StepChanged { attempt: AttemptNo(1), step: Step::Finish, state: done() };
    assert_eq!(evolve(session, &event, sample::start()).step(Step::Finish), &done());
}
