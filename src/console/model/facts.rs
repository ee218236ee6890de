//! What a filter knows of a row of the tree.

use super::{explored::ExploredItem, jobs::Job};
use crate::{
    catalog::{CatalogEntry, CatalogInstance},
    console::view::states,
    domain::{JobResult, Timestamp},
    machine::{
        CompletedRow, Session,
        job::{JobRow, ObjectState},
    },
};
use std::borrow::Cow;

/// The phase of what has ended.
pub(super) const COMPLETED: &str = "completed";

/// What a filter asks of a row. What a row does not have, no word of a filter is true of.
#[derive(Debug, Clone)]
pub(super) struct Facts<'a> {
    pub(super) name: &'a str,
    /// The last part of its target, and its port: what tells namesakes apart in their rows.
    pub(super) target: Cow<'a, str>,
    /// Where it stands, and how it ended.
    pub(super) phases: [Option<&'static str>; 2],
    /// `user@host (process ...)`.
    pub(super) by: Option<&'a str>,
    /// When it was ordered, ended, or taken.
    pub(super) at: Option<Timestamp>,
}

impl<'a> Facts<'a> {
    pub(super) fn ongoing(session: &'a Session) -> Self {
        let (name, by) = (session.title().as_str(), Some(session.by()));
        let (target, phases) = (session.target_text().into(), [Some(states::word(session)), None]);
        Self { name, target, phases, by, at: Some(session.created_at()) }
    }

    pub(super) fn completed(row: &'a CompletedRow) -> Self {
        let phases = [Some(COMPLETED), Some(row.result.as_str())];
        let (name, target) = (row.title.as_str(), row.details.target.as_str().into());
        Self { name, target, phases, by: Some(&row.details.by), at: Some(row.ended) }
    }

    pub(super) fn instance(one: &'a CatalogInstance) -> Self {
        let at = one.newest_row().and_then(CatalogEntry::taken_at);
        Self { name: one.name.as_str(), target: "".into(), phases: [None, None], by: None, at }
    }

    /// An item of an open restore point, by its name.
    pub(super) fn item(item: &'a ExploredItem) -> Self {
        Self { name: item.name(), target: "".into(), phases: [None, None], by: None, at: None }
    }

    /// A job or an object of its run, by its name and how it stands.
    pub(super) fn job((job, object): (&'a Job, Option<(usize, &'a ObjectState)>)) -> Self {
        let name = job.name.as_str();
        let standing = |name, phases, at| Self { name, target: name.into(), phases, by: None, at };
        match (object, &job.run, &job.last) {
            (Some((at, state)), Some(run), _) => {
                let wanted = run.spec().objects().get(at).map_or(name, |wanted| wanted.object.name().as_str());
                // All objects are found by the name of their job, too.
                let phases = [object_phase(state), None];
                Self { target: name.into(), ..standing(wanted, phases, Some(run.started_at())) }
            }
            (_, Some(run), _) => {
                let phase = if run.stopping().is_some() { "stopping" } else { "running" };
                standing(name, [Some(phase), None], Some(run.started_at()))
            }
            (_, None, Some(row)) => Self { name, ..Self::run(row) },
            (_, None, None) => standing(name, [None, None], None),
        }
    }

    /// A run that has ended.
    pub(super) fn run(row: &'a JobRow) -> Self {
        let result = match row.result {
            JobResult::Success => "succeeded",
            JobResult::Warning => "warning",
            JobResult::Failed => "failed",
            JobResult::Stopped => "stopped",
        };
        let phases = [Some(COMPLETED), Some(result)];
        Self { name: row.name.as_str(), target: row.name.as_str().into(), phases, by: None, at: Some(row.ended) }
    }

    pub(super) fn account(&self) -> Option<&'a str> {
        self.by.and_then(|by| by.split(" (process ").next())
    }
}

/// The word for where an object of a run stands.
const fn object_phase(state: &ObjectState) -> Option<&'static str> {
    match state {
        ObjectState::Pending | ObjectState::NotStarted => None,
        ObjectState::Processing { .. } => Some("running"),
        ObjectState::Succeeded { .. } => Some("succeeded"),
        ObjectState::Failed { .. } => Some("failed"),
        ObjectState::Stopped { .. } => Some("stopped"),
    }
}
