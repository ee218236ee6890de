//! How a person or a script names a job or a run: `nightly`, `nightly#3`, `[0]`, or the beginning of either name.
//!
//! Promises: a whole name comes before a beginning; a beginning that fits several names none.

use super::{ListedJob, jobs};
use crate::{
    cli::session::{SessionError, reader::Reader},
    domain::{JobId, JobSpec, instance::printable},
    machine::job::JobRun,
};
use serde::Deserialize;
use std::{
    convert::Infallible,
    io::{self, Read},
    str::FromStr,
};
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

/// A run as the pipe names it; what else the object holds is left alone.
#[derive(Debug, Deserialize)]
struct Piped {
    run: JobId,
    uuid: Uuid,
}

/// One value of the pipe.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(Piped),
    Many(Vec<Piped>),
}

/// Fewer characters of a uuid are more likely a slip than a name.
const SHORTEST: usize = 4;

/// The most that is read from a pipe: a run of a hundred objects has some twenty kilobytes.
const MAX_INPUT: u64 = 64 << 20;

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
            return Ok(of(run, all));
        }
        let beginning = |job: &ListedJob| !word.is_empty() && job.name.as_str().starts_with(word);
        let found: Vec<usize> = (0..all.len()).filter(|at| beginning(&all[*at])).collect();
        match found[..] {
            [at] => Ok(newest(all.swap_remove(at))),
            [] => match self.by_uuid(reader)? {
                Some(run) => Ok(of(run, all)),
                None => Err(refused(&format!("there is no job {word}; howdah job list shows those that there are"))),
            },
            [..] => {
                let names: Vec<&str> = found.iter().map(|at| all[*at].name.as_str()).collect();
                Err(refused(&format!("{word} is the beginning of several jobs: {}", names.join(", "))))
            }
        }
    }

    fn by_uuid(&self, reader: &mut Reader) -> Result<Option<JobRun>, SessionError> {
        let word = self.0.to_ascii_lowercase();
        if word.len() < SHORTEST || !word.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') {
            return Ok(None);
        }
        let found = reader.journal.last_runs()?.runs.into_iter().chain(reader.journal.ongoing_runs()?.runs);
        let mut found: Vec<JobRun> = found.filter(|run| run.uuid().to_string().starts_with(&word)).collect();
        found.dedup_by_key(|run| run.id());
        Ok(if found.len() == 1 { found.pop() } else { reader.journal.run_by_uuid(&word)? })
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
                let mut found = Vec::new();
                for Piped { run, uuid } in piped(input)? {
                    let known = reader.journal.run(run)?.filter(|known| known.uuid() == uuid);
                    let (all, _) = jobs(reader, specs)?;
                    let unknown = || refused(&format!("there is no run {run} with the uuid {uuid}"));
                    found.push(known.ok_or_else(unknown).map(|run| of(run, all)));
                }
                Ok(found)
            }
        }
    }
}

fn piped(input: &mut dyn Read) -> Result<Vec<Piped>, SessionError> {
    let mut bytes = Vec::new();
    input.take(MAX_INPUT + 1).read_to_end(&mut bytes).map_err(|error| {
        SessionError::Stream(io::Error::new(error.kind(), format!("the standard input cannot be read: {error}")))
    })?;
    if bytes.len() as u64 > MAX_INPUT {
        let most = MAX_INPUT >> 20;
        return Err(SessionError::Usage(format!("the standard input is longer than {most} MiB; nothing was done")));
    }
    let mut runs: Vec<Piped> = Vec::new();
    for value in serde_json::Deserializer::from_slice(&bytes).into_iter::<OneOrMany>() {
        let value = value.map_err(|error| {
            SessionError::Usage(format!(
                "the standard input is no object of a run or list of them, so nothing was done: {error}"
            ))
        })?;
        match value {
            OneOrMany::One(run) => runs.push(run),
            OneOrMany::Many(some) => runs.extend(some),
        }
    }
    Ok(runs)
}

fn newest(mut job: ListedJob) -> Named {
    let run = job.last.take();
    Named { job, run }
}

fn of(run: JobRun, all: Vec<ListedJob>) -> Named {
    let is_its = |job: &ListedJob| job.name == *run.spec().name();
    let job = all.into_iter().find(is_its);
    let job = job.unwrap_or_else(|| ListedJob { name: run.spec().name().clone(), spec: None, last: None });
    Named { job, run: Some(run) }
}

fn refused(reason: &str) -> SessionError {
    SessionError::Refused(printable(reason))
}
