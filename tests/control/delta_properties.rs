//! Random snapshots: the lines that lead from one to the next build exactly the next one, whatever lay between.

use crate::sample;
use howdah::{
    control::{Replica, change::Delta, protocol::FromOwner},
    domain::{
        AttemptNo, BackupObject, InstanceName, JobId, JobKind, JobObject, JobSpec, Kind, Origin, RetryPolicy,
        SessionId, Who, fact::Fact,
    },
    machine::{
        Command, CompletedDetails, CompletedResult, CompletedRow, EndedCounts, Report, Session, UnreadableSession,
        decide, evolve,
        job::{self, JobCommand, JobCreated, JobRow, JobRun, ObjectEnd, UnreadableJob},
        sort_for_screen,
    },
    manager::{Counts, Snapshot},
};
use proptest::prelude::*;
use std::{cmp::Reverse, num::NonZeroU16, sync::Arc, time::Duration};
use uuid::Uuid;

/// What is random of a snapshot: which sessions there are and how far each has come, which rows, which unreadable ones.
#[derive(Debug, Clone)]
struct Sketch {
    ongoing: Vec<(u64, u64)>,
    rows: Vec<(u64, bool)>,
    unreadable: Vec<u64>,
    /// Runs of jobs, and how far each has come.
    runs: Vec<(u64, u64)>,
    /// Another process owns the sessions from this snapshot on.
    new_owner: bool,
}

fn sketch() -> impl Strategy<Value = Sketch> {
    let numbers = |most| prop::collection::btree_map(1..most, 0..4_u64, 0..12);
    let rows = prop::collection::btree_map(1..40_u64, any::<bool>(), 0..30);
    let unreadable = prop::collection::vec(1..4_u64, 0..2);
    let runs = prop::collection::btree_map(1..6_u64, 0..4_u64, 0..5);
    let parts = (numbers(20_u64), rows, unreadable, runs, prop::bool::weighted(0.2));
    parts.prop_map(|(ongoing, rows, unreadable, runs, new_owner)| {
        let (rows, runs) = (rows.into_iter().collect(), runs.into_iter().collect());
        Sketch { ongoing: ongoing.into_iter().collect(), rows, unreadable, runs, new_owner }
    })
}

/// A session that has come so far; the same values give the same session.
fn session(number: u64, far: u64) -> Session {
    let mut session = sample::session(number, RetryPolicy::default());
    let progress = Report::Fact(Fact::Progress(sample::progress(far * 10, None)));
    let commands = [Command::Launch, Command::Report { attempt: AttemptNo(1), report: progress }, sample::retry()];
    for command in commands.into_iter().take(far.try_into().unwrap()) {
        let Ok(events) = decide(&session, command, sample::start()) else { continue };
        session = events.iter().fold(session, |session, event| evolve(session, event, sample::start()));
    }
    session
}

fn row(number: u64, succeeded: bool) -> CompletedRow {
    let result = if succeeded { CompletedResult::Succeeded } else { CompletedResult::Cancelled };
    let title = InstanceName::new(&format!("orders-{number}"));
    // Two sessions may end at the same moment.
    let ended = sample::after(i64::try_from(number / 2).unwrap());
    let (id, kind) = (SessionId(100 + number), Kind::Restore);
    CompletedRow {
        id,
        kind,
        title,
        ended,
        took: Duration::from_secs(number),
        result,
        details: CompletedDetails::default(),
    }
}

/// A run of a job that has come so far: 3 is its end.
fn run(number: u64, far: u64) -> JobRun {
    let name = InstanceName::new(&format!("job-{number}"));
    let object = BackupObject::FileCopy { name: name.clone(), path: "/etc".into(), target: "/backup".into() };
    let objects = vec![JobObject { object, repository: None, max_rate: None }];
    let spec = JobSpec::new(name, JobKind::FileCopy, objects, NonZeroU16::MIN, RetryPolicy::default()).unwrap();
    let (id, uuid, who) = (JobId(number), Uuid::from_u128(number.into()), Who::new("ops", "bastion", 42, None));
    let created = JobCreated { id, uuid, spec, who, origin: Origin::Console, at: sample::start() };
    let end = ObjectEnd::Succeeded { made: "1 copy".to_owned() };
    let commands = [
        JobCommand::ObjectStarted { object: 0, session: SessionId(number) },
        JobCommand::ObjectCancelRequested { session: SessionId(number), by: "ana".to_owned() },
        JobCommand::ObjectEnded { session: SessionId(number), end },
    ];
    commands.into_iter().take(far.try_into().unwrap()).fold(JobRun::create(created), |run, command| {
        let events = job::decide(&run, command, sample::start()).unwrap();
        events.iter().fold(run, |run, event| job::evolve(run, event, sample::start()))
    })
}

/// The runs of the manager's next snapshot, and nothing else.
fn runs(sketch: &[(u64, u64)], before: &Snapshot) -> Snapshot {
    let (ongoing, ended): (Vec<_>, Vec<_>) =
        sketch.iter().map(|(number, far)| run(*number, *far)).partition(JobRun::is_ongoing);
    let kept = |run: JobRun| match before.run(run.id()) {
        Some(known) if **known == run => Arc::clone(known),
        Some(_) | None => Arc::new(run),
    };
    let rows: Vec<_> = ended.iter().filter_map(JobRow::of).map(Arc::new).collect();
    let problem = |row: &Arc<JobRow>| UnreadableJob { id: JobId(50 + row.id.0), problem: "spoilt".to_owned() };
    let unreadable: Vec<_> = rows.iter().map(problem).take(1).collect();
    let ended_runs = if rows == *before.ended_runs { Arc::clone(&before.ended_runs) } else { Arc::new(rows) };
    Snapshot {
        runs: ongoing.into_iter().map(kept).collect(),
        ended_runs,
        unreadable_runs: Arc::new(unreadable),
        ..Snapshot::default()
    }
}

/// The manager's next snapshot: what is the same as before is the same value in memory, as the manager does it.
fn snapshot(sketch: &Sketch, before: &Snapshot) -> Arc<Snapshot> {
    let kept = |session: Session| match before.session(session.id()) {
        Some(known) if **known == session => Arc::clone(known),
        Some(_) | None => Arc::new(session),
    };
    let mut ongoing: Vec<_> = sketch.ongoing.iter().map(|(number, far)| kept(session(*number, *far))).collect();
    sort_for_screen(&mut ongoing);
    let kept = |row: CompletedRow| match before.completed.iter().find(|known| ***known == row) {
        Some(known) => Arc::clone(known),
        None => Arc::new(row),
    };
    let mut rows: Vec<_> = sketch.rows.iter().map(|(number, succeeded)| kept(row(*number, *succeeded))).collect();
    rows.sort_by_key(|row| Reverse((row.ended, row.id)));
    let completed = if rows == *before.completed { Arc::clone(&before.completed) } else { Arc::new(rows) };
    let problem = |id: &u64| UnreadableSession { id: SessionId(*id), problem: "spoilt".to_owned() };
    let unreadable = Arc::new(sketch.unreadable.iter().map(problem).collect());
    let mut ended = EndedCounts::default();
    for row in completed.iter() {
        *ended.count_mut(row.kind, row.result) += 1;
    }
    let counts = Counts::of(&ongoing, ended);
    let revision = if sketch.new_owner { 1 } else { before.revision + 1 };
    Arc::new(Snapshot { revision, ongoing, completed, unreadable, counts, ..runs(&sketch.runs, before) })
}

/// Sends a delta to a replica through the wire; returns what was shown.
fn send(mut delta: Delta, replica: &mut Replica) -> Vec<Arc<Snapshot>> {
    let mut shown = Vec::new();
    while let Some(line) = delta.next_line(|change| serde_json::to_string(&FromOwner::Change(change)).unwrap()) {
        let FromOwner::Change(change) = serde_json::from_str(&line).unwrap() else { panic!("{line}") };
        shown.extend(replica.apply(change, line.len()).unwrap());
    }
    shown
}

fn same(shown: &Snapshot, target: &Snapshot) {
    assert_eq!(shown.ongoing, target.ongoing);
    assert_eq!(shown.completed, target.completed);
    assert_eq!((&shown.unreadable, shown.counts), (&target.unreadable, target.counts));
    assert_eq!(shown.runs, target.runs);
    assert_eq!((&shown.ended_runs, &shown.unreadable_runs), (&target.ended_runs, &target.unreadable_runs));
}

/// What the owner did not touch is not touched here either: the same value in memory as before.
fn shares(shown: &Snapshot, seen: &Snapshot, target: &Snapshot, known: &Snapshot) {
    for (new, old) in target.ongoing.iter().filter_map(|new| Some((new, known.session(new.id())?))) {
        let (ours, before) = (shown.session(new.id()).unwrap(), seen.session(new.id()).unwrap());
        assert!(!Arc::ptr_eq(new, old) || Arc::ptr_eq(ours, before), "session {} was copied", new.id());
    }
    let untouched = Arc::ptr_eq(&target.completed, &known.completed);
    assert!(!untouched || Arc::ptr_eq(&shown.completed, &seen.completed), "the rows were copied");
    for (new, old) in target.runs.iter().filter_map(|new| Some((new, known.run(new.id())?))) {
        let (ours, before) = (shown.run(new.id()).unwrap(), seen.run(new.id()).unwrap());
        assert!(!Arc::ptr_eq(new, old) || Arc::ptr_eq(ours, before), "run {} was copied", new.id());
    }
    let untouched = Arc::ptr_eq(&target.ended_runs, &known.ended_runs);
    assert!(!untouched || Arc::ptr_eq(&shown.ended_runs, &seen.ended_runs), "the runs that have ended were copied");
}

/// What another owner sends as the one before did is the same value in memory, too.
fn shares_with_earlier(shown: &Snapshot, seen: &Snapshot) {
    for session in &shown.ongoing {
        let before = seen.session(session.id()).filter(|before| *before == session);
        assert!(before.is_none_or(|before| Arc::ptr_eq(before, session)), "session {} was copied", session.id());
    }
    let untouched = shown.completed == seen.completed;
    assert!(!untouched || Arc::ptr_eq(&shown.completed, &seen.completed), "the rows were copied");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_delta_from_any_snapshot_to_any_other_leads_there(
        sketches in prop::collection::vec((sketch(), any::<bool>()), 1..8)
    ) {
        let mut replica = Replica::default();
        let mut known: Option<Arc<Snapshot>> = None;
        let mut before = Arc::new(Snapshot::default());
        let mut seen = Arc::new(Snapshot::default());
        for (sketch, sent) in sketches {
            let target = snapshot(&sketch, &before);
            before = Arc::clone(&target);
            if sketch.new_owner {
                known = None;
            }
            // A client that does not read is sent the newest snapshot only.
            if !sent {
                continue;
            }
            let delta = if let Some(known) = &known {
                Delta::between(known, Arc::clone(&target))
            } else {
                replica.reset();
                Delta::initial(Arc::clone(&target))
            };
            let shown = send(delta, &mut replica);
            let newest = shown.last().expect("every delta ends in a snapshot");
            same(newest, &target);
            assert!(shown.iter().all(|snapshot| snapshot.revision > seen.revision));
            if seen.revision > 0 {
                assert_eq!(shown.len(), 1, "one change is one snapshot");
                match &known {
                    Some(known) => shares(newest, &seen, &target, known),
                    None => shares_with_earlier(newest, &seen),
                }
            }
            seen = Arc::clone(newest);
            known = Some(target);
        }
    }
}

#[test]
fn a_connection_that_breaks_within_a_snapshot_leaves_nothing_of_it() {
    let sketch = |ongoing: &[(u64, u64)], rows: std::ops::Range<u64>| Sketch {
        ongoing: ongoing.to_vec(),
        rows: rows.map(|number| (number, true)).collect(),
        unreadable: Vec::new(),
        runs: ongoing.to_vec(),
        new_owner: false,
    };
    let first = snapshot(&sketch(&[(1, 1), (2, 0)], 1..500), &Snapshot::default());
    let second = snapshot(&sketch(&[(2, 1), (3, 0)], 100..900), &first);
    let mut replica = Replica::default();
    replica.reset();
    send(Delta::initial(Arc::clone(&first)), &mut replica);
    let lines = |mut delta: Delta| std::iter::from_fn(move || delta.next_line(|_| ())).count();
    for cut in 0..lines(Delta::between(&first, Arc::clone(&second))) {
        let mut delta = Delta::between(&first, Arc::clone(&second));
        for _ in 0..cut {
            let line = delta.next_line(|change| serde_json::to_string(&FromOwner::Change(change)).unwrap()).unwrap();
            let FromOwner::Change(change) = serde_json::from_str(&line).unwrap() else { panic!("{line}") };
            assert_eq!(replica.apply(change, line.len()).unwrap().map(|snapshot| snapshot.revision), None);
        }
        replica.reset();
        let shown = send(Delta::initial(Arc::clone(&first)), &mut replica);
        assert_eq!(shown.len(), 1, "the early part of a first snapshot was shown in place of a whole one");
        same(&shown[0], &first);
    }
}
