//! Runs of jobs in the journal: stored in the transaction of their sessions, and read again.
//!
//! Promise: a run that cannot be read says why, and hides neither another run nor a session (S10).

use super::{JobEntry, JobInitialState, JobRecord, JournalError, RECORD_VERSION};
use crate::{
    domain::JobId,
    machine::job::{JobRow, JobRun, UnreadableJob},
};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde::Serialize;

/// Runs that have ended and are listed from the start; the tallest terminal shows fewer. Each is read whole, which takes
/// some 50 µs for one of fifty objects.
const FIRST_ENDED: usize = 200;

/// Stores one run and what has happened to it.
pub(super) fn store(transaction: &Transaction<'_>, entry: &JobEntry) -> rusqlite::Result<()> {
    let run = &entry.after;
    let row = JobRow::of(run);
    let place = match (run.is_ongoing(), run.is_dismissed()) {
        (true, _) => "ongoing",
        (false, false) => "completed",
        (false, true) => "dismissed",
    };
    let sql = "INSERT INTO jobs (id, uuid, place, name, kind, started, ended, result, version, body) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) \
               ON CONFLICT (id) DO UPDATE SET place = excluded.place, ended = excluded.ended, \
               result = excluded.result, version = excluded.version, body = excluded.body";
    transaction.prepare_cached(sql)?.execute(params![
        run.id().0,
        run.uuid().to_string(),
        place,
        run.spec().name().as_str(),
        run.spec().kind().as_str(),
        run.started_at().as_millisecond(),
        row.as_ref().map(|row| row.ended.as_millisecond()),
        row.as_ref().map(|row| row.result.as_str()),
        RECORD_VERSION,
        json(run)?,
    ])?;
    let mut insert =
        transaction.prepare_cached("INSERT INTO job_events (job, at, version, body) VALUES (?1, ?2, ?3, ?4)")?;
    for change in &entry.changes {
        let (at, body) = match change {
            JobRecord::Created(created) => (created.at, json(created)?),
            JobRecord::Happened { at, event } => (*at, json(event)?),
        };
        insert.execute(params![run.id().0, at.as_microsecond(), RECORD_VERSION, body])?;
    }
    Ok(())
}

/// What an owner needs of runs at its start.
pub(super) fn initial(connection: &Connection) -> rusqlite::Result<JobInitialState> {
    let last_id = connection.query_row("SELECT coalesce(max(id), 0) FROM jobs", [], |row| row.get(0))?;
    let mut initial = JobInitialState { last_id, ..JobInitialState::default() };
    for (id, run) in records(connection, "SELECT id, version, body FROM jobs WHERE place = 'ongoing' ORDER BY id", ())?
    {
        match run {
            Ok(run) => initial.ongoing.push(run),
            Err(error) => initial.unreadable.push(UnreadableJob { id, problem: error.to_string() }),
        }
    }
    let ended = "SELECT id, version, body FROM jobs WHERE place = 'completed' ORDER BY ended DESC, id DESC LIMIT ?1";
    for (id, run) in records(connection, ended, [FIRST_ENDED])? {
        match run {
            Ok(run) => initial.ended.extend(JobRow::of(&run)),
            Err(error) => initial.unreadable.push(UnreadableJob { id, problem: error.to_string() }),
        }
    }
    Ok(initial)
}

/// A run by its number.
pub(super) fn run(connection: &Connection, id: JobId) -> rusqlite::Result<Option<Result<JobRun, JournalError>>> {
    let sql = "SELECT id, version, body FROM jobs WHERE id = ?1";
    // No row has a number beyond what SQLite can count.
    let number = i64::try_from(id.0).unwrap_or(-1);
    Ok(connection.query_row(sql, [number], record).optional()?.map(|(_, run)| run))
}

/// A record, and the number of its row.
pub(super) type Record = (JobId, Result<JobRun, JournalError>);

/// All records that a statement finds, which asks for `id, version, body`.
pub(super) fn records(
    connection: &Connection,
    sql: &str,
    values: impl rusqlite::Params,
) -> rusqlite::Result<Vec<Record>> {
    connection.prepare_cached(sql)?.query_map(values, record)?.collect()
}

/// Reads `id, version, body`.
pub(super) fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    let id = JobId(row.get(0)?);
    let read = || {
        let version: u32 = row.get(1).map_err(|error| error.to_string())?;
        if version > RECORD_VERSION {
            return Err(format!("it has version {version}, this howdah knows up to {RECORD_VERSION}"));
        }
        let body: String = row.get(2).map_err(|error| error.to_string())?;
        serde_json::from_str(&body).map_err(|error| error.to_string())
    };
    Ok((id, read().map_err(|cause| JournalError::JobRecord { id, cause })))
}

fn json<T: Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}
