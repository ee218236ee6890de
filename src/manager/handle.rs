//! How everybody else speaks with the manager.

use super::{Act, CompletedRow, Receipt, Snapshot, StartOrder};
use crate::{
    domain::{SessionId, Who},
    machine::{Refusal, Scope, Session},
};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

/// Requests that may wait for the actor before a sender has to wait itself. A person sends a few a minute.
pub(super) const REQUESTS_QUEUED: usize = 64;

/// A way to the manager; cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    pub(super) requests: mpsc::Sender<Request>,
    pub(super) snapshots: watch::Receiver<Arc<Snapshot>>,
}

/// One question to the actor, with the way back for its answer.
#[derive(Debug)]
pub(super) enum Request {
    Start { order: StartOrder, answer: oneshot::Sender<Receipt> },
    Act { act: Act, scope: Scope, by: Who, answer: oneshot::Sender<Receipt> },
    Session { id: SessionId, answer: oneshot::Sender<Option<Arc<Session>>> },
    Completed { rows: Vec<CompletedRow> },
    StepDown { reason: String },
    Close { answer: oneshot::Sender<()> },
}

impl Handle {
    /// Starts one session for each request (R1). Each is created or refused by itself (R21).
    pub async fn start(&self, order: StartOrder) -> Receipt {
        self.ask(|answer| Request::Start { order, answer }).await.unwrap_or_else(gone)
    }

    /// Applies one verb to every session of a scope.
    pub async fn act(&self, act: Act, scope: Scope, by: Who) -> Receipt {
        self.ask(|answer| Request::Act { act, scope, by, answer }).await.unwrap_or_else(gone)
    }

    /// A whole session, ongoing or completed; `None` when there is none with this number.
    pub async fn session(&self, id: SessionId) -> Option<Arc<Session>> {
        self.ask(|answer| Request::Session { id, answer }).await.flatten()
    }

    /// The newest picture, and word of each new one.
    pub fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.clone()
    }

    /// Gives the manager the completed sessions that were left out when it was opened.
    pub async fn fill_completed(&self, rows: Vec<CompletedRow>) {
        // A manager that has ended shows no rows.
        let _: Result<(), mpsc::error::SendError<Request>> = self.requests.send(Request::Completed { rows }).await;
    }

    /// Ends the manager, which is no owner any more: it touches nothing from here on.
    pub async fn step_down(&self, reason: String) {
        // One that has ended already touches nothing either.
        let _: Result<(), mpsc::error::SendError<Request>> = self.requests.send(Request::StepDown { reason }).await;
    }

    /// Ends the manager after what it has begun is durable. Attempts go on.
    pub async fn close(&self) {
        // A manager that has ended already is closed.
        let _: Option<()> = self.ask(|answer| Request::Close { answer }).await;
    }

    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> Option<T> {
        let (answer, reply) = oneshot::channel();
        self.requests.send(request(answer)).await.ok()?;
        reply.await.ok()
    }
}

fn gone() -> Receipt {
    let line = super::ReceiptLine { session: None, instance: None, result: Err(Refusal::ManagerGone) };
    Receipt { lines: vec![line] }
}
