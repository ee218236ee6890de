//! Runs of jobs between owners, and beside places that are not to be had: what is stored is true, and goes on.

use crate::{
    harness::{Plan, ends, runs},
    jobs::{course, job, made},
};
use futures_util::future::BoxFuture;
use howdah::{
    attempt::{Scenario, simulated::Survivor},
    domain::{
        Disposed, HeldDirectory, Hold, JobId, JobResult, SessionId, StopMode,
        ticket::{Ticket, Work},
    },
    journal::{JobRecord, MemoryStore},
    machine::{
        Refusal, Report,
        job::{JobEvent, ObjectState},
    },
    manager::{Claims, Wanted},
};
use std::sync::{Arc, Mutex};
use tokio::sync::Semaphore;
use uuid::Uuid;

/// Claims that are answered one by one, when the test says so, and what was given back.
#[derive(Clone, Default)]
struct Gate {
    open: Arc<Mutex<Option<Arc<Semaphore>>>>,
    refuse: Arc<Mutex<Option<Refusal>>>,
    released: Arc<Mutex<Vec<Uuid>>>,
}

impl Gate {
    fn shut() -> (Self, Arc<Semaphore>) {
        let (gate, permits) = (Self::default(), Arc::new(Semaphore::new(0)));
        *gate.open.lock().unwrap() = Some(Arc::clone(&permits));
        (gate, permits)
    }
}

impl Claims for Gate {
    fn take(&self, _: Wanted) -> BoxFuture<'static, Result<Vec<HeldDirectory>, Refusal>> {
        let (gate, refuse) = (self.open.lock().unwrap().clone(), self.refuse.lock().unwrap().clone());
        Box::pin(async move {
            if let Some(gate) = gate {
                gate.acquire().await.unwrap().forget();
            }
            refuse.map_or(Ok(Vec::new()), Err)
        })
    }

    fn release(&self, session: Uuid, _: Vec<Hold>) -> BoxFuture<'static, ()> {
        self.released.lock().unwrap().push(session);
        Box::pin(std::future::ready(()))
    }
}

#[tokio::test(start_paused = true)]
async fn r38_r43_an_object_whose_place_is_claimed_after_the_stop_is_not_begun() {
    for mode in StopMode::ALL {
        let (gate, permits) = Gate::shut();
        let harness = Plan { claims: Arc::new(gate.clone()), ..Plan::default() }.open(course);
        harness.start_job(job("nightly", &["a"], 1)).await.unwrap();
        let claiming = harness.wait(60).await;
        assert_eq!((claiming.counts.going_on(), claiming.needs_owner()), (0, true), "a keeper stays for it");
        harness.stop(1, mode).await.unwrap();
        let (result, words, detail) = harness.until_done(1).await;
        assert_eq!((result, words), (JobResult::Failed, vec!["not started".to_owned()]));
        assert_eq!(detail == "Operation was canceled by user", mode == StopMode::Graceful, "{detail}");
        permits.add_permits(1);
        harness.wait(60).await;
        assert!(harness.store.sessions().is_empty());
        assert_eq!(gate.released.lock().unwrap().len(), 1, "what was claimed is given back");
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_whose_place_another_has_is_failed_and_the_run_goes_on() {
    let gate = Gate::default();
    *gate.refuse.lock().unwrap() = Some(Refusal::NotClaimed { reason: "another howdah has it".to_owned() });
    let harness = Plan { claims: Arc::new(gate), ..Plan::default() }.open(course);
    harness.start_job(job("nightly", &["a", "b"], 1)).await.unwrap();
    let (result, words, detail) = harness.until_done(1).await;
    assert_eq!((result, words), (JobResult::Failed, vec!["failed".to_owned(); 2]));
    assert_eq!(detail, "a failed: another howdah has it");
}

#[tokio::test(start_paused = true)]
async fn an_object_and_its_session_are_stored_together_or_not_at_all() {
    let harness = Plan::default().open(course);
    harness.store.fail_after(1);
    harness.start_job(job("nightly", &["a"], 1)).await.unwrap();
    harness.wait(60).await;
    assert!(harness.store.sessions().is_empty(), "the run is stored, and its object could not be");
    assert_eq!(harness.job(1).await.objects(), [ObjectState::Pending]);
    assert!((1..=120).contains(&harness.store.refused()), "asked {} times in a minute", harness.store.refused());
    harness.store.fail(false);
    assert_eq!(harness.until_done(1).await.0, JobResult::Success);
    assert_eq!(harness.store.sessions().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn d9_whenever_the_owner_dies_the_run_goes_on_to_its_end() {
    // Each append that works brings the run one turn further; then the owner dies.
    for turns in 1..=12 {
        let harness = Plan::default().open(course);
        harness.store.fail_after(turns);
        harness.start_job(job("nightly", &["a", "b"], 1)).await.unwrap();
        harness.wait(3600).await;
        let store = harness.crash().await;
        store.fail(false);
        let harness = Plan { store, ..Plan::default() }.open(course);
        let (result, words, _) = harness.until_done(1).await;
        assert_eq!((result, words), (JobResult::Success, vec!["done".to_owned(); 2]), "after {turns} turns");
        assert_eq!(harness.store.sessions().len(), 2, "each object was begun once");
        assert_eq!(started(&harness.store), 2);
    }
}

fn started(store: &MemoryStore) -> usize {
    let is_start = |event: &JobEvent| matches!(event, JobEvent::ObjectStarted { .. });
    let changes = store.run_changes(JobId(1));
    changes.iter().filter(|change| matches!(change, JobRecord::Happened { event, .. } if is_start(event))).count()
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_was_asked_goes_on_to_its_end_under_the_next_owner() {
    for (mode, remains, result, word) in [
        (StopMode::Graceful, Survivor::Alive(ends(5, made())), JobResult::Stopped, "done"),
        (StopMode::Graceful, Survivor::Lost, JobResult::Failed, "failed"),
        (StopMode::Immediate, Survivor::Alive(runs()), JobResult::Failed, "stopped"),
        (StopMode::Immediate, Survivor::Lost, JobResult::Failed, "stopped"),
    ] {
        // It does not heed a stop, so that the owner dies before it ends.
        let stubborn = |ticket: &Ticket| match ticket.work {
            Work::Run(_) => Scenario { steps: Vec::new(), stops_in: None },
            Work::Dispose { .. } => Scenario::default(),
        };
        let harness = Plan::default().open(stubborn);
        harness.start_job(job("nightly", &["a", "b"], 1)).await.unwrap();
        harness.until_busy(1, 1).await;
        harness.stop(1, mode).await.unwrap();
        let store = harness.crash().await;
        let harness = Plan { remains, store, ..Plan::default() }.open(course);
        let (ended, words, _) = harness.until_done(1).await;
        assert_eq!((ended, words), (result, vec![word.to_owned(), "not started".to_owned()]), "{mode}");
    }
}

#[tokio::test(start_paused = true)]
async fn s10_a_session_that_cannot_be_read_does_not_hold_up_its_run() {
    let harness = Plan::default().open(|_| runs());
    harness.start_job(job("nightly", &["a", "b"], 1)).await.unwrap();
    harness.until_busy(1, 1).await;
    let store = harness.crash().await;
    store.spoil(SessionId(1));
    let harness = Plan { store, ..Plan::default() }.open(course);
    let (result, words, detail) = harness.until_done(1).await;
    assert_eq!((result, words), (JobResult::Warning, vec!["failed".to_owned(), "done".to_owned()]));
    assert!(detail.contains("the journal's record of session 1 cannot be read"), "{detail}");
}

#[tokio::test(start_paused = true)]
async fn r31_r37_an_object_whose_point_was_in_place_when_its_worker_was_killed_is_done() {
    let course = |ticket: &Ticket| match ticket.work {
        Work::Run(_) => Scenario { stops_in: None, ..ends(10, Report::Over(None)) },
        // Whoever is to remove what was left finds the point.
        Work::Dispose { .. } => ends(1, made()),
    };
    for (mode, result) in [(StopMode::Graceful, JobResult::Stopped), (StopMode::Immediate, JobResult::Failed)] {
        let harness = Plan::default().open(course);
        harness.start_job(job("nightly", &["a", "b"], 1)).await.unwrap();
        harness.until_busy(1, 1).await;
        harness.stop(1, mode).await.unwrap();
        let (ended, words, _) = harness.until_done(1).await;
        assert_eq!((ended, words), (result, ["done", "not started"].map(str::to_owned).to_vec()), "{mode}");
        assert!(matches!(harness.job(1).await.objects()[0], ObjectState::Succeeded { .. }));
    }
}

#[tokio::test(start_paused = true)]
async fn r34_whoever_kills_the_remover_another_one_follows_and_the_third_is_told() {
    for (killed, says) in [(1, Ok(Disposed::Removed)), (2, Ok(Disposed::Removed)), (3, Err("was killed"))] {
        let course = move |ticket: &Ticket| match ticket.work {
            Work::Run(_) => runs(),
            // The first attempt is the backup itself.
            Work::Dispose { .. } if ticket.attempt.0 <= 1 + killed => ends(1, Report::Over(None)),
            Work::Dispose { .. } => Scenario::default(),
        };
        let harness = Plan::default().open(course);
        harness.start_job(job("nightly", &["a"], 1)).await.unwrap();
        harness.until_busy(1, 1).await;
        harness.stop(1, StopMode::Immediate).await.unwrap();
        harness.until_done(1).await;
        let run = harness.job(1).await;
        let ObjectState::Stopped { disposed, .. } = &run.objects()[0] else { panic!("{run:?}") };
        match says {
            Ok(wanted) => assert_eq!(*disposed, wanted),
            Err(says) => assert!(disposed.to_string().contains(says), "{disposed}"),
        }
    }
}
