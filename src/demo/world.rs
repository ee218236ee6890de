//! A story under way: the real session manager over a journal in memory, with attempts that report what the story says.
//!
//! Promises: what it shows follows from the story, the clock and what a person does, and from nothing else. Never:
//! touches a disk, starts a process, or knows more of the sessions than any other face.

use super::{
    OpenPoints, Story,
    course::Courses,
    link::{Link, watch_link},
};
use crate::{
    attempt::{CHANNEL_CAPACITY, Simulated},
    catalog::propose,
    domain::{
        ClusterRestore, ExistingData, JobId, MissingWal, Origin, Port, Recovery, ServerWish, SessionId, Target,
        Timestamp, WorkerSettings, target::TargetError,
    },
    journal::{InitialState, JobHistoryLine, JobRecord, JournalRecord, MemoryStore, name_objects},
    machine::PastSession,
    manager::{Clock, Handle, Ids, Manager, ManagerSettings, OwnerState, Service, StartJob, StartRequest, Unclaimed},
};
use std::{path::Path, sync::Arc};
use tokio::{
    sync::{mpsc, watch},
    time::sleep,
};

/// Below this directory the story's restores go; it is on no disk.
pub const RESTORE_DIR: &str = "/srv/pg";

/// The first port that they get.
pub const FIRST_PORT: u16 = 5433;

/// A story under way.
pub struct World {
    /// What the screen asks; cut off while the story says so.
    pub service: Arc<dyn Service>,
    /// Where the owner of the sessions is.
    pub owner: watch::Receiver<OwnerState>,
    journal: MemoryStore,
}

impl World {
    /// Begins a story now, on this clock. It goes on by itself, in tasks of the runtime.
    pub fn begin(story: &Arc<Story>, clock: Clock) -> Result<Self, TargetError> {
        let (words, inbox) = mpsc::channel(CHANNEL_CAPACITY);
        let journal = MemoryStore::default();
        let courses = Courses::new(Arc::clone(story), clock, journal.clone());
        let attempts = Simulated::new(words, move |ticket| courses.of(ticket));
        let settings =
            ManagerSettings { max_running: story.slots, policy: story.policy, worker: WorkerSettings::default() };
        let (manager, handle) = Manager::open(
            settings,
            (clock, Ids::counted()),
            (journal.clone(), InitialState::default()),
            (attempts, inbox),
            Arc::new(Unclaimed),
        );
        tokio::spawn(manager.run());
        let mut orders = Vec::new();
        for (restore, port) in story.restores.iter().zip(FIRST_PORT..) {
            let directory = propose::directory_for(Path::new(RESTORE_DIR), &restore.point.instance);
            orders.push((restore.at, order(restore.point.clone(), Target::new(directory, Port::new(port)?)?)));
        }
        orders.sort_by_key(|(at, _)| *at);
        tokio::spawn(give_orders(orders, Arc::clone(story), clock, handle.clone()));
        tokio::spawn(start_jobs(Arc::clone(story), clock, handle.clone()));
        let (service, owner) = if story.cuts.is_empty() {
            // The sender may go: an owner in this process stays.
            (Arc::new(handle) as Arc<dyn Service>, watch::channel(OwnerState::Local).1)
        } else {
            let (link, owner) = Link::new(handle);
            tokio::spawn(watch_link(Arc::clone(&link), Arc::clone(story), clock));
            (link as Arc<dyn Service>, owner)
        };
        Ok(Self { service, owner, journal })
    }

    /// All that happened to a session so far, oldest first, as sentences.
    pub fn history(&self) -> impl Fn(SessionId) -> Vec<(Timestamp, String)> + Send + Sync + use<> {
        let journal = self.journal.clone();
        move |session| journal.changes(session).iter().map(sentence).collect()
    }

    /// Its open restore points.
    pub fn open_points(&self, story: &Arc<Story>) -> OpenPoints {
        OpenPoints::new(Arc::clone(story), self.journal.clone())
    }

    /// All that happened in a run of a job so far, oldest first, as sentences.
    pub fn run_history(&self) -> impl Fn(JobId) -> Vec<(Timestamp, String)> + Send + Sync + use<> {
        let journal = self.journal.clone();
        move |run| {
            let line = |record: JobRecord| match &record {
                JobRecord::Created(created) => JobHistoryLine::of(created.at, "created", record.clone()),
                JobRecord::Happened { at, .. } => JobHistoryLine::of(*at, "happened", record.clone()),
            };
            let mut lines: Vec<JobHistoryLine> = journal.run_changes(run).into_iter().map(line).collect();
            name_objects(&mut lines);
            lines.into_iter().map(|line| (line.at, line.text)).collect()
        }
    }

    /// All sessions that have ended so far.
    pub fn past(&self) -> impl Fn() -> Vec<PastSession> + Send + Sync + use<> {
        let journal = self.journal.clone();
        move || ended(&journal)
    }
}

fn ended(journal: &MemoryStore) -> Vec<PastSession> {
    let mut past: Vec<PastSession> = journal.sessions().iter().filter_map(PastSession::of).collect();
    PastSession::sort(&mut past);
    past
}

fn sentence(record: &JournalRecord) -> (Timestamp, String) {
    match record {
        JournalRecord::Created(created) => (created.at, created.to_string()),
        JournalRecord::Happened { at, event } => (*at, event.to_string()),
    }
}

fn order(point: crate::domain::RestorePoint, target: Target) -> ClusterRestore {
    ClusterRestore {
        point,
        target,
        recovery: Recovery::to_consistency(),
        server: ServerWish::LeaveRunning,
        max_rate: None,
        existing: ExistingData::Refuse,
        missing_wal: MissingWal::Refuse,
    }
}

/// Gives each order when its time comes, as the person at the screen would.
async fn give_orders(
    orders: Vec<(std::time::Duration, ClusterRestore)>,
    story: Arc<Story>,
    clock: Clock,
    handle: Handle,
) {
    for (at, order) in orders {
        sleep(clock.until_steady(story.moment(at))).await;
        let request = StartRequest { orders: vec![order.into()], policy: None, origin: Origin::Console };
        // What is refused is not in the story: the screen shows what there is.
        drop(handle.start(request, story.by.clone()).await);
    }
}

/// Starts each job when its time comes.
async fn start_jobs(story: Arc<Story>, clock: Clock, handle: Handle) {
    let mut jobs: Vec<_> = story.jobs.iter().filter_map(|job| Some((job.at?, &job.spec))).collect();
    jobs.sort_by_key(|(at, _)| *at);
    for (at, spec) in jobs {
        sleep(clock.until_steady(story.moment(at))).await;
        let start = StartJob { spec: spec.clone(), origin: Origin::CommandLine };
        // What is refused is not in the story: the screen shows what there is.
        drop(handle.start_job(start, story.by.clone()).await);
    }
}
