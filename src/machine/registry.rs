//! All ongoing sessions and runs of jobs together: their order, who may run, who holds which place, when the clock is next needed.

use super::{CancelStage, Command, Phase, Refusal, Scope, Session, job::JobRun, next_wake, rescheduled};
use crate::domain::{
    BackupOrder, Hold, ItemOrder, JobId, JobObject, Kind, Order, Parent, SessionId, Timestamp, ticket::Work,
};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

/// The ongoing sessions of one owner.
#[derive(Debug, Clone)]
pub struct Registry {
    sessions: BTreeMap<SessionId, Arc<Session>>,
    runs: BTreeMap<JobId, Arc<JobRun>>,
    max_running: usize,
}

impl Registry {
    /// An empty registry that lets this many attempts run at once; at least one.
    pub fn new(max_running: usize) -> Self {
        Self { sessions: BTreeMap::new(), runs: BTreeMap::new(), max_running: max_running.max(1) }
    }

    /// Puts a session in its place. One that has ended leaves the registry.
    pub fn put(&mut self, session: Arc<Session>) {
        if session.is_ongoing() {
            self.sessions.insert(session.id(), session);
        } else {
            self.sessions.remove(&session.id());
        }
    }

    /// Puts a run of a job in its place. One that has ended leaves the registry.
    pub fn put_run(&mut self, run: Arc<JobRun>) {
        if run.is_ongoing() {
            self.runs.insert(run.id(), run);
        } else {
            self.runs.remove(&run.id());
        }
    }

    /// A run that goes on.
    pub fn run(&self, id: JobId) -> Option<&Arc<JobRun>> {
        self.runs.get(&id)
    }

    /// Every run that goes on, oldest first.
    pub fn runs(&self) -> impl Iterator<Item = &Arc<JobRun>> {
        self.runs.values()
    }

    /// Whether a run of the same job goes on, or one that has an object of it: of the same name in the same repository, or
    /// with a place that it needs. An object that the other run is done with counts too: what that run removes at its end
    /// may be the object's.
    pub fn run_conflict(&self, new: &JobRun) -> Option<Refusal> {
        let name = new.spec().name();
        if let Some(run) = self.runs.values().find(|run| run.spec().name() == name) {
            return Some(Refusal::JobRunning { job: name.clone(), run: run.id() });
        }
        let wanted = objects(new);
        for run in self.runs.values() {
            let held = objects(run);
            let meets = |(one, holds): &&(&JobObject, Vec<Hold>)| {
                held.iter().any(|(other, theirs)| same_object(one, other) || clash(holds, theirs))
            };
            if let Some((object, _)) = wanted.iter().find(meets) {
                let (object, job) = (object.object.name().clone(), run.spec().name().clone());
                return Some(Refusal::ObjectOfOtherRun { object, job, run: run.id() });
            }
        }
        None
    }

    /// An ongoing session.
    pub fn get(&self, id: SessionId) -> Option<&Arc<Session>> {
        self.sessions.get(&id)
    }

    /// The ongoing sessions that take items out of what this one holds open, oldest first.
    pub fn children_of(&self, id: SessionId) -> Vec<SessionId> {
        let is_child = |session: &&Arc<Session>| session.parent() == Some(Parent::Explore(id));
        self.sessions.values().filter(is_child).map(|session| session.id()).collect()
    }

    /// Why an order cannot be begun with what it belongs to: no session holds that open, or it is being closed.
    pub fn not_open(&self, order: &Order) -> Option<Refusal> {
        let Order::Items(ItemOrder { from, .. }) = order else { return None };
        let parent = self.sessions.get(&from.session).filter(|parent| parent.uuid() == from.uuid);
        let open = parent.is_some_and(|parent| {
            parent.order().kind() == Kind::Explore && !matches!(parent.phase(), Phase::Cancelling { .. })
        });
        (!open).then_some(Refusal::NotOpen { session: from.session })
    }

    /// How many are ongoing.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Every ongoing session, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Session>> {
        self.sessions.values()
    }

    /// For work that removes restore points: those that ongoing sessions read, or are to when they go on.
    pub fn in_use(&self, work: &Work) -> Vec<PathBuf> {
        let Work::Run(Order::Backup(BackupOrder { keep: Some(_), .. })) = work else { return Vec::new() };
        let points = self.sessions.values().filter_map(|session| session.order().point()?.source.directory());
        points.map(PathBuf::from).collect()
    }

    /// The sessions in the order of the screen.
    pub fn in_order(&self) -> Vec<Arc<Session>> {
        let mut all: Vec<_> = self.sessions.values().cloned().collect();
        sort_for_screen(&mut all);
        all
    }

    /// The ongoing sessions that a scope names, each once, in the order of the screen. Unknown ones are kept: the
    /// caller tells of each what became of it.
    pub fn expand(&self, scope: &Scope) -> Vec<SessionId> {
        match scope {
            Scope::Sessions(ids) => {
                let mut seen = std::collections::BTreeSet::new();
                ids.iter().copied().filter(|id| seen.insert(*id)).collect()
            }
            Scope::Ongoing(kind) => {
                let ordered = self.in_order();
                ordered.iter().filter(|session| session.order().kind() == *kind).map(|session| session.id()).collect()
            }
            Scope::Completed(_) => Vec::new(),
        }
    }

    /// Whether an ongoing session holds what an order needs to hold: a directory (or one in the other), a port, an object.
    pub fn holder(&self, order: &Order) -> Option<Refusal> {
        let wanted = order.holds();
        for session in self.sessions.values() {
            let held = session.order().holds();
            let Some(clash) = wanted.iter().find(|wanted| held.iter().any(|held| wanted.clashes(held))) else {
                continue;
            };
            let (holder, instance) = (session.id(), session.title().clone());
            return Some(match clash.clone() {
                Hold::Directory(directory) => Refusal::DirectoryHeld { directory, holder, instance },
                Hold::Port(port) => Refusal::PortHeld { port, holder, instance },
                Hold::Object(object) => Refusal::ObjectHeld { object, holder, instance },
            });
        }
        None
    }

    /// What the clock asks of the sessions now.
    pub fn due(&self, now: Timestamp) -> Vec<(SessionId, Command)> {
        let is_due = |session: &Session| wake(session, now).is_some_and(|wake| wake <= now);
        self.sessions.values().filter(|session| is_due(session)).map(|session| (session.id(), Command::Wake)).collect()
    }

    /// The next queued session that may start, if a slot is free: the one that has been queued longest.
    pub fn next_launch(&self) -> Option<SessionId> {
        let busy = self.sessions.values().filter(|session| holds_slot(session)).count();
        if busy >= self.max_running {
            return None;
        }
        self.sessions.values().filter_map(|session| turn(session)).min().map(|(_, id)| id)
    }

    /// When the clock is next needed: at once where it was set back, so that the waits which are too long now end in
    /// time.
    pub fn next_wake(&self, now: Timestamp) -> Option<Timestamp> {
        self.sessions.values().filter_map(|session| wake(session, now)).min()
    }

    /// How many queued sessions start before this one.
    pub fn queued_ahead(&self, id: SessionId) -> usize {
        let Some(own) = self.sessions.get(&id).and_then(|session| turn(session)) else { return 0 };
        self.sessions.values().filter_map(|session| turn(session)).filter(|other| *other < own).count()
    }
}

/// Puts ongoing sessions in the order of the screen: what needs a person first (stuck, waiting, running, queued), each
/// group by its start.
pub fn sort_for_screen(sessions: &mut [Arc<Session>]) {
    sessions.sort_by_key(|session| (urgency(session), session.created_at(), session.id()));
}

/// The objects of a run, each with what its session holds.
fn objects(run: &JobRun) -> Vec<(&JobObject, Vec<Hold>)> {
    let holds = |object| run.order(object).map(|order| order.holds()).unwrap_or_default();
    run.spec().objects().iter().enumerate().map(|(place, object)| (object, holds(place))).collect()
}

fn same_object(one: &JobObject, other: &JobObject) -> bool {
    let known = one.repository.is_some() && one.repository == other.repository;
    known && one.object.name() == other.object.name()
}

fn clash(some: &[Hold], others: &[Hold]) -> bool {
    some.iter().any(|hold| others.iter().any(|other| hold.clashes(other)))
}

/// When the clock has something to do for a session.
fn wake(session: &Session, now: Timestamp) -> Option<Timestamp> {
    if rescheduled(session, now).is_some() { Some(now) } else { next_wake(session) }
}

/// Where a queued session stands in the queue: who has been queued longest comes first.
fn turn(session: &Session) -> Option<(Timestamp, SessionId)> {
    match session.phase() {
        Phase::Queued { since, .. } => Some((*since, session.id())),
        Phase::Running { .. }
        | Phase::Waiting { .. }
        | Phase::Stuck { .. }
        | Phase::Paused { .. }
        | Phase::Cancelling { .. }
        | Phase::Completed { .. } => None,
    }
}

/// The rank of a session in the tree: lower stands higher.
fn urgency(session: &Session) -> u8 {
    match session.phase() {
        Phase::Stuck { .. } | Phase::Paused { .. } => 0,
        Phase::Waiting { .. } => 1,
        Phase::Running { .. } | Phase::Cancelling { .. } => 2,
        Phase::Queued { .. } => 3,
        Phase::Completed { .. } => 4,
    }
}

/// Whether a worker of this session copies now. One that deals with partial data needs no slot: it must not wait
/// behind restores.
fn holds_slot(session: &Session) -> bool {
    match session.phase() {
        Phase::Running { .. } | Phase::Cancelling { stage: CancelStage::Stopping { .. }, .. } => {
            session.order().needs_slot(session.current_step())
        }
        Phase::Cancelling { stage: CancelStage::Disposing { .. }, .. }
        | Phase::Queued { .. }
        | Phase::Waiting { .. }
        | Phase::Stuck { .. }
        | Phase::Paused { .. }
        | Phase::Completed { .. } => false,
    }
}
