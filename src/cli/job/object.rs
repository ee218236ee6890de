//! A run as JSON: the same object in a list, alone, at a start and at an end.

use crate::{
    cli::backup_list::escaped,
    domain::{InstanceName, JobId, JobKind, JobResult, Origin, SessionId, Timestamp},
    machine::job::{JobPhase, JobRun, ObjectState},
};
use serde::Serialize;
use uuid::Uuid;

/// A run.
#[derive(Debug, Serialize)]
pub struct RunObject<'a> {
    run: JobId,
    uuid: Uuid,
    job: &'a InstanceName,
    kind: JobKind,
    phase: &'static str,
    result: Option<JobResult>,
    detail: Option<&'a str>,
    started_at: Timestamp,
    ended_at: Option<Timestamp>,
    took_s: u64,
    by: String,
    origin: Origin,
    objects: Vec<ObjectOfRun<'a>>,
}

/// One of its objects.
#[derive(Debug, Serialize)]
struct ObjectOfRun<'a> {
    name: &'a InstanceName,
    state: &'static str,
    session: Option<SessionId>,
    detail: Option<String>,
}

impl<'a> RunObject<'a> {
    /// The object of a run as it stands now.
    pub fn of(run: &'a JobRun, now: Timestamp) -> Self {
        let (result, detail, ended_at) = match run.phase() {
            JobPhase::Done { at, result, detail } => (Some(*result), Some(detail.as_str()), Some(*at)),
            JobPhase::Running | JobPhase::StoppingGracefully { .. } | JobPhase::StoppingImmediately { .. } => {
                (None, None, None)
            }
        };
        let objects = run.spec().objects().iter().zip(run.objects()).map(|(wanted, state)| ObjectOfRun {
            name: wanted.object.name(),
            state: state_word(state),
            session: state.session(),
            detail: state.detail(),
        });
        Self {
            run: run.id(),
            uuid: run.uuid(),
            job: run.spec().name(),
            kind: run.spec().kind(),
            phase: phase_word(run.phase()),
            result,
            detail,
            started_at: run.started_at(),
            ended_at,
            took_s: run.elapsed(now).as_secs(),
            by: run.who().to_string(),
            origin: run.origin(),
            objects: objects.collect(),
        }
    }

    /// As one line, which can steer no terminal.
    pub fn line(&self) -> serde_json::Result<String> {
        serde_json::to_string(self).map(|line| escaped(&line))
    }
}

/// A phase as JSON has it.
const fn phase_word(phase: &JobPhase) -> &'static str {
    match phase {
        JobPhase::Running => "running",
        JobPhase::StoppingGracefully { .. } => "stopping_gracefully",
        JobPhase::StoppingImmediately { .. } => "stopping_immediately",
        JobPhase::Done { .. } => "done",
    }
}

const fn state_word(state: &ObjectState) -> &'static str {
    match state {
        ObjectState::Pending | ObjectState::NotStarted => "not_started",
        ObjectState::Processing { .. } => "in_process",
        ObjectState::Succeeded { .. } => "done",
        ObjectState::Failed { .. } => "failed",
        ObjectState::Stopped { .. } => "stopped",
    }
}

/// How a run stands, in a word or two.
pub(super) fn standing(run: &JobRun) -> String {
    match run.phase() {
        JobPhase::Running => "running".to_owned(),
        JobPhase::StoppingGracefully { .. } => "stopping gracefully".to_owned(),
        JobPhase::StoppingImmediately { .. } => "stopping immediately".to_owned(),
        JobPhase::Done { result, .. } => result.to_string(),
    }
}
