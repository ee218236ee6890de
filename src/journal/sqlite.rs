//! The journal in a SQLite file (WAL mode, every commit synced).

use super::{Batch, Change, Entry, JournalError, Opening, RECORD_VERSION, schema};
use crate::{
    domain::{InstanceName, SessionId, Timestamp},
    machine::{CompletedResult, CompletedRow, Session, UnreadableSession},
};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// Completed sessions that the first screen gets; the tallest terminal shows fewer.
const FIRST_COMPLETED: usize = 200;

/// An open journal file; one writer at a time, which is the owner.
#[derive(Debug)]
pub struct SqliteJournal {
    path: PathBuf,
    connection: Connection,
}

impl SqliteJournal {
    /// Opens the file, makes it when it is missing, and brings an old one up to date.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let at = |operation| move |cause| JournalError::Sqlite { path: path.to_owned(), operation, cause };
        let mut connection = Connection::open(path).map_err(at("be opened"))?;
        connection.busy_timeout(Duration::from_secs(5)).map_err(at("be opened"))?;
        // WAL lets other processes read while the owner writes; FULL syncs each commit before it is told as done.
        connection.pragma_update(None, "journal_mode", "WAL").map_err(at("be switched to WAL mode"))?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(at("be set to sync"))?;
        let found = schema::version(&connection).map_err(at("tell its version"))?;
        if found > schema::NEWEST {
            return Err(JournalError::Newer { path: path.to_owned(), found, known: schema::NEWEST });
        }
        schema::migrate(&mut connection, found).map_err(at("be brought up to date"))?;
        Ok(Self { path: path.to_owned(), connection })
    }

    /// What the owner needs at its start.
    pub fn opening(&self) -> Result<Opening, JournalError> {
        let last_id = self.connection.query_row("SELECT coalesce(max(id), 0) FROM sessions", [], |row| row.get(0));
        let mut opening = Opening { last_id: last_id.map_err(self.failed("be read"))?, ..Opening::default() };
        let mut ongoing = self
            .connection
            .prepare("SELECT id, version, body FROM sessions WHERE place = 'ongoing' ORDER BY id")
            .map_err(self.failed("be read"))?;
        let mut rows = ongoing.query([]).map_err(self.failed("be read"))?;
        while let Some(row) = rows.next().map_err(self.failed("be read"))? {
            let id = SessionId(row.get(0).map_err(self.failed("be read"))?);
            match session_of(id, row, 1) {
                Ok(session) => opening.ongoing.push(session),
                Err(error) => opening.unreadable.push(UnreadableSession { id, problem: error.to_string() }),
            }
        }
        opening.completed = self.rows(Some(FIRST_COMPLETED))?;
        let count = |result: &str| {
            let sql = "SELECT count(*) FROM sessions WHERE place = 'completed' AND result = ?1";
            self.connection.query_row(sql, [result], |row| row.get::<_, usize>(0)).map_err(self.failed("be counted"))
        };
        opening.succeeded = count("succeeded")?;
        opening.cancelled = count("cancelled")?;
        Ok(opening)
    }

    /// Stores a batch in one transaction.
    pub fn append(&mut self, batch: &Batch) -> Result<(), JournalError> {
        let path = self.path.clone();
        let failed = |operation| move |cause| JournalError::Sqlite { path, operation, cause };
        let stored = self.connection.transaction().and_then(|transaction| {
            for entry in &batch.entries {
                store(&transaction, entry)?;
            }
            transaction.commit()
        });
        stored.map_err(failed("store a change"))
    }

    /// A session by its number.
    pub fn session(&self, id: SessionId) -> Result<Option<Session>, JournalError> {
        let found = self
            .connection
            .query_row("SELECT version, body FROM sessions WHERE id = ?1", [id.0], |row| Ok(session_of(id, row, 0)))
            .optional()
            .map_err(self.failed("be read"))?;
        found.transpose()
    }

    /// All completed sessions that are not dismissed, newest first.
    pub fn completed(&self) -> Result<Vec<CompletedRow>, JournalError> {
        self.rows(None)
    }

    fn rows(&self, limit: Option<usize>) -> Result<Vec<CompletedRow>, JournalError> {
        let sql = "SELECT id, instance, ended, took, result FROM sessions WHERE place = 'completed' \
                   ORDER BY ended DESC, id DESC LIMIT ?1";
        // SQLite takes a negative limit as none.
        let limit = limit.map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
        let read = || -> rusqlite::Result<Vec<CompletedRow>> {
            let mut statement = self.connection.prepare_cached(sql)?;
            statement.query_map([limit], completed_row)?.collect()
        };
        read().map_err(self.failed("be read"))
    }

    fn failed(&self, operation: &'static str) -> impl Fn(rusqlite::Error) -> JournalError + '_ {
        move |cause| JournalError::Sqlite { path: self.path.clone(), operation, cause }
    }
}

fn store(transaction: &Transaction<'_>, entry: &Entry) -> rusqlite::Result<()> {
    let session = &entry.after;
    let row = CompletedRow::of(session);
    let place = match (session.is_ongoing(), session.is_dismissed()) {
        (true, _) => "ongoing",
        (false, false) => "completed",
        (false, true) => "dismissed",
    };
    let result = row.as_ref().map(|row| match row.result {
        CompletedResult::Succeeded => "succeeded",
        CompletedResult::Cancelled => "cancelled",
    });
    let sql = "INSERT INTO sessions (id, uuid, place, instance, ended, took, result, version, body) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (id) DO UPDATE SET \
               place = excluded.place, ended = excluded.ended, took = excluded.took, result = excluded.result, \
               version = excluded.version, body = excluded.body";
    transaction.prepare_cached(sql)?.execute(params![
        session.id().0,
        session.uuid().to_string(),
        place,
        session.request().point.instance.as_str(),
        row.as_ref().map(|row| row.ended.as_millisecond()),
        row.as_ref().map(|row| u64::try_from(row.took.as_millis()).unwrap_or(u64::MAX >> 1)),
        result,
        RECORD_VERSION,
        json(session)?,
    ])?;
    let mut insert =
        transaction.prepare_cached("INSERT INTO events (session, at, version, body) VALUES (?1, ?2, ?3, ?4)")?;
    for change in &entry.changes {
        let (at, body) = match change {
            Change::Created(created) => (created.at, json(created)?),
            Change::Happened { at, event } => (*at, json(event)?),
        };
        insert.execute(params![session.id().0, at.as_microsecond(), RECORD_VERSION, body])?;
    }
    Ok(())
}

fn json<T: serde::Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

/// Reads `version, body` from the columns that begin at `first`.
fn session_of(id: SessionId, row: &Row<'_>, first: usize) -> Result<Session, JournalError> {
    let broken = |cause: String| JournalError::Record { id, cause };
    let version: u32 = row.get(first).map_err(|error| broken(error.to_string()))?;
    if version > RECORD_VERSION {
        return Err(broken(format!("it has version {version}, this howdah knows up to {RECORD_VERSION}")));
    }
    let body: String = row.get(first + 1).map_err(|error| broken(error.to_string()))?;
    serde_json::from_str(&body).map_err(|error| broken(error.to_string()))
}

fn completed_row(row: &Row<'_>) -> rusqlite::Result<CompletedRow> {
    let result: String = row.get(4)?;
    Ok(CompletedRow {
        id: SessionId(row.get(0)?),
        instance: InstanceName::new(&row.get::<_, String>(1)?),
        ended: Timestamp::from_millisecond(row.get(2)?).unwrap_or_default(),
        took: Duration::from_millis(row.get(3)?),
        result: if result == "cancelled" { CompletedResult::Cancelled } else { CompletedResult::Succeeded },
    })
}
