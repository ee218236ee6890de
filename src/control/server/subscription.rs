//! What one watching client has been sent, and what it is to be sent next.
//!
//! Promises: it holds two snapshots at most, the one that was sent and the one that is being sent; a client that reads
//! slowly gets the delta to the newest snapshot, without the ones between. Never: sends more than [`MAX_PER_SECOND`]
//! snapshots a second, unless a request of the client itself made the change.

use crate::{control::change::Delta, manager::Snapshot};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

/// Snapshots in a second: a person sees no more, and a restore reports its progress about as often.
const MAX_PER_SECOND: u32 = 20;

/// The state of sending.
#[derive(Debug)]
pub(super) struct Subscription {
    delta: Delta,
    /// When the next snapshot may begin.
    next: Instant,
}

impl Subscription {
    /// Begins with the whole snapshot.
    pub(super) fn new(newest: Arc<Snapshot>) -> Self {
        Self { delta: Delta::initial(newest), next: Instant::now() + min_interval() }
    }

    /// What is being sent.
    pub(super) fn delta(&mut self) -> &mut Delta {
        &mut self.delta
    }

    /// The snapshot that is being sent, or was sent last.
    pub(super) fn revision(&self) -> u64 {
        self.delta.target().revision
    }

    /// Goes on to this snapshot, when the present one is sent.
    pub(super) fn advance(&mut self, newest: Arc<Snapshot>) {
        if self.delta.is_done() {
            self.delta = Delta::between(self.delta.target(), newest);
            self.next = Instant::now() + min_interval();
        }
    }

    /// Waits until there is a snapshot to go on to, and until it is time for it.
    pub(super) async fn due(&self, snapshots: &mut watch::Receiver<Arc<Snapshot>>) -> Arc<Snapshot> {
        if snapshots.wait_for(|newest| !Arc::ptr_eq(newest, self.delta.target())).await.is_err() {
            // The manager has ended: nothing will change any more.
            std::future::pending::<()>().await;
        }
        sleep_until(self.next).await;
        Arc::clone(&snapshots.borrow())
    }
}

fn min_interval() -> Duration {
    Duration::from_secs(1) / MAX_PER_SECOND
}
