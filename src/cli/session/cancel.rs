//! `howdah session cancel`: what it can do beyond one act: force, and wait for the end.
//!
//! Promises: force reaches a session that is being cancelled already, but none that the cancel may not touch (R27); a
//! wait ends when each session is completed, and says which one had succeeded before. Never: a cancel that hangs is
//! waited for in silence.

use super::{
    Around, SessionError,
    act::{Acted, Aim, tell},
    reader::Reader,
    say, say_if_unowned, say_problems,
};
use crate::{
    cli::streams::Streams,
    domain::{Outcome, SessionId, Timestamp, Who},
    machine::{CancelStage, Phase, Refusal, Scope, Session, session::Urgency},
    manager::{Act, Steer},
};
use std::{collections::BTreeSet, io, time::Duration};

/// How often it is looked whether anybody still owns the state directory.
const OWNER_LOOK: Duration = Duration::from_secs(5);

/// Cancels, then kills the processes.
pub async fn force(
    steer: &dyn Steer,
    (cancel, by): (Act, &Who),
    aim: Aim,
    streams: &mut Streams<'_>,
) -> io::Result<Acted> {
    let mut acted = Acted { done: Vec::new(), refused: aim.refused };
    let mut to_force = Vec::new();
    for scope in aim.scopes {
        for line in steer.act(cancel, scope, by.clone()).await.lines {
            match &line.result {
                Ok(()) | Err(Refusal::Canceling) => to_force.extend(line.session),
                Err(refusal) => {
                    acted.refused = true;
                    tell(&line, refusal, cancel, streams)?;
                }
            }
        }
    }
    for id in to_force {
        for line in steer.act(Act::Force, Scope::Sessions(vec![id]), by.clone()).await.lines {
            match &line.result {
                // A cancel that has ended by itself needs no force.
                Ok(()) | Err(Refusal::Completed | Refusal::NothingToForce) => acted.done.extend(line.session),
                Err(refusal) => {
                    acted.refused = true;
                    tell(&line, refusal, Act::Force, streams)?;
                }
            }
        }
    }
    Ok(acted)
}

/// Waits until all of them are completed; whether all were cancelled.
pub fn wait(
    reader: &mut Reader,
    sessions: &[SessionId],
    around: &Around<'_>,
    streams: &mut Streams<'_>,
) -> Result<bool, SessionError> {
    let mut waiting = Waiting { left: sessions.to_vec(), overdue: BTreeSet::new(), all_cancelled: true };
    let mut owner_seen: Option<Timestamp> = None;
    let mut unowned_told = false;
    loop {
        if reader.journal.changed()? {
            waiting.look(reader, streams)?;
        }
        say_problems(reader, streams)?;
        if waiting.left.is_empty() {
            return Ok(waiting.all_cancelled);
        }
        let now = around.clock.now();
        let due = owner_seen
            .is_none_or(|at| Duration::try_from(now.duration_since(at)).map_or(true, |since| since >= OWNER_LOOK));
        if due && !unowned_told {
            owner_seen = Some(now);
            unowned_told = !(around.owned)();
            say_if_unowned(reader, around, streams)?;
        }
        // Nobody reads what a wait does not print: only the end counts.
        let _: super::Reading = (around.pause)();
    }
}

/// Sessions whose end has not come.
struct Waiting {
    left: Vec<SessionId>,
    overdue: BTreeSet<SessionId>,
    all_cancelled: bool,
}

impl Waiting {
    fn look(&mut self, reader: &mut Reader, streams: &mut Streams<'_>) -> io::Result<()> {
        for id in std::mem::take(&mut self.left) {
            match reader.journal.session(id) {
                Ok(Some(session)) => self.look_at(&session, streams)?,
                Ok(None) => self.all_cancelled = false,
                Err(error) => {
                    say(streams, &error.to_string())?;
                    self.all_cancelled = false;
                }
            }
        }
        Ok(())
    }

    fn look_at(&mut self, session: &Session, streams: &mut Streams<'_>) -> io::Result<()> {
        let id = session.id();
        let name = format!("session {id} ({})", session.request().point.instance);
        match session.phase() {
            Phase::Completed { outcome: Outcome::Cancelled { .. }, .. } => {}
            Phase::Completed { outcome: Outcome::Succeeded(success), .. } => {
                self.all_cancelled = false;
                say(streams, &format!("{name} had succeeded before the cancel reached it: {success}"))?;
            }
            Phase::Canceling {
                stage:
                    CancelStage::Stopping { urgency: Urgency::Overdue, .. }
                    | CancelStage::Disposing { urgency: Urgency::Overdue, .. },
                ..
            } => {
                self.left.push(id);
                if self.overdue.insert(id) {
                    let process = session.live_mark().map_or_else(String::new, |mark| format!(" {}", mark.pid));
                    say(streams, &format!("{name}: its process{process} does not end; cancel it with --force"))?;
                }
            }
            Phase::Canceling { .. }
            | Phase::Queued { .. }
            | Phase::Running { .. }
            | Phase::Waiting { .. }
            | Phase::Stuck { .. } => self.left.push(id),
        }
        Ok(())
    }
}
