//! `howdah session watch`: a line for each change.
//!
//! Promises: a change of state is told at once, also that of a session which came and went between two looks; progress
//! alone is told now and then. Never: it asks the owner for nothing, and it does not outlive its reader.

use super::{
    Around, Reading, SessionError, args::WatchArgs, object::SessionObject, reader::Reader, say, say_if_unowned,
    say_problems, show::whole, words,
};
use crate::{
    cli::{exit::Exit, streams::Streams},
    domain::{Outcome, SessionId, Timestamp},
    machine::{Phase, Session},
};
use std::{collections::BTreeMap, io, time::Duration};

/// How often progress alone is worth a line: people read lines, programs read more of them.
const FOR_PEOPLE: Duration = Duration::from_secs(5);
const FOR_PROGRAMS: Duration = Duration::from_secs(1);

/// Watches one session until it is completed or stuck, or all of them until none is ongoing.
pub fn run(
    reader: &mut Reader,
    args: &WatchArgs,
    around: &Around<'_>,
    streams: &mut Streams<'_>,
) -> Result<Exit, SessionError> {
    let only = args.session.as_ref().map(|name| name.resolve(reader)).transpose()?;
    let mut screen = Screen { json: args.json, shown: BTreeMap::new() };
    match only {
        Some(id) => one(reader, id, &mut screen, around, streams),
        None => all(reader, &mut screen, around, streams),
    }
}

fn one(
    reader: &mut Reader,
    id: SessionId,
    screen: &mut Screen,
    around: &Around<'_>,
    streams: &mut Streams<'_>,
) -> Result<Exit, SessionError> {
    let mut first = true;
    loop {
        let now = around.clock.now();
        let session = whole(reader, id, now)?;
        screen.show(&session, now, streams)?;
        say_problems(reader, streams)?;
        if let Some(exit) = end(&session) {
            return Ok(exit);
        }
        if std::mem::take(&mut first) {
            say_if_unowned(reader, around, streams)?;
        }
        if (around.pause)() == Reading::Ended {
            return Ok(Exit::Done);
        }
    }
}

fn all(
    reader: &mut Reader,
    screen: &mut Screen,
    around: &Around<'_>,
    streams: &mut Streams<'_>,
) -> Result<Exit, SessionError> {
    let mut newest = reader.journal.newest()?;
    let mut first = true;
    loop {
        let now = around.clock.now();
        // Whoever has left the ongoing ones since the last look, or was never seen among them. New ones are counted
        // before the look: so each of them is ongoing in it, or has ended.
        let mut left: Vec<SessionId> = screen.shown.keys().copied().collect();
        let new = reader.journal.newer_than(newest)?;
        newest = new.last().copied().unwrap_or(newest);
        left.extend(new);
        let ongoing = reader.ongoing(now)?;
        for session in &ongoing {
            screen.show(session, now, streams)?;
        }
        left.retain(|id| ongoing.iter().all(|session| session.id() != *id));
        for id in left {
            screen.last_of(reader, id, now, streams)?;
        }
        say_problems(reader, streams)?;
        if ongoing.is_empty() {
            if first {
                say(streams, "no session is ongoing")?;
            }
            return Ok(Exit::Done);
        }
        if std::mem::take(&mut first) {
            say_if_unowned(reader, around, streams)?;
        }
        if (around.pause)() == Reading::Ended {
            return Ok(Exit::Done);
        }
    }
}

/// The exit code of a session that needs no more watching.
fn end(session: &Session) -> Option<Exit> {
    match session.phase() {
        Phase::Completed { outcome: Outcome::Succeeded(_), .. } => Some(Exit::Done),
        Phase::Completed { outcome: Outcome::Cancelled { .. }, .. } => Some(Exit::Cancelled),
        Phase::Stuck { .. } => Some(Exit::Stuck),
        Phase::Queued { .. } | Phase::Running { .. } | Phase::Waiting { .. } | Phase::Canceling { .. } => None,
    }
}

/// What was told so far.
struct Screen {
    json: bool,
    shown: BTreeMap<SessionId, (SessionObject, Timestamp)>,
}

impl Screen {
    /// Tells how a session stands, if that is news.
    fn show(&mut self, session: &Session, now: Timestamp, streams: &mut Streams<'_>) -> Result<(), SessionError> {
        let object = SessionObject::of(session, None);
        let every = if self.json { FOR_PROGRAMS } else { FOR_PEOPLE };
        // A clock that was set back makes the line due.
        let is_due = |at: Timestamp| Duration::try_from(now.duration_since(at)).map_or(true, |since| since >= every);
        let is_news = self
            .shown
            .get(&session.id())
            .is_none_or(|(last, at)| last.at_rest() != object.at_rest() || (*last != object && is_due(*at)));
        if !is_news {
            return Ok(());
        }
        let line = if self.json { object.line().map_err(io::Error::from)? } else { words::line(session, now) };
        writeln!(streams.out, "{line}")?;
        streams.out.flush()?;
        self.shown.insert(session.id(), (object, now));
        Ok(())
    }

    /// Tells the end of a session that is not ongoing any more.
    fn last_of(
        &mut self,
        reader: &mut Reader,
        id: SessionId,
        now: Timestamp,
        streams: &mut Streams<'_>,
    ) -> Result<(), SessionError> {
        match reader.journal.session(id) {
            Ok(Some(session)) => self.show(&session, now, streams)?,
            Ok(None) => {}
            Err(error) => say(streams, &error.to_string())?,
        }
        self.shown.remove(&id);
        Ok(())
    }
}
