//! `howdah session events`: what happened to a session, from the order on.

use super::{SessionError, VerbContext, args::ShowArgs, format, is_lost, message, print_if_unowned, reader::Reader};
use crate::{
    cli::{backup_list::escaped, exit::Exit, streams::Streams},
    domain::Timestamp,
    journal::HistoryLine,
};
use serde::Serialize;
use std::io;

/// One line of a history.
#[derive(Serialize)]
pub(in crate::cli) struct Happened<'a> {
    pub(in crate::cli) at: Timestamp,
    pub(in crate::cli) event: &'a str,
    pub(in crate::cli) text: &'a str,
}

impl Happened<'_> {
    /// As an object, or as a sentence with its moment.
    pub(in crate::cli) fn write(&self, json: bool, streams: &mut Streams<'_>) -> io::Result<()> {
        if json {
            writeln!(streams.out, "{}", escaped(&serde_json::to_string(self)?))
        } else {
            writeln!(streams.out, "{}  {}", format::moment(self.at), self.text)
        }
    }
}

/// Tells the history.
pub fn run(
    reader: &mut Reader,
    args: &ShowArgs,
    context: &VerbContext<'_>,
    streams: &mut Streams<'_>,
) -> Result<Exit, SessionError> {
    let id = args.session.resolve(reader)?;
    for HistoryLine { at, event, text, .. } in &reader.journal.history(id)? {
        Happened { at: *at, event, text }.write(args.json, streams)?;
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
