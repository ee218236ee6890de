//! A manager with simulated attempts and a journal in memory, on time that stands still until somebody waits.

use crate::sample;
use howdah::{
    attempt::{AttemptMessage, CHANNEL_CAPACITY, Scenario, Simulated, simulated::Survivor},
    domain::{ClusterRestore, Order, Origin, RetryPolicy, SessionId, Who, WorkerSettings, ticket::Ticket},
    journal::{InitialState, JobInitialState, JournalRecord, MemoryStore},
    machine::job::{JobRow, JobRun},
    machine::{Command, CompletedRow, EndedCounts, Event, Phase, Refusal, Report, Scope, Session, UnreadableSession},
    manager::{
        Claims, Clock, Ended, Handle, Ids, Manager, ManagerSettings, Occasions, Receipt, Service as _, SessionAction,
        Snapshot, StartRequest, Unclaimed,
    },
};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, atomic::AtomicI64},
    time::Duration,
};
use tokio::{sync::mpsc, task::JoinHandle};

/// What a test sets up.
pub(crate) struct Plan {
    pub(crate) max_running: usize,
    pub(crate) policy: RetryPolicy,
    pub(crate) remains: Survivor,
    pub(crate) store: MemoryStore,
    pub(crate) unreadable: Vec<UnreadableSession>,
    pub(crate) claims: Arc<dyn Claims>,
    /// By how many milliseconds somebody has set the clock.
    pub(crate) clock_set_by: &'static AtomicI64,
    pub(crate) ids: Ids,
    pub(crate) occasions: Occasions,
    /// Which servers at a pause are gone, by pid.
    pub(crate) gone: Arc<Mutex<BTreeSet<u32>>>,
}

impl Default for Plan {
    fn default() -> Self {
        let policy = RetryPolicy::default();
        let (store, unreadable) = (MemoryStore::default(), Vec::new());
        let (claims, clock_set_by) = (Arc::new(Unclaimed), Box::leak(Box::default()));
        let (max_running, remains, ids) = (4, Survivor::Lost, Ids::random());
        let (occasions, gone) = (Occasions::default(), Arc::default());
        Self { max_running, policy, remains, store, unreadable, claims, clock_set_by, ids, occasions, gone }
    }
}

/// A running manager and all ways to it.
pub(crate) struct Harness {
    pub(crate) handle: Handle,
    pub(crate) store: MemoryStore,
    pub(crate) launched: Arc<Mutex<Vec<Ticket>>>,
    pub(crate) clock: Clock,
    words: mpsc::Sender<AttemptMessage>,
    pub(crate) task: JoinHandle<Ended>,
}

impl Plan {
    /// Opens the manager over what the store holds; `course` writes the course of each attempt.
    pub(crate) fn open(self, course: impl Fn(&Ticket) -> Scenario + Send + 'static) -> Harness {
        let (words, inbox) = mpsc::channel(CHANNEL_CAPACITY);
        let attempts = Simulated::new(words.clone(), course).with_survivor(self.remains);
        let gone = self.gone;
        let attempts = attempts.with_servers(move |server| !gone.lock().unwrap().contains(&server.mark.pid));
        let launched = attempts.launched();
        let (max_running, policy, worker) = (self.max_running, self.policy, WorkerSettings::default());
        let settings = ManagerSettings { max_running, policy, worker };
        let opening = opening(&self.store, self.unreadable);
        let elapsed = self
            .store
            .sessions()
            .iter()
            .flat_map(|session| self.store.changes(session.id()))
            .map(|change| at(&change))
            .max();
        let clock = Clock::starting_at(elapsed.unwrap_or_else(sample::start)).set_by(self.clock_set_by);
        let (manager, handle) =
            Manager::open(settings, (clock, self.ids), (self.store.clone(), opening), (attempts, inbox), self.claims);
        let manager = manager.with_occasions(self.occasions);
        Harness { handle, store: self.store, launched, clock, words, task: tokio::spawn(manager.run()) }
    }
}

/// Who acts in these tests.
pub(crate) fn ops() -> Who {
    Who::new("ops", "bastion", 42, Some("pts/3"))
}

fn at(change: &JournalRecord) -> howdah::domain::Timestamp {
    match change {
        JournalRecord::Created(created) => created.at,
        JournalRecord::Happened { at, .. } => *at,
    }
}

fn opening(store: &MemoryStore, unreadable: Vec<UnreadableSession>) -> InitialState {
    let (ongoing, ended): (Vec<_>, Vec<_>) = store.sessions().into_iter().partition(Session::is_ongoing);
    let last_id = store.sessions().iter().map(|session| session.id().0).max().unwrap_or_default();
    let shown = ended.iter().rev().filter(|session| !session.is_dismissed());
    let completed: Vec<_> = shown.filter_map(CompletedRow::of).collect();
    let mut counted = EndedCounts::default();
    for row in &completed {
        *counted.count_mut(row.kind, row.result) += 1;
    }
    let (ongoing_runs, ended_runs): (Vec<_>, Vec<_>) = store.runs().into_iter().partition(JobRun::is_ongoing);
    let jobs = JobInitialState {
        last_id: store.runs().iter().map(|run| run.id().0).max().unwrap_or_default(),
        ongoing: ongoing_runs,
        unreadable: Vec::new(),
        ended: ended_runs.iter().rev().filter(|run| !run.is_dismissed()).filter_map(JobRow::of).collect(),
    };
    InitialState { last_id, holding: Vec::new(), ongoing, unreadable, completed, ended: counted, jobs }
}

impl Harness {
    /// Starts the sessions of these numbers.
    pub(crate) async fn start(&self, numbers: impl IntoIterator<Item = u64>) -> Receipt {
        self.order(numbers.into_iter().map(sample::request).collect()).await
    }

    pub(crate) async fn order(&self, requests: Vec<ClusterRestore>) -> Receipt {
        let orders = requests.into_iter().map(Order::from).collect();
        self.handle.start(StartRequest { orders, policy: None, origin: Origin::Console }, ops()).await
    }

    /// One verb on one session; what became of it.
    pub(crate) async fn act(&self, act: SessionAction, number: u64) -> Result<(), Refusal> {
        let receipt = self.all(act, Scope::Sessions(vec![SessionId(number)])).await;
        let [line] = receipt.lines.as_slice() else { panic!("one line for one session: {receipt:?}") };
        line.result.clone()
    }

    pub(crate) async fn all(&self, act: SessionAction, scope: Scope) -> Receipt {
        self.handle.act(act, scope, ops()).await
    }

    /// Lets an attempt say something that its scenario does not hold.
    pub(crate) async fn say(&self, number: u64, attempt: u32, report: Report) {
        let attempt = howdah::domain::AttemptNo(attempt);
        self.words.send((SessionId(number), Command::Report { attempt, report })).await.unwrap();
    }

    /// Waits for a picture; time passes as far as it must.
    pub(crate) async fn until(&self, wanted: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
        let mut snapshots = self.handle.snapshots();
        let found = tokio::time::timeout(Duration::from_hours(10_000), snapshots.wait_for(|now| wanted(now))).await;
        let Ok(found) = found else {
            panic!("it never came; the last picture is {:#?}", self.handle.snapshots().borrow().ongoing);
        };
        Arc::clone(&found.expect("the manager lives"))
    }

    /// Waits until the session stands in such a phase.
    pub(crate) async fn until_phase(&self, number: u64, wanted: impl Fn(&Phase) -> bool) -> Arc<Session> {
        let at = |now: &Snapshot| now.session(SessionId(number)).is_some_and(|session| wanted(session.phase()));
        Arc::clone(self.until(at).await.session(SessionId(number)).unwrap())
    }

    /// Waits until the session has ended.
    pub(crate) async fn until_completed(&self, number: u64) -> Arc<Session> {
        self.until(|now| now.completed.iter().any(|row| row.id == SessionId(number))).await;
        self.handle.session(SessionId(number), ops()).await.unwrap()
    }

    /// Lets so much time pass, with all that is due in it.
    pub(crate) async fn wait(&self, seconds: u64) -> Arc<Snapshot> {
        let end = tokio::time::Instant::now() + Duration::from_secs(seconds);
        tokio::time::sleep_until(end).await;
        self.now().await
    }

    /// The picture after all that has been said so far: paused time goes on only when nobody has anything to do.
    pub(crate) async fn now(&self) -> Arc<Snapshot> {
        tokio::time::sleep_until(tokio::time::Instant::now() + Duration::from_millis(1)).await;
        Arc::clone(&self.handle.snapshots().borrow())
    }

    /// When something happened to a session, in seconds from the beginning.
    pub(crate) fn times(&self, number: u64, wanted: impl Fn(&Event) -> bool) -> Vec<i64> {
        let changes = self.store.changes(SessionId(number));
        let seconds = |change: &JournalRecord| match change {
            JournalRecord::Happened { at, event } if wanted(event) => {
                Some(at.duration_since(sample::start()).as_secs())
            }
            JournalRecord::Happened { .. } | JournalRecord::Created(_) => None,
        };
        changes.iter().filter_map(seconds).collect()
    }

    /// When the attempts of a session were launched.
    pub(crate) fn launches(&self, number: u64) -> Vec<i64> {
        self.times(number, |event| matches!(event, Event::Launched { .. }))
    }

    /// How many workers were really launched.
    pub(crate) fn workers(&self) -> usize {
        self.launched.lock().unwrap().len()
    }

    /// The owner dies without a word; what the disk has stays.
    pub(crate) async fn crash(self) -> MemoryStore {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
        self.store
    }
}

/// The attempt runs for so long and then ends like this.
pub(crate) fn ends(seconds: u64, last: Report) -> Scenario {
    Scenario { steps: vec![(Duration::from_secs(seconds), last)], stops_in: Some(Duration::from_secs(1)) }
}

/// The attempt runs until it is stopped.
pub(crate) fn runs() -> Scenario {
    Scenario { steps: Vec::new(), stops_in: Some(Duration::from_secs(1)) }
}
