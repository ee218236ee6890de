//! The tables of the journal and how an old file becomes a new one.

use rusqlite::Connection;

/// Schema changes in order; `user_version` counts how many a file has.
///
/// - `sessions` holds each session as it stands now: enough to go on, without reading its history. Its columns are
///   checked, so that no row can stand outside the places that are read.
/// - `events` holds all that ever happened.
/// - `ownership` counts the owners that have opened the file (see [`super::ownership`]).
const MIGRATIONS: [&str; NEWEST as usize] = [
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
    "
    CREATE TABLE ownership (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        epoch INTEGER NOT NULL
    ) STRICT;
    INSERT INTO ownership VALUES (1, 0);
",
];

/// The schema that this build writes.
pub(super) const NEWEST: u32 = 2;

/// The schema of a file.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Brings a file from its schema to the newest, one step a transaction.
pub(super) fn migrate(connection: &mut Connection, from: u32) -> rusqlite::Result<()> {
    for (number, migration) in (1_u32..).zip(MIGRATIONS).skip(from as usize) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
    }
    Ok(())
}
