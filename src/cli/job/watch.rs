//! `howdah job watch`, and the waiting of `start --wait` and `stop --wait`: a line for each change, then the end.

use super::{
    args::ShowArgs,
    object::{RunObject, standing},
    show::line,
};
use crate::{
    cli::{
        exit::Exit,
        session::{OwnerWatch, Reading, SessionError, VerbContext, message, reader::Reader},
        streams::Streams,
    },
    domain::{JobId, JobResult, JobSpec, instance::printable},
    machine::job::{JobPhase, JobRun, ObjectState},
};
use std::io;

/// Watches a run to its end.
pub fn run(
    reader: &mut Reader,
    args: &ShowArgs,
    specs: &[JobSpec],
    context: &VerbContext<'_>,
    streams: &mut Streams<'_>,
) -> Result<Exit, SessionError> {
    let run = args.job.resolve(reader, specs)?.into_run()?;
    let mut owner = OwnerWatch::default();
    let mut seen: Option<JobRun> = None;
    loop {
        let run = whole(reader, run.id())?;
        changes(seen.as_ref(), &run, args.json, context, streams)?;
        if let Some(exit) = end(&run) {
            return Ok(exit);
        }
        seen = Some(run);
        owner.look(reader, context, streams)?;
        if (context.pause)() == Reading::Ended {
            return Ok(Exit::Done);
        }
    }
}

/// Waits for the end of runs, and tells each: as an object where that is wanted, else in a line. The worst counts.
pub fn wait(
    reader: &mut Reader,
    runs: &[JobId],
    context: &VerbContext<'_>,
    streams: &mut Streams<'_>,
) -> Result<Exit, SessionError> {
    let (mut worst, mut owner) = (Exit::Done, OwnerWatch::default());
    for id in runs {
        let run = loop {
            let run = whole(reader, *id)?;
            if !run.is_ongoing() {
                break run;
            }
            owner.look(reader, context, streams)?;
            if (context.pause)() == Reading::Ended {
                break run;
            }
        };
        let now = context.clock.now();
        if streams.json {
            writeln!(streams.out, "{}", RunObject::of(&run, now).line().map_err(io::Error::from)?)?;
            streams.out.flush()?;
        } else {
            message(streams, &line(&run, now))?;
        }
        worst = worst.max(end(&run).unwrap_or(Exit::Done));
    }
    Ok(worst)
}

fn whole(reader: &mut Reader, id: JobId) -> Result<JobRun, SessionError> {
    reader.journal.run(id)?.ok_or_else(|| SessionError::Refused(format!("run {id} is not in the journal any more")))
}

/// How a run that has ended is told by the exit code.
pub(super) const fn end(run: &JobRun) -> Option<Exit> {
    let JobPhase::Done { result, .. } = run.phase() else { return None };
    Some(match result {
        JobResult::Success => Exit::Done,
        JobResult::Warning => Exit::Warned,
        JobResult::Failed => Exit::Bad,
        JobResult::Stopped => Exit::Cancelled,
    })
}

/// Prints what is new since the last look.
fn changes(
    before: Option<&JobRun>,
    run: &JobRun,
    json: bool,
    context: &VerbContext<'_>,
    streams: &mut Streams<'_>,
) -> Result<(), SessionError> {
    if before == Some(run) {
        return Ok(());
    }
    let now = context.clock.now();
    if json {
        writeln!(streams.out, "{}", RunObject::of(run, now).line().map_err(io::Error::from)?)?;
    } else {
        for (at, (wanted, state)) in run.spec().objects().iter().zip(run.objects()).enumerate() {
            let known = before.and_then(|before| before.objects().get(at));
            let is_news = known.map_or(!matches!(state, ObjectState::Pending), |known| known != state);
            if is_news {
                let detail = state.detail().map_or_else(String::new, |detail| format!(": {detail}"));
                writeln!(streams.out, "{}", printable(&format!("{}: {}{detail}", wanted.object.name(), state.word())))?;
            }
        }
        if before.is_none_or(|before| standing(before) != standing(run)) {
            writeln!(streams.out, "{}", printable(&line(run, now)))?;
        }
    }
    streams.out.flush()?;
    Ok(())
}
