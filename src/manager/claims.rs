//! Keeping the places of sessions apart beyond this owner: what the manager asks of whoever does it (S9).

use crate::{
    domain::{HeldDirectory, Hold, Order, SessionId, Timestamp, Who},
    machine::Refusal,
};
use futures_util::future::BoxFuture;
use std::{
    collections::HashSet,
    sync::{Arc, PoisonError, RwLock},
};
use uuid::Uuid;

/// A session that is about to be created and wants its places.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Its name.
    pub session: Uuid,
    /// Its number.
    pub number: SessionId,
    /// Who orders it.
    pub by: Who,
    /// When.
    pub at: Timestamp,
    /// What it is asked to do.
    pub order: Order,
    /// The sessions of this owner that are ongoing or about to be created.
    pub known: KnownSessions,
}

/// The sessions of one owner that hold places. A clone sees the same.
#[derive(Debug, Clone, Default)]
pub struct KnownSessions(Arc<RwLock<HashSet<Uuid>>>);

/// Takes and gives back places across state directories and users.
pub trait Claims: Send + Sync {
    /// Claims all that the session holds, or nothing. The answer may take as long as a slow disk does.
    fn take(&self, wanted: Wanted) -> BoxFuture<'static, Result<Vec<HeldDirectory>, Refusal>>;

    /// Gives back what the session has claimed; what is not its own stays.
    fn release(&self, session: Uuid, holds: Vec<Hold>) -> BoxFuture<'static, ()>;

    /// Gives back what an earlier owner has claimed for sessions that never came to be, or that have ended: all but those
    /// that are known.
    fn sweep(&self, _known: KnownSessions) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// Claims nothing: for sessions that are played, in tests and demos.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unclaimed;

impl KnownSessions {
    /// Whether the session is among them.
    pub fn contains(&self, session: Uuid) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains(&session)
    }

    pub(super) fn add(&self, session: Uuid) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(session);
    }

    pub(super) fn remove(&self, session: Uuid) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&session);
    }
}

impl Claims for Unclaimed {
    fn take(&self, _wanted: Wanted) -> BoxFuture<'static, Result<Vec<HeldDirectory>, Refusal>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn release(&self, _session: Uuid, _holds: Vec<Hold>) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}
