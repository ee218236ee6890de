//! Occasions: what a hook is taken of, each once, without holding up anybody.

use crate::{
    harness::{Plan, ends, runs},
    sample,
};
use howdah::{
    attempt::Scenario,
    domain::{Disposition, Reach, fact::End},
    machine::{OccasionKind, Phase},
    manager::{Notice, Occasions, SessionAction},
};
use tokio::sync::mpsc;

fn received(inbox: &mut mpsc::Receiver<Notice>) -> Vec<(u64, OccasionKind, Option<u32>)> {
    std::iter::from_fn(|| inbox.try_recv().ok())
        .map(|(occasion, session)| (session.id().0, occasion.kind, occasion.attempt.map(|attempt| attempt.0)))
        .collect()
}

fn fails() -> Scenario {
    ends(1, sample::over(End::Failed(sample::incurable())))
}

const CANCEL: SessionAction = SessionAction::Cancel(Disposition::Keep, Reach::AnyOrigin);

#[tokio::test(start_paused = true)]
async fn each_time_that_a_session_gets_stuck_is_an_occasion_and_its_end_is_one() {
    let (occasions, mut inbox, waiting) = Occasions::new();
    let harness = Plan { occasions, ..Plan::default() }.open(|ticket| match ticket.attempt.0 {
        1 | 2 => fails(),
        _ => ends(1, sample::over(End::Succeeded(sample::success()))),
    });
    harness.start([1]).await;
    for attempt in [1, 2] {
        harness.until_phase(1, |phase| matches!(phase, Phase::Stuck { .. })).await;
        assert_eq!(received(&mut inbox), [(1, OccasionKind::Stuck, Some(attempt))]);
        harness.act(SessionAction::Retry, 1).await.unwrap();
    }
    harness.until_completed(1).await;
    assert_eq!(received(&mut inbox), [(1, OccasionKind::Completed, None)]);
    harness.act(SessionAction::Dismiss, 1).await.unwrap();
    assert_eq!(received(&mut inbox), []);
    assert_eq!(*waiting.borrow(), 3, "whoever takes them counts them down");
}

#[tokio::test(start_paused = true)]
async fn a_cancel_that_is_overdue_needs_a_person_and_a_wait_for_a_try_does_not() {
    let (occasions, mut inbox, _waiting) = Occasions::new();
    let harness = Plan { occasions, ..Plan::default() }.open(|ticket| match ticket.session.0 {
        1 => Scenario { stops_in: None, ..runs() },
        _ => ends(1, sample::over(End::Failed(sample::disruption()))),
    });
    harness.start([1, 2]).await;
    harness.until_phase(2, |phase| matches!(phase, Phase::Waiting { .. })).await;
    harness.act(CANCEL, 1).await.unwrap();
    assert_eq!(received(&mut inbox), []);
    harness.wait(60).await;
    assert_eq!(received(&mut inbox), [(1, OccasionKind::NeedsAPerson, Some(1))]);
}

#[tokio::test(start_paused = true)]
async fn where_nobody_takes_them_some_are_dropped_and_the_sessions_go_on() {
    const SESSIONS: u64 = 1100;
    let (occasions, mut inbox, waiting) = Occasions::new();
    let max_running = usize::try_from(SESSIONS).unwrap();
    let harness = Plan { max_running, occasions, ..Plan::default() }.open(|_| fails());
    harness.start(1..=SESSIONS).await;
    harness.until(|now| now.counts.stuck == max_running).await;
    let taken = received(&mut inbox).len();
    assert!(taken < max_running && taken == *waiting.borrow(), "{taken}");
}
