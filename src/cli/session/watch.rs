//! `howdah session watch`: a line for each change.
//!
//! Promises: a change of state is printed at once, also that of a session which came and went between two looks; progress
//! alone is printed now and then. Never: asks the owner for anything, or outlives its reader.

use super::{
    Reading, SessionError, VerbContext, args::WatchArgs, format, is_lost, message, object::SessionObject,
    print_if_unowned, print_problems, reader::Reader, show::whole,
};
use crate::{
    cli::{exit::Exit, report::is_due, state::CommandForm, streams::Streams},
    domain::{SessionId, Timestamp},
    machine::{Phase, Session},
};
use std::{collections::BTreeMap, io, time::Duration};

/// How often progress alone is worth a line: people read lines, programs read more of them.
const FOR_PEOPLE: Duration = Duration::from_secs(5);
const FOR_PROGRAMS: Duration = Duration::from_secs(1);

/// Watches one session until it is completed or stuck, or all of them until none goes on by itself.
pub fn run(
    reader: &mut Reader,
    args: &WatchArgs,
    context: &VerbContext<'_>,
    streams: &mut Streams<'_>,
) -> Result<Exit, SessionError> {
    let only = args.session.as_ref().map(|name| name.resolve(reader)).transpose()?;
    let mut screen = Screen { json: args.json, form: context.form.clone(), shown: BTreeMap::new() };
    match only {
        Some(id) => one(reader, id, &mut screen, context, streams),
        None => all(reader, &mut screen, context, streams),
    }
}

fn one(
    reader: &mut Reader,
    id: SessionId,
    screen: &mut Screen,
    context: &VerbContext<'_>,
    streams: &mut Streams<'_>,
) -> Result<Exit, SessionError> {
    let mut first = true;
    loop {
        let now = context.clock.now();
        let session = whole(reader, id, now)?;
        screen.show(&session, is_lost(&session, reader, context), now, streams)?;
        print_problems(reader, streams)?;
        if let Some(exit) = end(&session) {
            return Ok(exit);
        }
        if std::mem::take(&mut first) {
            print_if_unowned(reader, context, streams)?;
        }
        if (context.pause)() == Reading::Ended {
            return Ok(Exit::Done);
        }
    }
}

fn all(
    reader: &mut Reader,
    screen: &mut Screen,
    context: &VerbContext<'_>,
    streams: &mut Streams<'_>,
) -> Result<Exit, SessionError> {
    let mut newest = reader.journal.newest()?;
    let mut first = true;
    loop {
        let now = context.clock.now();
        // Whoever has left the ongoing ones since the last look, or was never seen among them. New ones are counted
        // before the look: so each of them is ongoing in it, or has ended.
        let mut left: Vec<SessionId> = screen.shown.keys().copied().collect();
        let new = reader.journal.newer_than(newest)?;
        newest = new.last().copied().unwrap_or(newest);
        for id in new {
            if reader.other_kind(id)?.is_none() {
                left.push(id);
            }
        }
        let ongoing = reader.ongoing(now)?;
        for session in &ongoing {
            screen.show(session, is_lost(session, reader, context), now, streams)?;
        }
        left.retain(|id| ongoing.iter().all(|session| session.id() != *id));
        for id in left {
            screen.last_of(reader, id, now, streams)?;
        }
        print_problems(reader, streams)?;
        if ongoing.is_empty() {
            if first {
                message(streams, "no session is ongoing")?;
            }
            return Ok(Exit::Done);
        }
        // What is stuck waits for a person, and the person may be waiting for this command.
        if !ongoing.iter().any(Session::needs_owner) {
            return Ok(Exit::Stuck);
        }
        if std::mem::take(&mut first) {
            print_if_unowned(reader, context, streams)?;
        }
        if (context.pause)() == Reading::Ended {
            return Ok(Exit::Done);
        }
    }
}

/// The exit code of a session that needs no more watching.
pub(super) fn end(session: &Session) -> Option<Exit> {
    match session.phase() {
        Phase::Completed { outcome, .. } => Some(Exit::of(outcome)),
        Phase::Paused { .. } => Some(Exit::Warned),
        Phase::Stuck { .. } => Some(Exit::Stuck),
        Phase::Queued { .. } | Phase::Running { .. } | Phase::Waiting { .. } | Phase::Cancelling { .. } => None,
    }
}

/// What was printed so far.
struct Screen {
    json: bool,
    form: CommandForm,
    shown: BTreeMap<SessionId, (SessionObject, Timestamp)>,
}

impl Screen {
    /// Tells how a session stands, if that is news.
    fn show(
        &mut self,
        session: &Session,
        lost: bool,
        now: Timestamp,
        streams: &mut Streams<'_>,
    ) -> Result<(), SessionError> {
        let object = SessionObject::of(session, None, now).lost(lost);
        let every = if self.json { FOR_PROGRAMS } else { FOR_PEOPLE };
        let is_news = self.shown.get(&session.id()).is_none_or(|(last, at)| {
            last.at_rest() != object.at_rest() || (*last != object && is_due(*at, every, now))
        });
        if !is_news {
            return Ok(());
        }
        let line = if self.json {
            object.line().map_err(io::Error::from)?
        } else {
            format::line(session, lost, &self.form, now)
        };
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
            Ok(Some(session)) => self.show(&session, false, now, streams)?,
            Ok(None) => {}
            Err(error) => message(streams, &error.to_string())?,
        }
        self.shown.remove(&id);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::{
        domain::{AttemptNo, ByteCount, Disposition, Progress},
        machine::{Event, evolve},
    };

    /// Which of these looks, so many seconds after the first, lead to a line.
    fn lines(json: bool, looks: &[(i64, Event)]) -> Vec<i64> {
        let record = include_str!("../../../tests/records/v2/session_running.json");
        let mut session: Session = serde_json::from_str(record).unwrap();
        let start: Timestamp = "2026-11-20T02:00:00Z".parse().unwrap();
        let mut screen = Screen { json, form: CommandForm::default(), shown: BTreeMap::new() };
        let mut reported = Vec::new();
        for (seconds, event) in looks {
            let now = start + jiff::SignedDuration::from_secs(*seconds);
            session = evolve(session, event, now);
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let mut streams = Streams { out: &mut out, err: &mut err, live: false, columns: 80, json };
            screen.show(&session, false, now, &mut streams).unwrap();
            reported.extend((!out.is_empty()).then_some(*seconds));
        }
        reported
    }

    fn copied(bytes: u64) -> Event {
        let progress = Progress { bytes_done: ByteCount(bytes), bytes_total: ByteCount(1000), ..Progress::default() };
        Event::Progressed { attempt: AttemptNo(1), progress }
    }

    #[test]
    fn progress_alone_is_told_now_and_then_and_a_change_of_state_at_once() {
        let deadline = "2026-11-20T03:00:00Z".parse().unwrap();
        let cancel = Event::CancelRequested { disposition: Disposition::Keep, by: "ops".to_owned(), deadline };
        // The record has come to byte 10, and less than that is no news.
        let looks: Vec<(i64, Event)> =
            (0..12_i64).map(|at| (at, copied(100 + at.unsigned_abs()))).chain([(12, cancel)]).collect();
        assert_eq!(lines(false, &looks), [0, 5, 10, 12]);
        assert_eq!(lines(true, &looks), (0..13).collect::<Vec<_>>());
        assert_eq!(lines(false, &[(0, copied(11)), (60, copied(11))]), [0], "nothing is news");
        assert_eq!(lines(false, &[(0, copied(11)), (-60, copied(12))]), [0, -60], "a clock that was set back");
    }
}
