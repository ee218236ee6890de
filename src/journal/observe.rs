//! The journal seen from outside: read-only, beside an owner that writes or without any.
//!
//! Promises: nothing is changed and nothing is migrated; a journal that is not there yet holds no sessions; a record
//! that cannot be read is told and hides no other (S10). Never: keeps a read open between two calls, so a reader that
//! is slow holds up nobody's checkpoints.

mod jobs;

pub use jobs::{JobHistoryLine, JobSet, RunNames, name_objects};

use super::{
    JournalError, JournalRecord, RECORD_VERSION,
    record::{completed_row, session_of, taken_from},
    schema,
};
use crate::{
    domain::{Kind, KindFilter, SessionId, Timestamp, instance::printable, upgrade},
    machine::{Event, PastSession, Session, UnreadableSession, event::Created},
};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Params, Row, params};
use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

/// Completed sessions that are read at once: enough that a hundred thousand take no thousand queries, few enough to
/// hold in memory.
const PAGE: usize = 256;

/// Where a column stands behind those of [`schema::row_columns`].
const DISMISSED: usize = 11;

/// A reader of one journal. It may be there before the journal is.
#[derive(Debug)]
pub struct JournalReader {
    path: PathBuf,
    connection: Option<Connection>,
    version: Option<i64>,
}

/// Sessions, and records that should be some but cannot be read.
#[derive(Debug, Default)]
pub struct SessionSet {
    /// Those that can be read.
    pub sessions: Vec<Session>,
    /// Those that cannot.
    pub unreadable: Vec<UnreadableSession>,
}

/// Completed sessions, newest first, and where the next ones begin.
#[derive(Debug, Default)]
pub struct CompletedPage {
    /// What is on it.
    pub found: SessionSet,
    /// Where the next page begins; `None` after the last one.
    pub next: Option<Cursor>,
}

/// The last row of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    ended: i64,
    id: SessionId,
}

/// A session's two names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionNames {
    /// Its number here.
    pub id: SessionId,
    /// Its uuid, in small letters with hyphens.
    pub uuid: String,
}

/// One record of a session's history, told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryLine {
    /// When it happened.
    pub at: Timestamp,
    /// Its kind, as the journal calls it, such as `launched`; `unreadable` for a record that cannot be read.
    pub event: String,
    /// The sentence; printable.
    pub text: String,
    /// The record itself; `None` where it cannot be read.
    pub record: Option<JournalRecord>,
}

impl JournalReader {
    /// A reader of the journal in this file. That there is none is not an error: then there are no sessions, and each
    /// later call looks again.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        Ok(Self { path: path.to_owned(), connection: connect(path)?, version: None })
    }

    /// Whether anything was stored since the last call; `true` at the first.
    pub fn changed(&mut self) -> Result<bool, JournalError> {
        let version = self.read(|connection| {
            // Counts the commits of others, as this connection sees them (SQLite, "PRAGMA data_version").
            connection.query_row("PRAGMA data_version", [], |row| row.get(0)).map(Some)
        })?;
        let version = version.unwrap_or(-1);
        Ok(self.version.replace(version) != Some(version))
    }

    /// All ongoing sessions, oldest first.
    pub fn ongoing(&mut self) -> Result<SessionSet, JournalError> {
        let sql = "SELECT id, version, body FROM sessions WHERE place = 'ongoing' ORDER BY id";
        self.read(|connection| Ok(SessionSet::of(rows(connection, sql, [], record)?)))
    }

    /// Completed sessions of these kinds that are not dismissed, newest first, a page at a time.
    pub fn completed(&mut self, kinds: KindFilter, after: Option<Cursor>) -> Result<CompletedPage, JournalError> {
        let from = after.unwrap_or(Cursor { ended: i64::MAX, id: SessionId(i64::MAX as u64) });
        self.read(|connection| {
            let sql = format!(
                "SELECT id, version, body, ended FROM sessions WHERE place = 'completed' AND (ended, id) < (?1, ?2) \
                 AND {} = coalesce(?3, {0}) ORDER BY ended DESC, id DESC LIMIT ?4",
                schema::kind_column(schema::version(connection)?)
            );
            let values = params![from.ended, row_number(from.id), kinds.kind().map(Kind::as_str), PAGE];
            let page = rows(connection, &sql, values, |row| Ok((record(row)?, row.get(3)?)))?;
            let mark = |(record, ended): &(Record, i64)| Cursor { ended: *ended, id: record.0 };
            let next = page.last().map(mark).filter(|_| page.len() == PAGE);
            Ok(CompletedPage { found: SessionSet::of(page.into_iter().map(|(record, _)| record).collect()), next })
        })
    }

    /// A session by its number, wherever it stands.
    pub fn session(&mut self, id: SessionId) -> Result<Option<Session>, JournalError> {
        let sql = "SELECT id, version, body FROM sessions WHERE id = ?1";
        let found = self.read(|connection| connection.query_row(sql, [row_number(id)], record).optional())?;
        found.map(|(_, session)| session).transpose()
    }

    /// The highest number of a session; 0 when there is none.
    pub fn newest(&mut self) -> Result<SessionId, JournalError> {
        let sql = "SELECT coalesce(max(id), 0) FROM sessions";
        let newest = self.read(|connection| connection.query_row(sql, [], |row| row.get(0).map(Some)))?;
        Ok(SessionId(newest.unwrap_or(0)))
    }

    /// The numbers of all sessions above this one.
    pub fn newer_than(&mut self, id: SessionId) -> Result<Vec<SessionId>, JournalError> {
        let sql = "SELECT id FROM sessions WHERE id > ?1 ORDER BY id";
        self.read(|connection| rows(connection, sql, [row_number(id)], |row| row.get(0).map(SessionId)))
    }

    /// The numbers of all sessions. An index has them: the records, which are a hundred times as large, are not read.
    pub fn ids(&mut self) -> Result<BTreeSet<SessionId>, JournalError> {
        let ids =
            self.read(|connection| rows(connection, "SELECT id FROM sessions", [], |row| row.get(0).map(SessionId)))?;
        Ok(ids.into_iter().collect())
    }

    /// The numbers of all completed sessions of a kind that are not dismissed, newest first.
    pub fn completed_ids(&mut self, kind: Kind) -> Result<Vec<SessionId>, JournalError> {
        self.read(|connection| {
            let sql = format!(
                "SELECT id FROM sessions WHERE place = 'completed' AND {} = ?1 ORDER BY ended DESC, id DESC",
                schema::kind_column(schema::version(connection)?)
            );
            rows(connection, &sql, [kind.as_str()], |row| row.get(0).map(SessionId))
        })
    }

    /// All sessions that have ended, dismissed ones too, newest first, without rows that cannot be read.
    pub fn past(&mut self) -> Result<Vec<PastSession>, JournalError> {
        self.read(|connection| {
            let sql = format!(
                "SELECT {}, place = 'dismissed' FROM sessions WHERE place IN ('completed', 'dismissed')",
                schema::row_columns(schema::version(connection)?)
            );
            let taken_from = taken_from(connection)?;
            let past = |row: &Row<'_>| {
                let (id, is_dismissed) = (SessionId(row.get(0)?), row.get(DISMISSED)?);
                Ok(completed_row(id, row).ok().map(|mut row| {
                    row.details.taken_from = taken_from.get(&id).copied();
                    PastSession { row, is_dismissed }
                }))
            };
            let mut past: Vec<PastSession> = rows(connection, &sql, [], past)?.into_iter().flatten().collect();
            PastSession::sort(&mut past);
            Ok(past)
        })
    }

    /// The kind of a session as its row has it, also where its record cannot be read.
    pub fn kind(&mut self, id: SessionId) -> Result<Option<String>, JournalError> {
        self.read(|connection| {
            let column = schema::kind_column(schema::version(connection)?);
            let sql = format!("SELECT {column} FROM sessions WHERE id = ?1");
            connection.query_row(&sql, [row_number(id)], |row| row.get(0)).optional()
        })
    }

    /// The uuid of a session, also of one whose record cannot be read.
    pub fn uuid(&mut self, id: SessionId) -> Result<Option<String>, JournalError> {
        let sql = "SELECT uuid FROM sessions WHERE id = ?1";
        self.read(|connection| connection.query_row(sql, [row_number(id)], |row| row.get(0)).optional())
    }

    /// The sessions, of all that ever were, whose uuid begins so; at most `most`, oldest first.
    pub fn with_prefix(&mut self, prefix: &str, most: usize) -> Result<Vec<SessionNames>, JournalError> {
        // Every character of a uuid sorts before "g".
        let sql = "SELECT id, uuid FROM sessions WHERE uuid >= ?1 AND uuid < ?1 || 'g' ORDER BY id LIMIT ?2";
        let named = |row: &Row<'_>| Ok(SessionNames { id: SessionId(row.get(0)?), uuid: row.get(1)? });
        self.read(|connection| rows(connection, sql, params![prefix, most], named))
    }

    /// The uuids that stand before and behind this one in the alphabet, of all sessions that ever were.
    pub fn neighbours(&mut self, uuid: &str) -> Result<Vec<String>, JournalError> {
        let sql = "SELECT * FROM (SELECT max(uuid) FROM sessions WHERE uuid < ?1 UNION ALL \
                   SELECT min(uuid) FROM sessions WHERE uuid > ?1)";
        let found: Vec<Option<String>> = self.read(|connection| rows(connection, sql, [uuid], |row| row.get(0)))?;
        Ok(found.into_iter().flatten().collect())
    }

    /// All that ever happened to a session, oldest first; empty when there is no such session.
    pub fn history(&mut self, id: SessionId) -> Result<Vec<HistoryLine>, JournalError> {
        let sql = "SELECT at, version, body FROM events WHERE session = ?1 ORDER BY number";
        self.read(|connection| rows(connection, sql, [row_number(id)], history_line))
    }

    /// What `work` reads; nothing when there is no journal yet.
    fn read<T: Default>(&mut self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, JournalError> {
        if self.connection.is_none() {
            self.connection = connect(&self.path)?;
        }
        let Some(connection) = &self.connection else { return Ok(T::default()) };
        work(connection).map_err(failed(&self.path, "be read"))
    }
}

impl SessionSet {
    fn of(records: Vec<Record>) -> Self {
        let mut found = Self::default();
        for (id, session) in records {
            match session {
                Ok(session) => found.sessions.push(session),
                Err(error) => found.unreadable.push(UnreadableSession { id, problem: error.to_string() }),
            }
        }
        found
    }
}

type Record = (SessionId, Result<Session, JournalError>);

/// Reads `id, version, body`.
fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    let id = SessionId(row.get(0)?);
    Ok((id, session_of(id, row, 1)))
}

/// The number of a session's row. No row has the number of a session beyond what SQLite can count.
fn row_number(id: SessionId) -> i64 {
    i64::try_from(id.0).unwrap_or(-1)
}

fn rows<T>(
    connection: &Connection,
    sql: &str,
    values: impl Params,
    each: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    connection.prepare_cached(sql)?.query_map(values, each)?.collect()
}

/// Reads `at, version, body`.
fn history_line(row: &Row<'_>) -> rusqlite::Result<HistoryLine> {
    let at = moment(row.get(0)?);
    let read = row.get(1).and_then(|version| Ok((version, row.get::<_, String>(2)?)));
    let read = read.map_err(|error| error.to_string()).and_then(|(version, body)| understood(version, &body, at));
    Ok(match read {
        Ok((event, record)) => {
            let text = match &record {
                JournalRecord::Created(created) => created.to_string(),
                JournalRecord::Happened { event, .. } => event.to_string(),
            };
            HistoryLine { at, event: printable(&event), text: printable(&text), record: Some(record) }
        }
        Err(cause) => {
            let text = printable(&format!("this record cannot be read: {cause}"));
            HistoryLine { at, event: "unreadable".to_owned(), text, record: None }
        }
    })
}

/// A moment in microseconds. One beyond the calendar is shown as its end, rather than hide what happened then.
fn moment(at: i64) -> Timestamp {
    let beyond = if at < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_microsecond(at).unwrap_or(beyond)
}

/// The kind of one record, and what it says.
fn understood(version: u32, body: &str, at: Timestamp) -> Result<(String, JournalRecord), String> {
    if version > RECORD_VERSION {
        return Err(format!("it has version {version}, this howdah knows up to {RECORD_VERSION}"));
    }
    let broken = |error: serde_json::Error| error.to_string();
    let value = upgrade::event(version, serde_json::from_str(body).map_err(broken)?);
    // An event is its kind, alone or as the only key; what creates a session has its order beside other things.
    let only_key = || value.as_object().filter(|parts| parts.len() == 1)?.keys().next().cloned();
    if let Some(kind) = value.as_str().map(str::to_owned).or_else(only_key) {
        let event: Event = serde_json::from_value(value).map_err(broken)?;
        return Ok((kind, JournalRecord::Happened { at, event }));
    }
    let created: Created = serde_json::from_value(value).map_err(broken)?;
    Ok(("created".to_owned(), JournalRecord::Created(Box::new(created))))
}

/// Opens the file for reading; `None` while it is not there, or while its owner has not made its tables yet.
fn connect(path: &Path) -> Result<Option<Connection>, JournalError> {
    match path.metadata() {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(JournalError::NotAFile { path: path.to_owned(), cause: cause.to_string() }),
        // To open a pipe would be to wait for its other end.
        Ok(facts) if !facts.is_file() => {
            return Err(JournalError::NotAFile { path: path.to_owned(), cause: "it is not a file".to_owned() });
        }
        Ok(_) => {}
    }
    let open = || {
        let connection =
            Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        // What the file brings along, such as a view in a table's place, may call nothing but plain functions.
        connection.pragma_update(None, "trusted_schema", false)?;
        Ok(connection)
    };
    let connection = open().map_err(failed(path, "be opened"))?;
    let found = schema::version(&connection).map_err(failed(path, "tell its version"))?;
    if found > schema::NEWEST {
        return Err(JournalError::Newer { path: path.to_owned(), found, known: schema::NEWEST });
    }
    Ok((found > 0).then_some(connection))
}

fn failed(path: &Path, operation: &'static str) -> impl Fn(rusqlite::Error) -> JournalError {
    move |cause| JournalError::Sqlite { path: path.to_owned(), operation, cause }
}
