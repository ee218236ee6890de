//! Servers that wait at the goal of a recovery: nobody's worker watches them, so whoever owns the sessions looks.
//!
//! Promises: a server that is gone makes its session go on by itself; while no session is paused, nothing is looked at and
//! no timer runs.

use super::Manager;
use crate::{
    attempt::{AttemptMessage, Attempts},
    journal::Store,
    machine::{Command, Session},
};
use std::time::Duration;
use tokio::time::Instant;

/// How often it is looked whether they stand. A person who works there notices at once, and the others have time; a look
/// reads one small file for each.
const RECHECK_INTERVAL: Duration = Duration::from_secs(5);

impl<S: Store, A: Attempts> Manager<S, A> {
    /// Tells the sessions whose server is gone.
    pub(super) async fn look_at_servers(&mut self) {
        self.next_look = None;
        // What could not be stored comes again by itself; more of the same would only pile up.
        if !self.is_all_stored() {
            return;
        }
        let gone: Vec<AttemptMessage> = self.registry.iter().filter_map(|session| self.lost_server(session)).collect();
        if !gone.is_empty() {
            self.take_in(gone).await;
        }
    }

    /// When it is looked next; never, while nothing is paused. The moment stays as messages come and go.
    pub(super) fn next_look(&mut self) -> Option<Instant> {
        let waits = self.registry.iter().any(|session| session.paused_server().is_some());
        self.next_look = waits.then(|| self.next_look.unwrap_or_else(|| Instant::now() + RECHECK_INTERVAL));
        self.next_look
    }

    fn lost_server(&self, session: &Session) -> Option<AttemptMessage> {
        let server = session.paused_server()?;
        let attempt = session.attempts().last()?.number;
        (!self.attempts.stands(server)).then_some((session.id(), Command::Lost { attempt }))
    }
}
