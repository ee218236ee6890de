//! One turn: decide, append (durable), evolve, and only then tell what is to be done.

use crate::{
    domain::{JobId, Parent, SessionId, Timestamp},
    journal::{Batch, JobEntry, JobRecord, JournalEntry, JournalRecord},
    machine::{
        Command, Effect, Event, Refusal, Registry, Session, decide, evolve,
        job::{self, JobCommand, JobCreated, JobRun, ObjectEnd},
        react,
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What the commands of one turn lead to; nothing of it is true before its batch is stored.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// The sessions as they will stand.
    pub(super) after: BTreeMap<SessionId, Session>,
    changes: BTreeMap<SessionId, Vec<JournalRecord>>,
    /// The work that follows, in order.
    pub(super) effects: Vec<(SessionId, Effect)>,
    durable: bool,
    /// The runs of jobs as they will stand.
    pub(super) runs: BTreeMap<JobId, JobRun>,
    run_changes: BTreeMap<JobId, Vec<JobRecord>>,
    /// Sessions of which a run has asked something in this turn.
    asked: BTreeSet<SessionId>,
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

    /// Adds a run that is being started.
    pub(super) fn create_run(&mut self, created: JobCreated) {
        let id = created.id;
        self.run_changes.entry(id).or_default().push(JobRecord::Created(Box::new(created.clone())));
        self.runs.insert(id, JobRun::create(created));
        self.durable = true;
    }

    /// Decides one command on a run, and what it asks of its sessions. `before` is the run as it stood before the turn.
    pub(super) fn apply_to_run(
        &mut self,
        registry: &Registry,
        before: &Arc<JobRun>,
        command: JobCommand,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let id = before.id();
        for event in job::decide(self.runs.get(&id).unwrap_or(before), command, now)? {
            let run = self.runs.remove(&id).unwrap_or_else(|| before.as_ref().clone());
            let run = job::evolve(run, &event, now);
            for effect in job::react(&run, &event) {
                let Some(session) = registry.get(effect.session()) else { continue };
                self.asked.insert(session.id());
                let asked = effect.command(run.stopped_by().unwrap_or_default());
                // One that is being cancelled already needs nothing more.
                if let Err(refusal) = self.apply(session, asked, now) {
                    tracing::info!(job = id.0, session = session.id().0, %refusal, "the session goes its own way");
                }
            }
            self.runs.insert(id, run);
            self.run_changes.entry(id).or_default().push(JobRecord::Happened { at: now, event });
            self.durable = true;
        }
        Ok(())
    }

    /// Tells each run what has become of its sessions in this turn.
    pub(super) fn settle(&mut self, registry: &Registry, now: Timestamp) {
        let mut news = Vec::new();
        for (id, session) in &self.after {
            let Some(Parent::Job(job)) = session.parent() else { continue };
            let Some(run) = registry.run(job) else { continue };
            let by_hand = if self.asked.contains(id) { None } else { self.cancel_requested_by(*id) };
            news.extend(by_hand.map(|by| (run, JobCommand::ObjectCancelRequested { session: *id, by })));
            news.extend(ObjectEnd::of(session).map(|end| (run, JobCommand::ObjectEnded { session: *id, end })));
        }
        for (run, command) in news {
            if let Err(refusal) = self.apply_to_run(registry, run, command, now) {
                tracing::error!(job = run.id().0, %refusal, "what became of an object was refused");
            }
        }
    }

    /// What must be on disk before anything acts on it; `None` when only the picture changes.
    pub(super) fn batch(&self) -> Option<Batch> {
        let entry = |(id, changes): (&SessionId, &Vec<JournalRecord>)| {
            Some(JournalEntry { after: self.after.get(id)?.clone(), changes: changes.clone() })
        };
        let job_entry = |(id, changes): (&JobId, &Vec<JobRecord>)| {
            Some(JobEntry { after: self.runs.get(id)?.clone(), changes: changes.clone() })
        };
        self.durable.then(|| Batch {
            entries: self.changes.iter().filter_map(entry).collect(),
            jobs: self.run_changes.iter().filter_map(job_entry).collect(),
        })
    }

    /// Whether nothing has changed at all.
    pub(super) fn is_empty(&self) -> bool {
        self.after.is_empty() && self.runs.is_empty()
    }

    /// Who has asked for the cancel of a session in this turn.
    fn cancel_requested_by(&self, id: SessionId) -> Option<String> {
        self.changes.get(&id)?.iter().find_map(|change| match change {
            JournalRecord::Happened { event: Event::CancelRequested { by, .. }, .. } => Some(by.clone()),
            JournalRecord::Happened { .. } | JournalRecord::Created(_) => None,
        })
    }

    fn record(&mut self, id: SessionId, event: Event, at: Timestamp) {
        if event.is_durable() {
            self.durable = true;
            self.changes.entry(id).or_default().push(JournalRecord::Happened { at, event });
        }
    }
}
