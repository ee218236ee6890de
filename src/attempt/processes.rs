//! Attempts as real worker processes.

use super::{
    AttemptDir, AttemptMessage, Attempts,
    follow::{EXIT_GRACE, Follower},
    supervise::{Control, Inbox, restart_on_panic},
};
use crate::{
    domain::{
        AttemptNo, SessionId,
        fact::{PausedServer, ProcessMark},
        ticket::Ticket,
    },
    process::{self, OWN_PROGRAM},
};
use std::{collections::HashMap, path::PathBuf, time::Duration};
use tokio::{sync::mpsc, task::JoinSet};
use uuid::Uuid;

/// Launches, follows, adopts and stops workers of one state directory.
#[derive(Debug)]
pub struct Processes {
    state: PathBuf,
    program: PathBuf,
    exit_grace: Duration,
    messages: mpsc::Sender<AttemptMessage>,
    controls: HashMap<(SessionId, AttemptNo), mpsc::Sender<Control>>,
    /// Each follower has its owner here; dropping it ends the following, never the attempt.
    followers: JoinSet<()>,
}

impl Processes {
    /// Workers of this state directory, run by this very program.
    pub fn new(state: PathBuf, messages: mpsc::Sender<AttemptMessage>) -> Self {
        let (controls, followers) = (HashMap::new(), JoinSet::new());
        Self { state, program: PathBuf::from(OWN_PROGRAM), exit_grace: EXIT_GRACE, messages, controls, followers }
    }

    /// The same with another program as worker.
    #[must_use]
    pub fn with_program(mut self, program: PathBuf) -> Self {
        self.program = program;
        self
    }

    /// The same, where a worker that has reported its end may stay for so long before it is killed.
    #[must_use]
    pub const fn with_exit_grace(mut self, grace: Duration) -> Self {
        self.exit_grace = grace;
        self
    }

    /// What makes a follower of this attempt, as often as one is needed.
    fn followers(&mut self, session: (SessionId, Uuid), attempt: AttemptNo) -> impl Fn() -> Follower + Send + use<> {
        while self.followers.try_join_next().is_some() {}
        self.controls.retain(|_, controls| !controls.is_closed());
        let (controls, inbox) = Inbox::new();
        self.controls.insert((session.0, attempt), controls);
        let (dir, messages) = (AttemptDir::new(&self.state, session.0, attempt), self.messages.clone());
        let exit_grace = self.exit_grace;
        move || Follower::new(session, attempt, dir.clone(), inbox.clone(), messages.clone(), exit_grace)
    }

    fn control(&self, session: SessionId, attempt: AttemptNo, control: Control) {
        if let Some(controls) = self.controls.get(&(session, attempt)) {
            // A full queue already holds the same order; a closed one belongs to an attempt that is over.
            let _: Result<(), mpsc::error::TrySendError<Control>> = controls.try_send(control);
        }
    }
}

impl Attempts for Processes {
    fn launch(&mut self, ticket: Ticket) {
        let follower = self.followers((ticket.session, ticket.session_uuid), ticket.attempt);
        let launched = follower().launch(self.program.clone(), ticket);
        self.followers.spawn(restart_on_panic(launched, move || follower().adopt(None)));
    }

    fn adopt(&mut self, session: SessionId, uuid: Uuid, attempt: AttemptNo, mark: Option<ProcessMark>) {
        let follower = self.followers((session, uuid), attempt);
        self.followers.spawn(restart_on_panic(follower().adopt(mark), move || follower().adopt(mark)));
    }

    fn stop(&mut self, session: SessionId, attempt: AttemptNo) {
        self.control(session, attempt, Control::Stop);
    }

    fn kill(&mut self, session: SessionId, attempt: AttemptNo) {
        self.control(session, attempt, Control::Kill);
    }

    fn stands(&self, server: &PausedServer) -> bool {
        process::is_alive(server.mark) || process::is_out_of_sight(server.mark)
    }
}
