//! What stands under Completed, and how it leaves.

use crate::{
    house::{House, Plan, ends, ops, runs},
    sample,
};
use howdah::{
    domain::{Disposition, Kind, Reach, SessionId, fact::End},
    machine::{CompletedResult, CompletedRow, Refusal, Scope},
    manager::{Service as _, SessionAction},
};

async fn with_completed(numbers: std::ops::RangeInclusive<u64>) -> House {
    let count = numbers.clone().count();
    let house = Plan { max_running: count, ..Plan::default() }
        .open(|ticket| ends(ticket.session.0, sample::over(End::Succeeded(sample::success()))));
    house.start(numbers).await;
    house.until(|now| now.counts.succeeded() == count).await;
    house
}

#[tokio::test(start_paused = true)]
async fn r03_r04_success_moves_to_completed_newest_first() {
    let house = with_completed(1..=3).await;
    let now = house.now().await;
    assert!(now.ongoing.is_empty());
    assert_eq!(now.completed.iter().map(|row| row.id.0).collect::<Vec<_>>(), [3, 2, 1]);
}

#[tokio::test(start_paused = true)]
async fn r20_a_completed_session_offers_neither_retry_nor_cancel() {
    let house = with_completed(1..=1).await;
    for act in [SessionAction::Retry, SessionAction::Cancel(Disposition::Keep, Reach::AnyOrigin)] {
        assert_eq!(house.act(act, 1).await, Err(Refusal::Completed));
    }
    assert_eq!(house.act(SessionAction::Force, 1).await, Err(Refusal::NothingToForce));
    assert_eq!(house.workers(), 1);
}

#[tokio::test(start_paused = true)]
async fn d10_completed_sessions_stay_until_they_are_dismissed() {
    let house = with_completed(1..=3).await;
    house.act(SessionAction::Dismiss, 2).await.unwrap();
    let now = house.now().await;
    assert_eq!(now.completed.iter().map(|row| row.id.0).collect::<Vec<_>>(), [3, 1]);
    assert_eq!(now.counts.completed(), 2);
    assert!(house.act(SessionAction::Dismiss, 2).await.is_ok(), "twice is as good as once");
    assert_eq!(house.now().await.counts.completed(), 2);
    assert_eq!(house.all(SessionAction::Dismiss, Scope::Completed(Kind::Restore)).await.done(), 2);
    let now = house.now().await;
    assert_eq!((now.completed.len(), now.counts.completed()), (0, 0));
    assert!(house.handle.session(SessionId(2), ops()).await.unwrap().is_dismissed(), "the journal keeps it");
}

#[tokio::test(start_paused = true)]
async fn d10_an_ongoing_session_cannot_be_dismissed() {
    let house = Plan::default().open(|_| runs());
    house.start([1]).await;
    assert_eq!(house.act(SessionAction::Dismiss, 1).await, Err(Refusal::Ongoing));
}

#[tokio::test(start_paused = true)]
async fn rows_that_come_later_join_without_those_that_were_dismissed() {
    let house = with_completed(1..=2).await;
    let row = |number: u64, seconds| CompletedRow {
        id: SessionId(number),
        kind: Kind::Restore,
        title: sample::request(number).point.instance,
        ended: sample::after(seconds),
        took: std::time::Duration::ZERO,
        result: CompletedResult::Cancelled,
    };
    let read_before: Vec<_> = house.now().await.completed.iter().map(|row| row.as_ref().clone()).collect();
    house.act(SessionAction::Dismiss, 1).await.unwrap();
    house.handle.fill_completed([read_before, vec![row(7, -10), row(8, -5)]].concat()).await;
    let now = house.now().await;
    assert_eq!(now.completed.iter().map(|row| row.id.0).collect::<Vec<_>>(), [2, 8, 7]);
    assert_eq!((now.counts.succeeded(), now.counts.cancelled()), (1, 2));
}
