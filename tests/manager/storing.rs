//! A journal that fails: nothing is acted on that is not stored, nothing said is lost, and all goes on when it works.

use crate::{
    house::{House, Plan, ends, runs},
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

async fn running() -> House {
    let house = Plan::default().open(|_| runs());
    house.start([1]).await;
    house.until(|now| now.counts.running == 1).await;
    house
}

#[tokio::test(start_paused = true)]
async fn what_is_not_stored_is_refused_and_not_done() {
    let house = Plan::default().open(|_| runs());
    house.store.fail(true);
    let receipt = house.start(1..=2).await;
    assert!(receipt.lines.iter().all(|line| is_not_stored(&line.result)), "{receipt:?}");
    house.wait(600).await;
    assert_eq!((house.workers(), house.now().await.counts.ongoing()), (0, 0));
    house.store.fail(false);
    assert_eq!(house.start(1..=2).await.done(), 2);
    house.until(|now| now.counts.running == 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_journal_is_waited_for_before_anything_is_done_or_shown() {
    let house = Plan::default().open(|_| runs());
    house.store.slow(Duration::from_secs(10));
    // The answer comes when the order is on disk; the launch is a turn of its own.
    assert_eq!(house.start([1]).await.done(), 1);
    let launching = house.wait(9).await;
    assert_eq!((launching.counts.queued, launching.counts.running, house.workers()), (1, 0, 0));
    house.until(|now| now.counts.running == 1).await;
    house.wait(1).await;
    assert_eq!(house.workers(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_cancel_that_is_not_stored_stops_nothing() {
    let house = running().await;
    house.store.fail(true);
    assert!(is_not_stored(&house.act(SessionAction::Cancel(Disposition::Keep, Reach::AnyOrigin), 1).await));
    house.wait(600).await;
    assert_eq!(house.now().await.counts.running, 1);
    house.store.fail(false);
    house.act(SessionAction::Cancel(Disposition::Keep, Reach::AnyOrigin), 1).await.unwrap();
    house.until_completed(1).await;
}

#[tokio::test(start_paused = true)]
async fn what_an_attempt_said_is_stored_in_order_when_the_journal_works_again() {
    let house = running().await;
    house.store.fail(true);
    house.say(1, 1, Report::Fact(Fact::Note("one".to_owned()))).await;
    house.say(1, 1, Report::Fact(Fact::Note("two".to_owned()))).await;
    house.wait(10).await;
    house.say(1, 1, Report::Fact(Fact::Note("three".to_owned()))).await;
    house.say(1, 1, sample::over(End::Succeeded(sample::success()))).await;
    let failing = house.wait(10).await;
    assert_eq!(failing.counts.running, 1, "what is not on disk is not true");
    assert!(failing.session(SessionId(1)).unwrap().notes().is_empty());
    house.store.fail(false);
    let done = house.until_completed(1).await;
    assert_eq!(done.notes(), ["one", "two", "three"]);
}

#[tokio::test(start_paused = true)]
async fn more_words_than_fit_in_a_turn_are_neither_lost_nor_piled_up() {
    let house = running().await;
    house.store.fail(true);
    let heard = (0..1000).map(|number| house.say(1, 1, Report::Fact(Fact::Note(format!("note {number}")))));
    for word in heard {
        word.await;
    }
    house.wait(60).await;
    house.store.fail(false);
    house.say(1, 1, sample::over(End::Succeeded(sample::success()))).await;
    house.until_completed(1).await;
    assert_eq!(house.times(1, |event| matches!(event, Event::Noted { .. })).len(), 1000);
}

#[tokio::test(start_paused = true)]
async fn a_queued_session_is_launched_when_the_journal_works_again() {
    let house =
        Plan { max_running: 1, ..Plan::default() }.open(|_| ends(10, sample::over(End::Succeeded(sample::success()))));
    house.start(1..=2).await;
    house.until(|now| now.counts.running == 1).await;
    // The journal fails between the end of the first and the launch of the second.
    house.store.fail_after(1);
    house.until(|now| now.counts.succeeded() == 1).await;
    house.wait(60).await;
    assert_eq!((house.workers(), house.now().await.counts.queued), (1, 1));
    house.store.fail(false);
    house.until(|now| now.counts.running == 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_try_that_is_due_comes_when_the_journal_works_again_and_does_not_hurry_meanwhile() {
    let house = Plan::default().open(|_| ends(1, Report::Over(None)));
    house.start([1]).await;
    house.until_phase(1, |phase| matches!(phase, Phase::Waiting { .. })).await;
    house.store.fail(true);
    let before = house.store.refused();
    house.wait(300 + 60).await;
    let asked = house.store.refused() - before;
    assert!((1..=120).contains(&asked), "the journal was asked {asked} times in a minute");
    assert_eq!(house.launches(1), [0]);
    house.store.fail(false);
    house.until_phase(1, |phase| matches!(phase, Phase::Running { attempt: AttemptNo(2), .. })).await;
}
