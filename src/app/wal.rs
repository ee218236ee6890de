//! WAL archives at the command line and for the console: what an instance can be recovered to.

mod cache;
pub mod read;
pub(super) mod show;

use super::planner;
use crate::{
    archive::CommitsAround,
    catalog::CatalogInstance,
    domain::{Failure, NearbyCommits, RestorePoint, Timeline, WalArchive, WalWindow, WorkerSettings},
    manager::Clock,
};
use read::{CommitsRequest, WindowRequest};
use std::time::Duration;

/// Where windows are kept in the state directory.
const CACHE: &str = "cache";

/// How long restore points are sought in the WAL for somebody who looks at the window: with it a look at a large archive
/// stays below a second.
pub(super) const SHORT: Duration = Duration::from_millis(300);

/// The same for somebody who has asked for them.
pub(super) const LONG: Duration = Duration::from_secs(10);

/// The window of an instance with the archive that a recovery of it takes. In a process of its own;
/// who only looks keeps nothing of it.
pub async fn window(
    instance: &CatalogInstance,
    settings: WorkerSettings,
    read_only: bool,
) -> Result<WalWindow, Failure> {
    let request = request_with(instance, &settings, read_only, instance.wal.iter().take(1).cloned().collect(), SHORT)?;
    planner::window(request, settings).await
}

/// The commits around a place on the path to a timeline. In a process of its own.
pub async fn nearby(
    instance: &CatalogInstance,
    archive: &WalArchive,
    timeline: Timeline,
    around: CommitsAround,
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
