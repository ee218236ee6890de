//! What one watching client has been told, and what it is to be told next.
//!
//! Promises: it holds two pictures at most, the one that was told and the one that is being told; a client that reads
//! slowly gets the way to the newest picture, never the ones between. Never: it tells more than [`PER_SECOND`] pictures a
//! second, unless the client itself asked for what has changed.

use crate::{control::change::Way, manager::Snapshot};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

/// Pictures in a second: a person sees no more, and a restore tells its progress about as often.
const PER_SECOND: u32 = 20;

/// The state of telling.
#[derive(Debug)]
pub(super) struct Feed {
    way: Way,
    /// When the next picture may begin.
    next: Instant,
}

impl Feed {
    /// Begins with the whole picture.
    pub(super) fn new(newest: Arc<Snapshot>) -> Self {
        Self { way: Way::to_first(newest), next: Instant::now() + pause() }
    }

    /// What is being told.
    pub(super) fn way(&mut self) -> &mut Way {
        &mut self.way
    }

    /// The picture that is being told, or was told last.
    pub(super) fn revision(&self) -> u64 {
        self.way.target().revision
    }

    /// Goes on to this picture, when the present one is told.
    pub(super) fn go_on(&mut self, newest: Arc<Snapshot>) {
        if self.way.is_told() {
            self.way = Way::between(self.way.target(), newest);
            self.next = Instant::now() + pause();
        }
    }

    /// Waits until there is a picture to go on to, and until it is time for it.
    pub(super) async fn due(&self, snapshots: &mut watch::Receiver<Arc<Snapshot>>) -> Arc<Snapshot> {
        if snapshots.wait_for(|newest| !Arc::ptr_eq(newest, self.way.target())).await.is_err() {
            // The manager has ended: nothing will change any more.
            std::future::pending::<()>().await;
        }
        sleep_until(self.next).await;
        Arc::clone(&snapshots.borrow())
    }
}

fn pause() -> Duration {
    Duration::from_secs(1) / PER_SECOND
}
