//! Telling whoever waits for it that a session has come to an occasion.
//!
//! Promises: an occasion is told after it is durable, and never holds up a turn: where too many wait already it is
//! dropped, counted and logged.

use super::Manager;
use crate::machine::{Occasion, Session};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// Occasions that may wait. Every session of a large restore may end in one turn; beyond that nobody reads them anyway.
const CAPACITY: usize = 1024;

/// An occasion, and the session as it stands at it.
pub type Notice = (Occasion, Arc<Session>);

/// The way from the manager to whoever waits for occasions, if anybody does.
#[derive(Debug, Default)]
pub struct Occasions(Option<Listener>);

#[derive(Debug)]
struct Listener {
    sender: mpsc::Sender<Notice>,
    waiting: watch::Sender<usize>,
    dropped: u64,
}

impl Occasions {
    /// A way, its other end, and how many are on it or taken from it and not yet done with: whoever takes one counts it
    /// down.
    pub fn new() -> (Self, mpsc::Receiver<Notice>, watch::Sender<usize>) {
        let (sender, receiver) = mpsc::channel(CAPACITY);
        let (waiting, _) = watch::channel(0);
        (Self(Some(Listener { sender, waiting: waiting.clone(), dropped: 0 })), receiver, waiting)
    }

    /// Tells of the session, where it has come to an occasion at which it did not stand before.
    pub(super) fn tell(&mut self, before: Option<&Arc<Session>>, after: &Arc<Session>) {
        let Some(Listener { sender, waiting, dropped }) = &mut self.0 else { return };
        let Some(occasion) = Occasion::of(after) else { return };
        if before.and_then(|before| Occasion::of(before)) == Some(occasion) {
            return;
        }
        // Counted first: nobody may see it taken before it was there.
        waiting.send_modify(|waiting| *waiting += 1);
        if sender.try_send((occasion, Arc::clone(after))).is_err() {
            waiting.send_modify(|waiting| *waiting -= 1);
            *dropped += 1;
            tracing::warn!(session = after.id().0, event = occasion.kind.as_str(), dropped, "nobody is told of it");
        }
    }
}

impl<S, A> Manager<S, A> {
    /// The same manager, which tells of occasions.
    #[must_use]
    pub fn with_occasions(mut self, occasions: Occasions) -> Self {
        self.occasions = occasions;
        self
    }
}
