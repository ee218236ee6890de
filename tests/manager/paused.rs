//! Sessions that are paused at their goal: their servers are looked after, and a person says how they go on.

use crate::{
    harness::{Harness, Plan, ends, runs},
    sample,
};
use howdah::{
    attempt::Scenario,
    domain::{
        AtTarget, AttemptNo, Disposition, Kind, Lsn, MajorVersion, Order, Port, Reach, RecoveryGoal, RestoreOrder,
        ServerAddress,
        fact::{End, PausePoint, PausedServer, ProcessMark},
        ticket::{Ticket, Work},
    },
    machine::{Cause, Event, Phase, Refusal, Report, Resume, Scope, Session},
    manager::SessionAction,
};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

/// The server that an attempt leaves at its pause: its pid is the attempt's number.
fn server(attempt: AttemptNo) -> PausedServer {
    let address = ServerAddress {
        sockets: "/tmp/howdah-s".into(),
        port: Port::new(5432).unwrap(),
        role: "postgres".to_owned(),
        programs: "/usr/lib/postgresql/15/bin".into(),
        version: MajorVersion(15),
    };
    PausedServer { mark: ProcessMark { pid: attempt.0, started: 7, realm: None }, address }
}

/// Every attempt comes to its pause in ten seconds.
pub(crate) fn pauses(ticket: &Ticket) -> Scenario {
    match ticket.work {
        Work::Run(_) => {
            let server = Some(Box::new(server(ticket.attempt)));
            ends(10, sample::over(End::Paused(PausePoint { server, ..sample::pause_point() })))
        }
        Work::Dispose { .. } => Scenario::default(),
    }
}

fn plan(gone: &Arc<Mutex<BTreeSet<u32>>>) -> Plan {
    Plan { gone: Arc::clone(gone), max_running: 1, ..Plan::default() }
}

async fn paused(harness: &Harness, number: u64, attempt: u32) -> Arc<Session> {
    let stands = |phase: &Phase| matches!(phase, Phase::Paused { at, .. } if at.server.as_ref().is_some_and(|one| one.mark.pid == attempt));
    harness.until_phase(number, stands).await
}

#[tokio::test(start_paused = true)]
async fn d09_a_server_that_is_gone_is_brought_back_to_the_same_pause_within_seconds() {
    let gone = Arc::default();
    let harness = plan(&gone).open(pauses);
    harness.start([1]).await;
    let before = paused(&harness, 1, 1).await;
    let revision = harness.now().await.revision;
    let later = harness.wait(3_600).await;
    assert_eq!((later.revision, harness.workers()), (revision, 1), "while it stands nothing happens");
    gone.lock().unwrap().insert(1);
    let since = tokio::time::Instant::now();
    harness.until_phase(1, |phase| matches!(phase, Phase::Running { cause: Cause::Try(1), .. })).await;
    assert!(since.elapsed().as_secs() <= 5, "{:?}", since.elapsed());
    let after = paused(&harness, 1, 2).await;
    assert_eq!((after.order(), after.first_cause()), (before.order(), None));
    assert_eq!(harness.workers(), 2);
    // The next loss is a disruption of its own.
    gone.lock().unwrap().insert(2);
    harness.until_phase(1, |phase| matches!(phase, Phase::Running { cause: Cause::Try(1), .. })).await;
    paused(&harness, 1, 3).await;
}

#[tokio::test(start_paused = true)]
async fn d09_an_owner_that_takes_over_looks_at_once() {
    let gone = Arc::default();
    let harness = plan(&gone).open(pauses);
    harness.start([1]).await;
    paused(&harness, 1, 1).await;
    assert!(!harness.now().await.needs_owner(), "it is safe to close");
    let store = harness.crash().await;
    let harness = Plan { store: store.clone(), ..plan(&gone) }.open(pauses);
    paused(&harness, 1, 1).await;
    assert_eq!(harness.workers(), 0, "it stands: nothing is begun");
    harness.crash().await;
    gone.lock().unwrap().insert(1);
    let harness = Plan { store, ..plan(&gone) }.open(pauses);
    let since = tokio::time::Instant::now();
    harness.until_phase(1, |phase| matches!(phase, Phase::Running { attempt: AttemptNo(2), .. })).await;
    assert!(since.elapsed().as_millis() < 100, "{:?}", since.elapsed());
    assert!(harness.now().await.needs_owner(), "until it is back a keeper stays");
    paused(&harness, 1, 2).await;
}

#[tokio::test(start_paused = true)]
async fn busy_sessions_do_not_put_the_look_off() {
    let gone = Arc::default();
    let harness = Plan { max_running: 2, ..plan(&gone) }.open(|ticket| match ticket.session.0 {
        1 => pauses(ticket),
        _ => runs(),
    });
    harness.start(1..=2).await;
    paused(&harness, 1, 1).await;
    gone.lock().unwrap().insert(1);
    for bytes in 0..60 {
        let report = Report::Fact(howdah::domain::fact::Fact::Progress(sample::progress(bytes, None)));
        harness.say(2, 1, report).await;
        harness.wait(1).await;
        if harness.workers() > 2 {
            return;
        }
    }
    panic!("a minute of messages, and nobody looked");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_stored_is_tried_again_and_counts_once() {
    let gone = Arc::default();
    let harness = plan(&gone).open(pauses);
    harness.start([1]).await;
    paused(&harness, 1, 1).await;
    harness.store.fail(true);
    gone.lock().unwrap().insert(1);
    harness.wait(60).await;
    assert_eq!(harness.workers(), 1);
    harness.store.fail(false);
    paused(&harness, 1, 2).await;
    assert_eq!(harness.times(1, |event| matches!(event, Event::Disrupted { .. })).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_pause_holds_no_slot_and_keeps_its_places() {
    let gone = Arc::default();
    let harness = plan(&gone).open(pauses);
    harness.start(1..=2).await;
    paused(&harness, 1, 1).await;
    paused(&harness, 2, 1).await;
    let receipt = harness.order(vec![sample::request(1)]).await;
    assert!(matches!(receipt.lines[0].result, Err(Refusal::DirectoryHeld { .. })), "{receipt:?}");
}

#[tokio::test(start_paused = true)]
async fn a_person_moves_it_on_promotes_it_or_stops_it_there() {
    let gone = Arc::default();
    let harness = plan(&gone).open(pauses);
    harness.start([1]).await;
    paused(&harness, 1, 1).await;
    let back = SessionAction::Resume(sample::go_on(0x10));
    assert!(matches!(harness.act(back, 1).await, Err(Refusal::NotLater { at: Lsn(0x200_0100), .. })));
    for (attempt, resume, goal, at_target) in [
        (2, sample::go_on(0x300_0000), RecoveryGoal::Lsn(Lsn(0x300_0000)), AtTarget::Promote),
        (3, Resume::StopHere, RecoveryGoal::Lsn(Lsn(0x300_0000)), AtTarget::ShutDown),
        (4, Resume::Promote, RecoveryGoal::Lsn(Lsn(0x300_0000)), AtTarget::Promote),
    ] {
        harness.act(SessionAction::Resume(resume), 1).await.unwrap();
        harness.until_phase(1, |phase| matches!(phase, Phase::Running { cause: Cause::Resume, .. })).await;
        let launched = harness.launched.lock().unwrap().last().cloned().unwrap();
        let Work::Run(Order::Restore(RestoreOrder::Cluster(order))) = launched.work else { panic!("a restore") };
        assert_eq!((order.recovery.goal, order.recovery.at_target), (goal, at_target));
        assert!(matches!(harness.act(SessionAction::Resume(Resume::Promote), 1).await, Err(Refusal::NotPaused)));
        paused(&harness, 1, attempt).await;
    }
}

#[tokio::test(start_paused = true)]
async fn r15_r18_a_pause_is_skipped_by_retry_and_ended_by_cancel() {
    let gone = Arc::default();
    let harness = plan(&gone).open(pauses);
    harness.start([1]).await;
    paused(&harness, 1, 1).await;
    let receipt = harness.all(SessionAction::Retry, Scope::Ongoing(Kind::Restore)).await;
    assert_eq!(receipt.lines[0].result, Err(Refusal::Paused));
    harness.act(SessionAction::Cancel(Disposition::Remove, Reach::AnyOrigin), 1).await.unwrap();
    harness.until_completed(1).await;
    let newest = harness.launched.lock().unwrap().last().cloned().unwrap();
    assert!(matches!(newest.work, Work::Dispose { .. }));
    // Its server is gone with it, and nobody misses it.
    gone.lock().unwrap().insert(1);
    harness.wait(60).await;
    assert_eq!(harness.workers(), 2);
}
