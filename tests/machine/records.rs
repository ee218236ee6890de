//! Old records: what a howdah has once written to disk is read for ever.
//!
//! The folders of `tests/records/` hold an event of each kind, a session in each phase, an order of each kind, a ticket of
//! each work and a fact line of each kind, as that version wrote them. These files are never rewritten; a new version gets
//! a folder of its own. A file for a variant that is new in a version is made by `HOWDAH_WRITE_RECORDS=1 cargo test --test
//! machine records`, which leaves those that exist alone.

use super::{
    order_records::{
        backup_plan, beyond_backup, data_plan, explore_plan, item_plan, keeping_plan, orders, recovery, recovery_plan,
        served_pause, verify_plan,
    },
    sample,
};
use howdah::{
    domain::{
        Achieved, AttemptNo, ByteCount, Disposed, Disposition, ExplorePlan, FilePlan, JobId, Leftover, Lsn,
        MajorVersion, Parent, Plan, Reach, Reached, RestorePlan, RetryPolicy, ServerOutcome, SessionId, Step,
        StepState, Success, SystemIdentifier, WhenUsedUp, WorkerSettings,
        fact::{Began, End, Fact, FactLine, ProcessMark, Realm},
        plan::{ServerPlan, TablespacePlan, TargetState},
        restored::{RECORD_VERSION, RestoreRecord},
        ticket::{CONTRACT_VERSION, Ticket, Work},
        upgrade,
    },
    journal::RECORD_VERSION as RECORDS,
    machine::{Cause, Command, Event, Report, Session, StuckReason, decide, event::Created, evolve},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{collections::BTreeMap, fs, path::PathBuf, time::Duration};

/// How a record of an older version is brought to the shape of today.
type Upgrade = fn(u32, Value) -> Value;

fn folder(version: u32) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/records/v{version}"))
}

/// Reads the checked-in records of this name, of each version that has one, and compares them with what they were made
/// from.
fn check<T>(name: &str, upgrade: Upgrade, meant: &T)
where
    T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let newest = folder(RECORDS).join(format!("{name}.json"));
    if std::env::var_os("HOWDAH_WRITE_RECORDS").is_some() && !newest.exists() {
        fs::create_dir_all(folder(RECORDS)).unwrap();
        fs::write(&newest, serde_json::to_string_pretty(meant).unwrap() + "\n").unwrap();
    }
    assert!(newest.exists(), "no record {name}");
    for version in 1..=RECORDS {
        let Ok(text) = fs::read_to_string(folder(version).join(format!("{name}.json"))) else { continue };
        let record = upgrade(version, serde_json::from_str(&text).unwrap());
        let read: T = serde_json::from_value(record)
            .unwrap_or_else(|error| panic!("{name} of version {version} can no longer be read: {error}"));
        assert_eq!(&read, meant, "{name} of version {version} means something else now");
    }
}

fn restore_plan() -> RestorePlan {
    let (original, directory) = ("/old/ts".into(), "/srv/pg/orders-1.tablespaces/16384".into());
    let plan = sample::restore_plan();
    let files = FilePlan {
        target: TargetState::SetAside { to: "/srv/pg/orders-1.old".into() },
        tablespaces: vec![TablespacePlan { oid: 16384, original, directory }],
        version: Some(MajorVersion(15)),
        ..plan.files
    };
    RestorePlan {
        files,
        server: ServerPlan::Start {
            binaries: "/usr/lib/postgresql/15/bin".into(),
            version: MajorVersion(15),
            user: "postgres".to_owned(),
            port: sample::request(1).target.port(),
            leave_running: true,
        },
        warnings: vec!["checksums are off".to_owned()],
        ..plan
    }
}

fn plan() -> Plan {
    Plan::Restore(restore_plan())
}

/// A plan that tells which backup it is of.
fn plan_of_cluster() -> Plan {
    let (backup, cluster) = ("/backup/orders-1/2026-11-20T0200".into(), SystemIdentifier(u64::MAX - 1));
    let plan = restore_plan();
    let files = FilePlan { system_identifier: Some(cluster), ..plan.files };
    Plan::Restore(RestorePlan { files, backup: Some(backup), ..plan })
}

/// One that replays WAL of an archive.
fn recovering_plan() -> Plan {
    Plan::Restore(RestorePlan { recovery: Some(Box::new(recovery_plan())), ..restore_plan() })
}

fn ran() -> Success {
    let port = sample::request(1).target.port();
    Success::of_cluster(ServerOutcome::Running { port, answer: "PostgreSQL 15.4".to_owned() })
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
        ("damaged", Event::Damaged { attempt, verification: sample::damaged() }),
        ("paused", Event::Paused { attempt, at: sample::pause_point(), reached }),
        ("resumed", Event::Resumed { recovery: recovery(), by: by() }),
        ("gave_up", Event::GaveUp { attempt, failure: failure(), reached, deadline: sample::after(30) }),
        ("finish_requested", Event::FinishRequested { by: by() }),
        ("stop_requested", Event::StopRequested { by: by(), deadline: sample::after(30) }),
        ("stopped", Event::Stopped { disposed: Disposed::Removed }),
        ("failed", Event::Failed { disposed: Disposed::Nothing }),
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
    let paused = said(&running, sample::over(End::Paused(sample::pause_point())), 5);
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
        ("paused", paused),
        ("failed", failed_object()),
        ("stopped", stopped_exploration()),
        ("damaged", damaged_verification()),
    ]
}

fn turned(session: Session, command: Command, seconds: i64) -> Session {
    let now = sample::after(seconds);
    let events = decide(&session, command, now).unwrap();
    events.iter().fold(session, |session, event| evolve(session, event, now))
}

fn over(session: Session, end: End, seconds: i64) -> Session {
    let attempt = session.live_attempt().unwrap();
    turned(session, Command::Report { attempt, report: sample::over(end) }, seconds)
}

/// An object of a job whose only try failed.
fn failed_object() -> Session {
    let policy = RetryPolicy { tries: 0, when_used_up: WhenUsedUp::Fail, ..RetryPolicy::default() };
    let order = sample::backup_order();
    let created = Created { order, parent: Some(Parent::Job(JobId(3))), ..sample::created(7, policy) };
    let session = turned(Session::create(created), Command::Launch, 1);
    over(over(session, End::Failed(sample::disruption()), 2), End::Disposed(Disposed::Removed), 3)
}

/// A restore point that was held open, and stopped.
fn stopped_exploration() -> Session {
    let session = sample::session_of(sample::explore_order(), RetryPolicy::default());
    let stop = Command::Stop { reach: Reach::AnyOrigin, by: "ops@bastion".to_owned() };
    let session = turned(turned(session, Command::Launch, 1), stop, 2);
    over(over(session, End::Stopped, 3), End::Disposed(Disposed::Removed), 4)
}

/// A backup that was found to be damaged.
fn damaged_verification() -> Session {
    let session = sample::session_of(sample::verify_order(), RetryPolicy::default());
    over(turned(session, Command::Launch, 1), End::Damaged(sample::damaged()), 2)
}

fn copied() -> Success {
    let result = Achieved::Copied { copies: 3, bytes: ByteCount(900), skipped: 1 };
    Success { result, warnings: Vec::new(), unchecked: Vec::new() }
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
        ("ended_damaged", Fact::Ended(End::Damaged(sample::damaged()))),
        ("ended_paused", Fact::Ended(End::Paused(sample::pause_point()))),
        ("planned_verify", Fact::Planned(Box::new(Plan::Verify(verify_plan())))),
        ("planned_backup", Fact::Planned(Box::new(Plan::Backup(backup_plan())))),
        ("planned_explore", Fact::Planned(Box::new(Plan::Explore(Box::new(explore_plan()))))),
        ("planned_items", Fact::Planned(Box::new(Plan::Items(item_plan())))),
        ("planned_recovery", Fact::Planned(Box::new(recovering_plan()))),
        ("planned_explore_recovery", {
            let plan = ExplorePlan { recovery: Some(Box::new(recovery_plan())), ..explore_plan() };
            Fact::Planned(Box::new(Plan::Explore(Box::new(plan))))
        }),
        ("progress_beyond_backup", Fact::Progress(beyond_backup())),
        ("ended_paused_served", Fact::Ended(End::Paused(served_pause()))),
        ("planned_data", Fact::Planned(Box::new(Plan::Data(data_plan())))),
        ("planned_backup_keeping", Fact::Planned(Box::new(Plan::Backup(keeping_plan())))),
        ("ended_copied", Fact::Ended(End::Succeeded(copied()))),
        ("ended_unproven", Fact::Ended(End::Disposed(Disposed::RemovedUnproven { what: "no server".to_owned() }))),
        ("ended_disposed", Fact::Ended(End::Disposed(Disposed::Failed { cause: "EIO".to_owned() }))),
    ]
}

#[test]
fn records_of_events_are_read_for_ever() {
    let created: Created = sample::created(7, RetryPolicy::default());
    check("created", upgrade::event, &created);
    let mut order = sample::request(7);
    order.point.repository = Some("/backup".into());
    check("created_in_repository", upgrade::event, &Created { order: order.into(), ..created });
    for (name, event) in events() {
        check(&format!("event_{name}"), upgrade::event, &event);
    }
    for (name, order) in orders() {
        check(&format!("order_{name}"), upgrade::order, &order);
    }
}

#[test]
fn records_of_sessions_are_read_for_ever() {
    for (name, session) in sessions() {
        check(&format!("session_{name}"), upgrade::session, &session);
    }
}

#[test]
fn records_of_attempts_are_read_for_ever() {
    let request = sample::request(7);
    let left = Leftover::Cluster(request.target.clone());
    let dispose = |left| Work::Dispose { left, disposition: Disposition::Keep };
    let lefts = orders().into_iter().filter_map(|(name, order)| Some((name, order.leftover()?)));
    let lefts = lefts.filter(|(_, left)| {
        matches!(left, Leftover::Open(_) | Leftover::Items(_) | Leftover::Machine(_) | Leftover::Files(_))
    });
    let works = [("restore", Work::Run(request.into())), ("dispose", dispose(left))];
    for (name, work) in works.into_iter().chain(lefts.map(|(name, left)| (name, dispose(left)))) {
        let (session, attempt) = (SessionId(7), AttemptNo(2));
        let session_uuid = uuid::Uuid::from_u128(7);
        let (settings, places) = (WorkerSettings::default(), Vec::new());
        // The version that it says is not the meaning of the rest.
        let of_version = |by: Option<&str>, in_use: &[&str]| {
            let by = by.map(str::to_owned);
            let (work, settings, places) = (work.clone(), settings.clone(), places.clone());
            let in_use = in_use.iter().map(PathBuf::from).collect();
            Ticket { version: CONTRACT_VERSION, session, session_uuid, attempt, work, settings, places, by, in_use }
        };
        let newest: Upgrade = |version, ticket| {
            let mut ticket = upgrade::ticket(version, ticket);
            ticket["version"] = CONTRACT_VERSION.into();
            ticket
        };
        check(&format!("ticket_{name}"), newest, &of_version(None, &[]));
        check(&format!("ticket_{name}_by"), newest, &of_version(Some("ops@bastion"), &[]));
        check(&format!("ticket_{name}_in_use"), newest, &of_version(None, &["/backup/shop/a"]));
    }
    let newest: Upgrade = |version, mut line| {
        line["fact"] = upgrade::fact(version, line["fact"].take());
        line["version"] = CONTRACT_VERSION.into();
        line
    };
    for (name, fact) in facts() {
        let line = FactLine { version: CONTRACT_VERSION, at: sample::start(), fact };
        check(&format!("fact_{name}"), newest, &line);
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
        backup: point.source.directory().unwrap().to_owned(),
        repository: Some("/backup".into()),
        instance: point.instance,
        label: point.label,
        system_identifier: Some(SystemIdentifier(u64::MAX - 1)),
        manifest: Some("5e".repeat(32)),
    };
    // It has a version of its own, which is still the first.
    check("restore_record", |_, record| record, &record);
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

/// What is no record of version 1 is left as it is, and whoever reads it says what is wrong with it.
#[test]
fn a_broken_record_is_not_made_worse() {
    for text in ["null", "[]", "7", "{}", r#"{"request":null}"#, r#"{"steps":{},"plan":[],"phase":"x","attempts":1}"#] {
        for upgrade in [upgrade::session, upgrade::event, upgrade::ticket, upgrade::fact, upgrade::success] {
            let upgraded = upgrade(1, serde_json::from_str(text).unwrap());
            assert!(serde_json::from_value::<Session>(upgraded).is_err(), "{text}");
        }
    }
}
