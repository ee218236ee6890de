//! Verbs on sessions: each session of a scope accepts or refuses by itself.

use super::{Manager, Receipt, ReceiptLine, SessionAction, commit::Turn};
use crate::{
    attempt::Attempts,
    domain::{SessionId, Who},
    journal::{JournalError, Store},
    machine::{Refusal, Scope, Session},
};
use std::sync::Arc;

impl<S: Store, A: Attempts> Manager<S, A> {
    /// Applies one verb to each session of a scope; each is accepted or refused by itself (R14 to R17, R21).
    pub(super) async fn act(&mut self, act: SessionAction, scope: &Scope, by: &Who) -> Receipt {
        let ids = match scope {
            Scope::Completed(kind) => {
                self.completed.rows().iter().filter(|row| row.kind == *kind).map(|row| row.id).collect()
            }
            Scope::Ongoing(_) | Scope::Sessions(_) => self.registry.expand(scope),
        };
        let now = self.clock.now();
        let mut turn = Turn::default();
        let mut receipt = Receipt::default();
        for id in ids {
            let session = match self.find(id).await {
                Ok(session) => session,
                Err(Refusal::Unknown { .. }) if act == SessionAction::Recover => {
                    let result = self.recover(&mut turn, id, by);
                    let title = turn.after.get(&id).map(|session| session.title().clone());
                    receipt.lines.push(ReceiptLine { session: Some(id), title, result });
                    continue;
                }
                Err(refusal) => {
                    receipt.lines.push(ReceiptLine { session: Some(id), title: None, result: Err(refusal) });
                    continue;
                }
            };
            let children = if act.ends() { self.registry.children_of(id) } else { Vec::new() };
            // One that has ended has no children, and says what it says.
            let result = if children.is_empty() {
                turn.apply(&session, act.command(by), now)
            } else {
                Err(Refusal::ChildrenAtWork { children })
            };
            let title = Some(session.title().clone());
            receipt.lines.push(ReceiptLine { session: Some(id), title, result });
        }
        let ids: Vec<SessionId> = turn.after.keys().copied().collect();
        match self.commit(turn).await {
            Ok(()) if act == SessionAction::Recover => self.recovered(&ids),
            Ok(()) => {}
            Err(refusal) => refuse_all(&mut receipt, &refusal),
        }
        receipt
    }

    pub(super) async fn find(&mut self, id: SessionId) -> Result<Arc<Session>, Refusal> {
        if let Some(session) = self.registry.get(id) {
            return Ok(Arc::clone(session));
        }
        let found = self.store.session(id).await.map_err(|error| unreadable(id, &error))?;
        found.map(Arc::new).ok_or(Refusal::Unknown { id })
    }
}

fn unreadable(id: SessionId, error: &JournalError) -> Refusal {
    tracing::error!(session = id.0, %error, "cannot read a session");
    Refusal::Unreadable { id, problem: error.to_string() }
}

pub(super) fn refuse_all(receipt: &mut Receipt, refusal: &Refusal) {
    for line in receipt.lines.iter_mut().filter(|line| line.result.is_ok()) {
        line.result = Err(refusal.clone());
    }
}
