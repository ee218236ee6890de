//! What the page of a run needs beside the snapshot: a run that has ended, read whole, and what happened in a run; and
//! what may be done with it.
//!
//! Promises: each is asked for once, and what happened again only when the run has changed; whether a run can be stopped
//! is asked of its machine. Never: keeps more than one run.

use super::{
    Model,
    events::{EVENTS_EVERY, Events},
    tree::Node,
};
use crate::{
    console::{format, ports::EventHistory},
    domain::{JobId, JobSpec, StopMode, Timestamp},
    machine::job::{self, JobCommand, JobRow, JobRun},
};
use std::sync::Arc;

/// What was read for the pages of runs.
#[derive(Debug, Clone, Default)]
pub(in crate::console) struct RunPages {
    detail: Option<Detail>,
    /// The run, as it stood then, whose events were asked for and have not come yet.
    asked: Option<Arc<JobRun>>,
    events: Option<Events<JobRun>>,
    /// Plans of jobs that were asked for.
    pub(in crate::console) tickets: u64,
}

/// A run that has ended, which is read from the journal when it is selected.
#[derive(Debug, Clone)]
enum Detail {
    /// It is being read.
    Loading(JobId),
    /// It was read.
    Loaded(Arc<JobRun>),
    /// The journal has no such run.
    Missing(JobId),
}

impl Detail {
    fn id(&self) -> JobId {
        match self {
            Self::Loading(id) | Self::Missing(id) => *id,
            Self::Loaded(run) => run.id(),
        }
    }
}

impl Model {
    /// The run whose page is shown: the selected one, that of the selected object, or of the selected job the one that
    /// goes on, else its last one.
    pub fn shown_run(&self) -> Option<JobId> {
        match self.tree.selected() {
            Node::Run(id) | Node::Object(id, _) => Some(*id),
            Node::Job(name) => {
                let job = self.shown.jobs.job(name)?;
                job.run.as_ref().map(|run| run.id()).or_else(|| job.last.as_ref().map(|row| row.id))
            }
            Node::Group(_)
            | Node::Session(_)
            | Node::Unreadable(_)
            | Node::Instance(_)
            | Node::UnreadableRun(_)
            | Node::Item(..) => None,
        }
    }

    /// That run, once it is known.
    pub fn run(&self) -> Option<&Arc<JobRun>> {
        let id = self.shown_run()?;
        self.shown.jobs.run(id).or_else(|| match &self.runs.detail {
            Some(Detail::Loaded(run)) if run.id() == id => Some(run),
            Some(Detail::Loaded(_) | Detail::Loading(_) | Detail::Missing(_)) | None => None,
        })
    }

    /// The run that an act is for: the one that goes on of the selected job, object or session of an object.
    pub fn selected_run(&self) -> Option<&Arc<JobRun>> {
        match self.tree.selected() {
            Node::Session(id) if self.tree.marked.is_empty() => self.shown.jobs.run_of_session(*id),
            Node::Job(name) => self.shown.jobs.job(name)?.run.as_ref(),
            Node::Object(id, _) => self.shown.jobs.run(*id),
            Node::Session(_)
            | Node::Run(_)
            | Node::Group(_)
            | Node::Unreadable(_)
            | Node::Instance(_)
            | Node::UnreadableRun(_)
            | Node::Item(..) => None,
        }
    }

    /// That run, where it can be stopped in one way at least.
    pub fn run_to_stop(&self) -> Option<&Arc<JobRun>> {
        let can = |run: &&Arc<JobRun>| StopMode::ALL.into_iter().any(|mode| self.stop_refusal(run, mode).is_none());
        self.selected_run().filter(can)
    }

    /// Why a run cannot be stopped in this way.
    pub fn stop_refusal(&self, run: &JobRun, mode: StopMode) -> Option<String> {
        let by = self.options.by.to_string();
        let refused = job::decide(run, JobCommand::Stop { mode, by }, self.now()).err()?;
        Some(format::clean(&refused.to_string()).into_owned())
    }

    /// What would be started; else why nothing can be.
    pub fn job_to_start(&self) -> Result<&JobSpec, String> {
        let name = match self.tree.selected() {
            Node::Job(name) => Some(name),
            Node::Run(_) => self.ended_run().map(|row| &row.name),
            Node::Object(..) | Node::Session(_) => self.selected_run().map(|run| run.spec().name()),
            Node::Group(_) | Node::Unreadable(_) | Node::Instance(_) | Node::UnreadableRun(_) | Node::Item(..) => None,
        };
        let Some(job) = name.and_then(|name| self.shown.jobs.job(name)) else {
            return Err(if self.options.jobs.is_empty() {
                "howdah.toml describes no job".to_owned()
            } else {
                "select a job first".to_owned()
            });
        };
        let called = format::clean(job.name.as_str());
        match (&job.run, &job.spec) {
            (Some(run), _) => Err(format!("{called}#{} goes on", run.id())),
            (None, None) => Err(format!("{called} is not in the settings any more")),
            (None, Some(spec)) => Ok(spec),
        }
    }

    /// Whether the journal has no such run.
    pub fn is_run_missing(&self, id: JobId) -> bool {
        matches!(self.runs.detail, Some(Detail::Missing(missing)) if missing == id)
    }

    /// The selected run that has ended.
    pub fn ended_run(&self) -> Option<&Arc<JobRow>> {
        let Node::Run(id) = self.tree.selected() else { return None };
        self.shown.snapshot.ended_runs.iter().find(|row| row.id == *id)
    }

    /// What happened in the run that is shown, as it was read last.
    pub fn run_events(&self) -> Option<&Events<JobRun>> {
        let id = self.shown_run()?;
        self.runs.events.as_ref().filter(|events| events.of.id() == id)
    }

    /// The run that has to be read from the journal.
    pub(in crate::console) fn run_due(&self) -> Option<JobId> {
        let id = self.shown_run()?;
        let known =
            self.shown.jobs.run(id).is_some() || self.runs.detail.as_ref().is_some_and(|known| known.id() == id);
        (!known).then_some(id)
    }

    /// Remembers that a run is being read.
    pub(in crate::console) fn ask_run(&mut self, id: JobId) {
        self.runs.detail = Some(Detail::Loading(id));
    }

    /// Takes in a run.
    pub(in crate::console) fn take_run(&mut self, id: JobId, run: Option<Arc<JobRun>>) {
        if matches!(self.runs.detail, Some(Detail::Loading(asked)) if asked == id) {
            self.runs.detail = Some(run.map_or(Detail::Missing(id), Detail::Loaded));
        }
    }

    /// When the events of the run in view have to be read: once, and again when it has changed since.
    pub(in crate::console) fn run_events_due(&self) -> Option<Timestamp> {
        let run = self.run().filter(|_| self.runs.asked.is_none())?;
        let Some(events) = self.run_events() else { return Some(self.now.steady) };
        if self.frozen.is_some() || Arc::ptr_eq(&events.of, run) {
            return None;
        }
        events.read.checked_add(EVENTS_EVERY).ok()
    }

    /// Remembers that they are being read.
    pub(in crate::console) fn ask_run_events(&mut self, run: Arc<JobRun>) {
        self.runs.asked = Some(run);
    }

    /// Takes in the events of a run.
    pub(in crate::console) fn take_run_events(&mut self, id: JobId, history: Result<EventHistory, String>) {
        let now = self.now.steady;
        if let Some(run) = self.runs.asked.take_if(|asked| asked.id() == id) {
            self.runs.events = Some(Events::new(run, now, history));
        }
    }
}
