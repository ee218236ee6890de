//! Cancel, from every phase, in time and out of it.

use crate::{
    harness::{Harness, Plan, ends, ops, runs},
    sample,
};
use howdah::{
    attempt::Scenario,
    domain::{
        AttemptNo, Disposed, Disposition, Kind, Leftover, Origin, Outcome, Reach, SessionId,
        fact::{Began, End, Fact},
        ticket::Work,
    },
    machine::{CancelStage, Event, Phase, Refusal, Report, Scope, Session, Urgency},
    manager::{Service as _, SessionAction, StartRequest},
};
use std::time::Duration;

const CANCEL: SessionAction = SessionAction::Cancel(Disposition::Remove, Reach::AnyOrigin);
const FROM_COMMAND_LINE: SessionAction = SessionAction::Cancel(Disposition::Remove, Reach::CommandLine);

fn disposed(session: &Session) -> &Disposed {
    let Phase::Completed { outcome: Outcome::Cancelled { disposed }, .. } = session.phase() else {
        panic!("cancelled, not {:?}", session.phase());
    };
    disposed
}

/// The last worker dealt with the data of this session, as wished.
fn last_was_disposal(harness: &Harness, number: u64) {
    let launched = harness.launched.lock().unwrap();
    let ticket = launched.iter().rev().find(|ticket| ticket.session == SessionId(number)).unwrap();
    let (target, disposition) = (sample::request(number).target, Disposition::Remove);
    assert_eq!(ticket.work, Work::Dispose { left: Leftover::Cluster(target), disposition });
}

#[tokio::test(start_paused = true)]
async fn r05_r18_d06_cancel_of_a_running_session_waits_for_its_attempt() {
    let harness = Plan::default().open(|_| Scenario { stops_in: Some(Duration::from_secs(9)), ..Scenario::default() });
    harness.start([1]).await;
    harness.until(|now| now.counts.running == 1).await;
    harness.act(CANCEL, 1).await.unwrap();
    let stopping = harness.wait(8).await;
    assert_eq!((stopping.counts.cancelling, stopping.counts.cancelled(), harness.workers()), (1, 0, 1));
    assert_eq!(harness.act(SessionAction::Retry, 1).await, Err(Refusal::Cancelling));
    assert_eq!(harness.act(CANCEL, 1).await, Err(Refusal::Cancelling));
    let done = harness.until_completed(1).await;
    assert_eq!((disposed(&done), harness.workers()), (&Disposed::Removed, 2));
    last_was_disposal(&harness, 1);
    assert_eq!(harness.times(1, |event| matches!(event, Event::Cancelled { .. })), [9]);
    let now = harness.now().await;
    assert_eq!((now.counts.ongoing(), now.counts.cancelled(), now.counts.succeeded()), (0, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn r18_cancel_of_a_queued_session_that_never_ran_ends_at_once() {
    let harness = Plan { max_running: 1, ..Plan::default() }.open(|_| runs());
    harness.start(1..=2).await;
    harness.act(CANCEL, 2).await.unwrap();
    let done = harness.until_completed(2).await;
    assert_eq!((disposed(&done), harness.workers()), (&Disposed::Nothing, 1));
    assert_eq!(harness.now().await.counts.running, 1, "R16: the other one runs on");
}

#[tokio::test(start_paused = true)]
async fn r18_cancel_of_waiting_and_stuck_sessions_deals_with_their_data() {
    let harness = Plan::default().open(|ticket| match (&ticket.work, ticket.session) {
        (Work::Dispose { .. }, _) => Scenario::default(),
        (Work::Run(_), SessionId(1)) => ends(1, Report::Over(None)),
        (Work::Run(_), _) => ends(1, sample::over(End::Failed(sample::incurable()))),
    });
    harness.start(1..=2).await;
    harness.until(|now| now.counts.waiting == 1 && now.counts.stuck == 1).await;
    for number in 1..=2 {
        harness.act(CANCEL, number).await.unwrap();
        assert_eq!(disposed(harness.until_completed(number).await.as_ref()), &Disposed::Removed);
        last_was_disposal(&harness, number);
    }
    harness.wait(3600).await;
    assert_eq!(harness.workers(), 4, "no try comes after a cancel");
}

#[tokio::test(start_paused = true)]
async fn r17_cancel_on_the_node_ends_every_session() {
    let harness = Plan { max_running: 2, ..Plan::default() }.open(|ticket| match (&ticket.work, ticket.session) {
        (Work::Run(_), SessionId(1)) => ends(1, Report::Over(None)),
        (_, _) => runs(),
    });
    harness.start(1..=5).await;
    harness.until(|now| now.counts.waiting == 1 && now.counts.running == 2).await;
    let receipt = harness.all(CANCEL, Scope::Ongoing(Kind::Restore)).await;
    assert_eq!((receipt.done(), receipt.lines.len()), (5, 5));
    let end = harness.until(|now| now.counts.cancelled() == 5).await;
    assert!(end.ongoing.is_empty());
}

#[tokio::test(start_paused = true)]
async fn d06_a_cancel_that_outlives_its_deadline_says_so_and_can_be_forced() {
    let harness = Plan::default().open(|ticket| match ticket.work {
        // It hears no wish to stop.
        Work::Run(_) => Scenario { steps: vec![(Duration::ZERO, began(1))], stops_in: None },
        Work::Dispose { .. } => Scenario::default(),
    });
    harness.start([1]).await;
    harness.until(|now| now.session(SessionId(1)).is_some_and(|session| session.live_mark().is_some())).await;
    assert_eq!(harness.act(SessionAction::Force, 1).await, Err(Refusal::NothingToForce));
    harness.act(CANCEL, 1).await.unwrap();
    let overdue = harness.until_phase(1, |phase| stage(phase, Urgency::Overdue)).await;
    assert_eq!(harness.times(1, |event| event == &Event::CancelOverdue), [30]);
    assert_eq!(overdue.live_mark(), Some(sample::mark(AttemptNo(1))), "the process is named");
    harness.wait(3600).await;
    assert_eq!(harness.now().await.counts.cancelling, 1);
    harness.act(SessionAction::Force, 1).await.unwrap();
    assert_eq!(disposed(harness.until_completed(1).await.as_ref()), &Disposed::Removed);
}

#[tokio::test(start_paused = true)]
async fn d06_a_disposal_that_hangs_can_be_forced_and_is_told_as_failed() {
    let harness = Plan::default().open(|ticket| match ticket.work {
        Work::Run(_) => runs(),
        Work::Dispose { .. } => Scenario { steps: vec![(Duration::ZERO, began(2))], stops_in: None },
    });
    harness.start([1]).await;
    harness.until(|now| now.counts.running == 1).await;
    harness.act(CANCEL, 1).await.unwrap();
    harness.until_phase(1, |phase| stage(phase, Urgency::Overdue)).await;
    harness.act(SessionAction::Force, 1).await.unwrap();
    let done = harness.until_completed(1).await;
    assert!(matches!(disposed(&done), Disposed::Failed { .. }));
}

#[tokio::test(start_paused = true)]
async fn d06_force_never_ends_a_disposal_that_is_in_time() {
    let harness = Plan::default().open(|ticket| match ticket.work {
        Work::Run(_) => runs(),
        Work::Dispose { .. } => ends(20, sample::over(End::Disposed(Disposed::Removed))),
    });
    harness.start([1]).await;
    harness.until(|now| now.counts.running == 1).await;
    harness.act(CANCEL, 1).await.unwrap();
    let disposing = |phase: &Phase| matches!(phase, Phase::Cancelling { stage: CancelStage::Disposing { .. }, .. });
    harness.until_phase(1, disposing).await;
    assert_eq!(harness.act(SessionAction::Force, 1).await, Err(Refusal::DisposalInTime { until: sample::after(31) }));
    assert_eq!(disposed(harness.until_completed(1).await.as_ref()), &Disposed::Removed);
    assert_eq!(harness.times(1, |event| matches!(event, Event::Forced { .. })), [0_i64; 0]);
}

#[tokio::test(start_paused = true)]
async fn d06_force_of_a_stop_leaves_the_disposal_that_follows_its_time() {
    let harness = Plan::default().open(|ticket| match ticket.work {
        Work::Run(_) => Scenario { stops_in: None, ..Scenario::default() },
        Work::Dispose { .. } => ends(20, sample::over(End::Disposed(Disposed::Removed))),
    });
    harness.start([1]).await;
    harness.until(|now| now.counts.running == 1).await;
    harness.act(CANCEL, 1).await.unwrap();
    harness.act(SessionAction::Force, 1).await.unwrap();
    harness.wait(1).await;
    assert!(matches!(harness.act(SessionAction::Force, 1).await, Err(Refusal::DisposalInTime { .. })));
    assert_eq!(disposed(harness.until_completed(1).await.as_ref()), &Disposed::Removed);
}

#[tokio::test(start_paused = true)]
async fn r17_a_session_that_is_being_cancelled_already_is_skipped_and_left_to_end() {
    let harness = Plan::default().open(|_| Scenario { stops_in: Some(Duration::from_secs(9)), ..Scenario::default() });
    harness.start(1..=3).await;
    harness.until(|now| now.counts.running == 3).await;
    harness.act(SessionAction::Cancel(Disposition::Keep, Reach::AnyOrigin), 2).await.unwrap();
    let receipt = harness.all(CANCEL, Scope::Ongoing(Kind::Restore)).await;
    let results: Vec<_> = receipt.lines.iter().map(|line| (line.session.unwrap().0, line.result.clone())).collect();
    assert_eq!(results, [(1, Ok(())), (2, Err(Refusal::Cancelling)), (3, Ok(()))]);
    harness.until(|now| now.counts.cancelled() == 3).await;
    let launched = harness.launched.lock().unwrap();
    let kept =
        launched.iter().filter(|ticket| matches!(ticket.work, Work::Dispose { disposition: Disposition::Keep, .. }));
    assert_eq!(kept.map(|ticket| ticket.session).collect::<Vec<_>>(), [SessionId(2)], "the first wish holds");
}

#[tokio::test(start_paused = true)]
async fn a_restore_that_was_done_before_it_heard_of_the_cancel_is_told_as_done() {
    let harness = Plan::default().open(|_| Scenario {
        steps: vec![(Duration::from_secs(5), sample::over(End::Succeeded(sample::success())))],
        stops_in: Some(Duration::from_mins(1)),
    });
    harness.start([1]).await;
    harness.until(|now| now.counts.running == 1).await;
    harness.act(CANCEL, 1).await.unwrap();
    let done = harness.until_completed(1).await;
    assert!(matches!(done.phase(), Phase::Completed { outcome: Outcome::Succeeded(_), .. }));
    assert_eq!(harness.workers(), 1, "what was restored is not removed");
}

#[tokio::test(start_paused = true)]
async fn a_cancel_keeps_its_slot_until_the_attempt_is_gone() {
    let harness = Plan { max_running: 1, ..Plan::default() }.open(|_| runs());
    harness.start(1..=2).await;
    harness.until(|now| now.counts.running == 1).await;
    harness.act(CANCEL, 1).await.unwrap();
    harness.until(|now| now.counts.cancelled() == 1 && now.counts.running == 1).await;
    assert_eq!(harness.launches(2), [1]);
}

fn began(attempt: u32) -> Report {
    Report::Fact(Fact::Began(Began::of(sample::mark(AttemptNo(attempt)), None)))
}

fn stage(phase: &Phase, wanted: Urgency) -> bool {
    let Phase::Cancelling { stage, .. } = phase else { return false };
    let (CancelStage::Stopping { urgency, .. } | CancelStage::Disposing { urgency, .. }) = stage;
    *urgency == wanted
}

#[tokio::test(start_paused = true)]
async fn r27_a_cancel_from_the_command_line_leaves_a_session_of_a_console_alone() {
    let harness = Plan::default().open(|_| runs());
    harness.start([1]).await;
    let before = harness.until_phase(1, |phase| matches!(phase, Phase::Running { .. })).await;
    assert_eq!(harness.act(FROM_COMMAND_LINE, 1).await, Err(Refusal::OtherOrigin { origin: Origin::Console }));
    assert_eq!(harness.until_phase(1, |_| true).await.phase(), before.phase());
    harness.act(CANCEL, 1).await.unwrap();
    harness.until_completed(1).await;
    assert_eq!(
        harness.act(FROM_COMMAND_LINE, 1).await,
        Err(Refusal::Completed),
        "what has ended is told as ended (R22)"
    );
}

#[tokio::test(start_paused = true)]
async fn r27_a_cancel_from_the_command_line_ends_what_was_started_there() {
    let harness = Plan::default().open(|_| runs());
    let orders = vec![sample::request(1).into()];
    let order = StartRequest { orders, policy: None, origin: Origin::CommandLine };
    assert_eq!(harness.handle.start(order, ops()).await.done(), 1);
    harness.act(FROM_COMMAND_LINE, 1).await.unwrap();
    harness.until_completed(1).await;
}
