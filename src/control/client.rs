//! A client's side of the socket: a [`Link`] steers another process's sessions as a handle steers our own.
//!
//! Promises: a question reaches an owner once at most; when that is not sure, the receipt says so; the last picture stays
//! while there is no owner, and the link finds the next one by itself. Never: it believes an owner more than it must.

mod carrier;
mod meeting;
mod parcels;
mod road;

pub use meeting::LinkError;
pub use road::{Road, RoadError};

use super::protocol::{Answer, Question};
use crate::{
    domain::{SessionId, Who},
    machine::{Refusal, Scope, Session},
    manager::{Act, Receipt, ReceiptLine, Snapshot, StartOrder, Steer},
};
use carrier::{Ask, Carrier};
use futures_util::future::BoxFuture;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::timeout,
};

/// Questions that may wait for the link before an asker has to wait itself. A person asks a few a minute.
const ASKS_QUEUED: usize = 64;

/// How long an owner may take to say hello, and then to tell its first picture. It does both at once; only a machine that
/// is busy or an owner that was stopped takes longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The first pause before another try to reach an owner: a hand-over takes about as long.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// A way to the sessions of another process; cheap to clone. It ends when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct Link {
    line: Arc<Line>,
}

/// How it stands between a link and the owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is connected with the owner of this process id.
    Attached {
        /// The process.
        pid: u32,
    },
    /// It is not. A link that watches tries again by itself, any other when it is asked something.
    Away {
        /// Why, in one printable clause.
        reason: String,
    },
}

/// What a question comes to when it has no answer.
#[derive(Debug)]
enum Unanswered {
    /// It was sent, and the connection was lost.
    Lost,
    /// It was never sent, for this reason.
    NotSent(String),
}

#[derive(Debug)]
struct Line {
    asks: mpsc::Sender<Ask>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    standing: watch::Receiver<Standing>,
    carrier: JoinHandle<()>,
}

impl Drop for Line {
    fn drop(&mut self) {
        // Whoever waits for an answer holds the line, so nobody does any more.
        self.carrier.abort();
    }
}

impl Link {
    /// Goes over the road and meets the owner there. With `watch` the first picture is there when this returns, and is
    /// kept up to date; without, [`Steer::snapshots`] stays empty for ever.
    pub async fn open(road: Arc<dyn Road>, who: Who, watch: bool) -> Result<Self, LinkError> {
        let meeting = meeting::reach(&*road, &who).await?;
        let (asks, questions) = mpsc::channel(ASKS_QUEUED);
        let (publisher, mut snapshots) = watch::channel(Arc::default());
        let (teller, standing) = watch::channel(Standing::Attached { pid: meeting.pid });
        let pid = meeting.pid;
        let carrier = Carrier::new(road, who, watch, questions, publisher, teller);
        let carrier = tokio::spawn(carrier.run(meeting));
        let link = Self { line: Arc::new(Line { asks, snapshots: snapshots.clone(), standing, carrier }) };
        if watch {
            let first = async {
                tokio::select! {
                    biased;
                    _ = snapshots.changed() => Ok(()),
                    reason = link.lost() => Err(LinkError::Lost { reason }),
                }
            };
            timeout(PATIENCE, first).await.map_err(|_| LinkError::Silent { pid })??;
        }
        Ok(link)
    }

    /// Waits until the owner is lost.
    async fn lost(&self) -> String {
        let mut standing = self.standing();
        loop {
            if let Standing::Away { reason } = &*standing.borrow_and_update() {
                return reason.clone();
            }
            if standing.changed().await.is_err() {
                return "the link has ended".to_owned();
            }
        }
    }

    /// How it stands with the owner, and word of each change.
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.line.standing.clone()
    }

    async fn ask(&self, question: Question) -> Result<Answer<'static>, Unanswered> {
        let (answer, reply) = oneshot::channel();
        let gone = |_| Unanswered::NotSent("the link has ended".to_owned());
        self.line.asks.send(Ask::new(question, answer)).await.map_err(gone)?;
        reply.await.unwrap_or(Err(Unanswered::Lost))
    }

    /// Asks a question that is answered with a receipt; without one, each line that was expected says why it is not there.
    async fn receipt(&self, question: Question, expected: Vec<ReceiptLine>) -> Vec<ReceiptLine> {
        let refusal = match self.ask(question).await {
            Ok(Answer::Receipt(receipt)) => return receipt.lines,
            // The owner does not speak as it should: what it has done is not known.
            Ok(Answer::Session(_) | Answer::Watching) | Err(Unanswered::Lost) => Refusal::ManagerGone,
            Err(Unanswered::NotSent(reason)) => Refusal::NotSent { reason },
        };
        let refused = |line: ReceiptLine| ReceiptLine { result: Err(refusal.clone()), ..line };
        expected.into_iter().map(refused).collect()
    }

    async fn send_order(self, order: StartOrder) -> Receipt {
        let mut lines = Vec::new();
        for part in parcels::of_order(order) {
            match part {
                Ok((question, expected)) => lines.extend(self.receipt(question, expected).await),
                Err(refused) => lines.push(refused),
            }
        }
        Receipt { lines }
    }

    async fn send_act(self, act: Act, scope: Scope) -> Receipt {
        let mut lines = Vec::new();
        for (scope, expected) in parcels::of_scope(scope) {
            lines.extend(self.receipt(Question::Act { act, scope }, expected).await);
        }
        Receipt { lines }
    }

    async fn fetch(self, id: SessionId) -> Option<Arc<Session>> {
        // Reading changes nothing, so it may be asked again; once, since an owner that ends over this ends over it again.
        for _ in 0..2 {
            match self.ask(Question::Session(id)).await {
                Ok(Answer::Session(found)) => return found.map(|session| Arc::new(session.into_owned())),
                Ok(Answer::Receipt(_) | Answer::Watching) | Err(Unanswered::NotSent(_)) => return None,
                Err(Unanswered::Lost) => {}
            }
        }
        None
    }
}

impl Steer for Link {
    fn start(&self, order: StartOrder) -> BoxFuture<'static, Receipt> {
        Box::pin(self.clone().send_order(order))
    }

    /// `_by` is who opened the link, and the owner knows that already.
    fn act(&self, act: Act, scope: Scope, _by: Who) -> BoxFuture<'static, Receipt> {
        Box::pin(self.clone().send_act(act, scope))
    }

    fn session(&self, id: SessionId) -> BoxFuture<'static, Option<Arc<Session>>> {
        Box::pin(self.clone().fetch(id))
    }

    fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.line.snapshots.clone()
    }
}
