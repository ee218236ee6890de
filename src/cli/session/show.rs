//! `howdah session show`: all about one session.

use super::{
    SessionError, VerbContext,
    args::ShowArgs,
    format, is_lost,
    object::{self, SessionObject},
    print_if_unowned, print_problems,
    reader::Reader,
};
use crate::{
    cli::{exit::Exit, state, streams::Streams},
    domain::{AtTarget, Disposed, Outcome, Recovery, SessionId, Timestamp, instance::printable},
    machine::{AttemptEnd, AttemptRecord, Phase, Session},
};
use std::io;

/// Tells how the session stands.
pub fn run(
    reader: &mut Reader,
    args: &ShowArgs,
    context: &VerbContext<'_>,
    streams: &mut Streams<'_>,
) -> Result<Exit, SessionError> {
    let id = args.session.resolve(reader)?;
    let now = context.clock.now();
    let session = whole(reader, id, now)?;
    let lost = is_lost(&session, reader, context);
    if args.json {
        let object = SessionObject::of(&session, None, now).lost(lost);
        writeln!(streams.out, "{}", object.line().map_err(io::Error::from)?)?;
    } else {
        for (label, value) in facts(&session, lost, context, now) {
            writeln!(streams.out, "{label:<14} {}", printable(&value))?;
        }
    }
    streams.out.flush()?;
    print_problems(reader, streams)?;
    if session.needs_owner() {
        print_if_unowned(reader, context, streams)?;
    }
    Ok(Exit::Done)
}

/// The session of a number that was found a moment ago.
pub(super) fn whole(reader: &mut Reader, id: SessionId, now: Timestamp) -> Result<Session, SessionError> {
    reader.session(id, now)?.ok_or_else(|| SessionError::Refused(format!("there is no session {id}")))
}

fn facts(session: &Session, lost: bool, context: &VerbContext<'_>, now: Timestamp) -> Vec<(String, String)> {
    let order = session.order();
    let mut facts: Vec<(String, String)> = Vec::new();
    let mut add = |label: &str, value: String| facts.push((label.to_owned(), value));
    add("session", session.id().to_string());
    add("uuid", session.uuid().to_string());
    add("instance", order.title().to_string());
    if let Some(point) = order.point() {
        add("restore point", format!("{} in {}", point.label, point.source));
    } else if let Some(label) = order.label() {
        add("restore point", label.to_owned());
    }
    if let Some(directory) = order.directory() {
        let port = object::port(order).map(|port| format!(", port {port}")).unwrap_or_default();
        add("target", format!("{}{port}", directory.display()));
    }
    add(
        "ordered",
        format!("{} UTC by {} through {}", format::moment(session.created_at()), session.by(), session.origin()),
    );
    add("phase", format::phase(session, lost, context.ascii));
    add("state", format::state(session, lost, now));
    if let Some(recovery) = order.recovery().filter(|recovery| recovery.goes_beyond_backup()) {
        add("recovers to", recovers_to(recovery));
    }
    if let Some(server) = session.paused_server().filter(|_| !lost) {
        add("psql", server.address.psql("postgres"));
    }
    if let Some(commands) = state::commands(session, &context.form).filter(|_| !lost) {
        add("what to do", commands);
    }
    if session.tries_total() > 0 {
        add("tries", format!("{} made in all", session.tries_total()));
    }
    if session.bytes_total().0 > 0 {
        let (done, total) = (session.bytes_done(), session.bytes_total());
        add("progress", format!("{}, {done} of {total}", format::progress(session)));
    }
    for (step, state) in session.steps() {
        if let Some(state) = format::step_state(state) {
            add("step", format!("{step}: {state}"));
        }
    }
    for record in session.attempts() {
        add(&format!("attempt {}", record.number), attempt(session, record, lost));
    }
    if let Some(failure) = session.first_cause().filter(|_| session.is_ongoing()) {
        add("first cause", failure.cause.clone());
    }
    if let Phase::Waiting { failure, .. } | Phase::Stuck { failure, .. } = session.phase() {
        add("last failure", failure.cause.clone());
        if !failure.advice.is_empty() {
            add("advice", failure.advice.clone());
        }
    }
    for note in session.notes() {
        add("note", note.clone());
    }
    if let Phase::Completed { outcome: Outcome::Cancelled { disposed: Disposed::Failed { cause } }, .. } =
        session.phase()
    {
        add("data left", state::left(session, cause));
    }
    if let Phase::Completed { at, .. } = session.phase() {
        let took = session.elapsed(*at).as_secs();
        add("ended", format!("{} UTC, after {took} s", format::moment(*at)));
    }
    facts
}

/// How far recovery goes, on which timeline, and what happens there.
fn recovers_to(recovery: &Recovery) -> String {
    let exclusive = if recovery.inclusive { "" } else { ", exclusive" };
    let archive = recovery.archive.as_ref().map(|archive| format!(", WAL from {}", archive.display()));
    let archive = archive.unwrap_or_default();
    if let Some(upstream) = &recovery.standby_of {
        return format!("a standby of {}{archive}", upstream.conninfo);
    }
    let then = match recovery.at_target {
        AtTarget::Pause => "paused there",
        AtTarget::Promote => "opened there",
        AtTarget::ShutDown => "shut down there",
    };
    format!("{}{exclusive}, timeline {}, {then}{archive}", recovery.goal, recovery.timeline.word())
}

fn attempt(session: &Session, record: &AttemptRecord, lost: bool) -> String {
    let why = format::cause(session, record);
    let launched = format::moment(record.launched);
    match &record.ended {
        None => match record.mark {
            Some(mark) if lost => format!("{why}, launched {launched} UTC, was process {}, which is gone", mark.pid),
            Some(mark) => format!("{why}, launched {launched} UTC, runs as process {}", mark.pid),
            None => format!("{why}, launched {launched} UTC"),
        },
        Some((at, end)) => {
            let end = match end {
                AttemptEnd::Done => "done".to_owned(),
                AttemptEnd::Failed(failure) => format!("failed: {}", failure.cause),
                AttemptEnd::Stopped => "stopped".to_owned(),
                AttemptEnd::Unrecorded => {
                    return "known by its files alone: the journal was lost or put back".to_owned();
                }
            };
            format!("{why}, launched {launched} UTC, ended {} UTC, {end}", format::moment(*at))
        }
    }
}
