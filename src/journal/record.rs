//! The records and rows of the journal, read.
//!
//! Promise: what cannot be read says why, and nothing else is lost with it (S10). Never: writes.

use super::{JournalError, RECORD_VERSION, schema};
use crate::{
    domain::{ByteCount, InstanceName, Kind, SessionId, Timestamp, upgrade},
    machine::{CompletedDetails, CompletedResult, CompletedRow, Session},
};
use rusqlite::{Connection, Row};
use std::{collections::BTreeMap, num::NonZero, panic::resume_unwind, thread, time::Duration};

/// The record of a session as its row has it, not yet understood.
pub(super) struct StoredRecord {
    pub(super) id: SessionId,
    version: u32,
    body: String,
}

impl StoredRecord {
    /// Reads `version, body` from the columns that begin at `first`.
    pub(super) fn of(id: SessionId, row: &Row<'_>, first: usize) -> Result<Self, JournalError> {
        let broken = |error: rusqlite::Error| JournalError::Record { id, cause: error.to_string() };
        Ok(Self { id, version: row.get(first).map_err(broken)?, body: row.get(first + 1).map_err(broken)? })
    }

    pub(super) fn session(&self) -> Result<Session, JournalError> {
        let Self { id, version, body } = self;
        let broken = |cause: String| JournalError::Record { id: *id, cause };
        if *version > RECORD_VERSION {
            return Err(broken(format!("it has version {version}, this howdah knows up to {RECORD_VERSION}")));
        }
        let read = if *version == RECORD_VERSION {
            serde_json::from_str(body)
        } else {
            let record = serde_json::from_str(body);
            record.and_then(|record| serde_json::from_value(upgrade::session(*version, record)))
        };
        read.map_err(|error| broken(error.to_string()))
    }
}

/// Understands many records, in their order: a thousand take longer than all else that the first screen needs, so that
/// each processor takes a part.
pub(super) fn sessions(records: &[StoredRecord]) -> Vec<Result<Session, JournalError>> {
    /// Fewer are read before a thread is there.
    const SHARE: usize = 100;
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let share = records.len().div_ceil(threads).max(SHARE);
    let mut shares = records.chunks(share);
    let own = shares.next().unwrap_or_default();
    let read = |records: &[StoredRecord]| records.iter().map(StoredRecord::session).collect::<Vec<_>>();
    thread::scope(|scope| {
        let others: Vec<_> = shares.map(|share| scope.spawn(move || read(share))).collect();
        let mut sessions = read(own);
        for other in others {
            sessions.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        sessions
    })
}

/// Reads `version, body` from the columns that begin at `first`.
pub(super) fn session_of(id: SessionId, row: &Row<'_>, first: usize) -> Result<Session, JournalError> {
    StoredRecord::of(id, row, first)?.session()
}

/// Reads the columns that [`super::schema::row_columns`] names, from the first on.
pub(super) fn completed_row(id: SessionId, row: &Row<'_>) -> Result<CompletedRow, String> {
    let unreadable = |error: rusqlite::Error| error.to_string();
    Ok(CompletedRow {
        id,
        kind: kind_of(row, 1)?,
        title: InstanceName::new(&row.get::<_, String>(2).map_err(unreadable)?),
        ended: Timestamp::from_millisecond(row.get(3).map_err(unreadable)?).map_err(|error| error.to_string())?,
        took: Duration::from_millis(row.get(4).map_err(unreadable)?),
        result: result_of(row, 5)?,
        details: CompletedDetails {
            target: row.get::<_, Option<String>>(6).map_err(unreadable)?.unwrap_or_default(),
            by: row.get::<_, Option<String>>(7).map_err(unreadable)?.unwrap_or_default(),
            bytes: row.get::<_, Option<u64>>(8).map_err(unreadable)?.map(ByteCount),
            rate: row.get(9).map_err(unreadable)?,
            tries: row.get(10).map_err(unreadable)?,
            // It stands in another index; see [`taken_from`].
            taken_from: None,
        },
    })
}

/// Of sessions that took items out, the explore session that they took them out of: few beside the completed ones, and in
/// an index of their own.
pub(super) fn taken_from(connection: &Connection) -> rusqlite::Result<BTreeMap<SessionId, SessionId>> {
    // All that begins with the word and a colon.
    let sql = "SELECT id, parent FROM sessions WHERE parent >= 'explore:' AND parent < 'explore;'";
    if schema::version(connection)? < schema::WITH_KINDS {
        return Ok(BTreeMap::new());
    }
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut found = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let parent: String = row.get(1)?;
        let parent = parent.strip_prefix("explore:").and_then(|number| number.parse().ok());
        if let Some(parent) = parent {
            found.insert(SessionId(row.get(0)?), SessionId(parent));
        }
    }
    Ok(found)
}

/// A count as a column has it; SQLite counts to half as far.
pub(super) fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(super) fn kind_of(row: &Row<'_>, column: usize) -> Result<Kind, String> {
    let kind: String = row.get(column).map_err(|error| error.to_string())?;
    kind.parse().map_err(|_| format!("it is of the kind {kind:?}, which this howdah does not know"))
}

pub(super) fn result_of(row: &Row<'_>, column: usize) -> Result<CompletedResult, String> {
    let result: String = row.get(column).map_err(|error| error.to_string())?;
    let known = CompletedResult::ALL.into_iter().find(|known| known.as_str() == result);
    known.ok_or_else(|| format!("it ended as {result:?}, which this howdah does not know"))
}
