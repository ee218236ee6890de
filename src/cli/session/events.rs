//! `howdah session events`: what happened to a session, from the order on.

use super::{SessionError, VerbContext, args::ShowArgs, format, is_lost, message, print_if_unowned, reader::Reader};
use crate::{
    cli::{backup_list::escaped, exit::Exit, streams::Streams},
    domain::Timestamp,
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
    context: &VerbContext<'_>,
    streams: &mut Streams<'_>,
) -> Result<Exit, SessionError> {
    let id = args.session.resolve(reader)?;
    for entry in reader.journal.history(id)? {
        if args.json {
            let line = JsonLine { at: entry.at, event: &entry.event, text: &entry.text };
            writeln!(streams.out, "{}", escaped(&serde_json::to_string(&line).map_err(io::Error::from)?))?;
        } else {
            writeln!(streams.out, "{}  {}", format::moment(entry.at), entry.text)?;
        }
    }
    streams.out.flush()?;
    // The history can be told of a session whose record cannot be read.
    if let Ok(Some(session)) = reader.session(id, context.clock.now())
        && session.needs_owner()
    {
        if is_lost(&session, reader, context) {
            message(streams, &format::line(&session, true, &context.form, context.clock.now()))?;
        }
        print_if_unowned(reader, context, streams)?;
    }
    Ok(Exit::Done)
}
