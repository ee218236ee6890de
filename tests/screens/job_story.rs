//! Jobs, runs of them at any point, and the sessions of their objects.

#![allow(dead_code, reason = "each test binary uses its own part of the stage")]

use super::story::{GIB, Story, ago, mins};
use howdah::{
    domain::{
        BackupObject, Disposed, FULL_EVERY, InstanceName, JobId, JobKind, JobObject, JobSpec, Order, Origin,
        PasswordSource, RetryPolicy, SessionId, Step, StopMode, Timestamp, Who,
    },
    machine::{
        Session,
        job::{JobCommand, JobCreated, JobRow, JobRun, ObjectEnd, decide, evolve},
    },
    manager::Snapshot,
};
use std::{num::NonZeroU16, sync::Arc, time::Duration};
use uuid::Uuid;

/// The jobs of the settings.
pub(crate) fn jobs() -> Arc<Vec<JobSpec>> {
    Arc::new(vec![servers("nightly", &["shop", "crm", "hr"]), copies("etc"), servers("weekly", &["warehouse"])])
}

/// A job over servers.
pub(crate) fn servers(name: &str, objects: &[&str]) -> JobSpec {
    let object = |name: &&str| JobObject {
        object: BackupObject::Instance {
            name: InstanceName::new(name),
            conninfo: format!("host={name} user=backup"),
            password: PasswordSource::None,
            tar: None,
            checksums: "CRC32C".to_owned(),
            slot: None,
        },
        repository: Some("/backups".into()),
        max_rate: None,
    };
    spec(name, JobKind::Instance, objects.iter().map(object).collect())
}

/// A job over machines of libvirt.
pub(crate) fn machines(name: &str, objects: &[&str]) -> JobSpec {
    let object = |name: &&str| {
        let (name, domain, uri) = (InstanceName::new(name), (*name).to_owned(), "qemu:///system".to_owned());
        let object = BackupObject::VirtualMachine { name, domain, uri, full_every: FULL_EVERY };
        JobObject { object, repository: Some("/backups".into()), max_rate: None }
    };
    spec(name, JobKind::Vm, objects.iter().map(object).collect())
}

/// A job that copies a directory.
fn copies(name: &str) -> JobSpec {
    let object =
        BackupObject::FileCopy { name: InstanceName::new(name), path: "/etc".into(), target: "/copies".into() };
    spec(name, JobKind::FileCopy, vec![JobObject { object, repository: None, max_rate: None }])
}

fn spec(name: &str, kind: JobKind, objects: Vec<JobObject>) -> JobSpec {
    JobSpec::new(InstanceName::new(name), kind, objects, NonZeroU16::MIN, RetryPolicy::default()).unwrap()
}

/// A run and the moment that it has come to.
#[derive(Clone)]
pub(crate) struct RunStory {
    run: JobRun,
    at: Timestamp,
}

impl RunStory {
    pub(crate) fn of(spec: JobSpec, id: u64, before: Duration) -> Self {
        let who = Who::new("ops", "bastion", 42, Some("pts/3"));
        let (uuid, at) = (Uuid::from_u128(0xa_0000 + u128::from(id)), ago(before));
        Self { run: JobRun::create(JobCreated { id: JobId(id), uuid, spec, who, origin: Origin::Console, at }), at }
    }

    pub(crate) fn after(mut self, length: Duration) -> Self {
        self.at = self.at.checked_add(length).unwrap();
        self
    }

    pub(crate) fn then(mut self, command: JobCommand) -> Self {
        for event in decide(&self.run, command, self.at).unwrap() {
            self.run = evolve(self.run, &event, self.at);
        }
        self
    }

    pub(crate) fn started(self, object: usize, session: u64) -> Self {
        self.then(JobCommand::ObjectStarted { object, session: SessionId(session) })
    }

    pub(crate) fn ended(self, session: u64, end: ObjectEnd) -> Self {
        self.then(JobCommand::ObjectEnded { session: SessionId(session), end })
    }

    pub(crate) fn done(self, session: u64) -> Self {
        self.ended(session, ObjectEnd::Succeeded { made: "restore point 2026-11-20T140100, 61.5 GiB".to_owned() })
    }

    pub(crate) fn failed(self, session: u64) -> Self {
        let cause = "no connection: the server at hr does not answer; start it, or mend conninfo".to_owned();
        self.ended(session, ObjectEnd::Failed { cause })
    }

    pub(crate) fn removed(self, session: u64) -> Self {
        self.ended(session, ObjectEnd::Cancelled { begun: true, disposed: Disposed::Removed })
    }

    pub(crate) fn stop(self, mode: StopMode) -> Self {
        self.then(JobCommand::Stop { mode, by: "ops@bastion (process 42 on pts/3)".to_owned() })
    }

    pub(crate) fn arc(self) -> Arc<JobRun> {
        Arc::new(self.run)
    }

    pub(crate) fn row(self) -> Arc<JobRow> {
        Arc::new(JobRow::of(&self.run).unwrap())
    }
}

/// The run of the busy night: its first object is done, its second in process as session 41.
pub(crate) fn in_second() -> RunStory {
    let nightly = jobs()[0].clone();
    RunStory::of(nightly, 7, mins(12)).started(0, 40).after(mins(7)).done(40).started(1, 41)
}

/// The same after it has ended with two of three.
pub(crate) fn with_warning() -> RunStory {
    in_second().after(mins(2)).done(41).started(2, 42).after(mins(1)).failed(42)
}

/// The session of an object of a run, which copies.
pub(crate) fn object(run: &JobRun, at: usize, session: u64) -> Arc<Session> {
    let order = run.order(at).unwrap();
    assert!(matches!(order, Order::Backup(_)));
    Story::of(order, session, mins(5)).launched().doing(Step::Copy, "").copied(31 * GIB, 0).arc()
}

/// The busy night: a run in its second object, one that has ended, and what else goes on.
pub(crate) fn night(restores: &Snapshot) -> Snapshot {
    let run = in_second().arc();
    let mut ongoing = restores.ongoing.clone();
    ongoing.push(object(&run, 1, 41));
    let ended = RunStory::of(jobs()[1].clone(), 6, mins(90)).started(0, 39).after(mins(1)).done(39).row();
    let ended_runs = Arc::new(vec![ended]);
    Snapshot { ongoing, runs: vec![run], ended_runs, ..restores.clone() }
}
