//! `howdah explore clean`, wired: what crashed sessions have left, and what the state directories say of them.
//!
//! Promises: a state directory is only read, whosever it is. Never: takes one that cannot be read for one that knows
//! nothing.

use crate::{
    app::context::AppContext,
    attempt::{self, AttemptDir},
    cli::{
        exit::Exit,
        explore::{args::CleanArgs, clean},
        streams::Streams,
    },
    domain::{AttemptNo, Failure, Remnant, SessionStanding, Verdict, path_text::shown},
    journal::{JournalError, JournalReader},
    worker::leftovers::{self, AskStanding},
};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use uuid::Uuid;

pub(super) fn cleaned(context: &AppContext, args: &CleanArgs, streams: &mut Streams<'_>) -> anyhow::Result<Exit> {
    let (explore_dir, stall) = (context.config.explore_dir(), context.config.worker.stall_timeout);
    let explore_dir = std::path::absolute(&explore_dir).unwrap_or(explore_dir);
    let found = match leftovers(&explore_dir, Some(&context.state), stall) {
        Ok(found) => found,
        Err(failure) => return Ok(clean::not_looked(&failure, streams)?),
    };
    if args.plan {
        return Ok(clean::plan(&found, &explore_dir, args.json, streams)?);
    }
    let standing = standing(Some(&context.state));
    let removed = |remnant: &Remnant| match &remnant.verdict {
        Verdict::Removable(_) => leftovers::remove(remnant, stall, &standing).map(|()| true),
        Verdict::InUse(_) | Verdict::Unproven(_) | Verdict::OutOfSight(_) => Ok(false),
    };
    let done: Vec<_> = found.iter().map(|remnant| (remnant, removed(remnant))).collect();
    Ok(clean::done(&done, args.json, streams)?)
}

/// What was left below `explore_dir`, or may have been. `own` is the state directory that is asked beside those that are
/// named there: one that was moved is known by no other name.
pub(in crate::app) fn leftovers(
    explore_dir: &Path,
    own: Option<&Path>,
    stall: Duration,
) -> Result<Vec<Remnant>, Failure> {
    leftovers::look(explore_dir, stall, &standing(own))
}

fn standing(own: Option<&Path>) -> AskStanding {
    let own: Option<PathBuf> = own.map(Path::to_owned);
    Arc::new(move |state, session| {
        let named = standing_in(state, session);
        let is_settled = match &named {
            SessionStanding::NoState | SessionStanding::Unknown => false,
            SessionStanding::Ongoing(_)
            | SessionStanding::Ended { .. }
            | SessionStanding::Recoverable(_)
            | SessionStanding::Unreadable(_) => true,
        };
        match own.as_deref().filter(|own| !is_settled && *own != state).map(|own| standing_in(own, session)) {
            Some(SessionStanding::NoState | SessionStanding::Unknown) | None => named,
            Some(known) => known,
        }
    })
}

/// How one state directory says that a session stands.
pub(in crate::app) fn standing_in(state: &Path, session: Uuid) -> SessionStanding {
    let unreadable = |why: String| SessionStanding::Unreadable(format!("{}: {why}", shown(state)));
    if !state.is_absolute() {
        return unreadable("it is not a path from the root on".to_owned());
    }
    // A link that leads nowhere may lead to a disk that is not mounted.
    match (fs::metadata(state), fs::symlink_metadata(state)) {
        (Ok(found), _) if found.is_dir() => {}
        (Ok(_), _) => return unreadable("it is no directory".to_owned()),
        (Err(_), Err(error)) if error.kind() == io::ErrorKind::NotFound => return SessionStanding::NoState,
        (Err(error), _) => return unreadable(error.to_string()),
    }
    match in_journal(state, session) {
        Ok(Some(standing)) => standing,
        Ok(None) => in_files(state, session).unwrap_or_else(|error| unreadable(error.to_string())),
        Err(error) => unreadable(error.to_string()),
    }
}

/// `None` where the journal does not know it.
fn in_journal(state: &Path, session: Uuid) -> Result<Option<SessionStanding>, JournalError> {
    let mut journal = JournalReader::open(&state.join("journal.db"))?;
    let Some(names) = journal.with_prefix(&session.to_string(), 1)?.pop() else { return Ok(None) };
    let ongoing = journal.ongoing()?;
    let goes_on = ongoing.sessions.iter().any(|session| session.id() == names.id)
        || ongoing.unreadable.iter().any(|session| session.id == names.id);
    Ok(Some(if goes_on {
        SessionStanding::Ongoing(names.id)
    } else {
        let first = AttemptDir::new(state, names.id, AttemptNo(1));
        let files = first.directory().parent().unwrap_or(state).to_owned();
        SessionStanding::Ended { id: names.id, files }
    }))
}

/// What the files of its attempts tell, where the journal tells nothing.
fn in_files(state: &Path, session: Uuid) -> io::Result<SessionStanding> {
    // Where the directory cannot be listed, nothing is known of what is in it.
    fs::read_dir(state)?;
    let (traced, unread) = attempt::traces(state, |_| true)?;
    if let Some(traced) = traced.iter().find(|traced| traced.uuid == session) {
        let first = AttemptDir::new(state, traced.id, AttemptNo(1));
        let files = first.directory().parent().unwrap_or(state).to_owned();
        let ended = SessionStanding::Ended { id: traced.id, files };
        return Ok(if traced.trace.stood.has_ended() { ended } else { SessionStanding::Recoverable(traced.id) });
    }
    match unread.into_iter().next() {
        Some((id, error)) => Err(io::Error::other(format!("the files of session {id} cannot be read: {error}"))),
        None => Ok(SessionStanding::Unknown),
    }
}
