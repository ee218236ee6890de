//! How everybody else speaks with the manager.

use super::{
    CompletedRow, Snapshot,
    request::{Reply, Request, Service},
};
use crate::{domain::Who, machine::Refusal};
use futures_util::future::BoxFuture;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

/// Messages that may wait for the actor before a sender has to wait itself. A person sends a few a minute.
pub(super) const CHANNEL_CAPACITY: usize = 64;

/// A way to the manager; cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    pub(super) messages: mpsc::Sender<ActorMessage>,
    pub(super) snapshots: watch::Receiver<Arc<Snapshot>>,
}

/// What is sent to the actor: a request with the way back for its reply, or what only its own process may ask.
#[derive(Debug)]
pub(super) enum ActorMessage {
    Ask { request: Request, by: Who, reply: oneshot::Sender<Reply> },
    Completed { rows: Vec<CompletedRow> },
    StepDown { reason: String },
    Close { done: oneshot::Sender<()> },
}

impl Service for Handle {
    fn ask(&self, request: Request, by: Who) -> BoxFuture<'static, Reply> {
        let (sender, reply) = oneshot::channel();
        let messages = self.messages.clone();
        let gone = request.refused(Refusal::ManagerGone);
        Box::pin(async move {
            if messages.send(ActorMessage::Ask { request, by, reply: sender }).await.is_err() {
                return gone;
            }
            reply.await.unwrap_or(gone)
        })
    }

    fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.clone()
    }
}

impl Handle {
    /// Gives the manager the completed sessions that were left out when it was opened.
    pub async fn fill_completed(&self, rows: Vec<CompletedRow>) {
        // A manager that has ended shows no rows.
        let _: Result<(), mpsc::error::SendError<ActorMessage>> =
            self.messages.send(ActorMessage::Completed { rows }).await;
    }

    /// Ends the manager, which is no owner any more: it touches nothing from here on.
    pub async fn step_down(&self, reason: String) {
        // One that has ended already touches nothing either.
        let _: Result<(), mpsc::error::SendError<ActorMessage>> =
            self.messages.send(ActorMessage::StepDown { reason }).await;
    }

    /// Ends the manager after what it has begun is durable. Attempts go on.
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        // A manager that has ended already is closed.
        if self.messages.send(ActorMessage::Close { done }).await.is_ok() {
            let _: Result<(), oneshot::error::RecvError> = closed.await;
        }
    }
}
