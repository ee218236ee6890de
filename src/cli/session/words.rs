//! How a session is said to people: a sign, a word, a line.
//!
//! Promises: every state is told by sign and word (S12), and foreign text comes out printable.

use super::object::{bytes, percent, percent_of, phase_word};
use crate::{
    cli::report,
    domain::{Outcome, Timestamp, instance::printable},
    machine::{Phase, Session},
};

/// The sign of a phase, the same as on the screen, and its word.
pub(super) fn phase(session: &Session, ascii: bool) -> String {
    let (sign, plain) = match session.phase() {
        Phase::Queued { .. } => ("◦", "."),
        Phase::Running { .. } => ("◉", "*"),
        Phase::Waiting { .. } => ("◌", "~"),
        Phase::Stuck { .. } => ("✖", "!"),
        Phase::Canceling { .. } => ("⊘", "x"),
        Phase::Completed { outcome: Outcome::Succeeded(_), .. } => ("✓", "+"),
        Phase::Completed { outcome: Outcome::Cancelled { .. }, .. } => ("∅", "-"),
    };
    format!("{} {}", if ascii { plain } else { sign }, phase_word(session.phase()))
}

/// How far it has come: bytes, or WAL once that is what moves; `-` while nothing is known.
pub(super) fn progress(session: &Session) -> String {
    match session.progress().wal.filter(|_| session.is_ongoing()) {
        Some(wal) => format!("WAL {} %", percent(wal.ratio())),
        None => bytes(session).map_or_else(|| "-".to_owned(), |bytes| format!("{} %", percent_of(bytes))),
    }
}

/// One line about a session: its number, its instance, and how it stands.
pub(super) fn line(session: &Session, now: Timestamp) -> String {
    printable(&format!("{} {}: {}", session.id(), session.request().point.instance, state(session, now)))
}

/// How a session stands, in one clause.
pub(super) fn state(session: &Session, now: Timestamp) -> String {
    match session.phase() {
        Phase::Completed { outcome: Outcome::Succeeded(success), .. } => format!("succeeded; {success}"),
        Phase::Completed { outcome: Outcome::Cancelled { disposed }, .. } => format!("cancelled; {disposed}"),
        Phase::Queued { .. }
        | Phase::Running { .. }
        | Phase::Waiting { .. }
        | Phase::Stuck { .. }
        | Phase::Canceling { .. } => report::state(session, now),
    }
}

/// `2026-11-20 12:58:03`, in UTC.
pub(super) fn moment(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%d %H:%M:%S").to_string()
}
