//! The server that the selected session has left running: when it is looked at, and what was found.

use super::Model;
use crate::{
    console::ports::OpenedFor,
    domain::{
        LeftServer, Outcome, RunningServer, SessionId, Timestamp,
        outcome::{Achieved, ServerOutcome},
    },
    machine::{Phase, Session},
};
use std::{sync::Arc, time::Duration};

/// A server is looked at in its lock file and in the list of processes; nobody waits for a newer look.
const RECHECK_INTERVAL: Duration = Duration::from_secs(10);

/// What is known of servers that were left running.
#[derive(Debug, Clone, Default)]
pub(in crate::console) struct ServerState {
    /// The session whose server is being looked at.
    asked: Option<SessionId>,
    /// What was found last, of which session and when.
    found: Option<(SessionId, Timestamp, Result<LeftServer, String>)>,
}

impl Model {
    /// What was found of the server that a session has left running; `None` while nothing is known, or where it left none.
    pub fn left_server(&self, session: &Session) -> Option<&Result<LeftServer, String>> {
        let (id, _, found) = self.server.found.as_ref()?;
        (*id == session.id() && left_running(session)).then_some(found)
    }

    /// The selected session with its server, which it started and which runs; or why there is none to stop.
    pub fn server_to_stop(&self) -> Result<(&Arc<Session>, &RunningServer), String> {
        let Some(session) = self.session().filter(|_| self.tree.marked.is_empty()) else {
            return Err("select the one session whose server is to stop".to_owned());
        };
        if session.paused_server().is_some() {
            return Err("its server waits at the goal of its recovery: X stops it there, c cancels".to_owned());
        }
        if !left_running(session) {
            return Err("this session has left no server running".to_owned());
        }
        match self.left_server(session) {
            None => Err("its server is just being looked at".to_owned()),
            Some(Ok(LeftServer::Runs(server))) => Ok((session, server)),
            Some(Ok(LeftServer::Other(_))) => {
                Err("the server that runs there now was started by somebody else".to_owned())
            }
            Some(Ok(LeftServer::Down)) => Err("its server runs no more".to_owned()),
            Some(Ok(LeftServer::Replaced)) => Err("its directory is gone or holds something else by now".to_owned()),
            Some(Err(problem)) => Err(problem.clone()),
        }
    }

    /// When the server of the session in view has to be looked at.
    pub(in crate::console) fn server_due(&self) -> Option<Timestamp> {
        let session = self.session().filter(|session| left_running(session))?;
        // What runs now is not part of what happened then.
        if self.server.asked.is_some() || self.options.purpose == OpenedFor::Replay {
            return None;
        }
        match &self.server.found {
            Some((id, at, _)) if *id == session.id() => at.checked_add(RECHECK_INTERVAL).ok(),
            Some(_) | None => Some(self.now.steady),
        }
    }

    /// Remembers that the server of a session is being looked at.
    pub(in crate::console) fn ask_server(&mut self, id: SessionId) {
        self.server.asked = Some(id);
    }

    /// Lets the server of a session be looked at again.
    pub(in crate::console) fn forget_server(&mut self, id: SessionId) {
        self.server.found.take_if(|(found, _, _)| *found == id);
    }

    /// Takes in what was found.
    pub(in crate::console) fn take_server(&mut self, id: SessionId, found: Result<LeftServer, String>) {
        self.server.asked = None;
        self.server.found = Some((id, self.now.steady, found));
    }
}

/// Whether a session has left a server running.
fn left_running(session: &Session) -> bool {
    let Phase::Completed { outcome: Outcome::Succeeded(success), .. } = session.phase() else { return false };
    matches!(success.result, Achieved::Cluster(ServerOutcome::Running { .. }))
}
