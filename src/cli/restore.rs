//! `howdah restore`: one session, watched to its end without a screen.

use super::{exit::Exit, report, state::CommandForm, streams::Streams};
use crate::{
    domain::{Disposition, Reach, SessionId, Who},
    machine::{Phase, Scope, Session},
    manager::{Clock, Service, SessionAction, StartRequest},
};
use std::{io, sync::Arc, time::Duration};
use tokio::sync::mpsc;

/// A person pressed Ctrl-C, or the system asked this process to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interrupt;

/// Starts the session and follows it until it has ended or needs a person; the commands that it then names are written
/// as `form` says. The first interrupt cancels it, each
/// further one forces the cancel.
pub async fn run(
    owner: &dyn Service,
    (clock, form): (Clock, &CommandForm),
    (order, by): (StartRequest, &Who),
    mut interrupts: mpsc::Receiver<Interrupt>,
    streams: &mut Streams<'_>,
) -> io::Result<Exit> {
    let instance = order.orders.first().map(|order| order.title().clone());
    let receipt = owner.start(order, by.clone()).await;
    let Some(id) = receipt.lines.iter().find(|line| line.result.is_ok()).and_then(|line| line.session) else {
        let reason = receipt.refused().next().map_or_else(String::new, |(_, refusal)| refusal.to_string());
        let instance = instance.as_ref().map_or("", |instance| instance.as_str());
        return report::refused(streams, instance, &reason.into());
    };
    let session = follow(owner, (clock, form), id, by, &mut interrupts, streams).await?;
    report::result(streams, &session, form, clock.now())?;
    Ok(match session.phase() {
        Phase::Completed { outcome, .. } => Exit::of(outcome),
        Phase::Paused { .. } => Exit::Warned,
        Phase::Stuck { .. } => Exit::Stuck,
        Phase::Queued { .. } | Phase::Running { .. } | Phase::Waiting { .. } | Phase::Cancelling { .. } => Exit::Broken,
    })
}

async fn follow(
    owner: &dyn Service,
    (clock, form): (Clock, &CommandForm),
    id: SessionId,
    by: &Who,
    interrupts: &mut mpsc::Receiver<Interrupt>,
    streams: &mut Streams<'_>,
) -> io::Result<Arc<Session>> {
    let mut snapshots = owner.snapshots();
    let mut talk = report::Talk::new(form.clone());
    loop {
        let ongoing = snapshots.borrow_and_update().session(id).cloned();
        let Some(session) = ongoing else {
            talk.end(streams)?;
            let gone = || io::Error::other(format!("session {id} cannot be read from the journal"));
            return owner.session(id, by.clone()).await.ok_or_else(gone);
        };
        let now = clock.now();
        talk.tell(streams, &session, now)?;
        if matches!(session.phase(), Phase::Stuck { .. } | Phase::Paused { .. }) {
            talk.end(streams)?;
            return Ok(session);
        }
        let countdown = matches!(session.phase(), Phase::Waiting { .. }) && streams.live;
        tokio::select! {
            changed = snapshots.changed() => {
                if changed.is_err() { return Err(io::Error::other("the session manager has ended")); }
            }
            Some(Interrupt) = interrupts.recv() => {
                let canceling = matches!(session.phase(), Phase::Cancelling { .. });
                let act = if canceling { SessionAction::Force } else { SessionAction::Cancel(Disposition::Default, Reach::AnyOrigin) };
                let receipt = owner.act(act, Scope::Sessions(vec![id]), by.clone()).await;
                let done = if canceling { "forced" } else { "cancelled" };
                for (_, refusal) in receipt.refused() {
                    talk.say(streams, &format!("session {id} was not {done}: {refusal}"))?;
                }
            }
            () = tokio::time::sleep(Duration::from_secs(1)), if countdown => {}
        }
    }
}
