//! The jobs as the tree shows them: those of the settings and those that ran, each with the run that goes on or its last
//! one, and below a run that goes on its objects.
//!
//! Promises: made anew only when a run has changed, so that progress alone costs nothing; objects stand in the order of
//! the settings (R42). Never: paints.

use crate::{
    domain::{InstanceName, JobId, JobSpec, SessionId},
    machine::job::{JobRow, JobRun, ObjectState},
    manager::Snapshot,
};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

/// All jobs, and the rows they make.
#[derive(Debug, Clone, Default)]
pub struct Jobs {
    /// Those of the settings in their order, then those that only ran, by name.
    pub list: Vec<Job>,
    /// The rows from above to below.
    pub lines: Vec<JobLine>,
    /// The sessions that have their row below a run that goes on.
    pub sessions: HashSet<SessionId>,
    specs: Arc<Vec<JobSpec>>,
    runs: Vec<Arc<JobRun>>,
    ended: Arc<Vec<Arc<JobRow>>>,
}

/// A job.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its name.
    pub name: InstanceName,
    /// What its next run is to do; `None` where the settings do not have it any more.
    pub spec: Option<JobSpec>,
    /// The run that goes on.
    pub run: Option<Arc<JobRun>>,
    /// The last run that has ended.
    pub last: Option<Arc<JobRow>>,
}

/// A row: a job, or an object of its run that goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobLine {
    /// The job with this number.
    Job(usize),
    /// An object of the run of a job.
    Object {
        /// The number of the job.
        job: usize,
        /// The place of the object.
        object: usize,
    },
}

impl Jobs {
    /// The jobs of the settings, and those of a snapshot.
    pub fn of(specs: Arc<Vec<JobSpec>>, snapshot: &Snapshot) -> Self {
        let running: HashMap<&InstanceName, &Arc<JobRun>> =
            snapshot.runs.iter().map(|run| (run.spec().name(), run)).collect();
        // Newest first: the first of a name is its last one.
        let mut newest: HashMap<&InstanceName, &Arc<JobRow>> = HashMap::new();
        for row in snapshot.ended_runs.iter() {
            newest.entry(&row.name).or_insert(row);
        }
        let known: HashSet<&InstanceName> = specs.iter().map(JobSpec::name).collect();
        let ran: BTreeSet<&InstanceName> = running.keys().chain(newest.keys()).copied().collect();
        let ran = ran.into_iter().filter(|name| !known.contains(name)).map(|name| (name, None));
        let all = specs.iter().map(|spec| (spec.name(), Some(spec))).chain(ran);
        let job = |(name, spec): (&InstanceName, Option<&JobSpec>)| Job {
            name: name.clone(),
            spec: spec.cloned(),
            run: running.get(name).map(|run| Arc::clone(run)),
            last: newest.get(name).map(|row| Arc::clone(row)),
        };
        let list: Vec<Job> = all.map(job).collect();
        let objects = |job: &Job| job.run.as_ref().map_or(0, |run| run.objects().len());
        let lines = list.iter().enumerate().flat_map(|(at, job)| {
            let objects = (0..objects(job)).map(move |object| JobLine::Object { job: at, object });
            std::iter::once(JobLine::Job(at)).chain(objects)
        });
        let lines = lines.collect();
        let (runs, ended): (Vec<Arc<JobRun>>, _) = (snapshot.runs.clone(), Arc::clone(&snapshot.ended_runs));
        let sessions = runs.iter().flat_map(|run| run.objects()).filter_map(ObjectState::session).collect();
        Self { list, lines, sessions, specs, runs, ended }
    }

    /// Whether a snapshot has the same runs as the one that these were made of.
    pub fn stand_in(&self, snapshot: &Snapshot) -> bool {
        let same = |(one, two): (&Arc<JobRun>, &Arc<JobRun>)| Arc::ptr_eq(one, two);
        self.runs.len() == snapshot.runs.len()
            && self.runs.iter().zip(&snapshot.runs).all(same)
            && Arc::ptr_eq(&self.ended, &snapshot.ended_runs)
    }

    /// Those of another snapshot.
    #[must_use]
    pub fn with(&self, snapshot: &Snapshot) -> Self {
        Self::of(Arc::clone(&self.specs), snapshot)
    }

    /// The job of this name.
    pub fn job(&self, name: &InstanceName) -> Option<&Job> {
        self.list.iter().find(|job| job.name == *name)
    }

    /// The job that a row belongs to, and the object's place and state where the row is one.
    pub fn line(&self, at: usize) -> Option<(&Job, Option<(usize, &ObjectState)>)> {
        match *self.lines.get(at)? {
            JobLine::Job(job) => Some((&self.list[job], None)),
            JobLine::Object { job, object } => {
                let of = &self.list[job];
                Some((of, Some((object, of.run.as_ref()?.objects().get(object)?))))
            }
        }
    }

    /// The row of an object by its session.
    pub fn line_of_session(&self, session: SessionId) -> Option<usize> {
        if !self.sessions.contains(&session) {
            return None;
        }
        let is_it = |at: &usize| {
            self.line(*at).and_then(|(_, object)| object).is_some_and(|(_, state)| state.session() == Some(session))
        };
        (0..self.lines.len()).find(is_it)
    }

    /// The run that goes on to which a session belongs.
    pub fn run_of_session(&self, session: SessionId) -> Option<&Arc<JobRun>> {
        self.runs.iter().find(|run| run.objects().iter().any(|state| state.session() == Some(session)))
    }

    /// The run that goes on with this number.
    pub fn run(&self, id: JobId) -> Option<&Arc<JobRun>> {
        self.runs.iter().find(|run| run.id() == id)
    }
}
