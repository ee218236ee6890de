//! The tables of the journal and how an old file becomes a new one.

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

/// Schema changes in order; `user_version` counts how many a file has.
///
/// - `sessions` holds each session as it stands now: enough to go on, without reading its history. Its columns are
///   checked, so that no row can stand outside the places that are read.
/// - `events` holds all that ever happened.
/// - `ownership` counts the owners that have opened the file (see [`super::ownership`]).
/// - `jobs` holds each run of a job as it stands now, `job_events` what happened to it.
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
];

/// The schema that this build writes.
pub(super) const NEWEST: u32 = 3;

/// The schema from which on the rows of sessions have their kind; before it all are restores.
const WITH_KINDS: u32 = 3;

/// The records that are copied between two words on how far it has come.
const COPIED_AT_ONCE: u32 = 1000;

/// One change of the schema.
enum Step {
    /// Statements.
    Batch(&'static str),
    /// A table that is made anew: what comes before the copy of its rows, the copy, and what comes after it.
    Rebuild { before: &'static str, copy: &'static str, after: &'static str },
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
