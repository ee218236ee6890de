//! `howdah job list`: the jobs of the settings, each with its newest run, then those that ran once.

use super::{ListedJob, args::ListArgs, jobs, object::RunObject, object::standing};
use crate::{
    cli::{
        backup_list::escaped,
        exit::Exit,
        session::{
            SessionError, VerbContext, format, message,
            reader::Reader,
            table::{self, Column, numbers, words},
        },
        streams::Streams,
    },
    domain::{InstanceName, JobKind, JobSpec, Timestamp, quantity},
    machine::job::{JobRun, ObjectCounts},
};
use serde::Serialize;
use std::io;

const COLUMNS: [Column; 8] = [
    numbers("INDEX"),
    words("JOB"),
    words("KIND"),
    words("OBJECTS"),
    words("STATE"),
    numbers("RUN"),
    words("STARTED (UTC)"),
    numbers("TOOK"),
];

/// A job in JSON.
#[derive(Serialize)]
struct JobObject<'a> {
    index: usize,
    job: &'a InstanceName,
    kind: Option<JobKind>,
    objects: Vec<&'a InstanceName>,
    settings: bool,
    last_run: Option<RunObject<'a>>,
}

/// Lists them.
pub fn run(
    reader: &mut Reader,
    args: &ListArgs,
    specs: &[JobSpec],
    context: &VerbContext<'_>,
    streams: &mut Streams<'_>,
) -> Result<Exit, SessionError> {
    let (all, problems) = jobs(reader, specs)?;
    let now = context.clock.now();
    if args.json {
        let line = |(index, job)| serde_json::to_string(&object(index, job, now)).map(|line| escaped(&line));
        let lines: Vec<String> = all.iter().enumerate().map(line).collect::<Result<_, _>>().map_err(io::Error::from)?;
        writeln!(streams.out, "[\n{}\n]", lines.join(",\n"))?;
    } else if all.is_empty() {
        message(streams, "there is no job: howdah.toml describes them, each under [[job]]")?;
    } else {
        let rows: Vec<[String; 8]> = all.iter().enumerate().map(|(index, job)| cells(index, job, now)).collect();
        table::write(streams.out, &COLUMNS, &rows)?;
    }
    streams.out.flush()?;
    problems.iter().try_for_each(|problem| message(streams, problem))?;
    Ok(Exit::Done)
}

fn spec(job: &ListedJob) -> Option<&JobSpec> {
    job.spec.as_ref().or_else(|| job.last.as_ref().map(JobRun::spec))
}

fn object(index: usize, job: &ListedJob, now: Timestamp) -> JobObject<'_> {
    let objects = spec(job).map(|spec| spec.objects().iter().map(|one| one.object.name()).collect());
    JobObject {
        index,
        job: &job.name,
        kind: spec(job).map(JobSpec::kind),
        objects: objects.unwrap_or_default(),
        settings: job.spec.is_some(),
        last_run: job.last.as_ref().map(|run| RunObject::of(run, now)),
    }
}

fn cells(index: usize, job: &ListedJob, now: Timestamp) -> [String; 8] {
    let kind = spec(job).map_or_else(String::new, |spec| spec.kind().to_string());
    let head = [format!("[{index}]"), job.name.to_string(), kind];
    let rest = if let Some(run) = &job.last {
        let counts = ObjectCounts::of(run.objects());
        [
            format!("{} of {} done", counts.succeeded, counts.total()),
            standing(run),
            run.id().to_string(),
            format::moment(run.started_at()),
            quantity::seconds(run.elapsed(now)),
        ]
    } else {
        let objects = spec(job).map_or(0, |spec| spec.objects().len());
        let none = || "-".to_owned();
        [quantity::many(objects as u64, "object"), "never ran".to_owned(), none(), none(), none()]
    };
    let [index, name, kind] = head;
    let [objects, state, run, started, took] = rest;
    [index, name, kind, objects, state, run, started, took]
}
