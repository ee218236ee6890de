//! One turn: decide, append (durable), evolve, and only then tell what is to be done.

use crate::{
    domain::Timestamp,
    journal::{Batch, JournalEntry, JournalRecord},
    machine::{Command, Effect, Event, Refusal, Session, decide, evolve, react},
};
use std::{collections::BTreeMap, sync::Arc};

use crate::domain::SessionId;

/// What the commands of one turn lead to; nothing of it is true before its batch is stored.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// The sessions as they will stand.
    pub(super) after: BTreeMap<SessionId, Session>,
    changes: BTreeMap<SessionId, Vec<JournalRecord>>,
    /// The work that follows, in order.
    pub(super) effects: Vec<(SessionId, Effect)>,
    durable: bool,
}

impl Turn {
    /// Adds a session that is being created.
    pub(super) fn create(&mut self, created: crate::machine::event::Created) {
        let id = created.id;
        self.changes.entry(id).or_default().push(JournalRecord::Created(Box::new(created.clone())));
        self.after.insert(id, Session::create(created));
        self.durable = true;
    }

    /// Decides one command. `before` is the session as it stood before the turn.
    pub(super) fn apply(&mut self, before: &Arc<Session>, command: Command, now: Timestamp) -> Result<(), Refusal> {
        let id = before.id();
        let events = decide(self.after.get(&id).unwrap_or(before), command, now)?;
        for event in events {
            let session = self.after.remove(&id).unwrap_or_else(|| before.as_ref().clone());
            let session = evolve(session, &event, now);
            if let Some(effect) = react(&session, &event) {
                self.effects.push((id, effect));
            }
            self.after.insert(id, session);
            self.record(id, event, now);
        }
        Ok(())
    }

    /// What must be on disk before anything acts on it; `None` when only the picture changes.
    pub(super) fn batch(&self) -> Option<Batch> {
        let entry = |(id, changes): (&SessionId, &Vec<JournalRecord>)| {
            Some(JournalEntry { after: self.after.get(id)?.clone(), changes: changes.clone() })
        };
        self.durable.then(|| Batch { entries: self.changes.iter().filter_map(entry).collect(), jobs: Vec::new() })
    }

    /// Whether nothing has changed at all.
    pub(super) fn is_empty(&self) -> bool {
        self.after.is_empty()
    }

    fn record(&mut self, id: SessionId, event: Event, at: Timestamp) {
        if event.is_durable() {
            self.durable = true;
            self.changes.entry(id).or_default().push(JournalRecord::Happened { at, event });
        }
    }
}
