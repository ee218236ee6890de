//! `howdah explore list`: what is held open, in the order of creation (R23).

use super::{DATABASE, KIND, args::ListArgs, children_of, line};
use crate::{
    cli::{
        exit::Exit,
        session::{
            SessionError, VerbContext, format, is_lost, message, print_if_unowned, print_problems,
            reader::Reader,
            table::{self, Column, numbers, words},
        },
        state::state,
        streams::Streams,
    },
    domain::instance::printable,
    machine::Session,
};
use std::io;

const COLUMNS: [Column; 7] = [
    numbers("INDEX"),
    numbers("NUMBER"),
    words("INSTANCE"),
    words("RESTORE POINT"),
    words("STATE"),
    words("STARTED (UTC)"),
    words("BY"),
];

/// Lists the active sessions.
pub fn run(
    reader: &mut Reader,
    args: &ListArgs,
    context: &VerbContext<'_>,
    streams: &mut Streams<'_>,
) -> Result<Exit, SessionError> {
    let now = context.clock.now();
    let every = reader.journal.ongoing()?.sessions;
    let active: Vec<Session> = reader.ongoing(now)?;
    let with_children: Vec<_> = active.iter().map(|session| (session, children_of(&every, session.id()))).collect();
    if args.json {
        let objects = with_children.iter().enumerate();
        let lines = objects.map(|(at, (session, children))| line(session, Some(at), children, now));
        let lines = lines.collect::<Result<Vec<String>, _>>().map_err(io::Error::from)?;
        match lines.as_slice() {
            [] => writeln!(streams.out, "[]")?,
            lines => writeln!(streams.out, "[\n{}\n]", lines.join(",\n"))?,
        }
    } else if !active.is_empty() {
        let row = |(at, (session, children)): (usize, &(&Session, Vec<_>))| {
            let mut stands = match session.open_at() {
                Some(_) => "open".to_owned(),
                None if is_lost(session, reader, context) => "lost: its worker is gone".to_owned(),
                None => state(session, now),
            };
            if !children.is_empty() {
                stands = format!("{stands}, {} at work on it", children.len());
            }
            [
                format!("[{at}]"),
                session.id().to_string(),
                printable(session.title().as_str()),
                session.order().label().map_or_else(|| "-".to_owned(), printable),
                printable(&stands),
                format::moment(session.created_at()),
                printable(session.by()),
            ]
        };
        let rows: Vec<_> = with_children.iter().enumerate().map(row).collect();
        table::write(streams.out, &COLUMNS, &rows)?;
        for session in &active {
            if let Some(open) = session.open_at() {
                writeln!(streams.out, "{}: {}", session.id(), printable(&open.psql(DATABASE)))?;
            }
        }
    }
    streams.out.flush()?;
    print_problems(reader, streams)?;
    if active.is_empty() {
        message(streams, &format!("no session of the kind {KIND} is active"))?;
    }
    if active.iter().any(Session::needs_owner) {
        print_if_unowned(reader, context, streams)?;
    }
    Ok(Exit::Done)
}
