//! `howdah restore` and `howdah backup verify`: sessions that are watched to their end without a screen.

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

/// Starts the sessions and follows each until it has ended or needs a person; the commands that are named then are
/// written as `form` says. The first interrupt cancels those that have not ended, each further one forces the cancel.
pub async fn run(
    owner: &dyn Service,
    (clock, form): (Clock, &CommandForm),
    (request, by): (StartRequest, &Who),
    mut interrupts: mpsc::Receiver<Interrupt>,
    streams: &mut Streams<'_>,
) -> io::Result<Exit> {
    let orders = request.orders.clone();
    let receipt = owner.start(request, by.clone()).await;
    let mut worst = Exit::Done;
    for (order, line) in orders.iter().zip(&receipt.lines) {
        if let Err(refusal) = &line.result {
            worst =
                worst.max(report::refused(streams, order.kind(), order.title().as_str(), &refusal.to_string().into())?);
        }
    }
    // An owner that went away answers with one line for all.
    for (order, _) in orders.iter().zip(0..).skip(receipt.lines.len()) {
        let reason = "the owner of the sessions did not answer for it".to_owned();
        worst = worst.max(report::refused(streams, order.kind(), order.title().as_str(), &reason.into())?);
    }
    let started: Vec<SessionId> =
        receipt.lines.iter().filter(|line| line.result.is_ok()).filter_map(|line| line.session).collect();
    for (at, id) in started.iter().enumerate() {
        let session = follow(owner, (clock, form), (*id, &started[at..]), by, &mut interrupts, streams).await?;
        report::result(streams, &session, form, clock.now())?;
        worst = worst.max(match session.phase() {
            Phase::Completed { outcome, .. } => Exit::of(outcome),
            Phase::Paused { .. } => Exit::Warned,
            Phase::Stuck { .. } => Exit::Stuck,
            Phase::Queued { .. } | Phase::Running { .. } | Phase::Waiting { .. } | Phase::Cancelling { .. } => {
                Exit::Broken
            }
        });
    }
    Ok(worst)
}

async fn follow(
    owner: &dyn Service,
    (clock, form): (Clock, &CommandForm),
    (id, open): (SessionId, &[SessionId]),
    by: &Who,
    interrupts: &mut mpsc::Receiver<Interrupt>,
    streams: &mut Streams<'_>,
) -> io::Result<Arc<Session>> {
    let mut snapshots = owner.snapshots();
    let mut progress = report::ProgressLine::new(form.clone());
    loop {
        let ongoing = snapshots.borrow_and_update().session(id).cloned();
        let Some(session) = ongoing else {
            progress.end(streams)?;
            let gone = || io::Error::other(format!("session {id} cannot be read from the journal"));
            return owner.session(id, by.clone()).await.ok_or_else(gone);
        };
        let now = clock.now();
        progress.show(streams, &session, now)?;
        if matches!(session.phase(), Phase::Stuck { .. } | Phase::Paused { .. }) {
            progress.end(streams)?;
            return Ok(session);
        }
        let countdown = matches!(session.phase(), Phase::Waiting { .. }) && streams.live;
        tokio::select! {
            changed = snapshots.changed() => {
                if changed.is_err() { return Err(io::Error::other("the session manager has ended")); }
            }
            Some(Interrupt) = interrupts.recv() => {
                let cancelling = matches!(session.phase(), Phase::Cancelling { .. });
                let act = if cancelling { SessionAction::Force } else { SessionAction::Cancel(Disposition::Default, Reach::AnyOrigin) };
                let receipt = owner.act(act, Scope::Sessions(open.to_vec()), by.clone()).await;
                let done = if cancelling { "forced" } else { "cancelled" };
                for (line, refusal) in receipt.refused() {
                    let id = line.session.unwrap_or(id);
                    progress.message(streams, &format!("session {id} was not {done}: {refusal}"))?;
                }
            }
            () = tokio::time::sleep(Duration::from_secs(1)), if countdown => {}
        }
    }
}
