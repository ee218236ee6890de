//! The places of this owner's sessions, claimed on the machine for all to see (S9).
//!
//! Promises: a claim of this state directory whose session is no more gives way, and the next owner gives it back; any
//! other one is respected. Never: lets the owner wait for a disk that hangs.

use super::claim_notes;
use crate::{
    domain::{HeldDirectory, Hold, instance::printable},
    engine::claim::{self, Claim, ClaimError, ClaimScope, Claimant, FileId, Holder},
    machine::Refusal,
    manager::{Claims, KnownSessions, Wanted},
    postgres::account::Account,
};
use futures_util::future::BoxFuture;
use std::{path::PathBuf, time::Duration};
use uuid::Uuid;

/// How long claiming may take: a disk that works answers in milliseconds, and a person waits for this.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Claims in the name of one state directory.
#[derive(Debug, Clone)]
pub(super) struct MachineClaims {
    state: PathBuf,
    /// The user that directories above a target are made for, when we are root.
    os_user: String,
}

impl MachineClaims {
    pub(super) const fn new(state: PathBuf, os_user: String) -> Self {
        Self { state, os_user }
    }

    fn take(&self, wanted: &Wanted) -> Result<Vec<HeldDirectory>, ClaimError> {
        let failed = |cause| ClaimError::Io { doing: "look at", path: self.state.clone(), cause };
        let state = self.state.canonicalize().map_err(failed)?;
        let holder = Holder {
            user: wanted.by.user().to_owned(),
            host: wanted.by.host().to_owned(),
            process: std::process::id(),
            state_id: FileId::of(&state).map_err(failed)?,
            state,
        };
        let Wanted { session, number, at: since, .. } = *wanted;
        let instance = wanted.order.title().clone();
        let claimant = Claimant { session, number, instance, holder, since };
        let owner = Account::owner_for_server(&self.os_user).ok().flatten();
        let is_stale = |claim: &Claim| !wanted.known.contains(claim.session);
        let scope = ClaimScope { owner, is_stale: &is_stale, ports: None };
        let noted = claim_notes::add(&self.state, session, &wanted.order.holds());
        noted.map_err(|cause| ClaimError::Io { doing: "note claims in", path: self.state.clone(), cause })?;
        let taken = claim::take(&wanted.order.holds(), &claimant, &scope).inspect_err(|_| {
            claim_notes::remove(&self.state, session);
        })?;
        if let Some(reason) = taken.unclaimed {
            tracing::warn!(session = number.0, reason);
        }
        Ok(taken.directories)
    }
}

impl Claims for MachineClaims {
    fn take(&self, wanted: Wanted) -> BoxFuture<'static, Result<Vec<HeldDirectory>, Refusal>> {
        let (own, late, order) = (self.clone(), self.clone(), wanted.order.to_string());
        Box::pin(async move {
            let refused = |reason: String| Refusal::NotClaimed { reason: printable(&reason) };
            let (session, holds) = (wanted.session, wanted.order.holds());
            let mut taking = tokio::task::spawn_blocking(move || Self::take(&own, &wanted));
            match tokio::time::timeout(TIMEOUT, &mut taking).await {
                Ok(Ok(Ok(places))) => Ok(places),
                Ok(Ok(Err(error))) => Err(refused(format!("{error}: {}", error.advice()))),
                Ok(Err(panic)) => Err(refused(format!("a fault in howdah: {panic}"))),
                Err(_) => {
                    // What is claimed after all when the disk answers is nobody's.
                    tokio::spawn(async move {
                        if matches!(taking.await, Ok(Ok(_))) {
                            late.release(session, holds).await;
                        }
                    });
                    let limit = TIMEOUT.as_secs();
                    Err(refused(format!(
                        "claiming the places of a {order} brought nothing for {limit} s: look at its disk, host and network"
                    )))
                }
            }
        })
    }

    fn release(&self, session: Uuid, holds: Vec<Hold>) -> BoxFuture<'static, ()> {
        let state = self.state.clone();
        Box::pin(async move {
            let releasing = tokio::task::spawn_blocking(move || {
                claim::release(&holds, session, &state, None).inspect(|()| claim_notes::remove(&state, session))
            });
            match tokio::time::timeout(TIMEOUT, releasing).await {
                Ok(Ok(Ok(()))) => {}
                // The claim stays; it gives way to the next session of this state directory.
                Ok(Ok(Err(error))) => tracing::error!(%session, %error, "a claim was not given back"),
                Ok(Err(error)) => tracing::error!(%session, %error, "a claim was not given back"),
                Err(error) => tracing::error!(%session, %error, "a claim was not given back"),
            }
        })
    }

    fn sweep(&self, known: KnownSessions) -> BoxFuture<'static, ()> {
        let state = self.state.clone();
        Box::pin(async move {
            let sweeping = tokio::task::spawn_blocking(move || {
                for (session, holds) in claim_notes::all(&state) {
                    if known.contains(session) {
                        continue;
                    }
                    match claim::release(&holds, session, &state, None) {
                        Ok(()) => claim_notes::remove(&state, session),
                        Err(error) => tracing::error!(%session, %error, "an old claim was not given back"),
                    }
                }
            });
            if let Err(error) = tokio::time::timeout(TIMEOUT, sweeping).await {
                tracing::error!(%error, "old claims were not given back");
            }
        })
    }
}
