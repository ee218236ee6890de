//! `howdah session list`: the ongoing sessions in the order of their creation, then, if wanted, the completed ones.
//!
//! Promises: the place of a session among the ongoing ones is its `[n]` (R23), and stays while sessions change their
//! state; completed ones follow with the newest end first, and have no place. Never: lists a session twice.

use super::{
    SessionError, VerbContext,
    args::ListArgs,
    format, is_lost, message,
    object::SessionObject,
    print_if_unowned, print_problems,
    reader::Reader,
    table::{self, Column, numbers, words},
};
use crate::{
    cli::{exit::Exit, state, streams::Streams},
    domain::{
        Kind, KindFilter, SessionId, Timestamp,
        instance::{printable, printable_name},
        quantity::many,
    },
    machine::{Phase, Session, StuckReason},
};
use std::{collections::BTreeSet, io::Write};
use uuid::Uuid;

const KIND: Column = words("KIND");

/// The columns of a list of one kind.
const COLUMNS: [Column; 8] = [
    numbers("INDEX"),
    numbers("NUMBER"),
    words("UUID"),
    words("INSTANCE"),
    words("PHASE"),
    numbers("PROGRESS"),
    words("TARGET"),
    words("STARTED (UTC)"),
];

/// One session in a table.
struct ListedSession {
    kind: Kind,
    cells: [String; 8],
}

impl ListedSession {
    /// With the kind beside the instance, for a list of several kinds.
    fn with_kind(self) -> [String; 9] {
        let [index, number, uuid, instance, phase, progress, target, started] = self.cells;
        [index, number, uuid, self.kind.as_str().to_owned(), instance, phase, progress, target, started]
    }
}

/// Sessions that are named one by one as waiting for a person; of more, the first.
const NAMED: usize = 5;

/// The shortest uuid that is shown.
const SHORT: usize = 8;

/// Lists what is there.
pub fn run(
    reader: &mut Reader,
    args: &ListArgs,
    context: &VerbContext<'_>,
    streams: &mut Streams<'_>,
) -> Result<Exit, SessionError> {
    let now = context.clock.now();
    let ongoing = reader.ongoing(now)?;
    let mut lines = if args.json { Lines::Json { first: true } } else { Lines::Table(Vec::new()) };
    let kinds = reader.kinds();
    for (index, session) in ongoing.iter().enumerate() {
        let lost = is_lost(session, reader, context);
        lines.add(reader, session, (Some(index), lost), (context.ascii, now), streams.out)?;
    }
    if args.all {
        completed(reader, &ongoing, |reader, session| {
            lines.add(reader, session, (None, false), (context.ascii, now), streams.out)
        })?;
    }
    let any = lines.end(kinds, streams.out)?;
    streams.out.flush()?;
    print_problems(reader, streams)?;
    if !any {
        message(streams, if args.all { "there is no session" } else { "no session is ongoing" })?;
    }
    print_strays(reader, context, streams)?;
    print_used_up(&ongoing, context, streams)?;
    if ongoing.iter().any(Session::needs_owner) {
        print_if_unowned(reader, context, streams)?;
    }
    Ok(Exit::Done)
}

/// Says of how many sessions only their files tell, so that a journal that was lost or put back is not taken for all there
/// is (S10).
fn print_strays(reader: &mut Reader, context: &VerbContext<'_>, streams: &mut Streams<'_>) -> Result<(), SessionError> {
    let strays = reader.strays()?;
    if strays.is_empty() {
        return Ok(());
    }
    let open = strays.iter().filter(|one| !one.trace.stood.has_ended()).count();
    let sessions = many(strays.len() as u64, "session");
    let command = context.form.of("recover");
    let sentence = format!("the journal does not know {sessions} that left files here, of which {open} had not ended");
    Ok(message(streams, &format!("{sentence}: {command} lists them"))?)
}

/// Says which sessions wait for a person since their tries are used up (R11), and how that person goes on.
fn print_used_up(ongoing: &[Session], context: &VerbContext<'_>, streams: &mut Streams<'_>) -> std::io::Result<()> {
    let used_up = |session: &&Session| matches!(session.phase(), Phase::Stuck { reason: StuckReason::TriesUsedUp, .. });
    let all: Vec<&Session> = ongoing.iter().filter(used_up).collect();
    for session in all.iter().take(NAMED) {
        let (id, instance) = (session.id(), session.title());
        let commands = state::commands(session, &context.form).unwrap_or_default();
        message(streams, &format!("session {id} ({instance}): {}: {commands}", session.policy().used_up()))?;
    }
    let more = all.len().saturating_sub(NAMED);
    if more > 0 { message(streams, &format!("{more} more have used their tries up")) } else { Ok(()) }
}

/// Goes through the completed sessions without holding them all: there may be a hundred thousand. One that was ongoing
/// a moment ago has been listed.
fn completed(
    reader: &mut Reader,
    listed: &[Session],
    mut each: impl FnMut(&mut Reader, &Session) -> Result<(), SessionError>,
) -> Result<(), SessionError> {
    let listed: BTreeSet<SessionId> = listed.iter().map(Session::id).collect();
    let mut from = None;
    loop {
        let page = reader.journal.completed(reader.kinds(), from)?;
        reader.note(&page.found.unreadable);
        for session in page.found.sessions.iter().filter(|session| !listed.contains(&session.id())) {
            each(reader, session)?;
        }
        from = page.next;
        if from.is_none() {
            return Ok(());
        }
    }
}

enum Lines {
    Json { first: bool },
    Table(Vec<ListedSession>),
}

impl Lines {
    fn add(
        &mut self,
        reader: &mut Reader,
        session: &Session,
        (index, lost): (Option<usize>, bool),
        (ascii, now): (bool, Timestamp),
        out: &mut dyn Write,
    ) -> Result<(), SessionError> {
        match self {
            Self::Json { first } => {
                let object = SessionObject::of(session, index, now).lost(lost);
                let object = object.line().map_err(std::io::Error::from)?;
                write!(out, "{}\n{object}", if *first { "[" } else { "," })?;
                *first = false;
            }
            Self::Table(rows) => rows.push(ListedSession {
                kind: session.order().kind(),
                cells: [
                    index.map_or_else(|| "-".to_owned(), |index| format!("[{index}]")),
                    session.id().to_string(),
                    short(reader, session.uuid())?,
                    printable(session.title().as_str()),
                    format::phase_and_try(session, lost, ascii),
                    format::progress(session),
                    session.order().directory().map_or_else(|| "-".to_owned(), |to| printable_name(to.as_os_str())),
                    format::moment(session.created_at()),
                ],
            }),
        }
        Ok(())
    }

    /// Writes what is left to write; whether anything was listed.
    fn end(self, kinds: KindFilter, out: &mut dyn Write) -> std::io::Result<bool> {
        match self {
            Self::Json { first } => {
                out.write_all(if first { b"[]\n" } else { b"\n]\n" })?;
                Ok(!first)
            }
            Self::Table(rows) if rows.is_empty() => Ok(false),
            Self::Table(rows) => {
                match kinds {
                    KindFilter::Only(_) => {
                        table::write(out, &COLUMNS, &rows.into_iter().map(|row| row.cells).collect::<Vec<_>>())?;
                    }
                    KindFilter::All => {
                        let [index, number, uuid, rest @ ..] = COLUMNS;
                        let [instance, phase, progress, target, started] = rest;
                        let columns = [index, number, uuid, KIND, instance, phase, progress, target, started];
                        table::write(
                            out,
                            &columns,
                            &rows.into_iter().map(ListedSession::with_kind).collect::<Vec<_>>(),
                        )?;
                    }
                }
                Ok(true)
            }
        }
    }
}

/// The beginning of a uuid that no other session's uuid has. A uuid begins with the time, so those of one order are
/// alike for long.
fn short(reader: &mut Reader, uuid: Uuid) -> Result<String, SessionError> {
    let uuid = uuid.to_string();
    let common = |other: &String| uuid.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let alike = reader.journal.neighbours(&uuid)?.iter().map(common).max().unwrap_or(0);
    let mut length = (alike + 1).clamp(SHORT, uuid.len());
    // A hyphen at the end tells nothing.
    if uuid[..length].ends_with('-') {
        length = (length + 1).min(uuid.len());
    }
    Ok(uuid[..length].to_owned())
}
