//! Connections whose peer has not sent its hello yet.
//!
//! Promise: when all places are taken, the one that has been silent for longest gives its place to a newcomer, so that
//! silent peers keep nobody out. Never: takes the place of a peer that has sent its hello.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::oneshot;

/// All silent connections of one server.
#[derive(Debug, Clone, Default)]
pub(super) struct Silent(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    /// By the order of their coming.
    connections: BTreeMap<u64, oneshot::Sender<()>>,
}

/// One silent connection; it is counted until this is dropped.
#[derive(Debug)]
pub(super) struct SilentConnection {
    all: Silent,
    number: u64,
    evicted: oneshot::Receiver<()>,
}

impl Silent {
    /// Counts a new connection.
    pub(super) fn add(&self) -> SilentConnection {
        let (evict, evicted) = oneshot::channel();
        let mut waiting = self.waiting();
        let number = waiting.next;
        waiting.next += 1;
        waiting.connections.insert(number, evict);
        SilentConnection { all: self.clone(), number, evicted }
    }

    /// Asks the oldest one to end; `false` when there is none.
    pub(super) fn evict_oldest(&self) -> bool {
        let mut waiting = self.waiting();
        while let Some((_, evict)) = waiting.connections.pop_first() {
            if evict.send(()).is_ok() {
                return true;
            }
        }
        false
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Each change of it is one step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SilentConnection {
    /// Waits until it has to end.
    pub(super) async fn evicted(&mut self) {
        if (&mut self.evicted).await.is_err() {
            // The sender goes only with an eviction or with this.
            std::future::pending::<()>().await;
        }
    }

    /// Its peer has sent its hello: `true` when it may stay, `false` when its place was given away a moment before.
    pub(super) fn keep(self) -> bool {
        self.all.waiting().connections.remove(&self.number).is_some()
    }
}

impl Drop for SilentConnection {
    fn drop(&mut self) {
        self.all.waiting().connections.remove(&self.number);
    }
}
