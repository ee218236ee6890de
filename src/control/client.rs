//! The client's side of the socket: a [`Client`] steers another process's sessions as a handle steers our own.
//!
//! Promises: a request reaches an owner once at most; when that is not sure, the receipt says so; the last snapshot
//! stays while there is no owner, and the client finds the next one by itself. Never: believes an owner more than it
//! must.

mod batch;
mod connector;
mod driver;
mod handshake;

pub use connector::{ConnectError, Connector};
pub use handshake::ClientError;

use super::protocol::Response;
use crate::{
    domain::{JobId, SessionId, Who},
    machine::{Refusal, Scope, Session, job::JobRun},
    manager::{
        Clock, OwnerState, Receipt, ReceiptLine, Reply, Request, Service, SessionAction, Snapshot, StartRequest,
    },
};
use driver::{Driver, Pending};
use futures_util::future::BoxFuture;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::timeout,
};

/// Requests that may wait for the driver before a caller has to wait itself. A person makes a few a minute.
const REQUEST_CAPACITY: usize = 64;

/// How long an owner may take to send its welcome, and then its first snapshot. It does both at once; only a machine
/// that is busy or an owner that was stopped takes longer.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The first delay before another try to connect: a hand-over takes about as long.
const MIN_RETRY_DELAY: Duration = Duration::from_millis(50);

/// A connection to the sessions of another process; cheap to clone. It ends when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

/// Why a request has no answer.
#[derive(Debug)]
enum RequestError {
    /// It was sent, and the connection was lost.
    Lost,
    /// It was never sent, for this reason.
    NotSent(String),
}

#[derive(Debug)]
struct Inner {
    requests: mpsc::Sender<Pending>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    owner: watch::Receiver<OwnerState>,
    driver: JoinHandle<()>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Whoever waits for an answer holds this value, so nobody does any more.
        self.driver.abort();
    }
}

impl Client {
    /// Connects and shakes hands with the owner. With `watch` the first snapshot is there when this returns, and is
    /// kept up to date; without, [`Service::snapshots`] stays empty for ever. `clock` says since when an owner is lost.
    pub async fn open(connector: Arc<dyn Connector>, who: Who, watch: bool, clock: Clock) -> Result<Self, ClientError> {
        let connection = handshake::connect(&*connector, &who).await?;
        let (requests, receiver) = mpsc::channel(REQUEST_CAPACITY);
        let (publisher, mut snapshots) = watch::channel(Arc::default());
        let (reporter, owner) = watch::channel(OwnerState::Remote { pid: connection.pid });
        let pid = connection.pid;
        let driver = Driver::new(connector, (who, watch), clock, receiver, publisher, reporter);
        let driver = tokio::spawn(driver.run(connection));
        let client = Self { inner: Arc::new(Inner { requests, snapshots: snapshots.clone(), owner, driver }) };
        if watch {
            let first = async {
                tokio::select! {
                    biased;
                    _ = snapshots.changed() => Ok(()),
                    reason = client.lost() => Err(ClientError::Lost { reason }),
                }
            };
            timeout(HANDSHAKE_TIMEOUT, first).await.map_err(|_| ClientError::Silent { pid })??;
        }
        Ok(client)
    }

    /// Waits until the owner is lost.
    async fn lost(&self) -> String {
        let mut owner = self.owner();
        loop {
            if let OwnerState::Unreachable { reason, .. } = &*owner.borrow_and_update() {
                return reason.clone();
            }
            if owner.changed().await.is_err() {
                return "the connection has ended".to_owned();
            }
        }
    }

    /// Where the owner is, and each change of that; never `Local`. While it is unreachable, a client that watches tries
    /// again by itself, any other at its next request. The reason is printable.
    pub fn owner(&self) -> watch::Receiver<OwnerState> {
        self.inner.owner.clone()
    }

    async fn request(&self, request: Request) -> Result<Response<'static>, RequestError> {
        let (answer, reply) = oneshot::channel();
        let gone = |_| RequestError::NotSent("the connection has ended".to_owned());
        self.inner.requests.send(Pending::new(request, answer)).await.map_err(gone)?;
        reply.await.unwrap_or(Err(RequestError::Lost))
    }

    /// Makes a request that is answered with a receipt; without one, each line that was expected says why it is
    /// missing.
    async fn receipt(&self, request: Request, expected: Vec<ReceiptLine>) -> Vec<ReceiptLine> {
        let refusal = match self.request(request).await {
            Ok(Response::Receipt(receipt)) => return receipt.lines,
            // The owner does not speak as it should: what it has done is not known.
            Ok(Response::Session(_) | Response::JobReceipt(_) | Response::Job(_) | Response::Watching)
            | Err(RequestError::Lost) => Refusal::ManagerGone,
            Err(RequestError::NotSent(reason)) => Refusal::NotSent { reason },
        };
        let refused = |line: ReceiptLine| ReceiptLine { result: Err(refusal.clone()), ..line };
        expected.into_iter().map(refused).collect()
    }

    async fn send_start(self, order: StartRequest) -> Receipt {
        let mut lines = Vec::new();
        for part in batch::split_start(order) {
            match part {
                Ok((request, expected)) => lines.extend(self.receipt(request, expected).await),
                Err(refused) => lines.push(refused),
            }
        }
        Receipt { lines }
    }

    async fn send_act(self, act: SessionAction, scope: Scope) -> Receipt {
        let mut lines = Vec::new();
        for (scope, expected) in batch::split_scope(scope) {
            lines.extend(self.receipt(Request::Act { act: act.clone(), scope }, expected).await);
        }
        Receipt { lines }
    }

    async fn fetch(self, id: SessionId) -> Option<Arc<Session>> {
        // Reading changes nothing, so it may be repeated; once, since an owner that ends over this ends over it again.
        for _ in 0..2 {
            match self.request(Request::Session(id)).await {
                Ok(Response::Session(found)) => return found.map(|session| Arc::new(session.into_owned())),
                Ok(Response::Receipt(_) | Response::JobReceipt(_) | Response::Job(_) | Response::Watching)
                | Err(RequestError::NotSent(_)) => return None,
                Err(RequestError::Lost) => {}
            }
        }
        None
    }

    async fn job_receipt(self, request: Request) -> Result<JobId, Refusal> {
        match self.request(request).await {
            Ok(Response::JobReceipt(result)) => result,
            // The owner does not speak as it should: what it has done is not known.
            Ok(Response::Receipt(_) | Response::Session(_) | Response::Job(_) | Response::Watching)
            | Err(RequestError::Lost) => Err(Refusal::ManagerGone),
            Err(RequestError::NotSent(reason)) => Err(Refusal::NotSent { reason }),
        }
    }

    /// As with a session.
    async fn fetch_job(self, id: JobId) -> Option<Arc<JobRun>> {
        for _ in 0..2 {
            match self.request(Request::Job(id)).await {
                Ok(Response::Job(found)) => return found.map(|run| Arc::new(run.into_owned())),
                Ok(Response::Receipt(_) | Response::Session(_) | Response::JobReceipt(_) | Response::Watching)
                | Err(RequestError::NotSent(_)) => return None,
                Err(RequestError::Lost) => {}
            }
        }
        None
    }
}

impl Service for Client {
    /// `_by` is who opened the client, and the owner knows that already.
    fn ask(&self, request: Request, _by: Who) -> BoxFuture<'static, Reply> {
        let client = self.clone();
        Box::pin(async move {
            match request {
                Request::Start(order) => Reply::Receipt(client.send_start(order).await),
                Request::Act { act, scope } => Reply::Receipt(client.send_act(act, scope).await),
                Request::Session(id) => Reply::Session(client.fetch(id).await),
                Request::Job(id) => Reply::Job(client.fetch_job(id).await),
                request @ (Request::StartJob(_) | Request::ActOnJob { .. }) => {
                    Reply::JobReceipt(client.job_receipt(request).await)
                }
            }
        })
    }

    fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.inner.snapshots.clone()
    }
}
