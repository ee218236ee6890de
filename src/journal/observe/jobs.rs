//! Runs of jobs, seen from outside.

use super::{JournalReader, rows};
use crate::{
    domain::{InstanceName, JobId, Timestamp, instance::printable},
    journal::{
        JobRecord, JournalError, RECORD_VERSION,
        jobs::{ended, records, run},
        schema,
    },
    machine::job::{JobCreated, JobEvent, JobRow, JobRun, UnreadableJob},
};
use rusqlite::{Connection, Row, params};
use std::{collections::HashMap, time::Duration};

/// Runs, and records that should be some but cannot be read.
#[derive(Debug, Default)]
pub struct JobSet {
    /// Those that can be read.
    pub runs: Vec<JobRun>,
    /// Those that cannot.
    pub unreadable: Vec<UnreadableJob>,
}

/// A run's two names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunNames {
    /// Its number here.
    pub id: JobId,
    /// Its uuid, in small letters with hyphens.
    pub uuid: String,
}

/// One record of a run's history, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobHistoryLine {
    /// When it happened.
    pub at: Timestamp,
    /// Its kind, as the journal calls it, such as `object_started`; `unreadable` for a record that cannot be read.
    pub event: String,
    /// The sentence; printable.
    pub text: String,
    /// The record itself; `None` where it cannot be read.
    pub record: Option<JobRecord>,
}

impl JournalReader {
    /// All runs that go on, oldest first.
    pub fn ongoing_runs(&mut self) -> Result<JobSet, JournalError> {
        let sql = "SELECT id, version, body FROM jobs WHERE place = 'ongoing' ORDER BY id";
        self.read_runs(|connection| Ok(JobSet::of(records(connection, sql, ())?)))
    }

    /// The newest runs that have ended and are not dismissed, and the newest of each job, dismissed or not; newest first.
    pub fn ended_runs(&mut self) -> Result<(Vec<JobRow>, Vec<UnreadableJob>), JournalError> {
        self.read_runs(|connection| {
            let rows = ended(connection, schema::version(connection)?)?;
            let (rows, unreadable): (Vec<_>, Vec<_>) = rows.into_iter().partition(Result::is_ok);
            Ok((rows.into_iter().flatten().collect(), unreadable.into_iter().filter_map(Result::err).collect()))
        })
    }

    /// The newest runs of a job, dismissed ones too, newest first; at most `most`.
    pub fn runs_of(&mut self, name: &InstanceName, most: usize) -> Result<JobSet, JournalError> {
        let sql = "SELECT id, version, body FROM jobs WHERE name = ?1 ORDER BY id DESC LIMIT ?2";
        self.read_runs(|connection| Ok(JobSet::of(records(connection, sql, params![name.as_str(), most])?)))
    }

    /// The newest run of each job that ever ran, by the names of the jobs.
    pub fn last_runs(&mut self) -> Result<JobSet, JournalError> {
        let sql =
            "SELECT id, version, body FROM jobs WHERE id IN (SELECT max(id) FROM jobs GROUP BY name) ORDER BY name";
        self.read_runs(|connection| Ok(JobSet::of(records(connection, sql, ())?)))
    }

    /// A run by its number, wherever it stands.
    pub fn run(&mut self, id: JobId) -> Result<Option<JobRun>, JournalError> {
        self.read_runs(|connection| run(connection, id))?.transpose()
    }

    /// The runs, of all that ever were, whose uuid begins so; at most `most`, oldest first.
    pub fn runs_with_prefix(&mut self, prefix: &str, most: usize) -> Result<Vec<RunNames>, JournalError> {
        // Every character of a uuid sorts before "g".
        let sql = "SELECT id, uuid FROM jobs WHERE uuid >= ?1 AND uuid < ?1 || 'g' ORDER BY id LIMIT ?2";
        let named = |row: &Row<'_>| Ok(RunNames { id: JobId(row.get(0)?), uuid: row.get(1)? });
        self.read_runs(|connection| rows(connection, sql, params![prefix, most], named))
    }

    /// All that ever happened to a run, oldest first; empty when there is no such run.
    pub fn run_history(&mut self, id: JobId) -> Result<Vec<JobHistoryLine>, JournalError> {
        let sql = "SELECT at, version, body FROM job_events WHERE job = ?1 ORDER BY number";
        let number = i64::try_from(id.0).unwrap_or(-1);
        let mut lines = self.read_runs(|connection| rows(connection, sql, [number], history_line))?;
        name_objects(&mut lines);
        Ok(lines)
    }

    /// What `work` reads; nothing where the file is older than runs.
    fn read_runs<T: Default>(
        &mut self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, JournalError> {
        self.read(
            |connection| {
                if schema::version(connection)? < schema::WITH_JOBS { Ok(T::default()) } else { work(connection) }
            },
        )
    }
}

impl JobSet {
    fn of(records: Vec<crate::journal::jobs::Record>) -> Self {
        let mut found = Self::default();
        for (id, run) in records {
            match run {
                Ok(run) => found.runs.push(run),
                Err(error) => found.unreadable.push(UnreadableJob { id, problem: error.to_string() }),
            }
        }
        found
    }
}

/// Says the objects by their names, and how long each took: what a single record does not know.
fn name_objects(lines: &mut [JobHistoryLine]) {
    let created = lines.iter().find_map(|line| match &line.record {
        Some(JobRecord::Created(created)) => Some((created.spec.clone(), created.at)),
        Some(JobRecord::Happened { .. }) | None => None,
    });
    let Some((spec, begun)) = created else { return };
    let mut started: HashMap<usize, Timestamp> = HashMap::new();
    for line in lines {
        let Some(JobRecord::Happened { at, event }) = &line.record else { continue };
        let since = match event {
            JobEvent::ObjectStarted { object, .. } => {
                started.insert(*object, *at);
                None
            }
            JobEvent::ObjectEnded { object, .. } => started.get(object).copied(),
            JobEvent::Ended { .. } => Some(begun),
            JobEvent::ObjectRefused { .. }
            | JobEvent::ObjectCancelRequested { .. }
            | JobEvent::StopRequested { .. }
            | JobEvent::Dismissed { .. } => None,
        };
        let took = since.and_then(|since| Duration::try_from(at.duration_since(since)).ok());
        line.text = printable(&event.sentence(&spec, took));
    }
}

/// Reads `at, version, body`.
fn history_line(row: &Row<'_>) -> rusqlite::Result<JobHistoryLine> {
    let at = super::moment(row.get(0)?);
    let read = row.get(1).and_then(|version| Ok((version, row.get::<_, String>(2)?)));
    let read = read.map_err(|error| error.to_string()).and_then(|(version, body)| understood(version, &body, at));
    Ok(match read {
        Ok((event, record)) => {
            let text = match &record {
                JobRecord::Created(created) => created.to_string(),
                JobRecord::Happened { event, .. } => event.to_string(),
            };
            JobHistoryLine { at, event: printable(&event), text: printable(&text), record: Some(record) }
        }
        Err(cause) => {
            let text = printable(&format!("this record cannot be read: {cause}"));
            JobHistoryLine { at, event: "unreadable".to_owned(), text, record: None }
        }
    })
}

/// The kind of one record, and what it says.
fn understood(version: u32, body: &str, at: Timestamp) -> Result<(String, JobRecord), String> {
    if version > RECORD_VERSION {
        return Err(format!("it has version {version}, this howdah knows up to {RECORD_VERSION}"));
    }
    let broken = |error: serde_json::Error| error.to_string();
    let value: serde_json::Value = serde_json::from_str(body).map_err(broken)?;
    // An event is an object of one key, its kind; what creates a run has its specification beside other things.
    if let Some(kind) =
        value.as_object().filter(|parts| parts.len() == 1).and_then(|parts| parts.keys().next().cloned())
    {
        let event: JobEvent = serde_json::from_value(value).map_err(broken)?;
        return Ok((kind, JobRecord::Happened { at, event }));
    }
    let created: JobCreated = serde_json::from_value(value).map_err(broken)?;
    Ok(("created".to_owned(), JobRecord::Created(Box::new(created))))
}
