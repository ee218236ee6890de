//! The journal floor: a real SQLite file, crashes, garbage, and a hundred thousand sessions.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
#![allow(clippy::print_stdout, reason = "how long an opening takes is worth a line")]

#[allow(dead_code, reason = "each floor uses its part of the samples")]
#[path = "machine/sample.rs"]
mod sample;

#[path = "journal/jobs.rs"]
mod jobs;

#[path = "journal/many.rs"]
mod many;

#[path = "journal/upgrade.rs"]
mod upgrade;

use howdah::{
    domain::{
        AttemptNo, Disposition, Reach, RetryPolicy, SessionId, Timestamp,
        fact::End,
        fact::{Began, Fact},
    },
    journal::{
        Batch, InitialState, JournalEntry, JournalError, JournalReader, JournalRecord, SqliteJournal, Store,
        ThreadStore,
    },
    machine::{Command, CompletedResult, CompletedRow, Event, Report, Session, decide, event::Created, evolve},
};
use rusqlite::Connection;
use std::path::PathBuf;
use tempfile::TempDir;

/// A journal in a directory of its own.
struct Harness {
    _directory: TempDir,
    path: PathBuf,
}

impl Harness {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal.db");
        Self { _directory: directory, path }
    }

    fn open(&self) -> SqliteJournal {
        SqliteJournal::open(&self.path).unwrap()
    }

    /// Changes the file behind the journal's back.
    fn spoil(&self, sql: &str) {
        assert!(Connection::open(&self.path).unwrap().execute(sql, []).unwrap() > 0, "{sql}");
    }
}

fn new(number: u64) -> JournalEntry {
    let created = sample::created(number, RetryPolicy::default());
    JournalEntry { after: Session::create(created.clone()), changes: vec![JournalRecord::Created(Box::new(created))] }
}

/// What a command makes of a session, as one entry.
fn entry(before: &Session, command: Command, now: Timestamp) -> JournalEntry {
    let events = decide(before, command, now).unwrap();
    let after = events.iter().fold(before.clone(), |session, event| evolve(session, event, now));
    JournalEntry {
        after,
        changes: events.into_iter().map(|event| JournalRecord::Happened { at: now, event }).collect(),
    }
}

/// A whole life in one entry: created, launched, succeeded; or cancelled in the queue.
fn life(number: u64, cancelled: bool) -> JournalEntry {
    let mut whole = new(number);
    let report = Report::Over(Some(End::Succeeded(sample::success())));
    let commands = if cancelled {
        vec![Command::Cancel { disposition: Disposition::Keep, reach: Reach::AnyOrigin, by: "ops".to_owned() }]
    } else {
        vec![Command::Launch, Command::Report { attempt: AttemptNo(1), report }]
    };
    for command in commands {
        let next = entry(&whole.after, command, sample::after(i64::try_from(number).unwrap()));
        whole.after = next.after;
        whole.changes.extend(next.changes);
    }
    whole
}

fn batch(entries: impl IntoIterator<Item = JournalEntry>) -> Batch {
    Batch { entries: entries.into_iter().collect(), ..Batch::default() }
}

/// How many succeeded, and how many were cancelled.
fn ends(opening: &InitialState) -> (usize, usize) {
    (opening.ended.with(CompletedResult::Succeeded), opening.ended.with(CompletedResult::Cancelled))
}

#[test]
fn what_was_stored_is_there_after_a_crash() {
    let harness = Harness::new();
    let mut journal = harness.open();
    let first = new(1);
    journal.append(&batch([first.clone(), new(2), life(3, false), life(4, true)])).unwrap();
    let launched = entry(&first.after, Command::Launch, sample::after(9));
    journal.append(&batch([launched.clone()])).unwrap();
    // A crash closes nothing: the next owner meets the WAL file as it is.
    let journal = std::mem::ManuallyDrop::new(journal);
    let opening = harness.open().initial_state().unwrap();
    assert_eq!(opening.last_id, 4);
    assert_eq!(opening.ongoing, [launched.after, new(2).after]);
    assert_eq!(opening.completed.iter().map(|row| row.id.0).collect::<Vec<_>>(), [4, 3]);
    assert_eq!(ends(&opening), (1, 1));
    assert!(opening.unreadable.is_empty());
    drop(std::mem::ManuallyDrop::into_inner(journal));
}

#[test]
fn a_batch_is_stored_whole_or_not_at_all() {
    let harness = Harness::new();
    let mut journal = harness.open();
    journal.append(&batch([new(1)])).unwrap();
    // The second entry cannot be stored: its uuid belongs to another session.
    let mut thief = sample::created(3, RetryPolicy::default());
    thief.uuid = sample::created(1, RetryPolicy::default()).uuid;
    let thief =
        JournalEntry { after: Session::create(thief.clone()), changes: vec![JournalRecord::Created(Box::new(thief))] };
    let error = journal.append(&batch([new(2), thief])).unwrap_err();
    assert!(matches!(error, JournalError::Sqlite { .. }), "{error}");
    assert_eq!(journal.initial_state().unwrap().ongoing, [new(1).after]);
    assert_eq!(journal.session(SessionId(2)).unwrap(), None);
    journal.append(&batch([new(2)])).unwrap();
    assert_eq!(harness.open().initial_state().unwrap().ongoing.len(), 2);
}

#[test]
fn every_event_is_kept_in_order() {
    let harness = Harness::new();
    let mut journal = harness.open();
    let mut stored = Vec::new();
    let mut session = new(1);
    let report = |report| Command::Report { attempt: AttemptNo(1), report };
    journal.append(&batch([session.clone()])).unwrap();
    let commands = [
        Command::Launch,
        report(Report::Fact(Fact::Began(Began::of(sample::mark(AttemptNo(1)), None)))),
        report(Report::Fact(Fact::Planned(Box::new(sample::plan())))),
        report(Report::Over(None)),
        Command::Cancel { disposition: Disposition::SetAside, reach: Reach::AnyOrigin, by: "ops".to_owned() },
    ];
    for (command, at) in commands.into_iter().zip(1..) {
        session = entry(&session.after, command, sample::after(at));
        stored.extend(session.changes.clone());
        journal.append(&batch([session.clone(), life(u64::try_from(at).unwrap() + 10, true)])).unwrap();
    }
    let connection = Connection::open(&harness.path).unwrap();
    let mut statement = connection.prepare("SELECT body FROM events WHERE session = 1 ORDER BY number").unwrap();
    let bodies: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let created: Created = serde_json::from_str(&bodies[0]).unwrap();
    let events: Vec<Event> = bodies[1..].iter().map(|body| serde_json::from_str(body).unwrap()).collect();
    let expected: Vec<&Event> = stored
        .iter()
        .map(|change| match change {
            JournalRecord::Happened { event, .. } => event,
            JournalRecord::Created(_) => panic!("created once only"),
        })
        .collect();
    assert_eq!(events.iter().collect::<Vec<_>>(), expected);
    assert_eq!(created, sample::created(1, RetryPolicy::default()));
}

#[test]
fn s10_one_record_that_cannot_be_read_hides_no_other() {
    for (spoil, unreadable) in [
        ("UPDATE sessions SET body = '{\"id\": 1, \"trunc' WHERE id = 1", 1),
        ("UPDATE sessions SET body = CAST(x'ff00ff' AS TEXT) WHERE id = 1", 1),
        ("UPDATE sessions SET body = '' WHERE id = 1", 1),
        ("UPDATE sessions SET version = 99 WHERE id = 1", 1),
        ("UPDATE sessions SET version = -1 WHERE id = 1", 1),
        ("UPDATE sessions SET ended = 9223372036854775807 WHERE id = 3", 3),
        ("UPDATE sessions SET instance = CAST(x'ff' AS TEXT) WHERE id = 3", 3),
    ] {
        let harness = Harness::new();
        harness.open().append(&batch([new(1), new(2), life(3, false), life(4, true)])).unwrap();
        harness.spoil(spoil);
        let opening = harness.open().initial_state().unwrap();
        let shown: Vec<u64> = opening.unreadable.iter().map(|record| record.id.0).collect();
        assert_eq!(shown, [unreadable], "{spoil}: {opening:?}");
        assert!(!opening.unreadable[0].problem.is_empty());
        let ongoing: Vec<u64> = opening.ongoing.iter().map(|session| session.id().0).collect();
        let completed: Vec<u64> = opening.completed.iter().map(|row| row.id.0).collect();
        let all_but = |ids: [u64; 2]| ids.into_iter().filter(|id| *id != unreadable).collect::<Vec<_>>();
        assert_eq!((ongoing, completed), (all_but([1, 2]), all_but([4, 3])), "{spoil}");
        assert_eq!(opening.last_id, 4, "its number is never given again");
    }
}

#[test]
fn s10_no_row_can_stand_where_nobody_looks() {
    let harness = Harness::new();
    harness.open().append(&batch([new(1), life(3, false)])).unwrap();
    for change in [
        "place = 'nowhere'",
        "place = x'00'",
        "place = 'completed'",
        "ended = 'noon'",
        "took = -1",
        "instance = x'ff'",
        "body = x'ff'",
        "version = 'x'",
    ] {
        let changed = Connection::open(&harness.path).unwrap().execute(&format!("UPDATE sessions SET {change}"), []);
        assert!(changed.is_err(), "{change}");
    }
}

#[test]
fn a_kind_or_result_that_only_a_later_howdah_knows_is_listed_and_hides_nothing() {
    for (change, says) in [("kind = 'mirror'", "\"mirror\""), ("result = 'exploded'", "\"exploded\"")] {
        let harness = Harness::new();
        harness.open().append(&batch([life(1, false), life(2, true)])).unwrap();
        harness.spoil(&format!("UPDATE sessions SET {change} WHERE id = 1"));
        let opening = harness.open().initial_state().unwrap();
        assert!(opening.unreadable[0].problem.contains(says), "{:?}", opening.unreadable);
        assert_eq!((opening.completed.len(), ends(&opening)), (1, (0, 1)), "{change}");
    }
}

#[test]
fn a_spoilt_body_of_a_completed_session_is_an_error_of_that_session_only() {
    let harness = Harness::new();
    harness.open().append(&batch([life(1, false), life(2, false)])).unwrap();
    harness.spoil("UPDATE sessions SET body = 'x' WHERE id = 1");
    let journal = harness.open();
    let error = journal.session(SessionId(1)).unwrap_err();
    assert!(error.to_string().contains("session 1"), "{error}");
    assert_eq!(journal.session(SessionId(2)).unwrap(), Some(life(2, false).after));
}

#[test]
fn a_file_of_a_newer_howdah_is_refused_with_both_versions() {
    let harness = Harness::new();
    drop(harness.open());
    let connection = Connection::open(&harness.path).unwrap();
    connection.pragma_update(None, "user_version", 7).unwrap();
    let error = SqliteJournal::open(&harness.path).unwrap_err();
    assert!(matches!(error, JournalError::Newer { found: 7, known: 6, .. }), "{error}");
}

#[test]
fn a_file_that_is_no_journal_is_named() {
    let harness = Harness::new();
    std::fs::write(&harness.path, "this is not a database, but it is longer than a header of one would be at least")
        .unwrap();
    let error = SqliteJournal::open(&harness.path).unwrap_err();
    assert!(error.to_string().contains("journal.db"), "{error}");
}

#[test]
fn a_dismissed_session_is_kept_but_not_shown() {
    let harness = Harness::new();
    let mut journal = harness.open();
    let ended = life(1, false);
    journal.append(&batch([ended.clone(), life(2, false)])).unwrap();
    let dismissed = entry(&ended.after, Command::Dismiss { by: "ops".to_owned() }, sample::after(99));
    journal.append(&batch([dismissed.clone()])).unwrap();
    let opening = journal.initial_state().unwrap();
    assert_eq!(opening.completed.iter().map(|row| row.id.0).collect::<Vec<_>>(), [2]);
    assert_eq!((ends(&opening).0, journal.completed().unwrap().len()), (1, 1));
    assert_eq!(journal.session(SessionId(1)).unwrap(), Some(dismissed.after));
}

/// However many are asked for: a few are looked up, of many all are read.
#[test]
fn the_numbers_that_stand_for_a_session_are_told_from_those_that_do_not() {
    let harness = Harness::new();
    let mut journal = harness.open();
    journal.append(&batch([new(1), life(3, true), new(2_900)])).unwrap();
    let known = |asked: &[u64]| journal.known(&asked.iter().copied().map(SessionId).collect()).unwrap();
    let ids = |ids: &[u64]| ids.iter().copied().map(SessionId).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(known(&[1, 2, 3]), ids(&[1, 3]));
    assert_eq!(known(&[]), ids(&[]));
    assert_eq!(known(&(2..=2_950).collect::<Vec<_>>()), ids(&[3, 2_900]));
}

#[test]
fn another_process_reads_while_the_owner_writes() {
    let harness = Harness::new();
    let mut owner = harness.open();
    owner.append(&batch([new(1)])).unwrap();
    let reader = SqliteJournal::read(&harness.path).unwrap();
    owner.append(&batch([new(2)])).unwrap();
    assert_eq!(reader.initial_state().unwrap().ongoing.len(), 2);
}

#[tokio::test]
async fn the_thread_answers_when_the_disk_has_it() {
    let harness = Harness::new();
    let mut store = ThreadStore::spawn(harness.open()).unwrap();
    store.append(batch([new(1)])).await.unwrap();
    assert_eq!(harness.open().initial_state().unwrap().ongoing, [new(1).after]);
    assert_eq!(store.session(SessionId(1)).await.unwrap(), Some(new(1).after));
    assert_eq!(store.session(SessionId(2)).await.unwrap(), None);
}

#[test]
fn of_two_owners_only_the_newer_one_can_change_anything() {
    let harness = Harness::new();
    let mut first = harness.open();
    first.append(&batch([new(1)])).unwrap();
    first.check().unwrap();
    let mut second = harness.open();
    let error = first.append(&batch([new(2)])).unwrap_err();
    assert!(matches!(error, JournalError::Superseded { .. }) && error.ends_ownership(), "{error}");
    assert!(matches!(first.check(), Err(JournalError::Superseded { .. })));
    assert_eq!(first.session(SessionId(2)).unwrap(), None);
    second.append(&batch([new(2)])).unwrap();
    second.check().unwrap();
}

#[test]
fn a_journal_that_is_deleted_or_replaced_under_its_owner_is_noticed() {
    let harness = Harness::new();
    for replaced in [false, true] {
        let mut journal = harness.open();
        journal.append(&batch([new(if replaced { 2 } else { 1 })])).unwrap();
        let away = harness.path.with_extension("away");
        std::fs::rename(&harness.path, &away).unwrap();
        if replaced {
            std::fs::copy(&away, &harness.path).unwrap();
        }
        for error in [journal.append(&batch([new(3)])).unwrap_err(), journal.check().unwrap_err()] {
            let what = if replaced { "another file was put in its place" } else { "it was deleted or moved away" };
            assert!(error.to_string().ends_with(what) && error.ends_ownership(), "{error}");
        }
        std::fs::rename(&away, &harness.path).unwrap();
        journal.append(&batch([new(if replaced { 4 } else { 3 })])).unwrap();
    }
}

#[test]
fn who_reads_beside_an_owner_takes_nothing_from_it() {
    let harness = Harness::new();
    let mut owner = harness.open();
    owner.append(&batch([life(1, false)])).unwrap();
    let mut reader = SqliteJournal::read(&harness.path).unwrap();
    assert_eq!(reader.completed().unwrap().len(), 1);
    assert!(matches!(reader.append(&batch([new(2)])), Err(JournalError::ReadOnly { .. })));
    owner.append(&batch([new(2)])).unwrap();
}

#[test]
fn d10_the_history_holds_all_that_ended_dismissed_or_not_and_what_it_cannot_read_hides_nothing() {
    let harness = Harness::new();
    assert!(JournalReader::open(&harness.path).unwrap().past().unwrap().is_empty(), "there is no journal yet");
    let mut journal = harness.open();
    let mut dismissed = life(3, true);
    let by = "ops@bastion".to_owned();
    let at = dismissed.after.created_at();
    dismissed.after = evolve(dismissed.after, &Event::Dismissed { by }, at);
    journal.append(&batch([life(1, false), life(2, true), dismissed, new(4), life(5, false)])).unwrap();
    harness.spoil("UPDATE sessions SET result = 'sideways' WHERE id = 5");
    let past = JournalReader::open(&harness.path).unwrap().past().unwrap();
    let found: Vec<_> = past.iter().map(|one| (one.row.id.0, one.is_dismissed)).collect();
    assert_eq!(found, [(3, true), (2, false), (1, false)]);
    assert_eq!(past[2].row, CompletedRow::of(&life(1, false).after).unwrap());
}
