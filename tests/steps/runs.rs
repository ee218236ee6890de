//! The runs of jobs in the world behind the screen.

use super::{
    stage::*,
    world::{NAMES, pick},
};
use howdah::{
    domain::{
        AnyRestorePlan, BackupPlan, ByteCount, Disposed, JobId, JobSpec, SessionId, StopMode, plan::KeepPlan,
        plan::TargetState,
    },
    machine::{
        Refusal, Session,
        job::{JobCommand, JobRow, JobRun, ObjectEnd, ObjectState, UnreadableJob, decide, evolve},
    },
    manager::{JobAction, Snapshot},
};
use std::sync::Arc;

/// All of them, and the sessions of their objects.
#[derive(Default)]
pub(crate) struct Runs {
    all: Vec<Arc<JobRun>>,
    sessions: Vec<Arc<Session>>,
}

impl Runs {
    /// A snapshot with them.
    pub(crate) fn add_to(&self, mut snapshot: Snapshot, is_torn: bool) -> Snapshot {
        let going_on: Vec<_> = self.all.iter().filter(|run| run.is_ongoing()).cloned().collect();
        let wanted = |session: &&Arc<Session>| {
            let is_it = |(_, id): (usize, SessionId)| id == session.id();
            going_on.iter().any(|run| run.processing().any(is_it))
        };
        snapshot.ongoing.extend(self.sessions.iter().filter(wanted).cloned());
        let ended: Vec<_> = self.all.iter().rev().filter_map(|run| JobRow::of(run)).map(Arc::new).collect();
        let problem = "it has version 9\u{1b}[2J".to_owned();
        snapshot.unreadable_runs =
            Arc::new(is_torn.then_some(UnreadableJob { id: JobId(77), problem }).into_iter().collect());
        Snapshot { runs: going_on, ended_runs: Arc::new(ended), ..snapshot }
    }

    /// Somebody starts a job: one of the settings, or one that nobody described.
    pub(crate) fn begin(&mut self, draw: u64) {
        let spec = if draw.is_multiple_of(3) {
            servers(NAMES[pick(draw, NAMES.len())], &["a", NAMES[pick(draw / 7, NAMES.len())], "b"])
        } else {
            jobs()[pick(draw, 3)].clone()
        };
        if self.all.iter().all(|run| !run.is_ongoing() || run.spec().name() != spec.name()) {
            self.start(spec);
        }
    }

    pub(crate) fn start(&mut self, spec: JobSpec) -> JobId {
        let id = self.all.len() as u64 + 1;
        self.all.push(RunStory::of(spec, id, mins(3)).arc());
        JobId(id)
    }

    /// One run goes on: an object begins, ends well or badly, or the run is stopped.
    pub(crate) fn go_on(&mut self, draw: u64, next: &mut u64) {
        let going_on: Vec<usize> = (0..self.all.len()).filter(|at| self.all[*at].is_ongoing()).collect();
        let Some(at) = (!going_on.is_empty()).then(|| going_on[pick(draw, going_on.len())]) else { return };
        let run = Arc::clone(&self.all[at]);
        let in_process = run.processing().next();
        let pending = run.objects().iter().position(|state| *state == ObjectState::Pending);
        let command = match (in_process, pending, draw % 7) {
            (_, _, 0) => JobCommand::Stop { mode: StopMode::ALL[pick(draw / 7, 2)], by: "ana\u{1b}[2J".to_owned() },
            (Some((_, session)), _, 1) => {
                JobCommand::ObjectEnded { session, end: ObjectEnd::Failed { cause: "gone\u{1b}[2J".to_owned() } }
            }
            (Some((_, session)), _, 2) => {
                let end = ObjectEnd::Cancelled { begun: true, disposed: Disposed::Removed };
                JobCommand::ObjectEnded { session, end }
            }
            (Some((_, session)), _, _) => {
                let made = "restore point 2026-11-20T140100\u{1b}[2J".to_owned();
                JobCommand::ObjectEnded { session, end: ObjectEnd::Succeeded { made } }
            }
            (None, Some(pending), _) => {
                let id = *next;
                *next += 1;
                self.sessions.push(object(&run, pending, id));
                JobCommand::ObjectStarted { object: pending, session: SessionId(id) }
            }
            (None, None, _) => return,
        };
        // What the machine refuses does not happen.
        if let Ok(events) = decide(&run, command, now()) {
            let run = events.iter().fold((*run).clone(), |run, event| evolve(run, event, now()));
            self.all[at] = Arc::new(run);
        }
    }

    pub(crate) fn act(&mut self, act: JobAction, id: JobId) -> Result<JobId, Refusal> {
        let at = self.all.iter().position(|run| run.id() == id).ok_or(Refusal::UnknownJob { id })?;
        let by = "ops@bastion".to_owned();
        let command = match act {
            JobAction::Stop(mode) => JobCommand::Stop { mode, by },
            JobAction::Dismiss => JobCommand::Dismiss { by },
            JobAction::Force => return Err(Refusal::NothingToForce),
        };
        let events = decide(&self.all[at], command, now())?;
        let run = events.iter().fold((*self.all[at]).clone(), |run, event| evolve(run, event, now()));
        self.all[at] = Arc::new(run);
        Ok(id)
    }

    pub(crate) fn whole(&self, id: JobId) -> Option<Arc<JobRun>> {
        self.all.iter().find(|run| run.id() == id).cloned()
    }
}

/// The plan of an object.
pub(crate) fn job_plan(draw: u64) -> BackupPlan {
    BackupPlan {
        directory: "/backups/x".into(),
        bytes: ByteCount(draw),
        files: draw % 7,
        free_bytes: ByteCount(210 * GIB),
        free_inodes: None,
        method: vec!["pg_basebackup\u{1b}[2J".to_owned(); pick(draw, 30)],
        version: None,
        system_identifier: None,
        warnings: Vec::new(),
        keep: Some(KeepPlan { removes: vec!["a\u{1b}[2J".to_owned(); pick(draw, 9)], stays: draw }),
    }
}

/// The plan of the restore of a cluster.
pub(crate) fn planned(instance: &str, port: u16, target: TargetState) -> AnyRestorePlan {
    AnyRestorePlan::Cluster(Box::new(plan(instance, port, target)))
}
