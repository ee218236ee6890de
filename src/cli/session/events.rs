//! `howdah session events`: what happened to a session, from the order on.

use super::{SessionError, args::ShowArgs, reader::Reader, words};
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
pub fn run(reader: &mut Reader, args: &ShowArgs, streams: &mut Streams<'_>) -> Result<Exit, SessionError> {
    let id = args.session.resolve(reader)?;
    for told in reader.journal.history(id)? {
        if args.json {
            let line = JsonLine { at: told.at, event: &told.event, text: &told.text };
            writeln!(streams.out, "{}", escaped(&serde_json::to_string(&line).map_err(io::Error::from)?))?;
        } else {
            writeln!(streams.out, "{}  {}", words::moment(told.at), told.text)?;
        }
    }
    streams.out.flush()?;
    Ok(Exit::Done)
}
