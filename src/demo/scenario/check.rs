//! From what stands in the file to a scenario that can be played.
//!
//! Promise: whatever is wrong is named with its line and with what to write instead.

use super::{
    Mishap, Outage, PlannedAttempt, PlannedEnd, PlannedJob, PlannedObject, PlannedRestore, Scenario, ScenarioError,
    SimulatedRepository, Story, archives, tables,
};
use crate::{
    catalog::{Catalog, CatalogEntry, CatalogInstance, Repository, RepositoryKind},
    demo::{
        archive::SimulatedArchive,
        script::{Action, Condition},
        written::{self, Ends, Written},
    },
    domain::{
        BackupFacts, BackupForm, BackupObject, BackupSource, ByteCount, Compression, InstanceName, JobKind, JobObject,
        JobSpec, Lsn, MajorVersion, PasswordSource, RestorePoint, RetryPolicy, SystemIdentifier, Timeline, Timestamp,
        Who, Workload,
    },
};
use std::{
    fmt::Display,
    num::{NonZeroU16, NonZeroU32},
    ops::Range,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};
use toml::Spanned;

/// The process that the screen says it is; it is none of this machine's.
const PROCESS: u32 = 4_090;

/// What most terminals can show.
const SIZE: (u16, u16) = (100, 30);

/// A day of a story in 90 seconds; faster nobody can follow.
const MAX_SPEED: u32 = 1_000;

/// The file that is being read: errors are made of it.
pub(super) struct Source<'a> {
    text: &'a str,
    file: &'a str,
}

impl Source<'_> {
    pub(super) fn error(&self, at: &Range<usize>, problem: impl Into<String>) -> ScenarioError {
        ScenarioError { file: self.file.to_owned(), line: self.line(at), problem: problem.into() }
    }

    fn line(&self, at: &Range<usize>) -> usize {
        let before = self.text.get(..at.start).unwrap_or(self.text);
        before.matches('\n').count() + 1
    }

    pub(super) fn parse<T: FromStr<Err: Display>>(&self, text: &Spanned<String>) -> Result<T, ScenarioError> {
        text.get_ref().parse().map_err(|error: T::Err| self.error(&text.span(), error.to_string()))
    }
}

pub(super) fn read<K: FromStr<Err: Display>>(text: &str, file: &str) -> Result<Scenario<K>, ScenarioError> {
    let source = Source { text, file };
    let refuse = |error: toml::de::Error| source.error(&error.span().unwrap_or_default(), error.message());
    let written: Written = toml::from_str(text).map_err(refuse)?;
    let size = written.size.as_ref().map_or(Ok(SIZE), |size| read_size(&source, size))?;
    let mut script = Vec::new();
    for step in &written.script {
        script.extend(actions(&source, step)?);
    }
    let story = story(&source, written)?;
    for action in &script {
        if let Action::Wait(Condition::Session(name, _), line) = action
            && !story.catalog.instances.iter().any(|one| one.name == *name)
            && !story.jobs.iter().flat_map(|job| job.spec.objects()).any(|one| one.object.name() == name)
        {
            let problem = unknown(name, &story.catalog);
            return Err(ScenarioError { file: file.to_owned(), line: *line, problem });
        }
    }
    Ok(Scenario { story, script, size })
}

fn read_size(source: &Source<'_>, size: &Spanned<String>) -> Result<(u16, u16), ScenarioError> {
    let sides = size.get_ref().split_once('x').and_then(|(columns, rows)| {
        let number = |text: &str| text.parse().ok().filter(|number| (1..=500).contains(number));
        Some((number(columns)?, number(rows)?))
    });
    let problem = || format!("{:?} is no size: write columns and rows, such as 100x30, up to 500x500", size.get_ref());
    sides.ok_or_else(|| source.error(&size.span(), problem()))
}

fn story(source: &Source<'_>, written: Written) -> Result<Story, ScenarioError> {
    let speed = match &written.speed {
        None => NonZeroU32::MIN,
        Some(speed) => NonZeroU32::new(*speed.get_ref()).filter(|speed| speed.get() <= MAX_SPEED).ok_or_else(|| {
            source.error(&speed.span(), format!("a story runs from 1 to {MAX_SPEED} times as fast as time itself"))
        })?,
    };
    let slots = written.slots.as_ref().map_or(Ok(4), |slots| match *slots.get_ref() {
        0 => Err(source.error(&slots.span(), "without a slot nothing ever runs: write at least 1")),
        slots => Ok(slots),
    })?;
    let usual = RetryPolicy::default();
    let policy = RetryPolicy {
        tries: written.tries.unwrap_or(usual.tries),
        every: written.try_every.map_or(usual.every, |every| every.0),
        ..usual
    };
    let written::Person { user, host, terminal } = written.person;
    let by = Who::new(&user, &host, PROCESS, terminal.as_deref());
    let outage = |from: Duration, to: &Spanned<_>, cause: String| outage(source, from, to, cause);
    let cuts = written.link.into_iter().map(|cut| outage(cut.cut.0, &cut.back, cut.cause));
    let cuts = cuts.collect::<Result<Vec<_>, _>>()?;
    let (mut repositories, mut listed, mut instances) = (Vec::new(), Vec::new(), Vec::new());
    let mut archives = Vec::new();
    for one in written.repository {
        let path = PathBuf::from(one.path.get_ref());
        if !path.is_absolute() {
            return Err(source.error(&one.path.span(), "write the path of a repository from the root on"));
        }
        for instance in one.instance {
            if instances.iter().any(|known: &CatalogInstance| known.name.as_str() == instance.name.get_ref()) {
                let problem = "a scenario speaks of instances by name: give each one of its own";
                return Err(source.error(&instance.name.span(), problem));
            }
            let number = instances.len() as u64 + 1;
            let (instance, archive) = catalog_instance(source, &path, instance, written.starts, number)?;
            instances.push(instance);
            archives.extend(archive);
        }
        let down = one.down.into_iter().map(|down| outage(down.from.0, &down.to, down.cause));
        let down = down.collect::<Result<Vec<_>, _>>()?;
        listed.push(Repository { path: path.clone(), kind: RepositoryKind::Own, problem: None });
        repositories.push(SimulatedRepository { path, rate: one.rate, down });
    }
    instances.sort_by(|a, b| a.name.cmp(&b.name));
    let catalog = Catalog::new(listed, instances);
    let restores = written.restore.into_iter().map(|restore| planned(source, restore, &catalog));
    let restores: Vec<PlannedRestore> = restores.collect::<Result<_, _>>()?;
    let jobs = written.job.into_iter().map(|job| planned_job(source, job, &repositories));
    let jobs: Vec<PlannedJob> = jobs.collect::<Result<_, _>>()?;
    let tables = written.table.into_iter().map(|table| tables::planned(source, table, &catalog));
    let tables = tables.collect::<Result<_, _>>()?;
    let (title, starts, opens) = (written.title, written.starts, written.opens.0);
    Ok(Story {
        title,
        starts,
        opens,
        speed,
        slots,
        policy,
        by,
        cuts,
        catalog,
        repositories,
        restores,
        jobs,
        archives,
        tables,
    })
}

fn outage(
    source: &Source<'_>,
    from: Duration,
    to: &Spanned<crate::demo::lengths::Length>,
    cause: String,
) -> Result<Outage, ScenarioError> {
    let (to, at) = (to.get_ref().0, to.span());
    if to <= from {
        return Err(source.error(&at, "what goes away comes back later: write a time after the one it goes at"));
    }
    Ok(Outage { from, to, cause })
}

fn catalog_instance(
    source: &Source<'_>,
    repository: &std::path::Path,
    written: written::Instance,
    starts: Timestamp,
    number: u64,
) -> Result<(CatalogInstance, Option<SimulatedArchive>), ScenarioError> {
    let name = InstanceName::new(written.name.get_ref());
    let folder = repository.join(written.name.get_ref());
    let cluster = SystemIdentifier(7_400_000_000_000_000_000 + number);
    let base = Lsn((number << 32) + 0x28);
    let archive = written.archive.as_ref();
    let archive = archive.map(|archive| archives::planned(source, archive, (&name, base), starts)).transpose()?;
    let at = written.backups.span();
    let mut points = Vec::new();
    for backup in written.backups.into_inner() {
        let age = backup.age.get_ref().0;
        let taken_at = starts.checked_sub(age).map_err(|_| source.error(&backup.age.span(), "older than time"))?;
        let label = taken_at.strftime("%Y-%m-%dT%H%M").to_string();
        let form = if written.plain { BackupForm::Plain } else { BackupForm::Tar(Compression::Zstd) };
        let start_lsn = archive.as_ref().map_or(base, |archive| archive.lsn(taken_at));
        points.push(RestorePoint {
            instance: name.clone(),
            source: BackupSource::BaseBackup { directory: folder.join(&label), form },
            label,
            facts: BackupFacts {
                size: backup.size,
                files: backup.files,
                timeline: Timeline(1),
                start_lsn,
                stop_lsn: Lsn(start_lsn.0 + backup.wal.0),
                taken_at,
                version: Some(MajorVersion(written.version)),
                system_identifier: Some(cluster),
            },
            repository: Some(repository.to_owned()),
        });
    }
    if points.is_empty() {
        return Err(source.error(&at, "an instance without a backup cannot be restored: write at least one"));
    }
    points.sort_by_key(|point| std::cmp::Reverse(point.facts.taken_at));
    let rows = points.into_iter().map(CatalogEntry::Restorable).collect();
    let (kind, repository, spelling) = (RepositoryKind::Own, repository.to_owned(), String::new());
    let (workload, cluster, distinction) = (Workload::Instance, Some(cluster), None);
    let wal = archive.iter().map(SimulatedArchive::listed).collect();
    let listed =
        CatalogInstance { name, workload, kind, rows, repository, folder, wal, cluster, spelling, distinction };
    Ok((listed, archive))
}

fn planned(source: &Source<'_>, written: written::Restore, catalog: &Catalog) -> Result<PlannedRestore, ScenarioError> {
    let name = InstanceName::new(written.instance.get_ref());
    let found = catalog.instances.iter().find(|one| one.name == name).and_then(CatalogInstance::newest);
    let point = found.cloned().ok_or_else(|| source.error(&written.instance.span(), unknown(&name, catalog)))?;
    let attempts = written.attempts.into_iter().map(|attempt| planned_attempt(source, attempt, point.facts.size));
    Ok(PlannedRestore { attempts: attempts.collect::<Result<_, _>>()?, point, at: written.at.0 })
}

/// A job whose objects are servers; its objects are tried again as those of the settings are.
fn planned_job(
    source: &Source<'_>,
    written: Spanned<written::Job>,
    repositories: &[SimulatedRepository],
) -> Result<PlannedJob, ScenarioError> {
    let at = written.span();
    let written::Job { name, repository, at: starts, objects } = written.into_inner();
    let known = repositories.iter().find(|one| one.path == Path::new(repository.get_ref()));
    let Some(known) = known else {
        return Err(source.error(&repository.span(), "no [[repository]] here has this path"));
    };
    let (mut wanted, mut planned) = (Vec::new(), Vec::new());
    for object in objects {
        let written::Object { name, size, attempts } = object.into_inner();
        let attempts = attempts.into_iter().map(|attempt| planned_attempt(source, attempt, size));
        planned.push(PlannedObject { size, attempts: attempts.collect::<Result<_, _>>()? });
        wanted.push(JobObject {
            object: BackupObject::Instance {
                conninfo: format!("host={name}"),
                name: InstanceName::new(&name),
                password: PasswordSource::None,
                tar: Some(Compression::Zstd),
                checksums: "CRC32C".to_owned(),
                slot: None,
            },
            repository: Some(known.path.clone()),
            max_rate: None,
        });
    }
    let policy = RetryPolicy { tries: 3, every: Duration::from_mins(10), ..RetryPolicy::default() };
    let spec = JobSpec::new(InstanceName::new(&name), JobKind::Instance, wanted, NonZeroU16::MIN, policy);
    let spec = spec.map_err(|error| source.error(&at, error.to_string()))?;
    Ok(PlannedJob { spec, at: starts.map(|at| at.0), objects: planned })
}

fn planned_attempt(
    source: &Source<'_>,
    written: Spanned<written::Attempt>,
    size: ByteCount,
) -> Result<PlannedAttempt, ScenarioError> {
    let at = written.span();
    let written::Attempt { ends, after, cause, advice, rate } = written.into_inner();
    let mishap = || match (after, &cause) {
        (Some(after), _) if after > size => Err(source.error(&at, format!("the backup ends after {size}: write less"))),
        (Some(after), Some(cause)) => {
            Ok(Mishap { after, cause: cause.clone(), advice: advice.clone().unwrap_or_default() })
        }
        _ => Err(source.error(&at, "an attempt that fails needs after, such as \"20G\", and a cause")),
    };
    let end = match ends {
        Ends::Done if after.is_some() || cause.is_some() || advice.is_some() => {
            return Err(
                source.error(&at, "add ends = \"disrupted\" or \"stuck\", or leave after, cause and advice out")
            );
        }
        Ends::Done => PlannedEnd::Done,
        Ends::Disrupted => PlannedEnd::Disrupted(mishap()?),
        Ends::Stuck => PlannedEnd::Stuck(mishap()?),
    };
    Ok(PlannedAttempt { rate, end })
}

/// What one step of the script asks for: what it does, then its marker.
fn actions<K: FromStr<Err: Display>>(
    source: &Source<'_>,
    step: &Spanned<written::Step>,
) -> Result<Vec<Action<K>>, ScenarioError> {
    let written::Step { wait, key, r#type, pause, marker } = step.get_ref();
    let mut found = Vec::new();
    if let Some(wait) = wait {
        found.push(Action::Wait(source.parse(wait)?, source.line(&wait.span())));
    }
    if let Some(keys) = key {
        let key = |key: &str| key.parse().map_err(|error: K::Err| source.error(&keys.span(), error.to_string()));
        found.push(Action::Press(keys.get_ref().split_whitespace().map(key).collect::<Result<_, _>>()?));
    }
    if let Some(text) = r#type {
        let key = |c: char| {
            let name = if c == ' ' { "space".to_owned() } else { c.to_string() };
            name.parse().map_err(|error: K::Err| source.error(&text.span(), error.to_string()))
        };
        found.push(Action::Type(text.get_ref().chars().map(key).collect::<Result<_, _>>()?));
    }
    found.extend(pause.map(|pause| Action::Pause(pause.0)));
    if found.len() > 1 || (found.is_empty() && marker.is_none()) {
        let problem = "a step is one of wait, key, type and pause, or a marker alone: make more steps of it";
        return Err(source.error(&step.span(), problem));
    }
    found.extend(marker.clone().map(Action::Mark));
    Ok(found)
}

pub(super) fn unknown(name: &InstanceName, catalog: &Catalog) -> String {
    let known: Vec<&str> = catalog.instances.iter().map(|one| one.name.as_str()).collect();
    format!("no repository here has an instance {name}: write one of {}", known.join(", "))
}
