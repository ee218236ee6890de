//! The way to the owner of the sessions, which a story may cut for a while: the owner goes on, and nobody sees it.
//!
//! Promise: what was asked while it is cut is refused, as a lost connection refuses it; what happened meanwhile is seen as
//! soon as it is found again.

use super::Story;
use crate::{
    domain::Who,
    machine::Refusal,
    manager::{Clock, Handle, Moment, OwnerState, Reply, Request, Service, Snapshot},
};
use futures_util::future::BoxFuture;
use std::sync::Arc;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

/// The process that the story's owner is said to be.
const OWNER: u32 = 4_077;

/// A way that can be cut.
pub(super) struct Link {
    handle: Handle,
    owner: watch::Sender<OwnerState>,
    snapshots: watch::Sender<Arc<Snapshot>>,
}

impl Link {
    /// A whole one, and what it tells of the owner.
    pub(super) fn new(handle: Handle) -> (Arc<Self>, watch::Receiver<OwnerState>) {
        let (owner, seen) = watch::channel(OwnerState::Remote { pid: OWNER });
        let (snapshots, _) = watch::channel(Arc::clone(&handle.snapshots().borrow()));
        (Arc::new(Self { handle, owner, snapshots }), seen)
    }

    /// Passes on what the owner publishes until then.
    async fn relay_until(&self, end: Option<Instant>) {
        let mut source = self.handle.snapshots();
        source.mark_changed();
        let relay = async {
            while source.changed().await.is_ok() {
                self.snapshots.send_replace(Arc::clone(&source.borrow_and_update()));
            }
        };
        let ended = async {
            match end {
                Some(end) => sleep_until(end).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = ended => {}
            () = relay => {}
        }
    }

    fn is_cut(&self) -> bool {
        matches!(*self.owner.borrow(), OwnerState::Unreachable { .. })
    }
}

impl Service for Link {
    fn ask(&self, request: Request, by: Who) -> BoxFuture<'static, Reply> {
        if self.is_cut() {
            return Box::pin(std::future::ready(request.refused(Refusal::ManagerGone)));
        }
        self.handle.ask(request, by)
    }

    fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.subscribe()
    }
}

/// Cuts the way and finds it again when the story says so.
pub(super) async fn watch_link(link: Arc<Link>, story: Arc<Story>, clock: Clock) {
    for cut in &story.cuts {
        link.relay_until(Some(Instant::now() + clock.until_steady(story.moment(cut.from)))).await;
        let since: Moment = clock.moment();
        link.owner.send_replace(OwnerState::Unreachable { since, reason: cut.cause.clone() });
        sleep_until(Instant::now() + clock.until_steady(story.moment(cut.to))).await;
        link.owner.send_replace(OwnerState::Remote { pid: OWNER });
    }
    link.relay_until(None).await;
}
