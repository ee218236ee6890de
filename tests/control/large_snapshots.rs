//! Large snapshots: a thousand ongoing and a hundred thousand completed sessions reach a client in pieces, soon.

use crate::{
    harness::{Harness, until, within},
    manager::{Plan, runs},
    sample,
};
use howdah::{
    domain::{InstanceName, Kind, RetryPolicy, SessionId, fact::Fact},
    journal::{Batch, JournalEntry, JournalRecord, MemoryStore, Store},
    machine::{CompletedDetails, CompletedResult, CompletedRow, Session},
    manager::Service,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

const ONGOING: u64 = 1_000;
const COMPLETED: u64 = 100_000;

fn rows() -> Vec<CompletedRow> {
    let row = |number: u64| CompletedRow {
        id: SessionId(10_000 + number),
        kind: Kind::Restore,
        title: InstanceName::new(&format!("orders-{number}")),
        ended: sample::after(i64::try_from(number).unwrap()),
        took: Duration::from_secs(number),
        result: if number.is_multiple_of(7) { CompletedResult::Cancelled } else { CompletedResult::Succeeded },
        details: CompletedDetails::default(),
    };
    (1..=COMPLETED).map(row).collect()
}

async fn large() -> Harness {
    let mut store = MemoryStore::default();
    let entry = |number| {
        let created = sample::created(number, RetryPolicy::default());
        JournalEntry {
            after: Session::create(created.clone()),
            changes: vec![JournalRecord::Created(Box::new(created))],
        }
    };
    store.append(Batch { entries: (1..=ONGOING).map(entry).collect(), ..Batch::default() }).await.unwrap();
    let harness = Harness::with(Plan { store, ..Plan::default() }, |_| runs());
    until("four run", &mut harness.manager.handle.snapshots(), |now| now.counts.running == 4).await;
    harness
}

async fn fill(harness: &Harness) {
    harness.manager.handle.fill_completed(rows()).await;
    until("the rows", &mut harness.manager.handle.snapshots(), |now| !now.completed.is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_completed_sessions_arrive() {
    let harness = large().await;
    let early = harness.client(true).await;
    fill(&harness).await;
    let whole = COMPLETED.try_into().unwrap();
    let begun = Instant::now();
    let late = harness.client(true).await;
    let first = late.snapshots().borrow().clone();
    let to_first = begun.elapsed();
    assert_eq!((first.ongoing.len(), first.counts.completed()), (1_000, whole));
    assert_eq!(first.completed[0].id, SessionId(10_000 + COMPLETED), "the newest come first");
    until("all rows", &mut late.snapshots(), |now| now.completed.len() == whole).await;
    println!("first snapshot after {to_first:?}, all of {COMPLETED} rows after {:?}", begun.elapsed());
    let newest = harness.manager.handle.snapshots().borrow().clone();
    for client in [&early, &late] {
        let seen = until("all rows", &mut client.snapshots(), |now| now.completed.len() == whole).await;
        assert!(seen.completed == newest.completed && seen.ongoing == newest.ongoing);
        assert_eq!(seen.counts, newest.counts);
    }
    // What has not changed is the same value as before.
    let before = late.snapshots().borrow().clone();
    harness.manager.say(1, 1, howdah::machine::Report::Fact(Fact::Note("a change".to_owned()))).await;
    let after = until("a change", &mut late.snapshots(), |now| now.revision > before.revision).await;
    assert!(Arc::ptr_eq(&before.completed, &after.completed));
    let changed: Vec<SessionId> = after
        .ongoing
        .iter()
        .filter(|session| !before.ongoing.iter().any(|old| Arc::ptr_eq(old, session)))
        .map(|session| session.id())
        .collect();
    assert_eq!(changed, [SessionId(1)]);
}

#[tokio::test]
async fn a_large_snapshot_comes_in_lines_of_bounded_size_and_can_be_shown_early() {
    let harness = large().await;
    fill(&harness).await;
    let mut raw = harness.raw();
    raw.watch().await;
    let (mut sessions, mut first_rows, mut other_rows, mut shown) = (0, 0, 0, false);
    loop {
        let line = within("a line", raw.receive()).await;
        assert!(line.to_string().len() < 300_000, "a line of {} bytes", line.to_string().len());
        let change = &line["change"];
        if change["session"].is_object() {
            assert!(!shown, "a session comes after the first snapshot");
            sessions += 1;
        }
        if let Some(rows) = change["rows"].as_array() {
            assert!(rows.len() <= 1000);
            *if shown { &mut other_rows } else { &mut first_rows } += rows.len();
        }
        match change["snapshot"]["more"].as_bool() {
            Some(true) => shown = true,
            Some(false) => break,
            None => {}
        }
    }
    assert_eq!((sessions, first_rows, other_rows, shown), (1000, 200, 99_800, true));
}
