//! A run in words, the same on the screen and on the command line: each event, each state of an object, and why it ended as
//! it did.

use super::{JobCreated, JobEvent, JobPhase, JobRun, ObjectCounts, ObjectEnd, ObjectState};
use crate::domain::{InstanceName, JobKind, JobResult, JobSpec, quantity::seconds};
use std::{fmt, time::Duration};

/// What the details of a run say that was stopped before its first object began (R43).
pub const CANCELLED_BY_USER: &str = "Operation was canceled by user";

impl fmt::Display for JobCreated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spec = &self.spec;
        let names: Vec<&str> = spec.objects().iter().map(|wanted| wanted.object.name().as_str()).collect();
        write!(
            f,
            "job {} ({}) started by {} through {}: {}",
            spec.name(),
            spec.kind(),
            self.who,
            self.origin,
            names.join(", ")
        )
    }
}

impl fmt::Display for JobEvent {
    /// An object is named by its place, counted from 1: the event knows no more.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.named(&|object| format!("object {}", object + 1), None))
    }
}

impl JobEvent {
    /// The sentence, with the names of a run's objects and, where an object has ended, how long it took.
    pub fn sentence(&self, spec: &JobSpec, took: Option<Duration>) -> String {
        let name = |object: usize| {
            let wanted = spec.objects().get(object);
            wanted.map_or_else(|| format!("object {}", object + 1), |wanted| wanted.object.name().to_string())
        };
        self.named(&name, took)
    }

    fn named(&self, name: &dyn Fn(usize) -> String, took: Option<Duration>) -> String {
        let after = took.map_or_else(String::new, |took| format!(" after {}", seconds(took)));
        match self {
            Self::ObjectStarted { object, session } => format!("{} is in process as session {session}", name(*object)),
            Self::ObjectRefused { object, cause } => format!("{} could not be begun: {cause}", name(*object)),
            Self::ObjectCancelRequested { object, by } => format!("cancel of {} asked by {by}", name(*object)),
            Self::ObjectEnded { object, end } => {
                let name = name(*object);
                match end {
                    ObjectEnd::Succeeded { made } => format!("{name} is done{after}: {made}"),
                    ObjectEnd::Failed { cause } => format!("{name} failed{after}: {cause}"),
                    ObjectEnd::Cancelled { begun: true, disposed } => {
                        format!("{name} was cancelled{after}; {disposed}")
                    }
                    ObjectEnd::Cancelled { begun: false, .. } => format!("{name} was cancelled before it began"),
                }
            }
            Self::StopRequested { mode, by } => format!("to be stopped {mode}, asked by {by}"),
            Self::Ended { result, detail } => format!("ended, {result}{after}: {detail}"),
            Self::Dismissed { by } => format!("dismissed by {by}"),
        }
    }
}

impl ObjectState {
    /// Where it stands, in a word or two (R42).
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Pending | Self::NotStarted => "not started",
            Self::Processing { .. } => "in process",
            Self::Succeeded { .. } => "done",
            Self::Failed { .. } => "failed",
            Self::Stopped { .. } => "stopped",
        }
    }
}

impl fmt::Display for ObjectState {
    /// The word, and what there is to say beside it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        match self {
            Self::Processing { cancelled_by: Some(by), .. } => write!(f, ", being cancelled by {by}"),
            Self::Succeeded { made, .. } => write!(f, ": {made}"),
            Self::Failed { cause, .. } => write!(f, ": {cause}"),
            Self::Stopped { disposed, .. } => write!(f, "; {disposed}"),
            Self::Pending | Self::NotStarted | Self::Processing { cancelled_by: None, .. } => Ok(()),
        }
    }
}

impl ObjectState {
    /// What there is to say of it beside its word.
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::Processing { cancelled_by: Some(by), .. } => Some(format!("being cancelled by {by}")),
            Self::Succeeded { made, .. } => Some(made.clone()),
            Self::Failed { cause, .. } => Some(cause.clone()),
            Self::Stopped { disposed, .. } => Some(disposed.to_string()),
            Self::Pending | Self::NotStarted | Self::Processing { cancelled_by: None, .. } => None,
        }
    }
}

impl JobRun {
    /// The first object that failed, in the order of the settings, and why: others may have failed for its sake.
    pub fn first_failure(&self) -> Option<(&InstanceName, &str)> {
        self.spec().objects().iter().zip(self.objects()).find_map(|(wanted, state)| match state {
            ObjectState::Failed { cause, .. } => Some((wanted.object.name(), cause.as_str())),
            ObjectState::Pending
            | ObjectState::Processing { .. }
            | ObjectState::Succeeded { .. }
            | ObjectState::Stopped { .. }
            | ObjectState::NotStarted => None,
        })
    }
}

/// Why a run ends as it does; it stands as it did before its end.
pub(super) fn detail(run: &JobRun, result: JobResult) -> String {
    let counts = ObjectCounts::of(run.objects());
    let none_begun = counts.not_started == run.objects().len();
    let have = match run.spec().kind() {
        JobKind::Replication => "a standby that follows its primary",
        JobKind::Instance | JobKind::FileCopy | JobKind::BackupCopy | JobKind::Vm | JobKind::Files => {
            "a new restore point"
        }
    };
    let of_all = format!("{} of {} objects have {have}", counts.succeeded, run.objects().len());
    match (result, run.phase()) {
        (JobResult::Success, _) => of_all,
        (JobResult::Failed, JobPhase::StoppingGracefully { .. }) if none_begun => CANCELLED_BY_USER.to_owned(),
        (_, JobPhase::StoppingImmediately { by, .. }) => format!("stopped immediately by {by}; {of_all}"),
        (JobResult::Stopped, JobPhase::StoppingGracefully { by, .. }) => {
            format!("stopped gracefully by {by}; {of_all}")
        }
        (JobResult::Warning | JobResult::Stopped, _) => with_first_cause(run, of_all),
        (JobResult::Failed, _) => first_cause(run).unwrap_or(of_all),
    }
}

fn with_first_cause(run: &JobRun, rest: String) -> String {
    match first_cause(run) {
        Some(cause) => format!("{rest}; {cause}"),
        None => rest,
    }
}

fn first_cause(run: &JobRun) -> Option<String> {
    run.first_failure().map(|(object, cause)| format!("{object} failed: {cause}"))
}
