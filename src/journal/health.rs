//! Looking at a journal without touching it.
//!
//! Promises: nothing is made, changed, locked or brought up to date, whether an owner writes at the moment or was
//! killed. Never: one unreadable record ends the look (S10).

use super::{
    JournalError,
    record::{completed_row, session_of},
    schema,
};
use crate::domain::{SessionId, Timestamp};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row};
use std::{collections::BTreeSet, fmt::Write, fs, os::unix::ffi::OsStrExt, path::Path, time::Duration};

/// Whole records that are read of the sessions that have ended, newest first; of the older ones, what their rows tell.
const BODIES: u32 = 1000;

/// What can be told of a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// The schema of the file; 0 for one that was only just made.
    pub schema: u32,
    /// The schema that this build writes.
    pub newest_schema: u32,
    /// Sessions that are not over.
    pub ongoing: usize,
    /// Sessions that are.
    pub ended: usize,
    /// The numbers of all of them.
    pub known: BTreeSet<SessionId>,
    /// Sessions whose record cannot be read.
    pub unreadable: Vec<SessionId>,
    /// When the newest event happened.
    pub newest_event: Option<Timestamp>,
}

/// Looks at the file, which must be there.
pub fn health(path: &Path) -> Result<Health, JournalError> {
    let failed = |cause| JournalError::Sqlite { path: path.to_owned(), operation: "be read", cause };
    let other = |cause: String| JournalError::NotAFile { path: path.to_owned(), cause };
    // A pipe in its place would keep whoever opens it waiting.
    if !fs::metadata(path).map_err(|error| other(error.to_string()))?.is_file() {
        return Err(other("it is not a file".to_owned()));
    }
    let connection = open(path).map_err(failed)?;
    let schema = schema::version(&connection).map_err(failed)?;
    if schema > schema::NEWEST {
        return Err(JournalError::Newer { path: path.to_owned(), found: schema, known: schema::NEWEST });
    }
    let mut health = Health {
        schema,
        newest_schema: schema::NEWEST,
        ongoing: 0,
        ended: 0,
        known: BTreeSet::new(),
        unreadable: Vec::new(),
        newest_event: None,
    };
    if schema > 0 {
        count(&connection, &mut health).map_err(failed)?;
    }
    Ok(health)
}

fn count(connection: &Connection, health: &mut Health) -> rusqlite::Result<()> {
    let (mut known, mut unreadable) = (BTreeSet::new(), BTreeSet::new());
    let mut each = |sql: &str, readable: fn(SessionId, &Row<'_>) -> bool| -> rusqlite::Result<usize> {
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            let id = SessionId(row.get(0)?);
            count += 1;
            known.insert(id);
            if !readable(id, row) {
                unreadable.insert(id);
            }
        }
        Ok(count)
    };
    let whole = |id, row: &Row<'_>| session_of(id, row, 1).is_ok();
    health.ongoing = each("SELECT id, version, body FROM sessions WHERE place = 'ongoing'", whole)?;
    // All that this takes is in the index, which is far smaller than the records.
    health.ended = each(
        &format!(
            "SELECT {} FROM sessions WHERE place IN ('completed', 'dismissed')",
            schema::row_columns(health.schema)
        ),
        |id, row| completed_row(id, row).is_ok(),
    )?;
    let newest = "SELECT id, version, body FROM sessions WHERE place <> 'ongoing' ORDER BY id DESC LIMIT";
    each(&format!("{newest} {BODIES}"), whole)?;
    (health.known, health.unreadable) = (known, unreadable.into_iter().collect());
    let newest = "SELECT at FROM events ORDER BY number DESC LIMIT 1";
    let newest: Option<i64> = connection.query_row(newest, [], |row| row.get(0)).optional()?;
    health.newest_event = newest.and_then(|at| Timestamp::from_microsecond(at).ok());
    Ok(())
}

/// SQLite makes the files beside a journal even when it may only read. So: where both stand, an owner writes or was
/// killed, and they are read as they are; else the file alone is whole, and is taken as one that nobody changes.
fn open(path: &Path) -> rusqlite::Result<Connection> {
    let beside = |end: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        Path::new(&name).exists()
    };
    let way = if beside("-wal") && beside("-shm") { "readonly_shm=1" } else { "immutable=1" };
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        // What means something in a URI, and what is no ASCII, is written by its number.
        if byte.is_ascii_alphanumeric() || b"/._-".contains(byte) {
            uri.push(char::from(*byte));
        } else {
            write!(uri, "%{byte:02x}").expect("a string takes all that is written to it");
        }
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(format!("{uri}?{way}"), flags)?;
    // An owner that writes holds the file for some milliseconds.
    connection.busy_timeout(Duration::from_secs(1))?;
    Ok(connection)
}
