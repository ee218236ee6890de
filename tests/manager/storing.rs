//! A journal that fails: nothing is acted on that is not stored, nothing said is lost, and all goes on when it works.

use crate::{
    harness::{Harness, Plan, ends, runs},
    sample,
};
use howdah::{
    domain::{
        AttemptNo, Disposition, Reach, SessionId,
        fact::{End, Fact},
    },
    machine::{Event, Phase, Refusal, Report},
    manager::SessionAction,
};
use std::time::Duration;

fn is_not_stored(result: &Result<(), Refusal>) -> bool {
    matches!(result, Err(Refusal::NotStored { .. }))
}

async fn running() -> Harness {
    let harness = Plan::default().open(|_| runs());
    harness.start([1]).await;
    harness.until(|now| now.counts.running == 1).await;
    harness
}

#[tokio::test(start_paused = true)]
async fn what_is_not_stored_is_refused_and_not_done() {
    let harness = Plan::default().open(|_| runs());
    harness.store.fail(true);
    let receipt = harness.start(1..=2).await;
    assert!(receipt.lines.iter().all(|line| is_not_stored(&line.result)), "{receipt:?}");
    harness.wait(600).await;
    assert_eq!((harness.workers(), harness.now().await.counts.ongoing()), (0, 0));
    harness.store.fail(false);
    assert_eq!(harness.start(1..=2).await.done(), 2);
    harness.until(|now| now.counts.running == 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_journal_is_waited_for_before_anything_is_done_or_shown() {
    let harness = Plan::default().open(|_| runs());
    harness.store.slow(Duration::from_secs(10));
    // The answer comes when the order is on disk; the launch is a turn of its own.
    assert_eq!(harness.start([1]).await.done(), 1);
    let launching = harness.wait(9).await;
    assert_eq!((launching.counts.queued, launching.counts.running, harness.workers()), (1, 0, 0));
    harness.until(|now| now.counts.running == 1).await;
    harness.wait(1).await;
    assert_eq!(harness.workers(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_cancel_that_is_not_stored_stops_nothing() {
    let harness = running().await;
    harness.store.fail(true);
    assert!(is_not_stored(&harness.act(SessionAction::Cancel(Disposition::Keep, Reach::AnyOrigin), 1).await));
    harness.wait(600).await;
    assert_eq!(harness.now().await.counts.running, 1);
    harness.store.fail(false);
    harness.act(SessionAction::Cancel(Disposition::Keep, Reach::AnyOrigin), 1).await.unwrap();
    harness.until_completed(1).await;
}

#[tokio::test(start_paused = true)]
async fn what_an_attempt_said_is_stored_in_order_when_the_journal_works_again() {
    let harness = running().await;
    harness.store.fail(true);
    harness.say(1, 1, Report::Fact(Fact::Note("one".to_owned()))).await;
    harness.say(1, 1, Report::Fact(Fact::Note("two".to_owned()))).await;
    harness.wait(10).await;
    harness.say(1, 1, Report::Fact(Fact::Note("three".to_owned()))).await;
    harness.say(1, 1, sample::over(End::Succeeded(sample::success()))).await;
    let failing = harness.wait(10).await;
    assert_eq!(failing.counts.running, 1, "what is not on disk is not true");
    assert!(failing.session(SessionId(1)).unwrap().notes().is_empty());
    harness.store.fail(false);
    let done = harness.until_completed(1).await;
    assert_eq!(done.notes(), ["one", "two", "three"]);
}

#[tokio::test(start_paused = true)]
async fn more_words_than_fit_in_a_turn_are_neither_lost_nor_piled_up() {
    let harness = running().await;
    harness.store.fail(true);
    let heard = (0..1000).map(|number| harness.say(1, 1, Report::Fact(Fact::Note(format!("note {number}")))));
    for word in heard {
        word.await;
    }
    harness.wait(60).await;
    harness.store.fail(false);
    harness.say(1, 1, sample::over(End::Succeeded(sample::success()))).await;
    harness.until_completed(1).await;
    assert_eq!(harness.times(1, |event| matches!(event, Event::Noted { .. })).len(), 1000);
}

#[tokio::test(start_paused = true)]
async fn a_queued_session_is_launched_when_the_journal_works_again() {
    let harness =
        Plan { max_running: 1, ..Plan::default() }.open(|_| ends(10, sample::over(End::Succeeded(sample::success()))));
    harness.start(1..=2).await;
    harness.until(|now| now.counts.running == 1).await;
    // The journal fails between the end of the first and the launch of the second.
    harness.store.fail_after(1);
    harness.until(|now| now.counts.succeeded() == 1).await;
    harness.wait(60).await;
    assert_eq!((harness.workers(), harness.now().await.counts.queued), (1, 1));
    harness.store.fail(false);
    harness.until(|now| now.counts.running == 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_try_that_is_due_comes_when_the_journal_works_again_and_does_not_hurry_meanwhile() {
    let harness = Plan::default().open(|_| ends(1, Report::Over(None)));
    harness.start([1]).await;
    harness.until_phase(1, |phase| matches!(phase, Phase::Waiting { .. })).await;
    harness.store.fail(true);
    let before = harness.store.refused();
    harness.wait(300 + 60).await;
    let asked = harness.store.refused() - before;
    assert!((1..=120).contains(&asked), "the journal was asked {asked} times in a minute");
    assert_eq!(harness.launches(1), [0]);
    harness.store.fail(false);
    harness.until_phase(1, |phase| matches!(phase, Phase::Running { attempt: AttemptNo(2), .. })).await;
}
