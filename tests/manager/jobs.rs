//! Runs of jobs under the manager: begun in order, stopped in both ways, taken up again by the next owner.

use crate::{
    harness::{Harness, Plan, ends, ops, runs},
    sample,
};
use howdah::{
    attempt::Scenario,
    domain::{
        Achieved, BackupOrder, ByteCount, Disposed, Disposition, InstanceName, JobId, JobKind, JobObject, JobResult,
        JobSpec, Keep, Kind, Order, Origin, Parent, Reach, RetryPolicy, SessionId, StopMode, Success,
        fact::End,
        ticket::{Ticket, Work},
    },
    machine::{
        Event, Phase, Refusal, Report, Scope,
        job::{JobCreated, JobPhase, JobRun, ObjectState},
    },
    manager::{JobAction, Service as _, SessionAction, Snapshot, StartJob, StartRequest},
};
use std::{num::NonZeroU16, sync::Arc, time::Duration};
use uuid::Uuid;

/// A job of instances of these names, tried again twice.
pub(crate) fn job(name: &str, objects: &[&str], at_once: u16) -> StartJob {
    let instance = |name: &&str| {
        let Order::Backup(BackupOrder { object, .. }) = sample::backup_order() else { panic!("a backup") };
        let mut written = serde_json::to_value(object).unwrap();
        written["instance"]["name"] = (*name).into();
        written["instance"]["conninfo"] = format!("host={name}").into();
        let object = serde_json::from_value(written).unwrap();
        JobObject { object, repository: Some("/backup".into()), max_rate: None }
    };
    let policy = RetryPolicy { tries: 2, ..JobSpec::default_policy() };
    let (objects, at_once) = (objects.iter().map(instance).collect(), NonZeroU16::new(at_once).unwrap());
    let spec = JobSpec::new(InstanceName::new(name), JobKind::Instance, objects, at_once, policy).unwrap();
    StartJob { spec, origin: Origin::CommandLine }
}

pub(crate) fn made() -> Report {
    let result = Achieved::RestorePoint { label: "2026-11-20T0200".to_owned(), bytes: ByteCount(1000), how: None };
    sample::over(End::Succeeded(Success { result, warnings: Vec::new(), unchecked: Vec::new() }))
}

/// Each object takes ten seconds.
pub(crate) fn course(ticket: &Ticket) -> Scenario {
    match ticket.work {
        Work::Run(_) => ends(10, made()),
        Work::Dispose { .. } => Scenario::default(),
    }
}

/// Objects of these names never get through; the others take ten seconds.
fn failing(names: &'static [&'static str]) -> impl Fn(&Ticket) -> Scenario + Send + 'static {
    move |ticket| match &ticket.work {
        Work::Run(order) if names.contains(&order.title().as_str()) => ends(10, Report::Over(None)),
        Work::Run(_) => ends(10, made()),
        Work::Dispose { .. } => Scenario::default(),
    }
}

impl Harness {
    pub(crate) async fn start_job(&self, start: StartJob) -> Result<JobId, Refusal> {
        self.handle.start_job(start, ops()).await
    }

    pub(crate) async fn stop(&self, job: u64, mode: StopMode) -> Result<JobId, Refusal> {
        self.handle.act_on_job(JobAction::Stop(mode), JobId(job), ops()).await
    }

    pub(crate) async fn job(&self, job: u64) -> Arc<JobRun> {
        self.handle.job(JobId(job), ops()).await.expect("there is such a run")
    }

    async fn until_run(&self, job: u64, wanted: impl Fn(&JobRun) -> bool) -> Arc<Snapshot> {
        self.until(|now| now.run(JobId(job)).is_some_and(|run| wanted(run))).await
    }

    /// Waits until so many objects of a run are in process and have an attempt.
    pub(crate) async fn until_busy(&self, job: u64, objects: usize) {
        self.until(|now| {
            now.run(JobId(job)).is_some_and(|run| run.processing().count() == objects) && now.counts.running >= objects
        })
        .await;
    }

    pub(crate) async fn until_done(&self, job: u64) -> (JobResult, Vec<String>, String) {
        self.until(|now| now.ended_runs.iter().any(|row| row.id == JobId(job))).await;
        let run = self.job(job).await;
        let JobPhase::Done { result, detail, .. } = run.phase() else { panic!("{run:?}") };
        let words = run.objects().iter().map(|state| state.word().to_owned()).collect();
        (*result, words, detail.clone())
    }
}

#[tokio::test(start_paused = true)]
async fn r41_objects_are_processed_in_the_order_of_the_settings_so_many_at_once() {
    for (at_once, launches) in [(1, [0, 10, 20]), (2, [0, 0, 10])] {
        let harness = Plan::default().open(course);
        assert_eq!(harness.start_job(job("nightly", &["c", "a", "b"], at_once)).await, Ok(JobId(1)));
        let (result, words, detail) = harness.until_done(1).await;
        assert_eq!((result, words), (JobResult::Success, vec!["done".to_owned(); 3]));
        assert_eq!(detail, "3 of 3 objects have a new restore point");
        let launched = harness.launched.lock().unwrap().clone();
        let titles: Vec<String> = launched.iter().map(|ticket| order(ticket).title().to_string()).collect();
        assert_eq!(titles, ["c", "a", "b"]);
        assert_eq!([1, 2, 3].map(|number| harness.launches(number)[0]), launches);
        let session = harness.handle.session(SessionId(1), ops()).await.unwrap();
        assert_eq!((session.parent(), session.origin()), (Some(Parent::Job(JobId(1))), Origin::CommandLine));
        assert_eq!(session.policy().tries, 2);
    }
}

/// Session 1 ends at once, 2 runs for ever, and 3 waits for its next try: what the last two read is not removed.
#[tokio::test(start_paused = true)]
async fn a_ticket_that_removes_restore_points_names_those_that_other_sessions_read() {
    let course = |ticket: &Ticket| match (&ticket.work, ticket.session) {
        (Work::Run(_), SessionId(1)) => ends(1, sample::over(End::Succeeded(sample::success()))),
        (Work::Run(_), SessionId(2)) => runs(),
        (Work::Run(_), SessionId(3)) => ends(1, sample::over(End::Failed(sample::disruption()))),
        (_, _) => ends(10, made()),
    };
    let harness = Plan::default().open(course);
    harness.start([1, 2, 3]).await;
    harness.until_completed(1).await;
    harness.until_phase(3, |phase| matches!(phase, Phase::Waiting { .. })).await;
    let mut keeping = job("nightly", &["a"], 1);
    keeping.spec = keeping.spec.keeping(Keep::new(Some(7), None, None).unwrap()).unwrap();
    for start in [keeping, job("weekly", &["b"], 1)] {
        harness.start_job(start).await.unwrap();
    }
    harness.until_busy(2, 1).await;
    let launched = harness.launched.lock().unwrap().clone();
    let in_use = |name: &str| {
        launched.iter().find(|ticket| order(ticket).title().as_str() == name).map(|ticket| ticket.in_use.clone())
    };
    let read = [2, 3].map(|number| sample::request(number).point.source.directory().unwrap().to_owned());
    assert_eq!(in_use("a"), Some(read.to_vec()));
    assert_eq!(in_use("b"), Some(Vec::new()), "it removes nothing");
}

fn order(ticket: &Ticket) -> &Order {
    match &ticket.work {
        Work::Run(order) => order,
        Work::Dispose { .. } => panic!("{ticket:?} does no work"),
    }
}

#[tokio::test(start_paused = true)]
async fn slots_are_common_to_jobs_and_restores() {
    let harness = Plan { max_running: 1, ..Plan::default() }.open(course);
    harness.start([1]).await;
    harness.until(|now| now.counts.running == 1).await;
    harness.start_job(job("nightly", &["a", "b"], 2)).await.unwrap();
    harness.until_run(1, |run| run.processing().count() == 2).await;
    assert_eq!(harness.now().await.counts.queued, 2);
    assert_eq!(harness.until_done(1).await.0, JobResult::Success);
    assert_eq!([1, 2, 3].map(|number| harness.launches(number)), [[0], [10], [20]]);
}

#[tokio::test(start_paused = true)]
async fn failed_objects_are_tried_again_and_leave_a_warning_or_a_failure() {
    let harness = Plan::default().open(failing(&["a"]));
    harness.start_job(job("nightly", &["a", "b"], 1)).await.unwrap();
    let (result, words, detail) = harness.until_done(1).await;
    assert_eq!((result, words), (JobResult::Warning, vec!["failed".to_owned(), "done".to_owned()]));
    assert!(detail.starts_with("1 of 2 objects have a new restore point; a failed: the worker exited"), "{detail}");
    assert_eq!(harness.launches(1), [0, 610, 1220], "three attempts, ten minutes after each other");
    harness.start_job(job("nightly", &["a"], 1)).await.unwrap();
    assert_eq!(harness.until_done(2).await.0, JobResult::Failed);
}

#[tokio::test(start_paused = true)]
async fn r37_r38_d8_a_graceful_stop_finishes_what_is_in_process_and_begins_nothing() {
    let harness = Plan::default().open(course);
    harness.start_job(job("nightly", &["a", "b", "c", "d"], 1)).await.unwrap();
    harness.until_run(1, |run| run.processing().any(|(object, _)| object == 1)).await;
    harness.stop(1, StopMode::Graceful).await.unwrap();
    let stopping = harness.job(1).await;
    assert_eq!(stopping.stopping(), Some(StopMode::Graceful));
    assert_eq!(stopping.objects()[2], ObjectState::NotStarted);
    let again = harness.stop(1, StopMode::Graceful).await;
    assert_eq!(again, Err(Refusal::JobStopping { current: StopMode::Graceful, mode: StopMode::Graceful }));
    let (result, words, _) = harness.until_done(1).await;
    assert_eq!(
        (result, words),
        (JobResult::Stopped, ["done", "done", "not started", "not started"].map(str::to_owned).to_vec())
    );
    harness.wait(3600).await;
    assert_eq!(harness.workers(), 2, "nothing was begun after it");
    let refused = harness.stop(1, StopMode::Immediate).await;
    assert_eq!(refused, Err(Refusal::JobEnded { result: JobResult::Stopped }));
}

#[tokio::test(start_paused = true)]
async fn r31_to_r35_an_immediate_stop_removes_what_is_in_process_and_keeps_what_is_done() {
    for graceful_first in [false, true] {
        let harness = Plan::default().open(course);
        harness.start_job(job("nightly", &["a", "b", "c"], 1)).await.unwrap();
        harness.until_run(1, |run| run.processing().any(|(object, _)| object == 1)).await;
        harness.until(|now| now.counts.running == 1).await;
        if graceful_first {
            harness.stop(1, StopMode::Graceful).await.unwrap();
        }
        harness.stop(1, StopMode::Immediate).await.unwrap();
        let back = harness.stop(1, StopMode::Graceful).await;
        assert_eq!(back, Err(Refusal::JobStopping { current: StopMode::Immediate, mode: StopMode::Graceful }));
        let (result, words, detail) = harness.until_done(1).await;
        assert_eq!(
            (result, words),
            (JobResult::Failed, ["done", "stopped", "not started"].map(str::to_owned).to_vec())
        );
        assert!(detail.ends_with("1 of 3 objects have a new restore point"), "{detail}");
        let disposed = harness.launched.lock().unwrap().last().unwrap().work.clone();
        assert!(matches!(disposed, Work::Dispose { disposition: Disposition::Remove, .. }), "{disposed:?}");
        assert_eq!(harness.now().await.counts.ongoing(), 0, "D6: it was done when its sessions were");
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_that_waits_for_its_next_try_makes_it_at_once_when_the_run_is_stopped_gracefully() {
    let harness = Plan::default().open(failing(&["a"]));
    harness.start_job(job("nightly", &["a", "b"], 1)).await.unwrap();
    harness.until_phase(1, |phase| matches!(phase, Phase::Waiting { .. })).await;
    harness.wait(60).await;
    harness.stop(1, StopMode::Graceful).await.unwrap();
    let (result, words, detail) = harness.until_done(1).await;
    assert_eq!((result, words), (JobResult::Failed, vec!["failed".to_owned(), "not started".to_owned()]));
    assert!(detail.starts_with("a failed: "), "{detail}");
    assert_eq!(harness.launches(1), [0, 70]);
}

#[tokio::test(start_paused = true)]
async fn r43_a_graceful_stop_while_the_first_object_waits_for_a_slot_ends_as_cancelled_by_the_user() {
    let harness = Plan { max_running: 1, ..Plan::default() }.open(|_| runs());
    harness.start([1]).await;
    harness.until(|now| now.counts.running == 1).await;
    harness.start_job(job("nightly", &["a", "b"], 1)).await.unwrap();
    harness.until_run(1, |run| run.processing().count() == 1).await;
    harness.stop(1, StopMode::Graceful).await.unwrap();
    let (result, words, detail) = harness.until_done(1).await;
    assert_eq!((result, words), (JobResult::Failed, vec!["not started".to_owned(); 2]));
    assert_eq!(detail, "Operation was canceled by user");
    assert_eq!(harness.now().await.counts.running, 1, "the restore goes on");
}

#[tokio::test(start_paused = true)]
async fn r15_r17_what_is_asked_of_all_restores_leaves_objects_of_jobs_alone() {
    let harness = Plan::default()
        .open(|ticket| if order(ticket).kind() == Kind::Backup { ends(10, Report::Over(None)) } else { runs() });
    harness.start_job(job("nightly", &["a"], 1)).await.unwrap();
    harness.until_phase(1, |phase| matches!(phase, Phase::Waiting { .. })).await;
    let restore = Scope::Ongoing(Kind::Restore);
    for act in [SessionAction::Retry, SessionAction::Cancel(Disposition::Remove, Reach::AnyOrigin)] {
        assert!(harness.all(act.clone(), restore.clone()).await.lines.is_empty(), "{act:?}");
    }
    assert!(matches!(harness.now().await.session(SessionId(1)).unwrap().phase(), Phase::Waiting { .. }));
    assert_eq!(harness.all(SessionAction::Retry, Scope::Ongoing(Kind::Backup)).await.done(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_session_of_an_object_that_a_person_cancels_is_a_failed_object_and_one_retried_goes_on() {
    let harness = Plan::default().open(failing(&["b"]));
    harness.start_job(job("nightly", &["a", "b", "c"], 1)).await.unwrap();
    harness.until_busy(1, 1).await;
    harness.act(SessionAction::Cancel(Disposition::Remove, Reach::AnyOrigin), 1).await.unwrap();
    harness.until_phase(2, |phase| matches!(phase, Phase::Waiting { .. })).await;
    harness.act(SessionAction::Retry, 2).await.unwrap();
    let (result, words, _) = harness.until_done(1).await;
    assert_eq!((result, words), (JobResult::Warning, ["failed", "failed", "done"].map(str::to_owned).to_vec()));
    let ObjectState::Failed { cause, .. } = harness.job(1).await.objects()[0].clone() else { panic!("it failed") };
    assert!(cause.starts_with("cancelled by ops@bastion") && cause.ends_with("partial data removed"), "{cause}");
    assert_eq!(harness.times(2, |event| matches!(event, Event::Requeued { by: Some(_), .. })).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_job_runs_once_at_a_time_and_an_object_in_one_run() {
    let harness = Plan::default().open(|_| runs());
    harness.start_job(job("nightly", &["a", "b"], 1)).await.unwrap();
    let name = InstanceName::new;
    let twice = harness.start_job(job("nightly", &["c"], 1)).await;
    assert_eq!(twice, Err(Refusal::JobRunning { job: name("nightly"), run: JobId(1) }));
    let shared = harness.start_job(job("weekly", &["c", "b"], 1)).await;
    assert_eq!(shared, Err(Refusal::ObjectOfOtherRun { object: name("b"), job: name("nightly"), run: JobId(1) }));
    harness.start_job(job("weekly", &["c"], 1)).await.unwrap();
    let running = harness.now().await;
    assert_eq!(running.runs.len(), 2, "{:?}", running.runs);
    harness.stop(1, StopMode::Immediate).await.unwrap();
    harness.until_done(1).await;
    harness.start_job(job("nightly", &["a", "b"], 1)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_backup_is_ordered_through_its_job_alone() {
    let harness = Plan::default().open(course);
    let run = JobRun::create(JobCreated {
        id: JobId(1),
        uuid: Uuid::nil(),
        spec: job("nightly", &["a"], 1).spec,
        who: ops(),
        origin: Origin::Console,
        at: sample::start(),
    });
    let orders = vec![run.order(0).unwrap()];
    let receipt = harness.handle.start(StartRequest { orders, policy: None, origin: Origin::Console }, ops()).await;
    assert_eq!(receipt.lines[0].result, Err(Refusal::OnlyInJob));
}

#[tokio::test(start_paused = true)]
async fn d6_force_kills_what_an_immediate_stop_waits_for() {
    let stubborn = |ticket: &Ticket| match ticket.work {
        Work::Run(_) => Scenario { steps: Vec::new(), stops_in: None },
        Work::Dispose { .. } => Scenario::default(),
    };
    let harness = Plan::default().open(stubborn);
    harness.start_job(job("nightly", &["a"], 1)).await.unwrap();
    harness.until_busy(1, 1).await;
    let force = || harness.handle.act_on_job(JobAction::Force, JobId(1), ops());
    assert_eq!(force().await, Err(Refusal::NothingToForce));
    harness.stop(1, StopMode::Immediate).await.unwrap();
    harness.wait(3600).await;
    assert!(harness.job(1).await.is_ongoing(), "its process is alive");
    force().await.unwrap();
    assert_eq!(harness.until_done(1).await.0, JobResult::Failed);
}

#[tokio::test(start_paused = true)]
async fn d10_a_run_stays_until_it_is_dismissed_and_the_journal_keeps_it() {
    let harness = Plan::default().open(course);
    let dismiss = || harness.handle.act_on_job(JobAction::Dismiss, JobId(1), ops());
    assert_eq!(dismiss().await, Err(Refusal::UnknownJob { id: JobId(1) }));
    harness.start_job(job("nightly", &["a"], 1)).await.unwrap();
    assert_eq!(dismiss().await, Err(Refusal::JobOngoing));
    harness.until_done(1).await;
    dismiss().await.unwrap();
    let after = harness.now().await;
    let shown: Vec<(u64, bool)> = after.ended_runs.iter().map(|row| (row.id.0, row.dismissed)).collect();
    assert_eq!((shown.as_slice(), after.runs.len()), (&[(1, true)][..], 0), "the newest of its job is known");
    assert!(harness.job(1).await.is_dismissed());
    // The next run has the next number, under the next owner too.
    let store = harness.crash().await;
    let harness = Plan { store, ..Plan::default() }.open(course);
    assert_eq!(harness.start_job(job("nightly", &["a"], 1)).await, Ok(JobId(2)));
}

#[tokio::test(start_paused = true)]
async fn an_immediate_stop_says_what_became_of_what_was_in_process() {
    let harness = Plan::default().open(|_| runs());
    harness.start_job(job("nightly", &["a", "b"], 2)).await.unwrap();
    harness.until_busy(1, 2).await;
    harness.stop(1, StopMode::Immediate).await.unwrap();
    harness.until_done(1).await;
    let stopped = |state: &ObjectState| matches!(state, ObjectState::Stopped { disposed: Disposed::Removed, .. });
    assert!(harness.job(1).await.objects().iter().all(stopped));
    let pause = Duration::from_secs(1);
    assert!(harness.job(1).await.elapsed(sample::start()) >= pause, "its workers took so long to stop");
}
