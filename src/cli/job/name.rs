//! How a person or a script names a job or a run: `nightly`, `nightly#3`, `[0]`, or the beginning of either name.
//!
//! Promises: a whole name comes before a beginning; a beginning that fits several names none.

use super::{ListedJob, jobs};
use crate::{
    cli::session::{
        SessionError,
        name::{NAMED, beginning},
        pipe::{self, FromPipe},
        reader::Reader,
    },
    domain::{JobId, JobSpec, instance::printable},
    machine::job::JobRun,
};
use serde::Deserialize;
use std::{convert::Infallible, io::Read, str::FromStr};
use uuid::Uuid;

/// A name as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobName(String);

/// One job, or the runs that come through a pipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobSelector {
    /// `-`.
    Piped,
    /// One.
    One(JobName),
}

/// What a name means.
#[derive(Debug)]
pub struct Named {
    /// The job.
    pub job: ListedJob,
    /// The run: the one that was named, else the newest, which is the one that goes on if any does.
    pub run: Option<JobRun>,
}

/// A run as the pipe names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct Piped {
    run: JobId,
    uuid: Uuid,
}

impl FromPipe for Piped {
    const NAME: &'static str = "object of a run";
    const FIELDS: &'static str = "run and uuid";
}

impl FromStr for JobName {
    type Err = Infallible;

    fn from_str(word: &str) -> Result<Self, Infallible> {
        Ok(Self(word.to_owned()))
    }
}

impl FromStr for JobSelector {
    type Err = Infallible;

    fn from_str(word: &str) -> Result<Self, Infallible> {
        if word == "-" { Ok(Self::Piped) } else { word.parse().map(Self::One) }
    }
}

impl Named {
    /// The run; refused where there was none.
    pub fn into_run(self) -> Result<JobRun, SessionError> {
        let name = self.job.name;
        self.run.ok_or_else(|| refused(&format!("{name} never ran: howdah job start {name} starts it")))
    }
}

impl JobName {
    /// The job and the run that are meant.
    pub fn resolve(&self, reader: &mut Reader, specs: &[JobSpec]) -> Result<Named, SessionError> {
        let word = self.0.as_str();
        let (mut all, _) = jobs(reader, specs)?;
        if let Some(place) = word.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let at = place.parse().ok().filter(|at| *at < all.len());
            let many = all.len();
            let at = at.ok_or_else(|| refused(&format!("there is no job {word}: the list has {many}")))?;
            return Ok(newest(all.swap_remove(at)));
        }
        if let Some(at) = all.iter().position(|job| job.name.as_str() == word) {
            return Ok(newest(all.swap_remove(at)));
        }
        if let Some((name, number)) = word.rsplit_once('#') {
            let unknown = || refused(&format!("there is no run {word}"));
            let id = number.parse().map(JobId).map_err(|_| unknown())?;
            let run = reader.journal.run(id)?.filter(|run| run.spec().name().as_str() == name).ok_or_else(unknown)?;
            return Ok(of(run, &all));
        }
        let fits = |job: &ListedJob| !word.is_empty() && job.name.as_str().starts_with(word);
        let found: Vec<usize> = (0..all.len()).filter(|at| fits(&all[*at])).collect();
        match found[..] {
            [at] => Ok(newest(all.swap_remove(at))),
            [] => match self.by_uuid(reader)? {
                Some(run) => Ok(of(run, &all)),
                None => Err(refused(&format!("there is no job {word}; howdah job list shows those that there are"))),
            },
            [..] => {
                let names: Vec<&str> = found.iter().map(|at| all[*at].name.as_str()).collect();
                Err(refused(&format!("{word} is the beginning of several jobs: {}", names.join(", "))))
            }
        }
    }

    /// The one run whose uuid begins so.
    fn by_uuid(&self, reader: &mut Reader) -> Result<Option<JobRun>, SessionError> {
        let Some(beginning) = beginning(&self.0) else { return Ok(None) };
        let found = reader.journal.runs_with_prefix(&beginning, NAMED + 1)?;
        if let [] | [_] = found.as_slice() {
            return Ok(found.first().map(|named| reader.journal.run(named.id)).transpose()?.flatten());
        }
        let named = found.iter().take(NAMED).map(|named| format!("#{} ({})", named.id, named.uuid));
        let more = if found.len() > NAMED { " and more" } else { "" };
        Err(refused(&format!(
            "{beginning} fits several runs: {}{more}; write more of the uuid, or the name of the job and #number",
            named.collect::<Vec<_>>().join(", ")
        )))
    }
}

impl JobSelector {
    /// The runs and jobs that are meant, each or why there is none.
    pub fn resolve(
        &self,
        reader: &mut Reader,
        specs: &[JobSpec],
        input: &mut dyn Read,
    ) -> Result<Vec<Result<Named, SessionError>>, SessionError> {
        match self {
            Self::One(name) => Ok(vec![name.resolve(reader, specs)]),
            Self::Piped => {
                let piped = pipe::read::<Piped>(input)?;
                let (all, _) = jobs(reader, specs)?;
                let mut found = Vec::new();
                for Piped { run, uuid } in piped {
                    let known = reader.journal.run(run)?.filter(|known| known.uuid() == uuid);
                    let unknown = || refused(&format!("there is no run {run} with the uuid {uuid}"));
                    found.push(known.ok_or_else(unknown).map(|run| of(run, &all)));
                }
                Ok(found)
            }
        }
    }
}

fn newest(mut job: ListedJob) -> Named {
    let run = job.last.take();
    Named { job, run }
}

fn of(run: JobRun, all: &[ListedJob]) -> Named {
    let name = run.spec().name();
    let spec = all.iter().find(|job| job.name == *name).and_then(|job| job.spec.clone());
    Named { job: ListedJob { name: name.clone(), spec, last: None }, run: Some(run) }
}

fn refused(reason: &str) -> SessionError {
    SessionError::Refused(printable(reason))
}
