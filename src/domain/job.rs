//! What a backup job is to do, how it may be stopped, and how its runs end.
//!
//! Promise: a specification that was read is whole: it has objects, each of the job's kind and under a name of its own,
//! and none of them ever waits for a person.

use super::{BackupObject, BackupOrder, InstanceName, JobId, Keep, Rate, RetryPolicy, WhenUsedUp};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt, num::NonZeroU16, path::PathBuf, str::FromStr, time::Duration};
use thiserror::Error;
use uuid::Uuid;

/// A job as one run of it carries it out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct JobSpec {
    name: InstanceName,
    kind: JobKind,
    objects: Vec<JobObject>,
    at_once: NonZeroU16,
    policy: RetryPolicy,
    /// Records of version 3 do not have it.
    keep: Option<Keep>,
}

/// The same before anybody has looked at it.
#[derive(Deserialize)]
struct Unchecked {
    name: InstanceName,
    kind: JobKind,
    objects: Vec<JobObject>,
    at_once: NonZeroU16,
    policy: RetryPolicy,
    keep: Option<Keep>,
}

/// One object of a job, with all that its order needs but the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobObject {
    /// What is backed up.
    pub object: BackupObject,
    /// The repository that takes the restore point; `None` for objects that have none.
    pub repository: Option<PathBuf>,
    /// The most bytes a second that are read from it; `None` is as fast as it goes.
    pub max_rate: Option<Rate>,
}

/// What the objects of a job are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobKind {
    /// PostgreSQL servers, each backed up into a repository.
    Instance,
    /// Files and directories, each copied to a target.
    FileCopy,
    /// Restore points of one repository, copied to a second one.
    BackupCopy,
    /// Virtual machines.
    Vm,
    /// Trees of files.
    Files,
    /// Servers, each with a standby that follows it.
    Replication,
}

/// How a run is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopMode {
    /// What is in process gets its restore point, and nothing else is begun (R37, R38).
    Graceful,
    /// What is in process is cancelled, and what it had made is removed (R32, R34).
    Immediate,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobResult {
    /// Every object has its restore point.
    Success,
    /// Some have, and some failed.
    Warning,
    /// None has, or it was stopped immediately (R35).
    Failed,
    /// It was stopped gracefully, and at least one has (D8).
    Stopped,
}

/// Why something is no job.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidJob {
    /// There is nothing to do.
    #[error("the job {0} has no objects")]
    NoObjects(InstanceName),
    /// Two objects that nobody could tell apart.
    #[error("the job {job} has two objects of the name {object}")]
    TwoOfOneName {
        /// The job.
        job: InstanceName,
        /// The name.
        object: InstanceName,
    },
    /// An object of another kind of job.
    #[error("the job {job} is of the kind {kind}, and its object {object} is for one of the kind {other}")]
    OtherKind {
        /// The job.
        job: InstanceName,
        /// Its kind.
        kind: JobKind,
        /// The object.
        object: InstanceName,
        /// The kind that it fits.
        other: JobKind,
    },
    /// Restore points are to be kept where none are made.
    #[error("the job {job} makes no restore points that could be kept: it is of the kind {kind}")]
    NothingToKeep {
        /// The job.
        job: InstanceName,
        /// Its kind.
        kind: JobKind,
    },
}

impl JobSpec {
    /// The job of this name. Whatever the policy says, an object that no try helps any more ends as failed: nobody waits
    /// for it.
    pub fn new(
        name: InstanceName,
        kind: JobKind,
        objects: Vec<JobObject>,
        at_once: NonZeroU16,
        policy: RetryPolicy,
    ) -> Result<Self, InvalidJob> {
        if objects.is_empty() {
            return Err(InvalidJob::NoObjects(name));
        }
        let mut names = BTreeSet::new();
        for JobObject { object, .. } in &objects {
            let other = JobKind::of(object);
            if other != kind {
                return Err(InvalidJob::OtherKind { job: name, kind, object: object.name().clone(), other });
            }
            if !names.insert(object.name()) {
                return Err(InvalidJob::TwoOfOneName { job: name, object: object.name().clone() });
            }
        }
        let policy = RetryPolicy { when_used_up: WhenUsedUp::Fail, ..policy };
        Ok(Self { name, kind, objects, at_once, policy, keep: None })
    }

    /// The same with so many restore points of each object kept.
    pub fn keeping(self, keep: Keep) -> Result<Self, InvalidJob> {
        if self.kind.makes_points() {
            Ok(Self { keep: Some(keep), ..self })
        } else {
            Err(InvalidJob::NothingToKeep { job: self.name, kind: self.kind })
        }
    }

    /// How the objects of a job are tried again where its settings say nothing: three tries, one every ten minutes, and a
    /// person may come first.
    pub const fn default_policy() -> RetryPolicy {
        let every = Duration::from_mins(10);
        RetryPolicy { tries: 3, every, while_waiting: true, when_used_up: WhenUsedUp::Fail }
    }

    /// Its name.
    pub const fn name(&self) -> &InstanceName {
        &self.name
    }

    /// What its objects are.
    pub const fn kind(&self) -> JobKind {
        self.kind
    }

    /// Its objects, in the order of the settings (R41).
    pub fn objects(&self) -> &[JobObject] {
        &self.objects
    }

    /// How many objects may be in process at a time.
    pub const fn at_once(&self) -> NonZeroU16 {
        self.at_once
    }

    /// The order for one object of a run. The only place that makes one.
    pub fn order(&self, object: usize, run: JobId, run_uuid: Uuid) -> Option<BackupOrder> {
        let JobObject { object, repository, max_rate } = self.objects.get(object)?.clone();
        let (job, keep) = (self.name.clone(), self.keep);
        Some(BackupOrder { job, run, run_uuid, object, repository, max_rate, keep })
    }

    /// What stays of its restore points; `None` where none is removed.
    pub const fn keep(&self) -> Option<Keep> {
        self.keep
    }

    /// How its objects are tried again.
    pub const fn policy(&self) -> &RetryPolicy {
        &self.policy
    }
}

impl TryFrom<Unchecked> for JobSpec {
    type Error = InvalidJob;

    fn try_from(Unchecked { name, kind, objects, at_once, policy, keep }: Unchecked) -> Result<Self, InvalidJob> {
        let job = Self::new(name, kind, objects, at_once, policy)?;
        keep.map_or(Ok(job.clone()), |keep| job.keeping(keep))
    }
}

impl JobKind {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Instance, Self::FileCopy, Self::BackupCopy, Self::Vm, Self::Files, Self::Replication];

    /// Its name in the settings, in the journal and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::FileCopy => "file-copy",
            Self::BackupCopy => "backup-copy",
            Self::Vm => "vm",
            Self::Files => "files",
            Self::Replication => "replication",
        }
    }

    /// The kind of job that an object fits.
    pub const fn of(object: &BackupObject) -> Self {
        match object {
            BackupObject::Instance { .. } => Self::Instance,
            BackupObject::FileCopy { .. } => Self::FileCopy,
            BackupObject::PointCopy { .. } => Self::BackupCopy,
            BackupObject::VirtualMachine { .. } => Self::Vm,
            BackupObject::FileTree { .. } => Self::Files,
            BackupObject::Standby { .. } => Self::Replication,
        }
    }

    /// Whether it makes restore points that can be kept or removed one by one.
    pub const fn makes_points(self) -> bool {
        match self {
            Self::Instance | Self::BackupCopy => true,
            Self::FileCopy | Self::Vm | Self::Files | Self::Replication => false,
        }
    }

    /// Why its runs cannot be stopped so, in one clause; `None` where they can (R39, R40). Immediately all of them can.
    pub const fn forbids(self, mode: StopMode) -> Option<&'static str> {
        match (self, mode) {
            (Self::FileCopy, StopMode::Graceful) => {
                Some("a file copy makes no restore points that could be finished first")
            }
            (Self::BackupCopy, StopMode::Graceful) => {
                Some("a backup copy makes no restore points of its own that could be finished first")
            }
            (Self::Instance | Self::Vm | Self::Files | Self::Replication, StopMode::Graceful)
            | (_, StopMode::Immediate) => None,
        }
    }
}

impl StopMode {
    /// Both, the safer one first.
    pub const ALL: [Self; 2] = [Self::Graceful, Self::Immediate];

    /// How it is done, in one word.
    pub const fn adverb(self) -> &'static str {
        match self {
            Self::Graceful => "gracefully",
            Self::Immediate => "immediately",
        }
    }
}

impl JobResult {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Success, Self::Warning, Self::Failed, Self::Stopped];

    /// Its name in the journal and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        }
    }
}

impl fmt::Display for JobKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for JobKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = || Self::ALL.map(Self::as_str).join(", ");
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| format!("{text:?} is not a kind of job: use one of {}", names()))
    }
}

impl fmt::Display for StopMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.adverb())
    }
}

impl fmt::Display for JobResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    fn file(name: &str) -> JobObject {
        let (name, path, target) = (InstanceName::new(name), "/etc".into(), "/backup/etc".into());
        JobObject { object: BackupObject::FileCopy { name, path, target }, repository: None, max_rate: None }
    }

    fn job(kind: JobKind, objects: Vec<JobObject>) -> Result<JobSpec, InvalidJob> {
        JobSpec::new(InstanceName::new("nightly"), kind, objects, NonZeroU16::MIN, RetryPolicy::default())
    }

    #[test]
    fn a_job_has_objects_of_its_kind_each_under_a_name_of_its_own() {
        for (made, problem) in [
            (job(JobKind::FileCopy, vec![]), "the job nightly has no objects"),
            (job(JobKind::FileCopy, vec![file("a"), file("a")]), "the job nightly has two objects of the name a"),
            (
                job(JobKind::Instance, vec![file("a")]),
                "the job nightly is of the kind instance, and its object a is for one of the kind file-copy",
            ),
        ] {
            assert_eq!(made.unwrap_err().to_string(), problem);
        }
        let made = job(JobKind::FileCopy, vec![file("a"), file("b")]).unwrap();
        assert_eq!(made.policy().when_used_up, WhenUsedUp::Fail, "nobody waits for an object of a job");
    }

    #[test]
    fn what_is_no_job_is_none_when_it_is_read_either() {
        let made = job(JobKind::FileCopy, vec![file("a")]).unwrap();
        let mut written = serde_json::to_value(&made).unwrap();
        assert_eq!(serde_json::from_value::<JobSpec>(written.clone()).unwrap(), made);
        written["policy"]["when_used_up"] = "ask".into();
        assert_eq!(serde_json::from_value::<JobSpec>(written.clone()).unwrap(), made);
        written["objects"] = serde_json::json!([]);
        let error = serde_json::from_value::<JobSpec>(written).unwrap_err();
        assert_eq!(error.to_string(), "the job nightly has no objects");
    }

    #[test]
    fn restore_points_are_kept_where_some_are_made_and_every_order_says_how_many() {
        let keep = Keep::new(Some(2), None, None).unwrap();
        let problem = "the job nightly makes no restore points that could be kept: it is of the kind file-copy";
        let name = InstanceName::new("a");
        let object = BackupObject::PointCopy { instance: name.clone(), name, from: "/backup".into() };
        let made = job(JobKind::BackupCopy, vec![JobObject { object, ..file("a") }]).unwrap();
        let kept = made.clone().keeping(keep).unwrap();
        let orders = [made, kept.clone()].map(|job| job.order(0, JobId(1), Uuid::nil()).unwrap().keep);
        assert_eq!(orders, [None, Some(keep)]);
        let mut written = serde_json::to_value(&kept).unwrap();
        assert_eq!(serde_json::from_value::<JobSpec>(written.clone()).unwrap(), kept);
        written["kind"] = "file-copy".into();
        written["objects"] = serde_json::to_value([file("a")]).unwrap();
        assert_eq!(serde_json::from_value::<JobSpec>(written).unwrap_err().to_string(), problem);
    }

    #[test]
    fn r39_r40_what_makes_no_restore_points_cannot_be_stopped_gracefully() {
        for kind in JobKind::ALL {
            let refused = matches!(kind, JobKind::FileCopy | JobKind::BackupCopy);
            assert_eq!(kind.forbids(StopMode::Graceful).is_some(), refused, "{kind}");
            assert_eq!(kind.forbids(StopMode::Immediate), None, "R30: {kind}");
        }
    }

    #[test]
    fn a_kind_is_read_by_the_name_that_it_is_written_with() {
        for kind in JobKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        assert!("mailbox".parse::<JobKind>().unwrap_err().ends_with("backup-copy, vm, files, replication"));
    }
}
