//! Attempts that play a scenario on tokio's clock: for tests and demos, never for a restore.

use super::{AttemptMessage, Attempts};
use crate::{
    domain::{
        AttemptNo, Disposed, SessionId,
        fact::{End, PausedServer, ProcessMark},
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

/// What one simulated attempt reports, and when.
#[derive(Debug, Clone, Default)]
pub struct Scenario {
    /// Each report after a pause. Without `Over` or `NotLaunched` at its end the attempt runs until it is stopped.
    pub steps: Vec<(Duration, Report)>,
    /// How long it takes to stop when asked; `None` ignores the wish until it is killed.
    pub stops_in: Option<Duration>,
}

/// What is left of an attempt for a later owner.
#[derive(Debug, Clone)]
pub enum Survivor {
    /// It went down with its owner.
    Lost,
    /// It is alive and plays this.
    Alive(Scenario),
}

type Looker = Box<dyn Fn(&PausedServer) -> bool + Send>;

type Writer = Box<dyn Fn(&Ticket) -> Scenario + Send>;

/// A world of simulated attempts.
pub struct Simulated {
    messages: mpsc::Sender<AttemptMessage>,
    scenario: Writer,
    survivor: Survivor,
    stands: Looker,
    controls: HashMap<(SessionId, AttemptNo), watch::Sender<Wanted>>,
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
        f.debug_struct("Simulated").field("survivor", &self.survivor).finish_non_exhaustive()
    }
}

impl Simulated {
    /// Attempts whose course `scenario` writes, one ticket at a time. Disposals succeed at once unless written.
    pub fn new(
        messages: mpsc::Sender<AttemptMessage>,
        scenario: impl Fn(&Ticket) -> Scenario + Send + 'static,
    ) -> Self {
        Self {
            messages,
            scenario: Box::new(scenario),
            survivor: Survivor::Lost,
            stands: Box::new(|_| true),
            controls: HashMap::new(),
            launched: Arc::default(),
            players: JoinSet::new(),
        }
    }

    /// The same, with this left of attempts that an earlier owner launched.
    #[must_use]
    pub fn with_survivor(mut self, survivor: Survivor) -> Self {
        self.survivor = survivor;
        self
    }

    /// The same, where this says which servers still wait at their goal; without it all do.
    #[must_use]
    pub fn with_servers(mut self, stands: impl Fn(&PausedServer) -> bool + Send + 'static) -> Self {
        self.stands = Box::new(stands);
        self
    }

    /// A view of all tickets launched so far.
    pub fn launched(&self) -> Arc<Mutex<Vec<Ticket>>> {
        Arc::clone(&self.launched)
    }

    fn play(&mut self, session: SessionId, attempt: AttemptNo, scenario: Scenario) {
        let (controls, wanted) = watch::channel(Wanted::Play);
        self.controls.insert((session, attempt), controls);
        let messages = self.messages.clone();
        self.players.spawn(play(session, attempt, scenario, wanted, messages));
    }
}

impl Attempts for Simulated {
    fn launch(&mut self, ticket: Ticket) {
        let mut scenario = (self.scenario)(&ticket);
        if matches!(ticket.work, Work::Dispose { .. }) && scenario.steps.is_empty() {
            scenario.steps.push((Duration::ZERO, Report::Over(Some(End::Disposed(Disposed::Removed)))));
        }
        let (session, attempt) = (ticket.session, ticket.attempt);
        self.launched.lock().unwrap_or_else(PoisonError::into_inner).push(ticket);
        self.play(session, attempt, scenario);
    }

    fn adopt(&mut self, session: SessionId, _uuid: Uuid, attempt: AttemptNo, _mark: Option<ProcessMark>) {
        match &self.survivor {
            Survivor::Alive(scenario) => {
                let scenario = scenario.clone();
                self.play(session, attempt, scenario);
            }
            Survivor::Lost => {
                let messages = self.messages.clone();
                self.players.spawn(async move {
                    // The manager may have gone; then nobody needs the message.
                    let _: Result<(), mpsc::error::SendError<AttemptMessage>> =
                        messages.send((session, Command::Lost { attempt })).await;
                });
            }
        }
    }

    fn stop(&mut self, session: SessionId, attempt: AttemptNo) {
        self.control(session, attempt, Wanted::Stop);
    }

    fn kill(&mut self, session: SessionId, attempt: AttemptNo) {
        self.control(session, attempt, Wanted::Kill);
    }

    fn stands(&self, server: &PausedServer) -> bool {
        (self.stands)(server)
    }
}

impl Simulated {
    fn control(&self, session: SessionId, attempt: AttemptNo, wanted: Wanted) {
        if let Some(controls) = self.controls.get(&(session, attempt)) {
            controls.send_replace(wanted);
        }
    }
}

async fn play(
    session: SessionId,
    attempt: AttemptNo,
    scenario: Scenario,
    mut wanted: watch::Receiver<Wanted>,
    messages: mpsc::Sender<AttemptMessage>,
) {
    let send = async |report| {
        // The manager may have gone; then nobody needs the message.
        let _: Result<(), mpsc::error::SendError<AttemptMessage>> =
            messages.send((session, Command::Report { attempt, report })).await;
    };
    let course = async {
        for (pause, report) in scenario.steps {
            tokio::time::sleep(pause).await;
            let ends = matches!(report, Report::Over(_) | Report::NotLaunched(_));
            send(report).await;
            if ends {
                return;
            }
        }
        std::future::pending::<()>().await;
    };
    let mut killed = wanted.clone();
    let stopped = async {
        until(&mut wanted, |now| now != Wanted::Play).await;
        match scenario.stops_in {
            Some(delay) if *wanted.borrow() == Wanted::Stop => tokio::time::sleep(delay).await,
            Some(_) | None => std::future::pending().await,
        }
    };
    tokio::select! {
        // Of two that come at the same moment always the same is first: what is played is the same each time.
        biased;
        () = course => {}
        () = stopped => send(Report::Over(Some(End::Stopped))).await,
        () = until(&mut killed, |now| now == Wanted::Kill) => send(Report::Over(None)).await,
    }
}

/// Waits for an order; an owner that has gone gives no more.
async fn until(controls: &mut watch::Receiver<Wanted>, meant: impl Fn(Wanted) -> bool) {
    if controls.wait_for(|now| meant(*now)).await.is_err() {
        std::future::pending::<()>().await;
    }
}
