//! Attempts that play a scenario on tokio's clock: for tests and demos, never for a restore.

use super::{Attempts, Word};
use crate::{
    domain::{
        AttemptNo, Disposed, SessionId,
        fact::{End, ProcessMark},
        ticket::{Ticket, Work},
    },
    machine::{Command, Report},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};
use uuid::Uuid;

/// What one simulated attempt says, and when.
#[derive(Debug, Clone, Default)]
pub struct Scenario {
    /// Each report after a pause. Without `Over` or `NotLaunched` at its end the attempt runs until it is stopped.
    pub beats: Vec<(Duration, Report)>,
    /// How long it takes to stop when asked; `None` ignores the wish until it is killed.
    pub stops_in: Option<Duration>,
}

/// What is left of an attempt for a later owner.
#[derive(Debug, Clone)]
pub enum Remains {
    /// It went down with its owner.
    Lost,
    /// It is alive and plays this.
    Alive(Scenario),
}

type Writer = Box<dyn Fn(&Ticket) -> Scenario + Send>;

/// A world of simulated attempts.
pub struct Simulated {
    words: mpsc::Sender<Word>,
    scenario: Writer,
    remains: Remains,
    orders: HashMap<(SessionId, AttemptNo), watch::Sender<Wanted>>,
    launched: Arc<Mutex<Vec<Ticket>>>,
    players: JoinSet<()>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Play,
    Stop,
    Kill,
}

impl std::fmt::Debug for Simulated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Simulated").field("remains", &self.remains).finish_non_exhaustive()
    }
}

impl Simulated {
    /// Attempts whose course `scenario` writes, one ticket at a time. Disposals succeed at once unless written.
    pub fn new(words: mpsc::Sender<Word>, scenario: impl Fn(&Ticket) -> Scenario + Send + 'static) -> Self {
        Self {
            words,
            scenario: Box::new(scenario),
            remains: Remains::Lost,
            orders: HashMap::new(),
            launched: Arc::default(),
            players: JoinSet::new(),
        }
    }

    /// The same, with this left of attempts that an earlier owner launched.
    #[must_use]
    pub fn finding(mut self, remains: Remains) -> Self {
        self.remains = remains;
        self
    }

    /// A view of all tickets launched so far.
    pub fn launched(&self) -> Arc<Mutex<Vec<Ticket>>> {
        Arc::clone(&self.launched)
    }

    fn play(&mut self, session: SessionId, attempt: AttemptNo, scenario: Scenario) {
        let (orders, wanted) = watch::channel(Wanted::Play);
        self.orders.insert((session, attempt), orders);
        let words = self.words.clone();
        self.players.spawn(play(session, attempt, scenario, wanted, words));
    }
}

impl Attempts for Simulated {
    fn launch(&mut self, ticket: Ticket) {
        let mut scenario = (self.scenario)(&ticket);
        if matches!(ticket.work, Work::Dispose { .. }) && scenario.beats.is_empty() {
            scenario.beats.push((Duration::ZERO, Report::Over(Some(End::Disposed(Disposed::Removed)))));
        }
        let (session, attempt) = (ticket.session, ticket.attempt);
        self.launched.lock().unwrap_or_else(PoisonError::into_inner).push(ticket);
        self.play(session, attempt, scenario);
    }

    fn adopt(&mut self, session: SessionId, _uuid: Uuid, attempt: AttemptNo, _mark: Option<ProcessMark>) {
        match &self.remains {
            Remains::Alive(scenario) => {
                let scenario = scenario.clone();
                self.play(session, attempt, scenario);
            }
            Remains::Lost => {
                let words = self.words.clone();
                self.players.spawn(async move {
                    // The manager may have gone; then nobody needs the word.
                    let _: Result<(), mpsc::error::SendError<Word>> =
                        words.send((session, Command::Lost { attempt })).await;
                });
            }
        }
    }

    fn stop(&mut self, session: SessionId, attempt: AttemptNo) {
        self.order(session, attempt, Wanted::Stop);
    }

    fn kill(&mut self, session: SessionId, attempt: AttemptNo) {
        self.order(session, attempt, Wanted::Kill);
    }
}

impl Simulated {
    fn order(&self, session: SessionId, attempt: AttemptNo, wanted: Wanted) {
        if let Some(orders) = self.orders.get(&(session, attempt)) {
            orders.send_replace(wanted);
        }
    }
}

async fn play(
    session: SessionId,
    attempt: AttemptNo,
    scenario: Scenario,
    mut wanted: watch::Receiver<Wanted>,
    words: mpsc::Sender<Word>,
) {
    let say = async |report| {
        // The manager may have gone; then nobody needs the word.
        let _: Result<(), mpsc::error::SendError<Word>> =
            words.send((session, Command::Report { attempt, report })).await;
    };
    let course = async {
        for (pause, report) in scenario.beats {
            tokio::time::sleep(pause).await;
            let ends = matches!(report, Report::Over(_) | Report::NotLaunched(_));
            say(report).await;
            if ends {
                return;
            }
        }
        std::future::pending::<()>().await;
    };
    let mut killed = wanted.clone();
    let stopped = async {
        told(&mut wanted, |now| now != Wanted::Play).await;
        match scenario.stops_in {
            Some(delay) if *wanted.borrow() == Wanted::Stop => tokio::time::sleep(delay).await,
            Some(_) | None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = course => {}
        () = stopped => say(Report::Over(Some(End::Stopped))).await,
        () = told(&mut killed, |now| now == Wanted::Kill) => say(Report::Over(None)).await,
    }
}

/// Waits for an order; an owner that has gone gives no more.
async fn told(orders: &mut watch::Receiver<Wanted>, meant: impl Fn(Wanted) -> bool) {
    if orders.wait_for(|now| meant(*now)).await.is_err() {
        std::future::pending::<()>().await;
    }
}
