//! The journal: whether this howdah can read it, and all of it. It is neither made nor brought up to date.

use crate::{
    attempt,
    cli::doctor::{Finding, Fix},
    domain::{
        SessionId, Timestamp,
        path_text::{quoted, shown},
        quantity::many,
    },
    journal::{
        JournalError,
        health::{Health, health},
    },
};
use std::{collections::BTreeSet, fs, io, path::Path};

const CHECK: &str = "journal";

/// How far the newest event may be ahead of the clock: clocks are set back by seconds all the time.
const AHEAD: jiff::SignedDuration = jiff::SignedDuration::from_mins(1);

/// Sessions that are named one by one; of more, the first.
const NAMED: usize = 5;

pub(super) fn check(state: &Path, now: Timestamp) -> Vec<Finding> {
    let path = state.join("journal.db");
    match fs::metadata(&path) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let none = Finding::ok(CHECK, "none yet; the first owner makes it");
            return strays(state, &BTreeSet::new()).map_or_else(|| vec![none], |finding| vec![finding]);
        }
        Err(error) => {
            let found = format!("{} cannot be examined: {error}", shown(&path));
            let fix = "make the state directory belong to this user, or name another with --state-dir";
            return vec![Finding::error(CHECK, &found, Fix::Do(fix.to_owned()))];
        }
    }
    match health(&path) {
        Ok(health) => read(&health, now).into_iter().chain(strays(state, &health.known)).collect(),
        Err(error) => vec![unread(&path, &error)],
    }
}

fn read(health: &Health, now: Timestamp) -> Vec<Finding> {
    let Health { schema, newest_schema, ongoing, ended, unreadable, newest_event, .. } = health;
    let schema = match schema {
        0 => "empty".to_owned(),
        schema if schema < newest_schema => format!("schema {schema}, which the next owner brings to {newest_schema}"),
        schema => format!("schema {schema}"),
    };
    let found = format!("{schema}; {ongoing} ongoing and {ended} ended sessions");
    let mut findings = vec![if unreadable.is_empty() {
        Finding::ok(CHECK, &found)
    } else {
        let named: Vec<String> = unreadable.iter().take(NAMED).map(ToString::to_string).collect();
        let more = if unreadable.len() > NAMED { ", ..." } else { "" };
        let found = format!("{found}; {} of them cannot be read ({}{more})", unreadable.len(), named.join(", "));
        let fix = "if a newer howdah wrote them, use that one; the others go on either way";
        Finding::warning(CHECK, &found, Fix::Do(fix.to_owned()))
    }];
    if let Some(ahead) = newest_event.filter(|at| at.duration_since(now) > AHEAD) {
        let found = format!(
            "the newest event is of {ahead:.0}, ahead of the clock ({now:.0}): lengths of time in its history are wrong"
        );
        findings.push(Finding::warning(CHECK, &found, Fix::Run("timedatectl set-ntp true".to_owned())));
    }
    findings
}

/// What the files of attempts tell of that the journal does not: it was lost, or put back from a copy (S10).
fn strays(state: &Path, known: &BTreeSet<SessionId>) -> Option<Finding> {
    let right = || Fix::Do("give this user the right to read them".to_owned());
    let (strays, unread) = match attempt::traces(state, |id| !known.contains(&id)) {
        Ok(found) => found,
        Err(error) => {
            let found = format!("the files of attempts in {} cannot be read: {error}", shown(state));
            return Some(Finding::warning(CHECK, &found, right()));
        }
    };
    let named: Vec<String> = strays.iter().map(|one| one.id.to_string()).collect();
    if named.is_empty() {
        let (id, error) = unread.first()?;
        return Some(Finding::warning(CHECK, &format!("the files of session {id} cannot be read: {error}"), right()));
    }
    let open = strays.iter().filter(|one| !one.trace.stood.has_ended()).count();
    let more = if named.len() > NAMED { ", ..." } else { "" };
    let sessions = many(named.len() as u64, "session");
    let named = named.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    let found =
        format!("it does not know {sessions} that left files here ({named}{more}), of which {open} had not ended");
    Some(Finding::warning(CHECK, &found, Fix::Run("howdah session recover".to_owned())))
}

fn unread(path: &Path, error: &JournalError) -> Finding {
    let found = match error {
        JournalError::Newer { found, known, .. } => {
            format!("{} has schema {found}, and this howdah knows up to {known}", shown(path))
        }
        JournalError::Sqlite { cause, .. } => format!("{} cannot be read: {cause}", shown(path)),
        JournalError::NotAFile { cause, .. } => format!("{}: {cause}", shown(path)),
        JournalError::NotPrivate { .. }
        | JournalError::Record { .. }
        | JournalError::JobRecord { .. }
        | JournalError::Superseded { .. }
        | JournalError::Lost { .. }
        | JournalError::ReadOnly { .. }
        | JournalError::WriterGone => error.to_string(),
    };
    let fix = match error {
        JournalError::Newer { .. } => {
            Fix::Do("use the newer howdah that wrote it, or another state directory (--state-dir)".to_owned())
        }
        JournalError::NotAFile { .. } => Fix::Do(format!("move it away: mv {0} {0}.away", quoted(path))),
        JournalError::NotPrivate { .. } => Fix::Do("make the state directory belong to this user".to_owned()),
        JournalError::Sqlite { .. }
        | JournalError::Record { .. }
        | JournalError::JobRecord { .. }
        | JournalError::Superseded { .. }
        | JournalError::Lost { .. }
        | JournalError::ReadOnly { .. }
        | JournalError::WriterGone => {
            let path = quoted(path);
            Fix::Do(format!(
                "while no howdah runs, put back a copy, or give up the history with: mv {path} {path}.broken; then \
                 howdah session recover brings back what the files of attempts tell"
            ))
        }
    };
    Finding::error(CHECK, &found, fix)
}
