//! Attempts as real worker processes.

use super::{
    AttemptPlace, Attempts, Word,
    follow::{EXIT_GRACE, Follower},
    supervise::{Inbox, Order, to_the_end},
};
use crate::domain::{
    AttemptNo, SessionId,
    environment::{self, VariablePattern},
    fact::ProcessMark,
    ticket::Ticket,
};
use crate::process::OWN_PROGRAM;
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::{process::Command, sync::mpsc, task::JoinSet};
use uuid::Uuid;

/// What starts a worker, with the environment that workers have and what these patterns name; the words that say what to
/// do come behind.
pub fn worker_command(program: &Path, patterns: &[VariablePattern]) -> Command {
    let mut command = Command::new(program);
    command.arg0("howdah").arg("worker").env_clear().envs(environment::for_worker(std::env::vars_os(), patterns));
    command
}

/// Launches, follows, adopts and stops workers of one state directory.
#[derive(Debug)]
pub struct Processes {
    state: PathBuf,
    program: PathBuf,
    exit_grace: Duration,
    words: mpsc::Sender<Word>,
    orders: HashMap<(SessionId, AttemptNo), mpsc::Sender<Order>>,
    /// Each follower has its owner here; dropping it ends the following, never the attempt.
    followers: JoinSet<()>,
}

impl Processes {
    /// Workers of this state directory, run by this very program.
    pub fn new(state: PathBuf, words: mpsc::Sender<Word>) -> Self {
        let (orders, followers) = (HashMap::new(), JoinSet::new());
        Self { state, program: PathBuf::from(OWN_PROGRAM), exit_grace: EXIT_GRACE, words, orders, followers }
    }

    /// The same with another program as worker.
    #[must_use]
    pub fn with_program(mut self, program: PathBuf) -> Self {
        self.program = program;
        self
    }

    /// The same, where a worker that has told its end may stay for so long before it is killed.
    #[must_use]
    pub const fn with_exit_grace(mut self, grace: Duration) -> Self {
        self.exit_grace = grace;
        self
    }

    /// What makes a follower of this attempt, as often as one is needed.
    fn followers(&mut self, session: (SessionId, Uuid), attempt: AttemptNo) -> impl Fn() -> Follower + Send + use<> {
        while self.followers.try_join_next().is_some() {}
        self.orders.retain(|_, orders| !orders.is_closed());
        let (orders, inbox) = Inbox::new();
        self.orders.insert((session.0, attempt), orders);
        let (place, words) = (AttemptPlace::new(&self.state, session.0, attempt), self.words.clone());
        let exit_grace = self.exit_grace;
        move || Follower::new(session, attempt, place.clone(), inbox.clone(), words.clone(), exit_grace)
    }

    fn order(&self, session: SessionId, attempt: AttemptNo, order: Order) {
        if let Some(orders) = self.orders.get(&(session, attempt)) {
            // A full queue already holds the same order; a closed one belongs to an attempt that is over.
            let _: Result<(), mpsc::error::TrySendError<Order>> = orders.try_send(order);
        }
    }
}

impl Attempts for Processes {
    fn launch(&mut self, ticket: Ticket) {
        let follower = self.followers((ticket.session, ticket.session_uuid), ticket.attempt);
        let launched = follower().launch(self.program.clone(), ticket);
        self.followers.spawn(to_the_end(launched, move || follower().adopt(None)));
    }

    fn adopt(&mut self, session: SessionId, uuid: Uuid, attempt: AttemptNo, mark: Option<ProcessMark>) {
        let follower = self.followers((session, uuid), attempt);
        self.followers.spawn(to_the_end(follower().adopt(mark), move || follower().adopt(mark)));
    }

    fn stop(&mut self, session: SessionId, attempt: AttemptNo) {
        self.order(session, attempt, Order::Stop);
    }

    fn kill(&mut self, session: SessionId, attempt: AttemptNo) {
        self.order(session, attempt, Order::Kill);
    }
}
