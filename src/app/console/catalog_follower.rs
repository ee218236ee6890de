//! The catalog of a console: read at the start, when a person asks, and when the repositories change.
//!
//! Promises: one look at a time, so that a disk that hangs holds one thread and no more; what was found to be as before is
//! published to nobody but whoever asked. Never: relies on the kernel to tell of changes, which it cannot for a file system
//! that another machine writes to.

use crate::catalog::{self, Catalog, Marks, RepositoryPath};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    task::spawn_blocking,
    time::{Instant, sleep},
};

/// Between two looks. A backup takes longer, and a look at ten thousand of them some hundredths of a second.
const PAUSE: Duration = Duration::from_secs(30);

/// A look that took long is followed by a pause so many times as long: nine tenths of a slow disk are for others.
const REST: u32 = 10;

/// Where the repositories are seen. Both calls may block for as long as the disks take.
pub(super) trait Source: Send + Sync + 'static {
    /// The marks of now, and what there is then.
    fn read(&self) -> anyhow::Result<(Marks, Catalog)>;

    /// The marks of now.
    fn marks(&self) -> anyhow::Result<Marks>;
}

/// The repositories that are given by this.
pub(super) struct Repositories<F>(pub(super) F);

impl<F: Fn() -> anyhow::Result<Vec<RepositoryPath>> + Send + Sync + 'static> Source for Repositories<F> {
    fn read(&self) -> anyhow::Result<(Marks, Catalog)> {
        let repositories = self.0()?;
        // First, so that what changes meanwhile is seen as a change afterwards.
        let marks = Marks::of(&repositories);
        Ok((marks, catalog::read(&repositories)))
    }

    fn marks(&self) -> anyhow::Result<Marks> {
        Ok(Marks::of(&self.0()?))
    }
}

/// Publishes the catalog, and each change of it, until nobody can wish for it any more.
pub(super) async fn follow(source: impl Source, publish: watch::Sender<Arc<Catalog>>, mut wishes: mpsc::Receiver<()>) {
    let source = Arc::new(source);
    let mut known = Marks::default();
    let mut is_wished = true;
    loop {
        let begun = Instant::now();
        if let Some((marks, catalog)) = in_background(&source, Source::read).await {
            known = marks;
            publish.send_if_modified(|shown| {
                let is_new = is_wished || **shown != catalog;
                if is_new {
                    *shown = Arc::new(catalog);
                }
                is_new
            });
        }
        let mut pause = PAUSE.max(begun.elapsed() * REST);
        is_wished = loop {
            tokio::select! {
                wish = wishes.recv() => match wish {
                    Some(()) => break true,
                    None => return,
                },
                () = sleep(pause) => {}
            }
            let begun = Instant::now();
            if in_background(&source, Source::marks).await.is_some_and(|marks| marks != known) {
                break false;
            }
            pause = PAUSE.max(begun.elapsed() * REST);
        };
    }
}

/// What a call brings that may block; nothing where it fails, which the log tells.
async fn in_background<S: Source, T: Send + 'static>(source: &Arc<S>, call: fn(&S) -> anyhow::Result<T>) -> Option<T> {
    let source = Arc::clone(source);
    match spawn_blocking(move || call(&source)).await {
        Ok(Ok(found)) => Some(found),
        Ok(Err(error)) => {
            tracing::error!(%error, "the catalog cannot be read");
            None
        }
        Err(error) => {
            tracing::error!(%error, "the catalog cannot be read");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::catalog::sample;
    use std::{
        fs,
        path::PathBuf,
        sync::{
            Mutex,
            atomic::{AtomicUsize, Ordering},
            mpsc as blocking,
        },
    };

    struct Followed {
        catalog: watch::Receiver<Arc<Catalog>>,
        wish: mpsc::Sender<()>,
    }

    fn followed(source: impl Source) -> Followed {
        let (publish, catalog) = watch::channel(Arc::default());
        let (wish, wishes) = mpsc::channel(1);
        tokio::spawn(follow(source, publish, wishes));
        Followed { catalog, wish }
    }

    fn repository(at: PathBuf) -> Repositories<impl Fn() -> anyhow::Result<Vec<RepositoryPath>>> {
        Repositories(move || Ok(vec![RepositoryPath::own(&at)]))
    }

    fn labels(catalog: &Catalog) -> Vec<String> {
        catalog.rows().map(|(one, row)| format!("{}/{}", one.name, row.label())).collect()
    }

    // The clock stands still and goes on by itself when everybody waits, so that minutes take no time.
    #[tokio::test(start_paused = true)]
    async fn what_comes_goes_or_is_renamed_is_seen_and_nothing_else_is_published() {
        let place = tempfile::tempdir().unwrap();
        let root = sample::unpack(place.path()).unwrap();
        let mut followed = followed(repository(root.clone()));
        followed.catalog.changed().await.unwrap();
        let before = labels(&followed.catalog.borrow_and_update());
        assert!(!before.is_empty());
        // Ten minutes in which nothing changes.
        tokio::time::timeout(PAUSE * 20, followed.catalog.changed()).await.unwrap_err();
        fs::rename(root.join("orders"), root.join("ordres")).unwrap();
        followed.catalog.changed().await.unwrap();
        let after = labels(&followed.catalog.borrow_and_update());
        assert!(after != before && after.iter().any(|name| name.starts_with("ordres/")), "{after:?}");
        fs::rename(&root, root.with_file_name("away")).unwrap();
        followed.catalog.changed().await.unwrap();
        assert!(followed.catalog.borrow_and_update().repositories[0].problem.is_some());
        fs::rename(root.with_file_name("away"), &root).unwrap();
        followed.catalog.changed().await.unwrap();
        assert_eq!(labels(&followed.catalog.borrow_and_update()), after);
        // Who asks is answered, though all is as before.
        followed.wish.send(()).await.unwrap();
        tokio::time::timeout(PAUSE / 2, followed.catalog.changed()).await.unwrap().unwrap();
    }

    /// A disk that answers the first read and no other.
    struct Hangs {
        calls: Arc<AtomicUsize>,
        never: Mutex<blocking::Receiver<()>>,
    }

    impl Source for Hangs {
        fn read(&self) -> anyhow::Result<(Marks, Catalog)> {
            Ok((Marks::default(), Catalog::default()))
        }

        fn marks(&self) -> anyhow::Result<Marks> {
            self.calls.fetch_add(1, Ordering::SeqCst);
            // Until the test ends, and its sender with it.
            let _: Result<(), blocking::RecvError> = self.never.lock().unwrap().recv();
            Ok(Marks::default())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_disk_that_hangs_holds_one_thread() {
        let (hold, never) = blocking::channel();
        let calls = Arc::new(AtomicUsize::new(0));
        let followed = followed(Hangs { calls: Arc::clone(&calls), never: Mutex::new(never) });
        while calls.load(Ordering::SeqCst) == 0 {
            tokio::time::advance(PAUSE).await;
            tokio::task::yield_now().await;
        }
        followed.wish.send(()).await.unwrap();
        for _ in 0..20 {
            tokio::time::advance(PAUSE).await;
            tokio::task::yield_now().await;
        }
        // The second wish waits in the channel: nobody has taken the first.
        assert!(followed.wish.try_send(()).is_err());
        assert_eq!(calls.load(Ordering::SeqCst), 1);
        drop(hold);
    }
}
