//! `howdah job log`: what happened in a run, in order.

use super::{args::ShowArgs, name::Named};
use crate::{
    cli::{
        backup_list::escaped,
        exit::Exit,
        session::{SessionError, format, reader::Reader},
        streams::Streams,
    },
    domain::{JobSpec, Timestamp},
};
use serde::Serialize;
use std::io;

/// One line of JSON.
#[derive(Serialize)]
struct JsonLine<'a> {
    at: Timestamp,
    event: &'a str,
    text: &'a str,
}

/// Tells the history.
pub fn run(
    reader: &mut Reader,
    args: &ShowArgs,
    specs: &[JobSpec],
    streams: &mut Streams<'_>,
) -> Result<Exit, SessionError> {
    let Named { job, run } = args.job.resolve(reader, specs)?;
    let Some(run) = run else { return Err(SessionError::Refused(format!("{} never ran", job.name))) };
    for entry in reader.journal.run_history(run.id())? {
        if args.json {
            let line = JsonLine { at: entry.at, event: &entry.event, text: &entry.text };
            writeln!(streams.out, "{}", escaped(&serde_json::to_string(&line).map_err(io::Error::from)?))?;
        } else {
            writeln!(streams.out, "{}  {}", format::moment(entry.at), entry.text)?;
        }
    }
    streams.out.flush()?;
    Ok(Exit::Done)
}
