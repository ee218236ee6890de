//! Many sessions: read by several threads, counted by the database, a hundred thousand of them opened.

use super::{Harness, batch, ends, entry, life, new, sample};
use howdah::{
    domain::{Disposition, JobId, Parent, Reach, RetryPolicy, SessionId},
    journal::{JournalReader, JournalRecord},
    machine::{Command, CompletedResult, CompletedRow, Session, event::Created},
};
use std::time::Instant;

/// So many are read by several threads.
#[test]
fn s10_many_ongoing_sessions_come_in_their_order_without_those_that_cannot_be_read() {
    const SPOILT: [u64; 4] = [1, 100, 250, 450];
    let harness = Harness::new();
    harness.open().append(&batch((1..=450).map(new))).unwrap();
    for id in SPOILT {
        harness.spoil(&format!("UPDATE sessions SET body = '{{}}' WHERE id = {id}"));
    }
    let opening = harness.open().initial_state().unwrap();
    let read: Vec<u64> = opening.ongoing.iter().map(|session| session.id().0).collect();
    assert_eq!(read, (1..=450).filter(|id| !SPOILT.contains(id)).collect::<Vec<_>>());
    assert_eq!(opening.unreadable.iter().map(|one| one.id.0).collect::<Vec<_>>(), SPOILT);
}

/// It stands in another column than the rest of a row, and only of some of them.
#[test]
fn a_row_of_items_that_were_taken_out_says_out_of_which_session() {
    let harness = Harness::new();
    let parents = [None, Some(Parent::Explore(SessionId(1))), Some(Parent::Job(JobId(1)))];
    let entries = (1..).zip(parents).map(|(number, parent)| {
        let created = Created { parent, ..sample::created(number, RetryPolicy::default()) };
        let (id, by) = (created.id, "amy".to_owned());
        let cancel = Command::Cancel { disposition: Disposition::Remove, by, reach: Reach::AnyOrigin };
        let session = Session::create(created.clone());
        let mut entry = entry(&session, cancel, sample::start());
        entry.changes.insert(0, JournalRecord::Created(Box::new(created)));
        assert!(!entry.after.is_ongoing(), "{id}");
        entry
    });
    let entries: Vec<_> = entries.collect();
    let mut expected: Vec<_> = entries.iter().map(|entry| CompletedRow::of(&entry.after).unwrap()).collect();
    expected.sort_by_key(|row| std::cmp::Reverse(row.id));
    harness.open().append(&batch(entries)).unwrap();
    let rows: Vec<CompletedRow> =
        harness.open().initial_state().unwrap().completed.iter().map(CompletedRow::clone).collect();
    let past: Vec<CompletedRow> =
        JournalReader::open(&harness.path).unwrap().past().unwrap().into_iter().map(|past| past.row).collect();
    assert_eq!((&rows, &past), (&expected, &expected));
    let from: Vec<_> = rows.iter().map(|row| row.details.taken_from).collect();
    assert_eq!(from, [None, Some(SessionId(1)), None]);
}

/// The count is a table of its own, which follows whatever changes a row.
#[test]
fn completed_sessions_are_counted_whatever_changes_their_rows() {
    let harness = Harness::new();
    harness.open().append(&batch((1..=6).map(|number| life(number, number % 3 == 0)))).unwrap();
    assert_eq!(ends(&harness.open().initial_state().unwrap()), (4, 2));
    for (change, left) in [
        ("UPDATE sessions SET place = 'dismissed' WHERE id IN (1, 3)", (3, 1)),
        ("UPDATE sessions SET version = 99 WHERE id IN (1, 2)", (3, 1)),
        ("UPDATE sessions SET result = 'cancelled' WHERE id = 2", (2, 2)),
        ("UPDATE sessions SET place = 'completed' WHERE id = 1", (3, 2)),
        ("UPDATE sessions SET kind = 'mirror' WHERE id = 4", (2, 2)),
        ("DELETE FROM events", (2, 2)),
        ("DELETE FROM sessions WHERE id IN (3, 6)", (2, 1)),
        ("UPDATE sessions SET place = 'ongoing' WHERE id = 5", (1, 1)),
    ] {
        harness.spoil(change);
        assert_eq!(ends(&harness.open().initial_state().unwrap()), left, "{change}");
    }
}

/// No timed assertion: the machine that runs this may be busy. The times are printed.
#[test]
fn a_hundred_thousand_completed_sessions_open() {
    const MANY: u64 = 100_000;
    let harness = Harness::new();
    let mut journal = harness.open();
    journal.append(&batch([life(1, false), life(2, true)])).unwrap();
    // The rest are copies of these two, made by the database: every tenth is cancelled.
    harness.spoil(&format!(
        "WITH RECURSIVE numbers (n) AS (VALUES (3) UNION ALL SELECT n + 1 FROM numbers WHERE n < {MANY})
         INSERT INTO sessions SELECT n, n, place, kind, parent, instance, ended + n, took, result, version, body, target,
                ordered_by, bytes, rate, tries
         FROM numbers JOIN sessions ON id = 1 + (n % 10 = 0)"
    ));
    journal.append(&batch((1..=1000).map(|number| new(MANY + number)))).unwrap();
    drop(journal);
    let begun = Instant::now();
    let journal = harness.open();
    let opening = journal.initial_state().unwrap();
    let opened = begun.elapsed();
    let completed = journal.completed().unwrap();
    println!("opened in {opened:?}, all {} rows after {:?}", completed.len(), begun.elapsed());
    assert_eq!((opening.ongoing.len(), opening.completed.len()), (1000, 200));
    assert_eq!(ends(&opening), (89_999, 10_001));
    assert_eq!(completed.len(), 100_000);
    assert_eq!(completed[0].result, CompletedResult::Cancelled);
    assert_eq!(opening.completed, completed[..200]);
}
