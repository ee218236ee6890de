//! Runs of jobs over the socket: started, stopped and seen by everybody.

use crate::{
    harness::{Harness, until, who, within},
    sample,
};
use howdah::{
    domain::{
        BackupOrder, InstanceName, JobId, JobKind, JobObject, JobResult, JobSpec, Order, Origin, RetryPolicy, StopMode,
    },
    machine::{Refusal, job::JobPhase},
    manager::{JobAction, Service, StartJob},
};
use serde_json::json;
use std::num::NonZeroU16;

/// A job of so many instances.
fn job(name: &str, objects: usize) -> StartJob {
    let instance = |number: usize| {
        let Order::Backup(BackupOrder { object, .. }) = sample::backup_order() else { panic!("a backup") };
        let mut written = serde_json::to_value(object).unwrap();
        written["instance"]["name"] = format!("{name}-{number}").into();
        written["instance"]["conninfo"] = format!("host={name}-{number}").into();
        let object = serde_json::from_value(written).unwrap();
        JobObject { object, repository: Some("/backup".into()), max_rate: None }
    };
    let (name, objects) = (InstanceName::new(name), (0..objects).map(instance).collect());
    let spec = JobSpec::new(name, JobKind::Instance, objects, NonZeroU16::MIN, RetryPolicy::default()).unwrap();
    StartJob { spec, origin: Origin::CommandLine }
}

#[tokio::test]
async fn a_run_that_one_client_starts_is_seen_and_stopped_by_another() {
    let harness = Harness::open();
    let (ana, ben) = (harness.client(true).await, harness.client(true).await);
    let id = ana.start_job(job("nightly", 2), who("somebody else")).await.unwrap();
    for client in [&ana, &ben] {
        let busy = |now: &std::sync::Arc<howdah::manager::Snapshot>| {
            now.run(id).is_some_and(|run| run.processing().count() == 1) && now.counts.running == 1
        };
        let seen = until("the first object is in process", &mut client.snapshots(), busy).await;
        assert_eq!(seen.runs, harness.manager.handle.snapshots().borrow().runs);
    }
    assert_eq!(
        ben.job(id, who("ben")).await.unwrap().who().user(),
        "ana",
        "who asked is who said hello, as every client here does"
    );
    let again = ben.start_job(job("nightly", 2), who("ben")).await;
    assert_eq!(again, Err(Refusal::JobRunning { job: InstanceName::new("nightly"), run: id }));
    assert_eq!(ben.act_on_job(JobAction::Stop(StopMode::Immediate), id, who("ben")).await, Ok(id));
    for client in [&ana, &ben] {
        let seen = until("it has ended", &mut client.snapshots(), |now| now.ended_runs.len() == 1).await;
        assert!(seen.runs.is_empty());
        assert_eq!((seen.ended_runs[0].id, seen.ended_runs[0].result), (id, JobResult::Failed));
    }
    let ended = ana.job(id, who("ana")).await.unwrap();
    assert!(
        matches!(ended.phase(), JobPhase::Done { detail, .. } if detail.starts_with("stopped immediately by ana@"))
    );
    let refused = ana.act_on_job(JobAction::Stop(StopMode::Graceful), id, who("ana")).await;
    assert_eq!(refused, Err(Refusal::JobEnded { result: JobResult::Failed }));
    ana.act_on_job(JobAction::Dismiss, id, who("ana")).await.unwrap();
    until("it is dismissed", &mut ben.snapshots(), |now| now.ended_runs.iter().all(|row| row.dismissed)).await;
    assert_eq!(ana.job(JobId(9), who("ana")).await, None);
    let unknown = ana.act_on_job(JobAction::Force, JobId(9), who("ana")).await;
    assert_eq!(unknown, Err(Refusal::UnknownJob { id: JobId(9) }));
}

#[tokio::test]
async fn a_client_that_comes_later_sees_the_runs_that_were_there() {
    let harness = Harness::open();
    let early = harness.client(false).await;
    let ended = early.start_job(job("early", 1), who("ana")).await.unwrap();
    early.act_on_job(JobAction::Stop(StopMode::Immediate), ended, who("ana")).await.unwrap();
    let mut own = harness.manager.handle.snapshots();
    until("it has ended", &mut own, |now| now.ended_runs.len() == 1).await;
    let id = early.start_job(job("late", 1), who("ana")).await.unwrap();
    let late = harness.client(true).await;
    let seen = until("both", &mut late.snapshots(), |now| now.ended_runs.len() == 1 && now.run(id).is_some()).await;
    assert_eq!(seen.ended_runs[0].id, ended);
}

#[tokio::test]
async fn what_is_no_job_ends_the_connection_with_a_reason_and_starts_nothing() {
    let harness = Harness::open();
    let good = serde_json::to_value(job("nightly", 1)).unwrap();
    for (spoil, reason) in [
        (json!([]), "the job nightly has no objects"),
        (json!([good["spec"]["objects"][0], good["spec"]["objects"][0]]), "two objects of the name nightly-0"),
    ] {
        let mut bad = good.clone();
        bad["spec"]["objects"] = spoil;
        let mut raw = harness.raw();
        raw.greet().await;
        raw.send(&json!({"ask": {"number": 1, "request": {"start_job": bad}}})).await;
        assert!(raw.bye().await.contains(reason), "{reason}");
    }
    let mut long = good.clone();
    long["spec"]["name"] = "x".repeat(5000).into();
    let mut raw = harness.raw();
    raw.greet().await;
    raw.send(&json!({"ask": {"number": 1, "request": {"start_job": long}}})).await;
    assert!(raw.bye().await.contains("longer than 4096 bytes"));
    within("an owner that is well", harness.is_well()).await;
    assert!(harness.manager.store.runs().is_empty());
}
