//! Steering: what every face asks of whoever owns the sessions, be it in this process or behind a socket.

use super::{Act, Handle, Receipt, Snapshot};
use crate::{
    domain::{Origin, RestoreRequest, RetryPolicy, SessionId, Who},
    machine::{Scope, Session},
};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::sync::watch;

/// An order for new sessions, one for each request (R1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartOrder {
    /// What to restore, and where to.
    pub requests: Vec<RestoreRequest>,
    /// How they are tried again; the owner's own setting when `None`.
    pub policy: Option<RetryPolicy>,
    /// Through which face the order comes (R27).
    pub origin: Origin,
    /// Who gives it.
    pub by: Who,
}

/// What a face asks of the owner. [`Handle`] is the owner in this process; the socket's client speaks with another one.
pub trait Steer: Send + Sync {
    /// Starts one session for each request. Each is created or refused by itself (R21).
    fn start(&self, order: StartOrder) -> BoxFuture<'static, Receipt>;
    /// Applies one verb to every session of a scope.
    fn act(&self, act: Act, scope: Scope, by: Who) -> BoxFuture<'static, Receipt>;
    /// A whole session, ongoing or completed; `None` when there is none with this number.
    fn session(&self, id: SessionId) -> BoxFuture<'static, Option<Arc<Session>>>;
    /// The newest picture, and word of each new one.
    fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>>;
}

impl Steer for Handle {
    fn start(&self, order: StartOrder) -> BoxFuture<'static, Receipt> {
        let own = self.clone();
        Box::pin(async move { own.start(order).await })
    }

    fn act(&self, act: Act, scope: Scope, by: Who) -> BoxFuture<'static, Receipt> {
        let own = self.clone();
        Box::pin(async move { own.act(act, scope, by).await })
    }

    fn session(&self, id: SessionId) -> BoxFuture<'static, Option<Arc<Session>>> {
        let own = self.clone();
        Box::pin(async move { own.session(id).await })
    }

    fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots()
    }
}
