//! The journal in a SQLite file (WAL mode, every commit synced).

use super::{
    Batch, InitialState, JournalEntry, JournalError, JournalRecord, RECORD_VERSION, jobs,
    ownership::Ownership,
    record::{self, StoredRecord, completed_row, kind_of, number, result_of, session_of},
    schema::{self, Migration},
};
use crate::{
    domain::{JobId, Parent, SessionId},
    machine::{CompletedRow, EndedCounts, Session, UnreadableSession, job::JobRun},
    private_file,
};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params};
use std::{
    collections::BTreeSet,
    fs::OpenOptions,
    io,
    path::{Path, PathBuf},
    time::Duration,
};
use uuid::Uuid;

/// Completed sessions that the first screen gets; the tallest terminal shows fewer.
const FIRST_COMPLETED: usize = 200;

/// An open journal file; one writer at a time, which is the owner.
#[derive(Debug)]
pub struct SqliteJournal {
    path: PathBuf,
    connection: Connection,
    /// `None` for one that is only read.
    ownership: Option<Ownership>,
}

impl SqliteJournal {
    /// Opens the file beside its owner, to be read; it must be there.
    pub fn read(path: &Path) -> Result<Self, JournalError> {
        let at = |operation| move |cause| JournalError::Sqlite { path: path.to_owned(), operation, cause };
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(at("be opened"))?;
        connection.busy_timeout(Duration::from_secs(5)).map_err(at("be opened"))?;
        Ok(Self { path: path.to_owned(), connection, ownership: None })
    }

    /// Opens the file as its owner, makes it when it is missing, and brings an old one up to date. Whoever owned it before
    /// cannot change it any more.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        Self::open_watched(path, &mut |_| {})
    }

    /// The same, and says how far it has come with an old file: some hundred thousand records take seconds.
    pub fn open_watched(path: &Path, watch: &mut dyn FnMut(Migration)) -> Result<Self, JournalError> {
        let at = |operation| move |cause| JournalError::Sqlite { path: path.to_owned(), operation, cause };
        restrict(path).map_err(|cause| JournalError::NotPrivate { path: path.to_owned(), cause })?;
        let mut connection = Connection::open(path).map_err(at("be opened"))?;
        connection.busy_timeout(Duration::from_secs(5)).map_err(at("be opened"))?;
        // WAL lets other processes read while the owner writes; FULL syncs each commit before it is told as done.
        connection.pragma_update(None, "journal_mode", "WAL").map_err(at("be switched to WAL mode"))?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(at("be set to sync"))?;
        let found = schema::version(&connection).map_err(at("tell its version"))?;
        if found > schema::NEWEST {
            return Err(JournalError::Newer { path: path.to_owned(), found, known: schema::NEWEST });
        }
        schema::migrate(&mut connection, found, watch).map_err(at("be brought up to date"))?;
        let ownership = Some(Ownership::take(path, &mut connection)?);
        Ok(Self { path: path.to_owned(), connection, ownership })
    }

    /// Whether it is still this owner's, as far as can be told without a change.
    pub fn check(&mut self) -> Result<(), JournalError> {
        let path = self.path.clone();
        let ownership = self.ownership.as_ref().ok_or(JournalError::ReadOnly { path })?;
        ownership.check_file()?;
        let failed = |cause| JournalError::Sqlite { path: self.path.clone(), operation: "tell its owner", cause };
        ownership.check_epoch(&self.connection.transaction().map_err(failed)?)
    }

    /// What the owner needs at its start.
    pub fn initial_state(&self) -> Result<InitialState, JournalError> {
        let last_id = self.connection.query_row("SELECT coalesce(max(id), 0) FROM sessions", [], |row| row.get(0));
        let mut initial = InitialState { last_id: last_id.map_err(self.failed("be read"))?, ..InitialState::default() };
        let mut ongoing = self
            .connection
            .prepare("SELECT id, version, body, uuid FROM sessions WHERE place = 'ongoing' ORDER BY id")
            .map_err(self.failed("be read"))?;
        let (mut rows, mut records) = (ongoing.query([]).map_err(self.failed("be read"))?, Vec::new());
        while let Some(row) = rows.next().map_err(self.failed("be read"))? {
            let id = SessionId(row.get(0).map_err(self.failed("be read"))?);
            let uuid: String = row.get(3).map_err(self.failed("be read"))?;
            initial.holding.extend(uuid.parse::<Uuid>().ok());
            match StoredRecord::of(id, row, 1) {
                Ok(record) => records.push(record),
                Err(error) => initial.unreadable.push(UnreadableSession { id, problem: error.to_string() }),
            }
        }
        for (record, session) in records.iter().zip(record::sessions(&records)) {
            match session {
                Ok(session) => initial.ongoing.push(session),
                Err(error) => initial.unreadable.push(UnreadableSession { id: record.id, problem: error.to_string() }),
            }
        }
        let (completed, unreadable) = self.rows(Some(FIRST_COMPLETED))?;
        initial.completed = completed;
        initial.unreadable.extend(unreadable);
        initial.ended = self.counts().map_err(self.failed("be counted"))?;
        initial.jobs = jobs::initial(&self.connection).map_err(self.failed("be read"))?;
        Ok(initial)
    }

    /// Those of these numbers that stand for a session.
    pub fn known(&self, of: &BTreeSet<SessionId>) -> Result<BTreeSet<SessionId>, JournalError> {
        /// To look up more of them takes longer than to read the numbers of a hundred thousand sessions.
        const FEW: usize = 2_000;
        let read = || -> rusqlite::Result<BTreeSet<SessionId>> {
            if of.len() > FEW {
                let mut statement = self.connection.prepare("SELECT id FROM sessions")?;
                let all: BTreeSet<SessionId> =
                    statement.query_map([], |row| Ok(SessionId(row.get(0)?)))?.collect::<rusqlite::Result<_>>()?;
                return Ok(&all & of);
            }
            let mut statement = self.connection.prepare("SELECT 1 FROM sessions WHERE id = ?1")?;
            let mut known = BTreeSet::new();
            for id in of {
                if statement.exists([id.0])? {
                    known.insert(*id);
                }
            }
            Ok(known)
        };
        read().map_err(self.failed("be read"))
    }

    /// How many completed sessions are not dismissed. A row of a kind or result that this build does not know is counted
    /// nowhere; it is listed as unreadable.
    fn counts(&self) -> rusqlite::Result<EndedCounts> {
        let sql = "SELECT kind, result, sessions FROM completed_counts";
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        let mut ended = EndedCounts::default();
        while let Some(row) = rows.next()? {
            if let (Ok(kind), Ok(result)) = (kind_of(row, 0), result_of(row, 1)) {
                *ended.count_mut(kind, result) = row.get(2)?;
            }
        }
        Ok(ended)
    }

    /// Stores a batch in one transaction.
    pub fn append(&mut self, batch: &Batch) -> Result<(), JournalError> {
        let failed = |cause| JournalError::Sqlite { path: self.path.clone(), operation: "store a change", cause };
        let ownership = self.ownership.as_ref().ok_or_else(|| JournalError::ReadOnly { path: self.path.clone() })?;
        ownership.check_file()?;
        let behavior = TransactionBehavior::Immediate;
        let transaction = self.connection.transaction_with_behavior(behavior).map_err(failed)?;
        ownership.check_epoch(&transaction)?;
        for entry in &batch.jobs {
            jobs::store(&transaction, entry).map_err(failed)?;
        }
        for entry in &batch.entries {
            store(&transaction, entry).map_err(failed)?;
        }
        transaction.commit().map_err(failed)
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

    /// A run of a job by its number.
    pub fn job(&self, id: JobId) -> Result<Option<JobRun>, JournalError> {
        jobs::run(&self.connection, id).map_err(self.failed("be read"))?.transpose()
    }

    /// All completed sessions that are not dismissed, newest first, without rows that cannot be read.
    pub fn completed(&self) -> Result<Vec<CompletedRow>, JournalError> {
        Ok(self.rows(None)?.0)
    }

    /// Completed rows, newest first, and those that cannot be read.
    fn rows(&self, limit: Option<usize>) -> Result<(Vec<CompletedRow>, Vec<UnreadableSession>), JournalError> {
        let sql = format!(
            "SELECT {} FROM sessions WHERE place = 'completed' ORDER BY ended DESC, id DESC LIMIT ?1",
            schema::row_columns(schema::NEWEST)
        );
        // SQLite takes a negative limit as none.
        let limit = limit.map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
        let read = || -> rusqlite::Result<(Vec<CompletedRow>, Vec<UnreadableSession>)> {
            let mut statement = self.connection.prepare_cached(&sql)?;
            let mut found = (Vec::new(), Vec::new());
            let mut rows = statement.query([limit])?;
            let taken_from = record::taken_from(&self.connection)?;
            while let Some(row) = rows.next()? {
                let id = SessionId(row.get(0)?);
                match completed_row(id, row) {
                    Ok(mut row) => {
                        row.details.taken_from = taken_from.get(&id).copied();
                        found.0.push(row);
                    }
                    Err(problem) => found.1.push(UnreadableSession { id, problem }),
                }
            }
            Ok(found)
        };
        read().map_err(self.failed("be read"))
    }

    fn failed(&self, operation: &'static str) -> impl Fn(rusqlite::Error) -> JournalError + '_ {
        move |cause| JournalError::Sqlite { path: self.path.clone(), operation, cause }
    }
}

/// Makes the file before SQLite does, which would let others read it; what SQLite adds beside it has the same mode.
fn restrict(path: &Path) -> io::Result<()> {
    for beside in ["-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(beside);
        private_file::restrict(Path::new(&name))?;
    }
    if private_file::restrict(path)? {
        return Ok(());
    }
    match private_file::open(path, OpenOptions::new().write(true).create_new(true)) {
        // Another process was faster, and makes it in the same way.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map(drop),
    }
}

fn store(transaction: &Transaction<'_>, entry: &JournalEntry) -> rusqlite::Result<()> {
    let session = &entry.after;
    let row = CompletedRow::of(session);
    let place = match (session.is_ongoing(), session.is_dismissed()) {
        (true, _) => "ongoing",
        (false, false) => "completed",
        (false, true) => "dismissed",
    };
    let details = row.as_ref().map(|row| &row.details);
    let sql = "INSERT INTO sessions (id, uuid, place, kind, parent, instance, ended, took, result, version, body, \
               target, ordered_by, bytes, rate, tries) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) \
               ON CONFLICT (id) DO UPDATE SET \
               place = excluded.place, ended = excluded.ended, took = excluded.took, result = excluded.result, \
               version = excluded.version, body = excluded.body, target = excluded.target, \
               ordered_by = excluded.ordered_by, bytes = excluded.bytes, rate = excluded.rate, tries = excluded.tries";
    transaction.prepare_cached(sql)?.execute(params![
        session.id().0,
        session.uuid().to_string(),
        place,
        session.order().kind().as_str(),
        session.parent().map(parent_text),
        session.title().as_str(),
        row.as_ref().map(|row| row.ended.as_millisecond()),
        row.as_ref().map(|row| u64::try_from(row.took.as_millis()).map_or(i64::MAX, number)),
        row.as_ref().map(|row| row.result.as_str()),
        RECORD_VERSION,
        json(session)?,
        details.map(|details| details.target.as_str()),
        details.map(|details| details.by.as_str()),
        details.and_then(|details| details.bytes).map(|bytes| number(bytes.0)),
        details.and_then(|details| details.rate).map(number),
        details.and_then(|details| details.tries),
    ])?;
    let mut insert =
        transaction.prepare_cached("INSERT INTO events (session, at, version, body) VALUES (?1, ?2, ?3, ?4)")?;
    for change in &entry.changes {
        let (at, body) = match change {
            JournalRecord::Created(created) => (created.at, json(created)?),
            JournalRecord::Happened { at, event } => (*at, json(event)?),
        };
        insert.execute(params![session.id().0, at.as_microsecond(), RECORD_VERSION, body])?;
    }
    Ok(())
}

/// A parent as its column has it: its kind and its number.
fn parent_text(parent: Parent) -> String {
    match parent {
        Parent::Job(job) => format!("job:{}", job.0),
        Parent::Explore(session) => format!("explore:{}", session.0),
    }
}

fn json<T: serde::Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    #[test]
    fn each_commit_is_on_the_disk_before_it_is_told_as_done() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("journal.sqlite");
        for opened in ["new", "again"] {
            let journal = SqliteJournal::open(&path).unwrap();
            let pragma = |name| journal.connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
            // 2 is FULL: in WAL mode NORMAL syncs at checkpoints alone (sqlite.org/pragma.html, synchronous).
            assert_eq!(pragma("synchronous"), 2, "{opened}");
            let mode = journal.connection.pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0));
            assert_eq!(mode.unwrap(), "wal", "{opened}");
        }
    }
}
