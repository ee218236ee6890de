//! Records of runs: what a howdah has once written to disk is read for ever.
//!
//! A file for a variant that is new in a version is made by `HOWDAH_WRITE_RECORDS=1 cargo test --test job records`, which
//! leaves those that exist alone.

use super::{
    model::{created, session_of},
    sample,
    search::{cancelled, failed, made},
};
use howdah::{
    domain::{JobKind, JobResult, Keep, StopMode},
    journal::RECORD_VERSION,
    machine::job::{JobCommand, JobCreated, JobEvent, JobRun, decide, evolve},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{fs, path::PathBuf};

/// The first version that has runs.
const FIRST: u32 = 3;

fn check<T>(name: &str, meant: &T)
where
    T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let file = |version: u32| {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/records/v{version}/job_{name}.json"))
    };
    let found = || (FIRST..=RECORD_VERSION).filter(|version| file(*version).exists()).collect::<Vec<_>>();
    if std::env::var_os("HOWDAH_WRITE_RECORDS").is_some() && found().is_empty() {
        fs::write(file(RECORD_VERSION), serde_json::to_string_pretty(meant).unwrap() + "\n").unwrap();
    }
    assert!(!found().is_empty(), "no record {name}");
    for version in found() {
        let read: T = serde_json::from_str(&fs::read_to_string(file(version)).unwrap())
            .unwrap_or_else(|error| panic!("{name} of version {version} can no longer be read: {error}"));
        assert_eq!(&read, meant, "{name} of version {version} means something else now");
    }
}

fn after(run: &JobRun, commands: impl IntoIterator<Item = JobCommand>) -> JobRun {
    let mut run = run.clone();
    for (command, second) in commands.into_iter().zip(1..) {
        let now = sample::after(second);
        let events = decide(&run, command, now).unwrap();
        run = events.iter().fold(run, |run, event| evolve(run, event, now));
    }
    run
}

#[test]
fn events_of_each_kind_are_read_for_ever() {
    let by = || "ops@bastion".to_owned();
    let ended = |end| JobEvent::ObjectEnded { object: 1, end };
    for (name, event) in [
        ("event_object_started", JobEvent::ObjectStarted { object: 1, session: session_of(1) }),
        ("event_object_refused", JobEvent::ObjectRefused { object: 1, cause: "port 5432 is taken".to_owned() }),
        ("event_object_cancel_requested", JobEvent::ObjectCancelRequested { object: 1, by: by() }),
        ("event_object_succeeded", ended(made())),
        ("event_object_failed", ended(failed())),
        ("event_object_cancelled", ended(cancelled(true))),
        ("event_stop_gracefully", JobEvent::StopRequested { mode: StopMode::Graceful, by: by() }),
        ("event_stop_immediately", JobEvent::StopRequested { mode: StopMode::Immediate, by: by() }),
        ("event_ended", JobEvent::Ended { result: JobResult::Warning, detail: "1 of 2 objects".to_owned() }),
        ("event_dismissed", JobEvent::Dismissed { by: by() }),
    ] {
        check(name, &event);
    }
    for kind in JobKind::ALL {
        check(&format!("created_{kind}"), &created(kind, 2, 1));
    }
    let keep = Keep::new(Some(7), Some(14), None).unwrap();
    let new = created(JobKind::Instance, 2, 1);
    check("created_keeping", &JobCreated { spec: new.spec.keeping(keep).unwrap(), ..new });
}

#[test]
fn runs_in_each_phase_are_read_for_ever() {
    let by = || "ops@bastion".to_owned();
    let new = JobRun::create(created(JobKind::Instance, 3, 2));
    let start = |object| JobCommand::ObjectStarted { object, session: session_of(object) };
    let end = |object, end| JobCommand::ObjectEnded { session: session_of(object), end };
    let stop = |mode| JobCommand::Stop { mode, by: by() };
    let running = after(&new, [start(0), start(1), end(0, made())]);
    let by_hand = JobCommand::ObjectCancelRequested { session: session_of(1), by: by() };
    let refused = JobCommand::ObjectRefused { object: 2, cause: "port 5432 is taken".to_owned() };
    for (name, run) in [
        ("run_new", new),
        ("run_running", running.clone()),
        ("run_cancelled_by_hand", after(&running, [by_hand, end(1, cancelled(true)), refused])),
        ("run_stopping_gracefully", after(&running, [stop(StopMode::Graceful)])),
        ("run_stopping_immediately", after(&running, [stop(StopMode::Immediate)])),
        ("run_stopped", after(&running, [stop(StopMode::Graceful), end(1, failed())])),
        (
            "run_dismissed",
            after(&running, [stop(StopMode::Immediate), end(1, cancelled(true)), JobCommand::Dismiss { by: by() }]),
        ),
    ] {
        check(name, &run);
    }
}
