//! What stands under Completed, and how it leaves.

use crate::{
    harness::{Harness, Plan, ends, ops, runs},
    sample,
};
use howdah::{
    domain::{Disposition, Kind, Reach, SessionId, fact::End},
    machine::{CompletedDetails, CompletedResult, CompletedRow, Refusal, Scope},
    manager::{Service as _, SessionAction},
};

async fn with_completed(numbers: std::ops::RangeInclusive<u64>) -> Harness {
    let count = numbers.clone().count();
    let harness = Plan { max_running: count, ..Plan::default() }
        .open(|ticket| ends(ticket.session.0, sample::over(End::Succeeded(sample::success()))));
    harness.start(numbers).await;
    harness.until(|now| now.counts.succeeded() == count).await;
    harness
}

#[tokio::test(start_paused = true)]
async fn r03_r04_success_moves_to_completed_newest_first() {
    let harness = with_completed(1..=3).await;
    let now = harness.now().await;
    assert!(now.ongoing.is_empty());
    assert_eq!(now.completed.iter().map(|row| row.id.0).collect::<Vec<_>>(), [3, 2, 1]);
}

#[tokio::test(start_paused = true)]
async fn r20_a_completed_session_offers_neither_retry_nor_cancel() {
    let harness = with_completed(1..=1).await;
    for act in [SessionAction::Retry, SessionAction::Cancel(Disposition::Keep, Reach::AnyOrigin)] {
        assert_eq!(harness.act(act, 1).await, Err(Refusal::Completed));
    }
    assert_eq!(harness.act(SessionAction::Force, 1).await, Err(Refusal::NothingToForce));
    assert_eq!(harness.workers(), 1);
}

#[tokio::test(start_paused = true)]
async fn d10_completed_sessions_stay_until_they_are_dismissed() {
    let harness = with_completed(1..=3).await;
    harness.act(SessionAction::Dismiss, 2).await.unwrap();
    let now = harness.now().await;
    assert_eq!(now.completed.iter().map(|row| row.id.0).collect::<Vec<_>>(), [3, 1]);
    assert_eq!(now.counts.completed(), 2);
    assert!(harness.act(SessionAction::Dismiss, 2).await.is_ok(), "twice is as good as once");
    assert_eq!(harness.now().await.counts.completed(), 2);
    assert_eq!(harness.all(SessionAction::Dismiss, Scope::Completed(Kind::Restore)).await.done(), 2);
    let now = harness.now().await;
    assert_eq!((now.completed.len(), now.counts.completed()), (0, 0));
    assert!(harness.handle.session(SessionId(2), ops()).await.unwrap().is_dismissed(), "the journal keeps it");
}

#[tokio::test(start_paused = true)]
async fn d10_an_ongoing_session_cannot_be_dismissed() {
    let harness = Plan::default().open(|_| runs());
    harness.start([1]).await;
    assert_eq!(harness.act(SessionAction::Dismiss, 1).await, Err(Refusal::Ongoing));
}

#[tokio::test(start_paused = true)]
async fn rows_that_come_later_join_without_those_that_were_dismissed() {
    let harness = with_completed(1..=2).await;
    let row = |number: u64, seconds| CompletedRow {
        id: SessionId(number),
        kind: Kind::Restore,
        title: sample::request(number).point.instance,
        ended: sample::after(seconds),
        took: std::time::Duration::ZERO,
        result: CompletedResult::Cancelled,
        details: CompletedDetails::default(),
    };
    let read_before: Vec<_> = harness.now().await.completed.iter().map(|row| row.as_ref().clone()).collect();
    harness.act(SessionAction::Dismiss, 1).await.unwrap();
    harness.handle.fill_completed([read_before, vec![row(7, -10), row(8, -5)]].concat()).await;
    let now = harness.now().await;
    assert_eq!(now.completed.iter().map(|row| row.id.0).collect::<Vec<_>>(), [2, 8, 7]);
    assert_eq!((now.counts.succeeded(), now.counts.cancelled()), (1, 2));
}
