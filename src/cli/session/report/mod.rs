//! `howdah report`: all that a post-mortem of one session needs, for a terminal, a wiki or a program.
//!
//! Promises: works with and without an owner, for a session wherever it stands; one that cannot be told hides no other.
//! Never: changes anything, or writes text from outside as it is, neither to a terminal nor into Markdown.

mod collect;
mod document;
mod markdown;
mod parts;
mod steps;
mod text;

use super::{
    SessionError, VerbContext, is_lost, message, name::SessionSelector, pipe, print_if_unowned, print_problems,
    reader::Reader, show::whole,
};
use crate::{
    cli::{args::ReportArgs, backup_list::escaped, exit::Exit, streams::Streams},
    domain::SessionId,
    journal::JournalError,
};
use document::Document;
use std::io::{self, Read};

/// Tells all about one session, or about each that comes through the pipe.
pub fn run(
    reader: &mut Reader,
    args: &ReportArgs,
    context: &VerbContext<'_>,
    input: &mut dyn Read,
    streams: &mut Streams<'_>,
) -> Result<Exit, SessionError> {
    let mut exit = Exit::Done;
    let mut needs_owner = false;
    match &args.session {
        SessionSelector::One(name) => {
            let id = name.resolve(reader)?;
            needs_owner = write(reader, id, args, context, streams)?;
        }
        SessionSelector::Piped => {
            let mut is_first = true;
            for piped in pipe::read(input)? {
                if !std::mem::take(&mut is_first) && !args.json {
                    writeln!(streams.out)?;
                }
                match reported(reader, piped, args, context, streams) {
                    Ok(needs) => needs_owner |= needs,
                    Err(SessionError::Refused(reason)) => {
                        message(streams, &reason)?;
                        exit = Exit::Refused;
                    }
                    Err(error @ SessionError::Journal(JournalError::Record { .. })) => {
                        message(streams, &error.to_string())?;
                        exit = Exit::Refused;
                    }
                    Err(error) => return Err(error),
                }
            }
        }
    }
    streams.out.flush()?;
    print_problems(reader, streams)?;
    if needs_owner {
        print_if_unowned(reader, context, streams)?;
    }
    Ok(exit)
}

fn reported(
    reader: &mut Reader,
    pipe::Piped { id, uuid }: pipe::Piped,
    args: &ReportArgs,
    context: &VerbContext<'_>,
    streams: &mut Streams<'_>,
) -> Result<bool, SessionError> {
    if reader.journal.uuid(id)?.is_some_and(|own| own != uuid.to_string()) {
        let own = reader.state().display();
        return Err(SessionError::Refused(format!("session {id} with the uuid {uuid} is not of {own}")));
    }
    write(reader, id, args, context, streams)
}

/// Writes the report of one session, and says whether an owner has anything to do for it.
fn write(
    reader: &mut Reader,
    id: SessionId,
    args: &ReportArgs,
    context: &VerbContext<'_>,
    streams: &mut Streams<'_>,
) -> Result<bool, SessionError> {
    let now = context.clock.now();
    let session = whole(reader, id, now)?;
    let history = reader.journal.history(id)?;
    let lost = is_lost(&session, reader, context);
    let report = collect::report(&session, &history, lost, now);
    if args.json {
        writeln!(streams.out, "{}", escaped(&serde_json::to_string(&report).map_err(io::Error::from)?))?;
    } else {
        let document = Document::of(&session, &report);
        let text = if args.markdown { markdown::render(&document) } else { text::render(&document) };
        streams.out.write_all(text.as_bytes())?;
    }
    Ok(session.needs_owner())
}
