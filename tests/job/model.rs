//! The machine of jobs under test, as a table of functions, and runs to try it on.

use super::sample;
use howdah::{
    domain::{
        BackupObject, BackupOrder, FULL_EVERY, InstanceName, JobId, JobKind, JobObject, JobSpec, Order, Origin,
        PasswordSource, Port, RetryPolicy, SessionId, Timestamp, WhenUsedUp, Who,
    },
    machine::{
        Refusal,
        job::{self, JobCommand, JobCreated, JobEffect, JobEvent, JobRun},
    },
};
use std::{num::NonZeroU16, time::Duration};
use uuid::Uuid;

/// The four functions.
#[derive(Clone, Copy)]
pub(crate) struct Machine {
    pub(crate) decide: fn(&JobRun, JobCommand, Timestamp) -> Result<Vec<JobEvent>, Refusal>,
    pub(crate) evolve: fn(JobRun, &JobEvent, Timestamp) -> JobRun,
    pub(crate) react: fn(&JobRun, &JobEvent) -> Vec<JobEffect>,
    pub(crate) startable: fn(&JobRun) -> Vec<usize>,
}

/// The product.
pub(crate) const REAL: Machine =
    Machine { decide: job::decide, evolve: job::evolve, react: job::react, startable: job::startable };

/// A rule that was broken, and by what.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) rule: &'static str,
    pub(crate) how: String,
}

/// Breaks `rule` unless it holds.
pub(crate) fn hold(rule: &'static str, holds: bool, how: impl FnOnce() -> String) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken { rule, how: how() }) }
}

/// The start of a run of so many objects.
pub(crate) fn created(kind: JobKind, objects: usize, at_once: u16) -> JobCreated {
    let objects = (0..objects).map(|number| object(kind, number)).collect();
    let policy = RetryPolicy { tries: 1, every: Duration::from_mins(10), ..RetryPolicy::default() };
    let at_once = NonZeroU16::new(at_once).unwrap();
    let spec = JobSpec::new(InstanceName::new("nightly"), kind, objects, at_once, policy).unwrap();
    assert_eq!(spec.policy().when_used_up, WhenUsedUp::Fail);
    let (id, uuid, who) = (JobId(1), Uuid::from_u128(77), Who::new("ops", "bastion", 42, None));
    JobCreated { id, uuid, spec, who, origin: Origin::Console, at: sample::start() }
}

/// A run that is new.
pub(crate) fn run(kind: JobKind, objects: usize, at_once: u16) -> JobRun {
    JobRun::create(created(kind, objects, at_once))
}

/// The session that an object of these tests gets.
pub(crate) fn session_of(object: usize) -> SessionId {
    SessionId(10 + u64::try_from(object).unwrap())
}

/// An object of a job of this kind; each clashes with no other.
pub(crate) fn object(kind: JobKind, number: usize) -> JobObject {
    let name = InstanceName::new(&format!("object-{number}"));
    let path = |folder: &str| std::path::PathBuf::from(format!("/{folder}/{number}"));
    let object = match kind {
        JobKind::Instance => {
            let Order::Backup(BackupOrder { object, .. }) = sample::backup_order() else { panic!("a backup") };
            let mut written = serde_json::to_value(object).unwrap();
            written["instance"]["name"] = name.as_str().into();
            written["instance"]["conninfo"] = format!("host={name}").into();
            serde_json::from_value(written).unwrap()
        }
        JobKind::FileCopy => BackupObject::FileCopy { name, path: path("etc"), target: path("copies") },
        JobKind::BackupCopy => BackupObject::PointCopy { instance: name.clone(), name, from: "/backup".into() },
        JobKind::Vm => BackupObject::VirtualMachine {
            domain: name.to_string(),
            name,
            uri: "qemu:///system".to_owned(),
            full_every: FULL_EVERY,
        },
        JobKind::Files => BackupObject::FileTree { name, path: path("srv"), exclude: Vec::new(), password_file: None },
        JobKind::Replication => BackupObject::Standby {
            conninfo: format!("host={name}"),
            password: PasswordSource::None,
            directory: path("standby"),
            port: Port::new(6000 + u16::try_from(number).unwrap()).unwrap(),
            slot: "howdah".to_owned(),
            max_lag: Duration::from_secs(5),
            name,
        },
    };
    JobObject { object, repository: Some("/backup".into()), max_rate: None }
}
