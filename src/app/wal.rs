//! WAL archives at the command line and for the console: what an instance can be recovered to.

mod cache;
pub mod read;

use super::{choice, context::AppContext, planner};
use crate::{
    archive::Around,
    catalog::{self, CatalogInstance},
    cli::{
        args::WalShowArgs,
        exit::Exit,
        streams::print_error,
        wal::{self, ShownArchive},
    },
    domain::{
        Failure, NearbyCommits, RestorePoint, Timeline, WalArchive, WalWindow, WorkerSettings, instance::printable,
    },
    manager::Clock,
};
use anyhow::Context;
use read::{CommitsRequest, WindowRequest};
use std::{io, time::Duration};

/// Where windows are kept in the state directory.
const CACHE: &str = "cache";

/// How long restore points are sought in the WAL for somebody who looks at a screen.
const SHORT: Duration = Duration::from_millis(500);

/// The same for somebody who has asked for them: some hundred segments.
pub(super) const LONG: Duration = Duration::from_secs(10);

/// The window of an instance with the first of its archives that something can be recovered from. In a process of its own;
/// who only looks keeps nothing of it.
pub async fn window(
    instance: &CatalogInstance,
    settings: WorkerSettings,
    read_only: bool,
) -> Result<WalWindow, Failure> {
    let request = request_with(instance, &settings, read_only, instance.wal.clone(), SHORT)?;
    planner::window(request, settings).await
}

/// The commits around a place on the path to a timeline. In a process of its own.
pub async fn nearby(
    instance: &CatalogInstance,
    archive: &WalArchive,
    timeline: Timeline,
    around: Around,
    settings: WorkerSettings,
) -> Result<NearbyCommits, Failure> {
    let version = instance.points().find_map(|point| point.facts.version);
    let (archive, cluster) = (archive.clone(), instance.cluster);
    planner::commits(CommitsRequest { archive, cluster, version, timeline, around }, settings).await
}

/// What is to be read for the window of an instance with these archives, or why there is nothing. `effort` is how long
/// restore points are sought in the WAL.
pub(super) fn request_with(
    instance: &CatalogInstance,
    settings: &WorkerSettings,
    read_only: bool,
    archives: Vec<WalArchive>,
    effort: Duration,
) -> Result<WindowRequest, Failure> {
    if archives.is_empty() {
        return Err(Failure::incurable(no_archive(instance), how_to_name(instance)));
    }
    let points: Vec<RestorePoint> = instance.points().cloned().collect();
    // Nothing is kept by who only looks, or where no sessions were ever kept.
    let cache = settings.state.as_ref().filter(|state| !read_only && state.is_dir()).map(|state| state.join(CACHE));
    Ok(WindowRequest { archives, points, cache, now: Clock::system().now(), effort })
}

fn no_archive(instance: &CatalogInstance) -> String {
    format!("no WAL archive of {} is known", instance.spelling)
}

fn how_to_name(instance: &CatalogInstance) -> String {
    let folder = instance.folder.display();
    format!(
        "name it in howdah.toml: [[repository]] kind = \"directory\", path = \"{}\", wal = \"DIR\", or let it stand in \
         {folder}/wal",
        instance.repository.display()
    )
}

/// `howdah wal show`.
pub(super) fn show(context: &AppContext, args: &WalShowArgs) -> anyhow::Result<Exit> {
    let catalog = catalog::read(&context.sources_for([&args.instance])?);
    let (instance, _) = match choice::row(&catalog, &args.instance, None) {
        Ok(found) => found,
        Err(refused) => {
            print_error(&printable(&refused.sentence));
            for candidate in &refused.candidates {
                print_error(&printable(&candidate.to_string()));
            }
            return Ok(Exit::Refused);
        }
    };
    let settings = context.worker_settings();
    let request = match request_with(instance, &settings, context.read_only, instance.wal.clone(), LONG) {
        Ok(request) => request,
        Err(failure) => {
            print_error(&failure.to_string());
            return Ok(Exit::Refused);
        }
    };
    let shown: Vec<ShownArchive> = request
        .archives
        .iter()
        .map(|archive| ShownArchive {
            archive: archive.clone(),
            window: read::one_window(archive, &request, &settings),
        })
        .collect();
    match wal::show(instance, &shown, args.json, &mut io::stdout().lock()) {
        // `| head` has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Exit::Done),
        written => written.context("the window cannot be written")?,
    }
    for failure in shown.iter().filter_map(|one| one.window.as_ref().err()) {
        print_error(&failure.to_string());
    }
    Ok(if shown.iter().any(|one| one.window.is_ok()) { Exit::Done } else { Exit::Refused })
}
