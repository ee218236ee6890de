//! What the files of a session's attempts record of it, for a journal that was lost or put back from a copy.
//!
//! Promises: attempts of several sessions under one number are reported and not mixed. Never: changes a file.

use super::{
    AttemptDir,
    attempt_dir::{MAX_TICKET, numbers, read_start, sessions},
    tail::{Line, Tail},
};
use crate::{
    domain::{
        AttemptNo, HeldDirectory, Leftover, Order, SessionId, Timestamp,
        fact::{End, Fact},
        ticket::{CONTRACT_VERSION, Ticket, Work},
        upgrade,
    },
    machine::{Stood, Trace},
};
use serde::Deserialize;
use std::{fmt, fs, io, path::Path};
use uuid::Uuid;

/// A session as its attempts' files record it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traced {
    /// Its number.
    pub id: SessionId,
    /// Its name elsewhere.
    pub uuid: Uuid,
    /// What it was asked to do.
    pub order: Order,
    /// Who asked, where that is told.
    pub by: Option<String>,
    /// The directories that were claimed for it.
    pub places: Vec<HeldDirectory>,
    /// When its first attempt was launched.
    pub since: Timestamp,
    /// When its newest attempt last wrote something, or was launched.
    pub until: Timestamp,
    /// Its newest attempt.
    pub trace: Trace,
}

impl fmt::Display for Traced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, order) = (self.id, &self.order);
        write!(
            f,
            "the journal does not know it; its files tell of a {order} that had not ended: howdah session recover {id} \
             brings it back"
        )
    }
}

/// Sessions by what their files record, and those whose files cannot be read.
pub type Traces = (Vec<Traced>, Vec<(SessionId, io::Error)>);

/// What the files record of those sessions that are wanted.
pub fn traces(state: &Path, wanted: impl Fn(SessionId) -> bool) -> io::Result<Traces> {
    let (mut read, mut unread) = Traces::default();
    for id in sessions(state)?.into_iter().filter(|id| wanted(*id)) {
        match trace(state, id) {
            Ok(traced) => read.extend(traced),
            Err(error) => unread.push((id, error)),
        }
    }
    Ok((read, unread))
}

/// What the files of this session record; `None` where no attempt has left its order.
fn trace(state: &Path, id: SessionId) -> io::Result<Option<Traced>> {
    let dir = |attempt| AttemptDir::new(state, id, attempt);
    let first = dir(AttemptNo(1));
    let session = first.session();
    let mut attempts: Vec<AttemptNo> =
        numbers(session)?.into_iter().filter_map(|number| u32::try_from(number).ok()).map(AttemptNo).collect();
    attempts.sort_unstable();
    let (mut newest, mut order, mut since): (Option<Ticket>, _, _) = (None, None, None);
    for attempt in attempts {
        let Some(ticket) = read_ticket(&dir(attempt).ticket())? else { continue };
        let is_next = newest.as_ref().is_none_or(|newest| newest.session_uuid == ticket.session_uuid);
        if !is_next || (ticket.session, ticket.attempt) != (id, attempt) {
            return Err(io::Error::other(format!("{} holds attempts of several sessions", session.display())));
        }
        if let Work::Run(wanted) = &ticket.work {
            order = Some(wanted.clone());
        }
        since = since.or(written(&dir(attempt).ticket())?);
        newest = Some(ticket);
    }
    let (Some(newest), Some(order), Some(since)) = (newest, order, since) else { return Ok(None) };
    let Ticket { session_uuid: uuid, attempt, work, places, by, .. } = newest;
    if !first.is_of(uuid)? {
        return Err(io::Error::other(format!("{} was made for another session", session.display())));
    }
    let stood = stood(work, last_word(&dir(attempt), uuid)?);
    let until = written(&dir(attempt).events())?.unwrap_or(since);
    Ok(Some(Traced { id, uuid, order, by, places, since, until, trace: Trace { newest: attempt, stood } }))
}

fn stood(work: Work, end: Option<End>) -> Stood {
    match (work, end) {
        // The disposal of a backup says so when it finds the restore point made.
        (Work::Run(_) | Work::Dispose { left: Leftover::Backup(_), .. }, Some(End::Succeeded(success))) => {
            Stood::Succeeded(success)
        }
        (Work::Run(_), Some(End::Damaged(verification))) => Stood::Damaged(verification),
        (Work::Run(_), Some(End::Paused(at))) => Stood::Paused(at),
        (Work::Run(_), Some(End::Failed(_) | End::Stopped | End::Disposed(_)) | None) => Stood::Open,
        (Work::Dispose { disposition, .. }, Some(End::Disposed(disposed))) => Stood::Disposed(disposition, disposed),
        (
            Work::Dispose { disposition, .. },
            Some(End::Succeeded(_) | End::Damaged(_) | End::Paused(_) | End::Failed(_) | End::Stopped) | None,
        ) => Stood::Disposing(disposition),
    }
}

/// When a file was last written; `None` where there is none.
fn written(path: &Path) -> io::Result<Option<Timestamp>> {
    match fs::metadata(path) {
        Ok(found) => Ok(Timestamp::try_from(found.modified()?).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// An order; `None` where there is none, or only the half of one that a crash has left.
fn read_ticket(path: &Path) -> io::Result<Option<Ticket>> {
    /// The part of a ticket that every version has.
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let Some(text) = read_start(path, MAX_TICKET)? else { return Ok(None) };
    let Ok(Versioned { version }) = serde_json::from_str(&text) else { return Ok(None) };
    if version > CONTRACT_VERSION {
        return Err(io::Error::other(format!("a newer howdah wrote {}: use that one", path.display())));
    }
    let ticket =
        serde_json::from_str(&text).and_then(|ticket| serde_json::from_value(upgrade::ticket(version, ticket)));
    ticket.map(Some).map_err(|error| io::Error::other(format!("{} cannot be read: {error}", path.display())))
}

/// How the attempt ended, if it came to report that.
fn last_word(dir: &AttemptDir, session: Uuid) -> io::Result<Option<End>> {
    let mut end = None;
    for line in Tail::new(dir, session).read()? {
        if let Line::Fact(fact) = line
            && let Fact::Ended(word) = *fact
        {
            end = Some(word);
        }
    }
    Ok(end)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::domain::Disposition;
    use serde_json::{Value, json};
    use tempfile::TempDir;

    const ID: SessionId = SessionId(7);

    /// Writes the order of an attempt, and what it reported.
    fn attempt(state: &TempDir, number: u32, uuid: u128, work: &Value, end: Option<Value>) {
        let dir = AttemptDir::new(state.path(), ID, AttemptNo(number));
        fs::create_dir_all(dir.directory()).unwrap();
        let record = include_str!("../../tests/records/v1/ticket_restore.json");
        let mut ticket: Value = serde_json::from_str(record).unwrap();
        ticket["session"] = json!(7);
        ticket["attempt"] = json!(number);
        ticket["session_uuid"] = json!(Uuid::from_u128(uuid).to_string());
        if !work.is_null() {
            ticket["work"] = work.clone();
        }
        fs::write(dir.ticket(), ticket.to_string()).unwrap();
        let line = |fact: &Value| format!("{}\n", json!({"version": 1, "at": "2026-11-20T02:00:00Z", "fact": fact}));
        let began = json!({"began": {"pid": 1, "started": 1, "session": Uuid::from_u128(uuid).to_string()}});
        let facts = end.map_or_else(String::new, |end| line(&json!({"ended": end})));
        fs::write(dir.events(), line(&began) + &facts).unwrap();
    }

    fn dispose() -> Value {
        let record = include_str!("../../tests/records/v1/ticket_dispose.json");
        serde_json::from_str::<Value>(record).unwrap()["work"].clone()
    }

    #[test]
    fn s10_the_newest_attempt_tells_how_a_session_stood() {
        let state = tempfile::tempdir().unwrap();
        assert_eq!(trace(state.path(), ID).unwrap(), None);
        let stood = || {
            let Traced { uuid, trace: Trace { newest, stood }, .. } = trace(state.path(), ID).unwrap().unwrap();
            assert_eq!(uuid, Uuid::from_u128(1));
            (newest.0, stood)
        };
        let restore = Value::Null;
        attempt(&state, 1, 1, &restore, None);
        assert_eq!(stood(), (1, Stood::Open));
        attempt(&state, 2, 1, &restore, Some(json!("stopped")));
        assert_eq!(stood(), (2, Stood::Open));
        let success = json!({"succeeded": {"server": {"not_started": {"reason": "as asked"}}}});
        attempt(&state, 10, 1, &restore, Some(success));
        assert!(matches!(stood(), (10, Stood::Succeeded(_))));
        attempt(&state, 11, 1, &dispose(), None);
        assert!(matches!(stood(), (11, Stood::Disposing(_))));
        attempt(&state, 12, 1, &dispose(), Some(json!({"disposed": "removed"})));
        let ended = stood();
        assert!(ended.0 == 12 && ended.1.has_ended(), "{ended:?}");
        // What a crash has left of the next one.
        let next = AttemptDir::new(state.path(), ID, AttemptNo(13));
        fs::create_dir_all(next.directory()).unwrap();
        fs::write(next.ticket(), "{\"vers").unwrap();
        assert_eq!(stood(), ended);
        // Whoever opened this would wait for ever.
        fs::remove_file(next.ticket()).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, next.ticket(), 0o600.into()).unwrap();
        assert_eq!(stood(), ended);
    }

    #[test]
    fn the_disposal_of_a_backup_tells_of_a_point_that_it_found_made() {
        let order = include_str!("../../tests/records/v3/order_backup.json");
        let Order::Backup(order) = serde_json::from_str(order).unwrap() else { panic!("{order}") };
        let work = Work::Dispose { left: Leftover::Backup(order), disposition: Disposition::Default };
        let end = json!({"succeeded": {"result": {"restore_point": {"label": "b", "bytes": 7}}}});
        let end = serde_json::from_value(end).unwrap();
        assert!(matches!(super::stood(work, Some(end)), Stood::Succeeded(_)));
    }

    #[test]
    fn attempts_of_two_sessions_are_not_mixed() {
        let state = tempfile::tempdir().unwrap();
        attempt(&state, 1, 1, &Value::Null, None);
        attempt(&state, 2, 2, &Value::Null, None);
        let refused = trace(state.path(), ID).unwrap_err().to_string();
        assert!(refused.contains("attempts of several sessions"), "{refused}");
    }
}
