//! An owner that dies and another that goes on from the same journal (D9, R28, S10).

use crate::{
    harness::{Plan, ends, runs},
    sample,
};
use howdah::{
    attempt::{Scenario, simulated::Survivor},
    domain::{
        AttemptNo, Disposition, Reach, RetryPolicy, SessionId,
        fact::{Began, End, Fact},
        ticket::{Ticket, Work},
    },
    journal::MemoryStore,
    machine::{Cause, Phase, Refusal, Report, Session, StuckReason, UnreadableSession},
    manager::{Ended, SessionAction},
};
use std::time::Duration;

fn succeeds() -> Report {
    sample::over(End::Succeeded(sample::success()))
}

#[tokio::test(start_paused = true)]
async fn d09_a_lost_attempt_is_tried_again_at_once() {
    let harness = Plan::default().open(|_| runs());
    harness.start([1]).await;
    harness.wait(100).await;
    let store = harness.crash().await;
    let harness = Plan { store, ..Plan::default() }.open(|_| runs());
    let running = harness.until_phase(1, |phase| matches!(phase, Phase::Running { attempt: AttemptNo(2), .. })).await;
    assert!(matches!(running.phase(), Phase::Running { cause: Cause::Try(1), .. }));
    assert_eq!(harness.launches(1), [0, 0], "the journal's last moment is the beginning of the new owner");
}

#[tokio::test(start_paused = true)]
async fn d09_an_attempt_that_is_alive_goes_on_in_its_slot() {
    let harness = Plan { max_running: 1, ..Plan::default() }.open(|_| runs());
    harness.start(1..=2).await;
    harness.until(|now| now.counts.running == 1).await;
    let store = harness.crash().await;
    let alive = Survivor::Alive(ends(50, succeeds()));
    let harness = Plan { max_running: 1, store, remains: alive, ..Plan::default() }.open(|_| runs());
    let now = harness.wait(49).await;
    assert_eq!((now.counts.running, now.counts.queued, harness.workers()), (1, 1, 0));
    let done = harness.until_completed(1).await;
    assert_eq!(done.attempts().len(), 1, "never begun anew");
    harness.until(|now| now.counts.running == 1).await;
}

#[tokio::test(start_paused = true)]
async fn d09_crashes_at_one_place_use_the_tries_up() {
    let policy = RetryPolicy { tries: 3, ..RetryPolicy::default() };
    let mut store = MemoryStore::default();
    for attempt in 1..=4 {
        let harness = Plan { policy, store, ..Plan::default() }.open(|_| runs());
        if attempt == 1 {
            harness.start([1]).await;
        }
        let running = harness.until_phase(1, |phase| is_attempt(phase, attempt)).await;
        let cause = if attempt == 1 { Cause::First } else { Cause::Try(attempt - 1) };
        assert!(matches!(running.phase(), Phase::Running { cause: this, .. } if *this == cause));
        store = harness.crash().await;
    }
    let harness = Plan { policy, store, ..Plan::default() }.open(|_| runs());
    let stuck = harness.until_phase(1, |phase| matches!(phase, Phase::Stuck { .. })).await;
    assert!(matches!(stuck.phase(), Phase::Stuck { reason: StuckReason::TriesUsedUp, .. }));
    assert_eq!((stuck.tries_total(), harness.workers()), (3, 0));
    harness.act(SessionAction::Retry, 1).await.unwrap();
    harness.until_phase(1, |phase| is_attempt(phase, 5)).await;
}

#[tokio::test(start_paused = true)]
async fn d03_d09_a_crash_past_the_furthest_point_begins_a_new_count() {
    let course = |ticket: &Ticket| {
        let bytes = 10 * u64::from(ticket.attempt.0);
        let steps = vec![(Duration::from_secs(1), Report::Fact(Fact::Progress(sample::progress(bytes, None))))];
        Scenario { steps, ..Scenario::default() }
    };
    let policy = RetryPolicy { tries: 1, ..RetryPolicy::default() };
    let mut store = MemoryStore::default();
    for attempt in 1..=4_u32 {
        let harness = Plan { policy, store, ..Plan::default() }.open(course);
        if attempt == 1 {
            harness.start([1]).await;
        }
        let further = |session: &Session| session.progress().bytes_done.0 == 10 * u64::from(attempt);
        harness.until(|now| now.session(SessionId(1)).is_some_and(|session| further(session))).await;
        store = harness.crash().await;
    }
}

fn is_attempt(phase: &Phase, number: u32) -> bool {
    matches!(phase, Phase::Running { attempt, .. } if attempt.0 == number)
}

#[tokio::test(start_paused = true)]
async fn a_wait_goes_on_over_a_crash_with_the_tries_it_has_left() {
    let harness = Plan::default().open(|_| ends(1, Report::Over(None)));
    harness.start([1]).await;
    harness.until_phase(1, |phase| matches!(phase, Phase::Waiting { tries_used: 4, .. })).await;
    let store = harness.crash().await;
    let harness = Plan { store, ..Plan::default() }.open(|_| ends(1, Report::Over(None)));
    harness.until_phase(1, |phase| matches!(phase, Phase::Stuck { .. })).await;
    let expected: Vec<i64> = (0..=10).map(|number| number * 301).collect();
    assert_eq!(harness.launches(1), expected);
}

#[tokio::test(start_paused = true)]
async fn a_wish_to_stop_is_told_again_by_the_next_owner() {
    let harness = Plan::default().open(|_| Scenario { stops_in: None, ..Scenario::default() });
    harness.start([1]).await;
    harness.until(|now| now.counts.running == 1).await;
    harness.act(SessionAction::Cancel(Disposition::Remove, Reach::AnyOrigin), 1).await.unwrap();
    let store = harness.crash().await;
    let harness = Plan { store, remains: Survivor::Alive(runs()), ..Plan::default() }.open(|_| Scenario::default());
    harness.until_completed(1).await;
    assert_eq!(harness.now().await.counts.cancelled(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_kill_is_told_again_by_the_next_owner() {
    let deaf = || Scenario { stops_in: None, ..Scenario::default() };
    let harness = Plan::default().open(move |_| deaf());
    harness.start([1]).await;
    harness.until(|now| now.counts.running == 1).await;
    // The wish and the kill are stored; what comes of them is not, as if the owner had died before it told anybody.
    harness.store.fail_after(2);
    harness.act(SessionAction::Cancel(Disposition::Remove, Reach::AnyOrigin), 1).await.unwrap();
    harness.act(SessionAction::Force, 1).await.unwrap();
    let store = harness.crash().await;
    store.fail(false);
    let harness = Plan { store, remains: Survivor::Alive(deaf()), ..Plan::default() }.open(|_| Scenario::default());
    harness.until_completed(1).await;
}

#[tokio::test(start_paused = true)]
async fn d09_a_disposal_that_was_lost_is_done_again() {
    let began = || vec![(Duration::ZERO, Report::Fact(Fact::Began(Began::of(sample::mark(AttemptNo(2)), None))))];
    let harness = Plan::default().open(move |ticket| match ticket.work {
        Work::Run(_) => runs(),
        Work::Dispose { .. } => Scenario { steps: began(), stops_in: None },
    });
    harness.start([1]).await;
    harness.until(|now| now.counts.running == 1).await;
    harness.act(SessionAction::Cancel(Disposition::SetAside, Reach::AnyOrigin), 1).await.unwrap();
    harness.until_phase(1, |phase| matches!(phase, Phase::Cancelling { .. })).await;
    harness.wait(2).await;
    let store = harness.crash().await;
    let harness = Plan { store, ..Plan::default() }.open(|_| Scenario::default());
    harness.until_completed(1).await;
    let launched = harness.launched.lock().unwrap();
    assert!(matches!(launched.as_slice(), [ticket] if matches!(ticket.work, Work::Dispose { .. })));
}

#[tokio::test(start_paused = true)]
async fn r28_closing_stops_nothing_and_everything_is_found_again() {
    let harness = Plan { max_running: 1, ..Plan::default() }.open(|ticket| match ticket.session {
        SessionId(1) => ends(1, succeeds()),
        _ => runs(),
    });
    harness.start(1..=3).await;
    let before = harness.until(|now| now.counts.succeeded() == 1 && now.counts.running == 1).await;
    harness.handle.close().await;
    assert_eq!(harness.act(SessionAction::Retry, 2).await, Err(Refusal::ManagerGone));
    let store = harness.store.clone();
    let harness = Plan { max_running: 1, store, remains: Survivor::Alive(runs()), ..Plan::default() }.open(|_| runs());
    let after = harness.now().await;
    assert_eq!((after.counts, &after.ongoing, &after.completed), (before.counts, &before.ongoing, &before.completed));
    harness.start([4]).await;
    assert!(harness.now().await.session(SessionId(4)).is_some(), "numbers are never given twice");
}

#[tokio::test(start_paused = true)]
async fn s10_a_record_that_cannot_be_read_is_shown_and_hides_no_other() {
    let problem = "it has version 9".to_owned();
    let unreadable = vec![UnreadableSession { id: SessionId(3), problem }];
    let harness = Plan { unreadable: unreadable.clone(), ..Plan::default() }.open(|_| runs());
    harness.start([1]).await;
    let now = harness.until(|now| now.counts.running == 1).await;
    assert_eq!(now.unreadable.as_ref(), &unreadable);
    harness.store.spoil(SessionId(3));
    let refusal = harness.act(SessionAction::Retry, 3).await.unwrap_err();
    assert!(matches!(refusal, Refusal::Unreadable { id: SessionId(3), .. }), "never told as missing: {refusal}");
}

#[tokio::test(start_paused = true)]
async fn an_owner_whose_journal_was_taken_over_steps_down_and_touches_nothing() {
    let harness = Plan::default().open(|_| runs());
    harness.start([1]).await;
    harness.until_phase(1, |phase| matches!(phase, Phase::Running { .. })).await;
    let (changes, workers) = (harness.store.changes(SessionId(1)), harness.workers());
    harness.store.take_over();
    // The other owner has cancelled it meanwhile: what the attempt's end looks like from here means nothing.
    harness.say(1, 1, Report::Over(None)).await;
    let Ended::SteppedDown { reason } = harness.task.await.unwrap() else { panic!("it goes on") };
    assert!(reason.contains("taken over by another owner"), "{reason}");
    assert_eq!(harness.store.changes(SessionId(1)), changes);
    assert_eq!(harness.launched.lock().unwrap().len(), workers);
}

#[tokio::test(start_paused = true)]
async fn an_owner_notices_at_its_next_wake_that_it_is_none_any_more() {
    let harness = Plan::default().open(|_| ends(1, sample::over(End::Failed(sample::disruption()))));
    harness.start([1]).await;
    harness.until_phase(1, |phase| matches!(phase, Phase::Waiting { .. })).await;
    harness.store.take_over();
    assert!(matches!(harness.task.await.unwrap(), Ended::SteppedDown { .. }));
    assert_eq!(harness.launched.lock().unwrap().len(), 1, "no try was begun");
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_is_told_that_it_is_none_steps_down() {
    let harness = Plan::default().open(|_| runs());
    harness.handle.step_down("its lock was replaced".to_owned()).await;
    assert_eq!(harness.task.await.unwrap(), Ended::SteppedDown { reason: "its lock was replaced".to_owned() });
}
