//! A machine whose clock is set while sessions wait: back by a day, or forward.

use crate::{
    harness::{Harness, Plan, ends, runs},
    sample,
};
use howdah::{
    attempt::Scenario,
    domain::{AttemptNo, Disposition, Reach, SessionId, fact::Fact, ticket::Ticket},
    machine::{CancelStage, Event, Phase, Report, Urgency},
    manager::SessionAction,
};
use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};
use tokio::time::Instant;

const DAY: i64 = 24 * 3600 * 1000;

/// How long a manager may take to notice that its clock was set, when nothing else happens.
const NOTICED: Duration = Duration::from_mins(1);

fn hand() -> &'static AtomicI64 {
    Box::leak(Box::default())
}

/// The first attempt fails, each other one runs.
fn fails_once(ticket: &Ticket) -> Scenario {
    if ticket.attempt == AttemptNo(1) { ends(1, Report::Over(None)) } else { runs() }
}

/// How long it takes until so many workers were launched.
async fn until_launched(harness: &Harness, workers: usize) -> Duration {
    let begun = Instant::now();
    harness.until(|_| harness.workers() == workers).await;
    begun.elapsed()
}

#[tokio::test(start_paused = true)]
async fn d02_a_clock_that_is_set_back_delays_the_next_try_by_one_pause_at_most() {
    let clock_set_by = hand();
    let harness = Plan { clock_set_by, ..Plan::default() }.open(fails_once);
    harness.start([1]).await;
    harness.wait(100).await;
    clock_set_by.store(-DAY, Ordering::SeqCst);
    let waited = until_launched(&harness, 2).await;
    assert!(waited <= NOTICED + Duration::from_mins(5), "{waited:?}");
    assert_eq!(harness.times(1, |event| matches!(event, Event::Rescheduled { .. })).len(), 1);
    harness.until_phase(1, |phase| matches!(phase, Phase::Running { .. })).await;
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_is_noticed_at_once_while_another_session_reports() {
    let clock_set_by = hand();
    let harness = Plan { clock_set_by, ..Plan::default() }.open(|ticket| {
        if ticket.session == SessionId(1) {
            return fails_once(ticket);
        }
        let report = |bytes| (Duration::from_millis(200), Report::Fact(Fact::Progress(sample::progress(bytes, None))));
        Scenario { steps: (0..10_000).map(report).collect(), stops_in: None }
    });
    harness.start(1..=2).await;
    harness.wait(100).await;
    clock_set_by.store(-DAY, Ordering::SeqCst);
    let waited = until_launched(&harness, 3).await;
    assert!(waited <= Duration::from_secs(301), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_set_back_while_nobody_owned_the_session_is_seen_by_the_next_owner() {
    let harness = Plan::default().open(fails_once);
    harness.start([1]).await;
    harness.wait(100).await;
    let store = harness.crash().await;
    let clock_set_by = hand();
    clock_set_by.store(-DAY, Ordering::SeqCst);
    let harness = Plan { store, clock_set_by, ..Plan::default() }.open(fails_once);
    let waited = until_launched(&harness, 1).await;
    assert_eq!(waited.as_secs(), 300);
    assert_eq!(harness.now().await.session(SessionId(1)).unwrap().tries_total(), 1);
}

#[tokio::test(start_paused = true)]
async fn d06_a_cancel_is_overdue_in_time_although_the_clock_was_set_back() {
    let clock_set_by = hand();
    let harness = Plan { clock_set_by, ..Plan::default() }.open(|_| Scenario::default());
    harness.start([1]).await;
    harness.until(|now| now.counts.running == 1).await;
    harness.act(SessionAction::Cancel(Disposition::Remove, Reach::AnyOrigin), 1).await.unwrap();
    clock_set_by.store(-DAY, Ordering::SeqCst);
    let begun = Instant::now();
    let overdue = |phase: &Phase| {
        let Phase::Cancelling { stage: CancelStage::Stopping { urgency, .. }, .. } = phase else { return false };
        *urgency == Urgency::Overdue
    };
    harness.until_phase(1, overdue).await;
    assert!(begun.elapsed() <= NOTICED + Duration::from_secs(30), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_forward_past_the_next_try_makes_it_due() {
    let clock_set_by = hand();
    let harness = Plan { clock_set_by, ..Plan::default() }.open(fails_once);
    harness.start([1]).await;
    harness.wait(10).await;
    clock_set_by.store(DAY, Ordering::SeqCst);
    assert!(until_launched(&harness, 2).await <= NOTICED);
}
