//! Runs of jobs in a real journal: stored with their sessions or not at all, read whole, and none hidden by another.

use super::{Harness, new, sample};
use howdah::{
    domain::{
        BackupObject, Disposed, InstanceName, JobId, JobKind, JobObject, JobResult, JobSpec, Origin, RetryPolicy,
        SessionId, StopMode, Timestamp, Who,
    },
    journal::{Batch, JobEntry, JobRecord, JournalReader, SqliteJournal},
    machine::job::{JobCommand, JobCreated, JobRow, JobRun, ObjectEnd, decide, evolve},
};
use std::{num::NonZeroU16, time::Instant};
use uuid::Uuid;

fn created(number: u64, name: &str, objects: usize) -> JobCreated {
    let object = |number: usize| {
        let name = InstanceName::new(&format!("tree-{number}"));
        let object = BackupObject::FileCopy { name, path: "/etc".into(), target: "/backup".into() };
        JobObject { object, repository: None, max_rate: None }
    };
    let objects = (0..objects).map(object).collect();
    let (name, kind, policy) = (InstanceName::new(name), JobKind::FileCopy, RetryPolicy::default());
    let spec = JobSpec::new(name, kind, objects, NonZeroU16::MIN, policy).unwrap();
    let (id, uuid, who) = (JobId(number), Uuid::from_u128(1000 + u128::from(number)), Who::new("ops", "h", 1, None));
    JobCreated { id, uuid, spec, who, origin: Origin::CommandLine, at: sample::start() }
}

fn begun(number: u64, name: &str, objects: usize) -> JobEntry {
    let created = created(number, name, objects);
    JobEntry { after: JobRun::create(created.clone()), changes: vec![JobRecord::Created(Box::new(created))] }
}

/// The entry with what a command makes of its run.
fn then(mut entry: JobEntry, command: JobCommand, at: Timestamp) -> JobEntry {
    for event in decide(&entry.after, command, at).unwrap() {
        entry.after = evolve(entry.after, &event, at);
        entry.changes.push(JobRecord::Happened { at, event });
    }
    entry
}

fn stop() -> JobCommand {
    JobCommand::Stop { mode: StopMode::Immediate, by: "ops".to_owned() }
}

/// A run that was stopped at once, so many seconds after its start.
fn ended(number: u64, name: &str, seconds: i64) -> JobEntry {
    then(begun(number, name, 2), stop(), sample::after(seconds))
}

fn runs(jobs: impl IntoIterator<Item = JobEntry>) -> Batch {
    Batch { jobs: jobs.into_iter().collect(), ..Batch::default() }
}

#[test]
fn a_run_is_stored_with_its_session_or_not_at_all() {
    let harness = Harness::new();
    let mut journal = harness.open();
    let start = JobCommand::ObjectStarted { object: 0, session: SessionId(1) };
    let run = then(begun(1, "nightly", 2), start.clone(), sample::after(1));
    journal.append(&Batch { entries: vec![new(1)], jobs: vec![run.clone()] }).unwrap();
    // The session cannot be stored, since its uuid is another one's: the run is not stored either.
    let mut thief = sample::created(2, RetryPolicy::default());
    thief.uuid = sample::created(1, RetryPolicy::default()).uuid;
    let mut entry = new(2);
    entry.after = howdah::machine::Session::create(thief);
    let other = then(begun(2, "weekly", 1), start, sample::after(1));
    journal.append(&Batch { entries: vec![entry], jobs: vec![other] }).unwrap_err();
    let initial = harness.open().initial_state().unwrap();
    assert_eq!((initial.jobs.last_id, initial.last_id), (1, 1));
    assert_eq!(initial.jobs.ongoing, [run.after]);
    assert!(initial.jobs.unreadable.is_empty() && initial.jobs.ended.is_empty());
}

#[test]
fn runs_that_have_ended_are_listed_newest_first_until_they_are_dismissed() {
    let harness = Harness::new();
    let mut journal = harness.open();
    let last = ended(3, "nightly", 30);
    journal
        .append(&runs([ended(1, "nightly", 50), ended(2, "weekly", 20), last.clone(), begun(4, "hourly", 1)]))
        .unwrap();
    let ids = |journal: &SqliteJournal| -> Vec<(u64, bool)> {
        journal.initial_state().unwrap().jobs.ended.iter().map(|row| (row.id.0, row.dismissed)).collect()
    };
    assert_eq!(ids(&journal), [(1, false), (3, false), (2, false)]);
    let seen = then(last, JobCommand::Dismiss { by: "ops".to_owned() }, sample::after(60));
    journal.append(&runs([JobEntry { changes: vec![seen.changes.last().unwrap().clone()], ..seen.clone() }])).unwrap();
    // 3 is the newest of nightly; 1 is not, and would go.
    assert_eq!(ids(&journal), [(1, false), (3, true), (2, false)]);
    assert_eq!(journal.job(JobId(3)).unwrap(), Some(seen.after.clone()));
    assert_eq!(journal.job(JobId(9)).unwrap(), None);

    let mut reader = JournalReader::open(&harness.path).unwrap();
    let numbers = |set: howdah::journal::JobSet| set.runs.iter().map(|run| run.id().0).collect::<Vec<_>>();
    assert_eq!(numbers(reader.ongoing_runs().unwrap()), [4]);
    let (rows, unreadable) = reader.ended_runs().unwrap();
    assert_eq!((&rows, unreadable.len()), (&journal.initial_state().unwrap().jobs.ended, 0));
    harness.spoil("UPDATE jobs SET summary = NULL");
    assert_eq!(reader.ended_runs().unwrap().0, rows, "as an older build stored them");
    harness.spoil("UPDATE jobs SET summary = '{' WHERE id = 2");
    assert_eq!(reader.ended_runs().unwrap().1[0].id.0, 2);
    assert_eq!(numbers(reader.runs_of(&InstanceName::new("nightly"), 9).unwrap()), [3, 1]);
    assert_eq!(numbers(reader.last_runs().unwrap()), [4, 3, 2], "hourly, nightly, weekly");
    assert_eq!(reader.run(JobId(3)).unwrap(), Some(seen.after.clone()));
    let mut with_prefix = |prefix: &str, most| {
        reader.runs_with_prefix(prefix, most).unwrap().into_iter().map(|named| named.id.0).collect::<Vec<_>>()
    };
    let uuid = seen.after.uuid().to_string();
    assert_eq!((with_prefix(&uuid, 9), with_prefix(&uuid[..1], 3)), (vec![3], vec![1, 2, 3]), "dismissed ones too");
    assert_eq!(with_prefix("f", 9), [] as [u64; 0]);
    let row = JobRow::of(&reader.run(JobId(1)).unwrap().unwrap()).unwrap();
    assert_eq!((row.result, row.objects.not_started, row.ended), (JobResult::Failed, 2, sample::after(50)));
}

#[test]
fn s10_a_run_that_cannot_be_read_hides_no_other() {
    let harness = Harness::new();
    harness.open().append(&runs([begun(1, "a", 1), begun(2, "b", 1), ended(3, "c", 3), ended(4, "d", 4)])).unwrap();
    harness.spoil("UPDATE jobs SET body = '{' WHERE id = 1");
    harness.spoil("UPDATE jobs SET version = 99 WHERE id = 4");
    let jobs = harness.open().initial_state().unwrap().jobs;
    assert_eq!(jobs.ongoing.iter().map(|run| run.id().0).collect::<Vec<_>>(), [2]);
    assert_eq!(jobs.ended.iter().map(|row| row.id.0).collect::<Vec<_>>(), [3]);
    assert_eq!(jobs.unreadable.iter().map(|run| run.id.0).collect::<Vec<_>>(), [1, 4]);
    let newer = "the journal's record of run 4 of a job cannot be read: it has version 99, this howdah knows up to ";
    assert!(jobs.unreadable[1].problem.starts_with(newer), "{:?}", jobs.unreadable);
    let mut reader = JournalReader::open(&harness.path).unwrap();
    let set = reader.ongoing_runs().unwrap();
    assert_eq!((set.runs.len(), set.unreadable.len()), (1, 1));
    assert!(reader.run(JobId(1)).is_err() && reader.run(JobId(2)).is_ok());
}

#[test]
fn a_journal_that_is_older_than_runs_has_none() {
    let harness = Harness::new();
    rusqlite::Connection::open(&harness.path).unwrap().pragma_update(None, "user_version", 2).unwrap();
    let mut reader = JournalReader::open(&harness.path).unwrap();
    assert!(reader.ongoing_runs().unwrap().runs.is_empty() && reader.last_runs().unwrap().runs.is_empty());
    assert_eq!(reader.run(JobId(1)).unwrap(), None);
    assert!(reader.run_history(JobId(1)).unwrap().is_empty());
}

#[test]
fn the_history_of_a_run_comes_in_order_also_what_cannot_be_read() {
    let harness = Harness::new();
    let start = JobCommand::ObjectStarted { object: 0, session: SessionId(7) };
    let cancelled = ObjectEnd::Cancelled { begun: true, disposed: Disposed::Removed };
    let end = JobCommand::ObjectEnded { session: SessionId(7), end: cancelled };
    let run = then(then(begun(1, "nightly", 2), start, sample::after(1)), stop(), sample::after(2));
    harness.open().append(&runs([then(run, end, sample::after(3))])).unwrap();
    harness.spoil("UPDATE job_events SET body = 'x' WHERE number = 3");
    let lines = JournalReader::open(&harness.path).unwrap().run_history(JobId(1)).unwrap();
    let kinds: Vec<&str> = lines.iter().map(|line| line.event.as_str()).collect();
    assert_eq!(kinds, ["created", "object_started", "unreadable", "object_ended", "ended"]);
    assert!(lines[0].text.ends_with("through the command line: tree-0, tree-1"), "{}", lines[0].text);
    assert_eq!(lines[1].text, "tree-0 is in process as session 7");
    assert!(lines[3].text.starts_with("tree-0 was cancelled after 2.0 s"), "{}", lines[3].text);
    assert_eq!(
        lines[4].text,
        "ended, failed after 3.0 s: stopped immediately by ops; 0 of 2 objects have a new restore point"
    );
    assert!(lines[2].record.is_none() && lines[3].at == sample::after(3));
}

#[test]
fn a_thousand_runs_of_fifty_objects_are_opened_in_a_moment() {
    let harness = Harness::new();
    // The newest of each job, and else the newest two hundred.
    let whole = |number| then(begun(number, &format!("job-{}", number % 300), 50), stop(), sample::after(9));
    harness.open().append(&runs((1..=1000).map(whole))).unwrap();
    let start = Instant::now();
    let initial = harness.open().initial_state().unwrap();
    println!("a journal of 1,000 runs was opened in {:?}", start.elapsed());
    assert_eq!((initial.jobs.ended.len(), initial.jobs.last_id), (300, 1000));
}
