//! `howdah job log`: what happened in a run, in order.

use super::args::ShowArgs;
use crate::{
    cli::{
        exit::Exit,
        session::{SessionError, events::Happened, reader::Reader},
        streams::Streams,
    },
    domain::JobSpec,
    journal::JobHistoryLine,
};

/// Tells the history.
pub fn run(
    reader: &mut Reader,
    args: &ShowArgs,
    specs: &[JobSpec],
    streams: &mut Streams<'_>,
) -> Result<Exit, SessionError> {
    let run = args.job.resolve(reader, specs)?.into_run()?;
    for JobHistoryLine { at, event, text, .. } in &reader.journal.run_history(run.id())? {
        Happened { at: *at, event, text }.write(args.json, streams)?;
    }
    streams.out.flush()?;
    Ok(Exit::Done)
}
