//! When a disrupted session is tried again, to the second.

use crate::{
    harness::{Plan, ends, runs},
    sample,
};
use howdah::{
    attempt::Scenario,
    domain::{
        AttemptNo, Kind, RetryPolicy, SessionId, WhenUsedUp,
        fact::{End, Fact},
        ticket::Ticket,
    },
    machine::{Event, Phase, Refusal, Report, Scope, StuckReason},
    manager::SessionAction,
};
use std::time::Duration;

fn fails() -> Report {
    sample::over(End::Failed(sample::disruption()))
}

fn succeeds() -> Report {
    sample::over(End::Succeeded(sample::success()))
}

fn is_stuck(phase: &Phase) -> bool {
    matches!(phase, Phase::Stuck { .. })
}

fn is_running(phase: &Phase) -> bool {
    matches!(phase, Phase::Running { .. })
}

fn is_waiting(phase: &Phase) -> bool {
    matches!(phase, Phase::Waiting { .. })
}

#[tokio::test(start_paused = true)]
async fn r08_r09_r11_d02_ten_tries_five_minutes_apart_and_never_an_eleventh() {
    let harness = Plan::default().open(|_| ends(1, fails()));
    harness.start([1]).await;
    let stuck = harness.until_phase(1, is_stuck).await;
    assert!(matches!(stuck.phase(), Phase::Stuck { reason: StuckReason::TriesUsedUp, .. }));
    // Each attempt takes a second to fail; the next one comes five minutes after that.
    let expected: Vec<i64> = (0..=10).map(|number| number * 301).collect();
    assert_eq!(harness.launches(1), expected);
    assert_eq!((stuck.tries_total(), stuck.attempts().len()), (10, 11));
    let day_after = harness.wait(24 * 3600).await;
    assert_eq!(harness.launches(1).len(), 11);
    assert_eq!((day_after.counts.stuck, day_after.counts.ongoing()), (1, 1), "R6: it stays under Restore");
    assert!(harness.act(SessionAction::Retry, 1).await.is_ok(), "R11: a person may retry");
}

#[tokio::test(start_paused = true)]
async fn d02_both_numbers_are_settings() {
    let policy =
        RetryPolicy { tries: 3, every: Duration::from_secs(2), while_waiting: true, when_used_up: WhenUsedUp::Ask };
    let harness = Plan { policy, ..Plan::default() }.open(|_| ends(0, fails()));
    harness.start([1]).await;
    harness.until_phase(1, is_stuck).await;
    assert_eq!(harness.launches(1), [0, 2, 4, 6]);
}

#[tokio::test(start_paused = true)]
async fn r10_a_try_that_gets_through_brings_the_instance_back_without_anybody() {
    let harness =
        Plan::default().open(|ticket| ends(1, if ticket.attempt < AttemptNo(4) { fails() } else { succeeds() }));
    harness.start([1]).await;
    let session = harness.until_completed(1).await;
    assert_eq!(session.tries_total(), 3);
    assert_eq!(harness.launches(1), [0, 301, 602, 903]);
}

#[tokio::test(start_paused = true)]
async fn d03_past_the_furthest_point_the_count_starts_anew() {
    // The eighth try comes further than any attempt before it, and fails too.
    let course = |ticket: &Ticket| {
        let bytes = if ticket.attempt < AttemptNo(9) { 10 } else { 11 };
        let progress = Report::Fact(Fact::Progress(sample::progress(bytes, None)));
        let steps = vec![(Duration::from_millis(500), progress), (Duration::from_millis(500), fails())];
        Scenario { steps, stops_in: None }
    };
    let harness = Plan::default().open(course);
    harness.start([1]).await;
    let stuck = harness.until_phase(1, is_stuck).await;
    assert_eq!(stuck.tries_total(), 18, "eight, then ten more");
    assert_eq!(harness.launches(1).len(), 19);
    assert_eq!(harness.times(1, |event| matches!(event, Event::DisruptionOver { .. })).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn r13_d05_a_retry_that_meets_the_same_cause_begins_a_new_series() {
    let harness = Plan::default().open(|_| ends(1, fails()));
    harness.start([1]).await;
    harness.until_phase(1, is_stuck).await;
    harness.act(SessionAction::Retry, 1).await.unwrap();
    let waiting = harness.until_phase(1, is_waiting).await;
    assert!(matches!(waiting.phase(), Phase::Waiting { tries_used: 0, .. }));
    let stuck = harness.until_phase(1, is_stuck).await;
    assert_eq!((stuck.tries_total(), harness.launches(1).len()), (20, 22));
    assert_eq!(stuck.first_cause(), Some(&sample::disruption()));
}

#[tokio::test(start_paused = true)]
async fn d01_a_retry_while_waiting_runs_now_and_takes_no_try() {
    let harness = Plan::default().open(|ticket| if ticket.attempt == AttemptNo(1) { ends(1, fails()) } else { runs() });
    harness.start([1]).await;
    harness.until_phase(1, is_waiting).await;
    harness.wait(9).await;
    harness.act(SessionAction::Retry, 1).await.unwrap();
    let running = harness.until_phase(1, is_running).await;
    assert_eq!(harness.launches(1), [0, 10]);
    assert_eq!(running.tries_total(), 0);
    harness.wait(1000).await;
    assert_eq!(harness.launches(1).len(), 2, "the try that had been due is off");
}

#[tokio::test(start_paused = true)]
async fn d01_the_strict_reading_names_the_next_try() {
    let policy = RetryPolicy { while_waiting: false, ..RetryPolicy::default() };
    let harness = Plan { policy, ..Plan::default() }.open(|_| ends(1, fails()));
    harness.start([1]).await;
    harness.until_phase(1, is_waiting).await;
    let refusal = harness.act(SessionAction::Retry, 1).await.unwrap_err();
    assert_eq!(refusal, Refusal::TriesRemain { next: 1, of: 10, at: sample::after(301) });
    harness.until_phase(1, is_stuck).await;
    assert_eq!(harness.act(SessionAction::Retry, 1).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn r12_a_running_session_is_not_retried() {
    let harness = Plan::default().open(|_| runs());
    harness.start([1]).await;
    harness.until_phase(1, is_running).await;
    assert_eq!(harness.act(SessionAction::Retry, 1).await, Err(Refusal::Running { attempt: AttemptNo(1) }));
    assert_eq!(harness.workers(), 1);
}

#[tokio::test(start_paused = true)]
async fn d04_what_waiting_cannot_cure_is_stuck_at_once() {
    for last in [sample::over(End::Failed(sample::incurable())), Report::NotLaunched(sample::incurable())] {
        let harness = Plan::default().open(move |_| ends(1, last.clone()));
        harness.start([1]).await;
        let stuck = harness.until_phase(1, is_stuck).await;
        assert!(matches!(stuck.phase(), Phase::Stuck { reason: StuckReason::Incurable, .. }));
        assert_eq!((stuck.tries_total(), harness.launches(1)), (0, vec![0]));
    }
}

#[tokio::test(start_paused = true)]
async fn r15_retry_on_the_node_tells_of_each_one_that_was_skipped() {
    // One runs, one waits, one is stuck, one is queued.
    let harness = Plan { max_running: 1, ..Plan::default() }.open(|ticket| match (ticket.session, ticket.attempt) {
        (SessionId(1), AttemptNo(1)) => ends(1, fails()),
        (SessionId(2), AttemptNo(1)) => ends(1, sample::over(End::Failed(sample::incurable()))),
        (_, _) => runs(),
    });
    harness.start(1..=4).await;
    harness.until(|now| now.counts.waiting == 1 && now.counts.stuck == 1 && now.counts.running == 1).await;
    let receipt = harness.all(SessionAction::Retry, Scope::Ongoing(Kind::Restore)).await;
    let shown: Vec<_> = receipt.lines.iter().map(|line| (line.session.unwrap().0, line.result.clone())).collect();
    let running = Err(Refusal::Running { attempt: AttemptNo(1) });
    assert_eq!(shown, [(2, Ok(())), (1, Ok(())), (3, running), (4, Err(Refusal::Queued))]);
    assert_eq!((receipt.done(), receipt.refused().count()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn r14_r21_retry_of_one_leaves_the_others_alone() {
    let harness = Plan::default().open(|ticket| if ticket.attempt == AttemptNo(1) { ends(1, fails()) } else { runs() });
    harness.start(1..=3).await;
    let before = harness.until(|now| now.counts.waiting == 3).await;
    harness.act(SessionAction::Retry, 2).await.unwrap();
    let after = harness.until(|now| now.counts.running == 1).await;
    for number in [1, 3] {
        assert_eq!(before.session(SessionId(number)), after.session(SessionId(number)));
    }
}

#[tokio::test(start_paused = true)]
async fn words_of_a_dead_attempt_are_dropped() {
    let harness = Plan::default().open(|ticket| if ticket.attempt == AttemptNo(1) { ends(1, fails()) } else { runs() });
    harness.start([1]).await;
    harness.until_phase(1, |phase| matches!(phase, Phase::Running { attempt: AttemptNo(2), .. })).await;
    let before = harness.now().await;
    for report in [succeeds(), fails(), Report::Over(None), Report::Fact(Fact::Progress(sample::progress(999, None)))] {
        harness.say(1, 1, report).await;
    }
    harness.say(9, 1, succeeds()).await;
    let after = harness.wait(1).await;
    assert_eq!((before.session(SessionId(1)), after.counts), (after.session(SessionId(1)), before.counts));
}
