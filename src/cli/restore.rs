//! `howdah restore`: one session, watched to its end without a screen.

use super::{exit::Exit, report, streams::Streams};
use crate::{
    domain::{Disposition, Outcome, RestoreRequest, SessionId},
    machine::{Phase, Scope, Session},
    manager::{Act, Clock, Handle},
};
use std::{io, sync::Arc, time::Duration};
use tokio::sync::mpsc;

/// A person pressed Ctrl-C, or the system asked this process to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interrupt;

/// Starts the session and follows it until it has ended or needs a person. The first interrupt cancels it, each
/// further one forces the cancel.
pub async fn run(
    handle: &Handle,
    clock: Clock,
    request: RestoreRequest,
    by: &str,
    mut interrupts: mpsc::Receiver<Interrupt>,
    streams: &mut Streams<'_>,
) -> io::Result<Exit> {
    let receipt = handle.start(vec![request.clone()], by.to_owned()).await;
    let Some(id) = receipt.lines.iter().find(|line| line.result.is_ok()).and_then(|line| line.session) else {
        let reason = receipt.refused().next().map_or_else(String::new, |(_, refusal)| refusal.to_string());
        return report::refused(streams, request.point.instance.as_str(), &reason);
    };
    let session = follow(handle, clock, id, by, &mut interrupts, streams).await?;
    report::result(streams, &session)?;
    Ok(match session.phase() {
        Phase::Completed { outcome: Outcome::Succeeded(_), .. } => Exit::Done,
        Phase::Completed { outcome: Outcome::Cancelled { .. }, .. } => Exit::Cancelled,
        Phase::Stuck { .. } => Exit::Stuck,
        Phase::Queued { .. } | Phase::Running { .. } | Phase::Waiting { .. } | Phase::Canceling { .. } => Exit::Broken,
    })
}

async fn follow(
    handle: &Handle,
    clock: Clock,
    id: SessionId,
    by: &str,
    interrupts: &mut mpsc::Receiver<Interrupt>,
    streams: &mut Streams<'_>,
) -> io::Result<Arc<Session>> {
    let mut snapshots = handle.snapshots();
    let mut talk = report::Talk::default();
    loop {
        let ongoing = snapshots.borrow_and_update().session(id).cloned();
        let Some(session) = ongoing else {
            talk.end(streams)?;
            let gone = || io::Error::other(format!("session {id} cannot be read from the journal"));
            return handle.session(id).await.ok_or_else(gone);
        };
        let now = clock.now();
        talk.tell(streams, &session, now)?;
        if matches!(session.phase(), Phase::Stuck { .. }) {
            talk.end(streams)?;
            return Ok(session);
        }
        let countdown = matches!(session.phase(), Phase::Waiting { .. }) && streams.live;
        tokio::select! {
            changed = snapshots.changed() => {
                if changed.is_err() { return Err(io::Error::other("the session manager has ended")); }
            }
            Some(Interrupt) = interrupts.recv() => {
                let canceling = matches!(session.phase(), Phase::Canceling { .. });
                let act = if canceling { Act::Force } else { Act::Cancel(Disposition::Default) };
                let receipt = handle.act(act, Scope::Sessions(vec![id]), by.to_owned()).await;
                for (_, refusal) in receipt.refused() {
                    talk.say(streams, &refusal.to_string())?;
                }
            }
            () = tokio::time::sleep(Duration::from_secs(1)), if countdown => {}
        }
    }
}
