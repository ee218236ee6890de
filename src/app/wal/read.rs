//! Reading an archive, in whatever process may wait for it: the planning one, or that of a verb.
//!
//! Promise: what the cache holds is taken without starting a program.

use super::cache::{Cache, Fingerprint};
use crate::{
    archive::{self, CommitsAround, Listing, Tools, WindowPoint},
    domain::{
        BackupForm, BackupSource, Failure, MajorVersion, NearbyCommits, RestorePoint, SystemIdentifier, Timeline,
        Timestamp, WalArchive, WalWindow, WorkerSettings, instance::printable_name,
    },
    postgres::{account::Account, binaries::Binaries, tarset::TarSet},
};
use serde::{Deserialize, Serialize};
use std::{fs, path::PathBuf, time::Duration};

/// What a window is wanted of.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WindowRequest {
    /// The archives of the instance, the one to take first before the others.
    pub archives: Vec<WalArchive>,
    /// Its restore points.
    pub points: Vec<RestorePoint>,
    /// Where windows are kept; `None` keeps nothing.
    pub cache: Option<PathBuf>,
    /// The present.
    pub now: Timestamp,
    /// How long restore points are sought in the WAL; what was read stays in the cache, so that the next look goes on.
    pub effort: Duration,
}

/// CommitsAround what commits are wanted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CommitsRequest {
    /// The archive.
    pub archive: WalArchive,
    /// The cluster, where it is known.
    pub cluster: Option<SystemIdentifier>,
    /// The version, where the archive does not say it.
    pub version: Option<MajorVersion>,
    /// The timeline that the path ends with.
    pub timeline: Timeline,
    /// The moment or the position.
    pub around: CommitsAround,
}

/// The window with the first archive that something can be recovered from; with the first one where that is none.
pub(in crate::app) fn window(request: &WindowRequest, settings: &WorkerSettings) -> Result<WalWindow, Failure> {
    let mut first = None;
    for archive in &request.archives {
        match one_window(archive, request, settings) {
            Ok(window) if !window.spans.is_empty() => return Ok(window),
            other => drop(first.get_or_insert(other)),
        }
    }
    first.unwrap_or_else(|| Err(Failure::bug("the window of no archive was asked for")))
}

/// The window with one archive.
pub(in crate::app) fn one_window(
    archive: &WalArchive,
    request: &WindowRequest,
    settings: &WorkerSettings,
) -> Result<WalWindow, Failure> {
    let points: Vec<WindowPoint<'_>> = request
        .points
        .iter()
        .map(|point| WindowPoint { label: &point.label, facts: &point.facts, included: holds_wal(point) })
        .collect();
    let cluster = request.points.iter().find_map(|point| point.facts.system_identifier);
    let cache = request.cache.as_deref().map(|directory| Cache::new(directory, &archive.directory, cluster));
    let before = Fingerprint::of(&archive.directory, &points);
    if let (Some(cache), Ok(before)) = (&cache, &before)
        && let Some(window) = cache.window(before, request.effort >= super::LONG)
    {
        return Ok(window);
    }
    let mut memo = cache.as_ref().map(Cache::memo).unwrap_or_default();
    let known = memo.clone();
    let version = request.points.iter().find_map(|point| point.facts.version);
    let tools = tools(version.or_else(|| version_in(&archive.directory, cluster)), settings);
    let tools = tools.as_ref().map(|(account, binaries)| (account, binaries));
    let reading = archive::window(archive, &points, tools, &mut memo, request.effort)?;
    if let Some(cache) = &cache {
        if memo != known {
            cache.keep_memo(&memo);
        }
        if let (Ok(before), Some(_)) = (before, tools) {
            cache.keep_window(before, &reading, request.now);
        }
    }
    Ok(reading.window)
}

/// The commits around a place.
pub(in crate::app) fn commits(request: &CommitsRequest, settings: &WorkerSettings) -> Result<NearbyCommits, Failure> {
    let directory = &request.archive.directory;
    let unreachable = |error: std::io::Error| archive::unreachable(directory, &error);
    let listing = Listing::read(directory, request.cluster).map_err(unreachable)?;
    let version = request.version.or_else(|| listing.header.and_then(|header| header.version));
    let tools = tools(version, settings);
    let tools: Option<Tools<'_>> = tools.as_ref().map(|(account, binaries)| (account, binaries));
    archive::nearby(&listing, request.timeline, request.around, tools).map_err(unreachable)
}

/// The programs of a version and who runs them; `None` where there are none, and times are about right.
fn tools(version: Option<MajorVersion>, settings: &WorkerSettings) -> Option<(Account, Binaries)> {
    let account = Account::for_server(&settings.os_user).ok()?;
    let binaries = Binaries::find(version?, settings, std::env::var_os("PATH").as_deref(), Some(&account)).ok()?;
    binaries.directory().join("pg_waldump").exists().then_some((account, binaries))
}

fn version_in(directory: &std::path::Path, cluster: Option<SystemIdentifier>) -> Option<MajorVersion> {
    Listing::read(directory, cluster).ok()?.header?.version
}

/// Whether a backup holds WAL of its own, so that the archive need not have what it begins with.
pub(in crate::app) fn holds_wal(point: &RestorePoint) -> bool {
    match &point.source {
        BackupSource::BaseBackup { directory, form: BackupForm::Plain }
        | BackupSource::Incremental { directory, form: BackupForm::Plain, .. } => {
            let entries = fs::read_dir(directory.join("pg_wal")).into_iter().flatten().flatten();
            entries.into_iter().any(|entry| archive::SegmentName::parse(&printable_name(&entry.file_name())).is_some())
        }
        BackupSource::BaseBackup { directory, form: BackupForm::Tar(_) }
        | BackupSource::Incremental { directory, form: BackupForm::Tar(_), .. } => {
            TarSet::find(directory).is_ok_and(|set| set.is_some_and(|set| set.wal.is_some()))
        }
        BackupSource::PgBackRest { .. } | BackupSource::Barman { .. } => false,
    }
}
