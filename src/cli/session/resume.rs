//! `howdah session go-on`, `promote` and `stop-here`: what a person wants, and the wait for what comes of it.
//!
//! Promises: a wait ends when each session has ended, is paused again or is stuck, and says how each stands that is not
//! simply done. Never: waits in silence where nobody owns the sessions.

use super::{OwnerWatch, Reading, SessionError, VerbContext, args::GoOnArgs, format, message, print_problems};
use crate::{
    cli::{
        exit::Exit,
        session::{reader::Reader, show::whole, watch},
        streams::Streams,
    },
    domain::{SessionId, Timestamp, Zones},
    machine::Resume,
};

/// What `howdah session go-on` asks for.
pub fn go_on(args: &GoOnArgs, now: Timestamp, zones: &Zones) -> Result<Resume, SessionError> {
    let named = args.to.goal(now, zones).map_err(|error| SessionError::Refused(error.to_string()))?;
    let needed = || SessionError::Usage("name the goal: --time, --latest, --lsn, --xid or --restore-point".to_owned());
    let (goal, _) = named.ok_or_else(needed)?;
    Ok(Resume::GoOn { goal, inclusive: !args.to.exclusive })
}

/// Waits until none of them goes on by itself; the end that a person must know of first.
pub fn wait(
    reader: &mut Reader,
    sessions: &[SessionId],
    context: &VerbContext<'_>,
    streams: &mut Streams<'_>,
) -> Result<Exit, SessionError> {
    let (mut left, mut worst) = (sessions.to_vec(), Exit::Done);
    let mut owner = OwnerWatch::default();
    loop {
        let now = context.clock.now();
        let mut open = Vec::new();
        for id in left {
            let session = whole(reader, id, now)?;
            match watch::end(&session) {
                None => open.push(id),
                Some(Exit::Done) => {}
                Some(exit) => {
                    worst = worst.max(exit);
                    message(streams, &format!("session {}", format::line(&session, false, &context.form, now)))?;
                }
            }
        }
        print_problems(reader, streams)?;
        left = open;
        if left.is_empty() {
            return Ok(worst);
        }
        owner.look(reader, context, streams)?;
        if (context.pause)() == Reading::Ended {
            return Ok(worst);
        }
    }
}
