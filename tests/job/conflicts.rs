//! Which runs may not go on beside each other.

use super::model::{created, object};
use howdah::{
    domain::{InstanceName, JobId, JobKind, JobObject, JobSpec},
    machine::{
        Refusal, Registry,
        job::{JobCreated, JobRun},
    },
};
use std::{num::NonZeroU16, sync::Arc};

fn run(number: u64, name: &str, objects: Vec<JobObject>) -> JobRun {
    let like = created(JobKind::Files, 1, 1);
    let policy = *like.spec.policy();
    let spec = JobSpec::new(InstanceName::new(name), JobKind::Files, objects, NonZeroU16::MIN, policy).unwrap();
    JobRun::create(JobCreated { id: JobId(number), spec, ..like })
}

/// A tree of this name, in this place of the disk, that is backed up into this repository.
fn tree(name: &str, path: &str, repository: Option<&str>) -> JobObject {
    let mut written = serde_json::to_value(object(JobKind::Files, 1)).unwrap();
    written["object"]["file_tree"]["name"] = name.into();
    written["object"]["file_tree"]["path"] = path.into();
    written["repository"] = repository.into();
    serde_json::from_value(written).unwrap()
}

#[test]
fn two_runs_have_no_object_in_common() {
    let nightly = run(7, "nightly", vec![tree("x", "/x", Some("/a")), tree("b", "/b", Some("/backup"))]);
    let mut registry = Registry::new(1);
    registry.put_run(Arc::new(nightly));
    let held = |name: &str| {
        let (object, job) = (InstanceName::new(name), InstanceName::new("nightly"));
        Some(Refusal::ObjectOfOtherRun { object, job, run: JobId(7) })
    };
    for (objects, refusal) in [
        (vec![tree("c", "/c", Some("/backup"))], None),
        (vec![tree("b", "/elsewhere", Some("/backup"))], held("b")),
        (vec![tree("b", "/elsewhere", Some("/other"))], None),
        (vec![tree("b", "/elsewhere", None)], None),
        (vec![tree("c", "/c", None), tree("other", "/b", Some("/other"))], held("other")),
    ] {
        assert_eq!(registry.run_conflict(&run(8, "weekly", objects.clone())), refusal, "{objects:?}");
    }
    let again = registry.run_conflict(&run(8, "nightly", vec![tree("c", "/c", None)]));
    assert_eq!(again, Some(Refusal::JobRunning { job: InstanceName::new("nightly"), run: JobId(7) }));
}
