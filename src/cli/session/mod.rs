//! `howdah session`: the sessions listed, shown, watched and steered from a shell.
//!
//! Reading needs no owner: it sees the journal and the attempts' own files. Acting asks an owner, whoever that is,
//! through [`crate::manager::Service`].
//!
//! Promises: data on stdout, talk on stderr; the same object of a session everywhere; nothing is printed when an act
//! succeeded (R26); each refusal is reported with its reason. Never: decides anything about a session, or writes text from
//! outside to a terminal as it is.

pub mod act;
pub mod args;
pub mod cancel;
pub mod events;
pub(super) mod format;
pub mod list;
pub mod log;
pub mod name;
pub mod object;
pub mod pipe;
pub mod reader;
pub mod recover;
pub mod recovery_object;
pub mod report;
pub mod resume;
pub mod show;
pub mod start;
pub(super) mod table;
pub mod watch;

use super::{
    report::{ignore_closed, is_due},
    state::CommandForm,
    streams::Streams,
};
use crate::{
    domain::{Timestamp, instance::printable},
    journal::JournalError,
    machine::Session,
    manager::Clock,
};
use std::{io, time::Duration};
use thiserror::Error;

/// Why a verb ended before its end.
#[derive(Debug, Error)]
pub enum SessionError {
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A stream cannot be written or read. A reader of stdout that has gone away is told by this, too.
    #[error(transparent)]
    Stream(#[from] io::Error),
    /// It is refused; nothing was begun.
    #[error("{0}")]
    Refused(String),
    /// The command line or the standard input is wrong; nothing was done.
    #[error("{0}")]
    Usage(String),
}

/// What the verbs need of the process around them.
pub struct VerbContext<'a> {
    /// The time.
    pub clock: Clock,
    /// Whether anybody owns the state directory.
    pub owned: &'a dyn Fn() -> bool,
    /// Waits a moment before the next look.
    pub pause: &'a dyn Fn() -> Reading,
    /// Only ASCII.
    pub ascii: bool,
    /// How the commands are written that a person is told.
    pub form: CommandForm,
}

/// Whether anybody still reads what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// As far as can be told.
    GoesOn,
    /// The reader of stdout has gone away.
    Ended,
}

/// Says one sentence to whoever sits at the terminal.
pub fn message(streams: &mut Streams<'_>, sentence: &str) -> io::Result<()> {
    ignore_closed(writeln!(streams.err, "howdah: {}", printable(sentence)))
}

/// Says what could not be read, each once.
pub(in crate::cli) fn print_problems(reader: &mut reader::Reader, streams: &mut Streams<'_>) -> io::Result<()> {
    reader.problems().iter().try_for_each(|problem| message(streams, problem))
}

/// Whether a session stands still because its worker, or its server at a pause, is gone and nobody owns it: its owner would
/// have seen that, and would try again.
pub(in crate::cli) fn is_lost(session: &Session, reader: &reader::Reader, context: &VerbContext<'_>) -> bool {
    let has_process = session.live_attempt().is_some() || session.paused_server().is_some();
    has_process && !(context.owned)() && reader.is_lost(session)
}

/// Looks from time to time whether anybody owns the state directory, for a command that waits: without an owner it would
/// wait for ever.
#[derive(Debug, Default)]
pub(in crate::cli) struct OwnerWatch {
    seen: Option<Timestamp>,
    said: bool,
}

impl OwnerWatch {
    /// Says that nobody does, once each time that it comes to that.
    pub(in crate::cli) fn look(
        &mut self,
        reader: &reader::Reader,
        context: &VerbContext<'_>,
        streams: &mut Streams<'_>,
    ) -> io::Result<()> {
        /// Who waits for minutes does not need it sooner.
        const EVERY: Duration = Duration::from_secs(5);
        let now = context.clock.now();
        if self.seen.is_some_and(|at| !is_due(at, EVERY, now)) {
            return Ok(());
        }
        self.seen = Some(now);
        let unowned = !(context.owned)();
        if unowned && !self.said {
            print_if_unowned(reader, context, streams)?;
        }
        self.said = unowned;
        Ok(())
    }
}

/// Says that nobody carries the sessions on, if that is so.
pub(super) fn print_if_unowned(
    reader: &reader::Reader,
    context: &VerbContext<'_>,
    streams: &mut Streams<'_>,
) -> io::Result<()> {
    if (context.owned)() {
        return Ok(());
    }
    let state = reader.state().display();
    message(streams, &format!("nobody owns {state}, so nothing is tried again or finished there: start howdah keeper"))
}
