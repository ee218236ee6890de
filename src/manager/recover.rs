//! Sessions of which only the files of their attempts tell, since the journal was lost or put back from a copy (S10).
//!
//! Promises: what has ended is not begun again; what the journal does not know is told and kept, and nobody else gets its
//! places, until a person asks for it back.

use super::{Manager, UnreadableSession, commit::Turn};
use crate::{
    attempt::{Attempts, Traced},
    domain::{SessionId, Who},
    journal::Store,
    machine::{Command, Refusal, Session, event::Created},
};
use std::{collections::BTreeMap, sync::Arc};

/// What the files tell beyond the journal.
#[derive(Debug, Default)]
pub(super) struct Traces {
    /// Of sessions that the journal does not know.
    strays: BTreeMap<SessionId, Traced>,
    /// Of ongoing sessions of which it knows less.
    behind: Vec<Traced>,
}

impl<S: Store, A: Attempts> Manager<S, A> {
    /// The same with what the files tell of sessions that are ongoing, or that the journal does not know.
    #[must_use]
    pub fn with_traces(mut self, traces: Vec<Traced>) -> Self {
        for traced in traces {
            match self.registry.get(traced.id) {
                Some(session) if session.uuid() == traced.uuid => self.traces.behind.push(traced),
                Some(_) => tracing::error!(session = traced.id.0, "its attempts' files are another session's"),
                None => {
                    if !traced.trace.stood.has_ended() {
                        self.orders.known.add(traced.uuid);
                    }
                    self.traces.strays.insert(traced.id, traced);
                }
            }
        }
        let open = self.traces.strays.values().filter(|traced| !traced.trace.stood.has_ended());
        let unreadable: Vec<UnreadableSession> =
            open.map(|traced| UnreadableSession { id: traced.id, problem: traced.to_string() }).collect();
        Arc::make_mut(&mut self.unreadable).extend(unreadable);
        self.publish();
        self
    }

    /// Brings the ongoing sessions to where their files are.
    pub(super) async fn catch_up(&mut self) {
        let now = self.clock.now();
        let mut turn = Turn::default();
        for traced in std::mem::take(&mut self.traces.behind) {
            let Some(session) = self.registry.get(traced.id) else { continue };
            if let Err(refusal) = turn.apply(session, Command::CatchUp(traced.trace), now) {
                tracing::error!(session = traced.id.0, %refusal, "what its files tell was refused");
            }
        }
        if let Err(refusal) = self.commit(turn).await {
            // An attempt whose number is taken is not launched: the session waits for a person.
            tracing::error!(%refusal, "what the files of attempts tell was not stored");
        }
    }

    /// Adds a session to the turn that the journal does not know, if its files tell of one.
    pub(super) fn recover(&self, turn: &mut Turn, id: SessionId, by: &Who) -> Result<(), Refusal> {
        let traced = self.traces.strays.get(&id).cloned().ok_or(Refusal::Unknown { id })?;
        let Traced { uuid, order, places, since, until, trace, .. } = traced;
        let has_ended = trace.stood.has_ended();
        if !has_ended && let Some(refusal) = self.registry.holder(&order) {
            return Err(refusal);
        }
        let now = if has_ended { until } else { self.clock.now() };
        let by = traced.by.unwrap_or_else(|| by.to_string());
        let origin = crate::domain::Origin::CommandLine;
        let (policy, at) = (self.settings.policy, since);
        let created = Created { id, uuid, order, parent: None, policy, by, origin, at, places };
        let session = Arc::new(Session::create(created.clone()));
        turn.create(created);
        turn.apply(&session, Command::CatchUp(trace), now)
    }

    /// Forgets what the journal knows by now.
    pub(super) fn recovered(&mut self, ids: &[SessionId]) {
        self.traces.strays.retain(|id, _| !ids.contains(id));
        Arc::make_mut(&mut self.unreadable).retain(|one| !ids.contains(&one.id));
    }
}
