//! Runs of jobs in the journal: stored in the transaction of their sessions, and read again.
//!
//! Promise: a run that cannot be read says why, and hides neither another run nor a session (S10).

use super::{JobEntry, JobInitialState, JobRecord, JournalError, RECORD_VERSION, schema};
use crate::{
    domain::JobId,
    machine::job::{JobRow, JobRun, UnreadableJob},
};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde::Serialize;

/// Runs that have ended and are listed from the start; the tallest terminal shows fewer.
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
    let sql = "INSERT INTO jobs (id, uuid, place, name, kind, started, ended, result, version, body, summary) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
               ON CONFLICT (id) DO UPDATE SET place = excluded.place, ended = excluded.ended, \
               result = excluded.result, version = excluded.version, body = excluded.body, \
               summary = excluded.summary";
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
        row.as_ref().map(json).transpose()?,
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
    for row in ended(connection, schema::NEWEST)? {
        match row {
            Ok(row) => initial.ended.push(row),
            Err(unreadable) => initial.unreadable.push(unreadable),
        }
    }
    Ok(initial)
}

/// A run that has ended, as lists show it; or why it cannot be read.
pub(super) type Ended = Result<JobRow, UnreadableJob>;

/// The newest runs that have ended and are not dismissed, and the newest of each job, dismissed or not; newest first.
pub(super) fn ended(connection: &Connection, schema: u32) -> rusqlite::Result<Vec<Ended>> {
    let columns =
        format!("SELECT id, version, coalesce({0}, body), {0} IS NULL FROM jobs", schema::summary_column(schema));
    // From name to name, a step of the index each: a history of years has few jobs and many runs.
    let sql = format!(
        "WITH RECURSIVE names (name) AS ( \
             SELECT min(name) FROM jobs UNION ALL \
             SELECT (SELECT min(jobs.name) FROM jobs WHERE jobs.name > names.name) FROM names WHERE name IS NOT NULL), \
         listed (id) AS ( \
             SELECT * FROM (SELECT id FROM jobs WHERE place = 'completed' ORDER BY ended DESC, id DESC LIMIT ?1) UNION \
             SELECT (SELECT id FROM jobs WHERE jobs.name = names.name AND place <> 'ongoing' ORDER BY id DESC LIMIT 1) \
             FROM names) \
         {columns} WHERE id IN listed ORDER BY ended DESC, id DESC"
    );
    connection.prepare_cached(&sql)?.query_map([FIRST_ENDED], ended_row)?.collect()
}

/// Reads `id, version, summary or body, whether it is the body`.
fn ended_row(row: &Row<'_>) -> rusqlite::Result<Ended> {
    let id = JobId(row.get(0)?);
    let read = || {
        let text = understood(row)?;
        let is_body: bool = row.get(3).map_err(|error| error.to_string())?;
        let known = |error: serde_json::Error| error.to_string();
        if !is_body {
            return serde_json::from_str(&text).map_err(known);
        }
        let run: JobRun = serde_json::from_str(&text).map_err(known)?;
        JobRow::of(&run).ok_or_else(|| "it has not ended".to_owned())
    };
    let problem = |cause| JournalError::JobRecord { id, cause }.to_string();
    Ok(read().map_err(|cause| UnreadableJob { id, problem: problem(cause) }))
}

/// The text behind the version, of a record that this build knows.
fn understood(row: &Row<'_>) -> Result<String, String> {
    let read = |error: rusqlite::Error| error.to_string();
    let version: u32 = row.get(1).map_err(read)?;
    if version > RECORD_VERSION {
        return Err(format!("it has version {version}, this howdah knows up to {RECORD_VERSION}"));
    }
    row.get(2).map_err(read)
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
    let read = || serde_json::from_str(&understood(row)?).map_err(|error| error.to_string());
    Ok((id, read().map_err(|cause| JournalError::JobRecord { id, cause })))
}

fn json<T: Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}
