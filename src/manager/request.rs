//! What every face asks of whoever owns the sessions, be it in this process or behind a socket: one list of requests.

use super::{JobAction, Receipt, ReceiptLine, SessionAction, Snapshot, StartJob};
use crate::{
    domain::{JobId, Order, Origin, RetryPolicy, SessionId, Who},
    machine::{Refusal, Scope, Session, job::JobRun},
};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::sync::watch;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Start sessions.
    Start(StartRequest),
    /// One verb on every session of a scope.
    Act {
        /// The verb.
        act: SessionAction,
        /// Which sessions.
        scope: Scope,
    },
    /// A whole session.
    Session(SessionId),
    /// Start a run of a job.
    StartJob(StartJob),
    /// One verb on a run.
    ActOnJob {
        /// The verb.
        act: JobAction,
        /// The run.
        job: JobId,
    },
    /// A whole run.
    Job(JobId),
}

/// New sessions, one for each of `orders` (R1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartRequest {
    /// What they are to do.
    pub orders: Vec<Order>,
    /// How they are tried again; the owner's own setting when `None`.
    pub policy: Option<RetryPolicy>,
    /// Through which face it comes (R27).
    pub origin: Origin,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Of a start or a verb.
    Receipt(Receipt),
    /// The session, ongoing or completed; `None` when there is none with this number.
    Session(Option<Arc<Session>>),
    /// Of the start of a run, or of a verb on one: its number, or why nothing was done.
    JobReceipt(Result<JobId, Refusal>),
    /// The run, going on or ended; `None` when there is none with this number.
    Job(Option<Arc<JobRun>>),
}

/// Whoever carries requests out. [`super::Handle`] is the owner in this process; the socket's client speaks with another
/// one.
pub trait Service: Send + Sync {
    /// Carries one request out, for this person. Each session is accepted or refused by itself (R21).
    fn ask(&self, request: Request, by: Who) -> BoxFuture<'static, Reply>;

    /// The newest snapshot, and each new one.
    fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>>;

    /// Starts sessions.
    fn start(&self, request: StartRequest, by: Who) -> BoxFuture<'static, Receipt> {
        let reply = self.ask(Request::Start(request), by);
        Box::pin(async move { reply.await.into_receipt() })
    }

    /// Applies one verb to every session of a scope.
    fn act(&self, act: SessionAction, scope: Scope, by: Who) -> BoxFuture<'static, Receipt> {
        let reply = self.ask(Request::Act { act, scope }, by);
        Box::pin(async move { reply.await.into_receipt() })
    }

    /// A whole session, ongoing or completed; `None` when there is none with this number.
    fn session(&self, id: SessionId, by: Who) -> BoxFuture<'static, Option<Arc<Session>>> {
        let reply = self.ask(Request::Session(id), by);
        Box::pin(async move { reply.await.into_session() })
    }

    /// Starts a run of a job; its number.
    fn start_job(&self, start: StartJob, by: Who) -> BoxFuture<'static, Result<JobId, Refusal>> {
        let reply = self.ask(Request::StartJob(start), by);
        Box::pin(async move { reply.await.into_job_receipt() })
    }

    /// Applies one verb to a run.
    fn act_on_job(&self, act: JobAction, job: JobId, by: Who) -> BoxFuture<'static, Result<JobId, Refusal>> {
        let reply = self.ask(Request::ActOnJob { act, job }, by);
        Box::pin(async move { reply.await.into_job_receipt() })
    }

    /// A whole run, going on or ended; `None` when there is none with this number.
    fn job(&self, id: JobId, by: Who) -> BoxFuture<'static, Option<Arc<JobRun>>> {
        let reply = self.ask(Request::Job(id), by);
        Box::pin(async move { reply.await.into_job() })
    }
}

impl Request {
    /// The reply when nobody is there to carry it out.
    pub fn refused(&self, refusal: Refusal) -> Reply {
        match self {
            Self::Start(_) | Self::Act { .. } => {
                let line = ReceiptLine { session: None, title: None, result: Err(refusal) };
                Reply::Receipt(Receipt { lines: vec![line] })
            }
            Self::Session(_) => Reply::Session(None),
            Self::StartJob(_) | Self::ActOnJob { .. } => Reply::JobReceipt(Err(refusal)),
            Self::Job(_) => Reply::Job(None),
        }
    }
}

impl Reply {
    /// The receipt. A reply of another kind does not say what was done.
    fn into_receipt(self) -> Receipt {
        match self {
            Self::Receipt(receipt) => receipt,
            Self::Session(_) | Self::JobReceipt(_) | Self::Job(_) => {
                let line = ReceiptLine { session: None, title: None, result: Err(Refusal::ManagerGone) };
                Receipt { lines: vec![line] }
            }
        }
    }

    fn into_session(self) -> Option<Arc<Session>> {
        match self {
            Self::Session(session) => session,
            Self::Receipt(_) | Self::JobReceipt(_) | Self::Job(_) => None,
        }
    }

    /// The same of a run.
    fn into_job_receipt(self) -> Result<JobId, Refusal> {
        match self {
            Self::JobReceipt(result) => result,
            Self::Receipt(_) | Self::Session(_) | Self::Job(_) => Err(Refusal::ManagerGone),
        }
    }

    fn into_job(self) -> Option<Arc<JobRun>> {
        match self {
            Self::Job(run) => run,
            Self::Receipt(_) | Self::Session(_) | Self::JobReceipt(_) => None,
        }
    }
}
