//! The tables of the journal and how an old file becomes a new one.

use super::record::{number, session_of};
use crate::{
    domain::SessionId,
    machine::{CompletedDetails, CompletedRow},
};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

/// Schema changes in order; `user_version` counts how many a file has.
///
/// - `sessions` holds each session as it stands now: enough to go on, without reading its history. Its columns are
///   checked, so that no row can stand outside the places that are read.
/// - `events` holds all that ever happened.
/// - `ownership` counts the owners that have opened the file (see [`super::ownership`]).
/// - `jobs` holds each run of a job as it stands now, `job_events` what happened to it.
/// - `completed_counts` holds how many completed sessions there are of each kind and result: to count a hundred thousand
///   takes longer than all else that the first screen needs. Triggers keep it, whoever changes a row.
///
/// A kind or result that a later build adds needs no new schema: those columns are not checked, and a row that cannot be
/// understood is listed as unreadable.
const MIGRATIONS: [Step; NEWEST as usize] = [
    Step::Batch(
        "
    CREATE TABLE sessions (
        id INTEGER PRIMARY KEY,
        uuid TEXT NOT NULL UNIQUE,
        place TEXT NOT NULL CHECK (place IN ('ongoing', 'completed', 'dismissed')),
        instance TEXT NOT NULL,
        ended INTEGER,
        took INTEGER CHECK (took >= 0),
        result TEXT CHECK (result IN ('succeeded', 'cancelled')),
        version INTEGER NOT NULL,
        body TEXT NOT NULL,
        CHECK (place = 'ongoing' OR (ended IS NOT NULL AND took IS NOT NULL AND result IS NOT NULL))
    ) STRICT;
    CREATE INDEX sessions_by_place ON sessions (place, ended DESC, id DESC, result, instance, took);
    CREATE INDEX sessions_by_result ON sessions (result) WHERE place = 'completed';
    CREATE TABLE events (
        number INTEGER PRIMARY KEY,
        session INTEGER NOT NULL REFERENCES sessions (id),
        at INTEGER NOT NULL,
        version INTEGER NOT NULL,
        body TEXT NOT NULL
    ) STRICT;
    CREATE INDEX events_by_session ON events (session, number);
",
    ),
    Step::Batch(
        "
    CREATE TABLE ownership (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        epoch INTEGER NOT NULL
    ) STRICT;
    INSERT INTO ownership VALUES (1, 0);
",
    ),
    // SQLite cannot change a check: the table is made anew, and the records are copied as they are.
    Step::Rebuild {
        before: "
    CREATE TABLE sessions_new (
        id INTEGER PRIMARY KEY,
        uuid TEXT NOT NULL UNIQUE,
        place TEXT NOT NULL CHECK (place IN ('ongoing', 'completed', 'dismissed')),
        kind TEXT NOT NULL,
        parent TEXT,
        instance TEXT NOT NULL,
        ended INTEGER,
        took INTEGER CHECK (took >= 0),
        result TEXT,
        version INTEGER NOT NULL,
        body TEXT NOT NULL,
        CHECK (place = 'ongoing' OR (ended IS NOT NULL AND took IS NOT NULL AND result IS NOT NULL))
    ) STRICT;
",
        copy: "
    INSERT INTO sessions_new (id, uuid, place, kind, parent, instance, ended, took, result, version, body)
    SELECT id, uuid, place, 'restore', NULL, instance, ended, took, result, version, body FROM sessions
    WHERE id > ?1 ORDER BY id LIMIT ?2
",
        after: "
    DROP TABLE sessions;
    ALTER TABLE sessions_new RENAME TO sessions;
    CREATE INDEX sessions_by_place ON sessions (place, ended DESC, id DESC, kind, result, instance, took);
    CREATE INDEX sessions_by_result ON sessions (kind, result) WHERE place = 'completed';
    CREATE INDEX sessions_by_parent ON sessions (parent) WHERE parent IS NOT NULL;
    CREATE TABLE jobs (
        id INTEGER PRIMARY KEY,
        uuid TEXT NOT NULL UNIQUE,
        place TEXT NOT NULL CHECK (place IN ('ongoing', 'completed', 'dismissed')),
        name TEXT NOT NULL,
        kind TEXT NOT NULL,
        started INTEGER NOT NULL,
        ended INTEGER,
        result TEXT,
        version INTEGER NOT NULL,
        body TEXT NOT NULL,
        CHECK (place = 'ongoing' OR (ended IS NOT NULL AND result IS NOT NULL))
    ) STRICT;
    CREATE INDEX jobs_by_place ON jobs (place, ended DESC, id DESC, name, kind, result);
    CREATE INDEX jobs_by_name ON jobs (name, id DESC);
    CREATE TABLE job_events (
        number INTEGER PRIMARY KEY,
        job INTEGER NOT NULL REFERENCES jobs (id),
        at INTEGER NOT NULL,
        version INTEGER NOT NULL,
        body TEXT NOT NULL
    ) STRICT;
    CREATE INDEX job_events_by_job ON job_events (job, number);
",
    },
    // What tables show of a completed session stands in its record, which is too long to be read for each row.
    Step::Details {
        before: "
    ALTER TABLE sessions ADD COLUMN target TEXT;
    ALTER TABLE sessions ADD COLUMN ordered_by TEXT;
    ALTER TABLE sessions ADD COLUMN bytes INTEGER CHECK (bytes >= 0);
    ALTER TABLE sessions ADD COLUMN rate INTEGER CHECK (rate >= 0);
    ALTER TABLE sessions ADD COLUMN tries INTEGER CHECK (tries >= 0);
    DROP INDEX sessions_by_place;
",
        after: "
    CREATE INDEX sessions_by_place ON sessions
        (place, ended DESC, id DESC, kind, result, instance, took, target, ordered_by, bytes, rate, tries);
",
    },
    Step::Batch(
        "
    CREATE TABLE completed_counts (
        kind TEXT NOT NULL,
        result TEXT NOT NULL,
        sessions INTEGER NOT NULL CHECK (sessions >= 0),
        PRIMARY KEY (kind, result)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO completed_counts
        SELECT kind, result, count(*) FROM sessions WHERE place = 'completed' GROUP BY kind, result;
    DROP INDEX sessions_by_result;
    CREATE TRIGGER completed_counts_insert AFTER INSERT ON sessions WHEN new.place = 'completed' BEGIN
        INSERT INTO completed_counts VALUES (new.kind, new.result, 1)
            ON CONFLICT DO UPDATE SET sessions = sessions + 1;
    END;
    CREATE TRIGGER completed_counts_delete AFTER DELETE ON sessions WHEN old.place = 'completed' BEGIN
        UPDATE completed_counts SET sessions = sessions - 1 WHERE kind = old.kind AND result = old.result;
    END;
    CREATE TRIGGER completed_counts_leave AFTER UPDATE ON sessions WHEN old.place = 'completed' BEGIN
        UPDATE completed_counts SET sessions = sessions - 1 WHERE kind = old.kind AND result = old.result;
    END;
    CREATE TRIGGER completed_counts_enter AFTER UPDATE ON sessions WHEN new.place = 'completed' BEGIN
        INSERT INTO completed_counts VALUES (new.kind, new.result, 1)
            ON CONFLICT DO UPDATE SET sessions = sessions + 1;
    END;
",
    ),
    // What lists show of a run that has ended; NULL in records of older builds, whose whole run is read instead.
    Step::Batch("ALTER TABLE jobs ADD COLUMN summary TEXT"),
];

/// The schema that this build writes.
pub(super) const NEWEST: u32 = 6;

/// The schema from which on the rows of sessions have their kind and parent; before it all are restores.
pub(super) const WITH_KINDS: u32 = 3;

/// The schema from which on there are runs of jobs.
pub(super) const WITH_JOBS: u32 = 3;

/// The schema from which on there is a summary of each run that has ended.
const WITH_SUMMARIES: u32 = 6;

/// The schema from which on the rows of completed sessions have their details.
const WITH_DETAILS: u32 = 4;

/// The records that are copied between two words on how far it has come.
const COPIED_AT_ONCE: u32 = 1000;

/// One change of the schema.
enum Step {
    /// Statements.
    Batch(&'static str),
    /// A table that is made anew: what comes before the copy of its rows, the copy, and what comes after it.
    Rebuild { before: &'static str, copy: &'static str, after: &'static str },
    /// The details of completed sessions are read from their records; what comes before that and after it.
    Details { before: &'static str, after: &'static str },
}

/// How far the change of an old file has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// The schema that it is brought to.
    pub schema: u32,
    /// Records that are copied.
    pub done: u64,
    /// Records in all.
    pub total: u64,
}

/// The schema of a file.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// What stands for the column `kind` in a file of this schema.
pub(super) const fn kind_column(schema: u32) -> &'static str {
    if schema >= WITH_KINDS { "kind" } else { "'restore'" }
}

/// The columns of a completed session's row, as [`super::record::completed_row`] reads them, in a file of this schema.
pub(super) fn row_columns(schema: u32) -> String {
    let details =
        if schema >= WITH_DETAILS { "target, ordered_by, bytes, rate, tries" } else { "NULL, NULL, NULL, NULL, NULL" };
    format!("id, {}, instance, ended, took, result, {details}", kind_column(schema))
}

/// The column of the summary of a run, in a file of this schema.
pub(super) const fn summary_column(schema: u32) -> &'static str {
    if schema >= WITH_SUMMARIES { "summary" } else { "NULL" }
}

/// Brings a file from its schema to the newest, one step a transaction: whatever ends it in the middle of a step leaves
/// the file as it was before that step.
pub(super) fn migrate(
    connection: &mut Connection,
    from: u32,
    watch: &mut dyn FnMut(Migration),
) -> rusqlite::Result<()> {
    if from >= NEWEST {
        return Ok(());
    }
    // A table that others refer to is made anew; inside a transaction this cannot be changed (SQLite, "ALTER TABLE").
    connection.pragma_update(None, "foreign_keys", false)?;
    let migrated = migrate_from(connection, from, watch);
    connection.pragma_update(None, "foreign_keys", true)?;
    migrated
}

fn migrate_from(connection: &mut Connection, from: u32, watch: &mut dyn FnMut(Migration)) -> rusqlite::Result<()> {
    for (number, step) in (1_u32..).zip(&MIGRATIONS).skip(from as usize) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Another owner may have done it, which has the file no more.
        if version(&transaction)? >= number {
            continue;
        }
        match step {
            Step::Batch(statements) => transaction.execute_batch(statements)?,
            Step::Rebuild { before, copy, after } => {
                transaction.execute_batch(before)?;
                copy_rows(&transaction, copy, number, watch)?;
                transaction.execute_batch(after)?;
            }
            Step::Details { before, after } => {
                transaction.execute_batch(before)?;
                fill_details(&transaction, number, watch)?;
                transaction.execute_batch(after)?;
            }
        }
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
    }
    Ok(())
}

fn copy_rows(
    transaction: &Transaction<'_>,
    copy: &str,
    schema: u32,
    watch: &mut dyn FnMut(Migration),
) -> rusqlite::Result<()> {
    let total = transaction.query_row("SELECT count(*) FROM sessions", [], |row| row.get(0))?;
    let (mut statement, mut last, mut done) = (transaction.prepare(copy)?, i64::MIN, 0);
    loop {
        let copied = statement.execute(params![last, COPIED_AT_ONCE])?;
        if copied == 0 {
            return Ok(());
        }
        done += copied as u64;
        last = transaction.query_row("SELECT max(id) FROM sessions_new", [], |row| row.get(0))?;
        watch(Migration { schema, done, total });
    }
}

/// Takes the details of completed sessions from their records. One that cannot be read has none.
fn fill_details(transaction: &Transaction<'_>, schema: u32, watch: &mut dyn FnMut(Migration)) -> rusqlite::Result<()> {
    let ended = "FROM sessions WHERE place <> 'ongoing' AND id > ?1";
    let total = transaction.query_row(&format!("SELECT count(*) {ended}"), [i64::MIN], |row| row.get(0))?;
    let mut page = transaction.prepare(&format!("SELECT id, version, body {ended} ORDER BY id LIMIT ?2"))?;
    let mut update = transaction
        .prepare("UPDATE sessions SET target = ?2, ordered_by = ?3, bytes = ?4, rate = ?5, tries = ?6 WHERE id = ?1")?;
    let (mut last, mut done) = (i64::MIN, 0);
    loop {
        let details = |row: &rusqlite::Row<'_>| {
            let id: i64 = row.get(0)?;
            let session = session_of(SessionId(id.unsigned_abs()), row, 1).ok();
            Ok((id, session.as_ref().and_then(CompletedRow::of).map(|row| row.details)))
        };
        let read: Vec<(i64, Option<CompletedDetails>)> =
            page.query_map(params![last, COPIED_AT_ONCE], details)?.collect::<rusqlite::Result<_>>()?;
        let Some((newest, _)) = read.last() else { return Ok(()) };
        (last, done) = (*newest, done + read.len() as u64);
        for (id, details) in read {
            let Some(details) = details else { continue };
            update.execute(params![
                id,
                details.target,
                details.by,
                details.bytes.map(|bytes| number(bytes.0)),
                details.rate.map(number),
                details.tries,
            ])?;
        }
        watch(Migration { schema, done, total });
    }
}
