//! The recoverable windows that the screen asks for, each read by a process of its own.

use crate::{
    app::wal,
    archive::CommitsAround,
    catalog::{Catalog, CatalogInstance, InstanceKey},
    console::{
        message::NearGoal,
        ports::{CommitsPort, WindowPort},
    },
    domain::{Failure, WalArchive, WorkerSettings},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::watch;

/// What both ports need.
#[derive(Clone)]
pub(super) struct Windows {
    catalog: watch::Receiver<Arc<Catalog>>,
    settings: WorkerSettings,
    read_only: bool,
    /// The archive that the last window of an instance was read from.
    shown: Arc<Mutex<BTreeMap<InstanceKey, WalArchive>>>,
}

impl Windows {
    pub(super) fn new(catalog: watch::Receiver<Arc<Catalog>>, settings: WorkerSettings, read_only: bool) -> Self {
        Self { catalog, settings, read_only, shown: Arc::default() }
    }

    /// Reads the window of an instance as the catalog has it now.
    pub(super) fn window_port(&self) -> WindowPort {
        let windows = self.clone();
        Box::new(move |key| {
            let windows = windows.clone();
            Box::pin(async move {
                let instance = windows.instance(&key)?;
                let window = wal::window(&instance, windows.settings.clone(), windows.read_only).await?;
                let mut shown = windows.shown.lock().unwrap_or_else(PoisonError::into_inner);
                shown.insert(key, window.archive.clone());
                drop(shown);
                Ok(window)
            })
        })
    }

    /// Reads the commits around a goal in the archive that the window was read from.
    pub(super) fn commits_port(&self) -> CommitsPort {
        let windows = self.clone();
        Box::new(move |key, timeline, near| {
            let windows = windows.clone();
            Box::pin(async move {
                let instance = windows.instance(&key)?;
                let shown = windows.shown.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
                let archive = shown.or_else(|| instance.wal.first().cloned()).ok_or_else(gone)?;
                let around = match near {
                    NearGoal::Moment(at) => CommitsAround::Moment(at),
                    NearGoal::Position(at) => CommitsAround::Position(at),
                };
                wal::nearby(&instance, &archive, timeline, around, windows.settings.clone()).await
            })
        })
    }

    fn instance(&self, key: &InstanceKey) -> Result<CatalogInstance, Failure> {
        let catalog = Arc::clone(&self.catalog.borrow());
        key.find(&catalog).cloned().ok_or_else(gone)
    }
}

fn gone() -> Failure {
    Failure::incurable("no archive of its WAL is known any more", "read the repositories again")
}
