//! `howdah session go-on`, `promote` and `stop-here`, wired: what the archive must still hold is asked before an owner is.

use super::{
    context::{AppContext, who},
    session::{after_interval, exit, steer},
};
use crate::{
    archive,
    cli::{
        exit::Exit,
        session::{
            SessionError, VerbContext,
            act::{self, Selection},
            args::ResumeArgs,
            message,
            reader::Reader,
            resume,
        },
        streams::Streams,
    },
    domain::Failure,
    machine::{Phase, Resume, Scope, Session},
    manager::SessionAction,
};
use std::io;

pub(super) fn run(
    context: &AppContext,
    reader: &mut Reader,
    (args, how): (&ResumeArgs, Resume),
    around: &VerbContext<'_>,
    streams: &mut Streams<'_>,
) -> anyhow::Result<Exit> {
    let by = who();
    let act = &SessionAction::Resume(how.clone());
    let selected = (act, &by, around.clock.now());
    let mut selection = act::select(reader, Some(&args.session), selected, &mut io::stdin().lock(), streams)?;
    without_what_lacks_wal(reader, &how, &mut selection, streams)?;
    if selection.scopes.is_empty() {
        return Ok(exit(selection.refused));
    }
    steer(context, async |owner| {
        let around = VerbContext { pause: &after_interval, form: around.form.clone(), ..*around };
        let result = act::carry_out(owner, (act, &by), selection, streams).await?;
        let ended = if args.wait { resume::wait(reader, &result.done, &around, streams)? } else { Exit::Done };
        Ok(ended.max(exit(result.refused)))
    })
}

/// Leaves out the sessions that would only lose their pause: to go on, the server is stopped, and WAL is replayed from
/// where the backup began.
fn without_what_lacks_wal(
    reader: &mut Reader,
    how: &Resume,
    selection: &mut Selection,
    streams: &mut Streams<'_>,
) -> Result<(), SessionError> {
    for scope in std::mem::take(&mut selection.scopes) {
        let session = match &scope {
            Scope::Sessions(ids) => ids.first().map(|id| reader.journal.session(*id)).transpose()?.flatten(),
            Scope::Ongoing(_) | Scope::Completed(_) => None,
        };
        match session.as_ref().and_then(|session| Some((session, lacks_wal(session, how)?))) {
            Some((session, failure)) => {
                selection.refused = true;
                let (id, title) = (session.id(), session.title());
                message(streams, &format!("session {id} ({title}) was not moved on: {failure}"))?;
            }
            None => selection.scopes.push(scope),
        }
    }
    Ok(())
}

/// Why the archive does not lead from the backup to the new goal. Of a goal that is not ahead the owner says so.
fn lacks_wal(session: &Session, how: &Resume) -> Option<Failure> {
    let (Phase::Paused { at, .. }, Resume::GoOn { .. }) = (session.phase(), how) else { return None };
    let (point, paused) = (session.order().point()?, session.order().recovery()?);
    let recovery = Resume::applied(how.clone(), paused);
    let directory = recovery.archive.as_deref().filter(|_| how.is_ahead(paused, at))?;
    archive::plan(&point.facts, false, &recovery, directory, None).err()
}
