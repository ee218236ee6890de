//! `howdah job show`: the objects of a run, a line each (R42).

use super::{
    args::ShowArgs,
    object::{RunObject, standing},
};
use crate::{
    cli::{
        exit::Exit,
        session::{SessionError, VerbContext, format, message, print_if_unowned, reader::Reader},
        streams::Streams,
    },
    domain::{JobSpec, Timestamp, instance::printable, quantity},
    machine::job::{JobPhase, JobRun, ObjectState},
};
use std::io;

/// Shows the run.
pub fn run(
    reader: &mut Reader,
    args: &ShowArgs,
    specs: &[JobSpec],
    context: &VerbContext<'_>,
    streams: &mut Streams<'_>,
) -> Result<Exit, SessionError> {
    let run = args.job.resolve(reader, specs)?.into_run()?;
    let now = context.clock.now();
    if args.json {
        writeln!(streams.out, "{}", RunObject::of(&run, now).line().map_err(io::Error::from)?)?;
    } else {
        message(streams, &line(&run, now))?;
        for row in objects(reader, &run, now)? {
            writeln!(streams.out, "{row}")?;
        }
    }
    streams.out.flush()?;
    if run.is_ongoing() {
        print_if_unowned(reader, context, streams)?;
    }
    Ok(Exit::Done)
}

/// A run in one line.
pub(super) fn line(run: &JobRun, now: Timestamp) -> String {
    let took = quantity::seconds(run.elapsed(now));
    let name = format!("{}#{}", run.spec().name(), run.id());
    match run.phase() {
        JobPhase::Done { detail, .. } => format!("{name}: {} after {took}: {detail}", standing(run)),
        JobPhase::Running | JobPhase::StoppingGracefully { .. } | JobPhase::StoppingImmediately { .. } => {
            let by = run.stopped_by().map_or_else(String::new, |by| format!(", as {by} asked"));
            format!("{name}: {}{by}, since {} UTC", standing(run), format::moment(run.started_at()))
        }
    }
}

/// A line for each object: its name, where it stands, and what there is to say.
fn objects(reader: &mut Reader, run: &JobRun, now: Timestamp) -> Result<Vec<String>, SessionError> {
    let widest = |widths: &mut dyn Iterator<Item = usize>| widths.max().unwrap_or(0);
    let names = run.spec().objects().iter().map(|wanted| wanted.object.name().to_string());
    let names: Vec<String> = names.collect();
    let name_width = widest(&mut names.iter().map(|name| name.chars().count()));
    let word_width = widest(&mut run.objects().iter().map(|state| state.word().len()));
    let mut lines = Vec::new();
    for (name, state) in names.iter().zip(run.objects()) {
        let detail = match state {
            ObjectState::Processing { session, cancelled_by: None } => {
                let session = reader.session(*session, now)?;
                session
                    .map(|session| format!("{}, {}", format::progress(&session), format::state(&session, false, now)))
            }
            ObjectState::Pending
            | ObjectState::NotStarted
            | ObjectState::Processing { cancelled_by: Some(_), .. }
            | ObjectState::Succeeded { .. }
            | ObjectState::Failed { .. }
            | ObjectState::Stopped { .. } => state.detail(),
        };
        let line = format!("{name:name_width$}  {:word_width$}  {}", state.word(), detail.unwrap_or_default());
        lines.push(printable(line.trim_end()));
    }
    Ok(lines)
}
