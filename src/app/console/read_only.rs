//! The sessions as a console sees them that was started with `--read-only`: those of the owner in another process.
//!
//! Promises: it owns nothing and starts nobody; each command is refused with the reason, before it reaches the owner.
//! Never: writes into the state directory.

use crate::{
    app::{attach, owner::After},
    control::{Client, ClientError},
    domain::Who,
    machine::Refusal,
    manager::{Clock, OwnerState, Reply, Request, Service, Snapshot},
};
use futures_util::future::BoxFuture;
use std::{path::Path, sync::Arc};
use tokio::sync::watch;

/// What refuses commands and passes on the rest.
pub(super) struct ReadOnly(Client);

impl ReadOnly {
    /// Attaches to the owner, which must be there.
    pub(super) async fn attach(state: &Path, who: &Who, clock: Clock) -> Result<Arc<Self>, ClientError> {
        attach::look_on(state, who, clock).await.map(|client| Arc::new(Self(client)))
    }

    /// Where the owner is, and each change of that.
    pub(super) fn owner(&self) -> watch::Receiver<OwnerState> {
        self.0.owner()
    }

    /// What becomes of the sessions when this console is left: nothing that it could know of.
    pub(super) fn left(&self) -> After {
        After::of(&self.0)
    }
}

impl Service for ReadOnly {
    fn ask(&self, request: Request, by: Who) -> BoxFuture<'static, Reply> {
        match request {
            Request::Session(_) => self.0.ask(request, by),
            Request::Start(_) | Request::Act { .. } => Box::pin(std::future::ready(request.refused(Refusal::ReadOnly))),
        }
    }

    fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.0.snapshots()
    }
}
