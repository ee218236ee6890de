//! The actor: the one task that owns every session.

use super::{
    Claims, Clock, Counts, Handle, Ids, Snapshot, UnreadableSession,
    commit::Turn,
    completed_list::CompletedList,
    handle::{ActorMessage, CHANNEL_CAPACITY},
    occasions::Occasions,
    recover::Traces,
    request::{Reply, Request},
    runs::Runs,
    start::{Orders, Source},
};
use crate::{
    attempt::{AttemptMessage, Attempts},
    domain::{
        RetryPolicy, SessionId, WorkerSettings,
        ticket::{CONTRACT_VERSION, Ticket},
    },
    journal::{InitialState, Store},
    machine::{Command, Effect, Refusal, Registry, Session, reissue},
};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

/// How long to wait after the journal failed before what could not be stored is tried again.
const STORE_AGAIN: Duration = Duration::from_secs(1);

/// Words taken into one turn, so that a thousand busy attempts share a commit and a person still gets a turn.
const WORDS_PER_TURN: usize = 256;

/// How a manager came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It was closed, or nobody could reach it any more.
    Closed,
    /// The sessions are another owner's now, or their journal is lost: this one has touched nothing since.
    SteppedDown {
        /// What it has noticed: one sentence.
        reason: String,
    },
}

/// How the manager does its work.
#[derive(Debug, Clone)]
pub struct ManagerSettings {
    /// Attempts that may run at once.
    pub max_running: usize,
    /// How new sessions are tried again.
    pub policy: RetryPolicy,
    /// What workers are told.
    pub worker: WorkerSettings,
}

/// The owner of all sessions; consumed by [`Manager::run`].
#[derive(Debug)]
pub struct Manager<S, A> {
    pub(super) settings: ManagerSettings,
    pub(super) clock: Clock,
    pub(super) ids: Ids,
    pub(super) store: S,
    pub(super) attempts: A,
    pub(super) registry: Registry,
    pub(super) completed: CompletedList,
    pub(super) runs: Runs,
    pub(super) unreadable: Arc<Vec<UnreadableSession>>,
    pub(super) traces: Traces,
    pub(super) orders: Orders,
    pub(super) last_id: u64,
    revision: u64,
    words: mpsc::Receiver<AttemptMessage>,
    /// Words that the journal could not store yet, in order. While there are any, no more are taken: those wait in the
    /// channel, and in the attempts' own files.
    unstored: Vec<AttemptMessage>,
    /// Whether the journal failed last time, so that what follows from its work must be tried again.
    pub(super) journal_failed: bool,
    /// Why this is no owner any more, once it is known.
    lost: Option<String>,
    messages: mpsc::Receiver<ActorMessage>,
    publisher: watch::Sender<Arc<Snapshot>>,
    pub(super) occasions: Occasions,
    /// When it is looked next whether the servers stand that wait at a goal.
    pub(super) next_look: Option<Instant>,
}

impl<S: Store, A: Attempts> Manager<S, A> {
    /// A manager that goes on where the journal stands, and the way to it. Attempts that an earlier owner left are
    /// adopted as soon as it runs.
    pub fn open(
        settings: ManagerSettings,
        (clock, ids): (Clock, Ids),
        (store, opening): (S, InitialState),
        (attempts, words): (A, mpsc::Receiver<AttemptMessage>),
        claims: Arc<dyn Claims>,
    ) -> (Self, Handle) {
        let (sender, messages) = mpsc::channel(CHANNEL_CAPACITY);
        let mut registry = Registry::new(settings.max_running);
        let orders = Orders::new(claims);
        for uuid in &opening.holding {
            orders.known.add(*uuid);
        }
        for session in opening.ongoing {
            orders.known.add(session.uuid());
            registry.put(Arc::new(session));
        }
        let (runs, going_on) = Runs::new(opening.jobs);
        for run in going_on {
            registry.put_run(Arc::new(run));
        }
        let (publisher, snapshots) = watch::channel(Arc::default());
        let mut manager = Self {
            settings,
            clock,
            ids,
            store,
            attempts,
            registry,
            completed: CompletedList::new(opening.completed, opening.ended),
            runs,
            unreadable: Arc::new(opening.unreadable),
            traces: Traces::default(),
            orders,
            last_id: opening.last_id,
            revision: 0,
            words,
            unstored: Vec::new(),
            journal_failed: false,
            lost: None,
            messages,
            publisher,
            occasions: Occasions::default(),
            next_look: None,
        };
        manager.publish();
        (manager, Handle { messages: sender, snapshots })
    }

    /// Runs until it is closed, every handle is gone, or the sessions are not its own any more.
    pub async fn run(mut self) -> Ended {
        self.catch_up().await;
        self.reconcile_runs().await;
        self.adopt();
        self.look_at_servers().await;
        self.orders.sweep();
        loop {
            self.launch_queued().await;
            if let Some(reason) = self.lost.take() {
                tracing::error!(reason, "this owner steps down");
                return Ended::SteppedDown { reason };
            }
            self.start_objects();
            self.claim_next();
            let (wake, look) = (self.next_wake(), self.next_look());
            tokio::select! {
                biased;
                message = self.messages.recv() => match message {
                    Some(ActorMessage::Close { done }) => {
                        self.orders.settle().await;
                        // Whoever closes may have given up waiting; the manager ends all the same.
                        let _: Result<(), ()> = done.send(());
                        return Ended::Closed;
                    }
                    Some(message) => self.take(message).await,
                    None => return Ended::Closed,
                },
                claimed = self.orders.claimed() => match claimed {
                    Ok(claimed) => self.create_claimed(claimed).await,
                    // Whoever ordered is told that there was no answer.
                    Err(error) => {
                        tracing::error!(%error, "places could not be claimed");
                        self.claim_failed().await;
                    }
                },
                () = until(look) => self.look_at_servers().await,
                Some(word) = self.words.recv(), if self.unstored.is_empty() => self.listen(word).await,
                () = sleep(wake) => self.clock_turn().await,
            }
        }
    }

    /// Takes over what an earlier owner left alive. A wish to stop may have died with it on its way, so it is told again.
    fn adopt(&mut self) {
        let left: Vec<Arc<Session>> = self.registry.iter().cloned().collect();
        for session in left {
            let Some(attempt) = session.live_attempt() else { continue };
            self.attempts.adopt(session.id(), session.uuid(), attempt, session.live_mark());
            if let Some(effect) = reissue(&session) {
                self.carry_out(session.id(), effect);
            }
        }
    }

    async fn take(&mut self, message: ActorMessage) {
        // A person who has gone away needs no answer; what was asked is done all the same.
        match message {
            ActorMessage::Ask { request: Request::Start(order), by, reply } => {
                self.orders.push(order, by, Source::Person(reply));
            }
            ActorMessage::Ask { request: Request::Act { act, scope }, by, reply } => {
                drop(reply.send(Reply::Receipt(self.act(act, &scope, &by).await)));
            }
            ActorMessage::Ask { request: Request::Session(id), reply, .. } => {
                drop(reply.send(Reply::Session(self.find(id).await.ok())));
            }
            ActorMessage::Ask { request: Request::StartJob(start), by, reply } => {
                drop(reply.send(Reply::JobReceipt(self.start_job(start, by).await)));
            }
            ActorMessage::Ask { request: Request::ActOnJob { act, job }, by, reply } => {
                drop(reply.send(Reply::JobReceipt(self.act_on_job(act, job, &by).await)));
            }
            ActorMessage::Ask { request: Request::Job(id), reply, .. } => {
                drop(reply.send(Reply::Job(self.find_run(id).await.ok())));
            }
            ActorMessage::Completed { rows } => {
                self.completed.extend(rows);
                self.publish();
            }
            ActorMessage::StepDown { reason } => self.lost = Some(reason),
            ActorMessage::Close { done } => drop(done.send(())),
        }
    }

    /// Takes in what attempts have said, as much as is there.
    async fn listen(&mut self, first: AttemptMessage) {
        let mut words = vec![first];
        while words.len() < WORDS_PER_TURN
            && let Ok(word) = self.words.try_recv()
        {
            words.push(word);
        }
        self.take_in(words).await;
    }

    /// The clock has come: due wakes, and what the journal could not store before.
    async fn clock_turn(&mut self) {
        self.journal_failed = false;
        if let Err(error) = self.store.check().await
            && error.ends_ownership()
        {
            self.lost = Some(error.to_string());
            return;
        }
        let words = std::mem::take(&mut self.unstored);
        if !words.is_empty() {
            self.take_in(words).await;
        }
        let due = self.registry.due(self.clock.now());
        if !due.is_empty() {
            self.take_in(due).await;
        }
    }

    /// Whether nothing waits for the journal to work again.
    pub(super) const fn is_all_stored(&self) -> bool {
        self.unstored.is_empty()
    }

    pub(super) async fn take_in(&mut self, words: Vec<AttemptMessage>) {
        let now = self.clock.now();
        let mut turn = Turn::default();
        for (id, command) in &words {
            // A session that has ended takes no more reports: its attempt's last words came late.
            let Some(session) = self.registry.get(*id) else { continue };
            if let Err(refusal) = turn.apply(session, command.clone(), now) {
                tracing::error!(session = id.0, %refusal, "a report was refused");
            }
        }
        if self.commit(turn).await.is_err() {
            // What an attempt has said is never lost: it is stored when the journal works again. Wakes come by themselves.
            let reports = words.into_iter().filter(|(_, command)| !matches!(command, Command::Wake | Command::Launch));
            self.unstored.extend(reports);
        }
    }

    /// Starts queued sessions while slots are free.
    async fn launch_queued(&mut self) {
        while self.unstored.is_empty()
            && let Some(id) = self.registry.next_launch()
        {
            let Some(session) = self.registry.get(id).cloned() else { return };
            let mut turn = Turn::default();
            let decided = turn.apply(&session, Command::Launch, self.clock.now());
            if decided.is_err() || self.commit(turn).await.is_err() {
                return;
            }
        }
    }

    /// Stores a turn; when the disk has it, and only then, makes it true and acts on it.
    pub(super) async fn commit(&mut self, mut turn: Turn) -> Result<(), Refusal> {
        turn.settle(&self.registry, self.clock.now());
        if turn.is_empty() {
            return Ok(());
        }
        if let Some(batch) = turn.batch()
            && let Err(error) = self.store.append(batch).await
        {
            tracing::error!(%error, "a change was not stored");
            self.journal_failed = true;
            self.lost = self.lost.take().or_else(|| error.ends_ownership().then(|| error.to_string()));
            return Err(Refusal::NotStored { cause: error.to_string() });
        }
        for run in turn.runs.into_values() {
            self.runs.apply(&run);
            self.registry.put_run(Arc::new(run));
        }
        let changed: Vec<Arc<Session>> = turn.after.into_values().map(Arc::new).collect();
        self.completed.apply(&changed);
        for session in changed {
            self.occasions.tell(self.registry.get(session.id()), &session);
            if !session.is_ongoing() && self.registry.get(session.id()).is_some() {
                self.orders.release(session.uuid(), session.order());
            }
            self.registry.put(session);
        }
        self.publish();
        for (id, effect) in turn.effects {
            self.carry_out(id, effect);
        }
        Ok(())
    }

    fn carry_out(&mut self, id: SessionId, effect: Effect) {
        match effect {
            Effect::Launch { attempt, work } => {
                let Some(session) = self.registry.get(id) else { return };
                let settings = self.settings.worker.clone();
                let session_uuid = session.uuid();
                let version = CONTRACT_VERSION;
                let (places, by) = (session.places().to_vec(), Some(session.by().to_owned()));
                let work = *work;
                let in_use = self.registry.in_use(&work);
                self.attempts.launch(Ticket {
                    version,
                    session: id,
                    session_uuid,
                    attempt,
                    work,
                    settings,
                    places,
                    by,
                    in_use,
                });
            }
            Effect::Stop { attempt } => self.attempts.stop(id, attempt),
            Effect::Kill { attempt } => self.attempts.kill(id, attempt),
        }
    }

    pub(super) fn publish(&mut self) {
        self.revision += 1;
        let ongoing = self.registry.in_order();
        let counts = Counts::of(&ongoing, *self.completed.ended());
        self.publisher.send_replace(Arc::new(Snapshot {
            revision: self.revision,
            ongoing,
            completed: Arc::clone(self.completed.rows()),
            unreadable: Arc::clone(&self.unreadable),
            counts,
            runs: self.registry.runs().cloned().collect(),
            ended_runs: Arc::clone(&self.runs.ended),
            unreadable_runs: Arc::clone(&self.runs.unreadable),
        }));
    }

    /// How long until the clock is needed; `None` is never.
    fn next_wake(&self) -> Option<Duration> {
        let due = self.registry.next_wake(self.clock.now()).map(|moment| self.clock.until(moment));
        // What is due stays due while the journal fails: without a pause the clock would ring without end.
        if self.unstored.is_empty() && !self.journal_failed { due } else { Some(STORE_AGAIN) }
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

async fn sleep(wake: Option<Duration>) {
    match wake {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}
