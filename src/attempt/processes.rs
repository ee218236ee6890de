//! Attempts as real worker processes.

use super::{AttemptPlace, Attempts, Word, follow};
use crate::domain::{AttemptNo, SessionId, fact::ProcessMark, ticket::Ticket};
use std::{collections::HashMap, path::PathBuf};
use tokio::{sync::mpsc, task::JoinSet};

/// The running program itself, even after its file was replaced by an upgrade (proc(5), `/proc/self/exe`).
const OWN_PROGRAM: &str = "/proc/self/exe";

/// Launches, follows, adopts and stops workers of one state directory.
#[derive(Debug)]
pub struct Processes {
    state: PathBuf,
    program: PathBuf,
    words: mpsc::Sender<Word>,
    orders: HashMap<(SessionId, AttemptNo), mpsc::Sender<follow::Order>>,
    /// Each follower has its owner here; dropping it ends the following, never the attempt.
    followers: JoinSet<()>,
}

impl Processes {
    /// Workers of this state directory, run by this very program.
    pub fn new(state: PathBuf, words: mpsc::Sender<Word>) -> Self {
        let (orders, followers) = (HashMap::new(), JoinSet::new());
        Self { state, program: PathBuf::from(OWN_PROGRAM), words, orders, followers }
    }

    /// The same with another program as worker.
    #[must_use]
    pub fn with_program(mut self, program: PathBuf) -> Self {
        self.program = program;
        self
    }

    fn follower(&mut self, session: SessionId, attempt: AttemptNo) -> follow::Follower {
        while self.followers.try_join_next().is_some() {}
        self.orders.retain(|_, orders| !orders.is_closed());
        let (orders, inbox) = mpsc::channel(follow::ORDERS_QUEUED);
        self.orders.insert((session, attempt), orders);
        let place = AttemptPlace::new(&self.state, session, attempt);
        follow::Follower::new(session, attempt, place, inbox, self.words.clone())
    }

    fn order(&self, session: SessionId, attempt: AttemptNo, order: follow::Order) {
        if let Some(orders) = self.orders.get(&(session, attempt)) {
            // A full queue already holds the same order; a closed one belongs to an attempt that is over.
            let _: Result<(), mpsc::error::TrySendError<follow::Order>> = orders.try_send(order);
        }
    }
}

impl Attempts for Processes {
    fn launch(&mut self, ticket: Ticket) {
        let follower = self.follower(ticket.session, ticket.attempt);
        self.followers.spawn(follower.launch(self.program.clone(), ticket));
    }

    fn adopt(&mut self, session: SessionId, attempt: AttemptNo, mark: Option<ProcessMark>) {
        let follower = self.follower(session, attempt);
        self.followers.spawn(follower.adopt(mark));
    }

    fn stop(&mut self, session: SessionId, attempt: AttemptNo) {
        self.order(session, attempt, follow::Order::Stop);
    }

    fn kill(&mut self, session: SessionId, attempt: AttemptNo) {
        self.order(session, attempt, follow::Order::Kill);
    }
}
