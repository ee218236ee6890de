//! The recoverable windows that the screen asks for, off its thread.

use crate::{
    catalog::{Catalog, InstanceKey},
    console::{
        message::NearGoal,
        ports::{CommitsPort, WindowPort},
    },
    domain::{Failure, NearbyCommits, Timeline, WalArchive, WalWindow},
};
use std::sync::Arc;
use tokio::sync::watch;

/// Reads the window of an instance as the catalog has it now.
pub(super) fn window_port(catalog: watch::Receiver<Arc<Catalog>>) -> WindowPort {
    Box::new(move |key| {
        let catalog = Arc::clone(&catalog.borrow());
        Box::pin(off_thread(move || read_window(&catalog, &key)))
    })
}

/// Reads the commits around a goal.
pub(super) fn commits_port(catalog: watch::Receiver<Arc<Catalog>>) -> CommitsPort {
    Box::new(move |key, timeline, near| {
        let catalog = Arc::clone(&catalog.borrow());
        Box::pin(off_thread(move || read_commits(&catalog, &key, timeline, near)))
    })
}

async fn off_thread<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(read).await.map_err(|error| Failure::bug(error.to_string()))?
}

/// The archive of an instance that the catalog has.
fn archive(catalog: &Catalog, key: &InstanceKey) -> Result<WalArchive, Failure> {
    let archive = key.find(catalog).and_then(|instance| instance.wal.first());
    let gone = || Failure::incurable("no archive of its WAL is known any more", "read the repositories again");
    archive.cloned().ok_or_else(gone)
}

fn read_window(catalog: &Catalog, key: &InstanceKey) -> Result<WalWindow, Failure> {
    Err(unread(&archive(catalog, key)?))
}

fn read_commits(catalog: &Catalog, key: &InstanceKey, _: Timeline, _: NearGoal) -> Result<NearbyCommits, Failure> {
    Err(unread(&archive(catalog, key)?))
}

fn unread(archive: &WalArchive) -> Failure {
    let directory = crate::domain::path_text::quoted(&archive.directory);
    Failure::incurable(format!("the archive {directory} is not read by this build"), "name the goal by its position")
}
