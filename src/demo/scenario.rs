//! A scenario, checked: whoever has one can play it.

mod archives;
mod check;
mod tables;

use super::{archive::SimulatedArchive, open_points::PlannedTable, script::Action};
use crate::{
    catalog::Catalog,
    domain::{BackupOrder, ByteCount, InstanceName, JobSpec, Rate, RestorePoint, RetryPolicy, Timestamp, Who},
};
use std::{
    fmt::Display,
    num::NonZeroU32,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};
use thiserror::Error;

/// A story, and the script of its recording. `K` is what the screen calls a key.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario<K> {
    /// What happens.
    pub story: Story,
    /// What a person does in the recording.
    pub script: Vec<Action<K>>,
    /// Columns and rows of the recording.
    pub size: (u16, u16),
}

/// What happens, and to what.
#[derive(Debug, Clone, PartialEq)]
pub struct Story {
    /// What it is called.
    pub title: String,
    /// The moment at which it begins.
    pub starts: Timestamp,
    /// How far it has come when the screen opens.
    pub opens: Duration,
    /// How many seconds of the story pass in a second.
    pub speed: NonZeroU32,
    /// Attempts that may run at once.
    pub slots: usize,
    /// How sessions are tried again.
    pub policy: RetryPolicy,
    /// Who sits at the screen.
    pub by: Who,
    /// When the way to the owner of the sessions is cut, in order. With none at all the screen is the owner.
    pub cuts: Vec<Outage>,
    /// What can be restored.
    pub catalog: Catalog,
    /// The repositories of the catalog, in its order.
    pub repositories: Vec<SimulatedRepository>,
    /// What is restored, and when it is ordered.
    pub restores: Vec<PlannedRestore>,
    /// The backup jobs.
    pub jobs: Vec<PlannedJob>,
    /// The WAL archives of instances.
    pub archives: Vec<SimulatedArchive>,
    /// The tables that an open restore point has.
    pub tables: Vec<PlannedTable>,
}

/// A backup job of the story.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedJob {
    /// What it does.
    pub spec: JobSpec,
    /// When a run is started, counted from the start of the story; `None` where only a person does it.
    pub at: Option<Duration>,
    /// What each object is, in the order of the specification.
    pub objects: Vec<PlannedObject>,
}

/// A server that a job of the story backs up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedObject {
    /// Its bytes.
    pub size: ByteCount,
    /// How the attempts fare; the next one after the last succeeds.
    pub attempts: Vec<PlannedAttempt>,
}

/// How a repository fares.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatedRepository {
    /// Its directory.
    pub path: PathBuf,
    /// How fast it is read.
    pub rate: Rate,
    /// When it is down, in order.
    pub down: Vec<Outage>,
}

/// Something is away for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// From here on, counted from the start of the story.
    pub from: Duration,
    /// Up to here.
    pub to: Duration,
    /// Why.
    pub cause: String,
}

/// A restore of the story.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedRestore {
    /// What is restored: the newest restore point.
    pub point: RestorePoint,
    /// When it is ordered, counted from the start of the story.
    pub at: Duration,
    /// How its attempts fare; the next one after the last succeeds.
    pub attempts: Vec<PlannedAttempt>,
}

/// How one attempt fares, unless its repository goes down before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlannedAttempt {
    /// How fast it copies; as fast as its repository is read when `None`.
    pub rate: Option<Rate>,
    /// How it ends.
    pub end: PlannedEnd,
}

/// How an attempt ends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum PlannedEnd {
    /// The instance is back.
    #[default]
    Done,
    /// It is disrupted.
    Disrupted(Mishap),
    /// It fails, and waiting cannot cure that.
    Stuck(Mishap),
}

/// What goes wrong in an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mishap {
    /// When so many bytes are there, those of earlier attempts included.
    pub after: ByteCount,
    /// What happened.
    pub cause: String,
    /// What a person can do.
    pub advice: String,
}

/// What is wrong with a scenario.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{file}, line {line}: {problem}")]
pub struct ScenarioError {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong and what to do.
    pub problem: String,
}

impl<K: FromStr<Err: Display>> Scenario<K> {
    /// Reads a scenario. `file` is what errors name.
    pub fn read(text: &str, file: &str) -> Result<Self, ScenarioError> {
        check::read(text, file)
    }
}

impl Story {
    /// The moment at which it has gone on for so long.
    pub fn moment(&self, after: Duration) -> Timestamp {
        self.starts.checked_add(after).unwrap_or(Timestamp::MAX)
    }

    /// How the attempts of a restore of this instance fare.
    pub fn attempts_of(&self, instance: &InstanceName) -> &[PlannedAttempt] {
        let planned = self.restores.iter().find(|restore| restore.point.instance == *instance);
        planned.map_or(&[], |restore| &restore.attempts)
    }

    /// The archive of an instance's WAL.
    pub fn archive_of(&self, instance: &InstanceName) -> Option<&SimulatedArchive> {
        self.archives.iter().find(|archive| archive.instance == *instance)
    }

    /// The object that an order of a job of the story is for.
    pub fn object_of(&self, order: &BackupOrder) -> Option<&PlannedObject> {
        let job = self.jobs.iter().find(|job| *job.spec.name() == order.job)?;
        let at = job.spec.objects().iter().position(|wanted| wanted.object == order.object)?;
        job.objects.get(at)
    }

    /// The repository of a restore point.
    pub fn repository_of(&self, point: &RestorePoint) -> Option<&SimulatedRepository> {
        self.repository(point.repository.as_deref()?)
    }

    /// The repository in this directory.
    pub fn repository(&self, path: &Path) -> Option<&SimulatedRepository> {
        self.repositories.iter().find(|one| one.path == path)
    }
}
