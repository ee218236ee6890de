//! Creating sessions: first their places are claimed, then they are stored, and only then they are true.
//!
//! Claiming may take as long as a disk that hangs, so it is done beside the actor, one order after the other; whatever
//! else is asked meanwhile is answered.

use super::{
    Claims, KnownSessions, Manager, Receipt, ReceiptLine, Reply, StartRequest, acting::refuse_all, claims::Wanted,
    commit::Turn,
};
use crate::{
    attempt::Attempts,
    domain::{HeldDirectory, JobId, Kind, Order, Parent, SessionId, Who},
    journal::Store,
    machine::{Refusal, Session, event::Created},
};
use std::{collections::VecDeque, sync::Arc, time::Duration};
use tokio::{
    sync::oneshot,
    task::{JoinError, JoinSet},
};
use uuid::Uuid;

/// The orders that wait, the one whose places are being claimed, and places that are being given back.
pub(super) struct Orders {
    claims: Arc<dyn Claims>,
    /// Sessions that are ongoing or about to be created.
    pub(super) known: KnownSessions,
    waiting: VecDeque<Waiting>,
    claiming: JoinSet<Claimed>,
    /// The object of a run that is being claimed for, if it is one.
    claiming_for: Option<(JobId, usize)>,
    releasing: JoinSet<()>,
}

/// An order, who gave it, and who is told what became of it.
struct Waiting {
    request: StartRequest,
    by: Who,
    source: Source,
}

/// Where an order comes from.
pub(super) enum Source {
    /// A person, who gets a receipt.
    Person(oneshot::Sender<Reply>),
    /// A run of a job, which begins this object.
    Run { job: JobId, object: usize },
}

/// An order whose places were claimed, as far as they could be.
pub(super) struct Claimed {
    from: Waiting,
    sessions: Vec<(SessionId, Uuid, Result<Vec<HeldDirectory>, Refusal>)>,
}

impl std::fmt::Debug for Orders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Orders").field("waiting", &self.waiting.len()).finish_non_exhaustive()
    }
}

impl Orders {
    pub(super) fn new(claims: Arc<dyn Claims>) -> Self {
        let (claiming, releasing) = (JoinSet::new(), JoinSet::new());
        let (known, waiting, claiming_for) = (KnownSessions::default(), VecDeque::new(), None);
        Self { claims, known, waiting, claiming, claiming_for, releasing }
    }

    pub(super) fn push(&mut self, request: StartRequest, by: Who, source: Source) {
        self.waiting.push_back(Waiting { request, by, source });
    }

    /// The next order whose places are claimed. Never ends while there is none.
    pub(super) async fn claimed(&mut self) -> Result<Claimed, JoinError> {
        match self.claiming.join_next().await {
            Some(claimed) => claimed,
            None => std::future::pending().await,
        }
    }

    /// Gives back the places of a session that has ended or never came to be.
    pub(super) fn release(&mut self, session: Uuid, order: &Order) {
        self.known.remove(session);
        while self.releasing.try_join_next().is_some() {}
        self.releasing.spawn(self.claims.release(session, order.holds()));
    }

    /// Gives back what an owner that was killed could not.
    pub(super) fn sweep(&mut self) {
        self.releasing.spawn(self.claims.sweep(self.known.clone()));
    }

    /// Waits until what is being given back is, for as long as a person who leaves may wait. What is not given back by then
    /// gives way to the next session of this state directory.
    pub(super) async fn settle(&mut self) {
        const TIMEOUT: Duration = Duration::from_secs(1);
        let settled = async { while self.releasing.join_next().await.is_some() {} };
        if tokio::time::timeout(TIMEOUT, settled).await.is_err() {
            tracing::warn!("places are still being given back");
        }
    }
}

impl<S: Store, A: Attempts> Manager<S, A> {
    /// Begins to claim for the next order, unless one is being claimed for.
    pub(super) fn claim_next(&mut self) {
        if !self.orders.claiming.is_empty() {
            return;
        }
        let Some(from) = self.orders.waiting.pop_front() else { return };
        self.orders.claiming_for = match from.source {
            Source::Person(_) => None,
            Source::Run { job, object } => Some((job, object)),
        };
        let of_run = self.orders.claiming_for.is_some();
        let mut claims = self.registry.clone();
        let at = self.clock.now();
        let mut wanted: Vec<(SessionId, Uuid, Result<Wanted, Refusal>)> = Vec::new();
        for order in &from.request.orders {
            let session = self.ids.next();
            let alone = order.kind() == Kind::Backup && !of_run;
            let refusal = alone.then_some(Refusal::OnlyInJob);
            let refusal = refusal.or_else(|| claims.not_open(order)).or_else(|| claims.holder(order));
            if let Some(refusal) = refusal {
                wanted.push((SessionId(0), session, Err(refusal)));
                continue;
            }
            self.last_id += 1;
            let number = SessionId(self.last_id);
            claims.put(Arc::new(Session::create(self.created(&from, number, session, order, Vec::new()))));
            self.orders.known.add(session);
            let (by, order, known) = (from.by.clone(), order.clone(), self.orders.known.clone());
            wanted.push((number, session, Ok(Wanted { session, number, by, at, order, known })));
        }
        let places = Arc::clone(&self.orders.claims);
        self.orders.claiming.spawn(async move {
            let mut sessions = Vec::new();
            for (number, session, wanted) in wanted {
                let taken = match wanted {
                    Ok(wanted) => places.take(wanted).await,
                    Err(refusal) => Err(refusal),
                };
                sessions.push((number, session, taken));
            }
            Claimed { from, sessions }
        });
    }

    /// Creates one session an order; each is accepted or refused by itself.
    pub(super) async fn create_claimed(&mut self, claimed: Claimed) {
        let Claimed { from, sessions } = claimed;
        self.orders.claiming_for = None;
        let (mut turn, mut receipt) = (Turn::default(), Receipt::default());
        let mut created = Vec::new();
        for (order, (number, session, taken)) in from.request.orders.iter().zip(sessions) {
            let title = Some(order.title().clone());
            // What it belongs to may have been closed while its place was being claimed.
            let taken = taken.and_then(|places| match self.registry.not_open(order) {
                Some(refusal) => {
                    self.orders.release(session, order);
                    Err(refusal)
                }
                None => Ok(places),
            });
            match taken {
                Ok(places) => {
                    if let Source::Run { job, object } = from.source
                        && let Err(refusal) = self.object_started(&mut turn, (job, object), number)
                    {
                        tracing::info!(job = job.0, object, %refusal, "an object is not begun any more");
                        self.orders.release(session, order);
                        continue;
                    }
                    turn.create(self.created(&from, number, session, order, places));
                    created.push((session, order));
                    receipt.lines.push(ReceiptLine { session: Some(number), title, result: Ok(()) });
                }
                Err(refusal) => {
                    self.orders.known.remove(session);
                    if let Source::Run { job, object } = from.source {
                        self.object_refused(&mut turn, (job, object), refusal.to_string());
                    }
                    receipt.lines.push(ReceiptLine { session: None, title, result: Err(refusal) });
                }
            }
        }
        if let Err(refusal) = self.commit(turn).await {
            for (session, order) in created {
                self.orders.release(session, order);
            }
            refuse_all(&mut receipt, &refusal);
        }
        // A person who has gone away needs no answer; what was asked is done all the same.
        if let Source::Person(reply) = from.source {
            drop(reply.send(Reply::Receipt(receipt)));
        }
    }

    /// What claims for an order has broken off. Whoever ordered sees that there was no answer; an object has failed, since
    /// it would break off again.
    pub(super) async fn claim_failed(&mut self) {
        let Some(of_run) = self.orders.claiming_for.take() else { return };
        let mut turn = Turn::default();
        self.object_refused(&mut turn, of_run, "its place could not be claimed: a fault of howdah".to_owned());
        if let Err(refusal) = self.commit(turn).await {
            tracing::error!(%refusal, "the failure of an object was not stored");
        }
    }

    fn created(&self, from: &Waiting, id: SessionId, uuid: Uuid, order: &Order, places: Vec<HeldDirectory>) -> Created {
        let policy = from.request.policy.unwrap_or(self.settings.policy);
        let (by, origin, at) = (from.by.to_string(), from.request.origin, self.clock.now());
        let parent = match from.source {
            Source::Person(_) => order.parent(),
            Source::Run { job, .. } => Some(Parent::Job(job)),
        };
        Created { id, uuid, order: order.clone(), parent, policy, by, origin, at, places }
    }
}
