//! Clients that read slowly or not at all, and how often anything is sent.

use crate::{
    harness::{Harness, RawPeer, until, within},
    sample,
};
use howdah::{control::Replica, domain::fact::Fact, machine::Report, manager::Service as _};
use serde_json::{Value, json};
use std::time::Duration;

/// Reads until the snapshot is the manager's newest; returns how many bytes and snapshots that took.
async fn catch_up(harness: &Harness, raw: &mut RawPeer, replica: &mut Replica) -> (usize, usize) {
    let (mut bytes, mut snapshots) = (0, 0);
    loop {
        let line = raw.receive().await.to_string();
        bytes += line.len();
        let Some(snapshot) = apply(replica, &line) else { continue };
        snapshots += 1;
        let newest = harness.manager.handle.snapshots().borrow().clone();
        if snapshot.revision == newest.revision {
            assert_eq!(snapshot.ongoing, newest.ongoing);
            return (bytes, snapshots);
        }
    }
}

fn apply(replica: &mut Replica, line: &str) -> Option<std::sync::Arc<howdah::manager::Snapshot>> {
    let mut value: Value = serde_json::from_str(line).unwrap();
    let change = serde_json::from_value(value["change"].take()).unwrap_or_else(|error| panic!("{error}: {line}"));
    replica.apply(change, line.len()).unwrap()
}

/// A session runs and its attempt comes further, so far and no less often than it can be seen.
async fn come_further(harness: &Harness, bytes: u64) {
    harness.manager.say(1, 1, Report::Fact(Fact::Progress(sample::progress(bytes, None)))).await;
    let mut snapshots = harness.manager.handle.snapshots();
    let there = |now: &std::sync::Arc<howdah::manager::Snapshot>| {
        now.ongoing.first().is_some_and(|session| session.progress().bytes_done.0 == bytes)
    };
    snapshots.wait_for(there).await.unwrap();
}

/// Its session takes so many bytes more than it must.
async fn with_one_running(weight: usize) -> Harness {
    let harness = Harness::open();
    harness.manager.start([1]).await;
    until("it runs", &mut harness.manager.handle.snapshots(), |now| now.counts.running == 1).await;
    harness.manager.say(1, 1, Report::Fact(Fact::Note("n".repeat(weight)))).await;
    harness
}

#[tokio::test]
async fn a_client_that_does_not_read_gets_the_newest_snapshot_and_no_queue() {
    let harness = with_one_running(3000).await;
    let (mut sleeper, mut reader) = (harness.raw(), harness.raw());
    sleeper.watch().await;
    reader.watch().await;
    let (mut replica, mut other) = (Replica::default(), Replica::default());
    catch_up(&harness, &mut reader, &mut other).await;
    // Each change is far enough from the last that everybody may be sent it.
    tokio::time::pause();
    for number in 1..=2000 {
        come_further(&harness, number).await;
        tokio::time::advance(Duration::from_millis(51)).await;
        if number % 100 == 0 {
            catch_up(&harness, &mut reader, &mut other).await;
        }
    }
    tokio::time::resume();
    let (bytes, snapshots) = within("the newest snapshot", catch_up(&harness, &mut sleeper, &mut replica)).await;
    let every_change = 2000 * 3500;
    assert!(bytes < every_change / 5, "{bytes} bytes in {snapshots} snapshots were waiting");
    assert!(snapshots > 2, "it was sent nothing while it did not read");
    // It was not dropped, and is served like everybody.
    sleeper.send(&json!({"ask": {"number": 2, "request": {"session": 1}}})).await;
    let answer = within("an answer", sleeper.receive()).await;
    assert_eq!(answer["answer"]["answer"]["session"]["progress"]["bytes_done"], 2000);
    assert_eq!(*harness.server.connections().borrow(), 2);
}

#[tokio::test]
async fn a_busy_owner_sends_twenty_snapshots_a_second() {
    let harness = with_one_running(0).await;
    let mut raw = harness.raw();
    raw.watch().await;
    let mut replica = Replica::default();
    within("the first snapshot", catch_up(&harness, &mut raw, &mut replica)).await;
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    for number in 1..=2000 {
        come_further(&harness, number).await;
        tokio::time::advance(Duration::from_millis(1)).await;
    }
    let took = begun.elapsed().as_secs_f64();
    tokio::time::resume();
    let (_, snapshots) = within("the newest snapshot", catch_up(&harness, &mut raw, &mut replica)).await;
    // One may have begun just before, and one comes after.
    let most = took * 20.0 + 2.0;
    assert!(snapshots as f64 <= most, "{snapshots} snapshots in {took} s");
    assert!(snapshots as f64 >= took * 10.0, "only {snapshots} snapshots in {took} s");
}

#[tokio::test]
async fn orders_of_a_client_that_does_not_read_are_carried_out() {
    let harness = with_one_running(3000).await;
    let mut raw = harness.raw();
    raw.watch().await;
    raw.send(&json!({"ask": {"number": 2, "request": {"act": {"act": {"cancel": ["keep", "any_origin"]}, "scope": {"ongoing": "restore"}}}}}))
        .await;
    within("the cancel", harness.manager.until_completed(1)).await;
    // What is too much for the socket stops the client itself, and nobody else.
    let ask = json!({"ask": {"number": 3, "request": {"session": 1}}}).to_string() + "\n";
    let many = ask.repeat(20_000);
    let flood = tokio::time::timeout(Duration::from_millis(300), raw.send_bytes(many.as_bytes())).await;
    assert!(flood.is_err(), "twenty thousand requests were taken and their answers kept");
    harness.is_well().await;
    within("the end of the server", harness.server.close()).await;
}
