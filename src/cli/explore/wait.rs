//! `howdah explore start --wait`: until the first query was answered, or it will not be.

use crate::{
    cli::{
        exit::Exit,
        session::{OwnerWatch, Reading, SessionError, VerbContext, print_problems, reader::Reader},
        streams::Streams,
    },
    domain::{SessionId, Timestamp},
    machine::{Phase, Session},
};

/// Waits for a session that was just begun; how it stands then, and the exit code for it. Interrupting the wait leaves the
/// session alone.
pub fn wait(
    reader: &mut Reader,
    id: SessionId,
    context: &VerbContext<'_>,
    streams: &mut Streams<'_>,
) -> Result<(Option<Session>, Exit), SessionError> {
    let mut owner = OwnerWatch::default();
    loop {
        let now: Timestamp = context.clock.now();
        let session = reader.session(id, now)?;
        print_problems(reader, streams)?;
        let Some(session) = session else { return Ok((None, Exit::Broken)) };
        if session.open_at().is_some() {
            return Ok((Some(session), Exit::Done));
        }
        match session.phase() {
            Phase::Stuck { .. } => return Ok((Some(session), Exit::Stuck)),
            Phase::Completed { outcome, .. } => {
                let exit = Exit::of(outcome);
                return Ok((Some(session), exit));
            }
            // What waits is tried again by itself: it may be open in the end.
            Phase::Queued { .. }
            | Phase::Running { .. }
            | Phase::Waiting { .. }
            | Phase::Paused { .. }
            | Phase::Cancelling { .. } => {}
        }
        owner.look(reader, context, streams)?;
        if (context.pause)() == Reading::Ended {
            return Ok((Some(session), Exit::Done));
        }
    }
}
