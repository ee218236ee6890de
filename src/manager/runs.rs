//! Runs of jobs beside sessions: started, stopped and taken up again by the same owner, in the same turns.
//!
//! Promises: an object's session and the word that it is in process are one transaction, after the object's place is
//! claimed; an owner that dies before that has begun nothing, and the next one begins the object. A run that was being
//! stopped goes on to its end under whoever owns it.

use super::{Manager, StartRequest, commit::Turn, start::Source};
use crate::domain::JobSpec;
use crate::{
    attempt::Attempts,
    domain::{JobId, Origin, SessionId, StopMode, Who},
    journal::{JobInitialState, JournalError, Store},
    machine::{
        Command, Refusal,
        job::{JobCommand, JobCreated, JobRow, JobRun, ObjectEnd, UnreadableJob, startable},
    },
};
use serde::{Deserialize, Serialize};
use std::{collections::HashSet, sync::Arc};

/// Runs that have ended and stand in a snapshot: more than any screen has rows. The journal has them all.
const ENDED_SHOWN: usize = 200;

/// The start of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartJob {
    /// What it is to do.
    pub spec: JobSpec,
    /// Through which face it comes.
    pub origin: Origin,
}

/// One verb on a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobAction {
    /// End it.
    Stop(StopMode),
    /// Kill what the cancel of its objects waits for (D6).
    Force,
    /// Take it off the screen.
    Dismiss,
}

/// What the owner keeps of runs beside those that go on.
#[derive(Debug, Default)]
pub(super) struct Runs {
    pub(super) last_id: u64,
    pub(super) ended: Arc<Vec<Arc<JobRow>>>,
    pub(super) unreadable: Arc<Vec<UnreadableJob>>,
    /// Objects whose places are being claimed, or wait for that.
    starting: HashSet<(JobId, usize)>,
}

impl Runs {
    pub(super) fn new(initial: JobInitialState) -> (Self, Vec<JobRun>) {
        let JobInitialState { last_id, ongoing, unreadable, ended } = initial;
        let ended = Arc::new(ended.into_iter().map(Arc::new).collect());
        (Self { last_id, ended, unreadable: Arc::new(unreadable), starting: HashSet::new() }, ongoing)
    }

    /// Those that have ended come, those that were dismissed go, unless they are the newest of their job. The newest stand
    /// first.
    pub(super) fn apply(&mut self, run: &JobRun) {
        let Some(row) = JobRow::of(run) else { return };
        let ended = Arc::make_mut(&mut self.ended);
        ended.retain(|known| known.id != row.id);
        let at = ended.partition_point(|known| (known.ended, known.id) > (row.ended, row.id));
        ended.insert(at, Arc::new(row));
        let (mut jobs, mut shown) = (HashSet::new(), 0);
        ended.retain(|row| {
            shown += usize::from(!row.dismissed);
            jobs.insert(row.name.clone()) || (!row.dismissed && shown <= ENDED_SHOWN)
        });
    }
}

impl<S: Store, A: Attempts> Manager<S, A> {
    /// Starts a run, unless one of the job goes on, or another run has one of its objects.
    pub(super) async fn start_job(&mut self, request: StartJob, by: Who) -> Result<JobId, Refusal> {
        let StartJob { spec, origin } = request;
        self.runs.last_id += 1;
        let (id, uuid, at) = (JobId(self.runs.last_id), self.ids.next(), self.clock.now());
        let created = JobCreated { id, uuid, spec, who: by, origin, at };
        let run = JobRun::create(created.clone());
        if let Some(refusal) = self.registry.run_conflict(&run) {
            return Err(refusal);
        }
        let mut turn = Turn::default();
        turn.create_run(created);
        self.commit(turn).await?;
        Ok(id)
    }

    /// Applies one verb to a run.
    pub(super) async fn act_on_job(&mut self, act: JobAction, id: JobId, by: &Who) -> Result<JobId, Refusal> {
        let run = self.find_run(id).await?;
        let (now, by) = (self.clock.now(), by.to_string());
        let mut turn = Turn::default();
        match act {
            JobAction::Stop(mode) => {
                turn.apply_to_run(&self.registry, &run, JobCommand::Stop { mode, by }, now)?;
            }
            JobAction::Dismiss => turn.apply_to_run(&self.registry, &run, JobCommand::Dismiss { by }, now)?,
            JobAction::Force => {
                let sessions = run.processing().filter_map(|(_, session)| self.registry.get(session));
                let force = || Command::Force { by: by.clone() };
                let forced: Vec<_> = sessions.map(|session| turn.apply(session, force(), now)).collect();
                if forced.iter().all(Result::is_err) {
                    // What is in time says so; that another one is not being cancelled says less.
                    let in_time = |refusal: &Refusal| matches!(refusal, Refusal::DisposalInTime { .. });
                    let refusals: Vec<Refusal> = forced.into_iter().filter_map(Result::err).collect();
                    return Err(refusals.into_iter().find(in_time).unwrap_or(Refusal::NothingToForce));
                }
            }
        }
        self.commit(turn).await?;
        Ok(id)
    }

    /// A run, wherever it stands.
    pub(super) async fn find_run(&mut self, id: JobId) -> Result<Arc<JobRun>, Refusal> {
        if let Some(run) = self.registry.run(id) {
            return Ok(Arc::clone(run));
        }
        let unreadable = |error: JournalError| {
            tracing::error!(job = id.0, %error, "cannot read a run");
            Refusal::UnreadableJob { id, problem: error.to_string() }
        };
        self.store.job(id).await.map_err(unreadable)?.map(Arc::new).ok_or(Refusal::UnknownJob { id })
    }

    /// Begins what is to be begun: its places are claimed in the order of the settings (R41).
    pub(super) fn start_objects(&mut self) {
        if self.journal_failed {
            return;
        }
        for run in self.registry.runs() {
            for object in startable(run) {
                let Some(order) = run.order(object) else { continue };
                if self.runs.starting.insert((run.id(), object)) {
                    let policy = Some(*run.spec().policy());
                    let request = StartRequest { orders: vec![order], policy, origin: run.origin() };
                    self.orders.push(request, run.who().clone(), Source::Run { job: run.id(), object });
                }
            }
        }
    }

    /// Adds the start of an object to the turn; refused where its run was stopped meanwhile.
    pub(super) fn object_started(
        &mut self,
        turn: &mut Turn,
        (job, object): (JobId, usize),
        session: SessionId,
    ) -> Result<(), Refusal> {
        self.runs.starting.remove(&(job, object));
        let run = self.registry.run(job).ok_or(Refusal::UnknownJob { id: job })?;
        turn.apply_to_run(&self.registry, run, JobCommand::ObjectStarted { object, session }, self.clock.now())
    }

    /// Adds to the turn that an object cannot be begun.
    pub(super) fn object_refused(&mut self, turn: &mut Turn, (job, object): (JobId, usize), cause: String) {
        self.runs.starting.remove(&(job, object));
        let Some(run) = self.registry.run(job) else { return };
        let command = JobCommand::ObjectRefused { object, cause };
        if let Err(refusal) = turn.apply_to_run(&self.registry, run, command, self.clock.now()) {
            tracing::info!(job = job.0, object, %refusal, "the object is not begun any more");
        }
    }

    /// Tells runs what became of sessions that are not ongoing here: one whose record cannot be read has no owner any
    /// more, and its run would wait for it for ever.
    pub(super) async fn reconcile_runs(&mut self) {
        let now = self.clock.now();
        let mut turn = Turn::default();
        let runs: Vec<Arc<JobRun>> = self.registry.runs().cloned().collect();
        for run in runs {
            let missing = run.processing().filter(|(_, session)| self.registry.get(*session).is_none());
            for (_, session) in missing.collect::<Vec<_>>() {
                let end = match self.store.session(session).await {
                    Ok(Some(found)) => ObjectEnd::of(&found),
                    Ok(None) => {
                        Some(ObjectEnd::Failed { cause: format!("the journal does not know session {session}") })
                    }
                    Err(error @ JournalError::Record { .. }) => Some(ObjectEnd::Failed { cause: error.to_string() }),
                    Err(error) => {
                        tracing::error!(session = session.0, %error, "cannot read the session of an object");
                        None
                    }
                };
                let Some(end) = end else { continue };
                let command = JobCommand::ObjectEnded { session, end };
                if let Err(refusal) = turn.apply_to_run(&self.registry, &run, command, now) {
                    tracing::error!(job = run.id().0, %refusal, "the end of an object was refused");
                }
            }
        }
        if let Err(refusal) = self.commit(turn).await {
            tracing::error!(%refusal, "what became of objects was not stored");
        }
    }
}
